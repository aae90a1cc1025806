# Many requests at once over HTTP/1.1: a few client processes, each with many
# connections that stay open, all of them started by one byte.
#
#   my $got = Spocr::Load::run(port => 8080, total => 1000, clients => 4,
#                              connections => 16, request => $bytes);
#   $got->{status}{200}    how many answers had that status
#   $got->{closed}         how many requests got none
#   $got->{ids}            each X-Request-Id that was seen
#
# request may be a list of byte strings: they are sent in turn.

package Spocr::Load;

use v5.36;
use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

sub run (%o) {
    my @requests = ref $o{request} ? @{ $o{request} } : $o{request};
    my $clients = $o{clients} // 4;
    my (@pids, @results, @starts);

    for my $i (0 .. $clients - 1) {
        pipe my $go_r, my $go_w or die "pipe: $!\n";
        pipe my $res_r, my $res_w or die "pipe: $!\n";

        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            $SIG{PIPE} = 'IGNORE';
            $SIG{$_} = 'DEFAULT' for qw(TERM INT __DIE__);
            close $go_w;
            my $share = int(($o{total} + $clients - 1 - $i) / $clients);
            my $got = eval { _client($go_r, $res_w, $share, \@requests,
                                     \%o) }
                      // { error => "$@" };
            syswrite $res_w, JSON::PP->new->encode($got);
            POSIX::_exit(0);
        }
        close $go_r;
        close $res_w;
        push @pids, $pid;
        push @results, $res_r;
        push @starts, $go_w;
    }

    # Each client says by a byte that it is connected.
    sysread $_, my $ready, 1 for @results;
    syswrite $_, 'g' for @starts;

    my %sum = (status => {}, closed => 0, ids => []);
    for my $i (0 .. $#results) {
        local $/;
        my $text = readline $results[$i];
        waitpid $pids[$i], 0;
        my $got = JSON::PP->new->decode($text || '{"error":"no result"}');
        die "load client: $got->{error}\n" if $got->{error};
        $sum{status}{$_} += $got->{status}{$_} for keys %{ $got->{status} };
        $sum{closed} += $got->{closed};
        push @{ $sum{ids} }, @{ $got->{ids} };
    }
    return \%sum;
}

sub _client ($go, $ready, $total, $requests, $o) {
    my $width = $o->{connections} // 16;
    $width = $total if $width > $total;
    my $until = time + ($o->{timeout} // 60);
    my %got = (status => {}, closed => 0, ids => []);
    my ($sent, $done) = (0, 0);
    my %conns;
    my $select = IO::Select->new;

    my $open = sub {
        my $fh = IO::Socket::INET->new(
            Proto => 'tcp', PeerAddr => '127.0.0.1',
            PeerPort => $o->{port}, Timeout => 10) or return;
        $fh->blocking(0);
        $conns{$fh} = { fh => $fh, in => '' };
        $select->add($fh);
        return $conns{$fh};
    };
    my $next = sub ($c) {
        return if $sent >= $total;
        my $bytes = $requests->[$sent % @$requests];
        $sent++;
        $c->{busy} = 1;
        syswrite $c->{fh}, $bytes;
    };

    $open->() || die "cannot connect: $!\n" for 1 .. $width;
    syswrite $ready, 'r';
    sysread $go, my $start, 1;
    $next->($_) for values %conns;

    while ($done < $total) {
        die "timed out with " . $done . " of $total\n"
            if time > $until;

        for my $fh ($select->can_read(1)) {
            my $c = $conns{$fh};
            my $n = sysread $fh, $c->{in}, 65536, length $c->{in};
            next if !defined $n && ($! == EAGAIN || $! == EINTR);

            while (my ($head) = $c->{in} =~ /^(.*?\r\n\r\n)/s) {
                my ($length) = $head =~ /^Content-Length: (\d+)/mi;
                $length //= 0;
                last if length $c->{in} < length($head) + $length;
                substr $c->{in}, 0, length($head) + $length, '';

                my ($status) = $head =~ m{^HTTP/1.1 (\d+)};
                my ($id) = $head =~ /^X-Request-Id: (\S+)/mi;
                $got{status}{$status}++;
                push @{ $got{ids} }, $id if $id;
                $done++;
                $c->{busy} = 0;
                $next->($c);
            }
            next if $n;

            # closed: what was asked and not answered is lost
            if ($c->{busy}) { $got{closed}++; $done++ }
            $select->remove($fh);
            delete $conns{$fh};
            close $fh;
            my $new = $sent < $total ? $open->() : undef;
            $next->($new) if $new;
            if (!%conns && $done < $total) {
                die "the gateway is gone\n";
            }
        }
    }
    return \%got;
}

1;
