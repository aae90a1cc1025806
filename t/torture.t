# Torture: each allocation, each system call that sends, receives or opens, and
# each call of Redis is made to fail, one by one, while a request is served
# (t/torture/fail.c, Spocr::Liar).  Whatever fails: no crash, no leak, no key
# that is let in by that, nothing executed twice, no half record; and the next
# request is served (C-12, C-19, C-22, C-28, C-32).
#
# SPOCR_TORTURE=all tries all points ("make torture"); otherwise it is a sample
# of each kind, by SPOCR_SEED.  SPOCR_ONLY is a pattern of scenarios' names,
# SPOCR_MODES a list of kinds.

use lib 't/lib';
use Spocr::Test;
use Spocr::H2;
use Spocr::Torture;
use Time::HiRes qw(sleep);

system('make', '-s', 'torture-build') == 0 or die "make failed\n";

my $torture = Spocr::Torture->new;
my $t = $torture->test;

$t->keyfile(
    plans => { small => { limits => { once => { uid => 3 },
                                      shared => { uid => 3 } } } },
    tenants => { u_few => { plan => 'small' },
                 u_off => { status => 'disabled' } },
    keys => {
        alice => { uid => 'u_a', scopes => ['ocr'] },
        few => { uid => 'u_few', limits => { once => { key => 100 } } },
        one => { uid => 'u_one', limits => { once => { key => 1 },
                                             shared => { key => 1 } } },
        revoked => { uid => 'u_a', status => 'revoked' },
        expired => { uid => 'u_a', expiresAt => '2020-01-01T00:00:00Z' },
        off => { uid => 'u_off' },
    });
for my $name (qw(secret upstream)) {
    $t->file($name, ('0123456789abcdef' x 4) . "\n");
    chmod 0600, $t->dir . "/$name";
}
mkdir $t->dir . '/empty';
$t->certificate('tls');
$t->file('page.html', "a page\n");

$torture->start(<<'EOC');
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%LIAR%% timeout=150ms connect_timeout=1s;
    spocr_secret_file %%DIR%%/secret;
    spocr_upstream_secret_file %%DIR%%/upstream;
    spocr_idempotency_capture_limit 200k;
    spocr_idempotency_budget 0;
    client_body_buffer_size 8k;
    client_max_body_size 4m;
    log_format torture '$spocr_request_id $spocr_error_code $spocr_limit_status'
                       ' $spocr_idempotency_status $spocr_redis_time'
                       ' $spocr_retry_after $spocr_original_request_id';
    access_log %%DIR%%/torture.log torture;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        listen 127.0.0.1:%%PORT_3%% ssl;
        ssl_certificate %%DIR%%/tls.crt;
        ssl_certificate_key %%DIR%%/tls.key;
        spocr on;
        spocr_limit key=100000000 uid=100000000 window=1d;
        spocr_limit_store zone;
        spocr_limit_headers ietf;
        spocr_cors_origin https://app.example;

        location / { proxy_pass http://%%BACKEND%%; }
        location /legacy/ {
            spocr_limit_headers legacy;
            spocr_cors_origin $http_origin;
            proxy_pass http://%%BACKEND%%;
        }
        location /ocr/ {
            spocr_require_scope ocr;
            spocr_methods GET;
            proxy_pass http://%%BACKEND%%;
        }
        location /write/ {
            spocr_require_scope write;
            proxy_pass http://%%BACKEND%%;
        }
        location /once/ {
            spocr_limit name=once key=100 uid=100 window=1d;
            proxy_pass http://%%BACKEND%%;
        }
        location /shared/ {
            spocr_limit_store redis;
            spocr_limit name=shared key=100 uid=100 window=1d;
            proxy_pass http://%%BACKEND%%;
        }
        location /redis/ {
            spocr_limit_store redis;
            spocr_limit name=many key=100000 uid=100000 window=1d;
            proxy_pass http://%%BACKEND%%;
        }
        location /deny/ {
            spocr_limit_store redis;
            spocr_limit_on_error deny;
            spocr_limit name=deny key=100000 uid=100000 window=1d;
            proxy_pass http://%%BACKEND%%;
        }
        location /idem/ {
            spocr_idempotency on;
            spocr_idempotency_max_body 100k;
            proxy_pass http://%%BACKEND%%;
        }
        location /wait/ {
            spocr_idempotency on;
            spocr_idempotency_wait 3s;
            proxy_pass http://%%BACKEND%%;
        }
        location /renew/ {
            spocr_idempotency on;
            spocr_idempotency_lease 1s;
            proxy_pass http://%%BACKEND%%;
        }
        location /gone/ {
            spocr_idempotency on;
            proxy_pass http://unix:%%DIR%%/none.sock;
        }
        location /open/ {
            spocr_auth off;
            proxy_pass http://%%BACKEND%%;
        }
        location /page/ {
            error_page 401 403 /page.html;
            proxy_pass http://%%BACKEND%%;
        }
        location = /page.html { spocr_auth off; root %%DIR%%; }
        location /any/ {
            satisfy any; deny all;
            proxy_pass http://%%BACKEND%%;
        }
        location /in/ {
            satisfy any; allow all;
            proxy_pass http://%%BACKEND%%;
        }
        location /inside/ {
            error_page 404 = @other;
            root %%DIR%%/empty;
        }
        location @other { proxy_pass http://%%BACKEND%%; }
        location = /status { spocr_auth off; spocr_status json; }
        location = /metrics { spocr_auth off; spocr_status prometheus; }
        location = /ready { spocr_auth off; spocr_health ready; }
        location = /health { spocr_auth off; spocr_health; }
    }
}
EOC
$t->redis->linked(2);

