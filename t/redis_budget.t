# What a request may wait for Redis is one sum, over its key's records and its
# counters.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;
use Digest::SHA qw(sha256_hex);
use JSON::PP ();

my $TIMEOUT = 1;
my $t = Spocr::Test->new;
my $redis = $t->redis;
my $proxy = Spocr::Proxy->new(to => $redis->port);

$t->file('page', 'x');
for my $n (1 .. 9) {
    $redis->do('SET', 'spocr:key:' . sha256_hex($t->key("k$n")),
               JSON::PP->new->encode({ id => "key_k$n", uid => "u_$n" }));
    $redis->do('SET', 'spocr:tenant:' . sha256_hex("u_$n"),
               JSON::PP->new->encode({ uid => "u_$n",
                                       limits => { key => 10 } }));
}

$t->start(<<'EOC' =~ s/%%PROXY%%/$proxy->url/ger);
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys redis ttl=600s negative_ttl=600s;
    spocr_zone zone=z:1m;
    spocr_redis %%PROXY%% timeout=1s connect_timeout=30s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=3600s;
        add_header T-Source $spocr_limit_source always;
        add_header T-Redis $spocr_redis_time always;
        add_header T-Auth $spocr_auth_status always;
        location / { try_files /page =404; }
    }
}
EOC
$redis->linked(1);

# A request while each answer of Redis takes so many ms; then none does.
sub slow ($ms, $name) {
    $proxy->delay(down => $ms);
    my $r = $t->get('/x', key => $t->key($name));
    $proxy->delay(down => 0);
    wait_for(sub { $t->get('/x', key => $t->key('k9'))->header('T-Source')
                   eq 'redis' }) or fail 'the link is not there';
    return $r;
}

# C-19: three answers in turn, the key's, its tenant's and the counters'
my $r = slow(150, 'k1');
is $r->status, 200, 'three answers of 150 ms';
is $r->header('T-Source'), 'redis', 'counted in Redis';
cmp_ok $r->header('T-Redis'), '>=', 0.44, 'it waited for all of them';
cmp_ok $r->header('T-Redis'), '<', 2 * $TIMEOUT, 'in time';

$r = slow(400, 'k2');
is $r->status, 200, 'three of 400 ms';
is $r->header('T-Source'), 'fallback', 'no time is left for the counters';
cmp_ok $r->header('T-Redis'), '>=', $TIMEOUT - 0.05, 'it waited its time';
cmp_ok $r->header('T-Redis'), '<', 1.75 * $TIMEOUT, 'and not for each';

$r = slow(700, 'k3');
is_error $r, 503, 'service_unavailable', 'three of 700 ms',      # C-8
    details => $r->json->{details};
is $r->header('T-Auth'), 'UNAVAILABLE', 'no time is left for the tenant';
cmp_ok $r->header('T-Redis'), '<', 1.75 * $TIMEOUT, 'it waited its time';

# what is in the cache takes none of it
$r = slow(700, 'k1');
is $r->status, 200, 'a key that is known';
is $r->header('T-Source'), 'redis', 'has all the time for its counters';

$t->done;
