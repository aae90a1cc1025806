# A private redis-server: loopback, a free port, its files in a folder of its
# own, nothing kept over its end unless it is asked to.
#
#   my $redis = Spocr::Redis->new(options);       # started, and answers
#   $redis->url                                   # redis://127.0.0.1:PORT
#   is $redis->do('SET', 'a', 1), 'OK';           # dies on an error reply
#   my $n = $redis->counted(sub { ... });         # {fcall => 3, ...}
#   $redis->kill; $redis->start;                  # the same port, and folder
#
# Within a test of the gateway: $t->redis(options), see Spocr::Test.  The
# program is SPOCR_REDIS_SERVER, or /usr/bin/redis-server.
#
# Options of new():
#   unix => 1             listens on a unix socket as well: ->path
#   tls => 1              a second port with TLS: ->tls_port; ->ca is the
#                         certificate to trust (localhost and 127.0.0.1)
#   tls => 'clients'      the same, and clients have to show a certificate of
#                         that ->ca: ->client_certificate, (crt, key)
#   password => TEXT      requirepass
#   users => [TEXT]       "user" lines of the configuration, as in ACL SETUSER:
#                         'gateway on >secret ~spocr:* +fcall'
#   aof => 1              appendonly, each write on the disk before its answer
#   maxmemory => SIZE, policy => NAME (noeviction)
#   replica_of => $other  a replica of another one, in step when new() returns
#   config => [TEXT]      any other lines of the configuration
#   start => 0            not yet: ->start
#
# $redis->start, ->stop (as an operator does), ->kill (SIGKILL), ->restart
# $redis->pause, ->resume       SIGSTOP and SIGCONT
# $redis->running, ->pid, ->port, ->path, ->url, ->tls_port, ->tls_url, ->ca,
#     ->dir, ->log, ->password
# $redis->do(COMMAND, ARGS)     on a connection of its own that lasts; undef is
#                               nil, lists are array references; dies with the
#                               text of an error
# $redis->client(user => , password => )   one more connection
#     ->do(COMMAND, ARGS)       as above
#     ->pipeline([COMMAND, ARGS], ...)     all sent, then all read; an error
#                               is a Spocr::Redis::Error in its place
#     ->send(COMMAND, ARGS), ->read([SECONDS])   by hand, as a subscriber
#                               needs it; read dies when the time is up
#     ->close
# $redis->counted(SUB)          how often each command was run meanwhile, by
#                               its lower-case name, by other connections;
#                               what a script runs is counted as well
# $redis->monitor               what is run from here on: ->commands, a list
#                               of [NAME, ARGS]
# $redis->clients               CLIENT LIST without ours: ({name => value}, …)
# $redis->linked(N)             waits until so many workers of gateways are
#                               ready to ask, and no other one is
# $redis->info(FIELD)           a field of INFO

package Spocr::Redis;

use v5.36;
use File::Temp ();
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use Spocr::Port;

our $PROGRAM = $ENV{SPOCR_REDIS_SERVER} // '/usr/bin/redis-server';

my @live;

sub new ($class, %o) {
    die "$PROGRAM is missing: run tools/deps test\n" if !-x $PROGRAM;

    my $temp = File::Temp->newdir('spocr-redis-XXXXXX', TMPDIR => 1);
    chmod 0755, $temp;
    my $self = bless {
        temp => $temp, dir => "$temp", owner => $$, o => \%o,
        listen => Spocr::Port->new, stopped => 0,
    }, $class;

    $self->_certificates if $o{tls};
    $self->{tls} = Spocr::Port->new if $o{tls};
    push @live, $self;
    $self->start if $o{start} // 1;
    return $self;
}

