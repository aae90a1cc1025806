# A reply never reaches another request: not when it is late, not when its own
# request is gone.
#
# SPOCR_FOREIGN=100000 asks as often as that; 5,000 times is the default.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;

my $TOTAL = $ENV{SPOCR_FOREIGN} // 5000;
my $KEYS = 40;
my $STEP = 1000000;                 # more than all requests

my $t = Spocr::Test->new;
my $redis = $t->redis;
my $proxy = Spocr::Proxy->new(to => $redis->port);

# Key n has n million requests behind it, and one more million before it: what
# an answer says is left shows whose reply it was.
$t->keyfile(
    tenants => { map { ("u_$_" => { limits => { uid => undef } }) }
                 1 .. $KEYS },
    keys => { map { ("k$_" => { uid => "u_$_",
                                limits => { key => ($_ + 1) * $STEP } }) }
              1 .. $KEYS });

$t->file('page', 'x');
$t->start(<<'EOC' =~ s/%%PROXY%%/$proxy->url/ger);
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    log_format source '$status $spocr_limit_source';
    access_log %%DIR%%/source.log source;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%PROXY%% timeout=300ms connect_timeout=3s;
    spocr_limit window=365d;
    spocr_limit_headers legacy;
    keepalive_requests 1000000;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source;
        location / { try_files /page =404; }
    }
}
EOC

my @names = map { "k$_" } 1 .. $KEYS;
$redis->linked(2);
$t->get('/x', key => $t->key($_)) for @names;

for my $counter (@{ $redis->do('KEYS', '*:k:*') }) {
    my ($n) = $counter =~ /:k:key_k(\d+)$/;
    my $value = $redis->do('GET', $counter);
    $redis->do('SET', $counter, $value =~ s/\d+$/$n * $STEP/er, 'KEEPTTL');
}
is $t->get('/x', key => $t->key($_))->status, 200, "$_ is counted"
    for @names;

my @requests = map { Spocr::Conn->build(GET => '/x', key => $t->key($_)) }
               @names;
sub label ($place, $status, $head, $body) {
    my ($limit) = $head =~ /^X-RateLimit-Limit: (\d+)/m;
    my ($left) = $head =~ /^X-RateLimit-Remaining: (\d+)/m;
    return 'no header' if !defined $left;
    return 'another limit' if $limit != ($place + 2) * $STEP;
    return $left > 0 && $left <= $STEP && $status == 200 ? 'own' : "foreign";
}

# In time, at the edge of it, and too late: a third of the clients hang up.
my ($sum, $aborted) = (0, 0);
for my $delay ([0, 20], [0, 200], [150, 400], [50, 200]) {
    $proxy->delay(down => 0);
    wait_for(sub { 10 == grep {
        $t->get('/x', key => $t->key('k1'))->header('T-Source') eq 'redis'
    } 1 .. 10 }) or fail 'the links are not there';

    $proxy->delay(down => $delay);
    my $got = $t->load(
        total => int($TOTAL / 4), clients => 2, connections => 32,
        request => \@requests, abort => 0.33, label => \&label,
        timeout => 60 + $TOTAL / 100);

    my $seen = join ' ', sort keys %{ $got->{labels} };
    is $seen, 'own', "delayed by @$delay ms: each answer is its own"
        or diag explain $got->{labels};
    is join(' ', sort keys %{ $got->{status} }), '200', 'and a good one';
    is $got->{closed}, 0, 'nobody was dropped';
    $sum += $got->{status}{200};
    $aborted += $got->{aborted};
}
cmp_ok $aborted, '>', $TOTAL / 20, "$aborted clients hung up, $sum did not";

$proxy->delay(down => 0);
ok $redis->linked(2), 'both links are there again';
for my $name (@names) {
    my $r = $t->get('/x', key => $t->key($name));
    my ($place) = $name =~ /(\d+)/;
    my $left = $r->header('X-RateLimit-Remaining');
    fail "$name has $left left" if $left <= 0 || $left > $STEP;
}
my %sources;
$sources{ s/^\d+ //r }++ for split /\n/, $t->log('source.log');
ok $sources{redis} && $sources{fallback},
   'some were answered by Redis, some without it'
   or diag explain \%sources;
note explain \%sources;

$t->done;
