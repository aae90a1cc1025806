# The application behind the nodes.  It writes what it executes into a ledger,
# one line with one write, before it answers; the ledger of a run is only ever
# appended to, also over restarts.
#
#   my $back = Spocr::Chaos::Ledger->start($port, $file, $seed);
#   $back->mode('garbage', 0.5)      # half of all answers are that from now on
#   $back->mode                      # as each request asks for
#   $back->pause, ->resume           # SIGSTOP, SIGCONT
#   $back->stop, ->again             # another process, on the same port
#
# A request's X-Act is what it asks for, "delay=0.1;size=5000;how=mid".  How:
#   ok (or nothing)  200 and a JSON object       status=N   another status
#   redirect         303 with a Location          chunked    200 in chunks
#   close            200, to the end of the connection
#   gzip             200, with a Content-Encoding
#   headers          200 with forty headers, those of the gateway forged
#   reset, mid       no answer; half of one; the connection is closed
#   badchunk         a chunk without its end
#   garbage          bytes that are no HTTP
#   drip             200, in five parts, 50 ms between them
#   huge             200 of 100 MB
#
# An answer's body names the execution, the uid that asked, and the canary that
# the request's body had.
#
# A line of the ledger: t, exec, n (the client's name of the request), rid, uid,
# kid, method, target, idem, attempt, node, route, src (where the gateway
# counted), body (digest of the request's), delay, out (status or how), sent
# (digest of the answer's body), and odd: what no request may have brought here.

package Spocr::Chaos::Ledger;

use v5.36;
use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC SOMAXCONN TCP_NODELAY
              IPPROTO_TCP);
use Time::HiRes qw(time);

use Spocr::Chaos::Lines;
use Spocr::Chaos::Random;

my $HUGE = 100_000_000;
my $CHUNK = 'x' x 262_144;
my @live;

sub start ($class, $port, $ledger, $seed) {
    my $self = bless { port => $port, ledger => $ledger, seed => $seed,
                       owner => $$, n => 0 }, $class;
    push @live, $self;
    return $self->again;
}

sub again ($self) {
    my $listen = IO::Socket::INET->new(
        Proto => 'tcp', LocalAddr => '127.0.0.1', ReuseAddr => 1,
        LocalPort => $self->{port}, Listen => SOMAXCONN,
    ) or die "cannot listen on $self->{port}: $!\n";
    $listen->blocking(0);
    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!\n";

    my $life = ++$self->{n};
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $ours;
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
        $SIG{PIPE} = 'IGNORE';
        eval { _serve($listen, $theirs, $self->{ledger}, $life,
                      $self->{seed}); 1 } or print {*STDERR} "backend: $@";
        POSIX::_exit(1);
    }
    @$self{qw(pid control)} = ($pid, $ours);
    return $self;
}

sub mode ($self, $how = 'none', $part = 0) {
    syswrite $self->{control}, "$how $part\n";
    return readline($self->{control}) // die "the backend is gone\n";
}

sub pid ($self)    { $self->{pid} }
sub pause ($self)  { kill STOP => $self->{pid} }
sub resume ($self) { kill CONT => $self->{pid} }

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

# A connection is {fh, in, out, busy, last, more}; more makes the next bytes.
sub _serve ($listen, $control, $ledger, $life, $seed) {
    open my $log, '>>', $ledger or die "cannot open $ledger: $!\n";
    my $s = { conns => {}, timers => [], log => $log, life => $life, n => 0,
              mode => 'none', part => 0, parts => [],
              random => Spocr::Chaos::Random->new($seed, "backend $life") };
    my ($lfd, $cfd) = (fileno $listen, fileno $control);

    while (1) {
        my ($r, $w) = ('', '');
        vec($r, $_, 1) = 1 for $lfd, $cfd;
        for my $c (values %{ $s->{conns} }) {
            vec($r, $c->{fd}, 1) = 1;
            vec($w, $c->{fd}, 1) = 1 if length $c->{out} || $c->{more};
        }
        my $due = $s->{timers}[0];
        my $wait = $due ? $due->[0] - time : 60;
        my $n = select $r, $w, undef, $wait > 0 ? $wait : 0;

        if ($n > 0) {
            _obey($s, $control) if vec $r, $cfd, 1;
            _welcome($s, $listen) if vec $r, $lfd, 1;
            my @conns = values %{ $s->{conns} };
            for my $c (@conns) {
                _read($s, $c) if vec $r, $c->{fd}, 1;
                _write($s, $c) if !$c->{gone} && vec $w, $c->{fd}, 1;
            }
        }
        while ($s->{timers}[0] && $s->{timers}[0][0] <= time) {
            (shift @{ $s->{timers} })->[1]->();
        }
    }
}

