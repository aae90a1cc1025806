# With the counters in Redis a request waits in the middle of its phases: it
# counts once all the same, and what does not count does not ask Redis.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

my @names = map { "k$_" } 1 .. 60;
$t->keyfile(keys => {
    map { ($_ => { uid => "u_$_", scopes => ['read'] }) } @names,
});
$t->file('page.html', 'a page');
$t->file('part.html', 'a part');
$t->file('ssi.html', '<!--#include virtual="/sub?1" -->'
                     . '<!--#include virtual="/sub?2" -->');
mkdir $t->dir . '/folder';
$t->file('folder/index.html', 'an index');

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_limit window=3600s;
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
        location /any { satisfy any; deny all;
                        proxy_pass http://%%BACKEND%%; }
        location /refused { error_page 429 /page.html; spocr_limit key=1
                            name=one window=3600s;
                            proxy_pass http://%%BACKEND%%; }
        location = /page.html { spocr_auth off; }
    }
}
EOC

$t->redis->linked(1);

# How many were taken of the limits of a key and of its uid, and how often
# Redis was asked.
sub costs ($name, $do) {
    my $calls = in_window(3600_000, sub {
        return $t->redis->counted(sub { $do->($t->key($name)) });
    })->{fcall} // 0;
    my ($counter) = @{ $t->redis->do('KEYS', "*:k:key_$name") };
    my $taken = 0;

    if ($counter) {
        my @taken = map { $t->redis->do('GET', $_) =~ s/^\d+://r }
                    $counter, $counter =~ s/:k:[^:]+$/:u/r;
        $taken = $taken[0];
        fail "key and uid differ: @taken" if $taken[0] != $taken[1];
    }
    return "$taken taken, $calls calls";
}

my $next = 0;

# C-17: counts, once
for my $case (
    ['200', sub ($key) { $t->get('/x', key => $key) }],
    ['HEAD', sub ($key) { $t->head('/x', key => $key) }],
    ['POST', sub ($key) { $t->post('/x', key => $key, body => 'x') }],
    ['404 of the backend',
        sub ($key) { $t->get('/x?status=404', key => $key) }],
    ['500 of the backend',
        sub ($key) { $t->get('/x?status=500', key => $key) }],
    ['404 of nginx', sub ($key) { $t->get('/files/none', key => $key) }],
    ['a file', sub ($key) { $t->get('/files/page.html', key => $key) }],
    ['405', sub ($key) { $t->get('/post', key => $key) }],
    ['502', sub ($key) { $t->get('/down', key => $key) }],
    ['504', sub ($key) { $t->get('/x?delay=0.4', key => $key) }],
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
        is $r->body, 'a part', 'what it names is sent';
    }],
    ['an index file', sub ($key) { $t->get('/folder/', key => $key) }],
    ['satisfy any', sub ($key) { $t->get('/any', key => $key) }],
    ['HTTP/2', sub ($key) {
        $t->curl('--http2-prior-knowledge', '-H', "Authorization: Bearer $key",
                 'http://127.0.0.1:' . $t->port(2) . '/x') }],
    ['a body in chunks that is too large', sub ($key) {
        $t->post('/x', key => $key, body => 'x' x 200, chunked => 1) }],
) {
    my ($what, $do) = @$case;
    is costs($names[$next++], $do), '1 taken, 1 calls', "$what: counts once";
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
    ['a declared length that is too large', sub ($key) {
        $t->post('/x', key => $key, body => 'x' x 200) }],
    ['a preflight', sub ($key) {
        $t->request(OPTIONS => '/x', key => $key, headers => [
            Origin => 'http://a', 'Access-Control-Request-Method' => 'POST',
        ]) }],
) {
    my ($what, $do) = @$case;
    is costs($names[$next++], $do), '0 taken, 0 calls',
       "$what: does not count";
}

# a page for the refusal is shown, and counts no more than the refusal
my @r;
is costs($names[$next++], sub ($key) {
    @r = map { $t->get('/refused', key => $key) } 1 .. 3;
}), '1 taken, 1 calls', 'an error_page for 429';
is join(' ', map { $_->status } @r), '200 429 429', 'the second is refused';
is $r[2]->body, 'a page', 'with the page';

# more requests on one connection than are answered: each waits for its own
my $c = $t->conn;
my $name = $names[$next++];
is costs($name, sub ($key) {
    $c->send(join '', map { Spocr::Conn->build(GET => "/x?body=$_",
                                               key => $key) } 1 .. 20);
    is join(' ', map { $c->response->body } 1 .. 20), join(' ', 1 .. 20),
       'pipelined requests are answered in turn';
}), '20 taken, 20 calls', 'each of them counts';

$t->done;
