# The corpus of requests that two parsers could read in two ways.
#
#   my @streams = Spocr::Smuggling::corpus($alice, $bob, $full, $scoped);
#
# A stream is {name, group, s, parts}: bytes to send on one connection; what
# follows the first part is sent when the first answer has begun, or after a
# while.  Its targets
# have its number, as s=, and whose key is sent with them, as u=.  What hides
# in a body is a whole request of another key, /body; it must never run, unless
# the stream says body => 1: then it is no body, but a request that follows.

package Spocr::Smuggling;

use v5.36;

our ($S, $ALICE, $BOB, $FULL, $SCOPED);
my @streams;

my @PATHS = ('/x', '/streamed', '/once');

sub corpus ($alice, $bob, $full, $scoped) {
    local ($ALICE, $BOB, $FULL, $SCOPED) = ($alice, $bob, $full, $scoped);
    @streams = ();
    _codings($_), _lengths($_), _chunks($_), _trailers($_) for @PATHS;
    _lines(); _names(); _targets(); _versions(); _upgrades(); _expect();
    _short(); _nominated(); _answers(); _good();
    return @streams;
}

my @GROUPS = (
    ['CL', 'a length with signs, zeros, blanks, lists, twice, overflowing'],
    ['0.CL', 'a length that is none: a header of nearly its name'],
    ['TE', 'a coding with blanks, controls, lists, twice, folded, misspelt'],
    ['CL.TE', 'the same behind a length that ends within the first chunk'],
    ['TE.CL', 'the same before a length that covers all of it'],
    ['TE.0', 'a length that covers what follows the last chunk'],
    ['chunks', 'sizes, line ends, extensions, overflow'],
    ['trailers', 'identities, keys, lengths behind the last chunk'],
    ['lines', 'bare LF and CR, folded lines, what stands before a request'],
    ['names', 'the gateway\'s own headers, misspelt; bytes in values'],
    ['targets', 'absolute-form, hosts twice and none, bytes in targets'],
    ['versions', 'HTTP/0.9 to 3.0, prefaces of HTTP/2'],
    ['methods', 'lower case, blanks, CONNECT, TRACE'],
    ['upgrade', 'h2c, HTTP2-Settings, WebSocket'],
    ['expect', '`100-continue` in all forms, with a body at once and later'],
    ['nominated', '`Connection:` names the gateway\'s headers; overrides'],
    ['answers', 'backends that send 1xx, two answers, more than a length'],
    ['short', '400 to 429 and replays before a body that holds a request'],
    ['good', 'requests that must run'],
);

# The part of docs/conformance.md that is about HTTP/1.1; with how many cases
# HTTP/2 has.
sub page ($http2) {
    my (%count, $table);
    my @all = corpus(map { "spocr_$_" } qw(alice bob full scoped));
    $count{ $_->{group} =~ s/^short .*/short/r }++ for @all;
    for my $row (@GROUPS, ['HTTP/2', 'lengths, codings, line ends and pairs '
                                     . 'of fields that become HTTP/1.1']) {
        my ($group, $what) = @$row;
        my $n = delete $count{$group} // $http2;
        $table .= "| $group | $what | $n |\n";
    }
    die join(' ', 'no words for', keys %count), "\n" if %count;
    my $n = @all + $http2;

    return <<"EOP";

## HTTP/1.1

$n streams that two parsers could read in two ways. In the bodies of most is a
whole request with another tenant's key, and behind them a request that must
stay in step. They run against a location that buffers bodies, one that streams
them, and one with idempotency; the backend takes nothing but the grammar of
RFC 9112, and keeps the bytes that it is sent. `t/smuggling.t` asserts over all
of them that

- the requests that were executed are those that the access log tells of, by
  their ids: one line for each, and none without;
- no byte of a body was executed as a request;
- each has the identity of the key that stands in it, and nothing else that
  begins with `X-Spocr-`;
- the backend's bytes are read in the same way by a strict parser, and by one
  that takes bare LF, any blanks, `_` for `-`, the first of two lengths;
- each client saw its own answers, none more, and no byte of a backend's that
  belongs to no request.

| group | what | streams |
|---|---|---|
$table
`t/conformance/run --streams` prints their names. nginx takes some of them that
RFC 9112 calls invalid (bare LF as a line end, also behind a chunk; blank lines
before a request; controls and bytes above 0x7f in values and queries), and
writes a request of its own for the backend in each case.
EOP
}

