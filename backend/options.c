/*
 * The command line, and the socket that it asks for.  Called by main.c.
 * Invariant: without a secret of the gateway nothing but loopback and unix
 * sockets is ever listened on: the backend believes what the gateway says of
 * its clients.
 */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http.h"
#include "ocr.h"
#include "options.h"


static const char  be_usage[] =
"Usage: spocr-backend [OPTION]...\n"
"Reads invoices and receipts from images: POST /ocr/fields, GET /health.\n"
"\n"
"  --listen ADDRESS        unix:PATH, 127.0.0.1:PORT or [::1]:PORT; port 0\n"
"                          takes a free one (default 127.0.0.1:8090); other\n"
"                          addresses only with --gateway-secret-file\n"
"  --socket-mode MODE      permissions of the unix socket (default 0660)\n"
"  --workers N             OCR processes (default: one for each processor)\n"
"  --queue N               calls under way and waiting, at most; the next\n"
"                          gets a 503 (default 32)\n"
"  --timeout SECONDS       for a call, its waiting included; then 503 or 502\n"
"                          (default 45)\n"
"  --allow-url-host HOST:PORT\n"
"                          fetch images from this host even if it is not on\n"
"                          the public internet; may be repeated\n"
"  --gateway-secret-file PATH\n"
"                          refuse what the gateway has not signed with one of\n"
"                          the secrets in this file; all but GET /health\n"
"  --help, --version\n"
"\n"
"It trusts the X-Spocr-Uid, X-Spocr-Key-Id and X-Request-Id of the gateway in\n"
"front of it, and so listens on loopback and unix sockets only, where it is\n"
"not given the gateway's secret.\n"
"SIGTERM and SIGINT end it once the running calls are answered.\n";


static int
be_number(const char *name, const char *s, int min, int max, int *out)
{
    long   n;
    char  *end;

    errno = 0;
    n = strtol(s, &end, 10);

    if (errno || *s == '\0' || *end != '\0' || n < min || n > max) {
        fprintf(stderr, "spocr-backend: --%s must be a number from %d to %d,"
                " not \"%s\"\n", name, min, max, s);
        return -1;
    }

    *out = (int) n;

    return 0;
}


static int
be_allow_host(be_options_t *o, const char *s)
{
    char        *end;
    long         port;
    const char  *colon = strrchr(s, ':');

    port = colon ? strtol(colon + 1, &end, 10) : 0;

    if (colon == NULL || colon == s || !isdigit((unsigned char) colon[1])
        || *end != '\0' || port < 1 || port > 65535 || strlen(s) > 280)
    {
        fprintf(stderr, "spocr-backend: --allow-url-host must be HOST:PORT,"
                " not \"%s\"\n", s);
        return -1;
    }

    json_array_append_new(o->allowed, json_string(s));

    return 0;
}


static int
be_mode(const char *s, int *mode)
{
    long   n;
    char  *end;

    n = strtol(s, &end, 8);

    if (*s == '\0' || *end != '\0' || n < 0 || n > 0777) {
        fprintf(stderr, "spocr-backend: --socket-mode must be an octal mode"
                " such as 0660, not \"%s\"\n", s);
        return -1;
    }

    *mode = (int) n;

    return 0;
}


int
be_options(int argc, char **argv, be_options_t *o)
{
    int   c, rc = 0;
    long  cpus = sysconf(_SC_NPROCESSORS_ONLN);

    static const struct option  names[] = {
        { "listen", required_argument, NULL, 'l' },
        { "socket-mode", required_argument, NULL, 'm' },
        { "workers", required_argument, NULL, 'w' },
        { "queue", required_argument, NULL, 'q' },
        { "timeout", required_argument, NULL, 't' },
        { "allow-url-host", required_argument, NULL, 'a' },
        { "gateway-secret-file", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 }
    };

    memset(o, 0, sizeof(*o));
    snprintf(o->listen, sizeof(o->listen), "127.0.0.1:8090");
    o->socket_mode = 0660;
    o->workers = cpus < 1 ? 1 : cpus > 64 ? 64 : (int) cpus;
    o->fetchers = 6;             /* they wait, mostly */
    o->queue = 32;
    o->timeout = 45;
    o->allowed = json_array();

    while (rc == 0 && (c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'l':
            if (strlen(optarg) >= sizeof(o->listen)) {
                fprintf(stderr, "spocr-backend: --listen is too long\n");
                rc = -1;
                break;
            }
            snprintf(o->listen, sizeof(o->listen), "%s", optarg);
            break;
        case 'm':
            rc = be_mode(optarg, &o->socket_mode);
            break;
        case 'w':
            rc = be_number("workers", optarg, 1, 64, &o->workers);
            break;
        case 'q':
            rc = be_number("queue", optarg, 1, 1000, &o->queue);
            break;
        case 't':
            rc = be_number("timeout", optarg, 1, 600, &o->timeout);
            break;
        case 'a':
            rc = be_allow_host(o, optarg);
            break;
        case 's':
            rc = be_secrets_read(&o->secrets, optarg);
            break;
        case 'h':
            fputs(be_usage, stdout);
            return 0;
        case 'v':
            printf("spocr-backend %s (tesseract %s)\n", BE_VERSION,
                   be_tesseract_version());
            return 0;
        default:
            fprintf(stderr, "Try \"spocr-backend --help\".\n");
            rc = -1;
            break;
        }
    }

    if (rc == 0 && optind < argc) {
        fprintf(stderr, "spocr-backend: unexpected argument \"%s\"\n",
                argv[optind]);
        rc = -1;
    }

    return rc == 0 ? BE_RUN : 2;
}


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

    if (be_number("listen's port", colon, 0, 65535, &port) != 0) {
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
