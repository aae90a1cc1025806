# Which plots are made of a part's data.
#
#   for my $figure (Bench::Figures::of('peers', $data)) {
#       $figure->{file}, {title}; Bench::Figures::svg($figure)
#   }

package Bench::Figures;

use v5.36;
use List::Util qw(uniq);
use Bench::Plot;

my %colour = (bare => 0, stock => 1, module => 2, HAProxy => 3, Lua => 4,
              'module, idempotent' => 5);
my $cpu = 'CPU of the worker per request';

sub of ($part, $d) {
    my $make = __PACKAGE__->can("_$part") or return;
    return map { { x => {}, y => {}, desc => $_->{title}, %$_ } } $make->($d);
}

sub svg ($figure) {
    my %plot = %$figure;
    my $kind = delete $plot{bars} ? \&Bench::Plot::bars
                                  : \&Bench::Plot::lines;
    return $kind->(%plot, map { $_ => { $plot{$_}->%* } } qw(x y));
}

sub bytes ($n) {
    return !$n ? 'no body' : $n < 1 << 20 ? ($n >> 10) . ' KB'
         : sprintf '%.0f MB', $n / 1e6;
}

sub _thousands ($n) { reverse join ',', unpack '(A3)*', reverse $n }

sub _peers ($d) {
    my %of = map { $_->{name} => $_ } $d->{rows}->@*;
    my @kinds = qw(allowed 401 403 429);
    my @series = map {
        my $name = $_;
        my @points = map {
            my $row = $of{"$name $_"};
            $row && [0, @$row{qw(ratio low high)}]
        } @kinds;
        { name => $name, colour => $colour{$name}, points => \@points }
    } grep { $of{"$_ allowed"} } qw(module stock HAProxy Lua);

    return {
        file => 'peers', bars => 1, series => \@series,
        title => "$cpu, of bare nginx proxying one",
        desc => 'Bars for requests that are allowed, and refused with 401, '
                . '403 and 429; whiskers are quartiles of the rounds.',
        x => { label => 'answer', groups => \@kinds },
        y => { label => 'CPU, times that of bare nginx', line => 1 },
    };
}

# A line for each gateway over x.
sub _lines ($d, $what, @quartiles) {
    return [map {
        my $name = $_;
        { name => $name, colour => $colour{$name}, points => [
            map { [$_->{x}, @$_{$what, @quartiles}] }
            grep { $_->{name} eq $name } $d->{rows}->@*] }
    } uniq map { $_->{name} } $d->{rows}->@*];
}

sub _ticks ($d, $text) {
    return [map { [$_, $text->($_)] } uniq map { $_->{x} } $d->{rows}->@*];
}

sub _keys ($d) {
    my $x = { label => 'keys', log => 1,
              ticks => _ticks($d, sub ($n) { scalar _thousands($n) }) };
    my $memory = _lines($d, 'memory');
    for my $s (@$memory) {
        $_->[1] /= 1024 for $s->{points}->@*;
    }
    return (
        { file => 'keys', x => $x, series => _lines($d, 'us'),
          title => "$cpu, by the number of keys",
          y => { label => 'microseconds', from => 0 } },
        { file => 'keys-memory', x => $x, series => $memory,
          title => 'Memory of all processes, by the number of keys',
          y => { label => 'MB', log => 1 } },
    );
}

sub _connections ($d) {
    my $x = { label => 'connections', log => 1,
              ticks => _ticks($d, sub ($n) { $n }) };
    my $p99 = _lines($d, 'p99');
    for my $s (@$p99) {
        $_->[1] /= 1000 for $s->{points}->@*;
    }
    return (
        { file => 'connections', x => $x, series => _lines($d, 'us'),
          title => "$cpu, by the number of connections",
          y => { label => 'microseconds', from => 0 } },
        { file => 'connections-p99', x => $x, series => $p99,
          title => 'Latency at full load, 99th percentile',
          y => { label => 'milliseconds', log => 1 } },
    );
}

# No body stands where a hundred bytes would.
sub _bodies ($d) {
    my $series = _lines($d, 'us');
    for my $s (@$series) {
        $_->[0] ||= 100 for $s->{points}->@*;
    }
    my @ticks = map { [$_->[0] || 100, $_->[1]] } _ticks($d, \&bytes)->@*;
    return {
        file => 'bodies', series => $series,
        title => "$cpu, by the size of its body",
        x => { label => "the request's body", log => 1, ticks => \@ticks },
        y => { label => 'microseconds', log => 1 },
    };
}

sub _idempotency ($d) {
    my @rows = grep { $_->{name} !~ /^bare/ } $d->{rows}->@*;
    return {
        file => 'idempotency', bars => 1,
        title => "$cpu, of bare nginx proxying a POST of 1 KB",
        x => { label => 'what is asked', groups => [map { $_->{name} } @rows] },
        y => { label => 'CPU, times that of bare nginx', line => 1 },
        series => [{ name => 'module', colour => 2, points => [
            map { [0, @$_{qw(ratio low high)}] } @rows] }],
    };
}

sub _nodes ($d) {
    my @offered = grep { $_ > 1 } uniq map { $_->{offered} } $d->{rows}->@*;
    my %marked = (2 => 2, 10 => 3, 100 => 5);
    my @series = map {
        my $of = $_;
        my @rows = grep { $_->{offered} == $of } $d->{rows}->@*;
        my @points = map {
            my $row = $_;
            sub ($what) { [$row->{x}, $row->{$what} / $row->{admitted}] }
        } @rows;
        ({ name => "$of x the limit", colour => $marked{$of},
           points => [map { $_->('commands') } @points] },
         { name => "$of x, no deny cache", colour => $marked{$of},
           dashed => 1, points => [map { $_->('without') } @points] })
    } @offered;
    push @series, { name => 'real nodes, 2 x', colour => 6, marks => 'only',
                    points => [
        map { [$_->{x}, $_->{real}{commands} / $_->{real}{admitted}] }
        grep { $_->{offered} == 2 } $d->{checks}->@*] };

    return {
        file => 'nodes', series => \@series,
        title => 'Commands to Redis per admitted request, by nodes',
        desc => 'Simulated for 1 to 100 nodes, with and without the cache of '
                . 'what is known to be refused; marks are real nodes.',
        x => { label => 'nodes', log => 1,
               ticks => _ticks($d, sub ($n) { $n }) },
        y => { label => 'commands per admitted request', log => 1 },
    };
}

1;
