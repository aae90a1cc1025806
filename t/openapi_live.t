# What live answers are held against: conf.d/openapi.json can be used for it,
# its examples are as it says, and Spocr::Contract finds what is not.

use v5.36;
use lib 't/lib';
use JSON::PP ();
use Test::More;
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $c = Spocr::Contract->new;
my $doc = $c->{doc};

# each schema is one, each example is as its schema says

my ($schemas, @wrong) = (0);

sub walk ($node, $at) {
    if (ref $node eq 'ARRAY') {
        walk($node->[$_], "$at/$_") for 0 .. $#$node;
    }
    return if ref $node ne 'HASH';

    if (ref $node->{schema} eq 'HASH') {
        my @examples = map { $_->{value} } values %{ $node->{examples} // {} };
        push @examples, $node->{example} if exists $node->{example};
        $schemas++;
        push @wrong, map { "$at: $_" } map {
            $c->ask(at => "$at/schema", value => $_)
        } @examples;
        push @wrong, map { "$at: $_" } grep { /^cannot be judged/ }
            $c->ask(at => "$at/schema", value => undef);
    }
    for my $name (sort keys %$node) {
        next if $name eq 'example' || $name eq 'examples';
        walk($node->{$name}, "$at/" . Spocr::Contract::escaped($name));
    }
}

walk($doc, '#');
cmp_ok $schemas, '>', 60, 'schemas';
is join("\n", @wrong), '', 'the examples are as their schemas say';

my @lax = grep {
    !$c->ask(at => "#/components/schemas/$_", value => 1)
} sort keys %{ $doc->{components}{schemas} };
is "@lax", 'Millis NewValue Thousandths',
    'a number is right where it may be one only';

# what is right, and what is wrong in one thing

sub example ($method, $path, $status) {
    my (undef, $r) = $c->follow('#/paths/' . Spocr::Contract::escaped($path)
                                . "/$method/responses/$status");
    my $content = $r->{content}{'application/json'};
    my ($one) = $content->{example}
        // (map { $content->{examples}{$_}{value} }
            sort keys %{ $content->{examples} })[0];
    return { status => $status, body => $json->encode($one), headers => {
        'content-type' => 'application/json',
        'x-request-id' => 'req_' . 'a1' x 16 } };
}

