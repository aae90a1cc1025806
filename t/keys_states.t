# Why a key is refused is told to the log, not to the client.

use lib 't/lib';
use Spocr::Test;
use POSIX qw(strftime);

my $t = Spocr::Test->new;
my $end = time + 5;
my $soon = strftime '%Y-%m-%dT%H:%M:%SZ', gmtime $end;

$t->keyfile(
    tenants => {
        u_off => { status => 'disabled' },
        u_on => { status => 'active' },
    },
    keys => {
        good => { uid => 'u_on', status => 'active',
                  expiresAt => '2099-01-01T00:00:00Z', name => 'Good',
                  meta => { any => ['thing'] } },
        revoked => { uid => 'u_on', status => 'revoked' },
        disabled => { uid => 'u_on', status => 'disabled' },
        expired => { uid => 'u_on', expiresAt => '2020-01-01T00:00:00Z' },
        off => { uid => 'u_off' },
        soon => { uid => 'u_on', expiresAt => $soon },
        both => { uid => 'u_on', status => 'revoked',
                  expiresAt => '2020-01-01T00:00:00Z' },
    });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format auth '$spocr_request_id $spocr_auth_status';
    access_log %%DIR%%/auth.log auth;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF

is $t->get('/x', key => $t->key('good'))->status, 200, 'an active key';
my $early = $t->get('/x', key => $t->key('soon'))->status;
SKIP: {
    skip 'this machine is too slow', 1 if time >= $end;
    is $early, 200, 'a key before its end';
}

# C-7
my (%bodies, %heads);
for my $case ([unknown => 'UNKNOWN'], [revoked => 'REVOKED'],
              [expired => 'EXPIRED'], [disabled => '[A-Z]+'],
              [off => '[A-Z]+'], [both => '(?:REVOKED|EXPIRED)'])
{
    my ($name, $logged) = @$case;
    my $r = $t->get('/x', key => $t->key($name));
    is_error $r, 403, 'forbidden', $name;

    my $id = $r->id;
    $bodies{ $r->body =~ s/\Q$id\E/ID/r } = 1;
    $heads{ $r->head =~ s/\Q$id\E/ID/r =~ s/^Date:.*\n//mr } = 1;
    ok $t->wait_log(qr/^\Q$id\E $logged$/m, 'auth.log'), "$name in the log";
    unlike $t->log('auth.log'), qr/^\Q$id\E OK$/m, "$name is not OK";
}
is scalar(keys %bodies), 1, 'one and the same body for all';
is scalar(keys %heads), 1, 'one and the same header for all';

# a key ends while the gateway runs
my $refused = wait_for(sub {
    my $now = time;
    return $t->get('/x', key => $t->key('soon'))->status == 403 && $now;
}, 20);
ok $refused >= $end - 1, 'a key ends when its time has come';
is $t->get('/x', key => $t->key('good'))->status, 200, 'the other is good';

is scalar(grep { my %h = map { @$_ } @{ $_->{headers} };
                 ($h{'X-Spocr-Key-Id'} // '') !~ /^key_(?:good|soon)$/ }
          $t->backend->requests), 0, 'no other was executed';

$t->done;
