# Every raster format that is promised, EXIF orientation, pages upside down,
# several pages, alpha, damaged data.

use v5.36;
use lib 't/lib';
use Test::More;
use MIME::Base64 qw(encode_base64);
use Spocr::Contract ':ocr';
use Spocr::Ocr;
use Spocr::Picture;

my $backend = Spocr::Ocr->start;
my $dir = 'backend/t/images';

sub total ($what, $bytes, %more) {
    my $r = $backend->fields({ image => encode_base64($bytes, ''),
        fields => [{ name => "total", type => "string" }] });
    is $r->{status}, 200, "$what: 200";
    is $r->{json}{data}{total}, $more{want} // '19.66', "$what: the total";
    return $r->{json};
}

sub middle ($j) {
    my $b = $j->{data}{field_bboxes}{total}{bbox} // {};
    return map { int } (($b->{xmin} // 0) + ($b->{xmax} // 0)) / 2,
                       (($b->{ymin} // 0) + ($b->{ymax} // 0)) / 2;
}

sub close_to ($what, $j, $x, $y) {
    my ($a, $b) = middle($j);
    ok abs($a - $x) < 15 && abs($b - $y) < 15, "$what: at $x,$y"
        or diag "at $a,$b";
}

for my $f (qw(receipt.gif receipt.bmp receipt.jpg receipt.webp)) {
    close_to $f, total($f, Spocr::Ocr::slurp("$dir/$f")), 868, 552;
}

# a data: URI, by the old name of the parameter too
{
    my $r = $backend->fields({
        image => 'data:image/png;base64,' . Spocr::Ocr::sample('receipt.png'),
        image_type => 'base64', template_id => 'receipt' });
    is $r->{json}{data}{total}, '19.66', 'a data: URI';
    like $r->{headers}{deprecation} // '', qr/^\@\d+$/, 'Deprecation';
}

# fields win over a template
{
    my $r = $backend->fields({ image => Spocr::Ocr::sample('receipt.png'),
        templateId => 'invoice',
        fields => [{ name => 'change', type => 'number' }] });
    is_deeply [sort keys %{ $r->{json}{data} }], [qw(change field_bboxes)],
        'only the fields';
    is $r->{json}{data}{change}, '0.34', 'a number is a verbatim string';
    is $r->{headers}{deprecation}, undef, 'no Deprecation';
    is_deeply [sort keys %{ $r->{json} }], [qw(data status)], 'no warnings';
}

# the first page, and a warning
{
    my $j = total 'two pages', Spocr::Ocr::slurp("$dir/two-pages.tif");
    is $j->{warnings}[0]{code}, 'multiple_pages', 'a warning';
}

# a TIFF says how it is turned, too, and is turned once
{
    my $tiff = Spocr::Ocr::slurp("$dir/two-pages.tif");
    $tiff =~ s/\x12\x01\x03\0\x01\0\0\0\K\x01/\x03/ or die;
    close_to 'a turned TIFF', total('a turned TIFF', $tiff), 132, 448;
}

# EXIF says that the camera was turned: boxes are on the picture as it shows
{
    my $exif = "Exif\0\0MM\0*" . pack 'NnnnNnnN', 8, 1, 0x112, 3, 1, 6, 0, 0;
    my $jpeg = Spocr::Ocr::slurp("$dir/turned-left.jpg");
    substr $jpeg, 2, 0, "\xff\xe1" . pack('n', 2 + length $exif) . $exif;
    close_to 'EXIF', total('EXIF', $jpeg), 868, 552;
}

# without EXIF: it is seen how the page lies; boxes are on it as it was sent
{
    my $j = total 'on its side', Spocr::Ocr::slurp("$dir/turned-left.jpg");
    close_to 'on its side', $j, 552, 132;
    $j = total 'upside down', Spocr::Ocr::slurp("$dir/upside-down.png"),
        want => '2,352.00';
    close_to 'upside down', $j, 121, 427;
    my $v = $j->{data}{field_bboxes}{total}{vertices};
    ok $v->[0]{x} > $v->[1]{x} && $v->[0]{y} > $v->[3]{y},
        'upside down: the vertices follow the text';
}

# damaged data
{
    my $jpeg = Spocr::Ocr::slurp("$dir/receipt.jpg");
    my $r = $backend->fields({ templateId => 'receipt',
        image => encode_base64(substr($jpeg, 0, length($jpeg) * 0.9), '') });
    is $r->{status}, 200, 'a JPEG that lacks its end is read';
    is $r->{json}{data}{store_name}, 'PEBBLE & PINE MARKET', 'what is there';
    is $r->{json}{warnings}[0]{code}, 'damaged_image', 'a warning';

    for my $f (qw(receipt.gif two-pages.tif receipt.webp)) {
        my $bytes = Spocr::Ocr::slurp("$dir/$f");
        $r = $backend->fields({ templateId => 'receipt',
            image => encode_base64(substr($bytes, 0, 200), '') });
        is $r->{json}{error}{code}, 'invalid_image', "$f, cut: refused";
    }

    my $png = Spocr::Ocr::slurp('backend/samples/receipt.png');
    substr $png, $_, 1, chr(255 & ~ord substr $png, $_, 1)
        for map { 400 + 37 * $_ } 1 .. 20;
    $r = $backend->fields({ templateId => 'receipt',
        image => encode_base64($png, '') });
    is $r->{json}{error}{code}, 'invalid_image', 'a damaged PNG: refused';
}

# light letters on a dark ground are read, too
is $backend->fields({ image => encode_base64(Spocr::Picture::bar(), ''),
                      fields => [{ name => 'total' }] })
           ->{json}{data}{total}, '12.34', 'a total in a dark bar';

is $backend->stop, 0, 'ends well';

done_testing;
