# What bench/run has measured, as Markdown: each part's text is made of its
# data alone, which bench/results/PART.json keeps.
#
#   Bench::Report::text('peers', $data)
#   Bench::Report::summary($part, $data)     the README's piece, or undef
#   Bench::Report::read($path), write($path, $data)
#   Bench::Report::into($page, $mark, $text) between two marks of a page

package Bench::Report;

use v5.36;
use JSON::PP ();
use List::Util qw(uniq);
use Bench::Figures;
use Bench::Instructions;
use Bench::Site;

sub read ($path) {                                ## no critic
    my $text = Bench::Site::slurp($path) or return;
    return JSON::PP->new->utf8->decode($text);
}

sub write ($path, $data) {                        ## no critic
    save($path, JSON::PP->new->utf8->canonical->pretty->encode($data));
}

sub save ($path, $text) {
    open my $out, '>:raw', $path or die "cannot write $path: $!\n";
    print {$out} $text;
    close $out or die "cannot write $path: $!\n";
}

sub into ($page, $mark, $text) {
    my $old = Bench::Site::slurp($page);
    my $new = $old =~ s/(<!-- $mark -->\n).*?(<!-- \/$mark -->)/$1$text$2/sr;
    save($page, $new) if $new ne $old;
}

sub text ($part, $d) {
    return heading($d) . main_text($part, $d)
           . join('', map { "\n![$_->{title}](plots/$_->{file}.svg)\n" }
                      Bench::Figures::of($part, $d))
           . "\nAgain: `bench/run $d->{again}`\n";
}

sub main_text ($part, $d) {
    return __PACKAGE__->can("_$part")->($d);
}

sub heading ($d) {
    my $m = $d->{machine};
    my $versions = join ', ', map { "$_ $d->{versions}{$_}" }
                              sort keys $d->{versions}->%*;
    return "$d->{date}; $versions; $m->{processors} x $m->{model}; "
           . "Linux $m->{kernel}; load average $d->{load}[0] before, "
           . "$d->{load}[1] after.\n"
           . ($d->{quick} ? "**With --quick: not to be quoted.**\n" : '');
}

sub table ($head, @rows) {
    my $line = sub (@cells) { '| ' . join(' | ', @cells) . " |\n" };
    return "\n" . $line->(@$head)
           . $line->('---', ('---:') x (@$head - 1))
           . join '', map { $line->(@$_) } @rows;
}

sub thousands ($n) {
    my $text = sprintf '%.0f', $n;
    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
    return $text;
}

sub _ms ($us) { sprintf '%.2f ms', $us / 1000 }

sub _us ($us) { $us < 10_000 ? sprintf '%.1f us', $us : _ms($us) }

sub _ratio ($r, $name = 'bare') {
    return $r->{name} eq $name ? '1' : sprintf '**%.2f** (%.2f - %.2f)',
                                       @$r{qw(ratio low high)};
}

sub _ratio_table ($d) {
    my @rows = map {
        [$_->{name}, _ratio($_), _us($_->{us}), thousands($_->{rps}),
         map { _ms($_) } @$_{qw(p50 p99)}]
    } $d->{rows}->@*;

    return table(['', 'CPU, of bare (quartiles)', 'CPU per request',
                  'requests/s', 'p50', 'p99'], @rows)
           . "\n$d->{rounds} rounds, $d->{seconds} s each in turn; "
           . "$d->{connections} connections, one worker,\n10,000 keys of "
           . "1,000 uids; medians.\n";
}

sub _peers ($d) { _ratio_table($d) }

