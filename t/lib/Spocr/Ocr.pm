# Starts spocr-backend for the tests of the backend: on a unix socket or a
# free port, in a folder of its own, ended by its process id.

package Spocr::Ocr;

use v5.36;
use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time sleep);

my $program = $ENV{SPOCR_BACKEND} || 'build/spocr-backend';

# a Spocr::Contract: each answer is held against the description of the API
our $contract;

sub program { $program }

# start(args...): one worker, unless --workers is among the arguments
sub start ($class, @args) {
    my $dir = File::Temp->newdir;
    my $tcp = grep { $_ eq '--tcp' } @args;
    @args = grep { $_ ne '--tcp' } @args;
    unshift @args, '--workers', 1 unless grep { $_ eq '--workers' } @args;
    unshift @args, '--listen', $tcp ? '127.0.0.1:0' : "unix:$dir/s";

    my $pid = fork // die "cannot fork: $!\n";

    if (!$pid) {
        open STDOUT, '>', "$dir/out" or die $!;
        open STDERR, '>', "$dir/log" or die $!;
        exec $program, @args or die "cannot run $program: $!\n";
    }

    # a build that counts what runs kills itself, when it has written that
    my $kill = $ENV{SPOCR_COVERAGE} ? 'USR2' : 'KILL';
    my $self = bless { pid => $pid, dir => $dir, kill => $kill }, $class;
    my $line = $self->wait_for(sub {
        open my $in, '<', "$dir/out" or return;
        my $l = <$in>;
        return $l if defined $l && $l =~ /\n\z/;
        die "the backend ended: " . $self->log
            if waitpid($pid, POSIX::WNOHANG()) == $pid;
        return;
    });
    ($self->{address}) = $line =~ /listening on (\S+)/;
    return $self;
}


# waits for a condition, at most half a minute
sub wait_for ($self, $cond) {
    my $until = time + 30;
    while (time < $until) {
        my $r = $cond->();
        return $r if $r;
        sleep 0.02;
    }
    die "waited in vain\n";
}

sub log ($self) {
    open my $in, '<', "$self->{dir}/log" or return '';
    local $/;
    return scalar <$in>;
}

sub connect ($self) {
    my $a = $self->{address};
    my $s = $a =~ /^unix:(.*)/
        ? IO::Socket::UNIX->new(Peer => $1)
        : IO::Socket::INET->new(PeerAddr => $a);
    die "cannot connect to $a: $!\n" unless $s;
    $s->autoflush(1);
    return $s;
}

# sends a request and leaves the socket for answer()
sub send_request ($self, $method, $path, $headers = {}, $body = undef) {
    my $s = $self->connect;
    my %h = (Host => 'x', Connection => 'close', %$headers);
    $h{'Content-Length'} //= length $body if defined $body;
    my $head = "$method $path HTTP/1.1\r\n"
        . join('', map { "$_: $h{$_}\r\n" }
                   grep { defined $h{$_} } sort keys %h)
        . "\r\n";
    local $SIG{PIPE} = 'IGNORE';
    ${*$s}{spocr_sent} = [$method, $path, \%h];
    print {$s} $head, $body // '';
    return $s;
}

sub answer ($self, $s) {
    local $/;
    my $all = <$s> // '';
    my ($head, $body) = split /\r\n\r\n/, $all, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
    my %h;
    for (split /\r\n/, $head // '') {
        $h{lc $1} = $2 if /^([^:]+): *(.*)/;
    }
    my $answer = { status => $status // 0, headers => \%h,
                   body => $body // '',
                   json => scalar eval { JSON::PP->new->utf8->decode($body) } };
    $contract->judge(@{ ${*$s}{spocr_sent} }, $answer)
        if $contract && ${*$s}{spocr_sent};
    return $answer;
}

sub request ($self, @args) {
    return $self->answer($self->send_request(@args));
}

my %gateway = ('Content-Type' => 'application/json',
               'X-Spocr-Uid' => 'u_test', 'X-Spocr-Key-Id' => 'key_test');

sub send_fields ($self, $o, %headers) {
    my $body = ref $o ? JSON::PP->new->utf8->encode($o) : $o;
    return $self->send_request('POST', '/ocr/fields', { %gateway, %headers },
                               $body);
}

