# make deb: the packages are built, install, enable, and go without a trace.
# They are installed in a copy of the system that is thrown away: an overlay
# of its root, in namespaces of its own.

use v5.36;
use File::Temp ();
use POSIX ();
use Test::More;

plan skip_all => 'another nginx is under test' if defined $ENV{SPOCR_MODULE};
plan skip_all => 'only root may install packages' if $>;

for (qw(dpkg-buildpackage dh_nginx lintian)) {
    plan skip_all => "$_ is missing" if system "command -v $_ >/dev/null";
}

my @namespaces = qw(unshare --mount --net --pid --fork --kill-child);
my $probe = `@namespaces true 2>&1`;
plan skip_all => "no namespaces here: $probe" if $?;

my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);

# Runs a script in the copy, and returns what it printed.  Its own text comes
# as descriptor 8: the copy's /tmp is the system's.
sub in_copy ($script) {
    my $mount = <<"EOF";
set -e
mount -t tmpfs tmpfs $dir
mkdir $dir/up $dir/work $dir/root
mount -t overlay overlay -o lowerdir=/,upperdir=$dir/up,workdir=$dir/work \\
    $dir/root
mount -t proc proc $dir/root/proc
mount --bind /dev $dir/root/dev
mount -t tmpfs tmpfs $dir/root/run
mkdir $dir/root/mnt/debs
cp build/deb/*.deb $dir/root/mnt/debs
exec chroot $dir/root /bin/bash /dev/fd/8
EOF

    open my $out, '>', "$dir/script" or die "cannot write: $!\n";
    print {$out} $script;
    close $out;

    my $pid = open my $pipe, '-|' // die "cannot fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        open my $in, '<', "$dir/script" or die "cannot read: $!\n";
        POSIX::dup2(fileno $in, 8);
        exec @namespaces, 'bash', '-c', $mount or POSIX::_exit(127);
    }

    my @lines = <$pipe>;
    close $pipe;
    return @lines;
}

my $build = `tools/deb 2>&1`;
if (!is $?, 0, 'the packages are built') {
    diag $build;
    done_testing;
    exit;
}

my @debs = grep { !/dbgsym/ } glob 'build/deb/*.deb';
is_deeply [map { s{.*/(.*?)_.*}{$1}r } @debs],
    [qw(libnginx-mod-spocr spocr-backend spocrctl)], 'three of them';

like scalar `dpkg-deb -f $_ Depends`, qr/\blibhiredis\d/, "hiredis: $_"
    for grep { !/backend/ } @debs;

my $lintian = `lintian --allow-root --fail-on error,warning @debs 2>&1`;
is $?, 0, 'lintian has no errors and no warnings' or diag $lintian;

# the pages, by the names that they have in each other's links
my ($module) = grep { /libnginx-mod-spocr_/ } @debs;
my %packed = map { m{ \./usr/share/doc/libnginx-mod-spocr/(\S+)$} ? ($1 => 1)
                                                                 : () }
             `dpkg-deb -c $module`;
is join(' ', grep { !$packed{$_} } 'README.md', 'SECURITY.md',
        glob('docs/*.*'), glob 'docs/plots/*'), '', 'the pages are packed';
open my $conf, '<', 'conf.d/idempotency.conf' or die $!;
my ($page, $folder) = do { local $/; <$conf> } =~
    m{(docs/\w+\.md) has .* /usr/share/doc/libnginx-mod-spocr/(docs)/}s;
