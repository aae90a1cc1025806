# A Redis that lies about claims: what it says in a shape that no claim has is
# no claim, so that nothing runs (C-32), and what it says about a claim's end
# changes no answer.  No worker dies of it, and all is well afterwards.

use lib 't/lib';
use Spocr::Test;
use Spocr::FakeRedis;

my $t = Spocr::Test->new;
my $fake = Spocr::FakeRedis->new;
my $url = $fake->url;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;

$t->start(<<"EOF");
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis $url timeout=200ms;
    spocr_secret_file %%DIR%%/secret;
    spocr_idempotency_lease 1s;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        spocr_idempotency_wait 0s;
        location / { proxy_pass http://%%BACKEND%%; }
        location /allow {
            spocr_idempotency_on_error allow;
            proxy_pass http://%%BACKEND%%;
        }
        location /status { spocr off; spocr_status json; }
    }
}
EOF
$t->allow(qr/Redis/);
my ($worker) = $t->workers;
my $n = 0;

sub executed { scalar(() = $t->backend->requests) }

sub once ($target = '/x', $how = undef) {
    return $t->post($target, key => $t->key('alice'), body => 'hello',
                    headers => ['Idempotency-Key' => 'key' . $n++,
                                $how ? ('X-Test' => $how) : ()]);
}

sub total ($family, $what) {
    return $t->get('/status')->json->{"idempotency_$family"}{$what};
}

sub well {
    $fake->honest;
    return wait_for(sub { once()->status == 200 });
}

sub bulk ($text) { '$' . length($text) . "\r\n$text\r\n" }

my $first = 'req_' . '0' x 31 . '1';

ok well(), 'an honest Redis is believed';

# no answers: nothing runs, and the policy for errors does not change that
my $before = executed();
my @none = (
    ['no elements' => "*1\r\n%N"],
    ['an integer' => "*2\r\n%N:1\r\n"],
    ['nil' => "*2\r\n%N\$-1\r\n"],
    ['an unknown word' => "*2\r\n%N" . bulk('YES')],
    ['no word' => "*2\r\n%N" . bulk('')],
    ['a part of a word' => "*3\r\n%N" . bulk('NE') . ":1\r\n"],
    ['NEW without a number' => "*2\r\n%N" . bulk('NEW')],
    ['NEW with a text' => "*3\r\n%N" . bulk('NEW') . bulk('1')],
    ['NEW, number 0' => "*3\r\n%N" . bulk('NEW') . ":0\r\n"],
    ['NEW, number -1' => "*3\r\n%N" . bulk('NEW') . ":-1\r\n"],
    ['BUSY and no more' => "*2\r\n%N" . bulk('BUSY')],
    ['BUSY without a time' => "*3\r\n%N" . bulk('BUSY') . ":10\r\n"],
    ['BUSY with a text' => "*4\r\n%N" . bulk('BUSY') . bulk('10') . ":1\r\n"],
    ['BUSY for a text' => "*4\r\n%N" . bulk('BUSY') . ":10\r\n" . bulk('1')],
    ['DONE and no more' => "*2\r\n%N" . bulk('DONE')],
    ['DONE with a number' => "*3\r\n%N" . bulk('DONE') . ":1\r\n"],
    ['DONE with nil' => "*3\r\n%N" . bulk('DONE') . "\$-1\r\n"],
    ['DONE with nothing' => "*3\r\n%N" . bulk('DONE') . bulk('')],
    ['DONE with garbage' => "*3\r\n%N" . bulk('DONE') . bulk('x' x 5000)],
    ['TOMB and no more' => "*2\r\n%N" . bulk('TOMB')],
    ['TOMB with a number' => "*3\r\n%N" . bulk('TOMB') . ":1\r\n"],
    ['TOMB with a long text' => "*3\r\n%N" . bulk('TOMB') . bulk('x' x 5000)],
    ['an error' => "-WRONGTYPE no such thing\r\n"],
    ['an error of two letters' => "-OO\r\n"],
);

