# No key's text in any log, whatever is done with it.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme', limits => { key => 2 } },
    revoked => { uid => 'u_acme', status => 'revoked' },
    scoped => { uid => 'u_acme', scopes => [] },
});

my $conf = <<'EOF';
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format all '$remote_addr $spocr_request_id $request_method $uri '
                   '$status $spocr_client_request_id $spocr_error_code '
                   '$spocr_uid $spocr_key_id $spocr_auth_status '
                   '$spocr_limit_status';
    access_log %%DIR%%/all.log all;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_log_level error;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=3600s;
        location / { proxy_pass http://%%BACKEND%%; }
        location /scope { spocr_require_scope ocr;
                          proxy_pass http://%%BACKEND%%; }
        location /status { spocr_auth off; spocr_status json; }
        location /metrics { spocr_auth off; spocr_status prometheus; }
    }
}
EOF
$t->start($conf);

my ($alice, $revoked, $scoped) = map { $t->key($_) }
    qw(alice revoked scoped);

# C-9
my @answers;
for my $key ($alice, $revoked, $scoped, $t->key('unknown')) {
    push @answers, map { $t->get($_, key => $key) }
        '/x', '/x', '/scope', '/x', '//x';
    push @answers, map { $t->get('/x', headers => [Authorization => $_]) }
        $key, "Bearer $key.", "Basic $key", "Bearer $key, Bearer $key",
        "Bearer $key $key", "Bearer x$key";
    push @answers, $t->get('/x', headers => [
        'X-Request-Id' => $key, Authorization => 'x']);
    push @answers, $t->get('/x', headers => ['X-Api-Key' => $key]);
    push @answers, $t->request(OPTIONS => '/x', key => $key, headers => [
        Origin => 'http://a', 'Access-Control-Request-Method' => 'GET']);
    push @answers, $t->get("/x?access_token=$key");
}
ok $t->wait_log(qr/ 403 .*UNKNOWN/, 'all.log'), 'there are lines';
cmp_ok scalar(() = $t->log =~ /\[error\].*refused/g), '>', 30,
    'and many in the error log';

my @told = grep { my $r = $_; grep { index($r->head . $r->body, $_) >= 0 }
                  $alice, $revoked, $scoped } @answers;
is scalar(grep { $_->status != 200 } @told), 0, 'no key in any refusal';

# An id of the client's own that is a key's text is logged as what it is; it
# is the one thing that we take over from a client, so it must not be one.
unlike $t->log('all.log'), qr/\Q$alice\E/, 'not as a client request id';

for my $page ('/status', '/metrics') {
    unlike $t->get($page)->body, qr/spocr_(?:alice|revoked|scoped|unknown)_/,
        "$page has no key";
}

# C-9: at info and debug nginx itself would write them: a warning says so
for my $case (['info', 1], ['debug', 1], ['notice', 0], ['warn', 0]) {
    my ($level, $warned) = @$case;
    my ($exit, $out) = $t->config_test(
        $conf =~ s/listen/error_log %%DIR%%\/low.log $level; listen/r);
    is $exit, 0, "error_log at $level is allowed";
    is scalar(() = $out =~ /\[warn\].*low\.log.*notice/g), $warned,
       "error_log at $level: " . ($warned ? 'warned' : 'silent')
       or diag $out;
}
my ($exit, $out) = $t->config_test($conf =~ s/listen/error_log
    %%DIR%%\/low.log info; spocr off; spocr_request_id on; listen/r
    =~ s/spocr on;//r);
unlike $out, qr/\[warn\].*low\.log/, 'where spocr is off there is no warning';

$t->done;
