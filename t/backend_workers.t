# OCR processes that die or hang cost their call a 502 and nothing else; calls
# run side by side; nothing is left when the front is killed.

use v5.36;
use lib 't/lib';
use Test::More;
use IO::Select;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time sleep);
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my %call = (image => Spocr::Ocr::sample('receipt.png'),
            fields => [{ name => 'total', type => 'string' }]);

sub works ($backend, $what) {
    my $r = $backend->fields(\%call);
    is $r->{status}, 200, $what;
    is $r->{json}{data}{total}, '19.66', "$what: the total";
}

# a worker dies with a page in its hands
{
    my $backend = Spocr::Ocr->start('--timeout', 30);
    my ($w) = $backend->workers;

    kill STOP => $w;
    my $s = $backend->send_fields(\%call);
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });
    kill KILL => $w;

    my $r = $backend->answer($s);
    is $r->{status}, 502, 'a worker that died: 502';
    is $r->{json}{error}{code}, 'ocr_engine_error', 'ocr_engine_error';
    like $r->{json}{error}{message}, qr/unexpectedly/, 'says why';
    works $backend, 'the next call';
    isnt +($backend->workers)[0], $w, 'by another worker';
    is $backend->stop, 0, 'ends well';
}

# a worker dies before it has all of a page: the page is another one's
{
    my $backend = Spocr::Ocr->start('--timeout', 30);
    my ($w) = $backend->workers;

    # more than a socket holds, behind the end of the image
    my $png = Spocr::Ocr::slurp('backend/samples/receipt.png') . "\0" x 4e6;
    kill STOP => $w;
    my $s = $backend->send_fields({ %call, image => encode_base64($png, '') });
    $backend->wait_for(sub { Spocr::Ocr::fed($w) });
    kill KILL => $w;

    my $r = $backend->answer($s);
    is $r->{status}, 200, 'a worker that died before: it is read' or
        diag $r->{body};
    is $r->{json}{data}{total}, '19.66', 'by another one';
    is $backend->stop, 0, 'ends well';
}

# a worker hangs
{
    my $backend = Spocr::Ocr->start('--timeout', 6);
    my ($w) = $backend->workers;

    kill STOP => $w;
    my $r = $backend->fields(\%call);
    is $r->{status}, 502, 'a worker that hangs: 502';
    like $r->{json}{error}{message}, qr/in time/, 'says why';
    $backend->wait_for(sub { !-e "/proc/$w" });
    pass 'it is ended';
    works $backend, 'the next call';
    is $backend->stop, 0, 'ends well';
}

# waiting and work share one budget: the gateway does not give up first
{
    my $backend = Spocr::Ocr->start('--timeout', 3);

    # no worker gets on, and neither does one that takes its place
    my $hang = sub { kill STOP => $backend->workers };

    $hang->();
    my $first = $backend->send_fields(\%call);
    sleep 1.5;
    my $from = time;
    my $second = $backend->send_fields(\%call);
    my $wait = IO::Select->new($second);
    $backend->wait_for(sub {
        $hang->();
        return scalar(my @ready = $wait->can_read(0.05));
    });
    my $took = time - $from;
    cmp_ok $took, '>', 1.6, 'a call that waits for another, and then hangs';
    cmp_ok $took, '<', 3.9, 'is answered in time';
    is $backend->answer($_)->{status}, 502, 'by 502' for $first, $second;
    $backend->stop('KILL');
}

# a call that finds no worker has not waited in vain for all of its time
{
    my $backend = Spocr::Ocr->start('--timeout', 3);
    my ($w) = $backend->workers;

    kill STOP => $w;
    my @s = map { $backend->send_fields(\%call) } 1 .. 3;
    my @r = map { $backend->answer($_) } @s;
    is_deeply [sort map { $_->{status} } @r], [502, 503, 503],
        'the call that ran: 502; those that waited: 503';
    my ($waited) = grep { $_->{status} == 503 } @r;
    is $waited->{json}{details}{retryAfterSec}, 5, 'retryAfterSec';
    works $backend, 'the next call';
    is $backend->stop, 0, 'ends well';
}

# an idle worker is killed
{
    my $backend = Spocr::Ocr->start;
    my ($w) = $backend->workers;

    kill KILL => $w;
    $backend->wait_for(sub {
        my @w = $backend->workers;
        @w == 1 && $w[0] != $w;
    });
    works $backend, 'after an idle worker died';
    is $backend->stop, 0, 'ends well';
}

# two pages at once
{
    my $backend = Spocr::Ocr->start('--workers', 2);
    my @w = $backend->workers;
    is @w, 2, 'two workers';

    kill STOP => @w;
    my @s = map { $backend->send_fields(\%call) } 1 .. 2;
    $backend->wait_for(sub { 2 == grep { Spocr::Ocr::fed($_) } @w });
    pass 'each has a page in its hands';
    kill CONT => @w;
    is $backend->answer($_)->{status}, 200, 'side by side' for @s;
    is $backend->stop, 0, 'ends well';
}

# more calls than the queue holds
{
    my $backend = Spocr::Ocr->start('--queue', 2, '--timeout', 30);
    my ($w) = $backend->workers;

    kill STOP => $w;
    my @s = map { $backend->send_fields(\%call) } 1 .. 2;
    my $r;
    $backend->wait_for(sub {

        # one that came after the question below was refused itself
        for (@s) {
            $_ = $backend->send_fields(\%call)
                if IO::Select->new($_)->can_read(0);
        }
        $r = $backend->request('POST', '/ocr/fields', {
            'X-Spocr-Uid' => 'u', 'Content-Type' => 'application/json' }, '{}');
        $r->{status} == 503;
    });
    is $r->{json}{error}{code}, 'service_unavailable', 'the queue is full';
    cmp_ok $r->{json}{details}{retryAfterSec}, '>', 0, 'retryAfterSec';
    is $backend->request('GET', '/health')->{status}, 200, 'health is open';
    kill CONT => $w;
    is $backend->answer($_)->{status}, 200, 'those that wait are served'
        for @s;
    is $backend->stop, 0, 'ends well';
}

# nothing outlives the front
{
    my $backend = Spocr::Ocr->start('--workers', 2);
    my %h = $backend->helpers;
    cmp_ok scalar keys %h, '>=', 3, 'helpers';
    $backend->stop('KILL');

    # the number of one that has gone may be another program's by now
    $backend->wait_for(sub {
        !grep { (readlink("/proc/$_/exe") // '') =~ /spocr-backend/ } keys %h
    });
    pass 'no process is left after kill -9';
}

done_testing;
