# The harness of the end-to-end tests, in the manner of nginx's own: the whole
# nginx.conf stands on the test's page, and the test asserts what a client and
# a backend see.  Core Perl only.
#
#   use lib 't/lib';
#   use Spocr::Test;               # also: v5.36's strictness, Test::More
#
#   my $t = Spocr::Test->new;      # a private folder, nothing started
#   $t->keyfile(keys => { alice => { uid => 'u_acme' } });
#   $t->start(<<'EOF');            # the configuration, then waits for it
#   %%MAIN%%
#   events {}
#   http {
#       %%HTTP%%
#       spocr_keys file=%%DIR%%/keys.json;
#       spocr_zone zone=z:1m;
#       server { listen 127.0.0.1:%%PORT_1%%; spocr on;
#                location / { proxy_pass http://%%BACKEND%%; } }
#   }
#   EOF
#   my $r = $t->get('/x', key => $t->key('alice'));
#   is $r->status, 200, 'let through';
#   is_error $t->get('/x'), 401, 'unauthorized', 'no key';
#   $t->done;                      # stops, looks for damage, done_testing
#
# Placeholders: %%MAIN%% (load_module, pid, error_log at notice, user),
# %%HTTP%% (temporary paths, access_log without queries), %%DIR%% (the private
# folder), %%PORT_n%% (a free port), %%BACKEND%% (the echo backend, see
# Spocr::Backend) and %%REDIS%% (the URL of a private Redis, see Spocr::Redis),
# which are started where these words occur.
#
# With free => 1 it is no test: nobody asks whether done() was called.
#
# new() and node() take clock => SECONDS, by which that nginx' wall clock is
# ahead of (or, negative, behind) the machine's; its monotonic clock is true.
# $t->clock(SECONDS) steps it, also while nginx runs, where new() had a clock.
#
# The nginx that runs is SPOCR_NGINX (default /usr/sbin/nginx) with the module
# SPOCR_MODULE (default build/ngx_spocr_module.so; empty: built in).
#
# $t->get, $t->head, $t->post(TARGET, options), $t->request(METHOD, TARGET,
#     options)        one request on its own connection: options of
#                     Spocr::Conn, and port => N (the number in %%PORT_N%%)
# $t->conn(N)         a Spocr::Conn to that port
# $t->curl(ARGS)      runs curl; {exit, stderr} and, as Spocr::Response, {r}
# $t->h2load(ARGS)    runs h2load; {status}{2} how many answers were 2xx …
# $t->load(...)       Spocr::Load::run with the port filled in
# $t->command(ARGS)   runs a program: (exit code, stdout and stderr)
# $t->backend         the echo backend: ->requests
# $t->redis           the private Redis; the first call may have options
# $t->node(options)   another nginx side by side: the same keys, key files (as
#                     they are then), backend and Redis; its folder and its
#                     ports are its own; done() checks it as well
# $t->key(NAME)       a key's text, for names in keyfile() or any other
# $t->keyfile(keys => {NAME => record}, tenants => {}, plans => {},
#             file => 'keys.json')
#                     writes a key file; ids are key_NAME unless said
# $t->file(NAME, TEXT)      writes a file in the folder, returns its path
# $t->secret_file([NAME])   writes one for spocr_secret_file (secret)
# $t->certificate(NAME, [HOST])  makes NAME.crt and NAME.key in the folder
# $t->config_test(CONF)     nginx -t: (exit code, output)
# $t->reload([CONF])        new configuration, old workers are out; true, or
#                           false where nginx refused it
# $t->workers, $t->signal(SIG, PID), $t->stop
# $t->open_files            how many the master and its workers have open, as
#                           text; waits for old workers to end, and for that to
#                           stay so
# $t->log([NAME])     text of error.log, or of another file
# $t->wait_log(RE, [NAME])  waits until the file has a line like that
# $t->check           what done() does but for done_testing: for a second nginx
# $t->allow(RE)       announces lines at alert, crit or emerg that belong here
#
# is_error R, STATUS, CODE, NAME, [details => {}], [message => '…']
#                     the whole JSON error of C-35, with its request id
# wait_for SUB, [SECONDS]   polls until true
# in_window MS, SUB   runs SUB within one fixed window, and again if the
#                     clock crossed a boundary meanwhile; SUB asserts nothing

