# How many commands Redis gets for each request that is admitted, by how many
# nodes share it: a simulation of the module's rules, and the same requests
# sent to real nodes, whose commands Redis counts.
#
#   my $result = Bench::Nodes::simulate($requests, nodes => 6, key => 60,
#                                       uid => 600, latency => 0.001);
#   my $result = Bench::Nodes::real($site, $requests, 6);
#   $result->{admitted}, {commands}
#
#   my $requests = Bench::Nodes::requests(nodes => , uids => , keys => ,
#                                         offered => , uid => , seed => );
#
# A request is [time, node, key, uid].  The rules: a node that knows of a count
# that has reached its limit refuses by itself; else it asks Redis with one
# command, which adds to both counts or to none and tells both.  What a node
# is told it knows when the answer is there, which takes the latency; the
# command is decided half-way.  All of it is within one window: at its end
# everybody forgets everything.

package Bench::Nodes;

use v5.36;
use Time::HiRes qw(sleep);
use Bench::Site;

# A generator of its own, the same on every machine.
sub _random ($seed) {
    my $state = $seed || 1;
    return sub ($n) {
        $state = ($state * 16807) % 2147483647;
        return int($state / 2147483647 * $n);
    };
}

# Each uid's keys together send what it is offered: a multiple of its limit,
# spread over a minute, each request over any of the nodes.
sub requests (%o) {
    my $random = _random($o{seed} // 1);
    my $n = int($o{uids} * $o{uid} * $o{offered});
    return [map {
        my $uid = $random->($o{uids});
        [60 * $_ / $n, $random->($o{nodes}),
         $random->($o{keys}) * $o{uids} + $uid, $uid]
    } 0 .. $n - 1];
}

sub simulate ($requests, %o) {
    my (%redis, @known, @answers);
    my %result = (admitted => 0, commands => 0);

    for my $request (@$requests) {
        my ($now, $node, $key, $uid) = @$request;
        my @names = ("k$key", "u$uid");
        my @limits = @o{qw(key uid)};
        my $known = $known[$node] //= {};
        my $answers = $answers[$node] //= [];

        while (@$answers && $answers->[0][0] <= $now) {
            my (undef, %told) = @{ shift @$answers };
            $known->{$_} = $told{$_} for keys %told;
        }
        next if $o{cache} // 1
                and grep { ($known->{ $names[$_] } // 0) >= $limits[$_] } 0, 1;

        $result{commands}++;
        if (!grep { ($redis{ $names[$_] } // 0) >= $limits[$_] } 0, 1) {
            $redis{$_}++ for @names;
            $result{admitted}++;
        }
        push @$answers, [$now + ($o{latency} // 0),
                         map { $_ => $redis{$_} // 0 } @names];
    }
    return \%result;
}

# One request after the other, over a connection to each node.  The site's
# keys are spread over its uids as those of requests() are.
sub real ($site, $requests, $nodes) {
    my @servers = map { "node$_" } 1 .. $nodes;
    $site->start('backend') if !$site->running('backend');
    $site->start($_) for @servers;
    my @fh = map { $site->connect($_) // die "cannot connect\n" } @servers;
    $site->redis->linked(scalar @servers);

    my %result = (admitted => 0);
    my $calls = $site->redis->counted(sub {
        for my $request (@$requests) {
            my (undef, $node, $key) = @$request;
            my $status = _ask($fh[$node], $site->key_text("key $key"));
            $result{admitted}++ if $status == 200;
            die "status $status\n" if $status != 200 && $status != 429;
        }
    });
    $result{commands} = $calls->{fcall} // 0;
    $site->stop($_) for @servers;
    $site->redis->do('FLUSHALL');
    return \%result;
}

sub _ask ($fh, $key) {
    syswrite $fh, "GET /limited HTTP/1.1\r\nHost: localhost\r\n"
                  . "Authorization: Bearer $key\r\n\r\n";
    my ($in, $length) = ('');
    while (!defined $length || length $in < $length) {
        sysread $fh, $in, 65536, length $in or die "no answer\n";
        $length = $+[0] + $1
            if !defined $length
               && $in =~ /^Content-Length: (\d+)\r\n.*?\r\n\r\n|\r\n\r\n/msi;
    }
    return substr $in, 9, 3;
}

# Commands per second that nodes send while nobody asks them anything.
sub idle ($site, $nodes, $seconds) {
    my @servers = map { "node$_" } 1 .. $nodes;
    $site->start($_) for @servers;
    $site->redis->linked(scalar @servers);
    my $calls = $site->redis->counted(sub { sleep $seconds });
    my $n = 0;
    $n += $_ for values %$calls;
    $site->stop($_) for @servers;
    return $n / $seconds;
}


# -- the part of bench/run --

my %limits = (key => 60, uid => 600);
my @nodes = (1, 2, 3, 6, 10, 20, 50, 100);
my @offered = (0.5, 1, 2, 10, 100);

sub measure (%o) {
    my (@rows, @checks);
    for my $offered ($o{quick} ? @offered[0 .. 3] : @offered) {
        push @rows, map { _simulated($_, $offered) } @nodes;
        $o{progress}->("simulated: $offered of the limit") if $o{progress};
    }

    my $site = Bench::Site->new(keys => 20, uids => 2,
                                limit => [@limits{qw(key uid)}]);
    for my $n (1 .. ($o{quick} ? 2 : 6)) {
        push @checks, map { _checked($site, $n, $_) } 1, 2, 10;
        $o{progress}->("$n real nodes") if $o{progress};
    }
    my $idle = idle($site, 6, $o{quick} ? 2 : 5);
    $site->stop;
    return { rows => \@rows, checks => \@checks, idle => $idle };
}

sub _simulated ($nodes, $offered) {
    my $requests = requests(nodes => $nodes, uids => 4, keys => 10,
                            uid => $limits{uid}, offered => $offered);
    my @more = (%limits, latency => 0.001);
    my $with = simulate($requests, @more);
    my $without = simulate($requests, @more, cache => 0);
    return { x => $nodes, offered => $offered, requests => scalar @$requests,
             admitted => $with->{admitted}, commands => $with->{commands},
             without => $without->{commands} };
}

sub _checked ($site, $nodes, $offered) {
    my $requests = requests(nodes => $nodes, uids => 2, keys => 10,
                            uid => $limits{uid}, offered => $offered,
                            seed => 100 + $nodes);
    my $said = simulate($requests, %limits);
    my $real = real($site, $requests, $nodes);
    return { x => $nodes, offered => $offered, requests => scalar @$requests,
             said => $said, real => $real };
}

1;
