# The unit tests of the backend: each backend/t/NAME.c is a program that
# prints TAP, and a subtest here.

use v5.36;
use Test::More;

my @names = map { m{^backend/t/(.*)\.c$} } glob 'backend/t/*.c';

plan tests => scalar @names;

for my $name (@names) {
    subtest $name => sub {
        my ($planned, $count) = (-1, 0);

        open my $out, '-|', "build/backend-unit-$name" or die "$name: $!";

        while (<$out>) {
            if (/^(not )?ok \d+ - (.*)$/) {
                ok !$1, "$name: $2";
                $count++;

            } elsif (/^1\.\.(\d+)/) {
                $planned = $1;

            } else {
                diag $_;
            }
        }

        close $out;
        is $?, 0, 'exits with 0';
        is $count, $planned, 'ran to its end';
    };
}
