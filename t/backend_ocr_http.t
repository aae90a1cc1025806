# An OCR engine over HTTP in the place of the built-in one: its page is read
# by the rules, its words are where the values are, and what is wrong with its
# answer is told.

use v5.36;
use utf8;
use lib 't/lib';
use Test::More;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Spocr::Llm;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $png = Spocr::Ocr::slurp('backend/samples/receipt.png');
my ($w, $h) = unpack 'x16 N N', $png;
my $services = Spocr::Llm->start;
my $page = Spocr::Llm::drawn($w, $h,
    'PEBBLE MARKET', '12 Shore Road', '', 'Receipt No: 004512',
    'Date: 08/05/2026 14:32', '', 'Subtotal               18.20',
    'VAT                     1.46', 'Total                  19.66',
    'Cash                   20.00', 'Change                  0.34');
my $backend = Spocr::Ocr->start($services->ocr, '--remote-timeout', 1);
my %image = (image => Spocr::Ocr::sample('receipt.png'));

sub asked_for (@more) {
    return $backend->fields({ %image, templateId => 'receipt', @more });
}

$services->page($page);
my $r = asked_for;
is $r->{status}, 200, 'a page of the engine';
my $d = $r->{json}{data};
my %want = (total => '19.66', subtotal => '18.20', tax => '1.46',
            receipt_no => '004512', transaction_date => '08/05/2026',
            transaction_time => '14:32', store_name => 'PEBBLE MARKET');
is $d->{$_}, $want{$_}, "read by the rules: $_" for sort keys %want;

for (sort keys %{ $d->{field_bboxes} }) {
    my $box = $d->{field_bboxes}{$_};
    ok Spocr::Llm::of_words($page, $box), "$_: its box is that of words";
    is $box->{bbox_source}, 'token_id', "$_: by its tokens"
        if defined $want{$_};
}

my ($asked) = $services->asked('ocr');
is $asked->{headers}{'content-type'}, 'image/png', 'it was sent a PNG';
ok $asked->{body} eq $png, 'the image as the client sent it';

$r = $backend->fields({ %image, autoFields => JSON::PP::true });
is $r->{json}{data}{receipt_no}, '004512', 'autoFields, too';

