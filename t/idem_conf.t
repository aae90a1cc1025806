# What nginx -t says of idempotency: what could run a request twice, or let
# others read its answer, does not start.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
my $hex = '0123456789abcdef' x 4;
my %files = (
    good => "# made today\n$hex\n\n" . ('ab' x 32) . "\n",
    short => substr($hex, 1) . "\n", long => "${hex}0\n",
    letters => ('g' x 64) . "\n", none => "# nothing\n",
    second => "$hex\nx\n", twice => "$hex\n" . uc($hex) . "\n",
    many => join("\n", map { sprintf '%064x', $_ } 1 .. 9) . "\n",
    open => "$hex\n", group => "$hex\n",
);
for (keys %files) {
    $t->file("s_$_", $files{$_});
    chmod +($_ eq 'open' ? 0644 : $_ eq 'group' ? 0640 : 0600),
          $t->dir . "/s_$_";
}
mkdir $t->dir . '/s_folder', 0700;

my $base = <<'EOF';
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json; spocr_zone zone=z:1m;
    <REDIS>
    <SECRET>
    <HTTP>
    server {
        listen 127.0.0.1:%%PORT_1%%;
        server_name api.example;
        spocr on;
        <SERVER>
        location / {
            <LOCATION>
            proxy_pass http://127.0.0.1:1;
        }
    }
}
EOF
my %usual = (
    REDIS => 'spocr_redis redis://127.0.0.1:1;',
    SECRET => 'spocr_secret_file %%DIR%%/s_good;',
    HTTP => '', SERVER => '', LOCATION => 'spocr_idempotency on;',
);

sub test (%with) {
    my $conf = $base;
    for my $place (keys %usual) {
        my $text = $with{$place} // $usual{$place};
        $conf =~ s/<$place>/$text/;
    }
    return $t->config_test($conf);
}

my ($exit, $out) = test();
is $exit, 0, 'the configuration that the others differ from' or diag $out;
unlike $out, qr/\[warn\]/, 'has no warning' or diag $out;

sub refused ($what, $re, %with) {
    my ($exit, $out) = test(%with);
    isnt $exit, 0, $what;
    like $out, qr/\[emerg\] .*$re/, '  says so' or diag $out;
}

# C-24, C-31, C-34
refused 'no Redis', qr/"spocr_idempotency" needs "spocr_redis".*test.conf:/,
        REDIS => '';
refused 'no word of a secret',
        qr/needs "spocr_secret_file", which may be "off".*test.conf:/,
        SECRET => '';
refused 'no key', qr/on where "spocr_auth" is off.*test.conf:/,
        LOCATION => 'spocr_idempotency on; spocr_auth off;';
refused 'requests that nginx repeats', qr/non_idempotent.*twice/,
        LOCATION => 'spocr_idempotency on; '
                    . 'proxy_next_upstream error non_idempotent;';
refused 'the same, inherited', qr/non_idempotent.*twice/,
        HTTP => 'proxy_next_upstream error timeout non_idempotent;';
refused 'the same of fastcgi', qr/non_idempotent.*twice/,
        LOCATION => 'spocr_idempotency on; '
                    . 'fastcgi_next_upstream error non_idempotent;';
refused 'the same of grpc', qr/non_idempotent.*twice/,
        LOCATION => 'spocr_idempotency on; '
                    . 'grpc_next_upstream error non_idempotent;';
is +(test(SECRET => 'spocr_secret_file off;'))[0], 0, 'no secret, but said';
is +(test(LOCATION => 'spocr_idempotency off;', SECRET => '', REDIS => ''))[0],
   0, 'off needs nothing';

# secrets
my $dir = $t->dir;
for (['short', qr/line 1/], ['long', qr/line 1/], ['letters', qr/line 1/],
     ['second', qr/line 2/], ['none', qr/s_none"/], ['twice', qr/line 2/],
     ['many', qr/line 9/], ['open', qr/s_open"/], ['group', qr/s_group"/],
     ['folder', qr/s_folder"/], ['missing', qr/s_missing".*No such file/i])
{
    my ($name, $re) = @$_;
    for my $d ('spocr_secret_file', 'spocr_upstream_secret_file') {
        my ($exit, $out) = test(HTTP => "$d $dir/s_$name;",
                                $d =~ /up/ ? () : (SECRET => ''));
        isnt $exit, 0, "$d $name";
        unlike $out, qr/$hex/i, '  its text is not shown';
        like $out, $re, '  what is wrong' or diag $out;
        like $out, qr/test.conf:8/, '  where it is said';
    }
}
refused 'twice', qr/"spocr_secret_file" directive is duplicate/,
        HTTP => 'spocr_secret_file off;';

# values
for (['spocr_idempotency yes', qr/invalid value "yes"/],
     ['spocr_idempotency_scope tenant', qr/invalid value "tenant"/],
     ['spocr_idempotency_on_unknown allow', qr/invalid value "allow"/],
     ['spocr_idempotency_on_error retry', qr/invalid value "retry"/],
     ['spocr_idempotency_ttl long', qr/invalid value/],
     ['spocr_idempotency_lease 10ms', qr/below 1s/],
     ['spocr_idempotency_ttl 60s', qr/below "spocr_idempotency_lease"/],
     ['spocr_idempotency_ttl 366d', qr/above 365d/],
     ['spocr_idempotency_max_body 17m', qr/above 16m/],
     ['spocr_idempotency_budget x', qr/invalid value/],
     ['spocr_idempotency_store_header Set-Cookie', qr/never replayed/],
     ['spocr_idempotency_store_header X-A x-request-id', qr/never replayed/],
     ['spocr_idempotency_store_header RateLimit-Policy', qr/never replayed/],
     ['spocr_idempotency_store_header X-RateLimit-Reset', qr/never replayed/],
     ['spocr_idempotency_store_header ' . join(' ', map { "X-$_" } 1 .. 99),
      qr/too many names/],
     ['spocr_idempotency_store_header X-A; spocr_idempotency_store_header X-B',
      qr/is duplicate/],
     ['spocr_idempotency_store_header', qr/invalid number of arguments/])
{
    refused $_->[0], $_->[1], SERVER => "$_->[0];";
}

# where it protects nothing
($exit, $out) = test(LOCATION => 'spocr off; spocr_idempotency on;');
is $exit, 0, 'idempotency where spocr is off';
like $out, qr/\[warn\] .*"spocr_idempotency" has no effect in location "\/"/,
     '  draws a warning';

$t->done;
