# Uploads: from files to jobs to results, once whatever is repeated.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my @start = ('--data', $data, '--free-scans', 9);
my $backend = Spocr::Ocr->start(@start);
my $png = Spocr::Ocr::slurp('backend/samples/receipt.png');
my %other = ('X-Spocr-Uid' => 'u_other');

sub file ($name, $field = 'files') { qq(name="$field"; filename="$name") }
sub images { map { s{.*/}{}r } glob "$data/images/*/*" }
sub used { $backend->call('GET', '/amount')->{json}{free}{used} }

sub sheet ($name, @more) {
    my $r = $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => $name, columns => [{ name => 'total', type => 'string' }] },
        @more);
    return $r->{json}{uniqueKey};
}

sub job ($id) { $backend->call('GET', "/jobs/$id")->{json} }
sub ended ($id) {
    return $backend->wait_for(sub {
        my $j = job($id);
        return $j->{status} =~ /^(?:done|failed)$/ ? $j : undef;
    });
}

my $key = sheet('S');
sheet('S', %other);

# the journey
{
    my $r = $backend->upload([file('a.png') => $png, 'name="path"' => '/S',
                              file('b.png', 'files[]') => $png]);
    is $r->{status}, 200, 'two files';
    is $r->{json}{path}, 'S', 'the canonical path';
    is $r->{json}{sheetRef}, $key, "the sheet's key";
    ok !exists $r->{headers}{'x-idempotent-replay'}, 'no replay';

    my @jobs = @{ $r->{json}{jobs} };
    is_deeply [map { $_->{originalName} } @jobs], ['a.png', 'b.png'],
        'jobs in the order of the files';
    is_deeply [map { $_->{status} } @jobs], [('pending') x 2], 'pending';
    like $_->{jobId}, qr/^job_[0-9a-f]{32}$/, 'an id' for @jobs;
    like $_->{uniqueKey}, qr/^[a-z][a-z0-9]{19}$/, 'a key' for @jobs;
    is_deeply [sort { $a cmp $b } images()],
        [sort map { $_->{uniqueKey} } @jobs], 'both images are stored';
    is_deeply [glob "$data/spool/*"], [], 'the spool is empty';
    is used(), 2, 'two scans';

    my $j = ended($jobs[1]{jobId});
    is $j->{status}, 'done', 'it is done';
    is $j->{result}{total}, '19.66', 'the result';
    ok $j->{result}{field_bboxes}{total}, 'and where it stands';
    is_deeply { map { $_ => $j->{$_} } qw(path sheetRef originalName uniqueKey
                                         imageUrl requestId error) },
        { path => 'S', sheetRef => $key, originalName => 'b.png',
          uniqueKey => $jobs[1]{uniqueKey}, error => undef,
          imageUrl => "/images/$jobs[1]{uniqueKey}",
          requestId => $r->{headers}{'x-request-id'} }, 'the rest of it';
    ok $j->{createdAt} <= $j->{startedAt}
        && $j->{startedAt} <= $j->{finishedAt}, 'its times';

    # the image, as it was sent, for who sent it
    my $i = $backend->call('GET', $j->{imageUrl});
    ok $i->{body} eq $png, 'the image is the same';
    is_deeply { map { $_ => $i->{headers}{$_} } 'content-type',
                'cache-control', 'content-security-policy',
                'x-content-type-options' },
        { 'content-type' => 'image/png', 'cache-control' => 'private',
          'content-security-policy' => "sandbox; default-src 'none'",
          'x-content-type-options' => 'nosniff' }, "the image's headers";
    my $h = $backend->call('HEAD', $j->{imageUrl});
    is $h->{headers}{'content-length'} . $h->{body}, length $png, 'HEAD';

    for my $path ($j->{imageUrl}, "/jobs/$j->{jobId}") {
        is $backend->call('GET', $path, undef, %other)->{status}, 404,
            'not for another tenant';
        is $backend->request('GET', $path)->{status}, 403, 'nor for nobody';
    }
    is $backend->call('GET', "/images/$_")->{status}, 404, "/images/$_"
        for $key, '..%2Fspocr.db', '..', uc $j->{uniqueKey}, 'x' x 20;
    ended($jobs[0]{jobId});
}

