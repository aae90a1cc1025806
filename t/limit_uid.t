# The keys of one uid share its limit; a refusal takes nothing of either.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    (map { ("a$_" => { uid => 'u_a' }) } 1 .. 3),
    (map { ("b$_" => { uid => 'u_b' }) } 1 .. 3),
    (map { ("c$_" => { uid => 'u_c' }) } 1 .. 2),
    (map { ("d$_" => { uid => 'u_d' }) } 1 .. 11),
});

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    log_format limit '$spocr_key_id $spocr_limit_status';
    access_log %%DIR%%/limit.log limit;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_limit_headers ietf;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;

        location / {
            spocr_limit key=6 uid=10 window=3600s;
            proxy_pass http://%%BACKEND%%;
        }

        location /default {
            spocr_limit name=second;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOF

sub many ($n, $name, $target = '/x') {
    my $c = $t->conn;
    return map { $c->request(GET => $target, key => $t->key($name)) } 1 .. $n;
}

sub admitted (@r) { scalar grep { $_->status == 200 } @r }

# What is left of both, as the last answer said.
sub left ($r) {
    my ($key) = $r->header('RateLimit') =~ /"key";r=(\d+)/;
    my ($uid) = $r->header('RateLimit') =~ /"uid";r=(\d+)/;
    return "$key $uid";
}

# C-15
my @r = in_window(3600_000, sub { [many(26, 'a1')], [many(9, 'a2')],
                                  [many(5, 'a3')] });
is admitted(@{ $r[0] }), 6, 'the first key has its own six';
is left($r[0][5]), '0 4', 'and took six of the ten';
is left($r[0][25]), '0 4', 'twenty refusals took nothing of the uid';
is admitted(@{ $r[1] }), 4, 'the second key has what the uid has left';
is left($r[1][8]), '2 0', 'five refusals took nothing of the key';
is admitted(@{ $r[2] }), 0, 'the third key has nothing';
is left($r[2][4]), '6 0', 'and lost nothing';
is_error $r[2][4], 429, 'rate_limited', 'the same body for both levels',
    message => 'Rate limit exceeded', details => $r[2][4]->json->{details};

ok $t->wait_log(qr/^key_a3 REJECTED_UID$/m, 'limit.log'), 'REJECTED_UID';
like $t->log('limit.log'), qr/^key_a1 REJECTED_KEY$/m, 'REJECTED_KEY';
like $t->log('limit.log'), qr/^key_a2 PASSED$/m, 'PASSED';

# one uid does not touch another
is admitted(in_window(3600_000, sub { many(10, 'b1') })), 6,
   'another uid has its own';

# C-13: six hundred for a uid
my @d = in_window(60_000, sub {
    my $n = 0;
    my @last;
    for my $i (1 .. 11) {
        my @some = many(60, "d$i", '/default');
        $n += admitted(@some);
        push @last, admitted(@some);
    }
    return $n, @last;
});
is $d[0], 600, 'ten keys of one uid have six hundred';
is join(' ', @d[1 .. 11]), join(' ', (60) x 10, 0), 'the eleventh none';

$t->done;
