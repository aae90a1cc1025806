# Where webhooks are not sent: to nothing that is not on the public internet,
# whatever its URL looks like, and whenever it turns out.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Hooks;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $hooks = Spocr::Hooks->start;
my $data = File::Temp->newdir;
my @args = ('--data', "$data", '--webhook-retries', '600');
my $port = $hooks->{port};
my $backend;

sub call ($uid, $method, $path, $o = undef) {
    return $backend->request($method, $path,
        { 'X-Spocr-Uid' => $uid, 'X-Spocr-Key-Id' => 'key_test',
          ($o ? ('Content-Type' => 'application/json') : ()) },
        $o ? JSON::PP->new->utf8->encode($o)
           : $method eq 'GET' ? undef : '');
}

sub put ($uid, $url) { call($uid, PUT => '/webhook', { url => $url }) }

sub refused ($what, $url, $reason = undef) {
    my $r = put('a', $url);
    is "$r->{status} $r->{json}{error}{code}", '400 validation_failed', $what;
    is $r->{json}{details}{field}, 'url', "$what: url";
    is $r->{json}{details}{reason}, $reason, "$what: why";
}

# what became of a test event
sub outcome ($uid) {
    my $r = call($uid, POST => '/webhook/test');
    is $r->{status}, 202, "$uid: a test event" or return;
    my $d;
    $backend->wait_for(sub {
        $d = call($uid, GET =>
            "/webhooks/deliveries/$r->{json}{deliveryId}")->{json};
        $d->{attempts};
    });
    return $d->{lastError} // $d->{status};
}

# URLs that the operator permits for as long as this one runs
my @later = (['v4', '127.0.0.1:80', 'http://127.0.0.1/x'],
             ['hex', '127.0.0.1:80', 'http://0x7f000001/x'],
             ['v6', '[::1]:80', 'http://[::1]/x'],
             ['mapped', '[::ffff:10.0.0.1]:80', 'http://[::ffff:10.0.0.1]/x'],
             ['cloud', '169.254.169.254:80', 'http://169.254.169.254/latest'],
             ['ula', '[fd00::1]:443', 'https://[fd00::1]/x'],
             ['name', 'localhost:80', 'http://localhost/x'],
             ['port', "127.0.0.1:$port", "http://127.0.0.1:$port/ok"]);
$backend = Spocr::Ocr->start(@args, '--allow-url-host', "localhost:$port",
    map { ('--allow-url-host', $_->[1]) } @later);

is put($_->[0], $_->[2])->{status}, 201, "$_->[2] while it is permitted"
    for @later;
is put('local', "http://localhost:$port/ok")->{status}, 201, 'a name, too';
is outcome('local'), 'delivered', 'that is permitted';
is put('dot', "http://localhost.:$port/ok")->{status}, 400, 'and no other';
is $backend->stop, 0, 'ends well';

# not any more: the address decides when it is connected to
$backend = Spocr::Ocr->start(@args);
is outcome($_->[0]), $_->[0] eq 'port' ? 'forbidden_url' : 'forbidden_address',
    "$_->[2] is not requested" for @later;
is outcome('local'), 'forbidden_url', 'nor by its name';
is $hooks->got('ok'), 1, 'the receiver was sent nothing of that';

# refused at once
refused "address $_", "http://$_/", 'forbidden_address' for qw(
    127.0.0.1 127.1 2130706433 0x7f.1 0x7f000001 0177.0.0.1 017700000001 0
    127.0.0.1. 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1
    224.0.0.1 255.255.255.255 [::1] [::] [fe80::1] [fe80::1%25eth0] [fd00::1]
    [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::]
    localhost LOCALHOST localhost. app.localhost 127%2e0.0.1
);
refused 'https as well', 'https://10.0.0.1/', 'forbidden_address';
# a name is looked up when it is connected to, a public address is none inside
like put('public', "http://$_/")->{status}, qr/^20[01]$/, "$_ is taken"
    for qw([2606:4700::1111] [2606:4700::1111%25eth0] 1.1.1.1 example.com.);

refused "port $_", "http://example.com:$_/", 'forbidden_url'
    for 22, 25, 6379, 8080;
refused 'another scheme', $_, 'forbidden_url'
    for 'ftp://example.com/', 'file:///etc/passwd', 'gopher://example.com/';
refused 'a user', 'https://u:p@example.com/', 'forbidden_url';
refused 'an empty user', 'https://@10.0.0.1/', 'forbidden_url';
refused 'no URL', $_, 'bad_url'
    for '', 'example.com', '/x', 'http://', "http://example.com/\r\nX-A: b",
        'http://exa mple.com/', 'http://example.com:99999/';
refused 'too long', 'http://example.com/' . 'x' x 2030;
refused 'a number', 5;
refused 'null', undef;
is put('a', 'https://example.com/' . 'x' x 2028)->{status}, 201, '2048 bytes';
is call('a', PUT => '/webhook', {})->{json}{details}{field}, 'url', 'missing';

is $backend->stop, 0, 'ends well';

# times of retries that are none
for my $bad ('', '0', '1,', ',1', '-1', '1 2', '9999999', 'x',
             join ',', (1) x 17) {
    my $log = "$data/log";
    system "'" . Spocr::Ocr::program() . "' --data '$data'"
        . " --webhook-retries '$bad' >/dev/null 2>'$log'";
    is $? >> 8, 2, "--webhook-retries '$bad' is refused";
    like Spocr::Ocr::slurp($log), qr/--webhook-retries/, 'and why';
}
done_testing;
