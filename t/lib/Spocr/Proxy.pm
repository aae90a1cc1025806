# A TCP proxy on the loopback, in a process of its own, for what a network
# does to a connection: it can be slow, stall, lose bytes and break.
#
#   my $proxy = Spocr::Proxy->new(to => $redis->port);
#   $proxy->port, ->url              # redis://127.0.0.1:PORT
#   $proxy->delay(up => 20, down => [0, 200]);
#
# What is changed is in force when the call returns, for connections that are
# there and for new ones.
#
# $proxy->delay(up => MS, down => MS)   each way; [FROM, TO]: a new random
#                       delay for each read; the order of bytes stays
# $proxy->stall(WAY)    nothing passes any more; WAY up, down or both (both)
# $proxy->flow          it does again, what was held back as well
# $proxy->drop(WAY, N)  the next N bytes are lost
# $proxy->cut           all connections are closed at once, what is under way
#                       is lost
# $proxy->refuse, ->accept      new connections are closed at once; are not
# $proxy->stats         {connections, refused, open, up, down}: how many there
#                       were, how many of them were refused, how many are left;
#                       bytes each way, when they came
# $proxy->stop

package Spocr::Proxy;

use v5.36;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(TCP_NODELAY IPPROTO_TCP);
use Time::HiRes qw(time);

use parent 'Spocr::Standin';

sub new ($class, %o) {
    return $class->_begin('proxy', sub ($listen, $control) {
        _serve($listen, $control, $o{to});
    });
}

sub delay ($self, %ways)           { $self->_order(delay => \%ways) }
sub stall ($self, $way = 'both')   { $self->_order(stall => $way) }
sub flow ($self)                   { $self->_order('flow') }
sub drop ($self, $way, $n)         { $self->_order(drop => $way, $n) }
sub cut ($self)                    { $self->_order('cut') }
sub refuse ($self)                 { $self->_order('refuse') }
sub accept ($self)                 { $self->_order('accept') } ## no critic
sub stats ($self)                  { $self->_order('stats') }


# -- in the process --

# A pair is {up, down}; each way {from, to, queue => [[due, bytes]], end}.
sub _serve ($listen, $control, $to) {
    my $s = { control => $control, listen => $listen, to => $to, pairs => [],
              delay => { up => 0, down => 0 }, stall => {}, drop => {},
              stats => { connections => 0, refused => 0, up => 0, down => 0 }
            };

    while (1) {
        my @ways = map { @$_{qw(up down)} } @{ $s->{pairs} };
        my $now = time;
        my $wait = 60;
        my (@readers, @writers);

        for my $way (@ways) {
            push @readers, $way->{from} if !$way->{end};
            next if !@{ $way->{queue} } || $s->{stall}{ $way->{name} };
            my $left = $way->{queue}[0][0] - $now;
            if ($left <= 0) { push @writers, $way->{to} }
            elsif ($left < $wait) { $wait = $left }
        }

        my ($r, $w) = IO::Select->select(
            IO::Select->new($listen, $control, @readers),
            IO::Select->new(@writers), undef, $wait);

        my %readable = map { $_ => 1 } @{ $r // [] };
        my %writable = map { $_ => 1 } @{ $w // [] };
        _obey($s) if $readable{$control};
        _welcome($s) if $readable{$listen};
        for my $way (grep { !$_->{gone} } @ways) {
            _take($s, $way) if $readable{ $way->{from} } && !$way->{end};
            _give($s, $way) if $writable{ $way->{to} };
        }
        _bury($s);
    }
}

sub _obey ($s) {
    my $line = readline($s->{control}) // POSIX::_exit(0);
    my ($what, @with) = @{ JSON::PP->new->decode($line) };
    my $answer = { ok => 1 };

    if ($what eq 'delay') { $s->{delay} = { %{ $s->{delay} }, %{ $with[0] } } }
    if ($what eq 'stall') {
        $s->{stall}{$_} = 1
            for $with[0] eq 'both' ? qw(up down) : $with[0];
    }
    if ($what eq 'flow') { $s->{stall} = {} }
    if ($what eq 'drop') { $s->{drop}{ $with[0] } += $with[1] }
    if ($what eq 'refuse') { $s->{refuse} = 1 }
    if ($what eq 'accept') { $s->{refuse} = 0 }
    if ($what eq 'cut') { $_->{broken} = 1 for @{ $s->{pairs} }; _bury($s) }
    if ($what eq 'stats') {
        $answer = { %{ $s->{stats} }, open => scalar @{ $s->{pairs} } };
    }
    syswrite $s->{control}, JSON::PP->new->encode($answer) . "\n";
}

sub _welcome ($s) {
    while (my $client = $s->{listen}->accept) {
        $s->{stats}{connections}++;
        if ($s->{refuse}) {
            $s->{stats}{refused}++;
            next;
        }
        my $server = IO::Socket::INET->new(
            Proto => 'tcp', PeerAddr => '127.0.0.1', PeerPort => $s->{to},
            Timeout => 5) or next;

        for ($client, $server) {
            $_->blocking(0);
            setsockopt $_, IPPROTO_TCP, TCP_NODELAY, 1;
        }
        my $pair = {};
        $pair->{up} = { name => 'up', from => $client, to => $server };
        $pair->{down} = { name => 'down', from => $server, to => $client };
        @{$_}{qw(queue pair)} = ([], $pair) for values %$pair;
        push @{ $s->{pairs} }, $pair;
    }
}

sub _take ($s, $way) {
    my $n = sysread $way->{from}, my $bytes, 65536;
    my $name = $way->{name};

    if (!$n) {
        return if !defined $n && $!{EAGAIN};
        $way->{end} = 1;
        $way->{pair}{broken} = 1 if !defined $n;
        return;
    }
    $s->{stats}{$name} += $n;

    if (my $drop = $s->{drop}{$name}) {
        my $gone = $drop < $n ? $drop : $n;
        $s->{drop}{$name} -= $gone;
        substr $bytes, 0, $gone, '';
        return if $bytes eq '';
    }

    my $delay = $s->{delay}{$name};
    $delay = $delay->[0] + rand($delay->[1] - $delay->[0]) if ref $delay;
    my $due = time + $delay / 1000;
    my $last = $way->{queue}[-1];
    $due = $last->[0] if $last && $last->[0] > $due;
    push @{ $way->{queue} }, [$due, $bytes];
}

sub _give ($s, $way) {
    my $first = $way->{queue}[0];
    my $n = syswrite $way->{to}, $first->[1];

    if (!defined $n) {
        $way->{pair}{broken} = 1 if !$!{EAGAIN};
        return;
    }
    substr $first->[1], 0, $n, '';
    shift @{ $way->{queue} } if $first->[1] eq '';
}

# Either side's end is told to the other once all bytes before it were.
sub _bury ($s) {
    @{ $s->{pairs} } = grep {
        my $pair = $_;
        for my $way (@$pair{qw(up down)}) {
            next if !$way->{end} || @{ $way->{queue} }
                    || $s->{stall}{ $way->{name} };
            $pair->{broken} = 1;
        }
        if ($pair->{broken}) {
            for my $way (@$pair{qw(up down)}) {
                close $way->{from};
                delete $way->{pair};
                $way->{gone} = 1;
            }
        }
        !$pair->{broken};
    } @{ $s->{pairs} };
}

1;
