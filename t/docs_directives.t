# docs/directives.md and the directive table: names, contexts, arguments,
# defaults; and each configuration on a page of docs/ is one.

use lib 't/lib';
use Spocr::Test;

sub slurp ($path) {
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $doc = slurp('docs/directives.md');
my $dir = 'ngx_spocr_module';
my $module = join q(), map { slurp("$dir/ngx_spocr_$_.c") } qw(module conf);
my $limit = join '', map { slurp("$dir/ngx_spocr_limit$_") }
            '.h', '.c', '_conf.c';
my $idem = slurp("$dir/ngx_spocr_idem_conf.c");

# -- what the code says

my ($table) = $module =~ /^static ngx_command_t .*?\{\n(.*?)^\};/ms;
my (%code, @order, %said);

for my $row ($table =~ /\{ (ngx_string\("spocr\w*"\),.*?) \}/gs) {
    my ($name, $flags) = $row =~ /^ngx_string\("(\w+)"\),\s*(\S+),/;
    my %flag = map { $_ => 1 } split /\|/, $flags;

    $code{$name} = {
        context => join(', ', map {
            $flag{"NGX_HTTP_$_->[0]_CONF"} ? $_->[1] : ()
        } ['MAIN', 'http'], ['SRV', 'server'], ['LOC', 'location']),
        args => join('|', map { $flag{"NGX_CONF_$_"} ? $_ : () }
                              qw(FLAG NOARGS TAKE1 TAKE12 TAKE1234 1MORE)),
        field => $row =~ /offsetof\(ngx_spocr_(?:loc|main)_conf_t,
                                   \s*([\w.]+)\)/x
                 ? "$1" : '',
        enum => $row =~ /&(\w+)/ ? "$1" : '',
    };
    push @order, $name;
}
cmp_ok scalar @order, '>', 15, 'the directive table is found';

# the words of an enumeration, in its order, each with its constant
sub enumeration ($name) {
    my ($rows) = ($module . $limit . $idem) =~
        /^(?:static )?ngx_conf_enum_t\s+\Q$name\E\[\] = \{\n(.*?)^\};/ms;
    return $rows =~ /\{ ngx_string\("(\w+)"\), (\w+) \}/g;
}

# what a merge falls back to
sub fallback ($field) {
    my $code = $field =~ s/^idem\.// ? $idem : $module . $limit;
    $field =~ s/^limit\.//;
    my ($value) = $code =~
        /ngx_conf_merge_\w+\(conf->\Q$field\E, prev->\Q$field\E,\s*([^;]+)\);/;
    return $value;
}

# a time or a size of the page, and a product of the code, as a number
my %unit = (ms => 1, s => 1000, m => 60_000, h => 3_600_000);
my %size = (k => 1024, m => 1024 ** 2);

sub amount ($text, $units) {
    my ($n, $unit) = $text =~ /^(\d+)([a-z]*)$/ or return $text;
    return $n * ($unit eq '' ? 1 : $units->{$unit});
}

sub product ($text) {
    my $n = 1;
    $n *= $_ for $text =~ /\d+/g;
    return $n;
}

sub default_of ($name, $c) {
    if ($c->{args} eq 'FLAG') {
        return 'the value of spocr' if $c->{field} =~ /_set$/;
        return "$name " . (fallback($c->{field}) ? 'on' : 'off') . ';';
    }
    if ($c->{enum}) {
        my %word = reverse enumeration($c->{enum});
        my $value = fallback($c->{field});
        return "$name $word{$value};" if $word{$value};
    }
    if ($name =~ /_idempotency_(?:ttl|lease|wait|max_body|budget)$/) {
        my $value = product(fallback($c->{field}));
        my $units = $name =~ /_(?:ttl|lease|wait)$/ ? \%unit : \%size;
        my ($said) = $said{$name}{default} =~ /^$name (\w+);$/;
        return amount($said, $units) == $value ? "$name $said;"
                                               : "$name $value;";
    }
    if ($name eq 'spocr_body_timeout') {
        my $code = slurp("$dir/ngx_spocr_body.c");
        my ($value) = $code =~
            /ngx_conf_merge_msec_value\(conf->timeout, prev->timeout, (\d+)\)/;
        return $value ? "$name ${value}ms;" : "$name off;";
    }
    if ($name eq 'spocr_idempotency_capture_limit') {
        my ($value) = $idem =~ /#define NGX_SPOCR_IDEM_CAPTURE_LIMIT\s+(.*)/;
        return sprintf '%s %dm;', $name, product($value) / $size{m};
    }
    if ($name eq 'spocr_idempotency_store_header') {
        my ($names) = $idem =~ /ngx_spocr_idem_stored\[\] = \{\n(.*?)^\};/ms;
        return "$name @{[$names =~ /ngx_string\(\"([\w-]+)\"\)/g]};";
    }
    if ($name eq 'spocr_limit_store') {
        my ($with, $without) = map { lc } $module =~
            /redis\s+\?\s+NGX_SPOCR_LIMIT_STORE_(\w+)
             \s+:\s+NGX_SPOCR_LIMIT_STORE_(\w+)/x;
        return "$with where spocr_redis is set, else $without";
    }
    if ($name eq 'spocr_limit_on_error') {
        my ($word) = map { lc } fallback('limit.on_error') =~ /_([A-Z]+)$/;
        return "$name $word;";
    }
    if ($name eq 'spocr_limit') {
        my ($key, $uid, $ms) = map {
            $limit =~ /#define NGX_SPOCR_LIMIT_${_}_DEFAULT\s+(\d+)/
        } qw(KEY UID WINDOW);
        return sprintf '%s name=default key=%d uid=%d window=%ds;',
            $name, $key, $uid, $ms / 1000;
    }
    return "\x{2014}";
}

# -- what the page says

my ($part) = $doc =~ /^## Directives\n(.*?)^## /ms;
my @sections;

while ($part =~ /^### (\w+)\n\n```\n(Syntax: .*?)```\n/gms) {
    my ($name, $head) = ($1, $2);
    push @sections, $name;
    $said{$name} = {
        syntax => [$head =~ /^(?:Syntax:)? +(\w.*;)$/gm],
        default => $head =~ /^Default: (.*)$/m,
        context => $head =~ /^Context: (.*)$/m,
    };
}

is join(' ', @sections), join(' ', sort @order),
   'each directive has its section, by name';
is join(' ', $doc =~ /^- \[(spocr\w*)\]\(#\1\)$/gm), join(' ', sort @order),
   'and its line in the list';

for my $name (sort @order) {
    my ($c, $s) = ($code{$name}, $said{$name});

    if (!$s) { fail "$name is described"; next }
    is $s->{context}, $c->{context}, "$name: its context";
    is $s->{default}, default_of($name, $c), "$name: its default";

    my @syntax = @{ $s->{syntax} };
    my $one = @syntax == 1 ? $syntax[0] : '';

    if ($c->{args} eq 'FLAG') {
        is $one, "$name on | off;", "$name: its syntax";
    } elsif ($c->{args} =~ /^NOARGS/) {
        like $one, $c->{args} eq 'NOARGS' ? qr/^$name;$/ : qr/^$name \[\w+\];$/,
             "$name: its syntax";
    } elsif ($c->{enum}) {
        my @words = enumeration($c->{enum});
        is $one, "$name " . join(' | ', @words[grep { $_ % 2 == 0 }
                                               0 .. $#words]) . ';',
           "$name: its syntax";
    } elsif ($c->{args} eq 'TAKE1') {
        like $one, qr/^$name \S+(?: \| \S+)*;$/, "$name: its syntax";
    } else {
        ok @syntax && !grep({ !/^$name \S/ } @syntax), "$name: its syntax";
    }
}

# -- defaults that can be written are directives

my $t = Spocr::Test->new;
$t->keyfile(keys => { alice => { uid => 'u_acme', scopes => ['ocr'] } });

for my $name (sort @order) {
    my $default = $said{$name}{default} // '';
    next if $default !~ /;$/;

    my $http = $code{$name}{context} eq 'http' ? $default : '';
    my $server = $http ? '' : $default;
    my ($exit, $out) = $t->config_test(<<"EOF");
%%MAIN%%
events {}
http { %%HTTP%% $http server { listen 127.0.0.1:%%PORT_1%%; $server } }
EOF
    is $exit, 0, "$name: its default can be written" or diag $out;
}

# -- configurations on the pages, and the key file

my ($n, $keyfile) = (0, '');

for my $page (glob 'docs/*.md') {
    my $text = slurp($page);

    for my $conf ($text =~ /^```nginx\n(.*?)^```/gms) {
        my $name = "$page: configuration " . ++$n;
        my $site = $conf =~ s{/etc/spocr/}{%%DIR%%/}gr
                         =~ s{/var/log/nginx/}{%%DIR%%/}gr;

        my ($exit, $out) = $t->config_test(<<"EOF");
%%MAIN%%
events {}
http {
    %%HTTP%%
    $site
}
EOF
        is $exit, 0, $name or diag $out;
    }

    next if $page ne 'docs/contract.md';
    ($keyfile) = grep { /"plans"/ } $text =~ /^```json\n(.*?)^```/gms;
}
cmp_ok $n, '>', 3, 'there were some';

chmod 0600, $t->file('example.json', $keyfile);
my ($exit, $out) = $t->config_test(<<'EOF');
%%MAIN%%
events {}
http { %%HTTP%% spocr_keys file=%%DIR%%/example.json; spocr_zone zone=z:64k;
       server { listen 127.0.0.1:%%PORT_1%%; spocr on; } }
EOF
is $exit, 0, 'the example of a key file is one' or diag $out;

# -- numbers

my $zone = slurp("$dir/ngx_spocr_zone.h");
is join(' ', $zone =~ /NGX_SPOCR_ZONE_MIN\s+(\d+)/), 64 * 1024,
   'the smallest zone';

for my $row ($doc =~ /^(\| \d+[km] \| [\d,]+ \|)$/gm) {
    my ($size, $counters) = $row =~ /(\d+[km]) \| ([\d,]+)/;
    my $z = Spocr::Test->new;

    $z->start(<<"EOF");
%%MAIN%%
events {}
http { %%HTTP%% spocr_zone zone=z:$size;
       server { listen 127.0.0.1:%%PORT_1%%;
                location / { spocr_status json; } } }
EOF
    is $z->get('/')->json->{zone}{counters}, $counters =~ s/,//gr,
       "a zone of $size has room for $counters counters";
    $z->check;
}

$t->done;
