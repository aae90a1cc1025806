# Images by URL: fetched by a process of its own, and never from an address
# that is not on the public internet, unless the operator names it.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use IO::Socket::INET;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $image = Spocr::Ocr::slurp('backend/samples/receipt.png');
my @f = (fields => [{ name => 'total', type => 'string' }]);

# a small web server; its log tells what was asked of it
my $web = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 20)
    or die "cannot listen: $!\n";
my $port = $web->sockport;
my $hits = File::Temp->new;
my $parent = $$;

my $pid = fork // die;
if (!$pid) {
    $SIG{PIPE} = 'IGNORE';
    while (my $c = $web->accept) {
        my $line = <$c> // next;
        while (<$c>) { last if /^\r?\n/ }
        open my $log, '>>', $hits->filename;
        print {$log} $line;
        close $log;
        my ($path) = $line =~ m{^GET (/\S*)};
        my $to = sub ($url) {
            print {$c} "HTTP/1.1 302 Found\r\nLocation: $url\r\n"
                . "Content-Length: 0\r\nConnection: close\r\n\r\n";
        };
        if ($path eq '/image') {
            print {$c} "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$image";
        } elsif ($path =~ m{^/hop(\d)}) {
            $to->($1 > 1 ? '/hop' . ($1 - 1) : '/image');
        } elsif ($path eq '/inside') {
            $to->('http://127.0.0.1/secret');
        } elsif ($path eq '/file') {
            $to->('file:///etc/passwd');
        } elsif ($path eq '/port') {
            $to->('http://93.184.216.34:22/');
        } elsif ($path eq '/large') {
            print {$c} "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n";
        } elsif ($path eq '/endless') {
            print {$c} "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
            for (1 .. 24) { print {$c} 'x' x 1048576 or last }
        } elsif ($path eq '/text') {
            print {$c} "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                . 'hello there';
        } else {
            print {$c} "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n";
        }
        close $c;
        last if getppid != $parent;
    }
    exit 0;
}
close $web;

END {
    if ($pid && $$ == $parent) {
        local $?;
        kill KILL => $pid;
        waitpid $pid, 0;
    }
}

my $backend = Spocr::Ocr->start('--allow-url-host', "127.0.0.1:$port");
my $here = "http://127.0.0.1:$port";

sub fetched ($what, $url) {
    my $r = $backend->fields({ @f, image => $url });
    is $r->{status}, 200, $what;
    is $r->{json}{data}{total}, '19.66', "$what: read";
}

sub refused ($what, $url, $reason, $like = qr/./) {
    my $r = $backend->fields({ @f, image => $url });
    is $r->{status}, 400, $what;
    is $r->{json}{error}{code}, 'invalid_image', "$what: invalid_image";
    is $r->{json}{details}{reason}, $reason, "$what: $reason"
        if defined $reason;
    like $r->{json}{error}{message}, $like, "$what: says why";
}

sub asked () { my $n = () = Spocr::Ocr::slurp($hits->filename) =~ /\n/g; $n }

fetched 'a URL', "$here/image";
fetched 'three redirects', "$here/hop3";

refused 'four redirects', "$here/hop4", 'redirects', qr/3 times/;
refused 'a missing image', "$here/none", 'status', qr/404/;
refused 'a text', "$here/text", undef, qr/not a JPEG/;
refused 'a declared 30 MB', "$here/large", 'too_large', qr/20 MB/;
refused 'an endless answer', "$here/endless", 'too_large', qr/20 MB/;
refused 'a redirect to loopback', "$here/inside", 'forbidden_address';
refused 'a redirect to a file', "$here/file", 'forbidden_url';
refused 'a redirect to another port', "$here/port", 'forbidden_url', qr/80/;

my $before = asked;

refused "address $_", "http://$_/", 'forbidden_address' for qw(
    127.0.0.1 localhost 127.1 2130706433 0x7f.1 0.0.0.0 10.0.0.1 192.168.0.1
    172.16.5.5 169.254.169.254 100.64.0.1 224.0.0.1 [::1] [::ffff:127.0.0.1]
    [::ffff:10.0.0.1] [fe80::1] [fd00::1] [64:ff9b::7f00:1] [2002:7f00:1::]
    0177.0.0.1 017700000001 0 LOCALHOST [::127.0.0.1] [::]
    [::ffff:0:127.0.0.1] [0:0:0:0:0:ffff:a00:1] 255.255.255.255 198.18.0.1
    192.0.0.1 240.0.0.1 203.0.113.1 192.88.99.1 [::ffff:7f00:1] [ff02::1]
    [64:ff9b:1::a00:1] [2001:db8::1] [2001::1] [3fff::1] [fec0::1]
);
refused 'capitals', 'HTTP://127.0.0.1/', 'forbidden_address';
refused 'another port', 'http://127.0.0.1:1/', 'forbidden_url', qr/80 and 443/;
refused 'the port, another name', "http://localhost:$port/image",
    'forbidden_url';
refused 'a user', "http://u:p\@127.0.0.1:$port/image", 'forbidden_url';
refused 'no host', 'http:///x', undef;

is asked, $before, 'none of these was sent anything';

# the environment's proxy would be a way around all that
{
    local $ENV{http_proxy} = "http://127.0.0.1:$port";
    my $other = Spocr::Ocr->start;
    my $r = $other->fields({ @f, image => 'http://10.1.2.3/image' });
    is $r->{json}{details}{reason}, 'forbidden_address', 'no proxy is used';
    is asked, $before, 'it was sent nothing';
    $other->stop;
}

# a host that takes the request and says nothing: told before the time of the
# call is over, however short that is
{
    my $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5)
        or die "cannot listen: $!\n";
    my $host = '127.0.0.1:' . $mute->sockport;
    my $short = Spocr::Ocr->start('--timeout', 3, '--allow-url-host', $host);
    my $r = $short->fields({ @f, image => "http://$host/" });
    is "$r->{status} " . ($r->{json}{details}{reason} // ''), '400 timeout',
        'no answer in the time of a short call' or diag $r->{body};
    is $short->stop, 0, 'ends well';
}

is $backend->stop, 0, 'ends well';
done_testing;
