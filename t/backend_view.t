# GET /view of a sheet: filters, sorts, pages, boxes; and what is refused.

use v5.36;
use utf8;
use lib 't/lib';
use Test::More;
use File::Temp ();
use JSON::PP;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);

my $data = File::Temp->newdir;
my $backend = Spocr::Ocr->start('--data', $data);
my $box = { bbox => { xmin => 0, ymin => 0, xmax => 9, ymax => 9 },
            vertices => [map { { x => $_->[0], y => $_->[1] } }
                         [0, 0], [9, 0], [9, 9], [0, 9]],
            match_ratio => 1, bbox_source => 'token_id' };
my @odd = ('total>', 'a=b', 'a,b', 'say "hi"', "'; DROP TABLE item; --");

sub create (%o) {
    my $r = $backend->call('POST', '/create', { path => '', %o });
    is $r->{status}, 201, "created $o{name}" or diag $r->{body};
    return $r->{json};
}

my @columns = ((map { { name => $_, type => 'string' } } qw(vendor total note),
                @odd),
               { name => 'line_items', type => 'array', children => [
                 { name => 'description', type => 'string' },
                 { name => 'qty', type => 'number' }] });
my $sheet = create(type => 'sheet', name => 'S', columns => \@columns);

# a row: its name, vendor, total, more
sub row ($name, $vendor, $total, %more) {
    my %d = (vendor => $vendor, total => $total, %more);
    $d{field_bboxes} = { map { $_ => $box } keys %d };
    return { name => $name, data => \%d };
}

my @keys = Spocr::Ocr::fill($data, 'S',
    row('a.png', 'Acme GmbH', '1,960.00', note => 'n/a',
        line_items => [{ description => 'Bolt', qty => '2',
                         field_bboxes => { qty => $box } }]),
    row('b.png', 'ACME Ltd', '¥7,855', note => '5'),
    row('c.png', 'Café Zürich', '300', note => ''),
    row('d.png', '株式会社', '20'),
    row('e.png', "'; DROP TABLE item; --", 'unknown', note => '10',
        'total>' => '5', 'a=b' => 'c', 'a,b' => 'x', 'say "hi"' => 'y',
        "'; DROP TABLE item; --" => 'z'),
    row('f.png', '', '', note => 'zzz'),
    { name => 'g.png', status => 'pending' },
    { name => 'h.png', status => 'failed' });

sub view ($query, %headers) {
    return $backend->call('GET', "/view?path=S$query", undef, %headers);
}

# pairs of names and values
sub query (@args) {
    my $q = '';
    while (my ($n, $v) = splice @args, 0, 2) {
        $q .= "&$n=" . Spocr::Ocr::escape($v);
    }
    return $q;
}

# the names of the images that match, in their order: "abc"
sub names (@args) {
    my $r = view(query(@args));
    return $r->{body} if $r->{status} != 200;
    return join '', map { substr $_->{name}, 0, 1 } @{ $r->{json}{rows} };
}

sub where ($where, $want) { is names(where => $where), $want, "where $where" }
sub sorted ($sort, $want) { is names(sort => $sort), $want, "sort $sort" }

# the whole sheet
{
    my $r = view('');
    my $j = $r->{json};
    is $r->{status}, 200, 'a sheet' or diag $r->{body};
    is_deeply [@$j{qw(type path name uniqueKey)}],
        ['sheet', 'S', 'S', $sheet->{uniqueKey}], 'what it is';
    is_deeply $j->{columns}, \@columns, 'its columns';
    is_deeply [@$j{qw(total matched offset limit nextOffset)}],
        [8, 8, 0, 100, undef], 'numbers';
    is_deeply [map { $_->{rowKey} } @{ $j->{rows} }], \@keys,
        'the rows, in the order in which they came';

    my $row = $j->{rows}[0];
    is_deeply [sort keys %$row], [qw(createdAt field_bboxes imageUrl name
        ocrStatus requestId rowKey values)], 'members of a row';
    is $row->{imageUrl}, "/images/$keys[0]", 'imageUrl';
    is $row->{ocrStatus}, 'done', 'ocrStatus';
    is $row->{values}{total}, '1,960.00', 'values as they were read';
    is_deeply $row->{field_bboxes}{total}, $box, 'boxes';
    is_deeply $row->{values}{line_items}[0]{field_bboxes},
        { qty => $box }, 'boxes of a row of an array';
    ok !exists $row->{values}{field_bboxes}, 'boxes are no value';
    is_deeply [$j->{rows}[6]{values}, $j->{rows}[6]{field_bboxes},
               $j->{rows}[6]{ocrStatus}], [{}, {}, 'pending'],
        'a row that is not read yet';
}

