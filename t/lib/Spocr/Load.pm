# Many requests at once over HTTP/1.1: a few client processes, each with many
# connections that stay open, all of them started by one byte.
#
#   my $got = Spocr::Load::run(port => 8080, total => 1000, clients => 4,
#                              connections => 16, request => $bytes);
#   $got->{status}{200}    how many answers had that status
#   $got->{closed}         how many requests got none
#   $got->{ids}            each X-Request-Id that was seen
#
# request may be a list of byte strings: they are sent in turn, and each of a
# list as long as total once.  More options:
#   ports => [N, ...]      connections go to these in turn
#   until => TIME          instead of total: none is sent after that time
#   from => TIME           none is sent before it
#   rate => N              so many a second, of all clients; ->{behind} is by
#                          how many seconds one of them came too late at most
#   abort => FRACTION      so many of all hang up within 100 ms if they have
#                          no answer by then: ->{aborted} counts them
#   label => SUB           is called with a request's place in the list, its
#                          answer's status, head and body; ->{labels} counts
#                          what it returned, unless that is undef
#   close => 1             a new connection for each request

package Spocr::Load;

use v5.36;
use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

sub run (%o) {
    my $clients = $o{clients} // 4;
    my (@pids, @results, @starts);

    $o{request} = [$o{request}] if !ref $o{request};
    $o{ports} //= [$o{port}];
    $o{first} = 0;
    $o{rate} /= $clients if $o{rate};

    for my $i (0 .. $clients - 1) {
        pipe my $go_r, my $go_w or die "pipe: $!\n";
        pipe my $res_r, my $res_w or die "pipe: $!\n";

        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            $SIG{PIPE} = 'IGNORE';
            $SIG{$_} = 'DEFAULT' for qw(TERM INT __DIE__);
            close $go_w;
            srand $$;
            if (!$o{until}) {
                my $share = sub ($n) {
                    return int(($o{total} + $clients - 1 - $n) / $clients);
                };
                $o{first} += $share->($_) for 0 .. $i - 1;
                $o{total} = $share->($i);
            }
            $o{ports} = [@{ $o{ports} }[
                map { ($_ + $i) % @{ $o{ports} } } 0 .. $#{ $o{ports} }]];
            my $got = eval { _client($go_r, $res_w, \%o) }
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

    my %sum = (status => {}, labels => {}, closed => 0, aborted => 0,
               behind => 0, ids => []);
    for my $i (0 .. $#results) {
        local $/;
        my $text = readline $results[$i];
        waitpid $pids[$i], 0;
        my $got = JSON::PP->new->decode($text || '{"error":"no result"}');
        die "load client: $got->{error}\n" if $got->{error};
        for my $what (qw(status labels)) {
            $sum{$what}{$_} += $got->{$what}{$_} for keys %{ $got->{$what} };
        }
        $sum{$_} += $got->{$_} for qw(closed aborted);
        $sum{behind} = $got->{behind} if $got->{behind} > $sum{behind};
        push @{ $sum{ids} }, @{ $got->{ids} };
    }
    return \%sum;
}

# One client process: {idle} and {busy} are connections by their handles.
sub _client ($go, $ready, $o) {
    my $s = { o => $o, sent => 0, opened => 0, idle => {}, busy => {},
              writing => {},
              select => IO::Select->new,
              got => { status => {}, labels => {}, closed => 0, aborted => 0,
                       behind => 0, ids => [] } };
    my $width = $o->{connections} // 16;
    $width = $o->{total} if !$o->{until} && $width > $o->{total};

    _open($s) || die "cannot connect: $!\n" for 1 .. $width;
    syswrite $ready, 'r';
    sysread $go, my $start, 1;

    sleep +($o->{from} - time) if ($o->{from} // 0) > time;
    $s->{start} = time;
    my $end = ($o->{until} // time) + ($o->{timeout} // 60);

    while (1) {
        my $now = time;
        my $over = $o->{until} ? $now >= $o->{until}
                               : $s->{sent} >= $o->{total};
        last if $over && !%{ $s->{busy} };
        die 'timed out: ' . keys(%{ $s->{busy} }) . " wait\n" if $now > $end;

        _send($s, $now) if !$over;
        _write($s, $_) for values %{ $s->{writing} };
        _hang_up($s, $now) if $o->{abort};
        _receive($s, $_) for $s->{select}->can_read(_pause($s, $now));
    }
    return $s->{got};
}

sub _open ($s) {
    my $ports = $s->{o}{ports};
    my $fh = IO::Socket::INET->new(
        Proto => 'tcp', PeerAddr => '127.0.0.1',
        PeerPort => $ports->[$s->{opened}++ % @$ports], Timeout => 10)
        or return;

    $fh->blocking(0);
    $s->{select}->add($fh);
    return $s->{idle}{$fh} = { fh => $fh, in => '' };
}

sub _close ($s, $c) {
    delete $s->{$_}{ $c->{fh} } for qw(idle busy writing);
    $s->{select}->remove($c->{fh});
    close $c->{fh};
}

# On each connection that has nothing to do, as long as it is not too early.
sub _send ($s, $now) {
    my ($o, $requests) = ($s->{o}, $s->{o}{request});

    for my $key (keys %{ $s->{idle} }) {
        return if !$o->{until} && $s->{sent} >= $o->{total};
        if ($o->{rate}) {
            my $behind = $now - $s->{start} - $s->{sent} / $o->{rate};
            return if $behind < 0;
            $s->{got}{behind} = $behind if $behind > $s->{got}{behind};
        }

        my $c = delete $s->{idle}{$key};
        $c->{place} = ($o->{first} + $s->{sent}++) % @$requests;
        $c->{hang_up} = $o->{abort} && rand() < $o->{abort}
                        ? $now + rand(0.1) : 0;
        $s->{busy}{$key} = $c;
        $c->{out} = $requests->[$c->{place}];
        _write($s, $c);
    }
}

# What the socket takes; the rest of a long request is sent later.
sub _write ($s, $c) {
    my $n = syswrite $c->{fh}, $c->{out}, 262144;
    substr $c->{out}, 0, $n, '' if $n;
    length $c->{out} ? $s->{writing}{ $c->{fh} } = $c
                     : delete $s->{writing}{ $c->{fh} };
}

sub _hang_up ($s, $now) {
    for my $c (grep { $_->{hang_up} && $_->{hang_up} <= $now }
               values %{ $s->{busy} })
    {
        $s->{got}{aborted}++;
        _close($s, $c);
        _open($s) || die "cannot connect: $!\n";
    }
}

# How long to wait for bytes: until something else is to be done.
sub _pause ($s, $now) {
    my $o = $s->{o};
    return 0.005 if $o->{abort} || %{ $s->{writing} };
    return 0.1 if !$o->{rate} || !%{ $s->{idle} };

    my $next = $s->{start} + $s->{sent} / $o->{rate} - $now;
    return $next < 0.001 ? 0.001 : $next < 0.1 ? $next : 0.1;
}

sub _receive ($s, $fh) {
    my ($o, $got) = @$s{qw(o got)};
    my $c = $s->{busy}{$fh} // $s->{idle}{$fh} // return;
    my $n = sysread $fh, $c->{in}, 65536, length $c->{in};
    return if !defined $n && ($! == EAGAIN || $! == EINTR);

    while (my ($head) = $c->{in} =~ /^(.*?\r\n\r\n)/s) {
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        $length //= 0;
        last if length $c->{in} < length($head) + $length;
        substr $c->{in}, 0, length $head, '';
        my $body = substr $c->{in}, 0, $length, '';

        my ($status) = $head =~ m{^HTTP/1.1 (\d+)};
        my ($id) = $head =~ /^X-Request-Id: (\S+)/mi;
        $got->{status}{$status}++;
        push @{ $got->{ids} }, $id if $id;
        my $label = $o->{label}
                    && $o->{label}->($c->{place}, $status, $head, $body);
        $got->{labels}{$label}++ if defined $label;
        $s->{idle}{$fh} = delete $s->{busy}{$fh};
    }
    return if $n && !($o->{close} && $s->{idle}{$fh});

    # closed: what was asked and not answered is lost
    $got->{closed}++ if $s->{busy}{$fh};
    _close($s, $c);
    _open($s) || die "the gateway is gone\n";
}

1;
