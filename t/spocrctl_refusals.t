# spocrctl: what the system refuses (a full disk, an unreadable stdin, an nginx
# that does not reload), and what stands in the way in imports and URLs.  Each
# time one sentence says so, and nothing is changed.

use lib 't/lib';
use Spocr::Ctl;
use Fcntl qw(:flock);
use IO::Socket::INET;

my $ctl = Spocr::Ctl->new;
my $hex = '1' x 64;

# runs it by a shell, in which $P is the program and $F the key file
sub shell ($script, @args) {
    local $ENV{P} = $Spocr::Ctl::PROGRAM;
    local $ENV{F} = $ctl->path;
    open my $sh, '-|', '/bin/sh', '-c', "$script", 'sh', @args or die $!;
    local $/;
    my $out = readline($sh) // '';
    close $sh;
    return { code => $? >> 8, signal => $? & 127, out => '', err => $out };
}

my $r = $ctl->run(qw(key create --uid u_1 --id key_1 --quiet));
works $r, 'a key';
my $before = $ctl->text;

# -- the system

for my $command ('key list', 'key show key_1 --json', 'tenant list --json') {
    fails shell("\"\$P\" --file \"\$F\" $command 2>&1 >/dev/full"), 1,
        qr/stdout: No space left/, "$command, and no room for it";
}
for my $command ('key import', 'explain') {
    fails shell("\"\$P\" --file \"\$F\" $command 2>&1 </"), 1,
        qr/: Is a directory/, "$command, and stdin cannot be read";
}

# a file system without room: the limit has the same effect
like shell('trap "" XFSZ; ulimit -f 0;'
           . '"$P" --file "$F" tenant set u_2 2>&1 | cat')->{err},
    qr/^spocrctl: .* not changed: File too large$/m, 'no room for the file';
is $ctl->text, $before, 'it stays as it is';
is_deeply [glob $ctl->dir . '/{*,.[!.]*}'], [$ctl->path],
    'and nothing is left beside it';

open my $huge, '>', $ctl->dir . '/huge' or die $!;
truncate $ctl->dir . '/huge', 513 << 20;
fails $ctl->raw('', '--file', $ctl->dir . '/huge', qw(key list)), 1,
    qr/larger than 512 MB/, 'a file that is too large';
unlink $ctl->dir . '/huge';

# a lock that is held for a while is told of
my $said = $ctl->dir . '/said';
open my $dir, '<', $ctl->dir or die $!;
flock $dir, LOCK_EX or die "lock: $!";
my $pid = fork // die $!;
if (!$pid) {
    open STDERR, '>', $said or die $!;
    exec $Spocr::Ctl::PROGRAM, '--file', $ctl->path, qw(tenant set u_waited)
        or die $!;
}
my $told = '';
for (1 .. 400) {
    select undef, undef, undef, 0.02;
    open my $in, '<', $said or next;
    $told = readline($in) // '';
    last if $told =~ /\n/;
}
like $told, qr/waiting for another spocrctl/, 'a lock that is held';
flock $dir, LOCK_UN;
waitpid $pid, 0;
is $?, 0, 'and that is given back';
unlink $said;

# -- reload

sub fake_nginx ($text) {
    my $path = $ctl->dir . '/nginx';
    open my $out, '>', $path or die $!;
    print {$out} "#!/bin/sh\n$text\n";
    close $out;
    chmod 0755, $path;
    return $path;
}

for (['exit 3', 'nginx -s reload failed'], ['kill -9 $$', 'reload failed']) {
    my ($do, $say) = @$_;
    $r = $ctl->run(qw(tenant set u_r --reload --nginx),
                   fake_nginx("[ \$1 = -s ] && $do\nexit 0"));
    is $r->{code}, 1, "nginx -s reload: $do";
    like $r->{err}, qr/the key file is changed, but .*$say/, 'is told';
}
$r = $ctl->run(qw(tenant set u_r --reload --nginx),
               fake_nginx('kill -9 $$'));
like $r->{err}, qr/nginx -t failed: nothing was reloaded/, 'a test that dies';

# -- import

$before = $ctl->text;

