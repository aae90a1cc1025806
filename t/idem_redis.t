# Redis away, full, or holding what no gateway wrote: nothing runs where it is
# not known whether it ran before, and an answer that was paid for is
# delivered and stored later.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;
my $redis = $t->redis(aof => 1);

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->file('secret', ('0123456789abcdef' x 4) . "\n");
$t->file('other', ('fedcba9876543210' x 4) . "\n" . ('0123456789abcdef' x 4)
                  . "\n");
chmod 0600, $t->dir . "/$_" for qw(secret other);

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:4m;
    spocr_redis %%REDIS%% timeout=2s connect_timeout=2s;
    spocr_secret_file %%DIR%%/secret;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /allow {
            spocr_idempotency_on_error allow;
            proxy_pass http://%%BACKEND%%;
        }
        location /status { spocr off; spocr_status json; }
    }
}
EOC
$t->start($conf);
$redis->linked(4);
$t->allow(qr/upstream|Redis/);

sub executed { scalar(() = $t->backend->requests) }

sub once ($target, $key, $how = undef, %o) {
    return $t->post($target, key => $t->key('alice'), body => 'hello',
                    headers => ['Idempotency-Key' => $key,
                                $how ? ('X-Test' => $how) : ()], %o);
}

sub records { @{ $redis->do('KEYS', 'spocr:*:i:*') } }

sub begin ($target, $key, $how) {
    my $c = $t->conn;
    my $n = executed();
    $c->send(Spocr::Conn->build(
        POST => $target, key => $t->key('alice'), body => 'hello',
        headers => ['Idempotency-Key' => $key, 'X-Test' => $how]));
    wait_for(sub { executed() > $n });
    return $c;
}

# C-32
once('/x', 'kept');
$redis->stop;
wait_for(sub { once('/x', 'away')->status == 503 });
my $n = executed();
is_error once('/x', 'away'), 503, 'service_unavailable', 'Redis is away',
         details => { retryAfterSec => 1 };
is executed(), $n, '  and nothing runs';
my $r = once('/allow', 'away');
is $r->status, 200, 'on_error allow';
is $r->header('X-Idempotency-Bypassed'), 'true', '  says so';
is executed(), $n + 1, '  and runs';
$redis->start;
$redis->linked(4);
is once('/x', 'kept')->header('X-Idempotent-Replay'), 'true',
   'what was stored is there again';
is once('/x', 'away')->status, 200, 'and what was refused runs';

# C-29: Redis goes while the backend works
my $c = begin('/x', 'gone', 'delay=0.3');
$redis->kill;
$r = $c->response;
is $r->status, 200, 'Redis is gone at the end: the answer is delivered';
$redis->start;
$redis->linked(4);
my $again = wait_for(sub {
    my $again = once('/x', 'gone');
    return $again->status == 200 && $again;
});
is $again->header('X-Idempotent-Replay'), 'true',
   '  and stored when Redis is back';
is $again->body, $r->body, '  the same bytes';

# ... it hangs
$c = begin('/x', 'hung', 'delay=0.3');
$redis->pause;
$r = $c->response;
is $r->status, 200, 'Redis hangs at the end: the answer is delivered';
$redis->resume;
$again = wait_for(sub {
    my $again = once('/x', 'hung');
    return $again->status == 200 && $again;
});
is $again->body, $r->body, '  and stored when it goes on';

# ... and the outbox survives a reload
$c = begin('/x', 'reload', 'delay=0.3');
$redis->kill;
$r = $c->response;
is $r->status, 200, 'Redis is gone at the end, again';
ok $t->reload, 'a reload';
$redis->start;
$redis->linked(4);
$again = wait_for(sub {
    my $again = once('/x', 'reload');
    return $again->status == 200 && $again;
});
is $again->body, $r->body, '  new workers store what the old ones kept';

