# A short answer never leaves the connection out of step: what was not read
# of a body is never taken for the next request.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    full => { uid => 'u_full', limits => { key => 1 } },
    scoped => { uid => 'u_scoped', scopes => [] },
});

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    client_max_body_size 30m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit window=3600s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /free { spocr_limit off; proxy_pass http://%%BACKEND%%; }
        location /scope { spocr_require_scope ocr;
                          proxy_pass http://%%BACKEND%%; }
        location /get { spocr_limit off; spocr_methods GET;
                        proxy_pass http://%%BACKEND%%; }
        location /small { spocr_limit off; client_max_body_size 10;
                          proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my ($alice, $full, $scoped) = map { $t->key($_) } qw(alice full scoped);
my $smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n"
               . "Authorization: Bearer $alice\r\n\r\n";

# uses up the limit of the key "full"
$t->get('/x', key => $full);

my @refusals = (
    ['no key', '/x', 401],
    ['an unknown key', '/x', 403, key => 'spocr_x'],
    ['no scope', '/scope', 403, key => $scoped],
    ['over the limit', '/x', 429, key => $full],
    ['another method', '/get', 405, key => $alice],
    ['a target that is not plain', '//x', 400, key => $alice],
    ['a body too large', '/small', 413, key => $alice],
    ['a preflight', '/x', 405, method => 'OPTIONS', headers => [
        Origin => 'http://a', 'Access-Control-Request-Method' => 'POST']],
);

# C-37
for my $case (@refusals) {
    my ($name, $target, $status, %o) = @$case;
    my $method = delete $o{method} // 'POST';

    for my $chunked (0, 1) {
        my $what = $name . ($chunked ? ', in chunks' : '');

        # the whole body at once, then one more request on the connection
        my $c = $t->conn;
        my $r = $c->request($method => $target, body => $smuggled,
                            chunked => $chunked, %o);
        is $r->status, $status, $what;
        next if $c->closed(0.05);

        $c->send($c->build(GET => '/free?mine', key => $alice));
        my $next = $c->response;
        if (!defined $next) {
            ok $c->closed, "$what: the connection was closed";
            next;
        }
        is $next->json->{target}, '/free?mine', "$what: the next is in step";

        # the body comes after the answer, in two parts
        my $late = $t->conn;
        my $bytes = $late->build($method => $target, body => $smuggled,
                                 chunked => $chunked, %o);
        my $head = index($bytes, "\r\n\r\n") + 4;
        $late->send(substr $bytes, 0, $head);
        is $late->response->status, $status, "$what: before the body";
        next if $late->closed(0.05);
        $late->send(substr $bytes, $head, 20);
        $late->send(substr $bytes, $head + 20);
        $late->send($late->build(GET => '/free?late', key => $alice));
        $next = $late->response;
        is defined $next ? $next->json->{target} : '/free?late',
           '/free?late', "$what: the body came late";
    }

    # HEAD with a body, and pipelined requests behind a refusal
    my $c = $t->conn;
    $c->send($c->build(HEAD => $target, %o)
             . $c->build(GET => '/free?piped', key => $alice));
    my $head = $c->response(method => 'HEAD');
    my $piped = $c->response;
    is defined $piped ? $piped->json->{target} : '/free?piped',
       '/free?piped', "$name: a request behind it";

    # no 100 is sent where the body will not be read
    next if $status == 413 || $status == 400;
    $c = $t->conn;
    $c->send($c->build($method => $target, %o, headers => [
        @{ $o{headers} // [] }, Expect => '100-continue',
        'Content-Length' => length $smuggled]));
    is $c->response->status, $status, "$name: Expect";
    is_deeply $c->{interim} // [], [], "$name: and no 100";
}

my @ran = map { "$_->{method} $_->{target}" } $t->backend->requests;
is scalar(grep { /smuggled/ } @ran), 0, 'no smuggled request was executed';
is_deeply [grep { !m{^GET /(?:x|free\?\w+)$|^HEAD /(?:get|small)$} } @ran], [],
    'nor any other';

# a 401 answers before the body has come: an upload costs its headers only
my $c = $t->conn;
$c->send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
is_error $c->response, 401, 'unauthorized', 'nothing of 20 MB was sent yet';

# C-37: what real clients show of a refused upload of 20 MB
$t->file('upload', "\0" x 20_000_000);
my $file = $t->dir . '/upload';
my $url = 'http://127.0.0.1:' . $t->port(1);

for my $case (['/x', undef, 401, 'unauthorized'],
              ['/x', 'spocr_x', 403, 'forbidden'],
              ['/x', $full, 429, 'rate_limited'],
              ['/get', $alice, 405, 'method_not_allowed'])
{
    my ($target, $key, $status, $code) = @$case;
    my @auth = $key ? ('-H', "Authorization: Bearer $key") : ();
    for my $expect ('Expect: 100-continue', 'Expect:') {
        my $got = $t->curl('-X', 'POST', '-T', $file, '-H', $expect, @auth,
                           $url . $target);
        is_error $got->{r}, $status, $code, "curl, $expect $status",
            details => $got->{r} && $got->{r}->json->{details};
        is $got->{exit}, 0, 'curl is content' or diag $got->{stderr};
    }
    my $got = $t->curl('-F', "file=\@$file", @auth, $url . $target);
    is_error $got->{r}, $status, $code, "curl, a form $status",
        details => $got->{r} && $got->{r}->json->{details};
}

my %clients = (
    'http.client' => ['/usr/bin/python3', '-c', <<'EOF'],
import http.client, sys
host, port, target, key, path = sys.argv[1:]
c = http.client.HTTPConnection(host, int(port), timeout=60)
headers = {"Authorization": "Bearer " + key} if key else {}
try:
    c.request("POST", target, open(path, "rb").read(), headers)
except OSError:
    pass                        # the answer may be there all the same
r = c.getresponse()
print(r.status, r.read().decode())
EOF
    urllib => ['/usr/bin/python3', '-c', <<'EOF'],
import sys, urllib.request, urllib.error
host, port, target, key, path = sys.argv[1:]
headers = {"Authorization": "Bearer " + key} if key else {}
q = urllib.request.Request(f"http://{host}:{port}{target}",
                           open(path, "rb").read(), headers)
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(q)
except urllib.error.HTTPError as e:
    print(e.code, e.read().decode())
EOF
    node => ['node', '-e', <<'EOF'],
const http = require('http'), fs = require('fs');
const [host, port, path, key, file] = process.argv.slice(1);
const body = fs.readFileSync(file);
const headers = { 'Content-Length': body.length };
if (key) headers.Authorization = 'Bearer ' + key;
const q = http.request({ host, port, path, method: 'POST', headers }, r => {
  let text = '';
  r.on('data', d => text += d);
  r.on('end', () => { console.log(r.statusCode, text); process.exit(0); });
});
q.on('error', e => { if (e.code !== 'EPIPE') console.log(String(e)); });
q.end(body);
EOF
);

for my $name (sort keys %clients) {
    SKIP: {
        my @argv = @{ $clients{$name} };
        my ($exit) = $t->command($argv[0], '--version');
        skip "$argv[0] is not installed", 3 if $exit;

        for my $case (['', 401, 'unauthorized'], ['spocr_x', 403, 'forbidden'],
                      [$full, 429, 'rate_limited'])
        {
            my ($key, $status, $code) = @$case;
            my ($end, $out) = $t->command(@argv, '127.0.0.1', $t->port(1),
                                          '/x', $key, $file);
            like $out, qr/^$status \{"error":\{"code":"$code"/,
                 "$name shows the $status";
        }
    }
}

$t->done;
