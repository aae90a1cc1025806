# What of a configuration has no effect, or the wrong one, is said by
# nginx -t; what was said above can be taken back (contract, section 3).

use lib 't/lib';
use POSIX qw(mkfifo);
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { good => { uid => 'u_acme', scopes => ['read'] } });
mkfifo($t->dir . '/fifo', 0600) or die $!;

sub conf {
    my ($server, $http) = @_;

    $http //= 'spocr_keys file=%%DIR%%/keys.json; spocr_zone zone=z:1m;';
    return <<"EOC";
%%MAIN%%
events {}
http {
    %%HTTP%%
    $http
    server {
        listen 127.0.0.1:%%PORT_1%%;
        $server
    }
}
EOC
}

sub says {
    my ($exit, $re, $name, @conf) = @_;
    my ($code, $text) = $t->config_test(conf(@conf));
    is $code, $exit, "$name: " . ($exit ? 'refused' : 'accepted');
    like $text, $re, "$name: said";
}

for my $directive ('spocr_auth on', 'spocr_require_scope ocr',
                   'spocr_methods POST', 'spocr_limit key=5')
{
    my ($name) = split ' ', $directive;
    says 0, qr{\[warn\]\ "$name"\ has\ no\ effect\ in\ location\ "/x",\ where
               \ "spocr"\ is\ off,\ of\ the\ server\ in\ \S+test\.conf:\d+}x,
        $directive, "location /x { $directive; return 204; }";
}

my ($code, $text) = $t->config_test(conf(
    'spocr_limit key=5; location /x { spocr on; return 204; }'));
unlike $text, qr/warn/, "a server's limit for its locations is no mistake";

for my $twice ('key=5 key=7', 'uid=5 uid=7', 'name=a name=b',
               'window=2s window=3s')
{
    my ($last) = $twice =~ /(\S+)$/;
    says 1, qr/\[emerg\] duplicate parameter "\Q$last\E" in \S+:\d+/,
        "spocr_limit $twice", "spocr_limit $twice;";
}

says 1, qr{\[emerg\] location "/s" has another content handler than the page},
    'a page and a proxy', 'location /s { spocr_health; '
                        . 'proxy_pass http://127.0.0.1:9; }';

says 1, qr/\[emerg\] spocr_keys "\S+fifo" is not a file/,
    'a pipe for a key file, without waiting', 'spocr on;',
    'spocr_keys file=%%DIR%%/fifo; spocr_zone zone=z:1m;';

says 0, qr/\[warn\] error_log "\S+server\.log" is below notice/,
    "the server's log, with which headers are read",
    'error_log %%DIR%%/server.log debug; location / { '
  . 'error_log %%DIR%%/location.log notice; spocr on; return 204; }';

# what a server demands, a location can do without
$t->start(conf(<<'EOC'));
    spocr on;
    spocr_require_scope upload;
    spocr_methods POST;
    root %%DIR%%;

    location /scope/ { spocr_require_scope off; proxy_pass http://%%BACKEND%%; }
    location /both/  { spocr_require_scope off; spocr_methods off;
                       proxy_pass http://%%BACKEND%%; }
EOC

my $key = $t->key('good');
is_error $t->get('/keys.json', key => $key), 403, 'insufficient_scope',
    'both are demanded';
is_error $t->get('/scope/x', key => $key), 405, 'method_not_allowed',
    'the method only';
is $t->get('/both/x', key => $key)->status, 200, 'neither';

# C-1: an interim answer of a backend is not the answer; nginx before 1.29 knows
# none, and takes it for what cannot be
my $r = $t->get('/both/x?raw=' . join('', map { sprintf '%%%02X', ord }
    split //, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            . "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), key => $key);
SKIP: {
    skip 'this nginx passes it by', 1 if $r->status == 200 && $r->body eq 'ok';
    is_error $r, 502, 'bad_gateway', 'an interim answer of a backend';
}
is scalar $r->all('X-Request-Id'), 1, 'and one id';

$t->done;
