# retryAfterSec is true: a lone client that sleeps it is let through, wherever
# the refusal came from and whatever the node's clock says.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(sleep time);

my $ROUNDS = 12;
my @WIDTHS = (1, 2, 3);
my @HOW = qw(at_once again elsewhere later);

my $t = Spocr::Test->new;
my @names = map { my $round = $_; map { my $width = $_;
                  map { "${round}_${width}_$_" } @HOW } @WIDTHS } 1 .. $ROUNDS;

$t->keyfile(keys => { map { ($_ => { uid => "u_$_" }) } @names });

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source always;
        location /1 { spocr_limit name=one key=2 window=1s;
                      try_files /page =404; }
        location /2 { spocr_limit name=two key=2 window=2s;
                      try_files /page =404; }
        location /3 { spocr_limit name=three key=2 window=3s;
                      try_files /page =404; }
    }
}
EOC
my @nodes = ($t, $t->node(clock => 30), $t->node(clock => -30));
for my $node (@nodes) {
    $node->file('page', 'x');
    $node->start($conf);
}
$t->redis->linked(2 * @nodes);

sub ask ($node, $width, $name) {
    return $nodes[$node]->get("/$width", key => $t->key($name));
}

# Many lone clients, each with a key of its own: what they do, and when.
my (@todo, %sources, @bad, $asked);

sub at ($when, $do) { push @todo, [$when, $do] }

sub run_until ($end) {
    while (1) {
        @todo = sort { $a->[0] <=> $b->[0] } @todo;
        last if !@todo || $todo[0][0] > $end;
        my ($when, $do) = @{ shift @todo };
        sleep $when - time if $when > time;
        $do->();
    }
}

# Uses up what there is, and asks once more as the case wants it.
sub client ($width, $name, $how) {
    my $node = int rand @nodes;
    my $r;

    for (1 .. 50) {
        $r = ask($node, $width, $name);
        last if $r->status != 200;
    }
    return sleeps($width, $name, $node, $r) if $how eq 'at_once';

    $node = ($node + 1) % @nodes if $how eq 'elsewhere';
    at(time + ($how eq 'later' ? rand $width : 0), sub {
        my $again = ask($node, $width, $name);
        return client($width, $name, $how) if $again->status == 200;
        sleeps($width, $name, $node, $again);
    });
}

# The client was refused just now; who sleeps as it was told is let through.
sub sleeps ($width, $name, $node, $refusal) {
    my $told = $refusal->json->{details}{retryAfterSec};
    my $until = time + $told;

    $sources{ $refusal->header('T-Source') }++;
    push @bad, "$name was told $told" if $told < 1 || $told > $width;
    at($until, sub {
        my $late = time - $until;
        my $r = ask($node, $width, $name);
        push @bad, sprintf '%s: %d, %.3f s after that', $name, $r->status,
                           $late if $r->status != 200;
        $asked++;
    });
}

# C-14
for my $name (@names) {
    my ($width, $how) = $name =~ /^\d+_(\d)_(\w+)$/;
    client($width, $name, $how);
    run_until(time + 0.05);
}
run_until(time + 60);

is $asked, @names, "$asked clients slept as long as they were told";
ok !@bad, 'and all of them were let through' or diag map { "  $_\n" } @bad;
ok $sources{deny_cache} && $sources{redis},
   'refusals came from Redis and from memory' or diag explain \%sources;

$t->done;
