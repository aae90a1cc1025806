# --gateway-secret-file: what the gateway has not signed is refused, and where
# the backend may listen. C-42.

use v5.36;
use lib 't/lib';
use Test::More;
use Digest::SHA qw(hmac_sha256_hex);
use File::Temp ();
use IO::Socket::INET;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $program = Spocr::Ocr::program;
my $dir = File::Temp->newdir;
my ($new, $old, $foreign) = map { $_ x 32 } '1f', 'A0', '00';

sub file ($name, $text, $mode = 0600) {
    open my $f, '>:raw', "$dir/$name" or die "$dir/$name: $!\n";
    print {$f} $text;
    close $f;
    chmod $mode, "$dir/$name";
    return "$dir/$name";
}

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

my $file = file('secrets', "# of the gateway\n$new\r\n\n$old");
my $backend = Spocr::Ocr->start('--gateway-secret-file', $file);

# -- requests

my %as = (method => 'POST', target => '/ocr/fields', id => 'req_' . 'a' x 32,
          uid => 'u_1', key => 'key_1', secret => $new, age => 0);

sub signature (%o) {
    my $t = time - $o{age};
    return "t=$t,v1=" . hmac_sha256_hex(
        join("\n", $o{t} // $t, @o{qw(method target id uid key)}),
        pack 'H*', $o{secret});
}

# what is sent, and what was signed in its place
sub ask ($sent, $signed = {}, $header = undef) {
    my %s = (%as, %$sent);
    $header //= signature(%s, %$signed);
    return $backend->request($s{method}, $s{target}, {
        'Content-Type' => 'application/json', 'X-Request-Id' => $s{id},
        'X-Spocr-Uid' => $s{uid}, 'X-Spocr-Key-Id' => $s{key},
        'X-Spocr-Signature' => $header eq 'none' ? undef : $header,
        %{ $s{headers} // {} },
    }, $s{body} // '{}');
}

sub let_in ($what, @args) {
    my $r = ask(@args);
    is $r->{status}, 400, "let in: $what";
    is $r->{json}{error}{code}, 'validation_failed', "  $what: body is read";
}

sub refused ($what, $reason, @args) {
    my $r = ask(@args);
    is $r->{status}, 403, "refused: $what";
    is $r->{json}{error}{code}, 'forbidden', "  $what: forbidden";
    is $r->{json}{error}{message}, 'The request was not signed by the gateway',
        "  $what: says so";
    is $r->{json}{details}{reason}, $reason, "  $what: $reason";
}

let_in 'a signature', {};
let_in 'with the other secret', { secret => $old };
let_in 'a query', { target => '/ocr/fields?a=b&c=%20d+e' };
let_in 'another spelling', { target => '/ocr/%66ields' };
let_in 'no key id', { key => '', headers => { 'X-Spocr-Key-Id' => undef } };
let_in "a clock that is $_ s off", { age => $_ } for 290, -290;

my $r = ask({ target => '/none' });
is $r->{status}, 404, 'a signed request for a path that is none';
is $r->{json}{error}{requestId}, $as{id}, 'with its id';
$r = ask({ uid => '', headers => { 'X-Spocr-Uid' => undef } });
like $r->{json}{error}{message}, qr/no valid X-Spocr-Uid/,
    'signed, and without a uid';

refused 'no signature', 'missing', {}, {}, 'none';
refused 'an empty one', 'missing', {}, {}, '';
refused 'an unknown secret', 'wrong', { secret => $foreign };
refused "a clock that is $_ s off", 'stale', { age => $_ } for 310, -310,
        1_000_000_000;
{
    # the same as in t/unit/secret.c, of the gateway: right, and long ago
    my $b = Spocr::Ocr->start('--gateway-secret-file', file('known', join '',
        map { sprintf '%02x', $_ } 0 .. 31));
    my $r = $b->request('POST', '/v1/ocr?a=b', {
        'X-Request-Id' => 'req_018bcfe5687b7000800000000000000a',
        'X-Spocr-Uid' => 'u_1', 'X-Spocr-Key-Id' => 'k_1',
        'X-Spocr-Signature' => 't=1700000000,v1=dac475bb0d1ab7a498849ea1bb9db'
            . '90760bebf3f6893e22175273bb880e1f61f' }, '');
    is $r->{json}{details}{reason}, 'stale', "the gateway's own signature";
}
refused 'another time', 'wrong', {}, { t => time - 1 };
refused "another $_", 'wrong', {}, { $_ => 'x' }
    for qw(method target id uid key);
refused 'no query', 'wrong', { target => '/ocr/fields?a=b' },
        { target => '/ocr/fields' };
refused 'an identity that was moved', 'wrong', { uid => 'u_1', key => '' },
        { uid => '', key => 'u_1' };

# forms that are none
my $good = signature(%as);
my ($t, $hex) = $good =~ /^t=(\d+),v1=(.*)/;
for my $bad ("t=$t", "v1=$hex", "v1=$hex,t=$t", "t=$t, v1=$hex",
             "t=$t;v1=$hex", "t=+$t,v1=$hex", "t=-$t,v1=$hex", "t=,v1=$hex",
             "t=" . '9' x 40 . ",v1=$hex", "t=$t,v1=" . uc $hex,
             "t=$t,v1=" . substr($hex, 1), "t=$t,v1=${hex}0",
             "t=$t,v1=$hex,v1=$hex", "t=$t,v1=g" . substr($hex, 1), 'x') {
    refused "the form " . substr($bad, 0, 24), 'wrong', {}, {}, $bad;
}

# a header twice: nobody could say which one was signed
for my $name ('X-Spocr-Uid', 'X-Spocr-Key-Id', 'X-Request-Id',
              'X-Spocr-Signature') {
    my %value = ('X-Spocr-Uid' => 'u_1', 'X-Spocr-Key-Id' => 'key_1',
                 'X-Request-Id' => $as{id},
                 'X-Spocr-Signature' => signature(%as));
    refused "$name twice", 'wrong', { headers => {
        $name => "$value{$name}\r\n$name: $value{$name}" } };
}

# nothing of a refused request is done, and it is nobody's in the log
is $backend->request('POST', '/ocr/fields', {
    'Content-Type' => 'application/json', 'X-Spocr-Uid' => 'u_victim' },
    '{"image":"http://127.0.0.1:1/"}')->{status}, 403, 'no signature at all';
is $backend->request('GET', '/none')->{status}, 403, 'on no path';
is $backend->request('POST', '/health', {}, '')->{status}, 403,
    'nor by another method of /health';
unlike $backend->log, qr/u_victim/, 'the log does not say what it says it is';
like $backend->log, qr/"uid": ?"u_1"/, 'as it does of a signed one';

# a connection that is kept: each request is signed for itself
{
    my $s = $backend->connect;
    my $one = sub ($headers, $last) {
        print {$s} "POST /ocr/fields HTTP/1.1\r\nHost: x\r\nContent-Length: 2"
            . "\r\nContent-Type: application/json\r\nX-Request-Id: $as{id}\r\n"
            . "X-Spocr-Uid: u_1\r\nX-Spocr-Key-Id: key_1\r\n$headers"
            . ($last ? "Connection: close\r\n" : '') . "\r\n{}";
    };
    $one->('X-Spocr-Signature: ' . signature(%as) . "\r\n", 0);
    $one->('', 1);
    local $/;
    is join(' ', <$s> =~ m{HTTP/1\.1 (\d+)}g), '400 403',
        'on a connection that is kept, too';
}

$r = $backend->request('GET', '/health');
is $r->{status}, 200, 'health is asked without a signature';
is $backend->request('HEAD', '/health?x')->{status}, 200, 'by HEAD, too';

# an image is read
{
    my $uid = 'u_test';
    my $r = $backend->fields({ image => Spocr::Ocr::sample('receipt.png'),
        fields => [{ name => 'total', type => 'string' }] },
        'X-Request-Id' => $as{id}, 'X-Spocr-Signature' =>
        signature(%as, uid => $uid, key => 'key_test'));
    is $r->{json}{data}{total}, '19.66', 'a signed call';
}
is $backend->stop, 0, 'ends well';

# -- the file

for (
    ['no file', "$dir/none", qr/No such file/],
    ['a folder', "$dir", qr/not a regular file|Is a directory/],
    ['a device', '/dev/null', qr/not a regular file/],
    ['an empty file', file('empty', ''), qr/has no secret/],
    ['comments', file('comments', "# a\n\n#\n"), qr/has no secret/],
    ['a short one', file('short', "\n" . substr($new, 1) . "\n"),
     qr/line 2: a secret is 64 hexa/],
    ['a long one', file('long', "${new}0\n"), qr/line 1: a secret is/],
    ['other letters', file('letters', 'g' x 64), qr/line 1: a secret is/],
    ['a blank', file('blank', "$new \n"), qr/line 1: a secret is/],
    ['a NUL', file('nul', "$new\n\0\n"), qr/line 2: a secret is/],
    ['nine', file('nine', "$new\n" x 9), qr/line 9: there are more than 8/],
    ['a novel', file('novel', "#\n" x 9000), qr/longer than 16384/],
    (map { [sprintf('mode %04o', $_), file("mode$_", "$new\n", $_),
            qr/group or others have access to it; chmod 600/] }
         0644, 0640, 0604, 0620, 0601),
) {
    my ($what, $path, $like) = @$_;
    my ($is, $said) = run('--gateway-secret-file', $path, '--listen',
                          "unix:$dir/s");
    is $is, 2, "$what: status 2";
    like $said, qr/\Aspocr-backend: --gateway-secret-file [^\n]+\n\z/,
        "$what: one sentence";
    like $said, $like, "$what: says why";
    unlike $said, qr/[0-9a-fA-F]{32}/, "$what: no secret is repeated";
    ok !-e "$dir/s", "$what: it does not listen";
}
{
    my $b = Spocr::Ocr->start('--gateway-secret-file',
                              file('eight', "$new\n" x 8, 0400));
    is $b->request('GET', '/x')->{status}, 403, 'eight secrets, mode 0400';
}

# -- addresses that others reach

for my $address ('0.0.0.0:0', '[::]:0', '10.0.0.1:80',
                 '[::ffff:127.0.0.1]:80') {
    my ($is, $said) = run('--listen', $address);
    is $is, 2, "$address without a secret: status 2";
    like $said, qr/loopback .*no --gateway-secret-file/, "$address: says why";
}
for my $address ('example.com:80', '[::1:80', '[]:80', '1.2.3:80', ':80') {
    my ($is, $said) = run('--listen', $address, '--gateway-secret-file', $file);
    is $is, 2, "$address: status 2";
    like $said, qr/must have an address such as/, "$address: is none";
}
{
    my $pid = open(my $out, '-|') // die;
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        exec $program, '--workers', 1, '--listen', '0.0.0.0:0',
            '--gateway-secret-file', $file;
    }
    my ($port) = (scalar(<$out>) // '') =~ /listening on 0\.0\.0\.0:(\d+)$/;
    ok $port, 'with a secret it listens on any address';
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.2:$port");
    print {$s} "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    like scalar(<$s>), qr/ 403 /, 'and answers there';
    kill TERM => $pid;
    waitpid $pid, 0;
    is $?, 0, 'ends well';
}
{
    local $SIG{ALRM} = sub { die "the backend hangs\n" };
    alarm 20;
    require POSIX;
    POSIX::mkfifo("$dir/fifo", 0600);
    my ($is, $said) = run('--gateway-secret-file', "$dir/fifo");
    alarm 0;
    is $is, 2, 'a FIFO is not waited for';
    like $said, qr/not a regular file/, 'it is no regular file';
}

done_testing;
