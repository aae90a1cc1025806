# Three nginx of two workers each, as a run of chaos has them: one Redis, one
# backend, and a link between each node and each of them.
#
#   my $nodes = Spocr::Chaos::Nodes->new(seed => 1, dir => $dir, space => 1,
#                                        clock => 1);
#   $nodes->start
#   $nodes->node(0), ->redis, ->link('redis'), ->link('back'), ->back
#   $nodes->address(2), $nodes->ports     # where clients connect: "host:port"
#   $nodes->upgrade(1)                    # USR2, WINCH, QUIT
#   $nodes->lock_holder_killed(1, 2.0)    # a worker that has the zone's mutex
#   $nodes->measure                       # what is to be as before at the end
#   $nodes->stop
#
# What clients can ask for, by its path; limits are by window of $WINDOW:
#
#   /limit/   a page; key 6, uid 12; without Redis a third of that on each node
#   /count/   the backend, counted likewise, under a name of its own
#   /deny/    a page; without Redis 503
#   /upload/  the backend, POSTs claimed; no limit
#   /both/    the backend, POSTs claimed, and limited as /limit/ is
#   /plain/   the backend; no limit, no claim; GET and POST
#   /open/    the backend; no key is asked for
#   /none/    404, with a key

package Spocr::Chaos::Nodes;

use v5.36;
use Digest::SHA qw(sha256_hex);
use POSIX qw(WNOHANG);
use Spocr::Test;
use Time::HiRes qw(sleep time);

use Spocr::Chaos::Ledger;
use Spocr::Chaos::Link;
use Spocr::Chaos::Space;

our $NODES = 3;
our $WINDOW = 2;                # seconds
our %LIMIT = (                  # by route: name, key, uid
    limit => { key => 6, uid => 12 },
    count => { key => 6, uid => 12 },
    deny  => { key => 6, uid => 12 },
    both  => { key => 6, uid => 12 },
);

# uids, and how many keys each has
our %KEYS = (
    (map { ("solo$_" => 1) } 0 .. 7), (map { ("trio$_" => 3) } 0 .. 3),
    (map { ("idem$_" => 2) } 0 .. 5), (map { ("both$_" => 2) } 0 .. 1),
    (map { ("odd$_" => 1) } 0 .. 2), hammer => 1,
);

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
worker_rlimit_nofile 400;
worker_shutdown_timeout 8s;
events { worker_connections 1500; }
http {
    client_body_temp_path %%DIR%%/body;
    proxy_temp_path %%DIR%%/temp_proxy;
    fastcgi_temp_path %%DIR%%/temp_fastcgi;
    uwsgi_temp_path %%DIR%%/temp_uwsgi;
    scgi_temp_path %%DIR%%/temp_scgi;
    log_format chaos '$msec $spocr_request_id $status $request_time '
                     '$spocr_limit_source $spocr_idempotency_status '
                     '$spocr_redis_time $upstream_status $http_x_t_n';
    access_log %%DIR%%/access.log chaos;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis redis://%%HOST%%:%%REDISPORT%% timeout=400ms
                connect_timeout=400ms;
    spocr_secret_file %%DIR%%/secret;
    spocr_limit_headers ietf;
    spocr_limit off;
    spocr_log_level info;
    keepalive_requests 100000;
    keepalive_timeout 1h;
    client_body_buffer_size 16k;
    client_max_body_size 8m;
    root %%DIR%%;

    upstream back {
        server %%HOST%%:%%BACKPORT%% max_fails=0;
        keepalive 16;
    }

    proxy_http_version 1.1;
    proxy_connect_timeout 1s;
    proxy_read_timeout 3s;
    proxy_send_timeout 3s;
    add_header T-Node %%NODE%% always;
    add_header T-Source $spocr_limit_source always;
    add_header T-Idem $spocr_idempotency_status always;

    map $uri $route { ~^/([a-z]+)/ $1; }
    proxy_set_header Connection "";
    proxy_set_header X-T-Node %%NODE%%;
    proxy_set_header X-T-Source $spocr_limit_source;
    proxy_set_header X-T-Route $route;

    server {
        listen %%LISTEN%%:%%PORT_1%%;
        spocr on;

        location /limit/ {
            spocr_limit name=limit key=6 uid=12 window=2s;
            spocr_limit_on_error local nodes=3;
            try_files /page =404;
        }
        location /count/ {
            spocr_limit name=count key=6 uid=12 window=2s;
            spocr_limit_on_error local nodes=3;
            proxy_pass http://back;
        }
        location /deny/ {
            spocr_limit name=deny key=6 uid=12 window=2s;
            spocr_limit_on_error deny;
            try_files /page =404;
        }
        location /upload/ {
            spocr_idempotency on;
            spocr_idempotency_lease 1s;
            spocr_idempotency_wait 300ms;
            proxy_pass http://back;
        }
        location /both/ {
            spocr_limit name=both key=6 uid=12 window=2s;
            spocr_limit_on_error local nodes=3;
            spocr_idempotency on;
            spocr_idempotency_lease 1s;
            spocr_idempotency_wait 300ms;
            proxy_pass http://back;
        }
        location /plain/ {
            spocr_methods GET POST;
            proxy_pass http://back;
        }
        location /open/ {
            spocr_auth off;
            proxy_pass http://back;
        }
        location /none/ { try_files /none =404; }
    }

    server {
        listen %%LISTEN%%:%%PORT_2%%;
        access_log off;
        location /status { spocr_status json; }
    }
}
EOC