sub _obey ($s, $control) {
    my $line = readline($control) // POSIX::_exit(0);
    @$s{qw(mode part)} = split ' ', $line;
    syswrite $control, "ok\n";
}

sub _welcome ($s, $listen) {
    while (my $fh = $listen->accept) {
        $fh->blocking(0);
        setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
        my $fd = fileno $fh;
        $s->{conns}{$fd} = { fh => $fh, fd => $fd, in => '', out => '' };
    }
}

sub _drop ($s, $c) {
    return if $c->{gone}++;
    delete $s->{conns}{ $c->{fd} };
    close $c->{fh};
}

sub _later ($s, $seconds, $do) {
    my $at = time + $seconds;
    my $timers = $s->{timers};
    my $i = @$timers;
    $i-- while $i && $timers->[$i - 1][0] > $at;
    splice @$timers, $i, 0, [$at, $do];
}

sub _read ($s, $c) {
    my $n = sysread $c->{fh}, $c->{in}, 262_144, length $c->{in};
    return _drop($s, $c) if !$n && !(!defined $n && $!{EAGAIN});
    _next($s, $c);
}

sub _next ($s, $c) {
    return if $c->{busy} || $c->{gone};
    my $q = _parse($c) or return;
    $c->{busy} = 1;

    my %act = map { split /=/, $_, 2 } split /;/, $q->{h}{'x-act'}[0] // '';
    $act{how} //= 'ok';
    $act{how} = $s->{mode} if $s->{part} && $s->{random}->chance($s->{part});
    my ($out, $body, @more) = _answer($s, $q, \%act);
    syswrite $s->{log}, _line($q, \%act, $out, $body);
    _later($s, $act{delay} // 0, sub { _say($s, $c, \%act, @more) });
}

sub _say ($s, $c, $act, $bytes, $last, $more = undef) {
    return if $c->{gone};

    if ($act->{how} eq 'drip') {
        my $part = 1 + int(length($bytes) / 5);
        my @parts = unpack "(a$part)*", $bytes;
        for my $i (0 .. $#parts) {
            _later($s, 0.05 * $i, sub {
                return if $c->{gone};
                $c->{out} .= $parts[$i];
                $c->{busy} = 0 if $i == $#parts;
                _write($s, $c);
                _next($s, $c) if $i == $#parts;
            });
        }
        return;
    }
    @$c{qw(last more)} = ($last, $more);
    $c->{out} .= $bytes;
    $c->{busy} = 0;
    _write($s, $c);
    _next($s, $c) if !$last;
}

sub _write ($s, $c) {
    if ($c->{out} eq '' && $c->{more}) {
        my $n = $c->{more} < length $CHUNK ? $c->{more} : length $CHUNK;
        $c->{out} = substr $CHUNK, 0, $n;
        $c->{more} -= $n;
    }
    if (length $c->{out}) {
        my $n = syswrite $c->{fh}, $c->{out};
        return _drop($s, $c) if !defined $n && !$!{EAGAIN};
        substr $c->{out}, 0, $n // 0, '';
    }
    _drop($s, $c) if $c->{last} && $c->{out} eq '' && !$c->{more};
}

# A whole request of the connection's bytes, or nothing yet.
sub _parse ($c) {
    if (!$c->{need}) {
        my $end = index $c->{in}, "\r\n\r\n";
        return if $end < 0;
        my ($length) = substr($c->{in}, 0, $end + 2)
                       =~ /^Content-Length: *(\d+)/mi;
        @$c{qw(head need)} = ($end + 4, $end + 4 + ($length // 0));
    }
    return if length $c->{in} < $c->{need};

    my ($first, @lines) = split /\r\n/, substr $c->{in}, 0, $c->{head};
    my $body = substr $c->{in}, $c->{head}, $c->{need} - $c->{head};
    substr $c->{in}, 0, $c->{need}, '';
    $c->{need} = 0;

    my %h;
    for (@lines) {
        my ($name, $value) = split /:[ \t]*/, $_, 2;
        push @{ $h{lc $name} }, $value;
    }
    my ($method, $target) = split / /, $first;
    return { method => $method, target => $target, h => \%h, body => $body };
}

# What of a request must never get here.
sub _odd ($h) {
    my @odd;
    my %ours = map { $_ => 1 } qw(x-spocr-uid x-spocr-key-id);

    push @odd, map { "$_ @{ $h->{$_} }" }
               grep { (/^x[-_]spocr/ && (!$ours{$_} || @{ $h->{$_} } > 1)) }
               keys %$h;
    push @odd, 'authorization'
        if $h->{authorization} && ($h->{'x-t-route'}[0] // '') ne 'open';
    push @odd, 'request ids' if @{ $h->{'x-request-id'} // [] } != 1;
    push @odd, 'forged' if grep { /forged/ } map { @$_ } @$h{
        grep { !/^x-(?:t|act)/ } keys %$h };
    push @odd, 'chunked' if $h->{'transfer-encoding'};
    return @odd ? join ', ', sort @odd : undef;
}

sub _line ($q, $act, $out, $body) {
    my $h = $q->{h};
    return Spocr::Chaos::Lines::encode({
        t => sprintf('%.4f', time), exec => $q->{exec}, method => $q->{method},
        target => $q->{target}, out => $out, odd => _odd($h),
        body => substr(sha256_hex($q->{body}), 0, 16),
        sent => defined $body ? substr(sha256_hex($body), 0, 16) : undef,
        delay => $act->{delay},
        map { my ($as, $name) = @$_; $as => $h->{$name} && $h->{$name}[0] }
            [n => 'x-t-n'], [rid => 'x-request-id'], [uid => 'x-spocr-uid'],
            [kid => 'x-spocr-key-id'], [idem => 'idempotency-key'],
            [attempt => 'x-idempotency-attempt'], [node => 'x-t-node'],
            [src => 'x-t-source'], [route => 'x-t-route'],
    });
}

# (status or how, body, bytes, whether they are the last, how many x follow)
sub _answer ($s, $q, $act) {
    my ($how, $h) = ($act->{how}, $q->{h});
    my $exec = $q->{exec} = "e$s->{life}." . ++$s->{n};
    my ($canary) = $q->{body} =~ /(canary:\w+)/;
    my $body = sprintf '{"exec":"%s","rid":"%s","uid":"%s","canary":"%s"',
        $exec, $h->{'x-request-id'}[0] // '', $h->{'x-spocr-uid'}[0] // '',
        $canary // '';
    my $size = $act->{size} // 0;
    $body .= ',"pad":"' . 'x' x ($size - length($body) - 9) . '"'
        if $size > length($body) + 10;
    $body .= '}';

    my $status = $act->{status} // ($how eq 'redirect' ? 303 : 200);
    my $head = "HTTP/1.1 $status Told\r\nContent-Type: application/json\r\n"
               . "ETag: \"$exec\"\r\nX-T-Back: $exec\r\n";
    my $length = 'Content-Length: ' . length($body) . "\r\n";

    return ($how, undef, '', 1) if $how eq 'reset';
    return ($how, undef, "\x01\x02 no answer \xff\r\n\r\n", 1)
        if $how eq 'garbage';
    return ($how, undef, "$head$length\r\n"
            . substr($body, 0, length($body) / 2), 1) if $how eq 'mid';
    return ($how, undef, "${head}Transfer-Encoding: chunked\r\n\r\n"
            . "fff\r\n$body", 1) if $how eq 'badchunk';
    return ($how, $body, "${head}Connection: close\r\n\r\n$body", 1)
        if $how eq 'close';
    return ('huge', undef, "${head}Content-Length: $HUGE\r\n\r\n", 0, $HUGE)
        if $how eq 'huge';

    if ($how eq 'gzip') { $head .= "Content-Encoding: gzip\r\n" }
    if ($how eq 'redirect') { $head .= "Location: /plain/$exec\r\n" }
    if ($how eq 'headers') {
        $head .= "X-Many-$_: $exec\r\n" for 1 .. 40;
        $head .= "$_: forged\r\n" for qw(
            X-Request-Id X-Spocr-Uid X-Idempotent-Replay X-Spocr-Plan
            X-Idempotent-Original-Request-Id);
        $head .= "Set-Cookie: c=$exec\r\nRetry-After: 7\r\n";
    }
    if ($how eq 'chunked') {
        return ($status, $body, "${head}Transfer-Encoding: chunked\r\n\r\n"
                . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
                           unpack '(a8000)*', $body) . "0\r\n\r\n", 0);
    }
    my $out = $how eq 'gzip' ? 'gzip' : $status;
    return ($out, $body, "$head$length\r\n"
            . ($q->{method} eq 'HEAD' ? '' : $body), 0);
}

1;
