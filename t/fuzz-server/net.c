/*
 * Sockets.  nginx's objects call fz_socket() where they would have called
 * socket(), and so on: the file "symbols" lists them.
 */


#include "fz.h"
#include <sys/ioctl.h>


#define FZ_FD       2000
#define FZ_CLIENTS  8


fz_conn_t   *fz_all;
fz_conn_t   *fz_fds[FZ_CONNS];


fz_conn_t *
fz_of(int fd)
{
    return fd >= FZ_FD && fd < FZ_FD + FZ_CONNS ? fz_fds[fd - FZ_FD] : NULL;
}


static fz_conn_t *
fz_open(fz_kind_e kind, int port)
{
    ngx_uint_t  i;
    fz_conn_t  *conn;

    for (i = 0; i < FZ_CONNS && fz_fds[i]; i++) { /* void */ }

    if (i == FZ_CONNS) {
        return NULL;
    }

    conn = calloc(1, sizeof(fz_conn_t));

    conn->fd = FZ_FD + (int) i;
    conn->kind = kind;
    conn->port = port;
    conn->open = 1;
    conn->window = NGX_MAX_SIZE_T_VALUE;

    fz_fds[i] = conn;

    return conn;
}


/* --- what the other end does */

/* A client, as accept() will find it. */

fz_conn_t *
fz_client(int port)
{
    ngx_uint_t  i, n;
    fz_conn_t  *conn, *listening;

    n = 0;
    listening = NULL;

    for (i = 0; i < FZ_CONNS; i++) {
        n += fz_fds[i] && fz_fds[i]->kind == FZ_CLIENT;

        if (fz_fds[i] && fz_fds[i]->kind == FZ_LISTEN
            && fz_fds[i]->port == port)
        {
            listening = fz_fds[i];
        }
    }

    conn = listening && n < FZ_CLIENTS ? fz_open(FZ_CLIENT, port) : NULL;

    if (conn == NULL) {
        return NULL;
    }

    conn->connected = 1;
    conn->h2 = port == FZ_PORT_H2;
    conn->next = fz_all;
    fz_all = conn;

    /* fds of those that wait to be accepted */

    fz_append(&listening->in, &conn->fd, sizeof(int));
    listening->readable = 1;

    return conn;
}


void
fz_say(fz_conn_t *conn, const void *data, size_t len)
{
    if (conn->eof || conn->reset || len == 0) {
        return;
    }

    fz_append(conn->later.len ? &conn->later : &conn->in, data, len);
    conn->readable = 1;
}


void
fz_close_end(fz_conn_t *conn, ngx_uint_t reset)
{
    if (reset) {
        conn->reset = 1;
        conn->writable = 1;

    } else {
        conn->eof = 1;
    }

    conn->readable = 1;
}


void
fz_open_window(fz_conn_t *conn, size_t window)
{
    conn->window = window;
    conn->writable = 1;
}


static void
fz_conn_free(fz_conn_t *conn)
{
    fz_free(&conn->in);
    fz_free(&conn->out);
    fz_free(&conn->later);
    free(conn);
}


void
fz_net_forget(void)
{
    fz_conn_t  *conn, *next, *open;

    open = NULL;

    for (conn = fz_all; conn; conn = next) {
        next = conn->next;

        if (conn->open) {
            conn->next = open;
            open = conn;

        } else {
            fz_conn_free(conn);
        }
    }

    fz_all = open;
}


/* --- what nginx's objects call */

int
fz_socket(int family, int type, int protocol)
{
    fz_conn_t  *conn;

    conn = fz_open(FZ_LISTEN, 0);

    if (conn == NULL) {
        errno = EMFILE;
        return -1;
    }

    return conn->fd;
}


int
fz_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
    fz_conn_t  *conn;

    conn = fz_of(fd);
    conn->port = ntohs(((const struct sockaddr_in *) sa)->sin_port);

    return 0;
}


