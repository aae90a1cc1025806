# A worker that is held up for longer than it waits for Redis (a frozen
# container, a suspended machine): the answer that came meanwhile counts, and
# the link is not given up (C-19).

use lib 't/lib';
use Spocr::Proxy;
use Spocr::Test;
use Time::HiRes qw(sleep);

my $ROUNDS = 5;
my $t = Spocr::Test->new;
$t->keyfile(keys => { alice => { uid => 'u_acme' }, bob => { uid => 'u_b' } });
$t->file('page', 'x');
my $proxy = Spocr::Proxy->new(to => $t->redis->port);

$t->start(<<'EOF' =~ s/%%PROXY%%/$proxy->url/er);
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%PROXY%% timeout=300ms;
    spocr_limit key=6000 uid=60000 window=3600s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header X-Source $spocr_limit_source always;
        location / { try_files /page =404; }
    }
}
EOF

sub source { $t->get('/', key => $t->key('bob'))->header('X-Source') // '' }

my $redis = 0;
for (1 .. $ROUNDS) {
    ok wait_for(sub { source() eq 'redis' }), 'connected';
    $proxy->delay(down => 60);

    my $c = $t->conn;
    my $seen = $proxy->stats->{up};
    $c->send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
             . $t->key('alice') . "\r\n\r\n");
    wait_for(sub { $proxy->stats->{up} > $seen });

    my ($worker) = $t->workers;
    kill STOP => $worker;
    sleep 0.6;
    kill CONT => $worker;

    my $r = $c->response;
    is $r->status, 200, 'the request is answered';
    $redis++ if $r->header('X-Source') eq 'redis';
    $proxy->delay(down => 0);
}
cmp_ok $redis, '>=', $ROUNDS - 1, "$redis of $ROUNDS by Redis";

$t->done;
