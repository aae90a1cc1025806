# Torture, as in t/torture.t, of what nginx does beside requests: it reads the
# configuration, reloads, starts workers, and ends with something that Redis
# was not told yet.  Whatever fails there is told in a line, a reload leaves
# the old workers and their keys at work, and nothing crashes (C-9).

use lib 't/lib';
use Spocr::Test;
use Spocr::Torture;
use List::Util qw(shuffle);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

system('make', '-s', 'torture-build') == 0 or die "make failed\n";

my $all = ($ENV{SPOCR_TORTURE} // '') eq 'all';
my $only = $ENV{SPOCR_ONLY} // '';
my $torture = Spocr::Torture->new;
my $t = $torture->test;
my %runs = (points => 0, runs => 0);

$t->keyfile(
    plans => { pro => { limits => { key => 1000, report => { uid => 7 } } } },
    tenants => { u_a => { plan => 'pro', limits => { uid => 5000 } } },
    keys => { (map { ("k$_" => { uid => "u_$_", scopes => ["s$_"] }) } 1 .. 9),
              alice => { uid => 'u_a', scopes => ['ocr', 'read'],
                         limits => { key => 900 }, meta => { a => [1, 2] } } });
for my $name (qw(secret upstream)) {
    $t->file($name, ('0123456789abcdef' x 4) . "\n" x 2
                    . ('fedcba9876543210' x 4) . "\n");
    chmod 0600, $t->dir . "/$name";
}

my $conf = <<'EOC';
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=150ms connect_timeout=1s prefix=spocr:;
    spocr_secret_file %%DIR%%/secret;
    spocr_upstream_secret_file %%DIR%%/upstream;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=60000 uid=600000 window=1h;
        spocr_cors_origin $http_origin;

        location / {
            spocr_idempotency on;
            spocr_idempotency_store_header Content-Type Location;
            proxy_pass http://%%BACKEND%%;
        }
        location /report {
            spocr_limit name=report key=10 uid=100 window=1d;
            spocr_require_scope read;
            spocr_methods GET POST;
            spocr_log_level warn;
            error_log %%DIR%%/report.log notice;
            proxy_pass http://%%BACKEND%%;
        }
        location = /status { spocr_auth off; spocr_status json; }
    }
}
EOC

my (%of_mode, @bad);

sub found ($what) { push @bad, $what }

# All points of a kind, or some of them; run returns whether one was reached.
sub points ($name, $modes, $some, $run) {
    return if length $only && $name !~ /$only/;
    @bad = ();
    my ($points, $runs, $began) = (0, 0, time);
    $modes = [split /,/, $ENV{SPOCR_MODES}] if $ENV{SPOCR_MODES};

    for my $mode (@$modes) {
        if ($all) {
            for (my $n = 1; $run->($mode, $n); $n++) { $points++; $runs++ }
            next;
        }
        $run->($mode, 0);
        my $many = $torture->disarm->{count} or next;
        $points += $many;
        for my $n (grep { defined } (shuffle 1 .. $many)[0 .. $some - 1]) {
            $run->($mode, $n);
            $runs++;
        }
    }
    ok !@bad, sprintf '%s: %d points, %d runs, %.1f s', $name, $points, $runs,
        time - $began
        or diag map { '  ' . substr($_, 0, 300) . "\n" } @bad;
}

# What must not be said of a failure: a worker that could not start, and a
# socket that could not be had, are said at alert by nginx.
sub alarms ($at, $log) {
    for (split /\n/, $log) {
        found("$at: $_") if /exited on signal/
            || (/\[alert\]/ && !/exited with fatal| socket\(\) failed/);
    }
}

# Where nginx itself fails to allocate it says so; in its place nobody does.
# Nor does it where its HTTP/3 has no random bytes for a host key; our calls of
# libcrypto fail in a mode of their own.
my $http3 = `$t->{nginx} -V 2>&1` =~ /http_v3_module/;
sub told ($page) {
    return $page->{where} !~ /^ngx_(?!event|handle|http)/
           && !($http3 && $page->{where} =~ /^\w+ libcrypto/);
}

# -- nginx -t --

my $redis_keys = $conf =~ s/file=%%DIR%%\/keys.json/redis/r;

sub checked ($text, $mode, $n) {
    local %ENV = (%ENV, $torture->env);
    $torture->{worker} = 0;
    $torture->arm($mode, $n);
    my ($exit, $out) = $t->config_test($text);
    my $page = $torture->disarm;

    return 0 if $n && !$page->{fired};
    my $at = "$mode $n ($page->{where})";
    found("$at: ended with $exit: $out") if $exit > 1;
    found("$at: no reason: $out")
        if $exit == 1 && $out !~ /\[emerg\]|\[crit\]/ && told($page);
    found("$at: taken all the same")
        if $n && !$exit && $mode =~ /^(?:ours|crypto)/;
    return 1;
}
$t->backend;
$t->{conf} = $conf;
my @kinds = qw(ours ours+ crypto nginx file later);
points('nginx -t', \@kinds, 4, sub (@at) { checked($conf, @at) });
points('nginx -t, keys in Redis', \@kinds, 1,
       sub (@at) { checked($redis_keys, @at) });

# -- workers that start --

