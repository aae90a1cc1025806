# CPU of the gateway's worker per request, requests per second and latency,
# by wrk over many keys.  The servers are asked in turn, round after round,
# and compared within a round: what else the machine does falls on all.
#
#   my $site = Bench::Site->new;
#   my @rows = Bench::Speed::measure($site, \@groups, rounds => 25, ...);
#   $row->{name}, {ratio}     the median of the rounds' ratios to the group's
#                             first row; {low}, {high} its quartiles;
#                             likewise {us}, {rps}, {p50}, {p99}
#
# A group is a list of rows, the first of which the others are compared with;
# it may be the first of several groups.  A row:
#
#   name           what the result says
#   of             the server of Bench::Site
#   target, list   the path, and the site's list of keys
#   least          how many of a hundred answers have to be refusals (0: none)
#   options        more of requests.lua's TARGET; PREFIX is new each time
#   connections, seconds     where they are not those of measure()

package Bench::Speed;

use v5.36;
use List::Util qw(uniq);
use Bench::Peers;
use Bench::Site;

my %kinds = (
    allowed => { target => '/', list => 'good', least => 0 },
    401     => { target => '/', list => 'none', least => 100 },
    403     => { target => '/', list => 'unknown', least => 100 },
    429     => { target => '/tight', list => 'few', least => 95 },
);

sub row ($name, $of, $kind = 'allowed', %more) {
    return { name => $name, of => $of, $kinds{$kind}->%*, %more };
}

my $bare = row('bare', 'bare');

# The peers that are installed, and their names.
my @peers = (['stock', 'stock'], ['module', 'module'],
             ['HAProxy', 'haproxy'], ['Lua', 'lua']);
sub peers () { grep { !Bench::Peers::missing($_->[1]) } @peers }

# Keys and counters on the node.  "bare again" tells what a comparison is
# worth on this machine.
sub peer_groups () {
    return [map {
        my $kind = $_;
        [$bare, $kind eq 'allowed' ? row('bare again', 'bare') : (),
         map { row("$_->[0] $kind", $_->[1], $kind) } peers()]
    } qw(allowed 401 403 429)];
}

# With Redis: limits counted there, keys there as well, and Redis stopped.
sub redis_groups () {
    my @lua = Bench::Peers::missing('lua_redis') ? () : 1;
    return [
        [$bare, row('bare again', 'bare'), row('zone allowed', 'module')],
        [$bare, row('Redis limits allowed', 'limits'),
         @lua && row('Lua, Redis allowed', 'lua_redis')],
        [$bare, row('keys in Redis allowed', 'keys'),
         row('Redis stopped allowed', 'away')],
        [$bare, row('zone 429', 'module', '429'),
         row('Redis limits 429', 'limits', '429'),
         @lua && row('Lua, Redis 429', 'lua_redis', '429')],
    ];
}

# The site stays the caller's, with its servers running.
sub measure ($site, $groups, %o) {
    my (%pid, %runs, @names);
    my @rows = map { @$_ } @$groups;

    $site->start('backend') if !$site->running('backend');
    $pid{$_} = $site->running($_) ? $site->worker($_) : $site->start($_)
        for uniq map { $_->{of} } @rows;
    @names = uniq map { $_->{name} } @rows;

    # before the rounds that count: fills zones and caches
    _run($site, $_, \%pid, %o, seconds => 1) for @rows;

    for my $round (1 .. $o{rounds}) {
        for my $group (@$groups) {
            my $base;
            for my $row (@$group) {
                my $got = _run($site, $row, \%pid, %o);
                _check($row, $got);
                $base //= $got;
                $got->{ratio} = $got->{us} / $base->{us};
                push @{ $runs{ $row->{name} } }, $got;
            }
        }
        $o{progress}->("round $round of $o{rounds}") if $o{progress};
    }

    return map { { name => $_, _summary($runs{$_})->%* } } @names;
}

sub _run ($site, $row, $pid, %o) {
    state $count = 0;
    my $prefix = sprintf 'b%d-%d-', $$, ++$count;
    my $options = ($row->{options} // '') =~ s/PREFIX/$prefix/r;
    my $target = "$row->{target}\@" . $site->list($row->{list})
                 . ($options && "\@$options");
    my @what = ($row->{of}, $pid->{ $row->{of} },
                $row->{seconds} // $o{seconds},
                $row->{connections} // $o{connections}, $target);

    return $o{around} ? $o{around}->($row, sub { wrk($site, @what) })
                      : wrk($site, @what);
}

sub _check ($row, $got) {
    my $share = 100 * $got->{refused} / $got->{requests};
    die sprintf "%s: %.1f %% were refused\n", $row->{name}, $share
        if $row->{least} ? $share < $row->{least} : $share > 0;
}

sub _summary ($runs) {
    my @what = grep { !/^(?:requests|refused|broken)$/ } keys $runs->[0]->%*;
    my %result = map { my $what = $_;
                       $what => median(map { $_->{$what} } @$runs) } @what;
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
