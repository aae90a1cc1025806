# Between the gateway and a real Redis, in a process of its own: passes all of
# it, but for the one call of a function that it was told to spoil.
#
#   my $liar = Spocr::Liar->new(to => $redis->port);
#   $liar->port, ->url
#   $liar->spoil(3, 'error');        # the third call from now on
#   my $n = $liar->stop_it;          # {count, fired} since then; honest again
#
# Ways to spoil a call:
#   error          answered by an error, and not run
#   nonce          run, and answered with another nonce
#   stall_before   not run; nothing of that connection is answered any more
#   stall_after    run, and the same
#   close_before   not run; the connection is closed
#   close_after    run; the connection is closed in the place of the answer
#   cut            run; half of the answer, then the connection is closed
#
# The call that greets (spocr_v2_hello) is not counted.

package Spocr::Liar;

use v5.36;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(TCP_NODELAY IPPROTO_TCP);

use parent 'Spocr::Standin';

our @WAYS = qw(error nonce stall_before stall_after close_before close_after
               cut);

sub new ($class, %o) {
    return $class->_begin('liar', sub ($listen, $control) {
        _serve($listen, $control, $o{to});
    });
}

sub spoil ($self, $n, $way) { $self->_order($n, $way) }
sub stop_it ($self)         { $self->_order(0, '') }


# -- in the process --

# A pair is {client, server, in, back, queue, raw, stalled, gone}: bytes of
# either side that are no whole command or reply yet; for each command whose
# reply is to come, how that is spoilt, or ''.
sub _serve ($listen, $control, $to) {
    my %pairs;
    my $s = { at => 0, way => '', count => 0, fired => 0 };

    while (1) {
        my ($r) = IO::Select->select(IO::Select->new(
            $listen, $control, map { @$_{qw(client server)} } values %pairs),
            undef, undef, 60);

        for my $fh (@{ $r // [] }) {
            if ($fh == $control) {
                my $line = readline($control) // POSIX::_exit(0);
                my $told = { %$s{qw(count fired)} };
                @$s{qw(at way count fired)} =
                    (@{ JSON::PP->new->decode($line) }, 0, 0);
                syswrite $control, JSON::PP->new->encode($told) . "\n";

            } elsif ($fh == $listen) {
                _welcome($listen, $to, \%pairs);

            } elsif (my $pair = $pairs{$fh}) {
                my $up = $fh == $pair->{client};
                my $n = sysread $fh, $pair->{ $up ? 'in' : 'back' }, 262_144,
                    length $pair->{ $up ? 'in' : 'back' };
                if (!$n) { $pair->{gone} = 1 if defined $n || !$!{EAGAIN} }
                elsif ($up) { _commands($s, $pair) }
                else { _replies($pair) }
                if ($pair->{gone}) {
                    delete @pairs{ @$pair{qw(client server)} };
                    close $_ for @$pair{qw(client server)};
                }
            }
        }
    }
}

sub _welcome ($listen, $to, $pairs) {
    while (my $client = $listen->accept) {
        my $server = IO::Socket::INET->new(
            Proto => 'tcp', PeerAddr => '127.0.0.1', PeerPort => $to,
            Timeout => 5) or next;
        for ($client, $server) {
            $_->blocking(1);
            setsockopt $_, IPPROTO_TCP, TCP_NODELAY, 1;
        }
        my $pair = { client => $client, server => $server, in => '',
                     back => '', queue => [] };
        @$pairs{ $client, $server } = ($pair, $pair);
    }
}

sub _write ($fh, $bytes) {
    while (length $bytes) {
        my $n = syswrite $fh, $bytes or return;
        substr $bytes, 0, $n, '';
    }
}

# The length of the whole command or reply that these bytes begin with, or 0.
sub _whole ($bytes, $at = 0) {
    pos($$bytes) = $at;
    $$bytes =~ /\G(.)([^\r]*)\r\n/g or return 0;
    my ($type, $n, $end) = ($1, $2, $+[0]);

    if ($type eq '$') {
        return $end if $n < 0;
        return length $$bytes >= $end + $n + 2 ? $end + $n + 2 : 0;
    }
    return $end if $type ne '*';
    for (1 .. $n) {
        $end = _whole($bytes, $end) or return 0;
    }
    return $end;
}

sub _commands ($s, $pair) {
    while (my $length = $pair->{raw} ? length $pair->{in}
                                     : _whole(\$pair->{in}))
    {
        my $bytes = substr $pair->{in}, 0, $length, '';
        my $way = '';

        $pair->{raw} = 1 if $bytes =~ /^\*\d+\r\n\$9\r\nSUBSCRIBE\r\n/;
        if ($bytes =~ /^\*\d+\r\n\$\d\r\nFCALL(?:_RO)?\r\n\$\d+\r\n(\w+)/
            && $1 ne 'spocr_v2_hello' && ++$s->{count} == $s->{at})
        {
            $s->{fired} = 1;
            $way = $s->{way};
        }
        if ($way eq 'close_before') { $pair->{gone} = 1; return }
        push @{ $pair->{queue} }, $way if !$pair->{raw};
        _write($pair->{server}, $bytes)
            if $way ne 'error' && $way ne 'stall_before';
        _replies($pair);
    }
}

sub _replies ($pair) {
    if ($pair->{raw}) {
        _write($pair->{client}, delete $pair->{back});
        $pair->{back} = '';
        return;
    }

    while (@{ $pair->{queue} } && !$pair->{stalled}) {
        my $way = $pair->{queue}[0];
        $pair->{stalled} = 1, return if $way eq 'stall_before';

        if ($way ne 'error') {
            my $length = _whole(\$pair->{back}) or return;
            my $reply = substr $pair->{back}, 0, $length, '';
            $pair->{stalled} = 1, return if $way eq 'stall_after';
            $pair->{gone} = 1, return if $way eq 'close_after';
            $reply =~ s/^(\*\d+\r\n\$\d+\r\n)(.)/$1 . chr(1 ^ ord $2)/es
                if $way eq 'nonce';
            substr $reply, length($reply) / 2, length $reply, ''
                if $way eq 'cut';
            _write($pair->{client}, $reply);
            $pair->{gone} = 1, return if $way eq 'cut';

        } else {
            _write($pair->{client}, "-ERR torture\r\n");
        }
        shift @{ $pair->{queue} };
    }
}

1;
