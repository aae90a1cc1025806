# Other methods get 405 and are told which there are; a key is asked for first.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' },
                      few => { uid => 'u_few', limits => { key => 2 } } });

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
        spocr_methods GET POST;

        location / { proxy_pass http://%%BACKEND%%; }
        location /post { spocr_methods POST; proxy_pass http://%%BACKEND%%; }
        location /get { spocr_methods GET; proxy_pass http://%%BACKEND%%; }
        location /put { spocr_methods PUT DELETE;
                        proxy_pass http://%%BACKEND%%; }
        location /limited {
            spocr_methods GET;
            spocr_limit name=few key=2 window=3600s;
            proxy_pass http://%%BACKEND%%;
        }
        location /open { spocr_auth off; spocr_methods GET;
                         proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $alice = $t->key('alice');

# contract, section 1: allowed, or 405 with the list
for my $case (
    ['/x', 'GET POST HEAD', 'GET, HEAD, POST'],
    ['/post', 'POST', 'POST'],
    ['/get', 'GET HEAD', 'GET, HEAD'],
    ['/put', 'PUT DELETE', 'DELETE, PUT'],
    ['/open', 'GET HEAD', 'GET, HEAD'],
) {
    my ($target, $allowed, $list) = @$case;
    my %allowed = map { $_ => 1 } split / /, $allowed;

    for my $method (qw(GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND
                       MKCOL COPY UNLOCK FOO))
    {
        my $r = $t->request($method => $target, key => $alice);
        if ($allowed{$method}) {
            is $r->status, 200, "$method $target";
            next;
        }
        is $r->status, 405, "$method $target";
        is join(', ', sort split /, /, $r->header('Allow')), $list,
           "$method $target: Allow";
        is_error $r, 405, 'method_not_allowed', "$method $target: the body"
            if $method ne 'HEAD';
    }
}

is scalar(grep { $_->{target} eq '/post' && $_->{method} ne 'POST' }
          $t->backend->requests), 0, 'no other method was executed';

# an override is a header like any other
my $r = $t->get('/get', key => $alice, headers => [
    'X-HTTP-Method-Override' => 'DELETE', 'X-HTTP-Method' => 'DELETE']);
is $r->json->{method}, 'GET', 'a header does not change the method';

# after the key, and after the limit
is_error $t->request(DELETE => '/get'), 401, 'unauthorized', 'no key';
is_error $t->request(DELETE => '/get', key => 'spocr_x'), 403, 'forbidden',
    'an unknown key';
is $t->request(DELETE => '/get')->header('Allow'), undef,
   'who has no key learns nothing';
my @statuses = in_window(3600_000, sub {
    return map { $t->request(DELETE => '/limited', key => $t->key('few'))
                   ->status } 1 .. 3;
});
is "@statuses", '405 405 429', 'a 405 counts, and the limit comes first';

my $h2 = $t->curl('--http2-prior-knowledge', '-X', 'DELETE', '-H',
    "Authorization: Bearer $alice", 'http://127.0.0.1:' . $t->port(2)
    . '/get')->{r};
is_error $h2, 405, 'method_not_allowed', 'HTTP/2';
is $h2->header('Allow'), 'GET, HEAD', 'HTTP/2: Allow';

$t->done;
