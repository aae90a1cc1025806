# Bytes of HTTP/2, right or wrong ones: nothing is checked here.
#
#   frame(TYPE, FLAGS, STREAM, PAYLOAD)
#   data(ID, BYTES, FLAGS)  settings(ID => VALUE, ...)  ping(BYTES)
#   window(ID, N)  reset(ID, CODE)  priority(ID, ON, WEIGHT)  goaway(CODE)
#   continuation(ID, BLOCK, FLAGS)  headers(ID, BLOCK, FLAGS)
#
# Pieces of header blocks (RFC 7541): plain(NAME, VALUE) a literal that is not
# indexed, added() one that is, never() one that never is; indexed(N);
# resized(N); string(BYTES), integer(N, PREFIX BITS, FIRST BYTE).

package Spocr::H2::Frames;

use v5.36;
use parent 'Exporter';

our %TYPE = (DATA => 0, HEADERS => 1, PRIORITY => 2, RST_STREAM => 3,
             SETTINGS => 4, PUSH_PROMISE => 5, PING => 6, GOAWAY => 7,
             WINDOW_UPDATE => 8, CONTINUATION => 9);

# RFC 9113, 7
our @CODES = qw(NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR
                SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM
                CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM
                INADEQUATE_SECURITY HTTP_1_1_REQUIRED);

use constant {
    ACK => 1, END_STREAM => 1, END_HEADERS => 4, PADDED => 8, PRIORITY => 32,
    WHOLE => 5,
    PREFACE => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

our @EXPORT = qw(
    ACK END_STREAM END_HEADERS PADDED PRIORITY WHOLE PREFACE
    frame data headers continuation settings ping window reset priority goaway
    plain added never indexed resized string integer
);

sub frame ($type, $flags, $id, $payload = '') {
    $type = $TYPE{$type} // $type;
    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $id) . $payload;
}

sub data ($id, $bytes, $flags = 0) { frame(DATA => $flags, $id, $bytes) }

sub headers ($id, $block, $flags = WHOLE) {
    return frame(HEADERS => $flags, $id, $block);
}

sub continuation ($id, $block, $flags = 0) {
    return frame(CONTINUATION => $flags, $id, $block);
}

sub settings (@pairs) {
    my $payload = '';
    while (my ($id, $value) = splice @pairs, 0, 2) {
        $payload .= pack 'nN', $id, $value;
    }
    return frame(SETTINGS => 0, 0, $payload);
}

sub ping ($bytes, $flags = 0) { frame(PING => $flags, 0, $bytes) }

sub window ($id, $n) { frame(WINDOW_UPDATE => 0, $id, pack 'N', $n) }

sub reset ($id, $code = 8) {                      ## no critic
    return frame(RST_STREAM => 0, $id, pack 'N', $code);
}

sub priority ($id, $on, $weight = 15) {
    return frame(PRIORITY => 0, $id, pack 'NC', $on, $weight);
}

sub goaway ($code = 0, $debug = '') {
    return frame(GOAWAY => 0, 0, pack('NN', 0, $code) . $debug);
}

# RFC 7541, 5.1
sub integer ($n, $bits, $first = 0) {
    my $max = (1 << $bits) - 1;
    return chr($first | $n) if $n < $max;
    $n -= $max;
    my $out = chr($first | $max);
    while ($n >= 128) {
        $out .= chr(128 | $n % 128);
        $n >>= 7;
    }
    return $out . chr $n;
}

sub string ($bytes) { integer(length $bytes, 7) . $bytes }

sub plain ($name, $value) { "\x00" . string($name) . string($value) }
sub added ($name, $value) { "\x40" . string($name) . string($value) }
sub never ($name, $value) { "\x10" . string($name) . string($value) }
sub indexed ($n) { integer($n, 7, 0x80) }
sub resized ($n) { integer($n, 5, 0x20) }

1;
