# docs/operations.md, the runbook: it has each line that the link to Redis and
# the look-ups write, and no other.

use v5.36;
use utf8;
use open qw(:std :encoding(UTF-8));
use Test::More;

sub slurp ($path) {
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

# -- what the page says: the first column, but for its heads

my ($runbook) = slurp('docs/operations.md') =~ /^## Runbook for Redis\n(.*)/ms;
my @said = grep { $_ ne 'Redis … is away:' }
           map { /^\| (.*?) \|/ ? $1 =~ /`([^`]+)`/g : () }
           split /\n/, $runbook;
cmp_ok scalar @said, '>', 30, 'the page has lines';

# -- what the code writes

# the format: literals that follow each other are one
sub format_of ($arguments) {
    my ($literals) = $arguments =~ /^\s*((?:"(?:[^"\\]|\\.)*"\s*)+)/
        or return ();
    return join '', map { s/\\"/"/gr } $literals =~ /"((?:[^"\\]|\\.)*)"/g;
}

my @written;
for my $path (glob 'ngx_spocr_module/ngx_spocr_{redis,lookup}*.c') {
    my $code = slurp($path);

    push @written, map { format_of($_) }
        $code =~ /\bngx_spocr_redis_link_why\([\w>-]*link,\s*(.*?)\);/gs,
        $code =~ /\bNGX_SPOCR_REDIS_TOPIC_\w+,\s*(".*?)\);/gs;
    push @written, map { "in Redis the %s %V $_: %s" } map { format_of($_) }
        $code =~ /\bngx_spocr_lookup_say\([^;"]*(".*?)\);/gs;
}
cmp_ok scalar @written, '>', 30, 'and so has the code';

# what Redis says of itself is the page's to choose; what nginx says of a
# connection has no line of ours
@written = grep { !/^%\*s$/ } @written;
@said = grep { !/^(?:connect\(\) failed|CLUSTERDOWN$|CROSSSLOT$)/ } @said;

# Word by word.  What one of them leaves open, "…" or a conversion, is any
# word, and the rest where it is the last.
sub same ($page, $code) {
    my @page = map { s/[:,]$//r } split ' ', $page;
    my @code = map { s/[:,]$//r } split ' ', $code;

    while (@page && @code) {
        my ($p, $c) = (shift @page, shift @code);
        return 1 if $p eq '…' && !@page || $c =~ /^%\S+$/ && !@code;
        next if $p =~ /…/ || $c =~ /%/ || $p eq $c;
        return 0;
    }
    return !@page;
}

my @unknown = grep { my $page = $_; !grep { same($page, $_) } @written } @said;
is join("\n", @unknown), '', 'each line of the page is one of the code';

my @missing = grep { my $code = $_; !grep { same($_, $code) } @said }
              grep { !/^Redis %V is (?:away|back)/
                     && !/^the (?:worker shuts down|connection is lost)$/ }
              @written;
is join("\n", @missing), '', 'each line of the code is on the page';

done_testing;
