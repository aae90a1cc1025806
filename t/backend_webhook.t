# Webhooks: registered, signed, tried again, delivered at least once, whatever
# a receiver does and when the backend is killed.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Hooks;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $hooks = Spocr::Hooks->start;
my $other = Spocr::Hooks->start;
my $data = File::Temp->newdir;
my @args = ('--data', "$data", '--allow-url-host', $hooks->host,
            '--allow-url-host', $other->host,
            '--webhook-retries', '1,1');
my $backend = Spocr::Ocr->start(@args);
my $serial = 0;

sub call ($uid, $method, $path, $o = undef) {
    return $backend->request($method, $path,
        { 'X-Spocr-Uid' => $uid, 'X-Spocr-Key-Id' => 'key_test',
          'X-Request-Id' => 'req_' . ++$serial,
          ($o ? ('Content-Type' => 'application/json') : ()) },
        $o ? JSON::PP->new->utf8->encode($o)
           : $method eq 'GET' ? undef : '');
}

# a webhook at /NAME of the receiver; its secret
sub hook ($uid, $name, %more) {
    my $r = call($uid, PUT => '/webhook', { url => $hooks->url($name), %more });
    is $r->{status}, 201, "$uid has a webhook";
    return $r->{json}{secret};
}

sub test_event ($uid) {
    my $r = call($uid, POST => '/webhook/test');
    is $r->{status}, 202, 'a test event';
    return $r->{json};
}

sub wait_got ($name, $n) {
    ok eval { $backend->wait_for(sub { $hooks->got($name) >= $n }) },
        "$n came to /$name";
    return $hooks->got($name);
}

sub delivery ($uid, $id) {
    return call($uid, GET => "/webhooks/deliveries/$id")->{json};
}

sub wait_delivery ($uid, $id, $cond) {
    my $d;
    eval { $backend->wait_for(sub { $cond->($d = delivery($uid, $id)) }) }
        or diag explain $d;
    return $d;
}

my $done = sub ($d) { $d->{status} ne 'pending' };
my %late;

# what takes its time begins first: a receiver that never answers, one that
# recovers, one that does not
my %secret = map { $_ => hook($_, $_) } qw(hang again never);
$hooks->say(hang => 'hang');
$hooks->say($_ => 500) for qw(again never);
for my $uid (sort keys %secret) { $late{$uid} = test_event($uid) }
wait_got($_, 1) for sort keys %secret;
$hooks->say(again => 200);

