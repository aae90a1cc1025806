# spocrctl on Redis: the commands, the records they make, and the notices.
# Contract, section 4; C-9, C-10.

use lib 't/lib';
use Spocr::Ctl;
use Spocr::Redis;

my $redis = Spocr::Redis->new(unix => 1);
my $ctl = Spocr::Ctl->new(redis => $redis->url);
my $json = JSON::PP->new->utf8;

my $ears = $redis->client;
$ears->do('SUBSCRIBE', 'spocr:notice');

sub heard ($n) { join ' ', map { $ears->read->[2] } 1 .. $n }

sub record ($name) { $json->decode($redis->do('GET', "spocr:$name")) }

sub uid_name ($uid) { 'tenant:' . sha256_hex($uid) }

# -- plans and tenants

my $r = $ctl->run(qw(plan set pro --key-limit 120 --uid-limit 1200
                     --limit upload.key=9));
works $r, 'plan set';
is $r->{err}, '', 'nothing has to be reloaded';
is heard(1), 'plan:pro', 'the gateways are told';
is_deeply record('plan:pro'), { limits => { key => 120, uid => 1200,
    upload => { key => 9 } } }, 'the record of a plan';
is $redis->do('TTL', 'spocr:plan:pro'), -1, 'does not expire';

works $ctl->run(qw(tenant set u_acme --plan pro --status active)), 'tenant set';
is heard(1), uid_name('u_acme'), 'the gateways are told';
is_deeply record(uid_name('u_acme')),
    { uid => 'u_acme', plan => 'pro', status => 'active' },
    'the record of a tenant says whose it is';
fails $ctl->run(qw(tenant set u_acme --plan none_such)), 1,
    qr/there is no plan none_such/, 'a plan that is not there';
is_deeply $ctl->json(qw(plan list)),
    { pro => { limits => { key => 120, uid => 1200,
                           upload => { key => 9 } } } },
    'plan list';
is_deeply [keys %{ $ctl->json(qw(tenant list)) }], ['u_acme'], 'tenant list';

# -- keys

$r = $ctl->run(qw(key create --uid u_acme --id key_1 --name), 'Bücher',
               '--scopes', 'ocr,upload', qw(--key-limit 5 --expires 90d
               --meta), '{"x":0.1}');
works $r, 'key create';
my ($key) = $r->{out} =~ /\A(spocr_[A-Za-z0-9]{36})\n\z/;
ok $key, 'stdout has the text of the key, and nothing else';
my $name = 'key:' . sha256_hex($key // '');
is heard(1), $name, 'the gateways are told of a new key: some may have asked';
my $record = record($name);
is join(' ', sort keys %$record),
    'createdAt expiresAt id limits meta name scopes uid',
    'its record, without the digest that is its name';
is "$record->{id} $record->{uid}", 'key_1 u_acme', 'id and uid';
is_deeply $record->{scopes}, ['ocr', 'upload'], 'scopes';
like $redis->do('GET', "spocr:$name"), qr/"x": 0\.1\}/, 'meta as it was';

my $dump = join "\n", map { "$_ " . $redis->do('GET', $_) }
                      @{ $redis->do('KEYS', '*') };
unlike $dump, qr/\Q$key\E/, 'the text of the key is not in Redis';     # C-9

$r = $ctl->run(qw(key list));
works $r, 'key list';
like $r->{out}, qr/^key_1 +u_acme +active +\d{4}-\S+ key=5 +B/m, 'its line';
is $ctl->json(qw(key show key_1))->{sha256}, sha256_hex($key),
    'key show has the digest';
fails $ctl->run(qw(key show key_gone)), 1, qr/there is no key key_gone/,
    'a key that is not there';
fails $ctl->run(qw(key create --uid u --id key_1)), 2,
    qr/there is a key key_1 already/, 'an id twice';

my $answer = $json->decode($ctl->run_with($key, qw(explain --json
                                          --scope ocr))->{out});
is "$answer->{status} $answer->{id} $answer->{plan}", '200 key_1 pro',
    'explain: let through';
is_deeply $answer->{limits}, {
    default => { key => { limit => 5, from => 'key' },
                 uid => { limit => 1200, from => 'plan' } },
    upload => { key => { limit => 9, from => 'plan' } } },
    'and where its limits are from';
$r = $ctl->run_with($key, qw(explain --scope other));
is $r->{code}, 1, 'explain: another scope';
like $r->{out}, qr/no, 403 insufficient_scope/, 'is told';
like $ctl->run_with('spocr_' . 'x' x 36, 'explain')->{out},
    qr/no, 403 forbidden: no key has this text/, 'explain: not known';

# -- rotate, revoke, disable

$r = $ctl->run(qw(key rotate key_1 --id key_2 --grace 1h --json));
works $r, 'key rotate';
my $rotated = $json->decode($r->{out});
is join(' ', sort split / /, heard(2)),
    join(' ', sort "key:$rotated->{sha256}", $name), 'both keys are told';
