# A client that has gone while its answer was kept back: what nginx finds out
# when it sends ends the request at once, however long the answer is.  C-28,
# C-29

use lib 't/lib';
use Spocr::Test;
use Socket qw(SOL_SOCKET SO_LINGER);

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file off;
    spocr_idempotency_max_body 100k;

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
my $open = $t->open_files;

my @kinds = (['stored', '/x?size=90000'], ['too large', '/x?size=1000000'],
             ['in chunks', '/x?size=1000000&chunked=1'],
             ['not buffered', '/unbuffered/x?size=1000000']);

for my $kind (@kinds) {
    my ($name, $target) = @$kind;

    for my $end (qw(reset close)) {
        my $before = $t->backend->requests;
        my @request = (POST => "$target&delay=0.2", key => $t->key('alice'),
                       body => 'a', headers => [
                           'Idempotency-Key' => "$name $end" =~ tr/ /-/r]);
        my $c = $t->conn;

        $c->send($c->build(@request));
        wait_for(sub { $t->backend->requests > $before });
        setsockopt $c->fh, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0
            if $end eq 'reset';
        $c->close;

        # less than send_timeout, which is a minute
        ok wait_for(sub { $t->open_files eq $open }, 8),
           "$name, $end: nothing is left of it";
        my $r = $t->request(@request);
        is $r->code || $r->header('X-Idempotent-Replay') || $r->status,
           $name eq 'stored' ? 'true' : 'idempotency_replay_unavailable',
           '  and its claim has ended';
    }
}
is $t->backend->requests, 2 * @kinds, 'each was executed once';

$t->done;
