# The status pages where Redis counts: how calls ended, what became of links,
# and where decisions were made.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;

my $t = Spocr::Test->new;
my $redis = $t->redis;
my $proxy = Spocr::Proxy->new(to => $redis->port);

$t->keyfile(keys => { map { ("k$_" => { uid => "u_$_" }) } 1 .. 20 });
$t->file('page', 'x');

my $conf = <<'EOC' =~ s/%%PROXY%%/$proxy->url/ger;
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%PROXY%% timeout=20s connect_timeout=20s;
    spocr_limit key=3 window=3600s;
    keepalive_requests 10000;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { try_files /page =404; }
        location /many { spocr_limit name=many key=10000 uid=10000
                         window=3600s; try_files /page =404; }
        location /deny { spocr_limit_on_error deny; try_files /page =404; }
        location /allow { spocr_limit_on_error allow; try_files /page =404; }
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        location /json { spocr_status json; }
        location /prometheus { spocr_status prometheus; }
    }
}
EOC
$t->start($conf);

sub page { $t->get('/json', port => 2)->json }
sub ready ($n) {
    return wait_for(sub { page()->{redis_workers}{ready} == $n });
}

# What a step changes, in the families that tell of Redis.  A request is
# counted after its answer was sent.
sub delta ($before, $after) {
    my %delta;
    for my $family (qw(redis_calls limit_source limit)) {
        for my $label (keys %{ $after->{$family} }) {
            my $n = $after->{$family}{$label} - $before->{$family}{$label};
            $delta{"$family $label"} = $n if $n;
        }
    }
    return \%delta;
}
sub changes ($do, $expected, $name) {
    my $before = page();
    my $delta;
    $do->();
    wait_for(sub {
        $delta = delta($before, page());
        return keys %$delta >= keys %$expected;
    });
    is_deeply $delta, $expected, $name or diag explain $delta;
}
sub ask ($name, $target = '/x') {
    return $t->get($target, key => $t->key($name));
}

ok ready(2), 'two workers have their link';
is page()->{redis_workers}{away}, 0, 'none is away';
is page()->{redis_links}{connected}, 2, 'two links came';

changes(sub { ask('k1') for 1 .. 5 }, {
    'redis_calls ok' => 3, 'limit_source redis' => 3, 'limit PASSED' => 3,
    'limit_source deny_cache' => 2, 'limit REJECTED_KEY' => 2,
}, 'three calls for five decisions');

# a call whose request is gone
changes(sub {
    my ($up, $before) = ($proxy->stats->{up}, page()->{redis_calls});
    $proxy->stall('down');
    my $c = $t->conn;
    $c->send($c->build(GET => '/x', key => $t->key('k2')));
    wait_for(sub { $proxy->stats->{up} > $up });
    $c->close;
    wait_for(sub { page()->{redis_calls}{cancelled} > $before->{cancelled} });
    $proxy->flow;
}, { 'redis_calls cancelled' => 1 }, 'its client hung up');

# a counter that is none is written anew, with what was known of it
my $last = 10;
for my $broken (['LPUSH', 'x'], ['SET', 'x'], ['SET', '1:2:3'],
                ['SET', '1:99999999999999999999'], ['SADD', 'x'])
{
    my ($command, $value) = @$broken;
    my $name = 'k' . ++$last;
    my @statuses = in_window(3600_000, sub {
        my $first = ask($name)->status;
        my ($counter) = grep { /key_$name$/ } @{ $redis->do('KEYS', '*') };
        $redis->do('DEL', $counter);
        $redis->do($command, $counter, $value);
        return $first, map { ask($name)->status } 1 .. 3;
    });
    is "@statuses", '200 200 200 429', "$command $value: it is counted";
}
is page()->{redis_calls}{error}, 0, 'without an error';
is page()->{redis_links}{closed}, 0, 'nothing of that closes a link';

