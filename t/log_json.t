# Each line of the shipped access log is JSON, also of a request that ended
# before it had a status: nginx writes 000 there.  From 1.23 on it answers 400
# to a header's name in capitals, which was such a request.

use lib 't/lib';
use Spocr::Test;
use Spocr::H2;
use Cwd qw(getcwd);
use JSON::PP ();

my $t = Spocr::Test->new;
my $root = getcwd();

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
$t->start(<<"EOC");
%%MAIN%%
events {}
http {
    %%HTTP%%
    include $root/conf.d/http.conf;
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        access_log %%DIR%%/json.log spocr;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
my $key = $t->key('alice');

is $t->get('/x', key => $key)->status, 200, 'a request';
is $t->get('/%22%5C%0A?x', key => $key)->status, 400, 'one that is refused';
my $c = Spocr::H2->new($t->port(2));
my $got = $c->answer($c->open('/x', key => $key, headers => [Upper => 'x']));
ok !$got->{status} || $got->{status} == 400, 'one that has no answer, or 400';
$c->close;

my @lines;
ok wait_for(sub {
    open my $in, '<', $t->dir . '/json.log' or return;
    return 3 == (@lines = <$in>);
}), 'three lines';

my @status = map {
    my $line = eval { JSON::PP->new->decode($_) };
    ok $line, 'is JSON' or diag $_;
    $line->{status} // 'none';
} @lines;
is "@status", '200 400 ' . ($got->{status} || 0), 'and tells the status';

$t->done;
