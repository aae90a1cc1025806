# The page at "/" in Chromium: seen, hovered, typed into and heard, with a
# stand-in for the API.  Screenshots go to build/page.

use v5.36;
use Test::More;

my ($chromium) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};

plan skip_all => 'chromium is not installed, and SPOCR_NO_CHROMIUM is set'
    if !$chromium && $ENV{SPOCR_NO_CHROMIUM};

die "chromium is not installed: run tools/deps test, or set"
    . " SPOCR_NO_CHROMIUM=1\n"
    if !$chromium;

open my $out, '-|', 'node', 't/page/drive.js', $chromium, 'build/page'
    or die "cannot run node: $!\n";

my $done;
while (my $line = <$out>) {
    chomp $line;
    if ($line =~ /^(not )?ok (.*)/) {
        ok(!$1, $2);
    } elsif ($line =~ /^done/) {
        $done = 1;
    } elsif ($line =~ /^#/) {
        $line =~ /: \d+ ms$/ ? note($line) : diag($line);
    }
}

close $out;
ok($done, 'the browser went through all of it');
done_testing;
