# What the clients of a run send, and when: a function of the seed alone.
#
#   my $traffic = Spocr::Chaos::Traffic->new(seed => 1, phases => [...]);
#   for my $q ($traffic->second(17)) { ... }   # those that begin in there
#
# A phase is {name, from, to, rates => {limit => 200, ...}}, in whole seconds
# since the beginning, and requests a second of each kind:
#
#   limit    GETs of /limit/ and /count/, three times what is allowed
#   deny     GETs of /deny/
#   idem     POSTs of /upload/: a new key, and 2 to 8 copies of it within 1.5 s,
#            now and then with another body, a client that leaves, or a backend
#            that fails
#   both     the same, limited
#   odd      what clients must not do, and what they rarely do
#   huge     POSTs of which the backend makes 100 MB (rate may be 0.2)
#
# A request is a hash:
#   n       its name: kind, second, number
#   at      when it is to be sent, seconds since the beginning
#   node, method, target, key (name of an API key), headers => [name, value]
#   route   the first part of the path;  uid  whose key it is
#   idem    the Idempotency-Key;  copy  which of its copies
#   body    {canary, seed, size, variant}: see body()
#   chunked, fresh (a connection of its own), abort (leaves after so long)
#   act     what the backend is asked for
#   want    the status that it must get, where that is known: 401, "200 404"

package Spocr::Chaos::Traffic;

use v5.36;

use Spocr::Chaos::Nodes;
use Spocr::Chaos::Random;

my @SIZES = ((0, 1, 40, 900, 5000, 16_384, 70_000) x 9, 1_000_000);
my %KEYS = %Spocr::Chaos::Nodes::KEYS;
my $NODES = $Spocr::Chaos::Nodes::NODES;

my @limited = sort map {
    my $uid = $_;
    map { "${uid}_$_" } 1 .. $KEYS{$uid};
} grep { /^(?:solo|trio)/ } keys %KEYS;

sub new ($class, %o) { bless { %o }, $class }

sub length_of ($self) { $self->{phases}[-1]{to} }

sub body ($body) {
    return '' if !$body->{size};
    my $text = "canary:$body->{canary} $body->{seed} $body->{variant} ";
    my $fill = $body->{size} - length $text;
    return $text . ($fill > 0 ? chr(97 + $fill % 26) x $fill : '');
}

sub second ($self, $second) {
    my ($phase) = grep { $_->{from} <= $second && $second < $_->{to} }
                  @{ $self->{phases} } or return;
    my @all;

    for my $kind (sort keys %{ $phase->{rates} }) {
        my $r = Spocr::Chaos::Random->new($self->{seed}, "$kind $second");
        my $n = $phase->{rates}{$kind};
        $n = $r->chance($n) ? 1 : 0 if $n < 1;
        my $make = $self->can("_$kind") // die "no traffic of kind $kind\n";
        for my $i (0 .. $n - 1) {
            my @some = $make->($self, $r, "$kind.$second.$i", $phase);
            $some[0]{at} //= $second + ($i + $r->fraction) / $n;
            push @all, @some;
        }
    }
    return sort { $a->{at} <=> $b->{at} } @all;
}

