# Of all requests with one uid and one Idempotency-Key (C-22 to C-34): executed
# at most once, and once where anyone has a 2xx; all who got the answer got the
# same one, and it is what the backend sent.
#
# Executed again may be what the backend itself says it did not do: after a
# complete 4xx, 500, 502 or 503 (C-27).  And where Redis lost its data between
# two executions, once more for each time (redis-empty).  No other fault excuses
# a second execution.

package Spocr::Chaos::Check::Claims;

use v5.36;
use Digest::SHA qw(sha256_hex);
use List::Util qw(max min);

my %UNKNOWN = map { $_ => 1 } qw(501 504 reset mid badchunk garbage close);
my %UNSTORED = map { $_ => 1 } qw(gzip huge);
my $MAX_BODY = 1_048_576;

sub new ($class, $check) { return bless { c => $check, g => {} }, $class }

my @KEPT = qw(n node t0 t1 res st ids body head back replay orig ist code
              variant sent act len route uid idem method target want);

sub see ($self, $h) {
    return if $h->{e} || !defined $h->{idem};
    push @{ $self->{g}{"$h->{uid} $h->{idem}"} },
        { map { defined $h->{$_} ? ($_ => $h->{$_}) : () } @KEPT };
}

sub finish ($self) {
    for my $name (sort keys %{ $self->{g} }) {
        my @all = sort { $a->{t0} <=> $b->{t0} } @{ $self->{g}{$name} };
        my @ran = sort { $a->{t} <=> $b->{t} }
                  map { @{ $self->{c}{ledger}{ $_->{n} } // [] } } @all;
        $self->_group({ all => \@all, ran => \@ran, from => $all[0]{t0},
                        uid => $all[0]{uid}, idem => $all[0]{idem},
                        to => max(map { $_->{t1} } @all) });
    }
}

# The name of its record in Redis.
sub record ($uid, $idem) {
    return 'spocr:{' . substr(sha256_hex("u_$uid"), 0, 16) . '}:i:'
           . sha256_hex("u_$uid\0$idem");
}

sub _group ($self, $g) {
    my $c = $self->{c};
    $c->figure('idempotency keys');
    $c->figure('claimed executions', scalar @{ $g->{ran} });
    $g->{planted} = [$c->planted(record($g->{uid}, $g->{idem}),
                                 $g->{from} - 1, $g->{to})];

    $self->_executions($g);
    for my $h (grep { $_->{res} eq 'ok' } @{ $g->{all} }) {
        if ($h->{st} < 400)        { $self->_answer($g, $h) }
        elsif ($h->{replay})       { $self->_bad('a replay of a failure',
                                                 $h) }
        elsif (!$h->{back})        { $self->_refusal($g, $h) }
        elsif (!$c->{exec}{ $h->{back} }) {
            $self->_bad('an answer of no execution', $h)
                if !$c->during(@$h{qw(t0 t1)}, 'bytes');
        }
    }
    $self->_same($g);
    $self->_ran_at_all($g);
}

sub _bad ($self, $name, $h, $more = '') {
    $self->{c}->violation($name, $self->{c}->told($h) . " $more");
}

sub _releasable ($x) { $x->{out} =~ /^(?:4\d\d|500|502|503)$/ }

sub _executions ($self, $g) {
    my ($c, $before) = ($self->{c});

    for my $x (@{ $g->{ran} }) {
        my $had = $before;
        $before = $x if !$had || !_releasable($x) || _releasable($had);
        next if !$had;
        my $end = $had->{t} + ($had->{delay} // 0) - 0.02;
        next if _releasable($had) && $x->{t} >= $end;

        # one more for each time that Redis was emptied since the first began
        my ($first) = grep { $_->{n} eq $g->{ran}[0]{n} } @{ $g->{all} };
        my $times = $c->during($first->{t0}, $x->{t}, 'empty', 0);
        my $firm = grep { !_releasable($_) } @{ $g->{ran} };
        next if $times && $firm <= 1 + $times;
        $self->_bad('executed twice', $x, ' / ' . $c->told($had));
    }
    $c->figure('executed again, Redis having lost it')
        if 1 < grep { !_releasable($_) } @{ $g->{ran} };
}

# A 2xx or 3xx.
sub _answer ($self, $g, $h) {
    my $c = $self->{c};
    my $x = $c->{exec}{ $h->{back} // '' };
    my $garbled = $c->during(@$h{qw(t0 t1)}, 'bytes');

    if ($h->{replay}) {
        $c->figure('replays');
        ($x) = grep { ($_->{rid} // '') eq ($h->{orig} // '') }
               @{ $g->{ran} };
        return $self->_bad('a replay of no execution', $h) if !$x;
        $self->_bad('a replay that says so otherwise', $h)
            if $h->{replay} ne 'true' || ($h->{ist} // '') ne 'REPLAY';
        $self->_bad('a replay that was there before it was executed', $h)
            if $h->{t1} < $x->{t};
        $self->_bad('a header that is not stored', $h) if $h->{back};
    } else {
        $c->figure('first answers');
        if (!$x || $x->{n} ne $h->{n}) {
            $self->_bad('an answer of no execution of its own', $h)
                if !$garbled;
            return;
        }
        $self->_bad('no replay, and headers of one', $h)
            if defined $h->{orig} || ($h->{ist} // '') ne 'NEW';
    }
    $h->{exec} = $x->{exec};
    $self->_bad('the answer to another body', $h, ' / ' . $c->told($x))
        if $x->{body} ne $h->{sent};

    return if $c->during($x->{t}, $g->{to}, 'bytes');
    $self->_bad('another status than the backend\'s', $h,
                ' / ' . $c->told($x))
        if $x->{out} !~ /^(?:huge|gzip|close)$/ && $x->{out} ne $h->{st};
    $self->_bad('another body than the backend\'s', $h, ' / ' . $c->told($x))
        if defined $x->{sent} && $x->{sent} ne $h->{body};
}

sub _same ($self, $g) {
    my %first;
    for my $h (grep { $_->{exec} } @{ $g->{all} }) {
        my $is = "$h->{st} $h->{body} $h->{head}";
        my $had = $first{ $h->{exec} } //= { %$h, is => $is };
        $self->_bad('two answers of one execution differ', $h,
                    ' / ' . $self->{c}->told($had)) if $is ne $had->{is};
    }
}

# An error of the gateway: 4xx and 5xx.
sub _refusal ($self, $g, $h) {
    my $c = $self->{c};
    my $code = $h->{code} // '';
    my @others = grep { $_->{n} ne $h->{n} && $_->{t0} <= $h->{t1} }
                 @{ $g->{all} };
    $c->figure("refused: $code");

    return if $code eq 'rate_limited' && $h->{route} eq 'both';
    if ($code eq 'idempotency_key_reused') {
        return if grep { ($_->{variant} // 0) ne ($h->{variant} // 0) }
                  @others or @{ $g->{planted} };
        return $self->_bad('422 for the same request', $h);
    }
    if ($code eq 'idempotency_in_progress') {
        return if @others;
        return $self->_bad('409 without another request', $h);
    }
    if ($code eq 'idempotency_replay_unavailable') {
        return if grep { $UNSTORED{ $_->{out} } } @{ $g->{ran} }
               or grep { ($_->{act} // '') =~ /size=1400000/ } @{ $g->{all} };
        return $self->_bad('a replay that is not to be had', $h);
    }
    if ($code eq 'idempotency_outcome_unknown') {
        return if grep { $UNKNOWN{ $_->{out} } } @{ $g->{ran} }
               or grep { ($_->{act} // '') eq 'delay=4' } @{ $g->{all} }
               or @{ $g->{planted} }
               or $c->excused($g->{from}, $h->{t1}, 'unknown');
        return $self->_bad('an outcome that should be known', $h);
    }
    if ($h->{st} == 502 || $h->{st} == 504) {
        return if $self->_failed($g, $h)
               or $c->excused(@$h{qw(t0 t1)}, $h->{st});
        return $self->_bad("$h->{st} of the gateway, and no fault", $h);
    }
    return if $h->{st} == 503
              && ($c->excused(@$h{qw(t0 t1)}, '503', 'any503')
                  || @{ $g->{planted} });
    return if $h->{st} == 500 && $c->excused(@$h{qw(t0 t1)}, '500');
    return $self->_bad("$h->{st} $code, and no reason", $h);
}

# Whether the backend was asked to fail for this one.
sub _failed ($self, $g, $h) {
    return 1 if grep { $UNKNOWN{ $_->{out} } }
                @{ $self->{c}{ledger}{ $h->{n} } // [] };
    return ($h->{act} // '') eq 'delay=4' && $h->{st} == 504;
}

# Where nothing was wrong, someone must have been executed, and have the answer.
sub _ran_at_all ($self, $g) {
    my $c = $self->{c};
    my @stayed = grep { $_->{res} ne 'abort' } @{ $g->{all} } or return;
    return if grep { $_->{from} <= $g->{to} + 1
                     && $_->{to} + $_->{grace} >= $g->{from} - 1 }
              @{ $c->{periods} };
    return if @{ $g->{planted} };
    return if grep { ($_->{st} // 0) == 429 } @stayed;

    $c->figure('idempotency keys without a fault');
    return $self->_bad('executed by nobody', $stayed[0]) if !@{ $g->{ran} };
    return if grep { $UNKNOWN{ $_->{out} } || _releasable($_) }
              @{ $g->{ran} } or grep { ($_->{act} // '') =~ /delay=[14]/ }
              @{ $g->{all} } or @stayed < @{ $g->{all} };
    $self->_bad('nobody has the answer', $stayed[0])
        if !grep { $_->{exec} } @stayed;
}

1;
