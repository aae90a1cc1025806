/*
 * The socket that the command line asks for.  Called by main.c.
 * Invariant: without a secret of the gateway nothing but loopback and unix
 * sockets is ever listened on: the backend believes what the gateway says of
 * its clients.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "options.h"


/* A socket file that nobody answers on is left from a crash. */

static int
be_unix_clear(const struct sockaddr_un *un)
{
    int          fd, rc;
    struct stat  st;

    if (lstat(un->sun_path, &st) != 0) {
        return 0;
    }

    if (!S_ISSOCK(st.st_mode)) {
        fprintf(stderr, "spocr-backend: %s exists and is no socket\n",
                un->sun_path);
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *) un, sizeof(*un));

    if (fd >= 0) {
        close(fd);
    }

    if (rc == 0) {
        fprintf(stderr, "spocr-backend: another process listens on %s\n",
                un->sun_path);
        return -1;
    }

    return unlink(un->sun_path);
}


static int
be_listen_unix(const be_options_t *o, const char *path)
{
    int                  fd;
    mode_t               old;
    struct sockaddr_un   un = { 0 };

    un.sun_family = AF_UNIX;

    if (*path == '\0' || strlen(path) >= sizeof(un.sun_path)) {
        fprintf(stderr, "spocr-backend: the path of the unix socket must have"
                " 1 to %zu characters\n", sizeof(un.sun_path) - 1);
        return -1;
    }

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);

    if (be_unix_clear(&un) != 0) {
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    old = umask((mode_t) (0777 & ~o->socket_mode));

    if (fd < 0 || bind(fd, (struct sockaddr *) &un, sizeof(un)) != 0
        || listen(fd, 511) != 0)
    {
        fprintf(stderr, "spocr-backend: cannot listen on unix:%s: %s\n", path,
                strerror(errno));
        umask(old);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }

    umask(old);

    return fd;
}


/* "[address]"; 0, or -1 where it is none */

static int
be_tcp_address6(char *host, struct in6_addr *addr)
{
    size_t  len = strlen(host);

    if (len < 2 || host[0] != '[' || host[len - 1] != ']') {
        return -1;
    }

    host[len - 1] = '\0';

    return inet_pton(AF_INET6, host + 1, addr) == 1 ? 0 : -1;
}


static int
be_tcp_address(const be_options_t *o, struct sockaddr_storage *ss,
    socklen_t *len)
{
    int                   port, local;
    char                  host[160], *colon;
    const char           *s = o->listen;
    struct sockaddr_in   *in = (struct sockaddr_in *) ss;
    struct sockaddr_in6  *in6 = (struct sockaddr_in6 *) ss;

    memset(ss, 0, sizeof(*ss));
    snprintf(host, sizeof(host), "%s", s);
    colon = strrchr(host, ':');

    if (colon == NULL) {
        fprintf(stderr, "spocr-backend: --listen must be unix:PATH or"
                " HOST:PORT, not \"%s\"\n", s);
        return -1;
    }

    *colon++ = '\0';

    if (be_option_number("listen's port", colon, 0, 65535, &port) != 0) {
        return -1;
    }

    if (strcmp(host, "localhost") == 0) {
        snprintf(host, sizeof(host), "127.0.0.1");
    }

    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t) port);
        *len = sizeof(*in);
        local = ntohl(in->sin_addr.s_addr) >> 24 == 127;

    } else if (be_tcp_address6(host, &in6->sin6_addr) == 0) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t) port);
        *len = sizeof(*in6);
        local = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);

    } else if (o->secrets.n) {
        fprintf(stderr, "spocr-backend: --listen must have an address such as"
                " 192.0.2.1 or [2001:db8::1], not \"%s\"\n", s);
        return -1;

    } else {
        local = 0;
    }

    if (!local && o->secrets.n == 0) {
        fprintf(stderr, "spocr-backend: it listens on loopback (127.0.0.1,"
                " [::1]) and unix sockets only, not on \"%s\", where there is"
                " no --gateway-secret-file\n", s);
        return -1;
    }

    return 0;
}


int
be_listen(const be_options_t *o, char *bound, size_t size)
{
    int                       fd, on = 1;
    char                      host[160];
    socklen_t                 len;
    struct sockaddr_storage   ss;

    if (strncmp(o->listen, "unix:", 5) == 0) {
        snprintf(bound, size, "%s", o->listen);
        return be_listen_unix(o, o->listen + 5);
    }

    if (be_tcp_address(o, &ss, &len) != 0) {
        return -1;
    }

    fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0
        || bind(fd, (struct sockaddr *) &ss, len) != 0
        || listen(fd, 511) != 0
        || getsockname(fd, (struct sockaddr *) &ss, &len) != 0)
    {
        fprintf(stderr, "spocr-backend: cannot listen on %s: %s\n", o->listen,
                strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }

    snprintf(host, sizeof(host), "%s", o->listen);
    *strrchr(host, ':') = '\0';
    snprintf(bound, size, "%s:%d", host,
             ntohs(ss.ss_family == AF_INET
                   ? ((struct sockaddr_in *) &ss)->sin_port
                   : ((struct sockaddr_in6 *) &ss)->sin6_port));

    return fd;
}
