# What an Authorization header must look like, byte for byte.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

my $longest = 'spocr_' . 'L' x 122;
my $shortest = 'spocr_z';
$t->{keys}{longest} = $longest;
$t->{keys}{shortest} = $shortest;

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    bob => { uid => 'u_other' },
    longest => { uid => 'u_long' },
    shortest => { uid => 'u_short' },
});

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_log_level info;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my ($alice, $bob) = map { $t->key($_) } qw(alice bob);

# The status for one whole header value; the bytes are sent as they are.
sub status ($value) {
    my $c = $t->conn;
    $c->send("GET /x HTTP/1.1\r\nHost: a\r\nAuthorization:$value\r\n\r\n");
    return $c->response;
}

# C-5
for my $case (
    [200, " Bearer $alice", 'as it should be'],
    [200, "Bearer $alice", 'no space after the colon'],
    [200, " bearer $alice", 'the scheme in lower case'],
    [200, " BEARER $alice", 'the scheme in upper case'],
    [200, " bEaReR $alice", 'the scheme in mixed case'],
    [200, "   Bearer $alice", 'spaces before'],
    [200, "\tBearer $alice", 'a tab before'],
    [200, " Bearer $alice  ", 'spaces after'],
    [200, " Bearer $alice\t", 'a tab after'],
    [200, " \t Bearer $alice \t ", 'spaces and tabs around'],
    [200, " Bearer $longest", '128 characters'],
    [200, " Bearer $shortest", 'one character after the prefix'],

    [401, '', 'empty'],
    [401, '   ', 'blank'],
    [401, ' Bearer', 'the scheme alone'],
    [401, ' Bearer ', 'the scheme and a space'],
    [401, " $alice", 'the key alone'],
    [401, " Bearer$alice", 'no space'],
    [401, " Bearer:$alice", 'a colon'],
    [401, " Bearer=$alice", 'an equals sign'],
    [401, " Bearer\t$alice", 'a tab as separator'],
    [401, " Basic $alice", 'Basic'],
    [401, " Token $alice", 'Token'],
    [401, " Bear $alice", 'a shorter scheme'],
    [401, " Bearers $alice", 'a longer scheme'],
    [401, " Bearer Bearer $alice", 'the scheme twice'],
    [401, " Bearer $alice $bob", 'two keys'],
    [401, " Bearer $alice,$bob", 'two keys with a comma'],
    [401, " Bearer $alice, Bearer $bob", 'two credentials'],
    [401, " Bearer $alice,", 'a comma after'],
    [401, " Bearer ,$alice", 'a comma before'],
    [401, " Bearer $alice;q=1", 'a parameter'],
    [401, " Bearer \"$alice\"", 'quotes'],
    [401, " Bearer '$alice'", 'single quotes'],
    [401, " Bearer <$alice>", 'angle brackets'],
    [401, " Bearer token=$alice", 'a name'],
    [401, " Bearer $alice=", 'padding'],
    [401, " Bearer $alice.", 'a dot'],
    [401, " Bearer $alice/", 'a slash'],
    [401, " Bearer $alice+", 'a plus'],
    [401, " Bearer $alice~", 'a tilde'],
    [401, " Bearer $alice%00", 'an escaped NUL'],
    [401, " Bearer $alice\xc2\xa0", 'a no-break space'],
    [401, " Bearer $alice\x0b", 'a vertical tab'],
    [401, " Bearer $alice\x0c", 'a form feed'],
    [401, " Bearer $alice\x01", 'a control'],
    [401, " Bearer $alice\x7f", 'DEL'],
    [401, " Bearer\xa0$alice", 'a byte above 127 as separator'],
    [401, ' Bearer spocr_', 'the prefix alone'],
    [401, ' Bearer spocr', 'half of the prefix'],
    [401, ' Bearer SPOCR_' . substr($alice, 6), 'the prefix in upper case'],
    [401, ' Bearer Spocr_' . substr($alice, 6), 'the prefix with a capital'],
    [401, ' Bearer sp0cr_' . substr($alice, 6), 'a prefix that looks alike'],
    [401, ' Bearer spocr-' . substr($alice, 6), 'another separator'],
    [401, ' Bearer ' . substr($alice, 6), 'no prefix'],
    [401, ' Bearer x' . $alice, 'something before the prefix'],
    [401, " Bearer \xd1\x95pocr_" . substr($alice, 6), 'a Cyrillic letter'],
    [401, " Bearer ${longest}L", '129 characters'],
    [401, ' Bearer spocr_' . 'a' x 3000, '3 KB'],

    [403, ' Bearer spocr_x', 'a short key that is not known'],
    [403, ' Bearer spocr_' . 'x' x 122, 'a long key that is not known'],
    [403, ' Bearer spocr__-_', 'only separators'],
    [403, ' Bearer ' . lc($alice) . 'A', 'a key and one character'],
    [403, ' Bearer spocr_' . uc(substr $alice, 6), 'a key in upper case'],
    [403, ' Bearer ' . substr($alice, 0, -1), 'a key but one character'],
    [403, " Bearer $alice$bob", 'two keys in one'],
    [403, " Bearer spocr_$alice", 'the prefix twice'],
) {
    my ($status, $value, $name) = @$case;
    my $r = status($value);
    is $r->status, $status, "$status $name";
    is $r->code, $status == 401 ? 'unauthorized' : 'forbidden',
       "$status $name, the code" if $status != 200;
}

# C-5: no edit of one byte of a valid key is another valid key
my $before = $t->backend->requests;
my %got;
for my $i (0 .. length $alice) {
    my @edits;
    if ($i < length $alice) {
        my $old = substr $alice, $i, 1;
        for my $new (chr(ord($old) + 1), chr(ord($old) ^ 0x20),
                     chr(ord($old) | 0x80), '0', "\0", '%')
        {
            next if $new eq $old || $new =~ /[ \t]/;
            push @edits, substr($alice, 0, $i) . $new
                         . substr($alice, $i + 1);
        }
        push @edits, substr($alice, 0, $i) . substr($alice, $i + 1);
    }
    push @edits, map { substr($alice, 0, $i) . $_ . substr($alice, $i) }
                 'a', '_', "\x80";

    for my $edit (@edits) {
        my $status = status(" Bearer $edit")->status;
        $got{$status}++;
        diag "$status for an edit at $i" if $status !~ /^40[013]$/;
    }
}
is_deeply [grep { !/^40[013]$/ } keys %got], [],
    'every edit of one byte is refused';
cmp_ok $got{401} + $got{403}, '>', 200, 'and there were many';
is scalar $t->backend->requests, $before, 'nothing was executed';

# two header lines never reach a decision
for my $pair ([$alice, $bob], [$alice, $alice], ['spocr_x', $bob]) {
    is_error $t->get('/x', headers => [map {
        (Authorization => "Bearer $_") } @$pair ]),
        400, 'bad_request', 'two header lines';
}

$t->done;
