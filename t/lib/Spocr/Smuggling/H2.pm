# The corpus for HTTP/2: frames that, written as HTTP/1.1 for a backend, could
# become something else.
#
#   my @cases = Spocr::Smuggling::H2::corpus($alice, $bob);
#
# Cases of Spocr::H2::Run, with group, name and s as in Spocr::Smuggling.

package Spocr::Smuggling::H2;

use v5.36;
use Spocr::H2::Frames;

my ($ALICE, $BOB, $S, @cases);

sub corpus ($alice, $bob) {
    ($ALICE, $BOB, @cases) = ($alice, $bob);
    _bodies($_) for '/x', '/streamed', '/once';
    _fields(); _pseudo();
    return @cases;
}

# add(NAME, SUB that makes steps)
sub add ($name, $make) {
    $S = sprintf 'h%03d', scalar @cases;
    $name =~ s/([^\x20-\x7e])/sprintf '\x%02x', ord $1/ge;
    push @cases, { group => 'HTTP/2', name => $name, s => $S, wait => [1],
                   steps => [$make->()] };
}

sub hidden () {
    return "GET /body?s=$S&u=u_bob HTTP/1.1\r\nHost: a\r\n"
           . "Authorization: Bearer $BOB\r\n\r\n";
}

sub target ($path = '/x') { "$path?s=$S&u=u_alice" }

# A block with these fields in the place of the usual ones, and these behind.
sub block ($usual, @more) {
    my %value = (':method' => 'POST', ':scheme' => 'http',
                 ':path' => target(), ':authority' => 'a', %$usual);
    my $block = join '', map { plain($_, $value{$_}) }
        grep { defined $value{$_} } qw(:method :scheme :path :authority);
    $block .= plain(authorization => "Bearer $ALICE");
    while (my ($name, $value) = splice @more, 0, 2) {
        $block .= plain($name, $value);
    }
    return $block;
}

# HEADERS, and a body that hides a request.
sub with_body (@block) {
    return headers(1, block(@block), END_HEADERS)
           . data(1, hidden(), END_STREAM);
}

sub _bodies ($path) {
    my $start = sub (@more) {
        return ({ ':path' => target($path) },
                $path eq '/once' ? ('idempotency-key' => $S) : (), @more);
    };
    my $n = sub { length hidden() };

    add("$path, a body", sub { with_body($start->()) });
    add("$path, its length", sub {
        with_body($start->('content-length' => $n->())) });
    for my $less (-1, 1, -10) {
        add("$path, a length " . ($less > 0 ? "$less above" : -$less
            . ' below'), sub {
            with_body($start->('content-length' => $n->() + $less)) });
    }
    for my $length ('0', '5x', '+5', '-1', '', '0x10', '5, 5',
                    '18446744073709551616') {
        add("$path, a length of \"$length\"", sub {
            with_body($start->('content-length' => $length)) });
    }
    add("$path, two lengths", sub {
        with_body($start->('content-length' => $n->(),
                           'content-length' => 0)) });
    for my $coding ('chunked', 'identity', 'gzip, chunked') {
        add("$path, transfer-encoding: $coding", sub {
            with_body($start->('transfer-encoding' => $coding)) });
        add("$path, transfer-encoding: $coding, and chunks", sub {
            headers(1, block($start->('transfer-encoding' => $coding)),
                    END_HEADERS)
            . data(1, "0\r\n\r\n" . hidden(), END_STREAM) });
    }
    add("$path, a body in one-byte frames", sub {
        my @bytes = split //, hidden();
        headers(1, block($start->()), END_HEADERS)
        . join('', map { data(1, $_) } @bytes) . data(1, '', END_STREAM) });
    add("$path, a body in padded frames", sub {
        headers(1, block($start->()), END_HEADERS)
        . data(1, "\x20" . hidden() . "0\r\n\r\n" . 'x' x 27,
               PADDED | END_STREAM) });
    add("$path, trailers with an identity", sub {
        headers(1, block($start->()), END_HEADERS) . data(1, 'x')
        . headers(1, plain('x-spocr-uid', 'u_bob')) });
    add("$path, expect: 100-continue", sub {
        with_body($start->(expect => '100-continue')) });
    add("$path, HEAD with a body", sub {
        my ($usual, @more) = $start->();
        with_body({ %$usual, ':method' => 'HEAD' }, @more) });
    add("$path, a body that is reset", sub {
        headers(1, block($start->('content-length' => 1000)), END_HEADERS)
        . data(1, hidden()) . reset(1) });
    add("$path, a body that is cut", sub {
        headers(1, block($start->('content-length' => 1000)), END_HEADERS)
        . data(1, hidden(), END_STREAM) });
}

