# Sixty requests a minute for a key, then 429 with the seconds to wait.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    (map { ("k$_" => { uid => "u_$_" }) } 1 .. 9),
});

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;

        location / { proxy_pass http://%%BACKEND%%; }
        location /other { proxy_pass http://%%BACKEND%%; }
        location /few {
            spocr_limit name=few key=3 window=3600s;
            proxy_pass http://%%BACKEND%%;
        }
        location /free { spocr_limit off; proxy_pass http://%%BACKEND%%; }
    }
}
EOF

# Sends n requests over one connection: the answers.
sub many ($n, $target, @args) {
    my $c = $t->conn;
    return map { $c->request(GET => $target, @args) } 1 .. $n;
}

sub count (@r) {
    my %n;
    $n{ $_->status }++ for @r;
    return join ' ', map { "$_:$n{$_}" } sort keys %n;
}

# C-13
my @r = in_window(60_000, sub {
    return many(70, '/x', key => $t->key('k1'));
});
is count(@r), '200:60 429:10', 'sixty of seventy';
is join('', map { $_->status == 200 ? 'y' : 'n' } @r),
   'y' x 60 . 'n' x 10, 'the first sixty';

my $r = $r[60];
my $id = $r->id;
like $r->body, qr/^\{"error":\{"code":"rate_limited",
    "message":"Rate\ limit\ exceeded","requestId":"\Q$id\E"\},
    "details":\{"retryAfterSec":[1-9][0-9]?\}\}$/x, 'the body, to the byte';
is_error $r, 429, 'rate_limited', 'the same as any other error',
    message => 'Rate limit exceeded', details => $r->json->{details};

# C-14
for my $n (60 .. 69) {
    my $seconds = $r[$n]->json->{details}{retryAfterSec};
    ok $seconds >= 1 && $seconds <= 60, "retryAfterSec $seconds"
        if $n % 3 == 0;
}
is scalar(grep { defined $_->header('Retry-After') } @r), 0,
   'no Retry-After at all';
is scalar(grep { /^(?:x-)?ratelimit/i } map { $_->[0] }
          map { @{ $_->headers } } @r), 0,
   'no other limit header unless it is asked for';

# C-13: one count for all locations, and each key has its own
@r = in_window(60_000, sub {
    return many(40, '/x', key => $t->key('k2')),
           many(40, '/other', key => $t->key('k2')),
           many(5, '/x', key => $t->key('k3')),
           many(5, '/free', key => $t->key('k2'));
});
is count(@r[0 .. 39]), '200:40', 'forty here';
is count(@r[40 .. 79]), '200:20 429:20', 'and twenty there';
is count(@r[80 .. 84]), '200:5', 'another key is not concerned';
is count(@r[85 .. 89]), '200:5', 'spocr_limit off';

# nothing that a client says about itself changes whose limit it is
@r = in_window(60_000, sub {
    my $c = $t->conn;
    return map {
        $c->request(GET => '/x', key => $t->key('k4'), headers => [
            'X-Forwarded-For' => "10.0.0.$_", 'X-Real-IP' => "10.0.0.$_",
            'X-Spocr-Uid' => "u_$_", 'X-Spocr-Key-Id' => "key_$_",
            'User-Agent' => "agent $_"])
    } 1 .. 70;
});
is count(@r), '200:60 429:10', 'other addresses, the same limit';

# the first directive wins over the default of 60
@r = in_window(3600_000, sub { many(5, '/few', key => $t->key('k5')) });
is count(@r), '200:3 429:2', 'key=3';
cmp_ok $r[4]->json->{details}{retryAfterSec}, '<=', 3600, 'of an hour';

# every method and every connection counts
@r = in_window(3600_000, sub {
    return map { $t->request($_ => '/few', key => $t->key('k6')) }
               qw(GET POST PUT DELETE);
});
is count(@r), '200:3 429:1', 'four methods';

# the refusal says nothing about the backend, and costs it nothing
my $before = $t->backend->requests;
in_window(3600_000, sub { many(5, '/few', key => $t->key('k6')) });
is scalar $t->backend->requests, $before, 'a refused request is not sent';

my $c = $t->conn;
my $head = $c->request(HEAD => '/few', key => $t->key('k6'));
is $head->status, 429, 'HEAD';
is $c->request(GET => '/free', key => $t->key('k6'))->status, 200,
   'the connection is in step after it';

# HTTP/2
my $url = 'http://127.0.0.1:' . $t->port(2) . '/few';
my @h2 = map {
    $t->curl('--http2-prior-knowledge', '-H',
             'Authorization: Bearer ' . $t->key('k7'), $url)->{r}
} 1 .. 4;
is count(@h2), '200:3 429:1', 'HTTP/2';
is_error $h2[3], 429, 'rate_limited', 'HTTP/2, the body',
    details => $h2[3]->json->{details};

$t->done;
