# What backend-measure counts as given, right, exact and rightly boxed, and
# how it prints that, on pages that are made here.  Their picture is blank:
# the rules read the true words of a page, and so the scores are known.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Spec;
use File::Temp;
use JSON::PP ();
use Spocr::Picture;

my $dir = File::Temp->newdir;
my $json = JSON::PP->new->canonical;
my $blank = Spocr::Picture::png(800, 1000, sub { 0 });

sub write_file ($name, $bytes) {
    open my $f, '>:raw', "$dir/$name" or die "$name: $!";
    print $f $bytes;
    close $f or die "$name: $!";
}

sub read_file ($name) {
    open my $f, '<:raw', "$dir/$name" or die "$name: $!";
    local $/;
    return scalar(readline $f) // '';
}

sub run (@args) {
    open my $p, '-|', "build/backend-measure $dir @args 2>$dir/err"
        or die "backend-measure: $!";
    my $out = do { local $/; scalar readline $p } // '';
    close $p;
    return ($? >> 8, $out, read_file('err'));
}

# A page of text: a character is 10 wide and 20 high, a line 30, on the grid
# of 1000.  As words on the grid, and as lines in pixels of 800 x 1000.

sub words (@lines) {
    my ($y, @words) = 10;
    for (@lines) {
        push @words, [$&, 10 * $-[0], $y, 10 * $+[0], $y + 20] while /\S+/g;
        $y += 30;
    }
    return $json->encode(\@words);
}

sub boxes (@lines) {
    my ($y, $csv) = (10, "x1,y1,x2,y2,x3,y3,x4,y4,text\r\n");
    for (@lines) {
        while (/\S+(?: \S+)*/g) {
            my ($l, $r, $b) = (8 * $-[0], 8 * $+[0], $y + 20);
            $csv .= "$l,$y,$r,$y,$r,$b,$l,$b,$&\r\n";
        }
        $y += 30;
    }
    return $csv;
}

# the documents, each with its own picture
sub index_of (@docs) {
    write_file($_->{file}, $blank) for @docs;
    write_file('index.jsonl', join "\n", map { $json->encode($_) } @docs);
}

# the cells of a line of a table: truth given right P R F1 exact
sub score ($out, $set, $field) {
    return $out =~ /^\Q$set\E +$field +(\d.*)$/m ? $1 =~ s/ +/ /gr : '(none)';
}

# and of the other: pages, right boxes of all, their share
sub cost ($out, $set) {
    my $time = '\d+\.\d{3}';
    return $out =~ m{^$set +(\d+ +\d+/\d+ +\d\.\d+)(?: +$time){3} +\d+$}m
        ? $1 =~ s/ +/ /gr : '(none)';
}

my @invoice = (
    'Kiln Works Ltd',
    '12 Harbour Road',
    '',
    'Invoice No: KW-4711',
    'Invoice Date: 05/03/2026',
    '',
    'Description             Qty     Unit Price     Amount',
    'Blue glaze              2       4.50           9.00',
    'White clay              3       5.00           15.00',
    'Oak stand               1       7.25           7.25',
    '',
    '                        Subtotal               31.25',
    '                        VAT                    6.25',
    '                        Total                  37.50',
);

my @receipt = (
    'PEBBLE MARKET',
    '12 Harbour Road',
    'Receipt No: 4712',
    'Date: 08/05/2026',
    '',
    'Oat milk              3.00',
    'Subtotal              3.00',
    'Tax                   0.60',
    'TOTAL                 3.60',
);

mkdir "$dir/$_" or die $! for 'one', 'two';
write_file('invoice.json', words(@invoice));
write_file('receipt.csv', boxes(@receipt));

my %invoice = (kind => 'invoice', words => 'invoice.json');
my %receipt = (kind => 'receipt', boxes => 'receipt.csv');
my ($rc, $out, $err);


# -- what is right --

index_of(
    { file => 'one/a.png', %invoice,
      fields => { vendor => 'KILN WORKS', date => '2026-03-05',
                  invoice_no => 'KW-4711', net => '31,25', tax => 6.25,
                  total => '37.50', vat_id => 'GB1', address => 'none' },
      line_items => [
          { desc => 'Blue glaze', qty => '2', price => '4.50',
            total => '9.00' },
          { desc => 'White clay', qty => '4', total => '15.00' } ] },
    { file => 'two/c.png', %receipt,
      fields => { vendor => 'Pebble-Market', date => '2026-05-08',
                  total => 3.6, tax => JSON::PP::true } },
);
($rc, $out, $err) = run('--perfect');

