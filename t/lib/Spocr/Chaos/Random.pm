# Numbers by chance that are the same for the same seed and name, on every
# machine and whatever else draws numbers meanwhile.
#
#   my $r = Spocr::Chaos::Random->new($seed, 'faults');
#   $r->below(6)         0 .. 5
#   $r->between(1, 3)    a fraction from 1 up to 3
#   $r->one(@list), $r->chance(0.1), $r->shuffle(@list)

package Spocr::Chaos::Random;

use v5.36;
use Digest::SHA qw(sha256);

sub new ($class, $seed, $name) {
    my $state = unpack 'Q', sha256("$seed/$name");
    return bless { state => $state || 1 }, $class;
}

# xorshift, with the shifts of Marsaglia's paper
sub fraction ($self) {
    my $x = $self->{state};
    $x ^= $x << 13;
    $x ^= $x >> 7;
    $x ^= $x << 17;
    $self->{state} = $x;
    return ($x >> 11) / 2**53;
}

sub below ($self, $n)            { int($n * $self->fraction) }
sub between ($self, $from, $to)  { $from + ($to - $from) * $self->fraction }
sub chance ($self, $p)           { $self->fraction < $p }
sub one ($self, @list)           { $list[$self->below(scalar @list)] }

sub shuffle ($self, @list) {
    for my $i (reverse 1 .. $#list) {
        my $j = $self->below($i + 1);
        @list[$i, $j] = @list[$j, $i];
    }
    return @list;
}

1;