# units, symbols, lines that are left out
{
    my @t = map {
        my ($t, $b) = ($_, $_->{bbox});
        my $step = ($b->{xmax} - $b->{xmin}) / $w / length $t->{text};
        my $i = 0;
        my ($y0, $y1) = ($b->{ymin} / $h, $b->{ymax} / $h);
        my $x0 = $b->{xmin} / $w;
        { text => $t->{text},
          bbox => { xmin => $x0, xmax => $b->{xmax} / $w,
                    ymin => $y0, ymax => $y1 },
          symbols => [map {
              { text => $_, bbox => { xmin => $x0 + $i * $step,
                                      xmax => $x0 + ++$i * $step,
                                      ymin => $y0, ymax => $y1 } } }
              split //, $t->{text}] }
    } @{ Spocr::Llm::drawn($w, $h, 'Date: 08/05/2026', 'Due',
                           'Total              (19.66)')->{tokens} };
    $services->page({ units => 'relative', tokens => \@t });
    $r = asked_for;
    is $r->{json}{data}{total}, '19.66', 'relative, without lines';
    my $box = $r->{json}{data}{field_bboxes}{total};
    is $box->{bbox_source}, 'token_id_hybrid', 'a part of a word';
    is $box->{bbox}{xmin}, 500, 'by its symbols: begins after the bracket';
    is $box->{bbox}{xmax}, 625, 'and ends before the other';
}

# a page that was photographed askew, 10 degrees, and one on its side
for my $deg (10, -7, 90, 180) {
    my $rad = $deg * atan2(1, 1) / 45;
    my ($cx, $cy) = ($w / 2, $h / 2);
    my $scale = $deg == 90 ? 0.5 : 0.7;
    my $turn = sub ($x, $y) {
        ($x, $y) = (($x - $cx) * $scale, ($y - $cy) * $scale);
        return { x => $cx + $x * cos($rad) - $y * sin($rad),
                 y => $cy + $x * sin($rad) + $y * cos($rad) };
    };
    my %quad;
    my @t = map {
        my $b = $_->{bbox};
        my $q = [$turn->($b->{xmin}, $b->{ymin}),
                 $turn->($b->{xmax}, $b->{ymin}),
                 $turn->($b->{xmax}, $b->{ymax}),
                 $turn->($b->{xmin}, $b->{ymax})];
        $quad{ $_->{text} } = $q;
        { text => $_->{text}, line => $_->{line}, quad => $q }
    } @{ $page->{tokens} };
    $services->page({ width => $w, height => $h, tokens => \@t });
    $r = asked_for;
    is $r->{json}{data}{total}, '19.66', "$deg degrees: the total";
    my $v = $r->{json}{data}{field_bboxes}{total}{vertices};
    my $off = 0;
    for my $i (0 .. 3) {
        for (abs($v->[$i]{x} - $quad{'19.66'}[$i]{x} * 1000 / $w),
             abs($v->[$i]{y} - $quad{'19.66'}[$i]{y} * 1000 / $h)) {
            $off = $_ if $_ > $off;
        }
    }
    cmp_ok $off, '<', 1.01, "$deg degrees: the vertices follow the words";
}

# coordinates are of the image as it is displayed
{
    my $turned = Spocr::Ocr::slurp('backend/t/images/turned-left.jpg');
    my $exif = "Exif\0\0MM\0*" . pack 'NnnnNnnN', 8, 1, 0x112, 3, 1, 6, 0, 0;
    substr $turned, 2, 0,
        "\xff\xe1" . pack('n', 2 + length $exif) . $exif;
    my %turned = (image => encode_base64($turned, ''));
    $services->page($page);
    $r = asked_for(%turned);
    is $r->{json}{data}{total}, '19.66', 'an image that EXIF turns';
    ok Spocr::Llm::of_words($page, $r->{json}{data}{field_bboxes}{total}),
        'its boxes';
    is +($services->asked('ocr'))[-1]{headers}{'content-type'}, 'image/jpeg',
        'it was sent a JPEG';
    $services->page({ width => $h, height => $w, tokens => [] });
    like asked_for(%turned)->{json}{error}{message}, qr/shape/,
        'an engine that did not turn it';
}

# answers that are no page
sub refused ($what, $like) {
    my $got = asked_for;
    is $got->{status}, 502, $what;
    is $got->{json}{error}{code}, 'ocr_engine_error', "$what: the code";
    like $got->{json}{error}{message}, $like, "$what: says why";
}

sub bad ($what, $like, $change) {
    my $copy = decode_json(encode_json($page));
    $change->($copy, $copy->{tokens}[3]);
    $services->page($copy);
    refused($what, $like);
}

bad 'a corner beside the page', qr/quad/,
    sub ($p, $t) { $t->{bbox}{xmax} = $w * 1.1 };
bad 'a box inside out', qr/quad/,
    sub ($p, $t) { $t->{bbox}{xmax} = $t->{bbox}{xmin} - 1 };
bad 'a corner that is text', qr/quad/,
    sub ($p, $t) { $t->{bbox}{xmin} = 'left' };
bad 'three corners', qr/quad/,
    sub ($p, $t) { $t->{quad} = [({ x => 1, y => 1 }) x 3] };
bad 'no text', qr/text/, sub ($p, $t) { delete $t->{text} };
bad 'a long text', qr/text/, sub ($p, $t) { $t->{text} = 'x' x 201 };
bad 'a confidence in percent', qr/confidence/,
    sub ($p, $t) { $t->{confidence} = 95 };
bad 'a negative line', qr/line/, sub ($p, $t) { $t->{line} = -1 };
bad 'symbols that are none', qr/symbols/, sub ($p, $t) { $t->{symbols} = 7 };
bad 'another shape', qr/shape/, sub ($p, $t) {
    @$p{qw(width height)} = ($h * 2, $w * 2);
};
bad 'no size', qr/size/, sub ($p, $t) { delete $p->{width} };
bad 'other units', qr/units/, sub ($p, $t) { $p->{units} = 'inches' };
bad 'no tokens', qr/tokens/, sub ($p, $t) { delete $p->{tokens} };
bad 'a page without words', qr/No text/, sub ($p, $t) { $p->{tokens} = [] };
bad 'too many words', qr/tokens/,
    sub ($p, $t) { $p->{tokens} = [(1) x 20001] };

$services->say(ocr => 200, 'oops');
refused 'no JSON', qr/JSON/;
$services->say(ocr => 200, '[' x 100000);
refused 'deep JSON', qr/JSON/;
$services->say(ocr => 200, '{"width":1e999}');
refused 'a number without end', qr/JSON/;
$services->say(ocr => 500, '{}');
refused 'status 500', qr/status 500/;
$services->say(ocr => 'redirect');
refused 'a redirect', qr/status 307/;
$services->say(ocr => 'close');
refused 'a closed connection', qr/failed/;
$services->say(ocr => 'flood');
refused 'an endless answer', qr/too_large/;
$services->say(ocr => 'hang');
refused 'no answer', qr/timeout/;

unlike $backend->log, qr/127\.0\.0\.1:/, 'the log has no address';
$services->page($page);
is asked_for->{status}, 200, 'and then it works again';
is $backend->stop, 0, 'ends well';
done_testing;
