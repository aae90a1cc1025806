# A zone with no room left forgets nobody who is counted, and says so.

use lib 't/lib';
use Spocr::Test;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;

my $n = 3000;
$t->keyfile(keys => {
    (map { ("f$_" => { uid => "u_$_" }) } 1 .. $n),
    alice => { uid => 'u_acme' },
    bob => { uid => 'u_bob', limits => { key => undef } },
});

my $conf = <<'EOF';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    log_format limit '$spocr_limit_status $status';
    access_log %%DIR%%/limit.log limit;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:64k;
    keepalive_requests 100000;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=60 window=3600s;

        location / { try_files /page =404; }
        location /deny { spocr_limit_on_error deny;
                         try_files /page =404; }
        location /allow { spocr_limit_on_error allow;
                          try_files /page =404; }
        location /short { spocr_limit name=short key=60 window=2s;
                          try_files /page =404; }
    }
}
EOF
$t->file('page', 'x');
$t->start($conf);

sub request ($target, $name) {
    my $key = $t->key($name);
    return "GET $target HTTP/1.1\r\nHost: a\r\n"
           . "Authorization: Bearer $key\r\n\r\n";
}

sub flood ($target) {
    return $t->load(total => $n, clients => 2, request =>
                    [map { request($target, "f$_") } 1 .. $n])->{status};
}

# C-20
my ($before, $status, $after, $error, $allowed, $denied) =
    in_window(3600_000, sub {
        my @before = map { $t->get('/x', key => $t->key('alice')) } 1 .. 59;
        my $status = flood('/x');
        my @after = map { $t->get('/x', key => $t->key('alice')) } 1 .. 2;
        my ($error, $allowed, $denied) = (undef, 0);
        for my $i (1 .. $n) {
            my $r = $t->get('/deny', key => $t->key("f$i"));
            next if $r->status == 200;
            $error = $r;
            $denied = "f$i";
            $allowed = $t->get('/allow', key => $t->key("f$i"))->status;
            last;
        }
        return \@before, $status, \@after, $error, $allowed, $denied;
    });

is scalar(grep { $_->status == 200 } @$before), 59, 'fifty-nine of sixty';
cmp_ok $status->{200}, '>', 600, 'many of three thousand had room';
cmp_ok $status->{503} // 0, '>', 600, 'and many had not';
is join(' ', sort keys %$status), '200 503', 'nothing else';
is join(' ', map { $_->status } @$after), '200 429',
   'who was counted before is counted on';

is_error $error, 503, 'service_unavailable', 'no room: 503',
    details => $error->json->{details};                         # C-14
cmp_ok $error->json->{details}{retryAfterSec}, '>=', 1, 'with the seconds';
is $allowed, 200, 'allow: let through';
ok $t->wait_log(qr/^BYPASSED 200$/m, 'limit.log'), 'and the log says so';

# C-3: a line in the error log, one for each second and worker, with a count
# (the count comes with the next line: there must be a next second)
wait_for(sub {
    $t->get('/deny', key => $t->key($denied));
    return $t->log =~ /more requests were refused with service_unavailable/;
});
my @lines = grep { /refused.*service_unavailable|service_unavailable.*refused/ }
            split /\n/, $t->log;
my @main = grep { /req_[0-9a-f]{32}/ } @lines;
cmp_ok scalar @main, '>=', 1, 'the error log says why';
my %seen;
$seen{ join ' ', /^(\S+ \S+) \[error\] (\d+)/ }++ for @main;
is_deeply [grep { $seen{$_} > 1 } keys %seen], [],
    'not twice in one second by one worker';
like $main[0], qr/zone is full/, 'the line has the reason';
like $main[0], qr/uid "u_\w+", key "key_\w+"/, 'and whose request it was';
like $main[0], qr/step/, 'and the step';
cmp_ok scalar @lines - @main, '>=', 1, 'and the others are counted'
    or diag @lines;

# C-11: keys that are not known take no room
my $full = grep { $t->get('/deny', key => $t->key("f$_"))->status == 503 }
           1 .. 20;
my $got = $t->load(total => 3000, clients => 2, request => [
    map { "GET /x HTTP/1.1\r\nHost: a\r\n"
          . "Authorization: Bearer spocr_no_$_\r\n\r\n" } 1 .. 1000 ]);
is $got->{status}{403}, 3000, 'three thousand unknown keys';

# what has expired makes room: a new zone, filled for two seconds
ok $t->reload($conf =~ s/zone=z:64k/zone=fresh:64k/r), 'a new zone';
my $round = in_window(2000, sub { flood('/short') });
ok wait_for(sub {
    my @s = map { $t->get('/short', key => $t->key("f$_"))->status } 1 .. 300;
    return !grep { $_ != 200 } @s;
}), 'after their windows others have the room';

$t->done;