ok $packed{$page // ''} && $folder, 'where idempotency.conf says';

# Each check prints "name: output =exit code", on one line.
my @said = in_copy(<<'EOF');
check() {
    local name=$1 out code
    shift
    out=$("$@" 2>&1)
    code=$?
    printf '%s: %s=%s\n' "$name" "${out:+${out//$'\n'/ | } }" "$code"
}

quiet() {
    "$@" >/tmp/out 2>&1 || { cat /tmp/out; return 1; }
}

status() {
    curl -s -o /dev/null -w '%{http_code}' "$@"
}

mount -t tmpfs tmpfs /tmp
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*
ip link set lo up

check before test -e /etc/nginx/modules-enabled/50-mod-spocr.conf
check install quiet dpkg -i $(ls /mnt/debs/*.deb | grep -v dbgsym)
check enabled readlink /etc/nginx/modules-enabled/50-mod-spocr.conf
check test nginx -t
nginx -T 2>/dev/null >/tmp/conf
check inert grep -E '^ *(include )?spocr' /tmp/conf
check unit systemd-analyze verify spocr-backend.service
check keysdir stat -c '%a %U' /etc/spocr

# as the head of spocr.conf says
key=$(spocrctl --quiet key create --uid u_acme)
check keyfile stat -c '%a %U' /etc/spocr/keys.json
echo 'include spocr/spocr.conf;' >/etc/nginx/conf.d/spocr.conf
check deployed nginx -t

install -d -o nobody -g www-data -m 750 /run/spocr-backend
install -d -o nobody -m 700 /var/lib/spocr-backend
setpriv --reuid nobody --regid www-data --clear-groups $(sed -n \
    's/^ExecStart=//p' /lib/systemd/system/spocr-backend.service) \
    >/tmp/backend.log 2>&1 &
nginx
for i in $(seq 100); do
    curl -sf --unix-socket /run/spocr-backend/backend.sock \
        http://backend/health >/dev/null && break
    sleep 0.1
done
url=http://127.0.0.1:8080
check health status $url/health
check openapi status $url/openapi.json
check nokey status $url/ocr/fields -d '{}'
check backend curl -s $url/ocr/fields -d '{}' \
    -H "Authorization: Bearer $key" -H 'Content-Type: application/json'
check stored curl -s $url/amount -H "Authorization: Bearer $key"
check look status $url/
check page status http://127.0.0.1:8081/status

# and then with Redis
redis=unix:/tmp/redis.sock
redis-server --port 0 --unixsocket ${redis#unix:} --unixsocketperm 777 \
    --save '' >/tmp/redis.log 2>&1 &
for i in $(seq 100); do
    grep -q 'ready to accept' /tmp/redis.log && break
    sleep 0.1
done
check import quiet spocrctl --redis $redis redis import /etc/spocr/keys.json
sed -i -e "s|^spocr_keys .*|spocr_keys redis;|" \
    -e "s|^# spocr_redis .*|spocr_redis $redis;|" /etc/nginx/spocr/spocr.conf
check redis nginx -t
nginx -s reload
for i in $(seq 100); do
    curl -s -o /dev/null $url/nothing -H "Authorization: Bearer $key"
    grep -q '"limit_source":"redis"' /var/log/nginx/spocr-access.log && break
    sleep 0.1
done
check fleet status $url/nothing -H "Authorization: Bearer $key"
check counted grep -c -m1 '"limit_source":"redis"' \
    /var/log/nginx/spocr-access.log
nginx -s quit
kill %1 %2

# gone again
check remove quiet dpkg -r libnginx-mod-spocr spocrctl spocr-backend
check link test -L /etc/nginx/modules-enabled/50-mod-spocr.conf
check still test -s /etc/nginx/spocr/spocr.conf
rm /etc/nginx/conf.d/spocr.conf
check without nginx -t
check purge quiet dpkg -P libnginx-mod-spocr spocrctl spocr-backend
check conf test -e /etc/nginx/spocr
check keys test -e /etc/spocr/keys.json
EOF

my %said = map { /^(\w+): (.*)$/ ? ($1 => $2) : () } @said;

for ([before => '=1', 'not there before'],
     [install => '=0', 'they install'],
     [enabled => '/usr/share/nginx/modules-available/mod-spocr.conf =0',
      'the module is enabled'],
     [test => qr/test is successful =0$/, 'nginx -t'],
     [inert => '=1', 'nothing is configured by that'],
     [unit => '=0', 'the unit of the backend is right'],
     [keysdir => '750 root =0', 'the folder of the keys is for root'],
     [keyfile => '600 root =0', 'and the key file is'],
     [deployed => qr/^(?!.*\[).*test is successful =0$/,
      'nginx -t with the shipped configuration, without a warning'],
     [health => '200 =0', 'the gateway serves'],
     [openapi => '200 =0', 'the document is found'],
     [nokey => '401 =0', 'a key is needed'],
     [backend => qr/"validation_failed".* =0$/, 'the backend answers'],
     [stored => qr/"remaining":100,.* =0$/, 'and stores'],
     [look => '200 =0', 'the page to look at'],
     [page => '200 =0', 'the status page'],
     [import => '=0', 'the keys go to Redis'],
     [redis => qr/^(?!.*\[).*test is successful =0$/, 'nginx -t with Redis'],
     [fleet => '404 =0', 'a key of Redis'],
     [counted => '1 =0', 'and limits of Redis'],
     [remove => '=0', 'they are removed'],
     [link => '=1', 'the module is disabled by that'],
     [still => '=0', 'the configuration stays until the purge'],
     [without => qr/test is successful =0$/, 'nginx -t without them'],
     [purge => qr/=0$/, 'they are purged'],
     [conf => '=1', 'and the configuration with them'],
     [keys => '=0', 'but never the keys'])
{
    my ($name, $expected, $what) = @$_;
    my $got = $said{$name} // '(nothing)';
    my $right = ref $expected ? like $got, $expected, $what
                              : is $got, $expected, $what;
    diag @said if !$right;
}

done_testing;
