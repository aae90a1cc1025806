# satisfy any: what our step refuses, another module may let in.  Whether a
# refusal stands is known only when all have been asked; until then nothing of
# it may show (C-7, C-12, C-39).

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    good  => { uid => 'u_acme' },
    small => { uid => 'u_acme', scopes => ['read'] },
});
$t->file('page.html', "<h1>please log in</h1>\n");
mkdir $t->dir . '/empty' or die $!;

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    log_format s '$request_method $uri $status $spocr_auth_status '
                 '$spocr_error_code';
    access_log %%DIR%%/s.log s;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;

        # everybody is let in by the other module
        location /in/ { satisfy any; allow all; proxy_pass http://%%BACKEND%%; }

        # nobody is
        location /out/ {
            satisfy any; deny all;
            error_page 401 403 /page.html;
        }
        location /basic/ {
            satisfy any; auth_basic "b"; auth_basic_user_file /dev/null;
            proxy_pass http://%%BACKEND%%;
        }
        location = /page.html { spocr_auth off; root %%DIR%%; }

        # let in without the scope, then a 403 of nginx's own
        location /dir/ {
            satisfy any; allow all; spocr_require_scope upload;
            alias %%DIR%%/empty/;
        }

        # let in without the scope, and sent on to where none is wanted
        location /on/ {
            satisfy any; allow all; spocr_require_scope upload;
            root /nonexistent; try_files /none @free;
        }
        location @free { proxy_pass http://%%BACKEND%%; }

        # let in without a key, and sent on to where one is wanted
        location /round/ {
            satisfy any; allow all;
            root /nonexistent; try_files /none @gate;
        }
        location @gate { satisfy all; proxy_pass http://%%BACKEND%%; }

        location = /status { spocr_auth off; spocr_status json; }
    }
}
EOC

sub outcome { $t->get('/status')->json->{requests}{ $_[0] } }

my ($good, $small) = map { $t->key($_) } qw(good small);
my $r = $t->get('/in/x');
is $r->status, 200, 'let in without a key';
is $r->header('WWW-Authenticate'), undef, 'without a challenge';
is_deeply [grep { $_->[0] =~ /^(x-spocr-|authorization)/i }
           @{ $r->json->{headers} }],
    [], 'and without an identity';

$r = $t->get('/in/x', headers => [Authorization => 'Bearer spocr_unknown',
                                  'X-Spocr-Uid' => 'u_other']);
is $r->status, 200, 'let in with a bad key';
is_deeply [grep { $_->[0] =~ /^(x-spocr-|authorization)/i }
           @{ $r->json->{headers} }],
    [], 'which goes no further, nor does a uid of its own';      # C-12

is outcome('refused'), 0, 'nobody counts as refused';
is outcome('open'), 2 + 1, 'but as let in without a key';        # and /status

$r = $t->get('/out/x');
is $r->status, 401, 'nobody lets in';
like $r->body, qr/please log in/, "the operator's page is shown";
is scalar(grep { lc $_->[0] eq 'www-authenticate' } @{ $r->headers }), 1,
    'with one challenge';                                        # C-6
is outcome('refused'), 1, 'counted as refused';

# two refuse, with two codes: nginx prefers 401
is_error $t->get('/basic/x', headers => [Authorization => 'Bearer spocr_no']),
    401, 'unauthorized', 'refused by both';
is outcome('refused'), 2, 'counted as refused once more';

# what comes after has nothing to do with the scope that was lacking
is_error $t->get('/dir/', key => $small), 403, 'forbidden',
    "nginx's own 403 of who was let in";
is outcome('refused'), 2, 'is no refusal of ours';

$r = $t->get('/on/x', key => $small);
is $r->status, 200, 'sent on with a key';
my %sent = map { lc $_->[0] => $_->[1] } @{ $r->json->{headers} };
is $sent{'x-spocr-uid'}, 'u_acme', 'and its identity';           # C-12
is $sent{authorization}, undef, 'not with the key itself';

is_error $t->get('/round/x'), 401, 'unauthorized',
    'let in here is not let in there';

is $t->get('/round/x', key => $good)->status, 200, 'with a key it is';

my $log = $t->log('s.log');
like $log, qr{^GET /in/x 200 MISSING -$}m, 'no error code for who was let in';
unlike $t->log, qr/refused.*GET/, 'no request line in a refusal';
is scalar(() = $t->log =~ /refused: /g), 3, 'a line for each refusal';

$t->done;
