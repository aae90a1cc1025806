# What gateway and Redis do together, by how many clients there are at once:
# commands per request and per write, and what a command costs Redis itself.
#
#   my @rows = Bench::Redis::measure($site, rounds => 5, seconds => 2);
#   $row->{title}, {connections}, {rps}, {p50}, {p99}
#   $row->{us}          CPU of the gateway per request, microseconds
#   $row->{commands}    of the gateway's, per request; what Redis counts
#   $row->{batch}       commands per write; undef where there were none
#   $row->{redis_us}    CPU of Redis per command; likewise

package Bench::Redis;

use v5.36;
use Bench::Site;
use Bench::Speed;

# A row: its title, the server, the target, its list of keys, connections.
my @rows = (
    (map { ['limits in Redis', 'limits', '/', 'good', $_] } 1, 64, 256),
    (map { ['keys and limits', 'keys',   '/', 'good', $_] } 64),
    (map { ['refused',    'limits', '/tight', 'few',  $_] } 64),
);

# The site stays the caller's, with its servers running.
sub measure ($site, %o) {
    my (%pid, %runs);

    $site->start('backend') if !$site->running('backend');
    for my $row (@rows) {
        $pid{ $row->[1] } //= $site->worker($row->[1])
                              // $site->start($row->[1]);
    }

    _run($site, $_, $pid{ $_->[1] }, 1) for @rows;
    for my $round (1 .. $o{rounds}) {
        for my $i (0 .. $#rows) {
            push @{ $runs{$i} }, _run($site, $rows[$i], $pid{ $rows[$i][1] },
                                      $o{seconds});
        }
        $o{progress}->("round $round of $o{rounds}") if $o{progress};
    }

    return map { _summary($rows[$_], @{ $runs{$_} }) } 0 .. $#rows;
}

sub _run ($site, $row, $pid, $seconds) {
    my (undef, $server, $target, $list, $connections) = @$row;
    my $redis = $site->redis;
    my $before = $site->totals($server);
    my ($run, $cpu);

    my $calls = $redis->counted(sub {
        $cpu = Bench::Speed::cpu_ns($redis->pid);
        $run = Bench::Speed::wrk($site, $server, $pid, $seconds, $connections,
                                 "$target\@" . $site->list($list));
        $cpu = Bench::Speed::cpu_ns($redis->pid) - $cpu;
    });
    my $after = $site->totals($server);

    my $n = ($calls->{fcall} // 0) + ($calls->{fcall_ro} // 0);
    my $writes = $after->{nginx_spocr_redis_writes_total}
                 - $before->{nginx_spocr_redis_writes_total};
    $run->{commands} = $n / $run->{requests};
    $run->{batch} = $writes ? $n / $writes : undef;
    $run->{redis_us} = $n ? $cpu / $n / 1000 : undef;
    return $run;
}

sub _summary ($row, @runs) {
    my %result = (title => $row->[0], connections => $row->[4]);

    for my $what (qw(rps us p50 p99 commands batch redis_us)) {
        my @known = grep { defined } map { $_->{$what} } @runs;
        $result{$what} = Bench::Speed::median(@known) if @known;
    }
    return \%result;
}

1;
