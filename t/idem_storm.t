# Every request eight times at once, over two nodes of two workers, a fifth of
# the clients leaving, bodies from none to 20 MB: each runs once, and all who
# get an answer get the same one.
#
# SPOCR_STORM is how many keys there are (160; the full form has 2000).

use lib 't/lib';
use Spocr::Test;
use Spocr::Storm;

my $keys = $ENV{SPOCR_STORM} // 160;

# C-22, C-26, C-31
my $storm = Spocr::Storm->new(
    keys => $keys, copies => 8,
    sizes => [(0, 1, 100, 5000, 16_384, 70_000) x 13, 2_000_000, 20_000_000],
);
$storm->blow(abort => 0.2);
$storm->blow(copies => 1);
$storm->exactly_once('storm');

my $n = $storm->answers;
ok $n->{'200 replay'} > $keys, 'most are replays';
is join(' ', grep { !/^(?:200 |409 idempotency_in_progress)/ } keys %$n), '',
   'and no error but that it is in progress';
note "$_: $n->{$_}" for sort keys %$n;

$storm->test->done;
