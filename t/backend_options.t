# The backend's command line: what is no value of an option ends it at once,
# with one line that names the option, and nothing has been made by then.
# What it may listen on.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use IO::Socket::INET;
use Spocr::Ocr;

my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);

sub file ($name, $text, $mode = 0600) {
    my $path = "$dir/$name";
    open my $out, '>:raw', $path or die "$path: $!\n";
    print {$out} $text;
    close $out;
    chmod $mode, $path;
    return $path;
}

# its exit code, what it printed, and what it complained of; one that runs all
# the same is ended by alarm
sub run (@args) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$dir/out" or die $!;
        open STDERR, '>', "$dir/err" or die $!;
        alarm 30;
        exec Spocr::Ocr::program(), @args or die "$!\n";
    }
    waitpid $pid, 0;
    return { code => $? >> 8, signal => $? & 127,
             map { $_ => Spocr::Ocr::slurp("$dir/$_") } qw(out err) };
}

sub refused ($re, @args) {
    my $r = run('--listen', "unix:$dir/s", @args);
    my $lines = () = $r->{err} =~ /\n/g;
    my $name = join ' ', map { length > 30 ? substr($_, 0, 30) . '...' : $_ }
                         map { s/[^ -~]/?/gr } @args;
    ok $r->{code} == 2 && $r->{signal} == 0 && $r->{out} eq '' && $lines == 1
       && $r->{err} =~ /\Aspocr-backend: .*$re/, $name
        or diag explain $r;
    ok !-e "$dir/s", '  and there is no socket';
}

my %number = (workers => [1, 64], queue => [1, 1000], timeout => [1, 600],
              'free-scans' => [0, 1_000_000_000], 'remote-timeout' => [1, 600]);
for my $name (sort keys %number) {
    my ($min, $max) = @{ $number{$name} };
    refused qr/--$name must be a number from $min to $max, not "\Q$_\E"/,
            "--$name", $_
        for $min - 1, $max + 1, '', 'x', '1x', '1 ', '9' x 30;
}

refused qr/--socket-mode must be an octal mode/, '--socket-mode', $_
    for '', 'rw', '8', '660x', '-1', '1000', '7' x 30;
refused qr/--allow-url-host must be HOST:PORT/, '--allow-url-host', $_
    for '', 'host', ':80', 'host:', 'host:0', 'host:65536', 'host:80x',
        'host:-1', 'host: 80', 'h' x 300 . ':80';
refused qr/--webhook-retries must be seconds with commas/,
        '--webhook-retries', $_
    for 'x', '0', '1,', ',1', '1,,2', '1;2', '-1', '604801', '9' x 30,
        join ',', (1) x 100;

for my $name (qw(ocr-url llm-url)) {
    refused qr{--$name must begin with http:// or https://}, "--$name", $_
        for '', 'x', 'ftp://h/', 'http:/h', 'http://' . 'h' x 2000;
    refused qr/--$name contains a blank or control character/, "--$name", $_
        for 'http://h/a b', "https://h/\x7f", "http://h/\r\nX: y", "HTTP://\t";
}

my @llm = ('--llm-url', 'http://127.0.0.1:1/');
refused qr/--llm-url needs --llm-model/, @llm;
refused qr/--llm-url needs --llm-model/, @llm, '--llm-model', '';
refused qr/--llm-key-file and --llm-strict need --llm-url/, @$_
    for ['--llm-strict'], ['--llm-model', 'm'],
        ['--llm-key-file', file('key', "k\n")];

@llm = (@llm, '--llm-model', 'm', '--llm-key-file');
for ([qr/No such file/, "$dir/none"], [qr/Is a directory/, "$dir"],
     [qr/others than its owner have access/, file('open', "k\n", 0640)],
     [qr/others than its owner have access/, file('world', "k\n", 0604)],
     [qr/it is empty/, file('empty', '')],
     [qr/it is empty/, file('blank', " \n\t\n")],
     [qr/it must have one line/, file('two', "a\nb\n")],
     [qr/it must have one line/, file('words', "a b\n")],
     [qr/it must have one line/, file('control', "a\x7fb\n")],
     [qr/the key is too long/, file('long', 'k' x 10_000)])
{
    my ($re, $path) = @$_;
    refused qr/--llm-key-file \Q$path\E: $re/, @llm, $path;
}

refused qr/--data needs a folder/, '--data', '';
refused qr/unexpected argument "more"/, 'more';
my $r = run('--nonsense');
is $r->{code}, 2, 'an option that there is not';
like $r->{err}, qr/Try "spocr-backend --help"/, 'and how to learn of others';
is run('--queue')->{code}, 2, 'an option without its value';

$r = run('--help');
is $r->{code}, 0, '--help';
like $r->{out}, qr/--$_\b/, "tells of --$_"
    for sort keys %number, qw(listen llm-url data webhook-retries);
like run('--version')->{out}, qr/\Aspocr-backend \S+ \(tesseract \S+\)\n\z/,
    '--version';

# -- where it listens

sub listen_refused ($re, $where, @more) {
    my $got = run('--listen', $where, @more);
    ok $got->{code} == 2 && $got->{err} =~ /\Aspocr-backend: .*$re/,
        '--listen ' . substr $where, 0, 40 or diag explain $got;
}

my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
    or die $!;
my $secret = file('secret', ('0123456789abcdef' x 4) . "\n");

listen_refused(qr/must be unix:PATH or HOST:PORT/, '127.0.0.1');
listen_refused(qr/port must be a number/, '127.0.0.1:x');
listen_refused(qr/port must be a number/, '127.0.0.1:65536');
listen_refused(qr/loopback .* only, not on "$_:0"/, "$_:0")
    for '0.0.0.0', '192.0.2.1', '128.0.0.1', 'example.net', '::1';
listen_refused(qr/loopback .* only/, $_)
    for '[::]:0', '[::ffff:192.0.2.1]:0', '[::1:0', '[]:0', '[x]:0', ':0';
listen_refused(qr/must have an address such as/, 'example.net:0',
               '--gateway-secret-file', $secret);
listen_refused(qr/cannot listen on .*in use/, '127.0.0.1:' . $taken->sockport);
listen_refused(qr/too long/, 'unix:' . 'x' x 400);
listen_refused(qr/./, 'unix:' . 'x' x 120);
listen_refused(qr/./, "unix:$dir/no/where");
listen_refused(qr/./, "unix:$secret");
is Spocr::Ocr::slurp($secret), ('0123456789abcdef' x 4) . "\n",
    'a file in the way of a socket is left alone';

for my $where ('localhost:0', '127.0.0.2:0', '[::1]:0') {
    SKIP: {
        skip 'this machine has no IPv6', 1
            if $where =~ /::/ && !-e '/proc/net/if_inet6';
        my $pid = open my $out, '-|', Spocr::Ocr::program(), '--listen',
            $where, '--workers', 1 or die $!;
        like scalar readline($out), qr/listening on \S+:[1-9]\d*$/, $where;
        kill TERM => $pid;
        close $out;
    }
}

done_testing;
