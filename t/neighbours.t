# Life beside other modules and other sites.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    (map { ("k$_" => { uid => "u_$_", limits => { key => 3 } }) } 1 .. 4),
});
$t->file('ssi.html', "[<!--#include virtual=\"/part?body=one&type=text/html\""
    . " -->][<!--#echo var=\"spocr_request_id\" -->]"
    . "[<!--#include virtual=\"/none/x\" -->]\n");
$t->file('page.html', "<h1>its own page</h1>\n");
$t->certificate('api', 'api.example');
$t->certificate('other', 'other.example');

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_limit window=3600s;
    limit_req_zone $binary_remote_addr zone=req:1m rate=1r/m;
    limit_conn_zone $binary_remote_addr zone=conn:1m;
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;

        location / { proxy_pass http://%%BACKEND%%; }

        location /realip {
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Forwarded-For;
            proxy_set_header X-Seen $remote_addr;
            proxy_pass http://%%BACKEND%%;
        }

        location /ask { auth_request /check; proxy_pass http://%%BACKEND%%; }
        location /refuse { auth_request /check403;
                           proxy_pass http://%%BACKEND%%; }
        location /ask401 { auth_request /check401;
                           proxy_pass http://%%BACKEND%%; }
        location = /check { internal; proxy_pass http://%%BACKEND%%; }
        location = /check403 { internal;
                               proxy_pass http://%%BACKEND%%:/?status=403; }
        location = /check401 { internal;
                               proxy_pass http://%%BACKEND%%:/?status=401; }

        location /rate { limit_req zone=req; proxy_pass http://%%BACKEND%%; }
        location /rate429 { limit_req zone=req; limit_req_status 429;
                            proxy_pass http://%%BACKEND%%; }
        location /conn { limit_conn conn 1; proxy_pass http://%%BACKEND%%; }

        location /cached {
            proxy_cache cache;
            proxy_cache_valid 200 1m;
            add_header X-Cache $upstream_cache_status;
            proxy_pass http://%%BACKEND%%;
        }

        location /gzip {
            gzip on;
            gzip_min_length 1;
            gzip_types *;
            gzip_proxied any;
            proxy_pass http://%%BACKEND%%;
        }

        location /sub {
            sub_filter_types *;
            sub_filter u_acme u_changed;
            proxy_pass http://%%BACKEND%%;
        }

        location = /ssi.html { ssi on; }
        location /part { proxy_pass http://%%BACKEND%%; }
        location /none { alias %%DIR%%/none; }

        location /any { satisfy any; allow all;
                        proxy_pass http://%%BACKEND%%; }
        location /either { satisfy any; deny all;
                           proxy_pass http://%%BACKEND%%; }
        location /all { deny all; proxy_pass http://%%BACKEND%%; }

        location /mirror { mirror /mirrored;
                           proxy_pass http://%%BACKEND%%; }
        location /mirrored { internal;
                             proxy_pass http://%%BACKEND%%; }

        location /if { if ($request_method = POST) { return 403; }
                       proxy_pass http://%%BACKEND%%; }
        location /streamed { proxy_buffering off; proxy_http_version 1.1;
                             proxy_pass http://%%BACKEND%%; }
        location /header { add_header X-Request-Id mine always;
                           proxy_set_header X-Spocr-Uid set-by-hand;
                           proxy_pass http://%%BACKEND%%; }
        location /stub { stub_status; }
    }

    # a site of its own on the same gateway
    server {
        listen 127.0.0.1:%%PORT_2%%;
        error_page 404 401 /page.html;
        location / { return 404; }
        location = /page.html { }
        location /pass { proxy_pass http://%%BACKEND%%; }
    }

    # names on one TLS socket
    server {
        listen 127.0.0.1:%%PORT_3%% ssl http2;
        server_name other.example;
        ssl_certificate %%DIR%%/other.crt;
        ssl_certificate_key %%DIR%%/other.key;
        location / { return 404; }
    }
    server {
        listen 127.0.0.1:%%PORT_3%% ssl http2;
        server_name api.example;
        ssl_certificate %%DIR%%/api.crt;
        ssl_certificate_key %%DIR%%/api.key;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $key = $t->key('alice');

sub sent ($r, $name) {
    return join '|', map { $_->[1] } grep { lc $_->[0] eq lc $name }
           @{ $r->json->{headers} };
}

sub one_id ($r, $name) {
    is scalar(grep { /$ID/ } $r->all('X-Request-Id')), 1, "$name: one id";
    is scalar $r->all('X-Request-Id'), 1, "$name: and no other";
}

# C-39: realip
my $r = $t->get('/realip', key => $key,
                headers => ['X-Forwarded-For' => '192.0.2.7']);
is sent($r, 'X-Seen'), '192.0.2.7', 'realip: the address';
is sent($r, 'X-Spocr-Uid'), 'u_acme', 'realip: the identity';

# C-39: auth_request
$r = $t->get('/ask', key => $key);
is $r->status, 200, 'auth_request lets in';
is sent($r, 'X-Spocr-Uid'), 'u_acme', 'and the identity is there';
is_error $t->get('/refuse', key => $key), 403, 'forbidden',
    'auth_request refuses';
is_error $t->get('/ask401', key => $key), 401, 'unauthorized',
    'auth_request wants a login';
is_error $t->get('/ask'), 401, 'unauthorized', 'our own check comes first';

# C-39: limit_req, limit_conn
is $t->get('/rate', key => $key)->status, 200, 'limit_req lets in';
is_error $t->get('/rate', key => $key), 503, 'service_unavailable',
    'limit_req refuses';
is_error $t->get('/rate429', key => $key), 429, 'rate_limited',
    'limit_req with 429';
my $slow = $t->conn;
my $before = $t->backend->requests;
$slow->send($slow->build(GET => '/conn?delay=0.5', key => $key));
wait_for(sub { $t->backend->requests > $before });
is_error $t->get('/conn', key => $key), 503, 'service_unavailable',
    'limit_conn refuses';
is $slow->response->status, 200, 'while the first one runs';

# C-39 C-3: proxy_cache
$before = $t->backend->requests;
my @r = map { $t->get('/cached?header=X-Request-Id:old', key => $key) } 1, 2;
is join(' ', map { $_->header('X-Cache') } @r), 'MISS HIT', 'cached';
is scalar $t->backend->requests, $before + 1, 'executed once';
one_id $_, 'cached' for @r;
isnt $r[0]->id, $r[1]->id, 'each answer has an id of its own';
is_error $t->get('/cached?header=X-Request-Id:old'), 401, 'unauthorized',
    'what is cached needs a key all the same';
my @statuses = in_window(3600_000, sub {
    return map { $t->get('/cached?header=X-Request-Id:old',
                         key => $t->key('k1'))->status } 1 .. 4;
});
is "@statuses", '200 200 200 429', 'and counts';

# C-39: gzip
my $url = 'http://127.0.0.1:' . $t->port(1);
my $gzip = $t->curl('--compressed', '-H', 'Authorization: Bearer spocr_x',
                    "$url/gzip")->{r};
is $gzip->header('Content-Encoding'), 'gzip', 'an error can be compressed';
is $gzip->code, 'forbidden', 'and is what it was';
is $gzip->json->{error}{requestId}, $gzip->id, 'with its id';
is $t->head('/gzip', headers => ['Accept-Encoding' => 'gzip'])->status, 401,
   'HEAD with gzip';
$gzip = $t->curl('--compressed', '-H', "Authorization: Bearer $key",
                 "$url/gzip")->{r};
is sent($gzip, 'X-Spocr-Uid'), 'u_acme', 'an answer can be compressed';

# C-39: sub_filter
$r = $t->get('/sub', key => $key);
like $r->body, qr/"X-Spocr-Uid","u_changed"/, 'sub_filter works on answers';
is $t->get('/sub')->code, 'unauthorized', 'and leaves an error in one piece';

# C-39: SSI
$r = $t->get('/ssi.html', key => $key);
is $r->status, 200, 'SSI';
one_id $r, 'SSI';
my $id = $r->id;
like $r->body, qr/^\[one\]\[\Q$id\E\]\[<html>.*404 Not Found/s,
    'its parts, the same id, and an error in a part as nginx shows it';

# C-39 C-12: satisfy
$r = $t->get('/any');
is $r->status, 200, 'satisfy any: an address is enough';
is sent($r, 'X-Spocr-Uid'), '', 'and there is no identity';
$r = $t->get('/any', headers => [Authorization => 'Basic eDp5',
                                 'X-Spocr-Uid' => 'spoof']);
is $r->status, 200, 'satisfy any: with another Authorization';
is sent($r, 'X-Spocr-Uid'), '', 'no spoofed identity';
is sent($r, 'Authorization'), '', 'no Authorization';
is $r->header('WWW-Authenticate'), undef, 'no challenge';
is sent($t->get('/any', key => $key), 'X-Spocr-Uid'), 'u_acme',
   'satisfy any: with a key there is one';
is $t->get('/either', key => $key)->status, 200,
   'satisfy any: a key is enough';
is_error $t->get('/either'), 401, 'unauthorized', 'satisfy any: neither';
is_error $t->get('/all', key => $key), 403, 'forbidden',
    'satisfy all: a key is not enough';

# C-39 C-12: mirror
$before = $t->backend->requests;
$r = $t->get('/mirror', key => $key, headers => ['X-Spocr-Uid' => 'spoof']);
wait_for(sub { $t->backend->requests >= $before + 2 });
my @two = ($t->backend->requests)[$before .. $before + 1];
is join(' ', map { my $q = $_; map { $_->[1] } grep { $_->[0] eq 'X-Spocr-Uid' }
                   @{ $q->{headers} } } @two), 'u_acme u_acme',
   'mirror: both have the identity';

# C-39: if, unbuffered answers, an operator's own headers
is_error $t->post('/if', key => $key), 403, 'forbidden', 'if and return';
is $t->get('/if', key => $key)->status, 200, 'if that does not match';
is $t->get('/streamed?chunked=1&size=100000', key => $key)->body,
   'x' x 100000, 'unbuffered';
$r = $t->get('/header', key => $key);
is sent($r, 'X-Spocr-Uid'), 'set-by-hand', "proxy_set_header is nginx's";
like $t->get('/stub', key => $key)->body, qr/^Active connections/,
     'stub_status behind a key';
is_error $t->get('/stub'), 401, 'unauthorized', 'and not without';

# C-39: the other site
$r = $t->get('/x', port => 2);
is join('|', $r->status, $r->body), "404|<h1>its own page</h1>\n",
   'another site has its own pages';
is $r->header('X-Request-Id'), undef, 'and no id of ours';
$r = $t->get('/pass', port => 2, key => 'spocr_x',
             headers => ['X-Spocr-Uid' => 'its-own']);
is sent($r, 'X-Spocr-Uid'), 'its-own', 'its headers are its own';
is sent($r, 'Authorization'), 'Bearer spocr_x', 'and its Authorization';

# C-39: TLS and SNI
my $port = $t->port(3);
for my $protocol ('--http1.1', '--http2') {
    my @tls = ($protocol, '--resolve', "api.example:$port:127.0.0.1",
               '--resolve', "other.example:$port:127.0.0.1");
    my $got = $t->curl(@tls, '--cacert', $t->dir . '/api.crt',
                       '-H', "Authorization: Bearer $key",
                       "https://api.example:$port/x");
    is $got->{exit}, 0, "$protocol: TLS" or diag $got->{stderr};
    is $got->{r}->status, 200, "$protocol: a key over TLS";
    one_id $got->{r}, $protocol;
    $got = $t->curl(@tls, '--cacert', $t->dir . '/api.crt',
                    "https://api.example:$port/x");
    is_error $got->{r}, 401, 'unauthorized', "$protocol: none over TLS";
    $got = $t->curl(@tls, '--cacert', $t->dir . '/other.crt',
                    "https://other.example:$port/x");
    is $got->{r}->status, 404, "$protocol: the other name";
    is $got->{r}->header('X-Request-Id'), undef,
       "$protocol: is not concerned";
}

$t->done;
