# Requests that two parsers could read in two ways, 1,600 of them, and those
# that HTTP/2 carries: the backend is sent exactly the requests that were
# logged, each with the identity of its own key, and none that was another
# one's body.  What it is sent is read by a strict parser and by a lenient one
# in the same way.  (C-12, C-36, C-37)

use lib 't/lib';
use Spocr::Test;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);
use Spocr::H2::Run;
use Spocr::Smuggling;
use Spocr::Smuggling::H2;
use Spocr::StrictBackend;
use Spocr::Wire;

my $t = Spocr::Test->new;
my $backend = Spocr::StrictBackend->start($t->dir . '/strict');

$t->keyfile(keys => {
    alice => { uid => 'u_alice' },
    bob => { uid => 'u_bob' },
    full => { uid => 'u_full', limits => { key => 1 } },
    scoped => { uid => 'u_scoped', scopes => [] },
});
$t->secret_file;
$t->allow(qr/upstream/);

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events { worker_connections 2048; }
http {
    %%HTTP%%
    log_format sent '$spocr_request_id $upstream_status $status $spocr_uid';
    access_log %%DIR%%/sent.log sent;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=10s connect_timeout=10s;
    spocr_limit_store zone;
    spocr_secret_file %%DIR%%/secret;

    client_body_timeout 500ms;
    client_header_timeout 500ms;
    keepalive_timeout 300ms;
    lingering_timeout 300ms;
    client_max_body_size 100k;
    large_client_header_buffers 4 16k;

    upstream strict {
        server unix:%%DIR%%/strict/sock;
        keepalive 4;
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit off;

        location / { proxy_pass http://strict; }
        location /streamed {
            proxy_request_buffering off;
            proxy_pass http://strict;
        }
        location /once {
            spocr_idempotency on;
            proxy_pass http://strict;
        }
        location /scope { spocr_require_scope ocr; proxy_pass http://strict; }
        location /limited {
            spocr_limit window=3600s;
            proxy_pass http://strict;
        }
        location /get { spocr_methods GET; proxy_pass http://strict; }
        location /small {
            client_max_body_size 10;
            proxy_pass http://strict;
        }
        location /missing { try_files /none =404; }
    }
}
EOF

my ($alice, $bob, $full, $scoped) = map { $t->key($_) }
                                    qw(alice bob full scoped);

# What the short answers need: a limit that is used up, an answer that is
# stored, a request that runs.
$t->get('/limited', key => $full);
ok wait_for(sub {
    $t->post('/once/stored', key => $alice, body => 'the body',
             headers => ['Idempotency-Key' => 'stored'])->status == 200
}), 'an answer is stored';
my $busy = $t->conn;
$busy->send($busy->build(POST => '/once/busy', key => $alice,
    body => 'the body', headers => ['Idempotency-Key' => 'busy']));
ok wait_for(sub { grep { $_->{target} eq '/once/busy' } $backend->requests }),
    'a request runs';

# No findings; each on a line.
sub none ($found, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is join("\n", @$found), '', $name;
}

# -- all streams, a few at a time

sub run (@streams) {
    my ($port, @running) = ($t->port(1));
    while (@streams || @running) {
        while (@streams && @running < 150) {
            my $s = shift @streams;
            my @parts = @{ $s->{parts} };
            my $fh = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                           PeerPort => $port)
                or die "cannot connect: $!\n";
            $fh->blocking(0);
            @$s{qw(fh out later got until)} = ($fh, shift @parts,
                                               join('', @parts), '', time + 20);
            push @running, $s;
        }
        my %ready = map { $_ => 1 }
            IO::Select->new(map { $_->{fh} } @running)->can_read(0.02);
        for my $s (@running) {
            my $n = length $s->{out} ? syswrite $s->{fh}, $s->{out} : 0;
            substr $s->{out}, 0, $n, '' if $n;
            if ($ready{ $s->{fh} }) {
                $n = sysread $s->{fh}, $s->{got}, 65536, length $s->{got};
                $s->{end} = 1 if !$n && !(!defined $n
                    && ($! == EAGAIN || $! == EINTR || $! == EWOULDBLOCK));
            }
            ($s->{out}, $s->{later}) = ($s->{later}, '')
                if $s->{out} eq ''
                   && ($s->{got} ne '' || time > $s->{until} - 19.8);
            $s->{end} = $s->{stuck} = 1 if time > $s->{until};
            close $s->{fh} if $s->{end};
        }
        @running = grep { !$_->{end} } @running;
    }
}

my @streams = Spocr::Smuggling::corpus($alice, $bob, $full, $scoped);
cmp_ok scalar @streams, '>=', 1600, 'all streams are there';
run(@streams);
is join('; ', map { "$_->{group}: $_->{name}" } grep { $_->{stuck} } @streams),
   '', 'each connection was closed in time';

# HTTP/2
my @cases = Spocr::Smuggling::H2::corpus($alice, $bob);
my @results = Spocr::H2::Run::all($t->port(2), @cases);
cmp_ok scalar @cases, '>=', 80, 'and those of HTTP/2';
for my $i (0 .. $#cases) {
    my %s = (%{ $cases[$i] }, got => join ' ', map { $_->{body} }
                                     values %{ $results[$i]{streams} });
    push @streams, \%s;
}

$backend->release;
is $busy->response->status, 200, 'the request that ran has its answer';
my @after = map { $t->get("/x?s=9999&u=u_alice", key => $alice) } 1 .. 10;
is scalar(grep { $_->json->{target} eq '/x?s=9999&u=u_alice' } @after), 10,
    'afterwards all is in step';

# -- what was executed

my @ran = $backend->requests;
my %by = map { $_->{s} => { %$_, ran => [] } } @streams;
my %name = map { $_->{s} => "$_->{group}: $_->{name}" } @streams;
my (%ids, @identity, @keys, @hidden, @strange);

for my $r (@ran) {
    my $is = sub ($name) { map { $_->[1] } grep { lc $_->[0] eq $name }
                           @{ $r->{headers} } };
    my @id = $is->('x-request-id');
    $ids{"@id"}++;
    my ($s, $u) = $r->{target} =~ /\?s=(\w+)&u=(u_[a-z]+)/;
    $u //= $r->{target} =~ /limited/ ? 'u_full' : 'u_alice';

    my @spocr = map { lc $_->[0] } grep { $_->[0] =~ /spocr|^authoriz/i }
                @{ $r->{headers} };
    push @identity, $name{ $s // '' } // $r->{target}
        if join(' ', $is->('x-spocr-uid')) ne $u
           || "@id" !~ $ID
           || join(' ', $is->('x-spocr-key-id')) ne $u =~ s/^u/key/r
           || join(' ', sort @spocr) ne 'x-spocr-key-id x-spocr-uid';

    next if !defined $s || $s eq '9999';
    push @keys, $name{$s}
        if $r->{target} =~ m{^/once\?} && !$by{$s}{short} && $s =~ /^\d/
           && join(' ', $is->('idempotency-key')) ne "s$s";
    push @{ $by{$s}{ran} }, $r;
    push @hidden, $name{$s}
        if $r->{target} =~ m{^/body} && !$by{$s}{body};
    push @strange, "$name{$s}: $r->{target}"
        if $r->{target} !~ m{^/(?:x|streamed|once|next|body|get|small|missing)
                             (?:/\w+)?\?s=$s&u=u_\w+}x;
}

none([map { "$_->{why}" } $backend->violations],
    'the strict parser was content');
none(\@hidden, 'no body was executed as a request');
none(\@strange, 'nor anything that no stream has');
none(\@identity, 'each had one identity, and that of its own key');
none(\@keys, 'and its own Idempotency-Key');

my @few = map { $name{ $_->{s} } }
          grep { $_->{runs} && $_->{runs} != @{ $by{ $_->{s} }{ran} } }
          @streams;
none(\@few, 'good requests were executed');
cmp_ok scalar @ran, '>', 700, 'as were some hundred others';

# One log line for each that was executed, and none without: C-3.
my (%logged, %sent);
wait_for(sub {
    %logged = %sent = ();
    for (split /\n/, $t->log('sent.log')) {
        my ($id, $upstream, undef, $uid) = split / /;
        $logged{$id}++;
        $sent{$id}++ if $upstream =~ /^[12345]\d\d/ && $upstream ne '499';
    }
    return !grep { !$logged{$_} } keys %ids;
});
none([grep { $ids{$_} != 1 } sort keys %ids],
    'each request was executed once');
none([grep { ($logged{$_} // 0) != 1 } sort keys %ids],
    'and has one line in the log');
none([grep { !$ids{$_} } sort keys %sent],
    'and each line that tells of an answer is one of these');

# -- the bytes that the backend was sent

my ($count, @differ) = (0);
for my $bytes ($backend->connections) {
    my ($strict, $rest) = Spocr::Wire::strict($bytes);
    my ($lenient) = Spocr::Wire::lenient($bytes);
    my @read = map { my $list = $_; join "\n", map {
        "$_->{method} $_->{target} $_->{body}" } @$list } $strict, $lenient;
    push @differ, $bytes if $read[0] ne $read[1];
    $count += @$strict;
}
none(\@differ, 'two parsers read them in the same way');
is $count, scalar @ran, 'and find what was executed';

# -- what the clients saw

my (@others, @poisoned, @more);
for my $s (@streams) {
    my @told = $s->{got} =~ /"target":"[^"]*?\?s=(\w+)/g;
    push @others, $name{ $s->{s} } if grep { $_ ne $s->{s} } @told;
    push @more, $name{ $s->{s} } if @told > @{ $by{ $s->{s} }{ran} };
    push @poisoned, $name{ $s->{s} }
        if $s->{got} =~ /POISON/ && $s->{group} ne 'answers';
}
none(\@others, 'each client saw its own answers');
none(\@more, 'and no more than were made for it');
none(\@poisoned, 'and no bytes that another one\'s answer had');

# C-37: short answers, and in step behind them
my (@status, @step);
my %late = map { $_ => 1 } 'a length', 'chunks', 'a body later',
    'chunks later', 'half of a body later', 'Expect, a body at once';
for my $s (grep { $_->{short} } @streams) {
    my $status = $s->{short} =~ /(\d+)/ ? $1 : 200;
    my ($got) = $s->{got} =~ m{^(?:HTTP/1\.1\ 100[^\r]*\r\n\r\n)?
                               HTTP/1\.1\ (\d+)}x;
    push @status, "$name{ $s->{s} }: " . ($got // 'none')
        if $late{ $s->{name} } && ($got // 0) != $status;
    my $next = grep { $_->{target} =~ m{^/next} } @{ $by{ $s->{s} }{ran} };
    my $told = () = $s->{got} =~ /"target":"\/next/g;
    push @step, $name{ $s->{s} } if $next != $told;
}
none(\@status, 'short answers are what they must be');
none(\@step, 'and what follows them is in step');

# docs/conformance.md
open my $in, '<', 'docs/conformance.md' or die "docs/conformance.md: $!\n";
my $page = do { local $/; <$in> };
ok index($page, Spocr::Smuggling::page(scalar @cases)) >= 0,
    'docs/conformance.md has these numbers' or diag 'make conformance';

# -- the parsers are two

for my $case (["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
               . "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n", 'a name'],
              ["GET / HTTP/1.1\nHost: a\n\n", 'bare LF'],
              ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
               . "\r\n1;a\r\nb\r\n0\r\n\r\n", 'an extension'])
{
    my ($bytes, $what) = @$case;
    my @read = map { my ($r, undef, $e) = $_->($bytes);
                     join '|', $e // '', map { $_->{body} } @$r }
               \&Spocr::Wire::strict, \&Spocr::Wire::lenient;
    isnt $read[0], $read[1], "they differ in $what";
}

$backend->stop;
$t->done;
