# RFC 9113, section 8: HTTP semantics in frames.

package Spocr::H2::Cases::Messages;

use v5.36;
use Spocr::H2::Cases;
use Spocr::H2::Frames;

sub make () { _framing(); _fields(); _connection(); _pseudo() }

sub _framing () {
    my $trailer = plain('x-checksum', 'abc');

    case('8.1', 'trailers', answered(1, 200, echo(body_length => 5)),
         post(1) . data(1, 'hello') . headers(1, $trailer));
    case('8.1', 'trailers without data', answered(1),
         post(1) . headers(1, $trailer));
    case('8.1', 'trailers that do not end the stream', malformed(1),
         post(1) . data(1, 'x') . headers(1, $trailer, END_HEADERS)
         . data(1, 'y', END_STREAM));
    case('8.1', 'trailers with a pseudo-header', malformed(1),
         post(1) . data(1, 'x') . headers(1, plain(':path', '/y')));
    case('8.1', 'a second request in the place of trailers', malformed(1),
         post(1) . data(1, 'x') . headers(1, fields()));
    case('8.1', 'GET with a body', answered(1, 200, echo(body_length => 2)),
         headers(1, fields(), END_HEADERS) . data(1, 'hi', END_STREAM));
    case('8.1', 'HEAD has no DATA',
         answered(1, 200, sub ($s, $r) { !$s->{data} }),
         get(1, ':method' => 'HEAD'));

    case('8.1.1', 'a length that is right',
         answered(1, 200, echo(body_length => 5)),
         post(1, 'content-length' => 5) . data(1, 'hello', END_STREAM));
    case('8.1.1', 'over several frames',
         answered(1, 200, echo(body_length => 5)),
         post(1, 'content-length' => 5) . data(1, 'hel')
         . data(1, 'lo', END_STREAM));
    case('8.1.1', 'a length above the data', malformed(1),
         post(1, 'content-length' => 6) . data(1, 'hello', END_STREAM));
    case('8.1.1', 'a length below the data', malformed(1),
         post(1, 'content-length' => 4) . data(1, 'hello', END_STREAM));
    case('8.1.1', 'a length below the data of several frames', malformed(1),
         post(1, 'content-length' => 4) . data(1, 'hel')
         . data(1, 'lo', END_STREAM));
    case('8.1.1', 'a length and no data', malformed(1),
         headers(1, fields(':method' => 'POST', 'content-length' => 5)));
    case('8.1.1', 'a length of 0 and data', malformed(1),
         post(1, 'content-length' => 0) . data(1, 'x', END_STREAM));
    case('8.1.1', 'a length of 0 and none', answered(1),
         get(1, 'content-length' => 0));
    case('8.1.1', 'a length that padding does not fill', malformed(1),
         post(1, 'content-length' => 6)
         . data(1, "\x01hello\0", PADDED | END_STREAM));
    case('8.1.1', 'a length above the data before trailers', malformed(1),
         post(1, 'content-length' => 6) . data(1, 'hello')
         . headers(1, $trailer));
    case('8.1.1', 'a length that is no number', malformed(1),
         post(1, 'content-length' => '5x') . data(1, 'hello', END_STREAM));
    case('8.1.1', 'a length with a sign', malformed(1),
         post(1, 'content-length' => '+5') . data(1, 'hello', END_STREAM));
    case('8.1.1', 'two lengths', malformed(1),
         headers(1, fields(':method' => 'POST', 'content-length' => 5)
                 . plain('content-length', 6), END_HEADERS)
         . data(1, 'hello', END_STREAM));
}

sub _fields () {
    for my $case (
        ['upper case', 'X-Test', 'a'], ['a space', 'x test', 'a'],
        ['a control', "x\x01", 'a'], ['DEL', "x\x7f", 'a'],
        ['a byte above 0x7f', "x\xff", 'a'], ['NUL', "x\0y", 'a'],
        ['a line end', "x\r\ny", 'a'], ['a colon', 'x:y', 'a'],
        ['no byte', '', 'a'],
    ) {
        my ($what, $name, $value) = @$case;
        case('8.2.1', "a name with $what", malformed(1),
             headers(1, fields() . plain($name, $value)));
    }
    for my $case (['NUL', "a\0b"], ['LF', "a\nb"], ['CR', "a\rb"],
                  ['CR LF', "a\r\nx: y"], ['a space before it', ' a'],
                  ['a space behind it', 'a '], ['a tab before it', "\ta"],
                  ['a tab behind it', "a\t"]) {
        my ($what, $value) = @$case;
        case('8.2.1', "a value with $what", malformed(1),
             get(1, 'x-test' => $value));
    }
    case('8.2.1', 'a value of no bytes', answered(1), get(1, 'x-a' => ''));
    case('8.2.1', 'a value with bytes above 0x7f', answered(1),
         get(1, 'x-a' => "\xc3\xa4"));
    case('8.2.3', 'cookies are joined',
         answered(1, 200, echo(cookie => 'a=1; b=2; c=3')),
         headers(1, fields() . join '', map { plain(cookie => $_) }
                                        'a=1', 'b=2', 'c=3'));
}

