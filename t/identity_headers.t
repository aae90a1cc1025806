# What a backend learns about the client comes from the gateway alone.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(
    plans => { pro => {} },
    tenants => { u_acme => { plan => 'pro' } },
    keys => {
        alice => { uid => 'u_acme' },
        plain => { uid => 'u_plain' },
    });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    upstream backend {
        server %%BACKEND%%;
        keepalive 4;
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        underscores_in_headers on;
        spocr on;
        spocr_limit off;

        location / { proxy_pass http://%%BACKEND%%; }

        location /keepalive {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }

        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }

        location /covered {
            spocr off;
            spocr_request_id on;
            proxy_pass http://%%BACKEND%%;
        }

        location /buffered {
            proxy_request_buffering off;
            proxy_pass http://%%BACKEND%%;
        }

        location /any {
            satisfy any;
            allow all;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOF

my $key = $t->key('alice');

# The headers that a backend was sent whose names are like that.
sub sent ($r, $like) {
    my @headers = @{ $r->json->{headers} };
    return map { "$_->[0]: $_->[1]" } grep { $_->[0] =~ $like } @headers;
}

# C-12: what is set
for my $path ('/x', '/keepalive', '/buffered') {
    my $r = $t->get($path, key => $key);
    is join(' | ', sort(sent($r, qr/^x-/i))),
       'X-Request-Id: ' . $r->id . ' | X-Spocr-Key-Id: key_alice'
       . ' | X-Spocr-Plan: pro | X-Spocr-Uid: u_acme', "$path: identity";
    is join('|', sent($r, qr/^authorization$/i)), '',
       "$path: no Authorization";
}
my $plain = $t->get('/x', key => $t->key('plain'));
is join(' | ', sort(sent($plain, qr/^x-spocr/i))),
   'X-Spocr-Key-Id: key_plain | X-Spocr-Uid: u_plain',
   'no plan, no header for it';

# C-12: what is removed, on each kind of route
my @spoofs = map { ($_ => 'spoof') } qw(
    X-Spocr-Uid X-Spocr-Key-Id X-Spocr-Plan X-Spocr-Units X-Spocr-Signature
    X-Spocr-Anything X-Spocr- X-Spocr-A-B-C
    x-spocr-uid X-SPOCR-UID x-SpOcR-uId X-Spocr-uid X-Spocr-Uid
    X_Spocr_Uid X-Spocr_Uid X_Spocr-Key-Id x_spocr_plan X_SPOCR_UID
);
my $ours = 'X-Spocr-Key-Id: key_alice | X-Spocr-Plan: pro'
           . ' | X-Spocr-Uid: u_acme';

for my $case (['/x', $ours], ['/keepalive', $ours], ['/buffered', $ours],
              ['/any', $ours], ['/open', ''])
{
    my ($path, $expected) = @$case;
    my $r = $t->get($path, key => $key, headers => \@spoofs);
    is join(' | ', sort(sent($r, qr/^x[-_]spocr/i))), $expected,
       "$path: no spoofed header";
    unlike $r->body, qr/spoof/, "$path: not one of them";

    for my $i (0 .. @spoofs / 2 - 1) {
        my $one = $t->get($path, key => $key,
                          headers => [@spoofs[2 * $i, 2 * $i + 1]]);
        unlike $one->body, qr/spoof/, "$path: $spoofs[2 * $i] alone";
    }
}

is $t->get('/any', headers => \@spoofs)->body =~ /spoof|X-Spocr/, '',
   'let in by an address: no identity, no spoofed one';
is join('|', sent($t->get('/open', key => $key), qr/^authorization$/i)),
   "Authorization: Bearer $key", 'an open location keeps Authorization';

# many of them, in more than one part of nginx's list
my $many = $t->get('/x', key => $key, headers => [
    (map { ("X-Spocr-$_" => 'spoof', "X-Keep-$_" => $_) } 1 .. 60)]);
is scalar(sent($many, qr/^x-keep/i)), 60, 'sixty others are kept';
is join(' | ', sort(sent($many, qr/^x[-_]spocr/i))), $ours,
   'and sixty spoofed ones are not';

# C-12: a client cannot have them removed on the way
for my $connection ('X-Spocr-Uid', 'X-Spocr-Uid, X-Request-Id, close',
                    'keep-alive, x-spocr-key-id')
{
    my $r = $t->get('/x', key => $key, headers => [
        Connection => $connection, TE => 'trailers',
        'Keep-Alive' => 'X-Spocr-Uid']);
    is join(' | ', sort(sent($r, qr/^x[-_]spocr/i))), $ours,
       "Connection: $connection";
}

# C-12: HTTP/2
my $url = 'http://127.0.0.1:' . $t->port(2);
for my $case (['/x', $ours], ['/open', '']) {
    my ($path, $expected) = @$case;
    my $r = $t->curl('--http2-prior-knowledge', $url . $path,
        '-H', "authorization: Bearer $key", '-H', 'x-spocr-uid: spoof',
        '-H', 'x-spocr-plan: spoof', '-H', 'x_spocr_uid: spoof')->{r};
    is join(' | ', sort(sent($r, qr/^x[-_]spocr/i))), $expected,
       "HTTP/2 $path";
}

# C-12: what a backend says of itself stays inside
my $answer = join '&', map { "header=$_:inside" }
    qw(X-Spocr-Units X-Spocr-Uid x-spocr-any X-Idempotent-Replay
       X-Idempotent-Original-Request-Id x-idempotent-any X-Other);
for my $path ('/x', '/open', '/keepalive') {
    my $r = $t->get("$path?$answer", key => $key);
    is join(' ', map { $_->[0] } grep { $_->[1] eq 'inside' }
                 @{ $r->headers }), 'X-Other', "$path: answer's headers";
}
my $error = $t->get("/x?status=500&$answer", key => $key);
is join(' ', map { $_->[0] } grep { $_->[1] eq 'inside' }
             @{ $error->headers }), 'X-Other', 'with an error too';

my $covered = $t->get("/covered?$answer", key => $key,
                      headers => ['X-Spocr-Uid' => 'mine']);
is scalar(grep { $_->[1] eq 'inside' } @{ $covered->headers }), 7,
   'where spocr is off nothing is removed from answers';
is join('|', sent($covered, qr/^x-spocr/i)), 'X-Spocr-Uid: mine',
   'nor from requests';

# C-12: the body is the client's own
my $body = join '', map { chr($_ % 256) } 1 .. 70000;
my $posted = $t->post('/x', key => $key, body => $body);
is $posted->json->{body_length}, 70000, 'the body is passed on';
is $posted->json->{body_sha256}, Digest::SHA::sha256_hex($body), 'unchanged';

$t->done;
