# A raw HTTP/1.x client over sockets: nothing is corrected, folded, followed
# or retried, so that a test sees the bytes that were sent.
#
#   my $c = Spocr::Conn->new(port => 8080);
#   my $r = $c->request(GET => '/x', key => $key, headers => [A => 'b']);
#   $c->send("GET / HTTP/1.1\r\n");        # any bytes
#   $r = $c->response;                     # undef: closed without an answer
#   $c->closed;                            # the other side has closed
#
#   $r->status  $r->reason  $r->proto  $r->body  $r->head (the raw lines)
#   $r->header('X')   the first value, or undef;   $r->all('X')  each value
#   $r->headers       [[name, value], ...] in order, as they were sent
#   $r->id            X-Request-Id;                $r->json      the body
#   $r->framing       length, chunked, close or none
#
# Options of request(): headers => [name, value, ...], key => TEXT (sent as a
# bearer), body => BYTES, chunked => 1 (send the body in chunks), host => NAME
# (undef: no Host), version => '1.1'.

package Spocr::Response;

use v5.36;
use JSON::PP ();

sub new ($class, $head, $body, $framing) {
    my ($first, @lines) = split /\r?\n/, $head;

    my ($proto, $status, $reason) =
        $first =~ m{^(HTTP/[\d.]+) (\d{3})(?: (.*))?$}
        or die "not a status line: $first\n";

    my @headers = map { /^([^:]*):[ \t]*(.*?)[ \t]*$/
                        ? [$1, $2] : die "not a header line: $_\n" } @lines;

    return bless { head => $head, body => $body, framing => $framing,
                   proto => $proto, status => $status,
                   reason => $reason // '', headers => \@headers }, $class;
}

sub head ($self)    { $self->{head} }
sub body ($self)    { $self->{body} }
sub proto ($self)   { $self->{proto} }
sub status ($self)  { $self->{status} }
sub reason ($self)  { $self->{reason} }
sub headers ($self) { $self->{headers} }
sub framing ($self) { $self->{framing} }

sub all ($self, $name) {
    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
               @{ $self->{headers} };
}


sub header ($self, $name) {
    my ($value) = $self->all($name);
    return $value;
}

sub id ($self)            { $self->header('X-Request-Id') }

sub json ($self) {
    return eval { JSON::PP->new->utf8->decode($self->{body}) };
}

# The code of an error body, or '' where the body is none.
sub code ($self) {
    my $json = $self->json;
    return ref $json eq 'HASH' && ref $json->{error} eq 'HASH'
           ? $json->{error}{code} // '' : '';
}


package Spocr::Conn;

use v5.36;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Socket::INET;
use IO::Select;
use Time::HiRes qw(time);

sub new ($class, %o) {
    my $fh = IO::Socket::INET->new(
        Proto => 'tcp', PeerAddr => $o{addr} // '127.0.0.1',
        PeerPort => $o{port}, Timeout => 10,
    ) or die "cannot connect to port $o{port}: $!\n";

    $fh->blocking(0);
    return bless { fh => $fh, in => '', eof => 0, error => '',
                   timeout => $o{timeout} // 30 }, $class;
}

sub fh ($self) { $self->{fh} }

sub close ($self) {                               ## no critic
    close delete $self->{fh} if $self->{fh};
}

sub half_close ($self) { shutdown $self->{fh}, 1 }

# What has come and was not read as part of an answer.
sub rest ($self) { $self->{in} }

sub _fill ($self, $until) {
    my $left = $until - time;
    die "timed out after $self->{timeout} s; so far: "
        . substr($self->{in}, 0, 200) . "\n" if $left <= 0;

    my $ready = IO::Select->new($self->{fh});
    return 1 if !$ready->can_read($left);

    my $n = sysread $self->{fh}, $self->{in}, 65536, length $self->{in};
    if (!defined $n) {
        return 1 if $! == EAGAIN || $! == EINTR || $! == EWOULDBLOCK;
        $self->{error} = "$!";
        $n = 0;
    }
    $self->{eof} = 1 if !$n;
    return $n;
}

# Sends all of it unless the other side closes first; what comes meanwhile is
# kept.  Returns the number of bytes that were taken.
sub send ($self, $bytes) {                        ## no critic
    my $until = time + $self->{timeout};
    my $sent = 0;
    my $fh = $self->{fh};

    while ($sent < length $bytes) {
        my ($r, $w) = IO::Select->select(
            $self->{eof} ? undef : IO::Select->new($fh),
            IO::Select->new($fh), undef, 1);

        die "timed out while sending\n" if time > $until;

        if ($r && @$r) { $self->_fill($until); last if $self->{error} }
        next if !$w || !@$w;

        my $n = syswrite $fh, $bytes, 65536, $sent;
        if (!defined $n) {
            next if $! == EAGAIN || $! == EINTR || $! == EWOULDBLOCK;
            $self->{error} = "$!";
            last;
        }
        $sent += $n;
    }
    return $sent;
}

sub _need ($self, $have) {
    my $until = time + $self->{timeout};
    while (!$have->()) {
        return 0 if $self->{eof};
        $self->_fill($until);
    }
    return 1;
}

sub _take ($self, $n) { substr $self->{in}, 0, $n, '' }

sub _chunked ($self) {
    my $body = '';
    while (1) {
        $self->_need(sub { $self->{in} =~ /\r\n/ }) or return;
        $self->{in} =~ s/^([0-9a-fA-F]+)[^\r\n]*\r\n// or return;
        my $n = hex $1;
        $self->_need(sub { length $self->{in} >= $n + 2 }) or return;
        $body .= $self->_take($n);
        $self->_take(2);
        return $body if !$n;
    }
}

# The next answer; interim ones (1xx) are skipped and kept in {interim}.
# undef when the connection was closed before the first byte.  An answer that
# ends too early has {truncated}.
sub response ($self, %o) {
    my ($head, $status);

    while (1) {
        if (!$self->_need(sub { $self->{in} =~ /\r?\n\r?\n/ })) {
            return if $self->{in} eq '';
            die "closed within a header: $self->{in}\n";
        }
        $self->{in} =~ s/^(.*?)\r?\n\r?\n//s;
        $head = $1;
        ($status) = $head =~ m{^HTTP/[\d.]+ (\d{3})}
            or die "not an answer: $head\n";
        last if $status >= 200 || $status == 101;
        push @{ $self->{interim} }, $status;
    }

    my $r = Spocr::Response->new($head, '', 'none');
    return $r if ($o{method} // '') eq 'HEAD' || $status =~ /^(?:204|304)$/;

    my ($coding, $length) =
        ($r->header('Transfer-Encoding') // '', $r->header('Content-Length'));

    if (lc $coding eq 'chunked') {
        my $body = $self->_chunked;
        @$r{qw(framing body truncated)} = ('chunked', $body // '',
                                           !defined $body);

    } elsif (defined $length) {
        my $all = $self->_need(sub { length $self->{in} >= $length });
        @$r{qw(framing body truncated)} =
            ('length', $self->_take($all ? $length : length $self->{in}),
             !$all);

    } else {
        $self->_need(sub { 0 });
        @$r{qw(framing body)} = ('close', $self->_take(length $self->{in}));
    }
    return $r;
}

# Whether the other side closes within so many seconds, with nothing more.
sub closed ($self, $seconds = 5) {
    my $until = time + $seconds;
    while (!$self->{eof} && $self->{in} eq '' && time < $until) {
        eval { $self->_fill($until) };
    }
    return $self->{eof} && $self->{in} eq '';
}

sub build ($class, $method, $target, %o) {
    my @headers = @{ $o{headers} // [] };
    my $host = exists $o{host} ? $o{host} : 'localhost';
    my $body = $o{body} // '';
    my $version = $o{version} // '1.1';
    my $bytes = "$method $target HTTP/$version\r\n";

    $bytes .= "Host: $host\r\n" if defined $host;
    $bytes .= "Authorization: Bearer $o{key}\r\n" if defined $o{key};

    while (my ($name, $value) = splice @headers, 0, 2) {
        $bytes .= "$name: $value\r\n";
    }

    if ($o{chunked}) {
        $bytes .= "Transfer-Encoding: chunked\r\n\r\n";
        $bytes .= sprintf "%x\r\n%s\r\n", length $_, $_
            for $body =~ /.{1,16384}/gs;
        return "${bytes}0\r\n\r\n";
    }

    $bytes .= 'Content-Length: ' . length($body) . "\r\n"
        if defined $o{body};
    return "$bytes\r\n$body";
}

sub request ($self, $method, $target, %o) {
    $self->send($self->build($method, $target, %o));
    return $self->response(method => $method);
}

1;
