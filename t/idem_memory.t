# Memory: an answer that is too long to keep passes through, and all that are
# kept at once have a limit.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    spocr_idempotency_capture_limit 4m;
    spocr_idempotency_budget 0;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /unbuffered {
            proxy_buffering off;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC
$t->redis->linked(2);

my ($worker) = $t->workers;
sub peak {
    open my $in, '<', "/proc/$worker/status" or die "status: $!\n";
    my ($kb) = join('', <$in>) =~ /^VmHWM:\s+(\d+)/m;
    return $kb;
}
sub request ($target, $key) {
    return Spocr::Conn->build(POST => $target, key => $t->key('alice'),
                              body => 'x',
                              headers => ['Idempotency-Key' => $key]);
}
sub ask ($target, $key) {
    my $c = $t->conn;
    $c->send(request($target, $key));
    return $c->response;
}

# C-30; another allocator, as with make asan, takes more
ask('/x?size=100', 'warm');
for my $path ('/x', '/unbuffered') {
    for my $how ('', '&chunked=1') {
        ask("$path?size=3000000$how", "warm$path$how");
        my $before = peak();
        my $r = ask("$path?size=100000000$how", "big$path$how");
        is length $r->body, 100_000_000, "$path$how: 100 MB, all of it";
        cmp_ok peak() - $before, '<', $t->{module} ? 2048 : 8192,
               '  in less than 2 MB more';
        is ask("$path?size=100000000$how", "big$path$how")->code,
           'idempotency_replay_unavailable', '  not to be replayed';
    }
}

# more at once than there is room for
my @conns = map { $t->conn } 1 .. 24;
my $before = peak();
$conns[$_]->send(request("/x?size=900000&n=$_", "many-$_"))
    for 0 .. $#conns;
my @r = map { $_->response } @conns;
is scalar(grep { $_->status == 200 && length $_->body == 900_000 } @r),
   scalar @conns, 'many at once: each is delivered whole';
my %n;
for my $i (0 .. $#conns) {
    my $r = ask("/x?size=900000&n=$i", "many-$i");
    $n{ $r->header('X-Idempotent-Replay') ? 'replay' : $r->code }++;
}
is join(' ', sort keys %n), 'idempotency_replay_unavailable replay',
   'some are replayed, the others were too many';

# nothing is left behind: there is room for others
for my $i (1 .. 12) {
    ask("/x?size=900000&m=$i", "later-$i");
    $n{later}++ if ask("/x?size=900000&m=$i", "later-$i")
                       ->header('X-Idempotent-Replay');
}
is $n{later}, 12, 'and those that come later are';

$t->done;
