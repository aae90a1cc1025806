# The checkers of a run of chaos: a history without a fault of the gateway
# passes, and each of these with one planted violation is found, by its name.
# What a fault excuses passes while it lasts, and not later.

use v5.36;
use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use File::Temp ();
use Test::More;

use Spocr::Chaos;
use Spocr::Chaos::Lines;

my $BASE = 1_800_000_000;               # the beginning of a window
my $ids = 0;

sub id { return sprintf 'req_%032x', ++$ids }

# One of the history, with an answer; later values take precedence.
sub answer ($n, $at, %o) {
    my $st = $o{st} // 200;
    return { n => $n, node => 0, method => 'GET', route => 'plain',
             target => "/plain/$n", key => 'odd0_1', uid => 'odd0',
             t0 => $BASE + $at, t1 => $BASE + $at + 0.01, res => 'ok',
             st => $st, ids => id(), len => 5, body => 'b0b0', head => 'ead0',
             ist => 'OFF', %o };
}

sub refusal ($n, $at, $st, $code, %o) {
    my $h = answer($n, $at, st => $st, code => $code, %o);
    my $details = '';
    $details = qq(,"details":{"retryAfterSec":$h->{reset}}) if $st == 429;
    my $message = $st == 429 ? 'Rate limit exceeded' : 'Text';
    $h->{text} //= qq({"error":{"code":"$code","message":"$message",)
                   . qq("requestId":"$h->{ids}"}$details});
    return $h;
}

# What the backend has of a request; the answer is told of it.
sub executed ($d, $h, $exec, %o) {
    my $x = { t => $h->{t0} + 0.003, exec => $exec, n => $h->{n},
              rid => $h->{ids}, uid => "u_$h->{uid}", kid => "key_$h->{key}",
              method => $h->{method}, target => $h->{target},
              idem => $h->{idem}, node => 'n0', route => $h->{route},
              src => $h->{src}, body => $h->{sent} // 'e3b0', out => 200,
              sent => $h->{body}, %o };
    $h->{back} //= $exec;
    push @{ $d->{ledger} }, $x;
    return $x;
}

# Ten of one key, of which six are admitted; all in the window at $at.
sub window ($d, $at, $name) {
    for my $i (0 .. 9) {
        my @is = (route => 'limit', target => "/limit/$i", node => $i % 3,
                  key => 'solo0_1', uid => 'solo0', reset => 2);
        push @{ $d->{history} }, $i < 6
            ? answer("$name.$i", $at + $i / 50, @is, src => 'redis',
                     left => (5 - $i) . ':' . (11 - $i))
            : refusal("$name.$i", $at + $i / 50, 429, 'rate_limited', @is,
                      src => 'deny_cache', left => '0:6');
    }
}

sub idem ($n, $at, $idem, %o) {
    return ($n, $at, method => 'POST', route => 'upload', idem => $idem,
            target => '/upload/1', key => 'idem0_1', uid => 'idem0',
            sent => 'body0', ist => 'NEW', %o);
}

sub refused ($n, $at, $st, $code, $idem, %o) {
    my (undef, undef, %is) = idem($n, $at, $idem, %o);
    return refusal($n, $at, $st, $code, %is);
}

# Another fault for each place that a case wants one in.
sub fault ($d, $name, $from, $to) {
    push @{ $d->{run} }, { e => 'fault', name => $name, from => $BASE + $from,
                           to => $BASE + $to };
}

my $record = 'spocr:{' . substr(sha256_hex('u_idem0'), 0, 16) . '}:i:'
             . sha256_hex("u_idem0\0first");

