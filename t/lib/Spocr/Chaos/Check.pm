# What a run's files say of the promises: history, ledger, list of faults and
# logs, of a folder that a run has left, and nothing else.
#
#   my $check = Spocr::Chaos::Check->new($dir);
#   $check->run;
#   $check->violations      # {name => how often}
#   $check->examples        # {name => [text, ...]}, a few of each
#   $check->figures         # {requests => N, windows => N, ...}
#
# Files: history.* (Spocr::Chaos::Client), ledger (Spocr::Chaos::Ledger), run
# (lines of the run itself, below), n0.log n1.log n2.log (error logs).
#
# Lines of run: {e => 'begin', t, seed}, {e => 'phase', name, from, to},
# {e => 'fault', name, from, to}, {e => 'planted', name, t}, {e => 'note'},
# {e => 'key', name, id, uid, digest}, {e => 'start' and 'end', name, value},
# {e => 'killed', pid}.

package Spocr::Chaos::Check;

use v5.36;
use List::Util qw(max);

use Spocr::Chaos::Bounds;
use Spocr::Chaos::Check::Answers;
use Spocr::Chaos::Check::Claims;
use Spocr::Chaos::Check::End;
use Spocr::Chaos::Check::Limits;
use Spocr::Chaos::Lines;

my $EXAMPLES = 5;

sub new ($class, $dir) {
    return bless { dir => $dir, violations => {}, examples => {},
                   figures => {}, periods => [], planted => {}, keys => {},
                   ledger => {}, run => {} }, $class;
}

sub violations ($self) { $self->{violations} }
sub examples ($self)   { $self->{examples} }
sub figures ($self)    { $self->{figures} }

sub violation ($self, $name, $text) {
    $self->{violations}{$name}++;
    my $list = $self->{examples}{$name} //= [];
    push @$list, $text if @$list < $EXAMPLES;
    return;
}

sub figure ($self, $name, $n = 1) { $self->{figures}{$name} += $n }

sub most ($self, $name, $n) {
    $self->{figures}{$name} = max($n, $self->{figures}{$name} // $n);
}

# How a request is told of in an example.
sub told ($self, $h) {
    return join ' ', map { "$_=$h->{$_}" }
           grep { length($h->{$_} // '') && !/^(?:text|head|body|sent)$/ }
           sort keys %$h;
}

sub run ($self) {
    my $dir = $self->{dir};
    my @files = sort glob "$dir/history.*";
    die "no history in $dir\n" if !@files;

    Spocr::Chaos::Lines::each("$dir/run", sub ($h) { $self->_line($h) });
    Spocr::Chaos::Lines::each($_, sub ($h) { $self->_lag($h) }) for @files;
    $self->_lags;
    Spocr::Chaos::Lines::each("$dir/ledger", sub ($h) {
        push @{ $self->{ledger}{ $h->{n} // '' } }, $h;
        $self->{exec}{ $h->{exec} } = $h;
        $self->figure('executions');
    }) if -e "$dir/ledger";

    my @parts = map { "Spocr::Chaos::Check::$_"->new($self) }
                qw(Answers Claims Limits End);
    for my $file (@files) {
        Spocr::Chaos::Lines::each($file, sub ($h) {
            return if ($h->{e} // '') eq 'lag';
            $_->see($h) for @parts;
        });
    }
    $_->finish for @parts;
    return $self;
}

# What this machine did not get to in time.
sub _lag ($self, $h) {
    return if ($h->{e} // '') ne 'lag';
    push @{ $self->{lags} }, {
        name => 'lag', from => $h->{t0} - 0.1, to => $h->{t}, grace => 1,
        %{ Spocr::Chaos::Bounds::of('lag') } };
    $self->figure('lags of ' . ($h->{of} // 'clients'));
    $self->most('longest lag, seconds', $h->{by});
}

# Those that touch are one.
sub _lags ($self) {
    my $last;
    for my $lag (sort { $a->{from} <=> $b->{from} } @{ $self->{lags} // [] }) {
        if (!$last || $lag->{from} > $last->{to} + 0.5) {
            push @{ $self->{periods} }, $last = $lag;
        } elsif ($lag->{to} > $last->{to}) {
            $last->{to} = $lag->{to};
        }
    }
}

sub _line ($self, $h) {
    my $e = $h->{e};

    if ($e eq 'fault') {
        push @{ $self->{periods} }, {
            %$h, %{ Spocr::Chaos::Bounds::of($h->{name}) },
            grace => $Spocr::Chaos::Bounds::GRACE };
        $self->figure('faults');
        $self->{figures}{"fault $h->{name}"}++;
    }
    if ($e eq 'planted') { push @{ $self->{planted}{ $h->{name} } }, $h->{t} }
    if ($e eq 'key') { $self->{keys}{ $h->{name} } = $h }
    if ($e eq 'killed') { $self->{killed}{ $h->{pid} } = 1 }
    $self->{$e}{ $h->{name} } = $h->{value} if $e eq 'start' || $e eq 'end';
    if ($e eq 'begin') { $self->{begin} = $h }
}

# The fault that is active between two moments, or was last, and excuses one of
# these outcomes.
sub explained ($self, $from, $to, @outcomes) {
    my $best;
    for my $p (@{ $self->{periods} }) {
        next if $p->{from} > $to || $p->{to} + $p->{grace} < $from;
        next if $best && $best->{to} >= $p->{to};
        for my $may (@{ $p->{may} }) {
            $best = $p if grep { $_ eq $may } @outcomes;
        }
    }
    return $best;
}

# The same, and how long after its end that was.
sub excused ($self, $from, $to, @outcomes) {
    my $p = $self->explained($from, $to, @outcomes) or return 0;
    my $late = $from - $p->{to};
    $self->most("recovery of $p->{name}", sprintf '%.2f', $late)
        if $late > 0 && $p->{name} ne 'lag' && $outcomes[0] ne 'unknown';
    return 1;
}

# The periods with such a bound, the time after them included.
sub during ($self, $from, $to, $bound, $grace = $Spocr::Chaos::Bounds::GRACE) {
    return grep { $_->{$bound} && $_->{from} <= $to
                  && $_->{to} + $grace >= $from } @{ $self->{periods} };
}

sub planted ($self, $name, $from, $to) {
    return grep { $from <= $_ && $_ <= $to } @{ $self->{planted}{$name} // [] };
}

1;
