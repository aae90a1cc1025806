# Reloads and ends: what waits for Redis is answered, and nothing is left.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;
use Time::HiRes qw(sleep time);

my $RELOADS = 20;
my $t = Spocr::Test->new;
my $redis = $t->redis;
my $proxy = Spocr::Proxy->new(to => $redis->port);

$t->keyfile(keys => {
    (map { ("k$_" => { uid => "u_$_" }) } 1 .. 9),
    many => { uid => 'u_many', limits => { key => 500 } },
});
$t->file('page', 'x');

my $conf = <<'EOC' =~ s/%%PROXY%%/$proxy->url/ger;
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%PROXY%% timeout=20s connect_timeout=20s;
    spocr_limit key=60 uid=600 window=3600s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source always;
        location / { try_files /page =404; }
    }
}
EOC
$t->start($conf);

sub links { scalar grep { $_->{cmd} ne 'client|list' } $redis->clients }

ok wait_for(sub { links() == 2 }), 'each worker has one connection to Redis';
ok $t->reload, 'a first reload';
ok wait_for(sub { links() == 2 && $proxy->stats->{open} == 2 }),
   'two of the new ones, none of the old';
my $files = $t->open_files;

# C-16 C-20: requests on new connections, while it is reloaded over and over
my $reloader = fork // die "fork: $!\n";
if (!$reloader) {
    for (1 .. $RELOADS) {
        sleep 0.15;
        kill HUP => $t->{pid};
    }
    POSIX::_exit(0);
}
my $got = in_window(3600_000, sub {
    $t->load(until => time + 0.15 * $RELOADS + 0.5, clients => 2,
             connections => 4, rate => 600, close => 1,
             request => "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        . 'Authorization: Bearer ' . $t->key('many')
                        . "\r\n\r\n");
});
waitpid $reloader, 0;
is $got->{closed}, 0, "$RELOADS reloads: no request was lost";
is $got->{status}{200}, 500, 'exactly the limit was let through'
   or diag explain $got->{status};
is join(' ', sort keys %{ $got->{status} }), '200 429', 'and nothing else'
   or diag explain $got->{status};

ok wait_for(sub { my @now = $t->workers;
                  @now == 2 && links() == 2 && $proxy->stats->{open} == 2 }),
   'two workers, two connections to Redis';
is $t->open_files, $files, 'as many open files as before';

# links that break over and over leave nothing either
for (1 .. 10) {
    my $before = $proxy->stats->{connections};
    $proxy->cut;
    wait_for(sub { $proxy->stats->{connections} >= $before + 2
                   && links() == 2 }) or fail 'the links do not come back';
}
is $t->open_files, $files, 'as many after ten lost links';

# Parks a request: its call has gone out, and no reply comes.
sub parked ($name) {
    my $c = $t->conn;
    my $up = $proxy->stats->{up};
    $c->send($c->build(GET => '/x', key => $t->key($name)));
    wait_for(sub { $proxy->stats->{up} > $up }) or die "no call\n";
    return $c;
}

# C-19: a worker that is told to go answers what waits
$proxy->stall('down');
my $c = parked('k1');
my %old = map { $_ => 1 } $t->workers;
kill HUP => $t->{pid};
ok wait_for(sub { my @now = $t->workers;
                  @now == 2 && !grep { $old{$_} } @now }), 'a reload';
$proxy->flow;
my $r = $c->response;
is $r->status, 200, 'what was parked before it is answered';
is $r->header('T-Source'), 'redis', 'out of Redis';
ok wait_for(sub { links() == 2 && $proxy->stats->{open} == 2 }),
   'and the old worker is gone';

# the same at the end of all
$proxy->stall('down');
$c = parked('k2');
kill QUIT => $t->{pid};
ok wait_for(sub { !$t->workers }), 'no worker takes connections';
$proxy->flow;
$r = $c->response;
is $r->status, 200, 'what was parked is answered';
is $r->header('T-Source'), 'redis', 'out of Redis';
$t->stop;
ok wait_for(sub { links() == 0 && $proxy->stats->{open} == 0 }),
   'no connection to Redis is left';

# with Redis away there is nothing to wait for
$proxy->refuse;
$t->start($conf);
is $t->get('/x', key => $t->key('k3'))->header('T-Source'), 'fallback',
   'without Redis';
my $start = time;
$t->stop;
cmp_ok time - $start, '<', 10, 'stopping does not wait for a probe';

$t->done;