sub changed ($answer, %o) {
    my %new = (%$answer, headers => { %{ $answer->{headers} } });
    my $data = $json->decode($new{body});
    $o{data}->($data) if $o{data};
    $new{body} = $o{body} // $json->encode($data);
    $new{status} = $o{status} // $new{status};
    $new{headers}{$_} = $o{headers}{$_} for keys %{ $o{headers} // {} };
    delete @{ $new{headers} }{ grep { !defined $new{headers}{$_} }
                               keys %{ $new{headers} } };
    return \%new;
}

my $job = '/jobs/job_019a9f3c7b2e7cc38d0f6f2ab1c4e5d6';
my $done = example('get', '/jobs/{jobId}', 200);
is_deeply [$c->check('GET', $job, $done)], [], 'an answer that is right';
is_deeply [$c->check('GET', "$job?x=1", $done)], [], '  with a query';
is_deeply [$c->check('HEAD', $job, changed($done, body => ''))], [],
    '  of HEAD';

for (['a member is missing', qr/'imageUrl' is a required/,
      data => sub ($d) { delete $d->{imageUrl} }],
     ['there is one too many', qr/'extra' (?:was|were) unexpected/,
      data => sub ($d) { $d->{extra} = 1 }],
     ['deep down, too', qr{result/field_bboxes/total/bbox: .*unexpected},
      data => sub ($d) { $d->{result}{field_bboxes}{total}{bbox}{w} = 1 }],
     ['another type', qr/createdAt: .*is not of type 'integer'/,
      data => sub ($d) { $d->{createdAt} = '1' }],
     ['a box beside the page', qr/xmax: 1001/,
      data => sub ($d) {
          $d->{result}{field_bboxes}{total}{bbox}{xmax} = 1001 }],
     ['an unknown word', qr/bbox_source: .*is not one of/,
      data => sub ($d) {
          $d->{result}{field_bboxes}{total}{bbox_source} = 'guess' }],
     ['a member of another state', qr/'error' was unexpected/,
      data => sub ($d) { $d->{error} = { code => 'not_found',
                                         message => 'x' } }],
     ['no request id', qr/there is no X-Request-Id/,
      headers => { 'x-request-id' => undef }],
     ['one of another form', qr/X-Request-Id: .*does not match/,
      headers => { 'x-request-id' => 'req_1' }],
     ['another media type', qr{media type "text/html" is not documented},
      headers => { 'content-type' => 'text/html' }],
     ['none', qr/media type "" is not documented/,
      headers => { 'content-type' => undef }],
     ['another status', qr/status 418 is not documented/, status => 418],
     ['no JSON', qr/no JSON/, body => '{'],
     ['a name twice', qr/"a" stands twice/, body => '{"a":1,"a":2}'],
     ['no UTF-8', qr/no UTF-8/, body => "\"\xff\""],
     ['not even finite', qr/NaN is no JSON/, body => '{"a":NaN}'],
) {
    my ($name, $re, %change) = @$_;
    my @said = $c->check('GET', $job, changed($done, %change));
    like join("\n", @said), qr{^GET \Q$job\E \d+: }, $name;
    like join("\n", @said), $re, '  is found, and named';
}

my $error = example('get', '/jobs/{jobId}', 404);
is_deeply [$c->check('GET', $job, $error)], [], 'an error';
like join("\n", $c->check('GET', $job, changed($error,
    data => sub ($d) { $d->{error}{code} = 'gone' }))),
    qr{error/code: }, 'with a code that is none';
like join("\n", $c->check('GET', $job, changed($error,
    data => sub ($d) { $d->{details} = { hint => 'x' } }))),
    qr/'hint' was unexpected/, 'with details that are none';

is_deeply [$c->check('GET', '/nothing', $error)], [], 'a path that is none';
like join('', $c->check('GET', '/nothing', $done)),
    qr/there is no such operation/, '  has no answer but an error';
my $method = example('get', '/jobs/{jobId}', 405);
$method->{headers}{allow} = 'GET, HEAD';
is_deeply [$c->check('PATCH', $job, $method)], [], 'a wrong method';
like join('', $c->check('PATCH', $job, changed($method,
    headers => { allow => undef }))), qr/there is no Allow/, '  needs Allow';
is_deeply [$c->check('GET', '/', { status => 500 })], [],
    'the page is no part of it';

my $image = { status => 200, body => "\x89PNG", headers => {
    'content-type' => 'image/png', 'x-request-id' => 'req_' . 'b' x 32,
    'cache-control' => 'private', 'x-content-type-options' => 'nosniff',
    'content-security-policy' => "sandbox; default-src 'none'" } };
is_deeply [$c->check('GET', '/images/h3k9q0zt7m1xw5vd2c8r', $image)], [],
    'an image';
for (sort keys %{ $image->{headers} }) {
    isnt join('', $c->check('GET', '/images/h3k9q0zt7m1xw5vd2c8r',
        { %$image, headers => { %{ $image->{headers} }, $_ => undef } })), '',
        "  without its $_";
}

# the alternatives of a view are told apart
my $view = example('get', '/view', 200);
like join('', $c->check('GET', '/view', changed($view,
    data => sub ($d) { delete $d->{items}; delete $d->{rows} }))),
    qr/'(?:items|rows)' is a required/, 'the view that is meant is judged';

# events
my $event = $json->encode((values %{ $doc->{webhooks}{'ocr.failed'}{post}
    {requestBody}{content} })[0]{example});
my %signed = ('content-type' => 'application/json',
    'x-spaceocr-event' => 'ocr.failed',
    'x-spaceocr-delivery' => 'dlv_' . 'c' x 32,
    'x-spaceocr-signature' => 't=1,v1=' . 'd' x 64);
is_deeply [$c->check_event(\%signed, $event)], [], 'an event';
like join('', $c->check_event({ %signed, 'x-spaceocr-signature' => 'x' },
    $event)), qr/X-Spaceocr-Signature: /, '  with a signature that is none';
like join('', $c->check_event(\%signed, $event =~ s/"error"/"eror"/r)),
    qr{ocr.failed: data: }, '  with other data';

# C-1, C-35: and live
my $backend = Spocr::Ocr->start;
my $before = $Spocr::Ocr::contract->checked;
my $r = $backend->fields({ image => Spocr::Ocr::sample('receipt.png'),
                           templateId => 'receipt' });
is $r->{status}, 200, 'a receipt is read';
is $backend->request('GET', $_)->{status}, 200, $_
    for '/health', '/openapi.json';
is $backend->fields('{', 'X-Request-Id' => 'mine')->{status}, 400, 'no JSON';
is $backend->request('GET', '/amount')->{status}, 404, 'nothing is stored';
is $Spocr::Ocr::contract->checked, $before + 5, 'all of them were checked';

# a wrong one fails the test that got it
{
    my @failed;
    no warnings 'redefine';
    local *Test::More::fail = sub { push @failed, 'fail' };
    local *Test::More::diag = sub { push @failed, "@_" };
    local $Spocr::Ocr::contract->{doc} = { paths => {}, components =>
        $doc->{components} };
    $backend->request('GET', '/health');
    is $failed[0], 'fail', 'what is not as documented fails a test';
    like "@failed", qr{GET /health 200: there is no such operation},
        '  and says why';
}
is $backend->stop, 0, 'ends well';

done_testing;
