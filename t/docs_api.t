# docs/api.md: its samples, in their order, as they stand there, against the
# gateway and the bundled backend; and the gateway's answers are as
# conf.d/openapi.json says.

use lib 't/lib';
use Spocr::Test;
use Digest::SHA qw(hmac_sha256_hex);
use Spocr::Contract;
use Spocr::Hooks;
use Spocr::Ocr;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $page = slurp('docs/api.md');
my $t = Spocr::Test->new;
my $dir = $t->dir;
my $json = JSON::PP->new->utf8->canonical;

mkdir "$dir/work";
$t->file('work/receipt.png', slurp('backend/samples/receipt.png'));

my $hooks = Spocr::Hooks->start;
my %port = map { $_ => Spocr::Port->new } qw(python js);
my $backend = Spocr::Ocr->start('--tcp', '--data', "$dir/data",
    map { ('--allow-url-host', $_) } $hooks->host,
    map { '127.0.0.1:' . $_->number } values %port);

$t->keyfile(keys => {
    alice => { uid => 'u_acme' },
    bob => { uid => 'u_acme', scopes => ['read'] },
    carol => { uid => 'u_few', limits => { key => 1 } },
});
$t->start(<<"EOC");
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit key=1000 uid=1000;
        client_max_body_size 30m;
        location / { proxy_pass http://$backend->{address}; }
        location = /ocr/fields {
            spocr_require_scope ocr;
            spocr_methods POST;
            proxy_pass http://$backend->{address};
        }
    }
}
EOC

delete @ENV{grep { /^(?:https?|all|no)_proxy$/i } keys %ENV};
$ENV{SPOCR_URL} = 'http://127.0.0.1:' . $t->port(1);
$ENV{SPOCR_KEY} = $t->key('alice');
$ENV{no_proxy} = '*';

my @samples;
push @samples, { language => $1, text => $2 }
    while $page =~ /^```(bash|python|js)\n(.*?)^```$/gms;

# One is run in its folder; a first line of "name PORT" makes it a receiver.
my $n = 0;
sub run ($sample, @argv) {
    my %with = (bash => ['bash', '-euo', 'pipefail'], python => ['python3'],
                js => ['node']);
    my $file = $t->file("work/sample" . $n++ . ($sample->{language} eq 'js'
                        ? '.mjs' : ''), $sample->{text});
    return $t->command('sh', '-c', "cd $dir/work && exec \"\$\@\"", 'sh',
                       @{ $with{ $sample->{language} } }, $file, @argv);
}

sub sample ($re) {
    my @found = grep { $_->{text} =~ $re } @samples;
    is @found, 1, "one sample has $re";
    $found[0]{done} = 1;
    return $found[0];
}

sub runs ($re) {
    my ($exit, $out) = run(sample($re));
    is $exit, 0, '  it runs' or diag $out;
    return $out;
}

