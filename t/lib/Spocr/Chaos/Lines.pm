# Lines of flat JSON objects: what history, ledger and faults are written in.
# They hold only texts and numbers, so that hundreds of thousands of them can be
# written while requests are under way, and read in seconds.
#
#   my $text = Spocr::Chaos::Lines::encode({ n => 1, uid => 'u' });   # and \n
#   my $hash = Spocr::Chaos::Lines::decode($line);        # undef: no such line
#   Spocr::Chaos::Lines::each($file, sub ($hash) { ... });

package Spocr::Chaos::Lines;

use v5.36;

my %ESCAPE = ('"' => '\\"', '\\' => '\\\\');

sub _text ($text) {
    $text =~ s/([\x00-\x1f"\\\x7f-\xff])/
               $ESCAPE{$1} || sprintf '\\u%04x', ord $1/ge;
    return "\"$text\"";
}

sub encode ($hash) {
    return '{' . join(',', map {
        my $v = $hash->{$_};
        "\"$_\":" . ($v =~ /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?\z/
                     ? $v : _text($v));
    } grep { defined $hash->{$_} } sort keys %$hash) . "}\n";
}

sub decode ($line) {
    my %h;
    return if $line !~ /^\{.*\}$/;

    while ($line =~ /"(\w+)":(?:"((?:[^"\\]|\\.)*)"|(-?[\d.]+))/g) {
        my ($name, $text, $number) = ($1, $2, $3);
        if (defined $text && index($text, '\\') >= 0) {
            $text =~ s/\\(?:u00(..)|(.))/defined $1 ? chr hex $1 : $2/ge;
        }
        $h{$name} = $text // $number;
    }
    return \%h;
}

sub each ($file, $do) {                           ## no critic
    open my $in, '<:raw', $file or die "cannot open $file: $!\n";
    while (my $line = <$in>) {
        my $hash = decode($line)
            // die "$file line $.: not a line of this kind\n";
        $do->($hash);
    }
    return;
}

1;
