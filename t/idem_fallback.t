# A location without idempotency whose backend fails, and an error_page that
# leads to one that has it: the request has run without a claim, and goes on
# so.  A location that only sends it on leaves the claim to the next.  C-22

use lib 't/lib';
use Spocr::Test;

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

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        add_header T-Status $spocr_idempotency_status always;

        location /fails {
            spocr_idempotency off;
            proxy_pass http://127.0.0.1:1;
            error_page 502 = @next;
        }
        location /sends {
            spocr_idempotency off;
            try_files /nothing @next;
        }
        location @next { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
$t->redis->linked(2);

sub post ($target, @headers) {
    my $r = $t->request(POST => $target, key => $t->key('alice'),
                        body => 'hello', headers => \@headers);
    return join ' ', $r->status, $r->header('X-Idempotent-Replay') // '-';
}

for my $turn (1, 2) {
    is post('/fails'), '200 -', 'a fallback';
    is post('/fails', 'Idempotency-Key' => 'k'), '200 -',
       'with a key: no claim';
}
is $t->backend->requests, 4, 'each was executed';

is post('/sends', 'Idempotency-Key' => 'k2'), '200 -', 'sent on';
is post('/sends', 'Idempotency-Key' => 'k2'), '200 true', 'and replayed';
is $t->backend->requests, 5, 'executed once';

$t->done;
