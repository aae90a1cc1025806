# Small pictures for tests of the backend, which cost its engine next to
# nothing: a blank one, which holds no text (502), and some that hold a total.

package Spocr::Picture;

use v5.36;
use Compress::Zlib ();

my @total = (
    '##### .###. #####  ###  #     ..  .#.   .##    ..    ####    #. ',
    '  #   #   #   #   #   # #         ##   #   #            #   ## ',
    '  #   #   #   #   #   # #          #       #           #   # # ',
    '  #   #   #   #   ##### #          #      #           ##  #  # ',
    '  #   #   #   #   #   # #          #     #              # #####',
    '  #   #   #   #   #   # #          #    #      ##   #   #    # ',
    '  #   .###.   #   #   # #####     ###  #####   ##    ###     # ',
);

sub png ($w, $h, $dark) {
    my $raw = join '', map {
        my $y = $_;
        "\0" . join '', map { $dark->($_, $y) ? "\0" : "\xff" } 0 .. $w - 1;
    } 0 .. $h - 1;
    my $chunk = sub ($t, $d) {
        return pack('N', length $d) . $t . $d
            . pack 'N', Compress::Zlib::crc32($t . $d);
    };
    return "\x89PNG\r\n\x1a\n"
        . $chunk->('IHDR', pack 'NNC5', $w, $h, 8, 0, 0, 0, 0)
        . $chunk->('IDAT', Compress::Zlib::compress($raw))
        . $chunk->('IEND', '');
}

# n: pictures of other n are other bytes
sub blank ($n = 0) { png(60 + $n % 40, 60 + $n / 40, sub { 0 }) }

sub total ($n = 0) {
    my ($scale, $margin) = (3, 20);
    my $width = length $total[0];
    return png(2 * $margin + $width * $scale + $n % 40,
               2 * $margin + @total * $scale + $n / 40, sub (@at) {
        my ($x, $y) = map { ($_ - $margin) / $scale } @at;
        return $x >= 0 && $y >= 0 && $y < @total && $x < $width
            && substr($total[$y], $x, 1) eq '#';
    });
}

# the total in light letters on a dark bar, on a white page
sub bar () {
    my ($scale, $left, $top) = (4, 60, 120);
    my $width = length $total[0];
    return png(400, 300, sub ($px, $py) {
        return 0 if $py < $top - 16 || $py >= $top + @total * $scale + 16;
        my ($x, $y) = (($px - $left) / $scale, ($py - $top) / $scale);
        return !($x >= 0 && $y >= 0 && $y < @total && $x < $width
                 && substr($total[$y], $x, 1) eq '#');
    });
}

1;
