# Redis by name: nginx starts when the name has no address yet, looks it up
# again when a link was lost, and waits for no resolver.

use lib 't/lib';
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(inet_aton);
use Spocr::FakeRedis;
use Spocr::Port;
use Spocr::Test;

my $t = Spocr::Test->new;
$t->keyfile(
    keys => { alice => { uid => 'u_acme', limits => { key => 100000 } } },
    tenants => { u_acme => { limits => { uid => 100000 } } });

# A name server: it says what is in the file, one address a line; "nothing" is
# a name that does not exist, no file is silence.  It counts questions.
my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "udp: $!\n";
my $zone = $t->dir . '/zone';
my $asked = $t->dir . '/asked';
my $parent = $$;
my $server = fork // die "fork: $!\n";

if (!$server) {
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    while (getppid == $parent) {
        next if !IO::Select->new($dns)->can_read(1);
        my $from = recv($dns, my $q, 512, 0) // next;
        open my $log, '>>', $asked or next;
        print {$log} "x";
        close $log;
        open my $in, '<', $zone or next;
        my @addrs = grep { !/nothing/ } map { s/\s//gr } <$in>;
        my ($question) = substr($q, 12) =~ /\A((?:[^\0].*?)?\0.{4})/s;
        my $answer = substr($q, 0, 2)
            . pack('n5', @addrs ? 0x8180 : 0x8183, 1, scalar @addrs, 0, 0)
            . $question
            . join '', map { pack('n3Nn', 0xc00c, 1, 1, 1, 4) . inet_aton($_) }
                       @addrs;
        send $dns, $answer, 0, $from;
    }
    POSIX::_exit(0);
}

END { if ($server) { my $e = $?; kill KILL => $server; waitpid $server, 0;
                     $? = $e } }

sub names (@lines) { $t->file('zone', join '', map { "$_\n" } @lines) }
sub questions { -s $asked // 0 }

my $resolver = 'resolver 127.0.0.1:' . $dns->sockport
               . ' ipv6=off valid=1s; resolver_timeout 30s;';
my $port = Spocr::Port->new;

my $conf = <<'EOF';
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    %%RESOLVER%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis redis://%%NAME%% timeout=1s;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=3600s;
        add_header X-Source $spocr_limit_source always;
        location / { try_files /keys.json =404; }
    }
}
EOF

sub with ($name, $resolver) {
    return $conf =~ s/%%RESOLVER%%/$resolver/r =~ s/%%NAME%%/$name/r;
}
sub source ($node = $t) {
    return $node->get('/', key => $t->key('alice'))->header('X-Source') // '';
}
sub well ($node = $t) { wait_for(sub { source($node) eq 'redis' }) }
sub away { wait_for(sub { source() eq 'fallback' }) }

# -- no address, and nobody to ask --

my $alone = $t->node;
$alone->start(with('redis.invalid', ''));
ok $alone->wait_log(qr/Redis redis\.invalid is away: its name is not resolved /
                    . qr/\(there is no "resolver"\)/),
   'without a resolver: starts, and says so';
is source($alone), 'fallback', 'and goes on';
$alone->stop;

# -- no address yet --

names('nothing');
$t->start(with('redis.invalid:' . $port->number, $resolver));
like $t->log, qr/\[warn\] .*"redis:\/\/redis\.invalid:\d+": host not found/,
     'a name that does not exist: nginx starts';
is source(), 'fallback', 'and goes on';
ok $t->wait_log(qr/Redis redis\.invalid:\d+ is away: its name is not resolved/),
   'a line says so';

my $fake = Spocr::FakeRedis->new(port => $port);
names('127.0.0.1');
ok well(), 'the name gets an address';

# -- another address --

$fake->stop;
ok away(), 'Redis is gone';
my $other = Spocr::FakeRedis->new(port => $port, addr => '127.0.0.3');
is source(), 'fallback', 'it is somewhere else, but nobody says so';
names('127.0.0.3');
ok well(), 'the name says where';
cmp_ok $other->seen->{commands}{limit} // 0, '>=', 1, 'there it is asked';

# -- several addresses, of which one is right --

$other->stop;
ok away(), 'gone again';
names(qw(127.0.0.4 127.0.0.5 127.0.0.1 127.0.0.6));
$fake = Spocr::FakeRedis->new(port => $port);
ok well(), 'one of four addresses answers';

# each says why it is not taken, and not only the one that comes first
$other = Spocr::FakeRedis->new(port => $port, addr => '127.0.0.3');
$other->lie(HELLO => { close => 1 });
names(qw(127.0.0.4 127.0.0.3));
my $two = $t->node;
$two->start(with('redis.invalid:' . $port->number, $resolver));
ok wait_for(sub { $two->log =~ /Redis 127\.0\.0\.4:\d+ is away: connect/
                  && $two->log =~ /Redis 127\.0\.0\.3:\d+ is away: it closed/
            }, 8), 'two lines for two addresses' or diag $two->log;
$two->stop;
$other->stop;
names(qw(127.0.0.1));
ok well(), 'the right one again';

# -- a name server that is silent --

unlink $zone;
my $before = questions();
$fake->cut;
$fake->lie(HELLO => { close => 1 });
ok away(), 'the link is lost, and the name server is silent';
ok wait_for(sub { questions() > $before }), 'though it is asked';
$fake->honest;
ok well(), 'the known address is tried all the same';

# -- how often it is asked --

names('127.0.0.1');
$fake->lie(HELLO => { close => 1 });
$fake->cut;
ok away(), 'away';
$before = questions();
my $tries = $fake->seen->{lies};
ok wait_for(sub { $fake->seen->{lies} >= $tries + 8 }), 'eight attempts';
cmp_ok questions() - $before, '<=', 4, 'at most one question a second';
$fake->honest;
ok well(), 'and well again';

# a question that is open does not keep a worker
unlink $zone;
$fake->lie(HELLO => { close => 1 });
$fake->cut;
$before = questions();
ok wait_for(sub { questions() > $before }), 'a question is open';
ok $t->reload, 'a reload';
$fake->honest;

$_->check for $alone, $two;
$t->done;
