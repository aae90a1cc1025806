# The link for records: long commands and long answers, byte for byte, over
# TCP, TLS and a socket, while limits go over the other one. C-19, C-22, C-29.

use lib 't/lib';
use Spocr::Test;
use Spocr::Redis;
use Time::HiRes qw(sleep);

my $MAX = 4 * 1024 * 1024;
my $t = Spocr::Test->new;
my $redis = Spocr::Redis->new(tls => 1, unix => 1);

$t->keyfile(
    keys => { alice => { uid => 'u_a', limits => { key => 1_000_000 } } },
    tenants => { u_a => { limits => { uid => 1_000_000 } } });
$t->secret_file;
my $secret = $t->dir . '/secret';

my $conf = <<'EOC';
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:32m;
    spocr_redis %%ARGS%% timeout=10s connect_timeout=10s;
    spocr_secret_file %%SECRET%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=3600s;
        spocr_idempotency on;
        spocr_idempotency_max_body 4m;
        add_header X-Source $spocr_limit_source always;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC

sub of ($key, $size) {
    return (key => $t->key('alice'), body => 'hello',
            headers => ['Idempotency-Key' => $key, 'X-Test' => "size=$size"]);
}

sub once ($node, $key, $size) { $node->post('/x', of($key, $size)) }

sub begin ($node, $key, $size) {
    my $c = $node->conn;
    $c->send(Spocr::Conn->build(POST => '/x', of($key, $size)));
    return $c;
}

sub stored ($size) {
    return grep { $redis->do('HSTRLEN', $_, 'b') >= $size }
           @{ $redis->do('KEYS', 'spocr:*:i:*') };
}

sub memory ($node) {
    my ($worker) = $node->workers;
    open my $in, '<', "/proc/$worker/statm" or return 0;
    return 4096 * (split ' ', readline $in)[1];
}

for my $case ([TCP => $redis->url],
              [TLS => $redis->tls_url . ' ca=' . $redis->ca],
              [socket => 'unix:' . $redis->path]) {
    my ($name, $args) = @$case;
    my $node = $t->node;
    $redis->do('FLUSHALL');
    $node->start($conf =~ s/%%ARGS%%/$args/r =~ s/%%SECRET%%/$secret/r);
    $redis->linked(2);
    pass "$name: a worker has two links";

    # the out buffer of a link is 64 KB: shorter ones, longer ones, around it
    for my $size (1, 60_000, 64_000, 65_000, 65_500, 65_536, 66_000, 200_000,
                  1_048_576, $MAX - 1, $MAX) {
        my $first = once($node, "k-$size", $size);
        is $first->status . ' ' . length($first->body), "200 $size",
            "$name: an answer of $size bytes";
        my $again = once($node, "k-$size", $size);
        is $again->header('X-Idempotent-Replay'), 'true', '... is replayed';
        ok $again->body eq $first->body, '... to the byte';
        is $again->header('X-Source'), 'redis', '... and was counted';
    }
    is scalar(stored(1_000_000)), 3, "$name: they are in Redis";

    # many at the same time
    for my $round ('first', 'replay') {
        my @conns = map { begin($node, "many-$_", 700_000 + $_) } 0 .. 5;
        my @answers = map { $_->response } @conns;
        is join(' ', map { $_->status . ':' . length $_->body } @answers),
            join(' ', map { '200:' . (700_000 + $_) } 0 .. 5),
            "$name: six at once, $round";
        is scalar(grep { $_->header('X-Idempotent-Replay') } @answers),
            $round eq 'first' ? 0 : 6, '... as such';
    }

    # what long answers took is given back, but for what malloc() keeps
    my $before = memory($node);
    once($node, "k-$MAX", $MAX) for 1 .. 30;
    my $grown = memory($node) - $before;
    cmp_ok $grown, '<', 5 * $MAX, "$name: thirty more leave $grown bytes"
        if ($ENV{SPOCR_MODULE} // 'x') ne '';       # a sanitizer keeps memory

    # Redis reads nothing for a while: the command leaves in parts
    my $slow = begin($node, 'slow', "$MAX&delay=0.15");
    sleep 0.1;
    $redis->pause;
    sleep 0.3;
    $redis->resume;
    is length $slow->response->body, $MAX, "$name: a Redis that stops";
    ok wait_for(sub {
        my $r = once($node, 'slow', "$MAX&delay=0.15");
        return $r->header('X-Idempotent-Replay') && length $r->body == $MAX;
    }), '... gets all of it in the end';

    # the link goes while a long answer is on its way, and comes back
    for (1 .. 5) {
        my $c = begin($node, "k-$MAX", $MAX);
        sleep 0.002 * $_;
        $redis->do(qw(CLIENT KILL TYPE normal SKIPME yes));
        like $c->response->status, qr/^(?:200|503)$/,
            "$name: killed in between";
    }
    ok wait_for(sub {
        my $r = once($node, "k-$MAX", $MAX);
        return $r->status == 200 && length $r->body == $MAX
               && $r->header('X-Idempotent-Replay');
    }), "$name: well again";
    $node->allow(qr/Redis/);
    $node->stop;
    $node->check;
}

$t->done;
