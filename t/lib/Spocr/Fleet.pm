# Three nodes of two workers each that count in one Redis, and what "exact"
# means for them (C-16): the same for true clocks and for wrong ones.
#
#   my $fleet = Spocr::Fleet->new(0, 30, -30);    # seconds that clocks are off
#   $fleet->windows;        # many short windows, each of them full
#   $fleet->neighbours;     # noisy keys of a uid cost its quiet ones nothing
#   $fleet->boundary;       # hammered across one: twice the limit
#   $fleet->test->done;
#
# Clients are paced: what is offered is three times the limit.  Where they come
# far behind that, a window might not be full for their sake: such a run says
# nothing, and another one is made.

package Spocr::Fleet;

use v5.36;
use List::Util qw(min);
use Spocr::Test;
use Time::HiRes qw(time);

my $CLIENTS = 4;
my $CONNECTIONS = 8;            # of each client

my $conf = <<'EOC';
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_limit_headers ietf;
    keepalive_requests 1000000;
    access_log off;
    root %%DIR%%;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;

        location /short {
            spocr_limit name=short key=6 uid=8 window=1s;
            try_files /page =404;
        }
        location /medium {
            spocr_limit name=medium key=60 window=6s;
            try_files /page =404;
        }
        location /long {
            spocr_limit name=long window=3600s;
            try_files /page =404;
        }
    }
}
EOC

# uids with one key, and uids with three that share a lower limit
my @alone = map { "alone$_" } 1 .. 60;
my @shared = map { my $uid = $_; map { "shared${uid}_$_" } 1 .. 3 } 1 .. 20;
my @noisy = map { "noisy$_" } 1 .. 5;
my @quiet = map { "quiet$_" } 1 .. 10;
my @across = map { "across$_" } 1 .. 12;

sub new ($class, @skews) {
    my $t = Spocr::Test->new(clock => shift(@skews) || undef);

    $t->keyfile(keys => {
        (map { ($_ => { uid => "u_$_" }) } @alone, @across),
        (map { ($_ => { uid => 'u_' . s/_.*//r }) } @shared),
        (map { ($_ => { uid => 'u_one' }) } @noisy, @quiet),
    });

    my @nodes = ($t, map { $t->node(clock => $_ || undef) } @skews);
    $_->file('page', 'x') for @nodes;
    $_->start($conf) for @nodes;
    $t->redis->linked(2 * @nodes);
    return bless { t => $t, nodes => \@nodes }, $class;
}

sub test ($self) { $self->{t} }

sub _load ($self, %o) {
    return Spocr::Load::run(
        clients => $CLIENTS, connections => $CONNECTIONS,
        ports => [map { $_->port(1) } @{ $self->{nodes} }], %o);
}

sub _request ($self, $target, $name) {
    my $key = $self->{t}->key($name);
    return "GET $target HTTP/1.1\r\nHost: a\r\n"
           . "Authorization: Bearer $key\r\n\r\n";
}

# All that is sent from the beginning of one window to shortly before the end
# of another.  An answer that came after that end might be of a window more:
# then all of it is done again.
sub _whole_windows ($self, $width, $n, %o) {
    my $label = delete $o{label};

    for (1 .. 8) {
        my $from = (int(time / $width) + 1) * $width;
        $from += $width if $from - time < 0.5;
        my $end = $from + $n * $width;

        my $got = $self->_load(
            %o, from => $from + 0.001, until => $end - 0.2 * $width,
            label => sub ($place, $status, $head, $body) {
                return 'late' if time >= $end;
                return $label->($place, $status, $head);
            });
        return $got if !$got->{labels}{late}
                       && $got->{behind} < 0.3 * $width;
    }
    die "this machine is too slow\n";
}

sub windows ($self) {
    my $n = 13;
    my @round = (@alone, @shared, @alone);
    my $got = $self->_whole_windows(1, $n, rate => 9 * @round,
        request => [map { $self->_request('/short', $_) } @round],
        label => sub ($place, $status, $head) {
            return undef if $status != 200;              ## no critic
            my $name = $round[$place] =~ s/_.*//r;
            my $level = $name =~ /alone/ ? 'key' : 'uid';
            my ($left) = $head =~ /^RateLimit: .*"$level";r=(\d+)/m;
            return "$name, $left left";
        });

    my (@over, @under, $windows);
    for my $name (@alone, map { "shared$_" } 1 .. 20) {
        my $limit = $name =~ /alone/ ? 6 : 8;
        for my $left (0 .. $limit - 1) {
            my $seen = $got->{labels}{"$name, $left left"} // 0;
            push @over, "$name, $left left: $seen times" if $seen > $n;
            push @under, "$name, $left left: $seen times" if $seen < $n;
        }
        $windows += $n;
    }

    my $offered = $got->{status}{200} + $got->{status}{429};
    ok !@over, "$windows windows, $offered requests: none over its limit"
        or diag join "\n", @over[0 .. min(9, $#over)];
    ok !@under, 'and none under it'
        or diag join "\n", @under[0 .. min(9, $#under)];
    is $got->{status}{200}, $n * (6 * @alone + 8 * 20), 'the sum';
    is join(' ', sort keys %{ $got->{status} }), '200 429', 'nothing else';
    is $got->{closed}, 0, 'nobody was dropped';
}

# Five keys far above their sixty, ten that need twenty-five each: 550 of a
# uid's 600, all of them good.
sub neighbours ($self) {
    my @names = map { (@noisy, $quiet[$_ % 10]) } 0 .. 249;
    my $got = in_window(3600_000, sub {
        $self->_load(total => scalar @names,
                     request => [map { $self->_request('/long', $_) } @names],
                     label => sub ($place, $status, @) {
                         return "$names[$place] $status";
                     });
    });

    is join(' ', map { $got->{labels}{"$_ 200"} // 0 } @noisy),
       join(' ', (60) x 5), 'sixty of each noisy key';
    is join(' ', map { $got->{labels}{"$_ 200"} // 0 } @quiet),
       join(' ', (25) x 10), 'and all that the quiet ones asked for';
    is $got->{status}{200}, 550, '550 of 550';
}

# From three seconds before a boundary to five after it.
sub boundary ($self) {
    my $width = 6;
    my $at = (int(time / $width) + 1) * $width;
    $at += $width if $at - 3.5 < time;

    my $got = $self->_load(
        from => $at - 3, until => $at + 5, rate => 40 * @across,
        request => [map { $self->_request('/medium', $_) } @across],
        label => sub ($place, $status, @) { "$across[$place] $status" });

    is join(' ', map { $got->{labels}{"$_ 200"} // 0 } @across),
       join(' ', (120) x @across),
       'exactly twice the limit across a boundary';
    is join(' ', sort keys %{ $got->{status} }), '200 429', 'nothing else';
}

1;