sub clean {
    my $d = { history => [], ledger => [], run => [], log => '' };
    $ids = 0;

    push @{ $d->{run} }, { e => 'begin', t => $BASE, seed => 'x1' },
        (map { { e => 'key', name => "${_}_1", uid => "u_$_",
                 id => "key_${_}_1", text => "spocr_${_}_text" } }
             qw(odd0 solo0 idem0 trio0)),
        (map { my $e = $_; map { { e => $e, %$_ } }
               { name => 'files0', value => '13 15 15' },
               { name => 'memory0', value => 9000 } } qw(start end)),
        { e => 'killed', pid => 4711 };
    fault($d, 'redis-stop', 100, 102);
    $d->{log} = "2026/11/28 1#1: [notice] worker process 12 exited with code "
                . "0\n2026/11/28 1#1: [alert] worker process 4711 exited on "
                . "signal 9\n";

    window($d, 10.1, 'limit');

    # a first answer, its replay, and another body
    my $first = answer(idem('first.0', 20, 'first', canary => 'idem0'));
    executed($d, $first, 'e1');
    push @{ $d->{history} }, $first,
        answer(idem('first.1', 20.5, 'first', ist => 'REPLAY',
                    replay => 'true', orig => $first->{ids})),
        refused('first.2', 20.6, 422, 'idempotency_key_reused', 'first',
                variant => 1, sent => 'body1', ist => 'REUSED');

    # the backend says 503, and a repeat runs
    my $failed = answer(idem('again.0', 30, 'again', st => 503));
    executed($d, $failed, 'e2', out => 503);
    my $again = answer(idem('again.1', 31, 'again'));
    executed($d, $again, 'e3');
    push @{ $d->{history} }, $failed, $again;

    # who has no key, and who asks without a claim
    my $plain = answer('plain.0', 40);
    executed($d, $plain, 'e4');
    push @{ $d->{history} }, $plain,
        refusal('nokey', 41, 401, 'unauthorized', key => undef, want => 401);

    # Redis away: a third is admitted, and "deny" denies
    push @{ $d->{history} },
        (map { answer("away.$_", 100.1 + $_ / 100, route => 'limit',
                      key => 'solo0_1', uid => 'solo0', src => 'fallback',
                      left => (1 - $_) . ':3', reset => 2, node => 1) } 0, 1),
        refusal('denied', 100.2, 503, 'service_unavailable', route => 'deny',
                target => '/deny/1', key => 'solo0_1', uid => 'solo0');
    return $d;
}

