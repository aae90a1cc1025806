
/*
 * Parked requests: the access handler parks one when a step has to wait for
 * Redis, or for the request's body, and the end of the wait wakes it.
 * Invariant: a request is woken from an event, never from inside its own step;
 * one that has gone is not woken, for its context's cleanup has ended its
 * waits.
 */


#include "ngx_spocr.h"


static void ngx_spocr_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_spocr_give_up(ngx_spocr_ctx_t *ctx, ngx_int_t status);


/* The access phase's answer.  NGX_AGAIN, or a status when that cannot be. */

ngx_int_t
ngx_spocr_park(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx)
{
    ngx_connection_t  *c;

    c = r->connection;

    if (ctx->parked) {

        /* some event of the client's; it may have gone (HTTP/2) */

        return c->error
               ? ngx_spocr_give_up(ctx, NGX_HTTP_CLIENT_CLOSED_REQUEST)
               : NGX_AGAIN;
    }

    /* as limit_req does: a client that closes is heard */

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return ngx_spocr_give_up(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    r->read_event_handler = ngx_http_test_reading;
    ctx->parked = 1;
    ctx->waited = 1;

    return NGX_AGAIN;
}


/* What is answered now must not be woken while it is; a key that is known
 * stays known, for the log and for an error page's location. */

static ngx_int_t
ngx_spocr_give_up(ngx_spocr_ctx_t *ctx, ngx_int_t status)
{
    if (ctx->idem) {
        ngx_spocr_idem_release(ctx->idem);
    }

    ngx_spocr_limit_release(&ctx->limit);

    if (ctx->auth.key == NULL) {
        ngx_spocr_auth_release(&ctx->auth);
    }

    return status;
}


void
ngx_spocr_wake(void *data)
{
    ngx_http_request_t *r = data;

    ngx_spocr_ctx_t   *ctx;
    ngx_connection_t  *c;

    c = r->connection;

    ctx = ngx_spocr_ctx(r, 0);
    if (ctx) {
        ctx->parked = 0;
    }

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);

    ngx_http_run_posted_requests(c);
}


/*
 * As the mirror module does it: the body's handler runs the phases again, in
 * here where all of it has come already.
 */

ngx_int_t
ngx_spocr_read_body(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->idem->state == NGX_SPOCR_IDEM_READING) {

        /*
         * Nothing else runs the phases while nginx reads: it has failed, and
         * this is the location of an error_page for that.
         */

        return r->err_status ? (ngx_int_t) r->err_status
                             : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->request_body || r->discard_body) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "the request's body was read before spocr could see it");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->idem->state = NGX_SPOCR_IDEM_READING;

    rc = ngx_http_read_client_request_body(r, ngx_spocr_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_spocr_body_handler(ngx_http_request_t *r)
{
    ngx_spocr_ctx_t  *ctx;

    ctx = ngx_spocr_ctx(r, 0);

    if (ctx && ctx->idem) {
        ctx->idem->state = NGX_SPOCR_IDEM_CLAIM;
    }

    r->preserve_body = 1;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}