# numbers, where both sides are: 1,960.00 is more than 300
where 'total=1960', 'a';
where 'total = ¥ 1,960', 'a';
where 'total!=1960', 'bcdefgh';
where 'total>300', 'abe';                  # "unknown" is a text, after "300"
where 'total >= 300', 'abce';              # "total>=" is of "total>"
where 'total<300', 'd';
where 'total<=300', 'cd';
where 'total>-1', 'abcde';
where 'total=1960.00000001', '';

# texts, where one is none
where 'vendor=Acme GmbH', 'a';
where 'vendor=acme gmbh', '';
where 'vendor>Acme', 'acd';
where 'vendor<=ACME Ltd', 'be';
where 'total=unknown', 'e';
where 'note>=5', 'abef';

# contains, in any case
where 'vendor~acme', 'ab';
where 'vendor~CAFÉ zü', 'c';
where 'vendor~式会', 'd';
where 'total~9', 'a';
where 'line_items~bolt', 'a';
where 'vendor~', 'abcdefgh';
where 'vendor~%', '';
where 'vendor~_', '';

# what is empty is like what is absent, and not less or more than anything
where 'note=', 'cdgh';
where 'note!=', 'abef';
where 'total<0', '';
where 'note>', 'abef';
where 'note!=5', 'acdefgh';

# what every sheet has
where 'name=c.png', 'c';
where 'name>f', 'fgh';
where 'name~PNG', 'abcdefgh';
where 'ocrStatus=pending', 'g';
where 'ocrStatus!=done', 'gh';
where "rowKey=$keys[3]", 'd';
where 'createdAt>1700000000000', 'abcdefgh';
where 'createdAt<1,700,000,000,000', '';

# names and values of any form are names and values
where "vendor='; DROP TABLE item; --", 'e';
where "'; DROP TABLE item; --=z", 'e';
where "vendor=' OR 1=1 --", '';
where 'total>=5', 'e';                    # the column "total>"
where 'a=b=c', 'e';
where 'a,b=x', 'e';
where 'say "hi"~Y', 'e';
is names(where => 'total>100', where => 'vendor~a', where => 'note!='),
    'abe', 'each where holds';
is names(where => 'total>100', where => 'total<100'), '', 'also of one column';

# numbers first, then texts, then nothing, in either direction
sorted 'total', 'dcabefgh';
sorted 'total:asc', 'dcabefgh';
sorted 'total:desc', 'bacdefgh';
sorted '-total', 'bacdefgh';
sorted 'note', 'beafcdgh';
sorted '-note', 'ebfacdgh';
sorted '-name', 'hgfedcba';
sorted 'ocrStatus', 'abcdefhg';
sorted 'createdAt', 'abcdefgh';
is names(sort => '-ocrStatus', sort => '-total'), 'ghbacdef', 'two sorts';
is names(where => 'total>1', sort => '-total', limit => 2, offset => 1), 'ac',
    'a filter, a sort and a page';

# pages
for ([3, 0, 'abc', 3], [3, 6, 'gh', undef], [8, 0, 'abcdefgh', undef],
     [3, 8, '', undef], [1, 1000000, '', undef]) {
    my ($limit, $offset, $want, $next) = @$_;
    my $r = view("&limit=$limit&offset=$offset")->{json};
    is join('', map { substr $_->{name}, 0, 1 } @{ $r->{rows} }), $want,
        "$limit rows from $offset";
    is_deeply [@$r{qw(total matched limit offset nextOffset)}],
        [8, 8, $limit, $offset, $next], 'numbers of that page';
}

{
    my $r = view('&where=total%3C%3D300&limit=1')->{json};
    is_deeply [@$r{qw(total matched nextOffset)}], [8, 2, 1],
        'matched counts what matches';
}

# select, boxes
{
    my $j = view(query(select => 'total,a,b', select => 'say "hi"'))->{json};
    is_deeply $j->{rows}[4]{values},
        { total => 'unknown', 'a,b' => 'x', 'say "hi"' => 'y' },
        'the values that are wanted';
    is_deeply [sort keys %{ $j->{rows}[4]{field_bboxes} }],
        ['a,b', 'say "hi"', 'total'], 'and their boxes';
    is_deeply [map { $_->{name} } @{ $j->{columns} }],
        ['total', 'a,b', 'say "hi"'], 'and columns';

    $j = view('&boxes=0')->{json};
    ok !exists $j->{rows}[0]{field_bboxes}, 'no boxes';
    is_deeply $j->{rows}[0]{values}{line_items},
        [{ description => 'Bolt', qty => '2' }], 'nor in arrays';
}

