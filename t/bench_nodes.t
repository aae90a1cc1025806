# What bench/run says of 1 to 100 nodes is simulated: three real ones admit
# the same requests, and ask Redis as often.

use v5.36;
use lib 'bench/lib';
use Test::More;
use Bench::Nodes;
use Bench::Site;

plan skip_all => 'no module to load, as with make asan'
    if ($ENV{SPOCR_MODULE} // '.') eq '';

my %limit = (key => 6, uid => 40);
my $site = Bench::Site->new(keys => 20, uids => 2, zone => '1m',
                            limit => [@limit{qw(key uid)}]);

# C-15, C-18: below the limits, about there, and far over them
for my $offered (0.5, 1, 8) {
    my $requests = Bench::Nodes::requests(
        nodes => 3, uids => 2, keys => 10, uid => $limit{uid},
        offered => $offered, seed => 7);
    my $said = Bench::Nodes::simulate($requests, %limit);
    my $real = Bench::Nodes::real($site, $requests, 3);

    is_deeply $real, $said, "$offered times the limit: admitted "
                            . "$said->{admitted}, commands $said->{commands}";
}

# A check that fails where the rules are others.
my $requests = Bench::Nodes::requests(nodes => 3, uids => 2, keys => 10,
                                      uid => $limit{uid}, offered => 8,
                                      seed => 7);
my ($with, $without) = map {
    Bench::Nodes::simulate($requests, %limit, cache => $_)->{commands}
} 1, 0;
is $without, @$requests, 'without the cache each request is asked for';
cmp_ok $with, '<', $without / 4, 'and with it only a few';

$site->stop;
done_testing;
