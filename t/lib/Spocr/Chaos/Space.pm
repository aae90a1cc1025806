# What a run has for itself, where the machine permits it: its own processes,
# mounts and network, so that disks can be full and cables pulled, and nothing
# is left of it when it ends, however it ends.
#
#   Spocr::Chaos::Space::enter(@command)  runs it inside, and does not return;
#                                         returns why that is impossible
#   Spocr::Chaos::Space::inside           whether this is inside
#   Spocr::Chaos::Space::small($folder)   a disk of 24 MB there
#   my $net = Spocr::Chaos::Space->apart  another network, and two cables to it
#   $net->ours, ->theirs                  addresses at the ends of the first
#   $net->into                            what runs a command in there
#   $net->pull, $net->plug                the second cable, which ours has the
#                                         route to Redis and backend

package Spocr::Chaos::Space;

use v5.36;
use POSIX ();
use Time::HiRes qw(sleep);

my $MARK = 'SPOCR_CHAOS_SPACE';

# What is mounted keeps its folder from being removed.
my ($owner, @small) = ($$);

sub inside { return $ENV{$MARK} }

sub enter (@command) {
    my @unshare = ('unshare', $> ? '-r' : (), '--mount', '--net', '--pid',
                   '--fork', '--kill-child', '--mount-proc');

    my $out = `@unshare true 2>&1`;
    return "no namespaces here: $out" =~ s/\s+\z//r if $?;
    local $ENV{$MARK} = 1;
    exec @unshare, @command or die "cannot run unshare: $!\n";
}

sub _run (@argv) {
    system(@argv) == 0 or die "@argv failed\n";
}

sub lone {
    _run(qw(ip link set lo up));
}

sub small ($folder, $size = '24m') {
    _run('mount', '-t', 'tmpfs', '-o', "size=$size,mode=1777", 'none',
         $folder);
    push @small, $folder;
}

END {
    my $status = $?;
    if ($owner == $$) { system 'umount', '--lazy', $_ for @small }
    $? = $status;
}

# A process that does nothing holds the network.
sub apart ($class) {
    pipe my $read, my $write or die "pipe: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $write;
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
        exec 'unshare', '--net', 'sleep', '100000' or POSIX::_exit(127);
    }
    my $own = readlink '/proc/self/ns/net';
    my $tries = 0;
    while ((readlink("/proc/$pid/ns/net") // $own) eq $own) {
        die "no second network\n" if $tries++ > 300;
        sleep 0.02;
    }

    my $self = bless { pid => $pid }, $class;
    my @in = $self->into;
    for my $n (0, 1) {
        _run(qw(ip link add), "chaos$n", qw(type veth peer name), "node$n",
             'netns', $pid);
        _run(qw(ip addr add), "10.213.$n.1/30", 'dev', "chaos$n");
        _run(qw(ip link set), "chaos$n", 'up');
        _run(@{ $in[0] }, qw(ip addr add), "10.213.$n.2/30", 'dev', "node$n");
        _run(@{ $in[0] }, qw(ip link set), "node$n", 'up');
    }
    _run(@{ $in[0] }, qw(ip link set lo up));
    return $self;
}

sub theirs ($self) { '10.213.0.2' }
sub ours ($self)   { '10.213.1.1' }
sub into ($self)   { ['nsenter', '--target', $self->{pid}, '--net'] }
sub pull ($self)   { _run(qw(ip link set chaos1 down)) }
sub plug ($self)   { _run(qw(ip link set chaos1 up)) }

1;
