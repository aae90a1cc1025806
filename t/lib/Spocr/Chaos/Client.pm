# A process that sends its share of the traffic, at the times that are planned,
# and writes what it saw into a history.
#
#   my $pid = Spocr::Chaos::Client::start(
#       traffic => $traffic, of => 2, me => 0, begin => $time, file => $path,
#       addresses => ['127.0.0.1:8080', ...], keys => { solo0_1 => TEXT });
#
# A line of the history is a request with its answer:
#   n, t0, t1      the request's name; when it was begun, and had its answer
#   node, method, route, target, key, uid, idem, copy, variant, act, want, own
#                  what was sent, see Spocr::Chaos::Traffic
#   sent           digest of the request's body
#   res            ok; or: abort (by us), refused, reset, closed (before an
#                  answer), cut (within one), timeout, garbage
#   reuse          1: not the first request of its connection
#   st, ids        the status; each X-Request-Id
#   body, len      digest and length of the body;  text: of short error bodies
#   code           error.code of a gateway's error
#   back           X-T-Back: the execution that made the answer
#   replay, orig   X-Idempotent-Replay, X-Idempotent-Original-Request-Id
#   src, ist       where it was counted; $spocr_idempotency_status
#   left, reset    r= and t= of RateLimit, of the key's level and of the uid's
#   head           digest of the headers that are stored
#   canary         of whom there were canaries in body and header
#   bad            what no answer may have
#
# and {e => 'lag', t0, t, by}: this process could not send when it was to; and
# at the end {e => 'client', me, planned, done, skipped}; skipped are those that
# would have been sent more than two seconds too late.

package Spocr::Chaos::Client;

use v5.36;
use Digest::SHA qw(sha256_hex);
use POSIX ();
use Socket qw(AF_INET SOCK_STREAM IPPROTO_TCP TCP_NODELAY pack_sockaddr_in
              inet_aton SOL_SOCKET SO_ERROR);
use Time::HiRes qw(time);

use Spocr::Chaos::Lines;
use Spocr::Chaos::Traffic;

my $OPEN = 400;                 # connections at a time ...
my $IDLE = 40;                  # and of these, kept for each node
my $PATIENCE = 20;              # seconds, for an answer
my $LAG = 0.25;                 # later than that is worth a line
my $TOO_LATE = 2;               # ... and than that is not sent at all
my $STORED = qr/^(?:Content-Type|Location|ETag): /i;

sub start (%o) {
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    $SIG{PIPE} = 'IGNORE';
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
    my $ok = eval { _run(\%o); 1 };
    print {*STDERR} "client: $@" if !$ok;
    POSIX::_exit($ok ? 0 : 1);
}

sub _mine ($o, $q) {
    return unpack('%32C*', $q->{n}) % $o->{of} == $o->{me};
}

sub _run ($o) {
    open my $out, '>', $o->{file} or die "cannot write $o->{file}: $!\n";
    my $s = { o => $o, out => $out, conns => {}, idle => [], due => [],
              planned => 0, done => 0, skipped => 0, second => 0, cache => {},
              addrs => [map { my ($h, $p) = split /:/;
                              pack_sockaddr_in($p, inet_aton($h)) }
                        @{ $o->{addresses} }] };
    my $seconds = $o->{traffic}->length_of;

    while (1) {
        my $now = time - $o->{begin};
        _plan($s) while $s->{second} < $seconds && $s->{second} < $now + 0.5;
        last if $s->{second} >= $seconds && !@{ $s->{due} }
                && !grep { $_->{q} } values %{ $s->{conns} };
        _begin($s, $now);
        _wait($s, $now);
        _give_up($s);
    }
    print {$out} Spocr::Chaos::Lines::encode({
        e => 'client', me => $o->{me}, planned => $s->{planned},
        skipped => $s->{skipped}, done => $s->{done} });
    close $out or die "cannot write $o->{file}: $!\n";
    return;
}

