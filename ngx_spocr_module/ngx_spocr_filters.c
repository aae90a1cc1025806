
/*
 * The filters of an answer:
 *
 *     header      JSON errors, request id, limit headers, CORS
 *     body        the JSON errors' bodies
 *
 * They see the answers of backends, of files and of nginx itself.  Invariant:
 * an answer that has a header has exactly one id.
 */


#include "ngx_spocr.h"
#include "ngx_spocr_reply.h"


static ngx_int_t ngx_spocr_header_filter(ngx_http_request_t *r);
static void ngx_spocr_watch_upstream(ngx_http_request_t *r,
    ngx_spocr_ctx_t *ctx);
static void ngx_spocr_upstream_finalize(ngx_http_request_t *r, ngx_int_t rc);
static ngx_int_t ngx_spocr_send_header(ngx_http_request_t *r);
static ngx_int_t ngx_spocr_answer_headers(ngx_http_request_t *r,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx);
static ngx_uint_t ngx_spocr_answer_is_broken(ngx_http_request_t *r);
static ngx_int_t ngx_spocr_answer_broken(ngx_http_request_t *r,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_answer_replaced(ngx_http_request_t *r,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_answer_error(ngx_http_request_t *r,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx);
static const ngx_spocr_error_t *ngx_spocr_error_of(ngx_http_request_t *r,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_spocr_later_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_spocr_error_body(ngx_http_request_t *r,
    ngx_spocr_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_spocr_request_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


static ngx_http_output_header_filter_pt  ngx_spocr_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_spocr_next_body_filter;
static ngx_http_request_body_filter_pt   ngx_spocr_next_request_body_filter;


static const ngx_spocr_idem_io_t  ngx_spocr_io = {
    ngx_spocr_send_header,
    ngx_spocr_later_body_filter
};


static ngx_int_t
ngx_spocr_header_filter(ngx_http_request_t *r)
{
    ngx_uint_t             covers;
    ngx_spocr_ctx_t       *ctx;
    ngx_spocr_loc_conf_t  *slcf;

    if (r != r->main) {
        return ngx_spocr_next_header_filter(r);
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);

    covers = ngx_spocr_covers(slcf);
    ctx = ngx_spocr_ctx(r, covers);

    if (ctx == NULL && covers) {
        return NGX_ERROR;
    }

    if (!covers && (ctx == NULL || !ctx->covered)) {
        return ngx_spocr_next_header_filter(r);
    }

    if (ngx_spocr_answer_is_broken(r)) {

        if (ctx->idem) {
            (void) ngx_spocr_idem_header(r, ctx->idem, 1);

            /* another backend must not run it, too */
            r->error_page = 1;
        }

        return ngx_spocr_answer_broken(r, ctx);
    }

    /* the answer to a claimed request waits until Redis knows of it (C-29) */

    if (ctx->idem && ngx_spocr_idem_header(r, ctx->idem, 0) == NGX_AGAIN) {
        ngx_spocr_watch_upstream(r, ctx);
        return NGX_OK;
    }

    return ngx_spocr_send_header(r);
}


/*
 * An answer whose chunks cannot be read, or for which there is no memory, ends
 * without a word to the filters: the connection would be closed, and what is
 * kept back with it.  So the upstream's end is watched.
 */

static void
ngx_spocr_watch_upstream(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL || u->cleanup == NULL || u->finalize_request == NULL
        || u->finalize_request == ngx_spocr_upstream_finalize)
    {
        return;
    }

    ctx->finalize = u->finalize_request;
    u->finalize_request = ngx_spocr_upstream_finalize;
}


static void
ngx_spocr_upstream_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_spocr_ctx_t  *ctx;

    ctx = ngx_spocr_ctx(r, 0);

    if (ctx == NULL || ctx->finalize == NULL) {
        return;
    }

    ctx->finalize(r, rc);

    /* as nginx does where it knows that an answer was cut */

    if (rc == NGX_ERROR && ctx->idem
        && ctx->idem->state == NGX_SPOCR_IDEM_CAPTURE)
    {
        (void) ngx_http_send_special(r, NGX_HTTP_FLUSH);
    }
}


/* What is there to be sent, at once or after it was kept back. */

static ngx_int_t
ngx_spocr_send_header(ngx_http_request_t *r)
{
    ngx_spocr_ctx_t       *ctx;
    ngx_spocr_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);
    ctx = ngx_spocr_ctx(r, 0);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ngx_spocr_answer_error(r, slcf, ctx) != NGX_OK
        || ngx_spocr_answer_headers(r, slcf, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_next_header_filter(r);
}


/*
 * A backend's answer that does not begin like HTTP is passed on by nginx as
 * HTTP/0.9, as if the client had asked for that: garbage without a header or
 * an id.  (Requests of HTTP/0.9 were closed.)  An interim answer is passed on
 * as if it were the answer, and the true one as its body; so is a 101 that the
 * client has not asked for.
 */

static ngx_uint_t
ngx_spocr_answer_is_broken(ngx_http_request_t *r)
{
    if (r->http_version < NGX_HTTP_VERSION_10 && !r->post_action) {
        return 1;
    }

    return r->upstream
           && r->headers_out.status < NGX_HTTP_OK
           && r->headers_out.status > 0
           && !(r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS
                && r->upstream->upgrade);
}


/* Both are a bad gateway's. */

static ngx_int_t
ngx_spocr_answer_broken(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx)
{
    if (r->upstream == NULL || ctx->broken) {
        return NGX_ERROR;
    }

    if (r->http_version < NGX_HTTP_VERSION_10) {

        /* the body has a length: 1.1 does no harm to a client of 1.0 */

        r->http_version = NGX_HTTP_VERSION_11;
    }

    return ngx_spocr_answer_replaced(r, ctx);
}


/*
 * nginx closes a connection on which a filter has put an answer in the place
 * of another one: the client has to be told, or its next request is lost.
 */

static ngx_int_t
ngx_spocr_answer_replaced(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx)
{
    ctx->broken = 1;
    ctx->uri_changes = r->uri_changes;
    r->keepalive = 0;

    return ngx_http_filter_finalize_request(r, &ngx_spocr_module,
                                            NGX_HTTP_BAD_GATEWAY);
}


static ngx_int_t
ngx_spocr_answer_error(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx)
{
    ngx_str_t                 id;
    ngx_spocr_main_conf_t    *smcf;
    const ngx_spocr_error_t  *error;

    if (r->err_status < NGX_HTTP_BAD_REQUEST) {
        return NGX_OK;
    }

    if (ctx->verdict.error) {

        /* nobody in "satisfy any" let the request in */

        smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);
        ngx_spocr_stopped(r, smcf, slcf, ctx);
    }

    error = ngx_spocr_error_of(r, ctx);
    ctx->error = error;

    /* a page that an error_page has for a broken answer is shown as it is */

    if (!(ctx->broken && ctx->uri_changes == r->uri_changes)
        && !ngx_spocr_reply_is_error_page(r))
    {
        return NGX_OK;
    }

    /* what a step refused is JSON also where nginx's own errors are not */

    if (!slcf->json_errors && error != ctx->verdict.error) {
        return NGX_OK;
    }

    id = ngx_spocr_request_id(r, ctx);

    ctx->body = ngx_spocr_reply_error(r, error, &id,
                                      error == ctx->verdict.error
                                      ? &ctx->verdict : NULL);

    return ctx->body ? NGX_OK : NGX_ERROR;
}


/*
 * The error that an error page tells: that of our own refusal, unless
 * something else failed after it.
 */

static const ngx_spocr_error_t *
ngx_spocr_error_of(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx)
{
    ngx_uint_t  status;

    status = r->headers_out.status;

    if (ctx->verdict.error && ctx->verdict.error->status == status) {
        return ctx->verdict.error;
    }

    /*
     * nginx shows 494 as 400.  It is the one 400 that is made before the
     * request has found its server, and that lets the client finish sending.
     */

    if (status == NGX_HTTP_BAD_REQUEST && !r->valid_location
        && r->lingering_close)
    {
        return ngx_spocr_error(NGX_SPOCR_ERR_HEADERS_TOO_LARGE);
    }

    return ngx_spocr_error_of_status(status);
}


static ngx_int_t
ngx_spocr_answer_headers(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx)
{
    ngx_str_t  id;

    if (slcf->enable) {
        ngx_spocr_forward_clean_answer(r);
    }

    if (ctx->idem
        && ngx_spocr_idem_answer_headers(r, ctx->idem) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (slcf->request_id || ctx->covered) {
        id = ngx_spocr_request_id(r, ctx);

        if (ngx_spocr_reqid_header(r, &id) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (slcf->limit.headers != NGX_SPOCR_LIMIT_HEADERS_OFF
        && ngx_spocr_limit_header(r, slcf->limit.headers, &ctx->limit)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->error
        && ctx->error == ctx->verdict.error
        && ctx->error->status == NGX_HTTP_NOT_ALLOWED
        && ngx_spocr_methods_header(r, ctx->allow) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_cors_header(r, &slcf->cors);
}


static ngx_int_t
ngx_spocr_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t         rc;
    ngx_spocr_ctx_t  *ctx;

    ctx = (r == r->main) ? ngx_http_get_module_ctx(r, ngx_spocr_module) : NULL;

    if (ctx == NULL || (ctx->idem == NULL && ctx->body == NULL)) {
        return ngx_spocr_next_body_filter(r, in);
    }

    rc = ctx->idem ? ngx_spocr_idem_answer_body(r, ctx->idem, in)
                   : NGX_DECLINED;

    if (rc == NGX_ABORT) {
        /* no error_page: what it begins would be ended with this request */
        r->error_page = 1;

        return ngx_spocr_answer_replaced(r, ctx);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ctx->body ? ngx_spocr_error_body(r, ctx, in)
                     : ngx_spocr_next_body_filter(r, in);
}


/* The next body filter, for what was kept back. */

static ngx_int_t
ngx_spocr_later_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_spocr_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_spocr_module);

    return ctx && ctx->body ? ngx_spocr_error_body(r, ctx, in)
                            : ngx_spocr_next_body_filter(r, in);
}


static ngx_int_t
ngx_spocr_error_body(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_chain_t  *out;

    if (in == NULL) {
        return ngx_spocr_next_body_filter(r, in);
    }

    if (ngx_spocr_reply_error_body(r, in, ctx->body, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    if (out == NULL) {
        return NGX_OK;
    }

    ctx->body = NULL;

    return ngx_spocr_next_body_filter(r, out);
}


/* Each byte of a request's body comes by once, decoded (C-25, C-43). */

static ngx_int_t
ngx_spocr_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t               rc;
    ngx_spocr_ctx_t        *ctx;
    ngx_spocr_loc_conf_t   *slcf;
    ngx_spocr_main_conf_t  *smcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);
    ctx = ngx_spocr_ctx(r, slcf->body.timeout != 0);

    if (slcf->body.timeout) {

        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = ngx_spocr_body_piece(&slcf->body, &ctx->incoming, in);

        if (rc != NGX_OK) {
            smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);

            ngx_spocr_log_slow(r, slcf, ctx);
            ngx_spocr_status_slow(smcf);

            r->connection->timedout = 1;

            return rc;
        }
    }

    if (ctx
        && r == r->main
        && ctx->idem
        && ctx->idem->hash
        && ngx_spocr_idem_body(ctx->idem, in) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_spocr_next_request_body_filter(r, in);
}


void
ngx_spocr_filters_init(void)
{
    ngx_spocr_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_spocr_header_filter;

    ngx_spocr_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_spocr_body_filter;

    ngx_spocr_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_spocr_request_body_filter;

    ngx_spocr_idem_filters(&ngx_spocr_io);
}
