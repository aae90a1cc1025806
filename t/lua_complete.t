# spocr.lua: the end of a claim, and what a uid may store. C-22, C-28, C-29,
# C-30, C-34, C-41; contract, section 5.

use v5.36;
use lib 't/lib';
use Spocr::Redis;
use Test::More;

my $SOURCE = do {
    open my $in, '<', 'ngx_spocr_module/spocr.lua' or die "spocr.lua: $!\n";
    local $/;
    readline $in;
};
my $DAY = 86_400_000;
my ($KEY, $BUDGET) = ('spocr:{ab}:i:' . 'c' x 64, 'spocr:{ab}:b');
my ($A, $B) = ('a' x 16, 'b' x 16);                     # tokens
my ($F, $G) = ('f' x 32, 'g' x 32);                     # fingerprints

my $redis = Spocr::Redis->new;
$redis->do('FUNCTION', 'LOAD', $SOURCE);

# The answer without its nonce.
my $nonce = 0;

sub complete ($token, $state, $text, %o) {
    $nonce++;
    my $answer = ($o{client} // $redis)->do(
        'FCALL', 'spocr_v2_complete', 2, $o{key} // $KEY,
        $o{counter} // $BUDGET, "n$nonce", $token, $o{f} // $F,
        $o{ttl} // 500_000, $state, $state eq 'T' ? ($text, '') : ('', $text),
        $o{id} // 'req_1', $o{budget} // 0);
    die "another nonce\n" if shift @$answer ne "n$nonce";
    return "@$answer";
}

sub claim ($token, %o) {
    my $answer = ($o{client} // $redis)->do(
        'FCALL', 'spocr_v2_claim', 1, $o{key} // $KEY, 'n', $token, $o{f} // $F,
        60_000, $DAY, $o{policy} // 'deny', $o{id} // 'req_1');
    return join ' ', @$answer[1 .. $#$answer];
}

sub fields ()   { return { @{ $redis->do('HGETALL', $KEY) } } }
sub clean ()    { $redis->do('FLUSHALL') }
sub ended ()    { $redis->do('HSET', $KEY, 'ld', 1) }   # the lease
sub ttl ($key = $KEY) { $redis->do('PTTL', $key) }

sub fails ($code, $re, $name) {
    ok !eval { $code->(); 1 }, $name;
    like $@, $re, '... is an error';
}

# -- its owner

claim($A);
is complete($B, 'D', 'forged'), 'LOST', 'another token';
is complete($A, 'D', 'forged', f => $G), 'LOST', 'another fingerprint';
is fields()->{s}, 'P', 'nothing was written';
is complete($A, 'D', 'answer'), 'OK', 'C-22: the answer is stored';
is_deeply fields(), { s => 'D', t => $A, f => $F, b => 'answer',
                      rid => 'req_1' }, 'the record';
cmp_ok ttl(), '<=', 500_000, 'is kept for the ttl from now on';
cmp_ok ttl(), '>', 490_000, '... all of it';

$redis->do('PEXPIRE', $KEY, 1000);
is complete($A, $_, 'again'), 'DUP', "told again, as $_" for 'D', 'T';
is complete($A, 'D', 'again', f => $G), 'LOST', 'or of another request';
is complete($B, $_, 'again'), 'LOST', "by another one, as $_" for 'D', 'T';
is fields()->{b}, 'answer', 'the first one stays';
cmp_ok ttl(), '<=', 1000, 'as long as it would';

# -- tombstones, C-30

clean();
claim($A);
is complete($A, 'T', 'too_large'), 'OK', 'nothing to replay';
is_deeply fields(), { s => 'T', t => $A, f => $F, st => 'too_large',
                      rid => 'req_1' }, 'the tombstone';
is complete($A, $_, 'encoded'), 'DUP', "told again, as $_" for 'D', 'T';
is complete($B, 'D', 'x'), 'LOST', 'by another one';
is claim($B), 'TOMB too_large req_1', 'a repeat is told why';

# -- late: the lease has ended, C-28

clean();
claim($A);
ended();
is complete($A, 'D', 'late'), 'OK', 'nobody has seen it yet';
clean();
claim($A);
ended();
is claim($B), 'TOMB outcome_unknown req_1', 'somebody was told that';
is complete($B, 'D', 'forged'), 'LOST', '... and has no claim';
is complete($A, 'D', 'forged', f => $G), 'LOST', 'nor has another request';
is complete($A, 'D', 'late'), 'OK', 'the owner knows better';
is claim($B), 'DONE late req_1', '... from now on';
is complete($A, 'D', 'late'), 'DUP', 'once';
clean();
claim($A);
ended();
claim($B);
is complete($A, 'T', 'encoded'), 'OK', 'as a tombstone, too';
is claim($B), 'TOMB encoded req_1', 'which has its reason';
clean();
claim($A);
ended();
claim($B, policy => 'retry', id => 'req_2');
is complete($A, 'D', 'late'), 'LOST', 'retry: the claim is another\'s';
is complete($B, 'D', 'second', id => 'req_2'), 'OK', '... who completes it';
is complete($A, 'D', 'late'), 'LOST', 'and stays another\'s';
is claim($A), 'DONE second req_2', 'the second answer is the one';

# -- a record that vanished, C-29

for my $case ([D => 'answer', 'DONE answer req_1'],
              [T => 'encoded', 'TOMB encoded req_1']) {
    my ($state, $text, $after) = @$case;
    clean();
    is complete($A, $state, $text), 'RESTORED', "Redis has lost it ($state)";
    is claim($B), $after, '... and has it again';
    cmp_ok ttl(), '>', 490_000, '... for the ttl';
    is complete($A, $state, $text), 'DUP', '... once';
}

# -- what is binary stays so; sizes

my $binary = join '', map { chr } 0 .. 255;
for my $blob ('', "\0", "\r\n", $binary, $binary x 4096) {
    clean();
    claim($binary =~ s/\A(.{16}).*/$1/sr, f => substr($binary, 200, 32));
    is complete(substr($binary, 0, 16), 'D', $blob, id => "\0\r\n",
                f => substr($binary, 200, 32)), 'OK', length($blob) . ' bytes';
    ok $redis->do('HGET', $KEY, 'b') eq $blob, '... are kept as they are';
    ok claim($A, f => substr $binary, 200, 32) eq "DONE $blob \0\r\n",
        '... and told so';
}

# -- the budget, C-41

sub counted () {
    my ($window, $bytes) = ($redis->do('GET', $BUDGET) // 'no:no')
                           =~ /^(\w+):(\w+)$/;
    return $bytes;
}

# Stores an answer under a key of its own.
my $n = 0;

sub store ($bytes, $budget, %o) {
    my @key = (key => "$KEY-" . ++$n);
    claim($A, @key);
    return complete($A, 'D', 'x' x $bytes, budget => $budget, @key, %o);
}

# not at the end of a day: a window lasts for all that follows
my $time = $redis->do('TIME');
my $passed = $time->[0] % 86_400;
sleep 86_402 - $passed if $passed > 86_370;
my $window = int $redis->do('TIME')->[0] / 86_400;

clean();
is store(100, 2000), 'OK', 'within the budget';
is $redis->do('GET', $BUDGET), "$window:612",
    'its bytes and 512, in the window of Redis\' day';
my $left = $DAY - $redis->do('TIME')->[0] % 86_400 * 1000;
cmp_ok abs(ttl($BUDGET) - $left - 1000), '<', 3000,
    'the counter ends with the window';
is store(876, 2000), 'OK', 'to the last byte';
is counted(), 2000, 'all of it';
is store(0, 2000), 'BUDGET', 'and no further';
is counted(), 2000, '... which takes nothing';
is claim($B, key => "$KEY-$n"), 'TOMB budget req_1', '... but a tombstone';
cmp_ok ttl("$KEY-$n"), '>', 490_000, '... that is kept as long';
is complete($A, 'D', '', key => "$KEY-$n", budget => 9999), 'DUP',
    '... and told once';
is store(0, 2512), 'OK', 'a larger budget acts at once';
is store(0, 1), 'BUDGET', 'and a smaller one';
is store(9999, 0), 'OK', 'without a budget: all is stored';
is counted(), 2512, '... and not counted';

clean();
claim($A);
is complete($A, 'T', 'encoded', budget => 600), 'OK', 'a tombstone';
is counted(), 'no', 'takes nothing from it';
clean();
claim($A);
is join(' ', map { complete($A, 'D', 'x' x 88, budget => 600) } 1 .. 3),
    'OK DUP DUP', 'told again';
is counted(), 600, '... it counts once';
is complete($B, 'D', 'x', budget => 9999), 'LOST', 'another\'s';
is counted(), 600, '... counts nothing';
is complete($A, 'D', '', key => "$KEY-r", budget => 600), 'BUDGET',
    'what was lost is within the budget, too';
is complete($A, 'D', '', key => "$KEY-r2", budget => 1112), 'RESTORED',
    '... or not';

# windows are those of Redis' clock: what another one counted is over
for my $other ($window - 1, $window + 1, 0) {
    $redis->do('SET', $BUDGET, "$other:600");
    is store(88, 600), 'OK', "the budget of window $other is another one";
    is $redis->do('GET', $BUDGET), "$window:600", '... and written over';
}
for my $bad ('', 'x', '600', "$window", "$window:", ':600', "$window:-600",
             "$window:6e2", "$window:600 ", "$window:0x600", "$window\0:600",
             '9' x 400 . ':1') {
    $redis->do('SET', $BUDGET, $bad);
    is store(88, 600), 'OK', 'a counter of ' . substr($bad =~ s/\W/./gr, 0, 20);
    is $redis->do('GET', $BUDGET), "$window:600", '... counts as none';
    cmp_ok ttl($BUDGET), '>', 0, '... and expires';
}
for my $make (['RPUSH', $BUDGET, 1], ['HSET', $BUDGET, 1, 2]) {
    $redis->do('DEL', $BUDGET);
    $redis->do(@$make);
    is store(88, 600), 'OK', "a counter of another type, of $make->[0]";
    is counted(), 600, '... is written over';
}
$redis->do('SET', $BUDGET, "$window:" . '9' x 400);
is store(0, 999_999_999), 'BUDGET', 'one without end';

# -- many at once: the budget is exact

sub at_once ($clients, $run) {
    my @out;
    for my $i (1 .. $clients) {
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

clean();
my %seen;
$seen{$_}++ for map { split / / } at_once(16, sub ($i) {
    my $client = $redis->client;
    return join ' ', map {
        my @key = (key => "$KEY-$i-$_", client => $client);
        claim($A, @key);
        complete($A, 'D', 'x' x 488, budget => 100_000, @key);
    } 1 .. 20;
});
is_deeply \%seen, { OK => 100, BUDGET => 220 },
    '16 connections, 320 answers: the budget, exactly';
is counted(), 100_000, 'as it is counted';

# -- wrong calls write nothing

clean();
claim($A);
my $before = fields();
my @good = ($A, $F, 1000, 'D', '', 'x', 'req_1', 9999);
for my $case ([0, 'a'], [0, 'a' x 17], [1, 'f'], [2, 'x'], [2, -1], [2, ''],
              [3, 'P'], [3, ''], [3, 'd'], [4, 'x' x 65], [6, 'r' x 65],
              [7, 'x'], [7, ''], [7, -1], [7, 'nan']) {
    my ($i, $value) = @$case;
    my @args = @good;
    $args[$i] = $value;
    fails sub { $redis->do('FCALL', 'spocr_v2_complete', 2, $KEY, $BUDGET, 'n',
                           @args) }, qr/^ERR /, "argument $i is '$value'";
}
fails sub { $redis->do('FCALL', 'spocr_v2_complete', 2, $KEY, $BUDGET, 'n',
                       @good[0 .. $_ - 1]) }, qr/^ERR /, "$_ arguments"
    for 0 .. 7;
fails sub { $redis->do('FCALL', 'spocr_v2_complete', 1, $KEY, 'n', @good) },
    qr/^ERR /, 'without a counter';
is_deeply fields(), $before, 'nothing has changed';
is $redis->do('DBSIZE'), 1, '... anywhere';

# -- its cost: commands that Redis runs

my $client = $redis->client;
is_deeply $redis->counted(sub { complete($A, 'D', 'x', budget => 9999,
                                         client => $client) }),
    { fcall => 1, hmget => 1, time => 1, mget => 1, set => 1, del => 1,
      hset => 1, pexpire => 1 }, 'an answer';

# -- users, memory

clean();
$redis->do(qw(ACL SETUSER gateway on >pw ~spocr:{* +fcall +time +mget +set
              +hmget +hset +exists +pexpire +del));
my $gateway = $redis->client(user => 'gateway', password => 'pw');
claim($A, client => $gateway);
is complete($A, 'D', 'x', client => $gateway, budget => 9999), 'OK',
    'with the least privileges';
fails sub { complete($A, 'D', 'x', client => $gateway, counter => 'other') },
    qr/^NOPERM/, 'no key but ours';

my $full = Spocr::Redis->new(maxmemory => '100mb');
$full->do('FUNCTION', 'LOAD', $SOURCE);
claim($A, client => $full);
$full->do('CONFIG', 'SET', 'maxmemory', '100kb');
fails sub { complete($A, 'D', 'x', client => $full, budget => 9999) },
    qr/^OOM /, 'no memory';
is $full->do('HGET', $KEY, 's'), 'P', 'the claim goes on';
is $full->do('EXISTS', $BUDGET), 0, 'and nothing was counted';
$full->do('CONFIG', 'SET', 'maxmemory', '100mb');
is complete($A, 'D', 'x', client => $full, budget => 9999), 'OK',
    'when there is some again';

done_testing;
