# spocrctl explain: what the gateway would do. C-5, C-7, C-13, section 4.

use lib 't/lib';
use Spocr::Ctl;

my $ctl = Spocr::Ctl->new;
my %text = map { $_ => "spocr_explain_$_" }
           qw(ok revoked disabled expired tenant scoped plain);
my %sha = map { $_ => sha256_hex($text{$_}) } keys %text;

$ctl->write(<<"EOF");
{"version":1,
 "plans":{"pro":{"limits":{"key":120,"uid":1200,"upload":{"key":9}}}},
 "tenants":{"u_pro":{"plan":"pro","limits":{"uid":null}},
            "u_off":{"status":"disabled"}},
 "keys":[
  {"id":"key_ok","sha256":"$sha{ok}","uid":"u_pro","limits":{"key":5}},
  {"id":"key_revoked","sha256":"$sha{revoked}","uid":"u","status":"revoked"},
  {"id":"key_disabled","sha256":"$sha{disabled}","uid":"u",
   "status":"disabled"},
  {"id":"key_expired","sha256":"$sha{expired}","uid":"u",
   "expiresAt":"2020-01-01T00:00:00Z"},
  {"id":"key_tenant","sha256":"$sha{tenant}","uid":"u_off"},
  {"id":"key_scoped","sha256":"$sha{scoped}","uid":"u","scopes":["ocr"]},
  {"id":"key_plain","sha256":"$sha{plain}","uid":"u"}]}
EOF

sub ask ($stdin, @args) {
    my $r = $ctl->run_with($stdin, 'explain', '--json', @args);
    my $secret = $stdin =~ /(spocr_\w{4,})/ ? $1 : undef;
    ok !$secret || "$r->{out}$r->{err}" !~ /\Q$secret\E/,
        'the text of the key is not repeated';
    return ($r->{code}, JSON::PP::decode_json($r->{out}));
}

my ($code, $a) = ask("$text{ok}\n");
is $code, 0, 'exits with 0 for a key that is let through';
ok $a->{allowed}, 'allowed';
is "$a->{id} $a->{uid} $a->{plan} $a->{status}", 'key_ok u_pro pro 200', 'who';
is_deeply $a->{limits}, {
    default => { key => { limit => 5, from => 'key' },
                 uid => { limit => undef, from => 'tenant' } },
    upload => { key => { limit => 9, from => 'plan' } },
}, 'each limit, and where it is from';    # C-13

($code, $a) = ask("$text{plain}\n", qw(--key-limit 30 --uid-limit 300));
is_deeply $a->{limits}, {
    default => { key => { limit => 30, from => 'directive' },
                 uid => { limit => 300, from => 'directive' } },
}, 'the directive says the rest';

my $shown = $ctl->run_with("$text{ok}\n", 'explain')->{out};
like $shown, qr/^allowed +yes/m, 'text: allowed';
like $shown, qr/^limit key +5, from the key$/m, 'text: limit of the key';
like $shown, qr/^limit uid +unlimited, from the tenant$/m, 'text: unlimited';
like $shown, qr/^limit upload\.key +9, from the plan$/m, 'text: named';

for my $case (
    ['ok', 200, 'ok', qr/let through/],
    ['revoked', 403, 'revoked', qr/the key's status is revoked/],
    ['disabled', 403, 'disabled', qr/status of the key is disabled/],
    ['tenant', 403, 'disabled', qr/status of the tenant is disabled/],
    ['expired', 403, 'expired', qr/expired at 2020-01-01T00:00:00Z/],
) {
    my ($name, $status, $reason, $why) = @$case;
    ($code, $a) = ask($text{$name});
    is "$a->{status} $a->{reason}", "$status $reason", "$name: $reason";
    like $a->{why}, $why, "$name: why";
    is $a->{code}, $status == 403 ? 'forbidden' : undef, "$name: code";  # C-7
    is $code, $status == 200 ? 0 : 1, "$name: exit code";
}

($code, $a) = ask($text{scoped}, qw(--scope ocr));
is $a->{status}, 200, 'a scope that the key has';
($code, $a) = ask($text{scoped}, qw(--scope upload));
is "$a->{status} $a->{code}", '403 insufficient_scope', 'one that it has not';
($code, $a) = ask($text{plain}, qw(--scope upload));
is $a->{status}, 200, 'a key without a list has all scopes';

# C-5: every form of the header
for my $good ("Bearer $text{ok}", "bearer   $text{ok} ",
              "Authorization: Bearer $text{ok}", "  $text{ok}\t\r\n") {
    ($code, $a) = ask($good);
    is $a->{status}, 200, "taken: '" . ($good =~ s/spocr_\w+/…/r) . "'";
}
for my $case (
    ['', 'missing', qr/stdin has no key/],
    ["\n$text{ok}\n", 'missing', qr/stdin has no key/],
    ["Basic dXNlcg==", 'malformed', qr/neither a key/],
    ["Bearer", 'malformed', qr/does not begin with "spocr_"/],
    ["Bearer sk_123", 'malformed', qr/does not begin with "spocr_"/],
    ["Bearer SPOCR_abcdef", 'malformed', qr/does not begin with "spocr_"/],
    ["Bearer spocr_", 'malformed', qr/nothing follows/],
    ["$text{ok} $text{ok}", 'malformed', qr/something follows the key/],
    ["spocr_abcd.efgh", 'malformed', qr/character 11 of the key/],
    ["spocr_" . 'a' x 123, 'malformed', qr/129 characters; 128 is the most/],
) {
    my ($stdin, $reason, $why) = @$case;
    ($code, $a) = ask($stdin);
    is "$a->{status} $a->{code} $a->{reason}", "401 unauthorized $reason",
        "401: $reason";
    like $a->{why}, $why, "why: $a->{why}";
}

# keys that are not known, and what the checksum tells
my $made = $ctl->run(qw(key create --uid u --id key_x --quiet))->{out};
chomp $made;
my $data = $ctl->data;
@{ $data->{keys} } = grep { $_->{id} ne 'key_x' } @{ $data->{keys} };
$ctl->write(JSON::PP::encode_json($data));
($code, $a) = ask($made);
is "$a->{status} $a->{reason}", '403 unknown', 'unknown';
like $a->{why}, qr/checksum is right/, 'a key whose record is gone';
substr($made, 20, 1) =~ tr/A-Za-z0-9/B-ZAb-za1-90/;
like +(ask($made))[1]{why}, qr/checksum is wrong, .* mistyped/, 'mistyped';
like +(ask('spocr_short'))[1]{why}, qr/has 11 characters/, 'another length';

# never from the arguments, where others can see it
fails $ctl->run('explain', $text{ok}), 2, qr/usage: spocrctl explain/,
    'a key as an argument';
unlike $ctl->run('explain', $text{ok})->{err}, qr/explain_ok/, 'not repeated';

done_testing;
