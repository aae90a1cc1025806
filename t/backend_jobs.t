# Jobs: from pending to done or failed, whatever happens meanwhile.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use MIME::Base64 qw(encode_base64);
use Spocr::Contract ':ocr';
use Spocr::Ocr;
use Spocr::Picture;

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my @start = ('--data', $data, '--free-scans', 1000);
my $backend = Spocr::Ocr->start(@start);
my $total = Spocr::Picture::total();
my $blank = Spocr::Picture::blank();

sub sql ($sql) { Spocr::Ocr::sql($data, $sql) }

sub sheet ($name, $uid = 'u_test') {
    my $r = $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => $name, columns => [{ name => 'total', type => 'string' }] },
        'X-Spocr-Uid' => $uid);
    is $r->{status}, 201, "the sheet $name of $uid" or diag $r->{body};
}

# the ids of its jobs
sub upload ($sheet, $images, @more) {
    my $r = $backend->upload([qq(name="path") => $sheet, map {
        (qq(name="files"; filename="a.png") => $_)
    } @$images], 'X-Request-Id' => 'up', @more);
    is $r->{status}, 200, 'an upload' or diag $r->{body};
    return map { $_->{jobId} } @{ $r->{json}{jobs} };
}

sub job ($id) { $backend->call('GET', "/jobs/$id")->{json} }

sub until_is ($id, $status) {
    my $j;
    eval {
        $backend->wait_for(sub { ($j = job($id))->{status} eq $status });
    };
    is $j->{status}, $status, "it is $status";
    return $j;
}

sub ends ($id) {
    return join ' ', map { $_->{kind} }
        sql("SELECT kind FROM ledger WHERE ref = '$id' ORDER BY id");
}

sub item ($j) {
    my ($i) = sql("SELECT * FROM item WHERE key = '$j->{uniqueKey}'");
    return $i;
}

# stops the worker; the job of the next upload has it
sub hold () {
    my $w = $backend->wait_for(sub { ($backend->workers)[0] });
    kill STOP => $w;
    return $w;
}

sub restart ($change = 'SELECT 1') {
    $backend->stop('KILL');
    sql($change);
    $backend = Spocr::Ocr->start(@start);
}

sheet('S');

# pending, processing, done
{
    my $w = hold();
    my ($first, $second) = upload('S', [$total, $blank]);
    my $j = until_is($first, 'processing');
    cmp_ok $j->{startedAt}, '>=', $j->{createdAt}, 'startedAt';
    is item($j)->{status}, 'processing', 'its row as well';
    is job($second)->{status}, 'pending', 'the next one waits: one worker';
    is ends($first), 'hold', 'held';
    kill CONT => $w;

    $j = until_is($first, 'done');
    like $j->{result}{total}, qr/^12/, 'the result';
    ok $j->{result}{field_bboxes}{total}, 'with its place';
    cmp_ok $j->{finishedAt}, '>=', $j->{startedAt}, 'finishedAt';
    is $j->{error}, undef, 'no error';
    is item($j)->{status}, 'done', 'its row as well';
    is ends($first), 'hold capture', 'kept';

    $j = until_is($second, 'failed');
    is_deeply $j->{error}, { code => 'ocr_engine_error',
        message => 'No text was found in the image' }, 'says why';
    is item($j)->{status}, 'failed', 'its row as well';
    is ends($second), 'hold refund', 'given back';
    like $backend->log, qr/"jobId":"$first","requestId":"up","uid":"u_test",
        "status":"done","code":"","ms":\d+/x, 'a line of the log';
    like $backend->log, qr/"jobId":"$second",.*"failed",
        "code":"ocr_engine_error"/x, 'for each';
}

# the worker dies with the page in its hands
{
    my $w = hold();
    my ($id) = upload('S', [$blank]);
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });
    kill KILL => $w;
    my $j = until_is($id, 'failed');
    is $j->{error}{code}, 'ocr_engine_error', 'a worker that died';
    like $j->{error}{message}, qr/unexpectedly/, 'says why';
    is ends($id), 'hold refund', 'given back';
}

# the image goes while it is read
{
    my $w = hold();
    my ($id, $next) = upload('S', [$blank, $blank]);
    my $j = until_is($id, 'processing');
    sql("PRAGMA foreign_keys = ON; DELETE FROM item WHERE key IN"
        . " (SELECT item_key FROM job WHERE id IN ('$id', '$next'))");
    kill CONT => $w;
    for ($id, $next) {
        $j = until_is($_, 'failed');
        is $j->{error}{code}, 'not_found', 'its image was removed';
        is ends($_), 'hold refund', 'given back';
    }
}

