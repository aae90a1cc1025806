# shellcheck shell=bash disable=SC2034
#
# What the tests of the installed packages share; sourced by them.

api=http://127.0.0.1:8080

fail() {
    printf 'FAIL: %s\n' "$*" >&2
    exit 1
}

passed() {
    printf 'ok: %s\n' "$*"
}

booted() {
    [ -d /run/systemd/system ]
}

# start, reload, restart or stop of nginx, with and without systemd.
nginx_do() {
    if booted; then
        systemctl "$1" nginx
        return
    fi

    case $1 in
        start)      nginx ;;
        reload)     nginx -s reload ;;
        restart)    nginx -s quit; while pgrep -x nginx >/dev/null; do
                        sleep 0.1
                    done; nginx ;;
        stop)       nginx -s quit ;;
    esac
}

# until NAME COMMAND...: waits until it succeeds, for half a minute.
until_true() {
    local what=$1 i
    shift

    for i in $(seq 300); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done

    fail "$what"
}

status() {
    curl -s -o /dev/null -w '%{http_code}' "$@"
}

gets() {
    local expected=$1 what=$2 got
    shift 2

    got=$(status "$@") || true
    [ "$got" = "$expected" ] || fail "$what: $got instead of $expected"
    passed "$what: $got"
}

# The shipped configuration, as the head of spocr.conf says, and a key.
deploy() {
    key=$(spocrctl --quiet key create --uid u_acme)
    rm -f /etc/nginx/sites-enabled/default
    echo 'include spocr/spocr.conf;' >/etc/nginx/conf.d/spocr.conf
    nginx -t || fail "nginx -t with the shipped configuration"
}

backend() {
    if booted; then
        systemctl start spocr-backend
    else
        # the folders that the unit makes
        install -d -o nobody -g www-data -m 750 /run/spocr-backend
        install -d -o nobody -m 700 /var/lib/spocr-backend
        unit=$(find /lib/systemd/system /usr/lib/systemd/system \
            -name spocr-backend.service | head -1)
        # the words of the command
        # shellcheck disable=SC2046
        setpriv --reuid nobody --regid www-data --clear-groups \
            $(sed -n 's/^ExecStart=//p' "$unit") &
    fi

    until_true "the backend does not answer" curl -sf http://backend/health \
        --unix-socket /run/spocr-backend/backend.sock
}
