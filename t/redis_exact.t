# Three nodes of two workers count in one Redis: exactly the limit, in every
# window, whoever asks where.

use lib 't/lib';
use Spocr::Test;
use Spocr::Fleet;

my $fleet = Spocr::Fleet->new(0, 0, 0);

$fleet->windows;               # C-16
$fleet->neighbours;            # C-15
$fleet->boundary;              # C-16

$fleet->test->done;