sub new ($class, %o) {
    my $t = Spocr::Test->new(free => 1);
    my $self = bless { %o, t => [$t], oldest => {} }, $class;

    {   # what other programs do to the disk is no fault of this run
        local $ENV{TMPDIR} = "$t->{path}/memory";
        mkdir $ENV{TMPDIR};
        Spocr::Chaos::Space::small($ENV{TMPDIR}, '300m') if $o{space};
        $self->{redis} = $t->redis(aof => 1);
    }
    $self->{apart} = $o{space} ? Spocr::Chaos::Space->apart : undef;
    my @addrs = (('127.0.0.1') x ($NODES - 1),
                 $self->{apart} ? $self->{apart}->ours : '127.0.0.1');

    $self->{backport} = Spocr::Port->new;
    $self->{back} = Spocr::Chaos::Ledger->start(
        $self->{backport}->number, "$o{dir}/ledger", $o{seed});
    my %to = (redis => $self->{redis}->port, back => $self->{backport}->number);
    for my $name (qw(redis back)) {
        $self->{links}{$name} = Spocr::Chaos::Link->new(
            to => $to{$name}, name => $name, nodes => $NODES,
            seed => $o{seed}, addrs => \@addrs);
    }
    $self->{addrs} = \@addrs;

    $t->keyfile(keys => { map {
        my $uid = $_;
        map { ("${uid}_$_" => { uid => "u_$uid" }) } 1 .. $KEYS{$uid};
    } keys %KEYS });
    return $self;
}

sub node ($self, $i)    { $self->{t}[$i] }
sub nodes ($self)       { @{ $self->{t} } }
sub redis ($self)       { $self->{redis} }
sub back ($self)        { $self->{back} }
sub link ($self, $name) { $self->{links}{$name} } ## no critic
sub apart ($self)       { $self->{apart} }
sub key ($self, $name)  { $self->{t}[0]->key($name) }

