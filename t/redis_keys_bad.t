# Records that are none, and "spocr_keys redis" that is wrong.

use lib 't/lib';
use Spocr::Test;
use Spocr::Records;
use Digest::SHA qw(sha256_hex);

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);
my $redis = $t->redis;

sub conf ($keys, $more = '') {
    return <<"EOC";
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_redis %%REDIS%% timeout=10s;
    spocr_keys $keys;
    spocr_zone zone=z:1m;
    spocr_limit_store zone;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        $more
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
}

$t->start(conf('redis ttl=1h negative_ttl=1h'));

sub get ($name) { $t->get('/x', key => $t->key($name)) }

sub unusable ($name, $what) {
    return is_error get($name), 503, 'service_unavailable', $what,
        details => { retryAfterSec => 1 };
}

sub lines () { scalar(() = $t->log =~ /in Redis the \w+ \S+ cannot be used/g) }

# one line names the digest's beginning and the reason, and no key
my $digits = substr sha256_hex($t->key('text')), 0, 8;
$records->key(text => 'no JSON');
unusable('text', 'text');
like $t->log, qr/\[error\].*the key $digits cannot be used: not valid JSON/,
    'a line for the operator';
is lines, 1, 'one';

my %shapes = (
    empty => '', list => '[]', null => 'null', half => '{"id":"key_1"',
    bare => '{}', version => '{"version":2,"id":"key_1","uid":"u_1"}',
    type => '{"id":"key_1","uid":5}',
    scopes => '{"id":"key_1","uid":"u_1","scopes":"ocr"}',
    zero => '{"id":"key_1","uid":"u_1","limits":{"key":0}}',
    utf8 => "{\"id\":\"key_1\",\"uid\":\"\xff\"}",
    deep => '{"meta":' . '[' x 1000 . ']' x 1000 . '}',
    long => '{"id":"key_1","uid":"u_1","meta":{"a":"' . 'x' x 70000 . '"}}',
);
for my $name (sort keys %shapes) {
    $records->key($name => $shapes{$name});
    unusable($name, "a record of a wrong shape: $name");
}

# other types
$redis->do('HSET', $records->name(key => 'hash'), 'id', 'key_1');
unusable('hash', 'a hash');
$redis->do('RPUSH', $records->name(key => 'array'), 'id');
unusable('array', 'a list');

is lines, 1, 'and no line for each';
unlike $t->log, qr/is away/, 'and none is a reason to leave Redis';

# that it is one is known for a while, and no longer
ok wait_for(sub {
    return !$redis->counted(sub { get('text') })->{fcall_ro};
}), 'Redis is not asked for each request';
$records->key(text => { uid => 'u_1' });
ok wait_for(sub { get('text')->status == 200 }), 'mended by a notice';

# a tenant or a plan
$records->key(mine => { uid => 'u_bad' })->tenant(u_bad => '{"plan":5}');
unusable('mine', "a tenant's record");
$records->tenant(u_bad => { plan => 'odd' })->plan(odd => '{"limits":5}');
ok wait_for(sub { $records->name(plan => 'odd')
                  && get('mine')->status == 503 }), "a plan's record";
is get('text')->status, 200, 'other keys do not mind';

$records->tenant(u_bad => { uid => 'u_other' });
unusable('mine', "another tenant's record");
$records->tenant(u_bad => undef);
ok wait_for(sub { get('mine')->status == 200 }), 'and all is well again';

for my $name (qw(text hash mine)) {
    my $key = $t->key($name);
    unlike $t->log, qr/$key/, 'no key in the log';
}

# the directive
my $good = $t->file('good.json', '{"version":1,"keys":[]}');
for my $case (
    ['redis ttl=0', qr/invalid time in "ttl=0": from 1s to 1d is expected/],
    ['redis ttl=2d', qr/invalid time in "ttl=2d": from 1s to 1d is expected/],
    ['redis ttl=', qr/invalid time in "ttl=": from 1s to 1d is expected/],
    ['redis ttl=x', qr/invalid time in "ttl=x"/],
    ['redis negative_ttl=2h',
     qr/invalid time in "negative_ttl=2h": from 0 to 1h is expected/],
    ['redis stale=31d',
     qr/invalid time in "stale=31d": from 0 to 30d is expected/],
    ['redis stale=-1', qr/invalid time in "stale=-1"/],
    ['redis ttl=1s ttl=1s', qr/"ttl=" stands twice/],
    ['redis tttl=1s', qr/invalid parameter "tttl=1s": "ttl=", /],
    ['redis file=x', qr/invalid parameter "file=x"/],
    ['redi', qr/"redi": "redis" or "file=PATH" is expected/],
    ["file=$good ttl=1s", qr/"ttl=1s": "file=PATH" takes no others/],
    ["redis; spocr_keys file=$good", qr/"spocr_keys" directive is duplicate/],
    ["redis; spocr_keys redis", qr/"spocr_keys" directive is duplicate/],
) {
    my ($keys, $expected) = @$case;
    my ($exit, $out) = $t->config_test(conf($keys));
    is $exit, 1, "refused: spocr_keys $keys" =~ s/\Q$good\E/PATH/r;
    like $out, $expected, 'and why';
}

my ($exit, $out) = $t->config_test(
    conf('redis ttl=1s negative_ttl=0 stale=0',
         join '', map { "location /$_ { spocr_require_scope s$_; }" } 1 .. 64));
is $exit, 0, '64 scopes' or diag $out;
($exit, $out) = $t->config_test(
    conf('redis',
         join '', map { "location /$_ { spocr_require_scope s$_; }" } 1 .. 65));
is $exit, 1, '65 are too many';
like $out, qr/more than 64 different scopes/, 'and why';

($exit, $out) = $t->config_test(conf('redis') =~ s/spocr_redis[^;]*;//r);
is $exit, 1, 'keys in Redis without a Redis';
like $out, qr/spocr_redis/, 'and why';

$t->done;
