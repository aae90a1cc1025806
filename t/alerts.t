# docs/prometheus-alerts.yml and docs/grafana-dashboard.json: promtool
# understands them, each rule fires when it should and only then, and all that
# they name is on the gateway's page.

use lib 't/lib';
use Spocr::Test;

plan skip_all => 'promtool is missing (tools/deps test)'
    if !grep { -x "$_/promtool" } split /:/, $ENV{PATH};

my $rules_file = 'docs/prometheus-alerts.yml';
my $dashboard_file = 'docs/grafana-dashboard.json';
my $json = JSON::PP->new->utf8->canonical;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $t = Spocr::Test->new;

sub promtool ($name, @args) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($exit, $out) = $t->command('promtool', @args);
    is $exit, 0, $name or diag $out;
}


# -- the page

# nothing listens there: the families do not depend on it
$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_zone zone=z:64k;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /metrics { spocr_auth off; spocr_status prometheus; }
    }
    spocr_redis redis://127.0.0.1:%%PORT_2%%;
    spocr_keys redis;
}
EOF
is_error $t->get('/x'), 401, 'unauthorized', 'a request, to be counted';

my $page = $t->get('/metrics')->body;
my ($exit, $out) = $t->command('sh', '-c', 'promtool check metrics <'
                                           . $t->file('metrics', $page));
is $exit, 0, 'promtool takes the page' or diag $out;

my (%metric, %value);
for (split /\n/, $page) {
    $metric{$1} = 1 if /^(nginx_spocr_\w+)/;
    $value{$1}{$2}{$3} = 1 if /^(nginx_spocr_\w+)\{(\w+)="([^"]*)"\}/;
}

# Metrics, labels and their values in an expression are the page's.
sub exists_all ($name, $expr) {
    my (@bad, $n);

    while ($expr =~ /\b(nginx_spocr_\w+)(?:\{([^}]*)\})?/g) {
        my ($m, $selector) = ($1, $2 // '');
        $n++;
        push @bad, $m if !$metric{$m};

        while ($selector =~ /(\w+)(?:=~?|!=)"([^"]*)"/g) {
            my ($label, $value) = ($1, $2);
            next if $label eq 'instance';
            my @values = keys %{ $value{$m}{$label} // {} };
            for my $v (split /\|/, $value) {
                push @bad, "$m {$label=$v}" if !grep { /^(?:$v)$/ } @values;
            }
        }
    }

    my %labels = map { map { $_ => 1 } keys %$_ } values %value;
    for my $label (map { split /,\s*/ } $expr =~ /by \(([^)]*)\)/g) {
        push @bad, "by $label" if $label ne 'instance' && !$labels{$label};
    }
    push @bad, 'no metric at all' if !$n;
    is join(', ', @bad), '', $name;
}


# -- the rules

my $rules = slurp($rules_file);
my @alerts = $rules =~ /^ *- alert: (\w+)$/mg;
cmp_ok scalar @alerts, '>', 10, 'there are rules';
promtool('promtool takes the rules', 'check', 'rules', $rules_file);

for my $alert (@alerts) {
    my ($rule) = $rules =~ /^ *- alert: $alert\n(.*?)(?=^ *- |\z)/ms;
    my ($expr) = $rule =~ /^ *expr: (.*?)^ *(?:for|labels):/ms;
    exists_all("$alert: what it looks at is on the page", $expr);
}

my ($table) = slurp('docs/operations.md') =~ /^## Alerts\n(.*?)^## /ms;
is join(' ', $table =~ /^\| `(\w+)` \|/gm), join(' ', @alerts),
   'docs/operations.md has a row for each';

