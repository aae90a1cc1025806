# docs/errors.md, the contract's table and the registry of errors.

use v5.36;
use JSON::PP ();
use Test::More;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

# C-35: one registry of errors
my $registry = slurp('ngx_spocr_module/ngx_spocr_error.c');
my (@rows, %row);

while ($registry =~ /ngx_spocr_error_row\("(\w+)",
                     \s*((?:"[^"]+"\s*)+),\s*(\d+)/gx)
{
    my ($code, $text, $status) = ($1, $2, $3);
    push @rows, $code;
    $row{$code} = { message => join('', $text =~ /"([^"]+)"/g),
                    status => $status };
}
cmp_ok scalar @rows, '>', 15, 'the registry is found';

# an entry for each, in the registry's order
my $page = slurp('docs/errors.md');
my @entries = $page =~ /^## (\w+)$/gm;
is join(' ', @entries), join(' ', @rows), 'an entry for each code, in order';

for my $code (@rows) {
    my ($entry) = $page =~ /^## $code\n(.*?)(?=^## |\z)/ms;
    my ($json) = ($entry // '') =~ /^```json\n(.*?)^```/ms;
    my $example = eval { JSON::PP->new->decode($json) } // {};

    if (!$entry) { fail "$code has an entry"; next }
    is +($entry =~ /^Status: (\d+)$/m)[0], $row{$code}{status},
       "$code: its status";
    is_deeply [sort keys %{ $example->{error} // {} }],
        [qw(code message requestId)], "$code: its example";
    is $example->{error}{code}, $code, "$code: its example's code";
    is $example->{error}{message}, $row{$code}{message},
       "$code: its example's message";
    like $example->{error}{requestId}, qr/^req_[0-9a-f]{32}$/,
        "$code: its example's id";
    is exists $example->{details},
       $code =~ /^rate_limited$|^service_un/ || $row{$code}{status} == 409,
       "$code: details where there are any";
    like $entry, qr/^\*\*Cause\.\*\* /m, "$code: a cause";
    like $entry, qr/^\*\*What the client should do\.\*\* /m,
        "$code: what to do";
}

# the kinds sort codes, or say "all others"; and the text counts them
my ($table) = $page =~ /^\| kind .*?\n\n/msg ? $& : '';
is scalar(() = $table =~ /^\| (?!kind )/gm), 4, 'four kinds of errors';
like $page, qr/which of four kinds it is:\n\n\| kind /, 'as it is said';
is join(' ', grep { !$row{$_} } $table =~ /`(\w+)`/g), '',
   'their table names codes';

# the contract's table
my $contract = slurp('docs/contract.md');
my %told;
while ($contract =~ /^ *\| (\d{3}) \| (.*?) \|$/gm) {
    my ($status, $codes) = ($1, $2);
    $told{$_} = $status for $codes =~ /`(\w+)`/g;
}
is_deeply \%told, { map { $_ => $row{$_}{status} } @rows },
    "the contract's table";

done_testing;