for my $case (
    ["uid,sha256\nu,$hex" . ',' x 15 . "\n", qr/line 2: more than 16 fields/],
    ['[1]', qr/line 1: not a JSON object/, 'json'],
    ['{"uid":', qr/line 1: not a JSON object/, 'json'],
    [qq({"uid":"u","sha256":"$hex","id":5}),
     qr/line 1: "id" must be a string/],
    [qq({"uid":"u","sha256":"$hex","key":"spocr_x"}),
     qr/line 1: both a key and a digest/],
    ['{"uid":"u"}', qr/line 1: neither "key".*nor "sha256"/],
    ['{"uid":"u","sha256":5}', qr/line 1: neither "key".*nor "sha256"/],
    ['{"uid":"u","sha256":"' . 'g' x 64 . '"}', qr/line 1: neither "key"/],
    ['{"uid":"u","key":"a b"}', qr/line 1: /],
    ['{"uid":"u","key":""}', qr/line 1: /],
    [qq({"sha256":"$hex"}), qr/line 1: no uid, and no --uid/],
    ["sha256,key,uid\n$hex,$hex,u\n", qr/line 2: two values of one column/],
    ["uid,sha256,name\nu,$hex,\xff\n", qr/line 2: bad UTF-8/],
    ["uid,sha256\n\"u,$hex\n", qr/line 2: a quote is not closed/],
    ["uid,sha256\n\"u\"x,$hex\n", qr/line 2: text after a quote/],
    ["uid,sha256\nu\0,$hex\n", qr/line 2: a NUL byte/],
    ["\n \t\n", qr/stdin has no keys/],
    ["uid,sha256\n", qr/stdin has no keys/],
) {
    my ($text, $re, $format) = @$case;
    fails $ctl->run_with($text, 'key', 'import',
                         $format ? ('--format', $format) : ()), 2, $re,
        'import: ' . $re;
}
is $ctl->text, $before, 'nothing was imported';

my $keys = $ctl->json(qw(key list));
works $ctl->run_with(<<"END", qw(key import --format csv)), 'import: CSV';
 id , uid,scopes,sha256 , name

key_csv , "u_1" , a;b c,"${\ ('2' x 64)}" ,"say ""it"", please"\t
END
my ($csv) = grep { $_->{id} eq 'key_csv' } @{ $ctl->data->{keys} };
is_deeply [@$csv{qw(uid name)}, @{ $csv->{scopes} }],
    ['u_1', 'say "it", please', qw(a b c)], 'blanks, quotes, and lists';
works $ctl->run_with(qq({"sha256":"${\ ('3' x 64)}"}\n),
                     qw(key import --format json --uid u_1)), 'import: JSON';
is @{ $ctl->json(qw(key list)) }, @$keys + 2, 'two more keys';
fails $ctl->run_with("x", qw(key import --uid), 'a b'), 2,
    qr/--uid must be 1 to 64/, 'import: a uid';

# -- records

$r = $ctl->run(qw(key create --uid u_1 --id key_real --quiet --meta),
               '{"a":[123456789.12345679],"b":{"c":2.5}}');
works $r, 'fractions';
like $ctl->text, qr/\[123456789\.12345679\]/, 'with all their digits';
works $ctl->run(qw(key create --uid u_1 --quiet --meta), '{"few":0.1}'), 'one';
like $ctl->text, qr/"few":\s*0\.1\}/, 'and no more';

works $ctl->run(qw(key create --uid u_1 --id key_old --expires 2001-01-01
                   --quiet)), 'an expired key';
fails $ctl->run(qw(key rotate key_old)), 1,
    qr/key key_old is expired: make a new one/, 'is not rotated';
works $ctl->run(qw(key rotate key_1 --grace 2w --quiet)), 'two weeks of grace';
for my $state (qw(active expired)) {
    like $ctl->run(qw(key list --status), $state)->{out}, qr/\b$state\b/,
        "key list --status $state";
}
fails $ctl->run(qw(key rotate key_1 --grace), $_), 2,
    qr/--grace must be a duration/, "grace of $_"
    for '5', '5y', '1hh', 'h', '-1h', '', '9' x 30 . 's', '5219w';
fails $ctl->raw('', '--file', $ctl->dir . '/none.json', qw(key rotate k)), 1,
    qr/No such file/, 'rotate: no file';
works $ctl->raw('', '--file', $ctl->path, qw(key show), '--', 'key_1'),
    'an id behind --';
fails $ctl->raw('', '--file', $ctl->path, qw(key show), '--', '-x'), 2,
    qr/an id must be/, 'also one that looks like an option';

# -- a request in logs