sub dir ($self)      { $self->{dir} }
sub pid ($self)      { $self->{pid} }
sub port ($self)     { $self->{listen}->number }
sub path ($self)     { "$self->{dir}/redis.sock" }
sub url ($self)      { 'redis://127.0.0.1:' . $self->port }
sub tls_port ($self) { $self->{tls}->number }
sub tls_url ($self)  { 'rediss://127.0.0.1:' . $self->tls_port }
sub ca ($self)       { "$self->{dir}/ca.crt" }
sub password ($self) { $self->{o}{password} }
sub client_certificate ($self) { map { "$self->{dir}/client.$_" } qw(crt key) }


# -- its process --

sub _config ($self) {
    my ($o, $dir) = @$self{qw(o dir)};
    my @lines = (
        'bind 127.0.0.1', 'port ' . $self->port, 'daemonize no',
        "dir $dir", 'save ""', 'logfile redis.log', 'databases 16',
        'protected-mode no', 'tcp-backlog 511',
        'appendonly ' . ($o->{aof} ? 'yes' : 'no'), 'appendfsync always',
        'repl-diskless-sync-delay 0', 'repl-backlog-size 16kb',
    );

    push @lines, 'unixsocket ' . $self->path, 'unixsocketperm 777'
        if $o->{unix};
    push @lines, 'tls-port ' . $self->tls_port, "tls-cert-file $dir/redis.crt",
         "tls-key-file $dir/redis.key", "tls-ca-cert-file $dir/ca.crt",
         'tls-auth-clients ' . ($o->{tls} eq 'clients' ? 'yes' : 'no')
        if $o->{tls};
    push @lines, "requirepass $o->{password}" if defined $o->{password};
    push @lines, map { "user $_" } @{ $o->{users} // [] };
    push @lines, "maxmemory $o->{maxmemory}",
         'maxmemory-policy ' . ($o->{policy} // 'noeviction')
        if $o->{maxmemory};

    if (my $of = $o->{replica_of}) {
        push @lines, 'replicaof 127.0.0.1 ' . $of->port;
        push @lines, 'masterauth ' . $of->password if defined $of->password;
    }
    return join "\n", @lines, @{ $o->{config} // [] }, '';
}

sub start ($self) {
    return $self if $self->{pid};

    open my $out, '>', "$self->{dir}/redis.conf"
        or die "cannot write redis.conf: $!\n";
    print {$out} $self->_config;
    close $out;

    $self->{pid} = fork // die "cannot fork: $!\n";
    if (!$self->{pid}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{dir}/stdout";
        open STDERR, '>&', \*STDOUT;
        exec $PROGRAM, "$self->{dir}/redis.conf" or POSIX::_exit(127);
    }

    my $until = time + 20;
    until ($self->_answers) {
        die "redis-server did not start:\n" . $self->log
            if waitpid($self->{pid}, WNOHANG) || time > $until;
        sleep 0.01;
    }
    return $self;
}

# It has read what it kept, and is in step with what it is a replica of.
sub _answers ($self) {
    delete $self->{own};
    my $pong = eval { $self->_own->do('PING') } // return 0;
    return 1 if !$self->{o}{replica_of};
    return ($self->info('master_link_status') // '') eq 'up';
}

sub running ($self) { defined $self->{pid} }

sub stop ($self) {
    $self->resume;
    $self->_end('TERM');
}

sub kill ($self) {                                ## no critic
    $self->_end('KILL');
}

sub _end ($self, $signal) {
    my $pid = delete $self->{pid} or return $self;
    delete $self->{own};
    $self->{stopped} = 0;
    CORE::kill $signal => $pid;

    my $until = time + 10;
    until (waitpid($pid, WNOHANG)) {
        CORE::kill KILL => $pid if time > $until;
        sleep 0.005;
    }
    return $self;
}

sub restart ($self) { $self->stop->start }

sub pause ($self) {
    CORE::kill STOP => $self->{pid};
    $self->{stopped} = 1;
    waitpid $self->{pid}, POSIX::WUNTRACED;
    return $self;
}

sub resume ($self) {
    CORE::kill CONT => $self->{pid}
        if $self->{pid} && $self->{stopped};
    $self->{stopped} = 0;
    return $self;
}

sub log ($self) {                                 ## no critic
    my $text = '';
    for my $name (qw(stdout redis.log)) {
        open my $in, '<', "$self->{dir}/$name" or next;
        local $/;
        $text .= readline($in) // '';
    }
    return $text;
}

sub _certificates ($self) {
    my $dir = $self->{dir};
    my @new = qw(openssl req -newkey ec -pkeyopt
                 ec_paramgen_curve:prime256v1 -nodes -x509 -days 2);
    my $run = sub (@argv) {
        my $pid = fork // die "cannot fork: $!\n";
        if (!$pid) {
            open STDIN, '<', '/dev/null';
            open STDOUT, '>>', "$dir/openssl.log";
            open STDERR, '>&', \*STDOUT;
            exec @argv or POSIX::_exit(127);
        }
        waitpid $pid, 0;
        die "@argv failed, see $dir/openssl.log\n" if $?;
    };

    $run->(@new, '-subj', '/CN=ca', '-keyout', "$dir/ca.key",
           '-out', "$dir/ca.crt");
    $run->(@new, '-subj', '/CN=redis', '-CA', "$dir/ca.crt", '-CAkey',
           "$dir/ca.key", '-addext', 'basicConstraints=critical,CA:FALSE',
           '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
           '-keyout', "$dir/redis.key", '-out', "$dir/redis.crt");
    $run->(@new, '-subj', '/CN=client', '-CA', "$dir/ca.crt", '-CAkey',
           "$dir/ca.key", '-addext', 'basicConstraints=critical,CA:FALSE',
           '-keyout', "$dir/client.key", '-out', "$dir/client.crt");
}


# -- its clients --

sub client ($self, %o) {
    $o{password} //= $self->{o}{password};
    return Spocr::Redis::Client->new(port => $self->port, %o);
}

# The connection of do(): made again in a process that was forked, and after
# an error of the connection.
sub _own ($self) {
    my $own = $self->{own};
    return $own->[1] if $own && $own->[0] == $$ && !$own->[1]{broken};

    my $client = $self->client(name => 'spocr-test');
    $self->{own} = [$$, $client];
    return $client;
}

sub do ($self, @command) { $self->_own->do(@command) }   ## no critic

sub info ($self, $field) {
    my ($value) = $self->do('INFO', 'everything')
                  =~ /^\Q$field\E:(.*?)\r?$/m;
    return $value;
}

sub _calls ($self) {
    my $text = $self->do('INFO', 'commandstats');
    my %calls = $text =~ /^cmdstat_([^:]+):calls=(\d+)/mg;
    $calls{info}-- if $calls{info};
    return \%calls;
}

sub counted ($self, $run) {
    my $before = $self->_calls;
    $run->();
    my $after = $self->_calls;

    $after->{info}-- if $after->{info};           # the one before
    my %n = map { $_ => $after->{$_} - ($before->{$_} // 0) } keys %$after;
    delete @n{ grep { $n{$_} <= 0 } keys %n };
    return \%n;
}

sub monitor ($self) { Spocr::Redis::Monitor->new($self) }

sub clients ($self) {
    my @all = map { +{ map { split /=/, $_, 2 } split / / } }
              split /\n/, $self->do('CLIENT', 'LIST');
    return grep { ($_->{name} // '') ne 'spocr-test' } @all;
}

# The last that is sent before a link is ready is the call of a function.
sub linked ($self, $n) {
    my $until = time + 20;
    my $now = -1;
    while (time < $until) {
        $now = grep { $_->{cmd} =~ /^fcall/ } eval { $self->clients };
        return 1 if $now == $n;
        sleep 0.02;
    }
    die "$now workers are linked, not $n\n";
}

END {
    my $status = $?;
    for my $redis (grep { $_->{owner} == $$ } @live) {
        eval { $redis->kill };
    }
    $? = $status;
}


package Spocr::Redis::Error;

use v5.36;
use overload '""' => sub ($self, @) { $self->{text} }, fallback => 1;

sub new ($class, $text) { bless { text => $text }, $class }


package Spocr::Redis::Client;

use v5.36;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

sub new ($class, %o) {
    my $fh = IO::Socket::INET->new(
        Proto => 'tcp', PeerAddr => '127.0.0.1', PeerPort => $o{port},
        Timeout => 5,
    ) or die "cannot connect to Redis: $!\n";

    my $self = bless { fh => $fh, in => '', timeout => $o{timeout} // 10 },
                     $class;
    $self->do('AUTH', $o{user} // (), $o{password})
        if defined $o{password};
    $self->do('CLIENT', 'SETNAME', $o{name}) if defined $o{name};
    return $self;
}

sub close ($self) { close delete $self->{fh} }    ## no critic

sub send ($self, @command) {                      ## no critic
    my $bytes = '*' . @command . "\r\n"
                . join '', map { '$' . length($_) . "\r\n$_\r\n" } @command;

    while (length $bytes) {
        my $n = syswrite $self->{fh}, $bytes;
        if (!$n) {
            $self->{broken} = 1;
            die "Redis is gone: $!\n";
        }
        substr $bytes, 0, $n, '';
    }
}

sub _more ($self, $until) {
    my $left = $until - time;
    my $n;

    if ($left <= 0 || !IO::Select->new($self->{fh})->can_read($left)) {
        $self->{broken} = 1;
        die "no answer of Redis in time\n";
    }
    $n = sysread $self->{fh}, $self->{in}, 65536, length $self->{in};
    if (!$n) {
        $self->{broken} = 1;
        die "Redis has closed the connection\n";
    }
}

sub _line ($self, $until) {
    $self->_more($until) until $self->{in} =~ s/^(.*?)\r\n//s;
    return $1;
}

sub _read ($self, $until) {
    my ($type, $rest) = $self->_line($until) =~ /^(.)(.*)$/s;

    return $rest if $type eq '+' || $type eq ':';
    return Spocr::Redis::Error->new($rest) if $type eq '-';
    return $rest < 0 ? undef : [map { $self->_read($until) } 1 .. $rest]
        if $type eq '*';
    die "a reply that begins with $type\n" if $type ne '$';
    return undef if $rest < 0;                    ## no critic

    $self->_more($until) while length $self->{in} < $rest + 2;
    my $text = substr $self->{in}, 0, $rest, '';
    substr $self->{in}, 0, 2, '';
    return $text;
}

sub read ($self, $seconds = undef) {              ## no critic
    return $self->_read(time + ($seconds // $self->{timeout}));
}

sub do ($self, @command) {                        ## no critic
    $self->send(@command);
    my $reply = $self->read;
    die "$reply\n" if ref $reply eq 'Spocr::Redis::Error';
    return $reply;
}

sub pipeline ($self, @commands) {
    $self->send(@$_) for @commands;
    return map { scalar $self->read } @commands;
}


package Spocr::Redis::Monitor;

use v5.36;

sub new ($class, $redis) {
    my $client = $redis->client(name => 'spocr-test');
    $client->do('MONITOR');
    return bless { client => $client, redis => $redis }, $class;
}

# All that was run until now.  A command with a text of its own marks the end.
sub commands ($self) {
    my $mark = 'spocr-monitor-' . ++$self->{n};
    my @commands;
    $self->{redis}->do('ECHO', $mark);

    while (1) {
        my $line = $self->{client}->read;
        my ($text) = $line =~ /^[\d.]+ \[[^\]]*\] (.*)$/s or next;
        my @words = map { s/\\(["\\])/$1/gr }
                    $text =~ /"((?:[^"\\]|\\.)*)"/g;
        return @commands if ($words[1] // '') eq $mark;
        push @commands, \@words;
    }
}

1;
