# What memory the module takes: of the zone, of the worker after many
# requests, of master and worker for a large key file.

package Bench::Memory;

use v5.36;
use Time::HiRes qw(time);
use Bench::Site;
use Bench::Speed;

# Kilobytes: hwm (the most that was ever resident), rss, private (of rss, what
# no other process shares).
sub of ($pid) {
    my $status = Bench::Site::slurp("/proc/$pid/status");
    my $rollup = Bench::Site::slurp("/proc/$pid/smaps_rollup");
    my ($hwm) = $status =~ /^VmHWM:\s+(\d+)/m;
    my ($rss) = $status =~ /^VmRSS:\s+(\d+)/m;
    my $private = 0;
    $private += $_ for $rollup =~ /^Private_\w+:\s+(\d+)/mg;
    return { hwm => $hwm, rss => $rss, private => $private };
}


# -- the zone --

# Asks with one key after the other until the zone refuses one: {keys} and
# {uids} were counted by then, {bytes} is what each of their counters took.
sub zone () {
    my $site = Bench::Site->new(keys => 40_000, uids => 4_000, zone => '1m');
    $site->start('backend');
    $site->start('module');

    my $fh = $site->connect('module') or die "cannot connect: $!\n";
    my $n = 0;
    while (_asked($fh, $site->key_text("key $n"))) {
        die "the zone never fills\n" if ++$n == $site->{keys};
    }
    $site->stop;

    my $uids = $n < $site->{uids} ? $n : $site->{uids};
    return { keys => $n, uids => $uids, size => 1 << 20,
             bytes => (1 << 20) / ($n + $uids) };
}

sub _asked ($fh, $key) {
    my ($in, $head, $length) = ('');
    syswrite $fh, "GET / HTTP/1.1\r\nHost: localhost\r\n"
                  . "Authorization: Bearer $key\r\n\r\n";
    while (!defined $length || length $in < $length) {
        sysread $fh, $in, 65536, length $in or die "no answer\n";
        if (!defined $length && $in =~ s/^(.*?\r\n\r\n)//s) {
            $head = $1;
            ($length) = $head =~ /^Content-Length: (\d+)/mi;
        }
    }
    return $head =~ m{^HTTP/1\.1 200};
}


# -- keys in Redis --

# Bytes that a worker grows by for each key that it remembers; a tenth as
# many uids, none of which has a record of its own.
sub cached ($n) {
    my $site = Bench::Site->new(keys => $n, uids => $n / 10, zone => '2m');
    $site->start('backend');
    my $pid = $site->start('keys');

    my $fh = $site->connect('keys') or die "cannot connect: $!\n";
    my $ask = sub ($key) {
        _asked($fh, $site->key_text("key $key")) or die "key $key: refused\n";
    };
    $ask->(0) for 1 .. 1000;
    my $before = of($pid)->{private};
    $ask->($_) for 1 .. $n - 1;
    my $after = of($pid)->{private};

    $site->stop;
    return ($after - $before) * 1024 / $n;
}


# -- many requests --

# Allowed and refused ones in turn; how much the worker grew after the first
# tenth of them, which fills caches and pools.
sub soak ($total, $progress = sub { }) {
    my $site = Bench::Site->new;
    $site->start('backend');
    my $pid = $site->start('module');
    my @targets = map { join '@', $_->[0], $site->list($_->[1]) }
                  ['/', 'good'], ['/tight', 'good'], ['/', 'none'],
                  ['/', 'unknown'];
    my ($n, $warm) = (0);

    while ($n < $total) {
        my $run = Bench::Speed::wrk($site, 'module', $pid, 2, 32, @targets);
        $n += $run->{requests};
        $warm //= { n => $n, %{ of($pid) } } if $n >= $total / 10;
        $progress->(sprintf '%.1f million requests', $n / 1e6);
    }

    my $end = of($pid);
    $site->worker('module') == $pid or die "the worker was replaced\n";
    $site->stop;
    return { requests => $n, warm => $warm->{n}, rss => $end->{rss},
             growth => $end->{rss} - $warm->{rss} };
}


# -- a large key file --

# What n keys add to the master's peak and to the worker: {start}{master},
# {start}{worker}, and over that with a few reloads: {reload}{…}; kilobytes.
sub keys ($n) {                                   ## no critic
    my $few = _start_and_reload(1);
    my $many = _start_and_reload($n);
    my %growth;

    for my $process (qw(master worker)) {
        for my $what (qw(hwm private)) {
            my @many = map { $many->{$_}{$process}{$what} } qw(start reload);
            my @few = map { $few->{$_}{$process}{$what} } qw(start reload);
            $growth{start}{$process}{$what} = $many[0] - $few[0];
            $growth{reload}{$process}{$what} =
                $many[1] - $many[0] - ($few[1] - $few[0]);
        }
    }
    $growth{file} = $many->{file};
    return \%growth;
}

sub _start_and_reload ($n) {
    my $site = Bench::Site->new(keys => $n, uids => $n < 10 ? 1 : $n / 10,
                                zone => '2m');
    my $worker = $site->start('module');
    my %memory = (start => { master => of($site->master('module')),
                             worker => of($worker) });
    $worker = $site->reload('module') for 1 .. 5;
    $memory{reload} = { master => of($site->master('module')),
                        worker => of($worker) };
    $memory{file} = -s $site->dir . '/keys.json';
    $site->stop;
    return \%memory;
}

# Seconds that "nginx -t" takes for them, less what it takes without: {wall},
# {cpu}; medians.
sub load_time ($n, $rounds = 5) {
    my @sites = map {
        Bench::Site->new(keys => $_, uids => $_ < 10 ? 1 : $_ / 10,
                         zone => '2m')
    } 1, $n;
    $_->file('module.conf', $_->conf('module')) for @sites;
    my %seconds;

    for (1 .. $rounds) {
        my ($few, $many) = map { _config_test($_) } @sites;
        push @{ $seconds{$_} }, $many->{$_} - $few->{$_} for qw(wall cpu);
    }
    return { map { $_ => Bench::Speed::median(@{ $seconds{$_} }) }
             qw(wall cpu) };
}

sub _config_test ($site) {
    my $dir = $site->dir;
    my ($began, @before) = (time, times);
    system(Bench::Site::nginx(), '-t', '-q', '-p', $dir,
           '-e', "$dir/module.log", '-c', "$dir/module.conf") == 0
        or die "nginx -t failed\n";
    my ($ended, @after) = (time, times);
    return { wall => $ended - $began,
             cpu => $after[2] + $after[3] - $before[2] - $before[3] };
}

1;