# an Idempotency-Key: once
{
    my @body = ('name="path"' => $key, file('c.png') => $png);
    my %once = ('Idempotency-Key' => 'k1');
    my $first = $backend->upload(\@body, %once);
    is $first->{status}, 200, 'by the key of the sheet';
    is $first->{json}{path}, 'S', 'its path';

    my $again = $backend->upload(\@body, %once);
    is $again->{body}, $first->{body}, 'repeated: the first answer';
    is $again->{headers}{'x-idempotent-replay'}, 'true', 'and says so';

    my $waited = $backend->upload(\@body, %once, path => '/upload?wait=true');
    is $waited->{headers}{'x-idempotent-replay'}, 'true', 'repeated, waits';
    is_deeply $waited->{json}{jobs}[0],
        job($first->{json}{jobs}[0]{jobId}), 'the same job, as it is now';
    is $waited->{json}{jobs}[0]{status}, 'done', 'done';

    for (['another name', file('d.png') => $png],
         ['other bytes', file('c.png') => "$png\n"],
         ['one more', (file('c.png') => $png) x 2])
    {
        my ($what, @files) = @$_;
        my $r = $backend->upload(['name="path"' => $key, @files], %once);
        is "$r->{status} $r->{json}{error}{code}",
            '422 idempotency_key_reused', "$what: refused";
    }

    my $mine = $backend->upload(['name="path"' => 'S', file('c.png') => $png],
                                %once, %other);
    ok !exists $mine->{headers}{'x-idempotent-replay'},
        'the key of another tenant is another key';
    is used(), 3, 'one scan';
    is scalar(images()), 4, 'and one image each';

    # five at the same time
    my $body = Spocr::Ocr::multipart(@body);
    my @answers = map { $backend->answer($_) } map {
        $backend->send_request('POST', '/upload', {
            'X-Spocr-Uid' => 'u_test', 'Idempotency-Key' => 'k2',
            'Content-Type' => 'multipart/form-data; boundary=spocr' }, $body)
    } 1 .. 5;
    my %bodies = map { $_->{body} => 1 } @answers;
    is scalar(keys %bodies), 1, 'five at once: one answer';
    is scalar(grep { $_->{headers}{'x-idempotent-replay'} } @answers), 4,
        'four replays';
    is used(), 4, 'one scan';
    is scalar(images()), 5, 'one image';
}

# wait=true
{
    my $r = $backend->upload(['name="wait"' => 'true', 'name="path"' => 'S',
                              file('e.png', 'file') => $png]);
    my $j = $r->{json}{jobs}[0];
    is "$j->{status} $j->{result}{total}", 'done 19.66', 'waits for the end';
    is_deeply $j, job($j->{jobId}), 'as GET /jobs gives it';
}

# more than there is: nothing of it
{
    my @before = sort { $a cmp $b } images();
    my $r = $backend->upload(['name="path"' => 'S',
                              map { (file("$_") => $png) } 1 .. 5]);
    is "$r->{status} $r->{json}{error}{code}", '402 insufficient_balance',
        'five, and four are left';
    is_deeply $r->{json}{details}, { requested => 5, processable => 4 },
        'says so';
    is_deeply [sort { $a cmp $b } images()], \@before, 'no image stays';
    is used(), 5, 'nothing is charged';
}

# what an answer warns of stands in its job
{
    my $cut = Spocr::Ocr::slurp('backend/samples/invoice-photo.jpg');
    substr $cut, -2000, 2000, '';

    my $r = $backend->upload(['name="wait"' => 'true', 'name="path"' => 'S',
                              file('cut.jpg') => $cut]);
    my $j = $r->{json}{jobs}[0];
    is "$j->{status} $j->{warnings}[0]{code}", 'done damaged_image',
        'a damaged image: a warning';
}

# what a crash leaves is deleted at the start, and nothing else
{
    my @before = sort { $a cmp $b } images();
    is $backend->stop('KILL'), 9, 'killed';

    mkdir "$data/images/zz";
    for ("$data/spool/left", "$data/images/zz/zz123456789012345678",
         "$data/images/zz/other") {
        open my $f, '>', $_ or die "$_: $!";
    }

    $backend = Spocr::Ocr->start(@start);
    is_deeply [sort { $a cmp $b } images()], \@before, 'images of nobody go';
    is_deeply [glob "$data/spool/*"], [], 'the spool is emptied';
    is_deeply [grep { $backend->call('GET', "/images/$_")->{status} != 200
                      && $backend->call('GET', "/images/$_", undef,
                                        %other)->{status} != 200 } @before],
        [], 'the others stay';
}

is $backend->stop, 0, 'ends well';

done_testing;
