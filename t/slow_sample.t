# The shipped configuration and slow clients: a thousand of them are held in
# little memory while others are served, and each is cut on time.  (C-43)

use lib 't/lib';
use Spocr::Test;
use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my $HELD = 600;                 # slow headers, and as many slow bodies

my $t = Spocr::Test->new;
my $dir = $t->dir;

$t->keyfile(keys => { all => { uid => 'u_acme' } });
$t->backend;
mkdir "$dir/spocr";

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

# As shipped but for addresses and paths, and what %seconds says.
sub deploy (%seconds) {
    for my $path (glob 'conf.d/*.conf conf.d/openapi.json') {
        my $text = slurp($path);
        my ($name) = $path =~ m{([^/]+)$};

        $text =~ s/\b127\.0\.0\.1:8080\b/'127.0.0.1:' . $t->port(1)/ge;
        $text =~ s/\b127\.0\.0\.1:8081\b/'127.0.0.1:' . $t->port(2)/ge;
        $text =~ s{/run/spocr-backend/}{$dir/}g;
        $text =~ s{/etc/spocr/}{$dir/}g;
        $text =~ s{/etc/nginx/spocr\b}{$dir/spocr}g;
        $text =~ s{/var/log/nginx/}{$dir/}g;

        $text =~ s/^spocr_limit .*/spocr_limit off;/m if $name eq 'api.conf';
        for my $what (sort keys %seconds) {
            $text =~ s/^$what \d+s\b/$what $seconds{$what}/m
                or $name eq 'api.conf' && fail "api.conf has $what";
        }
        $t->file("spocr/$name", $text);
    }
}

sub page () {
    return "# %%PORT_1%%\n%%MAIN%%\n"
        . "worker_processes 2; worker_rlimit_nofile 8192;\n"
        . "events { worker_connections 4096; }\n"
        . "http { %%HTTP%%\ninclude spocr/spocr.conf; }\n";
}

my $key = $t->key('all');
my $head = "POST /upload HTTP/1.1\r\nHost: localhost\r\n"
           . "Authorization: Bearer $key\r\n";
my $body = "${head}Content-Length: 1000000\r\n\r\n";

# Connections that have sent so much, and drip after that.
sub slow ($bytes, $n) {
    return map {
        my $fh = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $t->port(1))
            or die "cannot connect: $!\n";
        $fh->blocking(0);
        syswrite $fh, $bytes;
        $fh;
    } 1 .. $n;
}

# One more byte on each; those that were closed are left out.
sub drip (@open) {
    return grep {
        my $n = sysread $_, my $in, 4096;
        if (defined $n || !($! == EAGAIN || $! == EINTR)) {
            0;
        } else {
            syswrite $_, 'x';
            1;
        }
    } @open;
}

sub memory () {
    my $kb = 0;
    for my $pid ($t->workers) {
        $kb += $1 if slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    }
    return $kb;
}

sub metric ($name) {
    my ($n) = $t->get('/metrics', port => 2)->body =~ /^$name (\d+)$/m;
    return $n;
}

# -- as shipped: they are held, and hurt nobody

deploy();

# memory that nobody uses is not there
local $ENV{MALLOC_PERTURB_} = 0;
$t->start(page());

for my $case (['headers', $head], ['bodies', $body]) {
    my ($name, $bytes) = @$case;
    ok $t->reload(page()), "new workers, for slow $name";
    $t->post('/upload', key => $key, body => 'x') for 1 .. 50;
    my $before = memory();
    my @held = slow($bytes, $HELD);
    @held = drip(@held) for 1 .. 2;
    is scalar @held, $HELD, "$HELD slow $name are held";

    # their bytes have been read when a later one's have
    my @r = map { $t->post('/upload', key => $key, body => 'mine') } 1 .. 50;
    is scalar(grep { $_->status == 200 } @r), 50, 'others are served';
    my $each = (memory() - $before) / $HELD;
    note sprintf '%.1f KB for each of the slow %s', $each, $name;
    SKIP: {
        skip 'another allocator, as with make asan', 1 if !$t->{module};
        cmp_ok $each, '<', 64, 'with little memory for each';
    }
    close $_ for @held;
}

ok wait_for(sub { $t->get('/nothing', key => $key)->status == 404 }),
    'and all is well afterwards';
is metric('nginx_spocr_slow_bodies_total'), 0, 'nobody was cut';

# -- with shorter times of the same directives: all are cut

deploy(client_header_timeout => '1s', spocr_body_timeout => '1s',
       lingering_time => '1s');
ok $t->reload(page()), 'shorter times';

my @slow = map { [$_->[0], slow($_->[1], 100)] }
    ['headers', $head], ['bodies', $body],
    ['bodies without a key', "POST /upload HTTP/1.1\r\nHost: localhost\r\n"
                             . "Content-Length: 1000000\r\n\r\n"],
    ['bodies to nowhere', "POST /upload HTTP/1.1\r\nHost: elsewhere\r\n"
                          . "Content-Length: 1000000\r\n\r\n"];

my $start = time;
my ($served, $asked) = (0, 0);
while (time < $start + 20 && grep { @$_ > 1 } @slow) {
    @$_ = ($_->[0], drip(@$_[1 .. $#$_])) for @slow;
    $asked++;
    $served++
        if $t->post('/upload', key => $key, body => 'mine')->status == 200;
    sleep 0.05;
}
is $#$_, 0, "each of the slow $_->[0] is cut" for @slow;
is $served, $asked, 'others are served meanwhile';
ok wait_for(sub { metric('nginx_spocr_slow_bodies_total') == 100 }),
    'the metric counts the bodies';

$t->done;