sub check ($d) {
    my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
    my $write = sub ($name, @lines) {
        open my $out, '>', "$dir/$name" or die "$name: $!\n";
        print {$out} @lines;
        close $out;
    };
    my @client = grep { ($_->{e} // '') eq 'client' } @{ $d->{history} };
    push @{ $d->{history} }, { e => 'client', me => 0,
        skipped => 0, planned => scalar @{ $d->{history} },
        done => scalar @{ $d->{history} } } if !@client;

    $write->('n0.log', $d->{log});
    $write->($_ eq 'history' ? 'history.0' : $_,
             map { Spocr::Chaos::Lines::encode($_) } @{ $d->{$_} })
        for qw(history ledger run);
    return Spocr::Chaos::Check->new("$dir")->run;
}

sub found ($check) { return join ', ', sort keys %{ $check->violations } }

my $check = check(clean());
is found($check), '', 'a clean history passes'
    or diag explain $check->examples;
is $check->figures->{'windows that were exact'}, 1, 'with an exact window';
is $check->figures->{replays}, 1, 'and a replay';

# -- one violation each --

sub one ($d, $n) {
    my ($h) = grep { ($_->{n} // '') eq $n } @{ $d->{history} };
    return $h // die "no $n\n";
}

sub line ($d, $exec) { (grep { $_->{exec} eq $exec } @{ $d->{ledger} })[0] }

sub measure ($d, $name, $value) {
    push @{ $d->{run} }, { e => 'end', name => $name, value => $value };
}

my @cases = (
    # limits
    'more than the limit' => sub ($d) {
        my $h = one($d, 'limit.6');
        delete @$h{qw(code text)};
        @$h{qw(st src left)} = (200, 'redis', '-:-');
    },
    'more than the limit' => sub ($d) {             # of a uid
        for my $i (0 .. 12) {
            push @{ $d->{history} }, answer("trio.$i", 14.1 + $i / 100,
                route => 'limit', uid => 'trio0', key => 'trio0_' . $i % 3,
                src => 'redis', reset => 2,
                left => int(5 - $i / 3) . ':' . (12 - $i));
        }
    },
    'more than the limit' => sub ($d) {             # of a node's share
        push @{ $d->{history} }, answer('away.2', 100.2, route => 'limit',
            key => 'solo0_1', uid => 'solo0', src => 'fallback', node => 1,
            reset => 2);
    },
    'fewer than the limit' => sub ($d) {
        my $h = one($d, 'limit.5');
        %$h = %{ refusal('limit.5', 10.2, 429, 'rate_limited',
                         %{ one($d, 'limit.6') }, n => 'limit.5',
                         ids => id(), text => undef) };
        $h->{text} = one($d, 'limit.6')->{text}
                     =~ s/req_\w+/$h->{ids}/r;
    },
    'two were told the same number of what is left' => sub ($d) {
        one($d, 'limit.3')->{left} = '3:8';
    },
    'counted without Redis, and no fault' => sub ($d) {
        my $h = one($d, 'limit.9');
        $h->{src} = 'fallback';
    },
    'counted without Redis, and no fault' => sub ($d) {     # healed long ago
        push @{ $d->{history} }, answer('late.0', 106.1, route => 'limit',
            key => 'solo0_1', uid => 'solo0', src => 'fallback', reset => 2);
    },
    'fallback where it is "deny"' => sub ($d) {
        push @{ $d->{history} }, answer('deny.1', 101, route => 'deny',
            key => 'solo0_1', uid => 'solo0', src => 'fallback', reset => 1);
    },
    'retryAfterSec is not true' => sub ($d) {
        my $h = one($d, 'limit.9');
        $h->{reset} = 1;
        $h->{text} =~ s/:2\}/:1}/;
    },
    'retryAfterSec is not what RateLimit says' => sub ($d) {
        one($d, 'limit.7')->{text} =~ s/:2\}/:1}/;
    },
    'a 429 of another form' => sub ($d) {
        one($d, 'limit.7')->{text} =~ s/exceeded/is exceeded/;
    },

    # executions
    'executed twice' => sub ($d) {
        executed($d, one($d, 'first.1'), 'e9', rid => id());
        delete one($d, 'first.1')->{back};
    },
    'executed twice' => sub ($d) {                  # while the first one runs
        line($d, 'e2')->{delay} = 5;
    },
    'executed twice' => sub ($d) {                  # more often than emptied
        fault($d, 'redis-empty', 20.2, 20.3);
        for my $i (7, 8) {
            my $h = answer(idem("first.$i", 20.2 + $i / 10, 'first'));
            executed($d, $h, "e9$i");
            push @{ $d->{history} }, $h;
        }
    },
    'executed twice' => sub ($d) {                  # emptied before
        fault($d, 'redis-empty', 19, 19.1);
        my $h = answer(idem('first.7', 20.8, 'first'));
        executed($d, $h, 'e9');
        push @{ $d->{history} }, $h;
    },
    'a POST was sent to the backend twice' => sub ($d) {
        my $h = one($d, 'again.0');
        executed($d, $h, 'e9', out => 503, t => $BASE + 30.1);
    },
    'executed by nobody' => sub ($d) {
        push @{ $d->{history} }, map {
            refused("none.$_", 60, 409, 'idempotency_in_progress', 'none')
        } 0, 1;
    },
    'refused, and executed' => sub ($d) {
        my $h = one($d, 'limit.8');
        executed($d, $h, 'e9', body => 'e3b0');
        delete $h->{back};
    },
    'must be refused, and was executed, not the status that it must be'
    => sub ($d) {
        push @{ $d->{history} }, my $h = answer('bad.0', 50, want => 400);
        executed($d, $h, 'e9');
    },
    'the backend was asked what nobody asked' => sub ($d) {
        push @{ $d->{ledger} }, { %{ line($d, 'e4') }, n => 'smuggled',
                                  exec => 'e9' };
    },
    'a request was changed on its way' => sub ($d) {
        line($d, 'e4')->{target} = '/plain/x/../y';
    },
    'a request was changed on its way, the answer to another body'
    => sub ($d) {
        line($d, 'e1')->{body} = 'cut';
    },
    'the identity is not the one of the key' => sub ($d) {
        line($d, 'e4')->{uid} = 'u_other';
    },
    'the identity is not the one of the key' => sub ($d) {  # on open ground
        my $h = answer('open.0', 50, route => 'open');
        push @{ $d->{history} }, $h;
        executed($d, $h, 'e9');
    },
    'the backend got what it must not' => sub ($d) {
        line($d, 'e4')->{odd} = 'x-spocr-plan forged';
    },
    'the backend got another id' => sub ($d) { line($d, 'e4')->{rid} = id() },

    # answers of claimed requests
    'another body than the backend\'s' => sub ($d) {
        one($d, $_)->{body} = 'beef' for qw(first.0 first.1);
    },
    'two answers of one execution differ' => sub ($d) {
        one($d, 'first.1')->{head} = 'beef';
    },
    'another status than the backend\'s' => sub ($d) {
        one($d, $_)->{st} = 201 for qw(first.0 first.1);
    },
    'a replay of no execution' => sub ($d) {
        one($d, 'first.1')->{orig} = id();
    },
    'a replay that says so otherwise' => sub ($d) {
        one($d, 'first.1')->{replay} = 'true,true';
    },
    'a replay that was there before it was executed' => sub ($d) {
        line($d, 'e1')->{t} += 2;
    },
    'a header that is not stored' => sub ($d) {
        one($d, 'first.1')->{back} = 'e1';
    },
    'a replay of a failure' => sub ($d) {
        push @{ $d->{history} }, answer(idem('again.2', 30.5, 'again',
            st => 503, replay => 'true', back => 'e2'));
    },
    'no replay, and headers of one' => sub ($d) {
        one($d, 'first.0')->{orig} = id();
    },
    'an answer of no execution of its own' => sub ($d) {
        my $h = one($d, 'first.1');
        delete @$h{qw(replay orig)};
        @$h{qw(ist back)} = ('NEW', 'e77');
    },
    'the answer to another body' => sub ($d) {
        my $h = one($d, 'first.1');
        @$h{qw(variant sent)} = (1, 'body1');
    },
    '422 for the same request' => sub ($d) {
        delete one($d, 'first.2')->{variant};
    },
    '409 without another request' => sub ($d) {
        push @{ $d->{history} }, refused('lone.0', 55, 409,
            'idempotency_in_progress', 'lone');
        fault($d, 'reload', 55, 55.1);
    },
    'an outcome that should be known' => sub ($d) {
        my $h = one($d, 'first.2');
        @$h{qw(st code)} = (409, 'idempotency_outcome_unknown');
        $h->{text} =~ s/idempotency_key_reused/idempotency_outcome_unknown/;
    },
    'a replay that is not to be had' => sub ($d) {
        my $h = one($d, 'first.2');
        @$h{qw(st code)} = (409, 'idempotency_replay_unavailable');
        $h->{text} =~ s/key_reused/replay_unavailable/;
    },
    '503 service_unavailable, and no reason' => sub ($d) {
        my $h = one($d, 'first.2');
        @$h{qw(st code)} = (503, 'service_unavailable');
        $h->{text} =~ s/idempotency_key_reused/service_unavailable/;
    },
    '502 of the gateway, and no fault' => sub ($d) {
        my $h = one($d, 'first.2');
        @$h{qw(st code)} = (502, 'bad_gateway');
        $h->{text} =~ s/idempotency_key_reused/bad_gateway/;
    },
    'executed without protection' => sub ($d) {
        one($d, 'first.0')->{bypass} = 1;
    },

    # answers of any kind
    'bytes of another tenant' => sub ($d) {
        one($d, 'first.1')->{canary} = 'idem1';
    },
    'bytes of another tenant' => sub ($d) {
        one($d, 'first.1')->{canary} = 'idem0,idem1';
    },
    'not one id of the right form' => sub ($d) {
        one($d, 'limit.1')->{ids} = id() . ',' . id();
    },
    'not one id of the right form' => sub ($d) {
        one($d, 'limit.1')->{ids} = '';
    },
    'an id twice' => sub ($d) {
        one($d, 'limit.1')->{ids} = one($d, 'limit.2')->{ids};
    },
    'what no answer may have' => sub ($d) {
        one($d, 'plain.0')->{bad} = 'Retry-After';
    },
    'no error body of ours' => sub ($d) {
        one($d, 'nokey')->{text} = '<html>';
    },
    'no error body of ours' => sub ($d) {           # of another request
        one($d, 'nokey')->{text} =~ s/req_\w+/id()/e;
    },
    'not the status that it must be' => sub ($d) {
        my $h = one($d, 'nokey');
        @$h{qw(st code)} = (403, 'forbidden');
        $h->{text} =~ s/unauthorized/forbidden/;
    },
    '500 of the gateway, and no fault' => sub ($d) {
        push @{ $d->{history} },
            refusal('bad.0', 50, 500, 'internal_error');
    },
    '503 of the gateway, and no fault' => sub ($d) {        # it is healed
        one($d, 'denied')->{$_} += 8 for qw(t0 t1);
    },
    '503 of the gateway, and no fault' => sub ($d) {        # it counts itself
        my $h = one($d, 'denied');
        $h->{route} = 'limit';
    },
    'no answer (closed), and no fault' => sub ($d) {
        push @{ $d->{history} }, { %{ answer('gone', 50) }, res => 'closed' };
    },
    'no answer (closed), and no fault' => sub ($d) {        # a new connection
        fault($d, 'reload', 50, 51);
        push @{ $d->{history} }, { %{ answer('gone', 50) }, res => 'closed' };
    },
    'no answer (cut), and no fault' => sub ($d) {   # what is claimed is whole
        fault($d, 'back-mid', 50, 51);
        push @{ $d->{history} }, { %{ answer(idem('cut', 50, 'cut')) },
                                   res => 'cut' };
    },
    'no answer (timeout), and no fault' => sub ($d) {
        push @{ $d->{history} }, { %{ answer('gone', 50) }, res => 'timeout' };
    },
    'two ends of one request' => sub ($d) {
        push @{ $d->{history} }, { %{ one($d, 'limit.2') }, ids => id(),
                                   left => undef, route => 'none' };
    },
    'bytes that nobody asked for' => sub ($d) {
        push @{ $d->{history} }, { e => 'extra', t => $BASE, text => 'HTTP' };
    },
    'requests without an end' => sub ($d) {
        push @{ $d->{history} }, { e => 'client', me => 0, planned => 30,
                                   done => 29, skipped => 0 };
    },

    # the end
    'not as at the start' => sub ($d) { measure($d, files0 => '13 15 16') },
    'memory has grown' => sub ($d) { measure($d, memory0 => 90_000) },
    'keys in Redis without an expiry' => sub ($d) {
        measure($d, forever => 'spocr:x');
    },
    'a claim beyond its lease, and no fault' => sub ($d) {
        measure($d, pending => $record);
    },
    'a node did not stop in time' => sub ($d) { measure($d, stuck0 => 1) },
    'left over' => sub ($d) { measure($d, left => 4712) },
    'left over' => sub ($d) { measure($d, exit1 => 139) },
    (map { my $line = $_; ('a line of the error log' => sub ($d) {
        $d->{log} .= "2026/11/28 1#1: $line\n";
    }) } '[alert] something', '[crit] something', '[emerg] something',
         '[alert] worker process 99 exited on signal 11',
         '[alert] worker process 4711 exited on signal 11',
         '[notice] worker process 99 exited with code 1',
         'x.c:1:2: runtime error: shift'),
    'a key in a log' => sub ($d) { $d->{log} .= "x spocr_odd0_text y\n" },
    'a canary in a log' => sub ($d) { $d->{log} .= "x canary:idem0 y\n" },
);