# an image
{
    my $j = $backend->call('GET', "/view?path=S/$keys[0]")->{json};
    is_deeply [@$j{qw(type path rowKey name imageUrl ocrStatus)}],
        ['img', "S/$keys[0]", $keys[0], 'a.png', "/images/$keys[0]", 'done'],
        'an image';
    is $j->{values}{total}, '1,960.00', 'its values';
    ok $j->{field_bboxes}{total}, 'its boxes';
    is_deeply $backend->call('GET', "/view?path=$keys[0]")->{json}, $j,
        'by its key alone';
    ok !exists $backend->call('GET', "/view?path=$keys[0]&boxes=0")
        ->{json}{field_bboxes}, 'without boxes';
}

# what is refused
sub refused ($what, $query, $field, $code = 'validation_failed') {
    my $r = view($query);
    is $r->{status}, 400, "$what: 400";
    is $r->{json}{error}{code}, $code, "$what: $code";
    is $r->{json}{details}{field}, $field, "$what: names it";
    return $r->{json}{details};
}

is_deeply refused('an unknown column', '&where=x%3D1', 'where')->{available},
    [(map { $_->{name} } @columns), qw(name rowKey ocrStatus createdAt)],
    'what there is';
refused 'no operator', '&where=total', 'where';
refused 'an unknown sort', '&sort=-x', 'sort';
refused 'an unknown select', '&select=total,x', 'select';
refused 'an unknown argument', '&x=1', 'x';
refused 'a limit of 0', '&limit=0', 'limit';
refused 'a limit of 501', '&limit=501', 'limit';
refused 'a limit that is none', '&limit=1x', 'limit';
refused 'a negative offset', '&offset=-1', 'offset';
refused 'boxes=2', '&boxes=2', 'boxes';
refused 'an unknown format', '&format=xml', 'format';
refused 'two paths', '&path=S', 'path';
refused '21 filters', '&where=total%3D1' x 21, 'where';
refused 'a NUL', '&where=total%3D%00', undef, 'bad_request';
refused 'no UTF-8', '&where=total%3D%FF', undef, 'bad_request';

for my $p ("S", $sheet->{uniqueKey}, "S/$keys[0]", $keys[0]) {
    my $r = $backend->call('GET', "/view?path=$p", undef,
                           'X-Spocr-Uid' => 'u_other');
    is $r->{status}, 404, 'nothing of another tenant';
    is $r->{json}{error}{code}, 'not_found', 'not_found';
}

# columns that are found on the images
{
    create(type => 'sheet', name => 'Auto');
    Spocr::Ocr::fill($data, 'Auto',
        { data => { Vendor => 'X', items => [], field_bboxes => {} } },
        { data => { Total => '5', items => [{ a => '1' }],
                    field_bboxes => {} } },
        { data => { Vendor => 'Y', items => [{ b => '2' }],
                    field_bboxes => {} } },
        { data => { map({ ("c$_" => "v") } 100 .. 320), field_bboxes => {} } });

    my $j = $backend->call('GET', '/view?path=Auto')->{json};
    is_deeply [grep { $_->{name} !~ /^c\d/ } @{ $j->{columns} }],
        [{ name => 'Vendor', type => 'string' },
         { name => 'Total', type => 'string' },
         { name => 'items', type => 'array', children => [
           map { { name => $_, type => 'string' } } qw(a b)] }],
        'columns as they come';
    is scalar @{ $j->{columns} }, 200, 'no more than 200';
    is scalar keys %{ $j->{rows}[3]{values} }, 221, 'no value is lost';
}

# a field that is called like what every sheet has
{
    create(type => 'sheet', name => 'Cards',
           columns => [{ name => 'name', type => 'string' }]);
    Spocr::Ocr::fill($data, 'Cards', row('z.png', '', '', name => 'Ada'),
                     row('y.png', '', '', name => 'Bob'));
    my $j = $backend->call('GET', '/view?path=Cards&where=name%3DBob')->{json};
    is_deeply [map { $_->{name} } @{ $j->{rows} }], ['y.png'],
        "the sheet's own column comes first";
}

is $backend->stop, 0, 'ends well';
done_testing;
