# Folders, sheets, memos: POST /create, GET /space, GET /view, POST /edit,
# POST /remove.

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
my %other = ('X-Spocr-Uid' => 'u_other');
my $png = Spocr::Ocr::slurp('backend/samples/receipt.png');

sub create ($o, %headers) { $backend->call('POST', '/create', $o, %headers) }
sub edit ($o, %headers) { $backend->call('POST', '/edit', $o, %headers) }
sub remove ($path, %headers) {
    return $backend->call('POST', '/remove', { path => $path }, %headers);
}
sub get ($what, $path, $more = '', %headers) {
    return $backend->call('GET', "/$what?path=" . Spocr::Ocr::escape($path)
                          . $more, undef, %headers);
}

sub made ($path, $type, $name, %more) {
    my $r = create({ path => $path, type => $type, name => $name, %more });
    is $r->{status}, 201, "created a $type: $name" or diag $r->{body};
    return $r->{json};
}

sub refused ($what, $r, $status, $code, $field = undef) {
    is $r->{status}, $status, "$what: $status";
    is $r->{json}{error}{code}, $code, "$what: $code";
    is $r->{json}{details}{field}, $field, "$what: names it";
}

my @v = (400, 'validation_failed');
my @b = (400, 'bad_request');
my @n = (404, 'not_found');

# /create
my $folder = made('', 'folder', 'Invoices');
is_deeply [@$folder{qw(path type)}], ['Invoices', 'folder'], 'a folder';
like $folder->{uniqueKey}, qr/^[a-z][a-z0-9]{19}$/, 'a key';

my @columns = ({ name => 'total', type => 'number', description => 'All' },
               { name => 'line_items', type => 'array', children => [
                 { name => 'description', type => 'string' },
                 { name => 'qty', type => 'number' }] });
my $sheet = made('/Invoices', 'sheet', '請求書 2026', columns => \@columns,
                 prompt => 'In yen');
is $sheet->{path}, 'Invoices/請求書 2026', 'the path of names';
is made($folder->{uniqueKey}, 'memo', 'Notes', text => "a\nb")->{path},
    'Invoices/Notes', 'a folder by its key';
made('Invoices', 'sheet', 'T', templateId => 'receipt');
made('', 'memo', 'Empty');
made('', 'folder', 'x' x 128);

is create({ path => '', type => 'folder', name => 'Invoices' }, %other)
    ->{status}, 201, 'another tenant has names of its own';

refused 'a name that is taken', create({ path => '', type => 'memo',
    name => 'Invoices' }), @b;
for my $name ('a.b', 'a/b', 'a#b', 'a$b', 'a[b', 'a]b', ' a', 'a ', 'a　',
              "a\x{1}b", "a\nb", "a\x{7f}", "a\x{85}", '', 'x' x 129) {
    refused 'a bad name', create({ path => '', type => 'folder',
        name => $name }), @v, 'name';
}
for (['no name', 'name', {}], ['a name of another kind', 'name', { name => 5 }],
     ['no type', 'type', { name => 'a', type => undef }],
     ['an unknown type', 'type', { name => 'a', type => 'img' }],
     ['a sheet as a folder', 'path', { name => 'a', path => 'Invoices/T' }],
     ['an empty name in the path', 'path', { name => 'a', path => 'a//b' }],
     ['an endless path', 'path', { name => 'a', path => 'a/' x 40 . 'a' }],
     ['a huge path', 'path', { name => 'a', path => 'a' x 100_000 }],
     ['columns of a folder', 'columns', { name => 'a', columns => [] }],
     ['text of a folder', 'text', { name => 'a', text => 'x' }],
     ['no columns', 'columns', { name => 'a', type => 'sheet',
       columns => [] }],
     ['a bad column', 'columns[0].type', { name => 'a', type => 'sheet',
       columns => [{ name => 'x', type => 'date' }] }],
     ['an unknown template', 'templateId', { name => 'a', type => 'sheet',
       templateId => 'x' }],
     ['a long memo', 'text', { name => 'a', type => 'memo',
       text => 'x' x 102_401 }]) {
    my ($what, $field, $o) = @$_;
    refused $what, create({ path => '', type => 'folder', %$o }), @v, $field;
}
refused 'an unknown folder', create({ path => 'None', type => 'memo',
    name => 'a' }), @n;
refused "another tenant's folder", create({ path => $folder->{uniqueKey},
    type => 'memo', name => 'a' }, %other), @n;
