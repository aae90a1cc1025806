
/*
 * Bytes to and from Redis: TCP, a unix socket, or TLS over TCP.
 *
 * Called by link.c.  Invariant: each step ends when its time is up, and with
 * TLS nothing is sent before the certificate was verified.
 */


#include "link.h"
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


struct ctl_socket_s {
    int       fd;
    int       timeout;                  /* ms, of each step */
    SSL_CTX  *ctx;                      /* NULL: no TLS */
    SSL      *ssl;
    char     *why;                      /* the last failure */
};


static int connect_unix(ctl_socket_t *s, const char *path);
static int connect_tcp(ctl_socket_t *s, const ctl_place_t *place);
static int connect_wait(ctl_socket_t *s, int fd, const struct sockaddr *addr,
    socklen_t len);
static bool wait_for(ctl_socket_t *s, int fd, short events);
static bool tls_prepare(ctl_socket_t *s, const ctl_place_t *place);
static bool tls_handshake(ctl_socket_t *s, const ctl_place_t *place);
static bool tls_again(ctl_socket_t *s, int rc);
static bool failed(ctl_socket_t *s, char *why);


ctl_socket_t *
ctl_socket_open(const ctl_place_t *place, char **why)
{
    ctl_socket_t  *s;

    s = ctl_need(calloc(1, sizeof(ctl_socket_t)));
    s->fd = -1;
    s->timeout = place->timeout;

    if ((place->tls && !tls_prepare(s, place))
        || (s->fd = place->path ? connect_unix(s, place->path)
                                : connect_tcp(s, place)) == -1
        || (place->tls && !tls_handshake(s, place)))
    {
        *why = s->why;
        ctl_socket_close(s);
        return NULL;
    }

    return s;
}


void
ctl_socket_close(ctl_socket_t *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);

    if (s->fd != -1) {
        close(s->fd);
    }

    free(s);
}


static bool
failed(ctl_socket_t *s, char *why)
{
    s->why = why;

    return false;
}


static int
connect_unix(ctl_socket_t *s, const char *path)
{
    int                 fd;
    struct sockaddr_un  addr;

    memset(&addr, 0, sizeof(struct sockaddr_un));
    addr.sun_family = AF_UNIX;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        (void) failed(s, ctl_text("the path of the socket is too long"));
        return -1;
    }

    memcpy(addr.sun_path, path, strlen(path));

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    return connect_wait(s, fd, (struct sockaddr *) &addr,
                        sizeof(struct sockaddr_un));
}


/* The first address that answers. */

static int
connect_tcp(ctl_socket_t *s, const ctl_place_t *place)
{
    int               fd, rc, on;
    struct addrinfo   hints, *list, *a;

    memset(&hints, 0, sizeof(struct addrinfo));
    hints.ai_socktype = SOCK_STREAM;

    rc = getaddrinfo(place->host, place->port, &hints, &list);

    if (rc != 0) {
        (void) failed(s, ctl_text("%s", gai_strerror(rc)));
        return -1;
    }

    fd = -1;

    for (a = list; a && fd == -1; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
        fd = connect_wait(s, fd, a->ai_addr, a->ai_addrlen);
    }

    freeaddrinfo(list);

    if (fd != -1) {
        on = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }

    return fd;
}


/* The connected descriptor, or -1; takes it. */

static int
connect_wait(ctl_socket_t *s, int fd, const struct sockaddr *addr,
    socklen_t len)
{
    int        err;
    socklen_t  size;

    err = (fd == -1 || connect(fd, addr, len) == -1) ? errno : 0;

    if (err == EINPROGRESS || err == EAGAIN) {

        if (!wait_for(s, fd, POLLOUT)) {
            close(fd);
            return -1;
        }

        size = sizeof(err);

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) == -1) {
            err = errno;
        }
    }

    if (err) {
        (void) failed(s, ctl_text("%s", strerror(err)));

        if (fd != -1) {
            close(fd);
        }

        return -1;
    }

    return fd;
}


static bool
wait_for(ctl_socket_t *s, int fd, short events)
{
    int            rc;
    struct pollfd  p;

    p.fd = fd;
    p.events = events;

    do {
        rc = poll(&p, 1, s->timeout);
    } while (rc == -1 && errno == EINTR);

    if (rc == 0) {
        return failed(s, ctl_text("no answer within %d s",
                                  s->timeout / 1000));
    }

    return rc == 1 || failed(s, ctl_text("%s", strerror(errno)));
}


