# spocrctl redis import and redis export: from a key file to Redis and back;
# and how long a list of many keys takes. Contract, section 4.

use lib 't/lib';
use Spocr::Ctl;
use Spocr::Redis;
use Time::HiRes qw(time);

my $redis = Spocr::Redis->new;
my $ctl = Spocr::Ctl->new(redis => $redis->url);
my $file = Spocr::Ctl->new;

$file->run(qw(plan set pro --key-limit 120 --limit upload.key=3 --quiet));
$file->run(qw(tenant set u_1 --plan pro --uid-limit unlimited --quiet));
$file->run(qw(tenant set u_2 --status disabled --quiet));
$file->run(qw(key create --uid u_1 --id key_1 --scopes ocr --quiet --meta),
           '{"x":[0.1,null]}');
$file->run(qw(key create --uid u_2 --id key_2 --expires 1d --quiet));
$file->run_with("spocr_text\n", qw(key import --uid u_1 --quiet));
my $data = $file->data;

# -- in, and out again

my $r = $ctl->run(qw(redis import), $file->path);
works $r, 'import';
like $r->{out}, qr/^imported: plans 1, tenants 2, keys 3; there already: 0$/,
    'how many';
my $text = $ctl->json(qw(key list));
is scalar @$text, 3, 'they are in Redis';
is_deeply $ctl->json(qw(key show key_1))->{meta}, { x => [0.1, undef] },
    'as they were';
like $ctl->run_with('spocr_text', 'explain')->{out}, qr/yes/, 'and usable';

$r = $ctl->run(qw(redis export), $ctl->dir . '/out.json');
works $r, 'export';
is $r->{out}, "exported: plans 1, tenants 2, keys 3\n", 'how many';
is sprintf('%04o', (stat $ctl->dir . '/out.json')[2] & 07777), '0600',
    'mode of the file';
my $out = JSON::PP->new->utf8->decode(do {
    open my $in, '<', $ctl->dir . '/out.json' or die $!;
    local $/;
    readline $in;
});
for my $d ($data, $out) {
    $d->{keys} = [sort { $a->{id} cmp $b->{id} } @{ $d->{keys} }];
}
is_deeply $out, $data, 'nothing is lost on the way';
works $ctl->raw('', qw(key list --file), $ctl->dir . '/out.json'),
    'the gateway would take it';

# -- again, and after changes

$r = $ctl->run(qw(redis import --json), $file->path);
is_deeply JSON::PP::decode_json($r->{out}),
    { plans => 0, tenants => 0, keys => 0, unchanged => 6 }, 'import again';
works $ctl->run(qw(key revoke key_1)), 'a key that is revoked in Redis';
my $before = join ' ', map { $redis->do('GET', $_) }
             sort @{ $redis->do('KEYS', '*') };
fails $ctl->run(qw(redis import), $file->path), 1,
    qr/key key_1 is in Redis already and looks otherwise.*nothing was changed/,
    'is not written over';
is join(' ', map { $redis->do('GET', $_) } sort @{ $redis->do('KEYS', '*') }),
    $before, 'nothing was changed';
works $ctl->run(qw(redis import --force), $file->path), 'but by --force';
is $ctl->json(qw(key show key_1))->{state}, 'active', 'it is';
$file->run(qw(tenant set u_1 --key-limit 5 --quiet));
fails $ctl->run(qw(redis import), $file->path), 1, qr/tenant u_1 is in Redis/,
    'another tenant';
$file->run(qw(plan set pro --key-limit 5 --quiet));
fails $ctl->run(qw(redis import), $file->path), 1, qr/plan pro is in Redis/,
    'another plan';
$r = $ctl->run(qw(redis import --force --json), $file->path);
is_deeply JSON::PP::decode_json($r->{out}),
    { plans => 1, tenants => 1, keys => 0, unchanged => 4 }, 'both by --force';

my $clash = Spocr::Ctl->new;
$clash->run(qw(key create --uid u --id key_1 --quiet));
fails $ctl->run(qw(redis import --force), $clash->path), 2,
    qr/there is a key key_1 already/, 'an id that another key has';
$clash->write('{"version":1,"keys":[{"id":"k"}]}');
fails $ctl->run(qw(redis import), $clash->path), 1, qr/line 1: keys\[0\]/,
    'a bad file';
fails $ctl->run(qw(redis import), $ctl->dir . '/none.json'), 1,
    qr/No such file/, 'no file';

# -- what a file cannot have

fails $ctl->run(qw(redis export), $ctl->dir . '/out.json'), 1,
    qr/there is a file already/, 'a file that is there';
$redis->do('SET', 'spocr:key:' . 'ab' x 32,
           '{"version":1,"id":"key_n","uid":"u_1","color":1}');
$redis->do('SET', 'spocr:plan:new', '{"name":"new","limits":{},"price":5}');
$r = $ctl->run(qw(redis export --force), $ctl->dir . '/out.json');
works $r, '--force';
like $r->{err}, qr/2 fields were left out/, 'unknown fields are counted';
works $ctl->raw('', qw(key show key_n --file), $ctl->dir . '/out.json'),
    'and the file is one';
$redis->do('SET', 'spocr:key:' . 'ac' x 32, '{"id":"key_m"}');
fails $ctl->run(qw(redis export --force), $ctl->dir . '/out.json'), 1,
    qr/key_m\): "uid" is missing/, 'a record that no file can have';
works $ctl->raw('', qw(key show key_n --file), $ctl->dir . '/out.json'),
    'leaves the file as it was';

# -- many

$redis->do('FLUSHALL');
$ctl->run_with(join('', map { "spocr_many_$_,u_" . $_ % 100 . "\n" }
                        1 .. 10000), qw(key import --quiet));
my $t0 = time;
is scalar @{ $ctl->json(qw(key list)) }, 10000, 'a list of 10,000 keys';
my $list = time - $t0;
my $calls = $redis->counted(sub { $ctl->run(qw(key list --uid u_7)) });
cmp_ok $calls->{scan}, '<=', 20, "needs $calls->{scan} SCANs";
is $calls->{keys} // 0, 0, 'and no KEYS';
cmp_ok $calls->{mget}, '<=', 20, "$calls->{mget} MGETs";
is $calls->{get} // 0, 0, 'and no GET of each';
cmp_ok $list, '<', 15, sprintf 'it takes %.1f s', $list;
works $ctl->run(qw(redis export), $ctl->dir . '/many.json'), 'export';
$redis->do('FLUSHALL');
works $ctl->run(qw(redis import), $ctl->dir . '/many.json'), 'import';
is scalar @{ $redis->do('KEYS', 'spocr:key:*') }, 10000, 'all of them';

done_testing;