my $new = record("key:$rotated->{sha256}");
is "$new->{id} $new->{rotatedFrom} $new->{uid}", 'key_2 key_1 u_acme', 'new';
is_deeply $new->{meta}, { x => 0.1 }, 'it has the fields of the old one';
like record($name)->{expiresAt}, qr/^\d{4}-/, 'the old one ends';
is record($name)->{expiresAt}, $rotated->{oldExpiresAt}, 'as it is told';
fails $ctl->run(qw(key rotate key_1 --id key_2)), 2, qr/key_2 already/,
    'not to an id that is there';

works $ctl->run(qw(key revoke key_1 key_2)), 'revoke two';
is join(' ', sort split / /, heard(2)),
    join(' ', sort "key:$rotated->{sha256}", $name), 'both are told';
is record($name)->{status}, 'revoked', 'the status';
$r = $ctl->run(qw(key revoke key_1));
like $r->{err}, qr/nothing to change/, 'revoke again';
fails $ctl->run(qw(key revoke key_1 key_gone)), 1,
    qr/there is no key key_gone/, 'one of two is not there';
fails $ctl->run(qw(key rotate key_1)), 1, qr/key key_1 is revoked/,
    'a revoked key is not rotated';
like $ctl->run_with($key, 'explain')->{out}, qr/403 forbidden: .* revoked/,
    'explain: revoked';
is @{ $ctl->json(qw(key list --status revoked)) }, 2, 'list --status';

works $ctl->run(qw(key create --uid u_off --id key_off --quiet)), 'a tenant';
works $ctl->run(qw(tenant set u_off --status disabled)), 'that is disabled';
is $ctl->json(qw(key show key_off))->{state}, 'disabled', 'and so is its key';
my $shown = $ctl->json(qw(tenant show u_acme));
is scalar @{ $shown->{keys} }, 2, 'tenant show: its keys';
is $shown->{plan}{limits}{uid}, 1200, 'and its plan';
heard(2);

# -- import

my $digest = 'ab' x 32;
$r = $ctl->run_with(<<"EOF", qw(key import --uid u_i));
key,id,uid
spocr_imported_1,key_i1,
$digest,key_i2,u_j
EOF
works $r, 'key import';
is $r->{out}, "key_i1 u_i\nkey_i2 u_j\n", 'id and uid of each';
is join(' ', sort split / /, heard(2)), join(' ', sort "key:$digest",
    'key:' . sha256_hex('spocr_imported_1')), 'each is told';
is record("key:$digest")->{id}, 'key_i2', 'a record';

my $size = $redis->do('DBSIZE');
for my $case (
    ["spocr_new\n$digest\n", qr/is there already/, 'a key that is there'],
    ["key,id\nspocr_new,key_i1\n", qr/there is a key key_i1 already/,
     'an id that is there'],
    ["key,id\nspocr_new,key_n\nspocr_newer,key_n\n",
     qr/there is a key key_n already/, 'an id twice'],
    ["spocr_new\nspocr_new\n", qr/the same text as another/, 'a key twice'],
    ["{\"key\":\"spocr_new\",\"color\":1}\n", qr/unknown field "color"/,
     'an unknown field'],
    ["{\"key\":\"spocr_new\",\"limits\":{\"key\":0}}\n",
     qr/limits\.key: 0 is no limit/, 'a limit of 0'],
) {
    my ($text, $re, $what) = @$case;
    my $bad = $ctl->run_with($text, qw(key import --uid u));
    fails $bad, 2, $re, "import: $what";
    unlike $bad->{err}, qr/spocr_[a-z0-9]/, 'no text of a key is repeated';
    is $redis->do('DBSIZE'), $size, 'nothing was changed';
}
$r = $ctl->run_with(join('', map { "spocr_many_$_\n" } 1 .. 100),
                    qw(key import --uid u_many));
works $r, 'import a hundred';
is heard(1), 'all', 'which is told at once';
is scalar @{ $ctl->json(qw(key list --uid u_many)) }, 100, 'all are there';

# -- records of others: unknown fields stay, bad ones do no harm

$redis->do('SET', "spocr:key:$digest", '{"version":1,"color":"é","id":"key_i2"'
           . ',"uid":"u_j","limits":{"key":7,"a.b":{"key":3}},"n":1e100}');
works $ctl->run(qw(key revoke key_i2)), 'a record with unknown fields';
is_deeply record("key:$digest"),
    { version => 1, color => "\xe9", id => 'key_i2', uid => 'u_j',
      limits => { key => 7, 'a.b' => { key => 3 } }, n => 1e100,
      status => 'revoked' }, 'keeps them';

$redis->do('SET', 'spocr:key:' . 'cd' x 32, '{"id":"key_bad","uid":7}');
$redis->do('SET', 'spocr:key:' . 'ce' x 32, '{"version":2,"id":"key_new",'
           . '"uid":"u_v"}');
$redis->do('SET', 'spocr:key:' . 'cf' x 32, 'no JSON');
$redis->do('RPUSH', 'spocr:key:' . 'd0' x 32, 1);
$redis->do('SET', 'spocr:' . uid_name('u_wrong'), '{"uid":"u_other"}');
$redis->do('SET', "spocr:$_", 'x')
    for 'key:short', 'plan:a b', 'tenant:x', 'known:1', 'key';
