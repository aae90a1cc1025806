# Redis is killed, or hangs: nobody waits for it more than once, nobody sees an
# error that the policy does not say, and when it is back the limits are exact.

use lib 't/lib';
use List::Util qw(min);
use Spocr::Test;
use Spocr::Proxy;
use Time::HiRes qw(sleep time);

my $TIMEOUT = 0.4;                  # the longest that a request may wait
my $t = Spocr::Test->new;

$t->keyfile(keys => {
    (map { ("k$_" => { uid => "u_$_" }) } 1 .. 60),
});
$t->file('page', 'x');

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=400ms;
    spocr_limit key=12 uid=600 window=3600s;
    keepalive_requests 100000;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source always;
        add_header T-Status $spocr_limit_status always;
        add_header T-Redis $spocr_redis_time always;
        add_header T-Pid $pid always;

        location /free {
            spocr_limit name=free key=1000000 uid=1000000 window=3600s;
            try_files /page =404;
        }
        location /local { try_files /page =404; }
        location /nodes {
            spocr_limit_on_error local nodes=3;
            try_files /page =404;
        }
        location /deny {
            spocr_limit_on_error deny;
            try_files /page =404;
        }
        location /allow {
            spocr_limit_on_error allow;
            try_files /page =404;
        }
        location /dry {
            spocr_limit_on_error deny;
            spocr_limit_dry_run on;
            try_files /page =404;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        location /ready { spocr_health ready; }
    }
}
EOC
$t->start($conf);
my $redis = $t->redis;
my $next = 0;

sub name { 'k' . ++$next }

# A connection to each worker.
sub conns ($to) {
    my %conns;
    for (1 .. 200) {
        my $c = $to->conn;
        my $r = $c->request(GET => '/free', key => $t->key('k60'));
        $conns{ $r->header('T-Pid') } //= $c;
        return values %conns if keys %conns == 2;
    }
    die "all connections went to one worker\n";
}