# Redis is full
my $used = $redis->info('used_memory');
$c = begin('/x', 'full', 'delay=0.5');
$redis->do('CONFIG', 'SET', 'maxmemory', 1);
$n = executed();
is_error once('/x', 'full2'), 503, 'service_unavailable',
         'Redis is full: no claim', details => 1;
is executed(), $n, '  and nothing runs';
$r = $c->response;
is $r->status, 200, 'full at the end: the answer is delivered';
$redis->do('CONFIG', 'SET', 'maxmemory', 0);
$again = wait_for(sub {
    my $again = once('/x', 'full');
    return $again->status == 200 && $again;
});
is $again->body, $r->body, '  and stored when there is room';

# C-34: what no gateway wrote
my ($name) = do {
    my %before = map { $_ => 1 } records();
    once('/x', 'victim');
    grep { !$before{$_} } records();
};
my %good = @{ $redis->do('HGETALL', $name) };
my $victim = once('/x', 'victim');
is $victim->header('X-Idempotent-Replay'), 'true', 'a good record';

my $other = do {
    my %before = map { $_ => 1 } records();
    once('/x', 'other');
    my ($name) = grep { !$before{$_} } records();
    $redis->do('HGET', $name, 'b');
};
my @lies = (
    ['another request\'s answer' => [HSET => $name, 'b', $other]],
    ['an empty one' => [HSET => $name, 'b', '']],
    ['a plain one' => [HSET => $name, 'b', "\x01" . 'x' x 200]],
    ['a short one' => [HSET => $name, 'b', substr $good{b}, 0, -1]],
    ['a state that is none' => [HSET => $name, 's', 'X']],
    ['no answer' => [HDEL => $name, 'b']],
    ['no fingerprint' => [HDEL => $name, 'f']],
    ['no token' => [HDEL => $name, 't']],
    (map { my $i = int rand length $good{b};
           my $b = $good{b};
           substr($b, $i, 1) = chr(ord(substr $b, $i, 1) ^ 1 << int rand 8);
           ["a bit of byte $i" => [HSET => $name, 'b', $b]] } 1 .. 40),
);
for my $lie (@lies) {
    my ($what, $command) = @$lie;
    $redis->do('DEL', $name);
    $redis->do('HSET', $name, %good);
    $redis->do(@$command);
    $n = executed();
    is_error once('/x', 'victim'), 409, 'idempotency_outcome_unknown', $what,
             once('/x', 'victim')->body =~ /details/ ? (details => 1) : ();
    is executed(), $n, '  nothing runs';
}
for (['a string' => SET => 'x'], ['a list' => RPUSH => 'x'],
     ['a set' => SADD => 'x'])
{
    my ($what, $command, @args) = @$_;
    $redis->do('DEL', $name);
    $redis->do($command, $name, @args);
    $n = executed();
    is_error once('/x', 'victim'), 409, 'idempotency_outcome_unknown',
             "$what in its place";
    is executed(), $n, '  nothing runs';
}
$redis->do('DEL', $name);
$redis->do('HSET', $name, %good);
$redis->do('PEXPIRE', $name, 100_000);
is once('/x', 'victim')->body, $victim->body, 'the good record is good again';

# rotation: the first secret seals, all of them open
ok $t->reload($conf =~ s{/secret;}{/other;}r), 'another secret in front';
$redis->linked(4);
is once('/x', 'victim')->header('X-Idempotent-Replay'), 'true',
   'the old one still opens';
my $new = once('/x', 'new-secret');
ok $t->reload($conf), 'back';
$redis->linked(4);
is_error once('/x', 'new-secret'), 409, 'idempotency_outcome_unknown',
         'a secret that is not known opens nothing', details => 1;
ok $t->reload($conf =~ s/spocr_secret_file .*?;/spocr_secret_file off;/r),
   'no secret';
$redis->linked(4);
is_error once('/x', 'victim'), 409, 'idempotency_outcome_unknown',
         'without one no sealed record is opened', details => 1;
once('/x', 'plain');
is once('/x', 'plain')->header('X-Idempotent-Replay'), 'true',
   'and plain ones are made';

$t->done;
