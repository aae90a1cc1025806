# A process that watches the machine: when it is not called in time, or Redis
# does not answer a PING in time, so may a gateway.  That is no fault of a run,
# and nothing that a gateway could help.
#
#   my $pid = Spocr::Chaos::Watch::start($redis, $file);   # ends by a signal
#
# A line is {e => 'lag', t0, t, by, of => 'redis' or 'machine'}.

package Spocr::Chaos::Watch;

use v5.36;
use POSIX ();
use Time::HiRes qw(sleep time);

use Spocr::Chaos::Lines;

my $EACH = 0.05;                # seconds
my $LATE = 0.15;                # of 0.4 that a gateway waits for Redis

sub start ($redis, $file) {
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
    $SIG{PIPE} = 'IGNORE';
    my $ok = eval { _run($redis, $file); 1 };
    print {*STDERR} "watch: $@" if !$ok;
    POSIX::_exit(1);
}

sub _run ($redis, $file) {
    open my $out, '>', $file or die "cannot write $file: $!\n";
    $out->autoflush(1);
    my $tell = sub ($of, $from, $late) {
        return if $late < $LATE;
        print {$out} Spocr::Chaos::Lines::encode({
            e => 'lag', of => $of, by => sprintf('%.3f', $late),
            t0 => sprintf('%.4f', $from), t => sprintf '%.4f', time });
    };
    my $client;

    while (1) {
        my $from = time;
        sleep $EACH;
        $tell->('machine', $from, time - $from - $EACH);

        $from = time;
        $client //= eval { $redis->client(name => 'spocr-test') };
        if (!$client || !eval { $client->do('PING') }) { $client = undef }
        $tell->('redis', $from, time - $from);
    }
}

1;
