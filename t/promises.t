# Each promise of docs/contract.md is proven by a test that cites it.

use v5.36;
use Test::More;

my $out = `tools/promises 2>&1`;
is $?, 0, 'no promise is without a test, and no test cites what is none'
    or diag $out;

done_testing();
