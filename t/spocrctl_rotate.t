# spocrctl key rotate: the new key, and how long the old one works on.
# Contract, section 4.

use lib 't/lib';
use Spocr::Ctl;

my $ctl = Spocr::Ctl->new;

sub seconds ($text) {
    my @t = $text =~ /\A(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z\z/ or return -1;
    require Time::Local;
    return Time::Local::timegm_modern(@t[5, 4, 3, 2], $t[1] - 1, $t[0]);
}

sub record ($id) {
    my ($record) = grep { $_->{id} eq $id } @{ $ctl->data->{keys} };
    return $record;
}

my $old = $ctl->run(qw(key create --uid u_1 --id key_old --name billing
                       --key-limit 7 --quiet), '--scopes', 'ocr,read',
                    '--meta', '{"owner":"x"}')->{out};
chomp $old;

my $r = $ctl->run(qw(key rotate key_old --id key_new));
my $now = time;
works $r, 'rotate';
my ($new) = $r->{out} =~ /\A(spocr_\w{36})\n\z/;
ok $new && $new ne $old, 'another text, on stdout alone';
like $r->{err}, qr/key key_new in place of key_old/, 'a note says which';

my $record = record('key_new');
is $record->{sha256}, sha256_hex($new), 'the digest of the new text';
is $record->{rotatedFrom}, 'key_old', 'where it is from';
is_deeply [@$record{qw(uid name limits scopes meta)}],
    ['u_1', 'billing', { key => 7 }, ['ocr', 'read'], { owner => 'x' }],
    'uid, name, limits, scopes and meta are the old ones';
ok !exists $record->{expiresAt}, 'no expiry, as before';
cmp_ok abs(seconds(record('key_old')->{expiresAt}) - $now - 86400), '<', 10,
    'the old key expires in 24 hours';
is record('key_old')->{sha256}, sha256_hex($old), 'and works until then';

# an expiry that is nearer than the grace stays
works $ctl->run(qw(key create --uid u_1 --id key_soon --expires 1h --quiet)),
    'a key that expires in an hour';
my $soon = record('key_soon')->{expiresAt};
works $ctl->run(qw(key rotate key_soon --id key_soon2 --grace 30d --quiet)),
    'rotated with a grace of 30 days';
is record('key_soon')->{expiresAt}, $soon, 'still expires in an hour';
is record('key_soon2')->{expiresAt}, $soon, 'the new one as well';

# a later one is brought forward; the new key keeps it or gets its own
works $ctl->run(qw(key create --uid u_1 --id key_late --expires 2040-01-01
                   --quiet)), 'a key that expires in 2040';
works $ctl->run(qw(key rotate key_late --id key_late2 --grace 15m --quiet
                   --name other --expires 2041-01-01)), 'rotated';
cmp_ok abs(seconds(record('key_late')->{expiresAt}) - time - 900), '<', 10,
    'the old key has 15 minutes';
is record('key_late2')->{expiresAt}, '2041-01-01T00:00:00Z', 'its own expiry';
is record('key_late2')->{name}, 'other', 'and its own name';

# at once
my $json = $ctl->json(qw(key rotate key_new --id key_now --grace 0s));
like $json->{key}, qr/\Aspocr_\w{36}\z/, 'JSON has the text';
is $json->{oldExpiresAt}, record('key_new')->{expiresAt}, 'and the end';
is $ctl->json(qw(key show key_new))->{state}, 'expired', 'grace 0s: at once';

my $before = $ctl->text;
fails $ctl->run(qw(key rotate key_new)), 1, qr/key key_new is expired/,
    'an expired key';
$ctl->run(qw(key revoke key_now --quiet));
fails $ctl->run(qw(key rotate key_now)), 1, qr/key key_now is revoked/,
    'a revoked key';
fails $ctl->run(qw(key rotate key_gone)), 1, qr/there is no key key_gone/,
    'no such key';
fails $ctl->run(qw(key rotate key_old --id key_soon)), 2,
    qr/there is a key key_soon already/, 'an id that is taken';

for my $grace ('24', 'x', '', '-1h', '1y', '1h30m', '99999999999999999999s',
               '36526d') {
    fails $ctl->run(qw(key rotate key_old), "--grace=$grace"), 2,
        qr/--grace must be a duration/, "grace '$grace'";
}

done_testing;
