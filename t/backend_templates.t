# Built-in schemas: which there are, and which need a model to be read.

use v5.36;
use lib 't/lib';
use Test::More;
use JSON::PP;
use Spocr::Llm;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my @rules = qw(invoice receipt);
my @all = (@rules, qw(purchase_order delivery quote business_card bankbook
                      passport driver_license resident_card my_number_card
                      residence_card india_electoral_roll_cover));
my ($w, $h) = unpack 'x16 N N',
    Spocr::Ocr::slurp('backend/samples/receipt.png');
my $services = Spocr::Llm->start;
my $page = Spocr::Llm::drawn($w, $h, 'SPECIMEN', 'Jane Doe', '1 Jan 1990');
$services->page($page);

my %image = (image => Spocr::Ocr::sample('receipt.png'));
my $backend = Spocr::Ocr->start($services->ocr);

for my $id (@all) {
    my $r = $backend->fields({ %image, templateId => $id });
    if (grep { $_ eq $id } @rules) {
        is $r->{status}, 200, "$id: by rules";
        next;
    }
    is $r->{status}, 400, "$id: not without a model";
    is $r->{json}{error}{code}, 'validation_failed', "$id: the code";
    is $r->{json}{details}{field}, 'templateId', "$id: the field";
    is_deeply $r->{json}{details}{available}, \@rules, "$id: what there is";
    like $r->{json}{error}{message},
        qr/"$id" needs the LLM extractor.*available are: invoice, receipt$/,
        "$id: says so";
}

my $r = $backend->fields({ %image, templateId => 'tarot_card' });
is $r->{status}, 400, 'an unknown id';
is_deeply $r->{json}{details}{available}, \@rules, 'what there is';
like $r->{json}{error}{message}, qr/no template "tarot_card"/, 'says so';
$r = $backend->fields({ %image, templateId => 'tarot_card',
                        fields => [{ name => 'total' }] });
is $r->{status}, 200, 'fields win over a templateId';
is $backend->stop, 0, 'ends well';

$backend = Spocr::Ocr->start($services->ocr, $services->llm);
$services->content({});
for my $id (@all) {
    $r = $backend->fields({ %image, templateId => $id });
    is $r->{status}, 200, "$id: with a model";
    my $q = decode_json(($services->asked('llm'))[-1]{body});
    my $asked = $q->{response_format}{json_schema}{schema}{required};
    cmp_ok scalar @$asked, '>=', 8, "$id: has its fields";
    is_deeply [sort grep { $_ ne 'field_bboxes' } keys %{ $r->{json}{data} }],
        [sort @$asked], "$id: they are the answer's";
}
$r = $backend->fields({ %image, templateId => 'tarot_card' });
is_deeply $r->{json}{details}{available}, \@all, 'all of them are there';
like $r->{json}{error}{message}, qr/tarot_card.*: invoice, .*roll_cover$/,
    'and are named';
is $backend->stop, 0, 'ends well';
done_testing;
