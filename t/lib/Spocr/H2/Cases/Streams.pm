# RFC 9113, sections 3 to 5: the preface, frames, header blocks, and the
# states of streams.

package Spocr::H2::Cases::Streams;

use v5.36;
use Spocr::H2::Cases;
use Spocr::H2::Frames;

sub make () { _preface(); _frames(); _states(); _ids(); _errors() }

sub _preface () {
    my $start = PREFACE . settings();

    case('3.4', 'preface, SETTINGS, request at once', answered(1),
         $start . get(1), bare => 1);
    case('3.4', 'preface byte by byte', answered(1),
         [split(//, $start), get(1)], bare => 1);
    case('3.4', 'another preface', conn('PROTOCOL_ERROR'),
         "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" . settings(), bare => 1);
    case('3.4', 'HTTP/1.1 in place of the preface', conn('PROTOCOL_ERROR'),
         "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bare => 1);
    case('3.4', 'preface without SETTINGS', conn('PROTOCOL_ERROR'),
         PREFACE . ping('01234567'), bare => 1);
    case('3.4', 'the server begins with SETTINGS',
         ignored(sub ($r) { $r->{first} eq 'SETTINGS' }), $start, bare => 1);
}

sub _frames () {
    case('4.1', 'an unknown type on the connection', ignored(),
         frame(0xfa => 0, 0, 'bytes'));
    case('4.1', 'an unknown type on a stream', answered(1),
         post(1) . frame(0xfa => 0, 1, 'bytes') . data(1, 'x', END_STREAM));
    case('4.1', 'an unknown type with all flags', ignored(),
         frame(0xfa => 0xff, 0, 'bytes'));
    case('4.1', 'unknown flags of PING',
         ignored(sub ($r) { grep { $_->[1] eq '01234567' } @{ $r->{pings} } }),
         ping('01234567', 0xfe));
    case('4.1', 'unknown flags of DATA', answered(1),
         post(1) . data(1, 'x', 0x96 | END_STREAM));
    case('4.1', 'the reserved bit of a request', answered(1),
         frame(HEADERS => WHOLE, 0x80000001, fields()));
    case('4.1', 'the reserved bit of PING',
         ignored(sub ($r) { scalar @{ $r->{pings} } }),
         frame(PING => 0, 0x80000000, '01234567'));

    case('4.2', 'DATA of 16,384 bytes',
         answered(1, 200, echo(body_length => 16_384)),
         post(1) . data(1, 'x' x 16_384, END_STREAM));
    case('4.2', 'a header block of 16,384 bytes', either(answered(1),
         answered(1, 431), conn(), stream(1)),
         headers(1, fields() . plain('x', 'y' x (16_384 - 6
             - length fields()))));
    case('4.2', 'a PING that is too long', conn('FRAME_SIZE_ERROR'),
         ping('012345678'));

    case('4.3', 'a block in two frames', answered(1),
         headers(1, substr(fields(), 0, 20), END_STREAM)
         . continuation(1, substr(fields(), 20), END_HEADERS));
    case('4.3', 'a block cut within each byte', answered(1),
         [headers(1, substr(fields(), 0, 1), END_STREAM),
          (map { continuation(1, $_) } split //, substr fields(), 1, -1),
          continuation(1, substr(fields(), -1), END_HEADERS)]);
    case('4.3', 'a block whose last piece is empty', answered(1),
         headers(1, fields(), END_STREAM) . continuation(1, '', END_HEADERS)
         . ping('01234567'));
    case('4.3', 'a block whose first piece is empty', answered(1),
         headers(1, '', END_STREAM)
         . continuation(1, fields(), END_HEADERS));
    case('4.3', 'a block that cannot be decoded', conn('COMPRESSION_ERROR'),
         headers(1, indexed(127)));
    case('4.3', 'PING within a block', conn('PROTOCOL_ERROR'),
         headers(1, fields(), END_STREAM) . ping('01234567'));
    case('4.3', 'HEADERS of another stream within a block',
         conn('PROTOCOL_ERROR'), headers(1, fields(), END_STREAM) . get(3));
    case('4.3', 'DATA within a block', conn('PROTOCOL_ERROR'),
         headers(1, fields(), 0) . data(1, 'x', END_STREAM));
    case('4.3', 'WINDOW_UPDATE within a block', conn('PROTOCOL_ERROR'),
         headers(1, fields(), END_STREAM) . window(0, 1));
    case('4.3', 'SETTINGS within a block', conn('PROTOCOL_ERROR'),
         headers(1, fields(), END_STREAM) . settings());
    case('4.3', 'RST_STREAM within a block', conn('PROTOCOL_ERROR'),
         headers(1, fields(), END_STREAM) . reset(1));
    case('5.5', 'an unknown type within a block', conn('PROTOCOL_ERROR'),
         headers(1, fields(), END_STREAM) . frame(0xfa => 0, 1, 'bytes'));
}

sub _states () {
    my @gone = ('STREAM_CLOSED', 'PROTOCOL_ERROR');

    case('5.1', 'idle: DATA', conn('PROTOCOL_ERROR', 'STREAM_CLOSED'),
         data(1, 'x', END_STREAM));
    case('5.1', 'idle: RST_STREAM', conn('PROTOCOL_ERROR'), reset(1));
    case('5.1', 'idle: WINDOW_UPDATE', conn('PROTOCOL_ERROR'), window(1, 100));
    case('5.1', 'idle: CONTINUATION', conn('PROTOCOL_ERROR'),
         continuation(1, fields(), END_HEADERS));
    case('5.1', 'idle: PRIORITY', answered(1), priority(1, 0) . get(1));

    # the backend takes a while, so that the stream is not closed yet
    my %slow = (':path' => '/x?delay=0.3');
    case('5.1', 'half-closed: DATA', stream(1, 'STREAM_CLOSED'),
         get(1, %slow) . data(1, 'x', END_STREAM));
    case('5.1', 'half-closed: HEADERS', stream(1, @gone),
         get(1, %slow) . get(1));
    case('5.1', 'half-closed: CONTINUATION', conn(@gone),
         get(1, %slow) . continuation(1, '', END_HEADERS));
    case('5.1', 'half-closed: WINDOW_UPDATE', answered(1),
         get(1, %slow) . window(1, 100));
    case('5.1', 'half-closed: PRIORITY', answered(1),
         get(1, %slow) . priority(1, 0));
    case('5.1', 'half-closed: RST_STREAM',
         ignored(sub ($r) { !defined(($r->{streams}{1} // {})->{status}) }),
         [get(1, %slow), ['pause', 0.05], reset(1), ['pause', 0.5]]);

    case('5.1', 'reset by the client: DATA', either(ignored(),
         stream(1, 'STREAM_CLOSED')), [post(1), reset(1),
         data(1, 'x', END_STREAM), ['pause', 0.1]]);
    case('5.1', 'reset by the client: HEADERS', conn(@gone),
         get(1, %slow) . reset(1) . get(1));
    case('5.1', 'reset by the client: CONTINUATION', conn(@gone),
         get(1, %slow) . reset(1) . continuation(1, '', END_HEADERS));
    case('5.1', 'reset by the client: WINDOW_UPDATE', ignored(),
         get(1, %slow) . reset(1) . window(1, 100));
    case('5.1', 'reset by the client: PRIORITY', ignored(),
         get(1, %slow) . reset(1) . priority(1, 0));
    case('5.1', 'reset by the client: RST_STREAM', ignored(),
         get(1, %slow) . reset(1) . reset(1));

    my @closed = (get(1), ['answer', 1]);
    case('5.1', 'closed: DATA', either(answered(1), conn('STREAM_CLOSED')),
         [@closed, data(1, 'x', END_STREAM)]);
    case('5.1', 'closed: HEADERS', conn(@gone), [@closed, get(1)]);
    case('5.1', 'closed: CONTINUATION', conn(@gone),
         [@closed, continuation(1, '', END_HEADERS)]);
    case('5.1', 'closed: WINDOW_UPDATE', answered(3),
         [@closed, window(1, 100), get(3)]);
    case('5.1', 'closed: PRIORITY', answered(3),
         [@closed, priority(1, 0), get(3)]);
    case('5.1', 'closed: RST_STREAM', answered(3),
         [@closed, reset(1), get(3)]);
}

sub _ids () {
    case('5.1.1', 'an even number', conn('PROTOCOL_ERROR'), get(2));
    case('5.1.1', 'a lower number', conn('PROTOCOL_ERROR'),
         [get(5), ['answer', 5], get(3)]);
    case('5.1.1', 'numbers that are left out', answered(101),
         get(1) . get(101));
    case('5.1.1', 'DATA on a number that was left out',
         either(answered(5), conn('STREAM_CLOSED', 'PROTOCOL_ERROR')),
         [get(5), ['answer', 5], data(3, 'x', END_STREAM)]);
    case('5.1.1', 'the highest number', answered(0x7fffffff),
         get(0x7fffffff));

    # ten are allowed
    my @ids = map { 2 * $_ - 1 } 1 .. 11;
    case('5.1.2', 'one stream too many',
         stream(21, 'REFUSED_STREAM', 'PROTOCOL_ERROR'),
         join '', map { post($_) } @ids);
    case('5.1.2', 'streams that have ended do not count', answered(59),
         [(map { (get(2 * $_ - 1), ['answer', 2 * $_ - 1]) } 1 .. 29),
          get(59)]);
    case('5.1.2', 'streams that were reset do not count', answered(41),
         [(map { (post(2 * $_ - 1) . reset(2 * $_ - 1), ['pause', 0.02]) }
           1 .. 20), get(41)]);
    case('5.1', 'ten streams at once', answered(19),
         join '', map { get(2 * $_ - 1, ':path' => '/x?delay=0.1') } 1 .. 10);
}

sub _errors () {
    case('5.4.1', 'GOAWAY names the last stream and then the end comes',
         { wait => ['end'], text => 'GOAWAY, closed', test => sub ($r) {
             $r->{eof} && ($r->{goaway} // 0) == 1 } },
         [get(1), ['answer', 1], frame(PING => 0, 1, '01234567')]);
    case('5.4.2', 'a stream error leaves other streams alone', answered(3),
         [get(1, ':path' => '/x?delay=0.1')
          . window(1, 0x7fffffff) . get(3, ':path' => '/x?delay=0.2')]);
    case('5.3', 'HEADERS with a priority', answered(1),
         headers(1, pack('NC', 0, 200) . fields(), WHOLE | PRIORITY));
    case('5.3', 'a priority of a stream that never was', answered(1),
         headers(1, pack('NC', 0x80000000 | 77, 1) . fields(),
                 WHOLE | PRIORITY));
    case('5.3', 'HEADERS that depend on themselves',
         either(answered(1), stream(1, 'PROTOCOL_ERROR')),
         headers(1, pack('NC', 1, 1) . fields(), WHOLE | PRIORITY));
    case('5.3', 'PRIORITY that depends on itself',
         either(ignored(), stream(1, 'PROTOCOL_ERROR')), priority(1, 1));
    case('5.3', 'a hundred PRIORITY frames',
         either(answered(1001), conn('ENHANCE_YOUR_CALM')),
         join '', (map { priority(2 * $_ + 1, 2 * $_ - 1) } 1 .. 100),
         get(1001));
}

1;
