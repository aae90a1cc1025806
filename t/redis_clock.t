# A node's clock is set while it runs: limits that Redis counts do not notice.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new(clock => 0);

$t->keyfile(keys => { map { ("k$_" => { uid => "u_$_" }) } 1 .. 60 });
$t->file('page', 'x');

$t->start(<<'EOC');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source always;
        add_header T-Time $msec always;
        location / { spocr_limit key=3 window=2s; try_files /page =404; }
        location /long { spocr_limit name=long key=5 window=3600s;
                         try_files /page =404; }
    }
}
EOC

$t->redis->linked(2);

my $next = 0;
sub name { 'k' . ++$next }
sub ask ($name, $target = '/x') { $t->get($target, key => $t->key($name)) }
sub statuses ($n, $name, $target = '/long') {
    return join ' ', map { ask($name, $target)->status } 1 .. $n;
}

# Sets the clock, and waits until nginx has it.
sub set ($seconds) {
    $t->clock($seconds);
    wait_for(sub {
        my $r = $t->get('/none');
        return abs($r->header('T-Time') - time - $seconds) < 2;
    }) or die "the clock was not set\n";
}

# Uses up a window; the seconds to sleep, as of now.
sub used_up ($name) {
    for (1 .. 50) {
        my $r = ask($name);
        return $r->json->{details}{retryAfterSec} if $r->status == 429;
    }
    die "$name was not refused\n";
}

# C-16, C-18, C-14: back, forth, and back to where it was
for my $step (-3600, 0, 3600, -30, 45, 0) {
    my ($name, $long) = (name(), name());
    my $before = statuses(3, $long);
    my $told = used_up($name);
    my $since = time;

    set($step);
    my @r = map { ask($name)->status } 1 .. 3;
    my $same = int(time / 2) == int($since / 2);
    is "@r", '429 429 429', "a clock set to $step s: what was refused still is"
        if $same;
    is statuses(4, $long), '200 200 429 429',
       'what was counted in an hour is as well' if $before eq '200 200 200';

    my $left = $since + $told - time;
    sleep $left if $left > 0;
    is ask($name)->status, 200, 'and who slept as it was told is let through';
    is statuses(6, name()), '200 200 200 200 200 429', 'a new key has its five';
}

$t->done;
