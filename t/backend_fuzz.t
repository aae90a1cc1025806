# The fuzzing drivers of the backend, each for a moment: "make fuzz-backend"
# runs them for minutes and with sanitizers.  A seed that fails again:
# SPOCR_SEED=N prove t/backend_fuzz.t

use v5.36;
use Test::More;
use Cwd qw(getcwd);
use File::Temp ();

my %inputs = (csv => 4000, engine => 3000, image => 250, llm => 4000,
              multipart => 6000, page => 60, query => 3000, request => 5000,
              text => 1500);
my $seed = $ENV{SPOCR_SEED} || int rand 2**31;
my $top = getcwd;
my $dir = File::Temp->newdir;

chdir $dir or die $!;
diag "SPOCR_SEED=$seed";

for my $name (sort keys %inputs) {
    my @files = $name eq 'image' ? glob "'$top/backend/t/images/'*" : ();
    my $pid = open(my $out, '-|') // die $!;

    if (!$pid) {
        open STDERR, '>', "$dir/log" or die $!;
        exec "$top/build/backend-fuzz-$name", $seed, $inputs{$name}, @files
            or exit 127;
    }

    my $said = do { local $/; <$out> } // '';
    close $out;
    is $?, 0, "$name: $inputs{$name} inputs do no harm"
        or diag `tail -n 20 '$dir/log'`;
    like $said, qr/seed $seed, \d+ inputs and $inputs{$name} changed/,
        "$name: ran to its end";
}

chdir $top;
open my $in, '<', 'docs/fuzzing.md' or die $!;
my ($table) = do { local $/; <$in> } =~ /^## The backend\n(.*?)^## /ms;
is join(' ', sort $table =~ /^\| `(\w+)` \|/gm), join(' ', sort keys %inputs),
   'docs/fuzzing.md has each driver';

done_testing;
