# The same over HTTP/2: nothing of an answer is seen before it is stored, and a
# stream that is reset does not stop what was begun.

use lib 't/lib';
use Spocr::Test;
use Spocr::H2;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    spocr_idempotency_max_body 100k;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /unbuffered {
            proxy_buffering off;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC
$t->redis->linked(2);
$t->allow(qr/upstream/);

sub begin ($c, $target, $key, @more) {
    return $c->open($target, method => 'POST', key => $t->key('alice'),
                    body => 'hello', headers => ['idempotency-key' => $key,
                                                 @more]);
}

sub ran ($target) {
    return scalar grep { $_->{target} eq $target } $t->backend->requests;
}

# C-22
my $c = Spocr::H2->new($t->port(2));
my $first = $c->answer(begin($c, '/a', 'a'));
is $first->{status}, 200, 'a first request';
my $again = $c->answer(begin($c, '/a', 'a'));
is $again->{body}, $first->{body}, 'and its replay';
is ran('/a'), 1, 'it ran once';

# all kinds of ends, on one connection
for (['204' => 'status=204'], ['404' => 'status=404'],
     ['empty' => 'body='], ['chunked' => 'chunked=1&size=5000'])
{
    my ($what, $how) = @$_;
    my $r = $c->answer(begin($c, '/b', "b-$what", 'x-test' => $how));
    is $r->{reset}, undef, "$what: a clean end";
    ok $r->{status}, "  and a status: $r->{status}";
}
for my $path ('/c', '/unbuffered/c') {
    $c = Spocr::H2->new($t->port(2));           # it grants 64 KB, once
    my $r = $c->answer(begin($c, $path, $path =~ tr{/}{-}r,
                             'x-test' => 'size=60000'));
    is length $r->{body}, 60_000, "$path: one that fits";
}

# a clean 502 in the place of half an answer
$c = Spocr::H2->new($t->port(2));
my $half = $c->answer(begin($c, '/h', 'h', 'x-test' => 'truncate=1&size=5000'));
is $half->{status}, 502, 'half an answer is a 502';
like $half->{body}, qr/"bad_gateway"/, '  that is whole';

# C-29: not even the header is sent before Redis has it
$c = Spocr::H2->new($t->port(2));
my $id = begin($c, '/hold?delay=0.3', 'hold');
wait_for(sub { ran('/hold?delay=0.3') });
$t->redis->pause;
my $held = $c->answer($id);
is $held->{status}, 200, 'Redis hangs: the answer comes all the same';
$t->redis->resume;

# C-31: streams and connections that go
for my $how ('reset', 'close') {
    $c = Spocr::H2->new($t->port(2));
    my $target = "/left?delay=0.3&$how";
    my $id = begin($c, $target, "left-$how");
    wait_for(sub { ran($target) });
    $how eq 'reset' ? $c->reset($id) : $c->close;

    my $r = wait_for(sub {
        my $r = $t->post($target, key => $t->key('alice'), body => 'hello',
                         headers => ['Idempotency-Key' => "left-$how"]);
        return $r->status == 200 && $r;
    });
    is $r->header('X-Idempotent-Replay'), 'true',
       "$how: the answer was stored";
    is ran($target), 1, '  it ran once';
}

# a stream that is reset at once leaves no claim
for my $n (1 .. 20) {
    $c = Spocr::H2->new($t->port(2));
    my $id = begin($c, "/now/$n", "now-$n");
    $c->reset($id);
    $c->close if $n % 2;
}
my @left;
for my $n (1 .. 20) {
    my $r = wait_for(sub {
        my $r = $t->post("/now/$n", key => $t->key('alice'), body => 'hello',
                         headers => ['Idempotency-Key' => "now-$n"]);
        return $r->status == 200 && $r;
    });
    push @left, $n if !$r || ran("/now/$n") != 1;
}
is "@left", '', 'each of twenty that were reset at once runs once';

$t->done;