sub stream ($group, $name, $make, %o) {
    local $S = sprintf '%04d', scalar @streams;
    my @parts = $make->();
    s/([^\x20-\x7e])/sprintf '\x%02x', ord $1/ge for $name;
    push @streams, { group => $group, name => $name, s => $S, %o,
                     parts => \@parts };
}

# A request of alice's, with the end of its header.
sub head ($method, $path, @lines) {
    return join("\r\n", "$method $path?s=$S&u=u_alice HTTP/1.1", 'Host: a',
                "Authorization: Bearer $ALICE", @lines) . "\r\n\r\n";
}

sub once ($path) {
    return $path eq '/once' ? ("Idempotency-Key: s$S") : ();
}

sub hidden () {
    return "GET /body?s=$S&u=u_bob HTTP/1.1\r\nHost: a\r\n"
           . "Authorization: Bearer $BOB\r\n\r\n";
}

sub after () { head('GET', '/next') }
sub chunked ($text) { sprintf "%x\r\n%s\r\n0\r\n\r\n", length $text, $text }

sub _codings ($path) {
    for my $line (
        'Transfer-Encoding: chunked', 'Transfer-Encoding : chunked',
        'Transfer-Encoding:chunked', "Transfer-Encoding:\tchunked",
        "Transfer-Encoding: chunked\t", "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: \x0cchunked", 'Transfer-Encoding: CHUNKED',
        'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunkedx',
        'Transfer-Encoding: "chunked"', "Transfer-Encoding: 'chunked'",
        'Transfer-Encoding: chunked, x', 'Transfer-Encoding: x, chunked',
        'Transfer-Encoding: ,chunked', 'Transfer-Encoding: chunked,',
        'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: identity',
        'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: ',
        'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: cow',
        'Transfer-Encoding: chunked;a=b', 'Transfer_Encoding: chunked',
        ' Transfer-Encoding: chunked', "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding:\r\n chunked", "X: a\nTransfer-Encoding: chunked",
        "X: a\rTransfer-Encoding: chunked", "X: a\r\n\tTransfer-Encoding: "
            . 'chunked', "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: \0chunked", "Transfer\xadEncoding: chunked",
        'TRANSFER-ENCODING: chunked', "Transfer-Encoding: \xa0chunked",
        "Transfer-Encoding\0: chunked", "\x7fTransfer-Encoding: chunked",
        "Transfer-Encoding: chun\r\n ked", "Transfer-Encoding: chunked\0",
        "\rTransfer-Encoding: chunked", "Transfer-Encoding;: chunked",
    ) {
        # the coding alone; a length that ends within, before and behind it;
        # and one that goes on behind the last chunk
        my $plain = $line =~ s/:.*//sr;
        my $no = $plain =~ /^transfer-encoding$/i ? 0 : 1;
        stream('TE', "$path, $line", sub {
            head('POST', $path, once($path), $line)
            . chunked(hidden()) . after() });
        stream('CL.TE', "$path, length 4, then $line", sub {
            head('POST', $path, once($path), 'Content-Length: 4', $line)
            . chunked(hidden()) . after() }, body => $no);
        stream('TE.CL', "$path, $line, then the length", sub {
            head('POST', $path, once($path), $line,
                 'Content-Length: ' . length chunked(hidden()))
            . chunked(hidden()) . after() });
        stream('TE.0', "$path, $line, and what follows it", sub {
            head('POST', $path, once($path), 'Content-Length: '
                 . length "0\r\n\r\n" . hidden(), $line)
            . "0\r\n\r\n" . hidden() . after() });
    }
    stream('TE', "$path, HTTP/1.0", sub {
        head('POST', $path, 'Transfer-Encoding: chunked')
            =~ s/1\.1/1.0/r . chunked(hidden()) . after() });
}

