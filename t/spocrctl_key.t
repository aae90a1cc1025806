# spocrctl key create, list, show, revoke, import. Contract, section 4; C-9.

use lib 't/lib';
use Spocr::Ctl;

my $ctl = Spocr::Ctl->new;

# -- create

my $r = $ctl->run(qw(key create --uid u_acme));
works $r, 'a key in a file that is not there yet';
my ($key) = $r->{out} =~ /\A(spocr_[A-Za-z0-9]{36})\n\z/;
ok $key, 'stdout has the text of the key, and nothing else';
unlike $r->{err}, qr/\Q$key\E/, 'stderr does not';
like $r->{err}, qr/its text is not shown again/, 'and says that it was it';
like $r->{err}, qr/reload/, 'and that nginx has to be reloaded';
is sprintf('%04o', (stat $ctl->path)[2] & 07777), '0600', 'mode of a new file';

my $data = $ctl->data;
is $data->{version}, 1, 'version 1';
is @{ $data->{keys} }, 1, 'one key';
my $record = $data->{keys}[0];
is $record->{sha256}, sha256_hex($key), 'the digest of the text';    # C-9
is $record->{uid}, 'u_acme', 'the uid';
like $record->{id}, qr/\Akey_[0-9a-z]{12}\z/, 'an id of its own';
like $record->{createdAt}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/, 'a date';
is join(' ', sort keys %$record), 'createdAt id sha256 uid', 'and no more';
unlike $ctl->text, qr/\Q$key\E/, 'the text of the key is not in the file';

$r = $ctl->run(qw(key create --uid u_acme --id key_full --name), 'Bücher "1"',
               '--scopes', 'ocr,upload', qw(--key-limit 5 --limit upload.key=2
                  --limit), 'a.b.key=unlimited', '--expires=2030-01-02',
               '--meta', '{"x":0.1,"y":[1,{}]}', '--quiet');
works $r, 'a key with all options';
is $r->{err}, '', '--quiet: no notes';
$record = $ctl->data->{keys}[1];
is $record->{id}, 'key_full', 'the id that was asked for';
is_deeply $record->{scopes}, ['ocr', 'upload'], 'scopes';
is_deeply $record->{limits}, { key => 5, upload => { key => 2 },
                               'a.b' => { key => undef } }, 'limits';
is $record->{expiresAt}, '2030-01-02T00:00:00Z', 'a date is midnight, UTC';
like $ctl->text, qr/"meta": \{"x": 0\.1, "y": \[1, \{\}\]\}/, 'meta as it was';

works $ctl->run(qw(key create --uid u --id key_none --scopes none --quiet
                   --expires 90s)), 'no scopes, and a duration';
is_deeply $ctl->data->{keys}[2]{scopes}, [], 'an empty list';
works $ctl->run(qw(key create --uid u --id key_all --scopes all --quiet)),
    'all scopes';
ok !exists $ctl->data->{keys}[3]{scopes}, 'no list at all';

my $before = $ctl->text;
fails $ctl->run(qw(key create --uid u --id key_full)), 2,
    qr/there is a key key_full already/, 'an id twice';
is $ctl->text, $before, 'and the file is as it was';

# -- list and show

$r = $ctl->run(qw(key list));
works $r, 'list';
like $r->{out}, qr/^key_full +u_acme +active +2030-01-02T00:00:00Z +key=5 up/m,
    'its line';
like $r->{out}, qr/ key=5 upload\.key=2 a\.b\.key=unlimited /, 'its limits';
unlike $r->{out}, qr/[0-9a-f]{64}/, 'no digests';
is @{ $ctl->json(qw(key list)) }, 4, 'four keys as JSON';
is @{ $ctl->json(qw(key list --uid u_acme)) }, 2, 'of one tenant';
is $ctl->json(qw(key show key_full))->{state}, 'active', 'show, as JSON';
like $ctl->run(qw(key show key_full))->{out}, qr/^uid +u_acme$/m, 'show';
fails $ctl->run(qw(key show key_gone)), 1, qr/there is no key key_gone/,
    'a key that is not there';

# -- revoke

