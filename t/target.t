# What was decided on is what is forwarded, byte for byte.

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
    merge_slashes on;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit off;

        location / { proxy_pass http://%%BACKEND%%; }
        location = /upload { proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
    }

    server {
        listen 127.0.0.1:%%PORT_3%%;
        spocr_request_id on;
        spocr_json_errors on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $key = $t->key('alice');
my $executed = 0;

# The target that the backend got, or the status where it got none.
sub fate ($target, %o) {
    my $r = $t->request($o{method} // 'GET', $target, key => $key, %o);
    my @now = $t->backend->requests;
    my $new = @now - $executed;
    $executed = @now;
    return $now[-1]{target} if $r->status == 200 && $new == 1;
    return join ' ', $r->status, $r->code, $new ? 'executed' : ();
}

# C-36: allowed, and unchanged
for my $target (
    '/', '/x', '/upload', '/upload/', '/jobs/', '/jobs/abc', '/a/b/c/d',
    '/a-b_c.d~e', "/!\$&'()*+,=:@", '/...', '/.a', '/a.', '/..a', '/a..',
    '/UPLOAD', '/%20', '/a%20b', '/%c3%a9', '/%C3%A9', '/%22', '/%3c%3E',
    '/%5b%5D', '/%7b%7d%7c', '/%5e%60', '/%25', '/%2525', '/%25c3', '/%3F',
    '/%23', '/a%3fb', '/%80', '/%ff', '/%21', '/%24%26', '/%3a%40', '/%2B',
    '/x?', '/x?a=1', '/x?a=1&b=//../%2f%2e;', '/x?a=b?c', '/x?%00', '/x??',
    '/?', '/x?a=%', '/x?a=%zz', '/x?\\', '/upload?x=/../upload',
) {
    is fate($target), $target, "$target passes as it is";
}

# C-36: not plain
for my $target (
    '//', '//upload', '/upload//', '/a//b', '///', '//a.example/x',
    '/.', '/..', '/./', '/../', '/./upload', '/../upload', '/a/.', '/a/..',
    '/x/../upload', '/x/./upload', '/upload/.', '/upload/..', '/upload/./',
    '/upload/../upload', '/x/..', '/x/../', '/a/b/../../upload',
    '/%75pload', '/uploa%64', '/%55PLOAD', '/%61', '/%7E', '/%2d', '/%5f',
    '/%30', '/%2e', '/%2E', '/%2e%2e', '/%2e%2e/upload', '/.%2e/upload',
    '/%2e/upload', '/x/%2e%2e/upload', '/x%2f..%2fupload', '/x%2Fupload',
    '/%2fupload', '/upload%2f', '/%2f', '/%5c', '/%5C', '/..%5cupload',
    '/a\\b', '/..\\upload', '/upload;', '/upload;x', '/upload;x=1',
    '/;/upload', '/a/..;/upload', '/%3b', '/upload%3Bx', '/%00',
    '/upload%00', '/upload%00.html', '/%0a', '/%0d%0aX:%20y', '/%09', '/%1f',
    '/%7f', '/%7F', '/upload#', '/upload#x', '/#', '/x?a#b', '/x#?a',
    '/%', '/%2', '/%zz', '/%g0', '/%u0061', '/a%', '/upload%',
    '/a"b', '/a<b', '/a>b', '/a[b', '/a]b', '/a^b', '/a`b', '/a{b', '/a|b',
    "/a\x80", "/\xc3\xa9", "/a\x7fb", "/a\x01b",
) {
    my $name = $target =~ s/([^ -~])/sprintf '<%02x>', ord $1/ger;
    is fate($target), '400 bad_request', "$name is refused";
}

# C-36: every method, and open locations are looked at as well
for my $method (qw(POST PUT PATCH DELETE HEAD OPTIONS)) {
    my $r = $t->request($method => '/x/../upload', key => $key);
    is $r->status, 400, "$method /x/../upload";
}
is fate('/open/../upload', key => undef), '400 bad_request',
   'out of an open location';
is fate('/upload/../open', key => undef), '400 bad_request',
   'into an open location';
is fate('//upload', key => undef), '400 bad_request',
   'the target is looked at before the key';
is scalar(grep { $_->{target} =~ m{\.\./} && $_->{target} !~ /\?/ }
          $t->backend->requests), 0, 'nothing came through';

# C-36: absolute form
my $port = $t->port(1);
for my $case (
    ['http://localhost/x', 'localhost', '/x'],
    ['http://LOCALHOST/x', 'localhost', '/x'],
    ['http://localhost/x?a=1', 'LocalHost', '/x?a=1'],
    ["http://localhost:$port/x", "localhost:$port", '/x'],
    ['http://other/x', 'localhost', '400 bad_request'],
    ['http://localhost.other/x', 'localhost', '400 bad_request'],
    ['http://localhost:81/x', 'localhost', '400 bad_request'],
    ['http://localhost//x', 'localhost', '400 bad_request'],
    ['http://localhost/%75pload', 'localhost', '400 bad_request'],
    ['http://localhost/x/../y', 'localhost', '400 bad_request'],
) {
    my ($target, $host, $expected) = @$case;
    is fate($target, host => $host), $expected, "$target with Host: $host";
}
for my $target ('*', 'localhost:80', 'x', '?a', '\\x', 'http:/x', 'http://',
                'http://user@localhost/x')
{
    like fate($target), qr/^400 /, "$target is refused";
}

# C-36: HTTP/0.9 is closed without an answer
for my $line ("GET /x\r\n", "GET /open\r\n", "GET /upload\r\n") {
    my $c = $t->conn;
    $c->send($line);
    ok $c->closed, $line =~ s/\r\n//r . ' in HTTP/0.9: not one byte';
}
is scalar $t->backend->requests, $executed, 'nothing was executed';

# a version that nginx takes for 1.1
my $c = $t->conn;
$c->send("GET /x HTTP/1.2\r\nHost: a\r\nAuthorization: Bearer $key\r\n\r\n");
like $c->response->status, qr/^(?:200|505)$/, 'HTTP/1.2';
$executed = $t->backend->requests;

# C-36: HTTP/2
my $h2 = 'http://127.0.0.1:' . $t->port(2);
for my $case (['/x?a=//', 200], ['//upload', 400], ['/%75pload', 400],
              ['/x/../upload', 400], ['/upload;x', 400], ['/%2f', 400])
{
    my ($target, $status) = @$case;
    my $got = $t->curl('--http2-prior-knowledge', '--path-as-is',
        '-H', "Authorization: Bearer $key", $h2 . $target);
    is $got->{r}->status, $status, "HTTP/2 $target";
    is_error $got->{r}, 400, 'bad_request', "HTTP/2 $target, the body"
        if $status == 400;
}

# C-38: where targets are not gated they are nginx's own affair
is $t->get('//upload', port => 3)->json->{target}, '//upload',
   'without spocr the target is not looked at';

$t->done;
