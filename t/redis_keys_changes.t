# A key that is made, changed or revoked: on every node within a second by a
# notice, and in the cache's time to live where the notice is lost.

use lib 't/lib';
use Spocr::Test;
use Spocr::Records;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);

sub conf ($keys, $workers = 2) {
    return <<"EOC";
%%MAIN%%
worker_processes $workers;
events {}
http {
    %%HTTP%%
    spocr_redis %%REDIS%% timeout=10s;
    spocr_keys redis $keys;
    spocr_zone zone=z:1m;
    spocr_limit_store zone;
    spocr_limit_headers ietf;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location = /pid { spocr off; return 200 \$pid; }
    }
}
EOC
}

$records->key(alice => { uid => 'u_acme' })
        ->key(bob => { uid => 'u_acme' })
        ->key(carol => { uid => 'u_acme' });

my @nodes = ($t->start(conf('ttl=1h negative_ttl=1h')),
             $t->node->start(conf('ttl=1h negative_ttl=1h')));

# a connection to each worker of each node
my @conns = map {
    my ($node, %by) = $_;
    for (1 .. 200) {
        my $conn = $node->conn;
        $by{ $conn->request(GET => '/pid')->body } //= $conn;
        last if keys %by == 2;
    }
    is keys %by, 2, 'a connection to each worker';
    values %by;
} @nodes;

sub all_say ($status, $name, $target = '/x') {
    return !grep {
        $_->request(GET => $target, key => $t->key($name))->status != $status
    } @conns;
}

# how long it takes until it is so everywhere
sub seconds ($run) {
    my $start = time;
    return wait_for($run) ? time - $start : 1e9;
}

# the subscription may come after the first answers
ok wait_for(sub {
    $t->redis->do('PUBSUB', 'NUMSUB', 'spocr:notice')->[1] == 2
}), 'one worker of each node listens';

# C-10
ok all_say(200, $_), "$_ is let in" for qw(alice bob carol);
ok all_say(403, 'dora'), 'dora does not exist yet';
my $n = $t->redis->counted(sub {
    ok all_say(200, 'alice'), 'alice is known everywhere';
    ok all_say(403, 'dora'), 'and that dora is not';
})->{fcall_ro} // 0;
is $n, 0, 'and Redis is not asked';

$records->key(alice => { uid => 'u_acme', status => 'revoked' });
cmp_ok seconds(sub { all_say(403, 'alice') }), '<', 1,
    'a revoked key is refused everywhere within a second';

$records->key(dora => { uid => 'u_acme' });
cmp_ok seconds(sub { all_say(200, 'dora') }), '<', 1,
    'a new key is let in, although it was known not to exist';

$records->key(bob => undef);
cmp_ok seconds(sub { all_say(403, 'bob') }), '<', 1, 'a deleted key is not';

my $policy = sub ($quota) {
    return !grep {
        $_->request(GET => '/x', key => $t->key('carol'))
          ->header('RateLimit-Policy') ne $quota
    } @conns;
};

ok $policy->('"key";q=60;w=60, "uid";q=600;w=60'), 'no tenant, no plan';

$records->tenant(u_acme => { plan => 'pro' });
cmp_ok seconds(sub {
    all_say(200, 'carol') && $t->log =~ /the plan pro is missing/
}), '<', 1, 'a tenant with a plan that is not there';
$records->plan(pro => { limits => { key => 70 } });
cmp_ok seconds(sub { $policy->('"key";q=70;w=60, "uid";q=600;w=60') }), '<', 1,
    'a new plan acts';
$records->plan(pro => { limits => { key => 80, uid => 800 } });
cmp_ok seconds(sub { $policy->('"key";q=80;w=60, "uid";q=800;w=60') }), '<', 1,
    'a changed plan acts';
$records->tenant(u_acme => { plan => 'pro', limits => { uid => 90 } });
cmp_ok seconds(sub { $policy->('"key";q=80;w=60, "uid";q=90;w=60') }), '<', 1,
    'a changed tenant acts';
$records->tenant(u_acme => { status => 'disabled' });
cmp_ok seconds(sub { all_say(403, 'carol') }), '<', 1,
    'a disabled tenant has no valid key';
$records->tenant(u_acme => undef);
cmp_ok seconds(sub { all_say(200, 'carol') }), '<', 1,
    'a tenant that was deleted is none, and its keys are valid';

# anything that is no record's name may be about all of them
$records->quietly(sub { $records->key(carol => undef) });
ok all_say(200, 'carol'), 'without a notice nothing is known';
$t->redis->do('PUBLISH', 'spocr:notice', 'all');
cmp_ok seconds(sub { all_say(403, 'carol') }), '<', 1, 'a notice of all';

# nothing was heard meanwhile: all is asked for again
$records->key(carol => { uid => 'u_acme' });
ok wait_for(sub { all_say(200, 'carol') }), 'carol is back';
$records->quietly(sub { $records->key(carol => undef) });
$t->redis->do('CLIENT', 'KILL', 'TYPE', 'pubsub');
cmp_ok seconds(sub { all_say(403, 'carol') }), '<', 2,
    'a new subscription makes cached keys expire';

@conns = ();
$nodes[1]->stop;
$nodes[1]->check;

# a notice that is lost
ok $t->reload(conf('ttl=2s negative_ttl=1s', 1)), 'with short times to live';
$records->key(erin => { uid => 'u_acme' });
is $t->get('/x', key => $t->key('erin'))->status, 200, 'erin is let in';
is_error $t->get('/x', key => $t->key('fred')), 403, 'forbidden', 'not fred';

$records->quietly(sub {
    $records->key(erin => undef)->key(fred => { uid => 'u_acme' });
});

my $fred = seconds(sub {
    $t->get('/x', key => $t->key('fred'))->status == 200
});
cmp_ok $fred, '<', 2, 'a new key is known after negative_ttl';
my $erin = seconds(sub {
    $t->get('/x', key => $t->key('erin'))->status == 403
});
cmp_ok $fred + $erin, '<', 3, 'a deleted one is not after ttl';

$t->done;