sub _plan ($s) {
    my $o = $s->{o};
    my @new = grep { _mine($o, $_) } $o->{traffic}->second($s->{second}++);
    $s->{planned} += @new;
    @{ $s->{due} } = sort { $a->{at} <=> $b->{at} } @{ $s->{due} }, @new;
}

sub _begin ($s, $now) {
    while (@{ $s->{due} } && $s->{due}[0]{at} <= $now) {
        my $late = $now - $s->{due}[0]{at};
        last if keys %{ $s->{conns} } >= $OPEN && $late <= $TOO_LATE;
        my $q = shift @{ $s->{due} };
        if ($late > $TOO_LATE) { $s->{skipped}++; next }
        if ($late > $LAG && $now > ($s->{told} // -1) + 0.2) {
            print { $s->{out} } Spocr::Chaos::Lines::encode({
                e => 'lag', t => sprintf('%.4f', time), t0 =>
                sprintf('%.4f', $q->{at} + $s->{o}{begin}),
                by => sprintf '%.3f', $late });
            $s->{told} = $now;
        }
        _send($s, $q);
    }
}

sub _send ($s, $q) {
    $q->{t0} = time;
    my ($bytes, $digest) = _bytes($s, $q);
    $q->{sent} = $digest;
    my $c = $q->{fresh} ? undef : pop @{ $s->{idle}[$q->{node}] };

    if ($c) { $c->{reuse} = 1 }
    else    { $c = _connect($s, $q->{node}) }
    return _done($s, $q, { reuse => 0 }, 'refused') if !$c;

    @$c{qw(q out in sent until)} = ($q, $bytes, '', 0,
                                    $q->{t0} + $PATIENCE);
    $c->{leave} = $q->{t0} + $q->{abort} if defined $q->{abort};
    _write($s, $c) if $c->{up};
}

sub _connect ($s, $node) {
    socket my $fh, AF_INET, SOCK_STREAM, 0 or return;
    IO::Handle::blocking($fh, 0);
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
    my $up = connect $fh, $s->{addrs}[$node];
    return if !$up && !$!{EINPROGRESS};
    my $fd = fileno $fh;
    return $s->{conns}{$fd} = { fh => $fh, fd => $fd, node => $node,
                                reuse => 0, up => $up };
}

sub _bytes ($s, $q) {
    my $key = defined $q->{key} ? $s->{o}{keys}{ $q->{key} } : undef;
    my $body = $q->{raw} // ($q->{body}
                             ? Spocr::Chaos::Traffic::body($q->{body}) : undef);
    my $any = $s->{o}{keys}{odd0_1};
    $body =~ s/%KEY%/$any/ if $q->{raw};

    my $b = "$q->{method} $q->{target} HTTP/1.1\r\nHost: a\r\n"
            . "X-T-N: $q->{n}\r\n";
    $b .= "Authorization: Bearer $key\r\n" if defined $key;
    $b .= "X-Act: $q->{act}\r\n" if length($q->{act} // '');
    $b .= "Idempotency-Key: $q->{idem}\r\n" if defined $q->{idem};
    my @headers = @{ $q->{headers} };
    while (my ($name, $value) = splice @headers, 0, 2) {
        $b .= "$name: $value\r\n";
    }
    return ("$b\r\n", undef) if $q->{bare} || !defined $body;

    my $digest = substr sha256_hex($body), 0, 16;
    return ($b . 'Content-Length: ' . length($body) . "\r\n\r\n$body", $digest)
        if !$q->{chunked};
    $b .= "Transfer-Encoding: chunked\r\n\r\n";
    $b .= sprintf "%x\r\n%s\r\n", length $_, $_ for unpack '(a30000)*', $body;
    return ("${b}0\r\n\r\n", $digest);
}

sub _wait ($s, $now) {
    my ($r, $w) = ('', '');
    for my $c (values %{ $s->{conns} }) {
        vec($r, $c->{fd}, 1) = 1 if $c->{up};
        vec($w, $c->{fd}, 1) = 1 if !$c->{up} || length $c->{out};
    }
    my $wait = 0.02;
    if (@{ $s->{due} }) {
        my $left = $s->{due}[0]{at} - $now;
        $wait = $left < 0 ? 0.001 : $left if $left < $wait;
    }
    return if select($r, $w, undef, $wait) <= 0;

    my @conns = values %{ $s->{conns} };
    for my $c (@conns) {
        if (vec $w, $c->{fd}, 1) {
            if (!$c->{up}) {
                my $error = unpack 'i', getsockopt $c->{fh}, SOL_SOCKET,
                                                   SO_ERROR;
                if ($error) { _end($s, $c, 'refused'); next }
                $c->{up} = 1;
            }
            _write($s, $c) if length $c->{out};
        }
        _read($s, $c) if $s->{conns}{ $c->{fd} } && vec $r, $c->{fd}, 1;
    }
}

# What fails here is told by what is read.
sub _write ($s, $c) {
    my $n = syswrite $c->{fh}, $c->{out}, 262_144;
    if (!defined $n) { $c->{out} = '' if !$!{EAGAIN}; return }
    substr $c->{out}, 0, $n, '';
}

sub _give_up ($s) {
    my $now = time;
    for my $c (values %{ $s->{conns} }) {
        next if !$c->{q};
        if ($c->{leave} && $now >= $c->{leave}) { _end($s, $c, 'abort') }
        elsif ($now >= $c->{until}) { _end($s, $c, 'timeout') }
    }
}

sub _drop ($s, $c) {
    delete $s->{conns}{ $c->{fd} };
    @{ $s->{idle}[$c->{node}] } = grep { $_ != $c }
                                  @{ $s->{idle}[$c->{node}] // [] };
    close $c->{fh};
}

sub _end ($s, $c, $how) {
    my $q = delete $c->{q};
    _drop($s, $c);
    _done($s, $q, $c, $how) if $q;
}

sub _read ($s, $c) {
    my $n = sysread $c->{fh}, $c->{in}, 1_048_576, length $c->{in};
    return if !defined $n && ($!{EAGAIN} || $!{EINTR});

    if (!$c->{q}) {             # nobody asked
        if ($n) {
            print { $s->{out} } Spocr::Chaos::Lines::encode({
                e => 'extra', t => sprintf('%.4f', time), node => $c->{node},
                text => substr $c->{in}, 0, 200 });
        }
        return _drop($s, $c);
    }
    if ($c->{big}) {
        $c->{big} -= length $c->{in};
        $c->{in} = '';
    }
    my $a = _answer($c, !$n) or return $n ? undef : _end($s, $c,
        !defined $n ? 'reset' : length($c->{in}) || $c->{big} ? 'cut'
        : 'closed');

    return _end($s, $c, $a) if !ref $a;
    my $q = delete $c->{q};
    my $close = !$n || $a->{close} || length $c->{out};
    delete @$c{qw(leave head big)};
    if (length $c->{in} && !$close) {
        $a->{bad} = 'bytes after the answer';
        $close = 1;
    }
    _done($s, $q, $c, 'ok', $a);
    my $idle = $s->{idle}[$c->{node}] //= [];
    return _drop($s, $c) if $close || @$idle >= $IDLE;
    push @$idle, $c;
}

# {st, head, body}; or nothing yet; or "garbage".
sub _answer ($c, $end) {
    if (!$c->{head}) {
        my $at = index $c->{in}, "\r\n\r\n";
        return if $at < 0;
        my $head = substr $c->{in}, 0, $at + 2;
        my ($st) = $head =~ m{^HTTP/1\.1 (\d{3}) } or return 'garbage';
        substr $c->{in}, 0, $at + 4, '';
        $c->{head} = { head => $head, st => $st,
                       close => $head =~ /^Connection: close/mi ? 1 : 0 };
        my ($length) = $head =~ /^Content-Length: (\d+)\r/mi;
        $c->{head}{need} = $length;
        $c->{head}{chunked} = $head =~ /^Transfer-Encoding: chunked/mi;
        if (($length // 0) > 20_000_000) {
            $c->{big} = $length - length $c->{in};
            $c->{in} = '';
        }
    }
    my $a = $c->{head};

    if ($c->{q}{method} eq 'HEAD' || $a->{st} =~ /^(?:204|304)$/) {
        return { %$a, body => '' };
    }
    if ($a->{chunked}) {
        my ($at, $body) = (0, '');
        while (1) {
            pos($c->{in}) = $at;
            $c->{in} =~ /\G([0-9a-f]+)\r\n/gci or return;
            my ($n, $from) = (hex $1, pos $c->{in});
            return if length $c->{in} < $from + $n + 2;
            $body .= substr $c->{in}, $from, $n;
            $at = $from + $n + 2;
            last if !$n;
        }
        substr $c->{in}, 0, $at, '';
        return { %$a, body => $body };
    }
    if (!defined $a->{need}) {
        return if !$end;
        my $body = $c->{in};
        $c->{in} = '';
        return { %$a, body => $body, close => 1 };
    }
    if (exists $c->{big}) {
        return if $c->{big} > 0;
        return { %$a, body => 'big' };
    }
    return if length $c->{in} < $a->{need};
    return { %$a, body => substr $c->{in}, 0, $a->{need}, '' };
}

sub _done ($s, $q, $c, $res, $a = undef) {
    my $h = { (map { $_ => $q->{$_} } qw(n node method route target key uid
                                         idem copy act want own sent)),
              t0 => sprintf('%.4f', $q->{t0}), t1 => sprintf('%.4f', time),
              res => $res, reuse => $c->{reuse} || undef,
              variant => $q->{body} && $q->{body}{variant} || undef };
    _look($h, $a) if $a;
    print { $s->{out} } Spocr::Chaos::Lines::encode($h);
    $s->{done}++;
}

sub _look ($h, $a) {
    my ($head, $body) = @$a{qw(head body)};
    my @bad = $a->{bad} // ();
    my %is;
    for (split /\r\n/, $head) {
        my ($name, $value) = split /: */, $_, 2;
        push @{ $is{lc $name} }, $value // '';
    }
    my $first = sub ($name) { $is{$name} && $is{$name}[0] };

    @$h{qw(st len)} = ($a->{st}, $a->{need} // length $body);
    $h->{body} = substr sha256_hex($body), 0, 16;
    $h->{ids} = join ',', @{ $is{'x-request-id'} // [] };
    $h->{back} = $first->('x-t-back');
    $h->{replay} = join ',', @{ $is{'x-idempotent-replay'} }
        if $is{'x-idempotent-replay'};
    $h->{orig} = $first->('x-idempotent-original-request-id');
    $h->{src} = $first->('t-source');
    $h->{ist} = $first->('t-idem');
    $h->{bypass} = 1 if $is{'x-idempotency-bypassed'};
    if (my $left = $first->('ratelimit')) {
        my %r = $left =~ /"(\w+)";r=(\d+)/g;
        $h->{left} = join ':', map { $r{$_} // '-' } qw(key uid);
        ($h->{reset}) = $left =~ /t=(\d+)/;
    }
    $h->{head} = substr sha256_hex(join "\n", sort map { lc }
                                   grep { $_ =~ $STORED } split /\r\n/, $head),
                        0, 16;

    # ours, or the backend's?
    if ($h->{method} ne 'HEAD' && $a->{st} >= 400 && !$h->{back}) {
        ($h->{code}) = $body =~ /^\{"error":\{"code":"(\w+)"/;
        $h->{text} = substr $body, 0, 300;
        push @bad, 'Retry-After' if $is{'retry-after'};
        push @bad, 'Content-Type ' . ($first->('content-type') // 'none')
            if ($first->('content-type') // '') ne 'application/json';
    }
    push @bad, "header $_" for grep { /^x-spocr/ } keys %is;
    my %canaries = map { $_ => 1 } "$head$body" =~ /canary:(\w+)/g;
    $h->{canary} = join ',', sort keys %canaries if %canaries;
    $h->{bad} = join '; ', @bad if @bad;
    return;
}

1;
