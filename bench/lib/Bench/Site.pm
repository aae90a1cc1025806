# The servers that are measured, each with one worker: a backend that answers
# 2 KB from memory, and in front of it bare nginx, what others bring along for
# the job (Bench::Peers), and nginx with this module:
#
#   module   a key file, counters in the zone
#   limits   a key file, counters in Redis
#   keys     keys and counters in Redis
#   away     a key file, and a Redis that is stopped
#   idem     as limits, and idempotency
#   node1 …  as limits, each with a zone of its own; /limited admits up to
#            the site's limit, an array of both levels'
#
#   my $site = Bench::Site->new(keys => 10_000, uids => 1_000);
#   $site->start('backend');
#   my $pid = $site->start('module');      # the worker's
#   $site->port('module'), $site->list('good')
#   $site->redis                           # a Spocr::Redis
#   $site->stop('module');                 # all, and Redis, where none is named
#
# Lists of keys, in files with a line each: good; few (a hundred of these);
# one; none (a request without a key); unknown (well-formed, but nobody's).
# Targets: / is allowed, /tight has a limit that is used up after a request.
#
# single => 1 runs each nginx in one process, as Bench::Instructions wants it.
# All files are in a temporary folder.  Sockets are TCP, as they are in front
# of a real backend; with unix sockets a peer that reads wakes the writer up,
# and the number of wake-ups is different each time.

package Bench::Site;

use v5.36;
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp ();
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use lib dirname(__FILE__) . '/../../../t/lib';
use Bench::Peers;
use Spocr::Redis;

sub new ($class, %o) {
    my $dir = File::Temp->newdir('spocr-bench-XXXXXX', TMPDIR => 1);
    chmod 0755, $dir;

    # a copy, so that a build meanwhile does not change what is measured
    my $module = $ENV{SPOCR_MODULE} // 'build/ngx_spocr_module.so';
    copy($module, "$dir/module.so") or die "cannot copy $module: $!\n";

    return bless {
        keys => 10_000, uids => 1_000, single => 0, limit => [60, 600], %o,
        tmp => $dir, dir => "$dir", pids => {}, ports => {}, owner => $$,
    }, $class;
}

sub dir ($self) { $self->{dir} }

