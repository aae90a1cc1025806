# The same gateways over a range: of keys, of connections, of bodies; and what
# idempotency costs.
#
#   my @rows = Bench::Series::keys(rounds => 4, seconds => 1, ...);
#   $row->{x}, and what Bench::Speed says of {name} there
#
#   Bench::Series::keys         {memory}: kilobytes of all its processes;
#                               {start}: seconds until it listens
#   Bench::Series::connections, ::bodies
#   Bench::Series::idempotency  {commands}, {redis_us}: of Redis, per request

package Bench::Series;

use v5.36;
use Time::HiRes qw(time);
use Bench::Site;
use Bench::Speed;

my @keys = (1, 100, 10_000, 1_000_000);
my @connections = (1, 8, 64, 512);
my @bodies = (0, 1 << 10, 8 << 10, 128 << 10, 2 << 20, 20_000_000);

sub keys (%o) {                                   ## no critic
    my @sizes = $o{quick} ? @keys[0 .. 2] : @keys;
    return map { _keys($_, %o) } @sizes;
}

sub _keys ($n, %o) {
    my $site = Bench::Site->new(keys => $n, uids => $n < 10 ? 1 : $n / 10);
    my @group = map { Bench::Speed::row(@$_) } ['bare', 'bare'],
                                               Bench::Speed::peers();
    my (%start, %memory);

    # lists and maps are written before, each file by whoever needs it first
    $site->start('backend');
    $site->list($_->{list}) for @group;
    for my $row (@group) {
        $site->conf($row->{of});
        my $began = time;
        $site->start($row->{of});
        $start{ $row->{name} } = time - $began;
    }

    my @rows = Bench::Speed::measure($site, [\@group], %o);
    $memory{ $_->{name} } = _memory($site, $_->{of}) for @group;
    $site->stop;
    $o{progress}->("$n keys") if $o{progress};
    return map { { x => $n, start => $start{ $_->{name} },
                   memory => $memory{ $_->{name} }, %$_ } } @rows;
}

# What master and worker have, each shared page once.
sub _memory ($site, $name) {
    my ($master, $worker) = ($site->master($name), $site->worker($name));
    my $kb = 0;
    for my $pid ($master == $worker ? $master : ($master, $worker)) {
        $kb += $_ for Bench::Site::slurp("/proc/$pid/smaps_rollup")
                      =~ /^Pss:\s+(\d+)/mg;
    }
    return $kb;
}

sub connections (%o) {
    my $site = Bench::Site->new;
    my @rows = map { _connections($site, $_, %o) } @connections;
    $site->stop;
    return @rows;
}

sub _connections ($site, $n, %o) {
    my @group = map { Bench::Speed::row(@$_) } ['bare', 'bare'],
                                               Bench::Speed::peers();
    return map { { x => $n, %$_ } }
           Bench::Speed::measure($site, [\@group], %o, connections => $n);
}

# A client has few connections here, and one key: of a large body it can hold
# only one.
sub bodies (%o) {
    my $site = Bench::Site->new;
    my @sizes = $o{quick} ? @bodies[0 .. 3] : @bodies;
    my @rows = map { _bodies($site, $_, %o) } @sizes;
    $site->stop;
    return @rows;
}

sub _bodies ($site, $size, %o) {
    my @more = (target => '/body', list => 'one', connections => 4,
                seconds => $size < 1e6 ? $o{seconds} : 3 * $o{seconds});
    my @group = map {
        Bench::Speed::row(@$_, 'allowed', @more, options => "body=$size")
    } ['bare', 'bare'], Bench::Speed::peers();
    push @group, Bench::Speed::row(
        'module, idempotent', 'idem', 'allowed', @more,
        options => "body=$size\@first=PREFIX");

    my @rows = Bench::Speed::measure($site, [\@group], %o);
    $o{progress}->("$size bytes") if $o{progress};
    return map { { x => $size, %$_ } } @rows;
}

sub idempotency (%o) {
    my $site = Bench::Site->new;
    my $body = 'body=1024';
    my @group = map {
        my ($name, $of, $options) = @$_;
        Bench::Speed::row($name, $of, 'allowed', target => '/body',
                          options => "$body$options")
    } ['bare', 'bare', ''], ['bare again', 'bare', ''],
      ['limits in Redis', 'limits', ''],
      ['idempotency on, no key', 'idem', ''],
      ['first', 'idem', '@first=PREFIX'],
      ['replay', 'idem', "\@replay=r$$-/1000"];

    my @rows = Bench::Speed::measure(
        $site, [\@group], %o,
        around => sub ($row, $run) { _redis_too($site, $run) });
    $site->stop;
    return @rows;
}

# What Redis does meanwhile, whoever asks it.
sub _redis_too ($site, $run) {
    my $redis = $site->redis;
    my $got;
    my $cpu = Bench::Speed::cpu_ns($redis->pid);
    my $calls = $redis->counted(sub { $got = $run->() });
    $cpu = Bench::Speed::cpu_ns($redis->pid) - $cpu;

    my $n = ($calls->{fcall} // 0) + ($calls->{fcall_ro} // 0);
    $got->{commands} = $n / $got->{requests};
    $got->{redis_us} = $n ? $cpu / $got->{requests} / 1000 : 0;
    return $got;
}

1;
