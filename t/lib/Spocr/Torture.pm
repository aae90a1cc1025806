# Makes calls of a running nginx fail, one by one, and holds each run against
# what may never happen.  t/torture/fail.c does the failing, Spocr::Liar what
# only Redis can do; t/torture.t has the scenarios.
#
#   my $torture = Spocr::Torture->new;      # has its Redis, liar and page
#   my $t = $torture->test;                 # a Spocr::Test with the module that
#                                           # is linked for it
#   $torture->start($conf);                 # %%LIAR%% is the liar's URL
#   $torture->scenario(
#       name => 'a valid key', run => sub ($label) { token(...) },
#       clean => '200',             # what run says when nothing fails
#       may => qr/^504:/,           # more than the usual under failure
#       uid => 'u_a', key => 'key_alice',  # whose requests the backend sees;
#                                   # without uid it must see none
#       idem => 1,                  # label is an Idempotency-Key: at most one
#       before => sub ($label) {},  # prepares, and nothing fails there
#       after => sub ($outcome) {}, # returns what is wrong, or nothing
#   );
#   $torture->report;
#
# run returns a word for each answer, see token(): "200", "200r" (a replay),
# "403:key_revoked", "closed", "cut".

package Spocr::Torture;

use v5.36;
use Cwd qw(abs_path);
use List::Util qw(shuffle sum0);
use Spocr::Liar;
use Spocr::Redis;
use Spocr::Test;
use Time::HiRes qw(sleep time);
use parent 'Exporter';

our @EXPORT = qw(token);

our %KIND = (ours => 0x01, call => 0x02, crypto => 0x04, nginx => 0x08,
             heap => 0x10, send => 0x20, recv => 0x40, file => 0x80,
             eof => 0x100, later => 0x210);

# What is made to fail, each in all of its points: a call, or "+" that and all
# after it; "redis" are the liar's ways.
our @MODES = qw(ours ours+ call call+ crypto crypto+ nginx heap heap+ send
                send+ recv eof file file+);

my $PAGE = 'q7Z104';
my $SIZE = 7 * 8 + 104;

# What may come in the place of a regular answer.
my $FAILED = qr/^(?:closed|cut|reset|
                 500:internal_error|502:bad_gateway|503:service_unavailable|
                 504:gateway_timeout)$/x;

# What Redis says of a claim may be no answer.
my $UNKNOWN = '409:idempotency_outcome_unknown';

