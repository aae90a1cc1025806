# What the backend refuses, and how: status, code and details.

use v5.36;
use lib 't/lib';
use Test::More;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $backend = Spocr::Ocr->start;
my $image = Spocr::Ocr::sample('receipt.png');
my @f = (fields => [{ name => 'total', type => 'string' }]);

sub png ($w, $h) {
    return encode_base64("\x89PNG\r\n\x1a\n" . pack('NA4NNC5N', 13, 'IHDR',
        $w, $h, 8, 0, 0, 0, 0, 0), '');
}

sub refused ($what, $o, $status, $code, $like, $field = undef) {
    my $r = $backend->fields($o);
    is $r->{status}, $status, "$what: $status";
    is $r->{json}{error}{code}, $code, "$what: $code";
    like $r->{json}{error}{message}, $like, "$what: says why";
    is $r->{json}{error}{requestId}, $r->{headers}{'x-request-id'},
        "$what: the request's id";
    is $r->{json}{details}{field}, $field, "$what: names the field"
        if defined $field;
}

my @v = (400, 'validation_failed');
my @i = (400, 'invalid_image');
my @b = (400, 'bad_request');

# JSON
refused 'no body', '', @b, qr/no body/;
refused 'no JSON', '{"image":', @b, qr/not valid JSON/;
refused 'an array', '[]', @b, qr/object/;
refused 'two members of a name', '{"image":"a","image":"b"}', @b, qr/duplicate/;
refused 'bad UTF-8', qq({"image":"\xff"}), @b, qr/not valid JSON/;
refused 'deep nesting', '{"image":' . '[' x 40 . ']' x 40 . '}', @b, qr/deeper/;

# fields and templates
refused 'no schema', { image => $image }, @v, qr/templateId/, 'fields';
refused 'an unknown template', { image => $image, templateId => 'x' }, @v,
    qr/no template "x"; available are: invoice, receipt/, 'templateId';
refused 'a template for a model', { image => $image, templateId => 'passport' },
    @v, qr/needs the LLM extractor.*invoice, receipt/, 'templateId';
refused 'autoFields', { image => $image, autoFields => 'yes' }, @v,
    qr/must be true or false/, 'autoFields';
refused 'no fields', { image => $image, fields => [] }, @v, qr/1 to 100/,
    'fields';
refused '101 fields', { image => $image,
    fields => [map { { name => "f$_", type => 'string' } } 0 .. 100] }, @v,
    qr/1 to 100/, 'fields';
refused 'a field of another kind', { image => $image, fields => ['total'] },
    @v, qr/object/, 'fields[0]';
refused 'a field without a name', { image => $image,
    fields => [{ type => 'string' }] }, @v, qr/string/, 'fields[0].name';
refused 'a long name', { image => $image,
    fields => [{ name => 'x' x 65, type => 'string' }] }, @v, qr/64/,
    'fields[0].name';
refused 'a name twice', { image => $image,
    fields => [map { { name => 'a', type => 'string' } } 1, 2] }, @v,
    qr/twice/, 'fields[1].name';
refused 'the reserved name', { image => $image,
    fields => [{ name => 'field_bboxes', type => 'string' }] }, @v,
    qr/reserved/, 'fields[0].name';
refused 'an unknown type', { image => $image,
    fields => [{ name => 'a', type => 'date' }] }, @v, qr/"string"/,
    'fields[0].type';
refused 'an array without children', { image => $image,
    fields => [{ name => 'a', type => 'array' }] }, @v, qr/array/,
    'fields[0].children';
refused 'arrays in arrays', { image => $image, fields => [{ name => 'a',
    type => 'array', children => [{ name => 'b', type => 'array',
    children => [] }] }] }, @v, qr/"number"/, 'fields[0].children[0].type';
refused '51 children', { image => $image, fields => [{ name => 'a',
    type => 'array', children => [map { { name => "c$_", type => 'string' } }
    0 .. 50] }] }, @v, qr/1 to 50/, 'fields[0].children';
refused 'children of a string', { image => $image, fields => [{ name => 'a',
    type => 'string', children => [{ name => 'b', type => 'string' }] }] }, @v,
    qr/only/, 'fields[0].children';

# images
refused 'no image', { @f }, @v, qr/image must be/, 'image';
refused 'an image that is a number', { @f, image => 5 }, @v, qr/image must be/,
    'image';
refused 'an unknown imageType', { @f, image => $image, imageType => 'file' },
    @v, qr/imageType/, 'imageType';
refused 'no base64', { @f, image => 'a b c' }, @i,
    qr/base64 \(at character 2\)/;
