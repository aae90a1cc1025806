# A server that speaks Redis' protocol, in a process of its own, and lies when
# it is told to: for what no real Redis can be made to say.
#
#   my $fake = Spocr::FakeRedis->new;    # honest: its limits count, no keys
#                                        # (addr => '127.0.0.3', port => a
#                                        # Spocr::Port)
#   $fake->port, ->url                   # redis://127.0.0.1:PORT
#   $fake->lie(limit => { say => "*2\r\n%N:1\r\n", close => 1 });
#   $fake->honest;
#
# What is lied about is a command (HELLO, SELECT, FUNCTION, SUBSCRIBE, PING), a
# function (hello, limit, get, claim, renew, release, complete), or 'connect',
# the moment of connecting.  Honest, each claim is the first one.  A lie:
#   say => BYTES      instead of the honest answer; %N is the call's nonce as
#                     a string of the protocol, %O the nonce of the call before
#                     it, %H the honest answer (its %'s are left alone)
#   pieces => N       so many bytes at a time, each in a packet of its own
#   endless => 1      say it over and over, until the other side has enough
#   close => 1        then close the connection
#   times => N        so often, then the truth
# What has been ordered is in force when the call returns.
#
# $fake->cut            closes all connections
# $fake->seen           {lies, connections, open, most (bytes of endless ones),
#                       commands => {name => count}} since lie() or honest()

package Spocr::FakeRedis;

use v5.36;
use IO::Select;
use JSON::PP ();
use POSIX ();
use Socket qw(TCP_NODELAY IPPROTO_TCP);
use Time::HiRes qw(time);

use parent 'Spocr::Standin';

my $json = JSON::PP->new->ascii;

sub new ($class, %o) {
    return $class->_begin('fake Redis', \&_serve, %o);
}

sub lie ($self, %lies)  { $self->_order(lie => \%lies) }
sub honest ($self)      { $self->_order(lie => {}) }
sub cut ($self)         { $self->_order('cut') }
sub seen ($self)        { $self->_order('seen') }


# -- in the process --

