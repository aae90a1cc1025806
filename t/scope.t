# A key must have the scope that the location asks for.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    all => { uid => 'u_a' },
    none => { uid => 'u_b', scopes => [] },
    ocr => { uid => 'u_c', scopes => ['ocr'] },
    few => { uid => 'u_g', scopes => ['ocr'], limits => { key => 3 } },
    read => { uid => 'u_d', scopes => ['read', 'upload'] },
    near => { uid => 'u_e', scopes => ['oc', 'ocrx', 'OCR', 'x.ocr'] },
    revoked => { uid => 'u_f', scopes => ['read'], status => 'revoked' },
});

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format auth '$spocr_request_id $spocr_auth_status $spocr_key_id';
    access_log %%DIR%%/auth.log auth;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=3600s;
        spocr_require_scope ocr;

        location / { proxy_pass http://%%BACKEND%%; }
        location /read { spocr_require_scope read;
                         proxy_pass http://%%BACKEND%%; }
        location /rare { spocr_require_scope nobody-has-it;
                         proxy_pass http://%%BACKEND%%; }
    }
}
EOF

# C-7
for my $case (
    ['/x', all => 200], ['/x', none => 403], ['/x', ocr => 200],
    ['/x', read => 403], ['/x', near => 403],
    ['/read', all => 200], ['/read', none => 403], ['/read', ocr => 403],
    ['/read', read => 200],
    ['/rare', all => 200], ['/rare', none => 403], ['/rare', ocr => 403],
) {
    my ($path, $name, $status) = @$case;
    my $r = $t->get($path, key => $t->key($name));
    is $r->status, $status, "$path with the key '$name': $status";
    is_error $r, 403, 'insufficient_scope', "$path with '$name', the body"
        if $status == 403;
}

is_error $t->get('/x', key => $t->key('revoked')), 403, 'forbidden',
    'a revoked key is not asked for its scopes';

my $r = $t->get('/read', key => $t->key('ocr'));
ok $t->wait_log(qr/^\Q@{[$r->id]}\E SCOPE key_ocr$/m, 'auth.log'),
   'the log says SCOPE, and whose key it was';

# C-17: what is refused for its scope does not count
my @statuses = in_window(3600_000, sub {
    $t->get('/read', key => $t->key('few')) for 1 .. 10;
    return map { $t->get('/x', key => $t->key('few'))->status } 1 .. 4;
});
is "@statuses", '200 200 200 429', 'ten refusals took nothing of the limit';

$t->done;
