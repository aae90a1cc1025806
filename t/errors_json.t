# Every error that nginx itself makes is our JSON, whatever went wrong.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
$t->file('page.html', "a page\n");
mkdir $t->dir . '/folder';
$t->certificate('tls');

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    root %%DIR%%;
    large_client_header_buffers 2 4k;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit off;
        client_max_body_size 1k;

        location / {
            proxy_pass http://%%BACKEND%%;
            proxy_read_timeout 300ms;
        }

        location /static/ {
            spocr_auth off;
            alias %%DIR%%/;
        }

        location = /refused { proxy_pass http://127.0.0.1:1; }
        location = /loop { rewrite ^ /loop; }
        location = /denied { deny all; proxy_pass http://%%BACKEND%%; }
        location = /418 { return 418; }
        location = /415 { return 415; }
        location = /507 { return 507; }
        location = /503 { return 503; }
        location = /444 { return 444; }
    }

    server {
        listen 127.0.0.1:%%PORT_3%% ssl;
        spocr_request_id on;
        spocr_json_errors on;
        ssl_certificate %%DIR%%/tls.crt;
        ssl_certificate_key %%DIR%%/tls.key;
    }
}
EOF

my $key = $t->key('alice');
my $auth = "Authorization: Bearer $key\r\n";

# Sends the bytes as they are: the answer, and the connection.
sub raw ($bytes, %o) {
    my $c = $t->conn($o{port});
    $c->send($bytes);
    return ($c->response, $c);
}