$r = $ctl->run(qw(key revoke key_full key_none));
works $r, 'revoke two';
is $r->{out}, "key_full revoked\nkey_none revoked\n", 'both are named';
is join(' ', map { $_->{status} // 'active' } @{ $ctl->data->{keys} }),
    'active revoked revoked active', 'their status';
is @{ $ctl->json(qw(key list --status revoked)) }, 2, 'list --status';
$r = $ctl->run(qw(key revoke key_full));
works $r, 'revoke again';
like $r->{err}, qr/nothing to change/, 'changes nothing';
$before = $ctl->text;
fails $ctl->run(qw(key revoke key_all key_gone)), 1,
    qr/there is no key key_gone/, 'one of two is not there';
is $ctl->text, $before, 'then none is revoked';

# -- import

my $digest = 'ab' x 32;
my $date = '2031-01-01T00:00:00Z';
$r = $ctl->run_with(<<"EOF", qw(key import --uid u_default));
key,id,uid,name,scopes,status,expiresAt
spocr_imported_1,key_i1,u_i,"Smith, ""J""",ocr upload,disabled,$date
$digest,key_i2,,,,,

EOF
works $r, 'import CSV with names';
is $r->{out}, "key_i1 u_i\nkey_i2 u_default\n", 'id and uid of each';
like $r->{err}, qr/2 keys imported/, 'how many';
is_deeply $ctl->json(qw(key show key_i1)),
    { id => 'key_i1', uid => 'u_i', sha256 => sha256_hex('spocr_imported_1'),
      name => 'Smith, "J"', scopes => ['ocr', 'upload'], status => 'disabled',
      state => 'disabled', expiresAt => '2031-01-01T00:00:00Z' },
    'the record of a key';
is $ctl->json(qw(key show key_i2))->{sha256}, $digest, 'of a digest';

$r = $ctl->run_with("spocr_imported_2\nspocr_imported_3 , u_3, three\n",
                    qw(key import --uid u_default --json));
works $r, 'import CSV without names';
my $imported = JSON::PP::decode_json($r->{out})->{imported};
is $imported->[1]{uid}, 'u_3', 'uid of the second';
is $ctl->json('key', 'show', $imported->[1]{id})->{name}, 'three', 'its name';

$r = $ctl->run_with(<<'EOF', qw(key import));
{"key":"spocr_imported_4","uid":"u_4","limits":{"key":7},"id":"key_i4"}
EOF
works $r, 'import JSON';
is $ctl->json(qw(key show key_i4))->{limits}{key}, 7, 'with its fields';
unlike $ctl->text, qr/spocr_imported/, 'no text of a key is in the file';

$before = $ctl->text;
for my $case (
    ["spocr_ok\nspocr_bad!\n", qr/line 2: the gateway would refuse/,
     'a malformed key'],
    ["key\nnothing\n", qr/line 2: the gateway would refuse/, 'no key'],
    ["sha256\nspocr_x\n", qr/line 2: neither "key" .* nor "sha256"/,
     'a key for a digest'],
    ["key,color\n", qr/line 1: column 2 is none of/, 'an unknown column'],
    ["spocr_1,u,n,x\n", qr/line 1: 4 fields, but 3 columns/, 'a field more'],
    ["key\n\"spocr_1\n", qr/line 2: a quote is not closed/, 'an open quote'],
    ["key\n\"spocr_1\"x\n", qr/line 2: text after a quote/, 'after a quote'],
    ["{\"key\":\"spocr_1\",\n", qr/line 1: not a JSON object/, 'bad JSON'],
    ["{\"key\":\"spocr_1\",\"sha256\":\"$digest\"}\n",
     qr/line 1: both a key and a digest/, 'both'],
    ["{\"key\":\"spocr_1\",\"color\":1}\n", qr/unknown field "color"/,
     'an unknown field'],
    ["$digest\n", qr/key "key_i2" has the same "sha256"/, 'a key twice'],
    ["", qr/stdin has no keys/, 'nothing at all'],
    ["spocr_\0x\n", qr/line 1: a NUL byte/, 'a NUL byte'],
) {
    my ($text, $re, $name) = @$case;
    my $bad = $ctl->run_with($text, qw(key import --uid u));
    fails $bad, 2, $re, "import: $name";
    unlike $bad->{err}, qr/spocr_[a-z0-9]/, 'no text of a key is repeated';
    is $ctl->text, $before, 'nothing was changed';
}
fails $ctl->run_with("spocr_1\n", qw(key import)), 2,
    qr/line 1: no uid, and no --uid/, 'import: no uid';

done_testing;
