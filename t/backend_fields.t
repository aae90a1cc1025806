# POST /ocr/fields on the sample documents: values, boxes, vertices.

use v5.36;
use utf8;
use lib 't/lib';
use Test::More;
use JSON::PP;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $truth = JSON::PP->new->utf8->decode(
    Spocr::Ocr::slurp('backend/samples/truth.json'));
my $backend = Spocr::Ocr->start;

sub inside ($x, $y, $box) {
    return $x >= $box->{xmin} && $x <= $box->{xmax}
        && $y >= $box->{ymin} && $y <= $box->{ymax};
}

for my $name (sort keys %$truth) {
    my $t = $truth->{$name};
    my $r = $backend->fields({ image => Spocr::Ocr::sample($name),
                         templateId => $t->{templateId} });

    is $r->{status}, 200, $name;
    is $r->{json}{status}, 'success', "$name: success";
    my $d = $r->{json}{data};
    my $boxes = $d->{field_bboxes};

    for my $f (sort keys %{ $t->{fields} }) {
        is $d->{$f}, $t->{fields}{$f}, "$name: $f";
        my $box = $boxes->{$f};
        is_deeply [sort keys %$box],
            [qw(bbox bbox_source match_ratio vertices)],
            "$name: $f has its place";
        is $box->{match_ratio}, 1, "$name: $f is on the page, whole";
        like $box->{bbox_source},
            qr/^(?:token_id|token_id_hybrid|shared_value)$/,
            "$name: $f, from tokens";
        is scalar @{ $box->{vertices} }, 4, "$name: $f has 4 vertices";

        my @x = sort { $a <=> $b } map { $_->{x} } @{ $box->{vertices} };
        my @y = sort { $a <=> $b } map { $_->{y} } @{ $box->{vertices} };
        is_deeply $box->{bbox}, { xmin => $x[0], xmax => $x[3],
                                  ymin => $y[0], ymax => $y[3] },
            "$name: $f: the box is the hull of the vertices";
        ok $x[0] >= 0 && $x[3] <= 1000 && $y[0] >= 0 && $y[3] <= 1000,
            "$name: $f: on the grid";
    }

    for my $f (sort keys %{ $t->{places} }) {
        ok inside(@{ $t->{places}{$f} }, $boxes->{$f}{bbox}),
            "$name: $f is where it is";
    }

    if ($t->{line_items}) {
        my @rows = map { [@$_{qw(description qty unit_price amount)}] }
            @{ $d->{line_items} };
        is_deeply \@rows, $t->{line_items}, "$name: line items";
        for my $row (@{ $d->{line_items} }) {
            is_deeply [sort keys %{ $row->{field_bboxes} }],
                [qw(amount description qty unit_price)],
                "$name: a row has its own boxes";
        }
    }

    if (my $tilt = $t->{tilt}) {
        my $v = $boxes->{vendor}{vertices};
        # the photo is 1286 x 1696: the grid's steps differ by axis
        my $angle = atan2(($v->[1]{y} - $v->[0]{y}) * 1696,
                          ($v->[1]{x} - $v->[0]{x}) * 1286) * 180 / 3.14159265;
        cmp_ok abs($angle - $tilt), '<', 1.5, "$name: the vertices tilt";
        cmp_ok $v->[3]{y}, '>', $v->[0]{y}, "$name: top left comes first";
    }
}

is $backend->stop, 0, 'ends well';
done_testing;
