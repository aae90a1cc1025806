# spocrctl idempotency show and forget: what is stored under a key, in every
# state, malformed, sealed; and what may be forgotten. C-23, C-24, C-28, C-34.

use lib 't/lib';
use Spocr::Ctl;
use Spocr::Redis;
use Digest::SHA qw(sha256 hmac_sha256);
use IO::Socket::INET;
use Math::BigInt;
use POSIX ();

my $redis = Spocr::Redis->new;
my $ctl = Spocr::Ctl->new(redis => $redis->url);
my $json = JSON::PP->new->utf8;
my $KEY = 'Client-Key-Text';
my $RID = 'req_0193c5a0b1c27def8000000000000000';
my $PRINT = join '', map { chr } 0 .. 31;
my ($one, $two) = ('0123456789abcdef' x 4, 'fedcba9876543210' x 4);
my @said;

# -- records as the gateway writes them

sub name ($uid, @parts) {
    return 'spocr:{' . substr(sha256_hex($uid), 0, 16) . '}:i:'
        . sha256_hex(join "\0", $uid, @parts);
}

sub now () {
    my ($s, $us) = @{ $redis->do('TIME') };
    return $s * 1000 + int($us / 1000);
}

my $name = name('u_1', $KEY);

# what undef stands for is not written
sub plant (%o) {
    my $at = delete $o{name} // $name;
    my $ttl = delete $o{ttl} // 3600_000;
    my %h = (t => 'T' x 16, f => $PRINT, n => 1, ld => now() + 30_000,
             at => now() - 5000, rid => $RID, %o);
    $redis->do('DEL', $at);
    $redis->do('HSET', $at, map { ($_ => $h{$_}) }
                            grep { defined $h{$_} } sort keys %h);
    $redis->do('PEXPIRE', $at, $ttl) if $ttl;
}

sub text ($body, @headers) {
    my $h = '';
    while (my ($name, $value) = splice @headers, 0, 2) {
        $h .= pack('nn', length $name, length $value) . $name . $value;
    }
    return pack('Cn', 1, 201) . $RID . pack('n', 2) . $h
        . pack('N', length $body) . $body;
}

my @HEADERS = ('Content-Type' => 'application/json', Location => "/x\t1");

sub id ($uid, @parts) { sha256(join "\0", $uid, @parts) }

sub plain ($text, $id = id('u_1', $KEY)) {
    return "\1" . sha256($id . $PRINT . $text) . $text;
}

# AES-256 of blocks, by the command
sub aes ($key, $blocks) {
    my $file = $ctl->secret('blocks', $blocks);
    my $hex = unpack 'H*', $key;
    return scalar `openssl enc -aes-256-ecb -nopad -K $hex -in $file`;
}

# GCM (NIST SP 800-38D)
sub ghash ($h, $data) {
    my $r = Math::BigInt->from_hex('e1' . '0' x 30);
    my $y = Math::BigInt->bzero;
    for my $block (unpack '(a16)*', $data) {
        $y->bxor(Math::BigInt->from_bytes($block));
        my $z = Math::BigInt->bzero;
        my $v = Math::BigInt->from_bytes($h);
        for my $bit (split //, sprintf '%0128s', $y->to_bin) {
            $z->bxor($v) if $bit;
            my $odd = $v->is_odd;
            $v->brsft(1);
            $v->bxor($r) if $odd;
        }
        $y = $z;
    }
    return pack 'H*', sprintf '%032s', $y->to_hex;
}

