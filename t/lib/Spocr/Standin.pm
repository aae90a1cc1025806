# What the stand-ins of servers share that a test gives orders to: a listener
# on a loopback port, a process of its own behind it, and a line of JSON each
# way for an order.  A class that is one has new(), which calls
#
#   $class->_begin(WHAT, sub ($listen, $control) { ... }, port =>, addr =>)
#
# with a name for messages and what the process does; it ends where that
# returns.  $self->_order(...) sends a list, and returns what is answered.

package Spocr::Standin;

use v5.36;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC SOMAXCONN);

use Spocr::Port;

my @live;
my $json = JSON::PP->new->ascii;

sub _begin ($class, $what, $serve, %o) {
    my $port = $o{port} // Spocr::Port->new;
    my $listen = IO::Socket::INET->new(
        Proto => 'tcp', LocalAddr => $o{addr} // '127.0.0.1', ReuseAddr => 1,
        LocalPort => $port->number, Listen => SOMAXCONN,
    ) or die 'cannot listen on ' . $port->number . ": $!\n";
    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!\n";
    $listen->blocking(0);

    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $ours;
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
        $SIG{PIPE} = 'IGNORE';
        eval { $serve->($listen, $theirs) };
        print {*STDERR} "$what: $@" if $@;
        POSIX::_exit(1);
    }

    close $theirs;
    my $self = bless { pid => $pid, owner => $$, control => $ours,
                       port => $port, what => $what }, $class;
    push @live, $self;
    return $self;
}

sub port ($self) { $self->{port}->number }
sub url ($self)  { 'redis://127.0.0.1:' . $self->port }

sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    kill KILL => $pid;
    waitpid $pid, 0;
}

sub _order ($self, @order) {
    syswrite $self->{control}, $json->encode(\@order) . "\n";
    my $line = readline($self->{control}) // die "the $self->{what} is gone\n";
    return $json->decode($line);
}

END {
    my $status = $?;
    $_->stop for grep { $_->{owner} == $$ } @live;
    $? = $status;
}

1;
