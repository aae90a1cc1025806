# Clients that send a byte at a time: a body has so long, and what has come
# adds to it.  Each way of reading one is cut by the same rule, and none is
# executed or claimed.  (C-43)

use lib 't/lib';
use Spocr::Test;
use IO::Select;
use Spocr::H2;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
$t->secret_file;

# Only the directive can cut here: nginx's own pause is longer than all of it.
$t->start(<<'EOF_CONF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format slow '$status $uri $connection $spocr_request_id';
    access_log %%DIR%%/slow.log slow;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%%;
    spocr_secret_file %%DIR%%/secret;
    spocr_limit off;
    client_body_timeout 60s;
    spocr_body_timeout 500ms;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        lingering_time 1s;
        lingering_timeout 60s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /streamed {
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_pass http://%%BACKEND%%;
        }
        location /once {
            spocr_idempotency on;
            proxy_pass http://%%BACKEND%%;
        }
        location /once/streamed {
            spocr_idempotency on;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_pass http://%%BACKEND%%;
        }
        location /earned {
            spocr_body_timeout 500ms min_rate=1;
            proxy_pass http://%%BACKEND%%;
        }
        location /rated {
            spocr_body_timeout 500ms min_rate=1m;
            proxy_pass http://%%BACKEND%%;
        }
        location /off {
            spocr_body_timeout off;
            proxy_pass http://%%BACKEND%%;
        }
        location /status { spocr_auth off; spocr_status prometheus; }
    }

    server {
        listen 127.0.0.1:%%PORT_3%%;
        listen 127.0.0.1:%%PORT_4%% http2;
        client_header_timeout 1s;
        keepalive_timeout 1s;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF_CONF

my $key = $t->key('alice');

ok wait_for(sub {
    $t->post('/once', key => $key, body => 'x',
             headers => ['Idempotency-Key' => rand])->status == 200
}), 'what comes at once is taken';
my $taken = grep { /:i:/ } @{ $t->redis->do('KEYS', '*') };
is $taken, 1, 'and claimed';

sub head ($target, @headers) {
    return "POST $target HTTP/1.1\r\nHost: a\r\n"
           . "Authorization: Bearer $key\r\n"
           . join('', map { "$_\r\n" } @headers) . "\r\n";
}

# Sends each connection's bytes one by one, all of them side by side, until
# each was closed or has sent everything.  {cut} is what the other side sent
# before it closed.
sub drip (@clients) {
    my $until = time + 30;
    my @open = @clients;

    while (@open && time < $until) {
        my $r = IO::Select->new(map { $_->{fh} } @open);
        my %ready = map { $_ => 1 } $r->can_read(0);

        for my $c (@open) {
            if ($ready{ $c->{fh} }) {
                my $n = sysread $c->{fh}, $c->{in}, 65536, length $c->{in};
                if (!$n) { $c->{cut} = $c->{in}; next }
            }
            next if $c->{drips} eq '' && !$c->{forever};
            my $byte = substr $c->{drips}, 0, 1, '';
            syswrite $c->{fh}, length $byte ? $byte : 'x';
            $c->{sent}++;
        }
        @open = grep { !defined $_->{cut}
                       && ($_->{forever} || $_->{drips} ne '') } @open;
        sleep 0.05;
    }
    return @clients;
}

sub client ($bytes, %o) {
    my $c = $t->conn($o{port} // 1);
    $c->send($bytes);
    $c->fh->blocking(1);
    return { fh => $c->fh, conn => $c, in => '', drips => '', sent => 0, %o };
}

# -- HTTP/1.1: nothing but a closed connection

my @cut = (
    ['a length', '/', 'Content-Length: 1000'],
    ['a length, streamed', '/streamed', 'Content-Length: 1000'],
    ['with a claim', '/once', 'Content-Length: 1000', 'Idempotency-Key: a'],
    ['with a claim, streamed', '/once/streamed', 'Content-Length: 1000',
        'Idempotency-Key: b'],
    ['one piece is not enough', '/rated', 'Content-Length: 1000'],
    ['no spocr there', '/', 'Content-Length: 1000', { port => 3 }],
    (map { my $target = $_; (
        ["a chunk on $target", $target, 'Transfer-Encoding: chunked',
            'Idempotency-Key: c', { first => "3e8\r\n" }],
        ["an extension on $target", $target, 'Transfer-Encoding: chunked',
            'Idempotency-Key: d', { first => '3e8;' }],
        ["a trailer on $target", $target, 'Transfer-Encoding: chunked',
            'Idempotency-Key: e', { first => "1\r\na\r\n0\r\nX: " }],
    ) } '/', '/streamed', '/once'),
);

my @clients;
for my $case (@cut) {
    my ($name, $target, @headers) = @$case;
    my %o = ref $headers[-1] ? %{ pop @headers } : ();
    push @clients, client(head("$target?$name" =~ s/ /+/gr, @headers)
                          . ($o{first} // ''),
                          name => $name, forever => 1, %o);
}
my $start = time;
drip(@clients);

for my $c (@clients) {
    is $c->{cut}, '', "$c->{name}: closed without a byte";
}
cmp_ok time - $start, '<', 20, 'all of them in a while';
is scalar(grep { $_->{target} =~ /\?/ } $t->backend->requests), 0,
    'none was executed';
is scalar(grep { /:i:/ } @{ $t->redis->do('KEYS', '*') }), $taken,
    'and none was claimed';

my @lines = grep { $_->[0] == 408 } map { [split / /] }
            split /\n/, $t->log('slow.log');
is scalar @lines, scalar @cut, 'each is in the log, with 408';

# C-43: an id each, and what had come
my @told = $t->log =~ /spocr: (req_\w+) cut: \d+ bytes of its body in \d+ms/g;
is scalar @told, scalar @cut, 'and in the error log';
is_deeply [sort @told], [sort map { $_->[3] } @lines], 'by its id';

sub metric () {
    my ($n) = $t->get('/status')->body
        =~ /^nginx_spocr_slow_bodies_total (\d+)$/m;
    return $n;
}
is metric, scalar @cut, 'the metric counts them';

# -- who is not cut

my $text = 'x' x 25;
my $long = 'Content-Length: 25';
my @fine = drip(
    client(head('/earned', $long), name => 'a rate that is kept',
           drips => $text),
    client(head('/off', $long), name => 'no rule', drips => $text),
    client(head('/earned', 'Transfer-Encoding: chunked') . "19\r\n",
           name => 'chunks', drips => "$text\r\n0\r\n\r\n"),
);
for my $c (@fine) {
    $c->{conn}->fh->blocking(0);
    my $r = $c->{conn}->response;
    is $r && $r->status, 200, "$c->{name}: answered, after 1.2 s and more";
    is $r && $r->json->{body_length}, 25, 'with all of the body';
}

# A body that is complete holds nothing: its last piece may come late.
my $c = $t->conn(1);
$c->send(head('/', 'Content-Length: 20') . 'x' x 10);
sleep 0.8;
$c->send('x' x 10);
my $r = $c->response;
is $r && $r->status, 200, 'the last piece came late';

$c = $t->conn(1);
$c->send(head('/', 'Content-Length: 20') . 'x' x 10);
sleep 0.8;
$c->send('x');
is $c->response, undef, 'but one more piece is one too many';

# -- bodies that nobody reads: lingering_time bounds them

@clients = map {
    client("POST / HTTP/1.1\r\nHost: a\r\n$_\r\n\r\n", forever => 1,
           name => $_)
} 'Content-Length: 1000', "Transfer-Encoding: chunked";
drip(@clients);
for (@clients) {
    like $_->{cut}, qr{^HTTP/1.1 401 .*"unauthorized"}s,
        "$_->{name}: a refusal is sent, then closed";
}

# -- HTTP/2: the stream ends, the connection goes on

for my $case (['/'], ['/streamed'], ['/once', 'idempotency-key' => 'z1'],
              ['/once/streamed', 'idempotency-key' => 'z2'])
{
    my ($target, @headers) = @$case;
    my $h = Spocr::H2->new($t->port(2));
    my $id = $h->open($target, key => $key, method => 'POST',
                      headers => \@headers, unfinished => 1);
    my $until = time + 20;
    while (time < $until && !$h->{streams}{$id}{end}) {
        $h->data($id, 'x');
        $h->poll(0.05);
    }
    my $s = $h->{streams}{$id};
    ok defined $s->{reset} && !defined $s->{status},
       "HTTP/2, $target: the stream was reset";
    is $h->answer($h->open("/off?$target", key => $key))->{status}, 200,
       'and the connection serves on';
    $h->close;
}
is scalar(grep { $_->{target} eq '/once/streamed' } $t->backend->requests), 0,
    'none was executed';

my $h = Spocr::H2->new($t->port(2));
my $id = $h->open('/earned', key => $key, method => 'POST', unfinished => 1);
for (1 .. 20) { $h->data($id, 'x'); $h->poll(0.05) }
$h->data($id, 'x', 1);
is $h->answer($id)->{status}, 200, 'HTTP/2: a rate that is kept';
$h->close;

# -- headers, which nginx bounds as a whole

my $settings = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . pack 'x3CCN', 4, 0, 0;
my $ping = pack('x2CCCN', 8, 6, 0, 0) . 'eight...';
@clients = (
    client('', name => 'a request line', port => 3),
    client("GET / HTTP/1.1\r\n", name => 'a header', port => 3),
    client('', name => 'HTTP/2, a preface', port => 4,
           drips => $settings),
    client($settings . pack('nCCCN', 4, 0, 1, 0, 1) . "\x82\x87\x84\x00",
           name => 'HTTP/2, a header block', port => 4),
    client($settings . pack('x2CCCN', 3, 1, 0, 1) . "\x82\x87\x84"
           . pack('nCCCN', 4, 0, 9, 0, 1) . "\x00",
           name => 'HTTP/2, its continuation', port => 4),
    client($settings, drips => $ping x 100, name => 'HTTP/2, pings',
           port => 4),
);
$_->{forever} = 1 for @clients;
drip(@clients);
ok defined $_->{cut}, "$_->{name}: closed" for @clients;

$t->done;
