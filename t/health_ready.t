# Readiness: 503 while a "deny" policy has no Redis to ask, and only then.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;
my $redis = $t->redis;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });

my $conf = <<'EOC';
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:64k;
    spocr_redis %%REDIS%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /strict {
            spocr_limit_on_error POLICY;
            proxy_pass http://%%BACKEND%%;
        }
        location = /ready { spocr_auth off; spocr_health ready; }
        location = /health { spocr_auth off; spocr_health; }
    }
}
EOC

sub status { $t->get('/ready')->status }

# C-19, contract section 3
$t->start($conf =~ s/POLICY/deny/r);
ok wait_for(sub { $t->get('/strict', key => $t->key('alice'))
                      ->status == 200 }), 'Redis counts';
is status(), 200, 'ready';

$redis->kill;
ok wait_for(sub { status() == 503 }), 'not without Redis';
my $r = $t->get('/ready');
is $r->body, qq({"status":"unavailable","redis":"away"}\n), 'and why';
is $r->header('Content-Type'), 'application/json', 'the type';
is $r->header('Cache-Control'), 'no-store', 'not to be kept';
is $t->get('/health')->status, 200, 'the worker serves all the same';
is $t->head('/ready')->status, 503, 'HEAD';

$redis->start;
ok wait_for(sub { status() == 200 }), 'ready again';

$redis->kill;
ok $t->reload($conf =~ s/POLICY/local/r), 'with a policy that denies nothing';
is status(), 200, 'a Redis that is away keeps nobody from serving';

# C-32: claims have a link of their own, and Redis takes no new one
$redis->start;
ok $t->reload($conf =~ s/POLICY;/local; spocr_idempotency on;/r
                    =~ s/(spocr_zone)/spocr_secret_file off; $1/r),
    'with claims';
$redis->linked(2);
ok wait_for(sub { status() == 200 }), 'ready';
my $key = 'Idempotency-Key';
is $t->post('/strict', key => $t->key('alice'), headers => [$key => 'k'],
            body => 'x')->status, 200, 'a claim';
my (undef, $claims) = grep { / name= / }
                      split /\n/, $redis->do('CLIENT', 'LIST');
$redis->do('CONFIG', 'SET', 'maxclients', 1);
$redis->do('CLIENT', 'KILL', 'ID', $claims =~ /^id=(\d+)/);
ok wait_for(sub { status() == 503 }), 'not without the link of the claims';
is $t->get('/x', key => $t->key('alice'))->status, 200,
    'though limits are counted';
$redis->do('CONFIG', 'SET', 'maxclients', 1000);
ok wait_for(sub { status() == 200 }), 'ready again';

$t->done;
