# Records that somebody has changed in Redis: none is replayed, nothing runs,
# and nobody falls over.
#
# SPOCR_MUTANTS is how many (600; the full form has 100000).

use lib 't/lib';
use Spocr::Test;

my $N = $ENV{SPOCR_MUTANTS} // 600;
my $t = Spocr::Test->new;

$t->keyfile(keys => { alice => { uid => 'u_a' } });
$t->secret_file;

$t->start(<<'EOC');
%%MAIN%%
worker_processes 1;
events {}
http {
    %%HTTP%%
    access_log off;
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_redis %%REDIS%% timeout=20s connect_timeout=20s;
    spocr_secret_file %%DIR%%/secret;
    keepalive_requests 10000000;
    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        spocr_limit off;
        spocr_idempotency on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOC
my $redis = $t->redis;
$redis->linked(2);
my $c = $t->conn;

sub once {
    return $c->request(POST => '/x', key => $t->key('alice'), body => 'hello',
                       headers => ['Idempotency-Key' => 'victim']);
}

my $first = once();
my ($name) = @{ $redis->do('KEYS', 'spocr:*:i:*') };
my %good = @{ $redis->do('HGETALL', $name) };
my @workers = $t->workers;
my $client = $redis->client;

# A change of one field, in one of several ways: what is another's, what is cut,
# what is longer, what is no number.
srand 11;
sub mutant {
    my %r = %good;
    my $field = (qw(b b b b b b s t f n at ld st rid))[rand 14];
    my $v = $r{$field} // '';
    my $how = int rand 6;
    my $i = int rand(1 + length $v);

    if ($how == 0 && length $v) {
        substr($v, $i % length $v, 1) ^.= chr 1 << int rand 8;
    } elsif ($how == 1) {
        $v = substr $v, 0, $i;
    } elsif ($how == 2) {
        substr $v, $i, 0, join '', map { chr rand 256 } 0 .. rand 20;
    } elsif ($how == 3) {
        $v = join '', map { chr rand 256 } 1 .. rand 200;
    } elsif ($how == 4) {
        $v = ('-1', '1e9', '9' x 30, 'nan', 'inf', '0x10', 'T', 'P', '')
             [rand 9];
    } else {
        delete $r{$field};
        return (\%r, "$field deleted");
    }
    return (undef, '') if defined $r{$field} && $v eq $r{$field};
    $r{$field} = $v;
    return (\%r, "$field, way $how");
}

# C-34: what may be changed without harm is what the answer does not depend on
my (%got, @bad);
for (1 .. $N) {
    my ($r, $what) = mutant();
    next if !$r;
    $client->pipeline(['DEL', $name], ['HSET', $name, %$r],
                      ['PEXPIRE', $name, 100_000]);
    my $answer = once();
    my $status = $answer->status;
    $got{$status . ' ' . ($answer->code || 'replay')}++;

    if ($status == 200) {
        # the same bytes, of a record whose sealed part is what it was
        push @bad, $what if $answer->body ne $first->body
                            || ($r->{b} // '') ne $good{b};
    } elsif ($status != 409 && $status != 422) {
        push @bad, "$what: $status";
    }
}
note "$_: $got{$_}" for sort keys %got;
is "@bad[0 .. ($#bad > 4 ? 4 : $#bad)]", '', "of $N mutants none is replayed";
is scalar(() = $t->backend->requests), 1, 'and nothing runs';
is join(' ', $t->workers), "@workers", 'the worker is there';

$client->pipeline(['DEL', $name], ['HSET', $name, %good]);
is once()->body, $first->body, 'the true record still is one';

$t->done;
