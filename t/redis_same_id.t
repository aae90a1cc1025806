# Two tenants' keys may have the same id where nobody can look at all of them
# (Redis): each has its own counter, also in what a node remembers (C-13, C-18).

use lib 't/lib';
use Spocr::Test;
use Spocr::Records;

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);

$records->key(alice => { id => 'key_1', uid => 'u_alice' });
$records->key(bob => { id => 'key_1', uid => 'u_bob' });

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys redis;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=5s;
    spocr_limit key=3 uid=100 window=3600s;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC

sub statuses ($name) {
    return join ' ', map { $t->get('/', key => $t->key($name))->status } 1 .. 4;
}

my @got = in_window(3600_000, sub { statuses('alice'), statuses('bob') });
is $got[0], '200 200 200 429', "the first one's limit";
is $got[1], '200 200 200 429', "the other one's";
$t->done;
