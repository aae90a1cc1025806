# A key opens the way; without one 401, with one that is not known 403.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme', limits => { key => 20 } },
    bob => { uid => 'u_other', limits => { key => undef } },
});

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format auth '$spocr_request_id $spocr_auth_status $spocr_uid'
                    ' $spocr_key_id';
    access_log %%DIR%%/auth.log auth;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit window=3600s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
        location /own { return 200 "own\n"; }
        location /off { spocr off; proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my ($alice, $bob) = map { $t->key($_) } qw(alice bob);

sub logged ($r, $text, $name) {
    ok $t->wait_log(qr/^\Q@{[$r->id]} $text\E$/m, 'auth.log'), $name;
}

# C-5
my $r = $t->get('/x', key => $bob);
is $r->status, 200, 'a known key';
logged $r, 'OK u_other key_bob', 'and its identity in the log';

$r = $t->get('/x');
is_error $r, 401, 'unauthorized', 'no key';
logged $r, 'MISSING - -', 'MISSING';

$r = $t->get('/x', headers => [Authorization => 'Basic YTpi']);
is_error $r, 401, 'unauthorized', 'another scheme';
logged $r, 'MALFORMED - -', 'MALFORMED';

$r = $t->get('/x', key => 'spocr_nobody');
is_error $r, 403, 'forbidden', 'a key that is not known';
logged $r, 'UNKNOWN - -', 'UNKNOWN';

# C-5: only the header counts
is_error $t->get("/x?key=$bob&access_token=$bob"), 401, 'unauthorized',
    'a key in the query';
is_error $t->get('/x', headers => [Cookie => "key=$bob"]),
    401, 'unauthorized', 'a key in a cookie';
is_error $t->get('/x', headers => ['Proxy-Authorization' => "Bearer $bob"]),
    401, 'unauthorized', 'a key for a proxy';
is_error $t->get('/x', headers => ['X-Api-Key' => $bob]),
    401, 'unauthorized', 'a key in another header';
is_error $t->post('/x', body => "access_token=$bob", headers =>
    ['Content-Type' => 'application/x-www-form-urlencoded']),
    401, 'unauthorized', 'a key in the body';

is scalar $t->backend->requests, 1,
   'only what was allowed was executed';

# where no key is asked for
$r = $t->get('/open');
is $r->status, 200, 'an open location';
logged $r, 'OFF - -', 'OFF';
$r = $t->get('/open', key => $bob);
is $r->status, 200, 'an open location, with a key';
logged $r, 'OFF - -', 'the key is not looked at';
is $t->get('/own')->body, "own\n", "a location's own return is not gated";
is $t->get('/off')->status, 200, 'spocr off';

# C-5 C-7: HTTP/2
my $url = 'http://127.0.0.1:' . $t->port(2) . '/x';
my @h2 = '--http2-prior-knowledge';
is $t->curl(@h2, '-H', "authorization: Bearer $bob", $url)->{r}->status, 200,
   'HTTP/2, a known key';
is_error $t->curl(@h2, $url)->{r}, 401, 'unauthorized', 'HTTP/2, no key';
is_error $t->curl(@h2, '-H', 'authorization: Bearer spocr_x', $url)->{r},
    403, 'forbidden', 'HTTP/2, an unknown key';
is_error $t->curl(@h2, '-H', "authorization: Bearer $bob", '-H',
                  "authorization: Bearer $alice", $url)->{r},
    400, 'bad_request', 'HTTP/2, two of them';

# C-11: bad keys touch nobody's counter
my $bad = join '', map { "GET /x HTTP/1.1\r\nHost: a\r\n$_\r\n" }
    '', "Authorization: Bearer spocr_x\r\n",
    'Authorization: Bearer ' . substr($alice, 0, -1) . "\r\n",
    "Authorization: Bearer ${alice}x\r\n", "Authorization: Basic $alice\r\n";
my ($counted) = in_window(3600_000, sub {
    my $c = $t->conn;
    for (1 .. 8) {
        $c->send($bad);
        $c->response for 1 .. 5;
    }
    my %n;
    $n{ $t->get('/x', key => $alice)->status }++ for 1 .. 21;
    return \%n;
});
is_deeply $counted, { 200 => 20, 429 => 1 },
    'after 40 refusals the key has its whole limit';

# the order: the key is looked at before the method and the body
is_error $t->request(DELETE => '/x'), 401, 'unauthorized', 'DELETE';
is_error $t->request(OPTIONS => '/x'), 401, 'unauthorized',
    'OPTIONS that is no preflight';

$t->done;