sub _lengths ($path) {
    my $n = 'LENGTH';
    for my $line (
        "Content-Length: $n", "Content-Length:$n", "Content-Length: $n ",
        "Content-Length: \t$n", "content-length: $n", "Content-Length: $n\t",
        "Content-Length: 0$n", "Content-Length: 000$n",
    ) {
        _length($path, $line, 0);
    }
    for my $line (
        "Content-Length: +$n", "Content-Length: -$n", "Content-Length: 0x$n",
        "Content-Length: $n, $n", "Content-Length: $n,0",
        "Content-Length: 0,$n", "Content-Length: $n;0", "Content-Length: -1",
        "Content-Length: $n $n", 'Content-Length: ', "Content-Length: $n.0",
        'Content-Length: 1e1', "Content-Length : $n", "Content-Length: '$n'",
        "Content-Length: 0\r\nContent-Length: $n",
        "Content-Length: $n\r\nContent-Length: 0",
        "Content-Length: $n\r\nContent-Length: $n",
        'Content-Length: 99999999999999999999',
        'Content-Length: 9223372036854775808',
        'Content-Length: 18446744073709551616', "Content-Length: \0$n",
        "Content-Length: $n\0", "Content-Length: \xef\xbc\x95",
        "Content-Length:\r\n $n", "Content-Length: 1\r\n 0",
        "X: a\rContent-Length: $n", "\rContent-Length: $n",
        " Content-Length: $n", "Content-Length: \x0b$n",
    ) {
        _length($path, $line, 0);
    }
    # no length: what follows is a request of its own
    for my $line ("Content_Length: $n", "X-Content-Length: $n",
                  'Content-Length: 0', 'X: y', "Content-Length\xad: $n",
                  "Content-Length;: $n", "Content Length: $n") {
        _length($path, $line, 1);
    }
}

sub _length ($path, $line, $none) {
    for my $method ('POST', 'GET', 'HEAD') {
        stream($none ? '0.CL' : 'CL', "$method $path, $line", sub {
            my $lines = $line =~ s/LENGTH/length hidden()/ger;
            head($method, $path, once($path), $lines) . hidden() . after();
        }, body => $none);
    }
}

