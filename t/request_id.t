# Every answer carries one request id, and it is the same wherever it stands.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(time);

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
$t->file('page.html', "a page\n");

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    log_format ids '$spocr_request_id $status $spocr_client_request_id';
    access_log %%DIR%%/ids.log ids;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit off;
        proxy_read_timeout 300ms;
        client_header_timeout 300ms;

        location / {
            proxy_pass http://%%BACKEND%%;
        }

        location = /page.html {
            spocr_auth off;
            add_header X-Own 1;
        }

        location = /moved {
            return 301 /page.html;
        }

        location = /upload {
            client_max_body_size 10;
            proxy_pass http://%%BACKEND%%;
        }

        location = /444 {
            return 444;
        }

        location = /down {
            proxy_pass http://127.0.0.1:1;
        }
    }
}
EOF

my $key = $t->key('alice');

sub one_id ($r, $name) {
    my @ids = $r->all('X-Request-Id');
    ok @ids == 1 && $ids[0] =~ $ID, $name or diag explain \@ids;
}

# C-1
one_id $t->get('/x', key => $key), 'with a 200';
one_id $t->get('/x?status=404', key => $key), '404 of the backend';
one_id $t->get('/x?status=503', key => $key), '503 of the backend';
one_id $t->get('/x'), 'with a 401';
one_id $t->get('/x', key => $t->key('nobody')), 'with a 403';
one_id $t->get('/moved'), 'with a 301';
one_id $t->get('/down', key => $key), 'with a 502';
one_id $t->get('/x?delay=1', key => $key), 'with a 504';
one_id $t->post('/upload', key => $key, body => 'x' x 11), 'with a 413';
one_id $t->get('/page.html'), 'a file, beside another added header';
one_id $t->head('/x', key => $key), 'HEAD';
one_id $t->head('/x'), 'HEAD, 401';
one_id $t->get('/x', key => $key, version => '1.0'), 'HTTP/1.0';

my $file = $t->get('/page.html');
my $same = $t->get('/page.html', headers =>
    ['If-None-Match' => $file->header('ETag')]);
is $same->status, 304, 'not modified';
one_id $same, 'with a 304';

my $range = $t->get('/page.html', headers => [Range => 'bytes=0-2']);
is $range->status, 206, 'partial';
one_id $range, 'with a 206';

my $url = 'http://127.0.0.1:' . $t->port(2);
for my $case (['/x', 401], ['/page.html', 200], ['/nothing', 401]) {
    my $r = $t->curl('--http2-prior-knowledge', $url . $case->[0])->{r};
    is $r->status . ' ' . $r->proto, "$case->[1] HTTP/2",
       "HTTP/2 $case->[1]";
    one_id $r, "HTTP/2 $case->[1], the id";
}

# C-2
my $before = int(time * 1000) - 2000;
my $id = $t->get('/x')->id;
my ($high, $low) = $id =~ /^req_([0-9a-f]{6})([0-9a-f]{6})/;
my $ms = (hex($high) << 24) + hex $low;
ok $ms >= $before && $ms <= $before + 10000, 'begins with the time in ms';
like $id, qr/^req_.{12}7.{3}[89ab].{15}$/, 'the bits of a UUIDv7';

# C-3
my $r = $t->get('/x', key => $key, headers => ['X-Request-Id' => 'mine-1']);
my @sent = map { $_->[1] } grep { lc $_->[0] eq 'x-request-id' }
           @{ $r->json->{headers} };
is "@sent", $r->id, 'the backend got the id that the client got, once';
isnt $r->id, 'mine-1', "the client's is not echoed";
ok $t->wait_log(qr/^\Q@{[$r->id]}\E 200 mine-1$/m, 'ids.log'),
   'the access log has both';

my $own = $t->get('/x?header=X-Request-Id:theirs&header=x-request-id:two',
                  key => $key);
one_id $own, "the backend's own are replaced";
unlike $own->head, qr/theirs|two/, 'and not seen';

my $refused = $t->get('/x', headers => ['X-Request-Id' => $id]);
is_error $refused, 401, 'unauthorized', 'an id in the body';
isnt $refused->id, $id, 'an id of our own form is not taken over';
ok $t->wait_log(qr/^\Q@{[$refused->id]}\E 401 \Q$id\E$/m, 'ids.log'),
   'the log has the id of the body';
ok $t->wait_log(qr/\[notice\].*\Q@{[$refused->id]}\E/),
   'the error log has it too';

# C-1: where nothing is sent the log has an id all the same
for my $case (['GET /x HTT', 408],
              ["GET /444 HTTP/1.1\r\nHost: a\r\n\r\n", 444],
              ["GET /x\r\n", '\d+'])
{
    my ($sent, $status) = @$case;
    my $before = length $t->log('ids.log');
    my $c = $t->conn;
    $c->send($sent);
    ok $c->closed, "$status: closed without an answer";
    ok wait_for(sub { substr($t->log('ids.log'), $before)
                      =~ /^req_[0-9a-f]{32} $status -$/m }),
       "$status: an id in the log";
}

# C-3: what the client calls it
for my $case (
    ['a' x 128, 'a' x 128, '128 characters'],
    ['a' x 129, '-', '129 characters'],
    ['A.b_c-9', 'A.b_c-9', 'all kinds of characters'],
    ['a b', '-', 'a space'],
    ['a"b', '-', 'a quote'],
    ["a\xe9", '-', 'a byte above 127'],
    ['spocr_abc', '-', 'what may be a key'],
) {
    my ($value, $logged, $name) = @$case;
    my $got = $t->get('/x', headers => ['X-Request-Id' => $value]);
    ok $t->wait_log(qr/^\Q@{[$got->id]}\E 401 \Q$logged\E$/m, 'ids.log'),
       "the client's id: $name";
}

# C-2: unique over workers and reloads
my $bytes = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
my @ids;
for my $round (1 .. 3) {
    my $got = $t->load(request => $bytes, total => 4000);
    is $got->{status}{401}, 4000, "round $round";
    push @ids, @{ $got->{ids} };
    ok $t->reload, "reload $round" if $round < 3;
}
my %seen = map { $_ => 1 } @ids;
is scalar(keys %seen), 12000, 'no id occurred twice';
is scalar(grep { $_ !~ $ID } @ids), 0, 'all have the form';

$t->done;
