# What docs/performance.md says comes from bench/results: each table is what
# Bench::Report makes of the data that is kept there, and each plot what
# Bench::Figures makes of it; the plots are XML, and say what they show to
# those who do not see them.

use v5.36;
use lib 'bench/lib';
use Test::More;
use Bench::Figures;
use Bench::Plot;
use Bench::Report;
use Bench::Site;

my $page = Bench::Site::slurp('docs/performance.md');
my %parts = map { m{/(\w+)\.json$} ? ($1 => $_) : () }
            glob 'bench/results/*.json';
my @marks = $page =~ /^<!-- (\w+) -->$/mg;
my %shown = map { $_ => 1 } $page =~ m{\(plots/([\w-]+)\.svg\)}g;
my %made;

is_deeply [sort @marks], [sort keys %parts],
          'the page has a place for each part that was measured';

for my $part (sort keys %parts) {
    my $data = Bench::Report::read($parts{$part});
    my ($text) = $page =~ /^<!-- $part -->\n(.*?)<!-- \/$part -->$/ms;
    is $text, Bench::Report::text($part, $data), "$part: its data's text";

    ok !$data->{quick}, "$part: not measured with --quick";
    like $data->{date}, qr/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/, "$part: a date";
    ok $data->{machine}{model} && @{ $data->{load} } == 2,
       "$part: machine and load";
    ok $data->{versions}{nginx}, "$part: versions";

    for my $figure (Bench::Figures::of($part, $data)) {
        $made{ $figure->{file} } = 1;
        is Bench::Site::slurp("docs/plots/$figure->{file}.svg"),
           Bench::Figures::svg($figure), "$figure->{file}.svg: of the data";
    }
}
is_deeply [sort keys %shown], [sort keys %made], 'all plots are shown';
is_deeply [sort map { m{([\w-]+)\.svg$} } glob 'docs/plots/*.svg'],
          [sort keys %made], 'and there are no others';

# XML, and nothing that reaches outside of it
for my $file (glob 'docs/plots/*.svg') {
    my $text = Bench::Site::slurp($file);
    is xml($file), '', "$file is XML";
    like $text, qr{<title id="title">[^<]+</title>\n<desc id="desc">[^<]+<},
         "$file: a title and a description";
    like $text, qr/prefers-color-scheme: dark/, "$file: for dark pages";
    unlike $text =~ s/xmlns="[^"]+"//r, qr/script|href|url\(|nan|inf\b/i,
           "$file: nothing foreign, no number that is none";
}

sub xml ($file) {
    return `python3 -c 'import sys, xml.etree.ElementTree as e
try: e.parse(sys.argv[1])
except e.ParseError as error: print(error)' '$file' 2>&1`;
}


# -- the plots themselves --

# where a value stands: the higher the value, the smaller its y
my %plot = (title => 'a < b & "c"', desc => 'd',
            x => { label => 'x', log => 1, ticks => [[1, 1], [100, 100]] });
my $svg = Bench::Plot::lines(
    %plot, y => { label => 'y', log => 1 },
    series => [{ name => 's', colour => 2,
                 points => [[1, 1], [10, 10], [100, 100, 90, 110]] }]);
my ($at) = $svg =~ /<polyline [^>]*points="([^"]+)"/;
my @at = map { [split /,/] } split ' ', $at;
is @at, 3, 'a line through three points';
cmp_ok abs($at[0][0] - 2 * $at[1][0] + $at[2][0]), '<', 0.3, 'x is a logarithm';
cmp_ok abs($at[0][1] - 2 * $at[1][1] + $at[2][1]), '<', 0.3, 'y as well';
cmp_ok $at[0][1], '>', $at[2][1], 'up is more';
like $svg, qr/<title id="title">a &lt; b &amp; &quot;c&quot;</, 'escaped';
is scalar(() = $svg =~ /class="w"/g), 1, 'a whisker where there is one';

$svg = Bench::Plot::bars(
    %plot, x => { label => 'x', groups => ['one', 'two'] },
    y => { label => 'y' },
    series => [{ name => 's', colour => 1, points => [[0, 2], [0, 4]] },
               { name => 't', colour => 2, points => [[0, 1], undef] }]);
my @bars = $svg =~ /<rect\ class="b\ c(\d)"(?!\ x="[\d.]+"\ y="\d+"\ width="12")
                    [^>]*\sheight="([\d.]+)"/gx;
is @bars, 6, 'a bar for each value that there is';
my %height;
while (my ($colour, $height) = splice @bars, 0, 2) {
    push @{ $height{$colour} }, $height;
}
cmp_ok abs($height{1}[0] * 2 - $height{1}[1]), '<', 0.3, 'twice as high';
cmp_ok abs($height{2}[0] * 2 - $height{1}[0]), '<', 0.3, 'half as high';

done_testing;
