# The status page in the text format of Prometheus.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        location /metrics { spocr_status prometheus; }
        location /status { spocr_status json; }
    }
}
EOF

my $key = $t->key('alice');
$t->get('/x', key => $key) for 1 .. 40;
$t->get('/x') for 1 .. 3;

my ($r, %value);
wait_for(sub {
    $r = $t->get('/metrics', port => 2);
    %value = $r->body =~ /^(nginx_spocr_\S+) (\S+)$/mg;
    return $value{'nginx_spocr_requests_total{outcome="refused"}'} == 3;
});

is $r->header('Content-Type'), 'text/plain; version=0.0.4', 'the type';
is $r->header('Cache-Control'), 'no-store', 'not to be kept';
is $value{'nginx_spocr_requests_total{outcome="allowed"}'}, 40, 'allowed';
is $value{'nginx_spocr_requests_total{outcome="refused"}'}, 3, 'refused';
is $value{'nginx_spocr_errors_total{code="unauthorized"}'}, 3, 'by code';
is $value{'nginx_spocr_limit_total{status="PASSED"}'}, 40, 'by the limit';
is $value{'nginx_spocr_auth_total{status="MISSING"}'}, 3, 'by the key';

# every line is of the format, and each metric is declared once, before use
my (%help, %type, @bad);
for my $line (split /\n/, $r->body) {
    if ($line =~ /^# HELP (\S+) \S.*\.$/) {
        push @bad, $line if $help{$1}++;
    } elsif ($line =~ /^# TYPE (\S+) (counter|gauge|histogram)$/) {
        push @bad, $line if $type{$1} || !$help{$1};
        $type{$1} = $2;
    } elsif ($line =~ /^(nginx_spocr_[a-z_]+)
                       (?:\{[a-z]+="[A-Za-z0-9_.+]+"\})?
                       \ [0-9]+(?:\.[0-9]+)?$/x)
    {
        my $name = $1;
        my $base = $name =~ s/_(?:bucket|sum|count)$//r;
        push @bad, $line
            if !$type{$name} && ($type{$base} // '') ne 'histogram';
        push @bad, "$line (a counter's name ends with _total)"
            if ($type{$name} // '') eq 'counter' && $name !~ /_total$/;
    } else {
        push @bad, $line;
    }
}
is_deeply \@bad, [], 'every line is of the format';
like $r->body, qr/\n\z/, 'the last line ends';

# the histogram: cumulative, +Inf is the count
my @buckets = map { $value{$_} } sort { ($a =~ /"(.*)"/)[0] eq '+Inf' ? 1
    : ($b =~ /"(.*)"/)[0] eq '+Inf' ? -1
    : ($a =~ /"(.*)"/)[0] <=> ($b =~ /"(.*)"/)[0] }
    grep { /^nginx_spocr_step_seconds_bucket/ } keys %value;
cmp_ok scalar @buckets, '>', 5, 'buckets';
is join(' ', @buckets), join(' ', sort { $a <=> $b } @buckets), 'cumulative';
is $buckets[-1], $value{nginx_spocr_step_seconds_count}, '+Inf is all';
cmp_ok $value{nginx_spocr_step_seconds_count}, '>=', 2, 'some were timed';

# the same numbers as the page in JSON
my $json = $t->get('/status', port => 2)->json;
is $value{qq(nginx_spocr_requests_total{outcome="$_"})},
   $json->{requests}{$_}, "$_ as in JSON" for sort keys %{ $json->{requests} };
is $value{nginx_spocr_keys}, $json->{keys}, 'keys as in JSON';

unlike $r->body, qr/u_acme|key_alice/, 'nobody is named';

SKIP: {
    my ($missing) = $t->command('promtool', '--version');
    skip 'promtool is not installed', 1 if $missing;
    $t->file('metrics.prom', $r->body);
    my ($exit, $out) = $t->command('sh', '-c',
        'promtool check metrics < ' . $t->dir . '/metrics.prom');
    is $exit, 0, 'promtool has nothing to say' or diag $out;
}

$t->done;
