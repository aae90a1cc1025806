# What is done to nodes, Redis, backend and network, by name.  What each of
# them excuses is in Spocr::Chaos::Bounds.
#
#   my $faults = Spocr::Chaos::Faults->new($nodes, $tell);
#   Spocr::Chaos::Faults->names
#   $faults->missing('netcut')        # why it cannot be done here, or nothing
#   my $heal = $faults->do('redis-stop', $random, $seconds);
#   $heal->();                        # seconds later
#
# $tell is called with a hash, a line for the run's list of faults.

package Spocr::Chaos::Faults;

use v5.36;
use Digest::SHA qw(sha256_hex);
use File::Path qw(remove_tree);
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Spocr::Chaos::Nodes;

my $NODES = $Spocr::Chaos::Nodes::NODES;

# Each returns what undoes it.
my %faults = (
    'redis-kill' => sub ($f, $r, $) {
        $f->redis->kill;
        return sub { $f->redis->start };
    },
    'redis-stop' => sub ($f, $r, $) {
        $f->redis->pause;
        return sub { $f->redis->resume };
    },
    'redis-full' => sub ($f, $r, $) {
        $f->redis->do(qw(CONFIG SET maxmemory 1));
        return sub { $f->redis->do(qw(CONFIG SET maxmemory 0)) };
    },
    'redis-readonly' => \&_readonly,
    'redis-empty' => \&_empty,
    'redis-records' => \&_records,
    'redis-slow' => sub ($f, $r, $) {
        return $f->_link('redis', delay => $r,
                         ms => $r->one([5, 60], [20, 200], [200, 900]));
    },
    (map { my $how = $_; ("redis-$how" => sub ($f, $r, $) {
        return $f->_link('redis', $how => $r, $how eq 'truncate'
            ? (after => 1 + $r->below(3000)) : (), $how eq 'corrupt'
            ? (every => 3 + $r->below(20)) : ());
    }) } qw(stall blackhole halfopen truncate reset refuse split corrupt)),

    'redis-partition' => sub ($f, $r, $) {
        my $node = $r->below($NODES);
        return $f->_link('redis', $r->one(qw(stall blackhole)) => $r,
                         nodes => [$node]);
    },

    'back-slow' => sub ($f, $r, $) {
        return $f->_link('back', delay => $r, ms => $r->one([5, 100],
                                                            [100, 900]));
    },
    (map { my $how = $_; ("back-$how" => sub ($f, $r, $) {
        return $f->_link('back', $how => $r, $how eq 'truncate'
            ? (after => 1 + $r->below(4000)) : (), $how eq 'corrupt'
            ? (every => 3 + $r->below(10)) : ());
    }) } qw(stall blackhole halfopen truncate reset refuse split corrupt)),

    'back-stop' => sub ($f, $r, $) {
        $f->back->pause;
        return sub { $f->back->resume };
    },
    'back-kill' => sub ($f, $r, $) {
        $f->back->stop;
        return sub { $f->back->again };
    },
    (map { my ($name, $part) = @$_; ("back-$name" => sub ($f, $r, $) {
        $f->back->mode($name, $part);
        return sub { $f->back->mode };
    }) } ['mid', 0.5], ['garbage', 0.5], ['huge', 0.01], ['badchunk', 0.5]),

    'worker-kill' => \&_kill,
    'worker-lock' => \&_lock,
    'worker-stop' => \&_stop,
    reload => \&_reload,
    upgrade => \&_upgrade,
    'disk-full' => \&_disk,
    descriptors => \&_descriptors,
    clock => \&_clock,
    netcut => sub ($f, $r, $) {
        $f->{nodes}->apart->pull;
        return sub { $f->{nodes}->apart->plug };
    },
);

sub new ($class, $nodes, $tell) {
    return bless { nodes => $nodes, tell => $tell }, $class;
}

sub names ($class) { sort keys %faults }

sub missing ($self, $name) {
    my $nodes = $self->{nodes};
    return 'no network of its own' if $name eq 'netcut' && !$nodes->apart;
    return 'no disk of its own' if $name eq 'disk-full' && !$nodes->{space};
    return 'no faketime' if $name eq 'clock' && !$nodes->{clock};
    return 'an orphan could not be found again'
        if $name eq 'upgrade' && $$ != 1;
    return 'no fault of that name' if !$faults{$name};
    return;
}

sub do ($self, $name, $random, $seconds) {        ## no critic
    return $faults{$name}->($self, $random, $seconds);
}

sub redis ($self) { $self->{nodes}->redis }
sub back ($self)  { $self->{nodes}->back }

sub _link ($self, $name, $how, $r, %o) {
    my $link = $self->{nodes}->link($name);
    $link->fault($how, %o);
    return sub { $link->heal };
}