refused 'no JSON', $backend->call('POST', '/create', '{'), @b;

# a request that is sent again
{
    my $o = { path => '', type => 'folder', name => 'Once' };
    my $r = create($o, 'Idempotency-Key' => 'k1');
    my $again = create($o, 'Idempotency-Key' => 'k1');
    is_deeply [@$again{qw(status body)}], [201, $r->{body}],
        'the first answer again';
    is $again->{headers}{'x-idempotent-replay'}, 'true', 'which says so';
    ok !$r->{headers}{'x-idempotent-replay'}, 'the first one does not';

    refused 'another request with the key', create({ %$o, name => 'Twice' },
        'Idempotency-Key' => 'k1'), 422, 'idempotency_key_reused';
    is create({ path => '', type => 'memo', name => 'Once' }, %other,
        'Idempotency-Key' => 'k1')->{status}, 201,
        'the key of another tenant is another key';
    refused 'a failure is not kept', create({ path => 'None', type => 'memo',
        name => 'a' }, 'Idempotency-Key' => 'k2'), @n;
    is create($o = { path => '', type => 'memo', name => 'Later' },
        'Idempotency-Key' => 'k2')->{status}, 201, 'so the key is free';
}

# 32 levels and no more
{
    my $path = '';
    for my $n (1 .. 32) {
        my $r = create({ path => $path, type => 'folder', name => "d$n" });
        $r->{status} == 201 or diag $r->{body};
        $path = $r->{json}{path};
    }
    is scalar(split m{/}, $path), 32, '32 levels';
    refused 'the 33rd', create({ path => $path, type => 'folder',
        name => 'd33' }), @v, 'path';
    is remove('d1')->{json}{removed}, 32, 'all of them go at once';
}

# GET /view of folders and memos
{
    my $j = get('view', 'Invoices')->{json};
    is_deeply [@$j{qw(type path uniqueKey)}], ['folder', 'Invoices',
        $folder->{uniqueKey}], 'a folder';
    is_deeply [map { [@$_{qw(name type path)}] } @{ $j->{items} }],
        [['Notes', 'memo', 'Invoices/Notes'], ['T', 'sheet', 'Invoices/T'],
         ['請求書 2026', 'sheet', 'Invoices/請求書 2026']], 'what is in it';
    is get('view', '')->{json}{uniqueKey}, '', 'the root has no key';
    is $backend->call('GET', '/view')->{json}{type}, 'folder',
        'and is where one begins';

    $j = get('view', 'Invoices/Notes')->{json};
    is_deeply [@$j{qw(type path name text)}],
        ['memo', 'Invoices/Notes', 'Notes', "a\nb"], 'a memo';
    refused 'a filter of a folder', get('view', '', '&where=a%3D1'), @v,
        'where';

    $j = get('view', $sheet->{uniqueKey})->{json};
    is_deeply $j->{columns}, \@columns, 'columns as they were given';
    is scalar @{ get('view', 'Invoices/T')->{json}{columns} }, 11,
        'columns of a template';
    refused 'an unknown path', get('view', 'Invoices/None'), @n;
    refused 'below a memo', get('view', 'Invoices/Notes/a'), @n;
    refused "another tenant's", get('view', 'Invoices/Notes', '', %other), @n;
}

# names come before keys
{
    made('', 'memo', $folder->{uniqueKey}, text => 'mine');
    is get('view', $folder->{uniqueKey})->{json}{type}, 'memo',
        'a name that is a key';
    remove($folder->{uniqueKey});
    is get('view', $folder->{uniqueKey})->{json}{type}, 'folder',
        'a key again';
    is get('view', "$folder->{uniqueKey}/Notes")->{json}{path},
        'Invoices/Notes', 'a key, and a name below it';
}