sub launch () {
    my $dir = $t->dir;
    $t->file('nginx.conf', $t->_expand($conf, 'error.log'));
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        %ENV = (%ENV, $torture->env);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/stdout";
        open STDERR, '>&', \*STDOUT;
        exec $t->{nginx}, '-p', $dir, '-e', "$dir/error.log",
             '-c', "$dir/nginx.conf" or POSIX::_exit(127);
    }
    return $t->{pid} = $pid;
}

sub served () {
    my $conn = eval { $t->conn(1) } or return 0;
    $conn->{timeout} = 2;
    my $r = eval { $conn->request(GET => '/x', key => $t->key('alice')) };

    # without a worker it is the master's socket that has taken it
    found("hangs: $@") if $@ =~ /timed out/ && $t->workers;
    return $r && $r->status == 200;
}

sub started ($mode, $n) {
    my $seen = length $t->log;
    $torture->{worker} = 0;
    $torture->arm($mode, $n, -1);
    launch;

    # in the first moments of a worker an answer may fail as well
    my $log = '';
    my $up;
    for my $seconds (1, 4) {
        $up ||= wait_for(sub {
            $log = substr $t->log, $seen;
            return -1 if $log =~ /exited with (?:fatal )?code 2/;
            return served;
        }, $seconds);
        $torture->disarm;
    }
    my $page = $torture->disarm;
    my $at = "$mode $n ($page->{where})";

    found("$at: neither up nor down: $log") if !$up;
    found("$at: up, and then not") if $up == 1 && !wait_for(\&served, 3);
    $t->stop;
    $log = substr $t->log, $seen;
    $t->{killed}{$_} = 1 for $log =~ /process (\d+) exited with code 2/g;
    alarms($at, $log);
    return $n ? $page->{fired} : 1;
}
points('a worker starts', [qw(ours ours+ nginx heap send)], 1, \&started);

# -- reloads --

launch;
wait_for(\&served, 10) or die "nginx did not start\n" . $t->log;

sub master_live () { $torture->disarm->{live} }

# The master waits for signals: it reads files and starts workers in other
# states, but for a tenth of a second behind that.
sub master_idle () {
    open my $in, '<', "/proc/$t->{pid}/stat" or return 0;
    return readline($in) =~ /\) S /;
}

sub reloaded ($mode, $n) {
    my $seen = length $t->log;
    my ($old) = $t->workers;
    my $before = master_live;

    $torture->arm($mode, $n);
    kill HUP => $t->{pid};
    my $idle = 0;
    my $ended = wait_for(sub {
        return -1 if substr($t->log, $seen) =~ /\[(?:emerg|crit)\]/;
        my @now = $t->workers;
        return 1 if @now == 1 && $now[0] != $old;

        # what failed, and had no consequence but that
        $idle = $torture->_look->{fired} && master_idle && "@now" eq $old
                ? $idle + 1 : 0;
        return $idle > 5 && -1;
    }, 10);
    my $page = $torture->disarm;
    my $at = "$mode $n ($page->{where})";

    found("$at: no reload, and no reason")
        if !$ended || ($ended < 0 && told($page)
                       && substr($t->log, $seen) !~ /\[(?:emerg|crit)\]/);
    found("$at: a worker is gone") if $ended < 0 && !kill 0, $old;
    found("$at: not served") if !wait_for(\&served, 2);
    if ($ended < 0) {
        wait_for(sub { master_live() <= $before }, 1);
        my $grown = master_live() - $before;
        $of_mode{grown} += $grown;
        found("$at: $grown allocations of the master are left")
            if $grown > 0 && $mode =~ /^ours/;
    }
    alarms($at, substr $t->log, $seen);
    return $n ? $page->{fired} : 1;
}
$torture->{worker} = $t->{pid};     # the master's calls are those that count
reloaded('ours', 0) for 1 .. 3;
points('a reload', [qw(ours ours+ crypto nginx file heap)], 1, \&reloaded);
$t->stop;

# -- an end with an outbox --

sub ended ($mode, $n) {
    my $redis = $t->redis;
    my $seen = length $t->log;
    launch;
    wait_for(\&served, 10) or return found("nginx did not start");
    $redis->linked(2);

    my $executed = $t->backend->requests;
    my $conn = $t->conn(1);
    $conn->send($conn->build(POST => '/x?delay=0.2', key => $t->key('alice'),
                             body => 'a',
                             headers => ['Idempotency-Key' => "end-$mode-$n"]));
    wait_for(sub { $t->backend->requests > $executed });
    $redis->pause;
    sleep 0.1;
    ($torture->{worker}) = $t->workers;
    $torture->arm($mode, $n);
    kill QUIT => $t->{pid};
    my $r = eval { $conn->response };
    $conn->close;                           # or nginx lingers
    my $gone = wait_for(sub { waitpid($t->{pid}, WNOHANG) == $t->{pid} }, 8);
    my $exit = $?;
    my $page = $torture->disarm;
    my $at = "$mode $n ($page->{where})";

    $redis->resume;
    if ($gone) { delete $t->{pid} } else { $t->stop }
    found("$at: nginx does not end") if !$gone;
    found("$at: nginx ended with $exit") if $gone && $exit;
    found("$at: answered " . $r->status) if $r && $r->status != 200
                                                && !$page->{fired};
    alarms($at, substr $t->log, $seen);
    return $n ? $page->{fired} : 1;
}
points('an end with an outbox', [qw(ours ours+ call nginx heap send recv)], 1,
       \&ended);

delete $t->{exit};
$t->allow(qr/./);
$t->done;
