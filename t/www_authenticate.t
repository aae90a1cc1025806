# The challenge that goes with a 401, and with nothing else.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme', scopes => ['read'],
                                 limits => { key => 2 } } });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit window=3600s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /ocr { spocr_require_scope ocr;
                        proxy_pass http://%%BACKEND%%; }
        location /any { satisfy any; deny all;
                        proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $missing = 'Bearer realm="space-ocr"';
my $malformed = 'Bearer realm="space-ocr", error="invalid_token"';

# C-6
for my $case (
    ['no header', $missing],
    ['an empty header', $missing, Authorization => ''],
    ['another scheme', $malformed, Authorization => 'Basic x'],
    ['no prefix', $malformed, Authorization => 'Bearer x'],
    ['the scheme alone', $malformed, Authorization => 'Bearer'],
) {
    my ($name, $challenge, @headers) = @$case;
    for my $path ('/x', '/any') {
        my $r = $t->get($path, headers => \@headers);
        is $r->status, 401, "$name $path";
        is join('|', $r->all('WWW-Authenticate')), $challenge,
           "$name $path, the challenge";
    }
}

is $t->head('/x')->header('WWW-Authenticate'), $missing, 'HEAD';
my $h2 = $t->curl('--http2-prior-knowledge',
                  'http://127.0.0.1:' . $t->port(2) . '/x')->{r};
is $h2->header('WWW-Authenticate'), $missing, 'HTTP/2';

my $key = $t->key('alice');
is $t->get('/x', key => 'spocr_x')->header('WWW-Authenticate'), undef,
   'not with a 403';
is $t->get('/ocr', key => $key)->header('WWW-Authenticate'), undef,
   'not without the scope';
my @statuses = in_window(3600_000, sub {
    return map { $t->get('/x', key => $key) } 1 .. 3;
});
is join(' ', map { $_->status } @statuses), '200 200 429', 'two of three';
is join('', map { $_->header('WWW-Authenticate') // '' } @statuses), '',
   'neither with a 200 nor with a 429';

$t->done;