# -- requests --

my @EVIL = ('X-Spocr-Evil' => '1', 'X-Spocr-Uid' => 'u_evil',
            'X_Spocr_Evil' => '2', Traceparent => 'none');

sub begin ($method, $target, $name, %o) {
    my $conn = $t->conn(1);
    $conn->{timeout} = 8;
    my @key = defined $name ? (key => $t->key($name)) : ();
    my $headers = [@EVIL, @{ delete $o{headers} // [] }];
    $conn->send($conn->build($method, $target, @key, headers => $headers,
                             %o));
    return $conn;
}

sub ask ($method, @rest) {
    my $conn = begin($method, @rest);
    return token(scalar $conn->response(method => $method));
}

sub begin_once ($target, $label, %o) {
    my $headers = ['Idempotency-Key' => $label, @{ delete $o{headers} // [] }];
    return begin(delete $o{method} // 'POST', $target, 'alice',
                 headers => $headers, body => 'hello', %o);
}

sub once (@rest) { token(scalar begin_once(@rest)->response) }

# Until the backend has it, or its answer is there.
sub at_backend ($conn) {
    my $before = -s $t->dir . '/backend.ledger';
    wait_for(sub {
        -s $t->dir . '/backend.ledger' > $before
            || IO::Select->new($conn->fh)->can_read(0)
    }, 1);
}

sub h2 (@requests) {
    my $c = eval { Spocr::H2->new($t->port(2)) }
        or return join ' ', ('closed') x @requests;
    my @ids = map { eval { $c->open(@$_) } } @requests;
    my @got = map {
        my $id = $_;
        my $r = eval { $c->answer($id, 8) };
        $r ? token($r) : $@ =~ /in time/ ? die $@ : 'closed';
    } @ids;
    $c->close;
    return join ' ', @got, ('closed') x (@requests - @ids);
}

# How many requests of a level are left, as a request is told.
sub left ($target, $name, $level) {
    my $n;
    wait_for(sub {
        my $r = $t->get($target, key => $t->key($name));
        ($n) = ($r->header('RateLimit') // '') =~ /"$level";r=(\d+)/;
    }, 3);
    return $n // 0;
}

# Refused, and nothing was taken for it on the other level.
sub refused ($name, $target, $who, $level, $left) {
    ask(GET => $target, $who) for 1 .. 3;
    $torture->scenario(
        name => $name, clean => '429:rate_limited',
        run => sub ($label) { ask(GET => $target, $who) },
        after => sub ($outcome) {
            my $now = left($target, $who, $level);
            return $now eq $left ? () : "$level: $now are left, not $left";
        });
}

# nginx says in its log, at alert, what it finds of libcrypto's failures when
# it looks for those of a TLS connection of its own.
sub tls () {
    my ($exit) = $t->command(
        qw(curl -skS -o /dev/null --noproxy * --max-time 8),
        'https://127.0.0.1:' . $t->port(3) . '/health');
    return $exit ? "TLS: curl ended with $exit" : ();
}

# One is taken at most.
sub counted ($name, $target, %o) {
    my $before;
    $torture->scenario(
        name => $name, clean => '200', uid => 'u_a', key => 'key_alice', %o,
        before => sub ($label) { $before = left($target, 'alice', 'uid') },
        run => sub ($label) { ask(GET => "$target?a=b", 'alice') },
        after => sub ($outcome) {
            my $taken = $before - left($target, 'alice', 'uid') - 1;
            return $taken == 1 || (!$taken && $outcome ne '200')
                   ? () : "$taken taken, $outcome";
        });
}

my %ALICE = (uid => 'u_a', key => 'key_alice');

sub idem ($name, $target, $clean, %o) {
    my $o = delete $o{o} // {};
    $torture->scenario(
        name => $name, clean => $clean, %ALICE, idem => 1,
        run => sub ($label) { once($target, $label, %$o) },
        again => sub ($label) { once($target, $label, %$o) }, %o);
}

# -- keys --

counted('a valid key', '/x');
$torture->scenario(
    name => 'a valid key, and TLS after it', clean => '200', %ALICE,
    modes => [qw(crypto crypto+ heap heap+)],
    run => sub ($label) { ask(GET => '/x', 'alice') },
    after => sub ($outcome) { tls() });
$torture->scenario(
    name => 'a valid key, legacy headers, CORS', clean => '200', %ALICE,
    run => sub ($label) {
        ask(GET => '/legacy/x', 'alice', headers => [Origin => 'https://b'])
    });
$torture->scenario(
    name => 'a body of 100 KB', clean => '200', %ALICE,
    run => sub ($label) { ask(POST => '/x', 'alice', body => 'x' x 100_000) });
$torture->scenario(
    name => 'no key', clean => '401:unauthorized',
    run => sub ($label) { ask(GET => '/x', undef) });
$torture->scenario(
    name => 'a malformed key', clean => '401:unauthorized',
    run => sub ($label) {
        ask(GET => '/x', undef, headers => [Authorization => 'Bearer a b'])
    });
$torture->scenario(
    name => 'an unknown key, a body', clean => '403:forbidden',
    run => sub ($label) { ask(POST => '/x', 'nobody', body => 'x' x 20_000) });
for my $name (qw(revoked expired off)) {
    $torture->scenario(
        name => "a key that is $name", clean => '403:forbidden',
        run => sub ($label) { ask(GET => '/x', $name) });
}
$torture->scenario(
    name => 'a scope that is missing', clean => '403:insufficient_scope',
    run => sub ($label) { ask(GET => '/write/x', 'alice') });
$torture->scenario(
    name => 'a method that is not taken', clean => '405:method_not_allowed',
    run => sub ($label) { ask(POST => '/ocr/x', 'alice', body => 'a') });
$torture->scenario(
    name => 'a target that is not plain', clean => '400:bad_request',
    run => sub ($label) { ask(GET => '//x/../y', 'alice') });
$torture->scenario(
    name => 'a preflight', clean => '204',
    run => sub ($label) {
        ask(OPTIONS => '/x', undef,
            headers => [Origin => 'https://app.example',
                        'Access-Control-Request-Method' => 'POST',
                        'Access-Control-Request-Headers' => 'authorization'])
    });
$torture->scenario(
    name => 'an open location', clean => '200', uid => 'none',
    run => sub ($label) { ask(GET => '/open/x', undef) });

# -- limits --

counted('Redis counts', '/redis/');
counted('Redis counts, or nobody', '/deny/', may => qr/^503:/);
refused('429 by the key, in the zone', '/once/', 'one', 'uid', 99);
refused('429 by the uid, in the zone', '/once/', 'few', 'key', 97);
refused('429 by the key, in Redis', '/shared/', 'one', 'uid', 99);
refused('429 by the uid, in Redis', '/shared/', 'few', 'key', 97);

# -- pages, and ways within nginx --

$torture->scenario(
    name => 'an error page', clean => '401p',
    run => sub ($label) {
        my $r = begin(GET => '/page/x', undef)->response or return 'closed';
        return $r->status . 'p' if $r->body eq "a page\n";
        return token($r);
    }, may => qr/^401:unauthorized$/);
$torture->scenario(
    name => 'satisfy any, nobody is let in', clean => '401:unauthorized',
    may => qr/^403:forbidden$/,
    run => sub ($label) { ask(GET => '/any/x', undef) });
$torture->scenario(
    name => 'satisfy any, let in without a key', clean => '200', uid => 'none',
    run => sub ($label) { ask(GET => '/in/x', undef) });
$torture->scenario(
    name => 'an internal redirect', clean => '200', %ALICE,
    run => sub ($label) { ask(GET => '/inside/x', 'alice') });
for my $page (qw(/status /metrics /ready /health)) {
    $torture->scenario(
        name => "the page $page", clean => '200',
        run => sub ($label) { ask(GET => $page, undef) });
}
$torture->scenario(
    name => 'a backend that breaks off', clean => '502:bad_gateway', %ALICE,
    run => sub ($label) { ask(GET => '/x?reset=1', 'alice') });

# -- idempotency --

idem('a new key', '/idem/x', '200');
idem('a new key, a body in a file', '/idem/x', '200',
     o => { body => 'x' x 100_000 });
idem('a new key, in chunks', '/idem/x', '200',
     o => { body => 'x' x 30_000, chunked => 1 });
idem('a new key, multipart', '/idem/x', '200', o => {
    body => "--AbC\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb"
            . "\r\n--AbC--\r\n",
    headers => ['Content-Type' => 'multipart/form-data; boundary=AbC'] });
idem('an answer of 90 KB', '/idem/x?size=90000', '200');
idem('an answer that is too large', '/idem/x?size=200000', '200',
     may => qr/^cut$/);
idem('an answer in chunks, with headers',
     '/idem/x?chunked=1&header=Location:/a&header=ETag:b', '200');
idem('a 400 of the backend', '/idem/x?status=400', '400:?', repeats => 1);
idem('a 500 of the backend', '/idem/x?status=500', '500:?', repeats => 1);
idem('nothing was sent', '/gone/x', '502:bad_gateway');
idem('an answer that is cut', '/idem/x?truncate=1&size=5000',
     '502:bad_gateway', unknown => 1);
idem('no answer', '/idem/x?reset=1', '502:bad_gateway', unknown => 1);
idem('a key that is none', '/idem/x', '400:invalid_idempotency_key',
     run => sub ($label) { once('/idem/x', 'a b') }, again => undef,
     idem => 0, uid => undef);

idem('a replay, and TLS after it', '/idem/x', '200r', prepared => 1,
     modes => [qw(crypto crypto+ heap heap+)],
     before => sub ($label) { once('/idem/x', $label) },
     after => sub ($outcome) { tls() });
idem('a replay', '/idem/x', '200r', prepared => 1,
     before => sub ($label) { once('/idem/x', $label) });
idem('a replay of 90 KB', '/idem/x?size=90000', '200r', prepared => 1,
     before => sub ($label) {
         once('/idem/x?size=90000', $label);
     });
idem('another body', '/idem/x', '422:idempotency_key_reused', prepared => 1,
     before => sub ($label) { once('/idem/x', $label) },
     run => sub ($label) { once('/idem/x', $label, body => 'other') });
idem('a repeat of what was not stored', '/idem/x?size=200000',
     '409:idempotency_replay_unavailable', prepared => 1,
     before => sub ($label) {
         once('/idem/x?size=200000', $label);
     });

sub both ($label, $target) {
    my $first = begin_once($target, $label);
    at_backend($first);
    my $second = once($target, $label);
    return token(scalar $first->response) . " $second";
}
idem('while the first one runs', '/idem/x?delay=0.1',
     '200 409:idempotency_in_progress', may => qr/^(?:409:|200r$)/,
     run => sub ($label) { both($label, '/idem/x?delay=0.1') });
idem('waits for the first one', '/wait/x?delay=0.1', '200 200r',
     may => qr/^409:/, slow => 1,
     run => sub ($label) { both($label, '/wait/x?delay=0.1') });
idem('a client that leaves', '/idem/x?delay=0.1', 'left', slow => 1,
     run => sub ($label) {
         my $conn = begin_once('/idem/x?delay=0.1', $label);
         at_backend($conn);
         $conn->close;
         wait_for(sub {
             !grep { $_->{s} eq 'P' } $torture->records }, 0.4);
         return 'left';
     });
idem('a lease that is renewed', '/renew/x?delay=0.5', '200',
     slow => 1);
idem('Redis is away at the claim', '/idem/x', '503:service_unavailable',
     slow => 1,
     run => sub ($label) {
         $t->redis->pause;
         my $got = once('/idem/x', $label);
         $t->redis->resume;
         wait_for(sub {
             !grep { $_->{s} eq 'P' } $torture->records }, 0.6);
         return $got;
     });
idem('Redis is away at the end: the outbox', '/idem/x?delay=0.05', '200',
     slow => 1,
     run => sub ($label) {
         my $conn = begin_once('/idem/x?delay=0.05', $label);
         at_backend($conn);
         $t->redis->pause;
         my $got = token(scalar $conn->response);
         $t->redis->resume;
         wait_for(sub {
             !grep { $_->{s} eq 'P' } $torture->records }, 2);
         return $got;
     });

# -- HTTP/2 --

my $KEY = $t->key('alice');
$torture->scenario(
    name => 'HTTP/2, a valid key', clean => '200', %ALICE,
    run => sub ($label) { h2(['/x', key => $KEY]) });
$torture->scenario(
    name => 'HTTP/2, no key', clean => '401:unauthorized',
    run => sub ($label) { h2(['/x']) });
$torture->scenario(
    name => 'HTTP/2, three streams', clean => '200 401:unauthorized 200',
    %ALICE, run => sub ($label) {
        h2(['/x', key => $KEY], ['/x'], ['/redis/x', key => $KEY])
    });
idem('HTTP/2, a new key', '', '200', again => undef, run => sub ($label) {
    h2(['/idem/x', key => $KEY, method => 'POST', body => 'hello',
        headers => ['idempotency-key' => $label]])
});

# what was kept back, and what Redis had to be told, is gone
ok wait_for(sub { $torture->outbox <= 0 }), 'the outbox is empty';
is join(' ', map { once('/idem/x?size=99000', 'end') } 1, 2), '200 200r',
   'there is room for answers';

$torture->report;
$t->allow(qr/\[(?:crit|emerg)\]/, qr/socket\(\) failed/);
$t->done;