# C-35 C-1 C-3: before the request is understood
for my $case (
    ['no request line', "nonsense\r\n\r\n", 400, 'bad_request'],
    ['a method in lower case', "get / HTTP/1.1\r\nHost: a\r\n\r\n",
        400, 'bad_request'],
    ['no Host', "GET / HTTP/1.1\r\n\r\n", 400, 'bad_request'],
    ['two Hosts', "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        400, 'bad_request'],
    ['a bad Host', "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        400, 'bad_request'],
    ['two lengths', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
        . "Content-Length: 1\r\n\r\nx", 400, 'bad_request'],
    ['a length of +1', "POST / HTTP/1.1\r\nHost: a\r\n"
        . "Content-Length: +1\r\n\r\nx", 400, 'bad_request'],
    ['length and coding', "POST / HTTP/1.1\r\nHost: a\r\n"
        . "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        . "0\r\n\r\n", 400, 'bad_request'],
    ['a coding in HTTP/1.0', "POST / HTTP/1.0\r\nHost: a\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 'bad_request'],
    ['a space before the colon', "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n",
        400, 'bad_request'],
    ['a NUL in a header', "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        400, 'bad_request'],
    ['a folded header', "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n  2\r\n\r\n",
        400, 'bad_request'],
    ['two Authorizations',
        "GET / HTTP/1.1\r\nHost: a\r\n$auth${auth}\r\n", 400, 'bad_request'],
    ['a header too large', "GET / HTTP/1.1\r\nHost: a\r\nX: "
        . 'a' x 5000 . "\r\n\r\n", 400, 'headers_too_large'],
    ['headers too many', "GET / HTTP/1.1\r\nHost: a\r\n"
        . join('', map { "X-$_: " . 'a' x 1000 . "\r\n" } 1 .. 20) . "\r\n",
        400, 'headers_too_large'],
    ['a target too long', 'GET /' . 'a' x 5000 . " HTTP/1.1\r\nHost: a\r\n\r\n",
        414, 'uri_too_long'],
    ['an unknown coding', "POST / HTTP/1.1\r\nHost: a\r\n"
        . "Transfer-Encoding: gzip\r\n\r\n", 501, 'not_implemented'],
    ['HTTP/3.0', "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        505, 'http_version_not_supported'],
    ['plain text to a TLS port', "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        400, 'bad_request', port => 3],
    ['TRACE', "TRACE / HTTP/1.1\r\nHost: a\r\n${auth}\r\n",
        405, 'method_not_allowed'],
) {
    my ($name, $bytes, $status, $code, %o) = @$case;
    my ($r) = raw($bytes, %o);
    is_error $r, $status, $code, $name;
}

# CONNECT is 400 up to nginx 1.26 and 405 later
my ($connect) = raw("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
like $connect->code, qr/^(?:bad_request|method_not_allowed)$/, 'CONNECT';
like $connect->id, $ID, 'CONNECT, the id';

# C-35: in the body
my $post = "POST /x HTTP/1.1\r\nHost: a\r\n$auth";
my ($long) = raw("${post}Content-Length: 1025\r\n\r\n");
is_error $long, 413, 'payload_too_large', 'a declared length above the limit';
($long) = raw("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n");
is_error $long, 413, 'payload_too_large', 'the same without a key';
is_error $t->post('/x', key => $key, body => 'x' x 5000, chunked => 1),
    413, 'payload_too_large', 'chunks above the limit';
for my $chunk ('zz', 'ffffffffffffffffff') {
    my ($r) = raw("${post}Transfer-Encoding: chunked\r\n\r\n$chunk\r\n");
    is_error $r, 400, 'bad_request', "a chunk of $chunk";
}
is scalar $t->backend->requests, 0, 'none of them reached the backend';

# C-35: where the answer is made by a location
for my $case (
    ['/static/none', 404, 'not_found'],
    ['/static/folder/', 403, 'forbidden'],
    ['/418', 418, 'bad_request'],
    ['/415', 415, 'unsupported_media_type'],
    ['/507', 507, 'internal_error'],
    ['/503', 503, 'service_unavailable'],
    ['/loop', 500, 'internal_error'],
    ['/denied', 403, 'forbidden', key => $key],
    ['/refused', 502, 'bad_gateway', key => $key],
    ['/x?reset=1', 502, 'bad_gateway', key => $key],
    ['/x?garbage=1', 502, 'bad_gateway', key => $key],
    ['/x?delay=1', 504, 'gateway_timeout', key => $key],
) {
    my ($target, $status, $code, %o) = @$case;
    is_error $t->get($target, %o), $status, $code, "$status $target";
}
is_error $t->post('/static/page.html'), 405, 'method_not_allowed',
    'POST to a file';
is_error $t->get('/static/page.html', headers => [Range => 'bytes=99-']),
    416, 'bad_request', 'a range that is not there';
is_error $t->get('/static/page.html', headers => ['If-Match' => '"x"']),
    412, 'bad_request', 'a condition that fails';
is_error $t->get('/static/none', headers => ['User-Agent' =>
    'Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/120.0 Safari/537.36']),
    404, 'not_found', 'no padding for old browsers';
is_error $t->get('/static/none', version => '1.0'),
    404, 'not_found', 'HTTP/1.0';

my $moved = $t->get('/static/folder');
is $moved->status, 301, 'a redirect';
is $moved->header('Content-Type'), 'text/html', 'is no error';

# C-35: HEAD has the length of the body that GET has, and no body
my $get = $t->get('/static/none');
my $c = $t->conn;
my $head = $c->request(HEAD => '/static/none');
is $head->status, 404, 'HEAD';
is $head->header('Content-Length'), length $get->body, 'the same length';
is $head->header('Content-Type'), 'application/json', 'the same type';

# C-35: the connection stays where nginx keeps it
is $c->request(GET => '/static/page.html')->body, "a page\n",
   'after a HEAD the connection is in step';
is_error $c->request(GET => '/static/none'), 404, 'not_found', 'and again';
is $c->request(GET => '/static/page.html')->status, 200,
   'after an error too';
my ($bad, $closing) = raw("GET / HTTP/1.1\r\n\r\n");
ok $closing->closed, 'nginx closes after a 400, as it always did';
is $bad->header('Connection'), 'close', 'and says so';

# C-35: HTTP/2
my $url = 'http://127.0.0.1:' . $t->port(2);
for my $case (
    ['/static/none', 404, 'not_found'],
    ['/418', 418, 'bad_request'],
    ['/loop', 500, 'internal_error'],
    ['/x', 401, 'unauthorized'],
    ['/refused', 502, 'bad_gateway', '-H', "Authorization: Bearer $key"],
) {
    my ($target, $status, $code, @args) = @$case;
    my $got = $t->curl('--http2-prior-knowledge', @args, $url . $target);
    is_error $got->{r}, $status, $code, "HTTP/2 $status $target";
}

# C-35: what a backend says passes untouched
for my $status (400, 401, 403, 404, 429, 500, 502, 503) {
    my $html = "<html><center>nginx $status</center></html>";
    my $escaped = $html =~ s/([<> ])/sprintf '%%%02X', ord $1/ger;
    my $r = $t->get("/x?status=$status&type=text/html&body=$escaped",
                    key => $key);
    is join('|', $r->status, $r->header('Content-Type'), $r->body),
       "$status|text/html|$html", "the backend's own $status";
}

# C-1: no bytes at all
$c = $t->conn;
$c->send("GET /444 HTTP/1.1\r\nHost: a\r\n\r\n");
ok !defined $c->response, '444 sends nothing';

$t->done;
