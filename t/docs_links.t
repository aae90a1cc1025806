# Links between the pages resolve, files and anchors; the README is short; prose
# has 80 columns.

use v5.36;
use Test::More;

sub slurp ($path) {
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

# What a browser can jump to: explicit anchors, and headings as GitHub names
# them.
sub anchors ($path) {
    my (%anchors, %seen);
    my $text = slurp($path) =~ s/^```.*?^```$//gmsr;

    $anchors{$1} = 1 while $text =~ /<a id="([^"]+)"><\/a>/g;
    while ($text =~ /^#+ +(.*?)\s*$/gm) {
        my $name = lc $1 =~ s/[^\w\- ]//gr =~ tr/ /-/r;
        my $n = $seen{$name}++;
        $anchors{$n ? "$name-$n" : $name} = 1;
    }
    return \%anchors;
}

my @pages = (glob('*.md'), glob 'docs/*.md');
my %anchors = map { $_ => anchors($_) } @pages;
my %named;

for my $page (@pages) {
    my $text = slurp($page) =~ s/^```.*?^```$//gmsr =~ s/`[^`]*`//gr;
    my ($dir) = $page =~ m{^(.*/)};
    my @broken;

    while ($text =~ /\]\(([^)\s]+)\)/g) {
        my $link = $1;
        next if $link =~ m{^(?:https?|mailto):};

        my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
        my $target = $file eq '' ? $page : ($dir // '') . $file;
        1 while $target =~ s{[^/]+/\.\./}{};
        $named{$page}{$target} = 1;

        push @broken, $link
            if !-e $target
               || defined $anchor && !($anchors{$target} // {})->{$anchor};
    }
    is join(' ', @broken), '', "$page: its links resolve";
}

# where a page begins with a list of its sections, that has each, in order
for my $page (map { "docs/$_.md" } qw(api fuzzing idempotency internals
                                      operations)) {
    my $text = slurp($page) =~ s/^```.*?^```$//gmsr;
    my ($head) = $text =~ /^(.*?)^## /ms;
    is join("\n", $head =~ /^- \[(.*?)\]\(#/gm),
       join("\n", $text =~ /^## (.*)$/gm), "$page: its list of sections";
}

# what bench/run writes, code, tables and pictures are as wide as they are
for my $page (@pages) {
    my $text = slurp($page) =~ s/^( *)```.*?^\1```$//gmsr
        =~ s/^<!-- (\w+) -->\n.*?^<!-- \/\1 -->\n//gmsr;
    my @wide = grep { length > 80 && !/^ *(?:\||!\[)/ } split /\n/, $text;
    is join("\n", @wide), '', "$page: prose has 80 columns";
}

# whoever begins with the README finds every page
my @lost = grep { $_ ne 'README.md' && !$named{'README.md'}{$_} } @pages;
is join(' ', @lost), '', 'the README leads to every page';

# each promise has its anchor, and the README names each
my $contract = slurp('docs/contract.md');
my @promises = $contract =~ /^- <a id="c-\d+"><\/a>\*\*C-(\d+)\*\*/gm;
cmp_ok scalar @promises, '>', 20, 'promises';
is join(' ', @promises), join(' ', sort { $a <=> $b } @promises),
   'in their order';
my $readme = slurp('README.md');
is join(' ', sort { $a <=> $b } $readme =~ /\[C-(\d+)\]/g),
   join(' ', @promises), 'the README has each of them once';
is join(' ', map { /\[C-(\d+)\]\((.*)\)/; $1 } grep {
       !/\[C-(\d+)\]\(docs\/contract\.md#c-\1\)/
   } $readme =~ /\[C-\d+\]\([^)]*\)/g), '', 'and links it';

# two commands, on less than 200 lines
cmp_ok scalar(split /\n/, $readme), '<', 200, 'the README is short';
my ($commands) = $readme =~ /^## Two commands\n+```\n(.*?)^```/ms;
is $commands, "./run\n./test\n", 'and has two commands';
ok -x $_, "$_ is there" for './run', './test';

# each promise is cited by a test
my %cited;
for my $test (glob 't/*.t t/unit/*.c') {
    next if $test eq 't/docs_links.t';
    $cited{$_} = 1 for slurp($test) =~ /\bC-(\d+)\b/g;
}
is join(' ', map { "C-$_" } grep { !$cited{$_} } @promises), '',
   'each promise is cited by a test';

done_testing;
