# spocr.lua: taking, renewing and releasing a claim. C-22, C-25, C-26, C-27,
# C-28, C-34; contract, section 5.

use v5.36;
use lib 't/lib';
use Spocr::Redis;
use Test::More;
use Time::HiRes qw(sleep);

my $SOURCE = do {
    open my $in, '<', 'ngx_spocr_module/spocr.lua' or die "spocr.lua: $!\n";
    local $/;
    readline $in;
};
my $KEY = 'spocr:{ab}:i:' . 'c' x 64;
my ($LEASE, $TTL) = (60_000, 86_400_000);
my ($A, $B) = ('a' x 16, "\0\r\n\xff" x 4);             # tokens
my ($F, $G) = ('f' x 32, "\0\r\n\xfe" x 8);             # fingerprints

my $redis = Spocr::Redis->new;
$redis->do('FUNCTION', 'LOAD', $SOURCE);

# An answer as a text, without its nonce; undef is "nil".
my $nonce = 0;

sub call ($function, $args, %o) {
    $nonce++;
    my $answer = ($o{client} // $redis)->do(
        'FCALL', "spocr_v2_$function", 1, $o{key} // $KEY, "n$nonce", @$args);
    die "another nonce\n" if shift @$answer ne "n$nonce";
    return join ' ', map { $_ // 'nil' } @$answer;
}

sub claim ($token, %o) {
    return call('claim', [$token, $o{f} // $F, $o{lease} // $LEASE,
                          $o{ttl} // $TTL, $o{policy} // 'deny',
                          $o{id} // 'req_1'], %o);
}

sub renew ($token, $lease = $LEASE, %o) { call('renew', [$token, $lease], %o) }
sub release ($token, %o)                { call('release', [$token], %o) }

sub complete ($token, $state, $reason, $blob, %o) {
    my $answer = $redis->do(
        'FCALL', 'spocr_v2_complete', 2, $KEY, 'spocr:{ab}:b', 'n', $token,
        $o{f} // $F, $o{ttl} // $TTL, $state, $reason, $blob,
        $o{id} // 'req_1', 0);
    return $answer->[1];
}

sub fields ()   { return { @{ $redis->do('HGETALL', $KEY) } } }
sub clean ()    { $redis->do('FLUSHALL') }
sub ended ()    { $redis->do('HSET', $KEY, 'ld', 1) }    # the lease

sub fails ($code, $re, $name) {
    ok !eval { $code->(); 1 }, $name;
    like $@, $re, '... is an error';
}

# -- a claim, and who comes second

my $time = $redis->do('TIME');
my $now = $time->[0] * 1000 + int($time->[1] / 1000);
my ($new, $at) = claim($A) =~ /^(NEW 1) (\d+)$/;
is $new, 'NEW 1', 'nothing there: the claim is taken';
cmp_ok $at - $now, '>=', 0, 'at Redis\' time';
cmp_ok $at - $now, '<', 5000, '... of now';
is_deeply fields(), { s => 'P', t => $A, f => $F, n => 1, at => $at,
                      ld => $at + $LEASE, rid => 'req_1' }, 'the record';
my $left = $redis->do('PTTL', $KEY);
cmp_ok $left, '>', $TTL - 5000, 'is kept for the ttl';
cmp_ok $left, '<=', $TTL, '... and no longer';

my $before = fields();
my ($lease_left, $since) = claim($B, id => 'req_2')
                           =~ /^BUSY (\d+) (\d+) req_1$/;
cmp_ok $lease_left, '<=', $LEASE, 'C-26: busy, what is left of the lease';
cmp_ok $lease_left, '>', $LEASE - 5000, '... nearly all';
cmp_ok $since, '<', 5000, 'and since when';
is claim($B, f => $G), 'MISMATCH req_1', 'C-25: another request, meanwhile';
is claim($A, f => $G), 'MISMATCH req_1', '... also with the token';
is_deeply fields(), $before, 'and nothing was written';

# a lost answer: the claim is asked for again, with its token
$redis->do('HSET', $KEY, 'n', 3);
like claim($A), qr/^NEW 3 \d+$/, 'the same token: the same attempt';
cmp_ok fields()->{ld}, '>=', $before->{ld}, 'its lease begins anew';
is fields()->{at}, $at, 'and the claim is as old as it was';
ended();
like claim($A), qr/^NEW 3 /, 'also after its lease';
cmp_ok fields()->{ld}, '>=', $before->{ld}, 'which it has again';

# -- renew, release

$redis->do('HSET', $KEY, 'ld', 1);
is renew($B), 0, 'another token renews nothing';
is release($B), 0, 'and releases nothing';
is fields()->{ld}, 1, 'nothing was written';
is renew($A), 1, 'the owner renews, even a lease that has ended';
cmp_ok fields()->{ld}, '>=', $at + $LEASE, 'from now on';
cmp_ok $redis->do('PTTL', $KEY), '>', $TTL - 5000, 'it is kept as it was';
$redis->do('PEXPIRE', $KEY, 5000);
is renew($A, 10_000), 1, 'a record that would be forgotten before';
cmp_ok $redis->do('PTTL', $KEY), '>', 15_000, 'outlives its lease';
is release($A), 1, 'C-27: the owner releases';
is $redis->do('EXISTS', $KEY), 0, 'and nothing is left';
is release($A) . renew($A), '00', 'nothing to release or renew';
is $redis->do('EXISTS', $KEY), 0, '... and nothing is made of it';
like claim($B), qr/^NEW 1 /, 'a repeat runs';

# -- the end of a lease, C-28

clean();
claim($A, ttl => 500_000);
ended();
is claim($B, f => $G), 'MISMATCH req_1', 'another request stays another one';
is fields()->{s}, 'P', '... which decides nothing';
is claim($B, id => 'req_2'), 'TOMB outcome_unknown req_1',
    'deny: the outcome is unknown';
$left = $redis->do('PTTL', $KEY);
cmp_ok $left, '<=', 500_000, 'for the ttl from the claim on';
cmp_ok $left, '>', 490_000, '... all of it';
is claim($B, policy => 'retry'), 'TOMB outcome_unknown req_1',
    'and stays unknown, whatever the policy';
is claim($A), 'TOMB outcome_unknown req_1', 'for its owner, too';
is renew($A) . release($A), '00', 'who has it no more';
is fields()->{t}, $A, 'but is remembered, for an answer that comes late';

clean();
claim($A, ttl => 500_000);
ended();
my ($second) = claim($B, policy => 'retry', id => 'req_2') =~ /^NEW 2 (\d+)$/;
ok $second, 'retry: the second attempt';
is_deeply fields(), { s => 'P', t => $B, f => $F, n => 2, at => $second,
                      ld => $second + $LEASE, rid => 'req_2' }, 'is another\'s';
cmp_ok $redis->do('PTTL', $KEY), '>', 500_000, 'the ttl begins anew';
is renew($A) . release($A), '00', 'the first owner is out';
is complete($A, 'D', '', 'late'), 'LOST', '... for its answer, too';
like claim('c' x 16), qr/^BUSY .* req_2$/, 'and the second lease is one';
ended();
like claim('d' x 16, policy => 'retry'), qr/^NEW 3 /, 'the third';

clean();
claim($A, lease => 60);
like claim($B), qr/^BUSY (?:[1-5]?\d|60) /, 'a short lease';
sleep 0.08;
is claim($B), 'TOMB outcome_unknown req_1', 'ends by itself';
clean();
claim($A, lease => 50, ttl => 50);
sleep 0.07;
like claim($B), qr/^NEW 1 /, 'what is forgotten is new';
clean();
claim($A, lease => 80_000, ttl => 10);
cmp_ok $redis->do('PTTL', $KEY), '>', 70_000,
    'but not while its lease goes on';

# -- what was done, C-22

for my $blob ('answer', '', join('', map { chr } 0 .. 255) x 4000) {
    clean();
    claim($A);
    complete($A, 'D', '', $blob);
    is claim($B), "DONE $blob req_1", 'a stored answer of ' . length $blob;
    is claim($A), "DONE $blob req_1", 'for who stored it, too';
    is claim($B, f => $G), 'MISMATCH req_1', 'and not for another request';
    is renew($A) . release($A), '00', 'it is no claim any more';
}
clean();
claim($A);
complete($A, 'T', 'too_large', '');
is claim($B), 'TOMB too_large req_1', 'a tombstone says why';
is claim($B, policy => 'retry'), 'TOMB too_large req_1', 'and is never retried';

# -- what is binary stays so

clean();
my $binary = "\0\r\n \xff{}" x 9;
like claim($B, f => $G, id => $binary, key => "k\0\r\n"), qr/^NEW 1 /,
    'binary: token, fingerprint, id and key';
like claim($A, f => $G, key => "k\0\r\n"), qr/^BUSY \d+ \d+ \Q$binary\E$/,
    'as they were given';
is renew($B, 1, key => "k\0\r\n") . release($B, key => "k\0\r\n"), '11',
    'and compared as a whole';
claim($B);
is release(substr($B, 0, 15) . 'x'), 0, 'to the last byte';

# -- records that no function has written, C-34

my %pending = (s => 'P', t => $A, f => $F, n => 1, at => $at, ld => 1,
               rid => 'req_1');
my %done = (s => 'D', t => $A, f => $F, b => 'answer', rid => 'req_1');
my %tomb = (s => 'T', t => $A, f => $F, st => 'budget', rid => 'req_1');

sub plant (%record) {
    clean();
    $redis->do('HSET', $KEY, %record);
}

sub wrong ($name, %record) {
    plant(%record);
    is join(' ', claim($B, policy => 'retry'), claim($A), renew($A),
            release($A), complete($A, 'D', '', 'x')), 'BAD BAD 0 0 LOST', $name;
    is_deeply fields(), \%record, '... and nothing is written';
    is $redis->do('DBSIZE'), 1, '... nowhere';
}

plant(%pending);
like claim($A), qr/^NEW 1/, 'a planted claim of the right shape';
plant(%done);
is claim($A), 'DONE answer req_1', 'a planted answer';
plant(%tomb);
is claim($A), 'TOMB budget req_1', 'a planted tombstone';

for my $case (['claim', \%pending], ['answer', \%done], ['tombstone', \%tomb]) {
    my ($name, $record) = @$case;
    for my $field (sort keys %$record) {
        my %less = %$record;
        delete $less{$field};
        wrong("a $name without $field", %less);
    }
    wrong("a $name with $_->[0]", %$record, @{ $_->[1] })
        for ['another state', [s => 'X']], ['no state', [s => '']],
            ['a long state', [s => $record->{s} x 2]],
            ['a short token', [t => 'a' x 15]], ['no token', [t => '']],
            ['a long token', [t => 'a' x 17]],
            ['a short fingerprint', [f => 'f' x 31]],
            ['a long fingerprint', [f => 'f' x 33]],
            ['a long id', [rid => 'r' x 65]];
}
for my $field (qw(n at ld)) {
    wrong("$field is " . substr($_ =~ s/[^!-~]/./gr, 0, 16),
          %pending, $field => $_)
        for '', 'x', '-1', '1.5', '1e3', '0x10', 'nan', 'inf', ' 1', "1\n",
            '1' x 16, "1\0";
}
wrong('a long reason', %tomb, st => 'x' x 65);
wrong('another hash', a => 1);

for my $make (['SET', $KEY, 1], ['RPUSH', $KEY, 1], ['SADD', $KEY, 1]) {
    clean();
    $redis->do(@$make);
    fails $_->[1], qr/^WRONGTYPE /, "another type, of $make->[0]: $_->[0]"
        for [claim => sub { claim($A) }], [renew => sub { renew($A) }],
            [release => sub { release($A) }],
            [complete => sub { complete($A, 'D', '', 'x') }];
    is $redis->do('EXISTS', $KEY), 1, 'which stays';
}

# -- wrong calls write nothing

clean();
for my $case ([], [$A], [$A, $F], [$A, $F, 1, 1, 'deny'],
              ['a', $F, 1, 1, 'deny', 'r'], [$A, 'f', 1, 1, 'deny', 'r'],
              [$A, $F, 'x', 1, 'deny', 'r'], [$A, $F, 1, -1, 'deny', 'r'],
              [$A, $F, 1, 'nan', 'deny', 'r'], [$A, $F, '', 1, 'deny', 'r'],
              [$A, $F, 1, 1, 'deny', 'r' x 65]) {
    fails sub { call('claim', $case) }, qr/^ERR /, "a claim of @$case";
}
fails sub { $redis->do('FCALL', 'spocr_v2_claim', 0, 'n', $A, $F, 1, 1, 'deny',
                       'r') }, qr/^ERR /, 'without a key';
is $redis->do('DBSIZE'), 0, 'nothing is there';
claim($A);
$before = fields();
fails sub { renew($A, $_) }, qr/^ERR /, "a lease of '$_'" for 'x', '', -1;
is_deeply fields(), $before, 'nothing has changed';

# -- its cost: commands that Redis runs

clean();
my $client = $redis->client;
is_deeply $redis->counted(sub { claim($A, client => $client) }),
    { fcall => 1, time => 1, hmget => 1, exists => 1, hset => 1, pexpire => 1 },
    'a claim';
is_deeply $redis->counted(sub { claim($B, client => $client) }),
    { fcall => 1, time => 1, hmget => 1 }, 'one that is busy';

# -- 32 connections at once: exactly one of them has each key

sub at_once ($n, $run) {
    my @out;
    for my $i (1 .. $n) {
        pipe my $in, my $out or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            close $in;
            print {$out} eval { $run->($i) } // "failed $@";
            close $out;
            POSIX::_exit(0);
        }
        close $out;
        push @out, [$pid, $in];
    }
    return map { my $text = readline $_->[1]; waitpid $_->[0], 0; $text } @out;
}

# Each race has tokens of its own.
sub race ($name, $policy, $expected) {
    my %n;
    my @all = at_once(32, sub ($i) {
        my $token = sprintf '%-8s%08d', $policy, $i;
        my @calls = map { ['FCALL', 'spocr_v2_claim', 1, "$KEY-$_", 'n',
                           $token, $F, $LEASE, $TTL, $policy, "req_$i"] }
                    1 .. 100;
        return join ' ', map { $_->[1] . ($_->[1] eq 'NEW' ? $_->[2] : '') }
                         $redis->client->pipeline(@calls);
    });
    $n{$_}++ for map { split / / } @all;
    is_deeply \%n, $expected, $name;
}

clean();
race('32 connections, 100 keys: one NEW for each', 'deny',
     { NEW1 => 100, BUSY => 3100 });
$redis->do('HSET', "$KEY-$_", 'ld', 1) for 1 .. 100;
race('the leases have ended, retry: one NEW for each', 'retry',
     { NEW2 => 100, BUSY => 3100 });
$redis->do('HSET', "$KEY-$_", 'ld', 1) for 1 .. 100;
race('and with deny: none', 'deny', { TOMB => 3200 });

# -- users, memory, replicas

clean();
$redis->do(qw(ACL SETUSER gateway on >pw ~spocr:{* +fcall +time +hmget +hset
              +exists +pexpire +pttl +del));
my $gateway = $redis->client(user => 'gateway', password => 'pw');
like claim($A, client => $gateway), qr/^NEW 1 /, 'with the least privileges';
is renew($A, 1, client => $gateway) . release($A, client => $gateway), '11',
    'renew and release, too';
fails sub { claim($A, client => $gateway, key => 'other') }, qr/^NOPERM/,
    'no key but ours';

my $replica = Spocr::Redis->new(replica_of => $redis);
fails sub { claim($A, client => $replica) }, qr/^READONLY/, 'a replica';
$replica->stop;

my $full = Spocr::Redis->new(maxmemory => '100mb');
$full->do('FUNCTION', 'LOAD', $SOURCE);
like claim($A, client => $full), qr/^NEW 1 /, 'while there is memory';
$full->do('CONFIG', 'SET', 'maxmemory', '100kb');
fails sub { claim($B, client => $full, key => "$KEY-2") }, qr/^OOM /,
    'no claim is taken';
is $full->do('EXISTS', "$KEY-2"), 0, '... nor half of one';
is renew($A, $LEASE, client => $full), 1, 'but one can be renewed';
is release($A, client => $full), 1, 'and released';

done_testing;
