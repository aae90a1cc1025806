# A stand-in for the operator's services, on loopback, for the tests of the
# backend: an OCR engine at /ocr and an OpenAI-compatible API below /v1.  It
# answers what the test has laid down, and writes down what it was asked.

package Spocr::Llm;

use v5.36;
use parent 'Spocr::Server';
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Spocr::Ocr ();

my $json = JSON::PP->new->utf8->canonical;

sub url ($self) { "http://127.0.0.1:$self->{port}" }

# the options of a backend that uses it
sub ocr ($self) { ('--ocr-url', $self->url . '/ocr') }
sub llm ($self) { ('--llm-url', $self->url, '--llm-model', 'stand-in') }

sub _write ($self, $name, $bytes) {
    open my $out, '>:raw', "$self->{dir}/$name.new" or die $!;
    print {$out} $bytes;
    close $out;
    rename "$self->{dir}/$name.new", "$self->{dir}/$name" or die $!;
}

# lays down an answer of "ocr" or "llm": status and bytes; the status may be
# "hang", "close", "redirect" or "flood" (an endless body)
sub say ($self, $name, $status, $bytes = '') {
    $self->_write("say.$name", "$status\n$bytes");
}

# the page that the OCR engine sees
sub page ($self, $page) { $self->say(ocr => 200, $json->encode($page)) }

# what the model says: a text, or data of which it is the JSON
sub content ($self, $content, %more) {
    $content = JSON::PP->new->canonical->encode($content) if ref $content;
    $self->say(llm => 200, $json->encode({ choices => [{
        index => 0, finish_reason => 'stop',
        message => { role => 'assistant', content => $content }, %more,
    }] }));
}

# a page drawn as text, 40 characters wide: its words are the tokens, in this
# order, on a picture of width x height
sub drawn ($width, $height, @lines) {
    my ($cw, $lh, @tokens) = ($width / 40, $height / (@lines + 1));
    for my $i (0 .. $#lines) {
        while ($lines[$i] =~ /(\S+)/g) {
            push @tokens, {
                text => $1, line => $i, confidence => 0.95,
                bbox => { xmin => $-[1] * $cw, xmax => $+[1] * $cw,
                          ymin => ($i + 0.2) * $lh, ymax => ($i + 0.9) * $lh },
            };
        }
    }
    return { width => $width, height => $height, tokens => \@tokens };
}

# the ids of the words that begin with the first and follow it
sub ids ($page, $text) {
    my @want = split ' ', $text;
    my @have = map { $_->{text} } @{ $page->{tokens} };
    for my $i (0 .. @have - @want) {
        return [$i .. $i + $#want] if "@have[$i .. $i + $#want]" eq "@want";
    }
    die "no \"$text\" on the page\n";
}

# a value with its words, as a model that tells the truth gives it
sub told ($page, $text) {
    return { value => $text, token_ids => ids($page, $text) };
}

# whether a box of an answer is the hull of words of the page
sub of_words ($page, $box) {
    my %edge;
    for my $t (@{ $page->{tokens} }) {
        my $b = $t->{bbox};
        my %at = (xmin => $b->{xmin} / $page->{width},
                  xmax => $b->{xmax} / $page->{width},
                  ymin => $b->{ymin} / $page->{height},
                  ymax => $b->{ymax} / $page->{height});
        $edge{$_}{ POSIX::floor($at{$_} * 1000 + 0.5) } = 1 for keys %at;
    }
    return !grep { !$edge{$_}{ $box->{bbox}{$_} } } keys %edge;
}

# what "ocr" or "llm" was asked so far: {path, headers, body}
sub asked ($self, $name) {
    my @all;
    for (sort glob "$self->{dir}/got.$name.*") {
        next if /\.new$/;
        my ($head, $body) = split /\r\n\r\n/, Spocr::Ocr::slurp($_), 2;
        my ($path) = $head =~ /^POST (\S+)/;
        my %h = map { /^([^:]+): *(.*)/ ? (lc $1 => $2) : () }
            split /\r\n/, $head;
        push @all, { path => $path, headers => \%h, body => $body };
    }
    return @all;
}

sub _serve ($self, $c) {
    my $head = '';
    while (<$c>) {
        last if /^\r?\n/;
        $head .= $_;
    }
    my ($path) = $head =~ m{^POST (/\S*)} or return;
    my ($len) = $head =~ /^Content-Length: *(\d+)/mi;
    read $c, my $body, $len // 0;

    my $name = $path eq '/ocr' ? 'ocr' : 'llm';
    my @n = glob "$self->{dir}/got.$name.*";
    $self->_write(sprintf('got.%s.%04d', $name, scalar @n),
                  "$head\r\n$body");

    my ($say, $bytes) = split /\n/,
        eval { Spocr::Ocr::slurp("$self->{dir}/say.$name") } // "404\n", 2;

    if ($say eq 'hang') {
        sleep 60;
    } elsif ($say eq 'close') {
        return;
    } elsif ($say eq 'redirect') {
        print {$c} "HTTP/1.1 307 Moved\r\nLocation: " . $self->url
            . "/elsewhere\r\nContent-Length: 0\r\n\r\n";
    } elsif ($say eq 'flood') {
        print {$c} "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":\"";
        for (1 .. 100) { print {$c} 'x' x 1048576 or last }
    } else {
        print {$c} "HTTP/1.1 $say X\r\nContent-Type: application/json\r\n"
            . 'Content-Length: ' . length($bytes) . "\r\n\r\n$bytes";
    }
    close $c;
}

sub DESTROY ($self) {
    local ($?, $!);
    if (my $pid = delete $self->{pid}) {
        kill KILL => -$pid;
        waitpid $pid, 0;
    }
}

1;
