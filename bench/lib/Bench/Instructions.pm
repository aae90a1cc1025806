# Instructions per request, by callgrind: a number that a busy machine does
# not touch.  nginx runs in one process; callgrind writes down what it has
# counted, and begins again at zero, before and after the requests that count.
#
#   my $counts = Bench::Instructions::measure(256);
#   $counts->{bare}, ->{allowed}, ->{limited}, ->{missing}, ->{unknown},
#   $counts->{redis}: allowed, with limits in Redis
#   $counts->{first}, ->{replay}: likewise, POST with an Idempotency-Key
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
use List::Util qw(uniq);
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
    first   => { of => 'idem',   target => '/',      key => 'key',
                 status => 200, repeated => 'first' },
    replay  => { of => 'idem',   target => '/',      key => 'key',
                 status => 200, repeated => 'replay' },
);

sub names { qw(bare allowed limited missing unknown redis first replay) }

sub title ($name) {
    my $status = $requests{$name}{status};
    my %titles = (bare => 'bare',
                  redis => "module $status, allowed by Redis",
                  first => "module $status, POST with an Idempotency-Key",
                  replay => "module $status, its replay");
    return $titles{$name} // "module $status, $name";
}

# What of a request is bare nginx's as well: those that reach the backend.
sub base ($name) { $name =~ /^(?:allowed|redis|first)$/ ? 'bare' : undef }

# One server after the other, all its kinds of requests warmed up; then n of
# each kind.  n should be a multiple of 64: of the keys, and of the sixteen
# requests of which the module times one.
sub measure ($n, $out = undef) {
    my $site = Bench::Site->new(keys => $warm, uids => 8, zone => '1m',
                                single => 1);
    my %counts;

    $site->start('backend');
    for my $of (uniq map { $requests{$_}{of} } names()) {
        my @kinds = grep { $requests{$_}{of} eq $of } names();
        my $file = ($out // $site->dir) . "/callgrind.$of";
        my $pid = $site->start(
            $of, 'valgrind', '--tool=callgrind', '--quiet',
            '--toggle-collect=ngx_process_events_and_timers',
            "--callgrind-out-file=$file");
        my $fh = $site->connect($of) or die "cannot connect: $!\n";

        _ask($fh, $_, $warm) for @kinds;
        _dump($pid, $file);
        for my $name (@kinds) {
            _ask($fh, $name, $n);
            $counts{$name} = _dump($pid, $file) / $n;
        }
        close $fh;
        $site->stop($of);
    }
    $site->stop;
    return \%counts;
}

# What was counted since the last time.
sub _dump ($pid, $file) {
    state %dumps;
    sleep 0.1;                          # it waits for events again
    system("callgrind_control -d $pid >/dev/null 2>&1") == 0
        or die "callgrind_control failed\n";
    my $path = "$file." . ++$dumps{$file};
    my ($total) = Bench::Site::slurp($path) =~ /^(?:summary|totals): (\d+)/m
        or die "callgrind wrote no total\n";
    return $total;
}

sub _ask ($fh, $name, $n) {
    state $count = 0;
    my ($target, $key, $status, $repeated) =
        @{ $requests{$name} }{qw(target key status repeated)};

    for my $i (0 .. $n - 1) {
        my $text = ($repeated ? 'POST' : 'GET')
                   . " $target HTTP/1.1\r\nHost: localhost\r\n"
                   . "Accept: application/json\r\n";
        $text .= 'Idempotency-Key: ' . ($repeated eq 'first'
                     ? sprintf('first-%08d', ++$count)
                     : sprintf('replay-%07d', $i % $warm))
                 . "\r\nContent-Length: 1024\r\n" if $repeated;
        $text .= 'Authorization: Bearer '
                 . Bench::Site->key_text($key . ' ' . $i % $warm) . "\r\n"
            if $key;
        syswrite $fh, "$text\r\n" . ($repeated ? 'x' x 1024 : '');
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
    @recorded{(names())[0 .. $#figures]} = @figures;
    return \%recorded;
}

sub record ($version, $counts, $file = 'bench/instructions') {
    my $line = join('', sprintf('%-8s', $version),
                    map { sprintf ' %7.0f', $counts->{$_} } names()) . "\n";
    my @lines = grep { !/^\Q$version\E\s/ }
                split /^/, Bench::Site::slurp($file);
    open my $out, '>', $file or die "cannot write $file: $!\n";
    print {$out} @lines, $line;
    close $out or die "cannot write $file: $!\n";
}

1;
