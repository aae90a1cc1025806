# The application behind the gateway: a small HTTP/1.1 server on a unix
# socket, in a process of its own, that tells what it was sent.
#
# Each request is written to a ledger (one JSON object a line) before it is
# answered, so that a test can count what was executed.  The answer is that
# object: {"method","target","version","headers":[[name,value],...],
# "body_length","body_sha256","connection","serial"}.
#
# The query, or a header "X-Test" in the same form, says how to answer:
#   status=404           the status line's number
#   delay=0.5            seconds to wait first
#   header=Name:value    one more header (may be repeated)
#   type=text/html       Content-Type; empty: none
#   body=text            this instead of the object
#   size=1000000         so many bytes instead of the object
#   chunked=1            Transfer-Encoding: chunked
#   close=1              an answer that ends with the connection
#   reset=1              no answer: the connection is closed
#   truncate=1           half of the body, then the connection is closed
#   garbage=1            bytes that are no HTTP
#   raw=bytes            these and nothing else, then the connection is closed

package Spocr::Backend;

use v5.36;
use Digest::SHA qw(sha256_hex);
use IO::Select;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Socket qw(SOCK_STREAM SOMAXCONN);
use Time::HiRes qw(time sleep);

sub start ($class, $path, $ledger) {
    my $listen = IO::Socket::UNIX->new(
        Type => SOCK_STREAM, Local => $path, Listen => SOMAXCONN,
    ) or die "cannot listen on $path: $!\n";
    chmod 0777, $path;
    $listen->blocking(0);

    my $parent = $$;
    my $pid = fork // die "cannot fork: $!\n";

    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
        $SIG{PIPE} = 'IGNORE';
        eval { _serve($listen, $ledger, $parent) };
        print {*STDERR} "backend: $@" if $@;
        POSIX::_exit(1);
    }

    close $listen;
    return bless { pid => $pid, path => $path, ledger => $ledger }, $class;
}

sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    waitpid $pid, 0;
    unlink $self->{path};
}

# What was executed so far, in order.
sub requests ($self) {
    open my $in, '<', $self->{ledger} or return wantarray ? () : 0;
    return map { JSON::PP->new->utf8->decode($_) } <$in>;
}