# The workers in turn.
my @conns = conns($t);
sub ask ($name, $target) {
    push @conns, shift @conns;
    return $conns[0]->request(GET => $target, key => $t->key($name));
}
sub many ($n, $name, $target = '/local') {
    return map { ask($name, $target) } 1 .. $n;
}
sub count ($header, @r) {
    my %n;
    $n{ ($header eq 'status' ? $_->status : $_->header($header)) // '-' }++
        for @r;
    return join ' ', map { "$_:$n{$_}" } sort keys %n;
}
sub waited (@r) { grep { ($_->header('T-Redis') // 0) > 0 } @r }

# Each worker is answered by Redis.
sub back {
    return wait_for(sub {
        2 == grep { $_->header('T-Source') eq 'redis' }
             many(2, 'k60', '/free');
    });
}

# What the node says of itself to who sends it requests.
sub ready ($status) {
    return wait_for(sub { $t->get('/ready', port => 2)->status == $status });
}

my @after;

# Each way to be away, and what brings Redis back.  A dead one is noticed
# without waiting, one that hangs by the first request of each worker.
for my $case (
    ['killed', sub { $redis->kill }, sub { $redis->start }, 0],
    ['stopped', sub { $redis->stop }, sub { $redis->start }, 0],
    ['hung', sub { $redis->pause }, sub { $redis->resume }, 2],
) {
    my ($how, $away, $return, $may_wait) = @$case;
    my ($local, $part, $nodes, $deny, $allow, $dry, $full) =
        map { name() } 1 .. 7;

    ok back(), "$how: before that all is well";
    is count('T-Source' => many(4, $local), many(3, $part),
                           many(6, $nodes, '/nodes'), many(2, $deny, '/deny'),
                           many(2, $allow, '/allow'), many(1, $dry, '/dry')),
       'redis:18', 'counted in Redis';
    many(13, $full);
    ok ready(200), 'ready';

    $away->();

    # C-19: local goes on from what was last known
    my @r = many(20, $local);
    is count(status => @r), '200:8 429:12', "$how: the eight that were left";
    is count('T-Source' => @r), 'fallback:20', 'counted in the zone';
    cmp_ok scalar waited(@r), '<=', $may_wait, 'who had to wait';
    cmp_ok $_->header('T-Redis'), '<=', $TIMEOUT + 0.2, 'and how long'
        for waited(@r);
    is count(status => many(4, $part)), '200:4', 'another key';

    # C-19: what Redis has refused stays refused, whatever the policy
    is count('T-Source' => many(3, $full)), 'deny_cache:3',
       'what is known to be refused is';

    @r = many(12, $nodes, '/nodes');
    is count(status => @r), '200:2 429:10',
       'a third of the limit for one of three nodes, less a third of the six';
    is count(status => many(12, my $fresh = name(), '/nodes')),
       '200:4 429:8', 'a third for a key that nobody knows';

    @r = many(6, $deny, '/deny');
    is count(status => @r), '503:6', 'deny';
    is_error $r[5], 503, 'service_unavailable', 'the same 503 as any',
        details => $r[5]->json->{details};
    cmp_ok $r[5]->json->{details}{retryAfterSec}, '>=', 1, 'and when to retry';
    is $r[5]->header('T-Status'), 'UNAVAILABLE', 'what the log says';

    @r = many(30, $allow, '/allow');
    is count(status => @r), '200:30', 'allow';
    is count('T-Status' => @r), 'BYPASSED:30', 'and what the log says';
    is count(status => many(3, $dry, '/dry')), '200:3',
       'a dry run refuses nobody';
    is scalar waited(@r), 0, 'no request waits any more';

    ok ready(503), 'a node that denies is not ready';

    # C-19
    $return->();
    my $since = time;
    ok back(), "$how: Redis is back";
    push @after, time - $since;

    is count('T-Source' => many(1, my $new = name())), 'redis:1', 'and counts';
    is count(status => many(13, $new)), '200:11 429:2', 'exactly';

    is count(status => many(13, $local)), '429:13',
       'what was used up meanwhile stays so';
    is count(status => many(13, $part)), '200:5 429:8',
       'what was not is there still';
    is count(status => many(13, $nodes, '/nodes')), '200:4 429:9',
       'what this node took of its third is not given again';
    ok ready(200), 'ready';
}
cmp_ok min(@after), '<=', 1,
    sprintf 'exact again %.2f, %.2f and %.2f seconds after', @after;

# C-19: a Redis that has lost everything is told what was counted
my $lost = name();
my @r = in_window(3600_000, sub {
    my @before = many(7, $lost);
    $redis->do('FLUSHALL');
    return @before, many(7, $lost);
});
is count(status => @r), '200:12 429:2', 'FLUSHALL gives nothing away';

# memory is full: counting goes on
$redis->do('CONFIG', 'SET', 'maxmemory', 1);
ok !eval { $redis->do('SET', 'x', 'x'); 1 }, 'Redis takes no more';
@r = many(14, name());
is count(status => @r), '200:12 429:2', 'but counts';
is count('T-Source' => @r[0 .. 11]), 'redis:12', 'there';
$redis->do('CONFIG', 'SET', 'maxmemory', 0);

# fifty milliseconds, where nothing else is said
ok $t->reload($conf =~ s/ timeout=400ms//r), 'the default timeout';
@conns = conns($t);
ok back(), 'the new workers have their links';
$redis->pause;
@r = many(12, name());
is count('T-Source' => @r), 'fallback:12', 'hung';
cmp_ok scalar waited(@r), '<=', 2, 'one request of each worker waits';
cmp_ok $_->header('T-Redis'), '>=', 0.045, 'for fifty milliseconds'
    for waited(@r);
cmp_ok $_->header('T-Redis'), '<', 0.35, 'and not much more' for waited(@r);
$redis->resume;
ok back(), 'back';

my $log = $t->log;
my $lines = () = $log =~ /^.*\[(?:error|warn|crit|alert)\].*spocr.*redis/mgi;
cmp_ok $lines, '>=', 1, 'the log says that Redis was away';
cmp_ok $lines, '<=', 24, "in $lines lines, not one for each request";

# C-19: the probe is the worker's own, however many requests come
my $proxy = Spocr::Proxy->new(to => $redis->port);
my $other = Spocr::Test->new;
$other->{keys} = $t->{keys};
$other->keyfile(keys => { map { ("k$_" => { uid => "u_$_" }) } 1 .. 60 });
$other->file('page', 'x');
$proxy->refuse;
$other->start($conf =~ s/%%REDIS%%/$proxy->url/er
                    =~ s/window=3600s/window=3601s/r);
my $before = $proxy->stats->{connections};
my ($begun, $n) = (time, 0);
while (time < $begun + 2) {
    my $r = $other->get('/local', key => $t->key('k50'));
    fail $r->status if $r->status !~ /^(?:200|429)$/;
    $n++;
}
my $probes = $proxy->stats->{connections} - $before;
my $most = 2 * (1 + (time - $begun) / 0.125);
cmp_ok $probes, '<=', $most, "$n requests, $probes probes of two workers";
cmp_ok $probes, '>=', 2, 'and not none';
$before = $proxy->stats->{connections};
ok wait_for(sub { $proxy->stats->{connections} >= $before + 2 }),
   'they go on where nobody asks';

# it was never there; now it is
$proxy->accept;
ok wait_for(sub {
    $other->get('/local', key => $t->key(name()))->header('T-Source')
        eq 'redis' }), 'what was away at the start is found';

# behind a connection that swallows everything, the first handshake takes the
# worker's time and no request's
$proxy->stall;
$proxy->cut;
@r = map { $other->get('/local', key => $t->key('k51')) } 1 .. 12;
is count('T-Source' => @r), 'fallback:12', 'a handshake without an answer';
is scalar waited(@r), 0, 'is waited for by nobody';
$proxy->flow;
$proxy->cut;
$other->check;

$t->done;
