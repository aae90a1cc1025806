# At which level a refusal is written to the error log.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme', limits => { key => 1 } } });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=3600s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /info { spocr_log_level info;
                         proxy_pass http://%%BACKEND%%; }
        location /warn { spocr_log_level warn;
                         proxy_pass http://%%BACKEND%%; }
        location /error { spocr_log_level error;
                          proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
    }
}
EOF

# The error log's lines about an answer.
sub lines ($r) {
    my $id = $r->id;
    return grep { /\Q$id\E/ } split /\n/, $t->log;
}

# contract, section 3
for my $case (['/x', 'notice'], ['/warn', 'warn'], ['/error', 'error']) {
    my ($target, $level) = @$case;
    my $r = $t->get($target);
    ok $t->wait_log(qr/\Q@{[$r->id]}\E/), "$target is logged";
    my @lines = lines($r);
    is scalar @lines, 1, "$target: one line";
    like $lines[0], qr/ \[$level\] .*unauthorized.*MISSING/,
         "$target: at $level, with the reason";
}

my $silent = $t->get('/info');
my $after = $t->get('/x');
ok $t->wait_log(qr/\Q@{[$after->id]}\E/), 'a later one is there';
is scalar lines($silent), 0, '/info: below the level of the error log';

# whose request it was, by id and never by key
my @r = in_window(3600_000, sub {
    return map { $t->get('/x', key => $t->key('alice')) } 1, 2;
});
ok $t->wait_log(qr/\Q@{[$r[1]->id]}\E/), 'a 429 is logged';
like +(lines($r[1]))[0], qr/rate_limited.*u_acme.*key_alice/,
    'with the uid and the id of the key';
is scalar lines($r[0]), 0, 'what is let through is not';
is scalar lines($t->get('/open')), 0, 'an open location is not';

$t->done;
