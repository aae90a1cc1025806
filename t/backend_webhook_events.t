# The events of an upload: sent in their order, only those that were asked
# for, with the request that caused them, and what was read.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Hooks;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $hooks = Spocr::Hooks->start;
my $data = File::Temp->newdir;
my $backend = Spocr::Ocr->start('--data', "$data",
    '--allow-url-host', $hooks->host);

sub call ($uid, $id, $method, $path, $type = undef, $body = undef) {
    return $backend->request($method, $path,
        { 'X-Spocr-Uid' => $uid, 'X-Spocr-Key-Id' => 'key_test',
          'X-Request-Id' => $id,
          (defined $type ? ('Content-Type' => $type) : ()) }, $body);
}

sub send_json ($uid, $method, $path, $o) {
    return call($uid, 'req_other', $method, $path, 'application/json',
                JSON::PP->new->utf8->encode($o));
}

sub upload ($uid, $id, $name, $bytes) {
    return call($uid, $id, POST => '/upload',
        'multipart/form-data; boundary=xx',
        "--xx\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\nBills\r\n"
        . "--xx\r\nContent-Disposition: form-data; name=\"files\";"
        . " filename=\"$name\"\r\nContent-Type: image/png\r\n\r\n"
        . "$bytes\r\n--xx--\r\n");
}

my $image = Spocr::Ocr::slurp('backend/samples/receipt.png');

for my $uid ('all', 'some') {
    is send_json($uid, POST => '/create', { path => '', type => 'sheet',
        name => 'Bills', columns => [{ name => 'total', type => 'string' }] })
        ->{status}, 201, "$uid: a sheet";
}
send_json('all', PUT => '/webhook', { url => $hooks->url('all') });
send_json('some', PUT => '/webhook', { url => $hooks->url('some'),
    events => ['ocr.failed'] });

# a page that can be read, and one that is broken behind its header
my $up = upload('all', 'req_up', 'a.png', $image);
is $up->{status}, 200, 'uploaded' or diag $up->{body};
is upload('some', 'req_good', 'a.png', $image)->{status}, 200, 'uploaded';
is upload('some', 'req_broken', 'b.png', substr $image, 0, 200)->{status}, 200,
    'uploaded';

$backend->wait_for(sub { $hooks->got('all') >= 3 && $hooks->got('some') >= 1 });
my @got = map { $_->{json} } $hooks->got('all');
my ($job) = @{ $up->{json}{jobs} };

is_deeply [map { $_->{type} } @got],
    [qw(upload.received item.created ocr.completed)], 'in their order';
is $_->{requestId}, 'req_up', "$_->{type}: the request that caused it"
    for @got;
is $got[0]{data}{path}, 'Bills', 'upload.received: the path';
is $got[0]{data}{jobs}[0]{jobId}, $job->{jobId}, 'its jobs';
is $got[1]{data}{jobId}, $job->{jobId}, 'item.created: the job';
is $got[1]{data}{uniqueKey}, $job->{uniqueKey}, 'the image';
is $got[1]{data}{name}, 'a.png', 'its name';
is $got[2]{data}{jobId}, $job->{jobId}, 'ocr.completed: the job';
is $got[2]{data}{result}{total}, '19.66', 'what was read';
ok $got[2]{data}{result}{field_bboxes}{total}, 'and where';

my $list = call('all', 'req_other', GET => '/webhooks/deliveries')->{json};
is_deeply [map { $_->{requestId} } @{ $list->{deliveries} }],
    [('req_up') x 3], 'the list has the request, too';

# no more than was asked for; the broken page came after the good one
@got = map { $_->{json} } $hooks->got('some');
is_deeply [map { $_->{type} } @got], ['ocr.failed'], 'only what was asked for';
is $got[0]{requestId}, 'req_broken', 'of the broken page';
ok $got[0]{data}{error}{code}, 'says why';
is call('some', 'req_other', GET => '/webhooks/deliveries')
    ->{json}{nextBefore}, undef, 'nothing else';

is $backend->stop, 0, 'ends well';
done_testing;
