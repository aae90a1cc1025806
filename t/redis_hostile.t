# A Redis that lies: whatever it says, a client gets the answer that the policy
# gives it, in time; no worker dies, none grows, and all is well again when
# Redis is (C-19).

use lib 't/lib';
use Spocr::Test;
use Spocr::FakeRedis;
use Time::HiRes qw(time);

my $NODES = 6;                   # that are lied to at the same time

# [what it is, which command, the lie, and whether any decision will do, as
# the answer has the right shape]; else the limit is counted without Redis.
my $ANY = 1;
my @lies = (
    # answers to a call
    (map { my ($name, @lie) = @$_; ["$name to a call", limit => @lie] } (
        ['no answer', {}],
        ['half an answer', { say => "*6\r\n%N:0\r\n" }],
        ['half a nonce', { say => "*6\r\n\$16\r\n0123" }],
        ['a header and no more', { say => '*6' }],
        ['an end', { close => 1 }],
        ['half an answer and an end', { say => "*6\r\n%N:0", close => 1 }],
        ['the answer and an end', { say => '%H', close => 1 }, $ANY],
        ['the answer byte by byte', { say => '%H', pieces => 1 }, $ANY],
        ['the answer twice', { say => '%H%H' }, $ANY],
        ['the answer a hundred times', { say => '%H' x 100 }, $ANY],
        ['the answer and garbage', { say => '%Hx' }, $ANY],
        ['the answer and more that nobody asked for',
         { say => "%H:1\r\n:2\r\n" }, $ANY],
        ['the answer and an error that nobody asked for',
         { say => "%H-ERR who\r\n" }, $ANY],
        ['garbage', { say => "\x00\xff\x01garbage\r\n\r\n" }],
        ['an HTTP answer', { say => "HTTP/1.1 400 Bad Request\r\n\r\n" }],
        ['a TLS alert', { say => "\x15\x03\x01\x00\x02\x02\x46" }],
        ['empty lines', { say => "\r\n" x 100 }],
        ['nulls', { say => "\0" x 1000 }],
        ['another call\'s nonce',
         { say => "*6\r\n%O:0\r\n:1\r\n:1\r\n:9\r\n:1\r\n" }],
        ['a made-up nonce', { say => "*6\r\n\$16\r\n" . '0' x 16 . "\r\n"
                                     . ":0\r\n:1\r\n:1\r\n:9\r\n:1\r\n" }],
        ['a short nonce', { say => "*2\r\n\$3\r\nabc\r\n:0\r\n" }],
        ['a long nonce', { say => "*2\r\n\$17\r\n" . 'a' x 17 . "\r\n:0\r\n" }],
        ['an empty nonce', { say => "*2\r\n\$0\r\n\r\n:0\r\n" }],
        ['an integer for a nonce', { say => "*2\r\n:16\r\n:0\r\n" }],
        ['nil for a nonce', { say => "*2\r\n\$-1\r\n:0\r\n" }],
        ['an array for a nonce', { say => "*2\r\n*1\r\n%N:0\r\n" }],
        ['the nonce alone', { say => '%N' }],
        ['the nonce and no more', { say => "*1\r\n%N" }, $ANY],
        ['no elements', { say => "*0\r\n" }],
        ['a nil array', { say => "*-1\r\n" }],
        ['nil', { say => "\$-1\r\n" }],
        ['a status', { say => "+OK\r\n" }],
        ['QUEUED', { say => "+QUEUED\r\n" }],
        ['an integer', { say => ":1\r\n" }],
        ['a string', { say => "\$2\r\nno\r\n" }],
        ['a string of 512 MB', { say => "\$536870912\r\nabc" }],
        ['a nonce of 512 MB', { say => "*6\r\n\$536870912\r\nabc" }],
        ['a string of 512 MB, sent',
         { say => "\$536870912\r\n" . 'x' x 200000 }],
        ['a string larger than memory', { say => "\$9223372036854775807\r\n" }],
        ['a length that wraps', { say => "\$18446744073709551617\r\n" }],
        ['a negative length', { say => "\$-2\r\n" }],
        ['a length of letters', { say => "\$abc\r\n" }],
        ['an endless length', { say => '$' . '1' x 100000 }],
        ['an array of 16 GB', { say => "*2147483647\r\n" }],
        ['a count that wraps', { say => "*4294967298\r\n" }],
        ['a negative count', { say => "*-5\r\n" }],
        ['a count of letters', { say => "*x\r\n" }],
        ['33 elements', { say => "*33\r\n%N" . ":1\r\n" x 32 }],
        ['17 values', { say => "*18\r\n%N" . ":1\r\n" x 17 }],
        ['arrays, seven deep', { say => "*1\r\n" x 7 . ":1\r\n" }],
        ['arrays, 10,000 deep', { say => "*1\r\n" x 10000 }],
        ['an array in its values',
         { say => "*6\r\n%N:0\r\n:1\r\n:1\r\n*1\r\n:9\r\n:1\r\n" }],
        ['an error in its values',
         { say => "*6\r\n%N:0\r\n-ERR no\r\n:1\r\n:9\r\n:1\r\n" }],
        ['an endless line', { say => '+' . 'a' x 1000, endless => 1 }],
        ['an endless error', { say => '-' . 'a' x 1000, endless => 1 }],
        ['an endless integer', { say => ':' . '1' x 1000, endless => 1 }],
        ['endless answers', { say => "+OK\r\n" x 1000, endless => 1 }],
        ['endless errors', { say => "-ERR x\r\n" x 1000, endless => 1 }],
        ['endless garbage', { say => 'garbage' x 1000, endless => 1 }],
        ['endless strings', { say => "\$65000\r\n" . 'a' x 65000 . "\r\n",
                              endless => 1 }],
        ['a map of RESP3', { say => "%1\r\n+a\r\n:1\r\n" }],
        ['a push of RESP3', { say => ">2\r\n+a\r\n:1\r\n" }],
        ['a double of RESP3', { say => ",1.5\r\n" }],
        ['a null of RESP3', { say => "_\r\n" }],
        ['a boolean of RESP3', { say => "#t\r\n" }],
        ['a big number of RESP3', { say => "(12345678901234567890\r\n" }],
        ['a notice', { say => "*3\r\n\$7\r\nmessage\r\n\$12\r\nspocr:notice\r\n"
                              . "\$3\r\nall\r\n" }],
    )),

    # errors
    (map { ["error " . substr($_, 0, 30), limit => { say => "-$_\r\n" }] }
         'LOADING Redis is loading the dataset in memory',
         "READONLY You can't write against a read only replica.",
         'MASTERDOWN Link with MASTER is down', 'MOVED 1 127.0.0.1:1',
         'ASK 1 127.0.0.1:1', 'CLUSTERDOWN Hash slot not served',
         'TRYAGAIN later', 'NOAUTH Authentication required.',
         'NOPERM no permissions', 'MISCONF no snapshot', 'NOREPLICAS too few',
         'BUSY with a script', 'ERR Function not found',
         'ERR unknown command', 'OOM command not allowed',
         'WRONGTYPE wrong kind of value', 'ERR %s%n%V%d', 'x' x 60000, ' ', ''),
    ['an error that is not visible', limit =>
     { say => "-ERR \e[31m\e]0;title\a \x80\xff\r\n" }],

    # values of the wrong kind, in each place
    (map { my $place = $_; map {
        my ($name, $bytes) = @$_;
        my @values = (":0\r\n", ":1\r\n", ":1\r\n", ":59000\r\n", ":1\r\n");
        $values[$place] = $bytes;
        ["$name as value $place", limit =>
         { say => join '', "*6\r\n%N", @values }, $ANY];
    } (['nil', "\$-1\r\n"], ['a string', "\$5\r\n12345\r\n"],
       ['-1', ":-1\r\n"], ['2^63-1', ":9223372036854775807\r\n"],
       ['-2^63', ":-9223372036854775808\r\n"]) } 0 .. 4),

    # the handshake
    (map { my ($name, @lie) = @$_; ["$name to HELLO", HELLO => @lie] } (
        ['no answer', {}], ['an end', { close => 1 }],
        ['garbage', { say => 'garbage' }],
        ['a status', { say => "+OK\r\n" }], ['nil', { say => "\$-1\r\n" }],
        ['Redis 6', { say => "*4\r\n+version\r\n+6.2.14\r\n+role\r\n"
                             . "+master\r\n" }],
        ['a version of letters', { say => "*2\r\n+version\r\n+x.y\r\n" }],
        ['an empty version', { say => "*2\r\n+version\r\n\$0\r\n\r\n" }],
        ['an integer as its version', { say => "*2\r\n+version\r\n:7\r\n" }],
        ['nil as its version', { say => "*2\r\n+version\r\n\$-1\r\n" }],
        ['a replica', { say => "*4\r\n+version\r\n+7.0.0\r\n+role\r\n"
                               . "+replica\r\n" }],
        ['an odd number', { say => "*3\r\n+version\r\n+7.0.0\r\n+role\r\n" },
         $ANY],
        ['many modules', { say => "*2\r\n+modules\r\n*1000\r\n" }],
        ['deep modules', { say => "*2\r\n+modules\r\n" . "*1\r\n" x 50 }],
        ['two answers', { say => '%H%H' }],
        ['an error with the password',
         { say => "-ERR unknown command `HELLO`, args: `2`, `s3cret`\r\n" }],
        ['an endless answer', { say => "*1\r\n" x 1000, endless => 1 }],
    )),
    (map { my ($name, @lie) = @$_; ["$name to the first call",
                                    hello => @lie] } (
        ['no answer', {}], ['an end', { close => 1 }],
        ['garbage', { say => 'garbage' }],
        ['a wrong nonce', { say => "*3\r\n%O:1\r\n:1\r\n" }],
        ['another version', { say => "*3\r\n%N:3\r\n:1\r\n" }],
        ['a version of letters', { say => "*3\r\n%N+one\r\n:1\r\n" }],
        ['no version', { say => "*1\r\n%N" }],
        ['nil', { say => "\$-1\r\n" }],
        ['an error', { say => "-ERR no\r\n" }],
        ['loading', { say => "-LOADING\r\n" }],
        ['never a function', { say => "-ERR Function not found\r\n" }],
        ['two answers', { say => '%H%H' }, $ANY],
    )),
    ['a greeting', connect => { say => "+hello\r\n" }],
    ['an error when connecting', connect => { say => "-DENIED you\r\n" }],
    ['an end when connecting', connect => { close => 1 }],
);

