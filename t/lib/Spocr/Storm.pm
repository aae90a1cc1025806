# Many retries of the same requests at once, over two nodes of two workers,
# with clients that leave, and with faults: what the backend's ledger and the
# clients' answers say of it afterwards (C-22, C-28, C-29).
#
#   my $storm = Spocr::Storm->new(keys => 200, copies => 8);
#   $storm->blow(abort => 0.2);              # all requests, in random order
#   $storm->exactly_once;                    # each key: one execution, one body
#   $storm->at_most_once;                    # ... or none, where none saw a 2xx
#   $storm->test->done;
#
# Options of new(): keys, copies, sizes => [bytes of bodies, in turn],
# delay => seconds that the backend takes, redis => {options}, lease => TIME,
# wait => TIME, timeout => TIME (of Redis), odd => FRACTION: the backend resets
# so many of the requests, and gives so many half an answer.
#
# $storm->load(FILE)    adds what another process' blow() has seen: a label a
#                       line, of {labels}

package Spocr::Storm;

use v5.36;
use Digest::SHA qw(sha256_hex);
use List::Util qw(shuffle);
use Spocr::Test;

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events { worker_connections 2048; }
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:8m;
    spocr_redis %%REDIS%% timeout=%%TIMEOUT%% connect_timeout=%%TIMEOUT%%;
    spocr_secret_file %%DIR%%/secret;
    keepalive_requests 100000;
    client_max_body_size 32m;
    access_log %%DIR%%/storm.log storm;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        spocr_idempotency_lease %%LEASE%%;
        spocr_idempotency_wait %%WAIT%%;
        proxy_read_timeout 60s;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC

my $log = q{log_format storm '$status $spocr_idempotency_status '
                             '$upstream_status $http_idempotency_key';};

sub new ($class, %o) {
    my $t = Spocr::Test->new;
    my $self = bless {
        test => $t, delay => 0.01, sizes => [0], copies => 8, keys => 100,
        lease => '30s', wait => '30s', timeout => '20s', odd => 0, %o,
        labels => {},
    }, $class;

    $t->redis(%{ $o{redis} }) if $o{redis};
    $t->keyfile(keys => { map { ("u$_" => { uid => "u_$_" }) } 0 .. 9 });
    $t->file('secret', ('0123456789abcdef' x 4) . "\n");
    chmod 0600, $t->dir . '/secret';

    my $text = $conf =~ s/%%TIMEOUT%%/$self->{timeout}/gr
                     =~ s/%%LEASE%%/$self->{lease}/r
                     =~ s/%%WAIT%%/$self->{wait}/r
                     =~ s/(?=\n    access_log %%DIR%%.storm)/\n    $log/r;
    $t->start($text);
    my $node = $self->{node} = $t->node;
    $node->file('secret', ('0123456789abcdef' x 4) . "\n");
    chmod 0600, $node->dir . '/secret';
    $node->start($text);
    $t->redis->linked(8);

    for my $i (0 .. $self->{keys} - 1) {
        my $size = $self->{sizes}[$i % @{ $self->{sizes} }];
        push @{ $self->{requests} }, Spocr::Conn->build(
            POST => "/upload/$i?delay=$self->{delay}",
            key => $t->key('u' . $i % 10),
            headers => ['Idempotency-Key' => "storm-$i"],
            body => chr(97 + $i % 26) x $size,
            chunked => $i % 3 == 2);
    }
    return $self;
}

sub test ($self) { $self->{test} }
sub node ($self) { $self->{node} }

sub blow ($self, %o) {
    my @order = shuffle((0 .. $self->{keys} - 1) x ($o{copies}
                                                    // $self->{copies}));
    my @requests = map {
        my $bytes = $self->{requests}[$_];
        my $p = rand;
        my $how = $p < $self->{odd} ? 'reset=1'
                : $p < 2 * $self->{odd} ? 'truncate=1' : '';
        $how && $o{until} ? $bytes =~ s/\r\n/\r\nX-Test: $how\r\n/r : $bytes;
    } @order;
    delete $o{copies};
    my $got = Spocr::Load::run(
        ports => [$self->{test}->port, $self->{node}->port],
        request => \@requests, total => scalar @order,
        clients => 2, connections => 24, timeout => 240,
        label => sub ($place, $status, $head, $body) {
            my ($code) = $status == 200 ? sha256_hex($body)
                       : $body =~ /"code":"(\w+)"/;
            return join ' ', $order[$place], $status, $code // '-',
                   $head =~ /X-Idempotent-Replay/i ? 'replay' : 'first';
        }, %o);
    $self->{labels}{$_} += $got->{labels}{$_} for keys %{ $got->{labels} };
    return $got;
}

sub load ($self, $file) {
    open my $in, '<', $file or die "cannot open $file: $!\n";
    chomp, $self->{labels}{$_}++ for <$in>;
    return;
}

# Executions of each key; and its 2xx bodies.
sub _count ($self) {
    my (%ran, %bodies);
    for my $r ($self->{test}->backend->requests) {
        $ran{$1}++ if $r->{target} =~ m{^/upload/(\d+)\?};
    }
    for (keys %{ $self->{labels} }) {
        my ($key, $status, $code) = split / /;
        $bodies{$key}{$code}++ if $status == 200;
    }
    return (\%ran, \%bodies);
}

sub at_most_once ($self, $name) {
    my ($ran, $bodies) = $self->_count;
    my @keys = 0 .. $self->{keys} - 1;
    my @twice = grep { ($ran->{$_} // 0) > 1 } @keys;
    my @differ = grep { keys %{ $bodies->{$_} // {} } > 1 } @keys;
    my @never = grep { $bodies->{$_} && !$ran->{$_} } @keys;

    is "@twice", '', "$name: no key ran twice";
    is "@differ", '', "$name: all answers of a key are the same";
    is "@never", '', "$name: who saw a 2xx was executed";
    return;
}

sub exactly_once ($self, $name) {
    my ($ran, $bodies) = $self->_count;
    my @keys = 0 .. $self->{keys} - 1;

    $self->at_most_once($name);
    is scalar(grep { ($ran->{$_} // 0) == 1 } @keys), scalar @keys,
       "$name: each key ran";
    is scalar(grep { $bodies->{$_} } @keys), scalar @keys,
       "$name: each key has an answer";
    return;
}

# What was answered: {"409 idempotency_in_progress" => N, ...}
sub answers ($self) {
    my %n;
    for (keys %{ $self->{labels} }) {
        my ($key, $status, $code, $how) = split / /;
        $n{ $status == 200 ? "200 $how" : "$status $code" }
            += $self->{labels}{$_};
    }
    return \%n;
}

1;
