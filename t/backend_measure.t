# backend-measure on pictures: tables and report of a sample document, boxes of
# what was read against true words, and what it says of input that is wrong.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp;
use Spocr::Picture;

my $program = 'build/backend-measure';
my $dir = File::Temp->newdir;
my $html = "$dir/report.html";

sub run (@args) {
    open my $p, '-|', "$program @args 2>$dir/err" or die "$program: $!";
    my @out = <$p>;
    close $p;
    open my $e, '<', "$dir/err" or die $!;
    return ($? >> 8, join('', @out), join('', <$e>));
}

my ($rc, $out, $err) = run('backend/samples', '--both', '--html', $html,
                           'receipt');

is $rc, 0, 'exits with 0';
like $out, qr{^backend/samples: 3 documents$}m, 'says which set it is';
like $out, qr/^set +field +truth +given +right +P +R +F1 +exact F1$/m,
    'a table of scores';
like $out, qr/^set +pages +boxes +in +cpu p50 +cpu p95 +wall p50 +peak MB$/m,
    'a table of boxes, time and memory';
like $out, qr/^samples +total +1 +1 +1 +1\.000 +1\.000 +1\.000 +1\.000$/m,
    'the total is found, to the letter';
like $out, qr/^samples +micro +(\d+) +\1 +\1 /m, 'so is all that is there';
like $out, qr{^samples +1 +(\d)/\1 +1\.000 +\d+\.\d{3} }m,
    'boxes are where they should be';
like $out, qr/With perfect words: no page whose true words are known/,
    'and no word of it is injected';

ok -s $html, 'a report is written';
open my $h, '<', $html or die $!;
my $page = join '', <$h>;

like $page, qr/^<!doctype html>/, 'it is HTML';
like $page, qr{<img [^>]*src="data:image/jpeg;base64,[A-Za-z0-9+/]+=*">},
    'with the picture';
like $page, qr{<polygon class=right points="[\d., ]+"><title>total: 19\.66<},
    'the boxes drawn';
like $page, qr{<td>total</td><td>19\.66</td><td>19\.66</td>
               <td\ class=right>right,\ exact</td>
               <td\ class=n>1\.00</td><td>\w+</td>}x,
    'each value beside its truth';
