# "spocr_redis" in nginx.conf: what it takes, and what is wrong with what it
# does not take, in a line of its own for each.

use lib 't/lib';
use POSIX qw(mkfifo);
use Spocr::Test;

my $t = Spocr::Test->new;
$t->certificate('some');

for (['secret', 0600, "s3cret\n"], ['group', 0640, "s3cret\n"],
     ['open', 0644, "s3cret\n"], ['writable', 0660, "s3cret\n"],
     ['empty', 0600, ''], ['newline', 0600, "\n"],
     ['crlf', 0600, "s3cret\r\n"], ['long', 0600, 'x' x 4097],
     ['longest', 0600, 'x' x 4096 . "\n"], ['lines', 0600, "a\nb\n"],
     ['control', 0600, "a\tb\n"])
{
    my ($name, $mode, $text) = @$_;
    chmod $mode, $t->file($name, $text);
}
mkdir $t->dir . '/folder', 0700;
mkfifo $t->dir . '/pipe', 0600;

sub conf ($args) {
    return $t->config_test(<<"EOF");
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_zone zone=z:1m;
    spocr_redis $args;
    server { listen 127.0.0.1:%%PORT_1%%; }
}
EOF
}

for my $args (
    'redis://127.0.0.1', 'redis://127.0.0.1/', 'redis://127.0.0.1:7000/3',
    'redis://localhost:7000', 'redis://[::1]', 'redis://[::1]:7000/15',
    'redis://gateway@127.0.0.1:7000/1 password_file=%%DIR%%/secret',
    'redis://127.0.0.1 password_file=%%DIR%%/secret',
    'redis://127.0.0.1 password_file=%%DIR%%/group',
    'redis://127.0.0.1 password_file=%%DIR%%/crlf',
    'redis://127.0.0.1 password_file=%%DIR%%/longest',
    'redis://127.0.0.1 timeout=1ms connect_timeout=60s',
    'redis://127.0.0.1 prefix=a', 'redis://127.0.0.1 prefix=my-app:v1._:',
    'redis://127.0.0.1 prefix=' . 'p' x 64,
    'unix:%%DIR%%/redis.sock', 'unix:%%DIR%%/redis.sock:5', 'unix:a:b',
    'rediss://127.0.0.1', 'rediss://localhost:7000/2',
    'rediss://[::1] server_name=redis.example',
    'rediss://127.0.0.1 ca=%%DIR%%/some.crt',
    'rediss://127.0.0.1 cert=%%DIR%%/some.crt key=%%DIR%%/some.key',
) {
    my ($exit, $out) = conf($args);
    is $exit, 0, $args or diag $out;
    unlike $out, qr/\[(?:warn|error|alert)\]/, 'and without a word';
}