# What a healthy node shows, by the minute.
my %healthy = (
    'build_info{version="1"}' => '1x130',
    'zone_counters' => '1000x130',
    'zone_counters_live' => '100x130',
    'requests_total{outcome="allowed"}' => '0+6000x130',
    'errors_total{code="internal_error"}' => '0x130',
    'errors_total{code="service_unavailable"}' => '3x130',
    'errors_total{code="bad_gateway"}' => '0+6x130',
    'errors_total{code="gateway_timeout"}' => '0x130',
    'errors_total{code="rate_limited"}' => '0+600x130',
    'limit_total{status="UNAVAILABLE"}' => '0x130',
    'limit_total{status="BYPASSED"}' => '0x130',
    'limit_source_total{source="redis"}' => '0+6000x130',
    'limit_source_total{source="fallback"}' => '7x130',
    'auth_total{status="UNAVAILABLE"}' => '2x130',
    'auth_total{status="UNKNOWN"}' => '0+90x130',
    'auth_total{status="EXPIRED"}' => '0x130',
    'key_records_total{result="bad"}' => '1x130',
    'idempotency_outbox_total{result="kept"}' => '0+1x130',
    'idempotency_outbox_total{result="dropped"}' => '2x130',
    'idempotency_claims_total{end="bad_record"}' => '1x130',
    'redis_workers{state="ready"}' => '2x130',
    'redis_workers{state="away"}' => '0x130',
    'redis_subscribed' => '1x130',
    'redis_links_total{event="closed"}' => '0x90 2x40',
    'redis_seconds_bucket{le="0.001"}' => '0+6000x130',
    'redis_seconds_bucket{le="0.064"}' => '0+6000x130',
    'redis_seconds_bucket{le="+Inf"}' => '0+6000x130',
);

# What each rule has to see, on one of two nodes, after 80 minutes of health.
my %ill = (
    SpocrOwnErrors => { 'errors_total{code="internal_error"}' =>
                            '0x96 1x50' },
    SpocrBackendErrors => { 'errors_total{code="gateway_timeout"}' =>
                                '0x80 0+120x60' },
    SpocrZoneNearlyFull => { 'zone_counters_live' => '100x80 501x60' },
    SpocrNotCounted => { 'limit_total{status="BYPASSED"}' =>
                             '0x80 0+1x60' },
    SpocrKeyStoreFails => { 'auth_total{status="UNAVAILABLE"}' =>
                                '2x80 2+1x60' },
    SpocrRecordMalformed => { 'key_records_total{result="bad"}' =>
                                  '1x80 1+1x60' },
    SpocrKeysGuessed => { 'auth_total{status="UNKNOWN"}' =>
                              '0+90x80 7200+900x60' },
    SpocrKeysExpired => { 'auth_total{status="EXPIRED"}' => '0x80 0+5x60' },
    SpocrOutboxDropped => { 'idempotency_outbox_total{result="dropped"}' =>
                                '2x80 2+1x60' },
    SpocrIdempotencyBadRecord => {
        'idempotency_claims_total{end="bad_record"}' => '1x80 1+1x60' },
    SpocrRedisAway => { 'redis_workers{state="away"}' => '0x80 1x60',
                        'redis_workers{state="ready"}' => '2x80 1x60' },
    SpocrFallback => { 'limit_source_total{source="fallback"}' =>
                           '7x80 7+1x60' },
    SpocrRedisSlow => { 'redis_seconds_bucket{le="0.001"}' =>
                            '0+6000x80 480000+5000x60' },
    SpocrRedisLinkUnstable => { 'redis_links_total{event="closed"}' =>
                                    '0x80 0+3x60' },
    SpocrSubscriberLost => { 'redis_subscribed' => '1x80 0x60' },
    SpocrNodeGone => undef,                     # only "up" is left of it
    SpocrGatewayGone => undef,                  # nothing at all is scraped
);
is join(' ', sort keys %ill), join(' ', sort @alerts), 'each rule is tried';

sub node ($node, %change) {
    my %series = (%healthy, %change);
    my $up = delete $series{up} // '1x130';
    my $of = "job=\"spocr\",instance=\"$node\"";
    return { series => "up{$of}", values => $up }, map {
        my ($name, $labels) = /^(\w+)(?:\{(.*)\})?$/;
        { series => "nginx_spocr_$name\{$of"
                    . (defined $labels ? ",$labels" : '') . '}',
          values => $series{$_} }
    } sort keys %series;
}

sub case ($name, $series, @firing) {
    return {
        name => $name, interval => '1m', input_series => $series,
        promql_expr_test => [{
            expr => 'group by (alertname, instance) '
                    . '(ALERTS{alertstate="firing"})',
            eval_time => '100m',
            exp_samples => [map { { labels => $_, value => 1 } } @firing],
        }],
    };
}

