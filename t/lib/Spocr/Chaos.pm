# A run of chaos: nodes, clients and faults by a seed, and at the end what the
# files that they left say of the promises.  docs/chaos.md tells of it.
#
#   my $chaos = Spocr::Chaos->new(seed => 1, seconds => 60);
#   $chaos->go;              # prints what it does; the number of violations
#
# Options: seed, seconds (of traffic), only => 'limits,faults' (phases), faults
# => 'redis-kill,reload' (these alone), rate => 1 (times as many requests), dir
# (where its files go; else a temporary folder), keep => 1, calm => 1 (no
# faults).

package Spocr::Chaos;

use v5.36;
use File::Copy qw(copy);
use File::Temp ();
use List::Util qw(max min);
use POSIX ();
use Time::HiRes qw(sleep time);

use Spocr::Chaos::Check;
use Spocr::Chaos::Client;
use Spocr::Chaos::Faults;
use Spocr::Chaos::Lines;
use Spocr::Chaos::Nodes;
use Spocr::Chaos::Random;
use Spocr::Chaos::Space;
use Spocr::Chaos::Traffic;
use Spocr::Chaos::Watch;
use Spocr::Test ();

my $CLIENTS = 2;

# A part of the run: its share of the time, and requests a second.
my @phases = (
    { name => 'limits', part => 15, rates => { limit => 260, deny => 60 } },
    { name => 'idempotency', part => 15,
      rates => { idem => 16, both => 4, huge => 0.2 } },
    { name => 'odd', part => 5, rates => { odd => 80 } },
    { name => 'faults', part => 58, bad => 0.08,
      rates => { limit => 110, deny => 30, idem => 10, both => 3,
                 odd => 15 } },
    { name => 'calm', part => 7,
      rates => { limit => 150, deny => 40, idem => 10, both => 3,
                 odd => 20 } },
);

sub new ($class, %o) {
    my $self = bless { seconds => 60, rate => 1, %o }, $class;
    $self->{dir} //= $self->{temp} = File::Temp->newdir(
        'spocr-t-XXXXXX', TMPDIR => 1, CLEANUP => 0);
    mkdir $self->{dir};
    die "$self->{dir} has a run in it\n" if -e "$self->{dir}/run";

    $self->{phases} = $self->_phases;
    return $self;
}

sub _phases ($self) {
    my %only = map { $_ => 1 } split /,/, $self->{only} // '';
    my @some = grep { !%only || $only{ $_->{name} } } @phases;
    my %known = map { $_->{name} => 1 } @phases;
    die "phases are: @{[map { $_->{name} } @phases]}\n"
        if !@some || grep { !$known{$_} } keys %only;

    my $parts = 0;
    $parts += $_->{part} for @some;
    my ($from, @plan) = (0);
    for my $i (0 .. $#some) {
        my $to = $i == $#some ? $self->{seconds}
            : max($from + 1, int(0.5 + $from + $self->{seconds}
                                             * $some[$i]{part} / $parts));
        my %rates = %{ $some[$i]{rates} };
        $_ *= $self->{rate} for values %rates;
        $_ = int($_ + 0.5) || $_ for values %rates;
        push @plan, { %{ $some[$i] }, from => $from, to => $to,
                      rates => \%rates };
        $from = $to;
    }
    return \@plan;
}

# When which faults begin and end: each name before any is there again, and now
# and then two at a time.
sub schedule ($self, @names) {
    my ($phase) = grep { $_->{name} eq 'faults' } @{ $self->{phases} };
    return if !$phase || !@names || $self->{calm};

    my $r = Spocr::Chaos::Random->new($self->{seed}, 'faults');
    my ($at, $end, @deck, @slots) = ($phase->{from} + 0.5, $phase->{to} - 1);
    my $long = $end - $at > 120;
    my $next = sub {
        @deck = $r->shuffle(@names) if !@deck;
        return shift @deck;
    };

    while ($at < $end) {
        my @some = $next->();
        push @some, $next->() if $r->chance(0.2);
        pop @some if @some > 1 && $some[0] =~ s/-.*//r eq $some[1] =~ s/-.*//r;
        my $for = $r->between(0.5, $long ? 3.5 : 2);
        push @slots, { at => $at, for => $for, names => \@some,
                       n => scalar @slots };
        $at += $for + $r->between(0.3, $long ? 6 : 2.5);
    }
    return @slots;
}

