# Exactly the limit, however many ask at once, over whatever connections.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(tenants => { u_busy => { limits => { uid => undef } } }, keys => {
    (map { ("one$_" => { uid => "u_one$_" }) } 1 .. 6),
    (map { ("many$_" => { uid => 'u_many' }) } 1 .. 20),
    noisy => { uid => 'u_shared', limits => { key => 50 } },
    quiet => { uid => 'u_shared', limits => { key => 550 } },
    busy => { uid => 'u_busy', limits => { key => 15000 } },
    loud => { uid => 'u_loud' },
    calm => { uid => 'u_calm', limits => { key => 550 } },
});

$t->start(<<'EOF');
%%MAIN%%
worker_processes 4;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    keepalive_requests 100000;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%% reuseport;
        listen 127.0.0.1:%%PORT_2%% http2 reuseport;
        spocr on;
        spocr_limit window=3600s;
        location / { try_files /page =404; }
    }
}
EOF

$t->file('page', 'x');

sub request ($name) {
    my $key = $t->key($name);
    return "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer $key\r\n\r\n";
}

# C-16 C-13: HTTP/1.1, 64 connections of four client processes
for my $i (1 .. 3) {
    my $got = in_window(3600_000, sub {
        $t->load(request => request("one$i"), total => 2000);
    });
    is $got->{status}{200}, 60, "one key, round $i: sixty of two thousand";
    is $got->{status}{429}, 1940, 'and the others refused';
}

# C-16: HTTP/2, 256 streams at a time
my $url = 'http://127.0.0.1:' . $t->port(2) . '/x';
for my $i (4 .. 6) {
    my $got = in_window(3600_000, sub {
        $t->h2load('-n', 2000, '-c', 8, '-m', 32, '-t', 2, '-H',
                   'Authorization: Bearer ' . $t->key("one$i"), $url);
    });
    is $got->{status}{2}, 60, "HTTP/2, round $i: sixty of two thousand";
    is $got->{status}{4}, 1940, 'and the others refused';
}

# C-16: a high limit, so that two workers often count at the same moment
my $busy = in_window(3600_000, sub {
    $t->h2load('-n', 30000, '-c', 8, '-m', 64, '-t', 2, '-H',
               'Authorization: Bearer ' . $t->key('busy'), $url);
});
is $busy->{status}{2}, 15000, 'half of thirty thousand, to the one';

# C-15 C-16: twenty keys of one uid at once
my $got = in_window(3600_000, sub {
    $t->load(total => 4000,
             request => [map { request("many$_") } 1 .. 20]);
});
is $got->{status}{200}, 600, 'twenty keys of one uid: six hundred of them';

# C-15: what one key has refused takes nothing from another of its uid
$got = in_window(3600_000, sub {
    $t->load(total => 6050, clients => 2, connections => 32, request => [
        map { request($_ % 11 ? 'noisy' : 'quiet') } 1 .. 6050]);
});
is $got->{status}{200}, 600, 'fifty of the noisy one, all of the quiet one';

# C-16: two uids side by side, one of them far over its limit
$got = in_window(3600_000, sub {
    $t->load(total => 6050, clients => 2, connections => 32, request => [
        map { request($_ % 11 ? 'loud' : 'calm') } 1 .. 6050]);
});
is $got->{status}{200}, 610, 'sixty of the loud one, 550 of the calm one';
is $got->{closed}, 0, 'nobody was dropped';

$t->done;