sub nginx () { $ENV{SPOCR_NGINX} // '/usr/sbin/nginx' }

sub version () {
    return `@{[nginx()]} -v 2>&1` =~ m{nginx/([\d.]+)} ? $1 : '?';
}


# -- keys --

# A key of the length that spocrctl makes; always the same ones, so that
# counts of instructions can be compared.
sub key_text ($class, $name) { 'spocr_' . substr sha256_hex($name), 0, 36 }

# The path of a list of keys, which is made where it does not exist.
sub list ($self, $name) {
    my $path = "$self->{dir}/$name.keys";
    return $path if -f $path;

    my %some = (none => 0, one => 1, few => 100);
    my $n = $some{$name} // $self->{keys};
    my $what = $name eq 'unknown' ? 'unknown' : 'key';
    my @keys = $n ? map { $self->key_text("$what $_") } 0 .. $n - 1 : '-';
    return $self->file("$name.keys", join '', map { "$_\n" } @keys);
}

sub _uid ($self, $i) { sprintf 'u_%05d', $i % $self->{uids} }

sub _digest ($self, $i) { sha256_hex($self->key_text("key $i")) }

# The members of a key's record, but its digest.
sub _record ($self, $i) {
    return sprintf '"id":"key_%06d","uid":"%s","name":"bench %d",'
                   . '"scopes":["ocr","upload","read"],"status":"active"',
                   $i, $self->_uid($i), $i;
}

sub _key_file ($self) {
    my $there = "$self->{dir}/keys.json";
    return $there if -f $there;

    my @records = map {
        sprintf '{"sha256":"%s",%s}', $self->_digest($_), $self->_record($_)
    } 0 .. $self->{keys} - 1;

    my $path = $self->file('keys.json', qq({"version":1,"keys":[\n)
                                        . join(",\n", @records) . "\n]}\n");
    chmod 0600, $path;
    return $path;
}

# A file with a line for each key, which $line makes of key and uid.
sub key_map ($self, $name, $line) {
    my $there = "$self->{dir}/$name";
    return $there if -f $there;
    return $self->file($name, join '', map {
        $line->($self->key_text("key $_"), $self->_uid($_))
    } 0 .. $self->{keys} - 1);
}

# For a zone where a key takes so many bytes.
sub zone_size ($self, $bytes) {
    my $size = int($self->{keys} * $bytes / 2**20) + 2;
    return $self->{zone} // "${size}m";
}

# The keys, in Redis.
sub _keys_to ($self, $redis) {
    my @commands = map {
        ['SET', 'spocr:key:' . $self->_digest($_),
         '{' . $self->_record($_) . '}']
    } 0 .. $self->{keys} - 1;

    my $client = $redis->client;
    while (my @some = splice @commands, 0, 500) {
        $_ eq 'OK' or die "Redis: $_\n" for $client->pipeline(@some);
    }
    $client->close;
}

sub file ($self, $name, $text) {
    my $path = "$self->{dir}/$name";
    open my $out, '>:raw', $path or die "cannot write $path: $!\n";
    print {$out} $text;
    close $out or die "cannot write $path: $!\n";
    return $path;
}


# -- configurations --

# A free port; a UDP socket on the same number keeps it ours.
sub port ($self, $name) {
    return $self->{ports}{$name}[0] if $self->{ports}{$name};

    for (1 .. 200) {
        my $port = 20000 + int rand 10000;
        my $lock = IO::Socket::INET->new(
            Proto => 'udp', LocalAddr => "127.0.0.1:$port") or next;
        my $probe = IO::Socket::INET->new(
            Proto => 'tcp', LocalAddr => "127.0.0.1:$port", Listen => 1,
            ReuseAddr => 1) or next;
        close $probe;
        $self->{ports}{$name} = [$port, $lock];
        return $port;
    }
    die "no free port\n";
}

sub address ($self, $name) {
    return '127.0.0.1:' . $self->port($name);
}

# What all of them have in common: no access log, connections that stay open.
sub nginx_conf ($self, $name, $http, $server, $main = '') {
    my $dir = $self->{dir};
    my $listen = $self->address($name);
    $main .= "load_module $dir/module.so;\n" if $http =~ /spocr_/;
    $main .= "master_process off;\n" if $self->{single};
    $main .= "user root;\n" if !$>;
    my $temp = join '', map { "    ${_}_temp_path $dir/$name.$_;\n" }
                        qw(client_body proxy fastcgi uwsgi scgi);
    return <<"EOF";
${main}daemon off;
worker_processes 1;
pid $dir/$name.pid;
error_log $dir/$name.log warn;
events { worker_connections 4096; }
http {
$temp    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 32m;
    request_pool_size 8k;
$http
    server {
        listen $listen;
$server
    }
}
EOF
}

sub pass () { <<'EOF' }
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
EOF

sub conf ($self, $name) {
    my $upstream = <<"EOF";
    upstream backend {
        server @{[$self->address('backend')]};
        keepalive 512;
        keepalive_requests 1000000000;
    }
EOF
    my $method = '_conf_' . $name =~ s/\d+$//r;
    return Bench::Peers::conf($self, $name, $upstream)
           // $self->$method($upstream, $name);
}

# An answer like that of the real one: 2 KB of JSON.  A request's body is read
# to its end first, which nginx by itself would not do: "mirror" does it.
sub _conf_backend ($self, $, $) {
    my $field = '{"key":"total","value":"1234.56","match_ratio":1},';
    my $body = '{"fields":[' . $field x 40 . '{}]}';
    return $self->nginx_conf('backend', '', <<"EOF");
        default_type application/json;
        client_body_buffer_size 32m;
        location / { return 200 '$body'; }
        location /body {
            mirror /read;
            try_files /none \@answer;
        }
        location = /read { internal; return 204; }
        location \@answer { return 200 '$body'; }
EOF
}

sub _conf_bare ($self, $upstream, $) {
    return $self->nginx_conf('bare', $upstream, <<"EOF");
        location / {
@{[pass()]}        }
EOF
}

# The gateway, by where the keys are and who counts.
sub _gateway ($self, $name, $upstream, $keys, $more = '') {
    my $size = $self->zone_size(192);
    my ($key, $uid) = $self->{limit}->@*;
    return $self->nginx_conf($name, <<"EOF", <<"EOS");
$upstream
    spocr_keys $keys;
    spocr_zone zone=spocr:$size;
$more
EOF
        spocr on;
        spocr_limit key=1000000000 uid=1000000000 window=60s;
        location / {
@{[pass()]}        }
        location /tight {
            spocr_limit name=tight key=1 uid=1 window=365d;
@{[pass()]}        }
        location /limited {
            spocr_limit name=limited key=$key uid=$uid window=365d;
@{[pass()]}        }
        location = /status { spocr off; spocr_status prometheus; }
EOS
}

sub _conf_module ($self, $upstream, $) {
    return $self->_gateway('module', $upstream, 'file=' . $self->_key_file);
}

# Longer times than by default: a machine that is busy for a moment, or a
# gateway under valgrind, must not make it count by itself.
sub _redis ($self) {
    return "spocr_redis @{[$self->redis->url]} timeout=2s connect_timeout=2s;";
}

sub _conf_limits ($self, $upstream, $) {
    return $self->_gateway('limits', $upstream, 'file=' . $self->_key_file,
                           $self->_redis);
}

sub _conf_node ($self, $upstream, $name) {
    return $self->_gateway($name, $upstream, 'file=' . $self->_key_file,
                           $self->_redis);
}

# What is remembered lasts longer than by default: each server is idle most
# of the time, while others are asked.
sub _conf_keys ($self, $upstream, $) {
    return $self->_gateway('keys', $upstream, 'redis ttl=1h', $self->_redis);
}

sub _conf_away ($self, $upstream, $) {
    $self->{stopped} //= Spocr::Redis->new->pause;
    return $self->_gateway('away', $upstream, 'file=' . $self->_key_file,
                           "spocr_redis @{[$self->{stopped}->url]};");
}

# No budget: a uid stores more in a minute here than it would in a day.
sub _conf_idem ($self, $upstream, $) {
    my $secret = $self->file('secret', '5a' x 32 . "\n");
    chmod 0600, $secret;
    return $self->_gateway('idem', $upstream, 'file=' . $self->_key_file,
                           $self->_redis . <<"EOF");

    spocr_secret_file $secret;
    spocr_idempotency on;
    spocr_idempotency_budget 0;
EOF
}


# -- processes --

# With all keys in it; started when it is first asked for.
sub redis ($self) {
    if (!$self->{redis}) {
        $self->{redis} = Spocr::Redis->new;
        $self->_keys_to($self->{redis});
    }
    return $self->{redis};
}

# Starts it and waits until it listens; the pid of its worker, or with
# single => 1 of the one process.  @before is a command such as valgrind's.
sub start ($self, $name, @before) {
    my $dir = $self->{dir};
    my $conf = $self->file("$name.conf", $self->conf($name));

    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/$name.out";
        open STDERR, '>&', \*STDOUT;
        exec @before, $self->_program($name), $conf or POSIX::_exit(127);
    }
    $self->{pids}{$name} = $pid;

    $self->wait_for(sub {
        if (waitpid($pid, WNOHANG) == $pid) {
            delete $self->{pids}{$name};
            die "$name did not start:\n", map { slurp("$dir/$name.$_") }
                                          qw(out log);
        }
        return $self->connect($name)
               && ($self->{single} || $self->worker($name));
    }) or die "$name does not listen\n";

    return $self->{single} ? $pid : $self->worker($name);
}

sub _program ($self, $name) {
    return '/usr/sbin/haproxy', '-db', '-q', '-f' if $name eq 'haproxy';
    return nginx(), '-p', $self->{dir}, '-e', "$self->{dir}/$name.log", '-c';
}

sub connect ($self, $name) {                      ## no critic
    return IO::Socket::INET->new(PeerAddr => $self->address($name));
}

# What a gateway's status page says: the sum of each family.
sub totals ($self, $name) {
    my $fh = $self->connect($name) or die "cannot connect to $name: $!\n";
    my %totals;

    print {$fh} "GET /status HTTP/1.1\r\nHost: localhost\r\n"
                . "Connection: close\r\n\r\n";
    while (my $line = readline $fh) {
        $totals{$1} += $2 if $line =~ /^(\w+)(?:\{.*\})? ([\d.e+]+)\s*$/;
    }
    return \%totals;
}

sub master ($self, $name) { $self->{pids}{$name} }

sub running ($self, $name) { defined $self->{pids}{$name} }

sub worker ($self, $name) {
    my $master = $self->{pids}{$name} // return;
    return $master if $name eq 'haproxy';
    for my $pid (split ' ', slurp("/proc/$master/task/$master/children")) {
        my $title = slurp("/proc/$pid/cmdline");
        return $pid if $title =~ /worker process/
                       && $title !~ /shutting down/;
    }
    return;
}

# A reload; the pid of the worker that is new, when the old one is gone.
sub reload ($self, $name) {
    my $old = $self->worker($name);
    kill HUP => $self->master($name);
    $self->wait_for(sub {
        my $new = $self->worker($name);
        return $new && $new != $old && !-d "/proc/$old";
    }) or die "$name did not reload\n";
    return $self->worker($name);
}

sub stop ($self, @names) {
    for my $name (@names ? @names : keys %{ $self->{pids} }) {
        my $pid = delete $self->{pids}{$name} or next;
        kill $name eq 'haproxy' ? 'TERM' : 'QUIT', $pid;
        next if $self->wait_for(sub { waitpid($pid, WNOHANG) == $pid }, 2);

        # a single process sees a signal that came before epoll_wait() only
        # when something wakes it
        $self->connect($name) if $self->{single};
        next if $self->wait_for(sub { waitpid($pid, WNOHANG) == $pid });
        kill KILL => $pid;
        waitpid $pid, 0;
        die "$name did not stop\n";
    }
    return if @names;
    $_->kill for grep { defined } delete @$self{qw(redis stopped)};
}

sub wait_for ($self, $condition, $seconds = 60) {
    my $until = time + $seconds;
    while (1) {
        my $result = $condition->();
        return $result if $result;
        return 0 if time > $until;
        sleep 0.02;
    }
}

sub slurp ($path) {
    open my $in, '<:raw', $path or return '';
    local $/;
    return readline($in) // '';
}

sub DESTROY ($self) {
    return if $$ != $self->{owner};
    local ($?, $@);
    eval { $self->stop };
}

1;