sub _connection () {
    for my $case (['connection', 'keep-alive'], ['connection', 'x-test'],
                  ['keep-alive', 'timeout=5'], ['proxy-connection', 'close'],
                  ['transfer-encoding', 'chunked'], ['upgrade', 'h2c'],
                  ['te', 'gzip'], ['te', 'trailers, gzip']) {
        my ($name, $value) = @$case;
        case('8.2.2', "$name: $value", malformed(1), get(1, $name => $value));
    }
    case('8.2.2', 'te: trailers', answered(1), get(1, te => 'trailers'));
}

sub _pseudo () {
    my $key = plain(authorization => "Bearer $Spocr::H2::Cases::key");
    my @all = ([':method', 'GET'], [':scheme', 'http'], [':path', '/x'],
               [':authority', 'localhost']);
    my $block = sub (@fields) {
        return join '', map { plain(@$_) } @fields;
    };

    case('8.3', 'an unknown pseudo-header', malformed(1),
         headers(1, $block->(@all, [':protocol-x', 'a']) . $key));
    case('8.3', 'that of an answer', malformed(1),
         headers(1, $block->(@all, [':status', '200']) . $key));
    case('8.3', 'a pseudo-header behind a field', malformed(1),
         headers(1, $block->(@all[0, 1, 3]) . $key . plain(@{ $all[2] })));
    case('8.3', 'in another order', answered(1),
         headers(1, $block->(@all[3, 2, 1, 0]) . $key));

    for my $i (0 .. 2) {
        case('8.3.1', "no $all[$i][0]", malformed(1),
             headers(1, $block->(@all[grep { $_ != $i } 0 .. 3]) . $key));
    }
    for my $pair (@all) {
        case('8.3.1', "$pair->[0] twice", malformed(1),
             headers(1, $block->(@all, $pair) . $key));
    }
    case('8.3.1', 'an empty :path', malformed(1), get(1, ':path' => ''));
    case('8.3.1', 'a :path without a slash', malformed(1),
         get(1, ':path' => 'x'));
    case('8.3.1', 'a :path with a space', malformed(1),
         get(1, ':path' => '/x HTTP/1.1'));
    case('8.3.1', 'a :path with a line end', malformed(1),
         get(1, ':path' => "/x\r\nA: b"));
    case('8.3.1', 'an empty :method', malformed(1), get(1, ':method' => ''));
    case('8.3.1', 'a :method with a space', malformed(1),
         get(1, ':method' => 'GET /y'));
    case('8.3.1', 'a :method in lower case', malformed(1),
         get(1, ':method' => 'get'));
    case('8.3.1', 'an empty :scheme', malformed(1), get(1, ':scheme' => ''));
    case('8.3.1', 'a host in place of :authority', answered(1),
         get(1, ':authority' => undef, host => 'localhost'));
    case('8.3.1', 'a host that is :authority', answered(1),
         get(1, host => 'localhost'));
    case('8.3.1', 'a host that is another', malformed(1),
         get(1, host => 'elsewhere'));
    case('8.3.1', 'neither of them', malformed(1),
         get(1, ':authority' => undef));
    case('8.3.1', 'an empty :authority', malformed(1),
         get(1, ':authority' => ''));
    case('8.3.1', ':authority with a user', malformed(1),
         get(1, ':authority' => 'me@localhost'));
    case('8.5', 'CONNECT with :scheme and :path',
         either(malformed(1), answered(1, '4..|501')),
         get(1, ':method' => 'CONNECT'));
    case('8.5', 'CONNECT', either(malformed(1), answered(1, '4..|501')),
         headers(1, $block->([':method', 'CONNECT'],
                             [':authority', 'localhost:80']) . $key));
}

1;
