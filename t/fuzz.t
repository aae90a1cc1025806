# The fuzzing drivers of the module, with ASan and UBSan: each replays its
# corpus and then changes it for a moment.  "make fuzz" runs them for longer.
# What each holds to: its comment, and docs/fuzzing.md.

use v5.36;
use Test::More;

plan skip_all => 'another nginx is under test' if defined $ENV{SPOCR_MODULE};

delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

my @names = map { m{/(\w+)\.c$} } sort glob 't/fuzz/*.c';
my $out = `make -s -j2 fuzz-san 2>&1`;

is $?, 0, 'the drivers are built' or BAIL_OUT($out);

$out = `t/fuzz/run --build=san --seconds=5 --jobs=2 2>&1`;
is $?, 0, 'no input fails' or diag $out;

for my $name (@names) {
    my ($done, $cov) = $out =~ /^$name +(\d+) +\d+ +(\d+) .* ok$/m;
    my @corpus = glob "t/fuzz/corpus/$name/*";

    ok $done, "$name: ran";
    ok @corpus > 0, "$name: has a corpus";
    cmp_ok $done // 0, '>', @corpus, "$name: more inputs than that";
}

my $size = 0;
$size += -s for glob 't/fuzz/corpus/*/*';
cmp_ok $size, '<', 300_000, 'the corpora stay small';

done_testing;
