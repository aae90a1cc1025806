# A storm of kill -9: whatever was accepted is done once, paid for once or
# given back, and nothing is left over.
#
#   SPOCR_KILLS=N  so many rounds (6); SPOCR_SEED=N repeats a storm

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use IO::Select;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);
use Spocr::Contract ':ocr';
use Spocr::Ocr;
use Spocr::Picture;

my $rounds = $ENV{SPOCR_KILLS} || 6;
my $seed = $ENV{SPOCR_SEED} // time ^ $$;
srand $seed;
diag "SPOCR_SEED=$seed, $rounds rounds";

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my @start = ('--data', $data, '--free-scans', 1_000_000, '--workers', 2,
             '--queue', 100);
my @uids = ('u_one', 'u_two');
my %picture = map { $_ => Spocr::Picture::blank($_) } 1 .. 9;
$picture{0} = Spocr::Picture::total();

my $backend;
my (%todo, %jobs, %calls, @gone);
my ($n, $accepted, $cut, $replayed) = (0) x 4;

sub sql ($sql) { Spocr::Ocr::sql($data, $sql) }

# starts it; a child that a killed one has just forked may hold the lock yet
sub start () {
    for (1 .. 50) {
        $backend = eval { Spocr::Ocr->start(@start) };
        return if $backend;
        die $@ if $@ !~ /another spocr-backend runs/;
        sleep 0.02;
    }
    die "the lock stays\n";
}

# begins with it, and kills it before it listens
sub kill_starting () {
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec Spocr::Ocr::program, '--listen', "unix:$dir/s", @start or exit 1;
    }
    sleep rand 0.2;
    kill KILL => $pid;
    waitpid $pid, 0;
}

# an upload under a key of its own; sent until there is an answer
sub new_upload () {
    my $key = 'k' . $n++;
    $todo{$key} = { uid => $uids[rand @uids],
                    images => [map { int rand 10 } 0 .. rand 3] };
    return $key;
}

sub send_upload ($key) {
    my ($uid, $images) = @{ $todo{$key} }{qw(uid images)};
    my $i = 0;
    my $body = Spocr::Ocr::multipart('name="path"' => 'S', map {
        (qq(name="files"; filename="$key-) . $i++ . '"' => $picture{$_})
    } @$images);
    return { key => $key, s => eval { $backend->send_request('POST', '/upload',
        { 'X-Spocr-Uid' => $uid, 'Idempotency-Key' => $key,
          'Content-Type' => 'multipart/form-data; boundary=spocr' }, $body) } };
}

sub send_call () {
    my $id = 'call' . $n++;
    return { call => $id, s => eval { $backend->send_fields({
        image => encode_base64($picture{rand() < 0.2 ? 0 : 1}, ''),
        fields => [{ name => 'total', type => 'string' }] },
        'X-Spocr-Uid' => $uids[rand @uids], 'X-Request-Id' => $id) } };
}

# an image goes, be it read or not
sub send_remove () {
    my ($key) = keys %jobs or return;
    my $j = $jobs{$key}{jobs}[0];
    push @gone, $j->{uniqueKey};
    return { s => eval { $backend->send_request('POST', '/remove',
        { 'X-Spocr-Uid' => $jobs{$key}{uid},
          'Content-Type' => 'application/json' },
        qq({"path":"$j->{uniqueKey}"})) } };
}

sub take ($sent) {
    my $r = $sent->{s} ? $backend->answer($sent->{s}) : { status => 0 };
    if ($r->{status} == 0) {
        $cut++;
    }
    elsif ($sent->{key}) {
        is $r->{status}, 200, 'an upload' or diag $r->{body};
        $replayed++ if $r->{headers}{'x-idempotent-replay'};
        my $t = delete $todo{ $sent->{key} };
        $jobs{ $sent->{key} } = { uid => $t->{uid}, jobs => $r->{json}{jobs} };
        $accepted += @{ $r->{json}{jobs} };
    }
    elsif ($sent->{call}) {
        $calls{ $sent->{call} } = $r->{status};
    }
}

sub storm () {
    my @sent = map { send_upload($_) } sort keys %todo;
    for (1 .. 2 + rand 4) {
        push @sent, rand() < 0.6 ? send_upload(new_upload())
            : rand() < 0.7 ? send_call() : send_remove() // ();
        sleep rand 0.05 if rand() < 0.5;
    }

    # as soon as a call or an upload is answered, or at any moment
    my ($one) = rand() < 0.5 ? grep { $_->{call} } @sent : $sent[rand @sent];
    if ($one && $one->{s} && rand() < 0.6) {
        my @ready = IO::Select->new($one->{s})->can_read(1);
    }
    else {
        sleep rand(rand() < 0.5 ? 0.03 : 0.3);
    }
    $backend->stop('KILL');
    take($_) for @sent;
}

start();
for my $uid (@uids) {
    my $r = $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => 'S', columns => [{ name => 'total', type => 'string' }] },
        'X-Spocr-Uid' => $uid);
    is $r->{status}, 201, "the sheet of $uid";
}

