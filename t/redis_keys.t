# Keys, tenants and plans in Redis: who gets in, with which limits, and how
# often Redis is asked.

use lib 't/lib';
use Spocr::Test;
use Spocr::Records;

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);

# the first call of redis starts it
$records->key(alice => { uid => 'u_acme' })
        ->key(reader => { uid => 'u_acme', scopes => ['read', 'unused'] })
        ->key(limited => { uid => 'u_beta', limits => { key => 3 } })
        ->key(alone => { uid => 'u_alone' })
        ->key(revoked => { uid => 'u_acme', status => 'revoked' })
        ->key(disabled => { uid => 'u_acme', status => 'disabled' })
        ->key(expired => { uid => 'u_acme',
                           expiresAt => '2020-01-01T00:00:00Z' })
        ->key(off => { uid => 'u_off' })
        ->key(lost => { uid => 'u_lost' })
        ->key(newer => { uid => 'u_alone', regions => ['eu'] })
        ->tenant(u_acme => { uid => 'u_acme', plan => 'pro' })
        ->tenant(u_beta => { uid => 'u_beta', plan => 'pro',
                             limits => { uid => 77 } })
        ->tenant(u_off => { uid => 'u_off', status => 'disabled' })
        ->tenant(u_lost => { uid => 'u_lost', plan => 'nowhere' })
        ->plan(pro => { name => 'pro',
                        limits => { key => 44, uid => 55,
                                    upload => { key => 2 },
                                    elsewhere => { key => 1 } } });

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format auth '$status $spocr_auth_status $spocr_uid $spocr_key_id '
                    '$spocr_plan';
    access_log %%DIR%%/auth.log auth;

    spocr_redis %%REDIS%% timeout=10s;
    spocr_keys redis;
    spocr_zone zone=z:1m;
    spocr_limit_store zone;
    spocr_limit_headers ietf;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /read/ {
            spocr_require_scope read;
            proxy_pass http://%%BACKEND%%;
        }
        location /write/ {
            spocr_require_scope write;
            proxy_pass http://%%BACKEND%%;
        }
        location /upload/ {
            spocr_limit name=upload;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC

my $redis = $t->redis;
my ($r, $n);

sub asked ($run) { $redis->counted($run)->{fcall_ro} // 0 }

sub last_line () { (split /\n/, $t->log('auth.log'))[-1] }

sub policy ($r) { $r->header('RateLimit-Policy') }

# the handshake is a call as well
is $t->get('/x', key => $t->key('first'))->status, 403, 'the link is ready';

# C-10, C-12
$n = asked(sub { $r = $t->get('/x', key => $t->key('alice')) });
is $r->status, 200, 'a key in Redis';
is $n, 3, 'its record, its tenant, its plan';
is policy($r), '"key";q=44;w=60, "uid";q=55;w=60', 'the limits of the plan';
is(($t->backend->requests)[-1]{target}, '/x', 'the backend was reached');
ok wait_for(sub { last_line() eq '200 OK u_acme key_alice pro' }),
    'uid, key and plan in the log';

$n = asked(sub { $r = $t->get('/x', key => $t->key('alice')) });
is $n, 0, 'then Redis is not asked';
is $r->status, 200, 'and it is known';

$n = asked(sub { $r = $t->get('/x', key => $t->key('reader')) });
is $n, 1, 'another key of the tenant: its record only';

# C-7
is $t->get('/read/', key => $t->key('reader'))->status, 200, 'in its scope';
is_error $t->get('/write/', key => $t->key('reader')), 403,
    'insufficient_scope', 'not in another';
is $t->get('/write/', key => $t->key('alice'))->status, 200,
    'no scopes are all';

is policy($t->get('/x', key => $t->key('limited'))),
    '"key";q=3;w=60, "uid";q=77;w=60', 'first the key, then the tenant';
is policy($t->get('/upload/', key => $t->key('limited'))),
    '"key";q=2;w=60, "uid";q=600;w=60', 'a named limit';

is policy($t->get('/x', key => $t->key('alone'))),
    '"key";q=60;w=60, "uid";q=600;w=60', 'no tenant: the directive';
$n = asked(sub { $t->get('/x', key => $t->key('alone')) });
is $n, 0, 'that there is none is known as well';

is policy($t->get('/x', key => $t->key('lost'))),
    '"key";q=60;w=60, "uid";q=600;w=60', 'a plan that does not exist is none';
like $t->log, qr/\[warn\].*plan nowhere is missing/, 'and is warned of';

my %bodies;
for my $case ([revoked => 'REVOKED'], [disabled => 'DISABLED'],
              [expired => 'EXPIRED'], [off => 'DISABLED'],
              [nobody => 'UNKNOWN'])
{
    my ($name, $status) = @$case;

    $r = $t->get('/x', key => $t->key($name));
    is_error $r, 403, 'forbidden', $name;
    $bodies{ $r->body =~ s/req_\w+//r } = 1;
    ok wait_for(sub { last_line() =~ /^403 $status / }), "is $status";
}
is keys %bodies, 1, 'with one and the same body';

$n = asked(sub { $t->get('/x', key => $t->key('nobody')) for 1 .. 5 });
is $n, 0, 'that a key does not exist is known for a while';

# C-5
$n = asked(sub {
    is_error $t->get('/x'), 401, 'unauthorized', 'no key';
    is_error $t->get('/x', headers => [Authorization => 'Bearer x']), 401,
        'unauthorized', 'no key of ours';
});
is $n, 0, 'is no reason to ask';

# a newer spocrctl's field
is $t->get('/x', key => $t->key('newer'))->status, 200,
    'a field that is not known disables no key';
like $t->log, qr/\[warn\].*unknown field "regions"/, 'and is warned of';

# nothing but digests, C-9
my $text = $t->key('alice');
unlike join('', map { $t->log($_) } qw(error.log auth.log)), qr/$text/,
    'no key in a log';

$t->done;
