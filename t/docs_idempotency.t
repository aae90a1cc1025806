# docs/idempotency.md: the sample clients, as they stand there, against a
# gateway whose backend fails at first, and against the bundled backend; and the
# check of a signature that docs/backend.md has.

use lib 't/lib';
use Spocr::Ocr;
use Spocr::Test;

my $t = Spocr::Test->new;
my $dir = $t->dir;

sub slurp ($path) {
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $page = slurp('docs/idempotency.md');

my %program;
for (['bash', 'upload.sh', 'bash'], ['python', 'upload.py', 'python3'],
     ['js', 'upload.mjs', 'node'])
{
    my ($language, $name, $with) = @$_;
    my @blocks = $page =~ /^```$language\n(.*?)^```/gms;
    is @blocks, 1, "one sample in $language";
    like $blocks[0], qr/^(?:#|\/\/) (?:node )?\Q$name\E FILE \[ENDPOINT\]$/m,
        '  says how it is called';
    $program{$language} = [$with, $t->file($name, $blocks[0])];
}

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
$t->file('secret', ('0123456789abcdef' x 4) . "\n");
$t->file('upstream', ('fedcba9876543210' x 4) . "\n");
chmod 0600, "$dir/secret", "$dir/upstream";

my $ocr = Spocr::Ocr->start('--tcp', '--data', "$dir/data");

# One worker, so that every other request that comes to a backend fails.
$t->start(<<'EOC' =~ s/%%OCR%%/$ocr->{address}/r);
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    spocr_upstream_secret_file %%DIR%%/upstream;

    upstream backends {
        server 127.0.0.1:%%PORT_2%%;
        server 127.0.0.1:%%PORT_3%%;
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://backends; }
        location = /upload {
            spocr_idempotency on;
            proxy_pass http://backends;
        }
        location = /broken {
            spocr_idempotency on;
            spocr_idempotency_lease 2s;
            proxy_set_header X-Test reset=1;
            proxy_pass http://%%BACKEND%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_4%%;
        spocr on;
        client_max_body_size 30m;
        location / {
            spocr_idempotency on;
            proxy_pass http://%%OCR%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;
        location / {
            proxy_set_header X-Test status=503;
            proxy_pass http://%%BACKEND%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_3%%;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
$t->redis->linked(2);

my $file = $t->file('page.png', "\x89PNG\r\n\x1a\n" . "0123456789" x 1000);
my $other = $t->file('other.png', "\x89PNG\r\n\x1a\n" . "9876543210" x 1000);

delete @ENV{grep { /^(?:https?|all|no)_proxy$/i } keys %ENV};
$ENV{SPOCR_URL} = 'http://127.0.0.1:' . $t->port(1);
$ENV{SPOCR_KEY} = $t->key('alice');
$ENV{SPOCR_SHEET} = 'Receipts';

sub header ($request, $name) {
    my ($h) = grep { lc $_->[0] eq lc $name } @{ $request->{headers} };
    return $h ? $h->[1] : '';
}

for my $language (sort keys %program) {
    my ($with, $script) = @{ $program{$language} };

    SKIP: {
        my ($exit, $out) = $t->command($with, '--version');
        skip "$with is missing", 1 if $exit;
        skip 'node 18 or newer is needed', 1
            if $with eq 'node' && $out =~ /^v(\d+)/ && $1 < 18;

        # C-22, C-27: it fails, it is executed, it is replayed
        my $n = () = $t->backend->requests;
        local $ENV{SPOCR_IDEMPOTENCY_KEY} = "once-$language";
        ($exit, $out) = $t->command($with, $script, $file, '/upload');
        is $exit, 0, "$language: it is uploaded" or diag $out;

        my @seen = ($t->backend->requests)[$n .. $n + 9];
        @seen = grep { defined } @seen;
        is join(' ', map { header($_, 'X-Test') || 'done' } @seen),
           'status=503 done', '  after one failure, once';
        is join(' ', map { header($_, 'Idempotency-Key') } @seen),
           "once-$language once-$language", '  with the same key';
        my $answer = eval { JSON::PP->new->decode($out) } // {};
        is $answer->{serial}, $seen[1]{serial}, '  whose answer is printed';
        cmp_ok $answer->{body_length}, '>', 10_000, '  and the file was sent';

        my ($again, $replayed) = $t->command($with, $script, $file, '/upload');
        is $again, 0, "$language: again";
        is $replayed, $out, '  the same answer';
        is scalar(() = $t->backend->requests), $n + 2, '  of the same upload';

        # C-25: another file
        ($exit, $out) = $t->command($with, $script, $other, '/upload');
        is $exit, 1, "$language: another file with that key";
        like $out, qr/^422: .*"idempotency_key_reused"/, '  is refused';

        # C-28: nobody knows
        $n = () = $t->backend->requests;
        local $ENV{SPOCR_IDEMPOTENCY_KEY} = "broken-$language";
        ($exit, $out) = $t->command($with, $script, $file, '/broken');
        is $exit, 1, "$language: an upload that breaks off";
        like $out, qr/^409: .*"idempotency_outcome_unknown"/,
            '  is repeated until its outcome is told';
        is scalar(() = $t->backend->requests), $n + 1, '  and ran once';
    }
}

# the bundled backend takes what they send
my @alice = (port => 4, key => $t->key('alice'));
my $made = $t->post('/create', @alice,
    headers => ['Content-Type' => 'application/json'],
    body => '{"type":"sheet","name":"Receipts","templateId":"receipt"}');
is $made->status, 201, 'a sheet in the bundled backend' or diag $made->body;

my $uploads = 0;
for my $language (sort keys %program) {
    my ($with, $script) = @{ $program{$language} };

    SKIP: {
        skip "$with is missing", 1 if ($t->command($with, '--version'))[0];

        local $ENV{SPOCR_URL} = 'http://127.0.0.1:' . $t->port(4);
        local $ENV{SPOCR_IDEMPOTENCY_KEY} = "real-$language";
        my @call = ($with, $script, 'backend/samples/receipt.png');
        my ($exit, $out) = $t->command(@call);
        is $exit, 0, "$language: an image" or diag $out;
        my $answer = eval { JSON::PP->new->decode($out) } // {};
        is_deeply [map { $_->{originalName} } @{ $answer->{jobs} // [] }],
            ['receipt.png'], '  is taken, by its name';
        is $answer->{path}, 'Receipts', '  into the sheet';
        is +($t->command(@call))[1], $out, '  once';
        $uploads++;
    }
}
is $t->get('/view?path=Receipts&boxes=0', @alice)->json->{total}, $uploads,
    'an image of each is in the sheet';

# a key of its own where none is given
delete $ENV{SPOCR_IDEMPOTENCY_KEY};
my ($exit) = $t->command(@{ $program{bash} }, $file);
is $exit, 0, 'without a key, and an endpoint';
like header(($t->backend->requests)[-1], 'Idempotency-Key'),
    qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a UUID is made';

# C-42: what a backend in Python makes of the last one
my ($python) = slurp('docs/backend.md') =~ /^```python\n(.*?)^```/ms;
my $check = $t->file('check.py', $python . <<'EOP');

import json
import sys

r = json.loads(sys.argv[2])
headers = {name.lower(): value for name, value in r["headers"]}
print(is_from_gateway([sys.argv[1]], r["method"], r["target"], headers))
EOP

sub said_of ($secret, %change) {
    my $request = { %{ ($t->backend->requests)[-1] }, %change };
    return ($t->command('python3', $check, $secret,
                        JSON::PP->new->encode($request)))[1];
}

is said_of('fedcba9876543210' x 4), "True\n", 'the gateway has sent it';
is said_of('0123456789abcdef' x 4), "False\n", 'not by another secret';
is said_of('fedcba9876543210' x 4, target => '/upload?x'), "False\n",
    'nor to another target';
is said_of('fedcba9876543210' x 4, headers => []), "False\n", 'nor unsigned';

is $ocr->stop, 0, 'the backend ends well';
$t->done;
