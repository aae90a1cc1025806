# Torture, as in t/torture.t, of keys in Redis and of a zone that is full:
# whatever fails, nobody is let in whom the records do not let in (C-8, C-11,
# C-18), and who knows a key keeps it.

use lib 't/lib';
use Spocr::Test;
use Spocr::Records;
use Spocr::Torture;
use Time::HiRes qw(sleep);

system('make', '-s', 'torture-build') == 0 or die "make failed\n";

my $torture = Spocr::Torture->new;
my $t = $torture->test;
my $records = Spocr::Records->new($t);

sub begin ($name, $target = '/x', $method = 'GET') {
    my $conn = $t->conn(1);
    $conn->{timeout} = 8;
    $conn->send($conn->build($method, $target, key => $t->key($name),
                             headers => ['X-Spocr-Evil' => 1]));
    return $conn;
}

sub ask (@rest) { token(scalar begin(@rest)->response) }

# The worker has heard of it when it has read a record again.
sub heard () { sleep 0.03 }

# Where the last run has cost the link.
sub ready () {
    wait_for(sub { $t->get('/status')->json->{redis_workers}{ready} }, 5);
}

sub active () {
    $records->key(alice => { uid => 'u_acme' });
    heard;
}
sub all_new () {
    $records->tenant(u_acme => { uid => 'u_acme', plan => 'pro' })
            ->plan(pro => { name => 'pro', limits => { key => 1_000_000 } });
    active;
}

$records->key(bad => '{"id":"key_bad","uid":')
        ->key(typed => { uid => 'u_acme', scopes => 7 })
        ->key(lost => { uid => 'u_lost' })
        ->key(off => { uid => 'u_off' })
        ->tenant(u_off => { uid => 'u_off', status => 'disabled' })
        ->tenant(u_lost => { uid => 'u_lost', plan => 'nowhere' });
$t->redis->do('LPUSH', $records->name(key => 'list'), 'x');
all_new;

$torture->start(<<'EOC');
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_redis %%LIAR%% timeout=150ms connect_timeout=1s;
    spocr_keys redis ttl=1d negative_ttl=0 stale=1d;
    spocr_zone zone=z:1m;
    log_format torture '$spocr_uid $spocr_key_id $spocr_plan $spocr_redis_time';
    access_log %%DIR%%/torture.log torture;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit_store zone;
        spocr_limit key=1000000 uid=1000000;
        location / { proxy_pass http://%%BACKEND%%; }
        location = /status { spocr_auth off; spocr_status json; }
    }
}
EOC
$t->redis->linked(1);
wait_for(sub { $t->get('/status')->json->{redis_subscribed} })
    or die "no subscription\n";

my %ALICE = (uid => 'u_acme', key => 'key_alice', signed => 0);

$torture->scenario(
    name => 'a key that is known', clean => '200', %ALICE,
    run => sub ($label) { ask('alice') });
$torture->scenario(
    name => 'a key that is read', clean => '200', %ALICE,
    before => sub ($label) { active },
    run => sub ($label) { ask('alice') });
$torture->scenario(
    name => 'key, tenant and plan are read', clean => '200', %ALICE,
    before => sub ($label) { all_new },
    run => sub ($label) { ask('alice') });
$torture->scenario(
    name => 'two that wait for one record', clean => '200 200', %ALICE,
    before => sub ($label) { active },
    run => sub ($label) {
        my @conns = map { begin('alice') } 1, 2;
        return join ' ', map { token(scalar $_->response) } @conns;
    });
$torture->scenario(
    name => 'a key that is not known', clean => '403:forbidden',
    run => sub ($label) { ask('nobody') });
$torture->scenario(
    name => 'a tenant that is disabled', clean => '403:forbidden',
    before => sub ($label) {
        $records->tenant(u_off => { uid => 'u_off', status => 'disabled' });
        heard;
    },
    run => sub ($label) { ask('off') });
for my $name (qw(bad typed list)) {
    $torture->scenario(
        name => "a record that is $name", clean => '503:service_unavailable',
        before => sub ($label) { ready },
        run => sub ($label) { ask($name) });
}

$torture->scenario(
    name => 'a plan that is missing', clean => '200', uid => 'u_lost',
    run => sub ($label) { ask('lost') });

# What is told while a link is away is known when there is a new one.
$torture->scenario(
    name => 'a key that is revoked meanwhile', clean => '403:forbidden',
    uid => 'u_acme',
    before => sub ($label) { active; ask('alice') },
    run => sub ($label) {
        my $got;
        $records->key(alice => { uid => 'u_acme', status => 'revoked' });
        wait_for(sub { ($got = ask('alice')) ne '200' }, 4);
        return $got;
    },
    after => sub ($outcome) {
        my $got;
        return wait_for(sub { ($got = ask('alice')) eq '403:forbidden' }, 4)
               ? () : "it is still let in: $got";
    });
$torture->scenario(
    name => 'Redis is away, and the key not known', slow => 1,
    clean => '503:service_unavailable', before => sub ($label) { ready },
    run => sub ($label) {
        $t->redis->pause;
        my $got = ask('nobody');
        $t->redis->resume;
        return $got;
    });
$torture->scenario(
    name => 'Redis is away, and the key known', slow => 1, clean => '200',
    %ALICE, before => sub ($label) { ready; active; ask('alice') },
    run => sub ($label) {
        $t->redis->pause;
        my $got = ask('alice');
        $t->redis->resume;
        return $got;
    });
$torture->scenario(
    name => 'a client that leaves while its key is read', slow => 1,
    clean => 'left', %ALICE,
    before => sub ($label) { ready; active },
    run => sub ($label) {
        $t->redis->pause;
        begin('alice')->close;
        sleep 0.02;
        $t->redis->resume;
        sleep 0.02;
        return 'left';
    });

$torture->report;
$t->allow(qr/\[(?:crit|emerg)\]/, qr/socket\(\) failed/);
$t->check;

# -- a full zone --

my $full = Spocr::Torture->new;
$t = $full->test;
$t->keyfile(keys => {
    (map { ("f$_" => { uid => "u_$_" }) } 1 .. 3000),
    alice => { uid => 'u_acme' },
});
$full->start(<<'EOC');
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:64k;
    keepalive_requests 100000;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=60 window=1d;
        location / { proxy_pass http://%%BACKEND%%; }
        location /fill { try_files /none =404; }
        location /allow {
            spocr_limit_on_error allow;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC

my $c = $t->conn;
for my $n (1 .. 3000) {
    $c->request(GET => '/fill', key => $t->key("f$n"));
}
$full->scenario(
    name => 'a zone that is full', clean => '503:service_unavailable',
    run => sub ($label) { ask('alice') });
$full->scenario(
    name => 'a zone that is full, and lets in', clean => '200',
    uid => 'u_acme', run => sub ($label) { ask('alice', '/allow') });

$full->report;
$t->allow(qr/\[(?:crit|emerg)\]/, qr/socket\(\) failed/);
$t->done;