is "$rc $err", '0 ', 'read without OCR';
like $out, qr/^\Q$dir\E: 2 documents\n\n-- With perfect words\n\n/,
    'it says what it did';
is score($out, 'one', 'invoice_no'), '1 1 1 1.000 1.000 1.000 1.000',
    'the same text is exact';
is score($out, 'one', 'date'), '1 1 1 1.000 1.000 1.000 0.000',
    'the same day, written otherwise, is right';
is score($out, 'one', 'net'), '1 1 1 1.000 1.000 1.000 0.000',
    'so is the same amount';
is score($out, 'one', 'tax'), '1 1 1 1.000 1.000 1.000 1.000',
    'a number has two decimals';
is score($out, 'one', 'vendor'), '1 1 1 1.000 1.000 1.000 0.000',
    'a name may go on';
is score($out, 'two', 'vendor'), '1 1 1 1.000 1.000 1.000 0.000',
    'spaces and punctuation do not count';
is score($out, 'one', 'line_items'), '2 3 2 0.667 1.000 0.800 0.400',
    'rows are right by their amounts, exact by all cells that are known';
is score($out, 'one', 'micro'), '6 6 6 1.000 1.000 1.000 0.500',
    'fields that the template has not count for nothing, and no row in micro';
is score($out, 'two', 'tax'), '(none)', 'nor does what is no value';
is cost($out, 'one'), '1 8/8 1.000', 'the boxes of words on the grid';
is cost($out, 'two'), '1 3/3 1.000', 'and of lines in pixels';
is cost($out, 'all'), '2 11/11 1.000', 'and the sum of both';


# -- what is wrong --

index_of(
    { file => 'one/a.png', %invoice,
      fields => { vendor => 'Kiln', date => 'soon', invoice_no => 'KW-47',
                  net => 'none', tax => '6.26', total => '37.49' },
      line_items => [
          ['Blue glaze', '2', '4.50', '9.99'],
          ['White clay', '3', '5.00', '15.00'],
          ['White clay', '3', '5.00', '15.00'] ] },
    { file => 'two/c.png', %receipt, fields => { invoice_no => '4712' } },
    { file => 'two/d.png', kind => 'receipt', words => 'few.json',
      fields => { total => '3.60', date => '2026-05-08' } },
);
write_file('few.json', words('PEBBLE MARKET', 'Thank you'));
($rc, $out, $err) = run("--perfect --show --html $dir/r.html");

is "$rc $err", '0 ', 'answers that are wrong are no failure';
is score($out, 'one', 'micro'), '6 6 0 0.000 0.000 0.000 0.000',
    'a wrong value is given and not right; a short name may not go on';
is score($out, 'one', 'line_items'), '3 3 1 0.333 0.333 0.333 0.333',
    'each row that was given is right once';
is score($out, 'two', 'micro'), '3 1 1 1.000 0.333 0.500 0.500',
    'a missed value is not given';
is score($out, 'two', 'vendor'), '(none)',
    'what no truth is known of counts for nothing';
like $out, qr/^one\/a\.png +\d+ ms +\d+ MB$/m, '--show names the page';
like $out, qr/^ {4}tax +want "6\.26"\n +have "6\.25"$/m, 'and what is wrong';
like $out, qr/^ {4}total +want "3\.60"\n +have ""$/m, 'what was missed';
like $out, qr/^\ {4}line_items\ +want\ "Blue\ glaze\ \|\ 2\ \|\ 4\.50\ \|\ 9\.99
              "\n\ +have\ ""$/mx, 'a row that was missed';
like $out, qr/^\ {4}line_items\ +want\ ""
              \n\ +have\ "Oak\ stand\ \|\ 1\ \|\ 7\.25\ \|\ 7\.25"$/mx,
    'and a row that there is not';
unlike $out, qr/^ {4}vendor +want "PEBBLE|^ +have "4712"/m, 'not what is right';
unlike $out, qr/"status"/, 'nor the answer';
like read_file('r.html'), qr{<td>Blue\ glaze\ \|\ 2\ \|\ 4\.50\ \|\ 9\.99</td>
    <td></td><td\ class=missed>missed</td>}x, 'a missed row in the report';

($rc, $out) = run('--perfect --show --show d.png');
like $out, qr/^ "status": "success"/m, 'twice: the whole answer';
like $out, qr/^two\/d\.png /m, 'of the pages that were chosen';
unlike $out, qr/^(?:one|two\/c)/m, 'and of no other';
like $out, qr/^\Q$dir\E: 3 documents$/m, 'of all that there are';


