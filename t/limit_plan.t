# Which number is valid for a key: its own, its tenant's, its plan's, or the
# directive's, in that order.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(
    plans => {
        pro => { limits => { key => 7, uid => 70 } },
        half => { limits => { uid => 80 } },
        free => { limits => { key => undef, uid => undef } },
        bare => {},
    },
    tenants => {
        u_plan => { plan => 'pro' },
        u_both => { plan => 'pro', limits => { key => 5, uid => 50 } },
        u_some => { plan => 'pro', limits => { uid => 55 } },
        u_half => { plan => 'half' },
        u_bare => { plan => 'bare', status => 'active' },
        u_own => { limits => { key => 6 } },
        u_free => { plan => 'free' },
        u_paid => { plan => 'free', limits => { key => 4, uid => 40 } },
        u_null => { plan => 'pro', limits => { key => undef,
                                               uid => undef } },
    },
    keys => {
        none => { uid => 'u_none' },
        plan => { uid => 'u_plan' },
        plan_key => { uid => 'u_plan', limits => { key => 3 } },
        plan_null => { uid => 'u_plan', limits => { key => undef } },
        both => { uid => 'u_both' },
        both_key => { uid => 'u_both', limits => { key => 9 } },
        some => { uid => 'u_some' },
        half => { uid => 'u_half' },
        bare => { uid => 'u_bare' },
        own => { uid => 'u_own' },
        free => { uid => 'u_free' },
        free_key => { uid => 'u_free', limits => { key => 2 } },
        paid => { uid => 'u_paid' },
        null => { uid => 'u_null' },
    });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    log_format plan '$spocr_key_id "$spocr_plan"';
    access_log %%DIR%%/plan.log plan;

    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_limit key=8 uid=90 window=3600s;
    spocr_limit_headers ietf;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { proxy_pass http://%%BACKEND%%; }
    }
}
EOF

# contract, section 4
for my $case (
    [none => 8, 90, 'the directive'],
    [plan => 7, 70, "the plan's"],
    [plan_key => 3, 70, "the key's, and the plan's for the uid"],
    [plan_null => undef, 70, 'a key without limit'],
    [both => 5, 50, "the tenant's over the plan's"],
    [both_key => 9, 50, "the key's over the tenant's"],
    [some => 7, 55, "the tenant's for the uid, the plan's for the key"],
    [half => 8, 80, 'a plan with the half of it'],
    [bare => 8, 90, 'a plan without limits'],
    [own => 6, 90, "a tenant's without a plan"],
    [free => undef, undef, 'a plan without limit'],
    [free_key => 2, undef, 'a limit under a plan without'],
    [paid => 4, 40, "a tenant's under a plan without"],
    [null => undef, undef, 'a tenant without limit'],
) {
    my ($name, $key, $uid, $what) = @$case;
    my $r = $t->get('/x', key => $t->key($name));
    is $r->status, 200, $what;

    my @policy = (defined $key ? qq("key";q=$key;w=3600) : (),
                  defined $uid ? qq("uid";q=$uid;w=3600) : ());
    is $r->header('RateLimit-Policy'), @policy ? join ', ', @policy : undef,
       "$what: " . join ', ', $key // 'none', $uid // 'none';
}

# C-13: and they are what is counted
for my $case ([plan_key => 2], [both_key => 8], [own => 5], [paid => 3],
              [plan_null => 30], [null => 30])
{
    my ($name, $more) = @$case;
    my $c = $t->conn;
    my $n = in_window(3600_000, sub {
        return scalar grep { $_->status == 200 }
               map { $c->request(GET => '/x', key => $t->key($name)) }
               1 .. 30;
    });
    is $n, $more, "$name: $more more";
}

ok $t->wait_log(qr/^key_plan "pro"$/m, 'plan.log'), '$spocr_plan';
like $t->log('plan.log'), qr/^key_none "-"$/m, '$spocr_plan where none is';

$t->done;
