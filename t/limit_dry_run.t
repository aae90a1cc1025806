# A dry run counts and tells the log, and refuses nobody.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    a1 => { uid => 'u_a' }, a2 => { uid => 'u_a' },
});

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format limit '$spocr_key_id $spocr_limit_status $status';
    access_log %%DIR%%/limit.log limit;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=3 uid=4 window=3600s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /dry { spocr_limit_dry_run on;
                        proxy_pass http://%%BACKEND%%; }
    }
}
EOF

# C-13
my @statuses = in_window(3600_000, sub {
    return (map { $t->get('/dry', key => $t->key('alice'))->status } 1 .. 5),
           (map { $t->get('/dry', key => $t->key('a1'))->status } 1 .. 3),
           (map { $t->get('/dry', key => $t->key('a2'))->status } 1 .. 2),
           $t->get('/x', key => $t->key('alice'))->status;
});
is "@statuses[0 .. 4]", '200 200 200 200 200', 'nobody is refused';
is $statuses[10], 429, 'where it is not dry the count is the same';
is scalar $t->backend->requests, 10, 'all were sent';

$t->wait_log(qr/ 429$/m, 'limit.log');
my @log = split /\n/, $t->log('limit.log');
is join(' ', map { /^key_alice (\S+) 200/ ? $1 : () } @log),
   'PASSED PASSED PASSED REJECTED_KEY_DRY_RUN REJECTED_KEY_DRY_RUN',
   'the log says who would have been, by the key';
is join(' ', map { /^key_a2 (\S+) 200/ ? $1 : () } @log),
   'PASSED REJECTED_UID_DRY_RUN', 'and by the uid';
is_error $t->get('/dry'), 401, 'unauthorized',
    'a key is asked for all the same';

$t->done;