int
fz_listen(int fd, int backlog)
{
    return 0;
}


int
fz_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
    int                  client;
    fz_conn_t           *conn;
    struct sockaddr_in  *sin;

    conn = fz_of(fd);

    if (conn->in.len - conn->at < sizeof(int)) {
        errno = EAGAIN;
        return -1;
    }

    memcpy(&client, conn->in.data + conn->at, sizeof(int));
    conn->at += sizeof(int);

    if (conn->at == conn->in.len) {
        conn->at = 0;
        conn->in.len = 0;
        conn->readable = 0;
    }

    sin = (struct sockaddr_in *) sa;
    memset(sin, 0, sizeof(struct sockaddr_in));
    sin->sin_family = AF_INET;
    sin->sin_port = htons(40000);
    sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *len = sizeof(struct sockaddr_in);

    return client;
}


int
fz_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    fz_conn_t  *conn;

    conn = fz_of(fd);
    conn->port = ntohs(((const struct sockaddr_in *) sa)->sin_port);
    conn->kind = conn->port == FZ_PORT_REDIS ? FZ_REDIS : FZ_BACKEND;
    conn->next = fz_all;
    fz_all = conn;

    if (conn->kind == FZ_BACKEND) {
        fz_backend_connected(conn);
        conn->refused = fz_backend_refuses(conn) ? 1 : 0;
        fz_backend_go(conn);
    }

    conn->writable = 1;
    errno = EINPROGRESS;

    return -1;
}


int
fz_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    memset(value, 0, *len);

    if (level == SOL_SOCKET && name == SO_ERROR && fz_of(fd)->refused) {
        *(int *) value = ECONNREFUSED;
    }

    if (level == SOL_SOCKET && name == SO_TYPE) {
        *(int *) value = SOCK_STREAM;
    }

    return 0;
}


int
fz_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return 0;
}


int
fz_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
    struct sockaddr_in  *sin;

    sin = (struct sockaddr_in *) sa;
    memset(sin, 0, sizeof(struct sockaddr_in));
    sin->sin_family = AF_INET;
    sin->sin_port = htons((in_port_t) fz_of(fd)->port);
    sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *len = sizeof(struct sockaddr_in);

    return 0;
}


int
fz_shutdown(int fd, int how)
{
    return 0;
}


int
fz_ioctl(int fd, unsigned long request, void *value)
{
    fz_conn_t  *conn;

    conn = fz_of(fd);

    if (conn && request == FIONREAD) {
        *(int *) value = (int) (conn->in.len - conn->at);
    }

    return 0;
}


/* nginx calls it to look, never to take. */

ssize_t
fz_recv(int fd, void *buf, size_t size, int flags)
{
    size_t      n;
    fz_conn_t  *conn;

    conn = fz_of(fd);
    n = ngx_min(size, conn->in.len - conn->at);

    if (conn->reset || (n == 0 && !conn->eof)) {
        errno = conn->reset ? ECONNRESET : EAGAIN;
        return -1;
    }

    if (n) {
        memcpy(buf, conn->in.data + conn->at, n);
    }

    return (ssize_t) n;
}


int
fz_close(int fd)
{
    fz_conn_t  *conn;

    conn = fz_of(fd);

    if (conn == NULL) {
        return close(fd);
    }

    conn->open = 0;
    conn->c = NULL;
    fz_fds[fd - FZ_FD] = NULL;

    if (conn->kind == FZ_LISTEN) {
        fz_conn_free(conn);
    }

    return 0;
}


/* All that is written is lines of logs, bodies in temporary files apart. */

ssize_t
fz_write(int fd, const void *data, size_t len)
{
    fz_note("log", data, len - (len > 0));
    fz_check_log(data, len);

    return (ssize_t) len;
}


int
fz_dup2(int from, int to)
{
    return to;
}


/* No two the same: ids and tokens are made of these. */