package Spocr::Test;

use v5.36;
use feature ();
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Copy qw(copy);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(WNOHANG);
use parent 'Exporter';
use Test::More;
use Time::HiRes qw(sleep time);

use Spocr::Backend;
use Spocr::Client;
use Spocr::Load;
use Spocr::Port;
use Spocr::Redis;

our $ID = qr/^req_[0-9a-f]{32}$/;
our @EXPORT = (@Test::More::EXPORT, qw($ID is_error wait_for in_window));

my (@live, $done);

sub import ($class, @) {
    $SIG{PIPE} = 'IGNORE';
    @SIG{qw(INT TERM HUP)} = (sub { exit 143 }) x 3;    # through END
    strict->import;
    warnings->import;
    feature->import(':5.36');
    $class->export_to_level(1, $class);
}


# -- starting and stopping --

sub new ($class, %o) {
    my $module = $ENV{SPOCR_MODULE} // 'build/ngx_spocr_module.so';
    my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
    chmod 0755, $dir;

    my $self = bless {
        dir => $dir, path => "$dir", ports => {}, keys => {}, allow => [],
        killed => {}, nginx => $o{nginx} // $ENV{SPOCR_NGINX}
                                        // '/usr/sbin/nginx',
        module => $o{module} // ($module eq '' ? '' : abs_path($module)),
        owner => $$, clock => defined $o{clock}, shared => "$dir",
        free => $o{free},
    }, $class;

    die "$module is missing: run make\n" if !defined $self->{module};
    $self->clock($o{clock}) if $self->{clock};
    push @live, $self;
    return $self;
}

sub dir ($self) { $self->{path} }

sub node ($self, %o) {
    my $node = Spocr::Test->new(nginx => $self->{nginx},
                                module => $self->{module}, %o);
    push @{ $self->{nodes} }, $node;

    $node->{keys} = $self->{keys};
    @$node{qw(of shared)} = ($self, $self->{shared});
    copy($_, $node->{path}) or die "cannot copy $_: $!\n"
        for map { "$self->{path}/$_" } keys %{ $self->{keyfiles} };
    return $node;
}