# what nginx -t says of what is wrong
my $url = qr{"rediss://\.\.\." or "unix:PATH\[:db\]" is expected};
for (
    ['127.0.0.1', $url], ['localhost:6379', $url], ['http://127.0.0.1', $url],
    ['REDIS://127.0.0.1', $url], ['redis:127.0.0.1', $url], ['redis', $url],
    ['""', $url], ['off', $url],
    ['redis://', qr/no host/], ['redis:///1', qr/no host/],
    ['redis://:6379', qr/no host/],
    ['redis://127.0.0.1:0', qr/invalid port/],
    ['redis://127.0.0.1:65536', qr/invalid port/],
    ['redis://127.0.0.1:x', qr/invalid port/],
    ['redis://127.0.0.1:6379/x', qr/the database is a number from 0 to 65535/],
    ['redis://127.0.0.1:6379/-1', qr/the database is a number/],
    ['redis://127.0.0.1:6379/65536', qr/the database is a number/],
    ['redis://127.0.0.1:6379/1/2', qr/the database is a number/],
    ['redis://127.0.0.1?db=1', qr/invalid Redis/],
    ['redis://unix:/tmp/x', qr/invalid Redis/],
    ['redis://[::1', qr/invalid host/], ['redis://[x]', qr/invalid IPv6/],
    ['redis://@127.0.0.1', qr/no user before the "\@"/],
    ['redis://gateway@127.0.0.1', qr/user "gateway" needs "password_file="/],
    ['redis://gateway:s3cret@127.0.0.1',
     qr/a password does not belong into the URL/],
    ['redis://:s3cret@127.0.0.1', qr/a password does not belong into the URL/],
    (map { [$_, qr/a password does not belong into the URL/] }
         'http://gateway:s3cret@127.0.0.1', 'REDIS://gateway:s3cret@127.0.0.1',
         'gateway:s3cret@127.0.0.1', 'redis://a@b:s3cret@127.0.0.1'),
    ['unix:', qr/no path in the unix domain socket/],
    ['unix:' . 'x' x 200, qr/too long path in the unix domain socket/],
    ['unix:/tmp/x:70000', qr/the database is a number/],
    ['redis://127.0.0.1 timeout=0', qr/"timeout=0": from 1ms to 60s/],
    ['redis://127.0.0.1 timeout=61s', qr/"timeout=61s": from 1ms to 60s/],
    ['redis://127.0.0.1 timeout=x', qr/"timeout=x": from 1ms to 60s/],
    ['redis://127.0.0.1 timeout=', qr/"timeout=" has no value/],
    ['redis://127.0.0.1 connect_timeout=0',
     qr/"connect_timeout=0": from 1ms to 60s/],
    ['redis://127.0.0.1 timeout=1s timeout=2s',
     qr/duplicate parameter "timeout=2s"/],
    ['redis://127.0.0.1 speed=1', qr/invalid parameter "speed=1"/],
    ['redis://127.0.0.1 redis://127.0.0.2', qr/invalid parameter "redis:/],
    ['redis://127.0.0.1 prefix=', qr/"prefix=" has no value/],
    ['redis://127.0.0.1 "prefix=a b"', qr/1 to 64 of letters, digits and/],
    ['redis://127.0.0.1 "prefix={a}"', qr/1 to 64 of letters, digits and/],
    ['redis://127.0.0.1 prefix=a*', qr/1 to 64 of letters, digits and/],
    ['redis://127.0.0.1 prefix=' . 'p' x 65, qr/1 to 64 of letters/],
    ['redis://127.0.0.1 password_file=%%DIR%%/none', qr/No such file/],
    ['redis://127.0.0.1 password_file=%%DIR%%/folder', qr/is no file/],
    ['redis://127.0.0.1 password_file=%%DIR%%/pipe', qr/is no file/],
    ['redis://127.0.0.1 password_file=%%DIR%%/open',
     qr{"/\S+/open" is open to others: "chmod 600" closes it}],
    ['redis://127.0.0.1 password_file=%%DIR%%/writable', qr/open to others/],
    ['redis://127.0.0.1 password_file=%%DIR%%/empty',
     qr/must have one line of 1 to 4096 bytes/],
    ['redis://127.0.0.1 password_file=%%DIR%%/newline',
     qr/must have one line of 1 to 4096 bytes/],
    ['redis://127.0.0.1 password_file=%%DIR%%/long',
     qr/must have one line of 1 to 4096 bytes/],
    ['redis://127.0.0.1 password_file=%%DIR%%/lines',
     qr/has more than one line, or a control character/],
    ['redis://127.0.0.1 password_file=%%DIR%%/control',
     qr/has more than one line, or a control character/],
    (map { ["redis://127.0.0.1 $_", qr{are for "rediss://" only}] }
         'ca=%%DIR%%/some.crt', 'cert=a key=b', 'server_name=a'),
    ['unix:/tmp/x ca=%%DIR%%/some.crt', qr{are for "rediss://" only}],
    ['rediss://127.0.0.1 cert=%%DIR%%/some.crt', qr/belong together/],
    ['rediss://127.0.0.1 key=%%DIR%%/some.key', qr/belong together/],
    ['rediss://127.0.0.1 ca=%%DIR%%/none', qr/No such file/],
    ['rediss://127.0.0.1 ca=%%DIR%%/secret', qr/secret/],
    ['rediss://127.0.0.1 cert=%%DIR%%/none key=%%DIR%%/some.key',
     qr/No such file/],
    ["redis://127.0.0.1;\n    spocr_redis redis://127.0.0.2", qr/is duplicate/],
) {
    my ($args, $message) = @$_;
    my ($exit, $out) = conf($args);
    isnt $exit, 0, $args =~ s/\n.*/.../sr;
    like $out, $message, 'says why';
    like $out, qr{\[emerg\] .* in /\S+/test\.conf:\d+$}m, 'and where';
    unlike $out, qr/s3cret/, 'and no password';
}

# a name that has no address now may have one later
my ($exit, $out) = conf('redis://no-such-host.invalid:7000');
is $exit, 0, 'a name that cannot be resolved: nginx starts';
like $out, qr{\[warn\] .*"redis://no-such-host\.invalid:7000": host not found},
     'and says so';

# the line is the http block's
($exit, $out) = $t->config_test(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    server { spocr_redis redis://127.0.0.1; }
}
EOF
like $out, qr/"spocr_redis" directive is not allowed here/, 'not in a server';

$t->done;
