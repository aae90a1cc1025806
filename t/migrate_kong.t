# docs/migrate-kong.md: its configuration of nginx and its commands as they
# stand there, with the consumers and keys of its configuration of Kong, whose
# form is checked.  Only addresses and paths are replaced by this test's.

use lib 't/lib';
use Cwd qw(abs_path);
use CPAN::Meta::YAML;
use Spocr::Test;

plan skip_all => 'jq is missing (tools/deps test)'
    if !grep { -x "$_/jq" } split /:/, $ENV{PATH};

sub slurp ($path) {
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $page = slurp('docs/migrate-kong.md');
my $json = JSON::PP->new->utf8->canonical;
my $t = Spocr::Test->new;

# a section's blocks of that kind
sub blocks ($section, $kind) {
    my ($part) = $page =~ /^## \Q$section\E\n(.*?)(?=^## |\z)/ms;
    my @blocks = ($part // '') =~ /^```$kind\n(.*?)^```/gms;
    BAIL_OUT("no $kind under $section") if !@blocks;
    return @blocks;
}

sub site ($text) {
    return $text =~ s{redis://127\.0\.0\.1:6379}{%%REDIS%%}gr
                 =~ s/127\.0\.0\.1:8080/127.0.0.1:%%PORT_1%%/gr
                 =~ s/127\.0\.0\.1:8000/127.0.0.1:%%PORT_2%%/gr
                 =~ s/127\.0\.0\.1:9000/%%BACKEND%%/gr;
}

# a command of the page: (exit code, what it said)
sub run ($text) {
    my $program = abs_path(($ENV{B} // 'build') . '/spocrctl');
    my ($redis, $dir) = ($t->redis->url, $t->dir);
    $text =~ s{redis://127\.0\.0\.1:6379}{$redis}g;
    $text =~ s{(^|\| *)( *)spocrctl }{$1$2$program }gm;
    return $t->command('sh', '-euc', "cd $dir\n$text");
}

# what the backend was told
sub sent ($r) { return map { lc $_->[0] => $_->[1] } @{ $r->json->{headers} } }


# -- before: what Kong 3 takes, as far as it is used here

my ($yaml) = blocks('Before', 'yaml');
my $kong = eval { CPAN::Meta::YAML->read_string($yaml)->[0] };
ok $kong, "Kong's configuration is YAML" or BAIL_OUT($@);

my %config = (
    'key-auth' => [qw(key_names hide_credentials anonymous key_in_header
                      key_in_query key_in_body run_on_preflight realm)],
    'rate-limiting' => [qw(second minute hour day month year limit_by
                           header_name path policy fault_tolerant redis
                           hide_client_headers error_code error_message
                           sync_rate)],
);

my @plugins = map { @{ $_->{plugins} // [] } }
              @{ $kong->{services} }, @{ $kong->{consumers} };
my @strange;
for my $plugin (@plugins) {
    my $known = $config{ $plugin->{name} };
    push @strange, $plugin->{name} if !$known;
    push @strange, map { "$plugin->{name}.$_" } grep {
        my $field = $_;
        !grep { $_ eq $field } @{ $known // [] };
    } keys %{ $plugin->{config} };
}
is $kong->{_format_version}, '3.0', 'in the format of Kong 3';
is join(' ', sort keys %$kong), '_format_version consumers services',
   'with services and consumers';
is join(' ', @strange), '', 'plugins and their fields are known ones';
is join(' ', map { $_->{name} } @{ $kong->{services}[0]{plugins} }),
   'key-auth rate-limiting', 'of the two kinds';

my %keys = map { $_->{username} => [map { $_->{key} }
                                    @{ $_->{keyauth_credentials} }] }
           @{ $kong->{consumers} };
my ($old, $new) = @{ $keys{u_acme} };
my ($blue) = @{ $keys{u_blue} };
unlike $old, qr/^spocr_/, 'a key of another form';
like $new, qr/^spocr_/, 'and one of ours';


# -- 1. consumers and keys

$t->file('kong.json', $json->encode($kong));    # as "yq ." would
for my $command (blocks('1. Take consumers and keys over', 'sh')) {
    my ($exit, $out) = run($command);
    is $exit, 0, 'a command of the first step' or diag $out;
}

my $redis = $t->redis;
my @stored = @{ $redis->do('KEYS', '*') };
is scalar(grep { /^spocr:key:[0-9a-f]{64}$/ } @stored), 3, 'three keys';
my $all = join "\n", @stored, map { $redis->do('GET', $_) } @stored;
is join(' ', grep { $all =~ /\Q$_\E/ } map { @$_ } values %keys), '',
   'none of them as text';                                        # C-9


# -- 2. after, and the server for those who still send "apikey"

my ($after) = blocks('2. After', 'nginx');
my ($beside) = blocks('Keys of another form', 'nginx');
my ($minute) = $yaml =~ /^ *minute: (\d+)$/m;
like $after, qr/spocr_limit key=$minute uid=$minute;/, 'the same limit';

$t->start("%%MAIN%%\nevents {}\nhttp {\n%%HTTP%%\n"
          . site("$after\n$beside") . "}\n");

# C-5 C-7 C-12
is_error $t->get('/x'), 401, 'unauthorized', 'no key';
is_error $t->get('/x', key => 'spocr_none'), 403, 'forbidden', 'a wrong one';

my $r = $t->get('/x', key => $new);
is $r->status, 200, 'a key that had our form';
is $r->header('X-RateLimit-Limit'), 1200, 'the limit of its consumer';
my %sent = sent($r);
is $sent{'x-consumer-username'}, 'u_acme', 'whose it is, by the old name';
is $sent{'x-spocr-uid'}, 'u_acme', 'and by ours';

$r = $t->get('/x', key => "spocr_$blue");
is $r->status, 200, 'a key of another form, with the prefix';
is $r->header('X-RateLimit-Limit'), $minute, 'the limit of who has no own';

sub old ($target, @headers) {
    return $t->get($target, port => 2, headers => \@headers);
}

$r = old('/x?a=1', apikey => $old);
is $r->status, 200, 'what sends "apikey" is let in beside it';
%sent = sent($r);
is $sent{'x-consumer-username'}, 'u_acme', 'as who it is';
is $sent{apikey} // $sent{authorization}, undef,
   'the backend sees no key of it';
is_error old('/x'), 401, 'unauthorized', 'no key there';
is_error old('/x', apikey => 'none'), 403, 'forbidden', 'a wrong one there';
is_error old('/x', apikey => "$old x"), 401, 'unauthorized', 'two';
is_error old('/x', apikey => ''), 401, 'unauthorized', 'an empty one';
is_error old('/x', Authorization => "Bearer $new"), 401, 'unauthorized',
    'Authorization does not go through that server';

for my $command (blocks('Keys of another form', 'sh')) {
    my ($id) = $t->get('/x', key => $new)->json->{headers}
        && {sent($t->get('/x', key => $new))}->{'x-spocr-key-id'};
    my ($exit, $out) = run($command =~ s/key_\w+/$id/r);
    is $exit, 0, 'a key is replaced' or diag $out;
    my ($made) = $out =~ /^(spocr_\w+)$/m;
    is $t->get('/x', key => $made)->status, 200, 'the new one works';    # C-10
    is $t->get('/x', key => $new)->status, 200, 'the old one for a while';
}

$t->done;