sub _fields () {
    my @line = ("\r\n", "\n", "\r", "\0");
    for my $end (@line) {
        add("a line end in a value, $end", sub {
            with_body({}, 'x-test' => "a${end}X-Spocr-Uid: u_bob") });
        add("a request in a value, $end", sub {
            with_body({}, 'x-test' => "a$end$end" . hidden()) });
        add("a line end in a name, $end", sub {
            with_body({}, "x: a${end}x-spocr-uid" => 'u_bob') });
        add("a line end in a cookie, $end", sub {
            with_body({}, cookie => 'a=1', cookie => "b${end}X: y") });
        add("a line end in the key, $end", sub {
            with_body({}, 'idempotency-key' => "a${end}X: y") });
    }
    for my $pair (
        ['x-spocr-uid', 'u_bob'], ['X-Spocr-Uid', 'u_bob'],
        ['x_spocr_uid', 'u_bob'], ['x-spocr-uid ', 'u_bob'],
        [' x-spocr-uid', 'u_bob'], ["x-spocr-uid\0", 'u_bob'],
        ['x-spocr-key-id', 'key_bob'], ['x-spocr-plan', 'pro'],
        ['x-spocr-signature', 't=1,v1=0'], ['x-request-id', 'req_mine'],
        ['connection', 'x-spocr-uid'], ['connection', 'close'],
        ['keep-alive', 'timeout=9'], ['upgrade', 'h2c'],
        ['proxy-connection', 'x-spocr-uid'], ['te', 'chunked'],
        ['http2-settings', 'AAMAAABkAAQAAP__'], ['host', 'a'], ['host', 'b'],
        ['authorization', "Bearer spocr_x"], ['x-original-url', '/body'],
        ['', 'empty'], [':', 'x'], ['x:y', 'z'], ['transfer_encoding',
                                                  'chunked'],
    ) {
        my ($name, $value) = @$pair;
        add("$name: $value", sub { with_body({}, $name => $value) });
    }
}

sub _pseudo () {
    my %value = (
        ':method' => ['', 'GET /body HTTP/1.1', "GET\r\n", "GET\0", 'get',
                      'G E T', "POST /body HTTP/1.1\r\nA: b"],
        ':scheme' => ['', 'ftp', "http\r\nX: y", 'http://b/?', 'ht tp'],
        ':path' => ['', '*', 'body', ' /body', '/body HTTP/1.1',
                    "/body HTTP/1.1\r\nX: y\r\n\r\n", "/body\0", "/body\tx",
                    'http://b/body', '//body', "/body\n", '/body#x'],
        ':authority' => ['', 'a b', "a\r\nX: y", 'a/b', 'me@a', "a\0", 'b',
                         'a:80', 'a:x', "a\n", "a\tb", 'a, b'],
    );
    for my $name (sort keys %value) {
        for my $value (@{ $value{$name} }) {
            add("$name \"$value\"", sub { with_body({ $name => $value }) });
        }
        add("no $name", sub { with_body({ $name => undef }) });
        add("$name twice", sub {
            my $block = block({});
            my $more = plain($name, $name eq ':path' ? '/body'
                             : $name eq ':method' ? 'GET' : 'b');
            headers(1, $more . $block, END_HEADERS)
            . data(1, hidden(), END_STREAM) });
        add("$name behind a field", sub {
            headers(1, block({}) . plain($name, '/body'), END_HEADERS)
            . data(1, hidden(), END_STREAM) });
    }
    add('a host and no :authority', sub {
        with_body({ ':authority' => undef }, host => 'a') });
    add('two hosts and no :authority', sub {
        with_body({ ':authority' => undef }, host => 'a', host => 'b') });
}

1;
