# What /ocr and /ocr/fields refuse before anything is read: fields and values of
# the wrong kind, each with 400 and the name of what is wrong.

use v5.36;
use lib 't/lib';
use File::Temp ();
use Test::More;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $backend = Spocr::Ocr->start('--socket-mode', '0600');
my $image = Spocr::Ocr::sample('receipt.png');
my ($socket) = $backend->{address} =~ /^unix:(.*)/;
is sprintf('%o', (stat $socket)[2] & 07777), '600', '--socket-mode';

sub refused ($what, $more, $re, %headers) {
    my $r = $backend->fields({ image => $image, fields => [
        { name => 'total', type => 'string' }], %$more }, %headers);
    is $r->{status}, 400, $what or diag $r->{body};
    like $r->{body}, $re, '  by name';
}

my $field = { name => 'a', type => 'string' };
refused "templateId of $_->[0]", { templateId => $_->[1] }, qr/templateId/
    for ['a number', 5], ['an array', []], ['an object', {}];
refused "languageHints of $_->[0]", { languageHints => $_->[1] },
        qr/languageHints/
    for ['a text', 'en'], ['numbers', [5]], ['null', [undef]],
        ['too many', [('en') x 100]], ['an object', {}];
refused "a prompt of $_->[0]", { prompt => $_->[1] }, qr/prompt/
    for ['a number', 5], ['an array', ['x']], ['100 kB', 'x' x 100_000];
refused 'text with NUL', { prompt => "a\0b" }, qr/not valid JSON/;
refused "an image of $_->[0]", { image => $_->[1] }, qr/image/
    for ['a number', 5], ['nothing', ''], ['null', undef], ['an array', []],
        ['a URL of 10 kB', 'http://h.example/' . 'x' x 10_000],
        ['a data URL without data', 'data:image/png;base64'],
        ['a data URL of text', 'data:,hello'],
        ['a data URL of another kind', "data:image/png;hex,$image"];
refused "a URL with $_->[0]", { image => "http://h.example/$_->[1]" },
        qr/URL|image/
    for ['a line break', "\r\nX: y"], ['a control character', "\x01"],
        ['DEL', "\x7f"];
refused "fields of $_->[0]", { fields => $_->[1] }, qr/fields/
    for ['a text', 'total'], ['nothing', []], ['a text in it', ['total']],
        ['no name', [{ type => 'string' }]],
        ['a number for a name', [{ %$field, name => 5 }]],
        ['an empty name', [{ %$field, name => '' }]],
        ['a tab in a name', [{ %$field, name => "a\tb" }]],
        ['DEL in a name', [{ %$field, name => "a\x7fb" }]],
        ['a C1 control in a name', [{ %$field, name => "a\x{85}b" }]],
        ['a long name', [{ %$field, name => 'n' x 1000 }]],
        ['another type', [{ %$field, type => 'date' }]],
        ['a type that is a number', [{ %$field, type => 5 }]],
        ['an array in an array', [{ name => 'a', type => 'array', children =>
            [{ name => 'b', type => 'array', children => [$field] }] }]],
        ['an array without columns', [{ name => 'a', type => 'array' }]],
        ['children of a string', [{ %$field, children => [$field] }]],
        ['a description of a number', [{ %$field, description => 5 }]],
        ['a long description', [{ %$field, description => 'd' x 100_000 }]],
        ['two of one name', [$field, $field]];
my $r = $backend->fields({ image => $image, templateId => undef,
                           fields => [$field] });
is $r->{status}, 200, 'null is nothing' or diag $r->{body};
is $backend->stop, 0, 'ends well';

# two of a header that tells requests apart
my $data = File::Temp->newdir;
$backend = Spocr::Ocr->start('--data', $data);
my %folder = (path => '', name => 'x', type => 'folder');
$r = $backend->call(POST => '/create', \%folder,
                    'Idempotency-Key' => "a\r\nIdempotency-Key: b");
is $r->{status}, 400, 'two Idempotency-Keys';
like $r->{body}, qr/two Idempotency-Key/, '  by name';
is $backend->call(POST => '/create', \%folder, 'Idempotency-Key' => 'a')
    ->{status}, 201, 'one';
done_testing;
