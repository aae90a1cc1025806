# A client that leaves while its request waits for Redis was neither let in nor
# refused: the totals must not say that it needed no key.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;

my $t = Spocr::Test->new;
$t->keyfile(keys => { a => { uid => 'u_a' } });
my $proxy = Spocr::Proxy->new(to => $t->redis->port);
my $url = $proxy->url;

$t->start(<<"EOC");
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis $url timeout=10s;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source \$spocr_limit_source always;
        location / { proxy_pass http://%%BACKEND%%; }
        location /status { spocr off; spocr_status json; }
    }
}
EOC
ok wait_for(sub { $t->get('/', key => $t->key('a'))->header('T-Source')
                  eq 'redis' }), 'connected';

sub open_ones {
    return JSON::PP::decode_json($t->get('/status')->body)->{requests}{open};
}

my $before = open_ones();
$proxy->stall('down');
my $up = $proxy->stats->{up};
for (1 .. 3) {
    my $c = $t->conn;
    $c->send($c->build(GET => '/x', key => $t->key('a')));
    wait_for(sub { $proxy->stats->{up} > $up });
    $up = $proxy->stats->{up};
    $c->close;
}
ok wait_for(sub { 3 == (() = $t->log('access.log') =~ /^499 /mg) }),
   'three have gone';
$proxy->flow;
is open_ones(), $before, 'none of them was let in without a key';
$t->done;
