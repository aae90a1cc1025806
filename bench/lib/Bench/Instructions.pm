# Instructions per request, by callgrind: a number that a busy machine does
# not touch.  nginx runs in one process, and the totals of two runs, one of
# them with more requests, are subtracted; what starting takes falls out.
#
#   my $counts = Bench::Instructions::measure(256);
#   $counts->{bare}, ->{allowed}, ->{limited}, ->{missing}, ->{unknown},
#   $counts->{redis}: allowed, with limits in Redis
#
# valgrind shows programs a processor of its own making, the same on every
# machine with AVX2, and one without SHA instructions: OpenSSL computes
# SHA-256 the long way, about 2,000 instructions that most processors do not
# execute.  So the figures compare versions of this module with each other;
# they do not tell how long a request takes.  Only what happens inside the
# event loop counts, and each run is asked on one connection, a request after
# the other, so that the loop turns as often every time.

package Bench::Instructions;

use v5.36;
use Bench::Site;
use Time::HiRes qw(sleep);

# Requests before the ones that count: each of the keys once.
my $warm = 64;

# What is asked, of which server, with which status.
my %requests = (
    bare    => { of => 'bare',   target => '/',      key => 'key',
                 status => 200 },
    allowed => { of => 'module', target => '/',      key => 'key',
                 status => 200 },
    limited => { of => 'module', target => '/tight', key => 'key',
                 status => 429 },
    missing => { of => 'module', target => '/', status => 401 },
    unknown => { of => 'module', target => '/',      key => 'unknown',
                 status => 403 },
    redis   => { of => 'limits', target => '/',      key => 'key',
                 status => 200 },
);

sub names { qw(bare allowed limited missing unknown redis) }

sub title ($name) {
    my $status = $requests{$name}{status};
    return $name eq 'bare' ? 'bare'
         : $name eq 'redis' ? "module $status, allowed by Redis"
         : "module $status, $name";
}

# One server, all its kinds of requests warmed up; then the same again with n
# more of one kind, for each kind.  n should be a multiple of 64: of the keys,
# and of the sixteen requests of which the module times one.
sub measure ($n, $out = undef) {
    my $site = Bench::Site->new(keys => $warm, uids => 8, zone => '1m',
                                single => 1);
    my (%base, %counts);

    $site->start('backend');
    for my $name (names()) {
        my $of = $requests{$name}{of};
        $base{$of} //= _count($site, $of, undef, 0, undef);
        my $file = $out && "$out/callgrind.$name";
        $counts{$name} = (_count($site, $of, $name, $n, $file) - $base{$of})
                         / $n;
    }
    $site->stop;
    return \%counts;
}

sub _count ($site, $of, $more, $n, $out) {
    $out //= $site->dir . '/callgrind.out';
    unlink $out;

    $site->start($of, 'valgrind', '--tool=callgrind', '--quiet',
                 '--toggle-collect=ngx_process_events_and_timers',
                 "--callgrind-out-file=$out");
    my $fh = $site->connect($of) or die "cannot connect: $!\n";
    my @kinds = grep { $requests{$_}{of} eq $of } names();
    _ask($fh, $_, $warm) for @kinds;
    _ask($fh, $more, $n) if $n;
    sleep 0.1;                          # it waits for events again
    $site->stop($of);
    close $fh;

    my ($total) = Bench::Site::slurp($out) =~ /^(?:summary|totals): (\d+)/m
        or die "callgrind wrote no total\n";
    return $total;
}

sub _ask ($fh, $name, $n) {
    my ($target, $key, $status) = @{ $requests{$name} }{qw(target key status)};

    for my $i (0 .. $n - 1) {
        my $text = "GET $target HTTP/1.1\r\nHost: localhost\r\n"
                   . "Accept: application/json\r\n";
        $text .= 'Authorization: Bearer '
                 . Bench::Site->key_text($key . ' ' . $i % $warm) . "\r\n"
            if $key;
        syswrite $fh, "$text\r\n";
        my $got = _answer($fh);

        # the limit lets the first requests pass
        next if $got == $status || ($name eq 'limited' && $i < $warm);
        die "$name: status $got, not $status\n";
    }
}

sub _answer ($fh) {
    my $in = '';
    while (1) {
        if ($in =~ /^(.*?\r\n\r\n)/s) {
            my $head = $1;
            my ($length) = $head =~ /^Content-Length: (\d+)/mi
                or die "an answer without a length:\n$head";
            if (length $in >= length($head) + $length) {
                my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
                return $status;
            }
        }
        sysread $fh, $in, 65536, length $in
            or die "closed without an answer\n";
    }
}


# -- the recorded figures --

# What bench/instructions says for this version of nginx, or undef.
sub recorded ($version, $file = 'bench/instructions') {
    my ($line) = grep { /^\Q$version\E\s/ }
                 split /\n/, Bench::Site::slurp($file) or return;
    my (undef, @figures) = split ' ', $line;
    my %recorded;
    @recorded{names()} = @figures;
    return \%recorded;
}

sub record ($version, $counts, $file = 'bench/instructions') {
    my $line = join('', sprintf('%-10s', $version),
                    map { sprintf ' %8.0f', $counts->{$_} } names()) . "\n";
    my @lines = grep { !/^\Q$version\E\s/ }
                split /^/, Bench::Site::slurp($file);
    open my $out, '>', $file or die "cannot write $file: $!\n";
    print {$out} @lines, $line;
    close $out or die "cannot write $file: $!\n";
}

1;
