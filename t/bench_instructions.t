# What the module costs in instructions is no more than what is recorded in
# bench/instructions; "bench/run --record instructions" records it anew.

use v5.36;
use lib 'bench/lib';
use Test::More;
use Bench::Instructions;
use Bench::Site;

my $headroom = 1.03;

my $version = Bench::Site::version();
my $recorded = Bench::Instructions::recorded($version);

plan skip_all => 'no module to load, as with make asan'
    if ($ENV{SPOCR_MODULE} // '.') eq '';
plan skip_all => 'valgrind is not installed'
    if !grep { -x "$_/valgrind" } split /:/, $ENV{PATH};
plan skip_all => "nothing is recorded for nginx $version"
    if !$recorded;

my $counts = Bench::Instructions::measure(256);

plan skip_all => "another build of nginx than the recorded one: bare takes "
                 . "$counts->{bare} instructions, not $recorded->{bare}"
    if abs($counts->{bare} - $recorded->{bare}) > 0.03 * $recorded->{bare};

# What is not the module's falls out where a request reaches the backend; a
# refused one has no counterpart in bare nginx.
for my $name (Bench::Instructions::names()) {
    next if $name eq 'bare';

    my $less = Bench::Instructions::base($name);
    my ($now, $then) = map { $_->{$name} - ($less ? $_->{$less} : 0) }
                       $counts, $recorded;

    cmp_ok $now, '<=', $then * $headroom,
           Bench::Instructions::title($name)
           . sprintf(': %.0f instructions%s, %.0f recorded', $now,
                     $less ? ' over bare' : '', $then);
}

done_testing;
