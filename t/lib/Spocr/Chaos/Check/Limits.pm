# Of the limits, by key and window, and by uid and window (C-13 to C-19).
#
# Which window a request was counted in follows from when it was under way, and
# from the seconds that its answer says are left; where that leaves two, it is
# held against none of them, but the window is not called exact either.
#
# Never more: what Redis counted is at most the limit; what a node counted while
# Redis was away is at most its share of it, limit / 3 and at least 1.  More is
# possible only where
#   - Redis has lost a counter (redis-empty, redis-records): once more the limit
#   - the node's clock was stepped: its windows are not where ours are, so that
#     two of them can reach into one; and the step may open another: three
#   - the zone was made anew (upgrade): the old and the new one have a share
#
# Never less, where Redis answers all the time: min(offered, limit).

package Spocr::Chaos::Check::Limits;

use v5.36;
use Digest::SHA qw(sha256_hex);
use List::Util qw(max min sum0);

use Spocr::Chaos::Nodes;

my $WIDTH = $Spocr::Chaos::Nodes::WINDOW;
my $NODES = $Spocr::Chaos::Nodes::NODES;
my $LIMIT = \%Spocr::Chaos::Nodes::LIMIT;
my $SKEW = 0.01;                # between Redis' clock and ours, and rounding
my $LATER = 3;                  # seconds, see below
my $BACK = 2;                   # seconds until Redis counts all again

sub new ($class, $check) { return bless { c => $check, w => {} }, $class }

