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

# templates
my $schema = slurp('backend/schema.c');
my %template;
while ($schema =~ /^    \{ "(\w+)",\n(.*?)\},$/gms) {
    my ($id, $text) = ($1, $2);
    $text =~ s/BE_LINE_ITEMS/BE_FIELD("line_items")/;
    $template{$id} = join ' ', $text =~ /BE_FIELD\("(\w+)"\)/g;
}
my %told;
while ($page =~ /^\| `(\w+)` \| ((?:`\w+`(?:, )?){3,}) \|$/gm) {
    my ($id, $names) = ($1, $2);
    $told{$id} = join ' ', $names =~ /`(\w+)`/g;
}
cmp_ok scalar keys %template, '>=', 2, 'the templates are found';
is_deeply \%told, \%template, 'templates and their fields';

my ($items) = $schema =~ /#define BE_LINE_ITEMS(.*?)^$/ms;
my ($named) = $page =~ /^`line_items` has (.*)\.$/m;
is join(' ', $named =~ /`(\w+)`/g),
   join(' ', grep { $_ ne 'line_items' } $items =~ /\\"name\\":\\"(\w+)\\"/g),
   'line items';

# limits
my ($limits) = $page =~ /^## Limits\n(.*?)^## /ms;
for ([BE_MAX_BODY => 'request.h', qr/^\| body \| (\d+) MB/m],
     [BE_MAX_IMAGE => 'imghead.h', qr/^\| image \| (\d+) MB/m],
     [BE_MIN_SIDE => 'imghead.h', qr/^\| sides, pixels \| (\d+) to/m],
     [BE_MAX_SIDE => 'imghead.h', qr/^\| sides, pixels \| \d+ to ([\d,]+);/m],
     [BE_MAX_PIXELS => 'imghead.h', qr/; (\d+) million \|/m, 1e6],
     [BE_MAX_DEPTH => 'request.c', qr/^\| JSON \| (\d+) levels/m],
     [BE_MAX_FIELDS => 'schema.h', qr/^\| fields, children \| (\d+),/m],
     [BE_MAX_CHILDREN => 'schema.h', qr/^\| fields, children \| \d+, (\d+);/m],
     [BE_MAX_NAME => 'schema.h', qr/names of (\d+) characters/],
     [BE_MAX_TEXT => 'schema.h', qr/^\| descriptions, `prompt` \| ([\d,]+)/m],
     [BE_MAX_URL => 'request.c', qr/^\| image URL \| ([\d,]+) characters/m],
     [BE_FETCH_HOPS => 'fetch.c', qr/(\d+) redirects/],
     [BE_FETCH_MS => 'fetch.c', qr/(\d+) seconds/, 1000],
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
    slurp('backend/fetch.c') =~ /be_fetch_refuse\(&?f, "(\w+)"/g;
my ($reasons) = $codes =~ /`details\.reason` is (.*?) \|$/m;
is join(' ', sort $reasons =~ /`(\w+)`/g), join(' ', sort keys %reason),
   'reasons why an image was not fetched';

done_testing;
