# The header filter may see an answer twice (nginx refuses a range behind it),
# or that of a location which was not asked (an error_page).

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { good => { uid => 'u_acme' } });
$t->file('small.txt', "small\n");
$t->file('page.html', "<h1>page</h1>\n");

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    map $http_origin $cors { default ""; "https://app.example" $http_origin; }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_cors_origin $cors;
        spocr_limit_headers legacy;
        root %%DIR%%;

        location / { }
        location /cors/ { proxy_pass http://%%BACKEND%%; }
        location /away/ { error_page 404 /elsewhere.html; }
        location = /elsewhere.html { spocr off; alias %%DIR%%/page.html; }
        location = /status { spocr_auth off; spocr_status json; }
        location /post/ { spocr_methods POST; error_page 405 /page.html; }
        location = /page.html { spocr_auth off; spocr_methods GET; }
    }
}
EOC

my $key = $t->key('good');
my $r = $t->get('/small.txt', key => $key, headers => [
    Range => 'bytes=100-', Origin => 'https://app.example' ]);

is $r->status, 416, 'a range that does not exist';
# C-1, C-40
is scalar(() = $r->all($_)), 1, "$_ once"
    for qw(X-Request-Id Vary Access-Control-Allow-Origin
           Access-Control-Expose-Headers X-RateLimit-Remaining);

$r = $t->get('/post/x', key => $key);
is $r->status, 405, 'a method that the location does not take';
like $r->body, qr/page/, "the operator's page";
is $r->header('Allow'), 'POST', 'allows what the location takes, not the page';

# C-40: the backend has no say in what scripts may read
my $theirs = '/cors/x?h=Access-Control-Allow-Origin:*'
           . '&h=Access-Control-Allow-Credentials:true';
for my $origin ('https://app.example', 'https://evil.example') {
    $r = $t->get($theirs, key => $key, headers => [Origin => $origin]);
    is join(' ', $r->all('Access-Control-Allow-Origin')),
        $origin =~ /app/ ? $origin : '', "origin $origin";
    is $r->header('Access-Control-Allow-Credentials'), undef,
        'and no credentials';
}

# C-1: an id that was promised stays, also where the answer's location is off
$r = $t->get('/away/none', key => $key);
is $r->status, 404, 'a page from a location that is off';
like $r->body, qr/page/, 'is shown';
is scalar(() = $r->all('X-Request-Id')), 1, 'with its id';
my $status = $t->get('/status')->json;
is $status->{requests}{not_gated}, 0, 'and is counted';
is $status->{requests}{allowed}, 4, 'as what it was';

$t->done;
