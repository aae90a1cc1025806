# Limits of different names count on their own.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(
    plans => { pro => { limits => { key => 50, ocr => { key => 4 },
                                    upload => { key => 9, uid => 11 } } } },
    tenants => { u_pro => { plan => 'pro',
                            limits => { ocr => { uid => 7 } } } },
    keys => {
        plain => { uid => 'u_plain' },
        plain2 => { uid => 'u_plain' },
        pro => { uid => 'u_pro' },
        pro2 => { uid => 'u_pro' },
        own => { uid => 'u_own', limits => { ocr => { key => 5 } } },
        free => { uid => 'u_free', limits => { ocr => { key => undef } } },
    });

$t->start(<<'EOF');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    spocr_limit_headers ietf;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;

        location / {
            spocr_limit key=10 uid=600 window=3600s;
            proxy_pass http://%%BACKEND%%;
        }
        location /ocr {
            spocr_limit name=ocr key=3 uid=8 window=1800s;
            proxy_pass http://%%BACKEND%%;
        }
        location /ocr/other {
            spocr_limit name=ocr key=3 uid=8 window=1800s;
            proxy_pass http://%%BACKEND%%;
        }
        location /upload {
            spocr_limit name=upload key=2 uid=20 window=3600s;
            proxy_pass http://%%BACKEND%%;
        }
    }
}
EOF

sub admitted ($n, $name, $target) {
    my $c = $t->conn;
    return scalar grep { $_->status == 200 }
           map { $c->request(GET => $target, key => $t->key($name)) }
           1 .. $n;
}

# C-13: each name has its own counters; locations of one name share them
my @n = in_window(1800_000, sub {
    return admitted(2, 'plain', '/ocr'), admitted(5, 'plain', '/ocr/other'),
           admitted(5, 'plain', '/ocr'), admitted(5, 'plain', '/upload'),
           admitted(15, 'plain', '/x');
});
is "@n", '2 1 0 2 10', 'two names, and the default, each on its own';

# contract, section 4: names in records
for my $case (
    ['/ocr', own => '"key";q=5;w=1800, "uid";q=8;w=1800', "a key's record"],
    ['/ocr', pro => '"key";q=4;w=1800, "uid";q=7;w=1800',
        "a plan's key limit and a tenant's uid limit"],
    ['/upload', pro => '"key";q=9;w=3600, "uid";q=11;w=3600', "a plan's"],
    ['/x', pro => '"key";q=50;w=3600, "uid";q=600;w=3600',
        'the default name'],
    ['/upload', own => '"key";q=2;w=3600, "uid";q=20;w=3600',
        'the directive'],
    ['/x', own => '"key";q=10;w=3600, "uid";q=600;w=3600',
        "a record's limit of one name is not that of another"],
) {
    my ($path, $name, $policy, $what) = @$case;
    is $t->get($path, key => $t->key($name))->header('RateLimit-Policy'),
       $policy, $what;
}

my @pro = in_window(1800_000, sub {
    return admitted(6, 'pro', '/ocr/other'), admitted(6, 'pro2', '/ocr');
});
is $pro[0] + $pro[1], 6, 'seven of the uid, one was used above';
is admitted(9, 'free', '/ocr'), 8, 'null for the key leaves the uid';

$t->done;
