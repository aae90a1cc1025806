# spocrctl limits: what a uid and its keys have taken. C-13, C-16; contract,
# sections 4 and 5.

use lib 't/lib';
use Spocr::Ctl;
use Spocr::Redis;

my $redis = Spocr::Redis->new;
my $ctl = Spocr::Ctl->new(redis => $redis->url);
my $slot = substr sha256_hex('u_acme'), 0, 16;
my $WIDTH = 10**11;                     # its window lasts longer than the test

works $ctl->run(qw(redis install)), 'the functions';

sub take ($n, $name, $width, $id) {
    my $prefix = "spocr:{$slot}:l:$name:$width";
    $redis->do('FCALL', 'spocr_v2_limit', 2, "$prefix:k:$id", "$prefix:u",
               'n', 1000, 1000, $width, 0, 0, 0) for 1 .. $n;
}

sub limits (@args) {
    my $all = $ctl->json('limits', 'u_acme', @args);
    return { map { ($_->{name} => $_) } @{ $all->{limits} } };
}

# -- nobody has asked yet

my $l = limits()->{default};
is $l->{windowMs}, 60000, 'the window of the directive, by default';
is_deeply $l->{uid}, { count => 0, limit => 600 }, 'nothing is taken';
is_deeply $l->{keys}, [], 'there are no keys';

# -- counts and limits, wherever they are from

works $ctl->run(qw(plan set pro --key-limit 100 --uid-limit 900
                   --limit upload.key=9)), 'a plan';
works $ctl->run(qw(tenant set u_acme --plan pro --uid-limit unlimited)),
    'a tenant';
works $ctl->run(qw(key create --quiet --uid u_acme --id key_1)), 'a key';
works $ctl->run(qw(key create --quiet --uid u_acme --id key_2 --key-limit 7)),
    'another one';
works $ctl->run(qw(key create --quiet --uid u_other --id key_3)),
    'and one of another uid';

take(5, 'default', $WIDTH, 'key_1');
take(2, 'default', $WIDTH, 'key_2');
take(3, 'default', $WIDTH, 'key_gone');
take(4, 'upload', $WIDTH, 'key_1');
take(1, 'a:b', $WIDTH, 'key_1');
$l = limits();
is join(' ', sort keys %$l), 'a:b default upload', 'the limits that counted';
is_deeply $l->{default}{uid}, { count => 10, limit => undef },
    'the uid, unlimited by its tenant';
is_deeply [sort { $a->{id} cmp $b->{id} } @{ $l->{default}{keys} }],
    [{ id => 'key_1', count => 5, limit => 100 },
     { id => 'key_2', count => 2, limit => 7 },
     { id => 'key_gone', count => 3 }],
    'its keys, and one whose record is gone';
is_deeply $l->{upload}{uid}, { count => 4 },
    'a limit that only the directive knows is not told';
is $l->{upload}{keys}[0]{limit}, 9, 'one of the plan is';
is $l->{'a:b'}{uid}{count}, 1, 'a name with a colon';
is $l->{default}{windowMs}, $WIDTH, 'the window';
cmp_ok $l->{default}{leftMs}, '<=', $WIDTH, 'and what is left of it';
is $l->{default}{window}, int($redis->do('TIME')->[0] * 1000 / $WIDTH),
    'which one it is';

my $r = $ctl->run(qw(limits u_acme));
works $r, 'as a table';
like $r->{out}, qr/^default +u_acme +10 +unlimited +100000000\.0 s +\d/m, 'uid';
like $r->{out}, qr/^default +key_2 +2 +7 /m, 'key';
like $r->{out}, qr/^upload +u_acme +4 +- /m, 'a limit that is not known';
unlike $r->{out}, qr/key_3/, 'nobody else\'s';
is $ctl->json(qw(limits u_none --uid-limit 5))->{limits}[0]{uid}{limit}, 5,
    'what the directive says can be given';

# -- windows that have passed, and what is no counter

$redis->do('SET', "spocr:{$slot}:l:default:$WIDTH:k:key_1", '1:5');
$redis->do('SET', "spocr:{$slot}:l:default:$WIDTH:k:key_2", 'x');
$redis->do('SET', "spocr:{$slot}:l:$_", '1:5')
    for 'x', 'x:u', 'x:0:u', 'x:5:v', 'x:99999999999999999999:u';
$redis->do('RPUSH', "spocr:{$slot}:l:x:5:u", 1);
$l = limits();
is join(' ', map { $_->{count} } sort { $a->{id} cmp $b->{id} }
             @{ $l->{default}{keys} }), '0 0 3', 'they count as nothing';
is join(' ', sort keys %$l), 'a:b default upload', 'nor make a limit';

# -- records in a key file, counters in Redis

my $file = Spocr::Ctl->new;
works $file->run(qw(tenant set u_acme --uid-limit 33 --quiet)), 'a key file';
works $file->run(qw(key create --uid u_acme --id key_f --quiet)), 'and a key';
take(6, 'default', $WIDTH, 'key_f');
$r = $file->run(qw(limits u_acme --json --redis), $redis->url);
works $r, '--file and --redis';
my ($d) = grep { $_->{name} eq 'default' }
          @{ JSON::PP::decode_json($r->{out})->{limits} };
is_deeply $d->{uid}, { count => 16, limit => 33 }, 'limit and count';
is_deeply $d->{keys}[0], { id => 'key_f', count => 6, limit => 60 }, 'key';

fails $ctl->run(qw(limits), 'a b'), 2, qr/a uid must be/, 'no uid';

done_testing;
