# spocr_idempotency_max_body that was lowered, or is lower on this node: what
# was stored before is replayed, and concerns nobody else.  C-22, C-30, C-34

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' }, bob => { uid => 'u_b' } });
$t->secret_file;

sub conf ($max) {
    return <<"EOC";
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:4m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        spocr_idempotency_max_body $max;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
}

sub post ($who, $key, $target = '/x?size=2000000') {
    my $r = $t->request(POST => $target, key => $t->key($who), body => 'a',
                        headers => ['Idempotency-Key' => $key]);
    return join ' ', $r->status, $r->header('X-Idempotent-Replay') // '-',
                     $r->status == 200 ? length $r->body : $r->code;
}

$t->start(conf('4m'));
$t->redis->linked(2);
is post('alice', 'long'), '200 - 2000000', 'an answer of 2 MB';
is post('alice', 'long'), '200 true 2000000', 'is replayed';

ok $t->reload(conf('100k')), 'with 100 KB at most';
$t->redis->linked(2);
for my $turn (1, 2) {
    is post('alice', 'long'), '200 true 2000000', 'what was stored before';
    like post('bob', "b-$turn", '/y'), qr/^200 - /, 'and another tenant';
}
is post('alice', 'new'), '200 - 2000000', 'a new one';
is post('alice', 'new'), '409 - idempotency_replay_unavailable',
   'is not stored';

$t->done;