# registered, read, changed, removed
{
    is call('none', GET => '/webhook')->{status}, 404, 'there is none';
    is call('none', DELETE => '/webhook')->{status}, 404, 'none to remove';
    is call('none', POST => '/webhook/test')->{status}, 404, 'none to test';

    my $secret = hook('a', 'ok');
    like $secret, qr/^whsec_[0-9a-f]{64}\z/, 'a secret';
    my $r = call('a', GET => '/webhook');
    is $r->{json}{url}, $hooks->url('ok'), 'it is read';
    is_deeply $r->{json}{events}, [qw(upload.received item.created
        ocr.completed ocr.failed)], 'all events by default';
    unlike $r->{body}, qr/whsec/, 'and without its secret';

    $r = call('a', PUT => '/webhook', { url => $hooks->url('ok'),
        events => ['ocr.failed', 'item.created', 'ocr.failed'] });
    is $r->{status}, 200, 'changed';
    is_deeply $r->{json}{events}, ['item.created', 'ocr.failed'], 'events';
    ok !exists $r->{json}{secret}, 'the secret is not said again';
    $r = call('a', PUT => '/webhook', { url => $hooks->url('ok') });
    is_deeply $r->{json}{events}, ['item.created', 'ocr.failed'], 'they stay';

    for my $bad (['ocr.done'], [], 'ocr.failed', [1], ['webhook.test'], {}) {
        $r = call('a', PUT => '/webhook',
            { url => $hooks->url('ok'), events => $bad });
        is $r->{json}{details}{field}, 'events', 'not such events';
    }
    $r = call('a', PUT => '/webhook', { url => $hooks->url('ok'),
        rotateSecret => 'yes' });
    is $r->{json}{details}{field}, 'rotateSecret', 'true or false';

    # signed, with the secret as it is
    my $event = test_event('a');
    my ($got) = wait_got(ok => 1);
    my $h = $got->{headers};
    is $got->{method}, 'POST', 'a POST';
    ok Spocr::Hooks::signed($got, $secret), 'the signature is right';
    ok !Spocr::Hooks::signed($got, $secret, $got->{body} . ' '),
        'and wrong of another body';
    ok !Spocr::Hooks::signed($got, $secret{hang}), 'or another secret';
    is $h->{'x-spaceocr-event'}, 'webhook.test', 'its type';
    is $h->{'x-spaceocr-delivery'}, $event->{deliveryId}, 'its delivery';
    is $h->{'content-type'}, 'application/json', 'JSON';
    is $h->{'user-agent'}, 'spocr-backend', 'of this program';
    is $got->{json}{id}, $event->{eventId}, 'the event';
    is $got->{json}{type}, 'webhook.test', 'and its type';
    is $got->{json}{apiVersion}, '1', 'version';
    is $got->{json}{requestId}, "req_$serial", 'of the call that caused it';
    like $got->{json}{createdAt}, qr/^\d{13}\z/, 'when';

    my $d = wait_delivery('a', $event->{deliveryId}, $done);
    is $d->{status}, 'delivered', 'delivered';
    is $d->{attempts}, 1, 'at once';
    is $d->{lastStatus}, 200, 'with 200';
    is $d->{nextAttemptAt}, undef, 'and that is all';
    is_deeply $d->{payload}, $got->{json}, 'what was sent is kept';
    is $d->{requestId}, $got->{json}{requestId}, 'with its request';

    # a new secret signs from now on, again what was sent before, too
    $r = call('a', PUT => '/webhook',
        { url => $hooks->url('ok'), rotateSecret => JSON::PP::true() });
    my $new = $r->{json}{secret};
    isnt $new, $secret, 'another secret';
    $r = call('a',
        POST => "/webhooks/deliveries/$event->{deliveryId}/redeliver");
    is $r->{status}, 202, 'delivered again';
    isnt $r->{json}{deliveryId}, $event->{deliveryId}, 'by another delivery';
    is $r->{json}{eventId}, $event->{eventId}, 'of the same event';
    (undef, my $second) = wait_got(ok => 2);
    is $second->{body}, $got->{body}, 'the same body';
    ok Spocr::Hooks::signed($second, $new), 'signed with the new secret';
    wait_delivery('a', $r->{json}{deliveryId}, $done);

    # nobody else's
    for my $path ("/webhooks/deliveries/$event->{deliveryId}",
                  '/webhooks/deliveries/dlv_none') {
        is call('b', GET => $path)->{status}, 404, 'not of another tenant';
        is call('b', POST => "$path/redeliver")->{status}, 404, 'nor again';
    }
    is call('b', GET => '/webhooks/deliveries')->{body},
        '{"deliveries":[],"nextBefore":null}', 'none of another tenant';
    is call('b', GET => "/webhooks/deliveries?before=$event->{deliveryId}")
        ->{status}, 400, 'nor as a place in the list';

    # the list, the last one first, in pages
    my $all = call('a', GET => '/webhooks/deliveries')->{json};
    is_deeply [map { $_->{id} } @{ $all->{deliveries} }],
        [$r->{json}{deliveryId}, $event->{deliveryId}], 'the list';
    ok !exists $all->{deliveries}[0]{payload}, 'without what was sent';
    my $page = call('a', GET => '/webhooks/deliveries?limit=1')->{json};
    is $page->{nextBefore}, $r->{json}{deliveryId}, 'there is more';
    $page = call('a', GET => '/webhooks/deliveries?limit=1&before='
        . $page->{nextBefore})->{json};
    is $page->{deliveries}[0]{id}, $event->{deliveryId}, 'the next page';
    is $page->{nextBefore}, undef, 'is the last one';
    is @{ call('a', GET => '/webhooks/deliveries?status=failed')
        ->{json}{deliveries} }, 0, 'by status';
    is call('a', GET => "/webhooks/deliveries?$_")->{status}, 400, $_
        for 'status=lost', 'limit=0', 'limit=101', 'limit=x', 'page=2';
}

