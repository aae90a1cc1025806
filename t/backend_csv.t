# GET /view?format=csv: byte by byte, and read back.

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
my $name = '請求書 "2026"; x';
my $path = 'path=' . Spocr::Ocr::escape($name);

sub create ($name, @columns) {
    my $r = $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => $name, columns => \@columns });
    is $r->{status}, 201, 'a sheet' or diag $r->{body};
}

sub column ($name, @children) {
    return { name => $name, type => 'string' } if !@children;
    return { name => $name, type => 'array',
             children => [map { column($_) } @children] };
}

sub csv ($query) { $backend->call('GET', "/view?format=csv&$query") }

# RFC 4180, and nothing else: rows of cells
sub parse ($text) {
    my @rows;
    while ($text =~ /\G(?!\z)/gc) {
        my @row;
        while (1) {
            if ($text =~ /\G"((?:[^"]|"")*)"/gc) { push @row, $1 =~ s/""/"/gr }
            elsif ($text =~ /\G([^",\r\n]*)/gc)  { push @row, $1 }
            next if $text =~ /\G,/gc;
            last if $text =~ /\G\r\n/gc;
            die 'no CSV at ' . substr $text, pos $text, 20;
        }
        push @rows, \@row;
    }
    return @rows;
}

create($name, column('vendor'), column('items', 'description', 'qty'),
       column('taxes', 'rate'), column('=total'));

my @keys = Spocr::Ocr::fill($data, $name,
    { name => 'a,b.png', data => { vendor => 'Café "Zürich"', '=total' =>
        '1,960.00', items => [
          { description => "=cmd|' /C calc'!A0", qty => '-2' },
          { description => "two\r\nlines", qty => '' },
          { description => '@x;-y', qty => '+1' }],
        taxes => [{ rate => '8%' }, { rate => '10%' }],
        field_bboxes => { vendor => {} } } },
    { name => 'c.png', status => 'pending' },
    { name => '-d.png', data => { vendor => '', '=total' => '-5',
        items => [], taxes => [], field_bboxes => {} } });

my $want = "\xEF\xBB\xBF" . join '', map { "$_\r\n" }
    "name,vendor,items.description,items.qty,taxes.rate,'=total",
    qq("a,b.png","Caf\xC3\xA9 ""Z\xC3\xBCrich""",'=cmd|' /C calc'!A0,-2,8%,)
        . '"1,960.00"',
    qq("a,b.png","Caf\xC3\xA9 ""Z\xC3\xBCrich""","two\r\nlines",,10%,)
        . '"1,960.00"',
    qq("a,b.png","Caf\xC3\xA9 ""Z\xC3\xBCrich""","'\@x;'-y",+1,,"1,960.00"),
    'c.png,,,,,',
    q('-d.png,,,,,-5);

# the whole sheet
{
    my $r = csv($path);
    is $r->{status}, 200, 'a file' or diag $r->{body};
    is $r->{body}, $want, 'byte by byte';
    is $r->{headers}{'content-type'},
        'text/csv; charset=utf-8; header=present', 'its type';
    is $r->{headers}{'content-length'}, length $want, 'its length';
    is $r->{headers}{'content-disposition'},
        'attachment; filename="___ _2026__ x.csv"; filename*=UTF-8\'\''
        . '%E8%AB%8B%E6%B1%82%E6%9B%B8%20%222026%22%3B%20x.csv', 'its name';
    is $r->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff';
    is_deeply [glob "$data/spool/*"], [], 'nothing is left in the spool';
    is $backend->call('HEAD', "/view?format=csv&$path")->{body}, '',
        'HEAD has no body';

    utf8::decode(my $text = $r->{body});
    my @rows = parse($text =~ s/^\x{feff}//r);
    is_deeply [map { scalar @$_ } @rows], [(6) x 6], 'every line is as long';
    is_deeply $rows[2], ['a,b.png', 'Café "Zürich"', "two\r\nlines", '', '10%',
                         '1,960.00'], 'and is read back as it was';
}

# parts of it
sub lines ($query) {
    my $r = csv("$path&$query");
    return $r->{body} if $r->{status} != 200;
    return join '|', map { join ';', @$_ } parse(substr $r->{body}, 3);
}

is lines('select=%3Dtotal&where=vendor%3D'), "name;'=total|c.png;|'-d.png;-5",
    'a filter; the columns that are selected, after the name';
is lines('select=rowKey,name&sort=name&limit=1'),
    "rowKey;name|$keys[2];'-d.png", 'the name where it is selected';
is lines('select=items&limit=1&offset=1'),
    'name;items.description;items.qty|c.png;;', 'a page';
is lines('select=ocrStatus&offset=1'),
    "name;ocrStatus|c.png;pending|'-d.png;done", 'what every sheet has';
is lines('where=vendor%3Dx'), "name;vendor;items.description;items.qty;"
    . "taxes.rate;'=total", 'no row';

my $r = csv("$path&limit=100001");
is $r->{status}, 400, 'a limit of 100001';
is $r->{json}{details}{field}, 'limit', 'is refused';
$r = csv('path=');
is $r->{status}, 400, 'a folder';
is $r->{json}{details}{field}, 'format', 'is no table';
is csv("$path&where=x%3D1")->{headers}{'content-type'}, 'application/json',
    'a fault is JSON';

# a sheet that is larger than what is written at a time, read slowly
{
    create('Large', column('text'));
    my $text = 'x' x 5000;
    Spocr::Ocr::fill($data, 'Large', map {
        { name => "$_.png", data => { text => "$_$text", field_bboxes => {} } }
    } 1 .. 600);

    my %mine = ('X-Spocr-Uid' => 'u_test', 'X-Spocr-Key-Id' => 'key_test');
    my @s = map { $backend->send_request('GET', '/view?path=Large&format=csv',
                                         \%mine) } 1, 2;
    my $want = "\xEF\xBB\xBFname,text\r\n"
        . join '', map { "$_.png,$_$text\r\n" } 1 .. 600;
    is $backend->answer($_)->{body}, $want, 'three megabytes, twice' for @s;

    # a file takes its place on the disk until its reader has all of it
    my $begin = sub {
        my $s = $backend->send_request('GET',
            '/view?path=Large&format=csv', \%mine);
        sysread $s, my $said, 15;
        return $said =~ / 200 / && $s;
    };
    @s = map { $backend->wait_for($begin) } 1, 2;
    my $r = csv($path);
    is $r->{status}, 503, 'no third file of a tenant beside two';
    is $r->{json}{details}{retryAfterSec}, 5, 'for now';
    my @other = ('X-Spocr-Uid' => 'u_other');
    $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => 'S', columns => [column('a')] }, @other);
    is $backend->call('GET', '/view?path=S&format=csv', undef, @other)
        ->{status}, 200, 'but one of another';
    close shift @s;
    ok $backend->wait_for(sub { csv($path)->{status} == 200 }),
        'when one reader is gone';
    close $_ for @s;
}

# one image's text on each line of its array
{
    create('Wide', column('text'), column('items', 'a'));
    Spocr::Ocr::fill($data, 'Wide', { name => 'a.png', data => {
        text => 'x' x 200_000, items => [map { { a => $_ } } 1 .. 1400],
        field_bboxes => {} } });
    my $r = csv('path=Wide');
    is $r->{status}, 413, '280 MB of one image' or diag $r->{body};
    is_deeply [glob "/proc/$backend->{pid}/fd/*"], [grep {
        readlink($_) !~ m{/spool/} } glob "/proc/$backend->{pid}/fd/*"],
        'leave no file';
}

is $backend->stop, 0, 'ends well';
done_testing;
