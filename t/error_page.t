# An operator's own error pages stay what they are.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
$t->file('custom.html', "<h1>custom</h1>\n");
$t->file('custom.json', qq({"own":true}\n));

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    root %%DIR%%;
    types { text/html html; application/json json; }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;

        location / {
            proxy_pass http://%%BACKEND%%;
        }

        location /file/ {
            spocr_auth off;
            error_page 404 /custom.html;
        }
        location = /custom.html { internal; spocr_auth off; }
        location = /custom.json { internal; spocr_auth off; }

        location = /text { default_type text/plain; return 404 "a text"; }

        location = /empty { return 403 ""; }

        location /ok/ {
            spocr_auth off;
            error_page 404 =200 /custom.json;
        }

        location = /fallback {
            proxy_pass http://127.0.0.1:1;
            error_page 502 = @backend;
        }
        location @backend { proxy_pass http://%%BACKEND%%; }

        location = /same {
            proxy_pass http://127.0.0.1:1;
            error_page 502 @backend;
        }

        location = /said {
            proxy_pass http://127.0.0.1:1;
            error_page 502 /said-in-html;
        }
        location = /said-in-html {
            internal;
            spocr_auth off;
            default_type text/html;
            return 502 "<b>said</b>";
        }

        location /missing/ {
            spocr_auth off;
            error_page 404 /file-that-is-missing;
        }
        location = /file-that-is-missing { spocr_auth off; }

        location /intercept {
            proxy_pass http://%%BACKEND%%;
            proxy_intercept_errors on;
            error_page 404 /custom.html;
            error_page 500 /file-that-is-missing;
        }

        location = /login {
            proxy_pass http://%%BACKEND%%;
            error_page 401 /custom.html;
        }
    }
}
EOF

my $key = $t->key('alice');
my $page = "<h1>custom</h1>\n";

sub shows ($r, $status, $type, $body, $name) {
    is join('|', $r->status, $r->header('Content-Type'), $r->body),
       "$status|$type|$body", $name;
    like $r->id, $ID, "$name, with an id";                       # C-1
}

# C-35
shows $t->get('/file/none'), 404, 'text/html', $page, 'error_page, a file';
shows $t->get('/text'), 404, 'text/plain', 'a text', 'return with a text';
is_error $t->get('/empty'), 403, 'forbidden', 'return with an empty text';
shows $t->get('/ok/none'), 200, 'application/json', qq({"own":true}\n),
    'error_page with another status';

my $r = $t->get('/fallback', key => $key);
is $r->status, 200, 'error_page to a named location';
is $r->json->{target}, '/fallback', 'the backend answered';
my @sent = map { $_->[1] } grep { $_->[0] eq 'X-Request-Id' }
           @{ $r->json->{headers} };
is "@sent", $r->id, 'one id before and after the redirect';      # C-3

$r = $t->get('/same', key => $key);
is $r->status, 502, 'error_page that keeps the status';
is ref $r->json->{headers}, 'ARRAY', "the backend's own page is kept";

# pages that look most like nginx's own
shows $t->get('/same?type=text/html&body=theirs', key => $key), 502,
    'text/html', 'theirs', "the backend's own page in HTML";
shows $t->get('/said', key => $key), 502, 'text/html', '<b>said</b>',
    'a page in HTML that a return made';

shows $t->get('/intercept?status=404', key => $key), 404, 'text/html', $page,
    'an intercepted answer';

# JSON where the operator's page is not there
is_error $t->get('/missing/none'), 404, 'not_found', 'a page that is missing';
is_error $t->get('/intercept?status=500', key => $key),
    404, 'not_found', 'an intercepted answer whose page is missing';

# the gateway's own refusals can have a page as well
$r = $t->get('/login');
shows $r, 401, 'text/html', $page, 'a page for our 401';
like $r->header('WWW-Authenticate'), qr/^Bearer /,
    'the challenge stays';                                       # C-6

$t->done;
