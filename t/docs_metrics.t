# docs/operations.md and the metrics page: names, types, labels.  Alerts and
# the dashboard are t/alerts.t's.

use lib 't/lib';
use Spocr::Test;

open my $in, '<', 'docs/operations.md' or die "docs/operations.md: $!\n";
my $page = do { local $/; <$in> };
close $in;

my $t = Spocr::Test->new;
$t->start(<<'EOF');
%%MAIN%%
events {}
http { %%HTTP%% spocr_zone zone=z:64k;
       server { listen 127.0.0.1:%%PORT_1%%;
                location / { spocr_status prometheus; } }
       spocr_redis redis://127.0.0.1:%%PORT_2%%; spocr_keys redis; }
EOF

my (%type, %label, %values);
for (split /\n/, $t->get('/')->body) {
    if (/^# TYPE (\S+) (\S+)$/) {
        $type{$1} = $2;
    } elsif (/^(\w+?)(?:_bucket|_sum|_count)?(?:\{(\w+)="([^"]*)"\})? \S+$/) {
        $label{$1} = $2 if defined $2;
        push @{ $values{$2} }, $3 if defined $2;
    }
}
cmp_ok scalar keys %type, '>', 8, 'there are metrics';

my ($part) = $page =~ /^## Metrics\n(.*?)^## /ms;
my (%said, %labels);
while ($part =~ /^\| `(nginx_spocr_\w+)` \| (\w+) \| (?:`(\w+)`)? ?\| /gm) {
    $said{$1} = $2;
    $labels{$1} = $3 if defined $3;
}
is_deeply \%said, \%type, 'each metric has its row, and type';
is_deeply \%labels, \%label, 'and its label';

my ($outcomes) = $part =~ /^\| `nginx_spocr_requests_total` .*: (.*) \|$/m;
is join(' ', $outcomes =~ /`(\w+)`/g), join(' ', @{ $values{outcome} }),
   'each outcome is named';

$t->done;