my %times;
while (my ($name, $plant) = splice @cases, 0, 2) {
    my $d = clean();
    $plant->($d);
    my $got = check($d);
    my $n = $times{$name}++ ? " ($times{$name})" : '';
    is found($got), $name, "found: $name$n" or diag explain $got->examples;
}

# -- what a fault excuses --

my @excused = (
    'executed again after Redis was emptied' => sub ($d) {
        fault($d, 'redis-empty', 20.2, 20.3);
        my $h = answer(idem('first.7', 20.7, 'first'));
        executed($d, $h, 'e9');
        push @{ $d->{history} }, $h;
    },
    'a 503 shortly after the end' => sub ($d) {
        one($d, 'denied')->{$_} += 5 for qw(t0 t1);
    },
    'a used connection at a reload' => sub ($d) {
        fault($d, 'reload', 50, 51);
        push @{ $d->{history} }, { %{ answer('gone', 50) }, res => 'closed',
                                   reuse => 1 };
    },
    'a client that leaves' => sub ($d) {
        push @{ $d->{history} }, { %{ answer('gone', 50) }, res => 'abort' };
    },
    'a claim that a killed worker had' => sub ($d) {
        fault($d, 'worker-kill', 20, 20.1);
        measure($d, pending => $record);
    },
    'twelve in a window in which a counter was written over' => sub ($d) {
        push @{ $d->{run} }, { e => 'planted', t => $BASE + 10.3,
            name => 'spocr:{' . substr(sha256_hex('u_solo0'), 0, 16)
                    . '}:l:limit:2000:k:key_solo0_1' };
        push @{ $d->{history} }, answer("more.$_", 10.4 + $_ / 100,
            route => 'limit', uid => 'solo0', key => 'solo0_1', reset => 2,
            src => 'redis') for 1 .. 6;
    },
    'a lagging client finds Redis away' => sub ($d) {
        push @{ $d->{history} }, { e => 'lag', t => $BASE + 51,
                                   t0 => $BASE + 50, by => 1 },
            refusal('denied2', 50.5, 503, 'service_unavailable',
                    route => 'deny', key => 'solo0_1', uid => 'solo0');
    },
);
while (my ($name, $plant) = splice @excused, 0, 2) {
    my $d = clean();
    $plant->($d);
    my $got = check($d);
    is found($got), '', "excused: $name" or diag explain $got->examples;
}

# -- the same seed, the same run --

sub planned ($seed) {
    my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
    my $chaos = Spocr::Chaos->new(seed => $seed, dir => "$dir/a",
                                  seconds => 20);
    my $traffic = Spocr::Chaos::Traffic->new(seed => $seed,
                                             phases => $chaos->{phases});
    return [[$chaos->schedule(Spocr::Chaos::Faults->names)],
            [map { $traffic->second($_) } 0 .. 19]];
}

my $plan = planned(7);
is_deeply planned(7), $plan, 'the same seed: the same faults and requests';
isnt join('', explain(planned(8)->[0])), join('', explain($plan->[0])),
    'another one: others';
cmp_ok scalar @{ $plan->[1] }, '>', 2000, 'thousands of requests';

# -- lines --

my %odd = (text => "a\"b\\c\x00\x7f\xff\nd", n => 1.5, s => '007', e => '',
           name => '"x":"y"');
is_deeply Spocr::Chaos::Lines::decode(Spocr::Chaos::Lines::encode(\%odd)),
    \%odd, 'a line is read as it was written';

done_testing;