sub fields ($self, $o, %headers) {
    return $self->answer($self->send_fields($o, %headers));
}

# any endpoint, as the gateway calls it; a body that is a reference is JSON
sub call ($self, $method, $path, $body = undef, %headers) {
    $body = JSON::PP->new->utf8->canonical->encode($body) if ref $body;
    return $self->request($method, $path, { %gateway, %headers }, $body);
}

# the body of an upload: pairs of what follows "form-data; " and its bytes
sub multipart (@parts) {
    my $body = '';
    while (my ($what, $bytes) = splice @parts, 0, 2) {
        $body .= "--spocr\r\nContent-Disposition: form-data; $what\r\n\r\n"
            . "$bytes\r\n";
    }
    return "$body--spocr--\r\n";
}

# POST /upload; body is a reference to the parts, or a body as it is
sub upload ($self, $body, %headers) {
    my $path = delete $headers{path} // '/upload';
    return $self->request('POST', $path,
        { %gateway, 'Content-Type' => 'multipart/form-data; boundary=spocr',
          %headers }, ref $body ? multipart(@$body) : $body);
}

# rows of a data folder's database, as hashes; a server may be running
sub sql ($data, $sql) {
    open my $in, '-|', 'sqlite3', '-json', '-cmd', '.timeout 5000',
        "$data/spocr.db", $sql or die "cannot run sqlite3: $!\n";
    my $json = do { local $/; <$in> } // '';
    close $in or die "sqlite3 failed: $sql\n";
    my @rows = $json eq '' ? () : @{ JSON::PP->new->utf8->decode($json) };
    return @rows;
}

# an operator's command: its status, and what it says
sub command (@args) {
    my $pid = open my $in, '-|';
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $program, @args or exit 127;
    }
    my $said = do { local $/; <$in> } // '';
    close $in;
    return ($? >> 8, $said);
}

# puts rows into a sheet, as if they had been read: each is { name, status,
# data }; their keys
sub fill ($data, $path, @rows) {
    my $fill = $program =~ s{[^/]*\z}{backend-fill}r;
    my $dir = File::Temp->newdir;
    my $json = JSON::PP->new->utf8->canonical;
    open my $out, '>', "$dir/rows" or die $!;
    say {$out} $json->encode($_) for @rows;
    close $out;
    open my $in, '-|', "exec '$fill' '$data' u_test '$path' <'$dir/rows'"
        or die "cannot run $fill: $!\n";
    chomp(my @keys = <$in>);
    close $in or die "$fill failed\n";
    return @keys;
}

# a query's argument
sub escape ($s) {
    utf8::encode($s);
    return $s =~ s{([^A-Za-z0-9_.~-])}{sprintf '%%%02X', ord $1}ger;
}

# the processes that it has started: pid => role
sub helpers ($self) {
    my %found;
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $stat or next;
        my $line = <$in> // next;
        my ($pid, $state, $ppid) = $line =~ /^(\d+) \(.*\) (\S) (\d+)/ or next;
        next if $ppid != $self->{pid} || $state eq 'Z';
        open my $cmd, '<', "/proc/$pid/cmdline" or next;
        my (undef, $role) = split /\0/, scalar(<$cmd>) // '';
        $found{$pid} = $role // '';
    }
    return %found;
}

sub workers ($self) {
    my %h = $self->helpers;
    return sort { $a <=> $b } grep { $h{$_} eq '--ocr-helper' } keys %h;
}

# whether something waits to be read on a worker's socket, its descriptor 3
sub fed ($w) {
    my ($inode) = (readlink("/proc/$w/fd/3") // '') =~ /(\d+)/ or return 0;
    my $ss = `ss -xH`;
    return $ss =~ /^\S+\s+\S+\s+([1-9]\d*)\s.*\b$inode\b/m;
}

# ends it; the exit status
sub stop ($self, $signal = 'TERM') {
    my $pid = delete $self->{pid} or return;
    kill $signal eq 'KILL' ? $self->{kill} : $signal, $pid;
    waitpid $pid, 0;
    return $?;
}

sub DESTROY ($self) {
    local ($?, $!);
    $self->stop('KILL') if $self->{pid};
}

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

sub sample ($name) { encode_base64(slurp("backend/samples/$name"), '') }

1;
