# The signature of a request to the backend: whoever has the secret can tell
# that the gateway sent it, and for whom.

use lib 't/lib';
use Spocr::Test;
use Digest::SHA qw(hmac_sha256_hex);

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
my @secrets = ('0123456789abcdef' x 4, 'fedcba9876543210' x 4);
$t->file('secret', join "\n", @secrets, '');
chmod 0600, $t->dir . '/secret';

my $conf = <<'EOC';
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_upstream_secret_file %%DIR%%/secret;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
    }
}
EOC
$t->start($conf);

sub sent ($r) {
    my %h;
    push @{ $h{ lc $_->[0] } }, $_->[1] for @{ $r->json->{headers} };
    return \%h;
}

# C-42
sub valid ($r, $method, $target, $uid, $id, $name) {
    my $h = sent($r);
    my @all = @{ $h->{'x-spocr-signature'} // [] };
    is @all, 1, "$name: one signature";
    my ($time, $hex) = ($all[0] // '') =~ /^t=(\d+),v1=([0-9a-f]{64})$/;
    ok $time && abs($time - time) < 60, '  of now';
    is $hex, hmac_sha256_hex(
        join("\n", $time // 0, $method, $target, $r->id, $uid, $id),
        pack 'H*', $secrets[0]), '  that is right';
}

my @key = (key => $t->key('alice'));
valid($t->get('/a/b?c=d&e', @key), GET => '/a/b?c=d&e', 'u_a', 'key_alice',
      'a request');
valid($t->post('/a', @key, body => 'x'), POST => '/a', 'u_a', 'key_alice',
      'another method');
valid($t->get('/%20x?%2f', @key), GET => '/%20x?%2f', 'u_a', 'key_alice',
      'escapes as they were sent');
valid($t->get('/x', @key, headers => ['X-Spocr-Signature' => 't=1,v1=a',
                                      'x-spocr-signature' => 't=1,v1=b']),
      GET => '/x', 'u_a', 'key_alice', 'the client has sent two of its own');
valid($t->get('/open', headers => ['X-Spocr-Uid' => 'u_a']),
      GET => '/open', '', '', 'no key is asked for');

ok $t->reload($conf =~ s/spocr_upstream_secret_file .*?;//r), 'no secret';
is sent($t->get('/x', @key, headers => ['X-Spocr-Signature' => 't=1,v1=a']))
       ->{'x-spocr-signature'}, undef, 'no signature, not even the client\'s';

$t->done;
