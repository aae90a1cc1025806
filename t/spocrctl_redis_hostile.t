# spocrctl and a Redis that says anything: a sentence and an exit code, never
# a crash, and never a change that is told without having been made.

use lib 't/lib';
use Spocr::Ctl;
use IO::Socket::INET;
use POSIX ();

my $listen = IO::Socket::INET->new(Proto => 'tcp', LocalAddr => '127.0.0.1',
                                   Listen => 16) or die "listen: $!\n";
my $url = 'redis://127.0.0.1:' . $listen->sockport;
my $ctl = Spocr::Ctl->new(redis => $url);
my $hello = "*6\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n"
            . "\$5\r\n7.0.0\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n";

# Replies come in order, so all of them can be said before anything is asked.
sub against ($script, @args) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        local $SIG{PIPE} = 'IGNORE';
        my @clients;
        while (my $client = $listen->accept) {
            syswrite $client, $hello . $script;
            shutdown $client, 1;
            push @clients, $client;
        }
        POSIX::_exit(0);
    }
    my $r = $ctl->run_with("spocr_x\n", @args);
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return $r;
}

my $scan = "*2\r\n\$1\r\n0\r\n*1\r\n\$9\r\nspocr:key\r\n";
my %scripts = (
    'nothing' => '', 'a number' => ":1\r\n", 'nil' => "\$-1\r\n",
    'a nil list' => "*-1\r\n", 'an empty list' => "*0\r\n" x 9,
    'errors' => "-ERR \e[31m x\r\n" x 20, 'OK' => "+OK\r\n" x 20,
    'numbers' => ":9223372036854775807\r\n" x 20,
    'lists of nothing' => "*2\r\n\$-1\r\n*-1\r\n" x 9,
    'a scan of numbers' => "*2\r\n\$1\r\n0\r\n*2\r\n:1\r\n:2\r\n" x 3,
    'a cursor without end' => "*2\r\n\$1\r\n7\r\n*0\r\n" x 3,
    'too few values' => $scan . "*0\r\n", 'no values' => $scan . ":1\r\n",
    'too many values' => $scan . "*3\r\n:1\r\n:1\r\n:1\r\n",
    'a value that is a list' => $scan . "*1\r\n*1\r\n:1\r\n",
    'a deep list' => "*1\r\n" x 5000, 'a huge list' => "*2147483647\r\n:1\r\n",
    'a huge string' => "\$536870912\r\nabc", 'a NUL' => "\$3\r\na\0b\r\n" x 9,
    'negative lengths' => "*-5\r\n\$-7\r\n",
    'no protocol' => "HTTP/1.1 200\r\n",
    'other types' => "_\r\n%1\r\n+a\r\n:1\r\n", 'half a reply' => "\$10\r\nab",
    'all bytes' => join('', map { chr } 0 .. 255),
    'a change that is nothing' => "+OK\r\n\$-1\r\n+OK\r\n+QUEUED\r\n"
        . "+QUEUED\r\n:1\r\n",
    'a change with an error in it' => "+OK\r\n\$-1\r\n+OK\r\n+QUEUED\r\n"
        . "+QUEUED\r\n*2\r\n-ERR no\r\n:0\r\n",
);
my @commands = ([qw(key list)], [qw(key create --uid u)],
                [qw(key create --uid u --id key_1)], [qw(key revoke key_1)],
                [qw(tenant set u)], [qw(plan list)], ['explain'],
                [qw(limits u)], [qw(redis install)], ['doctor'],
                [qw(idempotency show --uid u)],
                [qw(idempotency forget --uid u --force)]);

for my $name (sort keys %scripts) {
    my @bad;
    for my $args (@commands) {
        my $r = against($scripts{$name}, @$args);
        my $said = "$r->{out}$r->{err}";
        push @bad, "@$args: code $r->{code}, signal $r->{signal}\n$said"
            if $r->{signal} || $r->{code} > 2 || $said =~ /\e/
               || ($r->{code} && $r->{err} !~ /\Aspocrctl: .*\n\z/
                   && $args->[0] !~ /^(?:doctor|explain)$/);
        push @bad, "@$args: a change that was not made\n$said"
            if $args->[0] eq 'tenant' && $r->{code} == 0;
    }
    ok !@bad, $name or diag @bad;
}

# -- the reply to a change is lost: it may have been made

my $r = against("+OK\r\n\$-1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n",
                qw(tenant set u));
fails $r, 1, qr/the change may have been made or not: look before/,
    'a lost reply';

done_testing;
