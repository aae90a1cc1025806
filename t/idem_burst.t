# Many long answers at the same time: what Redis is told of them waits for its
# turn, and none is lost, nor taken for a Redis that is away.  C-22, C-29, C-32

use lib 't/lib';
use Spocr::Test;
use JSON::PP ();

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' }, bob => { uid => 'u_b' } });
$t->secret_file;
$t->start(<<'EOC');
%%MAIN%%
worker_processes 1;
events { worker_connections 1024; }
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:4m;
    spocr_redis %%REDIS%% timeout=400ms connect_timeout=2s;
    spocr_secret_file %%DIR%%/secret;
    spocr_idempotency_capture_limit 256m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;

        location / { proxy_pass http://%%BACKEND%%; }
        location /allow {
            spocr_idempotency_on_error allow;
            proxy_pass http://%%BACKEND%%;
        }
        location = /status { spocr off; spocr_status json; }
    }
}
EOC
$t->redis->linked(2);
my ($worker) = $t->workers;

sub request ($who, $key, $target) {
    return (POST => $target, key => $t->key($who), body => 'a',
            headers => ['Idempotency-Key' => $key]);
}

# The worker finds them all at once.
sub at_once (@requests) {
    my @c = map { $t->conn } @requests;
    kill STOP => $worker;
    $c[$_]->send($c[$_]->build(@{ $requests[$_] })) for keys @c;
    kill CONT => $worker;
    return map { $_->response } @c;
}

sub outbox () {
    my $all = JSON::PP->new->decode($t->get('/status')->body);
    return $all->{idempotency_outbox};
}

sub tally (@r) {
    my %n;
    $n{ $_->status . ' ' . ($_->header('X-Idempotent-Replay') // '-') }++
        for @r;
    return join ', ', map { "$_: $n{$_}" } sort keys %n;
}

# 60 answers of a megabyte, which end together
my $long = '/x?size=1000000';
my @first = map { [request($_ % 2 ? 'alice' : 'bob', "k-$_",
                           "$long&delay=0.5")] } 1 .. 60;
is tally(at_once(@first)), '200 -: 60', '60 long answers at once';
ok wait_for(sub { outbox()->{acknowledged} == 60 }), 'Redis has them all';
my $outbox = outbox();
is "$outbox->{kept} $outbox->{dropped}", '0 0', 'none went into the zone';
is tally(map { $t->request(@$_) } @first), '200 true: 60', 'each is replayed';
is $t->backend->requests, 60, 'and was executed once';

# one of them many times over, and another tenant among them
my @again = (([request('alice', 'k-1', "$long&delay=0.5")]) x 120,
             [request('bob', 'short', '/y')]);
is tally(at_once(@again)), '200 -: 1, 200 true: 120', '120 replays at once';

# "allow" is for a Redis that is away, and not for one that has much to do
my @allow = request('alice', 'allow', '/allow?size=1000000');
is $t->request(@allow)->status, 200, 'with "allow"';
is tally(at_once((\@allow) x 80)), '200 true: 80', '80 replays at once';
is $t->backend->requests, 62, 'nothing was executed again';

$t->done;