# -- days and names that are near --

index_of((map { { file => "one/$_.png", %receipt, fields => { date => $_ } } }
          '2026-05-08', '2025-05-08', '2026-08-05', '2026-05-09', '2026-04-08'),
         { file => 'two/a.png', %receipt, fields => {
           vendor => 'Pebble Markets', address => '12 Harbour Rd' } },
         { file => 'two/b.png', kind => 'receipt', words => 'few.json',
           fields => { vendor => 'PEBBLE' } });
($rc, $out, $err) = run('--perfect');

is score($out, 'one', 'date'), '5 5 1 0.200 0.200 0.200 0.000',
    'another day, month or year is wrong';
is score($out, 'two', 'vendor'), '2 2 1 0.500 0.500 0.500 0.000',
    'a name that does not go on as the true one';


# -- rows without amounts, and pages without values --

index_of(
    { file => 'one/a.png', %invoice, line_items => [
        { desc => 'white CLAY', qty => '3' }, { desc => 'Oak' }, { qty => '1' },
        'Oak stand' ] },
    { file => 'two/c.png', %receipt, line_items => [] },
);
($rc, $out, $err) = run('--perfect');

is score($out, 'one', 'line_items'), '4 3 1 0.333 0.250 0.286 0.000',
    'where no amount is known the description tells';
is score($out, 'one', 'micro'), '0 0 0 0.000 0.000 0.000 0.000',
    'sums of nothing are 0';
is score($out, 'two', 'micro'), '(none)',
    'without true rows no row counts, and a set without values has no line';
is cost($out, 'two'), '1 0/0 0.000', 'but its page has';


# -- truth.json: names as in the template, a set named as its folder, places --

# the middle of the total, and points beside its box
my %place = ('a.png' => [495, 410], 'b.png' => [450, 410],
             'c.png' => [540, 410], 'd.png' => [495, 380],
             'e.png' => [495, 440]);
my %truth = map { $_ => { templateId => 'invoice', places =>
    { total => $place{$_} }, words => 'invoice.json', fields =>
    { subtotal => '31.25', total => '37.50', vendor => 'Kiln Works Ltd',
      recipient => 'A <b> & "c"' } } } keys %place;

unlink "$dir/index.jsonl" or die $!;
write_file($_, $blank) for keys %place;
write_file('truth.json', $json->encode({ %truth,
    '../a.png' => $truth{'a.png'}, 'f.png' => { fields => {} } }));
($rc, $out, $err) = run('--perfect --show --html', "$dir/r.html");

my $set = $dir =~ s{.*/}{}r;
like $out, qr/^\Q$dir\E: 5 documents$/m,
    'what names no template, or no file within, is no document';
is score($out, substr($set, 0, 31), 'vendor'), '5 5 5 1.000 1.000 1.000 1.000',
    'the set is named as the folder';
is cost($out, 'all'), '5 11/15 0.733',
    'the box of a place must hold it, of other values their words';
is scalar(() = $out =~ /^ {4}total +"37\.50": its box is elsewhere$/mg), 4,
    '--show says where it does not';

mkdir "$dir/one/sub" or die $!;
write_file('one/sub/a.png', $blank);
write_file('one/sub/truth.json', $json->encode({ 'a.png' => {
    templateId => 'invoice', words => '../../invoice.json',
    fields => { total => '1' } } }));
for my $name ('one/sub//', 'sub') {
    my $here = $name eq 'sub' ? "$dir/one" : $dir;
    my $program = File::Spec->rel2abs('build/backend-measure');
    like scalar(qx{cd $here && $program $name --perfect}),
        qr/^sub +total +1 /m,
        "the folder may be $name";
}

