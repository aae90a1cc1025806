# The link to Redis: the ways to connect, what is said when it cannot, and how
# it comes back (C-19).

use lib 't/lib';
use IO::Socket::IP;
use Spocr::Test;
use Spocr::FakeRedis;
use Spocr::Redis;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;
$t->keyfile(
    keys => { alice => { uid => 'u_acme', limits => { key => 100000 } } },
    tenants => { u_acme => { limits => { uid => 100000 } } });
chmod 0600, $t->file('password', "s3cret\n"), $t->file('wrong', "wr0ng\n");

my $conf = <<'EOF';
%%MAIN%%
%%MORE%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%ARGS%%;
    spocr_limit window=3600s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header X-Source $spocr_limit_source always;
        location / { try_files /keys.json =404; }
        location = /status { spocr_auth off; spocr_status json; }
    }
}
EOF

my @nodes;

sub gateway ($args, %o) {
    my $node = $t->node;
    my $more = $o{more} // 'worker_processes 2;';
    (my $text = $conf) =~ s/%%MORE%%/$more/;
    my $dir = $t->dir;
    $args =~ s{(?<=_file=)}{$dir/};
    $args .= ' timeout=1s' if $args !~ / timeout=/;     # the machine is busy
    $args .= ' connect_timeout=2s' if $args !~ /connect_timeout=/;
    $text =~ s/%%ARGS%%/$args/;
    push @nodes, $node;
    return $node->start($text);
}

sub source ($node) {
    my $r = $node->get('/', key => $t->key('alice'));
    return $r->header('X-Source') if $r->status == 200;
    return "status " . $r->status;
}

sub well ($node) { wait_for(sub { source($node) eq 'redis' }) }
sub links ($node) { $node->get('/status')->json->{redis_links} }

# All workers are connected, and so answer with what Redis has counted.
sub all_ready ($node, $n = 2) {
    return wait_for(sub {
        $node->get('/status')->json->{redis_workers}{ready} == $n });
}

my $rules = join ' ', '~spocr:*', '+fcall', '+get', '+set', '+mget', '+time',
            '+ping', '+select';
my $redis = Spocr::Redis->new(unix => 1, password => 'operator', users => [
    "gateway on >s3cret $rules +function|load",
    "nofcall on >s3cret ~spocr:* +get +set +mget +time",
    "notime on >s3cret ~spocr:* +fcall +get +set",
    "nokeys on >s3cret ~other:* +fcall +get +set +mget +time",
    "noload on >s3cret $rules",
    "noselect on >s3cret ~spocr:* +fcall +get +set +mget +time",
], config => ['bind 127.0.0.1 -::1']);
my $at = '127.0.0.1:' . $redis->port;
my $password = 'password_file=password';

sub keys_in ($db) {
    $redis->do('SELECT', $db);
    my @keys = @{ $redis->do('KEYS', '*') };
    $redis->do('FLUSHDB');
    $redis->do('SELECT', 0);
    return join ' ', map { s/\{.*?\}/{}/r } sort @keys;
}

# -- what is wrong, in one line for all workers and attempts --

sub complains ($args, $line, $name, %o) {
    my $node = gateway($args);
    my $what = $o{call} ? 'refused a call' : 'is away';

    ok wait_for(sub {
        source($node) if $o{call};              # which finds it out
        return $node->log =~ /\[error\] .*spocr: Redis \S+ $what: $line/;
    }), "$name: $line" or diag $node->log;
    ok wait_for(sub { links($node)->{failed} >= 4 }), 'tried again and again'
        if !$o{call};
    is source($node), 'fallback', 'and goes on without';

    my @lines = $node->log =~ /\[error\].*/g;
    is scalar @lines, 1, 'one line' or diag map { "$_\n" } @lines;
    unlike $node->log, qr/s3cret|wr0ng/, 'without a password';
    return $node;
}

# the library is not there yet
complains("redis://noload\@$at $password",
          qr/its function library "spocr_v2" is missing, and this user may /
          . qr/not load it: "spocrctl redis install" does/,
          'no library, and no permission to load it');

my $closed = Spocr::Port->new;
my $later = complains('redis://127.0.0.1:' . $closed->number,
                      qr/connect\(\) .*failed \(111: Connection refused\)/,
                      'nobody there');
like $later->log, qr/Redis 127\.0\.0\.1:\d+ is away/, 'at its address';

