# The network between the nodes and one server: a process with a listener for
# each node, which does to a node's connections what a network can do.
#
#   my $link = Spocr::Chaos::Link->new(to => $port, name => 'redis',
#                                      nodes => 3, seed => $seed,
#                                      addrs => ['127.0.0.1', ...]);
#   $link->port(0)                   # of the first node
#   $link->fault(HOW, nodes => [0, 2], ...)      # in force when it returns
#   $link->heal
#
# How:
#   delay      ms => [FROM, TO]: each piece waits, the order stays
#   stall      nothing passes; after heal() it does, what was held back as well
#   blackhole  nothing passes, and what came meanwhile is lost: connections of
#              that time are closed by heal(), as a network's timeouts would
#   halfopen   the server's side is closed, the node is told nothing, not even
#              by heal(): it has to find out
#   truncate   a connection is closed after after => N bytes of the server's
#   reset      connections are reset (RST), over and over
#   refuse     new connections are closed at once, those that are there as well
#   split      each byte is sent by itself (the first 2,000 of a piece)
#   corrupt    of the server's pieces every => Nth has the highest bit of one
#              byte turned over: no digit becomes another digit by that
#
# $link->stats   {connections, open, bytes, hurt}: hurt is how many connections
#                a fault has touched

package Spocr::Chaos::Link;

use v5.36;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC SOMAXCONN TCP_NODELAY SOL_SOCKET
              SO_LINGER IPPROTO_TCP pack_sockaddr_in inet_aton AF_INET);
use Time::HiRes qw(time);

use Spocr::Chaos::Random;
use Spocr::Port;

my $PIECE = 65536;
my $HELD = 4_000_000;          # bytes that one way of a pair may hold
my $SINGLE = 2000;

my @live;

sub new ($class, %o) {
    my (@ports, @listen);

    for my $i (0 .. $o{nodes} - 1) {
        my $port = Spocr::Port->new;
        my $fh = IO::Socket::INET->new(
            Proto => 'tcp', LocalAddr => $o{addrs}[$i], ReuseAddr => 1,
            LocalPort => $port->number, Listen => SOMAXCONN,
        ) or die "cannot listen on $o{addrs}[$i]: $!\n";
        $fh->blocking(0);
        push @ports, $port;
        push @listen, $fh;
    }

    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $ours;
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
        $SIG{PIPE} = 'IGNORE';
        eval { _serve(\@listen, $theirs, \%o); 1 }
            or print {*STDERR} "link $o{name}: $@";
        POSIX::_exit(1);
    }

    my $self = bless { pid => $pid, owner => $$, control => $ours,
                       ports => \@ports }, $class;
    push @live, $self;
    return $self;
}

sub port ($self, $node) { $self->{ports}[$node]->number }

sub _order ($self, @order) {
    syswrite $self->{control}, JSON::PP->new->encode(\@order) . "\n";
    my $line = readline($self->{control}) // die "the link is gone\n";
    return JSON::PP->new->decode($line);
}

sub fault ($self, $how, %o) { $self->_order(fault => { how => $how, %o }) }
sub heal ($self)            { $self->_order('heal') }
sub stats ($self)           { $self->_order('stats') }

sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    kill KILL => $pid;
    waitpid $pid, 0;
}

END {
    my $status = $?;
    $_->stop for grep { $_->{owner} == $$ } @live;
    $? = $status;
}


# -- in the process --