# The last node is the one with a clock of its own, and a network of its own.
sub start ($self) {
    my $t = $self->{t}[0];

    for my $i (0 .. $NODES - 1) {
        my $last = $i == $NODES - 1;
        if ($i) {
            $self->{t}[$i] = $t->node(
                free => 1, $last && $self->{clock} ? (clock => 0) : ());
        }
        my $node = $self->{t}[$i];
        my $inside = $last && $self->{apart};

        chmod 0600, $node->dir . '/keys.json';
        $node->file('page', 'page');
        $node->file('secret', ('0123456789abcdef' x 4) . "\n");
        chmod 0600, $node->dir . '/secret';
        mkdir $node->dir . '/body';
        chmod 0777, $node->dir . '/body';
        Spocr::Chaos::Space::small($node->dir . '/body') if $self->{space};

        my %is = (
            HOST => $self->{addrs}[$i], NODE => "n$i",
            LISTEN => $inside ? $self->{apart}->theirs : '127.0.0.1',
            REDISPORT => $self->{links}{redis}->port($i),
            BACKPORT => $self->{links}{back}->port($i),
        );
        $self->{host}[$i] = $is{LISTEN};
        my $names = join '|', keys %is;
        my $text = $conf =~ s/%%($names)%%/$is{$1}/gr;
        _begin($node, $text, $is{LISTEN},
               $inside ? @{ $self->{apart}->into } : ());
    }
    return $self;
}

# A daemon, whose master is this process' child where this process adopts all
# orphans: nginx takes no signal to upgrade from where its parent still is the
# one that started it.
sub _begin ($node, $text, $address, @inside) {
    my $dir = $node->dir;

    if ($$ != 1) {
        $node->start($text);
        return;
    }
    $node->{conf} = $text;
    $text = $node->_expand($text, 'error.log') =~ s/daemon off;//r;
    $node->file('nginx.conf', $text);
    $node->file('lsan.supp', "leak:ngx_regex_malloc\n");

    local %ENV = (%ENV, $node->_sanitizers, %{ $node->_clock });
    system(@inside, $node->{nginx}, '-p', $dir, '-e', "$dir/error.log", '-c',
           "$dir/nginx.conf") == 0 or die "nginx did not start\n", $node->log;
    wait_for(sub {
        ($node->{pid}) = $node->log('nginx.pid') =~ /^(\d+)\n/ or return;
        return $node->workers == 2;
    }, 20) or die "nginx has no workers\n", $node->log;
}

sub address ($self, $i) {
    return "$self->{host}[$i]:" . $self->{t}[$i]->port(1);
}

# GETs a node's page of totals.
sub status ($self, $i) {
    my $node = $self->{t}[$i];
    my $r = eval {
        Spocr::Conn->new(addr => $self->{host}[$i], port => $node->port(2),
                         timeout => 5)->request(GET => '/status');
    };
    return $r ? $r->json : undef;
}

# -- what happens to a node --

# A new binary beside the old one, which is then told to go.
sub upgrade ($self, $i) {
    my $t = $self->{t}[$i];
    my $old = $t->{pid};
    my $pid = sub {
        my ($n) = $t->log('nginx.pid') =~ /^(\d+)/;
        return $n && $n != $old && -d "/proc/$n" ? $n : 0;
    };

    kill USR2 => $old;
    my $new = wait_for($pid, 10) or die "the new binary did not start\n";
    wait_for(sub { local $t->{pid} = $new; return $t->workers == 2 }, 10)
        or die "the new binary has no workers\n";
    kill WINCH => $old;
    wait_for(sub { local $t->{pid} = $old; return !$t->workers }, 10);
    kill QUIT => $old;
    wait_for(sub { waitpid($old, WNOHANG) == $old }, 20)
        or die "the old binary did not end\n";
    $t->{pid} = $new;
    return;
}

# Kills a worker that has the zone's mutex: it is led step by step, each one an
# instruction, until the first word of the zone is its pid.  A key of its own
# keeps it at counting meanwhile.  Returns the pid, or 0 where it did not come
# to that in time, and the number of steps.
my %PTRACE = (x86_64 => 101, aarch64 => 117);
my ($ATTACH, $STEP, $DETACH, $WALL) = (16, 9, 17, 0x4000_0000);

