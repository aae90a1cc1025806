# A raw HTTP/2 client, as far as a test of streams needs it: it opens, resets
# and reads streams when it is told to, and nothing in between.
#
#   my $c = Spocr::H2->new($t->port(2));
#   my $id = $c->open('/x', key => $key);      # GET, without a body
#   my $id = $c->open('/x', key => $key, method => 'POST', body => 'text',
#                     headers => [name => 'value', ...]);
#   my $id = $c->open('/x', unfinished => 1, method => 'POST');
#   $c->data($id, 'text', END);                # DATA, the last one or not
#   $c->poll(SECONDS);                         # takes what has come by then
#   $c->reset($id);
#   my $r = $c->answer($id);                   # {status, body}, {reset => CODE}
#   $c->close                                  # the connection, all at once
#
# Of an answer's header only the status is read: nginx writes it first, and
# not compressed.

package Spocr::H2;

use v5.36;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

my %TYPE = (DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4,
            PING => 6, GOAWAY => 7, CONTINUATION => 9);
my ($ACK, $END_STREAM, $END_HEADERS, $PADDED) = (1, 1, 4, 8);
my $CANCEL = 8;
my @STATUS = (200, 204, 206, 304, 400, 404, 500);     # RFC 7541, from 8 on

sub new ($class, $port) {
    my $fh = IO::Socket::INET->new(
        Proto => 'tcp', PeerAddr => '127.0.0.1', PeerPort => $port,
        Timeout => 10) or die "cannot connect: $!\n";
    my $self = bless { fh => $fh, in => '', next => 1, streams => {} },
                     $class;

    $self->_write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->_frame(SETTINGS => 0, 0, '');
    return $self;
}

sub close ($self) { close delete $self->{fh} }    ## no critic

sub _write ($self, $bytes) {
    my $n = syswrite $self->{fh}, $bytes;
    die "the connection is gone\n" if ($n // 0) != length $bytes;
}

sub _frame ($self, $type, $flags, $id, $payload) {
    my $length = substr pack('N', length $payload), 1;
    $self->_write($length . pack('CCN', $TYPE{$type}, $flags, $id) . $payload);
}

# Literals that are not indexed, with lengths below 127.
sub _headers (@pairs) {
    my $block = '';
    while (my ($name, $value) = splice @pairs, 0, 2) {
        $block .= "\0" . join '', map { chr(length) . $_ } $name, $value;
    }
    return $block;
}

sub open ($self, $target, %o) {                   ## no critic
    my $id = $self->{next};
    $self->{next} += 2;
    $self->{streams}{$id} = { body => '' };
    my $end = defined $o{body} || $o{unfinished} ? 0 : $END_STREAM;
    $self->_frame(HEADERS => $end | $END_HEADERS, $id, _headers(
        ':method' => $o{method} // 'GET', ':scheme' => 'http',
        ':path' => $target, ':authority' => 'localhost',
        defined $o{key} ? (authorization => "Bearer $o{key}") : (),
        @{ $o{headers} // [] }));
    $self->_frame(DATA => $END_STREAM, $id, $o{body}) if defined $o{body};
    return $id;
}

sub data ($self, $id, $bytes, $end = 0) {
    $self->_frame(DATA => $end ? $END_STREAM : 0, $id, $bytes);
}

sub poll ($self, $seconds) {
    IO::Select->new($self->{fh})->can_read($seconds) or return;
    sysread $self->{fh}, $self->{in}, 65536, length $self->{in}
        or die "the connection is gone\n";
    1 while $self->_take;
}

sub reset ($self, $id) {                          ## no critic
    $self->_frame(RST_STREAM => 0, $id, pack 'N', $CANCEL);
}

sub answer ($self, $id, $seconds = 20) {
    my $until = time + $seconds;
    my $stream = $self->{streams}{$id};

    until ($stream->{end}) {
        my $left = $until - time;
        die "no answer in time\n" if $left <= 0;
        next if !IO::Select->new($self->{fh})->can_read($left);
        sysread $self->{fh}, $self->{in}, 65536, length $self->{in}
            or die "the connection is gone\n";
        1 while $self->_take;
    }
    return $stream;
}

# One frame, if all of it has come.
sub _take ($self) {
    return 0 if length $self->{in} < 9;
    my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $self->{in};
    my $length = $high * 65536 + $low;
    return 0 if length $self->{in} < 9 + $length;

    my $payload = substr $self->{in}, 9, $length;
    substr $self->{in}, 0, 9 + $length, '';
    my $stream = $self->{streams}{$id} // {};

    if ($type == $TYPE{HEADERS}) {
        die "a padded header\n" if $flags & $PADDED;
        $payload =~ s/^\x20//;                    # no table
        $stream->{status} //=
            $payload =~ /^([\x88-\x8e])/ ? $STATUS[ord($1) - 0x88]
            : $payload =~ /^[\x08\x48]\x03(\d{3})/ ? $1
            : die "a header that begins otherwise\n";
    }
    $stream->{body} .= $payload if $type == $TYPE{DATA};
    $stream->{end} = 1
        if $type <= $TYPE{HEADERS} && $flags & $END_STREAM;
    @$stream{qw(end reset)} = (1, unpack 'N', $payload)
        if $type == $TYPE{RST_STREAM};
    $self->_frame(SETTINGS => $ACK, 0, '')
        if $type == $TYPE{SETTINGS} && !($flags & $ACK);
    $self->_frame(PING => $ACK, 0, $payload)
        if $type == $TYPE{PING} && !($flags & $ACK);
    die "GOAWAY\n" if $type == $TYPE{GOAWAY};
    return 1;
}

1;
