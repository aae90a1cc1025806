# ./run, as a newcomer uses it: --check, the printed lines, Ctrl-C, and what
# goes wrong.

use v5.36;
use Cwd qw(getcwd);
use File::Temp ();
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

my $run = getcwd() . '/run';
my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
chmod 0755, $dir;
mkdir "$dir/tmp";
chmod 01777, "$dir/tmp";
$ENV{TMPDIR} = "$dir/tmp";

my %children;
END { kill TERM => keys %children if %children }

sub slurp ($path) {
    open my $in, '<', $path or return '';
    local $/;
    return <$in> // '';
}

# A port that nothing has; another process may take it, but hardly does.
sub free_port () {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no port: $!\n";
    return $socket->sockport;
}

# Starts ./run in another folder, as a terminal does: in a process group of
# its own, with SIGINT as it is by default.
sub start (@args) {
    unlink "$dir/out";
    my $pid = fork // die "cannot fork: $!\n";

    if (!$pid) {
        setpgrp 0, 0;
        $SIG{INT} = 'DEFAULT';
        chdir '/';
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/out";
        open STDERR, '>&', \*STDOUT;
        exec $run, @args or die "cannot run $run: $!\n";
    }

    $children{$pid} = 1;
    return $pid;
}

sub finish ($pid) {
    waitpid $pid, 0;
    delete $children{$pid};
    return $? & 127 ? "signal $?" : $? >> 8;
}

sub said ($re) {
    my $end = time + 120;

    while (time < $end) {
        return 1 if slurp("$dir/out") =~ $re;
        sleep 0.1;
    }

    return 0;
}

sub nothing_left ($name) {
    is_deeply [glob "$dir/tmp/*"], [], "$name: the folder is gone";
    my @left = grep { slurp($_) =~ m{\Q$dir\E/tmp/} }
               glob '/proc/[0-9]*/cmdline';
    is_deeply \@left, [], "$name: no process is left";
}

# arguments

for ([0, qr/^  \.\/run --check/m, '--help'],
     [2, qr/no option "--nonsense"/, '--nonsense'],
     [2, qr/"0" is no port/, '--port', 0],
     [2, qr/"80x" is no port/, '--port=80x'],
     [2, qr/"65536" is no port/, '--port', 65536],
     [2, qr/--port needs a number/, '--port'])
{
    my ($exit, $text, @args) = @$_;
    is finish(start(@args)), $exit, "./run @args";
    like slurp("$dir/out"), $text, 'says so';
}

my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
my $port = $taken->sockport;
is finish(start('--port', $port)), 2, 'a port in use';
like slurp("$dir/out"), qr/port $port of 127\.0\.0\.1 is in use; .*--port N/,
    'says which, and what to do';
close $taken;

# --check

is finish(start('--check')), 0, './run --check'
    or diag slurp("$dir/out");
like slurp("$dir/out"), qr/"invoice_no": "ABI-2026-00418"/, 'shows the answer';
like slurp("$dir/out"), qr/^  right: the limits were counted by redis$/m,
    'Redis counts';
like slurp("$dir/out"), qr/^All is right\.$/m, 'and all is found right';
nothing_left('--check');

{
    local $ENV{SPOCR_REDIS_SERVER} = '/nonexistent';

    is finish(start('--check')), 0, './run --check, and no Redis'
        or diag slurp("$dir/out");
    like slurp("$dir/out"), qr/^No Redis 7 could be had: this runs without/m,
        'says so';
    like slurp("$dir/out"), qr/^  right: the limits were counted by zone$/m,
        'nginx counts';
    like slurp("$dir/out"), qr/^All is right\.$/m, 'and all is found right';
    nothing_left('no Redis');
}

# in the foreground

# The printed lines, one after the other, each as a shell has it.
sub follow ($redis) {
    my @lines = slurp("$dir/out") =~ m{^  ((?:curl |for |/).*)$}mg;
    is @lines, 4, 'four lines to copy';

    my ($invoice, $nokey, $loop) = map { scalar `$_ 2>/dev/null` } @lines[0..2];
    like $invoice, qr{^HTTP/1\.1 200 }m, 'the first: 200';
    like $invoice, qr/"total":"2,352\.00"/, 'with the fields';
    like $invoice, qr/"bbox":\{"xmin":/, 'and their boxes';
    # C-22
    like scalar `$lines[0] 2>/dev/null`, qr{^X-Idempotent-Replay: true\r$}m,
        'the first, again: from Redis' if $redis;
    like $nokey, qr{^HTTP/1\.1 401 }m, 'the second: 401';
    # C-13; a window that ends meanwhile admits three more
    $loop .= `$lines[2] 2>/dev/null` if $loop !~ /429/;
    like $loop, qr/"code":"rate_limited".* 429$/m, 'the third: 429';
    # C-10
    like scalar `$lines[3] 2>/dev/null`, qr/"code":"forbidden".* 403$/m,
        'the fourth: 403';
}

$port = free_port();
my $pid = start('--port', $port);
ok said(qr/^Ctrl-C stops/m), 'ready' or diag slurp("$dir/out");
follow(1);

my ($folder) = glob "$dir/tmp/*";
is((stat "$folder/redis/redis.sock")[2] & 0777, 0700, 'Redis is private');

kill INT => -$pid;
is finish($pid), 130, 'Ctrl-C';
nothing_left('Ctrl-C');
ok !IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port"), 'the port is free';

# a child that dies

$pid = start('--no-redis', '--port', $port);
ok said(qr/^Ctrl-C stops/m), 'once more, without Redis';
follow(0);

($folder) = glob "$dir/tmp/*";
is((stat "$folder/keys.json")[2] & 0777, 0600, 'the key file is private');
ok !-e "$folder/redis/redis.sock", 'there is no Redis';

kill KILL => slurp("$folder/nginx.pid");
is finish($pid), 1, 'the gateway was killed';
like slurp("$dir/out"), qr/^\.\/run: a process ended/m, 'says so';
like slurp("$dir/out"), qr/^--- the end of error\.log/m, 'with its log';

# nginx's workers do not see the end of their master
my @holders = grep { (readlink($_) // '') =~ m{^\Q$folder\E/} }
              glob '/proc/[0-9]*/fd/*';
is_deeply \@holders, [], 'no worker is left over';
nothing_left('a dead child');

done_testing;
