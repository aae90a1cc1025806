# Uploads that are refused: nothing is charged, and nothing stays on the disk.

use v5.36;
use utf8;
use lib 't/lib';
use Test::More;
use Encode qw(encode);
use File::Temp ();
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $builder = Test::More->builder;
binmode $_, ':utf8' for $builder->output, $builder->failure_output;

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my $backend = Spocr::Ocr->start('--data', $data);
my $png = Spocr::Ocr::slurp('backend/samples/receipt.png');
my $text = "no image\n";

my $sheet = $backend->call('POST', '/create', { path => '', type => 'sheet',
    name => 'S', columns => [{ name => 'total', type => 'string' }] });
is $sheet->{status}, 201, 'a sheet';
$backend->call('POST', '/create', { path => '', type => $_, name => $_ })
    for 'folder', 'memo';

sub file ($name, $field = 'files') { qq(name="$field"; filename="$name") }
sub stored { grep { -f } glob "$data/spool/* $data/images/*/*" }

my @path = ('name="path"' => 'S');

sub refused ($what, $body, $status, $code, $like, $field = undef, %headers) {
    my $r = $backend->upload($body, %headers);
    is "$r->{status} " . ($r->{json}{error}{code} // ''), "$status $code",
        $what;
    like $r->{json}{error}{message}, $like, "$what: says why";
    is $r->{json}{details}{field}, $field, "$what: names the field"
        if defined $field;
    is_deeply [stored()], [], "$what: nothing stays";
    return $r;
}

my @v = (400, 'validation_failed');
my @i = (400, 'invalid_image');
my @b = (400, 'bad_request');

# the form
my $whole = Spocr::Ocr::multipart(@path, file('a.png') => $png);
refused 'no body', '', @b, qr/ends before/;
refused 'a truncated body', substr($whole, 0, -30), @b, qr/ends before/;
refused 'no last boundary', $whole =~ s/--spocr--\r\n\z/--spocr\r\n/r, @b,
    qr/ends before/;
refused 'another boundary', $whole, @b, qr/ends before/, undef,
    'Content-Type' => 'multipart/form-data; boundary=other';
refused 'no boundary', $whole, @b, qr/no valid boundary/, undef,
    'Content-Type' => 'multipart/form-data';
refused 'a multipart part', $whole =~ s{(?=\r\n\r\n)}
    {\r\nContent-Type: multipart/mixed; boundary=x}r, @b, qr/multipart itself/;
refused 'base64', $whole =~ s{(?=\r\n\r\n)}
    {\r\nContent-Transfer-Encoding: base64}r, @b, qr/encoded/;
refused 'a NUL in a name', [@path, file("a\0b") => $png], @b, qr/NUL/;
refused 'a long header', [@path, file('x' x 9000) => $png], @b, qr/8 KB/;
refused '101 parts', [map { (qq(name="x$_") => '') } 0 .. 100], @b,
    qr/100 parts/;

# what is in it
refused 'no files', [@path], @v, qr/1 to 20 files/, 'files';
refused 'an empty input', [@path, file('') => ''], @v, qr/1 to 20 files/,
    'files';
refused 'files of another name', [@path, file('a.png', 'image') => $png], @v,
    qr/1 to 20 files/, 'files';
refused 'a lot of another name', [@path, file('a', 'image') => $png x 4], @v,
    qr/64 KB.*path, wait and files/, 'files';
refused 'a file that is a field', [@path, 'name="files"' => $png], @v,
    qr/no filename/, 'files';
refused '21 files', [@path, map { (file("$_") => $text) } 0 .. 20], @v,
    qr/more than 20/, 'files';
refused 'no path', [file('a.png') => $png], @v, qr/path of a sheet/, 'path';
refused 'two paths', [@path, @path, file('a.png') => $png], @v, qr/twice/,
    'path';
refused 'another path in the query', [@path, file('a.png') => $png], @v,
    qr/twice/, 'path', path => '/upload?path=T';
refused 'a long path', ['name="path"' => 'x' x 4097], @v, qr/4096/, 'path';
refused 'a path that is no text', ['name="path"' => "\xff", file('a') => $png],
    @v, qr/UTF-8/, 'path';
refused 'a wait of another kind', [@path, 'name="wait"' => 'long',
    file('a.png') => $png], @v, qr/true or false/, 'wait';
refused 'an unknown parameter', [@path, file('a.png') => $png], @v,
    qr/no parameter/, 'sheet', path => '/upload?sheet=S';

# where it would go
refused 'an unknown sheet', ['name="path"' => 'T', file('a.png') => $png],
    404, 'not_found', qr/./;
refused 'a sheet of another tenant', [@path, file('a.png') => $png],
    404, 'not_found', qr/./, undef, 'X-Spocr-Uid' => 'u_other';
refused "a $_", ['name="path"' => $_, file('a.png') => $png], @v,
    qr/no sheet/, 'path' for 'folder', 'memo';

# the images: all are looked at first
for ([0, $text], [1, $png, $text], [2, $png, $png, ''],
     [1, $png, '%PDF-1.7'], [0, substr($png, 0, 20), $png])
{
    my ($n, @files) = @$_;
    my $i = 0;
    my $r = refused "a bad image, files[$n] of " . @files,
        [(map { (file('f' . $i++) => $_) } @files), @path], @i,
        qr/^files\[$n\]: /, "files[$n]";
    is $r->{json}{details}{name}, "f$n", 'and its name';
}

# sizes
{
    my $r = refused 'a file of 20 MB and a byte',
        [file('s') => $text, file('big') => "\0" x (20 * 1024 * 1024 + 1)],
        413, 'payload_too_large', qr/"big" is larger than 20 MB/, 'files[1]';
    refused 'a file of 20 MB', [file('big') => "\0" x (20 * 1024 * 1024),
                                @path], @i, qr/files\[0\]/;
    refused 'a body of 402 MB', '', 413, 'payload_too_large', qr/401 MB/,
        undef, 'Content-Length' => 402 * 1024 * 1024;
}

# names are shown, and nothing else
for (['../../etc/passwd', 'passwd'], ['/etc/passwd', 'passwd'],
     ['C:\\files\\x.png', 'x.png'], ['..', '..'], ['a\\"b.png', 'a"b.png'],
     ['a/', ''], ['=1+1.png', '=1+1.png'], ["a\tb", 'a_b'],
     [encode('UTF-8', '請求書.png'), '請求書.png'], ["\xe4.png", '_.png'],
     [encode('UTF-8', "gnp.\x{202e}exe"), 'gnp._exe'],
     ["\xed\xa0\x80", '___'], ['x' x 300, 'x' x 251])
{
    my ($name, $want) = @$_;
    my $r = $backend->upload([@path, file($name) => $text]);
    is $r->{json}{details}{name} =~ s/^_+$/___/r, $want, "the name $want";
}

# a small body, cut in two at every byte
{
    my $body = Spocr::Ocr::multipart(@path, file('a') => "x\r\n--spoc\r\n");
    my %wrong;

    for my $at (1 .. length($body) - 1) {
        my $s = $backend->send_request('POST', '/upload', {
            'X-Spocr-Uid' => 'u_test', 'Content-Length' => length $body,
            'Content-Type' => 'multipart/form-data; boundary=spocr' },
            undef);
        print {$s} substr $body, 0, $at;
        print {$s} substr $body, $at;
        my $r = $backend->answer($s);
        $wrong{$at} = $r->{body}
            if ($r->{json}{details}{field} // '') ne 'files[0]';
    }

    is_deeply \%wrong, {}, 'cut at every byte';
}

# a client that leaves in the middle
{
    my $s = $backend->send_request('POST', '/upload', {
        'X-Spocr-Uid' => 'u_test', 'Content-Length' => 9_000_000,
        'Content-Type' => 'multipart/form-data; boundary=spocr' }, undef);
    print {$s} Spocr::Ocr::multipart(@path, file('a') => $png x 20);
    ok $backend->wait_for(sub { stored() }), 'its file is there';
    close $s;
    ok $backend->wait_for(sub { !stored() }), 'and goes with it';
}

# a disk that takes nothing
for my $folder ('spool', 'images') {
    rename "$data/$folder", "$data/away" or die;
    open my $f, '>', "$data/$folder" or die if $folder eq 'images';
    my $r = refused "without $folder", [@path, file('a.png') => $png], 503,
        'service_unavailable', qr/storage/;
    ok $r->{json}{details}{retryAfterSec}, 'to be repeated';
    unlink "$data/$folder";
    rename "$data/away", "$data/$folder" or die;
}

# the money, and the sheet
is $backend->call('GET', '/view?path=S')->{json}{total}, 0, 'no rows';
is $backend->call('GET', '/amount')->{json}{free}{used}, 0, 'nothing charged';
is $backend->stop, 0, 'ends well';

done_testing;