sub decoded ($text) { eval { $json->decode($text) } // {} }

SKIP: {
    my ($missing) = grep { ($t->command($_, '--version'))[0] } qw(curl jq);
    skip "$missing is missing", 1 if $missing;

    # /ocr/fields

    is_deeply decoded(runs(qr/receipt\.png; printf/)),
        { store_name => 'PEBBLE & PINE MARKET', total => '19.66',
          transaction_date => '08/05/2026' }, 'the first call';

    my $own = decoded(runs(qr/request\.json <</));
    is $own->{total}, '19.66', 'fields of your own';
    cmp_ok scalar @{ $own->{line_items} // [] }, '>', 2, '  with rows';
    unlike $json->encode($own), qr/field_bboxes/, '  without places';

    my $pixels = runs(qr/struct\.unpack/);
    like $pixels, qr/^total: "19\.66" at \d+ \d+ \d+ \d+$/m, 'in pixels';
    my ($width, $height) = unpack 'N2',
        substr slurp('backend/samples/receipt.png'), 16, 8;
    for ($pixels =~ /at (\d+ \d+ \d+ \d+)$/gm) {
        my @p = split / /;
        ok $p[0] < $p[2] && $p[2] <= $width && $p[1] < $p[3]
           && $p[3] <= $height, "  $_ is on the page" or last;
    }

    # sheets

    my $made = decoded(runs(qr{/create"}));
    is $made->{path}, 'Receipts', 'a sheet is created';

    my $upload = runs(qr/Idempotency-Key: /);
    is decoded($upload)->{sheetRef}, $made->{uniqueKey}, 'an upload';
    my ($shown) = $page =~ /^```json\n(\{\n  "path".*?)^```/ms;
    is_deeply [map { sort keys %$_ } decoded($shown),
               decoded($shown)->{jobs}[0]],
              [map { sort keys %$_ } decoded($upload),
               decoded($upload)->{jobs}[0]], '  answered as it is shown';

    is runs(qr/^while answer=/m), "19.66\n", 'a job is waited for';
    is_deeply decoded(runs(qr/-F wait=true/)),
        { originalName => 'receipt.png', status => 'done', total => '19.66' },
        'the upload waits';

    my $view = decoded(runs(qr/where=total>5/));
    is $view->{matched}, 3, 'a view';
    is_deeply $view->{rows}[0],
        { store_name => 'PEBBLE & PINE MARKET', total => '19.66' },
        '  of two columns';

    runs(qr/format=csv/);
    my $csv = slurp("$dir/work/receipts.csv");
    like $csv, qr/^\xef\xbb\xbfname,store_name,.*line_items\.amount/,
        'a CSV';
    cmp_ok scalar(() = $csv =~ /\r\n/g), '>', 8, '  with lines for the rows';

    is_deeply decoded(runs(qr/arg row "\$row"/)),
        { ok => JSON::PP::true, patched => { total => '20.00' } }, 'an edit';

    my $amount = decoded(runs(qr{/amount"}));
    is $amount->{free}{limit}, 100, 'what is left';
    is $amount->{free}{used}, 6, '  all that was read was paid for';

    # webhooks: both receivers, and the one that the page names

    my $put = sample(qr/-X PUT/);
    my $test = sample(qr{/webhook/test"});

    for my $language (qw(python js)) {
        my $receiver = (grep { $_->{language} eq $language
                               && $_->{text} =~ /SPOCR_WEBHOOK_SECRET/ }
                        @samples)[0];
        ok $receiver, "a receiver in $language" or next;
        $receiver->{done} = 1;
        my $with = $language eq 'js' ? 'node' : 'python3';
        next if ($t->command($with, '--version'))[0];

        my $number = $port{$language}->number;
        my %put = (%$put, text => $put->{text}
            =~ s{https://example\.com}{http://127.0.0.1:$number}r
            =~ s{"events"}{"rotateSecret": true, "events"}r);
        my ($exit, $out) = run(\%put);
        my $secret = decoded($out)->{secret};
        like $secret, qr/^whsec_/, '  a secret is shown' or diag $out;

        local $ENV{SPOCR_WEBHOOK_SECRET} = $secret;
        my $file = $t->file("receive.$language"
                            . ($language eq 'js' ? '.mjs' : ''),
                            $receiver->{text});
        my $pid = fork // die "cannot fork: $!\n";
        if (!$pid) {
            $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
            open STDOUT, '>', "$dir/received.$language";
            open STDERR, '>&', \*STDOUT;
            exec $with, $file, $number or POSIX::_exit(127);
        }
        wait_for(sub { IO::Socket::INET->new(
            PeerAddr => "127.0.0.1:$number") }, 20);

        ($exit, $out) = run($test);
        is $exit, 0, '  a test is sent' or diag $out;
        ok wait_for(sub {
            slurp("$dir/received.$language") =~ /^webhook\.test \{/m
        }, 20), '  and believed' or diag slurp("$dir/received.$language");

        # sent by somebody else, sent again, sent late
        my $event = $json->encode({ id => 'evt_1', type => 'x', data => {} });
        my $post = sub ($t0, $key) {
            my $mac = hmac_sha256_hex("$t0.$event", $key);
            my ($e, $status) = $t->command('curl', '-s', '-o', '/dev/null',
                '-w', '%{http_code}', '-H',
                "X-Spaceocr-Signature: t=$t0,v1=$mac", '-d', $event,
                "http://127.0.0.1:$number/");
            return $status;
        };
        is $post->(time, 'whsec_other'), 401, '  a forged one is refused';
        is $post->(time - 400, $secret), 401, '  and an old one';
        is $post->(time, $secret), 204, '  a good one is not' for 1, 2;
        is scalar(() = slurp("$dir/received.$language") =~ /^x \{\}$/mg), 1,
            '  but counts once';
        kill KILL => $pid;
        waitpid $pid, 0;
    }

    my $sent = (run($test))[1] =~ s/^.*?\}//sr;
    like $sent, qr/"type": "webhook\.test",\s+"status": "delivered"/,
        'deliveries are listed';

    my ($exit, $out) = run($put);
    is $exit, 0, 'the webhook as it stands on the page' or diag $out;
    is decoded($out)->{url}, 'https://example.com/hooks/ocr', '  is taken';
    $t->request('DELETE', '/webhook', key => $ENV{SPOCR_KEY});

    is decoded(runs(qr{/remove"}))->{removed}, 4, 'all is removed';
}

is join("\n---\n", map { $_->{text} } grep { !$_->{done} } @samples), '',
    'each sample was run';

# C-35: what the gateway says is in the document, and what goes through it

my $c = Spocr::Contract->new;
my $all = $t->key('alice');

sub documented ($method, $target, $status, %o) {
    my $r = $t->request($method, $target, %o);
    is $r->status, $status, "$method $target: $status";
    is join("\n", $c->check($method, $target, $r)), '', '  as documented';
    return $r;
}

my @form = ('Content-Type', 'application/json');
documented('GET', $_, 200, key => $all)
    for '/amount', '/space', '/view', '/webhooks/deliveries?limit=2',
        '/space?depth=3', '/view?path=';
documented('HEAD', '/amount', 200, key => $all);
documented('GET', '/webhook', 404, key => $all);
documented('GET', '/jobs/job_x', 404, key => $all);
documented('GET', '/view?path=x', 404, key => $all);
documented('GET', '/view?limit=0', 400, key => $all);
documented('GET', '/nothing', 404, key => $all);
documented('PUT', '/amount', 405, key => $all);
documented('GET', '/ocr/fields', 405, key => $all);
documented('GET', '/amount', 401);
documented('GET', '/amount', 403, key => 'spocr_unknown');
documented('POST', '/ocr/fields', 403, key => $t->key('bob'),
    headers => [@form], body => '{}');
documented('POST', '/create', 201, key => $all, headers => [@form],
    body => '{"type":"memo","name":"m","text":"x"}');
documented('POST', '/create', 400, key => $all, headers => [@form],
    body => '{"type":"memo","name":"m","text":"x"}');
documented('POST', '/create', 415, key => $all, body => '{}');
documented('POST', '/ocr/fields', 413, key => $all, headers => [@form,
    'Content-Length' => 40_000_000]);

my $limited;
in_window(60_000, sub {
    $limited = $t->get('/amount', key => $t->key('carol')) for 1, 2;
});
is $limited->status, 429, 'too many: 429';
is join("\n", $c->check('GET', '/amount', $limited)), '', '  as documented';
documented('GET', '/view/' . '%2e/' x 2, 400, key => $all);
documented('GET', '/view?' . 'x' x 9000, 414, key => $all);

cmp_ok $c->checked, '>', 20, 'answers were checked';
is $backend->stop, 0, 'the backend ends well';

$t->done;
