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
for ([BE_HEADER_POOL => 'http.c', qr/^\| header \| (\d+) KB/m],
     [BE_MAX_ARGS => 'query.c', qr/^\| query \| (\d+) arg/m],
     [BE_MAX_BODY => 'request.h', qr/^\| body \| (\d+) MB/m],
     [BE_MAX_IMAGE => 'imghead.h', qr/^\| image \| (\d+) MB/m],
     [BE_MIN_SIDE => 'imghead.h', qr/^\| sides, pixels \| (\d+) to/m],
     [BE_MAX_SIDE => 'imghead.h', qr/^\| sides, pixels \| \d+ to ([\d,]+);/m],
     [BE_MAX_PIXELS => 'imghead.h', qr/; (\d+) million, of a GIF/m, 1e6],
     [BE_MAX_DEPTH => 'json.h', qr/^\| JSON \| (\d+) levels/m],
     [BE_MAX_VALUES => 'json.h', qr/^\| JSON \| \d+ levels, ([\d,]+) v/m],
     [BE_MAX_FIELDS => 'schema.h', qr/^\| fields, children \| (\d+),/m],
     [BE_MAX_CHILDREN => 'schema.h', qr/^\| fields, children \| \d+, (\d+);/m],
     [BE_MAX_NAME => 'schema.h', qr/names of (\d+) characters/],
     [BE_MAX_TEXT => 'schema.h', qr/^\| descriptions, `prompt` \| ([\d,]+)/m],
     [BE_MAX_URL => 'request.c', qr/^\| image URL \| ([\d,]+) characters/m],
     [BE_IMAGE_HOPS => 'fetch_image.c', qr/(\d+) redirects/],
     [BE_IMAGE_MS => 'fetch_image.c', qr/(\d+) seconds/, 1000],
     [BE_MAX_UPLOAD => 'space/upload.h', qr/of `\/upload` (\d+) MB/],
     [BE_MAX_JSON => 'route.c', qr/of other endpoints (\d+) MB/, 1024],
     [BE_MAX_FILES => 'space/upload.h', qr/^\| files \| (\d+) in/m],
     [BE_MAX_NODE_NAME => 'space/api_tree.c', qr/^\| names, paths \| (\d+)/m],
     [BE_PATH_DEPTH => 'space/tree.h', qr/(\d+) levels \| 400 `val/],
     [BE_MAX_COLUMNS => 'space/where.h', qr/^\| columns \| (\d+) of/m],
     [BE_MAX_MEMO => 'space/api_tree.c', qr/^\| memo \| (\d+) KB/m],
     [BE_EDIT_BYTES => 'space/api_edit.c', qr/`\/edit` \| ([\d,]+) bytes/],
     [BE_EDIT_ROWS => 'space/api_edit.c', qr/bytes, (\d+) rows/],
     [BE_VIEW_MAX => 'space/api_view.c', qr/^\| `\/view` \| (\d+) rows/m],
     [BE_VIEW_BYTES => 'space/api_view.c', qr/rows, (\d+) MB of them/],
     [BE_CSV_MAX => 'space/api_view.c', qr/a CSV ([\d,]+) and/],
     [BE_CSV_BYTES => 'space/view_csv.c', qr/and (\d+) MB;/],
     [BE_CSV_TENANT => 'space/view_csv.c', qr/sent yet \| (\d+) of a t/],
     [BE_CSV_FILES => 'space/view_csv.c', qr/of a tenant, (\d+) of all/],
     [BE_MAX_WHERE => 'space/where.h', qr/(\d+) `where`/],
     [BE_MAX_SORT => 'space/where.h', qr/(\d+) `sort`/],
     [BE_MAX_LISTED => 'space/api_tree.c', qr/a folder \| ([\d,]+) \|/],
     [BE_VIEW_ITEMS => 'space/api_view.c', qr/a folder \| ([\d,]+) \|/],
     [BE_HOOK_WAITING => 'space/api_hook.c', qr/wait \| ([\d,]+),/],
) {
    my ($define, $file, $re, $unit) = @$_;
    my ($n) = $limits =~ $re;
    is +($n // '') =~ s/,//gr * ($unit // 1), number($define, "backend/$file"),
       $define;
}

# the same numbers for clients
my ($client) = slurp('docs/api.md') =~ /^## Limits\n(.*?)^## /ms;
for ([BE_MAX_IMAGE => 'imghead.h', qr/^\| an image \| (\d+) MB/m],
     [BE_MAX_SIDE => 'imghead.h', qr/16 to ([\d,]+) pixels/],
     [BE_MAX_PIXELS => 'imghead.h', qr/, (\d+) million pixels/, 1e6],
     [BE_MAX_BODY => 'request.h', qr/(\d+) MB \(`\/ocr\/fields`\)/],
     [BE_MAX_FILES => 'space/upload.h', qr/(\d+) files/],
     [BE_MAX_VALUES => 'json.h', qr/^\| JSON \| ([\d,]+) values/m],
     [BE_MAX_FIELDS => 'schema.h', qr/^\| fields, children \| (\d+),/m],
     [BE_MAX_CHILDREN => 'schema.h', qr/children \| \d+, (\d+);/m],
     [BE_PATH_DEPTH => 'space/tree.h', qr/(\d+) levels/],
     [BE_MAX_NODE_NAME => 'space/api_tree.c', qr/levels, names of (\d+)/],
     [BE_MAX_MEMO => 'space/api_tree.c', qr/a memo \| (\d+) KB/],
     [BE_VIEW_BYTES => 'space/api_view.c', qr/`\/view` has at\s+most (\d+) MB/],
     [BE_MAX_COLUMNS => 'space/where.h', qr/of its own gets (\d+), and no/],
     [BE_MAX_NAME => 'space/upload.c', qr/files are cut to (\d+) bytes/],
     [BE_MAX_WHERE => 'space/where.h', qr/`where`, `sort` \| (\d+),/],
     [BE_MAX_SORT => 'space/where.h', qr/`where`, `sort` \| \d+, (\d+)/],
     [BE_VIEW_MAX => 'space/api_view.c', qr/`\/view` \| (\d+) rows/],
     [BE_CSV_MAX => 'space/api_view.c', qr/a CSV ([\d,]+);/],
     [BE_WAIT_MS => 'space/api_upload.c', qr/`wait` \| (\d+) s/, 1000],
) {
    my ($define, $file, $re, $unit) = @$_;
    my ($n) = $client =~ $re;
    is +($n // '') =~ s/,//gr * ($unit // 1), number($define, "backend/$file"),
       "api.md: $define";
}

# bodies: the gateway's limits
my %size;
for my $file ('conf.d/api.conf', 'conf.d/storage.conf') {
    my $conf = slurp($file) =~ s/^\s*#.*\n//gmr;
    $size{''} = $1 if $conf =~ /^client_max_body_size (\w+);/m;
    while ($conf =~ /^location (?:= )?(\S+) \{\n(.*?)^\}/gms) {
        my ($path, $text) = ($1, $2);
        $size{$path} = $1 if $text =~ /^ *client_max_body_size (\w+);/m;
    }
}
my ($bodies) = $client =~ /^\| bodies \| (.*) \|$/m;
my %body = ('/upload' => $size{'/upload'});
while ($bodies =~ /(\d+) ([MK])B \(([^)]*)\)/g) {
    my ($n, $unit, $paths) = ($1, $2, $3);
    $body{$_} = $n . lc $unit
        for $paths eq 'all others' ? '' : $paths =~ /`([^`]+)`/g;
}
is_deeply \%body, \%size, 'api.md: bodies, as the gateway takes them';

# what an OCR engine may send
for ([BE_MAX_TOKENS => qr/words in reading order, ([\d,]+) at most/],
     [BE_MAX_TOKEN_TEXT => qr/UTF-8, (\d+) bytes at most/]) {
    my ($define, $re) = @$_;
    my ($n) = $page =~ $re;
    is +($n // '') =~ s/,//gr, number($define, 'backend/engine_http.c'),
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
