# The configurations of what others bring along for the job, as somebody who
# knows them would write it: nginx alone (stock), HAProxy, and nginx with
# lua-nginx-module (lua; lua_redis counts in Redis).  All of them know each
# key's uid, have a limit for both, tell request id and uid to the backend,
# and refuse in JSON.  Bench::Site starts them.
#
#   Bench::Peers::conf($site, 'stock', $upstream)    its text, or undef
#   Bench::Peers::missing('haproxy')                 a file, or undef

package Bench::Peers;

use v5.36;
use Cwd qw(abs_path);

my %conf = (stock => \&_stock, haproxy => \&_haproxy,
            lua => \&_lua, lua_redis => \&_lua_redis);

my @errors = ([401, 'unauthorized', 'No valid API key'],
              [403, 'forbidden', 'The API key is not valid'],
              [429, 'rate_limited', 'Rate limit exceeded']);

# Where Debian has the modules of its packages.
my $modules = '/usr/lib/nginx/modules';

sub conf ($site, $name, $upstream) {
    my $make = $conf{$name} or return;
    return $make->($site, $upstream);
}

sub missing ($name) {
    my $file = $name eq 'haproxy' ? '/usr/sbin/haproxy'
             : $name =~ /^lua/ ? "$modules/ngx_http_lua_module.so" : return;
    return -e $file ? undef : $file;
}

