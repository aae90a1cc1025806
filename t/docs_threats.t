# docs/threat-model.md: each row of it names an asset, an attack, an answer and
# tests that exist; and each asset occurs.

use v5.36;
use Test::More;

open my $in, '<', 'docs/threat-model.md' or die "cannot read: $!\n";
my $text = do { local $/; <$in> };
close $in;

my ($list) = $text =~ /^## Assets\n\n(.*?)\n\n/ms;
my %asset = map { $_ => 0 } $list =~ /\*\*(\w)\*\*/g;
cmp_ok scalar keys %asset, '>', 5, 'assets';

my @rows = $text =~ /^\| ((?:all|[A-Z](?: [A-Z])*) \|.*) \|$/mg;
cmp_ok scalar @rows, '>', 50, 'attacks';

for my $row (@rows) {
    my ($assets, $attack, $answer, $tests) = split / \| /, $row;
    my @tests = ($tests // '') =~ /`(\w+\.t)`/g;
    my @unknown = grep { $_ ne 'all' && !exists $asset{$_} }
                  split / /, $assets;

    $asset{$_}++ for grep { exists $asset{$_} } split / /, $assets;
    is join(' ', @unknown), '', "$attack: assets that are listed";
    ok @tests, "$attack: has a test";
    is join(' ', grep { !-e "t/$_" } @tests), '', "$attack: tests that exist";
}

is join(' ', grep { !$asset{$_} } sort keys %asset), '',
    'each asset is attacked';

done_testing;