my $t = Spocr::Test->new;
$t->keyfile(
    keys => { map { ("key$_" => { uid => "u_$_",
                                  limits => { key => 1_000_000 } }) }
              1 .. $NODES },
    tenants => { map { ("u_$_" => { limits => { uid => 1_000_000 } }) }
                 1 .. $NODES });

my @nodes = map { {
    t => $_ == 1 ? $t : $t->node, fake => Spocr::FakeRedis->new, key => "key$_"
} } 1 .. $NODES;

for my $node (@nodes) {
    my $url = $node->{fake}->url;
    $node->{t}->start(<<"EOF");
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis $url timeout=100ms;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit window=1s;
        add_header X-Source \$spocr_limit_source always;
        location / { try_files /keys.json =404; }
    }
}
EOF
    ($node->{worker}) = $node->{t}->workers;
}

sub ask ($node) {
    my $start = time;
    my $r = $node->{t}->get('/', key => $t->key($node->{key}));
    return { status => $r->status, source => $r->header('X-Source') // '',
             took => time - $start };
}

sub well ($node) {
    return wait_for(sub {
        my $a = ask($node);
        return $a->{status} == 200 && $a->{source} eq 'redis';
    });
}

sub memory ($node) {
    open my $in, '<', "/proc/$node->{worker}/statm" or return 0;
    return 4096 * (split ' ', readline $in)[1];
}

