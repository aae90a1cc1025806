# Backends that answer badly: the client gets a clean error or a short answer,
# never another's bytes.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
$t->file('private', "private\n");

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit off;
        proxy_read_timeout 1s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /streamed { proxy_buffering off;
                             proxy_pass http://%%BACKEND%%; }
        location /keepalive { proxy_http_version 1.1;
                              proxy_set_header Connection "";
                              proxy_pass http://%%BACKEND%%; }
        location /private { internal; alias %%DIR%%/private; }
        location /paged { error_page 502 /sorry;
                          proxy_pass http://%%BACKEND%%; }
        location /sorry { internal; alias %%DIR%%/private; }
        location /other { error_page 502 = @other;
                          proxy_pass http://%%BACKEND%%; }
        location @other { rewrite ^ /instead? break;
                          proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $key = $t->key('alice');
sub escape ($bytes) { $bytes =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger }
sub answer ($raw, $path = '/x') {
    return $t->get("$path?raw=" . escape($raw), key => $key);
}

# C-35 C-1: no answer that can be read
for my $case (
    ['a blank line', "\r\n\r\n"],
    ['binary', "\x00\x01\x02\xff\r\n\r\n"],
    ['HTML alone', "<html>no header</html>"],
    ['another protocol', "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ['half a status line', 'HTTP/1.1 20'],
    ['half a header', "HTTP/1.1 200 OK\r\nContent-Type: te"],
    ['a header without end', "HTTP/1.1 200 OK\r\nA: b\r\n"],
    ['a NUL in a header', "HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n"],
    ['another protocol, unasked', "HTTP/1.1 101 Switching Protocols\r\n"
        . "Upgrade: x\r\nConnection: Upgrade\r\n\r\nHTTP/1.1 200 OK\r\n"
        . "Content-Length: 0\r\n\r\n"],
) {
    my ($name, $raw) = @$case;
    for my $path ('/x', '/streamed', '/keepalive') {
        is_error answer($raw, $path), 502, 'bad_gateway', "$path: $name";
    }
}
is_error $t->get("$_?reset=1", key => $key), 502, 'bad_gateway', "$_: nothing"
    for '/x', '/streamed', '/keepalive';
my $large = join '&', map { 'header=X-' . $_ . ':' . 'x' x 90 } 1 .. 70;
is_error $t->get("/x?$large", key => $key), 502, 'bad_gateway',
    'a header that is too large';

# garbage, for each kind of client, and with pages of an operator's own
my $garbage = 'raw=' . escape("\x01\x02 no answer\r\n\r\n");
is_error $t->get("/x?$garbage", key => $key, version => '1.0'),
    502, 'bad_gateway', 'HTTP/1.0';
is $t->head("/x?$garbage", key => $key)->status, 502, 'HEAD';
is_error $t->post("/x?$garbage", key => $key, body => 'x' x 9),
    502, 'bad_gateway', 'POST';

# C-37: a connection that is closed was said to be, and one that stays serves
for my $how ($garbage, 'reset=1', 'raw=' . escape('HTTP/1.1 20')) {
    my $c = $t->conn;
    my $r = $c->request(GET => "/keepalive?$how", key => $key);
    is $r->status, 502, "$how: on a connection";
    my $next = $r->header('Connection') eq 'close'
               ? undef : $c->request(GET => '/x', key => $key);
    ok $next ? $next->status == 200 : $r->header('Connection') eq 'close'
                                      && $c->closed,
       '  that does what it says';
}
my $paged = $t->get("/paged?$garbage", key => $key);
is $paged->status . ' ' . $paged->body, "502 private\n", 'a page of its own';
like $paged->id, $ID, 'with an id';
my $other = $t->get("/other?$garbage", key => $key);
is $other->json && $other->json->{target}, '/instead',
   'another backend instead';

# HTTP/2
for my $raw ("\x00\x01\r\n\r\n", 'HTTP/1.1 20') {
    my $got = $t->curl('--http2-prior-knowledge', '-H',
        "Authorization: Bearer $key", 'http://127.0.0.1:' . $t->port(2)
        . '/x?raw=' . escape($raw));
    is_error $got->{r}, 502, 'bad_gateway', 'HTTP/2: ' . escape($raw);
}

# an answer that breaks off: short, and the connection is closed
for my $path ('/x', '/streamed', '/keepalive') {
    my $c = $t->conn;
    my $r = $c->request(GET => "$path?size=200000&truncate=1", key => $key);
    ok $r->{truncated}, "$path: a body that breaks off is seen to be short";
    ok $c->closed, "$path: the connection is closed";
}

# a redirect inside, to what is not for clients, is the backend's to make
my $r = $t->get('/x?header=X-Accel-Redirect:/private', key => $key);
is $r->body, "private\n", 'X-Accel-Redirect to an internal location';
like $r->id, $ID, 'has an id';
is_error $t->get('/private', key => $key), 404, 'not_found',
    'which a client cannot ask for';

# a status that is unusual
for my $status (299, 399, 418, 499, 599, 600, 999) {
    my $r = $t->get("/x?status=$status&body=told", key => $key);
    is $r->status . ' ' . $r->body, "$status told", "a status of $status";
}

# many headers, and such that a client must not get twice
$r = $t->get('/x?' . join('&', map { "header=X-$_:$_" } 1 .. 60), key => $key);
is scalar(grep { $_->[0] =~ /^X-\d+$/ } @{ $r->headers }), 60,
   'sixty headers pass';
$r = $t->get('/x?' . join('&', ('header=X-Request-Id:theirs') x 40),
             key => $key);
is scalar $r->all('X-Request-Id'), 1, 'forty ids become one';       # C-3
unlike $r->head, qr/theirs/, 'and it is ours';

is $t->get('/x', key => $key)->status, 200, 'the gateway serves on';

$t->done;