sub port ($self, $n = 1) {
    return ($self->{ports}{$n} //= Spocr::Port->new)->number;
}

sub _expand ($self, $conf, $error_log) {
    my $dir = $self->{path};

    my $main = $self->{module} eq ''
               ? '' : "load_module $self->{module}; ";
    $main .= "daemon off; pid $dir/nginx.pid; "
             . "error_log $dir/$error_log notice;";
    $main .= ' user root;' if !$>;
    $main .= join '', map { " env $_;" } sort keys %{ $self->_clock };

    my $http = join ' ',
        (map { "${_}_temp_path $dir/temp_$_;" }
             qw(client_body proxy fastcgi uwsgi scgi)),
        q{log_format spocr_test '$status $request_method $uri';},
        "access_log $dir/access.log spocr_test;";

    $conf = _http2_on($conf) if $self->_version >= 1.025001;
    $conf =~ s/%%MAIN%%/$main/g;
    $conf =~ s/%%HTTP%%/$http/g;
    $conf =~ s/%%DIR%%/$dir/g;
    $conf =~ s{%%BACKEND%%}{unix:$self->{shared}/backend.sock}g;
    $conf =~ s/%%REDIS%%/$self->redis->url/ge;
    $conf =~ s/%%PORT_(\d+)%%/$self->port($1)/ge;
    return $conf;
}

sub _version ($self) {
    state %known;
    my $program = $self->{nginx};
    return $known{$program} //= `'$program' -v 2>&1`
                                =~ m{nginx/(\d+)\.(\d+)\.(\d+)}
                                ? sprintf '%d.%03d%03d', $1, $2, $3 : 0;
}

# From 1.25.1 on "http2" is a directive of a server, and no longer of one of
# its sockets.  Tests say "listen ... http2", which those before it know.
sub _http2_on ($conf) {
    my ($head, @servers) = split /^(?=[^\n#]*\bserver\s*\{)/m, $conf;

    for (@servers) {
        next if !s/(\blisten\s[^;{}#]*?)\s+http2\b/$1/g;
        s/\bserver\s*\{/server { http2 on;/;
    }
    return join '', $head, @servers;
}

# What spocr_secret_file takes.
sub secret_file ($self, $name = 'secret') {
    my $path = $self->file($name, ('0123456789abcdef' x 4) . "\n");
    chmod 0600, $path;
    return $path;
}

# Memory that nginx has freed has other bytes at once: who reads it shows.
sub start ($self, $conf) {
    my $dir = $self->{path};

    $self->backend if $conf =~ /%%BACKEND%%/;
    $self->{conf} = $conf;
    $self->file('nginx.conf', $self->_expand($conf, 'error.log'));
    $self->file('lsan.supp', "leak:ngx_regex_malloc\n");

    $self->{pid} = fork // die "cannot fork: $!\n";
    if (!$self->{pid}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        %ENV = (MALLOC_PERTURB_ => 165, %ENV, $self->_sanitizers,
                %{ $self->_clock });
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/stdout";
        open STDERR, '>&', \*STDOUT;
        exec $self->{nginx}, '-p', $dir, '-e', "$dir/error.log",
             '-c', "$dir/nginx.conf" or POSIX::_exit(127);
    }

    my ($first) = $conf =~ /%%PORT_(\d+)%%/;
    my $ready = wait_for(sub {
        if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
            delete $self->{pid};
            return -1;
        }
        return 0 if defined $first && !IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $self->port($first));
        return scalar $self->workers;
    }, 30);

    die "nginx did not start:\n" . $self->log('stdout') . $self->log
        if $ready < 1;
    return $self;
}

# What gives nginx another wall clock.  Its workers keep only those variables
# of the environment that the configuration names.
sub _clock ($self) {
    return {} if !$self->{clock};

    my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1'
        or die "libfaketime is missing: run tools/deps test\n";
    return {
        LD_PRELOAD => $library,
        FAKETIME_TIMESTAMP_FILE => "$self->{path}/clock",
        FAKETIME_NO_CACHE => 1,
        FAKETIME_DONT_FAKE_MONOTONIC => 1,
        FAKETIME_DISABLE_SHM => 1,
    };
}

sub clock ($self, $seconds) {
    $self->file('clock', sprintf "%+d\n", $seconds);
}

# Where the sanitizers of an instrumented nginx write, and that pcre's tables
# (once per cycle, nginx's own) are no leak.
sub _sanitizers ($self, @more) {
    push @more, 'verify_asan_link_order=0' if $self->{clock};
    my $options = join ':', "log_path=$self->{path}/sanitizer", @more;
    return (
        (map { ($_ => join ':', $ENV{$_} // (), $options) }
             qw(ASAN_OPTIONS UBSAN_OPTIONS)),
        LSAN_OPTIONS => join(':', "suppressions=$self->{path}/lsan.supp",
                                  'print_suppressions=0',
                                  $ENV{LSAN_OPTIONS} // ()),
    );
}

sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    my $gone = sub { waitpid($pid, WNOHANG) == $pid };

    kill QUIT => $pid;
    return $self->{exit} = $? if wait_for($gone, 20);

    $self->{stuck} = 1;
    kill TERM => $pid;
    return if wait_for($gone, 10);

    my @left = $self->_children($pid);
    kill KILL => $pid, @left;
    waitpid $pid, 0;
}

sub reload ($self, $conf = undef) {
    if (defined $conf) {
        $self->{conf} = $conf;
        $self->file('nginx.conf', $self->_expand($conf, 'error.log'));
    }

    my %old = map { $_ => 1 } $self->workers;
    my $seen = length $self->log;
    kill HUP => $self->{pid};

    my $result = wait_for(sub {
        return -1 if substr($self->log, $seen) =~ /\[emerg\]/;
        my @now = $self->workers;
        return @now && !grep { $old{$_} } @now;
    }, 30);

    die "the reload did not end\n" if !$result;
    return $result == 1;
}

# The pids of the workers that take connections.
sub workers ($self) {
    return grep {
        my $name = _slurp("/proc/$_/cmdline");
        $name =~ /worker process/ && $name !~ /shutting down/;
    } $self->_children($self->{pid});
}

sub open_files ($self) {
    my $count = sub {
        return join ' ', sort { $a <=> $b }
               map { scalar(() = glob "/proc/$_/fd/*") }
                   $self->{pid}, $self->workers;
    };
    my $seen = '';

    wait_for(sub {
        my $before = $seen;
        sleep 0.3;
        $seen = $count->();
        return $seen eq $before
               && $self->_children($self->{pid}) == $self->workers;
    }, 30) or die "old workers do not end\n";
    return $seen;
}

sub _children ($self, $pid) {
    return grep {
        _slurp("/proc/$_/stat") =~ /\) \S (\d+) / && $1 == $pid
    } map { m{/(\d+)/stat$} } glob '/proc/[0-9]*/stat';
}

# A signal to a worker; its end by that signal is no finding.
sub signal ($self, $name, $pid) {
    $self->{killed}{$pid} = 1;
    kill $name => $pid or die "cannot signal $pid: $!\n";
}


# -- files --

sub file ($self, $name, $text) {
    my $path = "$self->{path}/$name";
    open my $out, '>:raw', "$path.new" or die "cannot write $path: $!\n";
    print {$out} $text;
    close $out or die "cannot write $path: $!\n";
    rename "$path.new", $path or die "cannot rename to $path: $!\n";
    return $path;
}

sub _slurp ($path) {
    open my $in, '<:raw', $path or return '';
    local $/;
    return readline($in) // '';
}

sub log ($self, $name = 'error.log') {            ## no critic
    return _slurp("$self->{path}/$name");
}

sub wait_log ($self, $re, $name = 'error.log') {
    return wait_for(sub { $self->log($name) =~ $re });
}

sub allow ($self, @re) { push @{ $self->{allow} }, @re }

sub key ($self, $name) {
    return $self->{keys}{$name} //=
        "spocr_${name}_" . substr sha256_hex("$name $self->{path}"), 0, 24;
}

sub keyfile ($self, %o) {
    my @keys = map {
        { id => "key_$_", sha256 => sha256_hex($self->key($_)),
          %{ $o{keys}{$_} } }
    } sort keys %{ $o{keys} // {} };

    my $path = $self->file($o{file} // 'keys.json',
        JSON::PP->new->utf8->canonical->encode({
            version => 1, keys => \@keys,
            (map { $o{$_} ? ($_ => $o{$_}) : () } qw(tenants plans)),
        }));
    chmod 0600, $path;
    $self->{keyfiles}{ $o{file} // 'keys.json' } = 1;
    return $path;
}

sub certificate ($self, $name, $host = 'localhost') {
    my $path = "$self->{path}/$name";
    my ($exit, $out) = $self->command(
        qw(openssl req -x509 -newkey ec -pkeyopt
           ec_paramgen_curve:prime256v1 -nodes -days 2), '-subj', "/CN=$host",
        '-addext', "subjectAltName=DNS:$host",
        '-keyout', "$path.key", '-out', "$path.crt");
    die "openssl: $out\n" if $exit;
}


# -- clients --

sub conn ($self, $n = undef) {
    $n //= $self->_first_port;
    return Spocr::Conn->new(port => $self->port($n));
}

sub _first_port ($self) {
    return $self->{conf} =~ /%%PORT_(\d+)%%/ ? $1 : 1;
}

sub request ($self, $method, $target, %o) {
    my $r = $self->conn(delete $o{port})->request($method, $target, %o);
    die "$method $target was closed without an answer\n" if !$r;
    return $r;
}

sub get ($self, $target, %o)  { $self->request(GET => $target, %o) }
sub head ($self, $target, %o) { $self->request(HEAD => $target, %o) }
sub post ($self, $target, %o) {
    return $self->request(POST => $target, body => '', %o);
}

sub load ($self, %o) {
    return Spocr::Load::run(
        %o, port => $self->port($o{port} // $self->_first_port));
}

sub backend ($self) {
    return $self->{of}->backend if $self->{of};
    return $self->{backend} //= Spocr::Backend->start(
        "$self->{path}/backend.sock", "$self->{path}/backend.ledger");
}

sub redis ($self, %o) {
    return $self->{of}->redis(%o) if $self->{of};
    return $self->{redis} //= Spocr::Redis->new(%o);
}

sub command ($self, @argv) {
    my $out = "$self->{path}/command.out";
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        exec @argv or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, _slurp($out));
}

sub curl ($self, @argv) {
    my ($head, $body) = map { "$self->{path}/curl.$_" } qw(head body);
    unlink $head, $body;
    my ($exit, $stderr) = $self->command(
        'curl', '-q', '-sS', '--noproxy', '*', '--max-time', 60,
        '-D', $head, '-o', $body, @argv);

    # the last of several header blocks (100, redirects)
    my @heads = split /\r?\n\r?\n/, _slurp($head);
    $heads[-1] =~ s{^(HTTP/\d+(?:\.\d+)? \d+)\s*$}{$1}m if @heads;
    return {
        exit => $exit, stderr => $stderr,
        r => @heads ? Spocr::Response->new($heads[-1], _slurp($body), 'curl')
                    : undef,
    };
}

sub h2load ($self, @argv) {
    my ($exit, $out) = $self->command('h2load', @argv);
    my ($s) = $out =~ /^status codes: (.*)$/m
        or die "h2load exited with $exit: $out\n";
    my %status = map { /(\d+) (\d)xx/ ? ($2 => $1) : () } split /,/, $s;
    my ($ok, $bad) =
        $out =~ /requests: .* (\d+) succeeded.* (\d+) errored/;
    return { exit => $exit, out => $out, status => \%status,
             errored => $bad };
}

sub config_test ($self, $conf) {
    $self->{conf} //= $conf;
    my $path = $self->file('test.conf', $self->_expand($conf, 'test.log'));
    my $dir = $self->{path};

    # "nginx -t" ends without giving its memory back
    local %ENV = (%ENV, $self->_sanitizers('detect_leaks=0'));
    return $self->command($self->{nginx}, '-t', '-p', $dir,
                          '-e', "$dir/test.log", '-c', $path);
}


# -- assertions --

sub is_error ($r, $status, $code, $name, %o) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @bad;
    my $want = sub ($what, $got, $expected) {
        $got //= '(none)';
        push @bad, "$what is $got, not $expected" if $got ne $expected;
    };

    my @ids = $r->all('X-Request-Id');
    push @bad, 'X-Request-Id: ' . join ', ', @ids
        if @ids != 1 || $ids[0] !~ $ID;

    my $id = $ids[0] // '';
    my $body = $r->body;
    my $json = $r->json;

    $want->('status', $r->status, $status);
    $want->('Content-Type', $r->header('Content-Type'), 'application/json');
    $want->('Cache-Control', $r->header('Cache-Control'), 'no-store');
    $want->('Content-Length', $r->header('Content-Length'), length $body)
        if $r->framing ne 'curl' || $r->header('Content-Length');
    push @bad, 'Retry-After: ' . $r->header('Retry-After')
        if defined $r->header('Retry-After');

    if (ref $json ne 'HASH') {
        push @bad, 'the body is no JSON object: ' . substr $body, 0, 300;

    } else {
        my $message = $json->{error}{message};
        $want->('code', $json->{error}{code}, $code);
        $want->('requestId', $json->{error}{requestId}, $id);
        $want->('message', $message, $o{message} // $message // 'text');
        push @bad, 'the message is empty' if !length($message // '');
        $want->('members of error',
                join(' ', sort keys %{ $json->{error} }),
                'code message requestId');
        $want->('members', join(' ', sort keys %$json),
                $o{details} ? 'details error' : 'error');
        $want->('details',
                JSON::PP->new->canonical->encode($json->{details}),
                JSON::PP->new->canonical->encode($o{details}))
            if ref $o{details};
    }

    ok !@bad, $name or diag map { "  $_\n" } @bad;
    return !@bad;
}

sub wait_for ($condition, $seconds = 10) {
    my $until = time + $seconds;
    while (1) {
        my $result = $condition->();
        return $result if $result;
        return 0 if time > $until;
        sleep 0.02;
    }
}

# Windows are aligned to the epoch.  A run begins where it has at least a
# third of the window, or three seconds, before it; nginx's clock may be a few
# milliseconds behind ours, hence the margin.  After a run that crossed a
# boundary all the same the counters of the next window are touched, so the
# next run waits for the window after that.
sub in_window ($ms, $run) {
    my $margin = 60;
    my $need = $ms / 3 < 3000 ? $ms / 3 : 3000;

    for (1 .. 10) {
        my $into = (time * 1000) % $ms;
        sleep +($ms - $into + $margin) / 1000 if $ms - $into < $need;
        sleep +($margin - $into) / 1000 if $into < $margin;

        my $window = int(time * 1000 / $ms);
        my @got = $run->();
        return wantarray ? @got : $got[0]
            if int((time * 1000 + 5) / $ms) == $window;

        last if $ms > 60_000;
        sleep +($ms - (time * 1000) % $ms + $margin) / 1000;
    }
    die "no run fitted into a window of $ms ms\n";
}


# -- the end of a file --

sub _damage ($self) {
    my @lines = split /\n/, $self->log;
    my @bad;

    for my $line (@lines) {
        if ($line =~ /\[(?:alert|crit|emerg)\]/) {
            next if $line =~ /process (\d+) exited on signal/
                    && $self->{killed}{$1};
            next if grep { $line =~ $_ } @{ $self->{allow} };
            push @bad, $line;

        } elsif ($line =~ /process (\d+) exited (.*)/) {
            push @bad, $line
                if $2 !~ /with code 0/ && !$self->{killed}{$1};

        } elsif ($line =~ /runtime error:|AddressSanitizer/) {
            push @bad, $line;
        }
    }
    return @bad;
}

sub done ($self) {
    $self->check;
    $done = 1;
    done_testing();
}

# Stops this nginx and looks for damage; done() does it for the last one.
sub check ($self) {
    $_->check for @{ $self->{nodes} };
    $self->stop;
    $self->{backend}->stop if $self->{backend};

    my @damage = $self->_damage;
    ok !@damage, 'nothing alarming in the error log'
        or diag map { "  $_\n" } @damage;

    my @reports = glob "$self->{path}/sanitizer.*";
    ok !@reports, 'no sanitizer report'
        or diag map { substr _slurp($_), 0, 4000 } @reports;

    ok !$self->{stuck}, 'nginx stopped in time';
    is $self->{exit}, 0, 'nginx exited with 0' if defined $self->{exit};

    my @told;
    for my $log (grep { -f } glob "$self->{path}/*.log") {
        my $text = _slurp($log);
        push @told, map { "$log: key of $_" }
                    grep { index($text, $self->{keys}{$_}) >= 0 }
                    keys %{ $self->{keys} };
    }
    ok !@told, 'no key text in any log' or diag map { "  $_\n" } @told;
}

END {
    my $status = $?;
    for my $t (grep { $_->{owner} == $$ } @live) {
        eval { $t->stop };
        eval { $t->{backend}->stop if $t->{backend} };
        if (!$done && !$status && !$t->{free}
            && !Test::More->builder->{Skip_All})
        {
            print {*STDERR} "# done() was not called\n";
            $status = 1;
        }
        print {*STDERR} $t->log if $status && $ENV{SPOCR_VERBOSE};
    }
    $? = $status;
}

1;