for (1 .. $rounds) {
    storm();
    kill_starting() if rand() < 0.3;
    start();
}

# what was not answered is asked for again, and then all is done
take($_) for map { send_upload($_) } sort keys %todo;
is_deeply \%todo, {}, 'every upload has its answer';
take(send_call()) for 1 .. 2;
{
    my $until = time + 30 + $rounds * 2;
    sleep 0.05 while time < $until && sql('SELECT 1 FROM job'
        . " WHERE status IN ('pending', 'processing') LIMIT 1");
}

diag "$accepted images accepted, $replayed answers replayed, "
    . scalar(keys %calls) . " calls answered, $cut cut off";

my %job = map { $_->{id} => $_ } sql('SELECT id, uid, name, status FROM job');
my @mine = map { @{ $_->{jobs} } } values %jobs;
is_deeply [grep { !$job{ $_->{jobId} } } @mine], [], 'no job is lost';
is keys %job, @mine, 'and none was made twice';
is_deeply [grep { $job{$_}{status} !~ /^(?:done|failed)$/ } keys %job], [],
    'each has its end';
is_deeply [grep { $_->{n} != 1 } sql('SELECT count(*) AS n FROM job'
    . ' GROUP BY name')], [], 'each file once';

my ($status, $said) = Spocr::Ocr::command('ledger', '--data', $data);
is $status, 0, 'the ledger adds up' or diag $said;
is_deeply [sql("SELECT ref FROM ledger AS h WHERE kind = 'hold'"
    . ' AND 1 <> (SELECT count(*) FROM ledger AS e WHERE e.ref = h.ref'
    . " AND kind <> 'hold')")], [], 'each hold has one end';
is_deeply [sql('SELECT * FROM call')], [], 'no call is open';

my %end = map { $_->{request_id} => $_->{kind} } sql('SELECT request_id, kind'
    . " FROM ledger WHERE ref LIKE 'call%' AND kind <> 'hold'");
is_deeply [grep { ($end{$_} // '') ne 'capture' }
           grep { $calls{$_} == 200 } keys %calls], [], 'answers are paid for';
is_deeply [grep { ($end{$_} // '') ne 'refund' }
           grep { $calls{$_} != 200 } keys %calls], [], 'refusals are not';

for my $uid (@uids) {
    my ($kept) = sql("SELECT count(*) AS n FROM ledger WHERE uid = '$uid'"
        . " AND kind = 'capture'");
    is $backend->call('GET', '/amount', undef, 'X-Spocr-Uid' => $uid)
        ->{json}{free}{used}, $kept->{n}, "the amount of $uid";
}

is_deeply [sort { $a cmp $b } map { s{.*/}{}r } glob "$data/images/*/*"],
    [map { $_->{key} } sql('SELECT key FROM item ORDER BY key')],
    'an image for each row, a row for each image';
is_deeply [glob "$data/spool/*"], [], 'the spool is empty';
is_deeply [sql('PRAGMA integrity_check')], [{ integrity_check => 'ok' }],
    'the database is sound';
is_deeply [sql('PRAGMA foreign_key_check')], [], 'and so are its references';

is $backend->stop, 0, 'ends well';
done_testing;
