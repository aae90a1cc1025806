# Everything at once: keys that expire and change, a late Redis, one that goes
# away, requests that are given up, reloads.  Nobody gets another's identity.

use lib 't/lib';
use Spocr::Test;
use Spocr::Proxy;
use Spocr::Records;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;
my $records = Spocr::Records->new($t);
my $proxy = Spocr::Proxy->new(to => $t->redis->port);
my $url = $proxy->url;
my $KEYS = 30;

sub put ($i) {
    $records->key("k$i" => { uid => "u_$i" });
    $records->tenant("u_$i" => { plan => "p$i", limits => { key => undef,
                                                            uid => undef } });
    $records->plan("p$i" => {});
}
put($_) for 1 .. $KEYS;

$t->start(<<"EOC");
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    access_log off;
    keepalive_requests 1000000;
    root %%DIR%%;
    spocr_redis $url timeout=1s;
    spocr_keys redis ttl=1s negative_ttl=1s stale=1h;
    spocr_zone zone=z:1m;
    spocr_limit_store zone;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / {
            add_header X-Who "\$spocr_uid \$spocr_key_id \$spocr_plan" always;
            try_files /page =404;
        }
    }
}
EOC
$t->file('page', 'page');
$proxy->delay(down => [0, 40]);

my @requests = map {
    my $key = $t->key($_ <= $KEYS ? "k$_" : "none$_");
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $key\r\n\r\n";
} 1 .. $KEYS + 5;

# what changes meanwhile
my $writer = fork // die "fork: $!\n";
if (!$writer) {
    $SIG{TERM} = 'DEFAULT';
    while (1) {
        put(1 + int rand $KEYS);
        $proxy->cut if rand() < 0.003;
        sleep 0.005;
    }
}

# whose identity the backend would be told
sub own ($i, $status, $head, $body) {
    my ($who) = $head =~ /^X-Who: (.*?)\r?$/m;
    my $n = $i + 1;
    return "foreign: $who for $n" if $n > $KEYS && $status == 200;
    return $status if $status != 200;
    return $who eq "u_$n key_k$n p$n" ? 'own' : "foreign: $who for $n";
}

my %got;
for my $round (1 .. 4) {
    my $got = $t->load(request => \@requests, total => 2500, clients => 2,
                       connections => 16, abort => 0.2, label => \&own);
    $got{$_} += $got->{labels}{$_} for keys %{ $got->{labels} };

    $t->reload if $round == 2;
}
kill TERM => $writer;
waitpid $writer, 0;

note "$_: $got{$_}" for sort keys %got;
is_deeply [grep { /foreign/ } keys %got], [], 'nobody is taken for another';
cmp_ok $got{own} // 0, '>', 1000, 'many requests are let in';
is_deeply [grep { !/^(?:own|403|503)$/ } keys %got], [], 'and no other answers';

$proxy->delay(down => 0);
ok wait_for(sub { $t->get('/', key => $t->key('k1'))->status == 200 }),
    'then all is calm';

# a key that is kept tells nothing of the other worker's link
ok wait_for(sub { $t->get('/', key => $t->key('none'))->status == 403 }),
    'and known';

$t->done;