# A connection is {fh, in, out, over (text that is said for ever), close}.
sub _serve ($listen, $control) {
    my $s = { listen => $listen, control => $control, lies => {},
              conns => {}, counts => {}, last => '' };
    _forget($s);

    while (1) {
        my @conns = values %{ $s->{conns} };
        my @writers = grep { length $_->{out} || defined $_->{over} } @conns;
        my ($r, $w) = IO::Select->select(
            IO::Select->new($listen, $control, map { $_->{fh} } @conns),
            IO::Select->new(map { $_->{fh} } @writers), undef, 60);

        my %readable = map { $_ => 1 } @{ $r // [] };
        my %writable = map { $_ => 1 } @{ $w // [] };
        _obey($s) if $readable{$control};
        _welcome($s) if $readable{$listen};
        for my $c (@conns) {
            _read($s, $c) if $readable{ $c->{fh} } && !$c->{gone};
            _write($s, $c) if $writable{ $c->{fh} } && !$c->{gone};
        }
    }
}

sub _forget ($s) {
    $s->{seen} = { lies => 0, connections => 0, most => 0, commands => {} };
}

sub _obey ($s) {
    my $line = readline($s->{control}) // POSIX::_exit(0);
    my ($what, @with) = @{ $json->decode($line) };
    my $answer = { ok => 1 };

    if ($what eq 'lie') {
        $s->{lies} = $with[0];
        _forget($s);
    }
    _close($s, $_) for $what eq 'cut' ? values %{ $s->{conns} } : ();
    $answer = { %{ $s->{seen} }, open => scalar keys %{ $s->{conns} } }
        if $what eq 'seen';
    syswrite $s->{control}, $json->encode($answer) . "\n";
}

sub _welcome ($s) {
    while (my $fh = $s->{listen}->accept) {
        $fh->blocking(0);
        setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
        my $c = { fh => $fh, in => '', out => '' };
        $s->{conns}{$fh} = $c;
        $s->{seen}{connections}++;
        _say($s, $c, 'connect', '', '');
    }
}

sub _close ($s, $c) {
    $c->{gone} = 1;
    delete $s->{conns}{ $c->{fh} };
    close $c->{fh};
}

sub _read ($s, $c) {
    my $n = sysread $c->{fh}, $c->{in}, 65536, length $c->{in};
    if (!$n) {
        _close($s, $c) if defined $n || !$!{EAGAIN};
        return;
    }

    while (!$c->{gone} && (my @words = _command($c))) {
        _answer($s, $c, @words);
    }
}

# One whole command, taken from what has come.
sub _command ($c) {
    my ($count, $at) = $c->{in} =~ /\A\*(\d+)\r\n/ ? ($1, $+[0]) : return;
    my @words;

    for (1 .. $count) {
        pos($c->{in}) = $at;
        return if $c->{in} !~ /\G\$(\d+)\r\n/g;
        my ($len, $start) = ($1, pos $c->{in});
        return if length $c->{in} < $start + $len + 2;
        push @words, substr $c->{in}, $start, $len;
        $at = $start + $len + 2;
    }
    substr $c->{in}, 0, $at, '';
    return @words;
}

sub _bulk ($text) { '$' . length($text) . "\r\n$text\r\n" }

sub _answer ($s, $c, @words) {
    my ($name, $nonce, $truth) = (uc $words[0], '', "+OK\r\n");

    if ($name eq 'FCALL' || $name eq 'FCALL_RO') {
        $name = $words[1] =~ s/^spocr_v2_//r;
        my @keys = @words[3 .. 2 + $words[2]];
        my @args = @words[3 + $words[2] .. $#words];
        $nonce = shift @args;
        $truth = _function($s, $name, $nonce, \@keys, \@args);

    } elsif ($name eq 'HELLO') {
        my @fields = (server => 'redis', version => '7.0.15', proto => \2,
                      id => \1, mode => 'standalone', role => 'master');
        $truth = "*14\r\n" . join('', map { ref ? ":$$_\r\n" : _bulk($_) }
                                      @fields)
                 . _bulk('modules') . "*0\r\n";

    } elsif ($name eq 'SUBSCRIBE') {
        $truth = "*3\r\n" . _bulk('subscribe') . _bulk($words[1]) . ":1\r\n";

    } elsif ($name eq 'PING') {
        $truth = "*2\r\n" . _bulk('pong') . _bulk('');
    }
    $s->{seen}{commands}{$name}++;
    _say($s, $c, $name, $nonce, $truth);
}

sub _function ($s, $name, $nonce, $keys, $args) {
    my $now = int time * 1000;

    return "*3\r\n" . _bulk($nonce) . ":2\r\n:$now\r\n" if $name eq 'hello';
    return '*' . (1 + @$keys) . "\r\n" . _bulk($nonce) . "\$-1\r\n" x @$keys
        if $name eq 'get';
    return "*4\r\n" . _bulk($nonce) . _bulk('NEW') . ":1\r\n:$now\r\n"
        if $name eq 'claim';
    return "*2\r\n" . _bulk($nonce) . _bulk('OK') if $name eq 'complete';
    return "*2\r\n" . _bulk($nonce) . ":1\r\n" if $name =~ /^re/;

    my $width = $args->[2];
    my $window = int $now / $width;
    my @counts = map { \($s->{counts}{"$_ $window"} //= 0) } @$keys;
    my $refused = 0;
    for my $i (0, 1) {
        $refused += $i + 1 if $args->[$i] && ${ $counts[$i] } >= $args->[$i];
    }
    $$_++ for $refused ? () : @counts;
    return "*6\r\n" . _bulk($nonce)
           . join '', map { ":$_\r\n" } $refused, (map { $$_ } @counts),
                                        $width - $now % $width, $window;
}

# The truth, or the lie that was ordered.
sub _say ($s, $c, $name, $nonce, $truth) {
    my $lie = $s->{lies}{$name};
    my $before = $s->{last};
    $s->{last} = $nonce if length $nonce;

    if (!$lie || (defined $lie->{times} && $lie->{times}-- <= 0)) {
        $c->{out} .= $truth if !defined $c->{over};
        return;
    }

    my %word = (N => _bulk($nonce), O => _bulk($before), H => $truth);
    my $text = ($lie->{say} // '') =~ s/%([NOH])/$word{$1}/gr;
    $s->{seen}{lies}++;
    $c->{out} .= $text;
    $c->{pieces} = $lie->{pieces};
    $c->{close} = 1 if $lie->{close};
    $c->{over} = $text if $lie->{endless};
    _close($s, $c) if $lie->{close} && $c->{out} eq '';
}

sub _write ($s, $c) {
    $c->{out} .= $c->{over} x (1 + int 65536 / length $c->{over})
        if defined $c->{over} && length $c->{out} < 65536;

    my $n = syswrite $c->{fh}, $c->{out}, $c->{pieces} // 65536;
    if (!defined $n) {
        _close($s, $c) if !$!{EAGAIN};
        return;
    }
    substr $c->{out}, 0, $n, '';

    if (defined $c->{over}) {
        $c->{said} += $n;
        $s->{seen}{most} = $c->{said} if $c->{said} > $s->{seen}{most};
    }
    _close($s, $c) if $c->{close} && $c->{out} eq '';
}

1;
