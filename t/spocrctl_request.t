# spocrctl request: the time in a request id, and its log lines. C-2, C-3.

use lib 't/lib';
use Spocr::Ctl;

my $ctl = Spocr::Ctl->new;
my $id = 'req_0193c5a0b1c27def8000000000000000';
my $other = 'req_0193c5a0b1c27def8000000000000001';

my $r = $ctl->run('request', $id);
works $r, 'an id alone';
is $r->{out}, "$id 2024-12-14T14:44:23.106Z\n", 'its time';
is $ctl->run('request', 'req_000000000001700080000000' . '0' x 8)->{out},
    "req_00000000000170008000000000000000 1970-01-01T00:00:00.001Z\n",
    'the first millisecond';

my $log = $ctl->dir . '/access.log';
open my $f, '>', $log or die $!;
print $f <<"EOF";
{"time":"a","request_id":"$other","status":200,"uid":"u_1"}
{"time":"b","request_id":"$id","status":429,"uid":"u_2"}
{"time":"c","request_id":"$other","original_request_id":"$id","status":200}
not JSON, but $id
{"time":"d","request_id":"${id}0"
EOF
close $f;

$r = $ctl->run('request', $id, '--log', $log);
works $r, 'with a log';
like $r->{out}, qr/"status": 429/, 'its line';
like $r->{out}, qr/"original_request_id"/, 'a replay that names it';
unlike $r->{out}, qr/"u_1"/, 'not the line of another';

my $json = $ctl->json('request', $id, '--log', $log, '--log', $log);
is $json->{id}, $id, 'JSON: id';
is $json->{time}, '2024-12-14T14:44:23.106Z', 'JSON: time';
is @{ $json->{entries} }, 8, 'JSON: four lines of each of two logs';
is $json->{entries}[0]{uid}, 'u_2', 'as objects';
is $json->{entries}[2], "not JSON, but $id", 'or as they are';

$r = $ctl->run_with("{\"request_id\":\"$id\"}\n", 'request', $id, '--log', '-');
works $r, 'a log on stdin';
like $r->{out}, qr/"request_id"/, 'its line';

$r = $ctl->run('request', 'req_0193c5a0b1c27def8000000000000009', '--log',
               $log);
is $r->{code}, 1, 'exits with 1 when no line has it';
like $r->{out}, qr/\A\S+ 2024-12-14T14:44:23.106Z\n\z/, 'the time is told';
like $r->{err}, qr/no line of the logs has this id/, 'and that';

$r = $ctl->run('request', $id, '--log', $ctl->dir . '/none');
is $r->{code}, 1, 'a log that is not there';
like $r->{err}, qr/none: No such file/, 'is named';

for my $bad ('req_8fa2c1', uc $id, substr($id, 4), "$id ", 'req_' . 'g' x 32,
             'req_0193c5a0b1c24def8000000000000000', '') {
    fails $ctl->run('request', $bad), 2, qr/a request id is "req_"/,
        "no id: '$bad'";
}
fails $ctl->run('request', 'req_ffffffffffff7fff8000000000000000'), 2,
    qr/after the year 9999/, 'a time beyond all dates';

done_testing;
