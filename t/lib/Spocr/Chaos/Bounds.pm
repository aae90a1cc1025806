# What a fault excuses, and nothing else does: how requests may end while it is
# active, and how long after it was healed.  docs/chaos.md has the same as text.
#
#   for my $b (Spocr::Chaos::Bounds::of($name)) ...
#
# {may}   how requests may end that would otherwise be a violation:
#           500 502 503 504     errors of the gateway
#           unknown             409 idempotency_outcome_unknown
#           lost                no answer, or half of one: closed, reset, cut
#           broken              the same, where a backend's answer is passed on
#                               as it comes: not claimed, too large to store, or
#                               of an outcome that is unknown in any case
#           reuse               the same, where the connection was used before
#           refused timeout
#         A 503 is never right where a limit is counted locally and nothing is
#         claimed: "503" means requests that need Redis, "any503" any of them.
# {redis} Redis does not count, or not all of it: a node counts its share of
#         the limit, and windows need not be full
# {empty} what Redis knew is gone: counted once more, executed once more
# {clock} the last node's own windows are not where the others' are
# {zone}  what the zones had counted is gone
# {bytes} what the backend sent is not what the node read
# {log}   lines of the error log at alert, crit and emerg that belong to it

package Spocr::Chaos::Bounds;

use v5.36;

# Seconds after its end: leases of a second run out, links are made again
# after 300 ms at most, and C-19's rest
our $GRACE = 5;

my @redis = (may => [qw(503 unknown)], redis => 1);
my @back = (may => [qw(502 504 unknown broken)]);

my $upstream = qr/upstream/;

my %of = (
    (map { ("redis-$_" => { @redis }) } qw(kill stop full readonly records
        slow stall blackhole halfopen truncate reset refuse split corrupt
        partition)),
    'redis-empty' => { @redis, empty => 1 },
    (map { ("back-$_" => { @back }) } qw(slow stall blackhole halfopen truncate
        reset refuse split stop kill mid garbage huge badchunk)),
    'back-corrupt' => { @back, bytes => 1 },

    # A worker's end costs what it had; its successor waits for its first
    # handshake.
    'worker-kill' => { may => [qw(lost unknown)],
                       log => [qr/exited on signal 9/] },
    # ... and this one is led to the lock by the hand, for seconds
    'worker-lock' => { may => [qw(lost 503 unknown)], redis => 1,
                       log => [qr/exited on signal 9/,
                               qr/shared memory zone .* was locked by/] },
    'worker-stop' => { may => [qw(503 unknown)], redis => 1 },
    reload => { may => [qw(reuse)] },
    upgrade => { may => [qw(reuse)], zone => 1 },
    'disk-full' => { may => [qw(500 lost)],
                     log => [qr/No space left on device|pwritev?\(\)/] },
    descriptors => { may => [qw(500 502 503 any503 lost refused timeout
                                unknown)], redis => 1,
                     log => [qr/Too many open files|worker_connections/] },
    clock => { may => [], clock => 1 },
    netcut => { may => [qw(502 503 504 unknown broken)], redis => 1 },

    # not a fault: this machine did not get to it in time
    lag => { may => [qw(503 504 unknown timeout reuse)], redis => 1 },
);

sub of ($name) { $of{$name} // die "no bounds of $name\n" }

1;
