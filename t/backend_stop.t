# The command line, and how it ends: running calls are answered first.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use IO::Socket::UNIX;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $program = Spocr::Ocr::program;
my $dir = File::Temp->newdir;
my %call = (image => Spocr::Ocr::sample('receipt.png'),
            fields => [{ name => 'total', type => 'string' }]);

sub run (@args) {
    my $pid = open my $out, '-|';
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $program, @args or exit 127;
    }
    local $/;
    my $said = <$out>;
    close $out;
    return ($? >> 8, $said);
}

for (
    [['--help'], 0, qr/^Usage: spocr-backend/],
    [['--version'], 0, qr/^spocr-backend \d+\.\d+\.\d+ \(tesseract \d/],
    [['--nonsense'], 2, qr/nonsense.*--help/s],
    [['more'], 2, qr/unexpected argument "more"/],
    [['--listen'], 2, qr/requires an argument/],
    [['--listen', '0.0.0.0:8090'], 2, qr/loopback.*unix sockets only/],
    [['--listen', '10.0.0.1:80'], 2, qr/loopback/],
    [['--listen', '[::]:80'], 2, qr/loopback/],
    [['--listen', 'example.com:80'], 2, qr/loopback/],
    [['--listen', '127.0.0.1'], 2, qr/HOST:PORT/],
    [['--listen', '127.0.0.1:99999'], 2, qr/number from 0 to 65535/],
    [['--listen', 'unix:'], 2, qr/1 to \d+ characters/],
    [['--listen', 'unix:' . 'x' x 120], 2, qr/characters/],
    [['--listen', "unix:$dir/none/s"], 2, qr/cannot listen.*No such file/],
    [['--workers', '0'], 2, qr/--workers must be a number from 1/],
    [['--workers', '2x'], 2, qr/not "2x"/],
    [['--queue', '-1'], 2, qr/--queue/],
    [['--timeout', '0'], 2, qr/--timeout/],
    [['--socket-mode', '9'], 2, qr/octal/],
    [['--allow-url-host', 'host'], 2, qr/HOST:PORT/],
    [['--allow-url-host', 'host:0'], 2, qr/HOST:PORT/],
) {
    my ($args, $status, $like) = @$_;
    my ($is, $said) = run(@$args);
    is $is, $status, "@$args: status $status";
    like $said, $like, "@$args: says so";
}

# a file that is no socket, and a socket that is in use
{
    open my $f, '>', "$dir/file";
    close $f;
    my ($is, $said) = run('--listen', "unix:$dir/file");
    is $is, 2, 'a file in the way';
    like $said, qr/is no socket/, 'says so';
    ok -e "$dir/file", 'it is left alone';
}

# SIGTERM: the running call is answered, new connections are not taken
{
    my $backend = Spocr::Ocr->start;
    my ($path) = $backend->{address} =~ /^unix:(.*)/;
    is +(stat $path)[2] & 07777, 0660, 'the mode of the socket';

    my ($is, $said) = run('--listen', $backend->{address});
    is $is, 2, 'a socket in use';
    like $said, qr/another process listens/, 'says so';

    my ($w) = $backend->workers;
    kill STOP => $w;
    my $s = $backend->send_fields(\%call);
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });
    kill TERM => $backend->{pid};
    $backend->wait_for(sub { !IO::Socket::UNIX->new(Peer => $path) });
    kill CONT => $w;

    my $r = $backend->answer($s);
    is $r->{status}, 200, 'the running call is answered';
    is $r->{json}{data}{total}, '19.66', 'well';
    is $r->{headers}{connection}, 'close', 'its connection is closed';
    is $backend->stop(0), 0, 'status 0';
    ok !-e $path, 'the socket is removed';
    ok eval { $backend->wait_for(sub { !-e "/proc/$w/exe" }) },
        'no worker is left';
}

# a client that never ends its body does not keep it from ending
{
    my $backend = Spocr::Ocr->start('--timeout', 1);
    my $s = $backend->send_request('POST', '/ocr/fields', {
        'X-Spocr-Uid' => 'u', 'Content-Type' => 'application/json',
        'Content-Length' => 1000, 'Expect' => '100-continue' }, '');
    my ($w) = $backend->workers;
    sysread $s, my $said, 100;
    like $said, qr/^HTTP\/1.1 100 /, 'the header was read';
    is $backend->stop >> 8, 1, 'a slow body: status 1';
    ok eval { $backend->wait_for(sub { !-e "/proc/$w/exe" }) },
        'no worker is left';
}

# a socket that a crash has left is taken over
{
    my $left = IO::Socket::UNIX->new(Local => "$dir/left", Listen => 1);
    close $left;
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>', "$dir/out";
        exec $program, '--workers', 1, '--listen', "unix:$dir/left";
    }
    Spocr::Ocr->wait_for(sub { -s "$dir/out" });
    ok IO::Socket::UNIX->new(Peer => "$dir/left"), 'a stale socket';
    kill INT => $pid;
    waitpid $pid, 0;
    is $?, 0, 'SIGINT ends it as well';
}

# TCP on loopback, keep-alive
{
    my $backend = Spocr::Ocr->start('--tcp');
    like $backend->{address}, qr/^127\.0\.0\.1:\d+$/, 'a free port';
    is $backend->request('GET', '/health')->{status}, 200, 'health by TCP';
    is $backend->request('HEAD', '/health')->{body}, '', 'HEAD has no body';
    is $backend->stop('INT'), 0, 'ends well';
}

done_testing;
