# A name that could not be resolved while the configuration was read is asked
# for with nginx's resolver (contract, section 3), whether or not the
# configuration has a resolver_timeout, and also where the answer takes a while
# and may not be kept.

use lib 't/lib';
use IO::Socket::INET;
use POSIX ();
use Spocr::Test;
use Time::HiRes qw(sleep);

# A slow DNS server that knows 127.0.0.1 for every name, for no time at all.
my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "no socket: $!\n";
my $port = $dns->sockport;
my $pid = fork // die "cannot fork: $!\n";
if (!$pid) {
    while (defined $dns->recv(my $query, 512)) {
        my ($question) = substr($query, 12) =~ /^(.+?\0.{4})/s or next;
        my $a = unpack('n', substr $question, -4, 2) == 1;
        sleep 0.1;
        $dns->send(substr($query, 0, 2)
                   . pack('n5', 0x8180, 1, $a ? 1 : 0, 0, 0) . $question
                   . ($a ? "\xc0\x0c" . pack('nnNnC4', 1, 1, 0, 4, 127, 0, 0, 1)
                         : ''));
    }
    POSIX::_exit(0);
}

my $t;
for my $timeout ('', 'resolver_timeout 5s;') {
    $t->check if $t;
    $t = Spocr::Test->new;
    $t->keyfile(keys => { a => { uid => 'u_a' } });
    my $where = 'redis.invalid:' . $t->redis->port;

    $t->start(<<"EOC");
%%MAIN%%
events {}
http {
    %%HTTP%%
    resolver 127.0.0.1:$port; $timeout
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis redis://$where;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        add_header T-Source \$spocr_limit_source always;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
    ok wait_for(sub {
        $t->get('/', key => $t->key('a'))->header('T-Source') eq 'redis';
    }, 10), 'connected to what the resolver said '
            . ($timeout || '(no resolver_timeout)')
        or diag $t->log;
}

kill KILL => $pid;
waitpid $pid, 0;
$t->done;
