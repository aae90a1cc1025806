# RFC 7541: the compression of header blocks.

package Spocr::H2::Cases::Hpack;

use v5.36;
use Spocr::H2::Cases;
use Spocr::H2::Frames;

my $BAD = conn('COMPRESSION_ERROR');

sub make () { _examples(); _table(); _integers(); _strings(); _sizes() }

sub with ($bytes) { headers(1, fields() . $bytes) }

# The requests of appendix C; their location is open, as they have no key.
sub _examples () {
    my %block = (
        'C.3' => ['828684410f7777772e6578616d706c652e636f6d',
                  '828684be58086e6f2d6361636865',
                  '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565'],
        'C.4' => ['828684418cf1e3c2e5f23a6ba0ab90f4ff',
                  '828684be5886a8eb10649cbf',
                  '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf'],
    );
    my %host = (method => 'GET', host => 'www.example.com');

    for my $part (sort keys %block) {
        my @steps = map {
            (headers(2 * $_ - 1, pack 'H*', $block{$part}[$_ - 1]),
             ['answer', 2 * $_ - 1])
        } 1 .. 3;
        case("7541 $part.1", 'the first request',
             answered(1, 200, echo(%host, target => '/')), [@steps[0, 1]]);
        case("7541 $part.2", 'and the second',
             answered(3, 200, echo(%host, target => '/',
                                   'cache-control' => 'no-cache')),
             [@steps[0 .. 3]]);
        case("7541 $part.3", 'and the third',
             answered(5, 200, echo(%host, target => '/index.html',
                                   'custom-key' => 'custom-value')),
             [@steps]);
    }
    case('7541 C.2.1', 'a literal that is indexed',
         answered(1, 200, echo('custom-key' => 'custom-header')),
         with(pack 'H*', '400a637573746f6d2d6b6579'
                         . '0d637573746f6d2d686561646572'));
    case('7541 C.2.2', 'a literal that is not', answered(1, 200,
         echo(target => '/sample/path')),
         headers(1, "\x82\x86" . (pack 'H*', '040c2f73616d706c652f70617468')
                    . "\x41\x01a"));
    case('7541 C.2.3', 'a literal that never is',
         answered(1, 200, echo(password => 'secret')),
         with(pack 'H*', '100870617373776f726406736563726574'));
}

sub _table () {
    case('7541 2.3.3', 'index 0', $BAD, with("\x80"));
    case('7541 2.3.3', 'an index above both tables', $BAD, with(indexed(62)));
    case('7541 2.3.3', 'index 70', $BAD, with(indexed(70)));
    case('7541 2.3.3', 'a name\'s index above both tables', $BAD,
         with("\x7f\x00\x01a"));
    case('7541 2.3.3', 'a name\'s index above both, not to be added', $BAD,
         with("\x0f\x2f\x01a"));
    case('7541 2.3.1', 'the last of the static table', answered(1, 200,
         echo('www-authenticate' => '')), with(indexed(61)));
    case('7541 2.3.2', 'an entry is used in the same block',
         answered(1, 200, echo('x-a' => 'b|b')),
         with(added('x-a', 'b') . indexed(62)));
    case('7541 2.3.2', 'and in the next',
         answered(3, 200, echo('x-a' => 'b')),
         with(added('x-a', 'b')) . headers(3, fields() . indexed(62)));
    case('7541 2.3.2', 'the newest comes first',
         answered(1, 200, echo('x-a' => '1|2|3|3|2|1')),
         with(join '', (map { added('x-a', $_) } 1 .. 3),
              map { indexed($_) } 62 .. 64));
    case('7541 2.3.2', 'a name of the table',
         answered(1, 200, echo('x-a' => 'b|c')),
         with(added('x-a', 'b') . "\x0f\x2f\x01c"));
    case('7541 2.3.2', 'an entry may be there twice',
         answered(1, 200, echo('x-a' => 'b|b|b|b')),
         with(added('x-a', 'b') x 2 . indexed(62) . indexed(63)));
    case('7541 2.2', 'a block that fails leaves nothing to the next',
         $BAD, with(added('x-a', 'b')) . headers(3, fields() . indexed(63)));
    case('7541 2.2', 'a request that is refused has filled the table',
         answered(3, 200, echo('x-a' => 'b')),
         headers(1, plain(':method', 'GET') . plain(':scheme', 'http')
                    . plain(':authority', 'a') . added('x-a', 'b'))
         . headers(3, fields() . indexed(62)));
    case('7541 2.2', 'so has one that is reset',
         answered(3, 200, echo('x-a' => 'b')),
         headers(1, fields(':method' => 'POST') . added('x-a', 'b'),
                 END_HEADERS) . reset(1) . headers(3, fields() . indexed(62)));
    case('7541 2.2', 'and trailers', answered(3, 200, echo('x-a' => 'b')),
         post(1) . data(1, 'x') . headers(1, added('x-a', 'b'))
         . headers(3, fields() . indexed(62)));

    # an entry takes 32 bytes more than its name and value
    my $fits = added('x-large', 'v' x (4096 - 32 - 7));
    my $not = added('x-large', 'v' x (4096 - 32 - 6));
    case('7541 4.4', 'an entry as large as the table', answered(3, 200,
         echo('x-large' => 'v' x (4096 - 32 - 7))),
         with($fits) . headers(3, fields() . indexed(62)));
    case('7541 4.4', 'which drops the others', $BAD,
         with(added('x-a', 'b') . $fits . indexed(63)));
    case('7541 4.4', 'one that is larger is no error',
         answered(1), with($not));
    case('7541 4.4', 'and is not there', $BAD, with($not . indexed(62)));
    case('7541 4.4', 'and empties the table', $BAD,
         with(added('x-a', 'b') . $not . indexed(62)));
    case('7541 4.4', 'the oldest is dropped',
         answered(1, 200, echo('x-b' => 'b|b')),
         with(added('x-a', 'b' x 2000) . added('x-c', 'b' x 1900)
              . added('x-b', 'b') . added('x-d', 'b' x 200) . indexed(63)));
    case('7541 4.4', 'and is not there any more', $BAD,
         with(added('x-a', 'b' x 2100) . added('x-c', 'b' x 1900)
              . added('x-d', 'b' x 200) . indexed(64)));
}

