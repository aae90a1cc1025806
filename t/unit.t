# The unit tests of layer 0: each t/unit/NAME.c is a program that prints TAP,
# and a subtest here.

use v5.36;
use Test::More;

my @names = map { m{^t/unit/(.*)\.c$} } glob 't/unit/*.c';

plan tests => scalar @names;

for my $name (@names) {
    my $program = "build/unit/$name";

    subtest $name => sub {
        my ($planned, $count, $passed) = (undef, 0, 1);

        open my $out, '-|', $program or die "$program: $!";

        while (<$out>) {
            if (/^(not )?ok \d+(?:\s+-)?\s*(.*)$/) {
                $passed = ok !$1, $2;
                $count++;

            } elsif (/^1\.\.(\d+)/) {
                $planned = $1;

            } elsif (/^#/) {
                $passed ? note $_ : diag $_;
            }
        }

        close $out;
        is $?, 0, "$name exits with 0";
        is $count, $planned, "$name ran to its end";
    };
}
