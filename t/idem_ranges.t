# What is kept back and stored is the whole answer: a client's Range and its
# conditions, which nginx looks at when the header leaves, change nothing of
# it, and a length is that of the body.  C-22, C-37

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
mkdir $t->dir . '/cache';
chmod 0777, $t->dir . '/cache';
$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file off;
    proxy_cache_path %%DIR%%/cache keys_zone=c:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;

        location / {
            proxy_pass http://%%BACKEND%%;
            proxy_force_ranges on;
        }
        location /cached {
            proxy_pass http://%%BACKEND%%;
            proxy_cache c;
            proxy_cache_methods POST;
            proxy_cache_valid 200 1m;
            proxy_cache_key $request_id$uri;
            proxy_force_ranges on;
        }
    }
}
EOC
$t->redis->linked(2);

my $body = '0123456789abcdefghij';
my %conditions = (
    'a part' => [Range => 'bytes=0-3'],
    'several parts' => [Range => 'bytes=0-3,5-6'],
    'no part of it' => [Range => 'bytes=100-'],
    'a match' => ['If-Match' => '"other"'],
    'no match' => ['If-None-Match' => '"etag"'],
    'not since' => ['If-Unmodified-Since',
                    'Sat, 01 Jan 2000 00:00:00 GMT'],
);

for my $where ('/x', '/cached') {
    for my $name (sort keys %conditions) {
        my @request = (POST => "$where?body=$body&header=ETag:%22etag%22"
                       . '&header=Last-Modified:Sun,%2001%20Jan%202023'
                       . '%2000:00:00%20GMT',
                       key => $t->key('alice'), headers => [
                           'Idempotency-Key' => "$where$name" =~ tr/ /-/r,
                           @{ $conditions{$name} }]);
        my $c = $t->conn;

        for my $turn ('first', 'again') {
            my $r = $c->request(@request);
            is $r->status . ' ' . $r->body, "200 $body",
               "$where, $name, $turn";
        }
        is $c->request(GET => '/y', key => $t->key('alice'))->status, 200,
           '  and the connection is in step';
    }
}

$t->done;
