# autoFields: what a page is, and its labels with their values.  The pages are
# drawn by a stand-in for an OCR engine; one is really read.

use v5.36;
use utf8;
use lib 't/lib';
use Test::More;
use JSON::PP;
use Spocr::Llm;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my ($w, $h) = unpack 'x16 N N',
    Spocr::Ocr::slurp('backend/samples/receipt.png');
my $services = Spocr::Llm->start;
my $backend = Spocr::Ocr->start($services->ocr);
my %call = (image => Spocr::Ocr::sample('receipt.png'),
            autoFields => JSON::PP::true);
my $page;

sub drawn (@lines) {
    $page = Spocr::Llm::drawn($w, $h, @lines);
    $services->page($page);
    return $backend->fields(\%call);
}

# the values of an answer, each of which has its box
sub found ($what, @lines) {
    my $r = drawn(@lines);
    is $r->{status}, 200, $what;
    my $d = $r->{json}{data};
    my %v = map { $_ => $d->{$_} } grep { !ref $d->{$_} } keys %$d;
    is_deeply [sort keys %{ $d->{field_bboxes} }], [sort keys %v],
        "$what: each has its box";
    is scalar(grep { !Spocr::Llm::of_words($page, $_) }
              values %{ $d->{field_bboxes} }), 0, "$what: of words";
    return \%v;
}

is_deeply found('a form', 'MEMBERSHIP', '',
        'Member name: Ada King', 'Straße: Hauptweg 4',
        'Joined on:            3 March 2021', '',
        'Branch:', 'Harbour East', '', 'e-mail       ada@example.org'),
    { member_name => 'Ada King', strasse => 'Hauptweg 4',
      joined_on => '3 March 2021', branch => 'Harbour East',
      e_mail => 'ada@example.org' },
    'labels beside and above, in their own words';

is_deeply found('two in a row', 'Ref: 7781-A   Phone: 01632 960233',
        'Desk: 4 Clerk: Ben', 'Note:'),
    { ref => '7781-A', phone => '01632 960233', desk => '4',
      clerk => 'Ben' }, 'are two';

is_deeply found('no labels', 'Open 9:30 to 17:00, see http://x.org',
        'This is a sentence with a colon: no',
        'Weight: 5 kg', '12: 13', ': nobody', '????: ????', 'Weight: 6 kg'),
    { weight => '5 kg' }, 'but the one that is';

is_deeply [sort keys %{ found('one of each name', 'Name: A1', 'Name: B2',
        'field_bboxes: C3', map { "Row $_ x: v$_" } 'a' .. 'k') }],
    [sort 'name', map { "row_${_}_x" } 'a' .. 'g'],
    'eight at most, and none that is reserved';

{
    my $v = found('a receipt', 'PEBBLE MARKET', '12 Shore Road', '',
        'Receipt No: 004512', 'Cashier: Ben', 'Date: 08/05/2026 14:32', '',
        'Bread                   3.20', 'Soap                   15.00',
        'Total                  18.20', 'Cash                   20.00',
        'Change                  1.80');
    is $v->{total}, '18.20', 'total';
    is $v->{store_name}, 'PEBBLE MARKET', 'the fields of a receipt';
    cmp_ok keys %$v, '<=', 8, 'not more than eight';
    $v = found('an invoice', 'Alder Ltd                 INVOICE', '',
        'Bill to:', 'Borrow Ltd', '', 'Invoice No: AB-1704',
        'Invoice date: 17 March 2026', 'Due date: 16 April 2026',
        'Signed by: Ben King', 'Total                  18.20');
    is $v->{invoice_no}, 'AB-1704', 'the fields of an invoice';
    is $v->{due_date}, '16 April 2026', 'due_date';
    is $v->{signed_by}, 'Ben King', 'and a label that no template has';
    ok !exists $v->{subtotal}, 'without what is not there';
}

my $r = drawn('A plain letter', 'without any', 'label');
is $r->{status}, 502, 'no structure';
is $r->{json}{error}{code}, 'ocr_engine_error', 'is refunded';
is $r->{json}{error}{message}, 'No fields were found', 'says so';
$services->page({ units => 'relative', tokens => [] });
$r = $backend->fields(\%call);
is $r->{status}, 502, 'no text';
like $r->{json}{error}{message}, qr/No text/, 'says so';

$r = $backend->fields({ %call, autoFields => JSON::PP::false });
is $r->{status}, 400, 'nothing is asked for';
is $r->{json}{details}{field}, 'fields', 'says what is missing';
is $backend->fields({ %call, autoFields => 'yes' })->{status}, 400,
    'autoFields is a boolean';
drawn('Total: 5.00');
is_deeply $backend->fields({ %call, fields => [{ name => 'x1' }] })
    ->{json}{data}, { x1 => '', field_bboxes => {} },
    'fields win over autoFields';
is $backend->fields({ image => $call{image}, auto_fields => JSON::PP::true })
    ->{headers}{deprecation}, '@1767225600', 'the old name is deprecated';
is $backend->stop, 0, 'ends well';

$backend = Spocr::Ocr->start;
my $d = $backend->fields(\%call)->{json}{data};
is $d->{store_name}, 'PEBBLE & PINE MARKET', 'a picture';
is scalar(grep { $_ ne 'field_bboxes' } keys %$d), 8, 'eight fields';
is $d->{total}, '19.66', 'total';
is $backend->stop, 0, 'ends well';
done_testing;
