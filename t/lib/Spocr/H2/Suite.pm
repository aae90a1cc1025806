# The HTTP/2 suite on one nginx with two servers: one that spocr gates, and one
# without it.  t/http2_conformance.t asserts on what it finds, and
# t/conformance/run writes docs/conformance.md from it.
#
#   my $suite = Spocr::H2::Suite->new($t);         # a Spocr::Test; starts it
#   for my $row ($suite->rows) {     # section, name, want, with, without,
#   }                                # passed
#   $suite->page                     # docs/conformance.md

package Spocr::H2::Suite;

use v5.36;
use Spocr::H2::Cases;
use Spocr::H2::Run;

my $CONF = <<'EOC';
%%MAIN%%
worker_processes 2;
events { worker_connections 1024; }
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    http2_max_concurrent_streams 10;

    upstream backend {
        server %%BACKEND%%;
        keepalive 8;
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;

    # with: keys, ids, and each of the gateway's steps but for counting
    server {
        listen 127.0.0.1:%%PORT_1%% http2;
        spocr on;
        spocr_request_id on;
        spocr_limit off;
        location / { proxy_pass http://backend; }

        # requests of RFC 7541's appendix, which have no key
        location = / { spocr_auth off; proxy_pass http://backend; }
        location = /index.html { spocr_auth off; proxy_pass http://backend; }
        location /sample { spocr_auth off; proxy_pass http://backend; }
    }

    # without
    server {
        listen 127.0.0.1:%%PORT_2%% http2;
        location / { proxy_pass http://backend; }
    }
}
EOC

use constant INTRODUCTION => <<'EOP';
# Conformance

How the gateway speaks HTTP, case by case. `make conformance` writes this page
from what it finds; the tests that are named here hold the page against it.

EOP

sub new ($class, $t) {
    $t->keyfile(keys => { alice => { uid => 'u_acme' } });
    $t->start($CONF);

    my @cases = Spocr::H2::Cases::all($t->key('alice'));
    my @with = Spocr::H2::Run::all($t->port(1), @cases);
    my @without = Spocr::H2::Run::all($t->port(2), @cases);

    my @rows = map {
        my ($case, $with, $without) = ($cases[$_], $with[$_], $without[$_]);
        {
            section => $case->{section}, name => $case->{name},
            want => $case->{want}{text},
            with => Spocr::H2::Run::outcome($case, $with),
            without => Spocr::H2::Run::outcome($case, $without),
            passed => Spocr::H2::Cases::passed($case, $with),
            passed_without => Spocr::H2::Cases::passed($case, $without),
        }
    } 0 .. $#cases;
    my (undef, $version) = $t->command($t->{nginx}, '-v');
    ($version) = $version =~ m{nginx/([\d.]+)};
    return bless { rows => \@rows, version => $version }, $class;
}

sub rows ($self)    { @{ $self->{rows} } }
sub version ($self) { $self->{version} }

my %CHAPTER = (
    3 => 'Starting HTTP/2', 4 => 'HTTP frames', 5 => 'Streams',
    6 => 'Frame definitions', 7 => 'Error codes', 8 => 'HTTP semantics',
    7541 => 'RFC 7541, header compression',
);

# The part of docs/conformance.md that is about HTTP/2.
sub page ($self) {
    my (%count, $table, $deviations);
    ($table, $deviations) = ('', '');

    for my $row ($self->rows) {
        my ($chapter) = $row->{section} =~ /^(\d+)/;
        $count{$chapter}[0]++;
        $count{$chapter}[1] += $row->{passed};
        my $line = sprintf "| %s | %s | %s | %s |",
            $row->{section}, $row->{name}, $row->{want},
            $row->{with};
        $table .= "$line " . ($row->{passed} ? 'yes' : '**no**') . " |\n";
        $deviations .= "$line\n" if !$row->{passed};
    }

    my $version = $self->version;
    my $sum = join '', map {
        "| $_ | $CHAPTER{$_} | $count{$_}[0] | $count{$_}[1] |\n"
    } sort { $a <=> $b } keys %count;
    my $all = $self->rows;
    my $kept = grep { $_->{passed} } $self->rows;

    return <<"EOP";
## HTTP/2

$all cases as raw frames, of RFC 9113 and RFC 7541. Each runs against two
servers of one nginx: one with `spocr on` and one without the module. **The
outcome of each is the same for both**, which `t/http2_conformance.t` asserts;
$kept of the $all are as the RFC says, with nginx $version.

| chapter | | cases | kept |
|---|---|---|---|
$sum
What nginx $version does otherwise than the RFC, with the module and without:

| section | case | must be | is |
|---|---|---|---|
$deviations
None of them reaches a backend as anything but one request with its own
identity: connection-specific fields of HTTP/2 are dropped or forwarded as
fields of one well-formed HTTP/1.1 request ([below](#http11)). A block that ends
with an empty CONTINUATION is answered when the next byte comes, and trailers
end the connection.

<details>
<summary>All cases</summary>

| section | case | must be | is | kept |
|---|---|---|---|---|
$table
</details>
EOP
}

1;