sub summary ($part, $d) {
    return if $part ne 'peers' && $part ne 'redis';

    my %of = map { $_->{name} => $_ } grep { defined $_->{name} }
             ($d->{rows} // [])->@*;
    my $ratio = sub ($name) {
        $of{$name} ? sprintf '%.2f', $of{$name}{ratio} : '';
    };

    if ($part eq 'peers') {
        my $row = sub ($title, $name) {
            [$title, map { $ratio->("$name $_") } qw(allowed 401 403 429)]
        };
        return heading($d) . table(
            ['CPU per request, of bare nginx proxying one', 'allowed',
             '401', '403', '429'],
            $row->('nginx with this module', 'module'),
            $row->('nginx with `map` and two `limit_req` zones', 'stock'),
            $row->('HAProxy with a map and stick tables', 'HAProxy'),
            $row->('nginx with a gateway in Lua', 'Lua'))
            . "\nMedians of $d->{rounds} rounds in turn; 10,000 keys of "
            . "1,000 uids; `make bench` repeats it.\n";
    }
    return table(['with Redis', 'allowed', '429'],
                 ['limits counted there',
                  $ratio->('Redis limits allowed'),
                  $ratio->('Redis limits 429')],
                 ['keys there as well', $ratio->('keys in Redis allowed'),
                  ''],
                 ['a gateway in Lua, limits there',
                  $ratio->('Lua, Redis allowed'),
                  $ratio->('Lua, Redis 429')]);
}

sub _redis ($d) {
    my $us = sub ($n) { defined $n ? _us($n) : '-' };
    my @rows = map {
        ["$_->{title}, $_->{connections}", thousands($_->{rps}),
         (map { _ms($_) } @$_{qw(p50 p99)}),
         $us->($_->{us}), sprintf('%.2f', $_->{commands}),
         defined $_->{batch} ? sprintf('%.1f', $_->{batch}) : '-',
         $us->($_->{redis_us})]
    } $d->{together}->@*;

    return _ratio_table($d)
           . table(['what, connections', 'requests/s', 'p50', 'p99',
                    'CPU per request', 'commands per request',
                    'commands per write', 'CPU of Redis per command'], @rows);
}

# A column for each x, a row for each gateway.
sub _range ($d, $head, $label, $cell) {
    my @x = uniq map { $_->{x} } $d->{rows}->@*;
    my @names = uniq map { $_->{name} } $d->{rows}->@*;
    my %at = map { ("$_->{name} $_->{x}" => $_) } $d->{rows}->@*;
    return table([$head, map { $label->($_) } @x], map {
        my $name = $_;
        [$name, map { $at{"$name $_"} ? $cell->($at{"$name $_"}) : '-' } @x]
    } @names);
}

sub _in_turn ($d) {
    return "\n$d->{rounds} rounds, $d->{seconds} s each in turn; medians.\n";
}

sub _keys ($d) {
    my $keys = sub ($n) { thousands($n) . ($n == 1 ? ' key' : ' keys') };
    return _range($d, 'CPU, of bare (quartiles)', $keys, \&_ratio)
           . _range($d, 'memory', $keys, sub ($r) {
                 sprintf '%.1f MB', $r->{memory} / 1024 })
           . _range($d, 'start', $keys, sub ($r) {
                 sprintf '%.1f s', $r->{start} })
           . _in_turn($d);
}

sub _connections ($d) {
    my $n = sub ($n) { $n };
    return _range($d, 'CPU, of bare (quartiles), connections:', $n, \&_ratio)
           . _range($d, 'CPU per request', $n, sub ($r) { _us($r->{us}) })
           . _range($d, 'p50 / p99', $n, sub ($r) {
                 sprintf '%.2f / %.2f ms', map { $_ / 1000 } @$r{qw(p50 p99)}
             }) . _in_turn($d);
}

sub _bodies ($d) {
    my $size = \&Bench::Figures::bytes;
    return _range($d, 'CPU per request', $size, sub ($r) { _us($r->{us}) })
           . _range($d, 'CPU, of bare (quartiles)', $size, \&_ratio)
           . "\n$d->{rounds} rounds in turn, $d->{seconds} s each, three times "
           . "that from 2 MB on;\n4 connections; medians.\n";
}

sub _idempotency ($d) {
    my @rows = map {
        [$_->{name}, _ratio($_), _us($_->{us}), thousands($_->{rps}),
         (map { _ms($_) } @$_{qw(p50 p99)}), sprintf('%.2f', $_->{commands}),
         _us($_->{redis_us})]
    } $d->{rows}->@*;
    return table(['a POST of 1 KB', 'CPU, of bare (quartiles)',
                  'CPU per request', 'requests/s', 'p50', 'p99',
                  'commands per request', 'CPU of Redis per request'], @rows)
           . _in_turn($d);
}

sub _nodes ($d) {
    my @x = uniq map { $_->{x} } $d->{rows}->@*;
    my @offered = uniq map { $_->{offered} } $d->{rows}->@*;
    my %at = map { ("$_->{offered} $_->{x}" => $_) } $d->{rows}->@*;
    my $per = sub ($r, $what) { sprintf '%.2f', $r->{$what} / $r->{admitted} };
    my @rows = map {
        my $of = $_;
        ["$of times the limit",
         (map { $per->($at{"$of $_"}, 'commands') } @x),
         $per->($at{"$of $x[-1]"}, 'without')]
    } @offered;
    my @checks = map {
        [$_->{x}, $_->{offered}, thousands($_->{requests}),
         map { thousands($_) } map { ($_->{admitted}, $_->{commands}) }
         @$_{qw(said real)}]
    } $d->{checks}->@*;

    return table(['commands per admitted request, offered:',
                  (map { "$_ node" . ($_ > 1 ? 's' : '') } @x),
                  'without the cache'], @rows)
           . table(['real nodes', 'times the limit', 'requests',
                    'admitted, simulated', 'commands, simulated',
                    'admitted, real', 'commands, real'], @checks)
           . sprintf("\nSix nodes that nobody asks anything send %.1f commands "
                     . "a second.\n", $d->{idle});
}

sub _instructions ($d) {
    my ($counts, $recorded) = @$d{qw(counts recorded)};
    my @rows = map {
        [Bench::Instructions::title($_), thousands($counts->{$_}),
         $_ eq 'bare' ? '' : thousands($counts->{$_} - $counts->{bare}),
         $recorded && $recorded->{$_} ? thousands($recorded->{$_}) : '-']
    } grep { defined $counts->{$_} } Bench::Instructions::names();

    return table(['', 'instructions per request', 'over bare', 'recorded'],
                 @rows)
           . "\nBy callgrind, which hides the processor's SHA instructions.\n";
}

sub _memory ($d) {
    my ($zone, $keys, $time) = @$d{qw(zone keys time)};
    my $mb = sub ($kb) { sprintf '%.1f MB', $kb / 1024 };

    my @rows = (
        ['worker per key of Redis that it remembers',
         sprintf '%.0f bytes', $d->{cached}],
        ['zone per active key, and per uid, when it is full',
         sprintf '%.0f bytes', $zone->{bytes}],
        ['"nginx -t" with the key file, less without: CPU time',
         sprintf '%.2f s', $time->{cpu}],
        ['the same: wall time', sprintf '%.2f s', $time->{wall}],
        map {
            my $when = $_;
            map { ["$_->[0], $when", $mb->($keys->{$when}{$_->[1]}{$_->[2]})] }
                ["master's peak", 'master', 'hwm'],
                ["worker's peak", 'worker', 'hwm'],
                ["of it the worker's own", 'worker', 'private']
        } qw(start reload)
    );
    return table(['memory', ''], @rows)
           . sprintf("\nThe key file: %s keys of %s uids, %s.  Zone: 1 MB, "
                     . "%s keys of %s uids\nwere counted when it refused "
                     . "one.  Start: over a gateway with one key; reload:\n"
                     . "what five of them add to that.\n",
                     thousands($d->{n}), thousands($d->{n} / 10),
                     $mb->($keys->{file} / 1024),
                     thousands($zone->{keys}), thousands($zone->{uids}));
}

sub _soak ($d) {
    return table(['soak', ''],
                 ['requests', thousands($d->{requests})],
                 ['of them before the first look', thousands($d->{warm})],
                 ["worker's memory at the end", thousands($d->{rss}) . ' KB'],
                 ['growth since the first look', thousands($d->{growth})
                                                 . ' KB'])
           . "\nA quarter each: allowed, 429, 401, 403.\n";
}

1;
