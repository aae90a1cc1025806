# A loopback port that is free, and stays ours: a UDP socket on the same
# number is the lock between tests that run at the same time.
#
#   my $port = Spocr::Port->new;      # ours as long as the object lives
#   $port->number

package Spocr::Port;

use v5.36;
use IO::Socket::INET;

sub new ($class) {
    for (1 .. 200) {
        my $number = 20000 + int rand 10000;
        my $lock = IO::Socket::INET->new(
            Proto => 'udp', LocalAddr => "127.0.0.1:$number") or next;
        my $probe = IO::Socket::INET->new(
            Proto => 'tcp', LocalAddr => "127.0.0.1:$number", Listen => 1,
            ReuseAddr => 1) or next;
        close $probe;
        return bless { number => $number, lock => $lock }, $class;
    }
    die "no free port\n";
}

sub number ($self) { $self->{number} }

1;
