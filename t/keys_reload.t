# A changed key file acts with the next reload, on every worker.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

sub keys_are (%keys) { $t->keyfile(keys => \%keys) }

my $conf = <<'EOF';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_zone zone=z:1m;
    spocr_keys file=%%DIR%%/keys.json;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=5 window=3600s;
        location / { proxy_pass http://%%BACKEND%%; }
        location /ocr { spocr_require_scope ocr;
                        proxy_pass http://%%BACKEND%%; }
    }
}
EOF
keys_are(old => { uid => 'u_a' }, kept => { uid => 'u_b' });
$t->start($conf);

sub status ($name, $target = '/x') {
    return $t->get($target, key => $t->key($name))->status;
}

is status('old'), 200, 'a key of the first file';
is status('new'), 403, 'one that is not there yet';

# C-10
keys_are(new => { uid => 'u_c' }, kept => { uid => 'u_b' });
is status('old'), 200, 'before the reload nothing changes';
is status('new'), 403, 'nothing at all';
ok $t->reload, 'the reload';
is join(' ', map { status('old') } 1 .. 8), join(' ', (403) x 8),
   'a key that was taken out is refused by every worker';
is join(' ', map { status('new') } 1 .. 4), '200 200 200 200',
   'a new one is known';

# a status, a scope, a limit
keys_are(new => { uid => 'u_c', status => 'revoked' },
         kept => { uid => 'u_b', scopes => ['read'] });
ok $t->reload, 'a reload';
is status('new'), 403, 'revoked';
is_error $t->get('/ocr', key => $t->key('kept')), 403, 'insufficient_scope',
    'a scope was taken away';
keys_are(kept => { uid => 'u_b', scopes => ['ocr'], limits => { key => 2 } });
ok $t->reload, 'a reload';
my @statuses = in_window(3600_000,
                         sub { map { status('kept', '/ocr') } 1 .. 4 });
is "@statuses", '200 200 429 429', 'a scope was given, and a limit';

# another file
$t->keyfile(file => 'other.json', keys => { third => { uid => 'u_d' } });
ok $t->reload($conf =~ s/keys\.json/other.json/r), 'another file';
is status('third'), 200, 'its keys';
is status('kept'), 403, 'and no others';

# a key that moves to another uid keeps its own count and takes no other's
$t->keyfile(file => 'other.json', keys => {
    (map { ("n$_" => { uid => "u_$_" }) } 1 .. 20000),
    third => { uid => 'u_moved' } });
my $start = time;
ok $t->reload, 'a file of twenty thousand keys';
cmp_ok time - $start, '<', 20, 'is read in a moment';
is status('n1'), 200, 'the first';
is status('n20000'), 200, 'the last';
is status('third'), 200, 'and the one that moved';

# while requests run: those that began before the reload end as they began
my $c = $t->conn;
my $before = $t->backend->requests;
$c->send($c->build(GET => '/x?delay=1', key => $t->key('n7')));
ok wait_for(sub { $t->backend->requests > $before }), 'one is under way';
$t->keyfile(file => 'other.json', keys => { third => { uid => 'u_d' } });
ok $t->reload, 'its key is taken out meanwhile';
is $c->response->status, 200, 'it ends as it began';
is status('n7'), 403, 'the next is refused';

$t->done;