const char *
ctl_socket_write(ctl_socket_t *s, const char *data, size_t len)
{
    ssize_t  n;

    while (len) {
        n = s->ssl ? SSL_write(s->ssl, data, len > INT_MAX ? INT_MAX
                                                           : (int) len)
                   : send(s->fd, data, len, MSG_NOSIGNAL);

        if (n > 0) {
            data += n;
            len -= (size_t) n;
            continue;
        }

        if (s->ssl ? !tls_again(s, (int) n)
                   : (errno != EAGAIN || !wait_for(s, s->fd, POLLOUT)))
        {
            return s->why ? s->why : ctl_text("%s", strerror(errno));
        }
    }

    return NULL;
}


const char *
ctl_socket_read(ctl_socket_t *s, char *data, size_t size, size_t *len)
{
    ssize_t  n;

    for ( ;; ) {
        n = s->ssl ? SSL_read(s->ssl, data, (int) size)
                   : recv(s->fd, data, size, 0);

        if (n > 0) {
            *len = (size_t) n;
            return NULL;
        }

        if (n == 0 && s->ssl == NULL) {
            return "it has closed the connection";
        }

        if (s->ssl ? !tls_again(s, (int) n)
                   : (errno != EAGAIN || !wait_for(s, s->fd, POLLIN)))
        {
            return s->why ? s->why : ctl_text("%s", strerror(errno));
        }
    }
}


/* After a call of TLS that did nothing: waits for what it needs. */

static bool
tls_again(ctl_socket_t *s, int rc)
{
    long           code;
    const char    *reason;

    switch (SSL_get_error(s->ssl, rc)) {

    case SSL_ERROR_WANT_READ:
        return wait_for(s, s->fd, POLLIN);

    case SSL_ERROR_WANT_WRITE:
        return wait_for(s, s->fd, POLLOUT);

    case SSL_ERROR_SSL:
        code = SSL_get_verify_result(s->ssl);
        reason = (code != X509_V_OK) ? X509_verify_cert_error_string(code)
                 : ERR_reason_error_string(ERR_peek_last_error());

        return failed(s, ctl_text("TLS: %s", reason ? reason : "an error"));

    default:
        return failed(s, ctl_text("TLS: it has closed the connection"));
    }
}


static bool
tls_prepare(ctl_socket_t *s, const ctl_place_t *place)
{
    s->ctx = ctl_need(SSL_CTX_new(TLS_client_method()));

    SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(s->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                             |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    if (SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION) != 1
        || (place->ca
            ? SSL_CTX_load_verify_locations(s->ctx, place->ca, NULL)
            : SSL_CTX_set_default_verify_paths(s->ctx)) != 1)
    {
        return failed(s, ctl_text("TLS: %s: no certificates in it",
                                  place->ca ? place->ca : "the system's"));
    }

    if (place->cert
        && (SSL_CTX_use_certificate_chain_file(s->ctx, place->cert) != 1
            || SSL_CTX_use_PrivateKey_file(s->ctx, place->cert_key,
                                           SSL_FILETYPE_PEM) != 1))
    {
        return failed(s, ctl_text("TLS: --cert and --key are no certificate "
                                  "and its key"));
    }

    return true;
}


static bool
tls_handshake(ctl_socket_t *s, const ctl_place_t *place)
{
    int                 rc;
    const char         *name;
    X509_VERIFY_PARAM  *param;

    s->ssl = ctl_need(SSL_new(s->ctx));
    param = SSL_get0_param(s->ssl);
    name = place->server_name ? place->server_name : place->host;

    /* an address is looked for among addresses, and is not sent as a name */

    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) != 1
        && (X509_VERIFY_PARAM_set1_host(param, name, 0) != 1
            || SSL_set_tlsext_host_name(s->ssl, name) != 1))
    {
        return failed(s, ctl_text("TLS: the name cannot be used"));
    }

    if (SSL_set_fd(s->ssl, s->fd) != 1) {
        return failed(s, ctl_text("TLS: out of memory"));
    }

    while ((rc = SSL_connect(s->ssl)) != 1) {
        if (!tls_again(s, rc)) {
            return strncmp(s->why, "TLS", 3) == 0 ? false
                   : failed(s, ctl_text("TLS: %s", s->why));
        }
    }

    return true;
}
