# HTTP/2 by the letter: what the module adds changes nothing of how nginx
# speaks it, in a case of each rule of RFC 9113 and RFC 7541, and refusals
# leave a connection usable.  docs/conformance.md has the results.  (C-37, C-39)

use lib 't/lib';
use Spocr::Test;
use Spocr::H2;
use Spocr::H2::Suite;

my $t = Spocr::Test->new;
my $suite = Spocr::H2::Suite->new($t);
my @rows = $suite->rows;

cmp_ok scalar @rows, '>=', 280, 'all cases are there';
is $_->{with}, $_->{without}, "$_->{section} $_->{name}" for @rows;
is join("\n", map { "$_->{section} $_->{name}" }
              grep { $_->{passed} != $_->{passed_without} } @rows), '',
   'what a stream carries is the same, too';

# of any nginx most are kept, and so are these in any case
my %kept = map { ("$_->{section} $_->{name}" => $_->{passed}) } @rows;
cmp_ok scalar(grep { $_->{passed} } @rows), '>=', @rows * 0.85,
    'most are as the RFC says';
ok $kept{$_}, "RFC: $_" for
    '8.1.1 a length above the data', '8.1.1 a length below the data',
    '8.2.1 a value with CR LF', '8.2.1 a name with a line end',
    '8.3.1 a :path with a space', '8.3.1 a :method with a space',
    '8.3.1 a host that is another', '6.9.1 no more than the window',
    '7541 4.4 and is not there any more';

SKIP: {
    open my $in, '<', 'docs/conformance.md' or die "docs/conformance.md: $!\n";
    my $page = do { local $/; <$in> };
    my ($version) = $page =~ /with nginx ([\d.]+)\./;
    skip "the page is about nginx $version", 1 if $version ne $suite->version;
    my $ours = $suite->page;
    ok index($page, $ours) >= 0, 'docs/conformance.md has these results'
        or diag 'make conformance writes it';
}
$t->check;

# -- refusals of requests whose body was not sent, on one connection each

my $r = Spocr::Test->new;
$r->keyfile(keys => {
    alice => { uid => 'u_acme' },
    full => { uid => 'u_full', limits => { key => 1 } },
    scoped => { uid => 'u_scoped', scopes => [] },
});
$r->file('secret', ('0123456789abcdef' x 4) . "\n");
chmod 0600, $r->dir . '/secret';

$r->start(<<'EOF_CONF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=10s;
    spocr_secret_file %%DIR%%/secret;
    spocr_limit_store zone;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit window=3600s key=1000;
        client_max_body_size 1m;

        location / { proxy_pass http://%%BACKEND%%; }
        location /scope { spocr_require_scope ocr;
                          proxy_pass http://%%BACKEND%%; }
        location /get { spocr_methods GET; proxy_pass http://%%BACKEND%%; }
        location /once { spocr_idempotency on;
                         proxy_pass http://%%BACKEND%%; }
    }
}
EOF_CONF

my ($alice, $full, $scoped) = map { $r->key($_) } qw(alice full scoped);
$r->get('/x', key => $full);
my @once = ('idempotency-key' => 'a');
ok wait_for(sub {
    $r->post('/once', key => $alice, body => 'first',
             headers => ['Idempotency-Key' => 'a'])->status == 200
}), 'an answer is stored';

my @refusals = (
    [401, '/x'], [403, '/x', key => 'spocr_x'], [403, '/scope', key => $scoped],
    [429, '/x', key => $full], [405, '/get', key => $alice],
    [400, '//x', key => $alice],
    [413, '/x', key => $alice, headers => ['content-length' => 2_000_000]],
    [400, '/once', key => $alice, headers => ['idempotency-key' => 'a b']],
    [404, '/nowhere', key => $alice, ok => 1],
);

my $h = Spocr::H2->new($r->port(2));
for my $case (@refusals) {
    my ($status, $target, %o) = @$case;
    next if delete $o{ok};
    my $name = "$status for $target";

    # the body never comes; it comes late; the client gives up
    for my $then ('never', 'late', 'reset') {
        my $id = $h->open($target, method => 'POST', unfinished => 1, %o);
        my $s = eval { $h->answer($id) } // {};
        is $s->{status}, $status, "$name, before the body";
        if ($then eq 'late') {
            $h->data($id, 'x' x 10_000) for 1 .. 20;
            $h->data($id, '', 1);
        }
        $h->reset($id) if $then eq 'reset';
        my $next = eval { $h->answer($h->open('/x', key => $alice)) } // {};
        is $next->{status}, 200, "$name, body $then: the connection goes on";
    }
}

# What needs the body has read it; then the same.
for my $case (['a replay', 'first', 200], ['another body', 'second', 422]) {
    my ($name, $body, $status) = @$case;
    my $id = $h->open('/once', method => 'POST', unfinished => 1,
                      key => $alice, headers => \@once);
    $h->data($id, $_) for split //, $body;
    is $h->answer($h->open('/x', key => $alice))->{status}, 200,
        "$name: others are served while its body comes";
    $h->data($id, '', 1);
    is $h->answer($id)->{status}, $status, $name;
    is $h->answer($h->open('/x', key => $alice))->{status}, 200,
        'and after it';
}
$h->close;
is scalar(grep { $_->{target} eq '/once' } $r->backend->requests), 1,
    'it was executed once';

$r->done;
