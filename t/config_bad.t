# What nginx -t refuses, in which words, and where it says it stands.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_acme' } });
mkdir $t->dir . '/folder';

my $base = <<'EOF';
%%MAIN%%
events {}
http {
    %%HTTP%%
    <ZONE>
    <KEYS>
    <HTTP>
    server {
        listen 127.0.0.1:%%PORT_1%%;
        server_name api.example;
        <SERVER>
        location / {
            <LOCATION>
            proxy_pass http://127.0.0.1:1;
        }
    }
}
EOF

my %usual = (
    ZONE => 'spocr_zone zone=z:1m;',
    KEYS => 'spocr_keys file=%%DIR%%/keys.json;',
    HTTP => '', SERVER => 'spocr on;', LOCATION => '',
);
my %line = (ZONE => 5, KEYS => 6, HTTP => 7, SERVER => 11, LOCATION => 13);

sub test (%with) {
    my $conf = $base;
    for my $place (keys %usual) {
        my $text = $with{$place} // $usual{$place};
        $conf =~ s/<$place>/$text/;
    }
    return $t->config_test($conf);
}

my ($exit, $out) = test();
is $exit, 0, 'the configuration that the others differ from' or diag $out;
unlike $out, qr/\[warn\]/, 'has no warning' or diag $out;

