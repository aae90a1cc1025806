# The operators' commands: what they refuse, and that "ledger" finds each way
# in which a ledger may be wrong.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Copy qw(copy);
use File::Temp ();
use MIME::Base64 qw(encode_base64);
use Spocr::Contract ':ocr';
use Spocr::Ocr;
use Spocr::Picture;

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my $backend = Spocr::Ocr->start('--data', $data);

sub run (@args) { Spocr::Ocr::command(@args) }

# how they are called
for (
    ['grant --help', 0, qr/^Usage: spocr-backend grant --data/],
    ['flatfee --help', 0, qr/^Usage: spocr-backend flatfee/],
    ['ledger --help', 0, qr/^Usage: spocr-backend ledger/],
    ['grant', 2, qr/--data is missing/],
    ["grant --data $data", 2, qr/--uid is missing/],
    ["grant --data $data --uid u", 2, qr/--scans is missing/],
    ["grant --data $data --uid u --scans 0", 2, qr/number from 1 to 10{9},/],
    ["grant --data $data --uid u --scans 1e3", 2, qr/not "1e3"/],
    ["grant --data $data --uid u --scans -1", 2, qr/not "-1"/],
    ["grant --data $data --uid u --scans 1000000001", 2, qr/number from/],
    ["grant --data $data --uid u --scans 99999999999999999999", 2, qr/number/],
    ["grant --data $data --uid u/v --scans 1", 2, qr/"u\/v" cannot be/],
    ["grant --data $data --uid u --scans 1 --ref \xe9", 2, qr/printable/],
    ["grant --data $data --uid u --scans 1 more", 2, qr/unexpected .*"more"/],
    ["grant --data $data --json", 2, qr/--json.*grant --help/s],
    ["flatfee --data $data --uid u --ref x", 2, qr/flatfee --help/],
    ["ledger --data $data --nonsense", 2, qr/nonsense/],
    ["ledger --data $dir", 2, qr/spocr.db: No such file/],
    ["ledger --data $dir/none", 2, qr/No such file/],
    ["grant --data $data --uid u --scans 1000000000", 0, qr/is 10{9}$/],
    ["grant --data $data --uid u --scans 1000000000", 0, qr/is 20{9}$/],
    ["flatfee --data $data --uid u --scans 5", 0, qr/u: a flat fee of 5/],
    ["flatfee --data $data --uid u --scans 0", 0, qr/u: no flat fee/],
) {
    my ($args, $status, $like) = @$_;
    my ($is, $said) = run(split / /, $args);
    is $is, $status, "$args: status $status";
    like $said, $like, "$args: says so";
}

ok !-e "$dir/spocr.db", 'no database where there was none';

# rows of each kind: a call that was kept and one that was not, jobs likewise
{
    my $image = encode_base64(Spocr::Picture::total(), '');
    is $backend->fields({ templateId => 'receipt', image => $_ })->{status},
        $_ eq $image ? 200 : 502, 'a call'
        for $image, encode_base64(Spocr::Picture::blank(), '');
    $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => 'S', columns => [{ name => 'total', type => 'string' }] });
    my $r = $backend->upload(['name="path"' => 'S', map {
        ('name="files"; filename="a"' => $_)
    } Spocr::Picture::total(), Spocr::Picture::blank()]);
    $backend->wait_for(sub {
        2 == Spocr::Ocr::sql($data, "SELECT 1 FROM job"
            . " WHERE status IN ('done', 'failed')");
    });
    is $backend->stop, 0, 'ends well';
}