sub _get ($r, $n, $route, $key) {
    return { n => $n, node => $r->below($NODES), method => 'GET',
             route => $route, target => "/$route/" . $r->below(1000),
             key => $key, uid => $key =~ s/_\d+$//r, headers => [] };
}

sub _limit ($self, $r, $n, $) {
    my $route = $r->chance(0.25) ? 'count' : 'limit';
    return _get($r, $n, $route, $r->one(@limited));
}

sub _deny ($self, $r, $n, $) {
    return _get($r, $n, 'deny', $r->one(@limited));
}

my @acts = (
    ('') x 40, ('delay=0.1') x 8, ('delay=0.4') x 4, ('size=3000') x 8,
    ('size=60000') x 4, 'size=900000', ('how=chunked;size=20000') x 4,
    ('how=redirect') x 3, ('how=headers') x 3, ('how=drip;size=900') x 2,
    ('status=404') x 3, ('status=500') x 2, ('status=503') x 2,
    'delay=1.3', 'how=gzip;size=500', 'size=1400000',
);
my @bad = qw(status=501 status=504 how=reset how=mid how=garbage how=close
             how=badchunk delay=4);

# The first and its copies.  Each asks the backend for something of its own:
# it is a header, and no part of what makes two requests the same.
sub _burst ($self, $r, $n, $route, $phase) {
    my ($second) = $n =~ /\.(\d+)\./;
    my $uid = ($route eq 'both' ? 'both' : 'idem')
              . $r->below($route eq 'both' ? 2 : 6);
    my $begin = $second + $r->fraction;
    my $target = "/$route/" . $r->below(50);
    my $size = $r->one(@SIZES);
    my $act = $r->chance($phase->{bad} // 0.04) ? $r->one(@bad)
                                                : $r->one(@acts);
    my @all;

    for my $copy (0 .. 2 + $r->below(7)) {
        my $other = $copy && $r->chance(0.1) ? $copy : 0;
        push @all, {
            n => "$n.$copy", copy => $copy, node => $r->below($NODES),
            at => $begin + ($copy ? $r->between(0, 1.5) ** 2 / 1.5 : 0),
            method => $other || !$r->chance(0.01) ? 'POST' : 'PATCH',
            target => $target, route => $route,
            uid => $uid, key => "${uid}_" . (1 + $r->below(2)),
            idem => "k-$n-" . substr(sprintf('%x', 1e6 * $r->fraction), 0, 4),
            headers => ['Content-Type' => 'application/octet-stream'],
            body => { canary => $uid, seed => $n, variant => $other,
                      size => $other && !$size ? 50 : $size },
            chunked => $r->chance(0.3), fresh => $r->chance(0.1),
            act => $r->chance(0.7) ? $act : $r->one(@acts),
            $r->chance($phase->{leave} // 0.1)
                ? (abort => $r->between(0, 0.3)) : (),
        };
    }
    # all copies carry the key and the method of the first
    $_->{idem} = $all[0]{idem} for @all;
    $_->{method} = $all[0]{method} for @all;
    push @all, _twin($r, @all[0, 1]) if $r->chance(0.3);
    return @all;
}

# Another tenant who happens to have the same key for a request like that.
sub _twin ($r, @of) {
    my ($kind, $number) = $of[0]{uid} =~ /^(\D+)(\d+)$/;
    my $uid = $kind . ($number ? $number - 1 : 1);

    return map { +{
        %$_, n => "$_->{n}.twin", uid => $uid,
        key => "${uid}_" . (1 + $r->below(2)),
        body => { %{ $_->{body} }, canary => $uid },
    } } @of;
}

sub _idem ($self, $r, $n, $phase) {
    return _burst($self, $r, $n, 'upload', $phase);
}

sub _both ($self, $r, $n, $phase) {
    return _burst($self, $r, $n, 'both', $phase);
}

sub _huge ($self, $r, $n, $) {
    my ($second) = $n =~ /\.(\d+)\./;
    my $q = _get($r, $n, 'upload', 'idem0_1');
    my $begin = $second + $r->fraction;
    return map { +{
        %$q, n => "$n.$_", at => $begin + 2 * $_, node => $r->below($NODES),
        method => 'POST', idem => "k-$n", copy => $_, act => 'how=huge',
        body => { canary => 'idem0', seed => $n, variant => 0, size => 50 },
        huge => 1,
    } } 0, 1;
}

# -- what clients must not do --

my @forged = (
    'X-Spocr-Uid' => 'forged', 'x-spocr-key-id' => 'forged',
    'X-SPOCR-PLAN' => 'forged', 'X-Spocr-Uid' => 'forged2',
    'X_Spocr_Uid' => 'forged', 'X-Spocr-Anything' => 'forged',
    'X-Request-Id' => 'forged', 'X-Idempotent-Replay' => 'true',
    'traceparent' => 'forged',
);

my @targets = ('/plain/x#y', '/plain/x;y', '/plain/..;/x', qw(
    //plain/x /plain//x /%70lain/x /./plain/x /x/../plain/x
    /plain/%2e%2e/open/x /plain%2fx /plain/x%00 /plain/%5cx
    http://other/plain/x));

my @keys = (
    [401, undef], [401, 'Basic spocr_x'], [401, 'Bearer'],
    [401, 'Bearer nothing'], [401, 'Bearer spocr_'],
    [401, "Bearer spocr_\x{e9}"], [401, 'Bearer spocr_a b'],
    [401, 'Bearer spocr_' . 'x' x 200], [403, 'Bearer spocr_unknown'],
    [403, 'Bearer spocr_0123456789012345678901234567890123456'],
);

my @idems = ('', 'a b', "a\x{e9}", '"a', 'a,b', 'x' x 256, "a\tb");

my @odd = (
    # forged headers, with a key and without
    sub ($r, $q) {
        @$q{qw(want headers)} = ('200', [@forged]);
    },
    sub ($r, $q) {
        @$q{qw(want headers route target key)} =
            ('200', [@forged], 'open', '/open/' . $r->below(99), undef);
    },
    # paths that are not plain
    sub ($r, $q) {
        @$q{qw(want target)} = ('400', $r->one(@targets));
    },
    # bad keys
    sub ($r, $q) {
        my ($want, $text) = @{ $r->one(@keys) };
        $q->{key} = undef;
        $q->{want} = $want;
        $q->{headers} = ['Authorization' => $text] if defined $text;
    },
    sub ($r, $q) { @$q{qw(want method)} = ('405', $r->one(qw(PUT DELETE))) },
    sub ($r, $q) {
        @$q{qw(want route target)} = ('404', 'none', '/none/x');
    },
    sub ($r, $q) { @$q{qw(want method)} = ('200', 'HEAD') },
    # bad Idempotency-Keys, and two of them
    sub ($r, $q) {
        @$q{qw(want method route target)} = ('400', 'POST', 'upload',
                                             '/upload/x');
        $q->{body} = { canary => $q->{uid}, seed => 'x', variant => 0,
                       size => 30 };
        $q->{headers} = ['Idempotency-Key' => $r->one(@idems)];
        $q->{headers} = [('Idempotency-Key' => 'twice') x 2]
            if $r->chance(0.2);
    },
    # a refusal with a body that could be taken for a request
    sub ($r, $q) {
        @$q{qw(want method key)} = ('403', 'POST', undef);
        $q->{headers} = ['Authorization' => 'Bearer spocr_unknown'];
        $q->{raw} = "GET /plain/smuggled HTTP/1.1\r\nHost: a\r\n"
                    . "Authorization: Bearer %KEY%\r\nX-T-N: smuggled\r\n\r\n";
    },
    # a body that is too large
    sub ($r, $q) {
        @$q{qw(want method fresh)} = ('413', 'POST', 1);
        $q->{headers} = ['Content-Length' => 90_000_000];
        $q->{bare} = 1;
    },
    # who leaves at once
    sub ($r, $q) { $q->{abort} = $r->between(0, 0.02) },
    # a backend that fails, and no claim
    sub ($r, $q) {
        my %is = ('how=reset' => '502', 'how=garbage' => '502',
                  'status=503' => '503', 'status=418' => '418',
                  'how=chunked' => '200', 'how=headers' => '200',
                  'how=close' => '200', 'how=drip' => '200');
        $q->{act} = $r->one(sort keys %is);
        $q->{want} = $is{ $q->{act} };
        $q->{own} = 1 if $q->{want} eq '502';   # an error of ours is right
    },
);

sub _odd ($self, $r, $n, $) {
    my $q = _get($r, $n, 'plain', 'odd' . $r->below(3) . '_1');
    $r->one(@odd)->($r, $q);
    $q->{target} = "/plain/$n" if $q->{target} =~ m{^/plain/\d+$};
    return $q;
}

1;