# A replica of a host that is not there, or one that wants replicas.
sub _readonly ($f, $r, $) {
    if ($r->chance(0.5)) {
        $f->redis->do(qw(REPLICAOF 127.0.0.1 1));
        return sub { $f->redis->do(qw(REPLICAOF NO ONE)) };
    }
    $f->redis->do(qw(CONFIG SET min-replicas-to-write 1));
    return sub { $f->redis->do(qw(CONFIG SET min-replicas-to-write 0)) };
}

sub _empty ($f, $r, $) {
    if ($r->chance(0.5)) {
        $f->redis->do('FLUSHALL');
        return sub { };
    }
    $f->redis->kill;
    remove_tree($f->redis->dir . '/appendonlydir');
    return sub { $f->redis->start };
}

# Claims and counters that someone else has written over.
sub _records ($f, $r, $) {
    my @names = sort { $a cmp $b } @{ $f->redis->do(KEYS => 'spocr:*') };
    my @claims = grep { /:i:/ } @names;
    my @counters = grep { /:l:/ } @names;
    my @how = (
        sub ($name) { ['SET', $name, 'garbage', PX => 3_600_000] },
        sub ($name) { ['HSET', $name, 's', 'X'] },
        sub ($name) { ['HSET', $name, 'b', 'short', 's', 'D'] },
        sub ($name) { ['HSET', $name, 'f', 'x' x 32] },
        sub ($name) { ['HDEL', $name, 't'] },
        sub ($name) { ['RPUSH', $name, ('x') x 40] },
    );

    for my $name ((map { $r->one(@claims) // () } 1 .. 12),
                  (map { $r->one(@counters) // () } 1 .. 4))
    {
        my $command = $r->one(@how)->($name);
        $f->{tell}->({ e => 'planted', name => $name,
                       t => sprintf '%.4f', time });
        my $redis = $f->redis;
        eval {
            $redis->do('DEL', $name) if $command->[0] =~ /^(?:SET|RPUSH)$/;
            $redis->do(@$command);
            $redis->do(PEXPIRE => $name, 3_600_000)
                if $name =~ /:i:/ || $redis->do(PTTL => $name) < 0;
        };
    }
    return sub { };
}

sub _some_node ($f, $r) { $f->{nodes}->node($r->below($NODES)) }

sub _kill ($f, $r, $seconds) {
    my $until = time + $seconds;
    while (1) {
        my $t = $f->_some_node($r);
        my @workers = sort { $a <=> $b } $t->workers;
        $t->signal(KILL => $r->one(@workers)) if @workers;
        my $pause = $r->between(0.1, 0.8);
        last if time + $pause > $until;
        sleep $pause;
    }
    return sub { };
}

sub _lock ($f, $r, $) {
    my ($pid, $n) = $f->{nodes}->lock_holder_killed($r->below($NODES), 5);
    $f->{tell}->({ e => 'note', t => sprintf('%.4f', time),
                   text => ($pid ? 'a worker that had the lock was killed'
                                 : 'no worker came to the lock')
                           . " ($n steps)" });
    return sub { };
}

sub _stop ($f, $r, $) {
    my @workers = sort { $a <=> $b } $f->_some_node($r)->workers or
        return sub { };
    my $pid = $r->one(@workers);
    kill STOP => $pid;
    return sub { kill CONT => $pid };
}

sub _reload ($f, $r, $seconds) {
    my $until = time + $seconds;
    while (time < $until) {
        kill HUP => $f->_some_node($r)->{pid};
        sleep $r->between(0.3, 1);
    }
    return sub { };
}

# Not the node that has a clock of its own: the library that makes it is not
# told again what it was told at the start.
sub _upgrade ($f, $r, $) {
    $f->{nodes}->upgrade($r->below($NODES - 1));
    return sub { };
}

sub _disk ($f, $r, $) {
    my @full;
    for my $i (grep { $r->chance(0.7) } 0 .. $NODES - 1) {
        my $path = $f->{nodes}->node($i)->dir . '/body/full';
        open my $out, '>', $path or next;
        1 while syswrite $out, 'x' x 65536;
        push @full, $path;
    }
    return sub { unlink @full };
}

# Connections that say nothing, more than a node's workers may have.
sub _descriptors ($f, $r, $) {
    my ($host, $port) = split /:/, $f->{nodes}->address($r->below($NODES));
    my @held;
    for (1 .. 900) {
        my $fh = IO::Socket::INET->new(Proto => 'tcp', PeerAddr => $host,
                                       PeerPort => $port, Timeout => 1)
            or last;
        push @held, $fh;
    }
    $f->{tell}->({ e => 'note', t => sprintf('%.4f', time),
                   text => @held . ' connections are held' });
    return sub { @held = () };
}

sub _clock ($f, $r, $) {
    my $t = $f->{nodes}->node($NODES - 1);
    $t->clock($r->one(3600, -3600, 90, -90, 7, -7, 1, -1));
    return sub { $t->clock(0) };
}

1;