# the sheet goes, by way of the API
{
    sheet('Gone');
    my $w = hold();
    my ($id) = upload('Gone', [$blank]);
    until_is($id, 'processing');
    my $r = $backend->call('POST', '/remove', { path => 'Gone' });
    is $r->{status}, 200, 'the sheet is removed';
    is until_is($id, 'failed')->{error}{code}, 'not_found', 'at once';
    kill CONT => $w;
    my ($after) = upload('S', [$blank]);
    until_is($after, 'failed');
    is job($id)->{error}{code}, 'not_found', 'and it stays so';
    is ends($id), 'hold refund', 'given back once';
}

# the image's file is gone: not at once, but in the end
{
    my $w = hold();
    my ($busy, $id) = upload('S', [$blank, $blank]);
    unlink glob "$data/images/*/" . job($id)->{uniqueKey} or die $!;
    sql("UPDATE job SET attempts = 1 WHERE id = '$id'");
    kill CONT => $w;
    $backend->wait_for(sub {
        sql("UPDATE job SET not_before = 0 WHERE id = '$id'");
        (my $u) = upload('S', [$blank]);        # wakes the threads
        until_is($u, 'failed');
        job($id)->{status} eq 'failed';
    });
    is job($id)->{error}{code}, 'internal_error', 'an image that is lost';
    is ends($id), 'hold refund', 'given back';
}

# values that the database does not take
{
    sql("CREATE TRIGGER no BEFORE UPDATE OF result ON job BEGIN"
        . " SELECT raise(ABORT, 'no'); END");
    my ($id) = upload('S', [$total]);
    is until_is($id, 'failed')->{error}{code}, 'internal_error',
        'a result that cannot be stored';
    is ends($id), 'hold refund', 'given back';
    sql('DROP TRIGGER no');
}

# one tenant's many do not keep another's waiting
{
    sheet('S', 'u_two');
    sheet('S', 'u_three');
    my $w = hold();
    my @many = upload('S', [($blank) x 8]);
    my @few = map { upload('S', [$blank], 'X-Spocr-Uid' => $_) }
        'u_two', 'u_three';
    kill CONT => $w;
    until_is($_, 'failed') for $many[-1];
    my @order = map { $_->{uid} } sql("SELECT uid FROM job WHERE id IN ("
        . join(', ', map { "'$_'" } @many, @few) . ') ORDER BY started');
    is_deeply [sort @order[0 .. 3]], [qw(u_test u_test u_three u_two)],
        'each tenant has its turn' or diag "@order";
}

# SIGTERM: what runs is finished, what waits is done after the next start
{
    my $w = hold();
    my ($first, $second) = upload('S', [$blank, $blank]);
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });
    my $pid = $backend->{pid};
    kill TERM => $pid;
    $backend->wait_for(sub { !eval { $backend->connect } });
    kill CONT => $w;
    is $backend->stop(0), 0, 'ends well';
    is_deeply [map { $_->{status} } sql("SELECT status FROM job WHERE id IN"
        . " ('$first', '$second') ORDER BY item")], ['failed', 'pending'],
        'the one that ran has its end, the next one waits';
    $backend = Spocr::Ocr->start(@start);
    until_is($second, 'failed');
}

# kill -9: begun again, but not for ever
{
    my $w = hold();
    my ($id) = upload('S', [$blank]);
    until_is($id, 'processing');
    restart();
    until_is($id, 'failed');
    is job($id)->{error}{message}, 'No text was found in the image',
        'begun again';
    is ends($id), 'hold refund', 'given back once';

    hold();
    ($id) = upload('S', [$blank]);
    until_is($id, 'processing');
    restart("UPDATE job SET attempts = 3 WHERE id = '$id'");
    my $j = job($id);
    is $j->{status}, 'failed', 'the third time was the last';
    is item($j)->{status}, 'failed', 'its row as well';
    like $j->{error}{message}, qr/interrupted 3 times/, 'says why';
    is ends($id), 'hold refund', 'given back';
}

# no worker comes free: nothing was tried, so it is no failure
{
    $backend->stop('TERM');
    $backend = Spocr::Ocr->start(@start, '--timeout', 2);
    my $w = hold();
    my $s = $backend->send_fields({ templateId => 'receipt',
        image => encode_base64($total, '') });
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });
    my ($id) = upload('S', [$blank]);
    until_is($id, 'processing');
    my $j = until_is($id, 'pending');
    is $j->{startedAt}, undef, 'not begun';
    my ($row) = sql("SELECT attempts, not_before - created AS wait FROM job"
        . " WHERE id = '$id'");
    is $row->{attempts}, 0, 'it does not count';
    cmp_ok $row->{wait}, '>', 1000, 'later';
    is ends($id), 'hold', 'still held';
}

$backend->stop('KILL');
my ($status, $said) = Spocr::Ocr::command('ledger', '--data', $data);
is $status, 0, 'the ledger adds up' or diag $said;
done_testing;
