# The README's smallest configuration, as it stands there, and what it says of
# several nodes.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

open my $in, '<', 'README.md' or die "README.md: $!\n";
my $readme = do { local $/; <$in> };

my ($conf) = $readme =~ /^```nginx\n(.*?)^```/ms;
ok defined $conf, 'the README has a configuration' or BAIL_OUT('none');

my @lines = grep { !/^\s*(?:#|$)/ } split /\n/, $conf;
cmp_ok scalar @lines, '<=', 6, 'of six lines at most';

# only what is particular to this run is replaced: key file, port, backend
my $keys = $t->dir . '/keys.json';
is $conf =~ s{file=\S+?;}{file=$keys;}, 1, 'a key file';
is $conf =~ s/listen [\d.:]+/listen 127.0.0.1:%%PORT_1%%/, 1, 'a port';
is $conf =~ s{proxy_pass http://[^;]+}{proxy_pass http://%%BACKEND%%}, 1,
   'a backend';

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    bob => { uid => 'u_other' },         # alice uses her limit up
});
my $whole = "%%MAIN%%\nevents {}\nhttp {\n    %%HTTP%%\n$conf}\n";

my ($exit, $out) = $t->config_test($whole);
is $exit, 0, 'nginx -t' or diag $out;
unlike $out, qr/\[warn\]/, 'without a warning' or diag $out;

$t->start($whole);
my $key = $t->key('alice');

# C-1 C-5 C-7 C-12 C-13 C-35
is_error $t->get('/x'), 401, 'unauthorized', 'no key';
is_error $t->get('/x', key => 'spocr_x'), 403, 'forbidden', 'a wrong one';
is_error $t->get('//x', key => $key), 400, 'bad_request', 'a bad target';
my @r = in_window(60_000, sub {
    my $c = $t->conn;
    return map { $c->request(GET => '/x', key => $key) } 1 .. 61;
});
is scalar(grep { $_->status == 200 } @r), 60, 'sixty of sixty-one';
my %sent = map { @$_ } @{ $r[0]->json->{headers} };
is $sent{'X-Spocr-Uid'}, 'u_acme', 'the backend knows whose they are';
is_error $r[60], 429, 'rate_limited', 'the sixty-first',
    details => $r[60]->json->{details};

# the 429 that the README shows is the one that comes
my ($shown) = $readme =~ /^(\{"error":\{"code":"rate_limited".*\})$/m;
is $r[60]->body =~ s/req_\w+/ID/r =~ s/:\d+/:N/r,
   $shown =~ s/req_\w+/ID/r =~ s/:\d+/:N/r, 'is the one in the README';

# Several nodes: the lines as they stand, the second in place of the key file;
# what their comments say is done.
my ($more) = $readme =~ /^```\n(spocr_redis .*?)^```/ms;
ok defined $more, 'the README has lines for several nodes'
    or BAIL_OUT('none');
is scalar(grep { length } split /\n/, $more), 4, 'four of them';

my $redis = $t->redis->url;
my $secret = $t->dir . '/secret';
is $more =~ s{spocr_redis \S+;}{spocr_redis $redis;}, 1, 'a Redis';
is $more =~ s{spocr_secret_file (\S+?);}{spocr_secret_file $secret;}, 1,
   'a secret';
is $conf =~ s{^spocr_keys file=\S+\n}{$more}m, 1,
   'in place of the key file';

my ($import) = $more =~ /# spocrctl (redis import) FILE/;
my ($make, $mode) = $more =~ /# (openssl .*), mode (\d+)$/m;
like +($t->command('sh', '-c', "umask 077; $make >$secret"))[1], qr/^$/,
    'the secret is made';
is sprintf('%04o', (stat $secret)[2] & 07777), $mode, '  with its mode';

for my $command ('redis install', "$import $keys") {
    my @said = $t->command('build/spocrctl', '--quiet', '--redis', $redis,
                           split ' ', $command);
    is $said[0], 0, "spocrctl $command" or diag $said[1];
}

$whole = "%%MAIN%%\nevents {}\nhttp {\n    %%HTTP%%\n$conf}\n";
($exit, $out) = $t->config_test($whole);
is $exit, 0, 'nginx -t' or diag $out;
unlike $out, qr/\[warn\]/, 'without a warning' or diag $out;
ok $t->reload($whole), 'it is taken';
$key = $t->key('bob');
ok wait_for(sub { $t->get('/x', key => $key)->status == 200 }),
    'a key of Redis';

# C-22
@r = map {
    $t->post('/x', key => $key, body => 'a',
             headers => ['Idempotency-Key' => 'once'])
} 1 .. 2;
is join(' ', map { $_->status } @r), '200 200', 'a POST, twice';
is $r[1]->header('X-Idempotent-Replay'), 'true', '  is executed once';
is $r[1]->body, $r[0]->body, '  and has one answer';

$t->done;
