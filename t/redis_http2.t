# A request that waits for Redis is parked in the middle of its phases; what
# its client does meanwhile, and what stands around it, changes nothing.

use lib 't/lib';
use Spocr::Test;
use Spocr::H2;
use Spocr::Proxy;
use Time::HiRes qw(sleep);

my $t = Spocr::Test->new;
my $redis = $t->redis;
my $proxy = Spocr::Proxy->new(to => $redis->port);

$t->keyfile(keys => { map { ("k$_" => { uid => "u_$_" }) } 1 .. 40 });
$t->file('page.html', 'a page');
$t->file('ssi.html', '<!--#include virtual="/x?body=one" -->'
                     . '<!--#include virtual="/x?body=two" -->');

$t->start(<<'EOC' =~ s/%%PROXY%%/$proxy->url/ger);
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format end '$status $spocr_key_id $uri';
    access_log %%DIR%%/end.log end;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%PROXY%% timeout=30s connect_timeout=30s;
    client_max_body_size 10m;
    spocr_limit key=3 uid=60 window=3600s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /any { satisfy any; deny all;
                        proxy_pass http://%%BACKEND%%; }
        location /all { allow all; proxy_pass http://%%BACKEND%%; }
        location /page { error_page 429 /page.html; error_page 404 = /x;
                         proxy_intercept_errors on;
                         proxy_pass http://%%BACKEND%%; }
        location = /page.html { spocr_auth off; }
        location = /ssi.html { ssi on; }
        location /ask { auth_request /sub; proxy_pass http://%%BACKEND%%; }
        location /stream { proxy_request_buffering off;
                           proxy_pass http://%%BACKEND%%; }
        location /sub { proxy_pass http://%%BACKEND%%; }
    }
}
EOC

$redis->linked(1);

my $next = 0;
sub key { $t->key($_[0]) }
sub name { 'k' . ++$next }

# Replies are held back; ready when this many bytes of calls were sent.
sub hold ($do, $calls = 1) {
    my $up = $proxy->stats->{up};
    $proxy->stall('down');
    my @got = $do->();
    wait_for(sub { $proxy->stats->{up} >= $up + 100 * $calls })
        or die "the calls were not sent\n";
    return wantarray ? @got : $got[0];
}
sub calls { $redis->info('cmdstat_fcall') =~ /calls=(\d+)/ ? $1 : 0 }
sub send_get ($target, $name) {
    my $c = $t->conn;
    $c->send($c->build(GET => $target, key => key($name)));
    return $c;
}
sub ends ($status, $name) {
    return $t->wait_log(qr/^$status key_$name /m, 'end.log');
}

# how long a call is at least
my $up = $proxy->stats->{up};
$t->get('/x', key => key(name()));
cmp_ok $proxy->stats->{up} - $up, '>', 100, 'a call has more than 100 bytes';

# HTTP/2: each stream waits for its own
my $name = name();
my $h2;
my @ids = hold(sub {
    $h2 = Spocr::H2->new($t->port(2));
    return map { $h2->open("/x?body=$_", key => key($name)) } 1 .. 5;
}, 5);
$proxy->flow;
my @statuses = map { $h2->answer($_)->{status} } @ids;
is "@statuses", '200 200 200 429 429', 'five streams, three of them let in';
is join(' ', map { $h2->answer($ids[$_])->{body} } 0 .. 2), '1 2 3',
   'each with its answer';

# streams that are reset while they wait
my ($gone, $stay) = (name(), name());
my ($reset, $other, $last) = hold(sub {
    return $h2->open('/x?body=gone', key => key($gone)),
           $h2->open('/x?body=stays', key => key($stay)),
           $h2->open('/x?body=gone', key => key($gone));
}, 3);
$h2->reset($reset);
$h2->reset($last);
ok ends(499, $gone), 'a stream that is reset is over at once';
$proxy->flow;
is $h2->answer($other)->{body}, 'stays', 'its neighbour is answered';
is scalar(grep { $_->{target} =~ /gone/ } $t->backend->requests), 0,
   'nothing of what was reset is executed';

# the whole connection
$gone = name();
hold(sub { $h2->open("/x?body=$_", key => key($gone)) for 1 .. 3 }, 3);
$h2->close;
ok ends(499, $gone), 'a connection that is lost takes its streams along';
$proxy->flow;
$name = name();
is $t->get('/x', key => key($name))->status, 200, 'the next is served';

# HTTP/1: a client that closes, one that closes its half, one that waits
my @names = map { name() } 1 .. 3;
my @conns = hold(sub { map { send_get("/x?body=$_", $_) } @names }, 3);
$conns[0]->close;
$conns[1]->half_close;
ok ends(499, $_), "who closed is gone: $_" for @names[0, 1];
$proxy->flow;
is $conns[2]->response->body, $names[2], 'who waited has an answer';
ok $conns[1]->closed, 'who closed one half has none';

# more requests behind the one that waits
$name = name();
my $c = hold(sub {
    my $c = $t->conn;
    $c->send(join '', map { $c->build(GET => "/x?body=$_", key => key($name)) }
                      1 .. 4);
    return $c;
});
$c->send($c->build(GET => '/x?body=5', key => key($name)));
$proxy->flow;
is join(' ', map { my $r = $c->response; $r->status == 200 ? $r->body
                                                          : $r->status }
             1 .. 5), '1 2 3 429 429', 'they are answered in turn';

# a body that comes while its request waits
$name = name();
$c = hold(sub {
    my $c = $t->conn;
    my $bytes = $c->build(POST => '/x', key => key($name),
                          body => 'x' x 50_000);
    $c->send(substr $bytes, 0, 1000);
    $c->{later} = substr $bytes, 1000;
    return $c;
});
$c->send($c->{later});
$proxy->flow;
is $c->response->json->{body_length}, 50_000, 'a body of which half came later';

# whole uploads that come meanwhile
$t->file('big', 'x' x 3_000_000);
for my $case (['/x', 2], ['/x', 1], ['/stream', 2], ['/stream', 1]) {
    my ($target, $version) = @$case;
    my $up = $proxy->stats->{up};
    $name = name();
    $proxy->stall('down');

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        wait_for(sub { $proxy->stats->{up} >= $up + 100 });
        sleep 0.2;
        $proxy->flow;
        POSIX::_exit(0);
    }
    my $got = $t->curl(
        $version == 2 ? '--http2-prior-knowledge' : '--http1.1',
        '-H', 'Authorization: Bearer ' . key($name),
        '--data-binary', '@' . $t->dir . '/big',
        'http://127.0.0.1:' . $t->port($version) . $target);
    waitpid $pid, 0;
    is $got->{r}->json->{body_length}, 3_000_000,
       "$target, an upload over HTTP/$version";
}

# other modules in the same phase
for my $target (qw(/any /all)) {
    $name = name();
    my $before = calls();
    $c = hold(sub { send_get($target, $name) });
    $proxy->flow;
    is $c->response->status, 200, "$target";
    is calls() - $before, 1, "$target: asked once";
    is_error $t->get($target), 401, 'unauthorized', "$target without a key";
}

# a page for a refusal, a redirect of an answer, subrequests: one call each
$name = name();
for my $case (['/page', 200, 'first'], ['/page?status=404', 200, 'redirect'],
              ['/page', 200, 'third'], ['/page', 429, 'refused'])
{
    my ($target, $status, $what) = @$case;
    my $before = calls();
    $c = $status == 200 ? hold(sub { send_get($target, $name) })
                        : send_get($target, $name);
    $proxy->flow;
    my $r = $c->response;
    is $r->status, $status, "error_page, $what: $status";
    is $r->body, 'a page', 'with its page' if $status == 429;
    cmp_ok calls() - $before, '<=', 1, "error_page, $what: asked once";
}
for my $target (qw(/ssi.html /ask)) {
    $name = name();
    my $before = calls();
    $c = hold(sub { send_get($target, $name) });
    $proxy->flow;
    is $c->response->status, 200, "$target";
    is calls() - $before, 1, "$target: asked once";
}

$t->done;
