# docs/operations.md and the shipped files: conf.d, the log's members, the
# packages; and commands of the pages that spocrctl takes.

use v5.36;
use Test::More;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $page = slurp('docs/operations.md');

# the table of configuration files
my ($table) = $page =~ /^\| file \| holds \|\n(.*?)\n\n/ms;
is join(' ', sort $table =~ /^\| `([\w.\/]+)`/gm),
   join(' ', sort 'examples/', map { s{.*/}{}r } glob 'conf.d/*.conf'),
   'each file of conf.d has its row';

# the log's members
my ($log) = $page =~ /^\| member \| variable \|\n(.*?)\n\n/ms;
my %said = map { $_ => 1 } map { /`(\w+)`/g } $log =~ /^\| ([^|]*) \|/gm;
my %is = map { $_ => 1 } slurp('conf.d/http.conf') =~ /^ +'[,{]"(\w+)":/gm;
cmp_ok scalar keys %is, '>', 20, 'the log format is found';
is_deeply \%said, \%is, 'each member of the log has its row';

# the packages
my ($packages) = $page =~ /^\| package \| has \|\n(.*?)\n\n/ms;
is join(' ', $packages =~ /^\| `([\w-]+)`/gm),
   join(' ', slurp('debian/control') =~ /^Package: (\S+)/gm), 'the packages';

# commands, and options of theirs
my $help = `build/spocrctl --help`;
for my $path ('README.md', glob 'docs/*.md') {
    my $text = slurp($path);
    my @lines = map { split /\n/, s/\\\n *//gr }
                    $text =~ /^```(?:sh)?\n(.*?)^```/gms;

    for (map { /^[^#]*?\b(spocrctl [a-z][^#)<>]*)/ ? $1 : () } @lines) {
        my ($command) =
            /^spocrctl ((?:key|tenant|plan|redis|idempotency) \w+|\w+)/;
        like $help, qr/^  \Q$command\E /m, "$path: $command";

        my $options = `build/spocrctl $command --help`;
        like $options, qr/^  \Q$_\E /m, "$path: $command $_" for / (--[\w-]+)/g;
    }
}

done_testing;
