# One version, wherever it stands; and docs/release.md lists these places.

use v5.36;
use JSON::PP ();
use Test::More;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

sub first_of ($path, $re) {
    my ($version) = slurp($path) =~ $re;
    return $version // 'none';
}

my $version = first_of('ngx_spocr_module/ngx_spocr_metrics.h',
                       qr/^#define NGX_SPOCR_VERSION +"([^"]+)"/m);
like $version, qr/^\d+\.\d+\.\d+$/, 'the version of the module';

my ($item) = slurp('docs/release.md') =~ /^2\. (.*?)^3\. /ms;

my %at = (
    BE_VERSION => first_of('backend/http.h',
                           qr/^#define BE_VERSION +"([^"]+)"/m),
    'debian/changelog' => first_of('debian/changelog', qr/\A\w+ \((.+?)\)/),
    'conf.d/openapi.json' =>
        JSON::PP->new->decode(slurp('conf.d/openapi.json'))->{info}{version},
    'CHANGES.md' => first_of('CHANGES.md', qr/^## (\S+)/m),
    'docker/compose.yaml' => join(' ', do {
        my %seen;
        grep { !$seen{$_}++ }
            slurp('docker/compose.yaml') =~ /^ +image: spocr-\w+:(\S+)$/gm;
    }),
);

for my $place (sort keys %at) {
    is $at{$place}, $version, "$place: the same";
    like $item, qr/\Q$place\E/, '  and docs/release.md names it';
}
like $item, qr/NGX_SPOCR_VERSION/, 'docs/release.md begins with the module';

for my $program (grep { -x } 'build/spocr-backend', 'build/spocrctl') {
    my $said = `$program --version`;
    like $said, qr/(?:^| )\Q$version\E(?: |$)/m, "$program says it";
}

done_testing;