# {ends}: by file number, the way that reads from it; a way is {from, to, name,
# queue => [[due, bytes]], held, end, pair}, and its pair {up, down, node}.
sub _serve ($listen, $control, $o) {
    my $s = { ways => {}, pairs => {}, fault => undef, n => 0, to =>
              pack_sockaddr_in($o->{to}, inet_aton('127.0.0.1')),
              random => Spocr::Chaos::Random->new($o->{seed} // 0, $o->{name}),
              control => $control,
              stats => { connections => 0, bytes => 0, hurt => 0 } };
    my %listen = map { fileno $listen->[$_] => $_ } 0 .. $#$listen;

    while (1) {
        my ($r, $w, $wait) = ('', '', 60);
        my $now = time;
        vec($r, $_, 1) = 1 for keys %listen, fileno $control;

        for my $way (values %{ $s->{ways} }) {
            vec($r, fileno $way->{from}, 1) = 1
                if !$way->{end} && $way->{held} < $HELD;
            my $first = $way->{queue}[0] or next;
            next if _silent($s, $way->{pair});
            my $left = $first->[0] - $now;
            if ($left <= 0) { vec($w, fileno $way->{to}, 1) = 1 }
            elsif ($left < $wait) { $wait = $left }
        }

        next if select($r, $w, undef, $wait) <= 0;
        _obey($s) if vec $r, fileno $control, 1;
        for my $fd (grep { vec $r, $_, 1 } keys %listen) {
            _welcome($s, $listen->[$listen{$fd}], $listen{$fd});
        }
        my @ways = values %{ $s->{ways} };
        for my $way (@ways) {
            next if $way->{pair}{gone};
            _take($s, $way) if !$way->{end} && vec $r, fileno $way->{from}, 1;
            next if $way->{pair}{gone} || !@{ $way->{queue} };
            _give($s, $way) if vec $w, fileno $way->{to}, 1;
        }
    }
}

sub _fault ($s, $pair) {
    my $f = $s->{fault} or return '';
    return '' if $f->{nodes} && !grep { $_ == $pair->{node} } @{ $f->{nodes} };
    if (!$pair->{hurt}++) { $s->{stats}{hurt}++ }
    return $f->{how};
}

sub _silent ($s, $pair) {
    return 1 if $pair->{dead};
    return $s->{fault} && _fault($s, $pair) =~ /^(?:stall|blackhole)$/;
}

sub _obey ($s) {
    my $line = readline($s->{control}) // POSIX::_exit(0);
    my ($what, $with) = @{ JSON::PP->new->decode($line) };
    my $answer = { ok => 1 };

    if ($what eq 'fault') {
        $s->{fault} = $with;
        for my $pair (values %{ $s->{pairs} }) {
            my $how = _fault($s, $pair);
            if ($how eq 'reset' || $how eq 'refuse') { _bury($s, $pair, 1) }
            if ($how eq 'halfopen') { _half($s, $pair) }
            $pair->{left} = $with->{after} if $how eq 'truncate';
        }
    }
    if ($what eq 'heal') {
        $s->{fault} = undef;
        delete $_->{left} for values %{ $s->{pairs} };
        _bury($s, $_) for grep { $_->{lost} } values %{ $s->{pairs} };
    }
    if ($what eq 'stats') {
        $answer = { %{ $s->{stats} }, open => scalar keys %{ $s->{pairs} } };
    }
    syswrite $s->{control}, JSON::PP->new->encode($answer) . "\n";
}

sub _welcome ($s, $listen, $node) {
    while (my $client = $listen->accept) {
        $s->{stats}{connections}++;
        my $pair = { node => $node, id => ++$s->{n} };
        my $how = _fault($s, $pair);
        if ($how eq 'refuse') { close $client; next }

        socket my $server, AF_INET, SOCK_STREAM, 0 or next;
        if (!connect $server, $s->{to}) {
            close $client;
            close $server;
            next;
        }
        for ($client, $server) {
            IO::Handle::blocking($_, 0);
            setsockopt $_, IPPROTO_TCP, TCP_NODELAY, 1;
        }
        $pair->{up} = { name => 'up', from => $client, to => $server };
        $pair->{down} = { name => 'down', from => $server, to => $client };
        @$_{qw(queue held pair)} = ([], 0, $pair) for @$pair{qw(up down)};
        $pair->{left} = $s->{fault}{after} if $how eq 'truncate';
        $s->{pairs}{ $pair->{id} } = $pair;
        $s->{ways}{ fileno $_->{from} } = $_ for @$pair{qw(up down)};
        if ($how eq 'reset') { _bury($s, $pair, 1) }
        elsif ($how eq 'halfopen') { _half($s, $pair) }
    }
}

sub _take ($s, $way) {
    my $pair = $way->{pair};
    my $bytes;
    my $n = sysread $way->{from}, $bytes, $PIECE;

    if (!$n) {
        return if !defined $n && ($!{EAGAIN} || $!{EINTR});
        $way->{end} = 1;
        delete $s->{ways}{ fileno $way->{from} } if $way->{dead};
        return _bury($s, $pair) if !defined $n || $pair->{dead};
        _bury($s, $pair) if !@{ $way->{queue} } && !_silent($s, $pair);
        return;
    }
    $s->{stats}{bytes} += $n;
    return if $pair->{dead};

    my $how = $s->{fault} ? _fault($s, $pair) : '';
    if ($how eq 'blackhole') { $pair->{lost} = 1; return }
    my $due = time;

    if ($how eq 'delay') {
        $due += $s->{random}->between(@{ $s->{fault}{ms} }) / 1000;
    }
    if ($how eq 'corrupt' && $way->{name} eq 'down'
        && ++$s->{pieces} % $s->{fault}{every} == 0)
    {
        my $at = $s->{random}->below($n);
        substr($bytes, $at, 1) ^.= "\x80";
    }
    if (defined $pair->{left} && $way->{name} eq 'down') {
        $pair->{left} -= $n;
        if ($pair->{left} <= 0) {
            substr $bytes, $n + $pair->{left}, -$pair->{left}, ''
                if $pair->{left};
            $way->{end} = 1;
            return _bury($s, $pair) if $bytes eq '' && !@{ $way->{queue} };
        }
    }

    my $last = $way->{queue}[-1];
    $due = $last->[0] if $last && $last->[0] > $due;
    push @{ $way->{queue} }, [$due, $bytes];
    $way->{held} += length $bytes;
    _give($s, $way) if @{ $way->{queue} } == 1 && $how eq '';
}

sub _give ($s, $way) {
    my $pair = $way->{pair};
    my $how = $s->{fault} ? _fault($s, $pair) : '';
    my $first = $way->{queue}[0];
    my $n;

    if ($how eq 'split') {
        my $end = length $first->[1];
        for my $at (0 .. ($end < $SINGLE ? $end : $SINGLE) - 1) {
            my $one = syswrite $way->{to}, $first->[1], 1, $at;
            last if !$one;
            $n += $one;
        }
    }
    $n //= syswrite $way->{to}, $first->[1];

    if (!defined $n) {
        _bury($s, $pair) if !$!{EAGAIN} && !$!{EINTR};
        return;
    }
    substr $first->[1], 0, $n, '';
    $way->{held} -= $n;
    shift @{ $way->{queue} } if $first->[1] eq '';

    # one side's end is told to the other once all bytes before it were
    _bury($s, $pair) if $way->{end} && !@{ $way->{queue} };
}

# The server's side is gone; the node's stays, and swallows.
sub _half ($s, $pair) {
    return if $pair->{dead}++;
    my $down = $pair->{down};
    delete $s->{ways}{ fileno $down->{from} };
    close $down->{from};
    $_->{queue} = [] for @$pair{qw(up down)};
}

sub _bury ($s, $pair, $reset = 0) {
    return if $pair->{gone}++;
    delete $s->{pairs}{ $pair->{id} };
    for my $way (@$pair{qw(up down)}) {
        next if !defined fileno $way->{from};
        setsockopt $way->{from}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
            if $reset;
        delete $s->{ways}{ fileno $way->{from} };
        close $way->{from};
    }
    @$pair{qw(up down)} = ();
    return;
}

1;
