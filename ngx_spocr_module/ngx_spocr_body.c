
/*
 * Bodies that come too slowly.  nginx bounds the pause between two pieces of a
 * body, and nothing bounds their number: a byte every few seconds holds a
 * connection for hours.
 *
 * The clock is looked at when a piece comes, in the request body filter, and
 * there is no timer: who sends nothing is cut by nginx's own one, so a body
 * ends at the latest client_body_timeout after its time.  A timer would be
 * exact, but it would have to end requests in the middle of whatever reads
 * them (a buffered read, an upstream, HTTP/2), and each of these knows a piece
 * that fails already.
 *
 * Time is earned by bytes that came, never by those that Content-Length
 * announces: a client may announce any number.
 */


#include "ngx_spocr_body.h"


void
ngx_spocr_body_init(ngx_spocr_body_conf_t *bcf)
{
    bcf->timeout = NGX_CONF_UNSET_MSEC;
}


char *
ngx_spocr_body_set(ngx_conf_t *cf, ngx_spocr_body_conf_t *bcf)
{
    ssize_t     size;
    ngx_int_t   time;
    ngx_str_t  *value, text;

    if (bcf->timeout != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        bcf->timeout = 0;
        return NGX_CONF_OK;
    }

    time = ngx_parse_time(&value[1], 0);

    if (time == NGX_ERROR || time == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid time \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    bcf->timeout = (ngx_msec_t) time;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "min_rate=", 9) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    text.data = value[2].data + 9;
    text.len = value[2].len - 9;

    size = ngx_parse_size(&text);

    if (size == NGX_ERROR || size == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid rate \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    bcf->min_rate = (size_t) size;

    return NGX_CONF_OK;
}


void
ngx_spocr_body_merge(ngx_spocr_body_conf_t *prev, ngx_spocr_body_conf_t *conf)
{
    if (conf->timeout == NGX_CONF_UNSET_MSEC) {
        conf->min_rate = prev->min_rate;
    }

    ngx_conf_merge_msec_value(conf->timeout, prev->timeout, 0);
}


ngx_int_t
ngx_spocr_body_piece(const ngx_spocr_body_conf_t *bcf,
    ngx_spocr_body_ctx_t *ctx, ngx_chain_t *in)
{
    uint64_t     allowed;
    ngx_uint_t   last;
    ngx_chain_t  *cl;

    if (!ctx->begun) {
        ctx->begun = 1;
        ctx->start = ngx_current_msec;
    }

    last = 0;

    for (cl = in; cl; cl = cl->next) {

        if (ngx_buf_in_memory(cl->buf)) {
            ctx->received += (uint64_t) (cl->buf->last - cl->buf->pos);
        }

        last |= cl->buf->last_buf;
    }

    /* what has come as a whole holds nothing any more */

    if (last) {
        return NGX_OK;
    }

    allowed = bcf->timeout;

    if (bcf->min_rate) {
        allowed += ctx->received / bcf->min_rate * 1000
                   + ctx->received % bcf->min_rate * 1000 / bcf->min_rate;
    }

    return ngx_spocr_body_elapsed(ctx) > allowed
           ? NGX_HTTP_REQUEST_TIME_OUT : NGX_OK;
}


ngx_msec_t
ngx_spocr_body_elapsed(const ngx_spocr_body_ctx_t *ctx)
{
    return ngx_current_msec - ctx->start;
}
