# The variables, each in a log line.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(
    plans => { pro => { limits => { key => 2 } } },
    tenants => { u_acme => { plan => 'pro' } },
    keys => {
        alice => { uid => 'u_acme' },
        free => { uid => 'u_free', limits => { key => undef } },
        old => { uid => 'u_acme', expiresAt => '2020-01-01T00:00:00Z' },
        gone => { uid => 'u_gone', status => 'revoked' },
        none => { uid => 'u_none', scopes => [] },
    });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format all escape=json '{"id":"$spocr_request_id",'
        '"client":"$spocr_client_request_id","code":"$spocr_error_code",'
        '"uid":"$spocr_uid","key":"$spocr_key_id","plan":"$spocr_plan",'
        '"auth":"$spocr_auth_status","limit":"$spocr_limit_status",'
        '"source":"$spocr_limit_source","left":"$spocr_limit_remaining",'
        '"retry":"$spocr_retry_after","status":"$status"}';
    access_log %%DIR%%/all.log all;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_limit window=3600s;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;

        location / { proxy_pass http://%%BACKEND%%; }
        location /scope { spocr_require_scope ocr;
                          proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
        location /free { spocr_limit off; proxy_pass http://%%BACKEND%%; }
        location /dry { spocr_limit_dry_run on;
                        proxy_pass http://%%BACKEND%%; }
        location /post { spocr_methods POST; spocr_limit off;
                         proxy_pass http://%%BACKEND%%; }
        location /down { spocr_limit off; proxy_pass http://127.0.0.1:1; }
        location /own { return 404; }
        location /echo {
            spocr_limit off;
            proxy_set_header X-Vars "$spocr_uid $spocr_key_id $spocr_plan";
            proxy_pass http://%%BACKEND%%;
        }
        location /off { spocr off; proxy_pass http://%%BACKEND%%; }
    }
}
EOF

# The log line of an answer: all but its id, empty ones left out.
sub line ($r) {
    my $id = $r->id;
    my $found;
    wait_for(sub { ($found) = $t->log('all.log') =~ /^(.*\Q$id\E.*)$/m })
        or return "no line with $id";
    my $v = JSON::PP->new->decode($found);
    delete $v->{id};
    return join ' ', map { "$_=$v->{$_}" } grep { $v->{$_} ne '' }
           qw(status code uid key plan auth limit source left retry client);
}

my $alice = $t->key('alice');
my @r = in_window(3600_000, sub {
    return (map { $t->get('/x', key => $alice) } 1 .. 3),
           $t->get('/dry', key => $alice);
});
my ($second) = line($r[2]) =~ /retry=(\d+)/;

# contract, section 3
is line($r[0]), 'status=200 uid=u_acme key=key_alice plan=pro auth=OK '
    . 'limit=PASSED source=zone left=1', 'admitted';
is line($r[1]), 'status=200 uid=u_acme key=key_alice plan=pro auth=OK '
    . 'limit=PASSED source=zone left=0', 'the last one admitted';
is line($r[2]), 'status=429 code=rate_limited uid=u_acme key=key_alice '
    . "plan=pro auth=OK limit=REJECTED_KEY source=zone left=0 retry=$second",
    'refused';
is $second, $r[2]->json->{details}{retryAfterSec},
   '$spocr_retry_after is what the body says';
is line($r[3]), 'status=200 uid=u_acme key=key_alice plan=pro auth=OK '
    . 'limit=REJECTED_KEY_DRY_RUN source=zone left=0', 'a dry run';

for my $case (
    [$t->get('/x', key => $t->key('free')),
        'status=200 uid=u_free key=key_free auth=OK limit=PASSED '
        . 'source=zone left=599', 'no limit for the key'],
    [$t->get('/free', key => $alice),
        'status=200 uid=u_acme key=key_alice plan=pro auth=OK limit=OFF',
        'spocr_limit off'],
    [$t->get('/open', key => $alice), 'status=200 auth=OFF',
        'an open location'],
    [$t->get('/x'), 'status=401 code=unauthorized auth=MISSING', 'no key'],
    [$t->get('/x', key => "$alice."),
        'status=401 code=unauthorized auth=MALFORMED', 'malformed'],
    [$t->get('/x', key => 'spocr_x'),
        'status=403 code=forbidden auth=UNKNOWN', 'unknown'],
    [$t->get('/x', key => $t->key('old')),
        'status=403 code=forbidden uid=u_acme key=key_old plan=pro '
        . 'auth=EXPIRED', 'expired'],
    [$t->get('/x', key => $t->key('gone')),
        'status=403 code=forbidden uid=u_gone key=key_gone auth=REVOKED',
        'revoked'],
    [$t->get('/scope', key => $t->key('none')),
        'status=403 code=insufficient_scope uid=u_none key=key_none '
        . 'auth=SCOPE', 'no scope'],
    [$t->get('/post', key => $alice),
        'status=405 code=method_not_allowed uid=u_acme key=key_alice '
        . 'plan=pro auth=OK limit=OFF', 'another method'],
    [$t->get('/down', key => $alice),
        'status=502 code=bad_gateway uid=u_acme key=key_alice plan=pro '
        . 'auth=OK limit=OFF', 'no backend'],
    [$t->get('/own'), 'status=404 code=not_found', "a location's own"],
    [$t->get('//x'), 'status=400 code=bad_request', 'a bad target'],
    [$t->get('/free?status=404', key => $alice),
        'status=404 uid=u_acme key=key_alice plan=pro auth=OK limit=OFF',
        "the backend's 404 is no error of ours"],
    [$t->get('/x', headers => ['X-Request-Id' => 'theirs']),
        'status=401 code=unauthorized auth=MISSING client=theirs',
        "the client's id"],
) {
    my ($r, $expected, $name) = @$case;
    is line($r), $expected, $name;
}

# in a header for the backend
my $r = $t->get('/echo', key => $alice);
my ($vars) = map { $_->[1] } grep { $_->[0] eq 'X-Vars' }
             @{ $r->json->{headers} };
is $vars, 'u_acme key_alice pro', 'before the request is sent';

# where everything is off there is still an id for the log, and nothing more
is $t->get('/off')->header('X-Request-Id'), undef, 'off: no header';

# one line for each request, and each is JSON (threats, R 24)
my @hostile = ("a\"b", 'a\\b', "a\tb", "\xff\xfe", '$spocr_uid', '{}');
$t->get('/x', headers => ['X-Request-Id' => $_, 'User-Agent' => $_])
    for @hostile;
my $count = 0;
ok wait_for(sub {
    my @lines = split /\n/, $t->log('all.log');
    $count = grep { eval { JSON::PP->new->latin1->decode($_) } } @lines;
    return $count == @lines && $count == 4 + 15 + 2 + @hostile;
}), 'one line of JSON for each request' or diag $count;

$t->done;