# GET /space
{
    made('Invoices', 'folder', 'B');
    made('Invoices/B', 'folder', 'C');
    made('Invoices/B/C', 'memo', 'D');
    Spocr::Ocr::fill($data, 'Invoices/T', {}, {});

    my $j = get('space', 'Invoices', '&depth=2')->{json};
    is_deeply [@$j{qw(path depth)}], ['Invoices', 2], 'a part of the space';
    is_deeply [map { [@$_{qw(path name type parent rows)}] }
               @{ $j->{items} }],
        [['Invoices/B', 'B', 'folder', 'Invoices', undef],
         ['Invoices/B/C', 'C', 'folder', 'Invoices/B', undef],
         ['Invoices/Notes', 'Notes', 'memo', 'Invoices', undef],
         ['Invoices/T', 'T', 'sheet', 'Invoices', 2],
         ['Invoices/請求書 2026', '請求書 2026', 'sheet', 'Invoices', 0]],
        'flat, each folder before what is in it';
    is $j->{items}[4]{uniqueKey}, $sheet->{uniqueKey}, 'with keys';

    $j = $backend->call('GET', '/space')->{json};
    is_deeply [grep { m{/} } map { $_->{path} } @{ $j->{items} }], [],
        'one level of the root';
    is_deeply [map { $_->{name} } @{ $backend->call('GET', '/space?depth=10',
        undef, %other)->{json}{items} }], ['Invoices', 'Once'],
        'another tenant sees its own';
    refused 'depth 11', get('space', '', '&depth=11'), @v, 'depth';
    refused 'a sheet', get('space', 'Invoices/T'), @v, 'path';
    refused 'an unknown argument', get('space', '', '&x=1'), @v, 'x';
}

# POST /edit
{
    my $s = 'Invoices/請求書 2026';
    my $box = { bbox => { xmin => 0, ymin => 0, xmax => 9, ymax => 9 },
        vertices => [({ x => 0, y => 0 }) x 4], match_ratio => 1,
        bbox_source => 'token_id' };
    my ($row, $open) = Spocr::Ocr::fill($data, $s,
        { data => { total => '1', line_items => [
            { description => 'x', qty => '1', field_bboxes => {} }],
          field_bboxes => { total => $box, vendor => $box } } },
        { status => 'processing' });
    my %at = (path => $s, row => $row);
    my $values = sub { get('view', "$s/$row")->{json} };

    for (['1,200', '1,200'], [7, '7'], [2.5, '2.5'], [undef, ''],
         ["a\"b\x{1f600}", "a\"b\x{1f600}"]) {
        my ($value, $stored) = @$_;
        my $r = edit({ %at, column => 'total', value => $value });
        is_deeply $r->{json}, { ok => JSON::PP::true,
            patched => { total => $stored } }, 'a value' or diag $r->{body};
        is $values->()->{values}{total}, $stored, 'is stored as a string';
    }
    is_deeply [keys %{ $values->()->{field_bboxes} }], ['vendor'],
        'it has lost its box, and no other has';

    edit({ %at, column => 'total', value => '1,200' });
    is get('view', $s, '&where=total%3D1200')->{json}{matched}, 1,
        'and it is found by its new value';

    my $r = edit({ %at, column => 'line_items',
        value => [{ qty => 5 }, { description => 'b', qty => undef }] });
    is_deeply $r->{json}{patched}{line_items},
        [{ description => '', qty => '5', field_bboxes => {} },
         { description => 'b', qty => '', field_bboxes => {} }], 'an array';
    edit({ %at, column => 'line_items', value => undef });
    is_deeply $values->()->{values}{line_items}, [], 'an empty array';
    is edit({ path => "$s/$row", column => 'total', value => 'x' })
        ->{status}, 200, 'the path of an image';

    my @bad = ([total => []], [total => {}], [total => JSON::PP::true],
        [total => 'x' x 10_001], [line_items => 'x'], [line_items => ['x']],
        [line_items => [{ price => 1 }]], [line_items => [{ qty => [] }]],
        [line_items => [map { {} } 1 .. 201]]);
    refused 'a bad value', edit({ %at, column => $_->[0], value => $_->[1] }),
        @v, 'value' for @bad;
    refused 'no value', edit({ %at, column => 'total' }), @v, 'value';
    refused 'no column', edit({ %at, value => 1 }), @v, 'column';
    refused 'no row', edit({ path => $s, column => 'total', value => 1 }), @v,
        'row';
    refused 'a folder', edit({ %at, path => '', column => 'total',
        value => 1 }), @v, 'path';
    $r = edit({ %at, column => 'x', value => 1 });
    refused 'an unknown column', $r, @v, 'column';
    is_deeply $r->{json}{details}{available}, ['total', 'line_items'],
        'what there is';
    refused 'an unknown row', edit({ path => $s, row => 'x',
        column => 'total', value => 1 }), @n;
    refused 'a row of another sheet', edit({ path => 'Invoices/T',
        row => $row, column => 'total', value => 1 }), @n;
    refused 'a row that is being read', edit({ path => $s, row => $open,
        column => 'total', value => 1 }), @b;
    refused "another tenant's", edit({ %at, path => $sheet->{uniqueKey},
        column => 'total', value => 1 }, %other), @n;
    is $values->()->{values}{total}, 'x', 'none of these changed anything';

    is_deeply edit({ path => 'Invoices/Notes', text => 'new' })->{json},
        { ok => JSON::PP::true, patched => { text => 'new' } }, 'a memo';
    is get('view', 'Invoices/Notes')->{json}{text}, 'new', 'is stored';
    refused 'text of a sheet', edit({ path => $s, text => 'x' }), @v, 'path';
    refused 'a long text', edit({ path => 'Invoices/Notes',
        text => 'x' x 102_401 }), @v, 'text';
}