# what it prints
{
    my ($status, $said) = run('ledger', '--data', $data);
    is $status, 0, 'it adds up';
    like $said, qr/^u_test +free +\d{4}-\d\d +0 +4 +2 +2 +-2$/m, 'the sums';
    like $said, qr/^u +balance +- +20{9} +0 +0 +0 +20{9}$/m, 'of each tenant';
    like $said, qr/^It adds up\.$/m, 'says so';

    ($status, $said) = run('ledger', '--data', $data, '--uid', 'u');
    unlike $said, qr/u_test/, 'of one tenant';
    ($status, $said) = run('ledger', '--data', $data, '--json', '--uid', 'u');
    is_deeply JSON::PP->new->utf8->decode($said), {
        ok => JSON::PP::true, wrong => [], sums => [{ uid => 'u',
            bucket => 'balance', cycle => '', granted => 2_000_000_000,
            held => 0, captured => 0, refunded => 0, sum => 2_000_000_000 }],
    }, 'as JSON';
}

# what it finds
my $of = "WHERE ref IN (SELECT id FROM job WHERE status =";
for (
    ["UPDATE purse SET sum = 0 WHERE bucket = 'free'",
     qr/u_test: free \d{4}-\d\d: the purse has 0, the ledger adds up to -2/],
    ["DELETE FROM purse WHERE uid = 'u'", qr/u: balance : the purse has 0,/],
    ["UPDATE ledger SET delta = -5 WHERE kind = 'grant'", qr/grant of \S+: -5/],
    ["UPDATE ledger SET delta = 1 WHERE kind = 'capture'", qr/capture of/],
    ["UPDATE ledger SET delta = 2 WHERE kind = 'refund'", qr/refund of/],
    ["UPDATE purse SET sum = -1 WHERE uid = 'u'", qr/u: the balance is -1/],
    ["UPDATE ledger SET bucket = 'free' WHERE kind = 'grant'",
     qr/grant of \S+: in free/],
    ["DROP INDEX ledger_end; INSERT INTO ledger (at, uid, kind, bucket, cycle,"
     . " delta, ref, request_id) SELECT at, uid, 'refund', bucket, cycle, 1,"
     . " ref, '' FROM ledger $of 'done') AND kind = 'capture'",
     qr/u_test: job_\w+ has 2 ends/],
    ["DELETE FROM ledger $of 'failed') AND kind = 'hold'",
     qr/refund of job_\w+, which is not held/],
    ["UPDATE ledger SET bucket = 'flatfee' WHERE kind = 'refund'",
     qr/refund of \w+: in flatfee \d{4}-\d\d, held in free/],
    ["UPDATE ledger SET cycle = '2020-01' WHERE kind = 'refund'",
     qr/in free 2020-01, held in free/],
    ["UPDATE ledger SET uid = 'v' WHERE kind = 'refund'", qr/of u_test/],
    ["DELETE FROM ledger $of 'done') AND kind = 'capture'",
     qr/u_test: job_\w+ is done, its hold is open/],
    ["UPDATE job SET status = 'failed'",
     qr/u_test: job_\w+ is failed, its hold is captured/],
    ["UPDATE job SET status = 'pending'",
     qr/u_test: job_\w+ is pending, its hold is (?:captured|refunded)/],
    ["DELETE FROM ledger $of 'done')", qr/is done, its hold is missing/],
    ["DELETE FROM ledger WHERE kind = 'capture' AND ref LIKE 'call%'",
     qr/u_test: call_\w+ is held for nothing that is open/],
    ["INSERT INTO call VALUES ('call_x', 'u_test', '', 0)",
     qr/u_test: the call call_x holds nothing/],
) {
    my ($sql, $like) = @$_;
    my $bad = File::Temp->newdir;
    copy("$data/spocr.db", "$bad/spocr.db") or die $!;
    Spocr::Ocr::sql($bad, $sql);
    my ($status, $said) = run('ledger', '--data', "$bad");
    is $status, 1, "$sql: status 1";
    like $said, qr/^WRONG: .*$like.*^It does not add up\.$/ms,
        "$sql: is found";
}

# what is no database
{
    my $bad = File::Temp->newdir;
    open my $out, '>', "$bad/spocr.db" or die $!;
    print {$out} 'no database ' x 1000;
    close $out;
    my ($status, $said) = run('ledger', '--data', "$bad");
    is $status, 2, 'no database: status 2';
    like $said, qr/not a database/, 'says so';
}

done_testing;
