# Many ask at once, and many guess: one question for a record however many
# wait, and no key that is known has to go.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;
use Spocr::Records;

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);
my $redis = $t->redis;
my $proxy = Spocr::Proxy->new(to => $redis->port);
my $url = $proxy->url;

$records->key("k$_" => { uid => 'u_acme' }) for 1 .. 20;
$records->key(alice => { uid => 'u_beta' })
        ->key(bob => { uid => 'u_beta' })
        ->tenant(u_beta => { plan => 'pro' })
        ->plan(pro => { limits => { key => 100000, uid => 100000 } });

$t->start(<<"EOC");
%%MAIN%%
events { worker_connections 1024; }
http {
    %%HTTP%%
    access_log off;
    keepalive_requests 1000000;
    root %%DIR%%;
    spocr_redis $url timeout=10s;
    spocr_keys redis ttl=1h negative_ttl=1h;
    spocr_zone zone=z:1m;
    spocr_limit_store zone;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        error_log %%DIR%%/refused.log crit;
        location / { try_files /page =404; }
    }
}
EOC
$t->file('page', 'page');

my $mine = sub ($run) { $redis->counted($run)->{fcall_ro} // 0 };

# the answers of Redis are held back until all have asked
sub together ($clients, @names) {
    my @conns = map { $t->conn } 1 .. $clients;
    my @answers;

    my $n = $mine->(sub {
        $proxy->stall('down');
        for my $i (0 .. $#conns) {
            my $key = $t->key($names[$i % @names]);
            $conns[$i]->send("GET / HTTP/1.1\r\nHost: x\r\n"
                             . "Authorization: Bearer $key\r\n\r\n");
        }
        # the last of them has been read when this one is answered
        is_error $t->get('/'), 401, 'unauthorized', 'the worker is not busy';
        $_->fh->blocking and die for @conns;
        $proxy->flow;
        @answers = map { $_->response->status } @conns;
    });
    return ($n, @answers);
}

is $t->get('/', key => $t->key('k1'))->status, 200, 'the link is ready';

my ($n, @answers) = together(50, 'alice', 'bob');
is_deeply [grep { $_ != 200 } @answers], [], 'all 50 requests are let in';
is $n, 4, 'two keys, their tenant and its plan are asked for once each';

($n, @answers) = together(50, 'nobody');
is_deeply [grep { $_ != 403 } @answers], [], '50 requests are refused';
is $n, 1, 'and one has asked';

# more different keys than are asked for at once
my @cold = map { "cold$_" } 1 .. 200;
$records->key($_ => { uid => 'u_beta' }) for @cold;
($n, @answers) = together(200, @cold);
is_deeply [grep { $_ != 200 } @answers], [], '200 keys at once are let in';

# their tenant or its plan as well, where one of the 200 notices is of a key
# that shares a version with it
cmp_ok $n, '>=', 200, 'and each is asked for';
cmp_ok $n, '<=', 202, 'once';

# who leaves while waiting takes nothing away
{
    my @conns = map { $t->conn } 1 .. 20;
    $records->key(carol => { uid => 'u_gamma' });
    my $key = $t->key('carol');

    $proxy->stall('down');
    $_->send("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $key\r\n\r\n")
        for @conns;
    is_error $t->get('/'), 401, 'unauthorized', 'they are waiting';
    $_->close for @conns[0 .. 9];
    is_error $t->get('/'), 401, 'unauthorized', 'half of them have gone';
    $proxy->flow;
    is_deeply [map { $_->response->status } @conns[10 .. 19]], [(200) x 10],
        'the others get their answers';

    $records->key(dora => { uid => 'u_gamma' });
    $key = $t->key('dora');
    $proxy->stall('down');
    my $conn = $t->conn;
    $conn->send("GET / HTTP/1.1\r\nHost: x\r\n"
                . "Authorization: Bearer $key\r\n\r\n");
    is_error $t->get('/'), 401, 'unauthorized', 'dora waits';
    $conn->close;
    is_error $t->get('/'), 401, 'unauthorized', 'and has gone';
    $proxy->flow;
    is $t->get('/', key => $key)->status, 200, 'the next one is let in';
}

# C-11
is $t->get('/', key => $t->key("k$_"))->status, 200, "k$_ is known"
    for 1 .. 20;

sub memory () {
    my ($pid) = $t->workers;
    open my $in, '<', "/proc/$pid/status" or die "no status: $!\n";
    my ($kb) = join('', <$in>) =~ /^RssAnon:\s+(\d+)/m;
    return $kb;
}

# Pipelined; returns how many were refused as unknown.
sub guess ($from, $to) {
    my $fh = $t->conn->fh;
    my $refused = 0;
    $fh->blocking(1);

    for (my $i = $from; $i < $to; $i += 100) {
        my ($in, $n) = ('', 0);

        syswrite $fh, join '', map {
            "GET / HTTP/1.1\r\nHost: x\r\n"
            . "Authorization: Bearer spocr_guess_$_\r\n\r\n"
        } $i + 1 .. $i + 100;

        while ($n < 100) {
            sysread $fh, $in, 65536, length $in or return "closed after $i";
            while ($in =~ s/^.*?"code":"(\w+)".*?"}}//s) {
                $refused++ if $1 eq 'forbidden';
                $n++;
            }
        }
    }
    return $refused;
}

is guess(0, 6000), 6000, '6,000 guesses, more than are remembered';
my $before = memory;
is guess(6000, 14000), 8000, '8,000 more';
SKIP: {
    # a sanitizer keeps what is freed for a while, to see it used
    skip 'the sanitizer keeps freed memory', 1
        if defined $ENV{SPOCR_MODULE} && $ENV{SPOCR_MODULE} eq '';
    cmp_ok memory, '<', $before + 300, 'take no memory';
}

$n = $mine->(sub {
    is $t->get('/', key => $t->key("k$_"))->status, 200, "k$_ is let in"
        for 1 .. 20;
});
is $n, 0, 'and push none of the known keys out';

$t->done;