sub versions () {
    my ($haproxy) = `/usr/sbin/haproxy -v 2>&1` =~ /version ([\d.]+)/;
    my ($redis) = `redis-server --version 2>&1` =~ /v=([\d.]+)/;
    my ($lua) = `dpkg-query -W -f '\${Version}' libnginx-mod-http-lua 2>&1`
                =~ /^(?:\d+:)?(\d[\d.]*)/;
    return { haproxy => $haproxy // '-', redis => $redis // '-',
             'lua-nginx-module' => $lua // '-' };
}

sub _body ($error, $id) {
    my (undef, $code, $message) = @$error;
    return qq({"error":{"code":"$code","message":"$message",)
           . qq("requestId":"$id"}});
}

# nginx's and Lua's: what the backend is told.
sub _pass () {
    return Bench::Site::pass() . <<'EOF';
            proxy_set_header X-Request-Id $request_id;
            proxy_set_header X-Uid $uid;
            proxy_set_header Authorization "";
EOF
}


# -- nginx alone --

# Keys by a map, two zones, an id, errors in JSON.  Refusals are not logged;
# limit_req would write a line for each of them.  Where there are many keys
# the map's buckets are large: nginx tries one size of the table after the
# other until all of them fit.
sub _stock ($site, $upstream) {
    my ($max, $bucket) = $site->{keys} > 20_000 ? (1_000_000, 4096)
                                                : (65_536, 128);
    my $map = $site->key_map('stock.map', sub ($key, $uid) {
        qq("Bearer $key" $uid;\n)
    });
    my $size = $site->zone_size(256);
    my $pass = _pass();
    my $errors = join '', map { _stock_error($_) } @errors;

    return $site->nginx_conf('stock', <<"EOF", <<"EOS");
$upstream
    map_hash_max_size $max;
    map_hash_bucket_size $bucket;
    map \$http_authorization \$uid {
        default "";
        include $map;
    }
    map \$http_authorization \$refusal {
        default 403;
        "" 401;
    }
    limit_req_zone \$http_authorization zone=key:$size rate=1000000r/s;
    limit_req_zone \$uid zone=uid:$size rate=1000000r/s;
    limit_req_zone \$http_authorization zone=tight_key:1m rate=1r/m;
    limit_req_zone \$uid zone=tight_uid:1m rate=1r/m;
    limit_req_status 429;
    limit_req_log_level info;
EOF
        add_header X-Request-Id \$request_id always;
        error_page 401 \@401;
        error_page 403 \@403;
        error_page 429 \@429;

        set \$refused "";
        if (\$uid = "") { set \$refused \$refusal; }
        if (\$refused = 401) { return 401; }
        if (\$refused = 403) { return 403; }

        location / {
            limit_req zone=key burst=1000000 nodelay;
            limit_req zone=uid burst=1000000 nodelay;
$pass        }
        location /tight {
            limit_req zone=tight_key;
            limit_req zone=tight_uid;
$pass        }
$errors
EOS
}

sub _stock_error ($error) {
    my $status = $error->[0];
    my $body = _body($error, '$request_id');
    return <<"EOF";
        location \@$status {
            default_type application/json;
            add_header X-Request-Id \$request_id always;
            add_header Cache-Control no-store always;
            return $status '$body';
        }
EOF
}


# -- HAProxy --

# One thread, as the others have one worker.  A map of keys, stick tables of
# sliding rates; what is refused counts as well, as is its way.
sub _haproxy ($site, $) {
    my $map = $site->key_map('plain.map', sub ($key, $uid) {
        "$key $uid\n"
    });
    my %refuse = map { $_->[0] => _haproxy_return($_) } @errors;
    my $key = q(req.hdr(authorization),word(2,' '));
    my $entries = $site->{keys} < 50_000 ? 100_000 : 2 * $site->{keys};

    return <<"EOF";
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 60s
    timeout http-keep-alive 1h
    http-reuse always
@{[_haproxy_table('wide_key', $entries, '60s')]}
@{[_haproxy_table('wide_uid', $entries, '60s')]}
@{[_haproxy_table('tight_key', 10_000, '20d')]}
@{[_haproxy_table('tight_uid', 10_000, '20d')]}
frontend api
    bind @{[$site->address('haproxy')]}
    unique-id-format %{+X}o%ci%cp%fi%fp%Ts%rt%pid
    acl tight path_beg /tight
    $refuse{401} unless { req.hdr(authorization) -m found }
    http-request set-var(txn.key) $key
    http-request set-var(txn.uid) var(txn.key),map_str($map)
    $refuse{403} unless { var(txn.uid) -m found }
    http-request track-sc0 var(txn.key) table tight_key if tight
    http-request track-sc1 var(txn.uid) table tight_uid if tight
    http-request track-sc0 var(txn.key) table wide_key unless tight
    http-request track-sc1 var(txn.uid) table wide_uid unless tight
    acl over_tight sc_http_req_rate(0) gt 1
    acl over_tight sc_http_req_rate(1) gt 1
    acl over_wide sc_http_req_rate(0) gt 1000000000
    acl over_wide sc_http_req_rate(1) gt 1000000000
    $refuse{429} if tight over_tight
    $refuse{429} if !tight over_wide
    http-request set-header X-Request-Id %[unique-id]
    http-request set-header X-Uid %[var(txn.uid)]
    http-request del-header Authorization
    http-response set-header X-Request-Id %[unique-id]
    default_backend api
backend api
    server one @{[$site->address('backend')]} pool-max-conn 512
EOF
}

sub _haproxy_table ($name, $entries, $period) {
    return "backend $name\n    stick-table type string len 48 size $entries "
           . "expire $period store http_req_rate($period)";
}

sub _haproxy_return ($error) {
    return "http-request return status $error->[0] "
           . "content-type application/json hdr X-Request-Id %[unique-id] "
           . "hdr Cache-Control no-store lf-string '"
           . _body($error, '%[unique-id]') . "'";
}


# -- nginx with lua-nginx-module --

sub _lua ($site, $upstream) {
    return _with_lua($site, 'lua', $upstream, 'local_limits', '');
}

sub _lua_redis ($site, $upstream) {
    return _with_lua($site, 'lua_redis', $upstream, 'redis_limits',
                     ', "127.0.0.1", ' . $site->redis->port);
}

# The code is loaded once, in the master, and with it the keys.
sub _with_lua ($site, $name, $upstream, $make, $more) {
    my $here = abs_path('bench');
    my $map = $site->key_map('plain.map', sub ($key, $uid) {
        "$key $uid\n"
    });
    my $size = $site->zone_size(512);
    my $pass = _pass();

    return $site->nginx_conf($name, <<"EOF", <<"EOS", <<"EOM");
$upstream
    lua_package_path "$here/?.lua;;";
    lua_shared_dict counts $size;
    init_by_lua_block {
        local gateway = require "gateway"
        gateway.load("$map")
        wide = gateway.$make("wide", 1e9, 1e9, 60$more)
        tight = gateway.$make("tight", 1, 1, 31536000$more)
    }
EOF
        set \$uid "";
        location / {
            access_by_lua_block { return wide() }
$pass        }
        location /tight {
            access_by_lua_block { return tight() }
$pass        }
EOS
load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;
EOM
}

1;
