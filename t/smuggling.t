# Requests that two parsers could read in two ways: the backend sees the
# requests that were logged, and none of what was hidden in another's body.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    log_format sent '$spocr_request_id $upstream_status';
    access_log %%DIR%%/sent.log sent;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    client_body_timeout 400ms;
    client_header_timeout 400ms;
    keepalive_timeout 300ms;
    lingering_timeout 200ms;

    upstream backend {
        server %%BACKEND%%;
        keepalive 2;
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        location / {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
        location /streamed {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
        }
    }
}
EOF

my $auth = 'Authorization: Bearer ' . $t->key('alice');

# What hides: a whole request with no key.  If it is read as a request it is
# answered with 401; to be executed it must have taken over the key before it.
my $hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
my $length = length $hidden;
my $chunks = sprintf "%x\r\n%s\r\n0\r\n\r\n", $length, $hidden;

my @streams;
for my $path ('/x', '/streamed') {
    for my $line (
        'Transfer-Encoding: chunked', 'Transfer-Encoding : chunked',
        'Transfer-Encoding:chunked', "Transfer-Encoding:\tchunked",
        "Transfer-Encoding: chunked\t", "Transfer-Encoding:\x0bchunked",
        'Transfer-Encoding: CHUNKED', 'Transfer-Encoding: xchunked',
        'Transfer-Encoding: chunkedx', 'Transfer-Encoding: "chunked"',
        "Transfer-Encoding: 'chunked'", 'Transfer-Encoding: chunked, x',
        'Transfer-Encoding: x, chunked', 'Transfer-Encoding: gzip, chunked',
        'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: identity',
        'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: ',
        'Transfer-Encoding: chunked;a=b', 'Transfer_Encoding: chunked',
        ' Transfer-Encoding: chunked', "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding:\r\n chunked", "X: a\nTransfer-Encoding: chunked",
        "X: a\rTransfer-Encoding: chunked", "Foo: x\r\n\tTransfer-Encoding: "
            . 'chunked', "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: \x00chunked", "Transfer\xadEncoding: chunked",
        'TRANSFER-ENCODING: chunked', "Transfer-Encoding: \xa0chunked",
    ) {
        # the coding alone, before and behind a length
        my $start = "POST $path HTTP/1.1\r\nHost: a\r\n$auth\r\n";
        push @streams,
            "$start$line\r\n\r\n$chunks",
            "$start$line\r\nContent-Length: 4\r\n\r\n$chunks",
            "${start}Content-Length: " . length($chunks) . "\r\n$line\r\n\r\n"
                . $chunks,
            "${start}Content-Length: 5\r\n$line\r\n\r\n0\r\n\r\n$hidden";
    }

    for my $line (
        "Content-Length: $length", "Content-Length: +$length",
        "Content-Length: 0$length", "Content-Length: 0x35",
        "Content-Length: $length ", "Content-Length: \t$length",
        "Content-Length: $length, $length", "Content-Length: $length,0",
        'Content-Length: 0', 'Content-Length: -1', 'Content-Length: ',
        'Content-Length: 5.0', 'Content-Length: 1e1', "Content-Length:$length",
        "Content-Length : $length", "Content-Length: 0\r\nContent-Length: "
            . $length, "Content-Length: $length\r\nContent-Length: $length",
        "Content-Length: $length\r\nX-Content-Length: 0",
        "Content_Length: $length", 'Content-Length: 99999999999999999999',
        'Content-Length: 9223372036854775808', "Content-Length: \x00$length",
        "Content-Length: $length\x00", "Content-Length: \xef\xbc\x95",
    ) {
        push @streams, "POST $path HTTP/1.1\r\nHost: a\r\n$auth\r\n$line\r\n"
                       . "\r\n$hidden",
                       "GET $path HTTP/1.1\r\nHost: a\r\n$auth\r\n$line\r\n"
                       . "\r\n$hidden";
    }

    my $start = "POST $path HTTP/1.1\r\nHost: a\r\n$auth\r\n"
                . "Transfer-Encoding: chunked\r\n\r\n";
    push @streams, map { $start . $_ }
        "0\r\n\r\n$hidden", "0\r\nX: y\r\n\r\n$hidden", "0\n\n$hidden",
        "00\r\n\r\n$hidden", "0;a=b\r\n\r\n$hidden", "0;\r\n\r\n$hidden",
        "0 \r\n\r\n$hidden", " 0\r\n\r\n$hidden", "-1\r\n\r\n$hidden",
        "+0\r\n\r\n$hidden", "0x0\r\n\r\n$hidden", "\r\n0\r\n\r\n$hidden",
        "1\r\nab0\r\n\r\n$hidden", "2\r\na\r\n0\r\n\r\n$hidden",
        "1\na\n0\n\n$hidden", "1\r\na0\r\n\r\n$hidden",
        "ffffffffffffffff\r\n$hidden", "fffffffffffffffff0\r\n$hidden",
        "7fffffffffffffff\r\n$hidden", "8000000000000000\r\n$hidden",
        "1;a=\"\r\n\"\r\na\r\n0\r\n\r\n$hidden",
        "1;\n\r\na\r\n0\r\n\r\n$hidden",
        "0\r\nContent-Length: $length\r\n\r\n$hidden",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n$chunks",
        "0\r\n$hidden", "0\r\n: x\r\n\r\n$hidden", "zz\r\n$hidden",
        "1\ra\r0\r\r$hidden";
}