sub see ($self, $h) {
    return if $h->{e} || !$LIMIT->{ $h->{route} // '' } || !$h->{key};
    return if !defined $h->{uid};
    my $c = $self->{c};

    # with what the backend knows, where the client has no answer
    my $src = $h->{src};
    my $refused = $h->{st} && $h->{st} == 429 && $h->{code};
    if ($h->{res} ne 'ok') {
        my $x = $c->{ledger}{ $h->{n} };
        $src = $x ? $x->[0]{src} : undef;
    }
    my $what = defined $src && $src ne ''
               ? ($refused ? 'refused' : 'admitted')
               : $h->{res} eq 'ok' ? 'nothing' : 'unknown';

    # what nobody heard of may have been counted later: by a worker that was
    # stopped, or slow
    $h = { %$h, t1 => $h->{t1} + $LATER } if $what eq 'unknown';
    my @windows = $self->_windows($h, $src);
    for my $w (@windows) {
        my $one = $self->{w}{ $h->{route} }{ $h->{uid} }{$w} //= {};
        if (@windows > 1 || $what eq 'unknown') { $one->{unsure}++; next }
        $self->_count($one, $h, $src, $what);
    }
}

sub _count ($self, $one, $h, $src, $what) {
    return if $what eq 'nothing';
    my $key = $one->{keys}{ $h->{key} } //= {};
    $key->{offered}++;
    $one->{fallback} = $h if $src ne 'redis' && $src ne 'deny_cache';
    return if $what eq 'refused';

    my $place = $src eq 'redis' ? 'redis' : "n$h->{node}";
    $self->{c}->violation('counted where nobody counts', $self->{c}->told($h))
        if $src ne 'redis' && $src ne 'fallback';
    $key->{by}{$place}++;
    if ($src eq 'redis' && defined $h->{left}) {
        my ($of_key, $of_uid) = split /:/, $h->{left};
        $key->{left}{$of_key}++;
        $one->{left}{$of_uid}++;
    }
}

# Those that overlap with the request, and end when it was told.
sub _windows ($self, $h, $src) {
    my ($t0, $t1) = ($h->{t0} - $SKEW, $h->{t1} + $SKEW);
    my @overlap = int($t0 / $WIDTH) .. int($t1 / $WIDTH);
    my $left = $h->{reset};
    my $own = !defined $src || $src !~ /^(?:redis|deny_cache)$/;
    return @overlap if !defined $left || $own;

    # a window's end that was kept may be later by what an answer took, which
    # is 0.4 s at most
    my $late = $src eq 'deny_cache' ? 0.4 : 0;
    my @told = grep {
        my $end = ($_ + 1) * $WIDTH;
        $end > $t0 + $left - 1 - $late && $end <= $t1 + $left;
    } @overlap;
    $self->{c}->violation('retryAfterSec is not true', $self->{c}->told($h))
        if !@told;
    $self->{c}->figure('seconds left, checked');
    return @told;
}

sub finish ($self) {
    for my $route (sort keys %{ $self->{w} }) {
        for my $uid (sort keys %{ $self->{w}{$route} }) {
            my $windows = $self->{w}{$route}{$uid};
            $self->_window($route, $uid, $_, $windows->{$_})
                for sort { $a <=> $b } keys %$windows;
        }
    }
}

sub _window ($self, $route, $uid, $w, $one) {
    my $c = $self->{c};
    my ($from, $to) = ($w * $WIDTH, ($w + 1) * $WIDTH);
    my $limit = $LIMIT->{$route};
    my $h = substr sha256_hex("u_$uid"), 0, 16;
    my $base = "spocr:{$h}:l:$route:" . 1000 * $WIDTH;
    my %all;

    for my $key (sort keys %{ $one->{keys} // {} }) {
        my $k = $one->{keys}{$key};
        $c->figure('windows of keys');
        $self->_bound("$route, key $key, window $w", $limit->{key}, $k->{by},
                      $k->{left}, $from, $to, "$base:k:key_$key");
        $all{$_} += $k->{by}{$_} for keys %{ $k->{by} // {} };
    }
    $c->figure('windows of uids');
    $self->_bound("$route, uid $uid, window $w", $limit->{uid}, \%all,
                  $one->{left}, $from, $to, "$base:u");

    my $away = $c->during($from, $to, 'redis', $BACK);
    $c->violation('counted without Redis, and no fault',
                  $c->told($one->{fallback})) if $one->{fallback} && !$away;
    $c->violation('fallback where it is "deny"', $c->told($one->{fallback}))
        if $one->{fallback} && $route eq 'deny';
    return if $away || $one->{unsure} || $one->{fallback};
    return if $c->during($from, $to, 'empty', $BACK);
    return if grep { $c->planted($_, $from - 1, $to) }
              "$base:u", map { "$base:k:key_$_" } keys %{ $one->{keys} // {} };

    my $want = min($limit->{uid}, sum0(map { min($limit->{key},
        $_->{offered}) } values %{ $one->{keys} // {} }));
    my $got = sum0(values %all);
    $c->figure('windows that were exact');
    $c->figure('of them full') if $want == $limit->{uid}
        || grep { $_->{offered} > $limit->{key} } values %{ $one->{keys} };
    $c->violation('fewer than the limit', "$route, $uid, window $w: $got, not "
                  . "$want of " . join ' ', map {
                      "$_:" . $one->{keys}{$_}{offered} } keys
                      %{ $one->{keys} }) if $got < $want;
}

sub _bound ($self, $what, $limit, $by, $left, $from, $to, $name) {
    my $c = $self->{c};
    my $lost = $c->during($from, $to, 'empty', 0)
               + ($c->planted($name, $from - 1, $to) ? 1 : 0);
    my $share = max(1, int($limit / $NODES));

    for my $place (sort keys %{ $by // {} }) {
        my $n = $by->{$place};
        my $most = $limit * (1 + $lost);
        if ($place ne 'redis') {
            my $times = 1;
            $times += 2 if $place eq 'n' . ($NODES - 1)
                           && $c->during($from, $to, 'clock', 1e9);
            $times *= 2 if $c->during($from, $to, 'zone', 1);
            $most = $share * $times;
        }
        $c->violation('more than the limit', "$what: $n of $most by $place")
            if $n > $most;
    }
    my $sum = sum0(values %{ $by // {} });
    $c->most('most admitted of a limit of ' . $limit, $sum);
    $c->violation('more than limit and shares', "$what: $sum of $limit")
        if !$lost && $sum > $limit + 6 * $NODES * $share;

    if (!$lost) {
        my @twice = grep { $left->{$_} > 1 } keys %{ $left // {} };
        $c->violation('two were told the same number of what is left',
                      "$what: @twice left") if @twice;
    }
}

1;
