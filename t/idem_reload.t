# A claim and its worker: it is renewed while the backend works, also by a
# worker that is going; where the worker is killed, nobody knows what became of
# the request, and it is not run again.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    spocr_idempotency_lease 1s;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
$t->start($conf =~ s/spocr_idempotency on/spocr_idempotency off/r);
ok $t->reload($conf), 'idempotency is switched on by a reload';
like $t->log, qr/\[warn\] .*zone "z" was made without room for the ends of/,
     'the zone has no room for an outbox, and says so';
$t->stop;
$t->start($conf);
$t->redis->linked(4);

sub ran ($target) {
    return scalar grep { $_->{target} eq $target } $t->backend->requests;
}

sub once ($target, $key) {
    return $t->post($target, key => $t->key('alice'), body => 'hello',
                    headers => ['Idempotency-Key' => $key]);
}

sub begin ($target, $key) {
    my $c = $t->conn;
    $c->send(Spocr::Conn->build(POST => $target, key => $t->key('alice'),
                                body => 'hello',
                                headers => ['Idempotency-Key' => $key]));
    wait_for(sub { ran($target) });
    return $c;
}

# the record of a key that runs
sub lease {
    for my $name (@{ $t->redis->do('KEYS', 'spocr:*:i:*') }) {
        my %r = @{ $t->redis->do('HGETALL', $name) };
        return $r{ld} if $r{s} eq 'P';
    }
    return 0;
}

# C-28: renewed at a third of the lease, while the backend works
my $c = begin('/long?delay=2.5', 'long');
my ($lease, $moved) = (lease(), 0);
wait_for(sub {
    my $now = lease();
    $moved++ if $now > $lease;
    $lease = $now if $now;
    return !$now;
});
cmp_ok $moved, '>=', 3, 'the lease was moved again and again';
my $r = $c->response;
is $r->status, 200, 'a request that takes longer than a lease';
is once('/long?delay=2.5', 'long')->body, $r->body, 'is replayed';
is ran('/long?delay=2.5'), 1, 'it ran once';

# a reload: the old worker ends what it began
$c = begin('/reload?delay=2', 'reload');
kill HUP => $t->{pid};
wait_for(sub { $t->log =~ /gracefully shutting down/ });
is once('/reload?delay=2', 'reload')->code, 'idempotency_in_progress',
   'a reload: new workers know of it';
is $c->response->status, 200, 'and it is answered';
is once('/reload?delay=2', 'reload')->header('X-Idempotent-Replay'), 'true',
   'and replayed by a new worker';
is ran('/reload?delay=2'), 1, 'it ran once';

# C-28: the worker is killed
$c = begin('/killed?delay=1', 'killed');
$t->signal(KILL => $_) for $t->workers;
is $c->response, undef, 'its worker was killed';
wait_for(sub { once('/killed?delay=1', 'killed')->code
               eq 'idempotency_outcome_unknown' });
is once('/killed?delay=1', 'killed')->code, 'idempotency_outcome_unknown',
   'nobody knows';
is ran('/killed?delay=1'), 1, 'it ran once';
$t->allow(qr/exited on signal 9/);

$t->done;
