# RFC 9113, section 6: each kind of frame; section 7: error codes.

package Spocr::H2::Cases::Frames;

use v5.36;
use Spocr::H2::Cases;
use Spocr::H2::Frames;

sub make () {
    _data(); _headers(); _small(); _settings(); _ping(); _window();
    _continuation();
}

sub _data () {
    my $told = sub ($n) { answered(1, 200, echo(body_length => $n)) };

    case('6.1', 'DATA on the connection', conn('PROTOCOL_ERROR'),
         data(0, 'x'));
    case('6.1', 'DATA', $told->(5), post(1) . data(1, 'hello', END_STREAM));
    case('6.1', 'DATA in pieces', $told->(300), join '', post(1),
         map { data(1, 'x', $_ == 300 ? END_STREAM : 0) } 1 .. 300);
    case('6.1', 'padding is no data', $told->(5), post(1)
         . data(1, "\x0ahello" . "\0" x 10, PADDED | END_STREAM));
    case('6.1', 'padding alone', $told->(0), post(1)
         . data(1, "\x0a" . "\0" x 10, PADDED | END_STREAM));
    case('6.1', 'padding of no bytes', $told->(5), post(1)
         . data(1, "\0hello", PADDED | END_STREAM));
    case('6.1', 'padding as long as the frame', conn('PROTOCOL_ERROR'),
         post(1) . data(1, "\x06hello", PADDED | END_STREAM));
    case('6.1', 'padding longer than the frame', conn('PROTOCOL_ERROR'),
         post(1) . data(1, "\xffhello", PADDED | END_STREAM));
    case('6.1', 'padding without its length',
         conn('FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'),
         post(1) . data(1, '', PADDED | END_STREAM));
    case('6.1', 'an empty frame before the end', $told->(1),
         post(1) . data(1, '') . data(1, 'x', END_STREAM));
    case('6.1', 'an empty frame at the end', $told->(1),
         post(1) . data(1, 'x') . data(1, '', END_STREAM));
}

sub _headers () {
    my $block = fields();

    case('6.2', 'HEADERS on the connection', conn('PROTOCOL_ERROR'), get(0));
    case('6.2', 'HEADERS with padding', answered(1),
         headers(1, "\x05$block" . "\0" x 5, WHOLE | PADDED));
    case('6.2', 'HEADERS with padding and priority', answered(1),
         headers(1, "\x05" . pack('NC', 0, 9) . $block . "\0" x 5,
                 WHOLE | PADDED | PRIORITY));
    case('6.2', 'padding as long as the frame', conn('PROTOCOL_ERROR'),
         headers(1, chr(length($block) + 1) . $block, WHOLE | PADDED));
    case('6.2', 'padding longer than the frame', conn('PROTOCOL_ERROR'),
         headers(1, "\xff" . substr($block, 0, 50), WHOLE | PADDED));
    case('6.2', 'padding without its length',
         conn('FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'),
         headers(1, '', WHOLE | PADDED));
    case('6.2', 'a priority that is cut',
         conn('FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'),
         headers(1, "\0\0\0", WHOLE | PRIORITY));
    case('6.2', 'an empty block', malformed(1), headers(1, ''));
}

