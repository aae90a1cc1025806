# Sixty a minute for a key and six hundred for a uid, counted in Redis: what a
# client sees is what it sees with the counters of a zone.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(
    plans => { pro => { limits => { key => 7, uid => 9 } },
               free => { limits => { key => undef, uid => undef } } },
    tenants => { u_pro => { plan => 'pro' }, u_free => { plan => 'free' } },
    keys => {
        (map { ("k$_" => { uid => "u_$_" }) } 1 .. 9),
        (map { ("a$_" => { uid => 'u_a' }) } 1 .. 3),
        (map { ("d$_" => { uid => 'u_d' }) } 1 .. 11),
        pro => { uid => 'u_pro' }, pro2 => { uid => 'u_pro' },
        free => { uid => 'u_free' },
        half => { uid => 'u_half',
                  limits => { both => { key => undef } } },
        own => { uid => 'u_own', limits => { few => { key => 5 } } },
    });

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    keepalive_requests 100000;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source always;
        add_header T-Status $spocr_limit_status always;
        add_header T-Left $spocr_limit_remaining always;
        add_header T-Retry $spocr_retry_after always;

        location / { proxy_pass http://%%BACKEND%%; }
        location /few {
            spocr_limit name=few key=3 uid=10 window=3600s;
            proxy_pass http://%%BACKEND%%;
        }
        location /both {
            spocr_limit name=both key=6 uid=10 window=3600s;
            proxy_pass http://%%BACKEND%%;
        }
        location /wide {
            spocr_limit name=wide window=3600s;
            proxy_pass http://%%BACKEND%%;
        }
        location /dry {
            spocr_limit name=few key=3 uid=10 window=3600s;
            spocr_limit_dry_run on;
            proxy_pass http://%%BACKEND%%;
        }
        location /ietf {
            spocr_limit name=few key=3 uid=10 window=3600s;
            spocr_limit_headers ietf;
            proxy_pass http://%%BACKEND%%;
        }
        location /legacy {
            spocr_limit name=few key=3 uid=10 window=3600s;
            spocr_limit_headers legacy;
            proxy_pass http://%%BACKEND%%;
        }
        location /zone {
            spocr_limit name=few key=3 uid=10 window=3600s;
            spocr_limit_store zone;
            proxy_pass http://%%BACKEND%%;
        }
        location /off { spocr_limit off; proxy_pass http://%%BACKEND%%; }
    }
}
EOC
$t->start($conf);
$t->redis->linked(2);

# Sends n requests over one connection: the answers.
sub many ($n, $target, $name) {
    my $c = $t->conn;
    return map { $c->request(GET => $target, key => $t->key($name)) } 1 .. $n;
}

