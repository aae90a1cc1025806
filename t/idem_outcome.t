# What became of a request decides what a repeat gets: the answer, another
# try, or the news that it is not known.

use lib 't/lib';
use Spocr::Test;
use Spocr::Port;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;
my $nobody = Spocr::Port->new;
my $nobody_port = $nobody->number;

my $conf = <<"EOC";
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    spocr_idempotency_max_body 100k;
    spocr_idempotency_lease 2s;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        proxy_read_timeout 1s;
        error_page 418 = /teapot;

        location / { proxy_pass http://%%BACKEND%%; }
        location /retry {
            spocr_idempotency_on_unknown retry;
            proxy_pass http://%%BACKEND%%;
        }
        location /long {
            proxy_read_timeout 30s;
            proxy_pass http://%%BACKEND%%;
        }
        location /wait {
            proxy_read_timeout 30s;
            spocr_idempotency_wait 30s;
            proxy_pass http://%%BACKEND%%;
        }
        location /unbuffered {
            proxy_buffering off;
            proxy_pass http://%%BACKEND%%;
        }
        location /intercepted {
            proxy_intercept_errors on;
            error_page 404 502 503 504 /teapot;
            proxy_pass http://%%BACKEND%%;
        }
        location /nobody { proxy_pass http://127.0.0.1:$nobody_port; }
        location = /teapot {
            internal;
            root %%DIR%%;
            try_files /keys.json =404;
        }
    }
}
EOC
$t->start($conf);
$t->redis->linked(2);
$t->allow(qr/upstream/);

# C-31
like $t->log, qr/\[notice\]\ .*"proxy_ignore_client_abort"\ and\ its\ like
                \ are\ on\ in\ server/x, 'what it has changed is said';

sub executed { scalar(() = $t->backend->requests) }

sub once ($target, $key, $how = undef, %o) {
    return $t->post($target, key => $t->key('alice'), body => 'hello',
                    headers => ['Idempotency-Key' => $key,
                                $how ? ('X-Test' => $how) : ()], %o);
}

