# spocrctl doctor: what is wrong with a Redis. Contract, section 5.

use lib 't/lib';
use Spocr::Ctl;
use Spocr::FakeRedis;
use Spocr::Port;
use Spocr::Redis;

my $good = Spocr::Redis->new(aof => 1);
my $ctl = Spocr::Ctl->new(redis => $good->url);
$ctl->run(qw(redis install));

# The answer as {check => [result, text]}, and "ok" and "code".
sub doctor ($url, @args) {
    my $r = $ctl->raw('', 'doctor', '--json', '--redis', $url, @args);
    my $a = eval { JSON::PP::decode_json($r->{out}) } // {};
    my %checks = map { ($_->{check} => [@$_{qw(result text)}]) }
                 @{ $a->{checks} };
    return { %checks, ok => $a->{ok} ? 1 : 0, code => $r->{code},
             all => $a };
}

sub told ($d, $check, $result, $re, $name = '') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $c = $d->{$check} // ['absent', ''];
    ok $c->[0] eq $result && $c->[1] =~ $re, "$check: $result $name"
        or diag "$c->[0]: $c->[1]";
}

# -- a good one

my $d = doctor($good->url);
is "$d->{code} $d->{ok}", '0 1', 'a good Redis';
told $d, 'reachable', 'ok', qr/^redis:\/\/127/;
told $d, 'version', 'ok', qr/^\w+ \d+\.\d+/;
told $d, 'functions', 'ok', qr/spocr_v2, of this release/;
told $d, 'permissions', 'ok', qr/all that the gateway needs/;
told $d, 'role', 'ok', qr/^master$/;
told $d, 'durability', 'ok', qr/append-only file, fsync always/;
told $d, 'memory', 'ok', qr/nothing is evicted/;
like $d->{latency}[1], qr/^p50 \d+\.\d\d ms, p99 \d+\.\d\d ms of 100 calls/,
    'the latency';
my ($latency) = grep { $_->{check} eq 'latency' } @{ $d->{all}{checks} };
cmp_ok $latency->{p50Ms}, '<=', $latency->{p99Ms}, 'as numbers, too';
told $d, 'clock', 'ok', qr/^-?\d+\.\d{3} s from the one here/;
is scalar(keys %$d) - 3, 9, 'nine checks';

my $r = $ctl->run('doctor');
works $r, 'as a table';
like $r->{out}, qr/\A(?:ok +[a-z]+ +\S.*\n){7}/, 'of lines';
for my $name (@{ $good->do('KEYS', '*') }) {
    my $ttl = $good->do('PTTL', $name);
    ok $ttl <= 2000 && $ttl != -1, "$name is gone soon" or diag $ttl;
}

# -- the functions

$good->do('FUNCTION', 'FLUSH');
$d = doctor($good->url);
is "$d->{code} $d->{ok}", '1 0', 'without the functions';
told $d, 'functions', 'FAIL', qr/spocr_v2 is not there: spocrctl redis install/;
told $d, 'permissions', 'unknown', qr/cannot be tried/;
$good->do('FUNCTION', 'LOAD', "#!lua name=spocr_v2\n" . join '', map {
    qq[redis.register_function{ function_name = "spocr_v2_$_", flags = ]
    . qq[{ "no-writes" }, callback = function(k, a) return { a[1] } end }\n]
} qw(hello limit get));
$d = doctor($good->url);
told $d, 'functions', 'warn', qr/of an older or a newer release/;
is $d->{code}, 0, 'which is no failure';
$ctl->run(qw(redis install --force));

# -- what is not told, and what is not permitted

my @commands = qw(+fcall +fcall_ro +get +mget +set +time +ping +subscribe);
$good->do(qw(ACL SETUSER quiet on nopass ~spocr:* &spocr:notice), @commands);
(my $quiet = $good->url) =~ s{//}{//quiet\@};
$d = doctor($quiet);
is "$d->{code} $d->{ok}", '0 1', 'a user that may not ask';
told $d, $_, 'unknown', qr/denied/ for 'durability', 'memory';
told $d, 'functions', 'ok', qr/^spocr_v2$/;
my $inside = qr{NOPERM|user .* can't run this command|no permissions to run};
for my $case (['-set', $inside], ['-mget', $inside],
              ['-subscribe', qr/NOPERM.*subscribe/],
              ['-ping', qr/NOPERM.*ping/], ['-fcall_ro', qr/NOPERM.*fcall_ro/],
              ['-get', $inside],
              ['resetchannels', qr/NOPERM/], ['resetkeys', qr/NOPERM/]) {
    my ($rule, $re) = @$case;
    $good->do(qw(ACL SETUSER less reset on nopass ~spocr:* &spocr:notice),
              @commands, $rule);
    my $less = doctor($quiet =~ s/quiet/less/r);
    told $less, 'permissions', 'FAIL', $re, "($rule)";
    is $less->{code}, 1, '... is a failure';
}
$good->do(qw(ACL SETUSER less reset on nopass ~spocr:* +mget));
told doctor($quiet =~ s/quiet/less/r), 'functions', 'FAIL', qr/NOPERM/;

# -- how it keeps things

my $none = Spocr::Redis->new;
$none->do('CONFIG', 'SET', 'save', '');
told doctor($none->url), 'durability', 'warn', qr/none: a restart forgets/;
$none->do('CONFIG', 'SET', 'save', '3600 1');
told doctor($none->url), 'durability', 'warn', qr/snapshots alone/;
$none->do('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
told doctor($none->url), 'memory', 'warn', qr/would evict/;
$none->do('CONFIG', 'SET', 'maxmemory', '100mb');
$d = doctor($none->url);
told $d, 'memory', 'FAIL', qr/allkeys-lru evicts .* must be noeviction/;
is $d->{code}, 1, 'which is a failure';

my $replica = Spocr::Redis->new(replica_of => $none);
told doctor($replica->url), 'role', 'FAIL', qr/it needs the master/;

# -- a clock that is wrong

SKIP: {
    my ($faketime) = grep { -x } '/usr/bin/faketime';
    skip 'faketime is not installed', 1 if !$faketime;
    my $text = `$faketime -f +30s $Spocr::Ctl::PROGRAM doctor --redis ${\
               $good->url} 2>&1`;
    like $text, qr/^warn +clock +-(?:29|30)\.\d s from the one here/m,
        'a clock that is 30 s ahead';
}

# -- none at all, or no Redis

my $port = Spocr::Port->new;
$d = doctor('redis://127.0.0.1:' . $port->number);
is "$d->{code} $d->{ok}", '1 0', 'nobody';
told $d, 'reachable', 'FAIL', qr/Connection refused/;
$none->pause;
told doctor($none->url, '--timeout', '1s'), 'reachable', 'FAIL',
    qr/no answer within 1 s/;
$none->resume;
my $closed = Spocr::Redis->new(password => 'pw');
told doctor($closed->url), 'reachable', 'FAIL', qr/NOAUTH/;

my $fake = Spocr::FakeRedis->new;
$fake->lie(HELLO => { say => "*6\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n"
    . "\$7\r\nversion\r\n\$6\r\n6.2.14\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n" });
$d = doctor($fake->url);
told $d, 'version', 'FAIL', qr/redis 6\.2\.14 is too old: 7\.0 or newer/;
is $d->{code}, 1, 'Redis 6';

my $bus = Spocr::Port->new;         # or Redis takes one of those of clients
my $cluster = Spocr::Redis->new(config => [
    'cluster-enabled yes', 'cluster-port ' . $bus->number]);
told doctor($cluster->url), 'role', 'FAIL', qr/^cluster: .* single Redises/;

done_testing;
