# backend-measure on the sample documents: tables, report, and a wrong folder.

use v5.36;
use Test::More;
use File::Temp;

my $program = 'build/backend-measure';
my $dir = File::Temp->newdir;
my $html = "$dir/report.html";

sub run (@args) {
    open my $p, '-|', "$program @args 2>$dir/err" or die "$program: $!";
    my @out = <$p>;
    close $p;
    open my $e, '<', "$dir/err" or die $!;
    return ($? >> 8, join('', @out), join('', <$e>));
}

my ($rc, $out, $err) = run('backend/samples', '--both', '--html', $html,
                           'receipt');

is $rc, 0, 'exits with 0';
like $out, qr{^backend/samples: 3 documents$}m, 'says which set it is';
like $out, qr/^set +field +truth +given +right +P +R +F1 +exact F1$/m,
    'a table of scores';
like $out, qr/^set +pages +boxes +in +cpu p50 +cpu p95 +wall p50 +peak MB$/m,
    'a table of boxes, time and memory';
like $out, qr/^samples +total +1 +1 +1 +1\.000 +1\.000 +1\.000 +1\.000$/m,
    'the total is found, to the letter';
like $out, qr/^samples +micro +(\d+) +\1 +\1 /m, 'so is all that is there';
like $out, qr{^samples +1 +(\d)/\1 +1\.000 +\d+\.\d{3} }m,
    'boxes are where they should be';
like $out, qr/With perfect words: no page whose true words are known/,
    'and no word of it is injected';

ok -s $html, 'a report is written';
open my $h, '<', $html or die $!;
my $page = join '', <$h>;

like $page, qr/^<!doctype html>/, 'it is HTML';
like $page, qr{<img [^>]*src="data:image/jpeg;base64,[A-Za-z0-9+/]+=*">},
    'with the picture';
like $page, qr{<polygon class=right points="[\d., ]+"><title>total: 19\.66<},
    'the boxes drawn';
like $page, qr{<td>total</td><td>19\.66</td><td>19\.66</td>
               <td\ class=right>right,\ exact</td>
               <td\ class=n>1\.00</td><td>\w+</td>}x,
    'each value beside its truth';
like $page, qr/PEBBLE &amp; PINE/, 'text escaped';
unlike $page, qr{(?:src|href)="?https?:|<script|\@import|url\(}i,
    'and nothing from elsewhere';

mkdir "$dir/empty";
($rc, $out, $err) = run("$dir/empty");
is $rc, 2, 'a folder without documents is refused';
like $err, qr/has no index\.jsonl and no truth\.json/, 'and it is said why';

($rc) = run('--html');
is $rc, 2, 'so are wrong options';

done_testing;