# What is wrong with the answers that a client gets while Redis lies.
sub suffer ($node, $lie) {
    my ($name, $command, $what, $any) = @$lie;
    my $fake = $node->{fake};
    my $handshake = $command ne 'limit';
    my @answers;

    $fake->lie($command => $what);
    $fake->cut if $handshake;
    wait_for(sub {
        push @answers, ask($node);
        return $fake->seen->{lies};
    }) or return "$command was not asked for";
    push @answers, ask($node) if $handshake;

    my @bad = map { "status $_->{status}" }
              grep { $_->{status} != 200 && !($any && $_->{status} == 429) }
              @answers;
    push @bad, map { "it took $_->{took} s" } grep { $_->{took} > 2 } @answers;
    push @bad, "counted by $answers[-1]{source}"
        if !$any && $answers[-1]{source} ne 'fallback';
    return @bad;
}

ok well($_), 'an honest Redis is believed' for @nodes;
$_->{memory} = memory($_) for @nodes;
cmp_ok scalar @lies, '>=', 100, @lies . ' lies';

while (my @round = splice @lies, 0, $NODES) {
    my @bad = map { [suffer($nodes[$_], $round[$_])] } 0 .. $#round;

    $nodes[$_]{fake}->honest for 0 .. $#round;
    for my $i (0 .. $#round) {
        push @{ $bad[$i] }, 'it is not well again' if !well($nodes[$i]);
        ok !@{ $bad[$i] }, $round[$i][0]
            or diag map { "  $_\n" } @{ $bad[$i] };
    }
}

for my $i (0 .. $#nodes) {
    my $node = $nodes[$i];
    my $grown = memory($node) - $node->{memory};

    cmp_ok $grown, '<', 4_000_000, "node $i has not grown: $grown bytes"
        if ($ENV{SPOCR_MODULE} // 'x') ne '';   # a sanitizer keeps memory
    is join(' ', $node->{t}->workers), $node->{worker}, 'the worker lives';

    my $log = $node->{t}->log;
    like $log, qr/\[error\] .*spocr: Redis 127/, 'the error log tells of it';
    unlike $log, qr/[^\x20-\x7e\n]/, 'in visible characters';
    unlike $log, qr/s3cret/, 'and without passwords';
}

$t->done;
