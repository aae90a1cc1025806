# HTTP/2: each stream is a request like any other, and a refused upload leaves
# its connection and the other streams alone.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

my ($missing) = $t->command('/usr/bin/python3', '-c', 'import h2');
plan skip_all => 'python3-h2 is not installed' if $missing;

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    few => { uid => 'u_few', limits => { key => 5 } },
});

$t->start(<<'EOF');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    client_max_body_size 30m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        listen 127.0.0.1:%%PORT_2%% http2;
        spocr on;
        spocr_limit window=3600s;
        location / { proxy_pass http://%%BACKEND%%; }
        location /free { spocr_limit off; proxy_pass http://%%BACKEND%%; }
        location /get { spocr_limit off; spocr_methods GET;
                        proxy_pass http://%%BACKEND%%; }
    }
}
EOF

# A client that does what it is told, a line for each stream:
#   [method, path, headers, bytes of body, "reset" or ""]
# All streams of a round are opened at once; then their bodies are sent, as
# the windows allow.  Prints what came back for each, as JSON.
my $client = $t->file('client.py', <<'EOF');
import json, select, socket, sys
import h2.connection, h2.config, h2.events, h2.exceptions

port, rounds = int(sys.argv[1]), json.loads(open(sys.argv[2]).read())
sock = socket.create_connection(("127.0.0.1", port), timeout=30)
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
conn = h2.connection.H2Connection(h2.config.H2Configuration(
    header_encoding="latin-1", validate_outbound_headers=False,
    normalize_outbound_headers=False))
conn.initiate_connection()
out = []

for streams in rounds:
    todo, got = {}, {}
    for method, path, headers, size, what in streams:
        sid = conn.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"),
                (":path", path), (":authority", "localhost")]
        conn.send_headers(sid, head + [tuple(h) for h in headers],
                          end_stream=not size)
        got[sid] = {"status": None, "headers": [], "body": "", "reset": None}
        if what == "reset":
            conn.reset_stream(sid, 8)
            got[sid]["ended"] = True
        elif size:
            todo[sid] = size
    gone = False
    while not gone and not all(g.get("ended") for g in got.values()):
        for sid in list(todo):
            try:
                n = min(todo[sid], 16384, conn.local_flow_control_window(sid))
                if got[sid].get("ended"):
                    n, todo[sid] = 0, 0
                if n:
                    todo[sid] -= n
                    conn.send_data(sid, b"x" * n, end_stream=not todo[sid])
            except h2.exceptions.StreamClosedError:
                todo[sid] = 0
            if not todo[sid]:
                del todo[sid]
        data = conn.data_to_send()
        if data:
            sock.sendall(data)
        ready = select.select([sock], [], [], 0 if todo and data else 10)[0]
        if not ready:
            if todo and data:
                continue
            break
        data = sock.recv(65536)
        if not data:
            gone = True
        for e in conn.receive_data(data):
            sid = getattr(e, "stream_id", None)
            if isinstance(e, h2.events.ResponseReceived) and sid in got:
                got[sid]["headers"] = [list(h) for h in e.headers[1:]]
                got[sid]["status"] = int(e.headers[0][1])
            elif isinstance(e, h2.events.DataReceived):
                conn.acknowledge_received_data(e.flow_controlled_length, sid)
                if sid in got:
                    got[sid]["body"] += e.data.decode("latin-1")
            elif isinstance(e, h2.events.StreamEnded) and sid in got:
                got[sid]["ended"] = True
            elif isinstance(e, h2.events.StreamReset) and sid in got:
                got[sid]["reset"] = e.error_code
                got[sid]["ended"] = True
            elif isinstance(e, h2.events.ConnectionTerminated):
                gone = True
    out.append([got[s] for s in sorted(got)])
    if gone:
        break
sock.sendall(conn.data_to_send())
print(json.dumps(out))
EOF

my ($alice, $few) = map { $t->key($_) } qw(alice few);
sub with ($key, @more) { [['authorization', "Bearer $key"], @more] }