my @cases = case('two healthy nodes', [node('a'), node('b')]);
for my $alert (grep { $ill{$_} } @alerts) {
    push @cases, case($alert, [node('a', %{ $ill{$alert} }), node('b')],
                      qq({alertname="$alert",instance="a"}));
}
push @cases, case('nothing is scraped',
    [{ series => 'up', values => '0x130' }],
    '{alertname="SpocrGatewayGone"}');
push @cases, case('one node is scraped no more',
    [node('a', up => '1x80 0x50',
          map { $_ => $healthy{$_} =~ s/^(.*)x\d+.*/$1x80 stale/r }
          keys %healthy), node('b')],
    '{alertname="SpocrNodeGone",instance="a"}');

# what is shown as a percentage is the ratio: 15 of 100 a second
my $guessed = case('the percentage of SpocrKeysGuessed',
    [node('a', %{ $ill{SpocrKeysGuessed} })],
    '{alertname="SpocrKeysGuessed",instance="a"}');
my ($severity, $summary) = $rules =~
    /alert: SpocrKeysGuessed\n.*?severity: (\w+)\n.*?summary: >-\n(.*?)\n\n/s;
$summary = join ' ', split ' ', $summary
    =~ s/\{\{ \$value \| humanizePercentage \}\}/15%/r
    =~ s/\{\{ \$labels\.instance \}\}/a/r;
$guessed->{alert_rule_test} = [{
    eval_time => '100m', alertname => 'SpocrKeysGuessed',
    exp_alerts => [{
        exp_labels => { severity => $severity, instance => 'a' },
        exp_annotations => { summary => $summary },
    }],
}];
push @cases, $guessed;

# one to a file, so that a failure names its rule
$t->file('rules.yml', $rules);
for my $case (@cases) {
    my $path = $t->file('case.yml', $json->encode({
        rule_files => ['rules.yml'], evaluation_interval => '1m',
        tests => [$case],
    }));
    promtool("$case->{name}: what fires", 'test', 'rules', $path);
}


# -- the dashboard

my $dashboard = $json->decode(slurp($dashboard_file));
my @variables = @{ $dashboard->{templating}{list} };
is join(' ', map { $_->{name} } grep { $_->{type} eq 'datasource' }
             @variables), 'datasource', 'one data source variable';
is $variables[0]{query}, 'prometheus', 'which is Prometheus';
like $_->{definition}, qr/^label_values\(nginx_spocr_build_info, instance\)$/,
    'the nodes to choose from' for grep { $_->{type} eq 'query' } @variables;

my (%ids, %cells, @queries, @strange);
for my $panel (@{ $dashboard->{panels} }) {
    my ($name, $g) = @{$panel}{qw(title gridPos)};
    push @strange, "$name: another's id" if $ids{ $panel->{id} }++;
    push @strange, "$name: too wide" if $g->{x} + $g->{w} > 24;
    for my $y ($g->{y} .. $g->{y} + $g->{h} - 1) {
        push @strange, "$name: over another"
            if grep { $cells{"$_ $y"}++ } $g->{x} .. $g->{x} + $g->{w} - 1;
    }

    next if $panel->{type} eq 'row';
    push @strange, "$name: no description"
        if !length($panel->{description} // '');
    push @strange, "$name: another source"
        if grep { ($_->{datasource}{uid} // '') ne '${datasource}' }
                $panel, @{ $panel->{targets} };
    push @queries, map { [$name, $_->{expr}] } @{ $panel->{targets} };
}
is join('; ', @strange), '', 'panels are in order';
cmp_ok scalar @queries, '>', 20, 'there are queries';

exists_all("$_->[0]: what it shows is on the page", $_->[1]) for @queries;

# as rules, promtool reads the queries
my $n = 0;
promtool('promtool understands the queries', 'check', 'rules',
    $t->file('queries.yml', $json->encode({
        groups => [{ name => 'queries', rules => [map {
            { record => 'query:' . $n++,
              expr => $_->[1] =~ s/\$__rate_interval/5m/gr
                              =~ s/\$instance/.*/gr }
        } @queries] }],
    })));

# every metric of the page is shown or watched, but for one that only tells
# what was configured
my $all = join ' ', $rules, map { $_->[1] } @queries;
is join(' ', grep { $all !~ /\b$_\b/ } grep { !/_(?:sum|count)$/ }
             sort keys %metric), 'nginx_spocr_zone_size_bytes',
   'all other metrics are used';

$t->done;