sub _serve ($listen, $ledger, $parent) {
    open my $log, '>>', $ledger or die "cannot open $ledger: $!\n";
    $log->autoflush(1);

    my (%conns, @timers, $accepted, $serial);
    my $drop = sub ($c) {
        delete $conns{ $c->{fh} };
        $c->{gone} = 1;
        close $c->{fh};
    };

    while (getppid == $parent) {
        my $now = time;
        my ($due) = map { $_->[0] } @timers;
        my $wait = defined $due ? ($due > $now ? $due - $now : 0) : 1;

        my $w = IO::Select->new(
            map { $_->{fh} } grep { length $_->{out} } values %conns);
        my $r = IO::Select->new(
            $listen, map { $_->{fh} } values %conns);
        my ($can_read, $can_write) =
            IO::Select->select($r, $w, undef, $wait < 1 ? $wait : 1);

        for my $fh (@{ $can_read // [] }) {
            if ($fh == $listen) {
                while (my $new = $listen->accept) {
                    $new->blocking(0);
                    $conns{$new} = { fh => $new, in => '', out => '',
                                     n => ++$accepted };
                }
                next;
            }
            my $c = $conns{$fh} or next;
            my $n = sysread $fh, $c->{in}, 262144, length $c->{in};
            if (!$n && !(!defined $n && $!{EAGAIN})) { $drop->($c); next }
        }

        for my $c (values %conns) {
            while (!$c->{busy} && (my $req = _parse($c))) {
                $req->{connection} = $c->{n};
                $req->{serial} = ++$serial;
                my $do = delete $req->{do};
                syswrite $log,
                    JSON::PP->new->utf8->canonical->encode($req) . "\n";
                $c->{busy} = 1;
                push @timers, [time + ($do->{delay} // 0), sub {
                    return if $c->{gone};
                    $c->{busy} = 0;
                    _answer($c, $req, $do, $drop);
                }];
                @timers = sort { $a->[0] <=> $b->[0] } @timers;
                last;
            }
        }

        while (@timers && $timers[0][0] <= time) { (shift @timers)->[1]->() }

        for my $c (grep { length $_->{out} } values %conns) {
            my $n = syswrite $c->{fh}, $c->{out}, 262144;
            if (!defined $n && !$!{EAGAIN}) { $drop->($c); next }
            substr $c->{out}, 0, $n // 0, '';
            $drop->($c) if $c->{out} eq '' && $c->{last};
        }
    }
}

# A whole request from the connection's bytes, or nothing yet.
sub _parse ($c) {
    $c->{in} =~ /\r\n\r\n/ or return;
    my $end = $+[0];
    my ($first, @lines) = split /\r\n/, substr($c->{in}, 0, $end - 4);
    my @headers = map { [split /:[ \t]*/, $_, 2] } @lines;
    my %h = map { lc $_->[0] => $_->[1] } @headers;
    my $body;

    if (lc($h{'transfer-encoding'} // '') eq 'chunked') {
        my $rest = substr $c->{in}, $end;
        $body = '';
        while (1) {
            $rest =~ s/^([0-9a-fA-F]+)[^\r\n]*\r\n// or return;
            my $n = hex $1;
            return if length $rest < $n + 2;
            $body .= substr $rest, 0, $n, '';
            substr $rest, 0, 2, '';
            last if !$n;
        }
        $c->{in} = $rest;

    } else {
        my $n = $h{'content-length'} // 0;
        return if length $c->{in} < $end + $n;
        $body = substr $c->{in}, $end, $n;
        substr $c->{in}, 0, $end + $n, '';
    }

    my ($method, $target, $version) = split / /, $first, 3;
    my ($query) = $target =~ /\?(.*)/;
    my %do = (header => []);

    for (split(/&/, $query // ''), split(/&/, $h{'x-test'} // '')) {
        my ($name, $value) = split /=/, $_, 2;
        $value //= '';
        $value =~ s/%([0-9a-fA-F]{2})/chr hex $1/ge;
        $name eq 'header' ? push @{ $do{header} }, $value
                          : ($do{$name} = $value);
    }

    return { method => $method, target => $target, version => $version,
             headers => \@headers, body_length => length $body,
             body_sha256 => sha256_hex($body), do => \%do };
}

sub _answer ($c, $req, $do, $drop) {
    return $drop->($c) if $do->{reset};

    if ($do->{garbage}) {
        $c->{out} .= "\x01\x02 this is no answer \xff\r\n\r\n";
        $c->{last} = 1;
        return;
    }

    if (defined $do->{raw}) {
        $c->{out} .= $do->{raw};
        $c->{last} = 1;
        return;
    }

    my $status = $do->{status} // 200;
    my $body = defined $do->{size} ? 'x' x $do->{size}
             : $do->{body} // JSON::PP->new->utf8->canonical->encode($req);
    my $empty = $req->{method} eq 'HEAD' || $status =~ /^(?:204|304)$/;
    my $type = $do->{type} // 'application/json';
    my $out = "HTTP/1.1 $status Told\r\n";

    $out .= "Content-Type: $type\r\n" if length $type && $status != 304;
    for (@{ $do->{header} }) {
        my ($name, $value) = split /:\s*/, $_, 2;
        $out .= "$name: $value\r\n";
    }

    if ($do->{close}) {
        $out .= "Connection: close\r\n\r\n" . ($empty ? '' : $body);
        $c->{last} = 1;

    } elsif ($do->{chunked}) {
        $out .= "Transfer-Encoding: chunked\r\n\r\n";
        $out .= sprintf "%x\r\n%s\r\n", length $body, $body
            if !$empty && length $body;
        $out .= "0\r\n\r\n" if !$empty;

    } else {
        $out .= 'Content-Length: ' . length($body) . "\r\n"
            if $status !~ /^(?:204|304)$/;
        $out .= "\r\n" . ($empty ? '' : $body);
    }

    if ($do->{truncate}) {
        $out = substr $out, 0, length($out) - int(length($body) / 2);
        $c->{last} = 1;
    }
    $c->{out} .= $out;
}

1;
