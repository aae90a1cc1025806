# A key file of 100,000 keys costs master and workers less than 32 MB, at the
# start and at reloads, and the zone at most 160 bytes per key and per uid.

use v5.36;
use lib 'bench/lib';
use Test::More;
use Bench::Memory;

plan skip_all => 'no module to load, as with make asan'
    if ($ENV{SPOCR_MODULE} // '.') eq '';

my $keys = Bench::Memory::keys(100_000);

for my $when (qw(start reload)) {
    for my $process (qw(master worker)) {
        my $kb = $keys->{$when}{$process}{hwm};
        cmp_ok $kb, '<', 32 * 1024, "$when: $process grows by $kb KB";
    }
}

# the table is the master's, which its workers share with it
my $own = $keys->{start}{worker}{private};
cmp_ok $own, '<', 1024, "of it $own KB are the worker's own";

# reloads that kept the tables of before would be five times that
my $table = $keys->{start}{master}{hwm};
cmp_ok $keys->{reload}{master}{hwm}, '<', 2 * $table,
       'five reloads take no more than one beside the old table';

my $zone = Bench::Memory::zone();
cmp_ok $zone->{bytes}, '<=', 160,
       sprintf 'the zone: %.0f bytes', $zone->{bytes};
cmp_ok $zone->{keys}, '>', 0, "$zone->{keys} keys were counted";

done_testing;