sub _integers () {
    case('7541 5.1', 'an index that overflows', $BAD,
         with("\xff" . "\xff" x 9 . "\x7f"));
    case('7541 5.1', 'a length that overflows', $BAD,
         with("\x00\x01a\x7f" . "\xff" x 9 . "\x7f"));
    case('7541 5.1', 'a length of 2^32', $BAD,
         with("\x00\x01a" . integer(1 << 32, 7)));
    case('7541 5.1', 'an index without an end', $BAD, with("\xff"));
    case('7541 5.1', 'a length without an end', $BAD, with("\x00\x01a\x7f"));
    case('7541 5.1', 'a length of the prefix\'s largest value',
         answered(1, 200, echo('x-a' => 'v' x 127)),
         with(plain('x-a', 'v' x 127)));
    case('7541 5.1', 'a length of one more',
         answered(1, 200, echo('x-a' => 'v' x 128)),
         with(plain('x-a', 'v' x 128)));
}

sub _strings () {
    my $huffman = sub ($bytes) {
        return "\x00\x03x-a" . chr(0x80 | length $bytes) . $bytes;
    };
    case('7541 5.2', 'a string above the block', $BAD,
         with("\x00\x03x-a\x05abc"));
    case('7541 5.2', 'a name above the block', $BAD, with("\x00\x05x-a"));
    case('7541 5.2', 'a literal without a value', $BAD, with("\x00\x03x-a"));
    case('7541 5.2', 'Huffman', answered(1, 200, echo('x-a' => 'a')),
         with($huffman->("\x1f")));
    case('7541 5.2', 'Huffman of no bytes', answered(1, 200, echo('x-a' => '')),
         with($huffman->('')));
    case('7541 5.2', 'padding of eight bits', $BAD,
         with($huffman->("\x1f\xff")));
    case('7541 5.2', 'nothing but padding', $BAD, with($huffman->("\xff")));
    case('7541 5.2', 'padding with zeros', $BAD, with($huffman->("\x18")));
    case('7541 5.2', 'the end\'s own symbol', $BAD,
         with($huffman->("\xff\xff\xff\xff")));
    case('7541 5.2', 'the end\'s symbol behind a letter', $BAD,
         with($huffman->("\x1f\xff\xff\xff\xff")));
    case('7541 5.2', 'a name in Huffman',
         answered(1, 200, echo('custom-key' => 'v')),
         with("\x00\x88" . pack('H*', '25a849e95ba97d7f') . "\x01v"));
}

sub _sizes () {
    my $first = sub ($bytes) { headers(1, $bytes . fields()) };

    case('7541 4.2', 'a size above what is allowed', $BAD,
         $first->(resized(4097)));
    case('7541 4.2', 'a size above 2^32', $BAD,
         $first->("\x3f" . "\xff" x 9 . "\x7f"));
    case('7541 4.2', 'the size that is allowed', answered(1),
         $first->(resized(4096)));
    case('7541 4.2', 'a size behind a field', $BAD, with(resized(100)));
    case('7541 4.2', 'a size within a block', $BAD,
         with(resized(100) . plain('a', 'b')));
    case('7541 4.2', 'two sizes', answered(1),
         $first->(resized(0) . resized(4096)));
    case('7541 4.3', 'a size of 0 empties the table', $BAD,
         with(added('x-a', 'b')) . headers(3, resized(0) . fields()
                                              . indexed(62)));
    case('7541 4.3', 'and so it does before a larger one', $BAD,
         with(added('x-a', 'b')) . headers(3, resized(0) . resized(4096)
                                              . fields() . indexed(62)));
    case('7541 4.3', 'a smaller size keeps what fits',
         answered(3, 200, echo('x-a' => 'b')),
         with(added('x-z', 'y' x 200) . added('x-a', 'b'))
         . headers(3, resized(40) . fields() . indexed(62)));
    case('7541 4.3', 'and drops what does not', $BAD,
         with(added('x-z', 'y' x 200) . added('x-a', 'b'))
         . headers(3, resized(40) . fields() . indexed(63)));
    case('7541 4.3', 'with a size of 0 nothing is added', $BAD,
         $first->(resized(0)) . headers(3, fields() . added('x-a', 'b')
                                           . indexed(62)));
    case('7541 4.3', 'nor later', $BAD,
         with(added('x-z', 'y')) . headers(3, resized(0) . fields()
             . added('x-a', 'b') . indexed(62)));
    case('7541 6.3', 'a size that is cut', $BAD, headers(1, "\x3f"));
}

1;