sub tell ($self, $hash) {
    print { $self->{run} } Spocr::Chaos::Lines::encode($hash);
}

sub _say ($self, $text) {
    printf "# %6.2f  %s\n", time - $self->{begin}, $text if $self->{verbose};
}

sub go ($self) {
    my $dir = $self->{dir};
    open $self->{run}, '>', "$dir/run" or die "cannot write $dir/run: $!\n";
    $self->{run}->autoflush(1);

    my ($faketime) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
    my $nodes = $self->{nodes} = Spocr::Chaos::Nodes->new(
        seed => $self->{seed}, dir => $dir, clock => $faketime && 1,
        space => Spocr::Chaos::Space::inside());
    $nodes->start;

    my $faults = Spocr::Chaos::Faults->new($nodes, sub ($h) {
        $self->_say($h->{text}) if $h->{text};
        $self->tell($h);
    });
    my @slots = $self->schedule($self->_possible($faults));
    my $first = $nodes->measure;
    $self->tell({ e => 'start', name => $_, value => $first->{$_} })
        for sort keys %$first;
    for my $uid (sort keys %Spocr::Chaos::Nodes::KEYS) {
        for my $name (map { "${uid}_$_" }
                      1 .. $Spocr::Chaos::Nodes::KEYS{$uid})
        {
            $self->tell({ e => 'key', name => $name, uid => "u_$uid",
                          id => "key_$name", text => $nodes->key($name) });
        }
    }

    $self->{begin} = time + 0.5;
    $self->tell({ e => 'begin', t => $self->{begin},
                  seed => "$self->{seed}" });
    $self->tell({ e => 'phase', name => $_->{name},
                  map { $_->[0] => $_->[1] + $self->{begin} }
                      [from => $_->{from}], [to => $_->{to}] })
        for @{ $self->{phases} };
    my $watch = Spocr::Chaos::Watch::start($nodes->redis,
                                           "$dir/history.watch");
    my @pids = $self->_clients;
    $self->_slots($faults, @slots);
    waitpid $_, 0 for @pids;
    kill KILL => $watch;
    waitpid $watch, 0;

    $self->_end;
    return $self->report;
}

sub _possible ($self, $faults) {
    my @all = defined $self->{faults} ? split /,/, $self->{faults}
                                      : Spocr::Chaos::Faults->names;
    my @can;
    for my $name (@all) {
        my $why = $faults->missing($name);
        if ($why) { say "# left out: $name: $why" }
        else      { push @can, $name }
    }
    return @can;
}

sub _clients ($self) {
    my $traffic = Spocr::Chaos::Traffic->new(
        seed => $self->{seed}, phases => $self->{phases});
    my $nodes = $self->{nodes};
    my %keys = map { my $uid = $_;
                     map { ("${uid}_$_" => $nodes->key("${uid}_$_")) }
                     1 .. $Spocr::Chaos::Nodes::KEYS{$uid} }
               keys %Spocr::Chaos::Nodes::KEYS;
    return map { Spocr::Chaos::Client::start(
        traffic => $traffic, of => $CLIENTS, me => $_, keys => \%keys,
        begin => $self->{begin}, file => "$self->{dir}/history.$_",
        addresses => [map { $nodes->address($_) }
                      0 .. $Spocr::Chaos::Nodes::NODES - 1]) }
        0 .. $CLIENTS - 1;
}

sub _slots ($self, $faults, @slots) {
    for my $slot (@slots) {
        my $left = $self->{begin} + $slot->{at} - time;
        sleep $left if $left > 0;
        my $r = Spocr::Chaos::Random->new($self->{seed}, "fault $slot->{n}");
        my ($end, @heal) = (time + $slot->{for});

        for my $name (@{ $slot->{names} }) {
            my $from = time;
            $self->_say("$name for " . sprintf '%.1f s', $slot->{for});
            my $heal = eval { $faults->do($name, $r, max(0.1, $end - time)) };
            die "$name: $@" if $@;
            push @heal, [$name, $from, $heal];
        }
        $left = $end - time;
        sleep $left if $left > 0;
        for (reverse @heal) {
            my ($name, $from, $heal) = @$_;
            $heal->();
            $self->tell({ e => 'fault', name => $name,
                          from => sprintf('%.4f', $from),
                          to => sprintf '%.4f', time });
        }
    }
}

