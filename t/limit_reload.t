# Counters outlive a reload.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(sleep);

my $t = Spocr::Test->new;

$t->keyfile(keys => {
    (map { ("k$_" => { uid => "u_$_" }) } 1 .. 5),
});

my $conf = <<'EOF';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=60 window=3600s;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF
$t->start($conf);

sub statuses ($n, $name) {
    my $c = $t->conn;
    return map { $c->request(GET => '/x', key => $t->key($name))->status }
           1 .. $n;
}

# C-20
my @r = in_window(3600_000, sub {
    my @before = statuses(59, 'k1');
    my $done = $t->reload;
    return $done, [@before], [statuses(2, 'k1')];
});
ok $r[0], 'the reload took place';
is scalar(grep { $_ == 200 } @{ $r[1] }), 59, 'fifty-nine before it';
is "@{ $r[2] }", '200 429', 'one more after it';

# a refused configuration changes nothing
@r = in_window(3600_000, sub {
    my @before = statuses(59, 'k2');
    my $done = $t->reload("$conf\nspocr bogus;\n");
    return $done, [statuses(2, 'k2')];
});
$t->allow(qr/\[emerg\].*"spocr" directive is not allowed here/);
ok !$r[0], 'a bad configuration is refused';
is "@{ $r[1] }", '200 429', 'and the counters go on';

# other limits, the same counters
@r = in_window(3600_000, sub {
    my @before = statuses(20, 'k3');
    my $done = $t->reload($conf =~ s/key=60/key=21/r);
    return $done, [statuses(2, 'k3')];
});
is "@{ $r[1] }", '200 429', 'a lower limit counts what was used before';

# a zone of another size begins anew, and nothing breaks
ok $t->reload($conf =~ s/zone=z:1m/zone=z:2m/r), 'another size';
is join(' ', statuses(2, 'k3')), '200 200', 'it serves';
ok $t->reload($conf =~ s/zone=z:1m/zone=other:1m/r), 'another name';
is join(' ', statuses(2, 'k3')), '200 200', 'it serves';
ok $t->reload($conf =~ s/zone=z:1m/zone=z:64k/r), 'the least size';
is join(' ', statuses(2, 'k3')), '200 200', 'it serves';
ok $t->reload($conf), 'and back';

# C-20: under load
my $key = $t->key('k4');
my $bytes = "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer $key\r\n\r\n";
my $child = fork // die "fork: $!";
if (!$child) {
    for (1 .. 4) { sleep 0.2; kill HUP => $t->{pid} }
    POSIX::_exit(0);
}
my $got = in_window(3600_000, sub {
    $t->load(request => $bytes, total => 6000, clients => 2);
});
waitpid $child, 0;
is $got->{status}{200}, 60, 'sixty over four reloads under load'
    or diag explain $got->{status}, $got->{closed};
is join(' ', sort keys %{ $got->{status} }), '200 429', 'nothing else';

$t->done;
