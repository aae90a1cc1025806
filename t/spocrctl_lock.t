# The key file is at any moment the old or the new one, whole: concurrent
# runs, kill -9 at any point, links, owner and mode. Contract, section 4.

use lib 't/lib';
use Spocr::Ctl;
use Fcntl qw(:flock);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

my $ctl = Spocr::Ctl->new;
my @base = ($Spocr::Ctl::PROGRAM, '--file', $ctl->path, '--quiet');

sub background (@args) {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec @base, @args or POSIX::_exit(127);
}

# -- no change is lost

$ctl->run(qw(key create --uid u_0 --id key_0 --quiet));
my @pids;
for my $n (1 .. 4) {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        for my $i (1 .. 10) {
            my $r = $ctl->run(qw(key create --quiet --uid), "u_$n", '--id',
                              "key_${n}_$i");
            POSIX::_exit(1) if $r->{code};
        }
        POSIX::_exit(0);
    }
    push @pids, $pid;
}
my $bad = 0;
for my $pid (@pids) { waitpid $pid, 0; $bad += $? != 0 }
is $bad, 0, 'four at once: each change succeeds';
is @{ $ctl->data->{keys} }, 41, 'and none is lost';

# -- a lock that is held

open my $dir, '<', $ctl->dir or die $!;
flock $dir, LOCK_EX or die "lock: $!";
my $pid = background(qw(key create --uid u_w --id key_waited));
sleep 0.3;
is waitpid($pid, WNOHANG), 0, 'a second one waits';
works $ctl->run(qw(key list)), 'a reader does not';
flock $dir, LOCK_UN;
waitpid $pid, 0;
is $?, 0, 'and goes on when the first one is done';
ok +(grep { $_->{id} eq 'key_waited' } @{ $ctl->data->{keys} }), 'with effect';

# -- kill -9, at moments that spread over the whole run

my $t0 = time;
$ctl->run(qw(tenant set u_storm --key-limit 1 --quiet));
my $run = time - $t0;
my ($killed, $broken, $last) = (0, 0, 0);

for my $i (1 .. 120) {
    my $storm = background(qw(tenant set u_storm --key-limit), $i);
    sleep $run * ($i % 40) / 30;
    $killed += kill 'KILL', $storm;
    waitpid $storm, 0;

    my $data = eval { $ctl->data };
    my $limit = $data && $data->{tenants}{u_storm}{limits}{key};
    $broken++ if !$limit || $limit > $i || $limit < $last
                 || @{ $data->{keys} } != 42;
    $last = $limit // 0;
}
cmp_ok $killed, '>=', 20, "killed $killed of 120 runs";
is $broken, 0, 'the file was the old or the new one each time';
cmp_ok $last, '>', 1, 'and some got through';
works $ctl->run(qw(tenant set u_storm --key-limit 999 --quiet)),
    'no lock stays behind';
opendir my $list, $ctl->dir;
is join(' ', sort grep { !/^\.\.?$/ } readdir $list), 'keys.json',
    'and no file';

# -- mode, owner, links

chmod 0640, $ctl->path;
$ctl->run(qw(tenant set u_mode --quiet));
is sprintf('%04o', (stat $ctl->path)[2] & 07777), '0640', 'the mode is kept';

SKIP: {
    skip 'needs root', 1 if $>;
    chown 1, 2, $ctl->path;
    $ctl->run(qw(tenant set u_owner --quiet));
    is join(':', (stat $ctl->path)[4, 5]), '1:2', 'owner and group are kept';
}

my $other = Spocr::Ctl->new;
symlink $ctl->path, $other->path or die $!;
works $other->run(qw(tenant set u_link --quiet)), 'through a link';
ok -l $other->path, 'the link is still one';
ok exists $ctl->data->{tenants}{u_link}, 'and the file it names is changed';
unlink $other->path;
symlink $ctl->dir . '/none', $other->path;
fails $other->run(qw(tenant set u_link)), 1, qr/the link leads to no file/,
    'a link to nothing';
unlink $other->path;

# -- an unchanged file stays the same one

my $inode = (stat $ctl->path)[1];
fails $ctl->run(qw(key create --uid u --id key_0)), 2, qr/already/, 'refused';
is +(stat $ctl->path)[1], $inode, 'nothing was replaced';

done_testing;
