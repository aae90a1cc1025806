# Runs cases of raw HTTP/2 frames, many connections side by side, and says of
# each what the server did.
#
#   my @results = Spocr::H2::Run::all($port, @cases);
#
# A case is {steps => [...], wait => [...], ...}.  Steps are bytes to send, or
# one of these to wait for: ['settings'] the server's, ['answer', ID] the end
# of a stream, ['status', ID], ['bytes', ID, N] so much of its body, ['pause',
# SECONDS].  The client's preface and SETTINGS are sent
# first, unless the case says bare => 1.  At the end it waits until each
# stream of wait has ended, or the connection, where wait has 'end'; then it
# sends a PING and waits for the answer, so that what the server had to say
# has been read.
#
# A result is {streams => {ID => {status, body, reset, end, data}}, goaway,
# eof, alive, acks, first, pings}: alive if the last PING was answered.
# outcome(CASE, RESULT) is that in a few words, such as "1: 200, open" or
# "GOAWAY PROTOCOL_ERROR, closed".  It tells of the streams that were waited
# for, and of those that were reset; of all where no end came that should have.

package Spocr::H2::Run;

use v5.36;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);
use Spocr::H2::Frames;

my $AT_ONCE = 40;
my $PATIENCE = 5;           # for what does not come
my $CLOSING = 1.5;          # and for a connection's end that does not
my $LAST = 'the last';      # eight bytes
my @STATUS = (200, 204, 206, 304, 400, 404, 500);     # RFC 7541, from 8 on
my %NAME = reverse %Spocr::H2::Frames::TYPE;

sub all ($port, @cases) {
    my @todo = map { { case => $_, result => { streams => {}, acks => 0,
                                               pings => [] } } } @cases;
    my @results = map { $_->{result} } @todo;
    my @running;

    while (@todo || @running) {
        push @running, _begin($port, shift @todo)
            while @todo && @running < $AT_ONCE;

        my $select = IO::Select->new(map { $_->{fh} } @running);
        my %ready = map { $_ => 1 } $select->can_read(0.02);
        for my $run (@running) {
            _read($run) if $ready{ $run->{fh} };
            _go_on($run);
        }
        @running = grep { !$_->{done} } @running;
    }
    return @results;
}

sub _begin ($port, $run) {
    $run->{fh} = IO::Socket::INET->new(
        Proto => 'tcp', PeerAddr => '127.0.0.1', PeerPort => $port,
        Timeout => 10) or die "cannot connect: $!\n";
    $run->{fh}->blocking(0);
    $run->{in} = $run->{out} = '';

    my $case = $run->{case};
    $run->{steps} = [
        $case->{bare} ? () : (PREFACE . settings(@{ $case->{ours} // [] }),
                              ['settings'], frame(SETTINGS => ACK, 0)),
        @{ $case->{steps} },
        (map { ['answer', $_] } @{ $case->{wait} // [] }),
        ping($LAST), ['last'],
    ];
    return $run;
}

sub _read ($run) {
    my $n = sysread $run->{fh}, $run->{in}, 262144, length $run->{in};
    return if !defined $n && ($! == EAGAIN || $! == EINTR);
    $run->{result}{eof} = 1 if !$n;
    while (_take($run)) { }
}

sub _take ($run) {
    return 0 if length $run->{in} < 9;
    my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $run->{in};
    my $length = $high * 65536 + $low;
    return 0 if length $run->{in} < 9 + $length;
    my $payload = substr $run->{in}, 9, $length;
    substr $run->{in}, 0, 9 + $length, '';

    my $r = $run->{result};
    my $name = $NAME{$type} // "type $type";
    my $stream = $id ? $r->{streams}{$id} //= { body => '' } : {};
    $r->{first} //= $name;

    if ($name eq 'HEADERS') {
        $payload =~ s/^(?:[\x20-\x3e]|\x3f[\x80-\xff]*[\x00-\x7f])+//;
        $stream->{status} //=
            $payload =~ /^([\x88-\x8e])/ ? $STATUS[ord($1) - 0x88]
            : $payload =~ /^[\x08\x48]\x03(\d{3})/ ? $1 : 'unreadable';
    } elsif ($name eq 'DATA') {
        $stream->{body} .= $payload;
        push @{ $stream->{data} }, length $payload;
    } elsif ($name eq 'RST_STREAM') {
        $stream->{reset} = unpack 'N', $payload;
    } elsif ($name eq 'GOAWAY') {
        $r->{goaway} //= unpack 'x4N', $payload;
    } elsif ($name eq 'SETTINGS') {
        $flags & ACK ? $r->{acks}++ : ($r->{settings} //= $payload);
    } elsif ($name eq 'PING') {
        $payload eq $LAST ? ($r->{alive} = 1) : push @{ $r->{pings} },
            [$flags, $payload];
    }
    $stream->{end} = 1
        if $name eq 'RST_STREAM'
           || $flags & END_STREAM && $name =~ /^(?:DATA|HEADERS)$/;
    return 1;
}

# Sends and waits, as far as it gets at once.
sub _go_on ($run) {
    my $r = $run->{result};

    while (1) {
        if (length $run->{out}) {
            my $n = syswrite $run->{fh}, $run->{out};
            if (!defined $n) {
                return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
                $run->{out} = '';           # the server has closed
                $r->{eof} //= 0;
            } else {
                substr $run->{out}, 0, $n, '';
            }
            next;
        }
        if ($r->{eof} || !@{ $run->{steps} }) {
            close $run->{fh};
            $run->{done} = 1;
            return;
        }

        my $step = $run->{steps}[0];
        if (!ref $step) {
            $run->{out} = shift @{ $run->{steps} };
            next;
        }
        my ($what, $id, $n) = @$step;
        my $s = $r->{streams}{ $id // 0 } // {};
        $run->{until} //= time + ($what eq 'pause' ? $id
                                  : ($id // '') eq 'end' ? $CLOSING
                                  : $PATIENCE);
        my $here = $what eq 'settings' ? defined $r->{settings}
                 : $what eq 'last' ? $r->{alive}
                 : $what eq 'status' ? defined $s->{status}
                 : $what eq 'bytes' ? length($s->{body} // '') >= $n
                 : $what eq 'answer' && $s->{end};
        return if !$here && time < $run->{until};
        delete $run->{until};
        shift @{ $run->{steps} };
    }
}

sub outcome ($case, $r) {
    my %wait = map { $_ => 1 } @{ $case->{wait} };
    my $all = $wait{end} && !$r->{eof};
    my $code = sub ($n) { $Spocr::H2::Frames::CODES[$n] // $n };
    my @said = map {
        my $s = $r->{streams}{$_};
        my @what = grep { defined } $s->{status},
            defined $s->{reset} ? 'RST_STREAM ' . $code->($s->{reset}) : undef;
        push @what, 'no end' if defined $s->{status} && !$s->{end};
        @what ? "$_: " . join ' ', @what : ();
    } grep {
        $all || $wait{$_}
        || defined $r->{streams}{$_}{reset} && !$wait{end}
    } sort { $a <=> $b } keys %{ $r->{streams} };
    push @said, 'GOAWAY ' . $code->($r->{goaway}) if defined $r->{goaway};
    push @said, $r->{eof} ? 'closed' : $r->{alive} ? 'open' : 'silent';
    return join ', ', @said;
}

1;
