# CPU of the gateway's worker per request, requests per second and latency,
# by wrk over many keys.  The servers are asked in turn, round after round,
# and compared within a round: what else the machine does falls on all.
#
#   my $site = Bench::Site->new;
#   my $result = Bench::Speed::measure($site, \@groups, rounds => 25, ...);
#   $result->{'module allowed'}{ratio}     the median of the rounds' ratios
#                                          to bare; likewise us, rps, p50, p99

package Bench::Speed;

use v5.36;
use List::Util qw(uniq);
use Bench::Site;

# A row: its name, the server, the target, its list of keys, and how many of
# a hundred answers have to be refusals.
my $bare = ['bare', 'bare', '/', 'good', 0];

# The rows of a group are compared with a run of bare nginx just before them;
# "bare again" tells what such a comparison is worth on this machine.
my @again = ['bare again', 'bare', '/', 'good', 0];

# With a key file and counters in the zone, beside what nginx brings along.
my @local = (
    [@again,
     ['stock allowed',  'stock',  '/',      'good',    0],
     ['module allowed', 'module', '/',      'good',    0]],
    [['stock 401',      'stock',  '/',      'none',    100],
     ['module 401',     'module', '/',      'none',    100]],
    [['stock 403',      'stock',  '/',      'unknown', 100],
     ['module 403',     'module', '/',      'unknown', 100]],
    [['stock 429',      'stock',  '/tight', 'few',     95],
     ['module 429',     'module', '/tight', 'few',     95]],
);

# With Redis: limits counted there, keys there as well, and Redis stopped.
my @redis = (
    [@again,
     ['zone allowed',          'module', '/',      'good', 0]],
    [['Redis limits allowed',  'limits', '/',      'good', 0]],
    [['keys in Redis allowed', 'keys',   '/',      'good', 0]],
    [['Redis stopped allowed', 'away',   '/',      'good', 0]],
    [['zone 429',              'module', '/tight', 'few',  95],
     ['Redis limits 429',      'limits', '/tight', 'few',  95]],
);

sub local_groups { return \@local }
sub redis_groups { return \@redis }

sub names ($groups) { map { $_->[0] } $bare, map { @$_ } @$groups }

# The site stays the caller's, with its servers running.
sub measure ($site, $groups, %o) {
    my (%pid, %runs);

    $site->start('backend');
    $pid{$_} = $site->start($_) for uniq map { $_->[1] } $bare,
                                                         map { @$_ } @$groups;
    my $run = sub ($row, $seconds) {
        return wrk($site, $row->[1], $pid{ $row->[1] }, $seconds,
                   $o{connections}, "$row->[2]\@" . $site->list($row->[3]));
    };

    # before the rounds that count: fills zones and caches
    $run->($_, 1) for $bare, map { @$_ } @$groups;

    for my $round (1 .. $o{rounds}) {
        for my $group (@$groups) {
            my $base;
            for my $row ($bare, @$group) {
                my $got = $run->($row, $o{seconds});
                _check($row, $got);
                $base //= $got;
                $got->{ratio} = $got->{us} / $base->{us};
                push @{ $runs{ $row->[0] } }, $got;
            }
        }
        $o{progress}->("round $round of $o{rounds}") if $o{progress};
    }

    return { map { $_ => _summary($runs{$_}) } names($groups) };
}

sub _check ($row, $got) {
    my ($name, $least) = @$row[0, 4];
    my $share = 100 * $got->{refused} / $got->{requests};
    die sprintf "%s: %.1f %% were refused\n", $name, $share
        if $least ? $share < $least : $share > 0;
}

sub _summary ($runs) {
    my %result = map { my $what = $_;
                       $what => median(map { $_->{$what} } @$runs) }
                 qw(ratio us rps p50 p99);
    @result{qw(low high)} = quartiles(map { $_->{ratio} } @$runs);
    return \%result;
}

# One run of wrk; the worker's CPU is what the scheduler gave it meanwhile.
sub wrk ($site, $server, $pid, $seconds, $connections, @targets) {
    my $before = cpu_ns($pid);
    my @command = ('wrk', '-t', 1, '-c', $connections, '-d', "${seconds}s",
                   '--timeout', '10s', '-s', 'bench/requests.lua',
                   'http://' . $site->address($server), '--', @targets);
    open my $in, '-|', @command or die "cannot run wrk: $!\n";
    my $text = do { local $/; readline $in };
    close $in or die "wrk failed:\n$text";
    my $cpu = cpu_ns($pid) - $before;

    my %run = $text =~ /^bench: .*$/m ? $& =~ /(\w+)=(\d+)/g
                                      : die "wrk did not end:\n$text";
    die "$server: $run{broken} requests got no answer\n" if $run{broken};
    die "$server did not answer\n" if !$run{requests};

    $run{rps} = $run{requests} / $run{us} * 1e6;
    $run{us} = $cpu / $run{requests} / 1000;
    return \%run;
}

sub cpu_ns ($pid) {
    return (split ' ', Bench::Site::slurp("/proc/$pid/schedstat"))[0]
           // die "the worker is gone, or the kernel has no schedstat\n";
}

sub median (@values) {
    my @v = sort { $a <=> $b } @values;
    return @v % 2 ? $v[$#v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}

sub quartiles (@values) {
    my @v = sort { $a <=> $b } @values;
    return ($v[@v / 4], $v[$#v - int(@v / 4)]);
}

1;