sub sealed ($text, $secret, $id = id('u_1', $KEY)) {
    my $raw = pack 'H*', $secret;
    my $key = hmac_sha256('spocr record 1', $raw);
    my $nonce = 'nonce-nonce-';
    my $pad = sub ($s) { $s . "\0" x (-length($s) % 16) };
    my $n = length($pad->($text)) / 16;
    my $stream = aes($key, join '', map { $nonce . pack 'N', $_ } 1 .. $n + 1);
    my $first = substr $stream, 0, 16, '';
    my $cipher = $text ^. substr $stream, 0, length $text;
    my $bound = "\2$id$PRINT";
    my $hash = ghash(aes($key, "\0" x 16), $pad->($bound) . $pad->($cipher)
        . pack 'Q>Q>', 8 * length $bound, 8 * length $cipher);
    return "\2" . substr(hmac_sha256('spocr secret id', $raw), 0, 4) . $nonce
        . $cipher . ($hash ^. $first);
}

sub ask ($what, $stdin, @args) {
    my $r = $ctl->run_with($stdin, 'idempotency', $what, @args);
    push @said, $r->{out}, $r->{err};
    return $r;
}

sub show (@args) { ask('show', "$KEY\n", qw(--uid u_1), @args) }

sub shown (@args) {
    my $r = show('--json', @args);
    works $r, 'show --json';
    return $json->decode($r->{out});
}

# -- states

my $r = show();
fails $r, 1, qr/there is no record of this Idempotency-Key for uid u_1$/,
    'nothing is stored';

plant(s => 'P');
$r = show();
works $r, 'show: it runs';
like $r->{out}, qr/^state        in progress\n/, 'the state';
like $r->{out}, qr/^request      $RID$/m, 'its request';
like $r->{out}, qr/^claimed      \d{4}-\S+Z, [5-9]\.\d s ago$/m, 'the claim';
like $r->{out}, qr/^attempt      1$/m, 'the attempt';
like $r->{out}, qr/^lease        (?:29|30)\.\d s left$/m, 'the lease';
like $r->{out}, qr/^expires      \d{4}-\S+Z, in (?:59|60) min$/m, 'the expiry';
like $r->{out}, qr/^size         0 bytes$/m, 'the size';
my $o = shown();
is join(' ', sort keys %$o), 'attempt bytes claimedAt expiresAt leaseLeftMs '
    . 'requestId state uid', 'JSON: the members';
is "$o->{state} $o->{requestId} $o->{attempt} $o->{uid}",
    "in_progress $RID 1 u_1", 'JSON: their values';
ok $o->{leaseLeftMs} > 20_000 && $o->{leaseLeftMs} <= 30_000, 'JSON: the lease';

plant(s => 'P', n => 2, ld => now() - 1);
$r = show();
like $r->{out}, qr/^state        outcome unknown: its lease has ended$/m,
    'its lease has ended';
unlike $r->{out}, qr/^lease/m, 'and is not told';
is shown()->{state}, 'outcome_unknown', 'JSON';

plant(s => 'T', st => 'outcome_unknown', ld => undef);
like show()->{out}, qr/^state        outcome unknown$/m, 'a tombstone of that';
plant(s => 'T', st => 'too_large');
like show()->{out}, qr/^state        not replayable: too_large$/m, 'of others';
$o = shown();
is "$o->{state} $o->{reason}", 'not_replayable too_large', 'JSON';
plant(s => 'T', st => 'budget', rid => '', n => undef, at => undef,
      ld => undef, ttl => 0);
$r = show();
like $r->{out}, qr/^state        not replayable: budget\nrequest      -\n/m,
    'no request';
unlike $r->{out}, qr/^(?:claimed|attempt|lease)/m, 'nor what a claim has';
like $r->{out}, qr/^expires      never$/m, 'no expiry';
is shown()->{expiresAt}, undef, 'JSON';

# -- stored answers

my $body = '{"total":"19.66"}';
my $file = $ctl->secret('secrets', "# two\n$one\n$two\n");
my $other = $ctl->secret('other', "$two\n");

