# The status page in JSON: totals that add up.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    few => { uid => 'u_few', limits => { key => 3 }, scopes => ['read'] },
    old => { uid => 'u_few', expiresAt => '2020-01-01T00:00:00Z' },
});

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=counters:1m;
    spocr_limit window=3600s;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /scope { spocr_require_scope ocr;
                          proxy_pass http://%%BACKEND%%; }
        location /post { spocr_methods POST; spocr_limit off;
                         proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
        location /own { return 404; }
        location /down { spocr_limit off; proxy_pass http://127.0.0.1:1; }
        location /any { satisfy any; allow all;
                        proxy_pass http://%%BACKEND%%; }
        location /sub { add_after_body /open; default_type text/html;
                        alias %%DIR%%/page.html; }
        location = /parts.html { ssi on; root %%DIR%%; }
        location /try { try_files /none /x; }
    }

    # where the page is, nothing is counted
    server {
        listen 127.0.0.1:%%PORT_2%%;
        location /status { spocr_status json; }
        location /metrics { spocr_status prometheus; }
    }
    server {
        listen 127.0.0.1:%%PORT_3%%;
        spocr_request_id on;
        location / { return 404; }
    }
}
EOF
$t->file('page.html', 'a page');
$t->file('parts.html', '<!--#include virtual="/own" -->');

sub status {
    my $r = $t->get('/status', port => 2);
    is $r->status, 200, 'the page' if !$t->{seen}++;
    return $r->json;
}

sub sum ($family) {
    my $sum = 0;
    $sum += $_ for values %$family;
    return $sum;
}

# What changed, without what did not.
sub delta ($before, $after) {
    return { map { my $d = $after->{$_} - $before->{$_};
                   $d ? ($_ => $d) : () } keys %$after };
}

my $first = status();
is sum($first->{requests}), 0, 'nothing was counted yet';
is $first->{keys}, 3, 'the keys of the file';
is $first->{zone}{name}, 'counters', 'the name of the zone';
is $first->{zone}{size}, 1048576, 'its size';
is $first->{zone}{live}, 0, 'no counter is in use';
cmp_ok $first->{zone}{counters}, '>', 1048576 / 160, 'room for many';
like $first->{version}, qr/^\d+\.\d+\.\d+$/, 'the version';

my $r = $t->get('/status', port => 2);
is $r->header('Content-Type'), 'application/json', 'the type';
is $r->header('Cache-Control'), 'no-store', 'not to be kept';

# issue: totals by outcome, source and error code
my ($alice, $few, $old) = map { $t->key($_) } qw(alice few old);
for my $case (
    ['200', { allowed => 1 }, { OK => 1 }, { PASSED => 1 }, {},
        sub { $t->get('/x', key => $alice) }],
    ["the backend's 404", { allowed => 1 }, { OK => 1 }, { PASSED => 1 }, {},
        sub { $t->get('/x?status=404', key => $alice) }],
    ['502', { allowed => 1 }, { OK => 1 }, { OFF => 1 }, { bad_gateway => 1 },
        sub { $t->get('/down', key => $alice) }],
    ['401', { refused => 1 }, { MISSING => 1 }, {}, { unauthorized => 1 },
        sub { $t->get('/x') }],
    ['malformed', { refused => 1 }, { MALFORMED => 1 }, {},
        { unauthorized => 1 }, sub { $t->get('/x', key => '.') }],
    ['403', { refused => 1 }, { UNKNOWN => 1 }, {}, { forbidden => 1 },
        sub { $t->get('/x', key => 'spocr_x') }],
    ['expired', { refused => 1 }, { EXPIRED => 1 }, {}, { forbidden => 1 },
        sub { $t->get('/x', key => $old) }],
    ['no scope', { refused => 1 }, { SCOPE => 1 }, {},
        { insufficient_scope => 1 }, sub { $t->get('/scope', key => $few) }],
    ['405', { refused => 1 }, { OK => 1 }, { OFF => 1 },
        { method_not_allowed => 1 }, sub { $t->get('/post', key => $alice) }],
    ['a bad target', { refused => 1 }, {}, {}, { bad_request => 1 },
        sub { $t->get('//x', key => $alice) }],
    ['an open location', { open => 1 }, { OFF => 1 }, {}, {},
        sub { $t->get('/open') }],
    ["a location's own", { not_gated => 1 }, {}, {}, { not_found => 1 },
        sub { $t->get('/own') }],
    ['a covered server', { not_gated => 1 }, {}, {}, { not_found => 1 },
        sub { $t->get('/x', port => 3) }],
    ['a parser error', { not_gated => 1 }, {}, {}, { bad_request => 1 },
        sub { $t->get('/x', host => undef) }],
    ['a preflight', { preflight => 1 }, {}, {}, { method_not_allowed => 1 },
        sub { $t->request(OPTIONS => '/x', headers => [Origin => 'http://a',
                  'Access-Control-Request-Method' => 'GET']) }],
    ['HEAD', { allowed => 1 }, { OK => 1 }, { PASSED => 1 }, {},
        sub { $t->head('/x', key => $alice) }],
    ['a subrequest', { allowed => 1 }, { OK => 1 }, { PASSED => 1 }, {},
        sub { $t->get('/sub', key => $alice) }],
    ['a subrequest that fails', { allowed => 1 }, { OK => 1 },
        { PASSED => 1 }, {}, sub { $t->get('/parts.html', key => $alice) }],
    ['a redirect', { allowed => 1 }, { OK => 1 }, { PASSED => 1 }, {},
        sub { $t->get('/try', key => $alice) }],
) {
    my ($name, $requests, $auth, $limit, $errors, $do) = @$case;
    my $before = status();
    $do->();
    my $after;
    wait_for(sub { $after = status();
                   sum($after->{requests}) > sum($before->{requests}) });
    is_deeply delta($before->{requests}, $after->{requests}), $requests,
        "$name: the outcome";
    is_deeply delta($before->{auth}, $after->{auth}), $auth, "$name: auth";
    is_deeply delta($before->{limit}, $after->{limit}), $limit,
        "$name: limit";
    is_deeply delta($before->{errors}, $after->{errors}), $errors,
        "$name: errors";
}

# let in by another module after we had refused
my $before = status();
$t->get('/any');
my $after;
wait_for(sub { $after = status();
               sum($after->{requests}) > sum($before->{requests}) });
is $after->{requests}{refused}, $before->{requests}{refused},
   'what was served was not refused';

# under load the sum is the number of requests
$before = status();
my @bytes = map { "GET $_->[0] HTTP/1.1\r\nHost: a\r\n"
                  . ($_->[1] ? "Authorization: Bearer $_->[1]\r\n" : '')
                  . "\r\n" }
            ['/open'], ['/x', $few], ['/x'], ['/x', 'spocr_x'], ['/own'];
my $got = in_window(3600_000, sub {
    $t->load(total => 3000, request => \@bytes);
});
my $wanted = sum($before->{requests}) + 3000;
wait_for(sub { $after = status(); sum($after->{requests}) >= $wanted });
is sum($after->{requests}), $wanted, 'the outcomes add up to the requests';
is sum(delta($before->{auth}, $after->{auth})), 2400,
   'the auth statuses to the gated ones';
is_deeply delta($before->{limit}, $after->{limit}),
    { PASSED => 3, REJECTED_KEY => 597 }, 'the limit to those with a key';
is delta($before->{errors}, $after->{errors})->{rate_limited}, 597,
   'as many as were refused';
is $after->{limit_source}{zone} - $before->{limit_source}{zone}, 600,
   'all of them decided in the zone';
cmp_ok $after->{zone}{live}, '>=', 4, 'counters in use';
cmp_ok $after->{step_seconds}{count}, '>', 100, 'the latency of some';

# totals outlive a reload
ok $t->reload, 'a reload';
is sum(status()->{requests}), $wanted, 'the totals go on';

# no labels per key, no identity on the page
my $page = $t->get('/status', port => 2)->body;
unlike $page, qr/alice|u_acme|u_few/, 'nobody is named';
is $t->post('/status', port => 2)->status, 405, 'only GET';
is $t->head('/status', port => 2)->status, 200, 'and HEAD';

$t->done;
