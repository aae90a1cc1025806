# Clients that do not read their answers hold memory, and no more than
# spocr_idempotency_capture_limit of it, for answers as for replays; what one
# tenant's hold leaves room for the others'.  C-22, C-30, C-32

use lib 't/lib';
use Spocr::Test;
use feature 'state';
use Socket qw(SOL_SOCKET SO_RCVBUF);

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' }, bob => { uid => 'u_b' } });
$t->start(<<'EOC');
%%MAIN%%
worker_processes 1;
events { worker_connections 1024; }
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:4m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file off;
    spocr_idempotency_capture_limit 8m;

    server {
        listen 127.0.0.1:%%PORT_1%% sndbuf=16k;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;

        location / { proxy_pass http://%%BACKEND%%; }
        location /allow {
            spocr_idempotency_on_error allow;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC
$t->redis->linked(2);
my ($worker) = $t->workers;

sub memory () {
    open my $in, '<', "/proc/$worker/status" or die "status: $!\n";
    my ($kb) = join('', <$in>) =~ /^VmRSS:\s+(\d+)/m;
    return $kb;
}

sub request ($who, $key, $target) {
    return (POST => $target, key => $t->key($who), body => 'a',
            headers => ['Idempotency-Key' => $key]);
}

sub post (@request) {
    my $r = $t->request(request(@request));
    return join ' ', $r->status, $r->header('X-Idempotent-Replay') // '-',
                     $r->status == 200 ? length $r->body : $r->code;
}

# One that sends, and reads the head at most.
sub unread (@request) {
    my $c = $t->conn;
    setsockopt $c->fh, SOL_SOCKET, SO_RCVBUF, pack 'l', 4096;
    $c->send($c->build(request(@request)));
    return $c;
}

sub first_line ($c) {
    $c->_need(sub { $c->rest =~ /\r\n/ });
    return $c->rest =~ /^(HTTP\S+ \d+)/ ? $1 : $c->rest;
}

my $long = '/x?size=1000000';
my $backend = $t->backend;

# answers
my @held = map { unread('alice', "a-$_", $long) } 1 .. 8;
first_line($_) for @held;
is $backend->requests, 8, "alice's answers, which nobody reads";
is post('bob', 'b-1', $long), '200 - 1000000', "bob's";
is post('bob', 'b-1', $long), '200 true 1000000', 'is replayed';
$_->close for @held;
ok wait_for(sub {
    state $n = 0;
    $n++;
    return post('alice', "more-$n", $long) =~ /^200/
           && post('alice', "more-$n", $long) =~ /^200 true/;
}), 'and hers are, when they have gone';

# replays
my $many = 100;
my $before = memory();
@held = map { unread('bob', 'b-1', $long) } 1 .. $many;
my %n;
$n{ first_line($_) }++ for @held;
cmp_ok $n{'HTTP/1.1 200'} // 0, '>=', 4, 'replays, which nobody reads';
is +($n{'HTTP/1.1 200'} // 0) + ($n{'HTTP/1.1 503'} // 0), $many,
    'or a word that there are too many';
SKIP: {
    skip 'another allocator, as with make asan', 1 if !$t->{module};
    cmp_ok memory() - $before, '<', 40_000, 'in little memory';
}
like post('alice', 'new', $long), qr/^200 /, 'another tenant';

# it has run, so "allow" does not let it run again
is post('bob', 'b-2', '/allow?size=1000000'), '200 - 1000000',
    'with "allow"';
my $executed = $backend->requests;
is post('bob', 'b-2', '/allow?size=1000000'),
    '503 - service_unavailable', 'no replay for now';
is $backend->requests, $executed, 'and no second execution';
$_->close for @held;
ok wait_for(sub {
    return post('bob', 'b-2', '/allow?size=1000000') =~ /^200 true/;
}), 'but when they have gone';
is $backend->requests, $executed, 'executed once';

$t->done;
