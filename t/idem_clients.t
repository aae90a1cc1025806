# What clients really send when they try again: the same file in a form, with
# another boundary each time.  One byte, name or part more or less is another
# request.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;

$t->start(<<'EOC');
%%MAIN%%
worker_processes 2;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        client_max_body_size 8m;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
$t->redis->linked(4);

my $url = 'http://127.0.0.1:' . $t->port . '/upload';
my $bytes = join '', map { chr int rand 256 } 1 .. 300_000;
my $image = $t->file('a.bin', $bytes);
mkdir $t->dir . "/$_" for qw(flipped cut);
substr(my $flipped = $bytes, 123_456, 1) = chr(255 - ord substr $bytes,
                                               123_456, 1);
my %files = (same => $image,
             flipped => $t->file('flipped/a.bin', $flipped),
             cut => $t->file('cut/a.bin', substr $bytes, 0, -1));
my $auth = 'Bearer ' . $t->key('alice');

# Each client: what it runs with a file, a key, the name of the part, and how
# many parts of that file; it prints status and X-Idempotent-Replay.
my $python = $t->file('client.py', <<'EOP');
import sys, uuid, urllib.request, urllib.error
how, url, auth, path, key, name, parts = sys.argv[1:]
data = open(path, 'rb').read()
headers = {'Authorization': auth, 'Idempotency-Key': key}
if how == 'requests':
    import requests
    s = requests.Session()
    s.trust_env = False
    r = s.post(url, headers=headers,
               files=[(name, ('a.bin', data))] * int(parts))
    status, replay = r.status_code, r.headers.get('X-Idempotent-Replay')
else:
    b = uuid.uuid4().hex
    body = b''.join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"; '
        b'filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
        % (b.encode(), name.encode()) + data + b'\r\n'
        for _ in range(int(parts))) + b'--%s--\r\n' % b.encode()
    headers['Content-Type'] = 'multipart/form-data; boundary=' + b
    urllib.request.install_opener(urllib.request.build_opener(
        urllib.request.ProxyHandler({})))
    try:
        r = urllib.request.urlopen(urllib.request.Request(url, body, headers))
    except urllib.error.HTTPError as e:
        r = e
    status, replay = r.status, r.headers.get('X-Idempotent-Replay')
print(status, replay)
EOP
my $node = $t->file('client.mjs', <<'EOJ');
import { readFile } from 'node:fs/promises';
const [url, auth, path, key, name, parts] = process.argv.slice(2);
const data = await readFile(path);
const form = new FormData();
for (let i = 0; i < Number(parts); i++)
    form.append(name, new Blob([data]), 'a.bin');
const r = await fetch(url, { method: 'POST', body: form, headers: {
    Authorization: auth, 'Idempotency-Key': key } });
console.log(r.status, r.headers.get('X-Idempotent-Replay'));
EOJ
my %clients = (
    curl => sub ($file, $key, $name, $parts) {
        my $r = $t->curl('-H', "Authorization: $auth", '-H',
                         "Idempotency-Key: $key",
                         (('-F', "$name=\@$file") x $parts), $url)->{r};
        return $r->status . ' ' . ($r->header('X-Idempotent-Replay') // '-');
    },
    (map { my $how = $_; ($how => sub (@args) {
        return ($t->command('/usr/bin/python3', $python, $how, $url, $auth,
                            @args))[1];
    }) } qw(urllib requests)),
    node => sub (@args) {
        return ($t->command('node', $node, $url, $auth, @args))[1];
    },
);

# C-25
for my $name (sort keys %clients) {
    my $run = $clients{$name};
    my $n = scalar(() = $t->backend->requests);
    like $run->($files{same}, "k-$name", 'file', 1), qr/^200 (?:-|None|null)/,
         "$name: the first time";
    like $run->($files{same}, "k-$name", 'file', 1), qr/^200 true/,
         '  and again: a replay' for 1 .. 2;
    like $run->($files{flipped}, "k-$name", 'file', 1), qr/^422/,
         '  one byte';
    like $run->($files{cut}, "k-$name", 'file', 1), qr/^422/,
         '  a truncated file';
    like $run->($files{same}, "k-$name", 'other', 1), qr/^422/,
         '  a renamed part';
    like $run->($files{same}, "k-$name", 'file', 2), qr/^422/,
         '  an added part';
    is scalar(() = $t->backend->requests), $n + 1, '  it ran once';
}

$t->done;
