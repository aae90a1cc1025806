# docs/migrate-limit-req.md: its configurations and commands as they stand
# there, and that the table tells what they do.  Only addresses and paths are
# replaced by this test's.

use lib 't/lib';
use Cwd qw(abs_path);
use Spocr::Test;

sub slurp ($path) {
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $page = slurp('docs/migrate-limit-req.md');

# a section's blocks of that kind
sub blocks ($section, $kind) {
    my ($part) = $page =~ /^## \Q$section\E\n(.*?)(?=^## |\z)/ms;
    my @blocks = ($part // '') =~ /^```$kind\n(.*?)^```/gms;
    BAIL_OUT("no $kind under $section") if !@blocks;
    return @blocks;
}

sub site ($text) {
    return $text =~ s/127\.0\.0\.1:8080/127.0.0.1:%%PORT_1%%/gr
                 =~ s/127\.0\.0\.1:9000/%%BACKEND%%/gr
                 =~ s{redis://127\.0\.0\.1:6379}{%%REDIS%%}gr
                 =~ s{/etc/spocr/}{%%DIR%%/}gr
                 =~ s{/var/log/nginx/}{%%DIR%%/}gr;
}

sub conf ($section) {
    my ($text) = blocks($section, 'nginx');
    return "%%MAIN%%\nevents {}\nhttp {\n    %%HTTP%%\n"
           . site($text) . "}\n";
}

# a command of the page: (exit code, what it said)
sub run ($t, $text) {
    my $dir = $t->dir;
    my $program = abs_path(($ENV{B} // 'build') . '/spocrctl');
    $text =~ s{/etc/(?:nginx/conf\.d|spocr)/}{$dir/}g;
    $text =~ s{redis://127\.0\.0\.1:6379}{$t->redis->url}ge;
    $text =~ s{^(\s*)spocrctl }{$1$program }gm;
    local $ENV{SPOCR_KEYS} = "$dir/keys.json";
    return $t->command('sh', '-euc', $text);
}

# what the backend was told
sub sent ($r) { return map { lc $_->[0] => $_->[1] } @{ $r->json->{headers} } }

my ($before) = blocks('Before', 'nginx');
my ($acme, $acme2, $blue) = $before =~ /"Bearer (spocr_\w+)"/g;
my $other_case = $acme =~ s/^spocr_(.*)/'SPOCR_' . uc $1/er;

# the same keys and rates wherever they stand
for my $what (qr/^map .*?^\}/ms, qr/^limit_req_zone .*?;$/m,
              qr/^limit_req_zone \$api_uid .*?;$/m)
{
    my ($now) = (blocks('2. Count beside the old limits', 'nginx'))[0]
                =~ /($what)/;
    is $now, ($before =~ /($what)/)[0], 'the second step begins with what was';
}


# -- before: nginx as it comes

my $old = Spocr::Test->new(module => '');
$old->start(conf('Before'));

is $old->get('/x')->status, 401, 'before: no key';
like $old->get('/x')->body, qr/<html>/, 'before: in HTML';
is $old->get('/x', key => 'spocr_none')->status, 403, 'before: a wrong one';

my %sent = sent($old->get('/x', key => $blue));
is $sent{'x-uid'}, 'u_blue', 'before: whose it is';
is $sent{authorization}, "Bearer $blue", 'before: the key is passed on';

# the bucket leaks while we send, so a few may follow the sixty
my $c = $old->conn;
my ($n, $refused) = (0, undef);
while (!$refused && $n < 1000) {
    my $r = $c->request(GET => '/x', key => $acme);
    if ($r->status == 429) { $refused = $r } else { $n++ }
}
cmp_ok $n, '>=', 60, 'before: sixty at once';
is $refused->status, 429, 'before: then no more';
like $refused->body, qr/<html>/, 'before: the refusal in HTML';

is $old->get('/x', key => $other_case)->status, 200,
   'before: the key in the other case is another bucket';
is $old->get('/x', headers => [Authorization => "bearer $acme2"])->status, 200,
   'before: the scheme in the other case';

ok wait_for(sub { $old->get('/x', key => $acme)->status == 200 }, 20),
   'before: one more soon after';
$old->check;


# -- 1. the keys

my $t = Spocr::Test->new;
$t->file('api.conf', $before);

my $made;
for my $command (blocks('1. Take the keys over', 'sh')) {
    my ($exit, $out) = run($t, $command);
    is $exit, 0, 'a command of the first step' or diag $out;
    ($made) = $out =~ /^(spocr_\w+)$/m;
}

my $keys = JSON::PP->new->utf8->decode($t->log('keys.json'))->{keys};
is join(' ', map { $_->{uid} } @$keys), 'u_acme u_acme u_blue u_blue',
   'all keys were taken over, and one was made';
unlike $t->log('keys.json'), qr/spocr_/, 'as digests';    # C-9


# -- 2. beside

$t->start(conf('2. Count beside the old limits'));

is_error $t->get('/x'), 401, 'unauthorized', 'beside: no key';
is_error $t->get('/x', key => $other_case), 401, 'unauthorized',
    'beside: the key in the other case';

# limit_req refuses first, so its bucket has to leak for a dry run to show
my @r = in_window(60_000, sub {
    my $c = $t->conn;
    return map { $c->request(GET => '/x', key => $acme) } 1 .. 70;
});
is_error $r[-1], 429, 'rate_limited', 'beside: the old limit goes on';

%sent = sent($t->get('/x', key => $blue));
is $sent{'x-uid'}, 'u_blue', 'beside: the backend is told as before';

ok $t->wait_log(qr/^\{"uid":"","key_id":"","status":"429","auth":"","limit":"/m,
                'compare.log'), 'beside: what limit_req refused';
like $t->log('compare.log'),
    qr/^\{"uid":"u_acme","key_id":"key_\w+","status":"200","auth":"OK",
        "limit":"PASSED"\}$/mx, 'beside: what was counted';

for my $command (blocks('2. Count beside the old limits', 'sh')) {
    my ($exit, $out) = run($t, $command);
    is $exit, 0, 'a command of the second step' or diag $out;
}

my $tenant = JSON::PP->new->utf8->decode($t->log('keys.json'))
             ->{tenants}{u_acme};
is $tenant->{plan}, 'pro', 'a plan for a tenant';


# -- 3. after

# C-5 C-7 C-12 C-13 C-14 C-35
ok $t->reload(conf('3. After')), 'after: a reload';

is_error $t->get('/x'), 401, 'unauthorized', 'after: no key';
is_error $t->get('/x', key => 'spocr_none'), 403, 'forbidden',
    'after: a wrong one';
is_error $t->get('/x', key => $other_case), 401, 'unauthorized',
    'after: a key in the other case';
is_error $t->get('/x', key => $other_case =~ s/^SPOCR_/spocr_/r), 403,
    'forbidden', 'after: the same with the right prefix';
is $t->get('/x', headers => [Authorization => "bearer $acme2"])->status, 200,
   'after: the scheme in the other case';

%sent = sent($t->get('/x', key => $acme));
is $sent{'x-uid'}, 'u_acme', 'after: whose it is';
is $sent{'x-spocr-uid'}, 'u_acme', 'after: twice';
ok !exists $sent{authorization}, 'after: no key for the backend';

@r = in_window(60_000, sub {
    my $c = $t->conn;
    return map { $c->request(GET => '/x', key => $made) } 1 .. 61;
});
is scalar(grep { $_->status == 200 } @r), 60, 'after: sixty at once';
is_error $r[60], 429, 'rate_limited', 'after: then no more',
    details => $r[60]->json->{details};
cmp_ok $r[60]->json->{details}{retryAfterSec}, '>=', 1,
    'after: and for how long';


# -- 4. several nodes

for my $command (blocks('4. Several nodes', 'sh')) {
    my ($exit, $out) = run($t, $command);
    is $exit, 0, 'a command of the fourth step' or diag $out;
}

# C-16
my $several = conf('4. Several nodes');
ok $t->reload($several), 'several: a reload';
my $node = $t->node;
$node->start($several);

@r = in_window(60_000, sub {
    my @c = ($t->conn, $node->conn);
    return map { $c[$_ % 2]->request(GET => '/x', key => $made) } 1 .. 70;
});
is scalar(grep { $_->status == 200 } @r), 60, 'several: sixty on two nodes';
is_error $r[-1], 429, 'rate_limited', 'several: then no more',
    details => $r[-1]->json->{details};
%sent = sent($node->get('/x', key => $acme2));
is $sent{'x-uid'}, 'u_acme', 'several: the keys are the same';

$t->done;
