# docs/directives.md and the code: variables, their values, and the members
# of the status page.

use lib 't/lib';
use Spocr::Test;

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

my $page = slurp('docs/directives.md');
my $dir = 'ngx_spocr_module';

# the rows of the first table behind a line, by their first column
sub column ($behind) {
    my ($table) = $page =~ /^\Q$behind\E.*?\n\n((?:\|[^\n]*\n)+)/ms;
    my @rows = split /\n/, $table // '';
    return map { /^\| (.*?) \|/ ? $1 : () } @rows[2 .. $#rows];
}

sub names ($behind) { return map { /`([^`]+)`/g } column($behind) }

my ($table) = slurp("$dir/ngx_spocr_variables.c") =~
    /^static ngx_http_variable_t .*?\{\n(.*?)^\};/ms;
my @variables = map { "\$$_" } $table =~ /ngx_string\("(\w+)"\)/g;
cmp_ok scalar @variables, '>', 5, 'the variables are found';
is join(' ', names('## Variables')), join(' ', @variables),
   'each variable has its row';

sub statuses ($file, $array) {
    my ($table) = slurp("$dir/$file") =~ /\Q$array\E\[\] = \{\n(.*?)^\};/ms;
    return sort $table =~ /ngx_string\("(\w+)"\)/g;
}

for (['$spocr_auth_status', 'ngx_spocr_auth.c', 'ngx_spocr_auth_statuses'],
     ['$spocr_limit_status', 'ngx_spocr_limit.c',
      'ngx_spocr_limit_statuses'],
     ['$spocr_limit_source', 'ngx_spocr_limit.c',
      'ngx_spocr_limit_sources'],
     ['$spocr_idempotency_status', 'ngx_spocr_idem.c',
      'ngx_spocr_idem_statuses'])
{
    my ($variable, $file, $array) = @$_;
    my @values = statuses($file, $array);
    cmp_ok scalar @values, '>', 3, "$variable: its values are found";
    is join(' ', sort(names("`$variable`:"))), join(' ', @values),
       "$variable: each value has its row";
}

# the status page as it is
my $t = Spocr::Test->new;
$t->start(<<'EOF');
%%MAIN%%
events {}
http { %%HTTP%% spocr_zone zone=z:64k;
       server { listen 127.0.0.1:%%PORT_1%%;
                location / { spocr_status json; } }
       spocr_redis redis://127.0.0.1:%%PORT_2%%; spocr_keys redis; }
EOF
my $status = $t->get('/')->json;
my @members = map {
    my $name = $_;
    $name eq 'zone' ? map { "zone.$_" } keys %{ $status->{zone} } : $name;
} keys %$status;
is join(' ', sort(names('`spocr_status json` shows'))),
   join(' ', sort @members), 'each member of the status page has its row';

# and so has what they hold
for my $member (qw(requests redis_calls redis_links key_lookups key_records
                   idempotency_claims idempotency_outbox redis_workers))
{
    my ($row) = $page =~ /^\| `$member` \| (.*)/m;
    is join(' ', sort(($row // '') =~ /`(\w+)`/g)),
       join(' ', sort keys %{ $status->{$member} }), "$member: all of them";
}

$t->done;
