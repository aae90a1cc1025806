# Two readers of HTTP/1.1 requests that have nothing in common: one takes what
# the grammar of RFC 9112 has and nothing else, the other takes whatever some
# server somewhere has been seen to take.  Bytes that are safe to send to a
# backend are read by both in the same way.  (Controls in values are kept by
# both, as RFC 9110, 5.5, lets a recipient do, and nginx does; as are bytes
# above 0x7f in a query.)
#
#   my ($requests, $rest, $error) = Spocr::Wire::strict($bytes);
#   my ($requests, $rest, $error) = Spocr::Wire::lenient($bytes);
#
# Requests are {method, target, headers => [[name, value], ...], body}; rest is
# what is left: the beginning of another one, or, with error, what is none.

package Spocr::Wire;

use v5.36;

my $TOKEN = qr/[!#\$%&'*+\-.^_`|~0-9A-Za-z]+/;

sub strict ($bytes) {
    my @requests;

    while (length $bytes) {
        my $end = index $bytes, "\r\n\r\n";
        if ($end < 0) {
            return (\@requests, $bytes, 'a line end that is none')
                if $bytes =~ /(?<!\r)\n|\r(?!\n|\z)|\0/;
            last;
        }
        my ($first, @lines) = split /\r\n/, substr($bytes, 0, $end), -1;
        my $bad = sub ($why) { (\@requests, $bytes, $why) };

        my ($method, $target, $version) =
            $first =~ m{\A($TOKEN) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])\z}
            or return $bad->("a request line: $first");

        my (@headers, %count, %value);
        for my $line (@lines) {
            my ($name, $value) =
                $line =~ /\A($TOKEN):[ \t]*([^\0\r\n]*?)[ \t]*\z/
                or return $bad->("a header: $line");
            push @headers, [$name, $value];
            $count{ lc $name }++;
            $value{ lc $name } = $value;
        }
        for my $once (qw(host content-length transfer-encoding)) {
            return $bad->("$once twice") if ($count{$once} // 0) > 1;
        }
        return $bad->('no host') if !$count{host} && $version;

        my ($length, $coding) = @value{qw(content-length transfer-encoding)};
        return $bad->('a length and a coding')
            if defined $length && defined $coding;
        return $bad->("a length: $length")
            if defined $length && $length !~ /\A(?:0|[1-9]\d{0,15})\z/;
        return $bad->("a coding: $coding")
            if defined $coding && ($coding ne 'chunked' || !$version);

        my $rest = substr $bytes, $end + 4;
        my $body;
        if (defined $coding) {
            my $error;
            ($body, $error) = _strict_chunks(\$rest);
            return $bad->($error) if $error;
            last if !defined $body;
        } else {
            $length //= 0;
            last if length $rest < $length;
            $body = substr $rest, 0, $length, '';
        }
        push @requests, { method => $method, target => $target,
                          headers => \@headers, body => $body };
        $bytes = $rest;
    }
    return (\@requests, $bytes, undef);
}

# All chunks, taken from the text; nothing while they are not complete.
sub _strict_chunks ($text) {
    my $body = '';
    pos($$text) = 0;

    while ($$text =~ /\G([0-9A-Fa-f]{1,8})\r\n/gc) {
        my ($n, $at) = (hex $1, pos $$text);
        if (!$n) {
            return if length $$text < $at + 2;
            return (undef, 'a trailer') if substr($$text, $at, 2) ne "\r\n";
            substr $$text, 0, $at + 2, '';
            return ($body, undef);
        }
        return if length $$text < $at + $n + 2;
        return (undef, 'a chunk that ends otherwise')
            if substr($$text, $at + $n, 2) ne "\r\n";
        $body .= substr $$text, $at, $n;
        pos($$text) = $at + $n + 2;
    }
    my $left = substr $$text, pos($$text) // 0;
    return (undef, "a chunk: $left")
        if $left !~ /\A[0-9A-Fa-f]{0,8}\r?\z/;
    return;
}

# Any line end, blank lines before a request, any blanks, folded lines, "_" for
# "-", the first length of several, chunked wherever the word stands, and it
# goes before a length; sizes with signs, prefixes, extensions.
sub lenient ($bytes) {
    my $eol = qr/\r\n|\n|\r(?!\n)/;
    my @requests;

    while (1) {
        $bytes =~ s/\A(?:[ \t]*$eol)+//;
        last if $bytes !~ /\A(.*?)$eol(?:[ \t]*$eol)/s;
        my ($head, $end) = ($1, $+[0]);
        $head =~ s/$eol[ \t]+/ /g;
        my ($first, @lines) = split /$eol/, $head;
        my ($method, $target) = split ' ', $first;

        my (@headers, $length, $chunked);
        for (@lines) {
            my ($name, $value) = split /:/, $_, 2;
            s/\A[\s\0]+|[\s\0]+\z//g for $name, $value // ();
            push @headers, [$name, $value];
            my $known = lc $name =~ tr/_/-/r =~ s/[^A-Za-z0-9-]//gr;
            $length //= $1
                if $known eq 'content-length' && ($value // '') =~ /(\d+)/;
            $chunked = 1
                if $known eq 'transfer-encoding'
                   && ($value // '') =~ /chunked/i;
        }

        my $rest = substr $bytes, $end;
        my $body = '';
        if ($chunked) {
            my $done;
            while ($rest =~ s/\A\s*(?:\+|0x)?([0-9a-f]*)[^\r\n]*(?:$eol)//i) {
                my $n = hex substr $1 || 0, -8;
                if (!$n) {
                    $done = $rest =~ s/\A(?:[^\r\n]+$eol)*(?:$eol)//;
                    last;
                }
                last if length $rest < $n;
                $body .= substr $rest, 0, $n, '';
                $rest =~ s/\A$eol//;
            }
            last if !$done;
        } else {
            $length //= 0;
            last if length $rest < $length;
            $body = substr $rest, 0, $length, '';
        }
        push @requests, { method => $method, target => $target,
                          headers => \@headers, body => $body };
        $bytes = $rest;
    }
    return (\@requests, $bytes, undef);
}

1;
