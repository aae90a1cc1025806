# Many tenants that use the same keys for the same requests: nobody ever sees
# a byte of another's answer.
#
# SPOCR_TENANTS is how many requests are sent (3000; the full form has 100000).

use lib 't/lib';
use Spocr::Test;

my $N = $ENV{SPOCR_TENANTS} // 3000;
my $UIDS = 40;
my $t = Spocr::Test->new;

$t->keyfile(keys => { map { ("k$_" => { uid => "tenant-$_-x" },
                             "other$_" => { uid => "tenant-$_-x" }) }
                      1 .. $UIDS });
$t->secret_file;

$t->start(<<'EOC');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    access_log off;
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    keepalive_requests 10000000;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        spocr_idempotency_wait 10s;
        location / { proxy_pass http://%%BACKEND%%; }
        location /key {
            spocr_idempotency_scope key;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC
$t->redis->linked(4);

# C-24: the backend's answer names the uid and the key that it was for
my (@requests, @who);
for my $i (1 .. $N) {
    my $uid = 1 + int rand $UIDS;
    my $key = (rand() < 0.5 ? 'k' : 'other') . $uid;
    my $path = rand() < 0.5 ? '/x' : '/key';
    push @requests, Spocr::Conn->build(
        POST => $path, key => $t->key($key), body => 'the same',
        headers => ['Idempotency-Key' => 'key-' . int rand $N / 200 + 1]);
    push @who, [$uid, $path eq '/key' ? "key_$key" : undef];
}
my $got = $t->load(
    request => \@requests, total => $N, clients => 2, connections => 16,
    label => sub ($place, $status, $head, $body) {
        my ($uid, $key) = @{ $who[$place] };
        my %seen = map { $_ => 1 } $body =~ /tenant-(\d+)-x/g;
        my ($of) = $body =~ /"X-Spocr-Key-Id","([^"]+)"/;
        return 'no answer' if $status != 200;
        return 'foreign' if join(' ', keys %seen) ne $uid;
        return 'another key' if defined $key && $key ne $of;
        return $head =~ /X-Idempotent-Replay/i ? 'replay' : 'first';
    });
is join(' ', sort keys %{ $got->{labels} }), 'first replay',
   'each answer is its tenant\'s own';
note "$_: $got->{labels}{$_}" for sort keys %{ $got->{labels} };

my %ran;
$ran{ join ' ', $_->{target}, map { $_->[1] } sort { $a->[0] cmp $b->[0] }
      grep { $_->[0] =~ /Idempotency-Key|Spocr-Uid/
             || ($_->[0] eq 'X-Spocr-Key-Id') } @{ $_->{headers} } }++
    for $t->backend->requests;
is scalar(grep { $_ > 1 } values %ran), 0, 'and each ran once for each of them';

$t->done;