# answers that are none
{
    $hooks->say(moved => 'redirect');
    $hooks->say(long => 'long');
    $hooks->say(closed => 'close');
    hook($_, $_) for qw(moved long closed);
    my %d = map { $_ => test_event($_)->{deliveryId} } qw(moved long closed);

    my $d = wait_delivery('moved', $d{moved}, sub ($d) { $d->{attempts} });
    is $d->{lastStatus}, 307, 'a redirect';
    is $d->{lastError}, 'redirect', 'is not followed';
    is $hooks->got('ok'), 2, 'anywhere';

    $d = wait_delivery('closed', $d{closed}, sub ($d) { $d->{attempts} });
    is $d->{lastError}, 'failed', 'no answer';
    is $d->{lastStatus}, undef, 'and no status';
    is $d->{status}, 'pending', 'will be tried again';
    cmp_ok $d->{nextAttemptAt}, '>', $d->{createdAt}, 'later';

    $d = wait_delivery('long', $d{long}, $done);
    is $d->{status}, 'delivered', 'of an endless body nothing is kept';

    # its end ends what is waiting, and a new one does not revive that
    is call('closed', DELETE => '/webhook')->{status}, 200, 'removed';
    $d = delivery('closed', $d{closed});
    is "$d->{status} $d->{lastError}", 'failed removed', 'with its webhook';
    is call('closed', POST => "/webhooks/deliveries/$d{closed}/redeliver")
        ->{status}, 404, 'nowhere to send it';
}

# the first ones
{
    my $d = wait_delivery('again', $late{again}{deliveryId}, $done);
    is "$d->{status} $d->{attempts} $d->{lastStatus}", 'delivered 2 200',
        'tried again, and delivered';
    my @got = $hooks->got('again');
    is $got[1]{headers}{'x-spaceocr-delivery'}, $late{again}{deliveryId},
        'the same delivery';
    is $got[1]{body}, $got[0]{body}, 'the same body';
    ok Spocr::Hooks::signed($got[1], $secret{again}), 'signed again';

    $d = wait_delivery('never', $late{never}{deliveryId}, $done);
    is "$d->{status} $d->{attempts} $d->{lastStatus} $d->{lastError}",
        'failed 3 500 status', 'given up after the last retry';
    is $d->{nextAttemptAt}, undef, 'for good';
    is $hooks->got('never'), 3, 'it came thrice';

    # meanwhile the first tenant's receiver has not said a word
    $d = delivery('hang', $late{hang}{deliveryId});
    is "$d->{status} $d->{attempts}", 'pending 0', 'one hangs';
    is $hooks->got('hang'), 1, 'and is the only one of its tenant';
}

# any number of tenants with such a receiver leave room for others
{
    $hooks->say(stuck => 'hang');
    hook($_, 'stuck') for 'stuck1' .. 'stuck4';
    test_event($_) for 'stuck1' .. 'stuck4';
    wait_got(stuck => 1);
    call('o', PUT => '/webhook', { url => $other->url('ok') });
    my $d = wait_delivery('o', test_event('o')->{deliveryId}, $done);
    is $d->{status}, 'delivered', 'another host is served';
    is $hooks->got('stuck'), 1, 'while two wait for that one';
    call($_, DELETE => '/webhook') for 'stuck1' .. 'stuck4';
}

# killed: while one is under way, and one waits to be tried again
{
    call('kill', PUT => '/webhook', { url => $other->url('kill') });
    $other->say(kill => 503);
    my $id = test_event('kill')->{deliveryId};
    wait_delivery('kill', $id, sub ($d) { $d->{attempts} == 1 });
    $backend->stop('KILL');
    $other->say(kill => 200);
    $hooks->say(hang => 200);
    $backend = Spocr::Ocr->start(@args);

    my $d = wait_delivery('hang', $late{hang}{deliveryId}, $done);
    is $d->{status}, 'delivered', 'what was under way comes again';
    my @got = $hooks->got('hang');
    is $got[1]{json}{id}, $late{hang}{eventId}, 'the same event';
    $d = wait_delivery('kill', $id, $done);
    is "$d->{status} $d->{attempts}", 'delivered 2', 'what waited comes';
}

is $backend->stop, 0, 'ends well';
$hooks->stop;
done_testing;
