# tools/deps: each list is made once, each group has what its users call, and
# the README's journey needs nothing that ./run does not install.

use v5.36;
use Test::More;

sub slurp ($path) {
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

# a list that is set twice is the last one, silently
my %set;
$set{$_}++ for slurp('tools/deps') =~ /^(\w+_packages)=/gm;
cmp_ok scalar keys %set, '>=', 10, 'lists are found';
is join(' ', grep { $set{$_} > 1 } sort keys %set), '', 'none is set twice';

sub has (@groups) {
    my @packages = split ' ', `tools/deps --list @groups`;
    is $?, 0, "tools/deps --list @groups";
    return map { $_ => 1 } @packages;
}

# each list belongs to a group
for my $group (map { s/_packages$//r } sort keys %set) {
    my %has = has($group);
    my ($list) = slurp('tools/deps') =~ /^${group}_packages="([^"]*)"/m;
    is join(' ', grep { !$has{$_} } split ' ', $list), '', '  has its own';
}

my %deb = has('deb');
ok $deb{$_}, "deb: $_" for qw(build-essential debhelper lintian gcc);
my %bench = has('bench');
ok $bench{$_}, "bench: $_" for qw(haproxy libnginx-mod-http-lua redis-server);

# the journey: programs that no Debian has by itself
my ($journey) = slurp('README.md') =~ /^## A journey\n.*?^```sh\n(.*?)^```/ms;
my %run = has('run');
my ($receiver) = $journey =~ m{^(docs/\S+\.py) }m;
like slurp($receiver // '/dev/null'), qr/^#!.*\bpython3$/m, 'the receiver';
ok $run{python3}, '  which ./run installs python3 for';
for my $program (qw(curl jq)) {
    like $journey, qr/\b$program /, "the journey calls $program";
    ok $run{$program}, '  which ./run installs';
}

done_testing;
