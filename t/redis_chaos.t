# Everything at once: load over HTTP/1.1 and HTTP/2, clients that hang up,
# reloads, workers that are killed, a Redis that dies, hangs, is cut off and is
# slow.  Every answer is one that the policy allows, and at the end all is as
# at the beginning.
#
# SPOCR_CHAOS is how many seconds that lasts (6).

use lib 't/lib';
use Spocr::Test;
use Spocr::H2;
use Spocr::Proxy;
use Time::HiRes qw(sleep time);

my $SECONDS = $ENV{SPOCR_CHAOS} // 6;
my $t = Spocr::Test->new;
my $redis = $t->redis;
my $proxy = Spocr::Proxy->new(to => $redis->port);

$t->keyfile(keys => {
    (map { ("few$_" => { uid => "u_$_", limits => { key => 20 } }) } 1 .. 10),
    (map { ("many$_" => { uid => "u_many$_", limits => { key => 100000 } }) }
     1 .. 10),
    end => { uid => 'u_end' },
}, tenants => { map { ("u_many$_" => { limits => { uid => undef } }) }
                1 .. 10 });
$t->file('page', 'x');

$t->start(<<'EOC' =~ s/%%PROXY%%/$proxy->url/ger);
%%MAIN%%
worker_processes 2;
worker_shutdown_timeout 5s;
events { worker_connections 1024; }
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%PROXY%% timeout=100ms;
    spocr_limit key=60 window=3600s;
    keepalive_requests 100000;
    access_log off;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        add_header T-Source $spocr_limit_source;
        location / { try_files /page =404; }
    }
}
EOC

sub links {
    return scalar grep { $_->{cmd} ne 'client|list' }
                  eval { $redis->clients };
}
# A process of its own that does one thing over and over.
my @pids;
sub meanwhile ($do) {
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        push @pids, $pid;
        return;
    }
    my $until = time + $SECONDS;
    srand $$;
    while (time < $until) {
        eval { $do->(); 1 } or print {*STDERR} "# $@";
    }
    POSIX::_exit(0);
}

ok wait_for(sub { links() == 2 }), 'at the beginning two links';
ok $t->reload, 'a first reload';
ok wait_for(sub { links() == 2 }), 'and two again';
my $files = $t->open_files;

# what happens to Redis, and to the connections to it
meanwhile(sub {
    my $what = int rand 6;
    if ($what == 0) { $proxy->cut }
    if ($what == 1) { $proxy->stall(('up', 'down', 'both')[rand 3]) }
    if ($what == 2) { $proxy->delay(down => [0, 150]) }
    if ($what == 3) { $proxy->drop(('up', 'down')[rand 2], 1 + int rand 40) }
    if ($what == 4) { kill STOP => $redis->pid }
    if ($what == 5) { $proxy->refuse; $proxy->cut }
    sleep 0.02 + rand 0.3;
    kill CONT => $redis->pid;
    $proxy->delay(down => 0);
    $proxy->accept;
    $proxy->flow;
    sleep rand 0.4;
});

# reloads
meanwhile(sub {
    sleep 0.3 + rand 0.6;
    kill HUP => $t->{pid};
});

# ends of workers, of which the log tells
open my $killed, '>', $t->dir . '/killed' or die "killed: $!\n";
$killed->autoflush(1);
meanwhile(sub {
    sleep 0.5 + rand 2;
    my @workers = $t->workers or return;
    my $pid = $workers[rand @workers];
    print {$killed} "$pid\n" if kill KILL => $pid;
});

# streams that are reset
meanwhile(sub {
    my $h2 = eval { Spocr::H2->new($t->port(2)) } or return;
    eval {
        for (1 .. 20) {
            my @ids = map { $h2->open('/x', key => $t->key('many1')) } 1 .. 8;
            $h2->reset($_) for @ids[0, 3, 7];
            $h2->answer($_) for @ids[1, 2, 4, 5, 6];
        }
    };
    $h2->close;                     # or a worker's end closed it
});

# connections that are closed halfway
meanwhile(sub {
    my @conns = map { $t->conn } 1 .. 8;
    my $bytes = $conns[0]->build(GET => '/x', key => $t->key('many2'));
    $_->send($bytes x 3) for @conns;
    sleep rand 0.03;
    $_->half_close for @conns[0, 1];
    $_->close for @conns;
});

my @names = map { ("few$_", "many$_") } 1 .. 10;
my $got = $t->load(
    until => time + $SECONDS, clients => 2, connections => 16, rate => 1500,
    abort => 0.2, request => [map { Spocr::Conn->build(
        GET => '/x', key => $t->key($_)) } @names],
    label => sub ($place, $status, @) { "$names[$place] $status" });
waitpid $_, 0 for @pids;
$t->{killed}{$_} = 1 for split /\n/, $t->log('killed');

note join ' ', map { "$_:$got->{status}{$_}" } sort keys %{ $got->{status} };
note join " ", map { $got->{labels}{"few$_ 200"} } 1 .. 10;
note "$got->{closed} closed, $got->{aborted} aborted";
is join(' ', sort keys %{ $got->{status} }), '200 429',
   'each answer is one that the policy allows';
cmp_ok $got->{status}{200}, '>', 100, 'and many are good';
is join(' ', map { $got->{labels}{"many$_ 429"} // 0 } 1 .. 10),
   join(' ', (0) x 10), 'who is far below the limit is never refused';

# C-19: once in Redis, and once in the zone while it is away, at most
cmp_ok $got->{labels}{"few$_ 200"} // 0, '<=', 40, "few$_" for 1 .. 10;

kill CONT => $redis->pid;
$proxy->$_ for qw(flow accept);
$proxy->delay(down => 0, up => 0);
ok $t->reload, 'a last reload';
ok wait_for(sub { links() == 2 && $proxy->stats->{open} == 2 }),
   'two links again';
is $t->open_files, $files, 'as many open files as before';
ok wait_for(sub {
    $t->get('/x', key => $t->key('end'))->header('T-Source') eq 'redis' }),
   'counted in Redis';

$t->done;
