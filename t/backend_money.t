# Money: what a page costs, out of which bucket, and that it comes back.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Time::Local qw(timegm);
use Spocr::Contract ':ocr';
use Spocr::Ocr;
use Spocr::Picture;

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my @start = ('--data', $data, '--free-scans', 2);
my $backend = Spocr::Ocr->start(@start);
my $month = POSIX::strftime('%Y-%m', gmtime);

sub amount ($uid = 'u_test') {
    return $backend->call('GET', '/amount', undef, 'X-Spocr-Uid' => $uid)
        ->{json};
}

sub read_page ($bytes, @more) {
    return $backend->fields({ image => encode_base64($bytes, ''),
        fields => [{ name => 'total', type => 'string' }] }, @more);
}

sub ledger ($where = '1') {
    return map { join ' ', @$_{qw(kind bucket cycle delta request_id)} }
        Spocr::Ocr::sql($data, "SELECT * FROM ledger WHERE $where ORDER BY id");
}

sub upload ($n, @more) {
    return $backend->upload(['name="path"' => 'S', map {
        (qq(name="files"; filename="$_.png"), Spocr::Picture::blank($_))
    } 1 .. $n], @more);
}

sub at_rest () {
    $backend->wait_for(sub {
        !Spocr::Ocr::sql($data, "SELECT 1 FROM job"
            . " WHERE status IN ('pending', 'processing')");
    });
}

sub adds_up ($what) {
    my ($status, $said) = Spocr::Ocr::command('ledger', '--data', $data);
    is $status, 0, "$what: the ledger adds up" or diag $said;
}

sub sheet ($uid = 'u_test') {
    my $r = $backend->call('POST', '/create', { path => '', type => 'sheet',
        name => 'S', columns => [{ name => 'total', type => 'string' }] },
        'X-Spocr-Uid' => $uid);
    is $r->{status}, 201, "a sheet of $uid" or diag $r->{body};
}

# a new tenant
{
    my $new = amount();
    my ($y, $m) = $month =~ /(\d+)-(\d+)/;
    is_deeply $new, {
        free => { used => 0, limit => 2, remaining => 2,
                  cycleStart => 1000 * timegm(0, 0, 0, 1, $m - 1, $y),
                  cycleEnd => 1000 * timegm(0, 0, 0, 1, $m % 12,
                                            $y + ($m == 12)) },
        flatfee => { enabled => JSON::PP::false, used => 0, limit => 0,
                     remaining => 0, nextBillingAt => undef },
        balance => 0, currency => 'scans', perCallCost => 1, priceYen => 10,
    }, 'amounts of a new tenant';
}

# what was read is paid for; what was not, is not
{
    is read_page(Spocr::Picture::total(), 'X-Request-Id' => 'r1')->{status},
        200, 'a page with text';
    is_deeply [ledger()], ["hold free $month -1 r1",
                           "capture free $month 0 r1"], 'held and captured';
    is amount()->{free}{used}, 1, 'one scan';

    my $r = read_page(Spocr::Picture::blank(), 'X-Request-Id' => 'r2');
    is $r->{status}, 502, 'a blank page';
    is $r->{json}{error}{code}, 'ocr_engine_error', 'ocr_engine_error';
    is_deeply [ledger("request_id = 'r2'")], ["hold free $month -1 r2",
                           "refund free $month 1 r2"], 'is given back';
    is amount()->{free}{used}, 1, 'still one scan';
    is read_page('no image')->{status}, 400, 'what is no image';
    is scalar(ledger()), 4, 'is never held';
    adds_up 'calls';
}

