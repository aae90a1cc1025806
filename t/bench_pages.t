# docs/performance.md and its plots are what bench/results says: bench/run
# --render makes them again, to the byte; each plot is well-formed, has a title
# and a description, and is shown; and a part that was measured quickly is on
# no page.

use v5.36;
use File::Temp ();
use JSON::PP ();
use Test::More;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "cannot read $path: $!\n";
    local $/;
    return <$in>;
}

my @results = glob 'bench/results/*.json';
cmp_ok scalar @results, '>=', 5, 'parts that were measured';

for my $path (@results) {
    my $data = JSON::PP::decode_json(slurp($path));
    ok !$data->{quick}, "$path: not --quick";
    like $data->{date}, qr/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/,
        "$path: when it was measured";
    is scalar @{ $data->{load} }, 2, "$path: the load, before and after";
}

# the pages, made again in a copy
my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
is system("tar -c bench docs README.md | tar -x -C $dir"), 0, 'a copy';
my $out = `$dir/bench/run --render 2>&1`;
is $?, 0, 'bench/run --render' or diag $out;

my @plots = map { s{^\Q$dir\E/}{}r } glob "$dir/docs/plots/*.svg";
is_deeply \@plots, [glob 'docs/plots/*.svg'], 'the same plots';
is slurp("$dir/$_"), slurp($_), "$_ is what was measured"
    for @plots, 'docs/performance.md', 'README.md';

my $page = slurp('docs/performance.md');
for my $plot (@plots) {
    my $name = $plot =~ s{^docs/}{}r;
    like $page, qr/!\[[^\]]+\]\(\Q$name\E\)/, "$name is on the page";

    my $svg = slurp($plot);
    like $svg, qr/<title[^>]*>[^<]+<\/title>/, "$name has a title";
    like $svg, qr/<desc[^>]*>[^<]+<\/desc>/, "$name has a description";
    unlike $svg, qr/<script|href=|<image/, "$name loads nothing";
    is system('python3', '-c',
              'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])', $plot),
        0, "$name is well-formed";
}
is -e "docs/$1" ? '' : $1, '', "$1 exists"
    while $page =~ /\]\((plots\/[^)]+)\)/g;

done_testing;
