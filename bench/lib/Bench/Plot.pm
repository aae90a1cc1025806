# Plots as SVG: lines over a range, and bars in groups.  They are readable on
# light and on dark pages, and without colours: each series has a mark or a
# pattern of dashes of its own.
#
#   my $svg = Bench::Plot::lines(%plot);    my $svg = Bench::Plot::bars(%plot);
#
#   title, desc      for readers, and for those who do not see it
#   x => { label, log => 1, ticks => [[VALUE, TEXT], …] }
#                    bars: { label, groups => [TEXT, …] }
#   y => { label, log => 1, from, to, line => VALUE }
#                    "line" is drawn across, as 1 for "no difference"
#   series => [{ name, colour => 0 .. 6, dashed => 1, marks => 'only',
#                points => [[X, Y, LOW, HIGH], …] }, …]
#                    LOW and HIGH are drawn as a whisker, and may be missing;
#                    bars: a point per group, X is not looked at, undef is none

package Bench::Plot;

use v5.36;
use List::Util qw(max min);

my ($width, $height) = (760, 430);
my %margin = (left => 78, right => 20, top => 84, bottom => 58);
my $right = $width - $margin{right};
my $bottom = $height - $margin{bottom};

# Colours that those tell apart, too, who see few of them; on white, on black.
my @colours = (['#6e7781', '#9ea7b3'], ['#b26a00', '#f0b040'],
               ['#0060c0', '#58a6ff'], ['#007a55', '#3fcf9b'],
               ['#c03a00', '#ff8a5c'], ['#9b3b8c', '#e79bd8'],
               ['#2a2f36', '#e6edf3']);

