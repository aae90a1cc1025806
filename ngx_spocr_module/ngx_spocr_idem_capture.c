
/*
 * The answer to a claimed request: kept back, header and body, until Redis
 * knows what it means for the claim (C-29).  The filters call this for each
 * header and each chain of buffers.
 *
 *     CLAIMED ── header ──> CAPTURE ── last buffer ──> HELD ── Redis ──> SENT
 *                  │            └── too large ────────>─┘
 *                  └── its outcome is unknown ──────────────────────────> SENT
 *
 * Invariant: nothing of an answer is sent before the claim has its end, or
 * half a second has passed; what is captured is bounded, for each answer and
 * for all of a worker's.
 */


#include "ngx_spocr_idem.h"


#define NGX_SPOCR_IDEM_BUFFERED   0x08         /* of r->buffered */
#define NGX_SPOCR_IDEM_DELAY      1000         /* ms; more than is waited */
#define NGX_SPOCR_IDEM_FIRST_SIZE 4096


static ngx_int_t ngx_spocr_idem_capture(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_spocr_idem_append(ngx_spocr_idem_ctx_t *ctx,
    ngx_buf_t *b);
static ngx_int_t ngx_spocr_idem_grow(ngx_spocr_idem_ctx_t *ctx, size_t size);
static ngx_int_t ngx_spocr_idem_overflow(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_spocr_idem_hold(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_spocr_idem_outcome_e outcome);
static ngx_int_t ngx_spocr_idem_queue(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_chain_t *in);
static void ngx_spocr_idem_told_handler(ngx_spocr_outbox_ticket_t *ticket);
static ngx_int_t ngx_spocr_idem_send(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx);
static ngx_int_t ngx_spocr_idem_pass(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_chain_t *in);
static void ngx_spocr_idem_drop(ngx_chain_t *in);
static ngx_uint_t ngx_spocr_idem_cut(ngx_http_request_t *r, ngx_chain_t *in);


static ngx_spocr_idem_io_t  ngx_spocr_idem_io;


void
ngx_spocr_idem_filters(const ngx_spocr_idem_io_t *io)
{
    ngx_spocr_idem_io = *io;
}


ngx_int_t
ngx_spocr_idem_header(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_uint_t broken)
{
    ngx_spocr_idem_outcome_e  outcome;

    if (ctx->state != NGX_SPOCR_IDEM_CLAIMED) {
        return NGX_OK;
    }

    outcome = ngx_spocr_idem_outcome(r, ctx, broken);

    if (outcome == NGX_SPOCR_IDEM_UNKNOWN || broken) {

        /* nginx ends a request whose answer is replaced: nothing can be kept
         * back, also where a backend spoke before it was asked */

        (void) ngx_spocr_idem_tell(ctx, outcome, NULL);
        ctx->state = NGX_SPOCR_IDEM_SENT;
        return NGX_OK;
    }

    r->filter_need_in_memory = 1;

    ctx->pending = NULL;
    ctx->pending_last = &ctx->pending;
    ctx->outcome = outcome;
    ctx->state = NGX_SPOCR_IDEM_CAPTURE;

    if (outcome == NGX_SPOCR_IDEM_TOMB) {

        /* it is known already that it will not be stored */

        return ngx_spocr_idem_hold(r, ctx, outcome) == NGX_AGAIN ? NGX_AGAIN
                                                                 : NGX_OK;
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_spocr_idem_answer_body(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_chain_t *in)
{
    switch (ctx->state) {

    case NGX_SPOCR_IDEM_CAPTURE:
        return ngx_spocr_idem_capture(r, ctx, in);

    case NGX_SPOCR_IDEM_HELD:

        if (in && ngx_spocr_idem_queue(r, ctx, in) != NGX_OK) {
            return NGX_ERROR;
        }

        return NGX_AGAIN;

    case NGX_SPOCR_IDEM_SENT:

        if (ctx->bodiless) {
            ngx_spocr_idem_drop(in);
            return NGX_OK;
        }

        if (ctx->unhold) {
            return ngx_spocr_idem_pass(r, ctx, in);
        }

        return NGX_DECLINED;

    default:
        return NGX_DECLINED;
    }
}


static ngx_int_t
ngx_spocr_idem_capture(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    for (cl = in; cl; cl = cl->next) {

        rc = ngx_spocr_idem_append(ctx, cl->buf);

        if (rc == NGX_BUSY) {
            return ngx_spocr_idem_overflow(r, ctx, cl);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        if (cl->buf->last_buf) {
            ctx->complete = 1;

            rc = ngx_spocr_idem_hold(r, ctx, ctx->outcome);

            return rc == NGX_AGAIN ? NGX_AGAIN : ngx_spocr_idem_send(r, ctx);
        }
    }

    if (!ngx_spocr_idem_cut(r, in)) {
        return NGX_OK;
    }

    /* nothing of it has left: a 502 in its place is a clean end */

    (void) ngx_spocr_idem_tell(ctx, NGX_SPOCR_IDEM_UNKNOWN, NULL);

    ngx_spocr_idem_capture_free(ctx);
    ctx->state = NGX_SPOCR_IDEM_SENT;

    return NGX_ABORT;
}


/*
 * The upstream has finished with the request, and all that it says is that
 * what there is may leave: there was an error.
 */

static ngx_uint_t
ngx_spocr_idem_cut(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    if (r->upstream == NULL || r->upstream->cleanup) {
        return 0;
    }

    for (cl = in; cl; cl = cl->next) {
        if (cl->buf->flush && ngx_buf_size(cl->buf) == 0) {
            return 1;
        }
    }

    return 0;
}


/* NGX_OK; NGX_BUSY where there is no room for the buffer; NGX_ERROR. */

static ngx_int_t
ngx_spocr_idem_append(ngx_spocr_idem_ctx_t *ctx, ngx_buf_t *b)
{
    size_t  len, used;

    if (!ngx_buf_in_memory(b)) {
        return b->in_file && b->file_last > b->file_pos ? NGX_ERROR : NGX_OK;
    }

    len = (size_t) (b->last - b->pos);

    if (len == 0) {
        return NGX_OK;
    }

    used = (size_t) (ctx->body.last - ctx->body.pos);

    if (used + len > ctx->env.conf->max_body) {
        return NGX_BUSY;
    }

    if (used + len > ctx->size
        && ngx_spocr_idem_grow(ctx, used + len) != NGX_OK)
    {
        return NGX_BUSY;
    }

    ctx->body.last = ngx_cpymem(ctx->body.last, b->pos, len);
    b->pos = b->last;

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_idem_grow(ngx_spocr_idem_ctx_t *ctx, size_t size)
{
    off_t                     length;
    size_t                    used;
    u_char                   *p;
    ngx_spocr_idem_worker_t  *worker;

    worker = ctx->env.main->worker;
    used = (size_t) (ctx->body.last - ctx->body.pos);
    length = ctx->request->headers_out.content_length_n;

    if (length >= (off_t) size) {
        size = (size_t) length;

    } else {
        size = ngx_max(size, ngx_max(2 * ctx->size,
                                     NGX_SPOCR_IDEM_FIRST_SIZE));
    }

    size = ngx_min(size, ctx->env.conf->max_body);

    if (ngx_spocr_idem_take(&worker->captured, ctx->env.main->capture_limit,
                            ctx->env.key->tenant, size - ctx->size)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    p = ngx_alloc(size, ngx_cycle->log);

    if (p == NULL) {
        ngx_spocr_idem_give(&worker->captured, ctx->env.key->tenant,
                            size - ctx->size);
        return NGX_DECLINED;
    }

    if (used) {
        ngx_memcpy(p, ctx->body.pos, used);
    }

    if (ctx->size) {
        ngx_free(ctx->body.start);
    }

    ctx->size = size;
    ctx->body.start = p;
    ctx->body.pos = p;
    ctx->body.last = p + used;
    ctx->body.end = p + size;

    return NGX_OK;
}


/*
 * C-30.  A success is a tombstone from now on, and waits for that to be known;
 * a failure goes on, and its claim is released at its end.
 */

static ngx_int_t
ngx_spocr_idem_overflow(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_chain_t *in)
{
    if (ngx_spocr_idem_queue(r, ctx, in) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->outcome == NGX_SPOCR_IDEM_RELEASE) {
        ctx->unhold = !ctx->complete;

        if (ctx->complete) {
            (void) ngx_spocr_idem_tell(ctx, NGX_SPOCR_IDEM_RELEASE, NULL);
        }

        return ngx_spocr_idem_send(r, ctx);
    }

    ctx->reason = "too_large";

    return ngx_spocr_idem_hold(r, ctx, NGX_SPOCR_IDEM_TOMB) == NGX_AGAIN
           ? NGX_AGAIN : ngx_spocr_idem_send(r, ctx);
}


/* NGX_AGAIN: Redis is being told; NGX_OK: there is nobody to wait for. */

static ngx_int_t
ngx_spocr_idem_hold(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_idem_outcome_e outcome)
{
    if (ngx_spocr_idem_tell(ctx, outcome, ngx_spocr_idem_told_handler)
        != NGX_AGAIN)
    {
        ctx->state = NGX_SPOCR_IDEM_SENT;
        return NGX_OK;
    }

    r->buffered |= NGX_SPOCR_IDEM_BUFFERED;
    ctx->state = NGX_SPOCR_IDEM_HELD;

    /*
     * As limit_rate does: or nginx would offer the same buffers again and again
     * to a client that is ready for them, and take this pause for one of the
     * client's (send_timeout).
     */

    r->connection->write->delayed = 1;
    ngx_add_timer(r->connection->write, NGX_SPOCR_IDEM_DELAY);
    ctx->delays = 1;

    return NGX_AGAIN;
}


/* Buffers that are not taken in stay whose they are: their owner waits. */

static ngx_int_t
ngx_spocr_idem_queue(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    for ( /* void */ ; in; in = in->next) {

        if (in->buf->last_buf) {
            ctx->complete = 1;
        }

        cl = ngx_alloc_chain_link(r->pool);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        cl->buf = in->buf;
        cl->next = NULL;

        *ctx->pending_last = cl;
        ctx->pending_last = &cl->next;
    }

    return NGX_OK;
}


static void
ngx_spocr_idem_told_handler(ngx_spocr_outbox_ticket_t *ticket)
{
    ngx_spocr_idem_ctx_t *ctx = ticket->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    if (ticket->result == NGX_SPOCR_OUTBOX_LATE) {
        ngx_spocr_idem_count(ctx, NGX_SPOCR_IDEM_TOTAL_LATE);
    }

    ctx->state = NGX_SPOCR_IDEM_SENT;
    r->buffered &= (unsigned) ~NGX_SPOCR_IDEM_BUFFERED & 0xf;

    if (ctx->delays) {
        c->write->delayed = 0;

        if (c->write->timer_set) {
            ngx_del_timer(c->write);
        }
    }

    ngx_http_set_log_request(c->log, r);

    if (ngx_spocr_idem_send(r, ctx) == NGX_ERROR) {

        /*
         * Whoever was writing may never learn of it: it may have nothing left
         * to write, or too much under way to try again.  It holds the request;
         * an upstream that goes on ends with it, and gives up its hold in here:
         * without another one the request would be freed at once.  nginx posts
         * the end, which does not count them.
         */

        c->error = 1;
        r->main->count++;
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
        return;
    }

    /* whoever was writing goes on */

    ngx_post_event(c->write, &ngx_posted_events);
}


/* The header, what was captured, and what is behind it. */

static ngx_int_t
ngx_spocr_idem_send(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *out;

    ctx->state = NGX_SPOCR_IDEM_SENT;

    out = ctx->pending;
    ctx->pending = NULL;

    rc = ngx_spocr_idem_io.send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {

        /* whoever made a body for a 204 could not see that it has none */

        if (r->header_only) {
            ctx->bodiless = 1;
        }

        ngx_spocr_idem_drop(out);

        return rc > NGX_OK ? NGX_ERROR : rc;
    }

    if (ctx->body.last != ctx->body.pos || out == NULL) {

        b = ngx_calloc_buf(r->pool);
        cl = ngx_alloc_chain_link(r->pool);

        if (b == NULL || cl == NULL) {
            return NGX_ERROR;
        }

        if (ctx->body.last == ctx->body.pos) {

            if (!ctx->complete) {
                return NGX_OK;
            }

            b->sync = 1;

        } else {
            b->memory = 1;
            b->start = ctx->body.start;
            b->pos = ctx->body.pos;
            b->last = ctx->body.last;
            b->end = ctx->body.end;
        }

        if (out == NULL && ctx->complete) {
            b->last_buf = 1;
            b->last_in_chain = 1;
        }

        cl->buf = b;
        cl->next = out;
        out = cl;
    }

    return ngx_spocr_idem_pass(r, ctx, out);
}


static void
ngx_spocr_idem_drop(ngx_chain_t *in)
{
    for ( /* void */ ; in; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
    }
}


/* Lets a chain by; a failure's claim is released where that is its end. */

static ngx_int_t
ngx_spocr_idem_pass(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    for (cl = in; ctx->unhold && cl; cl = cl->next) {

        if (cl->buf->last_buf) {
            ctx->unhold = 0;
            (void) ngx_spocr_idem_tell(ctx, NGX_SPOCR_IDEM_RELEASE, NULL);
        }
    }

    return ngx_spocr_idem_io.next_body(r, in);
}


void
ngx_spocr_idem_capture_free(ngx_spocr_idem_ctx_t *ctx)
{
    if (ctx->size == 0) {
        return;
    }

    ngx_spocr_idem_give(&ctx->env.main->worker->captured,
                        ctx->env.key->tenant, ctx->size);
    ngx_free(ctx->body.start);

    ctx->size = 0;
    ngx_memzero(&ctx->body, sizeof(ngx_buf_t));
}
