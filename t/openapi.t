# conf.d/openapi.json: well-formed, of one mind with the error registry, the
# shipped locations and the backend's routes, and accepted by a public linter.
# t/openapi_live.t has what is checked against it.

use v5.36;
use JSON::PP ();
use Test::More;

my $json = JSON::PP->new->utf8->canonical;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $text = slurp('conf.d/openapi.json');
my $doc = $json->decode($text);

is $doc->{openapi}, '3.1.0', 'OpenAPI 3.1';

# "METHOD path" => operation
my %op;
for my $path (keys %{ $doc->{paths} }) {
    $op{"\U$_\E $path"} = $doc->{paths}{$path}{$_}
        for keys %{ $doc->{paths}{$path} };
}

# C-35: one registry of errors
my $registry = slurp('ngx_spocr_module/ngx_spocr_error.c');
my @rows = $registry =~ /ngx_spocr_error_row\("(\w+)",/g;
is_deeply [sort @{ $doc->{components}{schemas}{GatewayErrorCode}{enum} }],
    [sort @rows], 'the codes of the gateway are those of its registry';

my %status = $registry =~
    /ngx_spocr_error_row\("(\w+)",\s*(?:"[^"]*"\s*)+,\s*(\d+)/g;
my $answers = $op{'POST /upload'}{responses};

for my $code (sort keys %status) {
    my @named = grep {
        my ($name) = ($answers->{$_}{'$ref'} // '') =~ m{/(\w+)$};
        $name && $doc->{components}{responses}{$name}{description}
            =~ /`$code`/;
    } keys %$answers;
    is_deeply \@named, [$status{$code}], "$code stands under $status{$code}";
}

# every operation can be answered by the gateway in each of its ways
for my $name (sort keys %op) {
    my @codes = qw(400 404 405 414 500 501 503 505);
    push @codes, qw(401 403 429 502 504) if !$op{$name}{security};
    push @codes, qw(409 422) if $name =~ /^POST/;
    push @codes, qw(413 415) if $op{$name}{requestBody};
    is join(' ', grep { !$op{$name}{responses}{$_} } @codes), '',
        "$name: its errors";
}

# every code that the backend gives is in one of the two lists
my %known = map { $_ => 1 } @rows,
    @{ $doc->{components}{schemas}{BackendErrorCode}{enum} };
my %given = map { $_ => 1 }
    slurp('backend/fault.c') =~ /return "(\w+)"/g,
    map { slurp($_) =~ /\b[45]\d\d,\s*"([a-z]\w+)"/g }
    glob 'backend/*.c backend/space/*.c';
ok %given, 'codes of the backend';
is_deeply [grep { !$known{$_} } sort keys %given], [],
    'the codes of the backend are listed';

# The paths are the shipped locations; what is open and which scope is needed
# is said as it is there.  The page is no part of the document.
my %at;
for my $file (qw(api storage)) {
    my $conf = slurp("conf.d/$file.conf") =~ s/^\s*#.*\n//gmr;
    $at{$2} = { exact => $1 ne '', text => $3 }
        while $conf =~ /^location (= |)(\S+) \{\n(.*?)^\}/gms;
}
delete @at{ grep { m{^/(?:assets/.*)?$} } keys %at };

sub location_of ($path) {
    my $plain = $path =~ s/\{.*//r;
    return $path if $at{$path} && $at{$path}{exact};
    my @fit = grep { !$at{$_}{exact} && index($plain, $_) == 0 } keys %at;
    return (sort { length $b <=> length $a } @fit)[0];
}

my %served;
for my $name (sort keys %op) {
    my ($method, $path) = split / /, $name;
    my $at = location_of($path);
    ok $at, "$name has a location" or next;
    $served{$at} = 1;

    my ($methods) = $at{$at}{text} =~ /spocr_methods ([^;]+);/;
    ok grep({ $_ eq $method } split / /, $methods // ''),
        "$name: $at takes it";
    my ($scope) = $at{$at}{text} =~ /spocr_require_scope (\w+);/;
    my ($said) = $op{$name}{description} =~ /Scope: `(\w+)`\.$/;
    is $said // 'none', $scope // 'none', "$name: its scope";
    is $op{$name}{security} ? 'open' : 'keyed',
        $at{$at}{text} =~ /spocr_auth off;/ ? 'open' : 'keyed',
        "$name: its key";
}
is join(' ', grep { !$served{$_} } sort keys %at), '',
    'and each location has a path';

# the backend's table
my %routes;
my $table = slurp('backend/route.c');
$routes{"$1 $2"} = 1
    while $table =~ /^    \{ "([A-Z]+)", "([^"]+)",/gm;
delete @routes{ grep { m{^GET /(?:assets/.*)?$} } keys %routes };
is_deeply [sort map { s/\{\w+\}/*/gr } keys %op], [sort keys %routes],
    'the operations are the routes of the backend';

# the limits that the backend has
sub number ($define, $file) {
    my ($n) = slurp("backend/$file") =~ /#define\s+$define\s+\(?(\d+)/;
    return $n // 0;
}
my $schemas = $doc->{components}{schemas};
for ([BE_MAX_FIELDS => 'schema.h',
      $schemas->{FieldsRequest}{properties}{fields}{maxItems}],
     [BE_MAX_CHILDREN => 'schema.h',
      $schemas->{ArraySpec}{properties}{children}{maxItems}],
     [BE_MAX_NAME => 'schema.h',
      $schemas->{ValueSpec}{properties}{name}{maxLength}],
     [BE_MAX_TEXT => 'schema.h', $schemas->{Prompt}{maxLength}],
     [BE_MAX_FILES => 'space/upload.h',
      $schemas->{UploadRequest}{properties}{files}{maxItems}])
{
    is $_->[2], number($_->[0], $_->[1]), $_->[0];
}
is_deeply [sort @{ $schemas->{TemplateId}{enum} }],
    [sort { $a cmp $b }
        slurp('backend/templates.c') =~ /^    \{ "(\w+)", [01],$/gm],
    'the templates';
my ($types) = slurp('backend/space/hook.c')
    =~ /be_event_types\[\] = \{(.*?)\}/s;
is_deeply $schemas->{EventType}{enum}, [$types =~ /"([^"]+)"/g],
    'the types of events';

# every reference has a target, every component is used
my %refs;
$refs{$1}++ while $text =~ m{"\$ref": "#/([^"]+)"}g;

for my $ref (sort keys %refs) {
    my $at = $doc;
    $at = ref $at eq 'HASH' ? $at->{$_} : undef for split m{/}, $ref;
    ok defined $at, "$ref exists";
}

for my $kind (qw(parameters headers responses schemas)) {
    ok $refs{"components/$kind/$_"}, "$kind/$_ is used"
        for sort keys %{ $doc->{components}{$kind} };
}

# operations have names of their own, and each answer has its request id
my %ids;
$ids{ $_->{operationId} // '' }++ for values %op;
is_deeply [grep { $_ eq '' || $ids{$_} > 1 } keys %ids], [], 'operationIds';

my @anonymous;
for my $name (sort keys %op) {
    for my $status (sort keys %{ $op{$name}{responses} }) {
        my $r = $op{$name}{responses}{$status};
        $r = $doc->{components}{responses}{$1}
            if ($r->{'$ref'} // '') =~ m{^#/components/responses/(\w+)$};
        push @anonymous, "$name $status"
            if !$r->{headers}{'X-Request-Id'};
    }
}
is_deeply \@anonymous, [], 'each answer has X-Request-Id';

# A public linter, pinned.  It is fetched by npm into build/; where node is too
# old for the newest one, the last one that it can run.
subtest 'redocly lint' => sub {
    my ($node) = (`node --version 2>/dev/null` // '') =~ /^v(\d+)/;
    plan skip_all => 'needs node 18 or newer' if !$node || $node < 18;

    my $version = $node < 20 ? '1.34.5' : '2.77.0';
    my $dir = $node < 20 ? 'build/npm-1' : 'build/npm';
    my $bin = "$dir/node_modules/.bin/redocly";

    if (!-e $bin) {
        plan skip_all => 'npm is absent' if !`npm --version 2>/dev/null`;
        mkdir 'build';
        plan skip_all => 'the npm registry is out of reach'
            if system "npm install --silent --no-audit --no-fund "
                      . "--ignore-scripts --prefix $dir "
                      . "'\@redocly/cli\@$version' >build/npm.log 2>&1";
    }

    my $out = `REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \\
               $bin lint --max-problems 20 conf.d/openapi.json 2>&1`;
    is $?, 0, 'accepted' or diag $out;
    unlike $out, qr/You have \d+ warning/, 'without a warning' or diag $out;
};

done_testing;
