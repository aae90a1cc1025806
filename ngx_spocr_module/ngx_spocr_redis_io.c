
/*
 * Bytes of a link, in and out.  nginx calls what is here when there is
 * something to read, when there is room to write, and at the end of a pass in
 * which something was to be sent.
 *
 * Invariant: reading goes on until there is nothing left, or until others are
 * to have their turn: events are edge-triggered, and come only once.
 */


#include "ngx_spocr_redis_link.h"


#define NGX_SPOCR_REDIS_READ_SIZE    16384
#define NGX_SPOCR_REDIS_READS_MAX    16      /* in one go */


static ngx_int_t ngx_spocr_redis_link_receive(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_link_dispatch(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_link_test(ngx_connection_t *c);
static ngx_int_t ngx_spocr_redis_link_write_out(ngx_spocr_redis_link_t *link);


void
ngx_spocr_redis_link_read(ngx_event_t *rev)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_spocr_redis_link_t  *link;

    c = rev->data;
    link = c->data;

    if (c->close) {

        /* worker_shutdown_timeout */

        ngx_spocr_redis_link_why(link, "the worker shuts down");
        ngx_spocr_redis_link_fail(link);
        ngx_spocr_redis_link_stop(link);
        return;
    }

    if (link->state == NGX_SPOCR_REDIS_LINK_CONNECT) {

        if (ngx_spocr_redis_link_test(c) != NGX_OK) {
            ngx_spocr_redis_link_fail(link);
        }

        return;
    }

    rc = ngx_spocr_redis_link_receive(link);

    if (rc == NGX_ERROR) {
        ngx_spocr_redis_link_fail(link);
    }
}


/*
 * Reads all that there is.  NGX_OK; NGX_DONE: the connection was closed
 * meanwhile; NGX_ERROR: it has to be.
 */

static ngx_int_t
ngx_spocr_redis_link_receive(ngx_spocr_redis_link_t *link)
{
    u_char             buf[NGX_SPOCR_REDIS_READ_SIZE];
    ssize_t            n;
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = link->peer.connection;

    for (i = 0; i < NGX_SPOCR_REDIS_READS_MAX; i++) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            return ngx_handle_read_event(c->read, 0);
        }

        if (n == 0) {
            ngx_spocr_redis_link_why(link, "it closed the connection");
            return NGX_ERROR;
        }

        if (n < 0) {
            return NGX_ERROR;
        }

        link->moved = ngx_current_msec;

        if (ngx_spocr_redis_codec_feed(link->codec, buf, (size_t) n)
            != NGX_OK)
        {
            ngx_spocr_redis_link_why(link, "it sent %s",
                                   ngx_spocr_redis_codec_reason(link->codec));
            return NGX_ERROR;
        }

        rc = ngx_spocr_redis_link_dispatch(link);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* others want to be served, too; no event will come for what is left */

    ngx_post_event(c->read, &ngx_posted_next_events);

    return NGX_OK;
}


/*
 * Gives each message to whom it is for.  They may do anything but close the
 * link; that it was closed all the same is looked at.
 */

static ngx_int_t
ngx_spocr_redis_link_dispatch(ngx_spocr_redis_link_t *link)
{
    ngx_int_t                         rc;
    ngx_connection_t                 *c;
    const ngx_spocr_redis_message_t  *message;

    c = link->peer.connection;

    for ( ;; ) {

        rc = ngx_spocr_redis_codec_next(link->codec, &message);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            ngx_spocr_redis_link_why(link, "it sent %s",
                                   ngx_spocr_redis_codec_reason(link->codec));
            return NGX_ERROR;
        }

        if (link->state == NGX_SPOCR_REDIS_LINK_GREET) {
            rc = ngx_spocr_redis_greet_message(link, message);

            if (rc == NGX_OK) {
                ngx_spocr_redis_link_ready(link);
            }

        } else {
            rc = link->owner->message(link, message);
        }

        if (link->peer.connection != c) {
            return NGX_DONE;
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }
}


void
ngx_spocr_redis_link_write(ngx_event_t *wev)
{
    ngx_connection_t        *c;
    ngx_spocr_redis_link_t  *link;

    c = wev->data;
    link = c->data;

    if (link->state == NGX_SPOCR_REDIS_LINK_CONNECT) {

        if (ngx_spocr_redis_link_test(c) != NGX_OK) {
            ngx_spocr_redis_link_fail(link);
            return;
        }

        ngx_spocr_redis_link_established(link);
        return;
    }

    if (ngx_spocr_redis_link_write_out(link) != NGX_OK) {
        ngx_spocr_redis_link_fail(link);
    }
}


/* How a connect() has ended. */

static ngx_int_t
ngx_spocr_redis_link_test(ngx_connection_t *c)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_log_error(NGX_LOG_ERR, c->log, err, "connect() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_spocr_redis_link_send(ngx_spocr_redis_link_t *link,
    const ngx_str_t *words, ngx_uint_t n)
{
    size_t  room;

    room = ngx_spocr_redis_codec_room(words, n, NGX_SPOCR_REDIS_COMMAND_MAX);

    if (room == 0 || room > ngx_spocr_redis_link_room(link)) {
        return NGX_ERROR;
    }

    link->out_last = ngx_spocr_redis_codec_write(link->out_last, words, n);

    ngx_spocr_redis_link_flush(link);

    return NGX_OK;
}


void
ngx_spocr_redis_link_lend(ngx_spocr_redis_link_t *link, u_char *command,
    size_t len)
{
    link->lent = command;
    link->out_pos = command;
    link->out_last = command + len;
}


void
ngx_spocr_redis_link_empty(ngx_spocr_redis_link_t *link)
{
    if (link->lent) {
        ngx_free(link->lent);
        link->lent = NULL;
    }

    link->out_pos = link->out;
    link->out_last = link->out;
}


/* What one pass of the event loop has to send leaves at its end, at once. */

void
ngx_spocr_redis_link_flush(ngx_spocr_redis_link_t *link)
{
    if (!link->flush.posted) {
        ngx_post_event(&link->flush, &ngx_posted_events);
    }
}


void
ngx_spocr_redis_link_flush_handler(ngx_event_t *ev)
{
    ngx_connection_t        *ident;
    ngx_spocr_redis_link_t  *link;

    ident = ev->data;
    link = ident->data;

    if (link->state != NGX_SPOCR_REDIS_LINK_GREET
        && link->state != NGX_SPOCR_REDIS_LINK_READY)
    {
        return;
    }

    if (ngx_spocr_redis_link_write_out(link) != NGX_OK) {
        ngx_spocr_redis_link_fail(link);
    }
}


/*
 * The buffer is filled only when all of it has left: a TLS write that is to be
 * repeated wants the same bytes at the same place.
 */

static ngx_int_t
ngx_spocr_redis_link_write_out(ngx_spocr_redis_link_t *link)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = link->peer.connection;

    for ( ;; ) {

        if (link->out_pos == link->out_last) {
            ngx_spocr_redis_link_empty(link);

            if (link->state == NGX_SPOCR_REDIS_LINK_READY
                && link->owner->fill)
            {
                link->owner->fill(link);
            }

            if (link->out_pos == link->out_last) {
                break;
            }
        }

        if (!c->write->ready) {
            break;
        }

        n = c->send(c, link->out_pos,
                    (size_t) (link->out_last - link->out_pos));

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        link->out_pos += n;
        link->moved = ngx_current_msec;
    }

    return ngx_handle_write_event(c->write, 0);
}
