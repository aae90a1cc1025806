# The container files: what they copy exists, the images are made of the
# packages, nginx takes the configuration that docker/gateway starts it with,
# and public linters have nothing to say.

use v5.36;
use File::Spec::Functions qw(rel2abs);
use File::Temp ();
use Test::More;

use lib 't/lib';
use Spocr::Port;

sub slurp ($path) {
    open my $in, '<', $path or die "cannot read $path: $!\n";
    local $/;
    return <$in>;
}

sub spew ($path, $text) {
    open my $out, '>', $path or die "cannot write $path: $!\n";
    print {$out} $text;
    close $out or die "cannot write $path: $!\n";
}

my $dockerfile = slurp('docker/Dockerfile');
my $compose = slurp('docker/compose.yaml');

for my $path (map { split } $dockerfile =~ /^COPY (?:--\S+ )*(\S+) \S+$/mg) {
    ok -e $path, "$path, which is copied, exists";
}

my ($version) = slurp('ngx_spocr_module/ngx_spocr_metrics.h')
                =~ /NGX_SPOCR_VERSION +"([^"]+)"/;
is_deeply [sort { $a cmp $b } $compose =~ /image: (spocr-\S+)/g],
    ["spocr-backend:$version", ("spocr-gateway:$version") x 2],
    'the images have the version of the module';

# what docker/gateway reads can be set, and the default is the service
my %default = map { /(\w+): \$\{\1:-([^}]*)\}/ ? ($1 => $2) : () }
    $compose =~ /^ +(SPOCR_\w+: .*)$/mg;
is_deeply \%default, { SPOCR_REDIS => 'redis://redis:6379',
                       SPOCR_RESOLVER => '' }, 'the environment passes through';
my ($variables) = slurp('docker/gateway') =~ /\A(.*?)^set /ms;
is join(' ', sort keys %default), join(' ', sort $variables =~ /^#   (\w+)/mg),
    'each variable of docker/gateway';
like slurp('docs/docker.md'), qr/`$_`/, "docs/docker.md has $_"
    for sort keys %default;

my %target = map { $_ => 1 } $dockerfile =~ /^FROM \S+ AS (\w+)$/mg;
ok $target{$_}, "there is a target $_" for $compose =~ /target: (\w+)/g;

unlike $compose =~ s/^ *#.*//mgr, qr/privileged: *true|cap_add|network_mode/,
    'no container has more rights than others';
unlike $_, qr/0\.0\.0\.0|^\d+:\d+$/, 'a port is published on loopback'
    for $compose =~ /^ +ports:\n((?: +- .*\n)+)/mg;

# The start script in a folder of its own, up to nginx -t.
my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
my $module = $ENV{SPOCR_MODULE} // 'build/ngx_spocr_module.so';
my $nginx = $ENV{SPOCR_NGINX} // '/usr/sbin/nginx';
my @held = map { Spocr::Port->new } 1 .. 2;
my @port = map { $_->number } @held;
my $here = `pwd` =~ s/\n//r;
my $load = $module eq '' ? '' : 'load_module ' . rel2abs($module) . ';';

mkdir "$dir/$_" for qw(state tmp bin);
symlink "$here/conf.d", "$dir/spocr";
my $conf = slurp('docker/nginx.conf')
    =~ s{include mime.types}{include /etc/nginx/mime.types}r
    =~ s{ /tmp/}{ $dir/tmp/}gr
    =~ s{/var/lib/spocr}{$dir/state}gr
    =~ s{listen 8080}{listen 127.0.0.1:$port[0]}gr
    =~ s{listen 127.0.0.1:8081}{listen 127.0.0.1:$port[1]}r
    =~ s{^load_module .*}{$load}mr;
spew("$dir/nginx.conf", $conf);
spew("$dir/bin/nginx", "#!/bin/sh\n"
     . "exec $nginx -t -c $dir/nginx.conf -p $dir -e $dir/tmp/error.log\n");
chmod 0755, "$dir/bin/nginx";
spew("$dir/gateway", slurp('docker/gateway')
     =~ s{>/tmp/}{>$dir/tmp/}r =~ s{/var/lib/spocr$}{$dir/state}mr);

my $run = "PATH=$dir/bin:\$PATH SPOCR_REDIS=redis://127.0.0.1:1 "
          . "SPOCR_RESOLVER=127.0.0.1 sh $dir/gateway 2>&1";
my $out = `$run`;
is $?, 0, 'nginx -t of the container' or diag $out;
like $out, qr/test is successful/, 'it says so';
unlike $out, qr/\[(?:warn|error|emerg)\]/, 'without a warning' or diag $out;

my $secret = slurp("$dir/state/secret");
like $secret, qr/^[0-9a-f]{64}$/, 'a secret was made';
is sprintf('%o', (stat "$dir/state/secret")[2] & 07777), '600',
    'that nobody else can read';
`$run`;
is slurp("$dir/state/secret"), $secret, 'and stays for the next start';
is_deeply [map { s{.*/}{}r } glob "$dir/state/*"], ['secret'],
    'nothing else is left';

# Public linters, pinned; npm fetches them into build/.
sub linter ($name, $version, @args) {
    my $bin = "build/npm/node_modules/.bin/$name";

    return subtest $name => sub {
        my ($node) = (`node --version 2>/dev/null` // '') =~ /^v(\d+)/;
        plan skip_all => 'needs node 20' if !$node || $node < 20;

        if (!-e $bin) {
            plan skip_all => 'npm is absent' if !`npm --version 2>/dev/null`;
            mkdir 'build';
            plan skip_all => 'the npm registry is out of reach'
                if system "npm install --silent --no-audit --no-fund --no-save "
                          . "--ignore-scripts --prefix build/npm "
                          . "'$name\@$version' >build/npm-$name.log 2>&1";
        }
        my $said = `$bin @args 2>&1`;
        is $?, 0, 'no finding' or diag $said;
    };
}

linter('dclint', '3.1.0', '-c docker/.dclintrc.yaml --max-warnings 0',
       'docker/compose.yaml');
linter('dockerfilelint', '1.8.0', 'docker/Dockerfile');

done_testing;
