# Ids and JSON errors can cover a server that is not gated, and must cover the
# default server, whose configuration nginx's earliest errors use.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    large_client_header_buffers 2 4k;

    # as shipped: the default server is covered, the API's own is gated
    server {
        listen 127.0.0.1:%%PORT_1%% default_server;
        server_name _;
        spocr_request_id on;
        spocr_json_errors on;
        location / { return 404; }
        location /pass { proxy_pass http://%%BACKEND%%; }
    }
    server {
        listen 127.0.0.1:%%PORT_1%%;
        server_name api.example;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }

    # a default server that is not
    server {
        listen 127.0.0.1:%%PORT_2%% default_server;
        server_name _;
        location / { return 404; }
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        server_name api.example;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }

    # one of the two
    server {
        listen 127.0.0.1:%%PORT_3%%;
        spocr_request_id on;
        location / { return 404; }
    }
    server {
        listen 127.0.0.1:%%PORT_4%%;
        spocr_json_errors on;
        location / { return 404; }
    }

    # gated, without the two
    server {
        listen 127.0.0.1:%%PORT_5%%;
        spocr on;
        spocr_request_id off;
        spocr_json_errors off;
        location / { proxy_pass http://%%BACKEND%%; }
        location /gone { return 410; }
    }
}
EOF

my $key = $t->key('alice');

sub early ($port, $bytes) {
    my $c = $t->conn($port);
    $c->send($bytes);
    return $c->response;
}

my @early = (
    ['no request', "nonsense\r\n\r\n", 400, 'bad_request'],
    ['no Host', "GET / HTTP/1.1\r\n\r\n", 400, 'bad_request'],
    ['a long target', 'GET /' . 'a' x 5000 . " HTTP/1.1\r\n\r\n",
        414, 'uri_too_long'],
    ['a large header', "GET / HTTP/1.1\r\nX: " . 'a' x 5000 . "\r\n\r\n",
        400, 'headers_too_large'],
    ['a version', "GET / HTTP/9.9\r\n\r\n",
        505, 'http_version_not_supported'],
);

# C-38 C-1 C-35: the errors before a server is chosen
for my $case (@early) {
    my ($name, $bytes, $status, $code) = @$case;
    is_error early(1, $bytes), $status, $code, "covered: $name";

    my $bare = early(2, $bytes);
    is $bare->status, $status, "not covered: $name";
    is $bare->header('X-Request-Id'), undef, "not covered: $name, no id";
    like $bare->body, qr/^<html>/, "not covered: $name, nginx's own page";
}
my $late = "GET / HTTP/1.1\r\nHost: api.example\r\nX: " . 'a' x 5000
           . "\r\n\r\n";
is_error early(1, $late), 400, 'headers_too_large',
    'a large header behind the Host';

# C-38: the default server asks for no key
is_error $t->get('/x', host => 'other.example'), 404, 'not_found',
    'the default server';
my $r = $t->get('/pass', host => 'other.example', key => $key,
                headers => ['X-Request-Id' => 'mine']);
is $r->status, 200, 'and proxies without a key';
my %sent = map { @$_ } @{ $r->json->{headers} };
is $sent{'X-Request-Id'}, $r->id, 'with our id';
is $sent{Authorization}, "Bearer $key", 'and the header is left alone';
is $t->get('//pass', host => 'other.example')->status, 200,
   'targets are not looked at';
is_error $t->get('/x', host => 'api.example'), 401, 'unauthorized',
    "the API's server asks";
is $t->get('/x', host => 'api.example', key => $key)->status, 200,
   'and lets in';

# C-36 C-1: an answer without headers has no id, so there is none
for my $port (1, 3, 4) {
    my $c = $t->conn($port);
    $c->send("GET /x\r\n");
    ok $c->closed, "port $port: HTTP/0.9 is closed without an answer";
}
my $c = $t->conn(2);
$c->send("GET /x\r\n");
ok !$c->closed, 'where nothing is on nginx answers it';

# each of the two alone
$r = $t->get('/x', port => 3);
like $r->id, $ID, 'ids alone: an id';
like $r->body, qr/^<html>/, "and nginx's own page";
$r = $t->get('/x', port => 4);
is $r->code, 'not_found', 'JSON errors alone';

# without them our own refusals are JSON all the same
$r = $t->get('/x', port => 5);
is $r->status, 401, 'gated without the two';
is $r->code, 'unauthorized', 'our own refusal is JSON';
is $r->header('X-Request-Id'), undef, 'no id in the header';
$r = $t->get('/gone', port => 5);
like $r->body, qr/^<html>/, "nginx's own error is nginx's own page";

# C-38: a server that inherits is named, once
my ($exit, $out) = $t->config_test(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr on;
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    server {
        listen 127.0.0.1:%%PORT_6%%;
        server_name inherits.example;
        location / { return 200; }
        location /a { location /a/b { return 200; } }
    }
    server {
        listen 127.0.0.1:%%PORT_6%%;
        server_name own.example;
        spocr on;
        location / { return 200; }
    }
    server {
        listen 127.0.0.1:%%PORT_6%%;
        server_name off.example;
        spocr off;
        location / { return 200; }
    }
}
EOF
is $exit, 0, 'spocr on in http is allowed' or diag $out;
my @warnings = grep { /\[warn\]/ } split /\n/, $out;
is scalar @warnings, 1, 'one warning' or diag $out;
like $warnings[0] // '',
    qr/server "inherits\.example" in \S+:8 inherits "spocr on" from \S+:5/,
    'that names the server, and both places';

$t->done;
