# The checkers of chaos are checked: each planted bug still fits the sources,
# one that does not is refused, and one is built and found.  "make chaos-bugs"
# tries all of them.

use v5.36;
use File::Temp ();
use Test::More;

plan skip_all => 'another module is under test' if defined $ENV{SPOCR_MODULE};
plan skip_all => 'the path has a blank' if `pwd` =~ / /;

my @names = split ' ', `t/chaos/plant --list`;
cmp_ok scalar @names, '>=', 13, 'more than a dozen bugs';
is system('t/chaos/plant --apply'), 0, 'each fits the sources';

# one that fits no more
my $stale = "t/chaos/bugs/stale-$$";
END { unlink $stale if $stale }
open my $out, '>', $stale or die "cannot write $stale: $!\n";
print {$out} "wrong: -\nrun: -\nfinds: -\nfile: spocr.lua\n<<<<\nnowhere\n"
             . "====\nanywhere\n>>>>\n";
close $out;
my $said = `t/chaos/plant --apply stale-$$ 2>&1`;
isnt $?, 0, 'one that does not is refused';
like $said, qr/its text occurs 0 times in spocr\.lua/, 'with the reason';
unlink $stale;

# those that show in a few seconds, whatever the seed; a run with findings
# leaves its history
my @quick = qw(raw-path identity-not-cleared same-ids retry-too-early);
my $seed = $ENV{SPOCR_CHAOS_SEED} // int rand 1_000_000_000;
my $name = $quick[$seed % @quick];
my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
local $ENV{TMPDIR} = "$dir";
my $found = `t/chaos/plant --seed $seed $name 2>&1`;
is $?, 0, "$name is found (SPOCR_CHAOS_SEED=$seed)" or diag $found;

done_testing;
