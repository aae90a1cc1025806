# Browsers: preflights are answered here, and scripts may read our headers.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme', limits => { key => 2 } },
                      bob => { uid => 'u_bob' } });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    map $http_origin $origin {
        http://good.example  $http_origin;
        https://app.example  $http_origin;
    }

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit window=3600s;
        spocr_limit_headers legacy;
        spocr_cors_origin $origin;

        location / { proxy_pass http://%%BACKEND%%; }
        location /post { spocr_methods POST; proxy_pass http://%%BACKEND%%; }
        location /fixed { spocr_cors_origin https://one.example;
                          proxy_pass http://%%BACKEND%%; }
        location /none { spocr_cors_origin "";
                         proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
    }

    server {
        listen 127.0.0.1:%%PORT_3%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $alice = $t->key('alice');
my @good = (Origin => 'http://good.example');
my @ask = ('Access-Control-Request-Method' => 'POST');

sub allowed ($r) { join '|', $r->all('Access-Control-Allow-Origin') }

# C-40: a preflight
my $r = $t->request(OPTIONS => '/x', headers => [@good, @ask,
    'Access-Control-Request-Headers' => 'authorization, x-own']);
is $r->status, 204, 'a preflight of a good origin';
is $r->body, '', 'has no body';
is allowed($r), 'http://good.example', 'allows the origin';
like $r->header('Access-Control-Allow-Methods'), qr/\bPOST\b/, 'the method';
is $r->header('Access-Control-Allow-Headers'), 'authorization, x-own',
   'and the headers';
like $r->id, $ID, 'and has an id';                               # C-1
is $r->header('Vary'), 'Origin', 'and varies by origin';

is $t->request(OPTIONS => '/post', headers => [@good, @ask])
     ->header('Access-Control-Allow-Methods'), 'POST',
   "the location's own methods";
like $t->request(OPTIONS => '/x', headers => [@good, @ask])
       ->header('Access-Control-Allow-Headers'), qr/\bAuthorization\b/i,
     'the usual headers where none are asked for';
unlike $t->request(OPTIONS => '/x', headers => [@good, @ask,
    'Access-Control-Request-Headers' => 'a"<script>'])->head, qr/script/,
    'what is no list of names is not sent back';

# names are letters, digits, - and _, and 512 bytes of them at most
for (['X-A_9, b', 1], ['a' x 512, 1], ['a' x 513, 0], ['', 0], ['a;b', 0],
     ['a:b', 0], ['a@b', 0], ['a[b', 0], ['a`b', 0], ['a{b', 0], ['a/b', 0],
     ["a\tb", 0])
{
    my ($names, $echoed) = @$_;
    my $got = $t->request(OPTIONS => '/x', headers => [@good, @ask,
        'Access-Control-Request-Headers' => $names])
        ->header('Access-Control-Allow-Headers') // '';
    $echoed ? is $got, $names, "'" . substr($names, 0, 20) . "' is sent back"
            : isnt $got, $names, '  and not ' . substr $names, 0, 20;
}

# C-40: else 405
for my $case (
    ['/x', 'http://bad.example', 'another origin'],
    ['/x', 'http://good.example.evil', 'an origin that begins alike'],
    ['/x', 'null', 'null'],
    ['/none', 'http://good.example', 'a location without'],
) {
    my ($target, $origin, $name) = @$case;
    $r = $t->request(OPTIONS => $target, headers =>
                     [Origin => $origin, @ask]);
    is_error $r, 405, 'method_not_allowed', $name;
    is allowed($r), '', "$name: no origin is allowed";
}
is_error $t->request(OPTIONS => '/x', port => 3, headers => [@good, @ask]),
    405, 'method_not_allowed', 'without spocr_cors_origin';

# what is no preflight is a request like any other
is_error $t->request(OPTIONS => '/x', headers => [@good]),
    401, 'unauthorized', 'OPTIONS with Origin alone';
is_error $t->request(OPTIONS => '/x', headers => [@ask]),
    401, 'unauthorized', 'OPTIONS without Origin';
is_error $t->get('/x', headers => [@good, @ask]),
    401, 'unauthorized', 'GET';
is scalar $t->backend->requests, 0, 'none of them was proxied';

# C-40 C-17: not counted
my @statuses = in_window(3600_000, sub {
    $t->request(OPTIONS => '/x', key => $alice, headers => [@good, @ask])
        for 1 .. 10;
    return map { $t->get('/x', key => $alice)->status } 1 .. 3;
});
is "@statuses", '200 200 429', 'ten preflights took nothing of a limit of two';

# C-40: every answer can be read by the script
my @exposed = qw(X-Request-Id X-Idempotent-Replay X-RateLimit-Limit
                 X-RateLimit-Remaining X-RateLimit-Reset RateLimit
                 RateLimit-Policy);
for my $case (
    ['200', '/x', 200, $t->key('bob')],
    ['401', '/x', 401],
    ['403', '/x', 403, 'spocr_x'],
    ['429', '/x', 429, $alice],
    ['400', '//x', 400],
    ['404 of the backend', '/x?status=404', 404, $t->key('bob')],
    ['405', '/post', 405, $t->key('bob')],
    ['an open location', '/open', 200],
) {
    my ($name, $target, $status, $key) = @$case;
    $r = $t->get($target, key => $key, headers => \@good);
    is $r->status, $status, "$name: the status";
    is allowed($r), 'http://good.example', "$name: the origin";
    my %names = map { lc $_ => 1 } split /,\s*/,
        $r->header('Access-Control-Expose-Headers') // '';
    is_deeply [grep { !$names{lc $_} } @exposed], [],
        "$name: exposes our headers";
    like join(',', $r->all('Vary')), qr/\bOrigin\b/, "$name: varies";

    $r = $t->get($target, key => $key, headers =>
                 [Origin => 'http://bad.example']);
    is allowed($r), '', "$name: not for another origin";
    is $r->header('Access-Control-Expose-Headers'), undef,
       "$name: nothing is exposed to it";
}

$r = $t->get('/fixed', key => $t->key('bob'));
is allowed($r), 'https://one.example', 'a fixed origin';
$r = $t->get('/x?header=Access-Control-Allow-Origin:*',
             key => $t->key('bob'), headers => \@good);
is allowed($r), 'http://good.example', "the backend's own gives way";

# C-37: the body of a preflight is not the next request
my $c = $t->conn;
my $hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
             . $t->key('bob') . "\r\n\r\n";
for my $chunked (0, 1) {
    $r = $c->request(OPTIONS => '/x', headers => [@good, @ask],
                     body => $hidden, chunked => $chunked);
    is $r->status, 204, 'a preflight with a body';
    is $c->request(GET => '/x?next', key => $t->key('bob'))->json->{target},
       '/x?next', 'the next request is in step';
}
is scalar(grep { /hidden/ } map { $_->{target} } $t->backend->requests), 0,
   'nothing hidden was executed';

# HTTP/2
my $h2 = $t->curl('--http2-prior-knowledge', '-X', 'OPTIONS', '-H',
    'origin: http://good.example', '-H',
    'access-control-request-method: POST',
    'http://127.0.0.1:' . $t->port(2) . '/x')->{r};
is $h2->status, 204, 'HTTP/2';
is allowed($h2), 'http://good.example', 'HTTP/2, the origin';

$t->done;