# What is left when all is over: nodes are told to end, and what they had is
# taken down.
sub _end ($self) {
    my $nodes = $self->{nodes};
    my @is = 0 .. $Spocr::Chaos::Nodes::NODES - 1;
    $self->_say('drained');

    my $last = $nodes->measure;
    Spocr::Test::wait_for(sub {
        return !grep { my $s = $nodes->status($_);
                       my $o = $s->{idempotency_outbox} // {};
                       ($o->{kept} // 0) > ($o->{stored_later} // 0)
                           + ($o->{dropped} // 0) + ($o->{fenced} // 0)
                     } @is;
    }, 5);
    my %end = (%$last, %{ $self->_redis });
    for my $i (@is) {
        my $s = $nodes->status($i);
        $self->tell({ e => 'status', node => $i, map {
            my $part = $_;
            map { ("$part.$_" => $s->{$part}{$_}) } keys %{ $s->{$part} }
        } qw(idempotency_claims idempotency_outbox redis_links) });
    }
    $nodes->stop;

    for my $i (@is) {
        my $t = $nodes->node($i);
        copy($t->dir . '/error.log', "$self->{dir}/n$i.log");
        copy($t->dir . '/access.log', "$self->{dir}/access$i")
            if $self->{keep};
        copy($_, "$self->{dir}/sanitizer.$i." . ++$self->{reports})
            for glob $t->dir . '/sanitizer.*';
        $self->tell({ e => 'killed', pid => $_ })
            for sort keys %{ $t->{killed} };
        @end{"stuck$i", "exit$i"} = @{ $nodes->{ended}[$i] }{qw(stuck exit)};
    }
    $end{left} = $self->_left;
    $self->tell({ e => 'end', name => $_, value => $end{$_} })
        for sort keys %end;
}

# Keys that stay for ever, and claims whose lease is over.
sub _redis ($self) {
    my $redis = $self->{nodes}->redis;
    my (@forever, @pending);
    my $now = time * 1000;

    for my $name (sort @{ $redis->do(KEYS => '*') }) {
        push @forever, $name if $redis->do(PTTL => $name) == -1;
        next if $name !~ /:i:/ || $redis->do(TYPE => $name) ne 'hash';
        my ($state, $until) = @{ $redis->do(HMGET => $name, 's', 'ld') };
        push @pending, $name
            if ($state // '') eq 'P' && ($until // 0) < $now;
    }
    return { forever => "@forever", pending => "@pending" };
}

# nginx processes that are still there, and ours.
sub _left ($self) {
    my @left;
    for my $t ($self->{nodes}->nodes) {
        my $dir = $t->dir;
        for my $file (glob '/proc/[0-9]*/cmdline') {
            open my $in, '<', $file or next;
            my $line = readline($in) // next;
            push @left, $file =~ s/\D//gr if $line =~ /nginx.*\Q$dir\E/;
        }
    }
    return "@left";
}

sub report ($self) {
    my $check = Spocr::Chaos::Check->new("$self->{dir}")->run;
    my $found = print_report($check);

    if ($self->{temp} && !$self->{keep} && !$found) {
        system 'rm', '-rf', "$self->{temp}";
    } else {
        say "# files: $self->{dir}";
    }
    return $found;
}

sub print_report ($check) {
    my ($f, $v) = ($check->figures, $check->violations);
    my $found = 0;

    say "# $_: $f->{$_}" for sort keys %$f;
    for my $name (sort keys %$v) {
        $found += $v->{$name};
        say "VIOLATION: $name: $v->{$name}";
        say "    $_" for @{ $check->examples->{$name} };
    }
    say 'violations: ' . $found;
    return $found;
}

1;
