# spocrctl: --json, --help, --version, the manual page, what stays of a file.

use lib 't/lib';
use Spocr::Ctl;

my $ctl = Spocr::Ctl->new;

# -- what others wrote stays: order, fields, numbers, letters

my $ones = '1' x 64;
my $entry = '{"uid": "u_1", "meta": {"z": 1e100, "a": [0.1, 12345678901234567, '
            . qq("é\\n"]}, "id": "key_1", "sha256": "$ones"});
$ctl->write(<<"EOF");
{
  "keys": [
    $entry
  ],
  "tenants": {
    "u_b": {"status": "active"},
    "u_a": {}
  },
  "version": 1
}
EOF
my $before = $ctl->text;
$ctl->run(qw(tenant set u_c --quiet));
my $after = $ctl->text;
is $after, $before =~ s/("u_a": \{\})/$1,\n    "u_c": {}/r,
    'all but the change is as it was, byte for byte';

# -- every command answers in JSON, and stdout has nothing else

my @commands = (
    [qw(plan set pro --key-limit 5)], [qw(plan list)],
    [qw(tenant set u_1 --plan pro)], [qw(tenant show u_1)], [qw(tenant list)],
    [qw(key create --uid u_1 --id key_2)], [qw(key list)],
    [qw(key show key_2)], [qw(key rotate key_2 --id key_3)],
    [qw(key revoke key_3)],
    [qw(request req_0193c5a0b1c27def8000000000000000)],
);
for my $command (@commands) {
    ok ref $ctl->json(@$command), "@$command";
}
my $r = $ctl->run_with("spocr_j\n", qw(key import --uid u_1 --json));
ok ref JSON::PP::decode_json($r->{out}), 'key import';
$r = $ctl->run_with("spocr_j\n", qw(explain --json));
ok ref JSON::PP::decode_json($r->{out}), 'explain';

# -- the key file by the environment

{
    local $ENV{SPOCR_KEYS} = $ctl->path;
    works $ctl->raw('', qw(key show key_1)), '$SPOCR_KEYS';
    my $empty = Spocr::Ctl->new;
    fails $empty->run(qw(key show key_1)), 1, qr/No such file/, '--file wins';
}

# -- help and the manual page tell the same

$r = $ctl->raw('', '--version');
like $r->{out}, qr/\Aspocrctl \d+\.\d+\.\d+\n\z/, '--version';
$r = $ctl->raw('', '--help');
works $r, '--help';
my $groups = qr/key|tenant|plan|redis|idempotency/;
my @names = $r->{out} =~ /^  ($groups \w+|\w+)\b.*$/mg;
@names = grep { !/^--/ } @names;
is @names, 21, 'it lists 21 commands';

open my $f, '<', 'spocrctl/spocrctl.1' or die $!;
my $man = do { local $/; <$f> };
my %in_man = map { $_ => 1 } $man =~ /Fl -([a-z-]+)/g;
my %in_help;

for my $name (@names) {
    like $man, qr/^\.Cm \Q$name\E$/m, "$name is in the synopsis";
    like $man, qr/^\.It Cm \Q$name\E\b/m, "$name is explained";
    my $help = $ctl->raw('', (split ' ', $name), '--help');
    works $help, "$name --help";
    like $help->{out}, qr/\Ausage: spocrctl \Q$name\E /, 'says how';
    my @options = $help->{out} =~ /^  --([a-z-]+)/mg;
    cmp_ok @options, '>=', 5, 'and its options';
    $in_help{$_} = 1 for @options;

    # each option of the help is taken: with a bad value or none, the message
    # is about that, not about an unknown option
    for my $option (@options) {
        my $tried = $ctl->raw('', (split ' ', $name), "--$option", '--help');
        unlike $tried->{err}, qr/not known|takes no/, "$name takes --$option";
    }
}
is_deeply [sort keys %in_man], [sort keys %in_help],
    'the manual page has the options of --help, and no others';
is $ctl->raw('', qw(-h))->{out}, $r->{out}, '-h';

SKIP: {
    skip 'mandoc is not installed', 1 if !grep { -x "$_/mandoc" }
                                         split /:/, $ENV{PATH};
    is `mandoc -Tlint -W warning spocrctl/spocrctl.1 2>&1`, '', 'mandoc';
}

# -- a reader that does not want the answer

SKIP: {
    skip 'no /dev/full', 2 if !-c '/dev/full';
    my $list = "$Spocr::Ctl::PROGRAM key list --file " . $ctl->path;
    my $err = `$list 2>&1 >/dev/full`;
    is $? >> 8, 1, 'a full disk is a failure';
    like $err, qr/stdout: No space left/, 'and is told';
}

done_testing;
