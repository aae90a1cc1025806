# What is left of a limit, in the headers that were asked for.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(tenants => { u_tie => { limits => { uid => 5 } } }, keys => {
    (map { ("k$_" => { uid => "u_$_" }) } 1 .. 6),
    tight => { uid => 'u_tight', limits => { key => 100 } },
    (map { ("tie$_" => { uid => 'u_tie' }) } 1, 2),
    nokey => { uid => 'u_nokey', limits => { key => undef } },
});

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=3 uid=10 window=3600s;

        location / { proxy_pass http://%%BACKEND%%; }
        location /ietf { spocr_limit_headers ietf;
                         proxy_pass http://%%BACKEND%%; }
        location /legacy { spocr_limit_headers legacy;
                           proxy_pass http://%%BACKEND%%; }
        location /open { spocr_limit_headers legacy; spocr_auth off;
                         proxy_pass http://%%BACKEND%%; }
        location /none { spocr_limit_headers legacy; spocr_limit off;
                         proxy_pass http://%%BACKEND%%; }
        location /missing { spocr_limit_headers legacy;
                            alias %%DIR%%/none; }
    }
}
EOF

sub limits ($r) {
    return join ' | ', map { "$_->[0]: $_->[1]" }
           grep { $_->[0] =~ /ratelimit/i } @{ $r->headers };
}

# The same with the seconds checked and taken out.
sub fixed ($r) {
    my $text = limits($r);
    my $left = 3600 - time % 3600;
    $text =~ s/(;t=|Reset: )(\d+)/abs($2 - $left) <= 2 ? "${1}T" : "$1$2"/ge;
    return $text;
}

# C-21: off by default
is limits($t->get('/x', key => $t->key('k1'))), '', 'none by default';

# C-21: RFC 9651 lists
my @r = in_window(3600_000, sub {
    return map { $t->get('/ietf', key => $t->key('k2')) } 1 .. 4;
});
my $policy = 'RateLimit-Policy: "key";q=3;w=3600, "uid";q=10;w=3600';
for my $case ([0, 200, 2, 9], [1, 200, 1, 8], [2, 200, 0, 7],
              [3, 429, 0, 7])
{
    my ($i, $status, $key, $uid) = @$case;
    is $r[$i]->status, $status, "ietf $i: $status";
    is fixed($r[$i]), "$policy | RateLimit: \"key\";r=$key;t=T, "
                      . "\"uid\";r=$uid;t=T", "ietf $i: $key and $uid left";
}

# C-21: legacy, of the level with the smaller remainder
@r = in_window(3600_000, sub {
    return map { $t->get('/legacy', key => $t->key('k3')) } 1 .. 4;
});
for my $case ([0, 200, 2], [1, 200, 1], [2, 200, 0], [3, 429, 0]) {
    my ($i, $status, $left) = @$case;
    is $r[$i]->status, $status, "legacy $i: $status";
    is fixed($r[$i]), "X-RateLimit-Limit: 3 | X-RateLimit-Remaining: $left"
                      . ' | X-RateLimit-Reset: T', "legacy $i: $left left";
}

my $uid = $t->get('/legacy', key => $t->key('tight'));
is fixed($uid), 'X-RateLimit-Limit: 10 | X-RateLimit-Remaining: 9'
                . ' | X-RateLimit-Reset: T', "the uid's where it is smaller";
my @tie = in_window(3600_000, sub {
    $t->get('/legacy', key => $t->key('tie1')) for 1, 2;
    return $t->get('/legacy', key => $t->key('tie2'));
});
is fixed($tie[0]), 'X-RateLimit-Limit: 3 | X-RateLimit-Remaining: 2'
                   . ' | X-RateLimit-Reset: T', "the key's on a tie";
my $nokey = $t->get('/legacy', key => $t->key('nokey'));
is fixed($nokey), 'X-RateLimit-Limit: 10 | X-RateLimit-Remaining: 9'
                  . ' | X-RateLimit-Reset: T', "the uid's alone";
like $t->get('/ietf', key => $t->key('nokey'))->header('RateLimit'),
    qr/^"uid";r=8;t=\d+$/, 'ietf: the one level that there is';

# C-21: the backend's own cannot say something else
my $own = $t->get('/legacy?header=X-RateLimit-Remaining:99', key =>
                  $t->key('k4'));
is join('|', $own->all('X-RateLimit-Remaining')), 2, 'one, and ours';

# with each status, and nowhere else
like limits($t->get('/missing', key => $t->key('k4'))),
    qr/Remaining: 1/, 'with a 404';
like limits($t->get('/legacy?status=503', key => $t->key('k4'))),
    qr/Remaining: 0/, "with the backend's 503";
is limits($t->get('/legacy')), '', 'not with a 401';
is limits($t->get('/legacy', key => 'spocr_x')), '', 'not with a 403';
is limits($t->get('/open', key => $t->key('k5'))), '',
   'not where no key is asked for';
is limits($t->get('/none', key => $t->key('k5'))), '', 'not without a limit';

$t->done;
