# docs/backend.md and the backend: options, templates, limits, reasons.

use v5.36;
use Test::More;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

sub number ($define, $path) {
    my ($n) = slurp($path) =~ /#define\s+$define\s+\(?(\d+)/;
    return $n // 0;
}

my $page = slurp('docs/backend.md');

# options and their defaults
my $help = `build/spocr-backend --help`;
is $?, 0, '--help';

# each option, and the default that its text tells
sub options ($text) {
    my (%o, $name);

    for (split /\n/, $text) {
        $name = $1 if /^ *(--\w[\w-]*)/;
        $o{$name} //= '' if defined $name;
        $o{$name} = $1 if defined $name && /\(default:? ([^)]*)\)/;
    }
    return \%o;
}

my ($block) = $page =~ /^## Options\n+```\n(.*?)^```/ms;
my $said = options("$block\n");
my $is = options($help);
delete @$is{grep { /^--(?:help|version)/ } keys %$is};
is join(' ', sort keys %$said), join(' ', sort keys %$is), 'the options';
for my $name (sort grep { $is->{$_} =~ /^[\d.:]+$/ } keys %$is) {
    is $said->{$name}, $is->{$name}, "$name: its default";
}

# templates: the fields of each, and of the arrays that they have
my $schema = slurp('backend/templates.c')
    =~ s/BE_LINE_ITEMS/A("line_items", )/gr;
my (%template, %llm, %rows);
while ($schema =~ /^    \{ "(\w+)", ([01]),\n(.*?)\},$/gms) {
    my ($id, $rules, $text) = ($1, $2, $3);
    $llm{$id} = 1 if !$rules;
    while ($text =~ /\bA\("(\w+)",\s*((?:[^()]|\([^()]*\))*)\)/g) {
        my ($array, $children) = ($1, $2);
        $rows{"$id $array"} = join ' ', $children =~ /\b[FDN]\("(\w+)"/g;
    }
    $text =~ s/\bA\("(\w+)",(?:[^()]|\([^()]*\))*\)/F("$1")/g;
    $template{$id} = join ' ', $text =~ /\b[FDN]\("(\w+)"/g;
}
my %told;
while ($page =~ /^\| `(\w+)` \| ((?:`\w+`(?:, )?){3,}) \|$/gm) {
    my ($id, $names) = ($1, $2);
    $told{$id} = join ' ', $names =~ /`(\w+)`/g;
}
cmp_ok scalar keys %template, '>=', 13, 'the templates are found';
is_deeply \%told, \%template, 'templates and their fields';

my ($rules) = $page =~ /^((?:`\w+`(?:,| and)? )+)can be read by the rules/m;
is join(' ', sort(($rules // '') =~ /`(\w+)`/g)),
   join(' ', sort grep { !$llm{$_} } keys %template), 'those of the rules';

my ($items) = slurp('backend/templates.c')
    =~ /^#define BE_LINE_ITEMS(.*?)^$/ms;
for (['line_items` has', join ' ', $items =~ /\b[FDN]\("(\w+)"/g],
     ['of a `delivery`', $rows{'delivery line_items'}],
     ['`transactions`\s+has', $rows{'bankbook transactions'}],
     ['`sections` has', $rows{'india_electoral_roll_cover sections'}])
{
    my ($start, $names) = @$_;
    my ($said) = $page =~ /$start((?:,?\s+(?:and\s+)?`\w+`)+)/;
    is join(' ', ($said // '') =~ /`(\w+)`/g), $names, $start;
}

# limits
my ($limits) = $page =~ /^## Limits\n(.*?)^## /ms;
for ([BE_MAX_BODY => 'request.h', qr/^\| body \| (\d+) MB/m],
     [BE_MAX_IMAGE => 'imghead.h', qr/^\| image \| (\d+) MB/m],
     [BE_MIN_SIDE => 'imghead.h', qr/^\| sides, pixels \| (\d+) to/m],
     [BE_MAX_SIDE => 'imghead.h', qr/^\| sides, pixels \| \d+ to ([\d,]+);/m],
     [BE_MAX_PIXELS => 'imghead.h', qr/; (\d+) million \|/m, 1e6],
     [BE_MAX_DEPTH => 'json.h', qr/^\| JSON \| (\d+) levels/m],
     [BE_MAX_FIELDS => 'schema.h', qr/^\| fields, children \| (\d+),/m],
     [BE_MAX_CHILDREN => 'schema.h', qr/^\| fields, children \| \d+, (\d+);/m],
     [BE_MAX_NAME => 'schema.h', qr/names of (\d+) characters/],
     [BE_MAX_TEXT => 'schema.h', qr/^\| descriptions, `prompt` \| ([\d,]+)/m],
     [BE_MAX_URL => 'request.c', qr/^\| image URL \| ([\d,]+) characters/m],
     [BE_IMAGE_HOPS => 'fetch_image.c', qr/(\d+) redirects/],
     [BE_IMAGE_MS => 'fetch_image.c', qr/(\d+) seconds/, 1000],
) {
    my ($define, $file, $re, $unit) = @$_;
    my ($n) = $limits =~ $re;
    is +($n // '') =~ s/,//gr * ($unit // 1), number($define, "backend/$file"),
       $define;
}

# errors
my ($codes) = $page =~ /^## Errors\n(.*?)^## /ms;
my $fault = slurp('backend/fault.c');
my %default = $fault =~ /case (\d+):\s+return "(\w+)"/g;
my %row = map { /^\| (\d+) \| `(\w+)`/ ? ("$1 $2" => 1) : () }
          split /\n/, $codes;
ok $row{"$_ $default{$_}"}, "$_ $default{$_}" for sort keys %default;

my %reason = map { $_ => 1 }
    slurp('backend/fetch_image.c') =~ /^    \{ "(\w+)",/gm,
    slurp('backend/fetch_image.c') =~ /be_image_refuse\(f, "(\w+)"/g;
my ($reasons) = $codes =~ /`details\.reason` is (.*?`failed`)/m;
is join(' ', sort $reasons =~ /`(\w+)`/g), join(' ', sort keys %reason),
   'reasons why an image was not fetched';

done_testing;
