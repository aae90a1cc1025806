# A bad key file: nginx -t says which entry and why; a reload keeps the old one.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });

my $conf = <<'EOF';
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_zone zone=z:1m;
    spocr_keys file=%%DIR%%/keys.json;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF
$t->start($conf);
is $t->get('/x', key => $t->key('alice'))->status, 200, 'the good file';

my $digest = 'a' x 64;
my $other = 'b' x 64;
my $key = qq({"id":"key_1","sha256":"$digest","uid":"u_1"});
my $second = qq({"id":"key_2","sha256":"$other","uid":"u_1");

sub keys_of (@keys) { '{"version":1,"keys":[' . join(',', @keys) . ']}' }
sub field ($text) {
    return keys_of($key, $second . ($text eq '' ? '' : ",$text") . '}');
}

# C-10, contract, section 4: each with the line, the entry and the reason
for my $case (
    ['empty', '', qr/the file is empty/],
    ['no object', '[]', qr/must be one JSON object/],
    ['truncated', substr(keys_of($key), 0, -20), qr/line 1: /],
    ['truncated after the version', '{"version":1,', qr/line 1: /],
    ['something behind it', keys_of($key) . 'x', qr/after the end/],
    ['two objects', keys_of($key) . keys_of($key), qr/after the end/],
    ['not JSON', '{"version":1,"keys":[{id:1}]}',
     qr/keys\[0\].*not valid JSON/],
    ['a comma too many', keys_of($key, ''), qr/keys\[1\]|line 1/],
    ['no version', '{"keys":[]}', qr/"version" is missing/],
    ['another version', '{"version":2,"keys":[]}', qr/"version" must be 1/],
    ['a version as text', '{"version":"1","keys":[]}',
        qr/"version" must be 1/],
    ['no keys', '{"version":1}', qr/"keys" is missing/],
    ['keys as an object', '{"version":1,"keys":{}}',
        qr/"keys" must be an array/],
    ['an unknown member', '{"version":1,"keys":[],"kees":[]}',
        qr/unknown member "kees"/],
    ['a member twice', '{"version":1,"keys":[],"keys":[]}',
        qr/"keys" stands twice/],
    ['a byte order mark', "\xef\xbb\xbf" . keys_of($key), qr/byte order mark/],
    ['UTF-16', "\xff\xfe{\0", qr/not UTF-8/],
    ['bad UTF-8', field(qq("name":"\xff")), qr/keys\[1\].*bad UTF-8/],
    ['a NUL', field('"name":"a\u0000b"'), qr/keys\[1\].*NUL/],

    ['a key that is no object', keys_of($key, '5'),
        qr/keys\[1\].*must be an object/],
    ['no id', keys_of(qq({"sha256":"$digest","uid":"u_1"})),
        qr/keys\[0\].*"id" is missing/],
    ['no digest', keys_of('{"id":"key_1","uid":"u_1"}'),
        qr/keys\[0\] \(key_1\).*"sha256" is missing/],
    ['no uid', keys_of(qq({"id":"key_1","sha256":"$digest"})),
        qr/keys\[0\] \(key_1\).*"uid" is missing/],
    ['an unknown field', field('"scope":["ocr"]'),
        qr/keys\[1\] \(key_2\).*unknown field "scope"/],
    ['a field twice', field('"uid":"u_2"'), qr/keys\[1\].*"uid" stands twice/],
    ['an id as a number', keys_of(qq({"id":1,"sha256":"$digest","uid":"u"})),
        qr/keys\[0\].*"id"/],
    ['a bad id', keys_of(qq({"id":"a b","sha256":"$digest","uid":"u"})),
        qr/keys\[0\].*"id"/],
    ['a long id', keys_of('{"id":"' . 'i' x 65
        . qq(","sha256":"$digest","uid":"u"})), qr/keys\[0\].*"id"/],
    ['a bad uid', keys_of(qq({"id":"k","sha256":"$digest","uid":"/"})),
        qr/keys\[0\].*"uid"/],
    ['an id twice', keys_of($key, qq({"id":"key_1","sha256":"$other",)
        . '"uid":"u_1"}'), qr/keys\[1\] \(key_1\).*another key has this id/],
    ['a digest twice', keys_of($key, qq({"id":"key_2","sha256":"$digest",)
        . '"uid":"u_1"}'), qr/keys\[1\] \(key_2\).*"key_1" has the same/],
    ['a digest twice, in upper case', keys_of($key, '{"id":"key_2",'
        . qq("sha256":"\U$digest\E","uid":"u_1"})),
        qr/keys\[1\].*(?:the same|64 hexadecimal)/],
    ['a short digest', keys_of('{"id":"k","sha256":"ab","uid":"u"}'),
        qr/"sha256" must be 64 hexadecimal digits/],
    ['no hexadecimal', keys_of('{"id":"k","sha256":"' . 'g' x 64
        . '","uid":"u"}'), qr/"sha256" must be 64 hexadecimal digits/],

    ['scopes as text', field('"scopes":"ocr"'),
        qr/keys\[1\].*"scopes" must be an array/],
    ['a scope as a number', field('"scopes":[1]'), qr/keys\[1\].*scope/],
    ['a bad scope', field('"scopes":["a b"]'), qr/keys\[1\].*scope/],
    ['a scope twice', field('"scopes":["a","a"]'),
        qr/keys\[1\].*scope "a" stands twice/],
    ['a status', field('"status":"paused"'), qr/keys\[1\].*"status" must be/],
    ['a status as a number', field('"status":1'),
        qr/keys\[1\].*"status" must be/],
    ['a date', field('"expiresAt":"tomorrow"'), qr/keys\[1\].*"expiresAt"/],
    ['a date without a zone', field('"expiresAt":"2027-01-01T00:00:00"'),
        qr/keys\[1\].*"expiresAt"/],
    ['a day that is not', field('"expiresAt":"2027-02-29T00:00:00Z"'),
        qr/keys\[1\].*"expiresAt"/],
    ['a month that is not', field('"expiresAt":"2027-13-01T00:00:00Z"'),
        qr/keys\[1\].*"expiresAt"/],
    ['a date as a number', field('"expiresAt":1798761600'),
        qr/keys\[1\].*"expiresAt"/],
    ['a name as a number', field('"name":1'), qr/keys\[1\].*"name"/],
    ['a long name', field('"name":"' . 'n' x 129 . '"'),
        qr/keys\[1\].*"name" has more than 128/],
    ['a control in a name', field('"name":"a\nb"'),
        qr/keys\[1\].*"name" has a control/],
    ['meta as text', field('"meta":"x"'), qr/keys\[1\].*"meta"/],
    ['a large meta', field('"meta":{"x":"' . 'x' x 1100 . '"}'),
        qr/keys\[1\].*"meta"/],

    ['limits as a number', field('"limits":5'),
        qr/keys\[1\].*"limits" must be an object/],
    ['a limit of 0', field('"limits":{"key":0}'),
        qr/keys\[1\].*limits\.key: 0 is no limit.*disabled/],
    ['a limit below 0', field('"limits":{"key":-1}'), qr/limits\.key must be/],
    ['a limit as text', field('"limits":{"key":"60"}'),
        qr/limits\.key must be/],
    ['a limit as a fraction', field('"limits":{"key":1.5}'),
        qr/limits\.key must be/],
    ['a limit as a boolean', field('"limits":{"key":true}'),
        qr/limits\.key must be/],
    ['a limit too large', field('"limits":{"key":9999999999}'),
        qr/limits\.key must be/],
    ["a uid's limit in a key", field('"limits":{"uid":60}'),
        qr/limits\.uid: the limit of a uid belongs to its tenant or plan/],
    ["a uid's limit of a name in a key", field('"limits":{"ocr":{"uid":6}}'),
        qr/limits\.ocr\.uid: the limit of a uid belongs/],
    ['a reserved name', field('"limits":{"default":{"key":6}}'),
        qr/"default" is reserved/],
    ['a limit of a name as a number', field('"limits":{"ocr":6}'),
        qr/limits: "ocr" must be an object/],
    ['an unknown limit', field('"limits":{"ocr":{"rate":6}}'),
        qr/limits\.ocr: unknown field "rate"/],
    ['a bad name of a limit', field('"limits":{"a b":{"key":6}}'),
        qr/limits: "a b" is neither/],

    ['tenants as an array', '{"version":1,"tenants":[],"keys":[]}',
        qr/"tenants".*must be an object/],
    ['a bad tenant', '{"version":1,"tenants":{"/":{}},"keys":[]}',
        qr/tenants\["\/"\].*a uid must be/],
    ['a tenant that is no object', '{"version":1,"tenants":{"u":1},"keys":[]}',
        qr/tenants\["u"\].*must be an object/],
    ['a tenant twice', '{"version":1,"tenants":{"u":{},"u":{}},"keys":[]}',
        qr/tenants\["u"\].*stands twice/],
    ['a field of a tenant', '{"version":1,"tenants":{"u":{"x":1}},"keys":[]}',
        qr/tenants\["u"\].*unknown field "x"/],
    ['a revoked tenant',
        '{"version":1,"tenants":{"u":{"status":"revoked"}},"keys":[]}',
        qr/tenants\["u"\].*"status" must be "active" or "disabled"/],
    ['a plan that is not',
        '{"version":1,"tenants":{"u":{"plan":"pro"}},"keys":[]}',
        qr/tenants\["u"\].*plan "pro" is not defined/],
    ['a plan as a number',
        '{"version":1,"tenants":{"u":{"plan":1}},"keys":[]}',
        qr/tenants\["u"\].*"plan"/],
    ['plans as text', '{"version":1,"plans":"x","keys":[]}',
        qr/"plans".*must be an object/],
    ['a field of a plan', '{"version":1,"plans":{"p":{"plan":"q"}},"keys":[]}',
        qr/plans\["p"\].*unknown field "plan"/],
    ['a plan twice', '{"version":1,"plans":{"p":{},"p":{}},"keys":[]}',
        qr/plans\["p"\].*stands twice/],
    ['a limit of 0 in a plan',
        '{"version":1,"plans":{"p":{"limits":{"uid":0}}},"keys":[]}',
        qr/plans\["p"\].*limits\.uid: 0 is no limit/],
) {
    my ($name, $text, $reason) = @$case;
    $t->file('keys.json', $text);
    chmod 0600, $t->dir . '/keys.json';
    my ($exit, $out) = $t->config_test($conf);
    is $exit, 1, $name;
    like $out, qr/\[emerg\] spocr_keys "\S+keys\.json"/, "$name: the file"
        or diag $out;
    like $out, $reason, "$name: the reason";
    like $out, qr/ in \S+test\.conf:6$/m, "$name: the directive";
}

# the line is that of the entry, not of the file
$t->file('keys.json', keys_of($key, "\n\n$second,\n\"bad\":1}"));
chmod 0600, $t->dir . '/keys.json';
my ($exit, $out) = $t->config_test($conf);
like $out, qr/keys\.json" line [345]: keys\[1\] \(key_2\)/, 'the line';

# a key's text in the file is pointed out, and not repeated
my $text = $t->key('alice');
for my $bad (keys_of(qq({"id":"k","sha256":"$text","uid":"u"})),
             keys_of(qq({"id":"$text","sha256":"$digest","uid":"u"})),
             field(qq("$text":1)), qq({"version":1,"$text":1,"keys":[]}),
             field(qq("scopes":["$text","$text"])),
             qq({"version":1,"tenants":{"$text":1},"keys":[]}))
{
    $t->file('keys.json', $bad);
    chmod 0600, $t->dir . '/keys.json';
    ($exit, $out) = $t->config_test($conf);
    is $exit, 1, "a key's text where it does not belong";
    unlike $out, qr/\Q$text\E/, 'and the message does not repeat it';
}

# C-10: at a reload the old keys go on
$t->file('keys.json', field('"scope":["ocr"]'));
chmod 0600, $t->dir . '/keys.json';
$t->allow(qr/\[emerg\] .* spocr_keys .*unknown field "scope"/);
ok !$t->reload, 'a reload with a bad file is refused';
like $t->log, qr/\[emerg\].*keys\[1\] \(key_2\).*unknown field "scope"/,
     'the log says which entry and why';
is $t->get('/x', key => $t->key('alice'))->status, 200, 'the old key works';

unlink $t->dir . '/keys.json';
$t->allow(qr/\[emerg\] .* spocr_keys .*cannot be opened/);
ok !$t->reload, 'and with none';
is $t->get('/x', key => $t->key('alice'))->status, 200,
   'the old key works still';

# what is good, though it may look odd
for my $case (
    ['no keys', '{"version":1,"keys":[]}'],
    ['an empty plan and tenant', '{"version":1,"plans":{"p":{}},"tenants":'
        . '{"u":{"plan":"p"}},"keys":[]}'],
    ['tenants before plans', '{"version":1,"tenants":{"u":{"plan":"p"}},'
        . '"keys":[],"plans":{"p":{}}}'],
    ['white space', " \n\t{ \"version\" : 1 , \"keys\" : [ ] } \n"],
    ['escapes', field('"name":"\u00e9\ud83d\ude00\"\\\\"')],
    ['every field', field('"name":"n","scopes":["a"],"limits":{"key":1,'
        . '"x":{"key":null}},"status":"active","expiresAt":'
        . '"2099-01-01T00:00:00Z","rotatedFrom":"key_1","meta":{"a":[1,{}]}')],
    ['an offset', field('"expiresAt":"2099-01-01T00:00:00.5+09:00"')],
    ['64 characters', keys_of('{"id":"' . 'i' x 64 . qq(","sha256":"$digest",)
        . '"uid":"' . 'u' x 64 . '"}')],
) {
    my ($name, $text) = @$case;
    $t->file('keys.json', $text);
    chmod 0600, $t->dir . '/keys.json';
    ($exit, $out) = $t->config_test($conf);
    is $exit, 0, "$name is good" or diag $out;
}

$t->done;