int
fz_RAND_bytes(unsigned char *buf, int len)
{
    int              i;
    static uint64_t  state = 0x9e3779b97f4a7c15;

    for (i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        buf[i] = (unsigned char) (state >> 24);
    }

    return 1;
}


/* --- bytes */

static ssize_t
fz_io_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t      n;
    fz_conn_t  *conn;

    conn = fz_of(c->fd);

    if (conn->reset) {
        c->read->ready = 0;
        c->read->error = 1;
        ngx_connection_error(c, ECONNRESET, "recv() failed");
        return NGX_ERROR;
    }

    n = ngx_min(size, conn->in.len - conn->at);

    if (n == 0) {
        c->read->ready = 0;

        if (conn->eof) {
            c->read->eof = 1;
            return 0;
        }

        return NGX_AGAIN;
    }

    memcpy(buf, conn->in.data + conn->at, n);
    conn->at += n;

    return (ssize_t) n;
}


static ssize_t
fz_io_recv_chain(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
    size_t   size;
    ssize_t  n, total;

    total = 0;

    for ( /* void */ ; in; in = in->next) {
        size = (size_t) (in->buf->end - in->buf->last);

        if (limit) {
            size = ngx_min(size, (size_t) (limit - total));
        }

        if (size == 0) {
            break;
        }

        n = fz_io_recv(c, in->buf->last, size);

        if (n <= 0) {
            return total ? total : n;
        }

        total += n;

        if ((size_t) n < size) {
            break;
        }
    }

    return total;
}


/* How much of it the other end has taken. */

static ssize_t
fz_io_send(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t      n;
    fz_conn_t  *conn;

    conn = fz_of(c->fd);

    if (conn->reset) {
        c->write->error = 1;
        ngx_connection_error(c, EPIPE, "send() failed");
        return NGX_ERROR;
    }

    n = ngx_min(size, conn->window);

    if (n < size) {
        c->write->ready = 0;
    }

    if (n == 0) {
        return NGX_AGAIN;
    }

    fz_append(&conn->out, buf, n);
    conn->window -= conn->window == NGX_MAX_SIZE_T_VALUE ? 0 : n;
    c->sent += (off_t) n;

    if (conn->kind == FZ_REDIS) {
        fz_redis_heard(conn);

    } else if (conn->kind == FZ_BACKEND) {
        fz_backend_go(conn);
    }

    return (ssize_t) n;
}


static ssize_t
fz_io_send_buf(ngx_connection_t *c, ngx_buf_t *b, size_t size)
{
    u_char   piece[4096];
    ssize_t  n;

    if (ngx_buf_in_memory(b)) {
        return fz_io_send(c, b->pos, size);
    }

    size = ngx_min(size, sizeof(piece));
    n = pread(b->file->fd, piece, size, b->file_pos);

    if (n != (ssize_t) size) {
        fz_fail("a buffer of a file is not in the file");
    }

    return fz_io_send(c, piece, size);
}


static ngx_chain_t *
fz_io_send_chain(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
    off_t    size;
    off_t    total;
    ssize_t  n;

    total = 0;

    while (in && c->write->ready && (limit == 0 || total < limit)) {
        size = ngx_buf_special(in->buf) ? 0 : ngx_buf_size(in->buf);

        if (size == 0) {
            in = in->next;
            continue;
        }

        if (limit && size > limit - total) {
            size = limit - total;
        }

        n = fz_io_send_buf(c, in->buf, (size_t) size);

        if (n == NGX_ERROR) {
            return NGX_CHAIN_ERROR;
        }

        if (n <= 0) {
            break;
        }

        total += n;
        in = ngx_chain_update_sent(in, (off_t) n);
    }

    return in;
}


ngx_os_io_t  fz_io = {
    fz_io_recv,
    fz_io_recv_chain,
    NULL,
    fz_io_send,
    NULL,
    NULL,
    fz_io_send_chain,
    NGX_IO_SENDFILE
};
