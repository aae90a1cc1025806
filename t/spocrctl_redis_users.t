# spocrctl redis acl and redis install: the users of Redis may do what they
# need and nothing else; passwords; TLS; and what cannot be reached.
# Contract, section 5.

use lib 't/lib';
use Spocr::Ctl;
use Spocr::FakeRedis;
use Spocr::Port;
use Spocr::Redis;

my $redis = Spocr::Redis->new(tls => 1);
my $ctl = Spocr::Ctl->new(redis => $redis->url);
my $password = 'a:Pass-word/1';
my $file = $ctl->secret('password', "$password\nsecond line\n");

# -- the gateway's user

my $r = $ctl->run(qw(redis acl --password-file), $file);
works $r, 'redis acl';
is $r->{err}, '', 'with a password there is nothing to say';
like $r->{out}, qr/\AACL SETUSER spocr reset on #[0-9a-f]{64} /, 'one line';
like $r->{out}, qr/ #\Q${\ sha256_hex($password)}\E /, 'the password\'s digest';
unlike $r->{out}, qr/Pass-word/, 'and not the password';
is $redis->do(split / /, $r->{out} =~ s/\n//r), 'OK', 'Redis takes it';

$r = $ctl->run(qw(redis install));
works $r, 'redis install';
is $r->{out}, "before   none\nafter    spocr_v2\n", 'says before and after';

my $gateway = $redis->client(user => 'spocr', password => $password);
my @counters = ('spocr:{ab}:l:default:60000:k:key_1',
                'spocr:{ab}:l:default:60000:u');
is $gateway->do('FCALL', 'spocr_v2_hello', 0, 'n')->[1], 2, 'hello';
is $gateway->do('FCALL', 'spocr_v2_limit', 2, @counters, 'n', 60, 600, 60000,
                0, 0, 0)->[1], 0, 'limit';
is $gateway->do('FCALL_RO', 'spocr_v2_get', 3, 'spocr:key:x', 'spocr:plan:x',
                'spocr:tenant:x', 'n')->[0], 'n', 'get';
is $gateway->do('PING'), 'PONG', 'ping';

my ($record, $budget) = ('spocr:{ab}:i:' . 'c' x 64, 'spocr:{ab}:b');
my ($token, $print) = ('t' x 16, 'f' x 32);
my @claim = ($token, $print, 60_000, 60_000, 'deny', 'req_1');
my @complete = ($token, $print, 60_000, 'D', '', 'answer', 'req_1', 10_000);

sub function ($name, @args) {
    my $answer = eval { $gateway->do('FCALL', "spocr_v2_$name", @args) };
    return $answer ? $answer->[1] : $@;
}

is function('claim', 1, $record, 'n', @claim), 'NEW', 'claim';
is function('renew', 1, $record, 'n', $token, 90_000), 1, 'renew';
is function('release', 1, $record, 'n', $token), 1, 'release';
function('claim', 1, $record, 'n', @claim);
is function('complete', 2, $record, $budget, 'n', @complete), 'OK', 'complete';
is function('claim', 1, $record, 'n', @claim), 'DONE', 'and the answer';

sub denied ($client, @command) {
    my $good = !eval { $client->do(@command); 1 } && $@ =~ /^NOPERM/;
    ok $good, "denied: @command" or diag $@ || 'it was let through';
}

my @secret = ('FUNCTION LOAD x', 'FUNCTION LOAD REPLACE x', 'FUNCTION FLUSH',
    'FUNCTION LIST', 'FUNCTION DELETE spocr_v2', 'FUNCTION DUMP',
    'GETDEL spocr:x', 'DEL spocr:x', 'UNLINK spocr:x', 'EXPIRE spocr:x 1',
    'INCR spocr:x', 'HGETALL spocr:x', 'LPUSH spocr:x 1',
    'RENAME spocr:x spocr:y',
    'KEYS *', 'SCAN 0', 'RANDOMKEY', 'DBSIZE', 'FLUSHALL', 'FLUSHDB',
    'SWAPDB 0 1', 'SELECT 1', 'CONFIG GET *', 'CONFIG SET save x',
    'ACL LIST', 'ACL SETUSER spocr allcommands', 'ACL WHOAMI',
    'CLIENT LIST', 'CLIENT KILL TYPE normal', 'EVAL x 0',
    'SCRIPT FLUSH', 'INFO', 'MONITOR', 'MULTI', 'WATCH spocr:x',
    'PUBLISH spocr:notice all', 'SHUTDOWN NOSAVE', 'REPLICAOF h 1', 'SAVE',
    'BGREWRITEAOF', 'MODULE LIST', 'SLOWLOG GET', 'MEMORY DOCTOR',
    'COMMAND', 'OBJECT ENCODING spocr:x', 'MIGRATE h 1 spocr:x 0 1');
for my $command (@secret) {
    denied($gateway, split / /, $command);
}
for my $name ('key:x', 'tenant:x', 'plan:x', 'ids') {      # it makes no keys
    denied($gateway, 'SET', "spocr:$name", '{}');
    denied($gateway, 'FCALL', 'spocr_v2_limit', 2, "spocr:$name", $counters[1],
           'n', 60, 600, 60000, 0, 0, 0);
    denied($gateway, 'HSET', "spocr:$name", 's', 'P');
    denied($gateway, 'DEL', "spocr:$name");
    denied($gateway, 'FCALL', 'spocr_v2_claim', 1, "spocr:$name", 'n', @claim);
    denied($gateway, 'FCALL', 'spocr_v2_release', 1, "spocr:$name", 'n',
           $token);
    denied($gateway, 'FCALL', 'spocr_v2_complete', 2, @$_, 'n', @complete)
        for ["spocr:$name", $budget], [$record, "spocr:$name"];
}
is $redis->do('EXISTS', map { "spocr:$_" } qw(key:x tenant:x plan:x ids)), 0,
    'nothing of that is there';
denied($gateway, 'FCALL_RO', 'spocr_v2_get', 1, 'other:x', 'n');
denied($gateway, 'SET', 'other:x', 1);
denied($gateway, 'MGET', 'spocr:x', 'other:x');
denied($gateway, 'SUBSCRIBE', $_) for 'other', 'spocr:other';
denied($gateway, 'PSUBSCRIBE', '*');
$gateway->do('SUBSCRIBE', 'spocr:notice');
$redis->do('PUBLISH', 'spocr:notice', 'all');
is $gateway->read->[2], 'all', 'it hears notices';

$r = $ctl->run(qw(redis acl --auto-load --user auto --json --password-file),
               $file);
works $r, '--auto-load, --json, --user';
my $line = JSON::PP::decode_json($r->{out});
is $line->{user}, 'auto', 'the user';
$redis->do(split / /, $line->{command});
my $auto = $redis->client(user => 'auto', password => $password);
is $auto->do('FUNCTION', 'LOAD', "#!lua name=x\n" . 'redis.register_function('
             . '"x", function() return 1 end)'), 'x', 'which may load';
denied($auto, 'FUNCTION', 'DELETE', 'x');
$redis->do('FUNCTION', 'DELETE', 'x');

# another prefix, another database, no password
$r = $ctl->raw('', qw(redis acl --redis), 'redis://h/2 prefix=gw:');
like $r->{out}, qr/ ~gw:\{\* %R~gw:key:\* .* &gw:notice .* \+select /,
    'prefix and database';
unlike $r->{out}, qr/#/, 'no password';
like $r->{err}, qr/nobody can log in/, 'which is told';
fails $ctl->run(qw(redis acl --for me)), 2, qr/gateway or spocrctl/, '--for';
fails $ctl->run(qw(redis acl --user), 'a b'), 2, qr/--user must be/, '--user';

# -- spocrctl's own user: all commands, and nothing that it does not use

$r = $ctl->run(qw(redis acl --for spocrctl --password-file), $file);
$redis->do(split / /, $r->{out} =~ s/\n//r);
my $own = Spocr::Ctl->new(redis => $redis->url =~ s{//}{//spocrctl\@}r
                                   . " password_file=$file");
works $own->run(@$_), "as spocrctl: @$_"
    for ['doctor'], [qw(redis install --force)], [qw(plan set p --key-limit 5)],
        [qw(tenant set u --plan p)], [qw(key create --uid u --id key_1)],
        [qw(key list)], [qw(key show key_1)],
        [qw(key rotate key_1 --id key_2)], [qw(key revoke key_1)],
        [qw(tenant show u)], [qw(tenant list)], [qw(plan list)], [qw(limits u)],
        [qw(redis export), $ctl->dir . '/out.json'],
        [qw(redis import), $ctl->dir . '/out.json'];
works $own->run_with("spocr_k\n", qw(key import --uid u)), '... key import';
works $own->run_with("spocr_k\n", 'explain'), '... explain';
my $client = $redis->client(user => 'spocrctl', password => $password);
denied($client, split / /, $_)
    for 'DEL spocr:x', 'FLUSHALL', 'KEYS *', 'CONFIG GET *', 'ACL LIST',
        'EVAL x 0', 'FUNCTION FLUSH', 'GET other:x', 'SET other:x 1',
        'PUBLISH other x', 'SHUTDOWN', 'CLIENT LIST', 'MONITOR', 'SELECT 1',
        'DEL spocr:key:x', 'HSET spocr:key:x s P', 'PEXPIRE spocr:key:x 1',
        'DEL other:{x}:i:y';
is $client->do('DEL', $record), 1, 'but records of requests can be forgotten';
is $client->do('HMGET', $record, 's')->[0], undef, 'and looked at';

# -- the gateway's user can change nothing, and is told so

my $weak = Spocr::Ctl->new(redis => $redis->url =~ s{//}{//spocr\@}r
                                    . " password_file=$file");
fails $weak->run(qw(tenant set u --key-limit 1)), 1, qr/NOPERM/,
    'a change that is not permitted';
fails $weak->run(qw(key list)), 1, qr/NOPERM/, 'nor is a list';
fails $weak->run(qw(redis install --force)), 1, qr/NOPERM/, 'nor loading';
works $weak->run('doctor'), 'but doctor finds what the gateway needs';

# -- redis install, again and with another text

$r = $ctl->run(qw(redis install));
works $r, 'again';
is $r->{out}, "before   spocr_v2\nafter    spocr_v2\n", 'the same';
like $r->{err}, qr/nothing to change/, 'is told';
$redis->do('FUNCTION', 'LOAD', 'REPLACE', "#!lua name=spocr_v2\n"
           . 'redis.register_function("spocr_v2_hello", function(k, a) '
           . 'return {a[1], 1, 0} end)');
fails $ctl->run(qw(redis install)), 1,
    qr/spocr_v2 is there with another text.*--force replaces it/, 'another';
$r = $ctl->run(qw(redis install --force --json));
is_deeply JSON::PP::decode_json($r->{out}),
    { before => 'spocr_v2, with another text', after => 'spocr_v2',
      changed => JSON::PP::true }, '--force';
is $redis->do('FCALL', 'spocr_v2_get', 1, 'spocr:none', 'n')->[0], 'n',
    'and it is ours';

# -- passwords

my $closed = Spocr::Redis->new(password => $password);
my $at = Spocr::Ctl->new(redis => $closed->url);
fails $at->run(qw(key list)), 1, qr/NOAUTH.*--password-file/, 'none is given';
works $at->run(qw(key list --password-file), $file), 'the right one';
my $wrong = $ctl->secret('wrong', "Wrong-word\n");
$r = $at->run(qw(key list --password-file), $wrong);
fails $r, 1, qr/WRONGPASS/, 'a wrong one';
unlike $r->{err}, qr/Wrong-word/, 'is not repeated';
fails $at->run(qw(key list --password-file), $ctl->dir . '/none'), 1,
    qr/the password file: No such file/, 'no file';
fails $at->run(qw(key list --password-file), $ctl->secret('empty', "\nx\n")),
    1, qr/first line of the password file is empty/, 'an empty line';
fails $at->run(qw(key list --password-file), $ctl->secret('nul', "a\0b\n")),
    1, qr/no text of less than/, 'no text';
chmod 0644, $file;
fails $at->run(qw(key list --password-file), $file), 1,
    qr/can be read by everybody/, 'an open file';
chmod 0600, $file;

# -- TLS

my $tls = Spocr::Ctl->new(redis => $redis->tls_url);
works $tls->run(qw(key list --ca), $redis->ca), 'TLS, with its CA';
works $tls->run(qw(doctor --ca), $redis->ca), 'doctor, too';
fails $tls->run(qw(key list)), 1, qr/TLS: .*certificate/, 'without it';
fails $tls->run(qw(key list --server-name other.example --ca), $redis->ca), 1,
    qr/TLS: .*mismatch/i, 'another name';
works $tls->run(qw(key list --server-name localhost --ca), $redis->ca),
    'a name of the certificate';
fails $tls->run(qw(key list --ca), $file), 1, qr/no certificates in it/,
    'no CA';
fails $ctl->raw('', qw(key list --timeout 1s --redis),
                'rediss://127.0.0.1:' . $redis->port . ' ca=' . $redis->ca),
    1, qr/TLS: /, 'a port without TLS';
my $many = join '', map { "spocr_tls_$_" . 'x' x 80 . "\n" } 1 .. 3000;
works $tls->run_with($many, qw(key import --uid u_tls --ca), $redis->ca),
    'a large transaction';
is scalar @{ $tls->json(qw(key list --uid u_tls --ca), $redis->ca) }, 3000,
    'is there';

my $strict = Spocr::Redis->new(tls => 'clients');
my $asks = Spocr::Ctl->new(redis => $strict->tls_url . ' ca=' . $strict->ca);
my ($cert, $key) = $strict->client_certificate;
fails $asks->run(qw(key list)), 1, qr/: (?:TLS: )?\w/, 'it wants a certificate';
works $asks->run('key', 'list', '--cert', $cert, '--key', $key), 'ours';
fails $asks->run('key', 'list', '--cert', $cert, '--key', $file), 1,
    qr/no certificate and its key/, 'and no other file';

# -- nobody there, or somebody else

my $port = Spocr::Port->new;
my $url = 'redis://127.0.0.1:' . $port->number;
my $none = Spocr::Ctl->new(redis => $url);
fails $none->run(qw(key list)), 1, qr/^spocrctl: \Q$url\E: Connection refused/,
    'nobody';
fails $ctl->raw('', qw(key list --redis), 'redis://[::1]:' . $port->number), 1,
    qr/^spocrctl: redis:..\[::1\]:\d+: [A-Z]/, 'nobody on IPv6';
fails $ctl->raw('', qw(key list --redis unix:/nonexistent/socket)), 1,
    qr/No such file/, 'no socket';
fails $ctl->raw('', qw(key list --redis redis://host.invalid)), 1,
    qr/^spocrctl: redis:..host\.invalid: /, 'no host';

my $fake = Spocr::FakeRedis->new;
my $old = Spocr::Ctl->new(redis => $fake->url);

sub hello_of ($version) {
    return "*6\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$"
           . length($version) . "\r\n$version\r\n\$4\r\nrole\r\n\$6\r\nmaster"
           . "\r\n";
}

$fake->lie(HELLO => { say => hello_of('6.2.14') });
fails $old->run(qw(key list)), 1,
    qr/redis 6\.2\.14 is too old: 7\.0 or newer is needed/, 'Redis 6';
$fake->lie(HELLO => { say => "-ERR unknown command `HELLO`, with args "
                             . "beginning with: `2`, `$password`\r\n" });
$r = $old->run(qw(key list --password-file), $file);
fails $r, 1, qr/older than 6: 7\.0 or newer is needed/, 'Redis 5';
unlike $r->{err}, qr/Pass-word/, 'which repeats the password: we do not';
$fake->lie(HELLO => { say => "-ERR for $password \e[31m\r\n" });
$r = $old->run(qw(key list --password-file), $file);
fails $r, 1, qr/it refuses HELLO/, 'any other error';
unlike $r->{err}, qr/Pass-word/, 'that repeats it';
$fake->lie(HELLO => { say => "-LOADING \e[31mred\r\n" });
fails $old->run(qw(key list)), 1, qr/LOADING \?\[31mred/,
    'what a terminal would obey';
$fake->lie(HELLO => { say => "HTTP/1.1 400 Bad Request\r\n\r\n" });
fails $old->run(qw(key list)), 1, qr/not Redis' protocol/, 'no Redis';
$fake->lie(HELLO => { close => 1, say => '' });
fails $old->run(qw(key list)), 1, qr/has closed the connection/,
    'one that ends';
$redis->pause;
fails $ctl->run(qw(key list --timeout 1s)), 1, qr/no answer within 1 s/,
    'one that hangs';
$redis->resume;

done_testing;
