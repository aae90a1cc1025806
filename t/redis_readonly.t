# A Redis that cannot write (its disk is full, its replicas are gone) can still
# say whose a key is: limits are counted without it, keys are found (C-8, C-19).

use lib 't/lib';
use Spocr::Test;
use Spocr::Records;
use Time::HiRes qw(sleep);

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);
my $N = 60;

$records->key("k$_" => { uid => "u_$_" }) for 1 .. $N;

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys redis;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=1s;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source always;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC

ok wait_for(sub { $t->get('/', key => $t->key("k$N"))->header('T-Source')
                  eq 'redis' }), 'connected';

$t->redis->do(qw(CONFIG SET min-replicas-to-write 1));

my %n;
for (1 .. $N - 1) {
    my $r = $t->get('/', key => $t->key("k$_"));
    $n{ $r->status . ' ' . ($r->header('T-Source') // '') }++;
    sleep 0.02;
}
is join(', ', map { "$n{$_}: $_" } sort keys %n), ($N - 1) . ': 200 fallback',
   'each key is found, and counted by the node';

$t->redis->do(qw(CONFIG SET min-replicas-to-write 0));
ok wait_for(sub { $t->get('/', key => $t->key("k$N"))->header('T-Source')
                  eq 'redis' }), 'counted in Redis again';
$t->done;
