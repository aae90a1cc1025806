# Nodes whose clocks are a minute apart: Redis says what time it is.

use lib 't/lib';
use Spocr::Test;
use Spocr::Fleet;

my $fleet = Spocr::Fleet->new(0, 30, -30);

$fleet->windows;               # C-16
$fleet->neighbours;            # C-15
$fleet->boundary;              # C-16

$fleet->test->done;
