# A worker that is killed costs its own connections and nothing else.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    noisy => { uid => 'u_noisy' },
    quiet => { uid => 'u_quiet', limits => { key => 500 } },
});
$t->file('page', 'x');

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    keepalive_requests 100000;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=3600s;
        location / { try_files /page =404; }
        location /slow { proxy_pass http://%%BACKEND%%; }
    }
}
EOF

sub request ($name, $target = '/x') {
    my $key = $t->key($name);
    return "GET $target HTTP/1.1\r\nHost: a\r\n"
           . "Authorization: Bearer $key\r\n\r\n";
}

# Kills one worker; returns when another has taken its place.
sub kill_one {
    my ($pid) = $t->workers;
    $t->signal(KILL => $pid);
    wait_for(sub {
        my @now = $t->workers;
        return @now == 2 && !grep { $_ == $pid } @now;
    }) or die "no new worker\n";
}

# C-20: what was counted stays counted
my @r = in_window(3600_000, sub {
    my @before = map { $t->get('/x', key => $t->key('alice'))->status }
                 1 .. 30;
    kill_one();
    kill_one();
    my @after = map { $t->get('/x', key => $t->key('alice'))->status }
                1 .. 31;
    return [@before], [@after];
});
is scalar(grep { $_ == 200 } @{ $r[0] }), 30, 'thirty before';
is scalar(grep { $_ == 200 } @{ $r[1] }), 30, 'thirty after';
is $r[1][30], 429, 'and not one more';

# under load, over and over: a lock that a dead worker held is released
my $killer = fork // die "fork: $!";
if (!$killer) {
    my $until = time + 2.5;
    open my $log, '>', $t->dir . '/killed' or POSIX::_exit(1);
    $log->autoflush(1);
    while (time < $until) {
        my ($pid) = $t->workers;
        print {$log} "$pid\n" if $pid && kill KILL => $pid;
        sleep 0.15;
    }
    POSIX::_exit(0);
}

my $noisy = in_window(3600_000, sub {
    $t->load(total => 12000, clients => 3, request => [
        (request('noisy')) x 20, request('quiet')]);
});
waitpid $killer, 0;
my @killed = split /\n/, $t->log('killed');
$t->{killed}{$_} = 1 for @killed;

cmp_ok scalar @killed, '>=', 5, @killed . ' workers were killed';
is join(' ', sort keys %{ $noisy->{status} }), '200 429',
   'every answer was a good one';
my $answered = $noisy->{status}{200} + $noisy->{status}{429};
is $answered + $noisy->{closed}, 12000, 'each was answered or cut off';

# two limits: 60 and 500; a request may die between its count and its answer
my $lost = $noisy->{closed};
cmp_ok $noisy->{status}{200}, '<=', 560, 'nobody got more than the limit';

ok wait_for(sub { scalar $t->workers == 2 }), 'two workers serve';
my @left = in_window(3600_000, sub {
    my $c = $t->conn;
    return map { $c->request(GET => '/x', key => $t->key('quiet'))->status }
           1 .. 501;
});
my $late = grep { $_ == 200 } @left;
my $sum = $noisy->{status}{200} + $late;
ok $sum <= 560 && $sum >= 560 - $lost,
   "$sum of 560 were admitted, $lost connections were cut off";

# the others do not wait for it
my @slow = map { $t->conn } 1 .. 2;
$_->send(request('alice', '/slow?delay=0.1')) for @slow;
kill_one();
my $start = time;
is $t->get('/x', key => 'spocr_x')->status, 403, 'the next is served';
cmp_ok time - $start, '<', 5, 'at once';

ok $t->reload, 'and the configuration can be read again';
is $t->get('/x', key => 'spocr_x')->status, 403, 'and it serves';

$t->done;
