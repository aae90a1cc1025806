# A request with an Idempotency-Key, sent again: the stored answer, to the
# byte, and the backend is asked once.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_a' }, alice2 => { uid => 'u_a' },
    bob => { uid => 'u_b' },
});
$t->secret_file;

$t->start(<<'EOC');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    log_format idem '$spocr_request_id $spocr_idempotency_status '
                    '$spocr_original_request_id';

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        access_log %%DIR%%/idem.log idem;
        client_body_buffer_size 8k;
        client_max_body_size 4m;

        location / { proxy_pass http://%%BACKEND%%; }
        location /gzip {
            gzip on;
            gzip_types *;
            gzip_min_length 1;
            gzip_proxied any;
            proxy_pass http://%%BACKEND%%;
        }
        location /required {
            spocr_idempotency required;
            proxy_pass http://%%BACKEND%%;
        }
        location /perkey {
            spocr_idempotency_scope key;
            proxy_pass http://%%BACKEND%%;
        }
        location /off {
            spocr_idempotency off;
            proxy_pass http://%%BACKEND%%;
        }
        location /store {
            spocr_idempotency_store_header X-Kept Content-Type;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC
$t->redis->linked(4);

sub executed { scalar(() = $t->backend->requests) }

sub once ($target, $key, %o) {
    my $name = delete $o{as} // 'alice';
    my $headers = delete $o{headers} // [];
    return $t->request(delete $o{method} // 'POST', $target,
                       key => $t->key($name),
                       headers => ['Idempotency-Key' => $key, @$headers],
                       body => 'hello', %o);
}

# C-22
my $first = once('/upload?header=Location:/jobs/1&header=ETag:%22e%22'
                 . '&header=Set-Cookie:a=b&header=X-Other:o', 'k-1');
is $first->status, 200, 'the first request';
is $first->header('X-Idempotent-Replay'), undef, 'is no replay';
is executed(), 1, 'the backend has it';

my $n = executed();
my $again = once('/upload?header=Location:/jobs/1&header=ETag:%22e%22'
                 . '&header=Set-Cookie:a=b&header=X-Other:o', 'k-1');
is $again->status, 200, 'the same again';
is $again->body, $first->body, 'the same bytes';
is $again->header('X-Idempotent-Replay'), 'true', 'a replay';
is $again->header('X-Idempotent-Original-Request-Id'), $first->id,
   'of the first request';
like $again->id, $ID, 'with an id';
isnt $again->id, $first->id, 'of its own';
is $again->header('Content-Type'), $first->header('Content-Type'),
   'Content-Type';
is $again->header('Location'), '/jobs/1', 'Location, as it was';
is $again->header('ETag'), '"e"', 'ETag';
is $first->header('Set-Cookie'), 'a=b', 'a cookie of the first answer';
is $again->header('Set-Cookie'), undef, 'is not replayed';         # C-33
is $again->header('X-Other'), undef, 'nor is what is not on the list';
is executed(), $n, 'the backend was not asked';

# C-23: bare or as a string, it is the same key
is once('/upload?header=Location:/jobs/1&header=ETag:%22e%22'
        . '&header=Set-Cookie:a=b&header=X-Other:o', '"k-1"')->body,
   $first->body, 'quoted, it is the same key';
my ($sent) = grep { $_->[0] eq 'Idempotency-Key' }
             @{ ($t->backend->requests)[0]{headers} };
is $sent->[1], 'k-1', 'forwarded in canonical form';
my ($attempt) = grep { $_->[0] eq 'X-Idempotency-Attempt' }
                @{ ($t->backend->requests)[0]{headers} };
is $attempt->[1], 1, 'with the number of the attempt';

# C-23: what is no key
for (['', 'empty'], ['a b', 'a space'], ['"a', 'no end'], ['a"b', 'a quote'],
     ['x' x 256, 'too long'], ["\xc3\xa4", 'not ASCII'], ["a\x01", 'a control'],
     ['""', 'an empty string'], ['"a\q"', 'an escape that is none'])
{
    my $before = executed();
    is_error once('/upload', $_->[0]), 400, 'invalid_idempotency_key',
             $_->[1];
    is executed(), $before, '  and nothing runs';
}
is_error $t->post('/upload', key => $t->key('alice'), body => '',
                  headers => ['Idempotency-Key' => 'a',
                              'idempotency-key' => 'a']),
         400, 'invalid_idempotency_key', 'two headers';
is_error $t->post('/required', key => $t->key('alice'), body => ''),
         400, 'idempotency_key_required', 'none where one is required';
is $t->post('/upload', key => $t->key('alice'), body => '')->status, 200,
   'none where none is required';

# other methods: forwarded and nothing else
my $get = once('/x', 'k-get', method => 'GET', body => undef);
is $get->status, 200, 'GET';
is once('/x', 'k-get', method => 'GET', body => undef)
       ->header('X-Idempotent-Replay'), undef, 'is not replayed';
is scalar(grep { $_->[0] eq 'Idempotency-Key' && $_->[1] eq 'k-get' }
          @{ ($t->backend->requests)[-1]{headers} }), 1,
   'but its key goes on';
once('/x', 'k-patch', method => 'PATCH');
is once('/x', 'k-patch', method => 'PATCH')->header('X-Idempotent-Replay'),
   'true', 'PATCH is';
is once('/off', 'k-off')->status, 200, 'off';
is once('/off', 'k-off')->header('X-Idempotent-Replay'), undef,
   'is off';

# C-24: another tenant's, another key of the same tenant
my $mine = once('/upload', 'k-2');
my $bob = once('/upload', 'k-2', as => 'bob');
is $bob->header('X-Idempotent-Replay'), undef, 'another tenant has its own';
isnt $bob->body, $mine->body, 'and sees nothing of the first one\'s';
is once('/upload', 'k-2', as => 'alice2')->body, $mine->body,
   'another key of the tenant gets the tenant\'s';
my $own = once('/perkey', 'k-3');
is once('/perkey', 'k-3', as => 'alice2')->header('X-Idempotent-Replay'),
   undef, 'unless the scope is the key';
is once('/perkey', 'k-3')->header('X-Idempotent-Replay'), 'true',
   'whose own it is';

# C-25
$n = executed();
once('/upload', 'k-4');
for (['another body', body => 'hellp'], ['a longer one', body => 'hello '],
     ['another media type', headers => ['Content-Type' => 'text/x']],
     ['another method', method => 'PATCH'])
{
    my ($what, %o) = @$_;
    is_error once('/upload', 'k-4', %o), 422, 'idempotency_key_reused', $what;
}
is_error once('/create', 'k-4'), 422, 'idempotency_key_reused',
         'another path';
is_error once('/upload?x', 'k-4'), 422, 'idempotency_key_reused',
         'another query';
is executed(), $n + 1, 'none of them ran';

for my $size (0, 1, 8191, 8192, 8193, 100_000, 3_000_000) {
    my $body = 'a' x $size;
    my $r = once('/upload', "size-$size", body => $body);
    is $r->status, 200, "$size bytes";
    is $r->json->{body_length}, $size, '  all of them';
    is once('/upload', "size-$size", body => $body, chunked => 1)->body,
       $r->body, '  replayed, in chunks';
    next if !$size;
    substr($body, -1) = 'b';
    is_error once('/upload', "size-$size", body => $body), 422,
             'idempotency_key_reused', '  the last byte counts';
}

# multipart: the boundary is new, and nothing else
sub multipart ($boundary, @parts) {
    return join('', map { "--$boundary\r\n$_\r\n" } @parts)
           . "--$boundary--\r\n";
}
my @type = ('Content-Type' => 'multipart/form-data; boundary=');
my $part = "Content-Disposition: form-data; name=\"f\"\r\n\r\nbytes";
my $m = once('/upload', 'mp', body => multipart('AAA', $part),
             headers => [$type[0], "$type[1]AAA"]);
is once('/upload', 'mp', body => multipart('xyz-2', $part),
        headers => [$type[0], "$type[1]\"xyz-2\""])->body, $m->body,
   'another boundary is the same request';
is_error once('/upload', 'mp', body => multipart('AAA', $part, $part),
              headers => [$type[0], "$type[1]AAA"]), 422,
         'idempotency_key_reused', 'another part is not';

# gzip is nginx' own, of the first answer and of the replay
for (1, 2) {
    my $r = once('/gzip', 'gz', headers => ['Accept-Encoding' => 'gzip']);
    is $r->header('Content-Encoding'), 'gzip', "gzip, $_";
}
ok !grep({ lc $_->[0] eq 'accept-encoding' }
         @{ ($t->backend->requests)[-1]{headers} }),
   'the backend is not asked for it';
is once('/gzip', 'gz')->header('Content-Encoding'), undef,
   'who does not ask gets none';
is once('/gzip', 'gz')->json->{method}, 'POST', 'but the same answer';

# C-33: headers to store
once('/store?header=X-Kept:yes&header=Location:/n', 'st');
my $kept = once('/store?header=X-Kept:yes&header=Location:/n', 'st');
is $kept->header('X-Kept'), 'yes', 'a header that was named';
is $kept->header('Location'), undef, 'one that was not';

# statuses
for my $status (201, 202, 204, 303) {
    my $r = once("/s?status=$status", "st-$status");
    is $r->status, $status, "status $status";
    my $again = once("/s?status=$status", "st-$status");
    is $again->status, $status, '  replayed';
    is $again->header('X-Idempotent-Replay'), 'true', '  as one';
    is $again->body, $r->body, '  with its body';
}

# a large answer in pieces, and none
my $big = once('/b?size=700000&chunked=1', 'big');
is length $big->body, 700_000, 'a large one';
is once('/b?size=700000&chunked=1', 'big')->body, $big->body, '  replayed';
is once('/b?body=', 'none')->body, '', 'an empty one';
is once('/b?body=', 'none')->header('X-Idempotent-Replay'), 'true',
   '  replayed';

# over HTTP/1.0, and with the connection kept
is once('/upload', 'k-4', version => '1.0')->header('X-Idempotent-Replay'),
   'true', 'HTTP/1.0';
my $c = $t->conn;
my @r = map { $c->request(POST => '/upload', key => $t->key('alice'),
                          headers => ['Idempotency-Key' => 'k-4'],
                          body => 'hello') } 1 .. 3;
is join(' ', map { $_->header('X-Idempotent-Replay') } @r), 'true true true',
   'three on one connection';

like $t->log('idem.log'), qr/ NEW -?$/m, '$spocr_idempotency_status';
like $t->log('idem.log'),
     qr/^\Q@{[$again->id]}\E REPLAY \Q@{[$first->id]}\E$/m,
     'and $spocr_original_request_id';

# what Redis holds: names without keys, all of which expire
for my $name (@{ $t->redis->do('KEYS', '*') }) {
    ok $t->redis->do('PTTL', $name) > 0, 'expires'
        or diag $name;
    last if $name !~ /:i:/;
}
is scalar(grep { !/^spocr:\{[0-9a-f]{16}\}:(?:i:[0-9a-f]{64}|b)$/ }
          @{ $t->redis->do('KEYS', '*') }), 0, 'only digests';

# C-22: the backend is down, the replay is not
$t->backend->stop;
is once('/upload', 'k-4')->header('X-Idempotent-Replay'), 'true',
   'a replay without a backend';
is once('/upload', 'k-new')->status, 502, 'a new request without one';
$t->allow(qr/connect\(\) to unix/);

$t->done;