refused 'no padding', { @f, image => substr($image, 0, 5) }, @i, qr/base64/;
refused 'a line break in base64', { @f, image => "TWFu\nTWFu" }, @i, qr/base64/;
refused 'a data: URI without base64', { @f, image => 'data:image/png,abc' },
    @i, qr/data:/;
refused 'text', { @f, image => encode_base64('hello, world', '') }, @i,
    qr/not a JPEG/;
refused 'a PDF', { @f, image => encode_base64("%PDF-1.7\n", '') }, @i, qr/PDF/;
refused 'a HEIC', { @f, image => encode_base64("\0\0\0\x18ftypheic\0\0\0\0",
    '') }, @i, qr/HEIC/;
refused 'a bomb', { @f, image => png(30000, 30000) }, @i, qr/too many pixels/;
refused '51 million pixels', { @f, image => png(8000, 6400) }, @i,
    qr/too many pixels/;
refused 'a dot', { @f, image => png(15, 400) }, @i, qr/too small/;
refused 'a header and no more', { @f, image => png(400, 400) }, @i,
    qr/damaged/;
refused 'a URL that is none', { @f, image => 'ftp://x/y', imageType => 'url' },
    @v, qr/http/, 'image';
refused 'hints of another kind', { @f, image => $image, languageHints => 'en' },
    @v, qr/languageHints/, 'languageHints';

# a blank page: nothing was read, and nothing is invented
{
    my $raw = join '', map { "\0" . "\xff" x 200 } 1 .. 200;
    require Compress::Zlib;
    my $chunk = sub ($t, $d) {
        pack('N', length $d) . $t . $d
            . pack 'N', Compress::Zlib::crc32($t . $d)
    };
    my $png = "\x89PNG\r\n\x1a\n"
        . $chunk->('IHDR', pack 'NNC5', 200, 200, 8, 0, 0, 0, 0)
        . $chunk->('IDAT', Compress::Zlib::compress($raw))
        . $chunk->('IEND', '');
    refused 'a blank page', { @f, image => encode_base64($png, '') }, 502,
        'ocr_engine_error', qr/No text/;
}

# HTTP
sub http ($what, $status, $code, @args) {
    my $r = $backend->request(@args);
    is $r->{status}, $status, "$what: $status";
    is $r->{json}{error}{code}, $code, "$what: $code" if defined $code;
    is $r->{headers}{'content-type'}, 'application/json', "$what: JSON";
    is $r->{json}{error}{requestId}, $r->{headers}{'x-request-id'},
        "$what: the request's id" if defined $code;
    return $r;
}

my %id = ('X-Spocr-Uid' => 'u1', 'Content-Type' => 'application/json');

http 'an unknown path', 404, 'not_found', 'GET', '/nothing';
is http('a wrong method', 405, 'method_not_allowed', 'GET',
        '/ocr/fields')->{headers}{allow}, 'POST', 'Allow';
is http('a wrong method', 405, 'method_not_allowed', 'POST', '/health',
        {}, '')->{headers}{allow}, 'GET, HEAD', 'Allow';
http 'no identity', 403, 'forbidden', 'POST', '/ocr/fields',
    { 'Content-Type' => 'application/json' }, '{}';                    # C-12
http 'a strange identity', 403, 'forbidden', 'POST', '/ocr/fields',
    { %id, 'X-Spocr-Uid' => 'a b' }, '{}';
http 'no type', 415, 'unsupported_media_type', 'POST', '/ocr/fields',
    { 'X-Spocr-Uid' => 'u1' }, '{}';
http 'a form', 415, 'unsupported_media_type', 'POST', '/ocr/fields',
    { %id, 'Content-Type' => 'application/x-www-form-urlencoded' }, 'a=b';
http 'a body of 31 MB', 413, 'payload_too_large', 'POST', '/ocr/fields',
    { %id }, 'x' x (31 * 1024 * 1024);

my $r = http 'the id of the gateway', 404, 'not_found', 'GET', '/x',
    { 'X-Request-Id' => 'req_abc' };
is $r->{headers}{'x-request-id'}, 'req_abc', 'is kept';
$r = http 'a bad id', 404, 'not_found', 'GET', '/x',
    { 'X-Request-Id' => 'a"b' };
like $r->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, 'is replaced';

$r = http 'health', 200, undef, 'GET', '/health';
is $r->{json}{status}, 'ok', 'health needs no identity';
like $r->{json}{version}, qr/^\d+\.\d+\.\d+$/, 'version';
like $r->{json}{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'time';

is scalar(grep { !eval { JSON::PP->new->utf8->decode($_) } }
    split /\n/, $backend->log), 0, 'each line of the log is JSON';
unlike $backend->log, qr/iVBOR/, 'no image in the log';
is $backend->stop, 0, 'ends well';
done_testing;
