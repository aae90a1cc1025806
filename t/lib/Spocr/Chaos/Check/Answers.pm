# Of each request by itself: that it has one answer, or a fault that explains
# why not; that the answer is well formed, carries one id of its own, and
# nothing of anyone else; and that the backend was asked what was sent, as whom
# it was sent, or nothing at all.

package Spocr::Chaos::Check::Answers;

use v5.36;

my $ID = qr/^req_[0-9a-f]{32}$/;

# What says that nothing was executed for this request.
my %REFUSED = map { $_ => 1 } qw(
    bad_request invalid_idempotency_key idempotency_key_required unauthorized
    forbidden insufficient_scope not_found method_not_allowed
    idempotency_in_progress idempotency_outcome_unknown
    idempotency_replay_unavailable payload_too_large idempotency_key_reused
    rate_limited service_unavailable);

sub new ($class, $check) {
    return bless { c => $check, ids => {}, seen => {} }, $class;
}

sub see ($self, $h) {
    my $c = $self->{c};

    if (my $e = $h->{e}) {
        if ($e eq 'extra') {
            $c->violation('bytes that nobody asked for', $h->{text});
        }
        if ($e eq 'client') {
            $c->figure('clients');
            $c->figure('requests that came too late to be sent',
                       $h->{skipped});
            $c->violation('requests without an end', $c->told($h))
                if $h->{planned} != $h->{done} + $h->{skipped};
        }
        return;
    }
    $c->figure('requests');
    $c->violation('two ends of one request', $c->told($h))
        if $self->{seen}{ $h->{n} }++;

    $self->_ledger($h);
    return $self->_lost($h) if $h->{res} ne 'ok';
    $c->figure('answers');
    $c->figure("answers $h->{st}");
    $c->most('slowest answer, seconds', sprintf '%.2f', $h->{t1} - $h->{t0});
    $self->_ids($h);
    $self->_status($h) if !defined $h->{idem};
    $self->_error($h) if $h->{st} >= 400 && !$h->{back}
                         && $h->{method} ne 'HEAD';

    my $garbled = $c->during(@$h{qw(t0 t1)}, 'bytes');
    $c->violation('what no answer may have', $c->told($h))
        if $h->{bad} && !$garbled;
    $c->violation('bytes of another tenant', $c->told($h))
        if $h->{canary} && $h->{canary} ne ($h->{uid} // '') && !$garbled;
    $c->violation('executed without protection', $c->told($h))
        if $h->{bypass};
}

sub _lost ($self, $h) {
    my $c = $self->{c};
    my $res = $h->{res};

    $c->figure("no answer: $res");
    return if $res eq 'abort';
    my @as = $res =~ /^(?:closed|reset|cut)$/
             ? ('lost', $h->{reuse} && $res ne 'cut' ? 'reuse' : (),
                $h->{route} =~ /^(?:count|plain|open)$/
                || ($h->{act} // '') =~
                   /size=1400000|huge|status=50[14]|how=close/
                ? 'broken' : ())
             : $res;
    return if $c->excused(@$h{qw(t0 t1)}, @as);

    # a backend that breaks off what is not claimed is passed on as it is
    return if $res eq 'cut' && ($h->{act} // '') =~ /how=(?:mid|badchunk)/;
    $c->violation("no answer ($res), and no fault", $c->told($h));
}

sub _ids ($self, $h) {
    my $c = $self->{c};
    my $id = $h->{ids} // '';

    if ($id !~ $ID) {
        $c->violation('not one id of the right form', $c->told($h));
    } elsif ($self->{ids}{ pack 'H*', substr $id, 4 }++) {
        $c->violation('an id twice', $c->told($h));
    }
}

# The status, of what is not claimed.
sub _status ($self, $h) {
    my $c = $self->{c};
    my $ours = $h->{st} >= 500 && !$h->{back};

    if ($ours) {
        return if $h->{own};
        my $as = $h->{st} ne '503' ? $h->{st}
                 : $h->{route} eq 'deny' ? '503' : 'any503';
        return if $c->excused(@$h{qw(t0 t1)}, $as);
        return $c->violation("$h->{st} of the gateway, and no fault",
                             $c->told($h));
    }
    my @want = split / /, $h->{want} // '200 429';
    $c->violation("not the status that it must be", $c->told($h))
        if !grep { $_ eq $h->{st} } @want
           and !$c->during(@$h{qw(t0 t1)}, 'bytes');
}

# C-35, C-13: the whole body.
sub _error ($self, $h) {
    my $c = $self->{c};
    my $text = $h->{text} // '';
    my $id = $h->{ids} // '';
    my ($wait) = $text =~ /"retryAfterSec":(\d+)/;

    return $c->violation('no error body of ours', "$text " . $c->told($h))
        if $text !~ /^\{"error":\{"code":"\w+","message":"[^"]+",
                     "requestId":"\Q$id\E"\}(?:,"details":\{[^{}]*\})?\}$/x;

    if ($h->{st} == 429) {
        my $exact = '{"error":{"code":"rate_limited","message":"Rate limit '
            . qq[exceeded","requestId":"$id"},"details":{"retryAfterSec":]
            . ($wait // '') . '}}';
        $c->violation('a 429 of another form', $text) if $text ne $exact;
        $c->violation('retryAfterSec is not what RateLimit says',
                      $c->told($h))
            if defined $h->{reset} && $wait ne $h->{reset};
    }
}

# What came of it at the backend.
sub _ledger ($self, $h) {
    my $c = $self->{c};
    my $list = $c->{ledger}{ $h->{n} } or return;
    $self->{met}{ $h->{n} } = 1;

    $c->violation('a POST was sent to the backend twice', $c->told($h))
        if @$list > 1 && $h->{method} ne 'GET' && $h->{method} ne 'HEAD';
    $c->violation('refused, and executed', $c->told($h))
        if $h->{code} && $REFUSED{ $h->{code} };
    $c->violation('must be refused, and was executed', $c->told($h))
        if ($h->{want} // '') =~ /^4/ && $h->{want} ne '418';

    for my $x (@$list) {
        my $text = $c->told($x) . ' / ' . $c->told($h);
        $c->violation('a request was changed on its way', $text)
            if $x->{method} ne $h->{method} || $x->{target} ne $h->{target}
               || (defined $h->{sent} && $x->{body} ne $h->{sent});
        $c->violation('the backend got what it must not', $text) if $x->{odd};

        my $key = $h->{route} eq 'open' ? undef
                                        : $c->{keys}{ $h->{key} // '' };
        $c->violation('the identity is not the one of the key', $text)
            if ($x->{uid} // '') ne ($key ? $key->{uid} : '')
               || ($x->{kid} // '') ne ($key ? $key->{id} : '');
        $c->violation('the backend got another id', $text)
            if ($h->{back} // '') eq $x->{exec} && !$h->{replay}
               && ($h->{ids} // '') ne ($x->{rid} // '');
    }
}

sub finish ($self) {
    my $c = $self->{c};
    for my $n (sort keys %{ $c->{ledger} }) {
        $c->violation('the backend was asked what nobody asked',
                      $c->told($c->{ledger}{$n}[0])) if !$self->{met}{$n};
    }
    $c->violation('no clients', 'none has come to its end')
        if !$c->{figures}{clients};
}

1;
