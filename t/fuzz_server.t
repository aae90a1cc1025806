# The whole server in one process, under libFuzzer: each input of the corpus
# again, and new ones for a few seconds.  What must hold is in
# t/fuzz-server/check.c and trade.c (C-1, C-12, C-22, C-27, C-29, C-30, C-34,
# C-35, C-36, C-37).
#
# It needs clang and nginx's source.  The module alone is instrumented here;
# "make fuzz-server" has nginx so as well.  These are the same inputs each time,
# on any machine; SPOCR_FUZZ is how many seconds of others, by SPOCR_SEED.

use v5.36;
use File::Temp ();
use Test::More;

my $seconds = $ENV{SPOCR_FUZZ};
my $clang = $ENV{FUZZ_CC} // 'clang';

plan skip_all => 'another nginx is under test' if defined $ENV{SPOCR_MODULE};
plan skip_all => "no $clang"
    if !grep { -x "$_/$clang" } split /:/, $ENV{PATH};
plan skip_all => 'no source of nginx: ' . `tools/nginx-source 2>&1`
    if system 'tools/nginx-source >/dev/null 2>&1';

my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
my $program = `t/fuzz-server/build 2>$dir/build.log`;
chomp $program;
ok -x $program, 'it is built' or do {
    diag `cat $dir/build.log`;
    done_testing;
    exit;
};

local $ENV{TMPDIR} = "$dir";

sub run_it (@args) {
    my $out = `$program -detect_leaks=0 -artifact_prefix=$dir/ @args 2>&1`;
    return ($?, $out);
}

my @corpus = glob 't/fuzz-server/corpus/*';
cmp_ok @corpus, '>=', 100, 'a corpus';
my ($status, $out) = run_it(@corpus);
is $status, 0, 'nothing of it fails' or diag substr $out, -8000;
is scalar(() = $out =~ /^Executed /mg), @corpus, 'and all of it was run';

mkdir "$dir/new";
($status, $out) = run_it($seconds ? "-max_total_time=$seconds"
                         : '-runs=' . (@corpus + 200), '-max_len=4096',
                         '-seed=' . ($ENV{SPOCR_SEED} // 1),
                         '-timeout=60', '-entropic=0', '-print_final_stats=1',
                         "$dir/new", 't/fuzz-server/corpus');
is $status, 0, 'nor what comes of it' or do {
    diag substr $out, -8000;
    diag 'the input: ', map { `base64 $_` } glob "$dir/{crash,leak,timeout}-*";
};
my ($n) = $out =~ /number_of_executed_units:\s+(\d+)/;
cmp_ok $n // 0, '>', scalar @corpus, 'new inputs were run';
note "$n inputs";

done_testing;