sub lines (%o) {
    my ($x, $y) = ($o{x}, $o{y});
    my @points = map { $_->{points}->@* } $o{series}->@*;
    my $x_of = _scale($x->{log}, min(map { $_->[0] } @points),
                      max(map { $_->[0] } @points),
                      $margin{left} + 12, $right - 12);
    my $y_of = _y_scale($y, @points);
    my $svg = _y_axis($y, $y_of) . _x_ticks($x_of, $x->{ticks}->@*);

    for my $i (0 .. $#{ $o{series} }) {
        my $s = $o{series}[$i];
        my @at = map { [$x_of->($_->[0]), $y_of->($_->[1])] } $s->{points}->@*;
        $svg .= _whiskers($s, $x_of, $y_of);
        $svg .= sprintf qq(<polyline class="l c%d"%s points="%s"/>\n),
                        $s->{colour}, _dashes($s),
                        join ' ', map { sprintf '%.1f,%.1f', @$_ } @at
            if ($s->{marks} // '') ne 'only' && @at > 1;
        $svg .= _mark($s, @$_) for @at;
    }
    return _page(%o, body => $svg);
}

sub bars (%o) {
    my @series = $o{series}->@*;
    my @groups = $o{x}{groups}->@*;
    my @points = grep { defined } map { $_->{points}->@* } @series;
    my $y = $o{y};
    my $y_of = _y_scale($y, @points);
    my $room = ($right - $margin{left}) / @groups;
    my $bar = min(34, $room * 0.8 / @series);
    my $svg = _y_axis($y, $y_of);

    for my $g (0 .. $#groups) {
        my $middle = $margin{left} + $room * ($g + 0.5);
        $svg .= _text($middle, $bottom + 18, 't m', $groups[$g]);
        for my $i (0 .. $#series) {
            my $point = $series[$i]{points}[$g] // next;
            my $left = $middle + ($i - @series / 2) * $bar;
            my (undef, $value, $low, $high) = @$point;
            my $top = $y_of->($value);
            $svg .= sprintf qq(<rect class="b c%d" x="%.1f" y="%.1f" )
                            . qq(width="%.1f" height="%.1f"/>\n),
                            $series[$i]{colour}, $left + 1, $top, $bar - 2,
                            $bottom - $top;
            $svg .= _whisker($left + $bar / 2, $y_of->($low), $y_of->($high))
                if defined $low;
            my $above = min($top, defined $high ? $y_of->($high) : $top);
            $svg .= _text($left + $bar / 2, $above - 5, 'v m',
                          sprintf '%.2f', $value);
        }
    }
    return _page(%o, body => $svg, bars => 1);
}


# -- axes --

sub _scale ($log, $from, $to, $low, $high) {
    my $of = $log ? sub ($v) { log $v } : sub ($v) { $v };
    my ($a, $b) = ($of->($from), $of->($to));
    $b = $a + 1 if $b == $a;
    return sub ($v) { $low + ($of->($v) - $a) / ($b - $a) * ($high - $low) };
}

# From a round number to a round number, with room for what stands above.
sub _y_scale ($y, @points) {
    my @values = grep { defined } map { @$_[1 .. 3] } @points;
    my ($least, $most) = (min(@values), max(@values));
    my ($from, $to);
    if ($y->{log}) {
        $from = _power($least) * 0.999;
        $to = $most * 1.3;
    } else {
        $from = 0;
        $to = $most * 1.08;
    }
    $y->{from} = $y->{from} || $from;
    $y->{to} //= $to;
    return _scale($y->{log}, $y->{from}, $y->{to}, $bottom, $margin{top});
}

# The largest 1, 2 or 5 times a power of ten that is not larger.
sub _power ($value) {
    my $ten = 10 ** int(log($value) / log(10) - ($value < 1 ? 1 : 0));
    return $ten * max(grep { $ten * $_ <= $value * 1.0001 } 1, 2, 5, 10);
}

sub _y_ticks ($y) {
    my ($from, $to) = @$y{qw(from to)};
    if (!$y->{log}) {
        my $step = _power(($to - $from) / 5);
        return map { $_ * $step } 0 .. int($to / $step + 1e-9);
    }
    my @steps = $to / $from > 2000 ? (1) : $to / $from > 30 ? (1, 3)
                                                            : (1, 2, 5);
    my $ten = 10 ** int(log($from) / log(10) - 2);
    my @ticks;
    for (; $ten <= $to; $ten *= 10) {
        push @ticks, grep { $_ >= $from && $_ <= $to }
                     map { $ten * $_ } @steps;
    }
    return @ticks;
}

sub _y_axis ($y, $of) {
    my $svg = '';
    for my $tick (_y_ticks($y)) {
        my $at = $of->($tick);
        $svg .= sprintf qq(<path class="g" d="M%d %.1fH%d"/>\n),
                        $margin{left}, $at, $right;
        $svg .= _text($margin{left} - 8, $at + 4, 't e', _number($tick));
    }
    $svg .= sprintf qq(<path class="r" d="M%d %.1fH%d"/>\n), $margin{left},
                    $of->($y->{line}), $right if defined $y->{line};
    return $svg;
}

sub _x_ticks ($of, @ticks) {
    return join '', map {
        my $at = $of->($_->[0]);
        sprintf(qq(<path class="a" d="M%.1f %dv5"/>\n), $at, $bottom)
        . _text($at, $bottom + 19, 't m', $_->[1])
    } @ticks;
}

sub _number ($n) {
    return '0' if !$n;
    my $text = $n >= 100 ? sprintf '%.0f', $n : $n >= 10 ? sprintf '%.1f', $n
             : sprintf '%.2f', $n;
    $text = sprintf '%.2g', $n if $n < 0.01;
    $text =~ s/(\.\d*?)0+$/$1/;
    $text =~ s/\.$//;
    1 while $text =~ s/^(\d+)(\d{3})\b/$1,$2/;
    return $text;
}


# -- pieces --

sub _dashes ($s) { $s->{dashed} ? ' stroke-dasharray="6 5"' : '' }

sub _whiskers ($s, $x_of, $y_of) {
    return join '', map {
        _whisker($x_of->($_->[0]), map { $y_of->($_) } @$_[2, 3])
    } grep { defined $_->[2] } $s->{points}->@*;
}

sub _whisker ($x, $low, $high) {
    return sprintf qq(<path class="w" d="M%.1f %.1fV%.1f)
                   . qq(m-3 0h6M%.1f %.1fh6"/>\n), $x, $low, $high,
                   $x - 3, $low;
}

my @marks = (
    'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z',  'M-4 -4h8v8h-8z',
    'M-5 4h10l-5 -9z',                      'M0 -5.5l5 5.5l-5 5.5l-5 -5.5z',
    'M-5 -4h10l-5 9z',                      'M-5 -5l10 10M-5 5l10 -10',
    'M-5 0h10M0 -5v10',
);

sub _mark ($s, $x, $y) {
    my $class = $s->{colour} > 4 ? 'l' : 'b';
    return sprintf qq(<path class="%s c%d" d="%s" )
                   . qq(transform="translate(%.1f %.1f)"/>\n), $class,
                   $s->{colour}, $marks[ $s->{colour} ], $x, $y;
}

sub _text ($x, $y, $class, $text) {
    return sprintf qq(<text class="%s" x="%.1f" y="%.1f">%s</text>\n),
                   $class, $x, $y, _escape($text);
}

sub _escape ($text) {
    my %entity = ('&' => 'amp', '<' => 'lt', '>' => 'gt', '"' => 'quot');
    return $text =~ s/([&<>"])/&$entity{$1};/gr;
}

sub _legend ($o) {
    my ($svg, $x) = ('', $margin{left});
    my $y = 52;
    for my $s ($o->{series}->@*) {
        my $long = 34 + 6.6 * length $s->{name};
        ($x, $y) = ($margin{left}, $y + 18) if $x + $long > $right;
        if ($o->{bars}) {
            $svg .= sprintf qq(<rect class="b c%d" x="%.1f" y="%d" )
                            . qq(width="12" height="12"/>\n),
                            $s->{colour}, $x + 4, $y - 10;
        } else {
            $svg .= sprintf qq(<path class="l c%d"%s d="M%.1f %dh22"/>\n),
                            $s->{colour}, _dashes($s), $x, $y - 4
                if ($s->{marks} // '') ne 'only';
            $svg .= _mark($s, $x + 11, $y - 4);
        }
        $svg .= _text($x + 28, $y, 't', $s->{name});
        $x += $long + 14;
    }
    return $svg;
}

sub _style () {
    my $colours = sub ($i) {
        join '', map { ".b.c$_ { fill: $colours[$_][$i] }\n"
                       . ".l.c$_ { stroke: $colours[$_][$i] }\n" }
                 0 .. $#colours;
    };
    return <<"EOF" . $colours->(0) . <<"EOF" . $colours->(1) . "}\n";
text { font: 12px system-ui, sans-serif; fill: #24292f }
.h { font-size: 15px; font-weight: 600 }
.m { text-anchor: middle }
.e { text-anchor: end }
.v { font-size: 10px }
.p { fill: #ffffff }
.g { stroke: #d8dee4; fill: none }
.r { stroke: #57606a; fill: none; stroke-dasharray: 2 3 }
.a { stroke: #57606a; fill: none }
.w { stroke: #24292f; fill: none; stroke-opacity: .7 }
.l { stroke-width: 2; fill: none }
EOF
\@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.p { fill: #0d1117 }
.g { stroke: #30363d }
.r { stroke: #9ea7b3 }
.a { stroke: #9ea7b3 }
.w { stroke: #e6edf3 }
EOF
}

sub _page (%o) {
    my $middle = ($margin{left} + $right) / 2;
    my $centre = ($margin{top} + $bottom) / 2;
    return <<"EOF";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height"
 width="$width" height="$height" role="img" aria-labelledby="title desc">
<title id="title">@{[_escape($o{title})]}</title>
<desc id="desc">@{[_escape($o{desc})]}</desc>
<style>
@{[_style()]}</style>
<rect class="p" width="$width" height="$height"/>
@{[_text($margin{left}, 26, 'h', $o{title})]}@{[_legend(\%o)]}$o{body}
<path class="a" d="M$margin{left} $margin{top}V${bottom}H$right"/>
@{[_text($middle, $height - 14, 't m', $o{x}{label})]}
<text class="t m" transform="translate(18 $centre) rotate(-90)">
@{[_escape($o{y}{label})]}</text>
</svg>
EOF
}

1;