# "200:3 429:2", or the same of a header.
sub count ($header, @r) {
    my %n;
    $n{ ($header eq 'status' ? $_->status : $_->header($header)) // '-' }++
        for @r;
    return join ' ', map { "$_:$n{$_}" } sort keys %n;
}

# C-13
my @r = in_window(60_000, sub { many(70, '/x', 'k1') });
is count(status => @r), '200:60 429:10', 'sixty of seventy';
is join('', map { $_->status == 200 ? 'y' : 'n' } @r),
   'y' x 60 . 'n' x 10, 'the first sixty';
my $id = $r[60]->id;
like $r[60]->body, qr/^\{"error":\{"code":"rate_limited",
    "message":"Rate\ limit\ exceeded","requestId":"\Q$id\E"\},
    "details":\{"retryAfterSec":[1-9][0-9]?\}\}$/x, 'the body, to the byte';

# C-14
is scalar(grep { defined $_->header('Retry-After') } @r), 0,
   'no Retry-After at all';
is scalar(grep { my $s = $_->json->{details}{retryAfterSec};
                 $s < 1 || $s > 60 || $s != int $s } @r[60 .. 69]), 0,
   'retryAfterSec is from 1 to 60';
is $r[69]->header('T-Retry'), $r[69]->json->{details}{retryAfterSec},
   '$spocr_retry_after';

# C-18: what the sixtieth was told is enough to refuse the next
is join(' ', map { $_->header('T-Source') } @r),
   join(' ', ('redis') x 60, ('deny_cache') x 10), '$spocr_limit_source';
is count('T-Status' => @r), 'PASSED:60 REJECTED_KEY:10',
   '$spocr_limit_status';
is join(' ', map { $_->header('T-Left') } @r),
   join(' ', reverse(0 .. 59), (0) x 10), '$spocr_limit_remaining';

# C-15: both levels or none
@r = in_window(3600_000, sub { map { [many(@$_)] } [26, '/both', 'a1'],
                               [9, '/both', 'a2'], [5, '/both', 'a3'] });
is join(' ', map { scalar grep { $_->status == 200 } @$_ } @r), '6 4 0',
   'the first key has its six, the second what the uid has left';
is count('T-Status' => @{ $r[0] }), 'PASSED:6 REJECTED_KEY:20', 'by the key';
is count('T-Status' => @{ $r[1] }), 'PASSED:4 REJECTED_UID:5', 'by the uid';
is count('T-Status' => @{ $r[2] }), 'REJECTED_UID:5', 'and by it alone';
is_error $r[2][4], 429, 'rate_limited', 'the same body for both levels',
    message => 'Rate limit exceeded', details => $r[2][4]->json->{details};
my %kept = map { my ($whose) = /:([ku](?::key_a\d)?)$/;
                 my ($n) = $t->redis->do('GET', $_) =~ /:(\d+)$/;
                 ($whose => $n) }
           @{ $t->redis->do('KEYS', 'spocr:{*}:l:both:*') };
is_deeply \%kept, { 'k:key_a1' => 6, 'k:key_a2' => 4, u => 10 },
    'a refusal took nothing of either counter';

# C-13: six hundred for a uid
my @d = in_window(3600_000, sub {
    return map { scalar grep { $_->status == 200 } many(61, '/wide', "d$_") }
           1 .. 11;
});
is "@d", join(' ', (60) x 10, 0), 'ten keys of one uid have six hundred';

# names, plans, and what is not limited
is count(status => in_window(3600_000, sub { many(9, '/few', 'own') })),
   '200:5 429:4', "a record's named limit";
is count(status => in_window(60_000, sub {
    many(8, '/x', 'pro'), many(8, '/x', 'pro2') })), '200:9 429:7',
   'the limits of a plan';
@r = in_window(3600_000, sub { many(15, '/both', 'half') });
is count(status => @r), '200:10 429:5', 'a key without a limit has its uid\'s';
@r = many(80, '/x', 'free');
is count(status => @r), '200:80', 'no limit at all';
is count('T-Source' => @r), '-:80', 'needs no Redis';
@r = many(80, '/off', 'k2');
is count(status => @r), '200:80', 'spocr_limit off';
is count('T-Source' => @r), '-:80', 'neither does it';

# dry run: counted in the same place, refused nowhere
@r = in_window(3600_000, sub { many(5, '/dry', 'k3'), many(1, '/few', 'k3') });
is count(status => @r), '200:5 429:1', 'a dry run counts, and refuses nobody';
is count('T-Status' => @r),
   'PASSED:3 REJECTED_KEY:1 REJECTED_KEY_DRY_RUN:2', 'and says who it was';

# C-21
sub limits ($r) {
    my $left = 3600 - time % 3600;
    return join ' | ', map { "$_->[0]: $_->[1]" =~
        s/(;t=|Reset: )(\d+)/abs($2 - $left) <= 2 ? "${1}T" : "$1$2"/ger }
        grep { $_->[0] =~ /ratelimit/i } @{ $r->headers };
}
@r = in_window(3600_000, sub { many(5, '/ietf', 'k4') });
my $policy = 'RateLimit-Policy: "key";q=3;w=3600, "uid";q=10;w=3600';
for my $case ([0, 2, 9], [2, 0, 7], [3, 0, 7]) {
    my ($i, $key, $uid) = @$case;
    is limits($r[$i]), "$policy | RateLimit: \"key\";r=$key;t=T, "
                       . "\"uid\";r=$uid;t=T", "ietf, answer $i";
}
is $r[4]->header('T-Source'), 'deny_cache', 'a refusal out of memory';
like limits($r[4]), qr/"key";r=0;t=T/, 'tells what is left as well';

@r = in_window(3600_000, sub { many(5, '/legacy', 'k5') });
for my $case ([0, 2], [2, 0], [3, 0], [4, 0]) {
    is limits($r[$case->[0]]), 'X-RateLimit-Limit: 3 | '
        . "X-RateLimit-Remaining: $case->[1] | X-RateLimit-Reset: T",
        "legacy, answer $case->[0]";
}

# two stores count apart
@r = in_window(3600_000, sub { many(4, '/zone', 'k6'), many(4, '/few', 'k6') });
is count(status => @r), '200:6 429:2', 'three here and three there';
is count('T-Source' => @r), 'deny_cache:1 redis:3 zone:4',
   'each in its own place';

# C-20: a reload changes nothing, not even what is known of a refusal
@r = in_window(3600_000, sub {
    my @before = (many(2, '/few', 'k7'), many(4, '/few', 'k8'));
    my $done = $t->reload;
    return $done, @before, many(2, '/few', 'k7'), many(1, '/few', 'k8');
});
ok shift @r, 'a reload';
is count(status => @r[0 .. 5]), '200:5 429:1', 'before it';
is join(' ', map { $_->status } @r[6, 7, 8]), '200 429 429', 'after it';
is $r[8]->header('T-Source'), 'deny_cache', 'what was refused is known';

ok $t->reload($conf =~ s/ timeout=20s/ timeout=4s/r), 'another timeout';
is_deeply [map { $_->header('T-Source') } many(2, '/x', 'k9')],
    ['redis', 'redis'], 'the new workers have links of their own';

# nothing lasts longer than its window and a second
for my $key (@{ $t->redis->do('KEYS', '*') }) {
    my ($width) = $key =~ /:l:[^:]+:(\d+):/ or fail "a key like $key";
    my $ttl = $t->redis->do('PTTL', $key);
    ok $ttl > 0 && $ttl <= $width + 1000, "$key expires"
        if $key =~ /:u$/;
}

$t->done;