# Each round's answers, as Spocr::Response.
sub rounds (@rounds) {
    my $plan = $t->file('plan.json', JSON::PP->new->encode(\@rounds));
    my ($exit, $out) = $t->command('/usr/bin/python3', $client, $t->port(2),
                                   $plan);
    my $got = eval { JSON::PP->new->decode($out) } or die "client: $out\n";
    return map { [map {
        my $s = $_;
        my $head = join "\n", 'HTTP/2 ' . ($s->{status} // 999),
                              map { "$_->[0]: $_->[1]" } @{ $s->{headers} };
        my $r = Spocr::Response->new($head, $s->{body}, 'h2');
        $r->{reset} = $s->{reset};
        $r;
    } @$_] } @$got;
}

# C-1 C-3: many streams at once, each with an id of its own
my ($many) = rounds([map { ['GET', "/free?$_", with($alice), 0, ''] }
                         1 .. 100]);
is scalar(grep { $_->status == 200 } @$many), 100, 'a hundred streams';
my %ids = map { $_->id => 1 } @$many;
is scalar(keys %ids), 100, 'have a hundred ids';
is scalar(grep { my $r = $_; !grep { $_->[0] eq 'X-Request-Id'
                                     && $_->[1] eq $r->id }
                               @{ $r->json->{headers} } } @$many), 0,
   'and the backend got the same';

# C-16: a stream is a request
my ($limited) = in_window(3600_000, sub {
    rounds([map { ['GET', '/x', with($few), 0, ''] } 1 .. 50]);
});
is scalar(grep { $_->status == 200 } @$limited), 5, 'five of fifty streams';
is scalar(grep { $_->status == 429 } @$limited), 45, 'the others refused';

# C-17: a stream that is reset may count, one that is refused does not
my @mixed = rounds(
    [['POST', '/x', [], 300_000, ''],
     ['POST', '/x', with('spocr_x'), 300_000, ''],
     ['POST', '/x', with($few), 300_000, ''],
     ['POST', '/get', with($alice), 300_000, ''],
     ['POST', '//x', with($alice), 300_000, ''],
     ['POST', '/free?ok', with($alice), 300_000, '']],
    [['GET', '/free?after', with($alice), 0, '']]);

# C-37: refused uploads beside one that is not
my @expected = ([401, 'unauthorized'], [403, 'forbidden'],
                [429, 'rate_limited'], [405, 'method_not_allowed'],
                [400, 'bad_request']);
for my $i (0 .. 4) {
    my ($status, $code) = @{ $expected[$i] };
    is_error $mixed[0][$i], $status, $code, "an upload refused with $status",
        details => $mixed[0][$i]->json && $mixed[0][$i]->json->{details};
}
is $mixed[0][5]->status, 200, 'the one beside them is taken';
is $mixed[0][5]->json->{body_length}, 300_000, 'as a whole';
is $mixed[1][0]->json->{target}, '/free?after', 'and the connection goes on';

# C-37: what was not read does not use up the connection's window
my @again = rounds(map { [['POST', '/x', [], 500_000, '']] } 1 .. 30);
is scalar(grep { $_->[0]->status == 401 } @again), 30,
   'thirty refused uploads on one connection';

# streams that the client resets
my @reset = rounds(
    [map { ['GET', '/free?delay=0.3', with($alice), 0, 'reset'] } 1 .. 50],
    [['GET', '/free?alive', with($alice), 0, '']]);
is $reset[1][0]->json->{target}, '/free?alive', 'fifty resets do no harm';

# C-12: the names come in lower case, and a client's own are removed
my ($spoof) = rounds([
    ['GET', '/free', with($alice, ['x-spocr-uid', 'spoof'],
                          ['x-spocr-plan', 'spoof'],
                          ['x-request-id', 'spoof']), 0, '']]);
unlike $spoof->[0]->body, qr/spoof/, 'spoofed headers';

# C-5: two headers, and a header as cookie crumbs may be split
my ($two) = rounds([
    ['GET', '/free', with($alice, ['authorization', "Bearer $few"]), 0, ''],
    ['GET', '/free', [['cookie', 'a=1'], ['cookie', "key=$alice"]], 0, '']]);
is_error $two->[0], 400, 'bad_request', 'two Authorizations';
is_error $two->[1], 401, 'unauthorized', 'a key in a cookie';

# C-36: targets
my ($targets) = rounds([map { ['GET', $_, with($alice), 0, ''] }
    '/free', '//free', '/free/../free', '/%66ree', '/free;x', '/free#x',
    '/free%2fx']);
is join(' ', map { $_->status } @$targets), '200 400 400 400 400 400 400',
   'what is not plain is refused';

# C-1: an oversized header block ends the connection, and only that
my ($large) = rounds([['GET', '/free', with($alice, ['x', 'y' x 60000]), 0,
                       '']]);
ok $large->[0]->status == 999 || $large->[0]->code eq 'headers_too_large',
   'a header block that is too large';
is $t->get('/free', key => $alice)->status, 200, 'the gateway serves on';

$t->done;