# a link that breaks under a call
changes(sub {
    my $up = $proxy->stats->{up};
    $proxy->stall('down');
    my $c = $t->conn;
    $c->send($c->build(GET => '/allow', key => $t->key('k5')));
    wait_for(sub { $proxy->stats->{up} > $up });
    $proxy->refuse;
    $proxy->cut;
    is $c->response->status, 200, 'the policy decides';
    $proxy->flow;
}, { 'redis_calls lost' => 1, 'limit BYPASSED' => 1 }, 'it was lost');

# away
ok wait_for(sub { page()->{redis_workers}{away} == 2 }), 'both are away';
is page()->{redis_workers}{ready}, 0, 'none is ready';
is page()->{redis_links}{closed}, 2, 'two links went';
my $failed = page()->{redis_links}{failed};
ok wait_for(sub { page()->{redis_links}{failed} > $failed }),
   'and attempts fail';
changes(sub { ask('k6') for 1 .. 4; ask('k7', '/deny') }, {
    'redis_calls refused' => 5, 'limit_source fallback' => 4,
    'limit PASSED' => 3, 'limit REJECTED_KEY' => 1, 'limit UNAVAILABLE' => 1,
}, 'five decisions without a call');
$proxy->accept;
ok ready(2), 'both are ready again';
is page()->{redis_links}{connected}, 4, 'four links came in all';

# time is up
ok $t->reload($conf =~ s/timeout=20s/timeout=100ms/r), 'another timeout';
ok ready(2), 'the new workers are ready, and the old ones do not count';
changes(sub {
    $proxy->stall('down');
    ask('k8');
    $proxy->flow;
}, {
    'redis_calls timeout' => 1, 'limit_source fallback' => 1,
    'limit PASSED' => 1,
}, 'a call that is not answered in time');

# a worker that dies does not stay on the page
ok ready(2), 'both are ready';
my ($pid) = $t->workers;
$t->signal(KILL => $pid);
ok wait_for(sub { my @now = $t->workers;
                  @now == 2 && !grep { $_ == $pid } @now }), 'a worker dies';
ok ready(2), 'two are ready';
is page()->{redis_workers}{away}, 0, 'and none away';

# latency, of some of the calls
my $before = page()->{redis_seconds};
$t->load(total => 640, clients => 1, connections => 4,
         request => Spocr::Conn->build(GET => '/many', key => $t->key('k9')));
my $after = page()->{redis_seconds};
cmp_ok $after->{count} - $before->{count}, '>=', 20, 'some were measured';
cmp_ok $after->{sum}, '>', $before->{sum}, 'their time';
is $after->{buckets}{'+Inf'}, $after->{count}, 'the buckets have them all';

# the other page says the same
my $json = page();
my $text = $t->get('/prometheus', port => 2)->body;
for my $family (qw(redis_calls redis_links limit_source)) {
    for my $label (sort keys %{ $json->{$family} }) {
        my ($n) = $text =~
            /^nginx_spocr_${family}_total\{\w+="\Q$label\E"\} (\d+)$/m;
        is $n, $json->{$family}{$label}, "$family, $label";
    }
}
like $text, qr/^nginx_spocr_redis_workers\{state="ready"\} 2$/m, 'two workers';
like $text, qr/^nginx_spocr_redis_writes_total [1-9]\d*$/m, 'writes';
like $text, qr/^nginx_spocr_redis_seconds_bucket\{le="0\.05"\} \d+$/m,
     'the latency of Redis';

# where there is no Redis, nothing is said of one
ok $t->reload($conf =~ s/spocr_redis [^;]*;//r), 'no Redis any more';
unlike $t->get('/json', port => 2)->body, qr/redis_/, 'nothing in JSON';
unlike $t->get('/prometheus', port => 2)->body, qr/spocr_redis_/,
       'nor for Prometheus';
is ask('k10')->status, 200, 'counted in the zone';

$t->done;
