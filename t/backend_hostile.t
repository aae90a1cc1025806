# What one tenant, one receiver or one careless operator can do to the others.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Contract ':ocr';
use Spocr::Hooks;
use Spocr::Ocr;
use Time::HiRes qw(time);

my $dir = File::Temp->newdir;
my $png = Spocr::Ocr::slurp('backend/samples/receipt.png');
my %form = ('Content-Type' => 'multipart/form-data; boundary=spocr');
my %call = (fields => [{ name => 'total', type => 'string' }], image => 'x');

sub file ($name) { qq(name="files"; filename="$name") }

sub sheet ($backend, %headers) {
    return $backend->call('POST', '/create', { path => '', name => 'S',
        type => 'sheet', columns => $call{fields} }, %headers);
}

# a request whose header was read, and that has a body to come
sub begin ($backend, $path, $uid, %headers) {
    my $s = $backend->send_request('POST', $path, {
        'X-Spocr-Uid' => $uid, 'Content-Type' => 'application/json',
        'Content-Length' => 60000, Expect => '100-continue', %headers });
    sysread $s, my $said, 1000;
    return ($s, $said =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0);
}

# one tenant's calls leave places to the others
{
    my $backend = Spocr::Ocr->start('--queue', 4);
    my @held = map { (begin($backend, '/ocr/fields', 'u_a'))[0] } 1 .. 3;
    is +(begin($backend, '/ocr/fields', 'u_a'))[1], 503,
        'a tenant does not get the last quarter of the queue';
    my ($s, $status) = begin($backend, '/ocr/fields', 'u_b');
    is $status, 100, 'which is for one who has none';
    is +(begin($backend, '/ocr/fields', 'u_c'))[1], 503, 'then it is full';

    close $_ for @held;
    $backend->wait_for(sub {
        (begin($backend, '/ocr/fields', 'u_a'))[1] == 100;
    });
    pass 'who goes away gives his place back';
}

# what waits, or is refused, has no place
{
    my $data = "$dir/wait";
    my $backend = Spocr::Ocr->start('--data', $data, '--queue', 1);
    my ($w) = $backend->workers;
    sheet($backend);
    sheet($backend, 'X-Spocr-Uid' => 'u_other');

    kill STOP => $w;
    my @parts = ('name="path"' => 'S', file('a.png') => $png);
    my $waits = $backend->send_request('POST', '/upload?wait=true',
        { 'X-Spocr-Uid' => 'u_test', %form }, Spocr::Ocr::multipart(@parts));
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });

    my $r;
    $backend->wait_for(sub {
        $r = $backend->upload(\@parts, 'X-Spocr-Uid' => 'u_other');
        $r->{status} == 200;
    });
    is $r->{json}{jobs}[0]{status}, 'pending', 'beside an upload that waits';

    my ($s, $status) = begin($backend, '/upload', 'u_test', %form);
    is $status, 100, 'a body to come';
    print {$s} "--spocr\r\n\r\n";
    $backend->wait_for(sub {
        $backend->upload(\@parts, 'X-Spocr-Uid' => 'u_other')->{status} == 200;
    });
    pass 'a body that is refused gives its place back before its end';
    close $s;

    kill CONT => $w;
    $r = $backend->answer($waits);
    is $r->{json}{jobs}[0]{status}, 'done', 'and the one that waits is done';

    is $backend->stop, 0, 'ends well';
}

# what is small as text and large in memory
{
    my $backend = Spocr::Ocr->start;
    my $peak = sub {
        my ($kb) = Spocr::Ocr::slurp("/proc/$backend->{pid}/status")
            =~ /^VmHWM:\s+(\d+) kB/m;
        return int $kb / 1024;
    };
    my $before = $peak->();
    my $r = $backend->fields('{"image":[{}' . ',{}' x 4_000_000 . ']}');
    is $r->{status}, 400, '12 MB of empty objects';
    like $r->{json}{error}{message}, qr/more than 30000 values/, 'say why';
    cmp_ok $peak->() - $before, '<', 200, 'and take little more than 12 MB';
}

# a path that is cut short is another one
{
    my $backend = Spocr::Ocr->start('--data', "$dir/nul");
    sheet($backend);
    my $r = $backend->upload(['name="path"' => "S\0x", file('a') => $png]);
    is "$r->{status} $r->{json}{details}{field}", '400 path',
        'a path with a NUL';
}

# a receiver that does not answer keeps nobody waiting
{
    my $hooks = Spocr::Hooks->start;
    my @args = ('--data', "$dir/hook", '--allow-url-host', $hooks->host);
    my $backend = Spocr::Ocr->start(@args);
    $hooks->say(h => 'hang');
    $backend->call('PUT', '/webhook', { url => $hooks->url('h') });
    my $id = $backend->call('POST', '/webhook/test', '')->{json}{deliveryId};
    $backend->wait_for(sub { $hooks->got('h') });

    my $since = time;
    is $backend->stop, 0, 'stops while a receiver hangs';
    cmp_ok time - $since, '<', 5, 'without waiting for it';

    $hooks->say(h => 204);
    $backend = Spocr::Ocr->start(@args);
    my $d;
    $backend->wait_for(sub {
        $d = $backend->call('GET', "/webhooks/deliveries/$id")->{json};
        $d->{status} ne 'pending';
    });
    is "$d->{status} $d->{attempts}", 'delivered 1',
        'it is delivered after the next start, and was no attempt before';
    my ($one, $two) = $hooks->got('h');
    is $two->{json}{id}, $one->{json}{id}, 'the same event';
    $hooks->stop;
}

done_testing;
