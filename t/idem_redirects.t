# Where a claimed request is led to another location or another backend: the
# claim is judged by all that has had the request, a body that cannot be read
# ends in an answer, and nothing is begun that would only be ended.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;
$t->file('page', 'a page');

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        client_max_body_size 10;
        root %%DIR%%;

        location / { proxy_pass http://%%BACKEND%%; }
        location /open {
            error_page 400 413 /ungated;
            proxy_pass http://%%BACKEND%%;
        }
        location = /ungated { spocr off; return 413 big; }
        location /gated {
            error_page 400 413 /page;
            proxy_pass http://%%BACKEND%%;
        }
        location /page { try_files /page =404; }

        location /fallback {
            error_page 502 504 = @other;
            proxy_pass http://%%BACKEND%%;
        }
        location @other {
            proxy_set_header X-Test status=404;
            proxy_pass http://%%BACKEND%%;
        }
        location /accel { proxy_pass http://%%BACKEND%%; }
        location /accelerated {
            proxy_set_header X-Test status=404;
            proxy_pass http://%%BACKEND%%;
        }
        location /static { proxy_pass http://%%BACKEND%%; }
        location /short {
            send_timeout 100ms;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC
$t->redis->linked(2);
$t->allow(qr/upstream|client|body/);

sub executed { scalar(() = $t->backend->requests) }

sub once ($target, $key, $how = undef, %o) {
    return $t->post($target, key => $t->key('alice'), body => 'hello',
                    headers => ['Idempotency-Key' => $key,
                                $how ? ('X-Test' => $how) : ()], %o);
}

# Cause: the access handler took the error page's location for "the body is
# still being read", and nothing ever went on.
my $before = $t->open_files;
for my $target ('/x', '/open', '/gated') {
    for my $body ("20\r\n" . 'x' x 32 . "\r\n0\r\n\r\n", "no chunk\r\n") {
        my $c = $t->conn;
        $c->send("POST $target HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
                 . $t->key('alice') . "\r\nIdempotency-Key: c$target\r\n"
                 . "Transfer-Encoding: chunked\r\n\r\n$body");
        my $r = $c->response;
        like $r && $r->status, qr/^4(?:13|00)$/,
             "$target: a body that cannot be read is answered";
    }
}
is $t->open_files, $before, 'no connection is left';
is executed(), 0, 'nothing ran';

# C-28.  Cause: only the last backend's answer was looked at.
my $r = once('/fallback', 'f', 'reset=1');
is $r->status, 404, 'a second backend, by error_page';
my $n = executed();
is once('/fallback', 'f')->code, 'idempotency_in_progress',
   '  the first one may have executed it';
is executed(), $n, '  it is not run again';

$r = once('/accel', 'xa', 'header=X-Accel-Redirect:/accelerated');
is $r->status, 404, 'a second backend, by X-Accel-Redirect';
$n = executed();
is once('/accel', 'xa')->code, 'idempotency_in_progress',
   '  the first one has executed it';
is executed(), $n, '  it is not run again';

# a file by X-Accel-Redirect is an answer like any other
$r = once('/static', 'xs', 'header=X-Accel-Redirect:/page');
is $r->body, 'a page', 'a file, by X-Accel-Redirect';
is once('/static', 'xs')->header('X-Idempotent-Replay'), 'true',
   '  is replayed';

# C-29.  Cause: the error page's backend was begun in a filter, and ended with
# the request: the client got nothing.
for my $how ('truncate=1', 'garbage=1') {
    $n = executed();
    $r = once('/fallback', "cut-$how" =~ s/=/-/r, $how);
    is_error $r, 502, 'bad_gateway', "$how: a clean 502";
    is executed(), $n + 1, '  no other backend had it';
}

# Cause: nginx took the wait for Redis for a client that does not read.
my $c = $t->conn;
$n = executed();
$c->send(Spocr::Conn->build(
    POST => '/short?delay=0.3', key => $t->key('alice'), body => 'hello',
    headers => ['Idempotency-Key' => 'short']));
wait_for(sub { executed() > $n });
$t->redis->pause;
$r = $c->response;
is $r && $r->status, 200, 'send_timeout is the client\'s, not ours';
$t->redis->resume;

$t->done;