$r = $ctl->run(qw(key list));
works $r, 'key list, with bad records';
like $r->{out}, qr/^key_bad +- +invalid /m, 'a wrong shape';
like $r->{out}, qr/^key_new +u_v +invalid /m, 'a version of the future';
like $r->{err}, qr/record spocr:key:$_/, "what is no record is named: $_"
    for 'cfcfcfcf is', 'd0d0d0d0 is';
like $r->{err}, qr/record spocr:tenant:[0-9a-f]{8} is/, 'a tenant as well';
is scalar(() = $r->{err} =~ /\n/g), 3, 'and no others';
is $ctl->json(qw(key show key_i1))->{state}, 'active', 'others are well';
fails $ctl->run(qw(tenant set u_wrong --key-limit 1)), 1,
    qr/record spocr:tenant:[0-9a-f]{8} is no JSON object of its kind/,
    'it is not written over';
for my $case (['no JSON', qr/no, 503 service_unavailable: a record is not/],
              ['{"id":"a","uid":7}', qr/no, 503 .* "uid"/],
              ['{"id":"key_x","uid":"u_wrong"}', qr/no, 503 .* tenant/],
              ['{"id":"key_x","uid":"u_y","q":1}', qr/yes/]) {
    my ($text, $re) = @$case;
    $redis->do('SET', 'spocr:key:' . sha256_hex('spocr_bad'), $text);
    like $ctl->run_with('spocr_bad', 'explain')->{out}, $re, "explain: $text";
}

$redis->do('SET', 'spocr:key:' . 'aa' x 32, '{"id":"key_i1","uid":"u"}');
fails $ctl->run(qw(key revoke key_i1)), 1, qr/two keys have the id key_i1/,
    'an id that somebody gave twice';

# -- places

my $unix = Spocr::Ctl->new(redis => 'unix:' . $redis->path . ':3');
works $unix->run(qw(key create --uid u_3 --id key_db3 --quiet)),
    'a unix socket, and a database';
is @{ $unix->json(qw(key list)) }, 1, 'of its own';
$r = $ctl->raw('', '--redis', $redis->url . '/3', qw(key show key_db3));
works $r, 'the same database over TCP';
works $ctl->run(qw(--prefix other: key create --uid u --id key_o --quiet)),
    'another prefix';
is $ctl->json(qw(--prefix other: key list))->[0]{id}, 'key_o', 'its keys';
is scalar @{ $redis->do('KEYS', 'other:*') }, 2, 'begin with it';
{
    local $ENV{SPOCR_REDIS} = $redis->url . ' prefix=other: timeout=50ms';
    works $ctl->raw('', qw(key show key_o)), '$SPOCR_REDIS, with parameters';
    works $ctl->raw('', qw(--prefix spocr: key show key_off)),
        'an option is stronger';
    my $file = Spocr::Ctl->new;
    works $file->run(qw(key create --uid u)), '--file, all the same';
    local $ENV{SPOCR_KEYS} = $file->path;
    fails $ctl->raw('', qw(key list)), 2, qr/say which, by --file or --redis/,
        '$SPOCR_KEYS as well: which?';
    works $ctl->raw('', '--file', $file->path, qw(key list)), 'this one';
    works $ctl->raw('', '--redis', $redis->url, qw(key list)), 'or that one';
}

# -- usage

for my $case (
    [qr/--file and --redis are two places/, qw(key list --file x)],
    [qr/--reload is for the key file/, qw(key create --uid u --reload)],
    [qr/--timeout must be/, qw(key list --timeout 5)],
    [qr/--prefix must be/, qw(key list --prefix), 'a*'],
    [qr/--prefix must be/, qw(key list --prefix), ''],
    [qr/--ca, --cert, .* are for TLS/, qw(key list --ca x)],
    [qr/--cert and --key are given together/, qw(key list --cert x)],
) {
    my ($re, @args) = @$case;
    fails $ctl->run(@args), 2, $re, "@args";
}
for my $case (
    ['redis://u:secret@h', qr/a password does not belong into a URL/],
    ['redis://:secret@h', qr/a password does not belong into a URL/],
    ['http://secret', qr/must begin with redis:/],
    ['secret', qr/must begin with redis:/], ['', qr/--redis is empty/],
    ['redis://', qr/must be like redis:/], ['redis://@h', qr/must be like/],
    ['redis://h:x', qr/must be like/], ['redis://h:99999', qr/must be like/],
    ['redis://h/x', qr/number of a database/],
    ['redis://[::1', qr/a bracket is not closed/],
    ['unix:secret', qr/needs an absolute path/],
    ['redis://h passwd=secret', qr/after the URL there may be/],
) {
    my ($url, $re) = @$case;
    my $bad = $ctl->raw('', 'key', 'list', '--redis', $url);
    fails $bad, 2, $re, "--redis '$url'";
    unlike $bad->{err}, qr/secret/, 'it is not repeated';
}
for my $command ('doctor', 'limits u', 'redis install', 'redis import x',
                 'redis export x') {
    fails $ctl->raw('', split / /, $command), 2, qr/is about Redis: say which/,
        "$command without a Redis";
}

done_testing;