like $page, qr/PEBBLE &amp; PINE/, 'text escaped';
unlike $page, qr{(?:src|href)="?https?:|<script|\@import|url\(}i,
    'and nothing from elsewhere';


# -- pictures that hold "TOTAL" and an amount, against made words --

sub write_file ($name, $bytes) {
    open my $f, '>:raw', "$dir/$name" or die "$name: $!";
    print $f $bytes;
    close $f or die "$name: $!";
}

sub doc ($name, $more) {
    return qq({"file": "$name", "kind": "receipt", $more}\n);
}

# no line of it is anything but what is said of the pages
sub warned ($err) { $err =~ s/^(?!backend-measure: ).*\n//mgr }

write_file('total.png', Spocr::Picture::total());
write_file('index.jsonl', doc('total.png', '"fields": {}'));
($rc, $out, $err) = run($dir, '--rows', '--show --show');
is $rc, 0, 'a picture without true words';
my ($total) = $out =~ /^ +"total": "(.*\d.*)",$/m or diag $out;
like $out, qr/^confidence \d+, \w+\n *0 \[TOTAL\b.*\Q$total\E\] /m,
    '--rows prints the rows of a picture';

# true words of it, on the grid; the total is in the middle of the right half
my $beside = join ', ', map { "[\"$total\", $_]" }
    '0, 0, 1000, 10', '0, 990, 1000, 1000', '0, 0, 10, 1000',
    '990, 0, 1000, 1000';
my %words = (
    all => "$beside, [\"TOTAL\", 0, 0, 450, 900],"
        . "[\"$total\", 450, 100, 950, 900]",
    more => '["TOTAL:' . $total =~ tr/ //dr . '", 0, 0, 1000, 1000]',
    beside => $beside,
    edge => "[\"$total\", 850, 0, 1000, 1000]",
    other => '["?", 0, 0, 1000, 1000], ["x", 0, 0, 1000, 1000]',
);
write_file("$_.json", "[$words{$_}]") for keys %words;
write_file("$_.png", Spocr::Picture::total()) for keys %words;
write_file('wordless.png', Spocr::Picture::blank());
write_file('index.jsonl', join '', doc('wordless.png', '"fields": {}'),
    map { doc("$_.png", qq("words": "$_.json",)
              . qq("fields": {"total": "$total"})) } sort keys %words);

($rc, $out, $err) = run($dir, '--both', '--perfect', '--html', $html, '--show',
                        map { "$_.png" } 'wordless', keys %words);
is warned($err), '', 'nothing is amiss';

my %in = map { $_ => 1 } keys %words;
my $page_of;
my ($ocr, $perfect) = $out =~ /\A(.*)^-- As read by OCR\n(.*)\z/ms;
for (split /\n/, $ocr) {
    $page_of = $1 if /^(\w+)\.png /;
    $in{$page_of} = 0 if /^    total +"\Q$total\E": its box is elsewhere$/;
}
is_deeply [sort grep { $in{$_} } keys %in], ['all', 'more'],
    'a box is right where the true words are that the value is made of';
like $perfect, qr/^-- With perfect words\n/m, 'perfect words follow';

open $h, '<', $html or die $!;
$page = join '', <$h>;
close $h;
like $page, qr{<h2>As\ read\ by\ OCR</h2>.*<h2>With\ perfect\ words</h2>
               .*<article>}sx, 'the report has the tables of both';
is scalar(() = $page =~ m{<h3>all\.png</h3>.*?</article>}sg), 1, 'a page once';
like $page, qr{<h3>all\.png</h3>(?:(?!</article>).)*<h4>As\ read
               (?:(?!</article>).)*<h4>With\ perfect}sx, 'with both readings';
unlike $page, qr{<h3>wordless\.png</h3>(?:(?!</article>).)*<h4>With}s,
    'or with the one that it has';


# -- input that is wrong --

my $picture = Spocr::Picture::total();
substr($picture, -40, 20) = "\0" x 20;
write_file('damaged.png', $picture);
write_file('blank.png', Spocr::Picture::blank());
write_file('text.png', 'no picture');
write_file('number.json', '[[1, 2, 3, 4, 5]]');
write_file('object.json', '{"a": 1}');
write_file('cut.json', '[["a", 1');
mkdir "$dir/folder.png" or die $!;

my @left_out = map { [@$_, 'its true words cannot be read'] }
    ['total.png', '"words": "none.json",'],
    ['total.png', '"boxes": "none.csv",'],
    map { ['total.png', "\"words\": \"$_.json\","] } 'number', 'object', 'cut';
push @left_out, map { [$_, '', 'cannot be read'] } 'none.png', 'folder.png';

write_file('index.jsonl', join '', map {
    doc($_->[0], "$_->[1] \"fields\": {}") } @left_out);
($rc, $out, $err) = run($dir);

is $rc, 2, 'no page that can be read: 2';
is warned($err), join('', map { "backend-measure: $_\n" }
    (map { "$_->[0]: $_->[2]" } @left_out), "no page of $dir was read"),
    'each is left out, and it is said why';
like $out, qr/^-- As read by OCR: no page$/m, 'there is no table';

write_file('index.jsonl', doc('text.png', '"fields": {}')
           . doc('damaged.png', '"fields": {"total": "1.00"}')
           . doc('blank.png', '"fields": {"total": "1.00"}')
           . '{"file": "a.png", "kind": "passport"}' . "\n"
           . '{"file": "b.png", "kind": "x\"y"}' . "\n"
           . '{"file": "../a.png", "kind": "receipt"}' . "\n"
           . '{"file": "c.png"}' . "\n \n" . '{"kind": "receipt"}' . "\n");
write_file("$_.png", 'nothing') for 'a', 'b';

($rc, $out, $err) = run($dir, '--rows', '--show', '--show', '--html', $html);
is $rc, 0, 'pages that say nothing are measured';
like $out, qr/^\Q$dir\E: 5 documents$/m, 'what names no page is none';
is scalar(() = warned($err) =~ /\n/g), 3, 'three pages are left out';
like $err, qr/^backend-measure: text\.png: .*(?:image|format)/im,
    'what is no image';
like $err, qr/^backend-measure: a\.png: The template "passport" needs the/m,
    'a template that is not for the rules';
like $err, qr/^backend-measure: b\.png: There is no template "x"y"/m,
    'and one that there is not';
like $out, qr{^damaged\.png\ +\d+\ ms\ +\d+\ MB\ \ The\ PNG\ image\ is
              \ damaged.*\n\ {4}total\ +want\ "1\.00"$}mx, 'a damaged picture';
like $out, qr/^blank\.png +\d+ ms +\d+ MB  No text was found in the image$/m,
    'and an empty one';
unlike $out, qr/"status"/, 'have no answer';

open $h, '<', $html or die $!;
$page = join '', <$h>;
close $h;
like $page, qr{<h3>damaged\.png</h3>\n<figure>\n<svg}, 'a page without picture';
like $page, qr{<p class=wrong>The PNG image is damaged[^<]*</p>},
    'the report says why';
unlike $page, qr{<h3>[ab]\.png}, 'and has no page that was left out';


# -- folders and options that are wrong --

sub refused ($what, $args, $why) {
    ($rc, $out, $err) = run(@$args);
    is $rc, 2, "$what: 2";
    like $err, qr/^$why$/m, "$what: why";
    is $out, '', "$what: nothing else";
}

my $usage = qr/usage: backend-measure DIR .*/;
refused 'no folder', [], $usage;
refused 'an option that there is not', [$dir, '--perfekt'], $usage;
refused '--html without a file', [$dir, '--html'], $usage;

mkdir "$dir/$_" or die $! for 'empty', 'broken', 'broken/index.jsonl';
refused 'a folder that there is not', ["$dir/none"],
    qr{backend-measure: \Q$dir\E/none has no index\.jsonl and no truth.*};
refused 'a folder without documents', ["$dir/empty"],
    qr/backend-measure: .* has no index\.jsonl and no truth\.json .*/;
refused 'an index that is a folder', ["$dir/broken"],
    qr/backend-measure: .* has no index\.jsonl and no truth\.json .*/;

write_file('empty/truth.json', '{"a.png": {"fields": {}}}');
refused 'a truth of no documents', ["$dir/empty"],
    qr{backend-measure: no documents in \Q$dir\E/empty};
write_file('empty/truth.json', "{\n\"a.png\": {\n");
refused 'a truth that is cut', ["$dir/empty"],
    qr{backend-measure: \Q$dir\E/empty/truth\.json, line [23]: \S.*};
write_file('empty/index.jsonl', doc('a.png', '"fields": {}')
           . "\n{\"file\": \"b.png\"\n");
refused 'an index with a line that is cut', ["$dir/empty"],
    qr{backend-measure: \Q$dir\E/empty/index\.jsonl, line 3: \S.*};

{
    local $ENV{TESSDATA_PREFIX} = "$dir/empty";
    ($rc, $out, $err) = run($dir);
    is $rc, 1, 'without a model there is no reading';
    like $err, qr/^backend-measure: no Tesseract model$/m, 'and it is said why';
}

done_testing;