complains('unix:' . $t->dir . '/none.sock',
          qr/connect\(\) .*failed \(2: No such file/, 'no such socket');
complains("redis://$at", qr/it asks for a password: "password_file=" is needed/,
          'no password');
complains("redis://gateway\@$at password_file=wrong",
          qr/it refuses the password of user "gateway"/, 'a wrong password');
complains("redis://nobody\@$at $password",
          qr/it refuses the password of user "nobody"/, 'a user unknown to it');
my $nofcall = complains("redis://nofcall\@$at $password",
                        qr/it refuses spocr_v2_hello: NOPERM .*fcall/,
                        'no +fcall');
complains("redis://noselect\@$at/1 $password", qr/it refuses SELECT: NOPERM/,
          'no +select');
complains("redis://gateway\@$at/99 $password",
          qr/it refuses SELECT: ERR DB index is out of range/, 'no such db');

# -- the ways to connect; the first one loads the library --

for (["redis://gateway\@$at $password", 0, 'a user'],
     ["redis://gateway\@localhost:" . $redis->port . " $password", 0, 'a name'],
     ["redis://gateway\@$at/3 $password", 3, 'another database'],
     ["redis://noload\@$at $password", 0, 'a user that may not load'])
{
    my ($args, $db, $name) = @$_;
    my $node = gateway($args);
    ok well($node), $name or diag $node->log;
    like keys_in($db), qr/^spocr:\{\}:l:default:3600000:k:key_alice /,
         'its keys are where they should be';
    ok all_ready($node), 'all workers';
    unlike $node->log, qr/\[error\]/, 'nothing to complain about';
}

$redis->do('CONFIG', 'SET', 'requirepass', 's3cret');
$redis->{o}{password} = 's3cret';
for (["redis://$at $password", 0, 'spocr:', 'the default user'],
     ['unix:' . $redis->path . " $password", 0, 'spocr:', 'a unix socket'],
     ['unix:' . $redis->path . ":2 $password", 2, 'spocr:', 'and a database'],
     ["redis://$at $password prefix=app1:", 0, 'app1:', 'a prefix'])
{
    my ($args, $db, $prefix, $name) = @$_;
    my $node = gateway($args);
    ok well($node), $name or diag $node->log;
    like keys_in($db), qr/^\Q$prefix\E\{\}:l:default:3600000:k:key_alice /,
         'its keys are where they should be';
}

SKIP: {
    skip 'no IPv6 here', 1
        if !IO::Socket::IP->new(PeerHost => '::1', PeerPort => $redis->port);
    ok well(gateway('redis://[::1]:' . $redis->port . " $password")), 'IPv6';
}

# what comes out only when the functions are there
complains("redis://notime\@$at $password",
          qr/it refuses spocr_v2_hello: ERR (?:The user|ACL failure)/,
          'no permission for what the functions call');
my $denied = complains("redis://nokeys\@$at $password", qr/NOPERM .*key/,
                       'no permission for the keys', call => 1);
is links($denied)->{closed}, 0, 'the link is good all the same';

# -- mended while it runs --

$redis->do(qw(ACL SETUSER nokeys ~spocr:*));
ok well($denied), 'the permission is given: well again';
$redis->do(qw(ACL SETUSER nofcall +fcall));
ok well($nofcall), 'another one';
ok $nofcall->wait_log(qr/\[notice\] .*spocr: Redis \Q$at\E is back/),
   'and says so';

# -- topologies and versions that no link can use --

my $replica = Spocr::Redis->new(replica_of => $redis, password => 's3cret');
complains('redis://127.0.0.1:' . $replica->port . " $password",
          qr/it is a replica/, 'a replica');

my $fake = Spocr::FakeRedis->new;
for ([HELLO => "*6\r\n+server\r\n+redis\r\n+version\r\n+6.2.14\r\n+role\r\n"
               . "+master\r\n",
      qr/its version is 6\.2\.14, and 7\.0 or newer is needed/, 'Redis 6'],
     [HELLO => "-ERR unknown command `HELLO`, with args beginning with: `2`, "
               . "`AUTH`, `gateway`, `s3cret`, \r\n",
      qr/it does not know HELLO, so its version is older than 6, and 7\.0 or /
      . qr/newer is needed/, 'Redis 5, which repeats the password'],
     [hello => "-LOADING Redis is loading the dataset in memory\r\n",
      qr/it refuses spocr_v2_hello: LOADING Redis is loading/, 'loading'],
     [hello => "*3\r\n%N:3\r\n:1\r\n",
      qr/its function library "spocr_v2" is not the gateway's/,
      'another library of that name'],
     [connect => "-ERR max number of clients reached\r\n",
      qr/it has too many clients/, 'too many clients'])
{
    my ($command, $say, $line, $name) = @$_;
    $fake->lie($command => { say => $say });
    my $node = complains("redis://gateway\@127.0.0.1:" . $fake->port
                         . " $password", $line, $name);
    $fake->honest;
    ok well($node), 'and well when that is over';
    $fake->cut;
}

# -- lost, and back at once --

my $node = gateway("redis://$at $password", more => 'worker_processes 1;');
ok all_ready($node, 1), 'ready';

# a link that was ready for a second is made again at once, not after a pause
my $best = 10;
for (1 .. 3) {
    sleep 1.1;
    my $n = links($node)->{connected};
    my $start = time;
    $redis->do(qw(CLIENT KILL TYPE normal SKIPME yes));
    wait_for(sub { links($node)->{connected} > $n });
    my $took = time - $start;
    $best = $took if $took < $best;
}
cmp_ok $best, '<', 0.19, 'after CLIENT KILL there is no pause';

# a library that goes is loaded again, by all at the same time
my $four = gateway("redis://$at $password", more => 'worker_processes 4;');
ok all_ready($four, 4), 'four workers';
$redis->do(qw(FUNCTION FLUSH));
ok wait_for(sub {
    my $status = $four->get('/status')->json;
    return source($four) eq 'redis' && $status->{redis_links}{closed} >= 1;
}), 'FUNCTION FLUSH: the library is there again';
is scalar @{ $redis->do(qw(FUNCTION LIST)) }, 1, 'once';

# -- the end of a worker is not delayed --

$fake->lie(HELLO => {});
my $hangs = gateway($fake->url . ' connect_timeout=60s');
ok wait_for(sub { $fake->seen->{lies} >= 2 }), 'a handshake that hangs';
my $start = time;
$hangs->stop;
cmp_ok time - $start, '<', 5, 'is not waited for';

# worker_shutdown_timeout also ends what waits for Redis
$fake->honest;
my $late = gateway($fake->url . ' timeout=50s',
                   more => 'worker_processes 1; worker_shutdown_timeout 1s;');
ok well($late), 'a patient gateway';
$fake->lie(limit => {});
my $c = $late->conn;
$c->send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
         . $t->key('alice') . "\r\n\r\n");
ok wait_for(sub { $fake->seen->{lies} }), 'a request that waits';
$start = time;
$late->stop;
cmp_ok time - $start, '<', 15, 'ends with worker_shutdown_timeout';

$_->check for @nodes;
$t->done;
