# The README's journey, as it stands there, beside a running ./run; and then
# the same in a browser.

use v5.36;
use lib 't/lib';
use Cwd qw(getcwd);
use File::Temp ();
use JSON::PP ();
use Spocr::Port ();
use Test::More;
use Time::HiRes qw(sleep time);

my $top = getcwd();
my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
chmod 0755, $dir;

my $pid;
END {
    local ($?, $!);
    kill TERM => $pid and waitpid $pid, 0 if $pid;
}

sub slurp ($path) {
    open my $in, '<:raw', $path or return '';
    local $/;
    return <$in> // '';
}

my $readme = slurp('README.md');
my ($journey) = $readme =~ /^## A journey\n.*?^```sh\n(.*?)^```/ms;
ok $journey, 'the README has a journey' or BAIL_OUT('none');

# only what is particular to this run is replaced: a port
my ($at, $gate) = map { Spocr::Port->new } 1 .. 2;
my ($hook, $port) = ($at->number, $gate->number);
is $journey =~ s/\b9099\b/$hook/g, 2, 'the port of the receiver, twice';

# docs/receive.py is the program that docs/api.md shows
my ($shown) = slurp('docs/api.md') =~ /^```python\n(#!.*?)^```/ms;
is slurp('docs/receive.py'), $shown, 'the receiver is the one of docs/api.md';

$pid = fork // die "cannot fork: $!\n";
if (!$pid) {
    setpgrp 0, 0;
    $SIG{INT} = 'DEFAULT';       # a shell in the background ignores it
    $ENV{SPOCR_WEBHOOK_PORT} = $hook;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$dir/out";
    open STDERR, '>&', \*STDOUT;
    exec './run', '--port', $port or die "cannot run ./run: $!\n";
}

my $until = time + 120;
sleep 0.1 while slurp("$dir/out") !~ /^Ctrl-C/m && time < $until;

my ($export) = slurp("$dir/out") =~ /^  (export API=\S+ KEY=\S+)$/m;
ok $export, './run prints what to export' or diag slurp("$dir/out");

# in a folder of its own, for it writes files; the receiver ends with it
symlink "$top/$_", "$dir/$_" for qw(backend docs);
open my $sh, '>', "$dir/journey.sh" or die $!;
print {$sh} "set -e\n$export\n$journey\n",
    "until [ \$(wc -l <events.log) -ge 7 ]; do sleep 0.1; done\n",
    "kill \$!\n";
close $sh;

is system("cd '$dir' && timeout 120 bash journey.sh >out.txt 2>err.txt"), 0,
    'each command does its work'
    or diag slurp("$dir/out.txt"), slurp("$dir/err.txt");

my $out = slurp("$dir/out.txt");
my @lines = split /\n/, $out;
my $json = JSON::PP->new->utf8;

my @events = split /\n/, slurp("$dir/events.log");

for my $event (qw(upload.received item.created ocr.completed)) {
    my $want = $event eq 'upload.received' ? 1 : 3;
    is scalar(grep { /^\Q$event\E / } @events), $want, "webhook: $event";
}

my ($view) = map { $json->decode($_) } grep { /^\{"type":"sheet"/ } @lines;
is_deeply [map { $_->{values}{invoice_no} } @{ $view->{rows} }],
    ['ABI-2026-00418'], 'the view has the row that is wanted';
is $view->{total}, 3, 'of three';
ok !exists $view->{rows}[0]{field_bboxes}, 'without boxes';

like $out, qr/^\xEF\xBB\xBFname,vendor,.*\r$/m, 'CSV: a BOM, and a head';
like $out, qr/^invoice-photo\.jpg,Feldm\xC3\xBChle Back.*,"260,97"\r$/m,
    'CSV: a row';
like $out, qr/^\{"free":\{"used":3,"limit":100,"remaining":97,/m,
    'three scans of the free ones';

SKIP: {
    my ($chromium) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};
    skip 'no chromium, and SPOCR_NO_CHROMIUM is set', 1
        if !$chromium && $ENV{SPOCR_NO_CHROMIUM};
    ok $chromium, 'chromium is installed' or last;

    my ($origin, $key) = $export =~ /API=(\S+) KEY=(\S+)/;
    open my $in, '-|', 'node', 't/page/live.js', $chromium, $origin, $key
        or die "cannot run node: $!\n";

    my $done;
    while (my $line = <$in>) {
        chomp $line;
        ok !$1, $2 if $line =~ /^(not )?ok (.*)/;
        diag $line if $line =~ /^#/;
        $done = 1  if $line eq 'done';
    }
    close $in;
    ok $done, 'the browser went through all of it';
}

kill INT => $pid;
waitpid $pid, 0;
is $? >> 8, 130, 'Ctrl-C ends it';
undef $pid;

done_testing;
