# What is known to be refused until its window ends costs Redis nothing.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;

my %keys = (
    (map { ("k$_" => { uid => "u_$_" }) } 1 .. 9),
    (map { ("a$_" => { uid => 'u_a' }) } 1 .. 4),
);
$t->keyfile(keys => \%keys);

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    keepalive_requests 100000;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source $spocr_limit_source always;

        location / {
            spocr_limit key=3 uid=7 window=3600s;
            try_files /page =404;
        }
        location /other {
            spocr_limit name=other key=3 uid=7 window=3600s;
            try_files /page =404;
        }
        location /second {
            spocr_limit name=second key=3 window=1s;
            try_files /page =404;
        }
        location /dry {
            spocr_limit key=3 uid=7 window=3600s;
            spocr_limit_dry_run on;
            try_files /page =404;
        }
    }
}
EOC
$t->file('page', 'x');
$t->start($conf);
my $redis = $t->redis;
$redis->linked(2);

sub statuses ($n, $name, $target = '/x', $node = $t) {
    return join ' ', map { $node->get($target, key => $t->key($name))->status }
                     1 .. $n;
}

# How many calls of the function ran meanwhile.
sub calls ($do) { $redis->counted($do)->{fcall} // 0 }

# C-18: on whatever connection, from whatever worker
my @r = in_window(3600_000, sub {
    my $first;
    my $used = calls(sub { $first = statuses(4, 'k1') });
    my $after;
    my $none = $redis->counted(sub {
        $after = $t->load(total => 400, clients => 2, request =>
            Spocr::Conn->build(GET => '/x', key => $t->key('k1')));
    });
    return $first, $used, $after, $none;
});
is $r[0], '200 200 200 429', 'three, and a refusal';
ok $r[1] == 3 || $r[1] == 4, "for $r[1] calls";
is $r[2]{status}{429}, 400, 'four hundred more refusals';
is_deeply $r[3], {}, 'no Redis command for any of them';

# the uid's own: a key that was never seen is refused without a call when its
# uid is known to have nothing left
@r = in_window(3600_000, sub {
    my @first = (statuses(3, 'a1'), statuses(3, 'a2'), statuses(2, 'a3'));
    my $more;
    return @first, calls(sub { $more = statuses(5, 'a4') }), $more;
});
is "@r[0 .. 2]", '200 200 200 200 200 200 200 429', 'seven of a uid';
is "@r[3, 4]", '0 429 429 429 429 429', 'its fourth key: no call';

# another limit, another key, another node: each has to ask
my $node = $t->node;
$node->file('page', 'x');
$node->start($conf);
$redis->linked(4);
@r = in_window(3600_000, sub {
    statuses(4, 'k2');
    my @got;
    push @got, calls(sub { push @got, statuses(1, 'k2', '/other') });
    push @got, calls(sub { push @got, statuses(1, 'k3') });
    push @got, calls(sub { push @got, statuses(1, 'k2', '/x', $node) });
    push @got, calls(sub { push @got, statuses(4, 'k2', '/x', $node) });
    return @got;
});
is "@r[0, 1]", '200 1', 'another limit of the same key';
is "@r[2, 3]", '200 1', 'another key';
is "@r[4, 5]", '429 1', 'another node asks once';
is "@r[6, 7]", '429 429 429 429 0', 'and then knows as well';

# a dry run asks no more than a limit
@r = in_window(3600_000, sub {
    statuses(4, 'k4', '/dry');
    my $got;
    return calls(sub { $got = statuses(5, 'k4', '/dry') }), $got;
});
is "@r", '0 200 200 200 200 200', 'a dry run lets through without asking';

# it ends with its window: in each, three calls or four however many ask
my $c = $t->conn;
my $width = 1;
my $from = int(time) + 1;
$from++ if $from - time < 0.2;
sleep $from + 0.01 - time;
my ($asked, $got) = (0, 0);
my $calls = calls(sub {
    while (time < $from + 3.8) {
        $got++ if $c->request(GET => '/second', key => $t->key('k5'))->status
                  == 200;
        $asked++;
    }
});
if (time < $from + 4) {
    is $got, 12, "three of each of four windows, of $asked requests";
    ok $calls >= 12 && $calls <= 16, "for $calls calls";
}

# a raised limit acts at once, and a lower one without a call
@r = in_window(3600_000, sub {
    my @got = (statuses(4, 'k6'), statuses(2, 'k7'));
    $keys{k6}{limits} = { key => 5 };
    $keys{k7}{limits} = { key => 2 };
    $t->keyfile(keys => \%keys);
    $t->reload or die "no reload\n";
    $redis->linked(4);
    push @got, statuses(3, 'k6');
    push @got, calls(sub { push @got, statuses(2, 'k7') });
    return @got;
});
is "@r[0, 1]", '200 200 200 429 200 200', 'before';
is $r[2], '200 200 429', 'raised: what is refused is let through at once';
is "@r[3, 4]", '429 429 0', 'lowered: what is known is enough to refuse';

$t->done;