push @streams,
    "GET /x HTTP/1.1\r\nHost: a\r\n$auth\r\nExpect: 100-continue\r\n"
        . "Content-Length: $length\r\n\r\n$hidden",
    "GET /x HTTP/1.1\r\nHost: a\r\n$auth\r\nUpgrade: h2c\r\nConnection: "
        . "Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAAA\r\n\r\n$hidden",
    "GET /x HTTP/1.0\r\nHost: a\r\n$auth\r\nConnection: keep-alive\r\n"
        . "\r\n$hidden",
    "GET /x HTTP/1.1\nHost: a\n$auth\n\n$hidden",
    "GET /x HTTP/1.1\r\rHost: a\r\r$auth\r\r\r\r$hidden",
    "HEAD /x HTTP/1.1\r\nHost: a\r\n$auth\r\nContent-Length: $length\r\n\r\n"
        . $hidden,
    "GET /x HTTP/1.1\r\nHost: a\r\n$auth\r\nConnection: close\r\n\r\n$hidden",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$hidden",
    "GET /x HTTP/1.1\r\nHost: a\r\n$auth\r\n\r\n$hidden$hidden";

# all of them, a few at a time
my $answered = 0;
while (my @some = splice @streams, 0, 40) {
    my @conns = map { my $c = $t->conn; $c->send($_); $c } @some;
    for my $c (@conns) {
        $answered++ if eval { $c->response };
        $c->{eof} or eval { $c->_fill(time + 5) } until $c->{eof} || $@;
        $c->close;
    }
}
cmp_ok $answered, '>', 300, 'more than three hundred streams were answered';

my @ran = $t->backend->requests;
cmp_ok scalar @ran, '>', 40, 'some of them were good requests';
is scalar(grep { $_->{target} !~ m{^/(?:x|streamed)$} } @ran), 0,
   'nothing hidden was executed';
my @uids = map { [map { $_->[1] } grep { $_->[0] eq 'X-Spocr-Uid' }
                  @{ $_->{headers} }] } @ran;
is scalar(grep { "@$_" ne 'u_acme' } @uids), 0, 'each had one identity';

# set(backend's ids) = set(logged ids that were sent), each once
my %ran;
$ran{ (map { $_->[1] } grep { $_->[0] eq 'X-Request-Id' }
       @{ $_->{headers} })[0] // 'none' }++ for @ran;
my %logged;
wait_for(sub {
    %logged = ();
    for (split /\n/, $t->log('sent.log')) {
        my ($id, $status) = split / /;
        $logged{$id}++ if $status ne '-';
    }
    return keys %logged >= keys %ran;
});
is_deeply [grep { !$logged{$_} } sort keys %ran], [],
    'what was executed was logged';
is_deeply [grep { $ran{$_} != 1 } sort keys %ran], [],
    'and executed once';
is_deeply [grep { $logged{$_} != 1 } sort keys %logged], [],
    'and logged once';

# afterwards the connections to the backend are in step
for my $i (1 .. 10) {
    my $r = $t->get("/x?after$i", key => $t->key('alice'));
    is $r->json->{target}, "/x?after$i", "request $i afterwards";
}

$t->done;
