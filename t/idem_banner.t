# A backend that speaks before it is asked, and no HTTP: nginx reads that before
# it has sent a byte.  The client gets a 502 all the same, and a repeat runs
# (C-1, C-27, C-35).

use lib 't/lib';
use Spocr::Test;
use IO::Socket::INET;
use POSIX ();

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;

my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 200)
    or die "cannot listen: $!\n";
my $parent = $$;
my $banner = fork // die "cannot fork: $!\n";
if (!$banner) {
    my @open;
    $SIG{PIPE} = 'IGNORE';
    alarm 120;
    while (getppid == $parent) {
        my $c = $listen->accept or next;
        syswrite $c, "SSH-2.0-none\r\n";
        push @open, $c;
        shift @open if @open > 300;
    }
    POSIX::_exit(0);
}
my $port = $listen->sockport;
close $listen;

$t->start(<<"EOC");
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        location / { proxy_pass http://127.0.0.1:$port; }
    }
}
EOC
$t->redis->linked(2);
my ($worker) = $t->workers;

# Many that begin in one pass of the event loop: the first ones' banners have
# come before nginx looks at any of these connections.
my ($asked, $good) = (0, 0);
my @wrong;
for my $round (1 .. 5) {
    my @c = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                        PeerPort => $t->port) } 1 .. 60;
    kill STOP => $worker;
    for my $n (0 .. $#c) {
        syswrite $c[$n], "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            . 'Authorization: Bearer ' . $t->key('alice') . "\r\n"
            . "Idempotency-Key: k-$round-$n\r\nContent-Length: 0\r\n\r\n";
    }
    kill CONT => $worker;

    for my $c (@c) {
        my $got = '';
        while (sysread $c, $got, 65536, length $got) { }
        $asked++;
        if ($got =~ m{^HTTP/1\.1\ 502\ .*^X-Request-Id:\ (req_[0-9a-f]{32})\r$
                      .*"code":"bad_gateway".*"requestId":"\1"}msx) { $good++ }
        else { push @wrong, $got }
    }
}
is $good, $asked, 'each gets its 502' or diag "$wrong[0]|";

kill TERM => $banner;
waitpid $banner, 0;
$t->done;
