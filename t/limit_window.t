# Windows are fixed, aligned to the epoch, and end when the answer says so.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;

$t->keyfile(keys => { map { ("k$_" => { uid => "u_$_" }) } 1 .. 4 });

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    keepalive_requests 100000;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;

        location /one {
            spocr_limit name=one key=20 window=1s;
            proxy_pass http://%%BACKEND%%;
        }
        location /two {
            spocr_limit name=two key=3 window=2s;
            proxy_pass http://%%BACKEND%%;
        }
        location /ten {
            spocr_limit name=ten key=1 window=10s;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOF

# C-13: a client that never stops gets its limit once in each window
my $c = $t->conn;
my $end = time + 4.2;
my @runs;
my $last = 0;
while (time < $end) {
    my $status = $c->request(GET => '/one', key => $t->key('k1'))->status;
    push @runs, [$status, 0] if $status != $last;
    $runs[-1][1]++;
    $last = $status;
}
shift @runs;      # where we came in
pop @runs;        # where we left
my @admitted = grep { $_->[0] == 200 } @runs;
cmp_ok scalar @admitted, '>=', 2, 'there were whole windows';
is join(' ', map { $_->[1] } @admitted), join(' ', (20) x @admitted),
   'each window has twenty, no more and no less';

# C-14: who sleeps as long as it was told is admitted
for my $case (['/one', 'k2', 1], ['/two', 'k2', 2]) {
    my ($path, $name, $width) = @$case;
    for my $round (1 .. 2) {
        my ($r, $told, $asked);
        for (1 .. 200) {
            $asked = time;
            $r = $c->request(GET => $path, key => $t->key($name));
            last if $r->status == 429;
        }
        is $r->status, 429, "$path round $round: refused";
        $told = $r->json->{details}{retryAfterSec};
        ok $told >= 1 && $told <= $width, "retryAfterSec $told of $width s";

        my $left = $width - ($asked - $width * int($asked / $width));
        cmp_ok $told, '<=', $left + 1.05,
               'no more than a second too long';
        sleep $told;
        is $c->request(GET => $path, key => $t->key($name))->status, 200,
           "$path round $round: after the sleep admitted";
    }
}

# C-14: the number falls with the time that is left
my @told = in_window(10_000, sub {
    my @r;
    for (1 .. 5) {
        my $r = $c->request(GET => '/ten', key => $t->key('k3'));
        my $left = 10 - (time - 10 * int(time / 10));
        push @r, [$r->json->{details}{retryAfterSec}, $left]
            if $r->status == 429;
        sleep 0.5;
    }
    return @r;
});
cmp_ok scalar @told, '>=', 4, 'refused four times';
is scalar(grep { abs($_->[0] - ($_->[1] + 0.5)) > 0.6 } @told), 0,
   'retryAfterSec is the seconds left, rounded up'
   or diag explain \@told;

# C-16: aligned to the epoch: what is used up in the middle of a second is back
# at its end, not a second later
my $key = $t->key('k4');
sleep +(1 - (time - int time)) + 0.5;
$c->request(GET => '/one', key => $key) for 1 .. 21;
my $opened;
while (!$opened) {
    my $before = time;
    $opened = $before
        if $c->request(GET => '/one', key => $key)->status == 200;
}
my $past = $opened - int($opened + 0.5);
ok $past > -0.05 && $past < 0.25, 'the next window opened at a whole second'
    or diag $past;

$t->done;
