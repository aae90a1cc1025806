# Redis is away, or does not answer: keys that are known keep working for a
# while, others get 503, and nobody waits for long.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;
use Spocr::Records;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);
my $proxy = Spocr::Proxy->new(to => $t->redis->port);

$records->key(alice => { uid => 'u_acme' })
        ->key(bob => { uid => 'u_acme' })
        ->tenant(u_acme => { plan => 'pro' })
        ->plan(pro => { limits => { key => 1000, uid => 1000 } });

sub conf ($keys) {
    my $url = $proxy->url;
    return <<"EOC";
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format auth '\$status \$spocr_auth_status';
    access_log %%DIR%%/auth.log auth;
    spocr_redis $url timeout=300ms;
    spocr_keys redis $keys;
    spocr_zone zone=z:1m;
    spocr_limit_store zone;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
}

sub status ($name) { $t->get('/x', key => $t->key($name))->status }

sub unavailable ($name, $what) {
    return is_error $t->get('/x', key => $t->key($name)), 503,
        'service_unavailable', $what, details => { retryAfterSec => 1 };
}

# what a request takes, in seconds
sub takes ($run) {
    my $start = time;
    $run->();
    return time - $start;
}

$t->start(conf('ttl=1s negative_ttl=1s stale=1h'));

# C-8
is status('alice'), 200, 'alice is known';
is status('nobody'), 403, 'nobody is not';

$proxy->refuse;
$proxy->cut;
ok wait_for(sub { $t->log =~ /is away/ }), 'Redis is away';

is status('alice'), 200, 'a known key works';
unavailable('bob', 'one that is not known gets 503');
unavailable('guess', 'and so does one that does not exist');
is_error $t->get('/x'), 401, 'unauthorized', 'no key is no matter of Redis';

sleep 1.1;                     # ttl and negative_ttl
is status('alice'), 200, 'also when its time is up';
unavailable('nobody', 'but what was not known then is not known now');
ok wait_for(sub { $t->log('auth.log') =~ /^503 UNAVAILABLE$/m }),
    'and says so';
cmp_ok takes(sub { status('alice') for 1 .. 20 }), '<', 3,
    'nobody waits for what is away';

$proxy->accept;
ok wait_for(sub { status('bob') == 200 }), 'Redis is back';
is status('nobody'), 403, 'and so are the answers';

# it hangs: the first waits, and the link is closed
sleep 1.1;
$proxy->stall;
my $seconds = takes(sub {
    is status('alice'), 200, 'no answer in time: what is known';
});
cmp_ok $seconds, '<', 2, 'after timeout=';
cmp_ok takes(sub { status('alice') for 1 .. 10 }), '<', 2, 'then at once';
unavailable('guess', 'an unknown key does not wait either');
$proxy->flow;
$proxy->cut;
ok wait_for(sub { status('nobody') == 403 }), 'Redis answers again';

# C-10: what is known to have changed is never used
is status('alice'), 200, 'alice is known';
is status('marker'), 403, 'marker is not';
$records->key(alice => { uid => 'u_acme', status => 'revoked' });
$records->key(marker => { uid => 'u_acme' });
ok wait_for(sub { status('marker') == 200 }), 'a later notice was heard';
$proxy->refuse;
$proxy->cut;
ok wait_for(sub { status('bob') == 200 }), 'bob is known';
unavailable('alice', 'a key with a newer record is not used as it was');
$proxy->accept;
ok wait_for(sub { status('alice') == 403 }), 'and revoked with the answer';

# stale= has an end
$t->reload(conf('ttl=1s stale=1s'));
is status('bob'), 200, 'bob is known to the new worker';
my $start = time;
$proxy->refuse;
$proxy->cut;
ok wait_for(sub { status('bob') == 503 }), 'stale keys have an end';
cmp_ok time - $start, '>', 0.9, 'not too early';

$proxy->accept;
ok wait_for(sub { status('bob') == 200 }), 'which ends with the outage';

# C-19: one budget for all that a request asks for
ok wait_for(sub { status('nobody') == 403 }), 'and it is';
$records->key(slow => { uid => 'u_slow' });
$proxy->delay(down => 200);
unavailable('slow', 'a key and its tenant, 200 ms each, within 300 ms');
ok wait_for(sub { status('slow') == 200 }), 'what came too late is known';

$t->done;
