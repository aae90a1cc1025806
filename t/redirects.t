# A redirect inside nginx ends in another location: what counts is what that
# one promises, wherever the request came from.
#
# The cause of the first version's failure: the headers were rewritten once,
# by the rules of the first location, and the last one's were forgotten.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme', limits => { key => 100 } },
    unscoped => { uid => 'u_unscoped', scopes => [] },
    (map { ("k$_" => { uid => "u_$_", limits => { key => 2 } }) } 1 .. 12),
});

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format ids '$spocr_request_id $spocr_auth_status $spocr_key_id';
    access_log %%DIR%%/ids.log ids;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_limit window=3600s;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        underscores_in_headers on;

        # where requests come in: nothing, ids alone, open, gated
        location /off/gated { try_files /none @gated; }
        location /off/open { try_files /none @open; }
        location /off/covered { try_files /none @covered; }
        location /covered/gated { spocr_request_id on;
                                  try_files /none @gated; }
        location /covered/open { spocr_request_id on;
                                 try_files /none @open; }
        location /open/gated { spocr on; spocr_auth off;
                               try_files /none @gated; }
        location /open/open { spocr on; spocr_auth off;
                              try_files /none @open; }
        location /gated/gated { spocr on; try_files /none @gated; }
        location /gated/open { spocr on; try_files /none @open; }

        # by error_page, after a backend was tried
        location /covered/error { spocr_request_id on;
                                  error_page 502 = @gated;
                                  proxy_pass http://127.0.0.1:1; }
        location /open/error { spocr on; spocr_auth off;
                               error_page 502 = @gated;
                               proxy_pass http://127.0.0.1:1; }
        location /gated/error { spocr on; error_page 502 = @gated;
                                proxy_pass http://127.0.0.1:1; }
        location /off/error { error_page 502 = @gated;
                              proxy_pass http://127.0.0.1:1; }

        # by a path, and by a backend
        location /covered/path { spocr_request_id on;
                                 try_files /none /api/x; }
        location /open/path { spocr on; spocr_auth off;
                              try_files /none /api/x; }
        location /covered/accel { spocr_request_id on;
                                  proxy_pass http://%%BACKEND%%; }
        location /open/accel { spocr on; spocr_auth off;
                               proxy_pass http://%%BACKEND%%; }

        # a page of the operator's for what we refused, and one that would
        # be a way around the key
        location /login { spocr on; error_page 401 403 429 = @open;
                          spocr_require_scope none;
                          proxy_pass http://%%BACKEND%%; }
        location /around { spocr on; error_page 400 401 403 405 429 = @gated;
                           spocr_require_scope none;
                           proxy_pass http://%%BACKEND%%; }
        location /gated/self { spocr on; proxy_pass http://%%BACKEND%%; }
        location /self { spocr on; error_page 400 405 =200 /gated/self;
                         proxy_pass http://%%BACKEND%%; }
        location /loop { spocr on; error_page 401 /loop;
                         proxy_pass http://%%BACKEND%%; }

        # where they end
        location @gated { spocr on; proxy_pass http://%%BACKEND%%; }
        location @open { spocr on; spocr_auth off;
                         proxy_pass http://%%BACKEND%%; }
        location @covered { spocr_request_id on;
                            proxy_pass http://%%BACKEND%%; }
        location /api/ { spocr on; proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $key = $t->key('alice');
my @spoofs = map { ($_ => 'spoof') }
    qw(X-Spocr-Uid X-Spocr-Plan X-Spocr-Other X_Spocr_Key_Id X-Request-Id);

sub sent ($r, $like) {
    return join ' | ', sort map { "$_->[0]: $_->[1]" }
           grep { $_->[0] =~ $like } @{ $r->json->{headers} };
}

# C-12 C-3 C-7: wherever a gated location is reached from
for my $path ('/off/gated', '/covered/gated', '/open/gated', '/gated/gated',
              '/off/error', '/covered/error', '/open/error', '/gated/error',
              '/covered/path', '/open/path')
{
    my $r = $t->get($path, key => $key, headers => \@spoofs);
    is $r->status, 200, "$path: let in";
    is sent($r, qr/^x[-_]spocr/i),
       'X-Spocr-Key-Id: key_alice | X-Spocr-Uid: u_acme', "$path: identity";
    is sent($r, qr/^authorization$/i), '', "$path: no Authorization";
    is sent($r, qr/^x-request-id$/i), 'X-Request-Id: ' . $r->id,
       "$path: one id, and the answer's";
    ok $t->wait_log(qr/^\Q@{[$r->id]}\E OK key_alice$/m, 'ids.log'),
       "$path: the log has it";

    my $before = $t->backend->requests;
    is_error $t->get($path, headers => \@spoofs), 401, 'unauthorized',
        "$path: no key";
    is_error $t->get($path, key => 'spocr_x'), 403, 'forbidden',
        "$path: a wrong key";
    is scalar $t->backend->requests, $before, "$path: nothing was executed";
}

# C-12: an open one has no spoofed headers either
for my $path ('/off/open', '/covered/open', '/open/open') {
    my $r = $t->get($path, headers => \@spoofs);
    is $r->status, 200, "$path: let in";
    unlike $r->body, qr/spoof/, "$path: nothing that the client said";
}
my $r = $t->get('/gated/open', key => $key, headers => \@spoofs);
unlike $r->body, qr/spoof/, '/gated/open: nothing that the client said';

$r = $t->get('/off/covered', key => $key, headers => \@spoofs);
is sent($r, qr/^x-request-id$/i), 'X-Request-Id: ' . $r->id,
   '/off/covered: one id, and the answer\'s';

# a backend that redirects
for my $path ('/covered/accel', '/open/accel') {
    my $target = "$path?header=X-Accel-Redirect:/api/x";
    $r = $t->get($target, key => $key, headers => \@spoofs);
    is $r->status, 200, "$path: let in";
    is sent($r, qr/^x[-_]spocr/i),
       'X-Spocr-Key-Id: key_alice | X-Spocr-Uid: u_acme', "$path: identity";
    is_error $t->get($target), 401, 'unauthorized', "$path: no key";
}

# C-12: what an error_page shows for our own refusal has no identity
for my $with (undef, 'spocr_x', $t->key('unscoped')) {
    $r = $t->get('/login', key => $with, headers => \@spoofs);
    is $r->status, 200, 'a page for a refusal is shown';
    is sent($r, qr/^x[-_]spocr/i), '', 'with no identity';
    is sent($r, qr/^authorization$/i), '', 'and no Authorization';
}

# C-12: it is shown where no key is asked for, and nowhere else
my $calls = $t->backend->requests;
for my $case ([undef, 401, 'unauthorized'], ['spocr_x', 403, 'forbidden'],
              [$t->key('unscoped'), 403, 'insufficient_scope'])
{
    my ($with, $status, $code) = @$case;
    is_error $t->get('/around', key => $with), $status, $code,
        "no way around the key: $code";
}
is_error $t->get('/around/%2e'), 400, 'bad_request',
    'nor by a bad target, which is refused before';
is_error $t->request(OPTIONS => '/self', headers => [
        Origin => 'https://evil', 'Access-Control-Request-Method' => 'GET' ]),
    405, 'method_not_allowed', 'nor by a preflight';
is_error $t->get('/self/%2f'), 400, 'bad_request', 'nor by both';
is $t->backend->requests, $calls, 'nothing of it was executed';

# a page that is refused itself ends there
is $t->get('/loop')->status, 401, 'error_page to itself';

# C-17: counted once, wherever it came from
my $n = 1;
for my $path ('/off/gated', '/covered/gated', '/open/gated', '/gated/gated',
              '/off/error', '/covered/error', '/open/error', '/gated/error',
              '/open/path')
{
    my $name = 'k' . $n++;
    my @statuses = in_window(3600_000, sub {
        return map { $t->get($path, key => $t->key($name))->status } 1 .. 3;
    });
    is "@statuses", '200 200 429', "$path: counts once";
}

$t->done;