sub lock_holder_killed ($self, $i, $seconds) {
    my $t = $self->{t}[$i];
    my $until = time + $seconds;
    my $ptrace = $PTRACE{ (POSIX::uname())[4] } or return (0, 0);
    my ($pid) = map { 0 + $_ } $t->workers or return (0, 0);
    my ($mem, $at) = _zone($pid) or return (0, 0);
    my ($found, $steps, $signal) = (0, 0, 0);

    return (0, 0) if syscall $ptrace, $ATTACH, $pid, 0, 0;
    waitpid $pid, $WALL;
    my @hammers = map { $self->_hammer($i, $until) } 1 .. 4;

    while (!$found && ($steps % 256 || time < $until)) {
        last if syscall $ptrace, $STEP, $pid, 0, $signal;
        waitpid $pid, $WALL;
        my $status = ${^CHILD_ERROR_NATIVE};
        last if ($status & 0xff) != 0x7f;
        $signal = $status >> 8;
        $signal = 0 if $signal == 5 || $signal == 19;       # TRAP, STOP
        $steps++;
        sysseek $mem, $at, 0;
        sysread $mem, my ($word), 8;
        $found = $pid if unpack('Q', $word) == $pid;
    }
    if ($found) { $t->signal(KILL => $pid); waitpid $pid, $WALL }
    else        { syscall $ptrace, $DETACH, $pid, 0, 0 }
    kill KILL => @hammers;
    waitpid $_, 0 for @hammers;
    return ($found, $steps);
}

# Requests that are refused by the zone; few of them, for a worker that goes
# step by step has always some to do, and is not to wait for a processor.
sub _hammer ($self, $i, $until) {
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP __DIE__);
    my $bytes = Spocr::Conn->build(GET => '/limit/x', key =>
                                   $self->key('hammer_1')) x 10;
    my ($host, $port) = split /:/, $self->address($i);
    while (time < $until) {
        my $c = eval { Spocr::Conn->new(addr => $host, port => $port) };
        while ($c && time < $until) {
            $c->send($bytes) == length $bytes or last;
            $c->{in} = '';
            sleep 0.02;
        }
    }
    POSIX::_exit(0);
}

# Where the zone of 1 MB is in a worker's memory.
sub _zone ($pid) {
    open my $maps, '<', "/proc/$pid/maps" or return;
    while (<$maps>) {
        my ($from, $to) = m{^(\w+)-(\w+) rw-s .*/dev/zero} or next;
        no warnings 'portable';                   ## no critic
        next if hex($to) - hex($from) != 1_048_576;
        open my $mem, '<:raw', "/proc/$pid/mem" or return;
        return ($mem, hex $from);
    }
    return;
}


# -- the beginning and the end --

# Reloads each node, so that what is measured is a worker that has just begun.
sub measure ($self) {
    my %is;

    for my $i (0 .. $NODES - 1) {
        my $t = $self->{t}[$i];
        $t->reload;
        # links of the new workers: all of them up
        wait_for(sub {
            my $s = $self->status($i);
            return $s && ($s->{redis_workers}{ready} // 0) == 2;
        }, 10);
        $is{"files$i"} = $t->open_files;
        $is{"workers$i"} = scalar $t->workers;
        my ($sum) = (0);
        for my $pid ($t->workers) {
            open my $in, '<', "/proc/$pid/status" or next;
            $sum += /^RssAnon:\s+(\d+)/ ? $1 : 0 while <$in>;
        }
        $is{"memory$i"} = $sum;
    }
    return \%is;
}

sub stop ($self) {
    for my $t (@{ $self->{t} }) {
        $t->stop;
    }
    for my $t (@{ $self->{t} }) {
        push @{ $self->{ended} }, { stuck => $t->{stuck} // 0,
                                    exit => $t->{exit} // -1 };
    }
    $_->stop for values %{ $self->{links} };
    $self->{back}->stop;
    return;
}

1;
