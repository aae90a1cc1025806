# Health: the worker serves; no backend is asked.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:64k;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location = /health { spocr_auth off; spocr_health; }
        location = /closed { spocr_health; }
    }
}
EOF

# contract, section 3
my $r = $t->get('/health');
is $r->status, 200, 'it serves';
is $r->body, qq({"status":"ok"}\n), 'the body';
is $r->header('Content-Type'), 'application/json', 'the type';
is $r->header('Cache-Control'), 'no-store', 'not to be kept';
is $r->header('Content-Length'), length $r->body, 'the length';
like $r->id, $ID, 'an id';                                       # C-1

my $head = $t->head('/health');
is $head->status, 200, 'HEAD';
is $head->header('Content-Length'), length $r->body, 'HEAD: the length';
is_error $t->post('/health', body => 'x' x 1000), 405, 'method_not_allowed',
    'POST';
is $t->post('/health')->header('Allow'), 'GET, HEAD', 'only these are taken';
is_error $t->get('/closed'), 401, 'unauthorized',
    'where a key is asked for it is asked for';
is $t->get('/closed', key => $t->key('alice'))->status, 200, 'with a key';
is $t->curl('--http2-prior-knowledge', 'http://127.0.0.1:' . $t->port(2)
            . '/health')->{r}->status, 200, 'HTTP/2';

my $c = $t->conn;
is $c->request(GET => '/health', body => 'x' x 100)->status, 200,
   'with a body';
is $c->request(GET => '/health')->status, 200, 'the connection is in step';

is scalar $t->backend->requests, 0, 'no backend was asked';

$t->done;
