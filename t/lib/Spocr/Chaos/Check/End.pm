# What is left at the end, and what the logs say: as many open files and
# workers as at the start, no memory that grew, no key in Redis that stays for
# ever, no claim that nothing explains, no line that no fault explains.

package Spocr::Chaos::Check::End;

use v5.36;

use Spocr::Chaos::Bounds;
use Spocr::Chaos::Check::Claims;

my $GROWN = 24_000;             # KB of a node's two workers

sub new ($class, $check) { return bless { c => $check, lost => {} }, $class }

# Claims whose outcome may be unknown, by the name of their records.
sub see ($self, $h) {
    return if $h->{e} || !defined $h->{idem};
    my $c = $self->{c};
    return if ($h->{act} // '') !~ /how=|delay=4|status=50[14]/
              && !$c->explained($h->{t0} - 1, $h->{t1} + 1, 'unknown');
    $self->{lost}{ Spocr::Chaos::Check::Claims::record($h->{uid},
                                                       $h->{idem}) } = 1;
}

sub finish ($self) {
    my $c = $self->{c};
    my ($start, $end) = @$c{qw(start end)};

    for my $name (sort keys %{ $start // {} }) {
        my ($was, $is) = ($start->{$name}, $end->{$name});
        if (!defined $is) {
            $c->violation('not measured at the end', $name);
        } elsif ($name =~ /^memory/) {
            $c->most('memory that a node has grown by, KB', $is - $was);
            $c->violation('memory has grown', "$name: $was, $is KB")
                if $is - $was > $GROWN;
        } elsif ($was ne $is) {
            $c->violation('not as at the start', "$name: $was, now $is");
        }
    }
    $c->violation('no measures', 'start or end') if !$start || !$end;

    my %end = %{ $end // {} };
    $c->violation('keys in Redis without an expiry', $end{forever})
        if length($end{forever} // '');
    for my $name (split / /, $end{pending} // '') {
        $c->figure('claims beyond their lease');
        $c->violation('a claim beyond its lease, and no fault', $name)
            if !$self->{lost}{$name};
    }
    for my $what (grep { /^stuck/ } sort keys %end) {
        $c->violation('a node did not stop in time', $what) if $end{$what};
    }
    for my $what (grep { /^(?:exit|left)/ } sort keys %end) {
        $c->violation('left over', "$what: $end{$what}")
            if length $end{$what} && $end{$what} ne '0';
    }
    $self->_log($_) for sort glob "$c->{dir}/n*.log";
    for my $report (glob "$c->{dir}/sanitizer*") {
        $c->violation('a report of a sanitizer', $report);
    }
}

sub _log ($self, $file) {
    my $c = $self->{c};
    my @fine = map { @{ $_->{log} // [] } } @{ $c->{periods} };
    my @keys = map { $_->{text} } values %{ $c->{keys} };

    open my $in, '<:raw', $file or return;
    while (my $line = <$in>) {
        chomp $line;
        $c->figure('lines of error logs');
        for my $key (@keys) {
            $c->violation('a key in a log', $line)
                if length $key && index($line, $key) >= 0;
        }
        $c->violation('a canary in a log', $line) if $line =~ /canary:/;
        if ($line =~ /\[(?:alert|crit|emerg)\]/) {
            next if $line =~ /process (\d+) exited on signal 9/
                    && $c->{killed}{$1};
            next if grep { $line =~ $_ } grep { !/exited on/ } @fine;
            $c->violation('a line of the error log', $line);
        } elsif ($line =~ /process (\d+) exited (.*)/) {
            $c->violation('a line of the error log', $line)
                if $2 !~ /with code 0/ && !$c->{killed}{$1};
        } elsif ($line =~ /runtime error:|Sanitizer/) {
            $c->violation('a line of the error log', $line);
        }
    }
}

1;