# buckets, in their order
{
    my @grant = ('grant', '--data', $data, '--uid', 'u_test', '--scans', 4,
                 '--ref', 'inv-1');
    my ($status, $said) = Spocr::Ocr::command(@grant);
    is $status, 0, 'a grant beside the server';
    like $said, qr/u_test: 4 scans granted \(inv-1\); the balance is 4/,
        'says so';
    ($status, $said) = Spocr::Ocr::command(@grant);
    is $status, 1, 'the same reference again';
    like $said, qr/"inv-1" was granted before/, 'says so';

    ($status, $said) = Spocr::Ocr::command('flatfee', '--data', $data, '--uid',
                                           'u_test', '--scans', 2);
    is $status, 0, 'a flat fee';
    like $said, qr/u_test: a flat fee of 2 scans a month/, 'says so';
    my $before = amount();
    is $before->{balance}, 4, 'the balance';
    is_deeply $before->{flatfee}, { enabled => JSON::PP::true, used => 0,
        limit => 2, remaining => 2,
        nextBillingAt => $before->{free}{cycleEnd} }, 'the flat fee';

    sheet();
    is upload(5, 'X-Request-Id' => 'r3')->{status}, 200, 'five images';
    is_deeply [ledger("request_id = 'r3' AND kind = 'hold'")],
        [map { "hold $_ -1 r3" } "free $month", ("flatfee $month") x 2,
                                 ('balance ') x 2], 'free, flatfee, balance';
    at_rest();
    is_deeply [sort { $a cmp $b }
               ledger("request_id = 'r3' AND kind = 'refund'")],
        [map { "refund $_ 1 r3" } ('balance ') x 2, ("flatfee $month") x 2,
                                  "free $month"],
        'all blank: back to where they came from';
    is_deeply amount(), $before, 'the amounts are as before';
    adds_up 'a batch over three buckets';
}

# too many: all or nothing
{
    my $before = amount();
    my $r = upload(8);
    is $r->{status}, 402, 'eight images and seven scans';
    is $r->{json}{error}{code}, 'insufficient_balance', 'insufficient_balance';
    is_deeply $r->{json}{details}, { requested => 8, processable => 7 },
        'how many there are';
    is_deeply amount(), $before, 'nothing is charged';
    is scalar(my @f = glob "$data/images/*/*"), 5, 'nothing is kept';

    $r = read_page(Spocr::Picture::blank(), 'X-Spocr-Uid' => 'u_other');
    is $r->{status}, 502, 'another tenant has its own';
    is amount('u_other')->{balance}, 0, 'and not this balance';
}

# many at once do not get more than there is
{
    my ($w) = $backend->workers;
    sheet('u_many');
    kill STOP => $w;
    my @s = map {
        $backend->send_request('POST', '/upload', { 'X-Spocr-Uid' => 'u_many',
            'Content-Type' => 'multipart/form-data; boundary=spocr' },
            Spocr::Ocr::multipart('name="path"' => 'S',
                'name="files"; filename="a"' => Spocr::Picture::blank($_)));
    } 1 .. 8;
    my %got;
    $got{$backend->answer($_)->{status}}++ for @s;
    is_deeply \%got, { 200 => 2, 402 => 6 }, 'eight at once, two scans';
    is amount('u_many')->{free}{remaining}, 0, 'none is left';

    # a hold of another month ends in that month
    Spocr::Ocr::sql($data, "UPDATE $_ SET cycle = '2020-01'"
        . " WHERE uid = 'u_many' AND bucket = 'free'") for qw(ledger purse);
    is amount('u_many')->{free}{remaining}, 2, 'a new month';
    kill CONT => $w;
    at_rest();
    is_deeply [map { $_->{cycle} } Spocr::Ocr::sql($data, "SELECT cycle"
        . " FROM ledger WHERE uid = 'u_many' AND kind = 'refund'")],
        ['2020-01', '2020-01'], 'refunds of the last month';
    is amount('u_many')->{free}{remaining}, 2, 'do not add to this one';
    adds_up 'two months';
}

# a call that was under way when the server was killed
{
    my ($w) = $backend->workers;
    my $before = amount();
    kill STOP => $w;
    my $s = $backend->send_fields({ templateId => 'receipt',
        image => encode_base64(Spocr::Picture::total(), '') });
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });
    is amount()->{free}{used}, $before->{free}{used} + 1, 'held meanwhile';
    adds_up 'an open call';
    $backend->stop('KILL');
    is $backend->answer($s)->{status}, 0, 'no answer';
    $backend = Spocr::Ocr->start(@start);
    is_deeply amount(), $before, 'given back at the next start';
    is_deeply [Spocr::Ocr::sql($data, 'SELECT * FROM call')], [], 'once';
    adds_up 'after kill -9';
}

is $backend->stop, 0, 'ends well';
done_testing;
