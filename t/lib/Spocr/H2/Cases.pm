# The cases of the HTTP/2 suite, and what RFC 9113 and RFC 7541 say must
# happen in each.
#
#   my @cases = Spocr::H2::Cases::all($key);
#   Spocr::H2::Cases::passed($case, $result);      # of Spocr::H2::Run
#
# A case is of one section.  What must happen is one of
#
#   conn(CODES)         a connection error: GOAWAY with one of the codes, or
#                       the connection is closed without (5.4.1: GOAWAY is a
#                       SHOULD)
#   stream(ID, CODES)   a stream error, or a connection error of that code,
#                       as any stream error may be treated (5.4.2)
#   malformed(ID)       a stream error PROTOCOL_ERROR or a status of 4xx (8.1.1)
#   answered(ID, STATUS, [SUB])      with this status, and the connection goes
#                       on; SUB checks the stream
#   ignored()           nothing but that the connection goes on
#   either(..., ...)    any of several

package Spocr::H2::Cases;

use v5.36;
use parent 'Exporter';
use JSON::PP ();
use Spocr::H2::Frames;

our @EXPORT = qw(case conn stream malformed answered ignored either
                 fields get post echo);
our ($key, @cases, $section);

sub all ($with) {
    local ($key, @cases) = ($with);
    for my $part (qw(Streams Frames Messages Hpack)) {
        require "Spocr/H2/Cases/$part.pm";
        "Spocr::H2::Cases::$part"->can('make')->();
    }
    my %seen;
    for (@cases) {
        die "two cases are named $_->{section} $_->{name}\n"
            if $seen{"$_->{section} $_->{name}"}++;
    }
    return @cases;
}

# case(SECTION, NAME, WANT, STEPS, options of Spocr::H2::Run)
sub case ($where, $name, $want, $steps, %o) {
    push @cases, { section => $where, name => $name, want => $want,
                   steps => [ref $steps ? @$steps : $steps],
                   wait => $want->{wait}, %o };
}

sub _among ($code, @codes) {
    return !@codes || grep { $Spocr::H2::Frames::CODES[$code // 99] eq $_ }
                      grep { defined $code && $code <= 13 } @codes;
}

sub conn (@codes) {
    my $text = join ' or ', @codes;
    return { wait => ['end'], text => "connection error $text",
             test => sub ($r) {
        return $r->{eof} && (!defined $r->{goaway}
                             || _among($r->{goaway}, @codes));
    } };
}

sub stream ($id, @codes) {
    my $conn = conn(@codes);
    my $text = join ' or ', @codes;
    return { wait => [$id], text => "stream error $text", test => sub ($r) {
        my $s = $r->{streams}{$id} // {};
        return defined $s->{reset} ? _among($s->{reset}, @codes)
                                   : $conn->{test}->($r);
    } };
}

sub malformed ($id) {
    my $stream = stream($id, 'PROTOCOL_ERROR');
    return { wait => [$id], text => 'malformed', test => sub ($r) {
        my $status = ($r->{streams}{$id} // {})->{status};
        return defined $status ? $status =~ /^4/ : $stream->{test}->($r);
    } };
}

sub answered ($id, $status = 200, $check = undef) {
    return { wait => [$id], text => "answered $status", test => sub ($r) {
        my $s = $r->{streams}{$id} // {};
        return $r->{alive} && $s->{end} && ($s->{status} // 0) =~ /^$status$/
               && !defined $r->{goaway} && (!$check || $check->($s, $r));
    } };
}

sub ignored ($check = undef) {
    return { wait => [], text => 'ignored', test => sub ($r) {
        return $r->{alive} && !defined $r->{goaway}
               && !grep({ defined $_->{reset} } values %{ $r->{streams} })
               && (!$check || $check->($r));
    } };
}

sub either (@wants) {
    my %wait = map { $_ => 1 } map { @{ $_->{wait} } } @wants;
    %wait = () if grep { !@{ $_->{wait} } } @wants;
    delete $wait{end} if keys %wait > 1;
    return { wait => [sort keys %wait], text => join(' or ', map { $_->{text} }
                                                     @wants),
             test => sub ($r) { scalar grep { $_->{test}->($r) } @wants } };
}

sub passed ($case, $result) { $case->{want}{test}->($result) ? 1 : 0 }

# The block of a request with the key: fields(NAME => VALUE, ...) are added to
# or, where VALUE is undef, left out of the usual ones.
sub fields (%o) {
    my %usual = (':method' => 'GET', ':scheme' => 'http', ':path' => '/x',
                 ':authority' => 'localhost');
    my @names = qw(:method :scheme :path :authority);
    exists $o{$_} and $usual{$_} = delete $o{$_} for @names;
    return join('', map { defined $usual{$_} ? plain($_, $usual{$_}) : () }
                    @names)
           . plain(authorization => "Bearer $key")
           . join '', map { plain($_, $o{$_}) } sort keys %o;
}

sub get ($id, %o) { headers($id, fields(%o)) }
sub post ($id, %o) {
    return headers($id, fields(':method' => 'POST', %o), END_HEADERS);
}

# A check: what the backend was told.
sub echo (%want) {
    return sub ($s, $r) {
        my $told = eval { JSON::PP->new->utf8->decode($s->{body}) } or return;
        return !grep {
            my $name = $_;
            my $got = exists $told->{$name} ? $told->{$name}
                : join '|', map { $_->[1] } grep { lc $_->[0] eq $name }
                            @{ $told->{headers} };
            ($got // '') ne $want{$name};
        } keys %want;
    };
}

1;
