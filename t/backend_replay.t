# An answer is kept for its Idempotency-Key for 24 hours, and no longer.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Contract ':ocr';
use Spocr::Ocr;
use Spocr::Picture;

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my $backend = Spocr::Ocr->start('--data', $data);

sub upload ($picture, %more) {
    return $backend->upload(['name="path"' => 'S',
        'name="files"; filename="a"' => Spocr::Picture::blank($picture)],
        'Idempotency-Key' => 'k', %more);
}

sub age ($ms) {
    Spocr::Ocr::sql($data, "UPDATE replay SET created = created - $ms");
}

sub keys_kept () {
    return join ' ', map { "$_->{uid}/$_->{key}" }
        Spocr::Ocr::sql($data, 'SELECT uid, key FROM replay ORDER BY uid');
}

for my $uid (qw(u_test u_other)) {
    my $r = $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => 'S' }, 'X-Spocr-Uid' => $uid);
    is $r->{status}, 201, "a sheet of $uid";
}

my $first = upload(1);
is $first->{status}, 200, 'a request with a key';
is upload(1, 'X-Spocr-Uid' => 'u_other')->{status}, 200,
    "another tenant's key of the same name";
is keys_kept(), 'u_other/k u_test/k', 'both are kept';

age(86_400_000 - 60_000);
my $r = upload(1);
is $r->{body}, $first->{body}, 'a minute before the day is over: as before';
is $r->{headers}{'x-idempotent-replay'}, 'true', 'and says so';
is upload(2)->{json}{error}{code}, 'idempotency_key_reused',
    'what is not the same is refused';

age(60_000);
$r = upload(2);
is $r->{status}, 200, 'a day later: a new request';
is $r->{headers}{'x-idempotent-replay'}, undef, 'no replay';
is upload(2)->{body}, $r->{body}, 'which is kept for its day';
is keys_kept(), 'u_other/k u_test/k', "the other's is of no use any more";

$backend->stop('KILL');
$backend = Spocr::Ocr->start('--data', $data);
ok eval { $backend->wait_for(sub { keys_kept() eq 'u_test/k' }) },
    'and is forgotten' or diag keys_kept();

is $backend->stop, 0, 'ends well';
done_testing;
