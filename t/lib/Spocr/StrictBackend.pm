# A backend that takes nothing but the grammar (Spocr::Wire::strict), and keeps
# each connection's bytes as they came.
#
#   my $backend = Spocr::StrictBackend->start("$dir/strict");
#   server unix:%%DIR%%/strict/sock;
#   $backend->requests     what was executed: {connection, method, target,
#                          headers, body}, in order
#   $backend->connections  the bytes of each connection
#   $backend->violations   what was no request, and why
#
# It answers with its own id for the request, its target and the length of its
# body.  In the target's query answer=HEX are bytes to send in front of the
# answer.  POST /once/busy is answered after $backend->release.

package Spocr::StrictBackend;

use v5.36;
use IO::Select;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Socket qw(SOCK_STREAM SOMAXCONN);
use Spocr::Wire;

sub start ($class, $dir) {
    mkdir $dir or die "cannot make $dir: $!\n";
    my $listen = IO::Socket::UNIX->new(
        Type => SOCK_STREAM, Local => "$dir/sock", Listen => SOMAXCONN,
    ) or die "cannot listen on $dir/sock: $!\n";
    chmod 0777, "$dir/sock";
    $listen->blocking(0);

    my $parent = $$;
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
        $SIG{PIPE} = 'IGNORE';
        eval { _serve($listen, $dir, $parent) };
        print {*STDERR} "backend: $@" if $@;
        POSIX::_exit(1);
    }
    close $listen;
    return bless { pid => $pid, dir => $dir, owner => $$ }, $class;
}

sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    waitpid $pid, 0;
}

sub DESTROY ($self) {
    local $?;
    $self->stop if $self->{owner} == $$;
}

sub _lines ($self, $name) {
    open my $in, '<', "$self->{dir}/$name" or return;
    return map { JSON::PP->new->latin1->decode($_) } <$in>;
}

sub release ($self) {
    open my $out, '>', "$self->{dir}/release" or die "release: $!\n";
}

sub requests ($self)   { $self->_lines('requests') }
sub violations ($self) { $self->_lines('violations') }

sub connections ($self) {
    return map {
        open my $in, '<:raw', $_ or die "$_: $!\n";
        local $/;
        readline($in) // '';
    } glob "$self->{dir}/raw.*";
}

sub _serve ($listen, $dir, $parent) {
    my $json = JSON::PP->new->latin1->canonical;
    open my $done, '>>', "$dir/requests" or die "requests: $!\n";
    open my $bad, '>>', "$dir/violations" or die "violations: $!\n";
    $_->autoflush(1) for $done, $bad;

    my (%conns, $accepted, $serial);
    my $drop = sub ($c) { delete $conns{ $c->{fh} }; close $c->{fh} };

    while (getppid == $parent) {
        my $select = IO::Select->new($listen, map { $_->{fh} } values %conns);
        for my $fh ($select->can_read(0.02)) {
            if ($fh == $listen) {
                while (my $new = $listen->accept) {
                    $new->blocking(0);
                    my $n = ++$accepted;
                    open my $raw, '>:raw', sprintf '%s/raw.%06d', $dir, $n
                        or die "raw.$n: $!\n";
                    $raw->autoflush(1);
                    $conns{$new} = { fh => $new, in => '', n => $n,
                                     raw => $raw };
                }
                next;
            }
            my $c = $conns{$fh} or next;
            my $n = sysread $fh, my $bytes, 262144;
            if (!$n && !(!defined $n && $!{EAGAIN})) { $drop->($c); next }
            next if !$n;
            print { $c->{raw} } $bytes;
            $c->{in} .= $bytes;

            my ($requests, $rest, $error) = Spocr::Wire::strict($c->{in});
            $c->{in} = $rest;
            for my $r (@$requests) {
                $r->{connection} = $c->{n};
                $r->{serial} = ++$serial;
                print {$done} $json->encode($r), "\n";
                push @{ $c->{out} }, $r;
            }
            if (defined $error) {
                print {$bad} $json->encode({ connection => $c->{n},
                                             why => $error }), "\n";
                syswrite $fh, "HTTP/1.1 400 Bad Request\r\n"
                    . "Content-Length: 0\r\nConnection: close\r\n\r\n";
                $drop->($c);
            }
        }
        for my $c (values %conns) {
            while (my $r = $c->{out}[0]) {
                last if $r->{target} eq '/once/busy'
                        && $r->{method} eq 'POST' && !-e "$dir/release";
                shift @{ $c->{out} };
                my ($before) = $r->{target} =~ /\banswer=([0-9a-f]+)/;
                my $body = $json->encode({
                    target => $r->{target}, serial => $r->{serial},
                    length => length $r->{body} });
                syswrite $c->{fh}, pack('H*', $before // '')
                    . "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    . 'Content-Length: ' . length($body) . "\r\n\r\n"
                    . ($r->{method} eq 'HEAD' ? '' : $body);
            }
        }
    }
}

1;