# A 409, with the id of the request that came first, and in progress with
# seconds to wait.
sub conflict ($r, $code, $id, $name) {
    my $d = ($r->json // {})->{details} // {};
    my $seconds = delete $d->{retryAfterSec} // '';
    is_error $r, 409, $code, $name, details => 1;
    is $d->{originalRequestId}, $id, '  tells of the first one';
    like $seconds, $code =~ /progress/ ? qr/^(?:[1-9]|10)$/ : qr/^$/,
         '  and when to ask again';
}

# how long a test has to wait for a lease is Redis' matter
sub lapse ($key = undef) {
    for my $name (@{ $t->redis->do('KEYS', 'spocr:*:i:*') }) {
        $t->redis->do('HSET', $name, 'ld', 1)
            if $t->redis->do('HGET', $name, 's') eq 'P';
    }
}

# C-27: complete failures are released, and a retry runs
for my $status (400, 404, 429, 500, 502, 503) {
    my $r = once('/x', "rel-$status", "status=$status");
    is $r->status, $status, "$status of the backend";
    my $n = executed();
    is once('/x', "rel-$status")->status, 200, '  a retry runs';
    is executed(), $n + 1, '  once';
    is once('/x', "rel-$status")->header('X-Idempotent-Replay'), 'true',
       '  and is replayed then';
}

# nothing was sent
is once('/nobody', 'down')->code, 'bad_gateway', 'no backend';
is $t->redis->do('KEYS', 'spocr:*:i:*')->@*, 6, '  the claim is released';

# C-28: nobody knows
my %unknown = (
    'a 504 of the backend' => 'status=504',
    'another 5xx' => 'status=507',
    'no answer in time' => 'delay=3',
    'a reset' => 'reset=1',
    'garbage' => 'garbage=1',
    'half an answer' => 'truncate=1',
    'half an answer in chunks' => 'truncate=1&chunked=1&size=50000',
    'garbage for a chunk' => 'raw=HTTP/1.1 200 OK%0D%0A'
        . 'Transfer-Encoding: chunked%0D%0A%0D%0A5%0D%0Ahello%0D%0Azz%0D%0A',
    'an answer that ends with the connection' => 'close=1',
);
for my $path ('/x', '/unbuffered') {
    for my $what (sort keys %unknown) {
        my $key = "$path $what" =~ s/\W/-/gr;
        my $n = executed();
        my $r = once($path, $key, $unknown{$what});
        if ($what =~ /half|garbage|reset/) {
            is_error $r, 502, 'bad_gateway', "$path: $what, a clean 502";
        }
        my $id = $r->id;
        conflict(once($path, $key), 'idempotency_in_progress', $id,
                 "$path: $what is in progress");
        lapse();
        conflict(once($path, $key), 'idempotency_outcome_unknown', $id,
                 '  until the lease ends; then it is unknown');
        conflict(once($path, $key), 'idempotency_outcome_unknown', $id,
                 '  and stays so');
        is executed(), $n + 1, '  it ran once';
    }
}

# C-37: a connection that is closed was said to be, and one that stays serves
for my $how ('reset=1', 'garbage=1', 'truncate=1', 'truncate=1&size=50000') {
    my $c = $t->conn;
    my $post = sub ($key, @how) {
        return $c->request(POST => '/x', key => $t->key('alice'), body => 'x',
            headers => ['Idempotency-Key' => $key, @how]);
    };
    my $r = $post->('kept-' . $how =~ s/\W/-/gr, 'X-Test' => $how);
    is $r->status, 502, "$how: on a connection";
    my $close = ($r->header('Connection') // '') eq 'close';
    ok $close ? $c->closed : $post->('next-' . $how =~ s/\W/-/gr),
       '  that does what it says';
}

# ... retry: it runs again, and says so
once('/retry', 'again', 'reset=1');
lapse();
my $r = once('/retry', 'again');
is $r->status, 200, 'on_unknown retry runs again';
is +(grep { $_->[0] eq 'X-Idempotency-Attempt' }
     @{ $r->json->{headers} })[0][1], 2, '  as the second attempt';
is once('/retry', 'again')->header('X-Idempotent-Replay'), 'true',
   '  and is replayed';

# C-30
for (['too large' => 'size=200000'],
     ['too large, in chunks' => 'size=200000&chunked=1'],
     ['much too large' => 'size=20000000'],
     ['encoded' => 'header=Content-Encoding:br'])
{
    for my $path ('/x', '/unbuffered') {
        my ($what, $how) = @$_;
        my $key = "$path $what" =~ s/\W/-/gr;
        my $n = executed();
        my $r = once($path, $key, $how);
        is $r->status, 200, "$path: $what";
        my ($size) = $how =~ /size=(\d+)/;
        is length $r->body, $size, '  delivered whole' if $size;
        conflict(once($path, $key), 'idempotency_replay_unavailable', $r->id,
                 '  not replayed');
        is executed(), $n + 1, '  nor run again';
    }
}
my $n = executed();
is length once('/x', 'bigfail', 'size=300000&status=500')->body, 300_000,
   'a large failure is delivered whole';
is once('/x', 'bigfail')->status, 200, '  and released';

# an error_page in the place of the backend's answer
is once('/intercepted', 'int-1', 'status=404')->status, 404, 'intercepted';
is once('/intercepted', 'int-1')->status, 200, '  a 404 is released';
once('/intercepted', 'int-2', 'status=504');
is once('/intercepted', 'int-2')->code, 'idempotency_in_progress',
   '  a 504 is not';

# C-26: while the first one runs
my $c = $t->conn;
$c->send(join "\r\n", 'POST /long?delay=1 HTTP/1.1', 'Host: h',
         'Authorization: Bearer ' . $t->key('alice'), 'Idempotency-Key: run',
         'Content-Length: 5', '', 'hello');
wait_for(sub { grep { $_->{target} eq '/long?delay=1' }
                    $t->backend->requests });
my $busy = once('/long?delay=1', 'run');
is_error $t->post('/long?delay=1', key => $t->key('alice'), body => 'other',
                  headers => ['Idempotency-Key' => 'run']),
         422, 'idempotency_key_reused', 'another request: also then';
my $first = $c->response;
is $first->status, 200, 'the first one ends';
conflict($busy, 'idempotency_in_progress', $first->id,
         'whoever came meanwhile');
is once('/long?delay=1', 'run')->body, $first->body, 'and is replayed';

# ... and those who wait get its answer
my @waiting = map {
    my $c = $t->conn;
    $c->send(join "\r\n", 'POST /wait?delay=1 HTTP/1.1', 'Host: h',
             'Authorization: Bearer ' . $t->key('alice'),
             'Idempotency-Key: wait', 'Content-Length: 5', '', 'hello');
    $c;
} 1 .. 8;
my @got = map { $_->response } @waiting;
is join(' ', map { $_->status } @got), '200 ' x 7 . '200', 'eight at once';
my %bodies = map { $_->body => 1 } @got;
is keys %bodies, 1, 'one answer';
is scalar(grep { $_->{target} eq '/wait?delay=1' } $t->backend->requests), 1,
   'one execution';
is scalar(grep { $_->header('X-Idempotent-Replay') } @got), 7,
   'seven replays';

# ... who waits runs itself where the first one failed
@waiting = map {
    my $c = $t->conn;
    $c->send(join "\r\n", 'POST /wait?fail HTTP/1.1', 'Host: h',
             'Authorization: Bearer ' . $t->key('alice'),
             'X-Test: delay=0.5' . ($_ == 1 ? '&status=503' : ''),
             'Idempotency-Key: wait2', 'Content-Length: 5', '', 'hello');
    wait_for(sub { grep { $_->{target} eq '/wait?fail' }
                        $t->backend->requests });
    $c;
} 1 .. 2;
is join(' ', map { $_->response->status } @waiting), '503 200',
   'who waits runs where the first one was released';

# C-31: a client that leaves
$c = $t->conn;
$c->send(join "\r\n", 'POST /long?delay=0.5&left HTTP/1.1', 'Host: h',
         'Authorization: Bearer ' . $t->key('alice'), 'Idempotency-Key: left',
         'Content-Length: 5', '', 'hello');
wait_for(sub { grep { $_->{target} =~ /left/ } $t->backend->requests });
$c->close;
my $left = wait_for(sub {
    my $r = once('/long?delay=0.5&left', 'left');
    return $r->status == 200 && $r;
});
is $left->header('X-Idempotent-Replay'), 'true', 'its answer is stored';
is scalar(grep { $_->{target} =~ /left/ } $t->backend->requests), 1,
   '  it ran once';

# a body that never ends holds no claim
$c = $t->conn;
$c->send(join "\r\n", 'POST /x?never HTTP/1.1', 'Host: h',
         'Authorization: Bearer ' . $t->key('alice'), 'Idempotency-Key: never',
         'Content-Length: 50', '', 'hello');
is once('/x?never', 'never')->status, 200, 'no claim while a body comes';
$c->close;

# C-3: nothing in the contexts of an answer is left behind: another request
# on the same connection
$c = $t->conn;
for my $how ('size=200000', 'status=503', 'status=204', 'size=10') {
    $r = $c->request(POST => '/x', key => $t->key('alice'), body => 'b',
                     headers => ['Idempotency-Key' => "keep-$how" =~ s/=/-/r,
                                 'X-Test' => $how]);
    ok $r, "on one connection: $how";
}

$t->done;
