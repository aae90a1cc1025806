# HTTP/0.9 has no headers: it is closed without an answer (C-36), also where
# only a location has the module on.  nginx has no list of its headers then.

use lib 't/lib';
use Spocr::Test;

my $t = Spocr::Test->new;

$t->keyfile(keys => { good => { uid => 'u_acme' } });
$t->file('page.html', "<h1>page</h1>\n");

$t->start(<<'EOC');
%%MAIN%%
events {}
http {
    %%HTTP%%
    spocr_keys file=%%DIR%%/keys.json;
    spocr_zone zone=z:1m;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        spocr on;
        location / { root %%DIR%%; }
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;
        root %%DIR%%;
        location / { }
        location /ids/ { spocr_request_id on; alias %%DIR%%/; }
        location /errors/ { spocr_json_errors on; alias %%DIR%%/; }
        location /gate/ { spocr on; alias %%DIR%%/; }
        location /open/ { spocr on; spocr_auth off; alias %%DIR%%/; }
        location /after/ { alias %%DIR%%/; post_action @after; }
        location @after { spocr_request_id on; proxy_pass http://%%BACKEND%%; }
        location /to/ { alias %%DIR%%/none/; try_files /none /ids/page.html; }
    }
}
EOC

sub answer {
    my ($port, $path) = @_;
    my $conn = $t->conn($port);

    $conn->send("GET $path\r\n");
    wait_for(sub { eval { $conn->_fill(time + 1) }; $conn->{eof} });
    return $conn->rest;
}

is answer(1, '/page.html'), '', 'on in the server';
is answer(2, "/$_/page.html"), '', "on in the location only: $_"
    for qw(ids errors gate open);
is answer(2, '/to/x'), '', 'reached through a redirect';
is answer(2, '/after/page.html'), "<h1>page</h1>\n", 'with a post_action';
is scalar(() = $t->backend->requests), 0, 'which is not run';
is answer(2, '/page.html'), "<h1>page</h1>\n", 'off: as nginx does';     # C-39

# nginx itself calls a post_action of HTTP/0.9
is $t->get('/after/page.html', port => 2)->status, 200, 'HTTP/1.1';
wait_for(sub { my @r = $t->backend->requests; @r == 1 });
is scalar(() = $t->backend->requests), 1, 'and its post_action';

is $t->get('/page.html', key => $t->key('good'))->status, 200,
    'and the workers live';

$t->done;
