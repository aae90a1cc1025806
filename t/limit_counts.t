# What counts as a request of a key, and what does not.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

my @names = map { "k$_" } 1 .. 60;
$t->keyfile(keys => {
    (map { ($_ => { uid => "u_$_", scopes => ['read'] }) } @names),
});
$t->file('page.html', 'a page');
$t->file('part.html', 'a part');
$t->file('ssi.html', '<!--#include virtual="/sub?1" -->'
                     . '<!--#include virtual="/sub?2" -->');
mkdir $t->dir . '/folder';
$t->file('folder/index.html', 'an index');

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_limit key=4 window=3600s;
    root %%DIR%%;
    client_max_body_size 100;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        proxy_read_timeout 200ms;

        location / { proxy_pass http://%%BACKEND%%; }
        location /files/ { alias %%DIR%%/; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
        location /post { spocr_methods POST; proxy_pass http://%%BACKEND%%; }
        location /scope { spocr_require_scope ocr;
                          proxy_pass http://%%BACKEND%%; }
        location /down { proxy_pass http://127.0.0.1:1; }
        location /own { return 404; }

        # one client request, more than one location
        location /sub { proxy_pass http://%%BACKEND%%; }
        location = /ssi.html { ssi on; }
        location /add { add_before_body /sub; add_after_body /sub;
                        default_type text/html; alias %%DIR%%/part.html; }
        location /mirror { mirror /sub; proxy_pass http://%%BACKEND%%; }
        location /ask { auth_request /sub; proxy_pass http://%%BACKEND%%; }
        location /named { error_page 502 = @other;
                          proxy_pass http://127.0.0.1:1; }
        location @other { proxy_pass http://%%BACKEND%%; }
        location /page { error_page 404 = /x; alias %%DIR%%/none/; }
        location /try { try_files /none /x; }
        location /try_named { try_files /none @other; }
        location /rewrite { rewrite ^ /x last; }
        location /accel { proxy_pass http://%%BACKEND%%; }
        location /accel/to { internal; alias %%DIR%%/part.html; }
        location /folder/ { }
    }
}
EOF

my $next = 0;

# How many of a key's four are gone after something was done twice.
sub costs ($do) {
    my $name = $names[$next++] // die 'no key is left';
    my $key = $t->key($name);
    return in_window(3600_000, sub {
        $do->($key) for 1 .. 2;
        my $left = 0;
        $left++ while $left < 9
                      && $t->get('/x', key => $key)->status == 200;
        return 4 - $left;
    });
}

# C-17: counts, once
for my $case (
    ['200', sub ($key) { $t->get('/x', key => $key) }],
    ['HEAD', sub ($key) { $t->head('/x', key => $key) }],
    ['POST', sub ($key) { $t->post('/x', key => $key, body => 'x') }],
    ['OPTIONS that is no preflight',
        sub ($key) { $t->request(OPTIONS => '/x', key => $key) }],
    ['404 of the backend',
        sub ($key) { $t->get('/x?status=404', key => $key) }],
    ['409 of the backend',
        sub ($key) { $t->get('/x?status=409', key => $key) }],
    ['500 of the backend',
        sub ($key) { $t->get('/x?status=500', key => $key) }],
    ['404 of nginx', sub ($key) { $t->get('/files/none', key => $key) }],
    ['a file', sub ($key) { $t->get('/files/page.html', key => $key) }],
    ['405', sub ($key) { $t->get('/post', key => $key) }],
    ['502', sub ($key) { $t->get('/down', key => $key) }],
    ['504', sub ($key) { $t->get('/x?delay=0.4', key => $key) }],
    ['a body in chunks that is too large', sub ($key) {
        $t->post('/x', key => $key, body => 'x' x 200, chunked => 1) }],
    ['a client that leaves', sub ($key) {
        my $c = $t->conn;
        $c->send($c->build(GET => '/x?delay=0.1', key => $key));
        my $n = $t->backend->requests;
        wait_for(sub { $t->backend->requests > $n }, 1);
        $c->close;
    }],
    ['two parts by SSI', sub ($key) { $t->get('/ssi.html', key => $key) }],
    ['parts before and after', sub ($key) { $t->get('/add', key => $key) }],
    ['a mirrored request', sub ($key) { $t->get('/mirror', key => $key) }],
    ['auth_request', sub ($key) { $t->get('/ask', key => $key) }],
    ['error_page to a name', sub ($key) { $t->get('/named', key => $key) }],
    ['error_page to a path', sub ($key) { $t->get('/page/x', key => $key) }],
    ['try_files', sub ($key) { $t->get('/try', key => $key) }],
    ['try_files to a name', sub ($key) { $t->get('/try_named', key => $key) }],
    ['a rewrite', sub ($key) { $t->get('/rewrite', key => $key) }],
    ['X-Accel-Redirect', sub ($key) {
        my $r = $t->get('/accel?header=X-Accel-Redirect:/accel/to',
                        key => $key);
        die $r->status if $r->body ne 'a part' && $r->status != 429;
    }],
    ['an index file', sub ($key) { $t->get('/folder/', key => $key) }],
    ['HTTP/2', sub ($key) {
        $t->curl('--http2-prior-knowledge', '-H', "Authorization: Bearer $key",
                 'http://127.0.0.1:' . $t->port(2) . '/x') }],
) {
    my ($name, $do) = @$case;
    is costs($do), 2, "$name: counts once";
}

# C-17: does not count
for my $case (
    ['401', sub ($key) { $t->get('/x') }],
    ['401, a malformed key', sub ($key) { $t->get('/x', key => "$key,") }],
    ['403', sub ($key) { $t->get('/x', key => "${key}x") }],
    ['403 for its scope', sub ($key) { $t->get('/scope', key => $key) }],
    ['an open location', sub ($key) { $t->get('/open', key => $key) }],
    ["a location's own return", sub ($key) { $t->get('/own', key => $key) }],
    ['a target that is not plain',
        sub ($key) { $t->get('//x', key => $key) }],
    ['a request without a Host',
        sub ($key) { $t->get('/x', key => $key, host => undef) }],
    ['a header that is too large', sub ($key) {
        $t->get('/x', key => $key, headers => [X => 'x' x 40000]) }],
    ['a declared length that is too large', sub ($key) {
        $t->post('/x', key => $key, body => 'x' x 200) }],
    ['a preflight', sub ($key) {
        $t->request(OPTIONS => '/x', key => $key, headers => [
            Origin => 'http://a', 'Access-Control-Request-Method' => 'POST',
        ]) }],
) {
    my ($name, $do) = @$case;
    is costs($do), 0, "$name: does not count";
}

# C-17: a 429 takes nothing more
my $key = $t->key($names[$next++]);
my @statuses = in_window(3600_000, sub {
    return map { $t->get('/x', key => $key)->status } 1 .. 8;
});
is "@statuses", '200 200 200 200 429 429 429 429', '429 does not count';

# a redirect inside may not go around the key
for my $path ('/ssi.html', '/add', '/mirror', '/ask', '/named', '/page/x',
              '/try', '/try_named', '/rewrite', '/accel', '/folder/')
{
    my $before = $t->backend->requests;
    is_error $t->get($path), 401, 'unauthorized', "$path without a key";
    is scalar $t->backend->requests, $before, "$path: nothing was executed";
}

$t->done;