my $html = read_file('r.html') =~ s/base64,\K[^"]+//gr;
like $out, qr{^pages and boxes: \Q$dir\E/r\.html$}m, 'a report is written';
is scalar(() = $html =~ /<article>/g), 5, 'with all pages';
like $html, qr{<h2>With\ perfect\ words</h2>\n.*<th>set</th><th>field</th>
               <th\ class=n>truth</th>}sx, 'the table of scores';
like $html, qr{<td>\Q$set\E</td><td>total</td><td\ class=n>5</td>
               <td\ class=n>5</td>}x, 'and its lines';
like $html, qr{<td>all</td><td class=n>5</td><td class=n>11/15</td>},
    'the table of boxes';
like $html, qr{<h4>With perfect words: \d+\.\d\d s, \d+ MB</h4>},
    'what a page cost';
like $html, qr{<td>total</td><td>37\.50</td><td>37\.50</td>
               <td\ class=right>right,\ exact,\ box\ elsewhere</td>}x,
    'a box elsewhere';
like $html, qr{<td>recipient</td><td>A\ &lt;b&gt;\ &amp;\ &quot;c&quot;</td>
               <td></td><td\ class=missed>missed</td><td></td><td></td>}x,
    'a value that was missed, escaped, without a box';
like $html, qr{<td>invoice_no</td><td></td><td>KW-4711</td>
               <td\ class=none></td>}x, 'a value that no truth is known of';
like $html, qr{<polygon class=none points="[\d., ]+"><title>invoice_no: KW},
    'and its box';
like $html, qr{<img width=700 height=875 }, 'pictures are made smaller';

($rc, $out, $err) = run("--perfect --html $dir/none/r.html");
is $rc, 1, 'a report that cannot be written is a failure';
like $err, qr{^\Q$dir\E/none/r\.html: No such file}, 'and it is said why';

SKIP: {
    skip 'no /dev/full', 1 if !-c '/dev/full';
    is +(run('--perfect --html /dev/full'))[0], 1, 'so is a full disk';
}


# -- numbers, truths that are empty, and many fields --

unlink "$dir/truth.json" or die $!;
index_of(
    { file => 'one/a.png', %invoice, fields => { vendor => '', vat_id => '' } },
    { file => 'two/d.png', kind => 'receipt', words => 'digits.json',
      fields => { total => 4, invoice_no => 4712, tax => '', vendor => '' } },
);
write_file('digits.json', words('Receipt No: 4712', '', 'TOTAL    4.00'));
($rc, $out, $err) = run('--perfect --show');

is score($out, 'two', 'invoice_no'), '1 1 1 1.000 1.000 1.000 1.000',
    'a whole number is text without decimals';
is score($out, 'two', 'total'), '1 1 1 1.000 1.000 1.000 1.000',
    'but an amount has two';
is score($out, 'two', 'tax'), '(none)',
    'where the truth is that there is no value, none counts for nothing';
is score($out, 'two', 'vendor'), '(none)', 'of text and of amounts';
is score($out, 'one', 'vendor'), '0 1 0 0.000 0.000 0.000 0.000',
    'and any is one too many';
like $out, qr/^ {4}vendor +want ""\n +have "Kiln Works Ltd"$/m, 'and is shown';

unlink "$dir/index.jsonl" or die $!;
write_file('truth.json', $json->encode({ 'a.png' => {
    templateId => 'invoice', words => 'invoice.json', fields => { map {
        sprintf('x%03d', $_) => 'none' } 1 .. 300 } } }));
($rc, $out) = run('--perfect');
is scalar(() = $out =~ /^\S+ +x\d\d\d +1 +0 +0 /mg), 300,
    'each of many fields has its line';
is score($out, substr($set, 0, 31), 'micro'),
    '300 0 0 0.000 0.000 0.000 0.000', 'and all are in the sum';


# -- rows and labels --

unlink "$dir/truth.json" or die $!;
index_of({ file => 'one/a.png', %invoice });
($rc, $out) = run('--perfect --rows a.png');
like $out, qr/^  0 \[Kiln Works Ltd\] /m, '--rows prints the rows';
like $out, qr/^ +\d+ \[White clay\] \[3\] \[5\.00\] \[15\.00\] $/m,
    'in cells';
like $out, qr/^ +\d+ \[Total\] \[37\.50\] +\{Total: \d+\/\d+\}$/m,
    'with the labels found';

write_file('odd.csv', "a line that is none\n"
    . "8,10,408,10,408,30,8,30,A rather long name  of a shop,  Ltd\n"
    . "8,40,88,40,88,60,8,60\n"
    . "8,70,88,70,88,90,8,90,Second\n"
    . "8,100,88,100,88,120,8,120,Third\n");
index_of({ file => 'one/a.png', kind => 'receipt', boxes => 'odd.csv' });
($rc, $out) = run('--perfect --rows');
is $out =~ s/^(?! +\d+ ).*\n//mgr, "  0 [A rather long name of a shop, Ltd] \n"
    . "  1 [Second] \n  2 [Third] \n",
    'lines of boxes without text, and what is no box, are no words';

done_testing;