sub _chunks ($path) {
    my %form = (
        'a chunk' => sub { chunked(hidden()) },
        'zeros' => sub { "00000\r\n\r\n" },
        'capitals' => sub { "A\r\n0123456789\r\n0\r\n\r\n" },
        'bare LF' => sub { "1\na\n0\n\n" },
        'bare CR' => sub { "1\ra\r0\r\r" . hidden() },
        'LF CR' => sub { "1\n\ra\n\r0\n\r\n\r" . hidden() },
        'an extension' => sub { "0;a=b\r\n\r\n" },
        'an extension of a chunk' => sub { "1;a=b\r\nx\r\n0\r\n\r\n" },
        'an empty extension' => sub { "0;\r\n\r\n" },
        'an extension with a quoted line end' => sub {
            "1;a=\"\r\n" . hidden() . "\"\r\na\r\n0\r\n\r\n" },
        'an extension with a bare LF' => sub {
            "1;\n" . hidden() . "\r\na\r\n0\r\n\r\n" },
        'an extension with a bare CR' => sub {
            "0;\r" . hidden() . "\r\n\r\n" },
        'an extension of 4 KB' => sub { '0;' . 'a' x 4096 . "\r\n\r\n" },
        'a blank behind the size' => sub { "0 \r\n\r\n" },
        'a tab behind the size' => sub { "0\t\r\n\r\n" },
        'a blank before the size' => sub { " 0\r\n\r\n" . hidden() },
        'a sign' => sub { "+0\r\n\r\n" . hidden() },
        'below zero' => sub { "-1\r\n\r\n" . hidden() },
        '0x' => sub { "0x0\r\n\r\n" . hidden() },
        'an underscore' => sub { "1_0\r\n" . hidden() },
        'no size' => sub { "\r\n" . hidden() },
        'no digit' => sub { "zz\r\n" . hidden() },
        'NUL in the size' => sub { "1\0\r\na\r\n0\r\n\r\n" . hidden() },
        '2^64 - 1' => sub { "ffffffffffffffff\r\n" . hidden() },
        '2^63' => sub { "8000000000000000\r\n" . hidden() },
        '2^63 - 1' => sub { "7fffffffffffffff\r\n" . hidden() },
        '2^64' => sub { "10000000000000000\r\n\r\n" . hidden() },
        '2^64 and 5' => sub { "10000000000000005\r\nabcde\r\n0\r\n\r\n"
                              . hidden() },
        '2^32' => sub { "100000000\r\n" . hidden() },
        'too much data' => sub { "1\r\nab\r\n0\r\n\r\n" . hidden() },
        'too little data' => sub { "2\r\na\r\n0\r\n\r\n" . hidden() },
        'no line end behind data' => sub { "1\r\na0\r\n\r\n" . hidden() },
        'another line end behind data' => sub { "1\r\na\n0\r\n\r\n" },
        'another byte behind data' => sub { "1\r\naX\r\n0\r\n\r\n"
                                            . hidden() },
        'no end' => sub { "1\r\na\r\n" . hidden() },
        'a request in the place of the end' => sub { "0\r\n" . hidden() },
        'a size behind the end' => sub { "0\r\n\r\n0\r\n\r\n" },
        'chunks within chunks' => sub {
            chunked(chunked(hidden()) . chunked(hidden())) },
    );
    for my $name (sort keys %form) {
        stream('chunks', "$path, $name", sub {
            head('POST', $path, once($path), 'Transfer-Encoding: chunked')
            . $form{$name}->() . after() },
            # nginx takes a bare LF behind data, so this chunk is "a", CR
            body => $name eq 'too little data');
    }
}

sub _trailers ($path) {
    for my $line ('X: y', 'X-Spocr-Uid: u_bob', 'X-Spocr-Key-Id: key_bob',
                  "Authorization: Bearer $BOB", 'Content-Length: 500',
                  'Transfer-Encoding: chunked', 'Host: b', ': x', 'X',
                  'X-Request-Id: req_of_mine', 'Idempotency-Key: other',
                  "X: y\nX-Spocr-Uid: u_bob", ' X: folded', "X: \0") {
        stream('trailers', "$path, $line", sub {
            head('POST', $path, once($path), 'Transfer-Encoding: chunked')
            . "4\r\nbody\r\n0\r\n$line\r\n\r\n" . after() });
    }
}

