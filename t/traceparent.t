# A valid traceparent passes, an invalid one is removed with its tracestate.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;

        location / { proxy_pass http://%%BACKEND%%; }
        location /open { spocr_auth off; proxy_pass http://%%BACKEND%%; }
    }
}
EOF

my $trace = '0af7651916cd43dd8448eb211c80319c';
my $span = 'b7ad6b7169203331';

sub passed ($path, @headers) {
    my $r = $t->get($path, key => $t->key('alice'), headers => \@headers);
    return join ' | ', map { "$_->[0]: $_->[1]" }
           grep { $_->[0] =~ /^trace/i } @{ $r->json->{headers} };
}

# C-4
for my $path ('/x', '/open') {
    for my $good ("00-$trace-$span-01", "00-$trace-$span-00",
                  "00-$trace-$span-ff")
    {
        is passed($path, traceparent => $good, tracestate => 'a=1'),
           "traceparent: $good | tracestate: a=1", "$path $good";
    }

    for my $case (
        ['', 'empty'],
        ["00-$trace-$span", 'no flags'],
        ["00-$trace-$span-1", 'short flags'],
        ["00-$trace-$span-01-x", 'too long for version 00'],
        ["00-$trace-${span}0-01", 'a long span'],
        ["00-${trace}0-$span-01", 'a long trace'],
        ["00-\U$trace\E-$span-01", 'upper case'],
        ['00-' . '0' x 32 . "-$span-01", 'a trace of zeros'],
        ["00-$trace-" . '0' x 16 . '-01', 'a span of zeros'],
        ["ff-$trace-$span-01", 'version ff'],
        ["0-$trace-$span-01", 'a short version'],
        ["00_${trace}_${span}_01", 'other separators'],
        ["00-$trace-$span-0g", 'no hexadecimal'],
        ["00-$trace-$span-01, 00-$trace-$span-01", 'a list'],
    ) {
        is passed($path, traceparent => $case->[0], tracestate => 'a=1'), '',
           "$path $case->[1]";
    }

    is passed($path), '', "$path: none is made";
    is passed($path, traceparent => "00-$trace-$span-01",
              traceparent => "00-$trace-$span-01", tracestate => 'a=1'), '',
       "$path: two of them";
    is passed($path, TraceParent => 'x', TRACESTATE => 'a=1',
              tracestate => 'b=2'), '', "$path: any case, any number";
}

$t->done;