# contract, section 3: refused, with the place
for my $case (
    # values
    [HTTP => 'spocr maybe;', qr/invalid value "maybe" in "spocr" directive/],
    [HTTP => 'spocr_request_id 1;', qr/invalid value "1"/],
    [HTTP => 'spocr_json_errors yes;', qr/invalid value "yes"/],
    [HTTP => 'spocr_auth none;', qr/invalid value "none"/],
    [HTTP => 'spocr_limit_headers all;', qr/invalid value "all"/],
    [HTTP => 'spocr_limit_dry_run 0;', qr/invalid value "0"/],
    [HTTP => 'spocr_limit_store memory;', qr/invalid value "memory"/],
    [HTTP => 'spocr_limit_on_error retry;', qr/invalid value "retry"/],
    [HTTP => 'spocr_limit_on_error local nodes=0;',
        qr/invalid parameter "nodes=0": "local nodes=N" with a number/],
    [HTTP => 'spocr_limit_on_error local nodes=3x;', qr/"nodes=3x"/],
    [HTTP => 'spocr_limit_on_error local nodes=1000001;', qr/"nodes=1000001"/],
    [HTTP => 'spocr_limit_on_error local 3;', qr/invalid parameter "3"/],
    [HTTP => 'spocr_limit_on_error deny nodes=3;',
        qr/invalid parameter "nodes=3": "local nodes=N"/],
    [HTTP => 'spocr_limit_on_error local; spocr_limit_on_error deny;',
        qr/"spocr_limit_on_error" directive is duplicate/],
    [LOCATION => 'spocr_health soon;',
        qr/invalid value "soon": "ready" or nothing is expected/],
    [HTTP => 'spocr_log_level debug;', qr/invalid value "debug"/],
    [LOCATION => 'spocr_status xml;', qr/invalid value "xml"/],

    [HTTP => 'spocr_limit key=0;', qr/invalid limit "key=0"/],
    [HTTP => 'spocr_limit key=-1;', qr/invalid limit "key=-1"/],
    [HTTP => 'spocr_limit key=;', qr/invalid limit "key="/],
    [HTTP => 'spocr_limit key=ten;', qr/invalid limit "key=ten"/],
    [HTTP => 'spocr_limit key=1.5;', qr/invalid limit "key=1.5"/],
    [HTTP => 'spocr_limit key=99999999999;', qr/invalid limit/],
    [HTTP => 'spocr_limit uid=0;', qr/invalid limit "uid=0"/],
    [HTTP => 'spocr_limit window=0;', qr/invalid window "0"/],
    [HTTP => 'spocr_limit window=500ms;', qr/invalid window "500ms"/],
    [HTTP => 'spocr_limit window=x;', qr/invalid window "x"/],
    [HTTP => 'spocr_limit window=;', qr/invalid window ""/],
    [HTTP => 'spocr_limit name=;', qr/invalid limit name ""/],
    [HTTP => 'spocr_limit name=a/b;', qr{invalid limit name "a/b"}],
    [HTTP => 'spocr_limit name=key;', qr/invalid limit name "key"/],
    [HTTP => 'spocr_limit name=uid;', qr/invalid limit name "uid"/],
    [HTTP => 'spocr_limit name=' . 'n' x 65 . ';', qr/invalid limit name/],
    [HTTP => 'spocr_limit rate=5;', qr/invalid parameter "rate=5"/],
    [HTTP => 'spocr_limit 60;', qr/invalid parameter "60"/],
    [HTTP => 'spocr_limit off key=1;', qr/invalid parameter "off"/],

    [HTTP => 'spocr_body_timeout 0;', qr/invalid time "0"/],
    [HTTP => 'spocr_body_timeout soon;', qr/invalid time "soon"/],
    [HTTP => 'spocr_body_timeout -1s;', qr/invalid time "-1s"/],
    [HTTP => 'spocr_body_timeout "";', qr/invalid time ""/],
    [HTTP => 'spocr_body_timeout;', qr/invalid number of arguments/],
    [HTTP => 'spocr_body_timeout 1s min_rate=0;',
        qr/invalid rate "min_rate=0"/],
    [HTTP => 'spocr_body_timeout 1s min_rate=;', qr/invalid rate "min_rate="/],
    [HTTP => 'spocr_body_timeout 1s min_rate=fast;',
        qr/invalid rate "min_rate=fast"/],
    [HTTP => 'spocr_body_timeout 1s rate=1k;', qr/invalid parameter "rate=1k"/],
    [HTTP => 'spocr_body_timeout off min_rate=1k;', qr/invalid time "off"/],
    [HTTP => 'spocr_body_timeout 1s; spocr_body_timeout 2s;',
        qr/"spocr_body_timeout" directive is duplicate/],

    [LOCATION => 'spocr_require_scope "a b";', qr/invalid scope "a b"/],
    [LOCATION => 'spocr_require_scope "";', qr/invalid scope ""/],
    [LOCATION => 'spocr_methods get;', qr/invalid method "get"/],
    [LOCATION => 'spocr_methods GET GET;', qr/duplicate method "GET"/],
    [LOCATION => 'spocr_methods "GE T";', qr/invalid method "GE T"/],

    [ZONE => 'spocr_zone z:1m;', qr/"zone=name:size" is expected/],
    [ZONE => 'spocr_zone zone=z;', qr/"zone=name:size" is expected/],
    [ZONE => 'spocr_zone zone=:1m;', qr/"zone=name:size" is expected/],
    [ZONE => 'spocr_zone zone=z:big;', qr/invalid zone size/],
    [ZONE => 'spocr_zone zone=z:;', qr/invalid zone size/],
    [ZONE => 'spocr_zone zone=z:63k;', qr/too small: at least 64k/],
    [ZONE => 'spocr_zone zone=z:1;', qr/too small: at least 64k/],

    [KEYS => 'spocr_keys %%DIR%%/keys.json;', qr/"file=PATH" is expected/],
    [KEYS => 'spocr_keys file=;', qr/"file=PATH" is expected/],
    [KEYS => 'spocr_keys file=%%DIR%%/none.json;',
        qr{none\.json" cannot be opened \(2: No such file}],
    [KEYS => 'spocr_keys file=%%DIR%%/folder;', qr/is not a file/],

    # numbers of values
    [HTTP => 'spocr;', qr/invalid number of arguments in "spocr"/],
    [HTTP => 'spocr on off;', qr/invalid number of arguments in "spocr"/],
    [HTTP => 'spocr_limit;', qr/invalid number of arguments/],
    [LOCATION => 'spocr_methods;', qr/invalid number of arguments/],
    [LOCATION => 'spocr_require_scope a b;',
        qr/invalid number of arguments/],
    [LOCATION => 'spocr_status;', qr/invalid number of arguments/],
    [ZONE => 'spocr_zone zone=z:1m zone=y:1m;',
        qr/invalid number of arguments/],

    # contexts
    [SERVER => 'spocr_zone zone=y:1m;',
     qr/"spocr_zone" directive is not allowed/],
    [SERVER => 'spocr_keys file=x;', qr/"spocr_keys" directive is not allowed/],
    [HTTP => 'spocr_require_scope a;', qr/is not allowed here/],
    [HTTP => 'spocr_methods GET;', qr/is not allowed here/],
    [HTTP => 'spocr_status json;', qr/is not allowed here/],
    [SERVER => 'spocr_status json;', qr/is not allowed here/],
    [SERVER => 'spocr_health;', qr/is not allowed here/],
    [LOCATION => 'if ($args) { spocr off; }', qr/is not allowed here/],
    [LOCATION => 'limit_except GET { spocr_auth off; }',
        qr/is not allowed here/],

    # twice
    [HTTP => 'spocr on; spocr off;', qr/"spocr" directive is duplicate/],
    [HTTP => 'spocr_limit key=1; spocr_limit key=2;', qr/is duplicate/],
    [LOCATION => 'spocr_methods GET; spocr_methods POST;', qr/is duplicate/],
    [LOCATION => 'spocr_require_scope a; spocr_require_scope b;',
        qr/is duplicate/],
    [ZONE => 'spocr_zone zone=z:1m; spocr_zone zone=y:1m;', qr/is duplicate/],
    [KEYS => 'spocr_keys file=%%DIR%%/keys.json; '
        . 'spocr_keys file=%%DIR%%/keys.json;', qr/is duplicate/],
    [HTTP => 'limit_req_zone $uri zone=z:1m rate=1r/s;', qr/"z"/],

    # two pages in one place
    [LOCATION => 'spocr_status json; spocr_health;',
        qr/incompatible with another content handler|is duplicate/],
    [LOCATION => 'stub_status; spocr_status json;',
        qr/incompatible with another content handler|is duplicate/],
) {
    my ($place, $text, $message) = @$case;
    ($exit, $out) = test($place => $text);
    is $exit, 1, "$place: $text";
    like $out, $message, "$place: $text: the reason";
    like $out, qr/\[emerg\] .* in \S*test\.conf:$line{$place}$/m,
         "$place: $text: the place"
         or diag $out;
}

# what would be silently unsafe
for my $case (
    ['no keys', qr/"spocr on" needs "spocr_keys"/, 11, KEYS => ''],
    ['no zone', qr/"spocr on" needs "spocr_zone"/, 11, ZONE => ''],
    ['no keys in a location', qr/"spocr on" needs "spocr_keys"/, 13,
        KEYS => '', SERVER => '', LOCATION => 'spocr on;'],
    ['a status page without a zone', qr/"spocr_status" needs "spocr_zone"/,
        13, ZONE => '', SERVER => '', LOCATION => 'spocr_status json;'],
    ['one limit, two windows', qr/limit "ocr" has a window of .*test\.conf:11/,
        13, SERVER => 'spocr on; spocr_limit name=ocr window=1m;',
        LOCATION => 'spocr_limit name=ocr window=2m;'],
    ['a store that is not there',
        qr/"spocr_limit_store redis" needs "spocr_redis"/,
        11, SERVER => 'spocr on; spocr_limit_store redis;'],
    ['keys in a store that is not there',
        qr/"spocr_keys redis" needs "spocr_redis"/, 6,
        KEYS => 'spocr_keys redis;'],
    ['a store without a zone', qr/"spocr_redis" needs "spocr_zone"/, 7,
        ZONE => '', HTTP => 'spocr_redis redis://127.0.0.1:1;',
        KEYS => '', SERVER => ''],
) {
    my ($name, $message, $line, %with) = @$case;
    ($exit, $out) = test(%with);
    is $exit, 1, $name;
    like $out, $message, "$name: the reason" or diag $out;
    like $out, qr/\[emerg\] .* in \S*test\.conf:$line$/m, "$name: the place"
        or diag $out;
}

# allowed, with a warning
chmod 0644, $t->dir . '/keys.json';
($exit, $out) = test();
is $exit, 0, 'a key file that everybody can read';
like $out, qr/\[warn\].*keys\.json" is readable by everyone/, 'is warned of';
chmod 0600, $t->dir . '/keys.json';

($exit, $out) = test(SERVER => 'spocr on; spocr_limit key=700;');
is $exit, 0, 'a key limit above that of the uid';
like $out, qr/\[warn\].*key limit 700 is above the uid limit 600 in \S+:11$/m,
     'is warned of';

# allowed, and silent
for my $case (
    ['nothing at all', SERVER => '', KEYS => '', ZONE => ''],
    ['ids alone', SERVER => 'spocr_request_id on; spocr_json_errors on;',
        KEYS => '', ZONE => ''],
    ['one window, two numbers',
        SERVER => 'spocr on; spocr_limit name=ocr key=5 window=1m;',
        LOCATION => 'spocr_limit name=ocr key=9 window=60s;'],
    ['the longest names',
        LOCATION => 'spocr_limit name=' . 'n' x 64 . '; spocr_require_scope '
                    . 's' x 64 . ';'],
    ['an empty origin', HTTP => 'spocr_cors_origin "";'],
    ['a health page', LOCATION => '} location /h { spocr_health; } '
        . 'location /x {'],
    ['open, without keys', KEYS => '',
        SERVER => 'spocr on; spocr_auth off;'],
    ['methods of other standards',
        LOCATION => 'spocr_methods PROPFIND M-SEARCH;'],
    ['a year', LOCATION => 'spocr_limit name=y window=365d;'],
) {
    my ($name, %with) = @$case;
    ($exit, $out) = test(%with);
    is $exit, 0, $name or diag $out;
    unlike $out, qr/\[(?:warn|error|crit|alert|emerg)\]/, "$name: silent";
}

# the bounds that a message names are allowed, and what is beyond is not
($exit, $out) = test(LOCATION => 'spocr_limit window=366d;');
is $exit, 1, 'a window of more than a year';
my ($least, $most) = $out =~ /from (\w+) to (\w+) is expected/;
for my $bound ($least, $most) {
    ($exit, $out) = test(LOCATION => "spocr_limit name=y window=$bound;");
    is $exit, 0, "a window of $bound, as the message says" or diag $out;
}

# a variable that nobody makes is found later, when the place is not known
($exit, $out) = test(HTTP => 'spocr_cors_origin $no_such_variable;');
is $exit, 1, 'an unknown variable';
like $out, qr/unknown "no_such_variable" variable/, 'the reason';

# a relative path is looked for beside nginx.conf
($exit, $out) = test(KEYS => 'spocr_keys file=keys.json;');
is $exit, 0, 'a relative path' or diag $out;

$t->done;
