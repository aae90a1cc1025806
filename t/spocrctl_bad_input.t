# spocrctl: bad usage and bad files; the code, one sentence, nothing changed.

use lib 't/lib';
use Spocr::Ctl;

my $ctl = Spocr::Ctl->new;
my $secret = 'spocr_' . 'Secret' x 6;

# -- usage: 2

for my $case (
    [qr/a command is missing/],
    [qr/there is no such command/, 'bogus'],
    [qr/there is no such command/, 'key'],
    [qr/there is no such command/, 'key', 'bogus'],
    [qr/there is no such command/, 'key create', '--uid', 'u'],
    [qr/there is no such command/, $secret],
    [qr/an option is not known/, qw(key list --bogus)],
    [qr/an option is not known/, qw(key list -x)],
    [qr/an option is not known/, qw(key list), "--$secret"],
    [qr/key list takes no --grace/, qw(key list --grace 1h)],
    [qr/key show takes no --reload/, qw(key show x --reload)],
    [qr/--uid needs a value/, qw(key list --uid)],
    [qr/--json takes no value/, qw(key list --json=1)],
    [qr/--uid stands twice/, qw(key list --uid a --uid b)],
    [qr/--log stands more than 64 times/, 'request', 'x', ('--log=x') x 65],
    [qr/too many options/, 'key', 'list', ('--json') x 129],
    [qr/usage: spocrctl key show ID/, qw(key show)],
    [qr/usage: spocrctl key show ID/, qw(key show a b)],
    [qr/usage: spocrctl key list \[options\]/, qw(key list x)],
    [qr/--uid is missing/, qw(key create)],
    [qr/--uid must be 1 to 64/, qw(key create --uid), ''],
    [qr/--uid must be 1 to 64/, qw(key create --uid), 'a b'],
    [qr/--uid must be 1 to 64/, qw(key create --uid), 'u' x 65],
    [qr/--uid must be 1 to 64/, qw(key create --uid), $secret],
    [qr/--id must be 1 to 64/, qw(key create --uid u --id), $secret],
    [qr/an id must be 1 to 64/, qw(key revoke), $secret],
    [qr/a scope must be/, qw(key create --uid u --scopes), 'a,,b'],
    [qr/a scope must be/, qw(key create --uid u --scopes), ''],
    [qr/--name must be UTF-8/, qw(key create --uid u --name), "\xff"],
    [qr/"name" has a control/, qw(key create --uid u --name), "a\nb"],
    [qr/"name" has more than 128/, qw(key create --uid u --name), 'n' x 129],
    [qr/--meta must be a JSON object/, qw(key create --uid u --meta), '[]'],
    [qr/--meta must be a JSON object/, qw(key create --uid u --meta), '{'],
    [qr/--meta must be a JSON object/, qw(key create --uid u --meta),
     '{"a":1,"a":2}'],
    [qr/"meta" has more than 1024/, qw(key create --uid u --meta),
     '{"a":"' . 'x' x 1024 . '"}'],
    (map { [qr/--expires must be a date/, qw(key create --uid u --expires),
            $_] } 'soon', '2027-13-01', '2027-02-30', '12', '2027-01-01 00:00',
            '', '-1d'),
    [qr/--status must be active, disabled/, qw(key list --status gone)],
    [qr/a plan must be/, qw(plan set), 'a b', qw(--key-limit 1)],
    [qr/a uid must be/, qw(tenant set), 'a b'],
    [qr/--format must be csv or json/, qw(key import --format xml)],
    [qr/--scope must be/, qw(explain --scope), 'a b'],
    [qr/--key-limit must be a number/, qw(explain --key-limit 0)],
) {
    my ($re, @args) = @$case;
    my $r = $ctl->run(@args);
    fails $r, 2, $re, join(' ', map { substr $_, 0, 30 } @args[0 .. ($#args
                           > 4 ? 4 : $#args)]) || 'nothing';
    unlike $r->{err}, qr/SecretSecret/, 'no key is repeated'
        if grep { /Secret/ } @args;
    ok !-e $ctl->path, 'no file was made';
}
fails $ctl->run_with('x' x 9000, 'explain'), 1, qr/No such file/, 'no file';

# -- files: 1, with the line and the reason, and they stay as they are

for my $case (
    ['', qr/keys\.json: the file is empty$/, 'empty'],
    ['[]', qr/line 1: the file must be one JSON object$/, 'an array'],
    ["\xef\xbb\xbf{}", qr/line 1: .*byte order mark/, 'a BOM'],
    ["{\"version\":1,\n\"keys\":[{\"id\":\"key_abc\",\"expire\":1}]}",
     qr/line 2: keys\[0\] \(key_abc\): unknown field "expire"$/, 'a field'],
    ["{\"version\":1,\"keys\":[", qr/line 1: keys\[0\]: the file ends here$/,
     'cut'],
    ["{\"version\":2,\"keys\":[]}", qr/line 1: "version" must be 1$/,
     'a version'],
    ["{\"version\":1,\"keys\":[{\"id\":\"k\",\"sha256\":\"$secret\"}]}",
     qr/line 1: keys\[0\] \(k\): "sha256" holds a key's text/, 'a key'],
) {
    my ($text, $re, $name) = @$case;
    $ctl->write($text);
    for my $command ([qw(key list)], [qw(tenant set u)], ['explain']) {
        my $r = $ctl->run(@$command);
        fails $r, 1, $re, "$name: @$command";
        unlike $r->{err}, qr/SecretSecret/, 'no key is repeated';
    }
    is $ctl->text, $text, "$name: not touched";
}

$ctl->write('{"version":1,"keys":[]}');
fails $ctl->run_with('x' x 9000, 'explain'), 2, qr/too long to be a key/,
    'a long line on stdin';
fails $ctl->raw('', '--file', $ctl->dir, 'key', 'list'), 1,
    qr/not a regular file/, 'a folder';
fails $ctl->raw('', '--file', $ctl->dir . '/no/where', qw(tenant set u)), 1,
    qr/No such file/, 'a folder that is not there';
fails $ctl->raw('', '--file', $ctl->path . '/x', qw(tenant set u)), 1,
    qr/Not a directory/, 'a file for a folder';

# -- what is asked for must be what a file can say

for my $i (0 .. 63) {
    $ctl->run(qw(key create --quiet --uid u --scopes), "s$i") if $i % 16 == 0;
}
my $before = $ctl->text;
fails $ctl->run(qw(key create --uid u --scopes),
                join ',', map { "t$_" } 1 .. 65), 2,
    qr/more than 64 different scopes .*\(nothing was changed\)/,
    'too many scopes';
is $ctl->text, $before, 'nothing was changed';

# -- reload: only after a good test

my $log = $ctl->dir . '/nginx.log';
my $nginx = $ctl->dir . '/nginx';

sub fake_nginx ($test) {
    open my $f, '>', $nginx or die $!;
    print $f "#!/bin/sh\necho \"\$@\" >>$log\necho said\n"
             . "[ \"\$2\" = -t ] && exit $test\nexit 0\n";
    close $f;
    chmod 0755, $nginx;
    unlink $log;
}

sub nginx_log () {
    open my $f, '<', $log or return '';
    return join '', <$f>;
}

fake_nginx(0);
my $r = $ctl->run(qw(key create --uid u --reload --nginx), $nginx,
                  '--nginx-conf', '/x.conf');
works $r, '--reload';
is nginx_log, "-q -t -c /x.conf\n-s reload -c /x.conf\n", 'test, then reload';
like $r->{out}, qr/\Aspocr_\w{36}\n\z/, 'stdout has the key alone';
like $r->{err}, qr/nginx reloads/, 'a note';
unlike $r->{err}, qr/the change acts when/, 'and not the other one';

fake_nginx(1);
$r = $ctl->run(qw(key create --uid u --id key_r --reload --nginx), $nginx);
is $r->{code}, 1, 'a test that fails';
is nginx_log, "-q -t\n", 'no reload then';
like $r->{err}, qr/the key file is changed, but nginx -t failed/, 'is told';
like $r->{out}, qr/\Aspocr_\w{36}\n\z/, 'the key was printed before';
$r = $ctl->run(qw(tenant set u --reload --nginx), '/nonexistent/nginx');
is $r->{code}, 1, 'no nginx';
like $r->{err}, qr{/nonexistent/nginx: No such file}, 'is named';

done_testing;
