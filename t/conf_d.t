# The configuration as it is shipped: deployed as spocr.conf says, with only
# the marked addresses and paths adjusted.

use lib 't/lib';
use Spocr::Test;
use JSON::PP ();

my $t = Spocr::Test->new;
my $dir = $t->dir;

$t->keyfile(keys => {
    all  => { uid => 'u_acme' },
    more => { uid => 'u_acme' },     # a key has 60 requests a minute
    read => { uid => 'u_acme', scopes => ['read'] },
});
$t->certificate('api', 'api.example.com');
$t->backend;
my $redis = $t->redis(unix => 1, tls => 1);
$t->file('redis-password', "of the gateway\n");
$t->file('secret', ('0123456789abcdef' x 4) . "\n");
$t->file('upstream-secret', ('fedcba9876543210' x 4) . "\n");
chmod 0600, map { "$dir/$_" } qw(redis-password secret upstream-secret);

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

# A file's text with the site's addresses and paths in it.
sub adjusted ($text) {
    my $sock = "$dir/backend.sock";

    $text =~ s/\b127\.0\.0\.1:8080\b/'127.0.0.1:' . $t->port(1)/ge;
    $text =~ s/\b127\.0\.0\.1:8081\b/'127.0.0.1:' . $t->port(2)/ge;
    $text =~ s/listen 443\b/'listen 127.0.0.1:' . $t->port(3)/ge;
    $text =~ s/listen \[::\]:443\b/'listen [::1]:' . $t->port(4)/ge;
    $text =~ s{/run/spocr-backend/backend\.sock}{$sock}g;
    $text =~ s{/run/redis/redis-server\.sock}{${\ $redis->path}}g;
    $text =~ s{redis\.example\.com:6379}{'127.0.0.1:' . $redis->tls_port}ge;
    $text =~ s{/etc/ssl/certs/ca-certificates\.crt}{${\ $redis->ca}}g;
    $text =~ s{/etc/spocr/}{$dir/}g;
    $text =~ s{/etc/nginx/spocr\b}{$dir/spocr}g;
    $text =~ s{/var/log/nginx/}{$dir/}g;
    $text =~ s{/etc/ssl/(?:certs|private)/api\.example\.com\.pem}
              {$dir/api.crt}g;
    $text =~ s{/etc/ssl/(?:certs|private)/api\.example\.com\.key}
              {$dir/api.key}g;
    return $text;
}

my @files = map { s{^conf\.d/}{}r } glob 'conf.d/*.conf conf.d/examples/*';

sub deploy () {
    mkdir "$dir/$_" for 'spocr', 'spocr/examples';
    $t->file("spocr/$_", adjusted(slurp("conf.d/$_")))
        for @files, 'openapi.json';
}

# The text of a file with lines that it offers in comments.
sub uncommented ($text, @lines) {
    for my $line (@lines) {
        $text =~ s/^( *)# \Q$line\E$/$1$line/m
            or fail "offered: $line";
    }
    return $text;
}

sub page ($http) {
    return "# the API: %%PORT_1%%\n%%MAIN%%\nevents {}\n"
           . "http { %%HTTP%%\n$http\n}\n";
}

deploy();

