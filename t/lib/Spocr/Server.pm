# What the stand-ins of HTTP servers share: a listener on a free loopback port,
# a process for each connection, which _serve() of the class answers.

package Spocr::Server;

use v5.36;
use File::Temp ();
use IO::Socket::INET;
use POSIX ();

sub start ($class) {
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50)
        or die "cannot listen: $!\n";
    my $self = bless { dir => File::Temp->newdir, port => $listen->sockport },
        $class;
    my $parent = $$;
    my $pid = fork // die "cannot fork: $!\n";

    if (!$pid) {
        setpgrp;
        $SIG{CHLD} = 'IGNORE';
        $SIG{PIPE} = 'IGNORE';
        while (getppid == $parent) {
            my $c = $listen->accept or next;
            my $child = fork // next;
            next if $child;
            eval { $self->_serve($c) };
            POSIX::_exit(0);
        }
        POSIX::_exit(0);
    }
    close $listen;
    $self->{pid} = $pid;
    return $self;
}

1;
