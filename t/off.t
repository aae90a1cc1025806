# Where it is off, the module changes not one byte.

use lib 't/lib';
use Spocr::Test;

my $plain = -x '/usr/sbin/nginx' ? '/usr/sbin/nginx' : $ENV{SPOCR_NGINX};
my $with = Spocr::Test->new;
my $without = Spocr::Test->new(module => '', nginx => $plain);

my $conf = <<'EOF';
%%MAIN%%
events {}
http {
    %%HTTP%%
    root %%DIR%%/www;
    large_client_header_buffers 2 4k;
    keepalive_timeout 0;
    lingering_timeout 100ms;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        server_name localhost;
        client_max_body_size 1k;
        proxy_read_timeout 200ms;

        location / { proxy_pass http://%%BACKEND%%; }
        location /files/ { alias %%DIR%%/www/; add_header X-A b; }
        location /text { return 200 "text"; }
        location /gone { return 410; }
        location /moved { return 301 /files/; }
        location /down { proxy_pass http://127.0.0.1:1; }
        location /denied { deny all; }
        location /paged { error_page 404 /files/page.html; return 404; }
        location /basic { auth_basic "x"; auth_basic_user_file %%DIR%%/pw; }
        location /own { proxy_set_header X-Request-Id $request_id;
                        proxy_pass http://%%BACKEND%%; }
    }
}
EOF

for my $t ($with, $without) {
    mkdir $t->dir . '/www';
    $t->file('www/page.html', "a page\n");
    $t->file('pw', "a:b\n");
    utime 1e9, 1e9, $t->dir . '/www/page.html';
    $t->start($conf);
}

# All bytes of the answers on one connection, but for what must differ: the
# date, nginx's own random ids, and the number of the backend's connection.
sub bytes ($t, $sent) {
    my $c = $t->conn;
    $c->send($sent);
    while (!$c->{eof}) { $c->_fill(time + 30) }
    my $got = $c->rest;
    $got =~ s/^Date: .*\r$/Date: D\r/mg;
    $got =~ s/"X-Request-Id","[0-9a-f]{32}"/"X-Request-Id","R"/g;
    $got =~ s/:@{[$t->port(1)]}\b/:PORT/g;
    $got =~ s/"(connection|serial)":\d+/"$1":N/g;
    return $got;
}

my $tail = "Host: localhost\r\nConnection: close\r\n";
my @all = ('X-Spocr-Uid: me', 'X-Request-Id: mine', 'traceparent: junk',
           'Authorization: Bearer spocr_x', 'X-Idempotent-Replay: x');

# C-39
for my $case (
    (map { ["GET $_", "GET $_ HTTP/1.1\r\n$tail\r\n"] }
         '/x', '/files/page.html', '/files/none', '/files', '/files/',
         '/text', '/gone', '/moved', '/down', '/denied', '/paged', '/basic',
         '//x', '/%75pload', '/x/../y', '/x;y', '/x#y', '/own',
         '/x?status=404', '/x?status=500&type=text/html&body=no',
         '/x?reset=1', '/x?delay=0.5', '/x?close=1',
         '/x?header=X-Spocr-Uid:u&header=X-Request-Id:r'
             . '&header=X-Idempotent-Replay:x&header=WWW-Authenticate:y'),
    ['HEAD', "HEAD /files/page.html HTTP/1.1\r\n$tail\r\n"],
    ['HEAD, 404', "HEAD /files/none HTTP/1.1\r\n$tail\r\n"],
    ['headers of ours', "GET /x HTTP/1.1\r\n$tail"
        . join("\r\n", @all) . "\r\n\r\n"],
    ['a POST', "POST /x HTTP/1.1\r\n${tail}Content-Length: 3\r\n\r\nabc"],
    ['chunks', "POST /x HTTP/1.1\r\n${tail}Transfer-Encoding: chunked\r\n"
        . "\r\n3\r\nabc\r\n0\r\n\r\n"],
    ['a length too large',
     "POST /x HTTP/1.1\r\n${tail}Content-Length: 2000\r\n\r\n"],
    ['POST to a file', "POST /files/page.html HTTP/1.1\r\n$tail\r\n"],
    ['an unknown coding',
     "POST /x HTTP/1.1\r\n${tail}Transfer-Encoding: x\r\n\r\n"],
    ['an unknown version', "GET /x HTTP/4.0\r\n$tail\r\n"],
    ['no Host', "GET /x HTTP/1.1\r\n\r\n"],
    ['nonsense', "x\r\n\r\n"],
    ['a large header', "GET /x HTTP/1.1\r\nX: " . 'a' x 5000 . "\r\n\r\n"],
    ['a long target', 'GET /' . 'a' x 5000 . " HTTP/1.1\r\n\r\n"],
    ['HTTP/1.0', "GET /files/page.html HTTP/1.0\r\n\r\n"],
    ['HTTP/0.9', "GET /files/page.html\r\n"],
    ['a preflight', "OPTIONS /x HTTP/1.1\r\n${tail}Origin: http://a\r\n"
        . "Access-Control-Request-Method: POST\r\n\r\n"],
    ['two at once', "GET /gone HTTP/1.1\r\nHost: localhost\r\n\r\n"
        . "GET /text HTTP/1.1\r\n$tail\r\n"],
    ['a range', "GET /files/page.html HTTP/1.1\r\n${tail}Range: bytes=0-1"
        . "\r\n\r\n"],
    ['not modified',
     "GET /files/page.html HTTP/1.1\r\n${tail}If-Modified-Since: "
        . "Sun, 09 Sep 2001 01:46:40 GMT\r\n\r\n"],
) {
    my ($name, $sent) = @$case;
    my ($a, $b) = map { bytes($_, $sent) } $with, $without;
    is $a, $b, $name;
    cmp_ok length $a, '>', 5, "$name: there was an answer";
}

# what the backends were sent
my @seen = map { my $t = $_; [map { [@$_{qw(method target headers)}] }
                             $t->backend->requests] } $with, $without;
for my $list (@seen) {
    for my $request (@$list) {
        $_->[0] eq 'X-Request-Id' && $_->[1] =~ /^[0-9a-f]{32}$/
            and $_->[1] = 'R' for @{ $request->[2] };
    }
}
is_deeply $seen[0], $seen[1], 'the backends were sent the same';

$without->check;
$with->done;
