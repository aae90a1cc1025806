# spocr.lua, the limit, on a Redis of its own. C-15, C-16, C-18; contract,
# section 5.

use v5.36;
use lib 't/lib';
use Spocr::Redis;
use Test::More;

my $SOURCE = do {
    open my $in, '<', 'ngx_spocr_module/spocr.lua' or die "spocr.lua: $!\n";
    local $/;
    readline $in;
};
my $FOREVER = 10**12;                   # a window that no test sees the end of
my ($KEY, $UID) = ('spocr:{ab}:l:default:60000:k:key_1',
                   'spocr:{ab}:l:default:60000:u');

my $redis = Spocr::Redis->new;
is $redis->do('FUNCTION', 'LOAD', $SOURCE), 'spocr_v2', 'the library loads';

# ARGV without the nonce; the answer without it, too, when it is the right one.
my $nonce = 0;

sub call ($key_limit, $uid_limit, %o) {
    my ($key, $uid) = @{ $o{keys} // [$KEY, $UID] };
    $nonce++;
    my $answer = ($o{client} // $redis)->do(
        'FCALL', 'spocr_v2_limit', 2, $key, $uid, "n$nonce", $key_limit,
        $uid_limit, $o{width} // $FOREVER, @{ $o{told} // [0, 0, 0] });
    die "another nonce\n" if shift @$answer ne "n$nonce";
    return @$answer;
}

# Who refuses, and both counts.
sub counts (@args) { join ' ', (call(@args))[0 .. 2] }

sub fails ($code, $re, $name) {
    ok !eval { $code->(); 1 }, $name;
    like $@, $re, '... is an error';
}

# -- what it answers

my ($refused, $k, $u, $left, $window) = call(60, 600, width => 60000);
my $time = $redis->do('TIME');
my $now = $time->[0] * 1000 + int($time->[1] / 1000);
is "$refused $k $u", '0 1 1', 'the first one is taken from both';
cmp_ok abs($window - $now / 60000), '<=', 1, 'the window is of Redis TIME';
cmp_ok $left, '>', 0, 'some of it is left';
cmp_ok $left, '<=', 60000, 'and not more than there is';
is $redis->do('GET', $KEY), "$window:1", 'the number stands in the value';
for my $name ($KEY, $UID) {
    my $ttl = $redis->do('PTTL', $name);
    cmp_ok $ttl, '>', 0, 'a counter expires';
    cmp_ok $ttl, '<=', $left + 1000, 'soon after its window';
}

# -- all or nothing, C-15

$redis->do('FLUSHALL');
is join(', ', map { counts(2, 3) } 1 .. 4), '0 1 1, 0 2 2, 1 2 2, 1 2 2',
    'a refused request takes nothing from the uid';
my @other = (keys => ["${KEY}2", $UID]);
is join(', ', map { counts(2, 3, @other) } 1 .. 3), '0 1 3, 2 1 3, 2 1 3',
    'nor from the key, when the uid refuses';
is counts(2, 3), '3 2 3', 'both refuse';
is counts(3, 4), '0 3 4', 'a higher limit acts at once';
is counts(1, 2), '3 3 4', 'and a lower one';

# -- unlimited levels

$redis->do('FLUSHALL');
is counts(0, 1), '0 0 1', 'an unlimited key';
is counts(0, 1), '2 0 1', 'leaves the uid its limit';
is $redis->do('EXISTS', $KEY), 0, 'and is not counted';
$redis->do('FLUSHALL');
is join(', ', map { counts(1, 0) } 1, 2), '0 1 0, 1 1 0', 'an unlimited uid';
is $redis->do('EXISTS', $UID), 0, 'is not counted';
$redis->do('FLUSHALL');
is counts(0, 0), '0 0 0', 'both unlimited';
is $redis->do('DBSIZE'), 0, 'nothing is counted';

# -- what a gateway was told counts in the same window only

$redis->do('FLUSHALL');
my $number = (call(60, 600))[4];
my $low = $number % 2**24;
$redis->do('FLUSHALL');
is counts(60, 600, told => [$low, 41, 99]), '0 42 100',
    'counts that Redis has lost';
is counts(60, 600, told => [$low, 5, 5]), '0 43 101',
    'what Redis has is valid where it is more';
is counts(60, 600, told => [$low, 60, 0]), '1 60 101', 'a key that was full';
is counts(60, 600, told => [$low, 0, 600]), '3 60 600', 'a uid that was full';
$redis->do('FLUSHALL');
is counts(60, 600, told => [$low, 60, 5]), '1 60 5', 'a refusal is no request';
is join(' ', map { $redis->do('GET', $_) } $KEY, $UID),
    "$number:60 $number:5", 'but what is known is kept again';
$redis->do('FLUSHALL');
is counts(60, 600, told => [$_, 60, 600]), '0 1 1', "of window $_: nothing"
    and $redis->do('FLUSHALL') for $low + 1, $low - 1, $low + 2**24, '', 'x';
is counts(60, 0, told => [$low, 0, 9]), '0 1 0', 'of a level without a limit';

# -- what is no counter

for my $bad ('', 'abc', '5', "$number", "$number:", ":5", "$number:5:",
             "$number:-5", "$number:5 ", " $number:5", "$number:5\n",
             "$number:5.5", "$number:0x5", "$number:nan", "$number\0:5",
             'nan:1', '-1:5', '9' x 400 . ':1', '0:' . '9' x 400) {
    $redis->do('SET', $KEY, $bad);
    $redis->do('DEL', $UID);
    is counts(60, 600), '0 1 1', 'the text ' . substr($bad =~ s/\W/./gr, 0, 20);
    like $redis->do('GET', $KEY), qr/^$number:1$/, 'is written over';
}
for my $make (['RPUSH', $KEY, 1], ['HSET', $KEY, 1, 2], ['SADD', $KEY, 1]) {
    $redis->do('DEL', $KEY, $UID);
    $redis->do(@$make);
    is counts(60, 600), '0 1 1', "another type, of $make->[0]";
    is counts(60, 600), '0 2 2', 'is written over';
    cmp_ok $redis->do('PTTL', $KEY), '>', 0, 'and expires';
}
$redis->do('SET', $KEY, "$number:" . '9' x 400);
($refused, $k) = call(60, 600);
is $refused, 1, 'a count without end refuses';
like $k, qr/^-?\d+$/, 'and is told as a number';

# -- wrong calls take nothing

$redis->do('FLUSHALL');
my @call = ('FCALL', 'spocr_v2_limit');
for my $case ([2, $KEY, $UID], [2, $KEY, $UID, 'n'],
              [2, $KEY, $UID, 'n', 60, 600], [2, $KEY, $UID, 'n', 60, 'x', 9],
              [2, $KEY, $UID, 'n', 60, 600, 'x'], [1, $KEY, 'n', 60, 600, 9],
              [2, $KEY, $UID, 'n', 60, 600, 0], [0, 'n', 60, 600, 60000]) {
    fails sub { $redis->do(@call, @$case) }, qr/^ERR /, "a call of @$case";
    is $redis->do('DBSIZE'), 0, '... that takes nothing';
}

# -- its cost: commands that Redis runs

is_deeply $redis->counted(sub { call(60, 600, client => $redis->client) }),
    { fcall => 1, time => 1, mget => 1, set => 2 }, 'one that is let in';
is_deeply $redis->counted(sub { call(1, 600, client => $redis->client) }),
    { fcall => 1, time => 1, mget => 1 }, 'one that is refused writes nothing';

# -- exact with many clients at once: three keys of one uid

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

$redis->do('FLUSHALL');
my @admitted = at_once(6, sub ($i) {
    my $client = $redis->client;
    my $key = "$KEY-" . $i % 3;
    my @calls = (['FCALL', 'spocr_v2_limit', 2, $key, $UID, 'n', 60, 100,
                  $FOREVER, 0, 0, 0]) x 25;
    my $n = 0;
    for (1 .. 12) {
        $n += grep { $_->[1] == 0 } $client->pipeline(@calls);
    }
    return $n;
});
my $sum = 0;
$sum += $_ for @admitted;
is $sum, 100, 'six clients, 1800 calls: the limit of the uid, exactly';
is $redis->do('GET', $UID), "$number:100", 'as it is counted';
my $keys = 0;
for my $i (0 .. 2) {
    my ($n) = ($redis->do('GET', "$KEY-$i") // ':0') =~ /:(\d+)$/;
    cmp_ok $n, '<=', 60, "key $i is within its own";
    $keys += $n;
}
is $keys, 100, 'and they are as many';

# -- windows: each opens at once, and none lets in one too many

$redis->do('FLUSHALL');
my @seen = at_once(2, sub ($i) {
    my $client = $redis->client;
    my @calls = (['FCALL', 'spocr_v2_limit', 2, $KEY, $UID, 'n', 5, 8, 20,
                  0, 0, 0]) x 10;
    my %windows;
    my @lines;
    while (keys %windows < 150) {
        for my $answer ($client->pipeline(@calls)) {
            $windows{ $answer->[5] } = 1;
            push @lines, join ',', @$answer[5, 1, 2, 3];
        }
    }
    return join ' ', @lines;
});
my %windows;
for my $line (map { split / / } @seen) {
    my ($n, $by, $key_count, $uid_count) = split /,/, $line;
    my $w = $windows{$n} //= { in => 0, out => 0, early => 0 };
    $w->{ $by ? 'out' : 'in' }++;
    $w->{early}++ if $by && $key_count < 5 && $uid_count < 8;
}
my @whole = grep { $windows{$_}{in} + $windows{$_}{out} >= 20 } keys %windows;
cmp_ok scalar @whole, '>=', 40, 'many windows of 20 ms were hammered';
is join(' ', grep { $windows{$_}{in} != 5 } @whole), '',
    'each let in five: none of the one before was counted';
is join(' ', grep { $windows{$_}{in} > 5 } keys %windows), '',
    'and none more than that';
is join(' ', grep { $windows{$_}{early} } keys %windows), '',
    'nobody was refused before the limit was reached';

# -- what is left of a window is true

my ($width, $end) = (200);
(undef, undef, undef, $left, $window) = call(1, 1, width => $width,
                                             keys => ['a{z}', 'b{z}']);
select undef, undef, undef, $left / 1000;
($refused, undef, undef, undef, $end) = call(1, 1, width => $width,
                                             keys => ['a{z}', 'b{z}']);
is $refused, 0, 'who waits for what is left is let in';
cmp_ok $end, '>', $window, 'in another window';

# -- users, memory, replicas

$redis->do(qw(ACL SETUSER gateway on >pw ~spocr:{* +fcall +mget +set +time));
my $gateway = $redis->client(user => 'gateway', password => 'pw');
is((call(60, 600, client => $gateway))[0], 0, 'with the least privileges');
fails sub { call(60, 600, client => $gateway, keys => [$KEY, 'other']) },
    qr/^NOPERM/, 'no key but ours';

my $replica = Spocr::Redis->new(replica_of => $redis);
fails sub { call(60, 600, client => $replica) }, qr/^READONLY/, 'a replica';
$replica->stop;

my $full = Spocr::Redis->new(maxmemory => '3mb');
$full->do('FUNCTION', 'LOAD', $SOURCE);
my $i = 0;
1 while eval { $full->do('SET', 'fill' . $i++, 'x' x 10000); 1 };
like $@, qr/^OOM/, 'memory is full';
is((call(2, 5, client => $full, keys => ["$KEY$_", "$UID$_"]))[0], 0,
   'the limit goes on') for 1 .. 3;
is join(' ', map { (call(2, 5, client => $full))[0] } 1 .. 4), '0 0 1 1',
    'and is exact';

done_testing;