my $id = 'req_01a22391e74170fd9397db5c98d2b11d';
my $log = $ctl->dir . '/access.log';
open my $out, '>:raw', $log or die $!;
print {$out} "plain $id line\n", qq({"id":"$id"}\n), "bad \xff $id\n",
             "none\n";
close $out;
$r = $ctl->run('request', $id, '--log', $log);
works $r, 'a log of several kinds';
like $r->{out}, qr/"plain $id line"/, 'text as it is';
like $r->{out}, qr/"id": "$id"/, 'and JSON';
unlike $r->{out}, qr/\xff/, 'and no bytes that are none';
$r = $ctl->run('request', $id, '--log', $ctl->dir);
is $r->{code}, 1, 'a folder for a log';
like $r->{err}, qr/Is a directory/, 'is refused';

# -- where Redis is

for my $case (
    [qr/unix: needs an absolute path/, 'unix:x'],
    [qr/number of a database/, 'redis://h/x'],
    [qr/number of a database/, 'redis://h/65536'],
    [qr/a bracket is not closed/, 'redis://[::1'],
    [qr/a bracket is not closed/, 'redis://[::1]x'],
    [qr/a password does not belong/, 'redis://u:p@h'],
    [qr/are for TLS/, 'redis://h', '--ca', '/x'],
    [qr/are for TLS/, 'redis://h', '--server-name', 'x'],
    [qr/--cert and --key are given together/, 'rediss://h', '--cert', '/x'],
    [qr/--cert and --key are given together/, 'rediss://h', '--key', '/x'],
    [qr/--prefix must be/, 'redis://h', '--prefix', ''],
    [qr/--prefix must be/, 'redis://h', '--prefix', 'a b'],
    [qr/--prefix must be/, 'redis://h', '--prefix', 'a' x 200],
    (map { [qr/--timeout must be/, 'redis://h', '--timeout', $_] }
         '0s', 'x', '61m', ''),
) {
    my ($re, $url, @args) = @$case;
    fails $ctl->raw('', '--redis', $url, qw(key list), @args), 2, $re,
        "$url @args[0 .. ($#args > 0 ? 0 : $#args)]";
}

my $listen = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1')
    or die $!;
my $port = $listen->sockport;
fails $ctl->raw('', '--redis', "redis://127.0.0.1:$port", qw(key list
                --timeout 1s)), 1, qr/127\.0\.0\.1:$port: .*(?:no|time)/i,
    'a Redis that is silent';
fails $ctl->raw('', '--redis', 'unix:/' . 'x' x 200, qw(key list)), 1,
    qr/the path of the socket is too long/, 'a long path';
fails $ctl->raw('', '--redis', 'unix:' . $ctl->dir . '/none', qw(key list)),
    1, qr/No such file/, 'a path without a socket';
fails $ctl->raw('', '--redis', 'redis://no.such.host.invalid', qw(key list)),
    1, qr/no\.such\.host\.invalid/, 'a name without an address';

for my $case (['', qr/first line of the password file is empty/],
              ["\nx", qr/first line of the password file is empty/],
              ["a\0b", qr/no text of less than/],
              ['x' x 10_000, qr/no text of less than/])
{
    fails $ctl->raw('', '--redis', "redis://127.0.0.1:$port", qw(key list
                    --password-file), $ctl->secret('pass', $case->[0])), 1,
        $case->[1], 'password file: ' . length($case->[0]) . ' bytes';
}
fails $ctl->raw('', '--redis', "redis://127.0.0.1:$port", qw(key list
                --password-file),
                $ctl->dir), 1, qr/password file/, 'a folder with a password';
chmod 0644, $ctl->secret('pass', 'x');
fails $ctl->raw('', '--redis', "redis://127.0.0.1:$port", qw(key list
                --password-file),
                $ctl->dir . '/pass'), 1, qr/read by everybody/, 'an open one';
close $listen;
fails $ctl->raw('', '--redis', "redis://127.0.0.1:$port", qw(key list)), 1,
    qr/127\.0\.0\.1:$port: .*refused/, 'a port without a Redis';

fails $ctl->run(qw(redis acl --for spocrctl --auto-load)), 2,
    qr/--auto-load is for the gateway/, 'redis acl --for spocrctl --auto-load';
fails $ctl->run(qw(redis acl --for me)), 2,
    qr/--for must be gateway or spocrctl/, 'redis acl --for me';

done_testing;
