# spocrctl on Redis: changes at the same time. None is lost, each is told.
# Contract, section 4; C-10.

use lib 't/lib';
use Spocr::Ctl;
use Spocr::Redis;
use POSIX ();

my $redis = Spocr::Redis->new;
my $ctl = Spocr::Ctl->new(redis => $redis->url);
my $json = JSON::PP->new->utf8;

my $ears = $redis->client;
$ears->do('SUBSCRIBE', 'spocr:notice');

# Runs in processes of their own; how many of them failed.
sub at_once (@subs) {
    my $failed = 0;
    my @pids = map {
        my $run = $_;
        my $pid = fork // die "fork: $!\n";
        POSIX::_exit(eval { $run->() } ? 0 : 1) if !$pid;
        $pid;
    } @subs;
    for my $pid (@pids) {
        waitpid $pid, 0;
        $failed++ if $?;
    }
    return $failed;
}

sub repeat ($n, @args) {
    return sub {
        for my $i (1 .. $n) {
            my $r = $ctl->run('--quiet', map { s/%/$i/r } @args);
            die "$r->{err}\n" if $r->{code};
        }
        return 1;
    };
}

sub heard ($n) { map { $ears->read->[2] } 1 .. $n }

# -- one record: each changes a field of its own

is at_once(map { repeat(10, 'tenant', 'set', 'u_1', '--limit', "l$_.key=%") }
           1 .. 4), 0, 'four at once: each change succeeds';
my $name = 'tenant:' . sha256_hex('u_1');
is_deeply $json->decode($redis->do('GET', "spocr:$name"))->{limits},
    { map { ("l$_" => { key => 10 }) } 1 .. 4 }, 'and none is lost';
is_deeply [heard(40)], [($name) x 40], 'each was told';

# -- many records

is at_once(map { repeat(8, 'key', 'create', '--uid', "u_$_") } 1 .. 3), 0,
    'new keys';
is scalar @{ $ctl->json(qw(key list)) }, 24, 'all are there';
is scalar(grep { /^key:/ } heard(24)), 24, 'each was told';

# -- one id: only one can have it

is at_once(map { repeat(1, qw(key create --uid u_same --id key_same)) }
           1 .. 6), 5, 'six want the same id: five fail';
is scalar @{ $ctl->json(qw(key list --uid u_same)) }, 1, 'one has it';
is at_once(map { repeat(1, qw(key rotate key_same --id), "key_r$_") } 1 .. 3),
    0, 'a key that three rotate';
my %rotated = map { ($_->{id} => $_) }
              @{ $ctl->json(qw(key list --uid u_same)) };
is join(' ', sort keys %rotated), 'key_r1 key_r2 key_r3 key_same',
    'gives three';
is at_once((map { repeat(1, qw(key revoke key_same)) } 1, 2),
           repeat(1, qw(key revoke key_r1 key_same)),
           repeat(1, qw(key rotate key_r2 --grace 0s))), 0,
    'revoked and rotated at once';
is join(' ', map { $_->{id} . '=' . ($_->{status} // '-') }
             sort { $a->{id} cmp $b->{id} }
             grep { $rotated{ $_->{id} } }
             @{ $ctl->json(qw(key list --uid u_same)) }),
    'key_r1=revoked key_r2=- key_r3=- key_same=revoked', 'each has acted';

my @files = map { Spocr::Ctl->new } 1 .. 5;
$_->run(qw(key create --uid u_file --id key_file --quiet)) for @files;
is at_once(map { repeat(1, qw(redis import), $_->path) } @files), 4,
    'five files with the same id: four are refused';
is scalar @{ $ctl->json(qw(key list --uid u_file)) }, 1, 'one has it';

# -- somebody else writes the record all the time: a field of his stays

my $other = fork // die "fork: $!\n";
if (!$other) {
    my $client = $redis->client;
    for my $i (1 .. 400) {
        $client->do('EVAL', 'local r = cjson.decode(redis.call("GET", KEYS[1]))'
                    . ' r.n = (r.n or 0) + 1'
                    . ' redis.call("SET", KEYS[1], cjson.encode(r))',
                    1, "spocr:$name");
        select undef, undef, undef, 0.002;
    }
    POSIX::_exit(0);
}
my $changes = 0;
until (waitpid $other, POSIX::WNOHANG) {
    $changes += $ctl->run(qw(tenant set u_1 --quiet --key-limit),
                          $changes + 1)->{code} == 0;
}
my $record = $json->decode($redis->do('GET', "spocr:$name"));
is $record->{n}, 400, 'none of his changes is lost';
cmp_ok $changes, '>', 3, "nor ours, which were $changes";
is $record->{limits}{key}, $changes, 'up to the last one';

# -- read only where there is nothing to change

my $version = $redis->do('GET', "spocr:$name");
is_deeply [sort keys %{ $redis->counted(sub {
               $ctl->run(qw(key revoke key_same)) }) }],
    [qw(get hello mget scan watch)], 'nothing to change: nothing is written';

done_testing;