# POST /remove
{
    refused 'the root', remove(''), @v, 'path';
    refused 'no path', $backend->call('POST', '/remove', {}), @v, 'path';
    refused 'an unknown path', remove('None'), @n;
    refused "another tenant's", remove($sheet->{uniqueKey}, %other), @n;

    my ($row) = Spocr::Ocr::fill($data, 'Invoices/T', {});
    is_deeply remove("Invoices/T/$row")->{json},
        { ok => JSON::PP::true, removed => 1 }, 'an image';
    refused 'an image that is gone', get('view', $row), @n;
    is remove('Invoices/Notes')->{json}{removed}, 1, 'a memo';

    # images that wait and one that is read: its reader is stopped
    my ($worker) = $backend->workers;
    kill STOP => $worker;
    my $jobs = $backend->upload(['name="path"' => 'Invoices/T',
        map { (qq(name="files"; filename="$_.png"), $png) } 1 .. 3])
        ->{json}{jobs};
    is scalar @$jobs, 3, 'three images are sent';
    my $job = sub ($n) {
        $backend->call('GET', "/jobs/$jobs->[$n]{jobId}")->{json}
    };
    $backend->wait_for(sub { grep { $job->($_)->{status} eq 'processing' }
                             0 .. 2 });
    is scalar(my @files = glob "$data/images/*/*"), 3, 'and are stored';
    is $backend->call('GET', '/amount')->{json}{free}{used}, 3, 'and charged';

    # B, C, D, T and its two rows, the other sheet and its two, 3 images
    my $r = remove('Invoices');
    is $r->{json}{removed}, 13, 'a folder and all that is in it'
        or diag $r->{body};
    for my $n (0 .. 2) {
        is_deeply [@{ $job->($n) }{qw(status error)}], ['failed',
            { code => 'not_found', message => 'The image was removed' }],
            'its job has failed';
    }
    is $backend->call('GET', '/amount')->{json}{free}{used}, 0, 'is refunded';
    is_deeply [glob "$data/images/*/*"], [], 'the images are gone';
    refused 'the folder', get('view', 'Invoices'), @n;
    is get('view', 'Invoices', '', %other)->{status}, 200,
        "another tenant's of that name is there";

    kill CONT => $worker;
    made('', 'sheet', 'After', templateId => 'receipt');
    $jobs = $backend->upload(['name="path"' => 'After', 'name="wait"' => 'true',
        'name="files"; filename="1.png"' => $png])->{json}{jobs};
    is $jobs->[0]{status}, 'done', 'the next image is read';
    is $backend->call('GET', '/amount')->{json}{free}{used}, 1,
        'nothing was refunded or charged twice';
    is_deeply [map { scalar @$_ } [Spocr::Ocr::sql($data,
        'SELECT 1 FROM cell WHERE item NOT IN (SELECT id FROM item)')],
        [Spocr::Ocr::sql($data,
        'SELECT 1 FROM item WHERE sheet NOT IN (SELECT id FROM node)')]],
        [0, 0], 'nothing is left over';
}

# what a removal that was interrupted has left
{
    made('', 'sheet', 'Half', templateId => 'receipt');
    made('', 'memo', 'Other');
    my ($row) = Spocr::Ocr::fill($data, 'Half', { data => { total => '1',
        field_bboxes => {} } });
    Spocr::Ocr::sql($data, "UPDATE node SET uid = '' WHERE name = 'Half'");
    refused 'its sheet', get('view', 'Half'), @n;
    refused 'its rows', get('view', $row), @n;
    is remove('Other')->{json}{removed}, 1, 'the next removal';
    is_deeply [Spocr::Ocr::sql($data, "SELECT 1 FROM item WHERE key = '$row'"),
               Spocr::Ocr::sql($data, "SELECT 1 FROM node WHERE uid = ''")],
        [], 'takes it along';
}

is $backend->stop, 0, 'ends well';
done_testing;