# As examples/fleet.conf says: its keys stand in place of the file.
$t->file('spocr/elsewhere.conf',
    slurp("$dir/spocr/spocr.conf") =~ s/^spocr_keys .*//mr);

# As idempotency.conf says: it needs Redis and a secret.
$t->file('spocr/with-redis.conf', uncommented(slurp("$dir/spocr/spocr.conf"),
    'spocr_redis unix:' . $redis->path . ';',
    "spocr_secret_file $dir/secret;"));

# Each file in the context that it names, beside spocr.conf, which gives the
# others what they need and includes http.conf itself.

for my $file (@files) {
    my ($context) = slurp("conf.d/$file") =~ /^# Context: (\w+)$/m;
    my $lines = "include spocr/$file;";

    $lines = "location / { proxy_pass http://spocr_read; $lines }"
        if $context eq 'location';
    $lines = "spocr on; $lines"           # they stand behind api.conf
        if $file =~ /^(?:storage|page|idempotency)\.conf$/;
    $lines = "server { listen 127.0.0.1:%%PORT_5%%; $lines }"
        if $context ne 'http';
    $lines = "include spocr/elsewhere.conf; $lines"
        if $file eq 'examples/fleet.conf';
    $lines = "include spocr/with-redis.conf; $lines"
        if $file eq 'idempotency.conf';
    $lines = "include spocr/spocr.conf; $lines"
        if $file !~ /^(?:spocr|http|idempotency|examples\/fleet)\.conf$/;

    my ($exit, $out) = $t->config_test(page(
        $file eq 'http.conf' ? "spocr_keys file=$dir/keys.json;"
                               . "spocr_zone zone=spocr:1m; $lines" : $lines));
    is $exit, 0, "nginx -t: $file" or diag $out;

    # "http2 on", which nginx 1.25.1 would have instead, is an error before it
    $out =~ s/.*\[warn\] .*"listen \.\.\. http2" directive is deprecated.*//g;
    $out =~ s/.*\[notice\] .*"proxy_ignore_client_abort" and its like.*//g
        if $file eq 'idempotency.conf';                            # C-31
    unlike $out, qr/\[\w+\]/, "$file: no warning";
}

# All of it, with what is commented out and the examples.

my $site = slurp("$dir/spocr/spocr.conf");

$t->start(page('include spocr/spocr.conf;'));

my %key = (key => $t->key('all'), headers => []);

# C-5, C-17: what does not exist is no one's business without a key
is_error $t->get('/nothing'), 401, 'unauthorized', 'unknown path, no key';
is_error $t->get('/nothing', %key), 404, 'not_found', 'unknown path';
is $t->post('/upload', %key)->json->{target}, '/upload', 'POST /upload';
is_error $t->get('/ocr/fields/', %key), 404, 'not_found', 'exact locations';

# the main call, as far as the gateway goes
my $r = $t->post('/ocr/fields', %key, body => '{}');
is $r->status, 200, 'POST /ocr/fields is proxied';
is $r->json->{target}, '/ocr/fields', 'to the same path';
is $r->header('X-RateLimit-Limit'), 60, 'with limit headers';      # C-21

my %seen = map { (lc $_->[0] => $_->[1]) } @{ $r->json->{headers} };
is $seen{'x-spocr-uid'}, 'u_acme', 'the backend learns the uid';   # C-12
is $seen{authorization}, undef, 'and not the key';
is $seen{'x-request-id'}, $r->id, 'the same request id';           # C-3
is $seen{host}, 'localhost', 'the Host of the client';
is $seen{connection}, undef, 'no Connection: keepalive';
is $t->post('/ocr/fields', %key)->json->{connection},
    $r->json->{connection}, 'the connection to the backend is kept';

is_error $t->post('/ocr/fields', key => $t->key('read')), 403,
    'insufficient_scope', 'scope ocr';                             # C-7
$r = $t->get('/ocr/fields', %key);
is_error $r, 405, 'method_not_allowed', 'GET /ocr/fields';
is $r->header('Allow'), 'POST', 'Allow';
is_error $t->request(OPTIONS => '/ocr/fields', headers =>
    [Origin => 'https://app.example.com',
     'Access-Control-Request-Method' => 'POST']),
    405, 'method_not_allowed', 'no CORS as shipped';               # C-40

# 30 MB may come: 20 MB of image as base64
is_error $t->request(POST => '/ocr/fields', %key, headers =>
    ['Content-Length' => 30 * 1024 * 1024 + 1]),
    413, 'payload_too_large', 'more than 30 MB';

# open locations
$r = $t->get('/health');
is $r->status, 200, '/health is open';
$r = $t->get('/openapi.json');
is $r->status, 200, '/openapi.json is open';
is $r->header('Content-Type'), 'application/json', 'and JSON';
is $r->json->{openapi}, '3.1.0', 'of OpenAPI 3.1';
is $t->head('/openapi.json')->status, 200, 'HEAD too';
is_error $t->post('/openapi.json'), 405, 'method_not_allowed',
    'POST /openapi.json';

# C-38: the default server covers, but asks for no key
is_error $t->get('/ocr/fields', host => 'elsewhere.example'), 404,
    'not_found', 'another host';
my $c = $t->conn(1);
$c->send("GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
is_error $c->response, 400, 'bad_request', 'an early error';
undef $c;    # nginx lingers on what it left unread

# status and metrics
is $t->get('/status', port => 2)->status, 200, '/status';
like $t->get('/metrics', port => 2)->body, qr/^nginx_spocr_/m, '/metrics';
is $t->get("/$_", port => 2)->status, 200, "/$_" for qw(health ready);
is_error $t->get('/', port => 2), 404, 'not_found', 'nothing else there';
is_error $t->get('/status', %key), 404, 'not_found', 'not on the API';

# C-9: each line of the access log is one JSON object, and no secret is in it
$t->get('/nothing?key=' . $t->key('all'), %key);
$t->get('/%22%5c%7f%01', %key);
ok $t->wait_log(qr/x01|u0001/, 'spocr-access.log'), 'logged';

my @lines = split /\n/, $t->log('spocr-access.log');
my @bad = grep { !eval { JSON::PP->new->utf8->decode($_) } } @lines;
is_deeply \@bad, [], 'the access log is JSON';
my ($line) = map { JSON::PP->new->decode($_) }
             grep { /"path":"\/ocr\/fields"/ && /"status":200/ } @lines;
is $line->{uid}, 'u_acme', 'it has the uid';
is $line->{key_id}, 'key_all', 'the key id';
like $line->{request_id}, $ID, 'the request id';
is $line->{limit}, 'PASSED', 'what the limit said';
unlike join('', map { $t->log($_) } qw(spocr-access.log spocr-error.log)),
    qr/\Q${\ $t->key('all')}/, 'no key in a log';

# refusals are in it, and not in the error log, as docs/operations.md says
my ($refused) = map { JSON::PP->new->decode($_) }
                grep { /"error_code":"insufficient_scope"/ } @lines;
is $refused->{key_id}, 'key_read', 'a refusal is in the access log';
is $refused->{status}, 403, '  with its status';
unlike $t->log('spocr-error.log'), qr/ refused: /, '  and in no other';

# the parts that a site switches on
$t->file('spocr/spocr.conf', uncommented($site,
    'include spocr/idempotency.conf;',
    "spocr_secret_file $dir/secret;",
    "spocr_upstream_secret_file $dir/upstream-secret;",
    'spocr_cors_origin $spocr_cors;',
    'limit_conn_zone $binary_remote_addr zone=spocr_address:10m;',
    'limit_conn spocr_address 100;',
    'spocr_redis unix:' . $redis->path . ';',
    'spocr_limit_on_error local nodes=3;'));
$t->file('spocr/examples/tls-http2.conf', uncommented(
    slurp("$dir/spocr/examples/tls-http2.conf"),
    'limit_conn spocr_address 100;', 'spocr_cors_origin $spocr_cors;',
    'include spocr/idempotency.conf;'));
ok $t->reload(page('include spocr/spocr.conf;'
    . ' include spocr/examples/cors.conf;'
    . ' include spocr/examples/tls-http2.conf;')), 'with all of the examples';

ok wait_for(sub {
    $t->get('/metrics', port => 2)->body =~ /redis_workers\{state="away"\} 0$/m
}), 'linked to Redis';
is $t->post($_, %key)->json->{target}, $_, "POST $_"
    for qw(/upload /create /edit /remove /webhook/test
           /webhooks/deliveries/dlv_1/redeliver);
is $t->get("$_?a=b", %key)->json->{target}, "$_?a=b", "GET $_"
    for qw(/jobs/job_1 /images/k1 /view /space /amount /webhook
           /webhooks/deliveries /webhooks/deliveries/dlv_1);
is $t->request($_ => '/webhook', %key)->status, 200, "$_ /webhook"
    for qw(PUT DELETE);
is_error $t->get('/upload', %key), 405, 'method_not_allowed', 'GET /upload';
is_error $t->post('/view', %key), 405, 'method_not_allowed', 'POST /view';
is_error $t->post('/upload', key => $t->key('read')), 403,
    'insufficient_scope', 'scope upload';
is_error $t->get('/webhook', key => $t->key('read')), 403,
    'insufficient_scope', 'scope webhook';

# the page is open, and nothing beside it: 401 comes before 404
for my $path ('/', '/assets/page.js', '/assets/page.css') {
    is $t->get($path)->json->{target}, $path, "GET $path without a key";
    is_error $t->post($path), 405, 'method_not_allowed', "POST $path";
}
is_error $t->get($_), 401, 'unauthorized', "GET $_ without a key"
    for qw(/index.html /assets/ /assets/page.js/ /assets/other.js);

# C-16
ok $t->wait_log(qr/"limit_source":"redis".*"redis_seconds":"0\.\d{3}"/,
    'spocr-access.log'), 'Redis counts';

# C-22: an upload that is repeated runs once, and so does what else is executed
sub repeated ($path, $key) {
    return $t->post($path, key => $t->key('more'), body => 'a',
                    headers => ['Idempotency-Key' => $key]);
}

for my $path ('/upload', '/create', '/ocr/fields', '/edit', '/remove',
              '/webhook/test', '/webhooks/deliveries/dlv_1/redeliver')
{
    my @r = map { repeated($path, "once$path") } 1 .. 2;
    is join(' ', map { $_->status } @r), '200 200', "$path twice";
    is $r[1]->header('X-Idempotent-Replay'), 'true', '  a replay';
    is $r[1]->body, $r[0]->body, '  of the same answer';
    my %seen = map { lc $_->[0] => $_->[1] } @{ $r[0]->json->{headers} };
    like $seen{'x-spocr-signature'}, qr/^t=\d+,v1=[0-9a-f]{64}$/,
        '  signed for the backend';                                # C-42
}
is_error repeated('/nothing', 'n'), 404, 'not_found',
    'what does not exist is not claimed';
is $t->get('/openapi.json')->status, 200, 'and what is open stays open';

# the log tells which request was repeated
ok $t->wait_log(
    qr/"idempotency":"REPLAY","original_request_id":"req_[0-9a-f]{32}"/,
    'spocr-access.log'), 'a replay in the log';

# no idle connection to the ingest backend is ever used again
my %more = (key => $t->key('more'));
isnt $t->post('/upload', %more)->json->{connection},
    $t->post('/upload', %more)->json->{connection},
    'a connection of its own for each upload';

# C-40
$r = $t->request(OPTIONS => '/ocr/fields', headers =>
    [Origin => 'https://app.example.com',
     'Access-Control-Request-Method' => 'POST']);
is $r->status, 204, 'a preflight of a listed origin';
is $r->header('Access-Control-Allow-Origin'), 'https://app.example.com',
    'which is named';
is_error $t->request(OPTIONS => '/ocr/fields', headers =>
    [Origin => 'https://app.example.com.evil.example',
     'Access-Control-Request-Method' => 'POST']),
    405, 'method_not_allowed', 'another origin';

my $https = 'api.example.com:' . $t->port(3);
my @resolve = ('-k', '--resolve', "$https:127.0.0.1");

for my $http ('--http1.1', '--http2') {
    my $tls = $t->curl(@resolve, $http, "https://$https/nothing")->{r};
    is_error $tls, 401, 'unauthorized', "TLS, $http";
    ok $tls->header('Strict-Transport-Security'), 'HSTS on errors as well';
}

# what was switched on there, too
$r = $t->curl(@resolve, '-X', 'OPTIONS',
    '-H', 'Origin: https://app.example.com',
    '-H', 'Access-Control-Request-Method: POST',
    "https://$https/ocr/fields")->{r};
is $r->status, 204, 'TLS: a preflight of a listed origin';         # C-40
@lines = map {
    $t->curl(@resolve, '-d', 'a', '-H', 'Idempotency-Key: over-tls',
        '-H', 'Authorization: Bearer ' . $t->key('more'),
        "https://$https/create")->{r}
} 1 .. 2;
is $lines[1]->header('X-Idempotent-Replay'), 'true', 'TLS: a replay';

isnt $t->curl('-k', 'https://127.0.0.1:' . $t->port(3) . '/')->{exit}, 0,
    'no handshake for other names';

# a node of a fleet, whose Redis was made ready as fleet.conf says
sub ctl (@args) {
    my @lines = `build/spocrctl --quiet --redis ${\ $redis->url} @args`;
    is $?, 0, "spocrctl $args[0]";
    return @lines;
}

ctl('redis install');
ctl("redis import $dir/keys.json");
my ($acl) = ctl("redis acl --password-file $dir/redis-password");
is $redis->do(split ' ', $acl), 'OK', 'the user of the gateway';
ok $t->reload(page('include spocr/elsewhere.conf;'
    . ' include spocr/examples/fleet.conf;')), 'a node of a fleet';

sub soon ($status) {
    return wait_for(sub { $t->get('/nothing', %key)->status == $status });
}

ok soon(404), 'a key that stands in Redis';
ctl('key revoke key_all');
ok soon(403), 'and no more';                                       # C-10
is_error $t->get('/nothing', key => $t->key('read')), 404, 'not_found',
    'the others stay';

$t->done;