sub _small () {
    case('6.3', 'PRIORITY on the connection', conn('PROTOCOL_ERROR'),
         priority(0, 1));
    case('6.3', 'PRIORITY of 4 bytes', stream(1, 'FRAME_SIZE_ERROR'),
         frame(PRIORITY => 0, 1, "\0" x 4));
    case('6.3', 'PRIORITY of 6 bytes', stream(1, 'FRAME_SIZE_ERROR'),
         frame(PRIORITY => 0, 1, "\0" x 6));

    case('6.4', 'RST_STREAM on the connection', conn('PROTOCOL_ERROR'),
         reset(0));
    case('6.4', 'RST_STREAM of 3 bytes', conn('FRAME_SIZE_ERROR'),
         post(1) . frame(RST_STREAM => 0, 1, "\0" x 3));
    case('6.4', 'RST_STREAM of 5 bytes', conn('FRAME_SIZE_ERROR'),
         post(1) . frame(RST_STREAM => 0, 1, "\0" x 5));
    case('6.4', 'RST_STREAM ends a request', answered(3),
         post(1) . reset(1) . get(3));
    case('7', 'an unknown code of RST_STREAM', answered(3),
         post(1) . reset(1, 0xfafa) . get(3));

    case('6.6', 'PUSH_PROMISE of a client', conn('PROTOCOL_ERROR'),
         post(1) . frame(PUSH_PROMISE => END_HEADERS, 1,
                         pack('N', 2) . fields()));
    case('6.6', 'PUSH_PROMISE on the connection', conn('PROTOCOL_ERROR'),
         frame(PUSH_PROMISE => END_HEADERS, 0, pack('N', 2) . fields()));

    case('6.8', 'GOAWAY on a stream', conn('PROTOCOL_ERROR'),
         frame(GOAWAY => 0, 1, "\0" x 8));
    case('6.8', 'GOAWAY of 7 bytes', conn('FRAME_SIZE_ERROR'),
         frame(GOAWAY => 0, 0, "\0" x 7));
    my $ends = { wait => [1], text => 'answered 200', test => sub ($r) {
        my $s = $r->{streams}{1};
        return ($s->{status} // 0) == 200 && $s->{end};
    } };
    case('6.8', 'GOAWAY lets a request end', $ends,
         get(1, ':path' => '/x?delay=0.1') . goaway());
    case('6.8', 'GOAWAY with text', $ends,
         get(1) . goaway(0, 'good bye'));
    case('7', 'an unknown code of GOAWAY', $ends,
         get(1) . goaway(0xfafa));
}

sub _settings () {
    my $acked = sub ($n) { ignored(sub ($r) { $r->{acks} == $n }) };
    my @late = ['pause', 0.1];

    case('6.5', 'SETTINGS are acknowledged', $acked->(2), [settings(), @late]);
    case('6.5', 'SETTINGS thrice', $acked->(4), [settings() x 3, @late]);
    case('6.5', 'ACK with bytes', conn('FRAME_SIZE_ERROR'),
         frame(SETTINGS => ACK, 0, "\0"));
    case('6.5', 'ACK with a setting', conn('FRAME_SIZE_ERROR'),
         frame(SETTINGS => ACK, 0, pack 'nN', 3, 100));
    case('6.5', 'ACK on a stream', conn('PROTOCOL_ERROR'),
         frame(SETTINGS => ACK, 1));
    case('6.5', 'SETTINGS on a stream', conn('PROTOCOL_ERROR'),
         frame(SETTINGS => 0, 1, pack 'nN', 3, 100));
    case('6.5', 'SETTINGS of 5 bytes', conn('FRAME_SIZE_ERROR'),
         frame(SETTINGS => 0, 0, "\0" x 5));
    case('6.5', 'SETTINGS of 7 bytes', conn('FRAME_SIZE_ERROR'),
         frame(SETTINGS => 0, 0, pack('nN', 3, 100) . 'x'));

    case('6.5.2', 'ENABLE_PUSH 0', answered(1), settings(2, 0) . get(1));
    case('6.5.2', 'ENABLE_PUSH 2', conn('PROTOCOL_ERROR'), settings(2, 2));
    case('6.5.2', 'INITIAL_WINDOW_SIZE 2^31', conn('FLOW_CONTROL_ERROR'),
         settings(4, 0x80000000));
    case('6.5.2', 'INITIAL_WINDOW_SIZE 2^31 - 1', answered(1),
         settings(4, 0x7fffffff) . get(1));
    case('6.5.2', 'MAX_FRAME_SIZE 16,383', conn('PROTOCOL_ERROR'),
         settings(5, 16_383));
    case('6.5.2', 'MAX_FRAME_SIZE 2^24', conn('PROTOCOL_ERROR'),
         settings(5, 1 << 24));
    case('6.5.2', 'MAX_FRAME_SIZE 16,384 is kept to',
         answered(1, 200, sub ($s, $r) {
             length $s->{body} == 60_000
             && !grep { $_ > 16_384 } @{ $s->{data} } }),
         get(1, ':path' => '/x?size=60000'), ours => [5, 16_384]);
    case('6.5.2', 'an unknown setting', $acked->(2),
         [settings(0xfafa, 1), @late]);
    case('6.5.2', 'MAX_CONCURRENT_STREAMS 0', answered(1),
         settings(3, 0) . get(1));
    case('6.5.2', 'MAX_HEADER_LIST_SIZE 0', answered(1),
         settings(6, 0) . get(1));
    case('6.5.2', 'HEADER_TABLE_SIZE 0', answered(1),
         settings(1, 0) . get(1));
    case('6.5.2', 'HEADER_TABLE_SIZE 2^32 - 1', answered(1),
         settings(1, 0xffffffff) . get(1));
    case('6.5.3', 'of two values the last counts',
         answered(1, 200, sub ($s, $r) { ($s->{data}[0] // 0) == 7 }),
         [get(1), ['bytes', 1, 1], settings(4, 100_000)],
         ours => [4, 100, 4, 7]);
}

sub _ping () {
    my $got = sub ($want) { ignored(sub ($r) {
        join(' ', map { "$_->[0]:$_->[1]" } @{ $r->{pings} }) eq $want }) };

    case('6.7', 'PING is answered with its bytes', $got->('1:12345678'),
         ping('12345678'));
    case('6.7', 'PING twice', $got->('1:12345678 1:abcdefgh'),
         ping('12345678') . ping('abcdefgh'));
    case('6.7', 'an answer is not answered', $got->(''),
         ping('12345678', ACK));
    case('6.7', 'PING on a stream', conn('PROTOCOL_ERROR'),
         frame(PING => 0, 1, '12345678'));
    case('6.7', 'PING of 6 bytes', conn('FRAME_SIZE_ERROR'), ping('123456'));
    case('6.7', 'PING of no bytes', conn('FRAME_SIZE_ERROR'), ping(''));
    case('6.7', 'PING while a stream is open', $got->('1:12345678'),
         post(1) . ping('12345678'));
}

sub _window () {
    my $all = sub ($s, $r) { length $s->{body} == 20 };
    my %small = (':path' => '/x?size=20');

    case('6.9', '0 on the connection', conn('PROTOCOL_ERROR'), window(0, 0));
    case('6.9', '0 on a stream', stream(1, 'PROTOCOL_ERROR'),
         post(1) . window(1, 0));
    case('6.9', 'WINDOW_UPDATE of 3 bytes', conn('FRAME_SIZE_ERROR'),
         frame(WINDOW_UPDATE => 0, 0, "\0\0\1"));
    case('6.9', 'WINDOW_UPDATE of 5 bytes', conn('FRAME_SIZE_ERROR'),
         frame(WINDOW_UPDATE => 0, 0, "\0\0\0\1\0"));
    case('6.9', 'the reserved bit', answered(1),
         frame(WINDOW_UPDATE => 0, 0, pack 'N', 0x80000001) . get(1));
    case('6.9.1', 'above 2^31 - 1 on the connection',
         conn('FLOW_CONTROL_ERROR'), window(0, 0x7fffffff));
    case('6.9.1', 'above 2^31 - 1 on a stream',
         stream(1, 'FLOW_CONTROL_ERROR'), post(1) . window(1, 0x7fffffff));
    case('6.9.1', 'above it by two steps',
         stream(1, 'FLOW_CONTROL_ERROR'),
         post(1) . window(1, 0x7fff0000) . window(1, 0xffff));
    case('6.9.1', 'a window of one byte', answered(1, 200, sub ($s, $r) {
             $all->($s, $r) && $s->{data}[0] == 1 && $s->{data}[1] == 19 }),
         [get(1, %small), ['bytes', 1, 1], window(1, 100)], ours => [4, 1]);
    case('6.9.1', 'a window of none', answered(1, 200, $all),
         [get(1, %small), ['status', 1], window(1, 100)], ours => [4, 0]);
    case('6.9.1', 'no more than the window',
         { wait => [], text => 'waits', test => sub ($r) {
             $r->{alive} && length $r->{streams}{1}{body} == 9 } },
         [get(1, %small), ['bytes', 1, 9], ['pause', 0.1]], ours => [4, 9]);
    case('6.9.1', 'no more than the connection\'s window',
         { wait => [], text => 'waits', test => sub ($r) {
             $r->{alive} && length $r->{streams}{1}{body} == 65_535 } },
         [get(1, ':path' => '/x?size=100000'), ['bytes', 1, 65_535],
          ['pause', 0.1]],
         ours => [4, 1_000_000]);
    case('6.9.1', 'which is enlarged',
         answered(1, 200, sub ($s, $r) { length $s->{body} == 100_000 }),
         [get(1, ':path' => '/x?size=100000'), ['bytes', 1, 65_535],
          window(0, 100_000)], ours => [4, 1_000_000]);
    case('6.9.2', 'a larger window for open streams',
         answered(1, 200, $all),
         [get(1, %small), ['status', 1], settings(4, 100)], ours => [4, 0]);
    case('6.9.2', 'a window below none', answered(1, 200, $all),
         [get(1, %small), ['bytes', 1, 10], settings(4, 0), window(1, 5),
          ['pause', 0.1], window(1, 100)], ours => [4, 10]);
    case('6.9.2', 'SETTINGS that take a window above 2^31 - 1',
         either(conn('FLOW_CONTROL_ERROR'), stream(1, 'FLOW_CONTROL_ERROR')),
         post(1) . window(1, 0x7fff0000) . settings(4, 0x7fffffff));
    case('6.9.1', 'DATA up to the window', answered(1, 200,
         echo(body_length => 65_535)),
         join '', post(1), (map { data(1, 'x' x 16_000) } 1 .. 4),
         data(1, 'x' x 1535, END_STREAM));
}

sub _continuation () {
    my ($a, $b, $c) = unpack '(a10)2a*', fields();

    case('6.10', 'three frames', answered(1), headers(1, $a, END_STREAM)
         . continuation(1, $b) . continuation(1, $c, END_HEADERS));
    case('6.10', 'empty frames', either(answered(1),
                                        conn('ENHANCE_YOUR_CALM')),
         headers(1, $a . $b, END_STREAM) . continuation(1, '') x 100
         . continuation(1, $c, END_HEADERS));
    case('6.10', 'on the connection', conn('PROTOCOL_ERROR'),
         headers(1, $a, END_STREAM) . continuation(0, $b . $c, END_HEADERS));
    case('6.10', 'of another stream', conn('PROTOCOL_ERROR'),
         headers(1, $a, END_STREAM) . continuation(3, $b . $c, END_HEADERS));
    case('6.10', 'without HEADERS', conn('PROTOCOL_ERROR'),
         post(1) . continuation(1, '', END_HEADERS));
    case('6.10', 'behind END_HEADERS', conn('PROTOCOL_ERROR'),
         headers(1, fields(), END_HEADERS)
         . continuation(1, plain('a', 'b'), END_HEADERS));
    case('6.10', 'behind another one\'s END_HEADERS', conn('PROTOCOL_ERROR'),
         headers(1, $a, 0) . continuation(1, $b . $c, END_HEADERS)
         . continuation(1, '', END_HEADERS));
    case('6.10', 'of trailers', answered(1), post(1) . data(1, 'x')
         . headers(1, "\x00", END_STREAM)
         . continuation(1, substr(plain('a', 'b'), 1), END_HEADERS));
}

1;
