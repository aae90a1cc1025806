# conf.d/openapi.json: well-formed, of one mind with the error registry and
# with the shipped locations, and accepted by a public linter.

use v5.36;
use JSON::PP ();
use Test::More;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $text = slurp('conf.d/openapi.json');
my $doc = JSON::PP->new->utf8->decode($text);

is $doc->{openapi}, '3.1.0', 'OpenAPI 3.1';

# C-35: one registry of errors
my $registry = slurp('ngx_spocr_module/ngx_spocr_error.c');
my @rows = $registry =~ /ngx_spocr_error_row\("(\w+)",/g;
is_deeply [sort @{ $doc->{components}{schemas}{GatewayErrorCode}{enum} }],
    [sort @rows], 'the codes of the gateway are those of its registry';

my %status = $registry =~
    /ngx_spocr_error_row\("(\w+)",\s*(?:"[^"]*"\s*)+,\s*(\d+)/g;

for my $code (sort keys %status) {
    my @named = grep {
        my $r = $doc->{paths}{'/ocr/fields'}{post}{responses}{$_};
        my ($name) = ($r->{'$ref'} // '') =~ m{/(\w+)$};
        $name && $doc->{components}{responses}{$name}{description}
            =~ /`$code`/;
    } keys %{ $doc->{paths}{'/ocr/fields'}{post}{responses} };
    next if $code eq 'not_found';
    is_deeply \@named, [$status{$code}], "$code stands under $status{$code}";
}

# every code that the backend gives is in one of the two lists
my %known = map { $_ => 1 } @rows,
    @{ $doc->{components}{schemas}{BackendErrorCode}{enum} };
my %given = map { $_ => 1 }
    slurp('backend/fault.c') =~ /return "(\w+)"/g,
    map { slurp($_) =~ /\b[45]\d\d, "(\w+)"/g } glob 'backend/*.c';
ok %given, 'codes of the backend';
is_deeply [grep { !$known{$_} } sort keys %given], [],
    'the codes of the backend are listed';

# the paths are the active locations
my @locations = slurp('conf.d/api.conf') =~ /^location = (\S+)/mg;
is_deeply [sort keys %{ $doc->{paths} }], [sort @locations],
    'the paths are the locations of api.conf';

# every reference has a target, every component is used
my %refs;
$refs{$1}++ while $text =~ m{"\$ref": "#/([^"]+)"}g;

for my $ref (sort keys %refs) {
    my $at = $doc;
    $at = ref $at eq 'HASH' ? $at->{$_} : undef for split m{/}, $ref;
    ok defined $at, "$ref exists";
}

for my $kind (qw(headers responses schemas)) {
    ok $refs{"components/$kind/$_"}, "$kind/$_ is used"
        for sort keys %{ $doc->{components}{$kind} };
}

# A public linter, pinned.  It is fetched by npm into build/.
subtest 'redocly lint' => sub {
    my $linter = '@redocly/cli@2.77.0';
    my $bin = 'build/npm/node_modules/.bin/redocly';
    my ($node) = (`node --version 2>/dev/null` // '') =~ /^v(\d+)/;

    plan skip_all => 'needs node 20 or newer' if !$node || $node < 20;

    if (!-e $bin) {
        plan skip_all => 'npm is absent' if !`npm --version 2>/dev/null`;
        mkdir 'build';
        plan skip_all => 'the npm registry is out of reach'
            if system "npm install --silent --no-audit --no-fund "
                      . "--ignore-scripts --prefix build/npm '$linter' "
                      . ">build/npm.log 2>&1";
    }

    my $out = `REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \\
               $bin lint --max-problems 20 conf.d/openapi.json 2>&1`;
    is $?, 0, 'accepted' or diag $out;
    unlike $out, qr/You have \d+ warning/, 'without a warning' or diag $out;
};

done_testing;
