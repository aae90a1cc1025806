# A receiver of webhooks on loopback, for the tests of the backend: writes
# down what it is sent, and answers as it is told.
#
# /NAME is answered as by the last say(NAME => ANSWER): a status, "hang" (no
# answer), "close" (none, and the connection is closed), "redirect" (to /ok),
# or "long" (200 and an endless body).  Without one it is 200.

package Spocr::Hooks;

use v5.36;
use parent 'Spocr::Server';
use Digest::SHA qw(hmac_sha256_hex);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

# a Spocr::Contract: each event is held against the description of the API
our $contract;

sub host ($self) { "127.0.0.1:$self->{port}" }
sub url ($self, $name) { 'http://' . $self->host . "/$name" }

sub say ($self, $name, $answer) {
    open my $out, '>', "$self->{dir}/say.$name.new" or die $!;
    print {$out} $answer;
    close $out;
    rename "$self->{dir}/say.$name.new", "$self->{dir}/say.$name" or die $!;
}

# what came to /NAME so far, oldest first: {path, method, headers, body, json}
sub got ($self, $name) {
    my @all;
    for (sort glob "$self->{dir}/got.$name.*") {
        next if /\.new$/;
        open my $in, '<:raw', $_ or next;
        local $/;
        push @all, JSON::PP->new->decode(scalar <$in>);
        $contract->judge_event(@{ $all[-1] }{qw(headers body)})
            if $contract && !$self->{judged}{$_}++;
    }
    for (@all) { $_->{json} = eval { JSON::PP->new->utf8->decode($_->{body}) } }
    return @all;
}

# whether a delivery's signature is the secret's, computed here anew
sub signed ($r, $secret, $body = $r->{body}) {
    my ($t, $v1) = ($r->{headers}{'x-spaceocr-signature'} // '')
        =~ /^t=(\d+),v1=([0-9a-f]{64})\z/ or return 0;
    return abs(time - $t) < 60 && $v1 eq hmac_sha256_hex("$t.$body", $secret);
}

# ends all connections that hang
sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    kill -9 => $pid;
    waitpid $pid, 0;
}

sub DESTROY ($self) {
    local ($?, $!);
    $self->stop;
}

sub _serve ($self, $c) {
    my $line = <$c> // return;
    my ($method, $path) = split / /, $line;
    my (%h, $body);
    while (<$c>) {
        last if /^\r?\n/;
        $h{lc $1} = $2 if /^([^:]+): *(.*?)\r?\n/;
    }
    read $c, $body = '', $h{'content-length'} // 0;

    my ($name) = $path =~ m{^/(\w+)};
    my $file = sprintf '%s/got.%s.%.6f.%d', $self->{dir}, $name,
        Time::HiRes::time(), $$;
    open my $out, '>:raw', "$file.new" or die $!;
    print {$out} JSON::PP->new->latin1->encode({
        method => $method, path => $path, headers => \%h, body => $body });
    close $out;
    rename "$file.new", $file or die $!;

    my $say = 200;
    if (open my $in, '<', "$self->{dir}/say.$name") { $say = <$in> }

    if ($say eq 'hang') { sleep 60 while 1 }
    return if $say eq 'close';
    if ($say eq 'redirect') {
        print {$c} "HTTP/1.1 307 Elsewhere\r\nLocation: /ok\r\n"
            . "Content-Length: 0\r\nConnection: close\r\n\r\n";
    } elsif ($say eq 'long') {
        print {$c} "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        for (1 .. 64) { print {$c} 'x' x 1048576 or last }
    } else {
        print {$c} "HTTP/1.1 $say Told\r\nContent-Length: 2\r\n"
            . "Connection: close\r\n\r\nok";
    }
    close $c;
}

require Time::HiRes;

1;