for (@none) {
    my ($what, $say) = @$_;
    $fake->lie(claim => { say => $say });
    my $r = once('/allow');
    cmp_ok $r->status, '>=', 409,
        "$what: " . (($r->json // {})->{error}{code} // 'it ran');
}
is executed(), $before, 'nothing of that ran';

# an answer, and no room, which is another matter
my @said = (
    ['BUSY' => "*5\r\n%N" . bulk('BUSY') . ":500\r\n:7\r\n" . bulk($first),
     409, 'idempotency_in_progress'],
    ['BUSY since before its beginning' =>
     "*4\r\n%N" . bulk('BUSY') . ":500\r\n:-7\r\n",
     409, 'idempotency_in_progress'],
    ['BUSY for a million years' =>
     "*4\r\n%N" . bulk('BUSY') . (':' . '9' x 18 . "\r\n") x 2,
     409, 'idempotency_in_progress'],
    ['BUSY by an id that is none' =>
     "*5\r\n%N" . bulk('BUSY') . ":500\r\n:7\r\n" . bulk("req_\r\nX: y"),
     409, 'idempotency_in_progress'],
    ['BUSY by a number' =>
     "*5\r\n%N" . bulk('BUSY') . ":500\r\n:7\r\n:5\r\n",
     409, 'idempotency_in_progress'],
    ['MISMATCH' => "*2\r\n%N" . bulk('MISMATCH'),
     422, 'idempotency_key_reused'],
    ['TOMB' => "*3\r\n%N" . bulk('TOMB') . bulk('outcome_unknown'),
     409, 'idempotency_outcome_unknown'],
    ['TOMB of another kind' => "*3\r\n%N" . bulk('TOMB') . bulk('too_large'),
     409, 'idempotency_replay_unavailable'],
    ['TOMB as long as that' => "*3\r\n%N" . bulk('TOMB') . bulk('x' x 15),
     409, 'idempotency_replay_unavailable'],
    ['no room' => "-OOM command not allowed\r\n", 503, 'service_unavailable'],
);

for (@said) {
    my ($what, $say, $status, $code) = @$_;
    $fake->lie(claim => { say => $say });
    my $r = once();
    is $r->status . ' ' . (($r->json // {})->{error}{code} // ''),
        "$status $code", $what;
    ok !defined $r->header('X'), '  and no header of Redis';
}
is executed(), $before, 'nothing of that ran either';

# no answer to this call at all is a Redis that is away
for ("+OK\r\n", ":1\r\n", "*0\r\n", "*-1\r\n", bulk('NEW')) {
    $fake->lie(claim => { say => $_ });
    is once()->status, 503, 'away: ' . s/\r\n/ /gr;
    ok well(), '  and back';
    $before++;
}

$fake->lie(claim => { say => "-OOM command not allowed\r\n" });
is once('/allow')->status, 200, 'where a Redis without room is passed by';

# the end of a claim: the client has its answer, whatever is said about it
my @ends = (
    ['nothing', "*1\r\n%N"], ['a number', "*2\r\n%N:5\r\n"],
    ['too much', "*3\r\n%N" . bulk('OK') . bulk('OK')],
    ['an unknown word', "*2\r\n%N" . bulk('PERHAPS')],
    ['a word of the same length', "*2\r\n%N" . bulk('KO')],
    ['an error', "-ERR no\r\n"], ['a short error', "-E\r\n"],
    ['no room', "-OOM no\r\n"],
    ['that it was lost', "*2\r\n%N" . bulk('LOST')],
    ['that it was known', "*2\r\n%N" . bulk('DUP')],
    ['that it is back', "*2\r\n%N" . bulk('RESTORED')],
    ['that the tenant has no room', "*2\r\n%N" . bulk('BUDGET')],
);

my $fenced = total(outbox => 'fenced');
for (@ends) {
    my ($what, $say) = @$_;
    $fake->lie(complete => { say => $say });
    is once()->status, 200, "complete answers $what";
    ok wait_for(sub { $fake->seen->{lies} }), '  and was asked';
}
cmp_ok total(outbox => 'fenced'), '>', $fenced, 'a lost claim is counted';

for (['nothing', "*1\r\n%N"], ['a text', "*2\r\n%N" . bulk('OK')],
     ['an error', "-ERR no\r\n"], ['that there was none', "*2\r\n%N:0\r\n"])
{
    my ($what, $say) = @$_;
    $fake->lie(release => { say => $say });
    is once('/x', 'status=500')->status, 500, "release answers $what";
    ok wait_for(sub { $fake->seen->{lies} }), '  and was asked';
}

# a renewal: told that the claim is another's, the worker renews it no more,
# and only then
for (['nothing', "*1\r\n%N", 0], ['a text', "*2\r\n%N" . bulk('OK'), 0],
     ['an error', "-ERR no\r\n", 0], ['that it is lost', "*2\r\n%N:0\r\n", 1])
{
    my ($what, $say, $ends) = @$_;
    $fenced = total(claims => 'lease_lost');
    $fake->lie(renew => { say => $say });
    is once('/x', 'delay=1.3')->status, 200, "renew answers $what";

    my $seen = $fake->seen->{lies};
    $ends ? is $seen, 1, '  once' : cmp_ok $seen, '>=', 2, '  often';
    is total(claims => 'lease_lost') - $fenced, $ends,
        '  and is counted where it is lost';
}

ok well(), 'all is well with an honest one';
is join(' ', $t->workers), $worker, 'the worker lives';
$t->done;
