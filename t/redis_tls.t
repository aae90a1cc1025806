# TLS to Redis: nothing is said to a server whose certificate is not trusted or
# is not for the name that was asked for.

use lib 't/lib';
use Spocr::Test;
use Spocr::Redis;

my $t = Spocr::Test->new;
$t->keyfile(
    keys => { alice => { uid => 'u_acme', limits => { key => 100000 } } },
    tenants => { u_acme => { limits => { uid => 100000 } } });

my $conf = <<'EOF';
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%ARGS%% connect_timeout=2s timeout=2s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header X-Source $spocr_limit_source always;
        location / { try_files /keys.json =404; }
        location = /status { spocr_auth off; spocr_status json; }
    }
}
EOF

my @nodes;

sub gateway ($args) {
    my $node = $t->node;
    push @nodes, $node;
    return $node->start($conf =~ s/%%ARGS%%/$args/r);
}

sub source ($node) {
    return $node->get('/', key => $t->key('alice'))->header('X-Source') // '';
}

sub works ($args, $name) {
    my $node = gateway($args);
    ok wait_for(sub { source($node) eq 'redis' }), $name or diag $node->log;
    return $node;
}

sub refuses ($args, $line, $name) {
    my $node = gateway($args);
    ok $node->wait_log(qr/\[error\] .*spocr: Redis \S+ is away: $line/),
       "$name: $line" or diag $node->log;
    is source($node), 'fallback', 'and Redis is not used';
    return $node;
}

my $redis = Spocr::Redis->new(tls => 1);
my $port = $redis->tls_port;
my $ca = 'ca=' . $redis->ca;

my $node = works("rediss://127.0.0.1:$port $ca",
                 'a certificate for an address');
works("rediss://localhost:$port $ca", 'one for a name');
works("rediss://127.0.0.1:$port $ca server_name=localhost",
      'the name that is said');

# it is TLS, in both directions and many times
is scalar(grep { source($node) eq 'redis' } 1 .. 100), 100, 'a hundred calls';

my $load = $node->load(total => 2000, clients => 20, request => [
    "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " . $t->key('alice')
    . "\r\n\r\n"]);
is $load->{status}{200}, 2000, '20 clients, 2000 calls';
my $writes = $node->get('/status')->json->{redis_writes};
cmp_ok $writes, '<', 2101, "which share writes: $writes";

my $said = $redis->counted(sub {
    refuses("rediss://127.0.0.1:$port",
            qr/its certificate is not trusted \(\d+: /,
            'a certificate of an unknown authority')->stop;
    refuses("rediss://127.0.0.1:$port $ca server_name=other.example",
            qr/its certificate is not for "other\.example"/,
            'another name')->stop;
});
is $said->{hello} // 0, 0, 'and no HELLO, which has the password, is sent';
refuses("rediss://127.0.0.2:$port $ca",
        qr/(?:its certificate is not for "127\.0\.0\.2"|connect\(\))/,
        'another address');
refuses("redis://127.0.0.1:$port", qr/\S/, 'without TLS');
refuses('rediss://127.0.0.1:' . $redis->port . " $ca", qr/\S/,
        'a Redis without TLS');

# a self-signed one that is for the right name is not trusted either
$t->certificate('self', 'localhost');
refuses("rediss://localhost:$port ca=" . $t->dir . '/self.crt',
        qr/its certificate is not trusted/, 'trust in another authority');

# -- certificates of clients --

my $strict = Spocr::Redis->new(tls => 'clients');
my ($crt, $key) = $strict->client_certificate;
my $to = 'rediss://127.0.0.1:' . $strict->tls_port . ' ca=' . $strict->ca;

refuses($to, qr/\S/, 'no certificate of ours');
works("$to cert=$crt key=$key", 'with one');

# -- the end --

# killed and back, as without TLS
$redis->kill;
ok wait_for(sub { source($node) eq 'fallback' }), 'Redis is killed';
$redis->start;
ok wait_for(sub { source($node) eq 'redis' }), 'and back';

ok $node->reload, 'a reload';
ok wait_for(sub { source($node) eq 'redis' }), 'and TLS again';

$_->check for @nodes;
$t->done;
