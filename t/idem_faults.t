# The storm of t/idem_storm.t with a fault every second: Redis is killed or
# hangs, workers are killed, nginx reloads, the backend resets or stalls.  No
# request ever runs twice, and who saw a 2xx was executed once.
#
# SPOCR_FAULTS is how many seconds that lasts (8); the full form has 120.

use lib 't/lib';
use Spocr::Test;
use Spocr::Storm;
use Time::HiRes qw(sleep time);

my $SECONDS = $ENV{SPOCR_FAULTS} // 8;
my $storm = Spocr::Storm->new(
    keys => 150 * $SECONDS, delay => 0.05, lease => '1s', wait => '500ms',
    timeout => '200ms', redis => { aof => 1 },
    sizes => [(0, 1, 100, 5000, 16_384, 70_000) x 20, 2_000_000],
    odd => 0.02,
);
my ($t, $node) = ($storm->test, $storm->node);
my $redis = $t->redis;

$_->allow(qr/upstream|Redis|exited on signal 9/) for $t, $node;

# Faults are this process' matter, for it started what they happen to; the
# clients are another one.
my $until = time + $SECONDS;
my $pid = fork // die "fork: $!\n";
if (!$pid) {
    my $ok = eval { $storm->blow(until => $until, rate => 700, abort => 0.1);
                    1 };
    print {*STDERR} "# $@" if !$ok;
    open my $out, '>', $t->dir . '/labels';
    print {$out} "$_\n" for keys %{ $storm->{labels} };
    close $out;
    POSIX::_exit($ok ? 0 : 1);
}

srand 7;
my $faults = 0;
while (time < $until - 1) {
    my $what = int rand 5;
    my $one = (($t, $node)[rand 2]);

    if ($what == 0) {
        $redis->kill;
        sleep rand 0.5;
        $redis->start;
    } elsif ($what == 1) {
        $redis->pause;
        sleep 0.1 + rand 0.6;
        $redis->resume;
    } elsif ($what == 2) {
        my @workers = $one->workers;
        $one->signal(KILL => $workers[rand @workers]) if @workers;
    } elsif ($what == 3) {
        kill HUP => $one->{pid};
    } else {
        kill STOP => $t->backend->{pid};
        sleep 0.1 + rand 0.3;
        kill CONT => $t->backend->{pid};
    }
    $faults++;
    sleep 0.2 + rand 0.5;
}
waitpid $pid, 0;
is $?, 0, "the clients came through $faults faults";
$redis->resume;
$redis->linked(8);
$storm->load($t->dir . '/labels');
$storm->at_most_once('under faults');

# all is well again: what ran is replayed, what did not runs, and what nobody
# knows stays so
$storm->blow(copies => 2);
$storm->at_most_once('afterwards');

my $n = $storm->answers;
note "$_: $n->{$_}" for sort keys %$n;
ok $n->{'200 replay'}, 'there were replays';
is join(' ', grep { !/^(?:200|409|502|503|504) / } keys %$n), '',
   'and no answer but those that are promised';

$t->done;
