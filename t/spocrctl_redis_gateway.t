# The gateway as the user that "spocrctl redis acl" prints, and spocrctl as
# its own: what one does, the other knows. C-10, C-13, C-16; section 5.

use lib 't/lib';
use Spocr::Test;
use Spocr::Ctl ();
use Spocr::Redis;
use Time::HiRes qw(sleep time);

my $t = Spocr::Test->new;
my $redis = $t->redis;
my $admin = Spocr::Ctl->new(redis => $redis->url);
my %file = map { ($_ => $admin->secret($_, "the-$_-password\n")) }
           qw(spocr spocrctl);

# as an administrator does it
for my $whom (qw(gateway spocrctl)) {
    my $name = $whom eq 'gateway' ? 'spocr' : $whom;
    my $r = $admin->run(qw(redis acl --for), $whom, '--password-file',
                        $file{$name});
    $redis->do(split / /, $r->{out} =~ s/\n//r);
}
is $admin->run(qw(redis install))->{code}, 0, 'the functions are installed';

my $url = $redis->url;
my $ctl = Spocr::Ctl->new(redis => $url =~ s{//}{//spocrctl\@}r
                                   . " password_file=$file{spocrctl}");
$url =~ s{//}{//spocr\@};

$t->start(<<"EOC");
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_redis $url timeout=10s password_file=$file{spocr};
    spocr_keys redis ttl=10m negative_ttl=10m;
    spocr_zone zone=z:1m;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
        location /upload {
            spocr_limit name=upload key=7 uid=70 window=1000s;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOC

sub status ($key, $uri = '/') {
    return $t->get($uri, key => $key)->status;
}

# Until it answers so, for a second at most (C-10).
sub becomes ($key, $status, $name) {
    my $until = time + 1;
    my $got;
    while (1) {
        $got = status($key);
        last if $got == $status || time > $until;
        sleep 0.01;
    }
    is $got, $status, $name;
}

sub text_of ($r) { $r->{out} =~ s/\n//r }

# -- the change acts, though all is cached for ten minutes

$ctl->run(qw(plan set tiny --uid-limit 1000));
my $key = text_of($ctl->run(qw(key create --uid u_1 --id key_1)));
is status($key), 200, 'a key that was made is let through';
$ctl->run(qw(tenant set u_1 --status disabled));
becomes($key, 403, 'its tenant is disabled');
$ctl->run(qw(tenant set u_1 --status active --plan tiny));
becomes($key, 200, 'and active again');
my $new = text_of($ctl->run(qw(key rotate key_1 --id key_2 --grace 1h)));
is status($new), 200, 'the key that it was rotated to';
is status($key), 200, 'and the old one';
$ctl->run(qw(key revoke key_1));
becomes($key, 403, 'which is revoked');
is status($new), 200, 'the new one is not';

my $later = 'spocr_later';
is status($later), 403, 'a key that nobody knows';
$ctl->run_with("$later\n", qw(key import --uid u_1));
becomes($later, 200, 'and that is imported then');

my $many = join '', map { "spocr_many_$_\n" } 1 .. 80;
is status('spocr_many_80'), 403, 'another one';
$ctl->run_with($many, qw(key import --uid u_many));
becomes('spocr_many_80', 200, 'of many at once');

# -- limits: what the gateway has counted

my $upload;
in_window(1000000, sub {
    status($new, '/upload') for 1 .. 9;
    ($upload) = grep { $_->{name} eq 'upload' }
                @{ $ctl->json(qw(limits u_1))->{limits} };
});
is $upload->{windowMs}, 1000000, 'limits: the window';
cmp_ok $upload->{leftMs}, '<=', 1000000, 'what is left of it';
my %count = map { ($_->{id} => $_->{count}) } @{ $upload->{keys} };
is $count{key_2}, 7, 'the key has taken its seven';
is $count{key_1}, 0, 'another one nothing';
is $upload->{uid}{count}, $count{key_2}, 'and so has its uid';

# -- doctor, as the gateway's user

my $doctor = Spocr::Ctl->new(redis => "$url password_file=$file{spocr}");
my $r = $doctor->run('doctor');
is $r->{code}, 0, 'doctor is content' or diag $r->{out};
like $r->{out}, qr/^ok +permissions +all that the gateway needs$/m,
    'as it may do what the gateway does';
unlike $t->log, qr/NOPERM/, 'nothing was denied to the gateway';

$t->done;
