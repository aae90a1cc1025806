# The front's HTTP: what is served where, and with which headers.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $dir = File::Temp->newdir;
my $stored = Spocr::Ocr->start('--data', "$dir/data");
my $plain = Spocr::Ocr->start;

sub is_error ($r, $status, $code, $what) {
    is "$r->{status} " . ($r->{json}{error}{code} // ''), "$status $code",
        $what;
    return $r;
}

# what a path has: Allow, and 405 for the rest
my %allow = (
    '/health' => 'GET, HEAD', '/openapi.json' => 'GET, HEAD',
    '/' => 'GET, HEAD', '/assets/page.js' => 'GET, HEAD',
    '/assets/page.css' => 'GET, HEAD', '/ocr/fields' => 'POST',
    '/upload' => 'POST', '/jobs/job_1' => 'GET, HEAD',
    '/images/x' => 'GET, HEAD', '/amount' => 'GET, HEAD',
    '/create' => 'POST', '/space' => 'GET, HEAD', '/edit' => 'POST',
    '/remove' => 'POST', '/view' => 'GET, HEAD',
    '/webhook' => 'GET, HEAD, PUT, DELETE', '/webhook/test' => 'POST',
    '/webhooks/deliveries' => 'GET, HEAD',
    '/webhooks/deliveries/dlv_1' => 'GET, HEAD',
    '/webhooks/deliveries/dlv_1/redeliver' => 'POST',
);

for my $path (sort keys %allow) {
    my $r = $stored->call('PATCH', "$path?x=1", '');
    is_error $r, 405, 'method_not_allowed', "PATCH $path";
    is $r->{headers}{allow}, $allow{$path}, "$path: Allow";
}

# without a store only these are there
for my $path (sort keys %allow) {
    my $open = $path =~ m{^/(?:health|openapi.json|assets/.*|ocr/fields)?$};
    my $r = $plain->call('PATCH', $path, '');
    is $r->{status}, $open ? 405 : 404, "$path without --data";
    like $r->{json}{error}{message}, qr/stores nothing.*--data/,
        "$path without --data: says why" unless $open;
}

# what is none
for my $path ('/nothing', '//', '/health/', '//health', '/jobs', '/jobs/',
              '/jobs/a/b', '/jobs/a/', '/images', '/Health', '/ocr',
              '/ocr/fields/x', '/assets/', '/assets/page.html',
              '/webhooks/deliveries/', '/webhooks/deliveries/a/b',
              '/webhooks/deliveries/a/redeliver/x', '/a/b/c/d/e/f/g/h',
              '/..', '/assets/../health', '/ocr%2Ffields', '/ocr%2ffields',
              '/jobs%2Fx', '/assets%2Fpage.js', '/health%3Fx', '/health;x') {
    is_error $stored->call('GET', $path), 404, 'not_found', "GET $path";
}

# an escaped slash stays in its segment; an escaped letter is that letter
is_error $stored->call('GET', '/jobs/a%2Fb'), 404, 'not_found', 'an id';
like $stored->log, qr{"path":"/jobs/\*"}, 'it was an id of a job';
is $stored->request('GET', '/%68ealth')->{status}, 200, '/%68ealth';
is_error $stored->call('GET', "/jobs/$_"), 400, 'bad_request', "/jobs/$_"
    for '%', '%4', '%zz', '%00', '%ff', '%C0%AF';
is_error $stored->call('GET', "/space?$_"), 400, 'bad_request', "/space?$_"
    for 'path=%', 'path=%00', '%ff=1', join '&', ('a=1') x 201;

# as many arguments as nginx lets through, and an answer like any other
{
    my $r = is_error $stored->call('GET', '/space?' . 'a&' x 4090), 400,
        'bad_request', '4,090 arguments';
    like $r->{json}{error}{message}, qr/more than 200 arguments/, 'say why';
    like $r->{json}{error}{requestId}, qr/^req_[0-9a-f]{32}$/, 'with an id';
    is_error $stored->call('GET', '/space?a=' . 'x' x 30_000), 400,
        'validation_failed', 'a query of 30 kB';
    is_error $stored->call('GET', '/nothing', undef, A => 'x' x 100_000), 404,
        'not_found', 'a header of 100 kB';
}

# nobody may ask, but for the open ones
for my $path (sort keys %allow) {
    my ($method) = $allow{$path} =~ /(\w+)/;
    my $open = $path =~ m{^/(?:health|openapi.json|assets/.*)?$};
    my $r = $stored->request($method, $path, {}, $method eq 'GET' ? undef
                                                                  : '{}');
    is $r->{status}, $open ? 200 : 403, "$method $path without identity";
}

# types of bodies
is_error $stored->call('POST', '/create', '{}', 'Content-Type' => $_), 415,
    'unsupported_media_type', "/create: $_"
    for 'text/plain', 'multipart/form-data; boundary=x', 'application/jsonx';
is_error $stored->call('POST', '/upload', '{}', 'Content-Type' => $_), 415,
    'unsupported_media_type', "/upload: $_"
    for 'application/json', 'multipart/mixed; boundary=x';

# sizes: a megabyte of JSON, also where it is not announced
my $long = '{"path":"' . 'x' x (1 << 20) . '"}';
is_error $stored->call('POST', '/create', $long), 413, 'payload_too_large',
    'a long body';
my $chunked = sprintf("%x\r\n%s\r\n0\r\n\r\n", length $long, $long);
is_error $stored->call('POST', '/create', $chunked, 'Content-Length' => undef,
    'Transfer-Encoding' => 'chunked'), 413, 'payload_too_large',
    'a long body in chunks';

# an Idempotency-Key is taken as the gateway sends it
my %sheet = (path => '', type => 'memo', text => '');
is $stored->call('POST', '/create', { %sheet, name => "m$_->[0]" },
                 'Idempotency-Key' => $_->[1])->{status}, 201,
    "Idempotency-Key: case $_->[0]"
    for [1, 'k'], [2, '"a\\"b,c"'], [3, 'x' x 255],
        [4, '"' . '\\"' x 255 . '"'];
is_error $stored->call('POST', '/create', { %sheet, name => 'n' },
                       'Idempotency-Key' => $_), 400, 'bad_request',
    'an Idempotency-Key that is none' for 'x' x 513, "\xe4", 'a b';

# headers of all answers
for ($stored->call('GET', '/space'), $stored->call('GET', '/nothing'),
     $stored->request('GET', '/health'), $stored->request('GET', '/')) {
    is $_->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff';
    is $_->{headers}{'cache-control'}, 'no-store', 'no-store';
    like $_->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, 'an id';
}

# the page
my %page = ('/' => 'text/html', '/assets/page.js' => 'text/javascript',
            '/assets/page.css' => 'text/css');
my %file = ('/' => 'index.html', '/assets/page.js' => 'page.js',
            '/assets/page.css' => 'page.css');
for my $path (sort keys %page) {
    my $r = $plain->request('GET', "$path?from=here");
    is $r->{headers}{'content-type'}, "$page{$path}; charset=utf-8",
        "$path: its type";
    is $r->{headers}{'content-security-policy'}, "default-src 'none';"
        . " script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
        . " connect-src 'self'; base-uri 'none'; form-action 'none';"
        . " frame-ancestors 'none'", "$path: its policy";
    is $r->{headers}{'referrer-policy'}, 'no-referrer', "$path: no referrer";
    ok $r->{body} eq Spocr::Ocr::slurp("backend/page/$file{$path}"),
        "$path: is the file";
    my $h = $plain->request('HEAD', $path);
    is $h->{body}, '', "HEAD $path: no body";
    is $h->{headers}{'content-length'}, length $r->{body},
        "HEAD $path: its length";
}
ok $plain->request('GET', '/openapi.json')->{body}
    eq Spocr::Ocr::slurp('conf.d/openapi.json'), '/openapi.json is the file';

is $_->stop, 0, 'ends well' for $stored, $plain;

done_testing;
