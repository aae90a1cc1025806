# The tests that come with the packages (debian/tests), in a systemd that runs:
# install, enable, reload, 401 and 200, remove; and the drop-ins of nginx's
# unit, a stop that waits, systemd-analyze's mark.  What boots is a copy of the
# system that is thrown away: an overlay of its root, in namespaces of its own.

use v5.36;
use File::Copy qw(copy);
use File::Temp ();
use Test::More;

plan skip_all => 'another nginx is under test' if defined $ENV{SPOCR_MODULE};
plan skip_all => 'only root may install packages' if $>;
plan skip_all => 'no systemd here' if !-x '/lib/systemd/systemd';

my @namespaces = qw(unshare --mount --net --pid --ipc --uts --cgroup --fork
                    --kill-child);
my $probe = `@namespaces mount -t cgroup2 cgroup2 /mnt 2>&1`;
plan skip_all => "no namespaces here: $probe" if $?;

if (!glob 'build/deb/*.deb') {
    my $build = `tools/deb 2>&1`;
    is $?, 0, 'the packages are built' or diag $build;
}

my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
my $shared = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
chmod 0755, "$shared";

sub file ($name, $text) {
    open my $out, '>', "$shared/$name" or die "cannot write $name: $!\n";
    print {$out} $text;
    close $out or die "cannot write $name: $!\n";
}

sub content ($name) {
    open my $in, '<', "$shared/$name" or return '';
    local $/;
    return <$in> // '';
}

for (grep { !/dbgsym/ } glob('build/deb/*.deb'), glob('debian/tests/*')) {
    my $to = "$shared/" . s{.*/}{}r;
    copy($_, $to) or die "cannot copy $_: $!\n";
    chmod 0755, $to;
}

# the one service that is booted for; systemd ends with it
file('unit', <<'EOF');
[Unit]
Description=The tests of the packages
Requires=basic.target systemd-journald.service
After=basic.target systemd-journald.service
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/bash /mnt/all
StandardOutput=file:/mnt/out
StandardError=inherit
EOF

file('all', <<'EOF');
install_all() {
    dpkg -i /mnt/*.deb >/mnt/dpkg 2>&1 || { cat /mnt/dpkg; return 1; }
}

ln -sf /bin/true /usr/bin/mandb
ip link set lo up
rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/* /usr/sbin/policy-rc.d
install_all
echo "installed=$?"
systemctl is-active spocr-backend
/mnt/hardening
echo "hardening=$?"
systemctl stop nginx
rm -rf /etc/nginx/conf.d/spocr.conf /etc/systemd/system/nginx.service.d
systemctl daemon-reload
dpkg -P libnginx-mod-spocr spocrctl spocr-backend >/dev/null 2>&1
rm -f /etc/spocr/keys.json
install_all
/mnt/gateway
echo "gateway=$?"
systemctl --no-legend --plain list-units --failed 'nginx*' 'spocr*'
echo end
EOF

file('boot', <<"EOF");
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs $dir
mkdir $dir/up $dir/work $dir/root
mount -t overlay overlay -o lowerdir=/,upperdir=$dir/up,workdir=$dir/work \\
    $dir/root
cd $dir/root
mount --bind $shared mnt
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for i in run tmp dev; do mount -t tmpfs tmpfs \$i; done
for i in null zero full random urandom tty; do
    touch dev/\$i
    mount --bind /dev/\$i dev/\$i
done
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
cp mnt/unit etc/systemd/system/spocr-test.service
: >etc/fstab
mkdir -p old
pivot_root . old
umount -l /old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --unit=spocr-test.service --log-target=null
EOF

# a copy that hangs would hang for ever
system 'timeout', '--kill-after=5', '240', @namespaces, 'bash',
       "$shared/boot";
my $out = content('out');

for (['installed=0', 'the packages install, and'],
     ['active', 'the backend starts with that'],
     ['hardening=0', 'the drop-ins of nginx\'s unit'],
     ['ok: worker_rlimit_nofile works', 'of them, the limit of files'],
     ['ok: a stop waits for a running request', 'of them, the stop'],
     ['gateway=0', 'installed, enabled, reloaded, removed'],
     ['ok: without a key: 401', 'of it, one 401'],
     ['ok: with a key: 200', 'and one 200'],
     ["gateway=0\nend", 'no unit has failed'])
{
    my ($line, $what) = @$_;
    like $out, qr/^\Q$line\E$/m, $what;
}

diag $out if !Test::More->builder->is_passing;
done_testing;
