# spocrctl tenant and plan. Contract, section 4; C-13.

use lib 't/lib';
use Spocr::Ctl;

my $ctl = Spocr::Ctl->new;

works $ctl->run(qw(plan set pro --key-limit 120 --uid-limit 1200
                   --limit upload.key=10 --limit upload.uid=100)), 'a plan';
is_deeply $ctl->data->{plans}{pro},
    { limits => { key => 120, uid => 1200,
                  upload => { key => 10, uid => 100 } } }, 'its record';

works $ctl->run(qw(plan set pro --uid-limit unlimited --limit
                   upload.key=unset)), 'changed';
is_deeply $ctl->data->{plans}{pro},
    { limits => { key => 120, uid => undef, upload => { uid => 100 } } },
    'null is unlimited, unset goes away, the rest stays';
works $ctl->run(qw(plan set pro --limit upload.uid=unset)), 'the last one';
ok !exists $ctl->data->{plans}{pro}{limits}{upload}, 'leaves no empty object';
is $ctl->run(qw(plan list))->{out},
    sprintf("%-24s %s\n%-24s %s\n", 'PLAN', 'LIMITS', 'pro',
            'key=120 uid=unlimited'), 'list';
is $ctl->json(qw(plan list))->{pro}{limits}{key}, 120, 'list as JSON';

works $ctl->run(qw(tenant set u_acme --plan pro --uid-limit 2400)), 'a tenant';
is_deeply $ctl->data->{tenants}{u_acme},
    { plan => 'pro', limits => { uid => 2400 } }, 'its record';
works $ctl->run(qw(tenant set u_acme --status disabled)), 'disabled';
is_deeply $ctl->data->{tenants}{u_acme},
    { plan => 'pro', limits => { uid => 2400 }, status => 'disabled' },
    'the rest stays';

$ctl->run(qw(key create --uid u_acme --id key_1 --name one --quiet));
is $ctl->json(qw(key show key_1))->{state}, 'disabled',
    'its keys are disabled';

my $shown = $ctl->run(qw(tenant show u_acme))->{out};
like $shown, qr/^status +disabled$/m, 'show: status';
like $shown, qr/^limits +uid=2400$/m, 'show: limits';
like $shown, qr/^plan limits +key=120 uid=unlimited$/m, 'show: plan';
like $shown, qr/^  key_1 +disabled one$/m, 'show: keys';
my $json = $ctl->json(qw(tenant show u_acme));
is $json->{plan}{limits}{key}, 120, 'show as JSON: plan';
is $json->{keys}[0]{state}, 'disabled', 'show as JSON: keys';

works $ctl->run(qw(tenant set u_acme --plan none --uid-limit unset --status
                   active)), 'no plan, no limit';
is_deeply $ctl->data->{tenants}{u_acme}, { status => 'active' }, 'gone';
like $ctl->run(qw(tenant list))->{out}, qr/^u_acme +active +- +-$/m, 'list';

$ctl->run(qw(key create --uid u_free --quiet));
works $ctl->run(qw(tenant show u_free)), 'a tenant of keys only';
fails $ctl->run(qw(tenant show u_gone)), 1, qr/there is no tenant u_gone/,
    'no such tenant';

my $before = $ctl->text;
fails $ctl->run(qw(tenant set u_acme --plan gold)), 1,
    qr/there is no plan gold; spocrctl plan set gold makes one/, 'no plan';
fails $ctl->run(qw(tenant set u_acme --status revoked)), 2,
    qr/--status must be active or disabled/, 'no such status';
fails $ctl->run(qw(plan set gold)), 2, qr/a limit is missing/, 'no limit';
fails $ctl->run(qw(plan set none --key-limit 1)), 2, qr/cannot be called none/,
    'a plan called none';

for my $n ('0', '-1', '1.5', 'many', '', '1000000001', '1e3',
           '99999999999999999999') {
    fails $ctl->run(qw(plan set gold), "--key-limit=$n"), 2,
        qr/--key-limit must be a number from 1 to 1000000000/, "limit '$n'";
}

for my $limit ('upload', 'upload=5', 'upload.key', 'upload.day=5', '.key=5',
               'a b.key=5') {
    fails $ctl->run(qw(plan set gold --limit), $limit), 2,
        qr/--limit must be|must be 1 to 64/, "limit '$limit'";
}
fails $ctl->run(qw(plan set gold --limit default.key=5)), 2,
    qr/"default" is reserved/, 'a reserved name';
fails $ctl->run(qw(key create --uid u --limit upload.uid=5)), 2,
    qr/limit of a uid belongs to its tenant/, 'a uid limit in a key';
fails $ctl->run(qw(key create --uid u --uid-limit 5)), 2,
    qr/key create takes no --uid-limit/, 'also as an option';
is $ctl->text, $before, 'none of this changed the file';

done_testing;