sub new ($class, %o) {
    my $t = Spocr::Test->new(
        module => abs_path('build/torture/ngx_spocr_module.so'));
    my $self = bless {
        t => $t, all => ($ENV{SPOCR_TORTURE} // '') eq 'all',
        seed => $ENV{SPOCR_SEED} // int rand 2**31,
        serial => 0, found => [], runs => 0, points => 0, scenarios => 0,
        late => 0, began => time, only => $ENV{SPOCR_ONLY} // '',
        modes => [split /,/, $ENV{SPOCR_MODES} // ''],
    }, $class;

    srand $self->{seed};
    $self->{path} = $t->file('fail.page', "\0" x $SIZE);
    chmod 0666, $self->{path};
    open $self->{page}, '+<:raw', $self->{path} or die "no page: $!\n";
    $self->{liar} = Spocr::Liar->new(to => $t->redis->port);
    return $self;
}

sub test ($self) { $self->{t} }

# The environment of an nginx whose calls can fail.  What is freed or new is
# filled with garbage, so that nobody lives on what happens to be there.
sub env ($self) {
    return (LD_PRELOAD => abs_path('build/torture/fail.so'),
            FAIL_PAGE => $self->{path}, MALLOC_PERTURB_ => 165);
}

sub start ($self, $conf) {
    local %ENV = (%ENV, $self->env);
    $conf =~ s/%%LIAR%%/$self->{liar}->url/ge;
    $self->{t}->start($conf);
    $self->_worker;
    return $self;
}

sub _worker ($self) {
    wait_for(sub { ($self->{worker}) = $self->{t}->workers });
    $self->_set(0, 0, 0, 0);
    return $self->{worker};
}


# -- the page --

sub _set ($self, $mask, $at, $on, $pid) {
    $pid ||= $self->{worker} // 0;

    # the mask last, and not the count of what is alive
    sysseek $self->{page}, 16, 0;
    syswrite $self->{page}, pack 'q4', $at, $on, 0, 0;
    sysseek $self->{page}, 0, 0;
    syswrite $self->{page}, pack 'q2', $pid, $mask;
}

sub arm ($self, $mode, $at, $pid = 0) {
    my $on = $mode =~ /\+$/ ? 1 : 0;
    my $mask = $KIND{ $mode =~ s/\+$//r } or die "no mode $mode\n";
    $self->_set($mask, $at, $on, $pid);
}

sub disarm ($self) {
    sysseek $self->{page}, 8, 0;
    syswrite $self->{page}, pack 'q', 0;
    return $self->_look;
}

sub _look ($self) {
    my ($bytes, %page);
    sysseek $self->{page}, 0, 0;
    sysread $self->{page}, $bytes, $SIZE;
    @page{qw(pid mask at on count fired live where)} =
        unpack 'q7 Z104', $bytes;
    return \%page;
}


# -- answers --

sub token ($r) {
    return 'closed' if !$r;
    if (ref $r eq 'HASH') {
        return 'reset' if defined $r->{reset};
        my $code = $r->{body} =~ /"code":"(\w+)"/ ? ":$1" : '';
        return $r->{status} . ($r->{status} >= 400 ? $code || ':?' : '');
    }
    return 'cut' if $r->{truncated};

    my $status = $r->status;
    if ($status >= 400) {
        my $code = $r->code;
        my $json = $code && ($r->json->{error}{requestId} // '')
                            eq ($r->id // 'none');
        return "$status:" . ($json ? $code : '?');
    }
    return $status . (($r->header('X-Idempotent-Replay') // '') eq 'true'
                      ? 'r' : '')
                   . ($r->header('X-Idempotency-Bypassed') ? 'b' : '');
}


# -- a scenario --

sub scenario ($self, %s) {
    my $t = $self->{t};
    return if $self->{only} && $s{name} !~ /$self->{only}/;

    my $began = time;
    my ($runs, $points) = @$self{qw(runs points)};
    $self->{s} = \%s;
    $self->{scenarios}++;
    $self->{log} = length $t->log;
    my $found = @{ $self->{found} };

    $self->_clean('before') for 1 .. ($self->{all} ? 3 : $s{slow} ? 1 : 2);
    $self->_baseline;

    my @modes = @{ $self->{modes} } ? @{ $self->{modes} }
              : @{ $s{modes} // [@MODES, map { "redis:$_" }
                                         @Spocr::Liar::WAYS] };
    @modes = $self->_some(@modes) if !$self->{all};
    $self->_mode($_) for @modes;

    my @lines = grep { /\[alert\](?!.* socket\(\) failed)|exited on signal/ }
                split /\n/, substr $t->log, $self->{log};
    $self->_found("log: $_") for @lines;

    my @bad = @{ $self->{found} }[$found .. $#{ $self->{found} }];
    is scalar(@bad), 0, sprintf '%s: %d runs, %d points, %.1f s', $s{name},
       $self->{runs} - $runs, $self->{points} - $points, time - $began;
    diag "  SPOCR_SEED=$self->{seed}" if @bad;
    diag '  ' . substr $_, 0, 250
        for @bad > 20 ? (@bad[0 .. 19], '...') : @bad;
}

# A sample has the module's own allocations always, and few of the others.
sub _some ($self, @modes) {
    my @others = shuffle(@modes);
    return $others[0] if $self->{s}{slow};
    return ('ours', grep { defined && $_ ne 'ours' } @others[0 .. 2]);
}

sub _mode ($self, $mode) {
    my $n = 0;

    if (!$self->{all}) {
        # how many there are, and then some of them
        my $many = $self->_run($mode, 0)->{count} or return;
        $self->{points} += $many;
        my $some = $mode eq 'ours' && !$self->{s}{slow} ? 2 : 1;
        my @at = shuffle(1 .. $many);
        $self->_one($mode, $_) for @at[0 .. ($some < @at ? $some : @at) - 1];
        return;
    }

    my $max = $self->{s}{max} // 2000;
    while (++$n <= $max && $self->_one($mode, $n)) { $self->{points}++ }
}

# One run with one failure, and all that is asked about it; false if there was
# no such call any more.
sub _one ($self, $mode, $n) {
    my $run = $self->_run($mode, $n);

    return 0 if !$run->{fired};
    $self->{runs}++;
    $self->{at} = "$mode $n ($run->{where})";
    $self->_found("timed out: $run->{died}") if $run->{died};
    $self->_alive or return 1;
    $self->_judge($run);
    $self->_idem($run) if $self->{s}{idem};
    if ($self->{s}{after}) {
        $self->_found($_) for $self->{s}{after}->($run->{outcome});
    }

    # the last: it may run the scenario again
    $self->_settle($mode, $n);
    $self->_clean('after') if !$self->{s}{slow} || $self->{runs} % 4 == 0;
    return 1;
}

sub _run ($self, $mode, $n) {
    my $s = $self->{s};
    my ($way) = $mode =~ /^redis:(.*)/;
    my $label = $self->_label;
    my $run = { label => $label, mode => $mode };

    $self->forget if $s->{idem};
    $s->{before}->($label) if $s->{before};
    $run->{totals} = $self->totals if $s->{idem};
    $self->{seen} = $self->_ledger_end;
    if ($way) { $self->{liar}->spoil($n, $way) } else { $self->arm($mode, $n) }
    $run->{outcome} = eval { $s->{run}->($label) };
    $run->{died} = $@ =~ s/\s+$//r if !defined $run->{outcome};
    my $page = $way ? $self->{liar}->stop_it : $self->disarm;
    $run->{outcome} //= '';
    @$run{qw(fired count where)} =
        ($page->{fired}, $page->{count}, $page->{where} // $way);
    $run->{ledger} = [$self->_ledger];
    return $run;
}

sub _label ($self) { sprintf 'run-%06d', ++$self->{serial} }

sub _found ($self, $what) {
    push @{ $self->{found} },
        "$self->{s}{name}: " . ($self->{at} // '') . ": $what";
    print {*STDERR} "# $self->{found}[-1]\n" if $ENV{SPOCR_LOUD};
}

# The same without a failure has its regular outcome: at once, or where a link
# to Redis was lost, within two seconds.
sub _clean ($self, $when) {
    my $s = $self->{s};
    my $until = time + ($when eq 'after' ? 2 : 5);
    my $got = '';

    for (my $try = 1; ; $try++) {
        my $label = $self->_label;
        $s->{before}->($label) if $s->{before};
        $self->{seen} = $self->_ledger_end;
        $got = eval { $s->{run}->($label) } // "died: $@";
        $self->_backend($self->_ledger);
        if ($got eq $s->{clean}) {
            $self->{late}++ if $try > 1 && $when eq 'after';
            return;
        }
        last if time > $until;
        sleep 0.05;
    }
    $self->_found("$when, without a failure: $got, not $s->{clean}");
}

sub _alive ($self) {
    return 1 if kill 0 => $self->{worker};
    $self->_found('the worker is gone');
    $self->_worker;
    $self->_baseline;
    return 0;
}

# Nothing but what was regular, or a failure that is told as one; the backend
# saw nobody but who had a key.
sub _judge ($self, $run) {
    my $s = $self->{s};
    my %regular = map { $_ => 1 } split / /, $s->{clean};
    my @odd = grep { !$regular{$_} && $_ !~ $FAILED
                     && !($s->{may} && $_ =~ $s->{may})
                     && !($s->{idem} && $_ eq $UNKNOWN) }
              split / /, $run->{outcome};

    $self->_found("outcome $run->{outcome}") if @odd;
    $self->_backend(@{ $run->{ledger} });
}

sub _backend ($self, @requests) {
    my $s = $self->{s};

    for my $request (@requests) {
        my (%h, %n);
        for (@{ $request->{headers} }) {
            $h{ lc $_->[0] } = $_->[1];
            $n{ lc $_->[0] }++;
        }
        my $uid = $h{'x-spocr-uid'} // 'none';

        $self->_found("the backend saw $request->{target} of $uid")
            if !$s->{uid};
        $self->_found("the backend saw uid $uid")
            if $s->{uid} && ($uid ne $s->{uid}
                             || ($n{'x-spocr-uid'} // 1) != 1);
        $self->_found('the backend saw key ' . ($h{'x-spocr-key-id'} // ''))
            if $s->{key} && ($h{'x-spocr-key-id'} // '') ne $s->{key};
        $self->_found('the backend saw the client\'s X-Spocr-Evil')
            if exists $h{'x-spocr-evil'};
        $self->_found('the backend saw no id')
            if ($h{'x-request-id'} // '') !~ $ID;
        $self->_found('the backend saw the key itself')
            if $s->{uid} && $s->{uid} ne 'none'
               && ($h{authorization} // '') ne '';
        $self->_found('the backend saw no signature')
            if $s->{key} && ($s->{signed} // 1)
               && !exists $h{'x-spocr-signature'};
    }
}


# -- what is left behind --

sub _open ($self) { scalar(() = glob "/proc/$self->{worker}/fd/*") }

sub _baseline ($self) {
    my ($live, $open) = (0, 0);

    wait_for(sub {
        my @now = ($self->_look->{live}, $self->_open);
        my $same = $now[0] == $live && $now[1] == $open;
        ($live, $open) = @now;
        sleep 0.05 if !$same;
        return $same;
    }, 3);
    @$self{qw(live open)} = ($live, $open);
}

sub _settled ($self, $seconds) {
    return wait_for(sub {
        return $self->_look->{live} <= $self->{live}
               && $self->_open <= $self->{open};
    }, $seconds);
}

# Memory and descriptors are what they were.  What stays may be a cache that
# has grown once: only what grows each time is a leak.
sub _settle ($self, $mode, $n) {
    return if $self->_settled(2);

    my ($live, $open) = ($self->_look->{live}, $self->_open);
    my $text = sprintf '%+d allocations, %+d descriptors',
                       $live - $self->{live}, $open - $self->{open};
    my $grown = 0;

    for (1 .. 4) {
        @$self{qw(live open)} = ($live, $open);
        $self->_run($mode, $n);
        $self->_alive or return;
        $self->_settled(1.5) and last;
        ($live, $open) = ($self->_look->{live}, $self->_open);
        $grown++;
    }
    $self->_found("a leak: $text") if $grown == 4;
    $self->_baseline;
}

sub _ledger_end ($self) {
    return -s $self->{t}->dir . '/backend.ledger' || 0;
}

sub _ledger ($self) {
    open my $in, '<', $self->{t}->dir . '/backend.ledger' or return;
    seek $in, $self->{seen}, 0;
    return map { JSON::PP->new->utf8->decode($_) } <$in>;
}


# -- a request with an Idempotency-Key --

sub records ($self) {
    my $redis = $self->{t}->redis;
    return grep { defined $_->{s} } map {
        +{ @{ $redis->do('HGETALL', $_) }, name => $_,
           ttl => $redis->do('PTTL', $_) }
    } @{ $redis->do('KEYS', 'spocr:*:i:*') };
}

sub forget ($self) {
    my @names = map { $_->{name} } $self->records;
    $self->{t}->redis->do('DEL', @names) if @names;
}

# At most one execution; the record is none, a claim with a lease or a whole
# one; and a repeat never runs what has run.
sub _idem ($self, $run) {
    my $s = $self->{s};
    my $label = $run->{label};
    my $executed = sub {
        scalar grep { grep { lc $_->[0] eq 'idempotency-key'
                             && $_->[1] eq $label } @{ $_->{headers} } }
               $self->_ledger;
    };
    my @records;

    # what is under way to Redis has half a second
    wait_for(sub {
        @records = $self->records;
        return !grep({ $_->{s} eq 'P' } @records)
               || $self->_told($run->{totals});
    }, 1.5);

    my $before = $executed->();
    my $answered = $run->{outcome} =~ /^2\d\d(?:$| )/;

    for my $r (@records) {
        my $state = $r->{s};
        my $whole = $state eq 'P' ? $r->{n} && $r->{ld} && $r->{at}
                  : $state eq 'D' ? length($r->{b} // '')
                  : $state eq 'T' ? $r->{st} : 0;
        $self->_found("half a record: $state") if !$whole || $r->{ttl} <= 0
            || length($r->{t} // '') != 16 || length($r->{f} // '') != 32;
        $self->_pending($before, $run->{totals}) if $state eq 'P';
    }
    $self->_found('answered, and not executed')
        if $answered && !$before && !$s->{prepared};
    $self->_again($run, $executed) if $s->{again};
    $self->forget;
}

# Whether the worker knows that a claim stays: nobody can say how it ended,
# what Redis had to be told is lost, or it has refused to hear it and is asked
# again after a minute.
sub _told ($self, $totals) {
    my $now = $self->totals;
    my $refused = $self->{at} =~ /^redis:error/;

    $self->{refused}++ if $refused && $now->{kept} > $totals->{kept};
    return grep { $now->{$_} > $totals->{$_} } qw(unknown dropped),
           $refused ? 'kept' : ();
}

# A claim that is left to its lease: where nobody could know what became of the
# request, or nobody could be told.
sub _pending ($self, $executed, $totals) {
    $self->{pending}++;
    $self->_found("a claim is left, executed: $executed")
        if !$self->_told($totals);
}

sub _again ($self, $run, $executed) {
    my $s = $self->{s};
    my $until = time + 5;
    my $again;

    do {
        $again = eval { $s->{again}->($run->{label}) } // "died $@";
        sleep 0.05 if $again =~ /^503/;
    } while ($again =~ /^503/ && time < $until);

    my $now = $executed->();
    $self->_found("executed $now times: $run->{outcome}, then $again")
        if $now > 1 && !$s->{repeats};
    $self->_found("a repeat: $again")
        if $again !~ /^2\d\dr?$|^409:\w+$/ && $again ne $s->{clean};
}

# How claims ended, by the page of totals.
sub totals ($self) {
    my $json = $self->{t}->get('/status')->json;
    return { unknown => $json->{idempotency_claims}{unknown},
             (map { $_ => $json->{idempotency_outbox}{$_} }
                  qw(dropped kept stored_later)) };
}


# -- at the end --

# How many items are in the outbox that should not be there any more; those
# that Redis refused wait for a minute.
sub outbox ($self) {
    my $now = $self->totals;
    return $now->{kept} - $now->{stored_later} - $now->{dropped}
           - ($self->{refused} // 0);
}

sub report ($self) {
    note sprintf '%d scenarios, %d points, %d runs, %d findings, seed %d, '
                 . '%.0f s', @$self{qw(scenarios points runs)},
         scalar @{ $self->{found} }, $self->{seed}, time - $self->{began};
    note "a link was made again first: $self->{late}; claims that were left "
         . 'to their lease: ' . ($self->{pending} // 0);
}

1;