# Line ends and blanks of the header block.
sub _lines () {
    my %form = (
        'bare LF' => sub { head('GET', '/x') =~ s/\r//gr },
        'bare CR' => sub { head('GET', '/x') =~ s/\n/\r/gr . hidden() },
        'LF at the end' => sub { head('GET', '/x') =~ s/\r\n\r\n/\r\n\n/r },
        'CR LF CR' => sub { head('GET', '/x') =~ s/\n\r\n\z/\n\r/r
                            . hidden() },
        'LF CR LF' => sub { head('GET', '/x', 'A: b') =~ s/b\r\n/b\n/r },
        'a folded line' => sub { head('GET', '/x', 'A: b', ' c') },
        'a line folded by a tab' => sub { head('GET', '/x', 'A: b', "\tc") },
        'a first line folded' => sub {
            head('GET', '/x') =~ s/\r\n/\r\n X: y\r\n/r },
        'a line of blanks' => sub { head('GET', '/x', 'A: b', '  ') },
        'a line without a colon' => sub { head('GET', '/x', 'no colon') },
        'a request as a line' => sub {
            head('GET', '/x', "GET /body?s=$S&u=u_bob HTTP/1.1") },
        'blank lines before' => sub { "\r\n\r\n" . head('GET', '/x') },
        'LF before' => sub { "\n" . head('GET', '/x') },
        'a blank before' => sub { ' ' . head('GET', '/x') . hidden() },
        'NUL before' => sub { "\0" . head('GET', '/x') . hidden() },
        'a byte order mark' => sub { "\xef\xbb\xbf" . head('GET', '/x') },
    );
    for my $name (sort keys %form) {
        stream('lines', $name, sub { $form{$name}->() . after() });
    }
}

# What is sent as a header of the gateway's own, or hides one.
sub _names () {
    my @names = ('X-Spocr-Uid', 'x-spocr-uid', 'X_Spocr_Uid', 'X-Spocr_Uid',
                 'X-SPOCR-UID', 'X-Spocr-Uid ', "X-Spocr-Uid\t", ' X-Spocr-Uid',
                 "X-Spocr-Uid\0", "\0X-Spocr-Uid", "X-Spocr-\x01Uid",
                 "X-Spocr-Uid\x7f", "X-Spocr\xadUid", "X\xe2\x80\x90Spocr-Uid",
                 'X-Spocr-Uid:', '"X-Spocr-Uid"', '(X-Spocr-Uid)',
                 'X-Spocr-Uid,', 'X-Spocr-Uid/', 'X-Spocr-Uid@', 'X.Spocr.Uid',
                 "X-Spocr-Uid\x0b", "A: b\nX-Spocr-Uid", "A: b\rX-Spocr-Uid",
                 '', 'X-Spocr-Key-Id', 'X-Spocr-Plan', 'X-Spocr-Anything',
                 'X-Request-Id', 'X-Idempotency-Attempt', 'X-Spocr-Signature');
    for my $name (@names) {
        stream('names', $name, sub {
            head('GET', '/x', "$name: u_bob") . after() });
        stream('names', "$name, before the key", sub {
            head('GET', '/x') =~ s/\r\nAuth/\r\n$name: u_bob\r\nAuth/r
            . after() });
    }
    for my $byte (0x80, 0xff, 0x01, 0x08, 0x0c, 0x1f, 0x7f, 0) {
        stream('names', sprintf('0x%02x in a value', $byte), sub {
            head('GET', '/x', 'A: b' . chr($byte) . 'c') . after() });
    }
}

sub _targets () {
    my $auth = "Authorization: Bearer $ALICE\r\n\r\n";
    my %line = (
        'absolute-form' => ['http://a%s', 'Host: a'],
        'absolute-form, https' => ['https://a%s', 'Host: a'],
        'absolute-form, another host' => ['http://b%s', 'Host: a'],
        'absolute-form, no host' => ['http://a%s', undef],
        'absolute-form, a user' => ['http://me@a%s', 'Host: a'],
        'absolute-form, a port' => ['http://a:80%s', 'Host: a'],
        'absolute-form, another port' => ['http://a:81%s', 'Host: a'],
        'absolute-form, an empty host' => ['http://%s', 'Host: a'],
        'authority-form' => ['a:80%s', 'Host: a'],
        'two hosts' => ['%s', "Host: a\r\nHost: a"],
        'two other hosts' => ['%s', "Host: a\r\nHost: b"],
        'no host' => ['%s', undef],
        'an empty host' => ['%s', 'Host: '],
        'a host with a comma' => ['%s', 'Host: a, b'],
        'a host with a blank' => ['%s', 'Host: a b'],
        'a host with a slash' => ['%s', 'Host: a/b'],
        'a host with NUL' => ['%s', "Host: a\0b"],
        'a host with a user' => ['%s', 'Host: me@a'],
        'a host with CR' => ['%s', "Host: a\rb"],
        'a blank in the target' => ['%s b', 'Host: a'],
        'a tab in the target' => ["%s\tb", 'Host: a'],
        'NUL in the target' => ["%s\0b", 'Host: a'],
        'a byte above 0x7f' => ["%s\xff", 'Host: a'],
        'a fragment' => ['%s#b', 'Host: a'],
        'an encoded line end' => ['%s%%0d%%0aA:%%20b', 'Host: a'],
        'a version in the target' => ['%s HTTP/1.1 HTTP/1.1', 'Host: a'],
        'a backslash' => ['\\%s', 'Host: a'],
        'two slashes' => ['/%s', 'Host: a'],
    );
    for my $name (sort keys %line) {
        my ($target, $host) = @{ $line{$name} };
        stream('targets', $name, sub {
            'GET ' . sprintf($target, "/x?s=$S&u=u_alice") . " HTTP/1.1\r\n"
            . (defined $host ? "$host\r\n" : '') . $auth . after() });
    }
    for my $target ('*', '', '/', '//', '?') {
        for my $method ('GET', 'OPTIONS') {
            stream('targets', "$method \"$target\"", sub {
                "$method $target HTTP/1.1\r\nHost: a\r\n$auth" . after() });
        }
    }
}

sub _versions () {
    my $x = sub ($method, $version) {
        return "$method /x?s=$S&u=u_alice$version\r\nHost: a\r\n"
               . "Authorization: Bearer $ALICE\r\n\r\n";
    };
    for my $version ('', ' HTTP/0.9', ' HTTP/1.0', ' HTTP/1.2', ' HTTP/1.9',
                     ' HTTP/1.10', ' HTTP/2.0', ' HTTP/3.0', ' HTTP/01.1',
                     ' HTTP/1', ' HTTP/1.', ' HTTP/.1', ' http/1.1',
                     ' HTTP 1.1', ' HTTP/1.1 ', '  HTTP/1.1', "\tHTTP/1.1",
                     ' HTTPS/1.1', ' HTTP/1.1x', ' HTTP/-1.1', ' HTTP/1,1',
                     ' ICY/1.1') {
        stream('versions', "GET$version", sub {
            $x->('GET', $version) . after() });
    }
    stream('versions', 'HTTP/1.0, kept', sub {
        $x->('GET', ' HTTP/1.0') =~ s/\r\n\r\n/\r\nConnection: keep-alive$&/r
        . after() });
    for my $method ('get', 'GE T', 'GET:', "G\0ET", '', 'CONNECT', 'TRACE',
                    'PRI', 'FOO', 'OPTIONS', 'A' x 300, "GET\t", 'G-E_T') {
        stream('methods', substr($method, 0, 20), sub {
            $x->($method, ' HTTP/1.1') . after() });
    }
    stream('versions', 'HTTP/2, a preface', sub {
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . hidden() });
    stream('versions', 'HTTP/2, a preface behind a request', sub {
        head('GET', '/x') . "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . hidden() });
    stream('versions', 'two requests in one write', sub {
        head('GET', '/x') . hidden() . after() }, body => 1);
}

sub _upgrades () {
    for my $lines (
        ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings',
         'HTTP2-Settings: AAMAAABkAAQAAP__'],
        ['Upgrade: h2c', 'Connection: Upgrade'], ['Upgrade: h2c'],
        ['HTTP2-Settings: AAMAAABkAAQAAP__'],
        ['Upgrade: websocket', 'Connection: Upgrade',
         'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'],
        ['Upgrade: h2', 'Connection: upgrade'],
        ['Upgrade: TLS/1.0', 'Connection: Upgrade'],
        ['Upgrade: h2c, websocket', 'Connection: Upgrade, close'],
    ) {
        for my $path ('/x', '/streamed') {
            stream('upgrade', "$path, @$lines", sub {
                head('GET', $path, @$lines) . "PRI * HTTP/2.0\r\n\r\nSM\r\n"
                . "\r\n" . hidden() });
            stream('upgrade', "$path, @$lines, a body", sub {
                head('POST', $path, @$lines,
                     'Content-Length: ' . length hidden())
                . hidden() . after() });
        }
    }
}

sub _expect () {
    for my $line ('Expect: 100-continue', 'Expect: 100-Continue',
                  'Expect: 100-continue, x', 'Expect: 200-ok', 'Expect: ',
                  "Expect: 100-continue\r\nExpect: 100-continue",
                  'Expect : 100-continue', 'EXPECT: 100-continue',
                  "Expect:\r\n 100-continue") {
        for my $path (@PATHS) {
            stream('expect', "$path, $line, a body at once", sub {
                head('POST', $path, once($path), $line,
                     'Content-Length: ' . length hidden())
                . hidden() . after() });
            stream('expect', "$path, $line, a body later", sub {
                (head('POST', $path, once($path), $line,
                      'Content-Length: ' . length hidden()),
                 hidden() . after()) });
        }
        stream('expect', "GET, $line, no body", sub {
            head('GET', '/x', $line) . hidden() . after() }, body => 1);
    }
}

# Answers that come before the body was read.
sub _short () {
    my %case = (
        401 => ['/x', undef], 'unknown key 403' => ['/x', 'spocr_nobody'],
        'scope 403' => ['/scope', $SCOPED], 429 => ['/limited', $FULL],
        405 => ['/get', $ALICE], 'target 400' => ['//x', $ALICE],
        413 => ['/small', $ALICE], 404 => ['/missing', $ALICE],
        'key 400' => ['/once', $ALICE, 'Idempotency-Key: a b'],
        'replay' => ['/once/stored', $ALICE, 'Idempotency-Key: stored'],
        409 => ['/once/busy', $ALICE, 'Idempotency-Key: busy'],
        422 => ['/once/stored', $ALICE, 'Idempotency-Key: stored'],
        'preflight 405' => ['/x', $ALICE, 'Origin: http://a',
                            'Access-Control-Request-Method: POST'],
    );
    my %uid = ($ALICE => 'u_alice', $FULL => 'u_full', $SCOPED => 'u_scoped');
    for my $name (sort keys %case) {
        my ($path, $key, @lines) = @{ $case{$name} };
        my $uid = $uid{ $key // '' } // 'u_none';
        my $method = $name =~ /preflight/ ? 'OPTIONS' : 'POST';
        my $target = $name =~ /replay|409/ ? $path
                   : sub { "$path?s=$S&u=$uid" };
        my $start = sub ($how, @more) {
            return join("\r\n", "$how " . (ref $target ? $target->() : $target)
                        . ' HTTP/1.1', 'Host: a',
                        defined $key ? "Authorization: Bearer $key" : (),
                        @lines, @more) . "\r\n\r\n";
        };
        my $text = sub { $name =~ /replay|409/ ? 'the body' : hidden() };
        my $length = sub { 'Content-Length: ' . length $text->() };
        my $coding = 'Transfer-Encoding: chunked';
        my %form = (
            'a length' => sub {
                $start->($method, $length->()) . $text->() . after() },
            'chunks' => sub {
                $start->($method, $coding) . chunked($text->()) . after() },
            'a body later' => sub {
                ($start->($method, $length->()), $text->() . after()) },
            'chunks later' => sub {
                ($start->($method, $coding), chunked($text->()) . after()) },
            'half of a body later' => sub {
                my $all = $text->();
                ($start->($method, $length->()) . substr($all, 0, 5),
                 substr($all, 5) . after()) },
            'Expect, a body at once' => sub {
                $start->($method, $length->(), 'Expect: 100-continue')
                . $text->() . after() },
            'Expect, no body' => sub {
                ($start->($method, $length->(), 'Expect: 100-continue'),
                 after()) },
            'GET with a body' => sub {
                $start->('GET', $length->()) . $text->() . after() },
            'HEAD with a body' => sub {
                $start->('HEAD', $length->()) . $text->() . after() },
            'HEAD with chunks' => sub {
                $start->('HEAD', $coding) . chunked($text->()) . after() },
            'chunks that break' => sub {
                $start->($method, $coding) . "zz\r\n" . hidden() },
            'no body' => sub { $start->($method, 'Content-Length: 0')
                               . after() },
        );
        for my $form (sort keys %form) {
            stream("short $name", $form, $form{$form}, short => $name);
        }
    }
}

sub _nominated () {
    for my $names ('X-Spocr-Uid', 'x-spocr-key-id, X-Spocr-Uid', 'X-Spocr-Plan',
                   'X-Request-Id', 'Authorization', 'Idempotency-Key',
                   'Content-Length', 'Transfer-Encoding', 'Host', 'Cookie',
                   'close, X-Spocr-Uid', 'keep-alive, Authorization',
                   'Content-Type', 'Connection', 'TE', 'Trailer', '*', ',,,',
                   "X-Spocr-Uid\r\nConnection: Authorization") {
        for my $path (@PATHS) {
            stream('nominated', "$path, Connection: $names", sub {
                head('POST', $path, once($path), "Connection: $names",
                     'Content-Length: ' . length hidden())
                . hidden() . after() });
        }
        stream('nominated', "chunks, Connection: $names", sub {
            head('POST', '/x', "Connection: $names",
                 'Transfer-Encoding: chunked')
            . chunked(hidden()) . after() });
    }
    for my $line ('Keep-Alive: X-Spocr-Uid', 'TE: trailers', 'TE: chunked',
                  'Trailer: X-Spocr-Uid', 'Proxy-Connection: X-Spocr-Uid',
                  'X-HTTP-Method-Override: DELETE', 'X-Original-URL: /body',
                  'X-Rewrite-URL: /body', 'X-Forwarded-Host: b',
                  'Proxy-Authorization: Bearer x', 'Max-Forwards: 0',
                  'Forwarded: for=1', 'Content-Encoding: gzip') {
        stream('nominated', $line, sub {
            head('POST', '/x', $line, 'Content-Length: ' . length hidden())
            . hidden() . after() });
    }
}

# What a backend says that the next client must not see.
sub _answers () {
    my $ok = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPOISON\n";
    my %before = (
        100 => "HTTP/1.1 100 Continue\r\n\r\n",
        102 => "HTTP/1.1 102 Processing\r\n\r\n",
        103 => "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        199 => "HTTP/1.1 199 Odd\r\n\r\n",
        101 => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
               . "Connection: Upgrade\r\n\r\n",
        'two 100' => "HTTP/1.1 100 Continue\r\n\r\n" x 2,
        'an answer more' => $ok,
        'an answer to HEAD with a body' => $ok,
        '204 with a body' => "HTTP/1.1 204 No Content\r\n\r\nPOISON",
        '304 with a body' => "HTTP/1.1 304 Not Modified\r\n\r\nPOISON",
        'a length and a coding' => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
            . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOISON",
        'two lengths' => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
            . "Content-Length: 5\r\n\r\nabcPOISON",
        'chunks and more' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
            . "\r\n\r\n1\r\na\r\n0\r\n\r\nPOISON",
        'no HTTP' => "POISON\r\n\r\n",
    );
    for my $name (sort keys %before) {
        for my $path ('/x', '/streamed', '/once') {
            stream('answers', "$path, $name", sub {
                my $method = $name =~ /HEAD/ ? 'HEAD' : 'POST';
                head($method, $path, once($path), 'Content-Length: 0')
                    =~ s/u_alice/"$&&answer=" . unpack 'H*', $before{$name}/er
                . after() });
        }
    }
}

# What must be executed, or the assertions would hold of a gateway that does
# nothing.
sub _good () {
    for my $path (@PATHS) {
        stream('good', "$path, GET", sub {
            head('GET', $path, once($path)) . after() },
               runs => 2);
        stream('good', "$path, a length", sub {
            head('POST', $path, once($path),
                 'Content-Length: ' . length hidden()) . hidden() . after()
        }, runs => 2);
        stream('good', "$path, chunks", sub {
            head('POST', $path, once($path), 'Transfer-Encoding: chunked')
            . chunked(hidden()) . after() }, runs => 2);
        stream('good', "$path, an empty body", sub {
            head('POST', $path, once($path), 'Content-Length: 0') . after()
        }, runs => 2);
    }
}

1;
