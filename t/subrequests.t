# Subrequests have no access phase: one whose main request had no key must not
# reach what is behind a key, nor carry an identity that a client made up.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { good => { uid => 'u_acme' } });
for my $name (qw(gated open)) {
    $t->file("$name.html",
        qq([<!--#include virtual="/part/$name?type=text/html" -->]\n));
}

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;
    ssi on;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        root %%DIR%%;

        location /off/     { alias %%DIR%%/; }
        location /covered/ { spocr_request_id on; alias %%DIR%%/; }
        location /opened/  { spocr on; spocr_auth off; alias %%DIR%%/; }
        location /keyed/   { spocr on; alias %%DIR%%/; }

        location /part/gated { spocr on; proxy_pass http://%%BACKEND%%; }
        location /part/open  { spocr on; spocr_auth off;
                               proxy_pass http://%%BACKEND%%; }
    }
}
EOC

my $key = $t->key('good');
my @spoof = ('X-A' => 1, 'X-Spocr-Uid' => 'u_other', 'X-B' => 2,
             'x-spocr-plan' => 'gold', 'X-C' => 3);

sub reached {
    my @requests = $t->backend->requests;
    return scalar @requests;
}

sub seen {
    my $last = ($t->backend->requests)[-1];
    return join ' | ', sort map { "$_->[0]: $_->[1]" }
        grep { $_->[0] =~ /^x-(spocr|a|b|c)/i } @{ $last->{headers} };
}

for my $main (qw(off covered opened)) {                            # C-12
    my $before = reached();
    my $r = $t->get("/$main/gated.html", headers => \@spoof);
    is $r->status, 200, "$main: the page itself";
    is reached(), $before, "$main: nothing behind the key was executed";

    $r = $t->get("/$main/open.html", headers => \@spoof);
    is reached(), $before + 1, "$main: what is open was";
    is seen(), 'X-A: 1 | X-B: 2 | X-C: 3', "$main: without the client's uid";
}

my $before = reached();
my $r = $t->get('/keyed/gated.html', key => $key, headers => \@spoof);
is $r->status, 200, 'with a key';
is reached(), $before + 1, 'with a key it is executed';
is seen(), 'X-A: 1 | X-B: 2 | X-C: 3 | X-Spocr-Key-Id: key_good | '
         . 'X-Spocr-Uid: u_acme', 'as whom the key says';

like $t->log, qr{spocr: subrequest to location "/part/gated" refused},
    'the log says why';

$t->done;