plant(s => 'D', b => plain(text($body, @HEADERS)));
$r = show();
works $r, 'an answer that is not sealed';
like $r->{out}, qr/^state        done$/m, 'the state';
like $r->{out}, qr/^sealed       no\nstatus       201\n/m, 'its status';
like $r->{out}, qr/^headers      Content-Type, Location\n/m, 'its headers';
like $r->{out}, qr/^body         17 bytes\n\z/m, 'and its body';
unlike $r->{out}, qr/19\.66/, 'which nobody asked for';
$r = show('--body');
like $r->{out}, qr/bytes\n\n\Q$body\E\n\z/, '--body';
$o = shown('--body');
is_deeply $o->{answer}, { sealed => JSON::PP::false, status => 201,
    headers => ['Content-Type', 'Location'], bodyBytes => 17, body => $body },
    'JSON';
is $o->{bytes}, $redis->do('HSTRLEN', $name, 'b'), 'JSON: the bytes in Redis';
ok !exists shown()->{answer}{body}, 'JSON: without --body none';
$r = show('--secret-file', $file);
is $r->{code}, 1, 'an answer that should be sealed';
like $r->{err}, qr/was not opened: it is not sealed/, 'is not opened';

for my $secret ($one, $two) {
    plant(s => 'D', b => sealed(text($body, @HEADERS), $secret));
    $o = shown('--secret-file', $file, '--body');
    is $o->{answer}{body}, $body, 'a sealed answer, by any secret of the file';
    ok $o->{answer}{sealed}, 'is told to be one';
}
works show('--secret-file', $other), 'the right secret alone';
plant(s => 'D', b => sealed(text($body, @HEADERS), $one));
$r = show();
works $r, 'a sealed answer, and no secret';
like $r->{out}, qr/^answer       not opened: it is sealed \(--secret-file/m,
    'is told';
is_deeply shown()->{answer}, { sealed => JSON::PP::true,
    notOpened => 'it is sealed (--secret-file opens it)' }, 'JSON';
$r = show('--secret-file', $other);
is $r->{code}, 1, 'the wrong secret';
like $r->{out}, qr/^state        done$/m, 'the state is told all the same';
like $r->{err}, qr/sealed with a secret that is not known here/, 'and why';
is show('--body')->{code}, 1, '--body, and no secret';
plant(s => 'D', f => 'F' x 32, b => sealed(text($body, @HEADERS), $one));
like show('--secret-file', $file)->{err}, qr/or another request$/,
    "another request's";
plant(s => 'D', b => sealed(text($body, @HEADERS), $one, id('u_1', 'x')));
like show('--secret-file', $file)->{err}, qr/or another request$/,
    "another key's";
plant(s => 'D', b => plain(text($body, @HEADERS) . 'x'));
like show()->{err}, qr/its text is malformed/, 'a text that is none';
plant(s => 'D', b => "\1");
like show()->{err}, qr/not the length of a record/, 'a single byte';
plant(s => 'D', b => plain(text($body, "A\e[31m" => 'x', B => 'y')));
$r = show();
is $r->{code}, 1, 'a name that is no token';
unlike "$r->{out}$r->{err}", qr/\e/, 'is not printed';
$r = show('--json', '--body');
is $r->{code}, 1, 'nor with --json';
ok $json->decode($r->{out}), 'which is JSON';

plant(s => 'D', b => plain(text("a\tb\nc\e[31m\0\x7f\xc2\x9b\xc3\xbc",
                                @HEADERS)));
$r = show('--body');
like $r->{out}, qr/\n\na\tb\nc\\x1b\[31m\\x00\\x7f\\xc2\\x9b\xc3\xbc\n\z/,
    'a body of UTF-8, without what a terminal would obey';
is shown('--body')->{answer}{body}, "a\tb\nc\e[31m\0\x7f\x9b\xfc", 'JSON';
plant(s => 'D', b => plain(text("\xff\xc3\xbc", @HEADERS)));
like show('--body')->{out}, qr/\n\n\\xff\\xc3\\xbc\n\z/, 'a body of bytes';
is shown('--body')->{answer}{bodyBase64}, '/8O8', 'JSON';
plant(s => 'D', b => plain(text('', @HEADERS)));
is shown('--body')->{answer}{body}, '', 'an empty one';
plant(s => 'D', b => plain(text('x' x 3_000_000, @HEADERS)));
is length shown('--body')->{answer}{body}, 3_000_000, 'a large one';
plant(s => 'P');
$r = show('--body');
is $r->{code}, 1, '--body, and no answer';
like $r->{err}, qr/there is no stored answer$/, 'is told';

# -- whose record, and which key

plant(s => 'T', st => 'encoded', name => name('u_1', 'key_1', $KEY));
is shown('--key-id', 'key_1')->{reason}, 'encoded', 'of a key';
is shown('--key-id', 'key_1')->{keyId}, 'key_1', 'which is told';
is shown()->{state}, 'in_progress', 'is not the one of the uid';
fails show('--key-id', 'key_2'), 1, qr/for uid u_1 and key key_2$/,
    "another key's";
fails ask('show', $KEY, qw(--uid u_2)), 1, qr/for uid u_2$/, "another uid's";
works ask('show', $_, qw(--uid u_1)), 'forms of one key'
    for $KEY, "$KEY\r\n", " $KEY\t\n", qq("$KEY"\n);
plant(s => 'P', name => name('u_1', 'a,"b'));
works ask('show', qq("a,\\"b"\n), qw(--uid u_1)), 'a quoted key';
$redis->do('RENAME', $name, $name =~ s/^spocr:/gw:/r);
works show('--prefix', 'gw:'), 'another prefix';

# -- what is malformed: told, and never trusted

for my $case (
    [qr/its state is none/, s => undef], [qr/its state is none/, s => 'X'],
    [qr/its state is none/, s => 'PP'], [qr/its state is none/, s => "\e[31m"],
    [qr/its token/, s => 'D', t => undef], [qr/its token/, s => 'T', t => 'x'],
    [qr/its fingerprint/, s => 'P', f => undef],
    [qr/its fingerprint/, s => 'T', f => 'f' x 33],
    [qr/its attempt is no/, s => 'P', n => undef],
    (map { [qr/its attempt is no/, s => 'P', n => $_] }
         '0', '-1', '', 'x', '1e9', '1 ', '9' x 15, '1' x 30, "1\e[31m"),
    [qr/the end of its lease is no time/, s => 'P', ld => undef],
    [qr/the end of its lease is no time/, s => 'P', ld => '9' x 15],
    [qr/its claim is at no time/, s => 'P', at => '12.5'],
    [qr/its request id is none/, s => 'P', rid => "req_\e[31m"],
    [qr/its request id is none/, s => 'P', rid => "${RID}0"],
    [qr/its request id is none/, s => 'D', b => 'x', rid => undef],
    [qr/it has no reason/, s => 'T'],
    [qr/it has no reason/, s => 'T', st => ''],
    [qr/its reason is no word/, s => 'T', st => "\e[31m"],
    [qr/its reason is no word/, s => 'T', st => 'x' x 33],
    [qr/its reason is no word/, s => 'T', st => "too_large\0"],
    [qr/it has no answer/, s => 'D'], [qr/it has no answer/, s => 'D', b => ''],
) {
    my ($re, %fields) = @$case;
    plant(%fields);
    my $r = show();
    my $what = join ' ', map { "$_=" . (($fields{$_} // '-') =~ s/\W/?/gr) }
                         sort keys %fields;
    works $r, "malformed: $what";
    like $r->{out}, qr/^state        malformed: $re/m, '  is told';
    unlike $r->{out}, qr/[^ -~\n]/, '  and nothing is repeated';
    is shown()->{state}, 'malformed', '  JSON';
}
$redis->do('DEL', $name);
$redis->do('HSET', $name, 'x', 'y');
like show()->{out}, qr/malformed: its state is none/, 'a hash of another';
$redis->do('DEL', $name);
$redis->do('SET', $name, 'x');
like show()->{out}, qr/malformed: it is no hash/, 'no hash';
works ask('forget', $KEY, qw(--uid u_1)), 'it can be forgotten';
is $redis->do('EXISTS', $name), 0, 'and is';

# -- forget

sub forget (@args) { ask('forget', "$KEY\n", qw(--uid u_1), @args) }

fails forget(), 1, qr/there is no record/, 'forget: nothing is stored';

for my $case (
    ['outcome unknown', s => 'P', ld => now() - 1],
    ['outcome unknown', s => 'T', st => 'outcome_unknown'],
    ['not replayable', s => 'T', st => 'too_large'],
    ['done', s => 'D', b => 'x'],
    ['malformed', s => 'X'],
) {
    my ($state, %fields) = @$case;
    plant(%fields);
    plant(s => 'P', name => name('u_1', 'another'));
    my $r = forget();
    works $r, "forget: $state";
    like $r->{out}, qr/^state        $state.*^request      $RID$/ms,
        '  what it was';
    like $r->{err}, qr/a retry with this key executes the request again$/,
        '  and what follows';
    is $redis->do('EXISTS', $name), 0, '  it is gone';
    is $redis->do('EXISTS', name('u_1', 'another')), 1, '  and no other one';
}

for my $fields ({}, { ld => undef }, { n => 'x' }, { ld => 'x' }) {
    plant(s => 'P', %$fields);
    fails forget(), 1, qr/is in progress, .*--force \(nothing was changed\)/,
        'forget: it runs, as far as anybody can tell';
    is $redis->do('EXISTS', $name), 1, '  it stays';
}
plant(s => 'P');
like forget()->{err}, qr/its lease lasts for (?:29|30)\.\d s:/, 'for how long';
$r = forget('--force');
works $r, '--force';
like $r->{out}, qr/^state        in progress$/m, 'what it was';
like $r->{err}, qr/again, and the first one may be running$/, 'and a warning';
plant(s => 'T', st => 'budget');
$r = forget('--json', '--quiet');
$o = $json->decode($r->{out});
is "$o->{state} $o->{reason} $o->{forgotten}", 'not_replayable budget 1',
    'JSON';
is $r->{err}, '', '--quiet';

# a user who may not: that is told, and not that there is nothing
$redis->do(split / /, 'ACL SETUSER op reset on >pw ~spocr:* +time +watch '
           . '+multi +exec +pttl +hmget');
{
    my $weak = Spocr::Ctl->new(redis => $redis->url =~ s{//}{//op\@}r
        . ' password_file=' . $ctl->secret('password', "pw\n"));
    plant(s => 'T', st => 'budget');
    works $weak->run_with($KEY, qw(idempotency show --uid u_1)),
        'what show needs of Redis';
    fails $weak->run_with($KEY, qw(idempotency forget --uid u_1)), 1,
        qr/NOPERM/, 'and not enough to forget';
    is $redis->do('EXISTS', $name), 1, 'it stays';
    $redis->do(split / /, 'ACL SETUSER op +del');
    works $weak->run_with($KEY, qw(idempotency forget --uid u_1)), 'with DEL';
    $redis->do(split / /, 'ACL SETUSER op -hmget');
    fails $weak->run_with($KEY, qw(idempotency show --uid u_1)), 1, qr/NOPERM/,
        'not permitted';
}

# somebody else changes it between the look and the deletion
{
    my $listen = IO::Socket::INET->new(Proto => 'tcp', Listen => 4,
        LocalAddr => '127.0.0.1') or die "listen: $!\n";
    my $bulk = sub ($s) { '$' . length($s) . "\r\n$s\r\n" };
    my $seen = "+OK\r\n*9\r\n" . join('', map { $bulk->($_) } 'T', 'T' x 16,
        $PRINT, 1, 1, 1, 'budget', $RID, '') . ":5000\r\n*2\r\n"
        . $bulk->(1_800_000_000) . $bulk->(1) . "+OK\r\n+QUEUED\r\n";
    for my $case (["*-1\r\n", qr/has changed meanwhile.*\(nothing was/],
                  ["*1\r\n:0\r\n", qr/has changed meanwhile/],
                  ["*1\r\n-NOPERM no \e[31m\r\n", qr/NOPERM no \?\[31m$/],
                  ["-EXECABORT x\r\n", qr/EXECABORT/],
                  ['', qr/may have been forgotten or not: look$/]) {
        my ($end, $re) = @$case;
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            my $c = $listen->accept;
            syswrite $c, "*4\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion"
                . "\r\n\$5\r\n7.0.0\r\n$seen$end";
            shutdown $c, 1;
            1 while sysread $c, my $rest, 4096;
            POSIX::_exit(0);
        }
        fails $ctl->raw("$KEY\n", qw(idempotency forget --uid u_1 --redis),
                        'redis://127.0.0.1:' . $listen->sockport), 1, $re,
            "forget: $re";
        waitpid $pid, 0;
    }
}

# -- usage

for my $case (
    [qr/--uid is missing/, $KEY],
    [qr/--uid must be/, $KEY, '--uid', 'a b'],
    [qr/--uid must be/, $KEY, '--uid', ''],
    [qr/--key-id must be/, $KEY, qw(--uid u --key-id), 'a b'],
    [qr/stdin is empty/, '', qw(--uid u)],
    [qr/stdin is empty/, "\n", qw(--uid u)],
    [qr/stdin is empty/, "\r\n", qw(--uid u)],
    [qr/more than one line/, "$KEY\n$KEY\n", qw(--uid u)],
    [qr/more than one line/, "$KEY\n\n", qw(--uid u)],
    [qr/more than one line/, "\n$KEY\n", qw(--uid u)],
    [qr/too long to be/, $KEY x 1000, qw(--uid u)],
    (map { [qr/stdin has no Idempotency-Key: 1 to 255/, $_, qw(--uid u)] }
         ' ', "$KEY $KEY", "$KEY,$KEY", qq("$KEY), qq($KEY"), '""',
         'x' x 256, "$KEY\xe9", "$KEY\0", "$KEY\r$KEY", "$KEY\\"),
    [qr/usage: spocrctl idempotency/, $KEY, '--uid', 'u', $KEY],
) {
    my ($re, $stdin, @args) = @$case;
    for my $what ('show', 'forget') {
        my $r = ask($what, $stdin, @args);
        fails $r, 2, $re, "$what: $re, " . length $stdin;
    }
}
fails $ctl->raw($KEY, qw(idempotency show --uid u)), 2,
    qr/is about Redis: say which/, 'no Redis';
fails $ctl->raw($KEY, qw(idempotency show --uid u --file), $ctl->path), 2,
    qr/is about Redis: say which/, 'a key file';
fails show('--file', $ctl->path), 2, qr/a key file has no records of/,
    'a key file, too';
fails show('--force'), 2, qr/takes no --force/, 'show has no --force';
fails forget('--body'), 2, qr/takes no --body/, 'forget has no --body';

for my $case (['', qr/the secret file: it has no secret/],
              ["\nx\n", qr/the secret file: line 2: a secret is 64/]) {
    my ($text, $re) = @$case;
    fails show('--secret-file', $ctl->secret('bad', $text)), 1, $re,
        'a bad file of secrets';
}
fails show('--secret-file', $ctl->dir . '/none'), 1,
    qr/the secret file: it cannot be opened: No such file/, 'none';
chmod 0640, $file;
fails show('--secret-file', $file), 1, qr/the secret file: .*chmod 600/,
    'one that others can read';

unlike join('', @said), qr/\Q$KEY\E/, 'the text of the key is never printed';
unlike join('', @said), qr/$one|$two/, 'nor is a secret';

done_testing;
