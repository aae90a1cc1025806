# spocr.lua: reading records, and the greeting. Contract, section 5.

use v5.36;
use lib 't/lib';
use Spocr::Redis;
use Test::More;

my $SOURCE = do {
    open my $in, '<', 'ngx_spocr_module/spocr.lua' or die "spocr.lua: $!\n";
    local $/;
    readline $in;
};

my $redis = Spocr::Redis->new;
is $redis->do('FUNCTION', 'LOAD', $SOURCE), 'spocr_v2', 'the library loads';
ok !eval { $redis->do('FUNCTION', 'LOAD', $SOURCE) }, 'once';
like $@, qr/already exists/, '... as a gateway that comes second is told';

# -- its functions

my ($library) = @{ $redis->do(qw(FUNCTION LIST LIBRARYNAME spocr_v2)) };
my %library = @$library;
my %flags = map { my %f = @$_; $f{name} => "@{ $f{flags} }" }
            @{ $library{functions} };
is_deeply \%flags, {
    spocr_v2_limit => 'allow-oom', spocr_v2_get => 'no-writes',
    spocr_v2_hello => 'no-writes', spocr_v2_claim => '',
    spocr_v2_renew => 'allow-oom', spocr_v2_complete => '',
    spocr_v2_release => 'allow-oom' }, 'names and flags';

# -- get

sub get (@keys) {
    return $redis->do('FCALL', 'spocr_v2_get', scalar @keys, @keys, "n\0\r\n");
}

$redis->do('SET', 'spocr:key:aa', '{"id":"key_1"}');
$redis->do('SET', 'spocr:plan:pro', '');
$redis->do('RPUSH', 'spocr:tenant:list', 1);
$redis->do('SET', 'spocr:key:long', 'x' x 65537);
$redis->do('SET', 'spocr:key:most', 'x' x 65536);
is length get('spocr:key:most')->[1], 65536, '64 KB are not too much';
is_deeply get('spocr:key:aa'), ["n\0\r\n", '{"id":"key_1"}'], 'a value';
is_deeply get('spocr:key:none'), ["n\0\r\n", undef], 'none';
is_deeply get('spocr:none', 'spocr:key:aa', 'spocr:none', 'spocr:plan:pro',
              'spocr:none'),
    ["n\0\r\n", undef, '{"id":"key_1"}', undef, '', undef],
    'each in its place, up to the last';

# C-8
for my $case (['spocr:tenant:list', 'another type'],
              ['spocr:key:long', 'what is too long']) {
    my ($key, $name) = @$case;
    ok !eval { get('spocr:key:aa', $key, 'spocr:none') }, $name;
    like $@, qr/^WRONGTYPE/, '... is an error, and not a key that is absent';
}
is scalar @{ get(('spocr:none') x 16) }, 17, 'sixteen at once';

my $binary = join '', map { chr } 0 .. 255;
$redis->do('SET', 'spocr:key:bin', $binary);
is get('spocr:key:bin')->[1], $binary, 'all bytes';
is $redis->do('FCALL_RO', 'spocr_v2_get', 1, 'spocr:key:aa', 'n')->[0], 'n',
    'it can be called read-only';
is_deeply $redis->counted(sub {
              $redis->client->do('FCALL', 'spocr_v2_get', 2, 'spocr:key:aa',
                                 'spocr:key:bin', 'n') }),
    { fcall => 1, mget => 1 }, 'one command, however many keys';

# -- hello

my $answer = $redis->do('FCALL', 'spocr_v2_hello', 0, 'nonce');
my $time = $redis->do('TIME');
is @$answer, 3, 'three elements';
is $answer->[0], 'nonce', 'the nonce';
is "spocr_v$answer->[1]", $library{library_name}, 'the version is the name\'s';
my $ms = $time->[0] * 1000 + $time->[1] / 1000 - $answer->[2];
cmp_ok $ms, '>=', 0, 'the time was';
cmp_ok $ms, '<', 5000, 'just now';

# -- users and memory

$redis->do(qw(ACL SETUSER gateway on >pw %R~spocr:key:* +fcall +fcall_ro +get
              +mget +time));
my $gateway = $redis->client(user => 'gateway', password => 'pw');
is $gateway->do('FCALL_RO', 'spocr_v2_get', 1, 'spocr:key:aa', 'n')->[1],
    '{"id":"key_1"}', 'get, with the least privileges';
is $gateway->do('FCALL', 'spocr_v2_hello', 0, 'n')->[1], 2, 'and hello';
ok !eval { $gateway->do('FCALL_RO', 'spocr_v2_get', 1, 'other', 'n') },
    'no key but ours';
like $@, qr/^NOPERM/, '... is an error';
$redis->do(qw(ACL SETUSER gateway -get));
ok !eval { $gateway->do('FCALL_RO', 'spocr_v2_get', 1, 'spocr:key:none', 'n') },
    'without GET a key that is not there';
like $@, qr/can't run this command|has no permissions to run/,
     '... is an error, and not absent';

my $full = Spocr::Redis->new(maxmemory => '3mb');
$full->do('FUNCTION', 'LOAD', $SOURCE);
my $i = 0;
1 while eval { $full->do('SET', 'fill' . $i++, 'x' x 10000); 1 };
like $@, qr/^OOM/, 'memory is full';
is $full->do('FCALL', 'spocr_v2_get', 1, 'fill0', 'n')->[1], 'x' x 10000,
    'reading goes on';
is $full->do('FCALL', 'spocr_v2_hello', 0, 'n')->[1], 2, 'and the greeting';

done_testing;
