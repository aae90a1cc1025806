
/*
 * Sends what the gateway itself has to say; the filters, the access handler
 * and the content handlers call it.  Invariant: the header that was sent
 * tells the length of the body that follows.
 */


#include "ngx_spocr_reply.h"
#include "ngx_spocr_headers.h"
#include "ngx_spocr_json.h"


static const ngx_spocr_header_name_t  ngx_spocr_reply_cache_control = {
    ngx_string("Cache-Control"), ngx_string("cache-control"), 1
};

static const ngx_str_t  ngx_spocr_reply_no_store = ngx_string("no-store");
static const ngx_str_t  ngx_spocr_reply_json = ngx_string("application/json");


/*
 * err_status alone does not tell: it stays set while an error_page's file, a
 * "return 404 text" or a proxied page is sent.  Each of those sets something
 * that ngx_http_send_special_response() leaves unset, or is of the very
 * string that default_type names.  For statuses that nginx has no page for it
 * sends an empty body without a type.
 */

ngx_uint_t
ngx_spocr_reply_is_error_page(ngx_http_request_t *r)
{
    ngx_str_t                 *type;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    type = &r->headers_out.content_type;

    if (r->err_status < NGX_HTTP_BAD_REQUEST
        || !r->expect_tested
#if (NGX_HTTP_CACHE)
        || r->cached
#endif
        || (r->upstream && r->upstream->cleanup))
    {
        return 0;
    }

    if (type->len == 0) {
        return r->headers_out.content_length_n == 0;
    }

    return type->len == sizeof("text/html") - 1
           && ngx_strncmp(type->data, "text/html", type->len) == 0
           && r->headers_out.content_type_lowcase == NULL
           && r->headers_out.last_modified_time == -1
           && type->data != clcf->default_type.data;
}


ngx_buf_t *
ngx_spocr_reply_error(ngx_http_request_t *r, const ngx_spocr_error_t *error,
    const ngx_str_t *request_id, const ngx_spocr_verdict_t *details)
{
    ngx_buf_t         *b;
    static ngx_str_t   none = ngx_null_string;

    b = ngx_create_temp_buf(r->pool, NGX_SPOCR_JSON_ERROR_MAX);
    if (b == NULL) {
        return NULL;
    }

    b->last = ngx_spocr_json_error(b->pos, error, request_id->data,
                                   details ? details->retry_after : -1,
                                   details ? &details->original : &none);
    b->last_buf = 1;
    b->last_in_chain = 1;

    r->headers_out.content_type = ngx_spocr_reply_json;
    r->headers_out.content_type_len = ngx_spocr_reply_json.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    r->headers_out.content_length_n = b->last - b->pos;

    if (ngx_spocr_header_replace(&r->headers_out.headers,
                                 &ngx_spocr_reply_cache_control,
                                 &ngx_spocr_reply_no_store)
        != NGX_OK)
    {
        return NULL;
    }

    return b;
}


ngx_int_t
ngx_spocr_reply_error_body(ngx_http_request_t *r, ngx_chain_t *in,
    ngx_buf_t *body, ngx_chain_t **out)
{
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    last = 0;
    *out = NULL;

    for (cl = in; cl; cl = cl->next) {
        last |= cl->buf->last_buf;

        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (!last) {
        return NGX_OK;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = body;
    cl->next = NULL;
    *out = cl;

    return NGX_OK;
}


ngx_int_t
ngx_spocr_reply_page(ngx_http_request_t *r, ngx_uint_t status,
    const ngx_str_t *type, ngx_buf_t *body)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_spocr_header_replace(&r->headers_out.headers,
                                 &ngx_spocr_reply_cache_control,
                                 &ngx_spocr_reply_no_store)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_length_n = body->last - body->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    body->last_buf = (r == r->main) ? 1 : 0;
    body->last_in_chain = 1;

    out.buf = body;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_spocr_reply_empty(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        rc = ngx_http_send_header(r);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}
