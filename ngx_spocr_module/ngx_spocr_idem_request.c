
/*
 * The request's side of idempotency: its header, its fingerprint, and what of
 * it goes to the backend.  The step, the request body filter and the access
 * handler call it.  Invariant: each byte of a body counts, once.
 */


#include "ngx_spocr_headers.h"
#include "ngx_spocr_idem.h"


static ngx_uint_t ngx_spocr_idem_attempt(ngx_table_elt_t *h, void *data);


static const ngx_spocr_header_name_t  ngx_spocr_idem_attempt_name = {
    ngx_string("X-Idempotency-Attempt"), ngx_string("x-idempotency-attempt"), 1
};


/* $http_... shows one of two lines only: the list is walked (C-23). */

ngx_table_elt_t *
ngx_spocr_idem_find(ngx_http_request_t *r, ngx_uint_t *n)
{
    ngx_table_elt_t           *h, *found;
    ngx_spocr_headers_walk_t   walk;

    found = NULL;
    *n = 0;

    ngx_spocr_headers_begin(&walk, &r->headers_in.headers);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {

        if (h->key.len == sizeof("idempotency-key") - 1
            && ngx_memcmp(h->lowcase_key, "idempotency-key", h->key.len) == 0)
        {
            found = h;
            (*n)++;
        }
    }

    return found;
}


ngx_int_t
ngx_spocr_idem_hash(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx)
{
    u_char                        *p, *end;
    ngx_table_elt_t               *h;
    ngx_spocr_headers_walk_t       walk;
    ngx_spocr_fingerprint_head_t   head;

    ngx_memzero(&head, sizeof(ngx_spocr_fingerprint_head_t));

    head.method = r->method_name;
    head.path = r->unparsed_uri;

    end = r->unparsed_uri.data + r->unparsed_uri.len;
    p = ngx_strlchr(r->unparsed_uri.data, end, '?');

    if (p) {
        head.path.len = (size_t) (p - head.path.data);
        head.query.data = p + 1;
        head.query.len = (size_t) (end - p - 1);
    }

    if (r->headers_in.content_type) {
        head.content_type = r->headers_in.content_type->value;
    }

    ngx_spocr_headers_begin(&walk, &r->headers_in.headers);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {

        if (h->key.len == sizeof("content-encoding") - 1
            && ngx_memcmp(h->lowcase_key, "content-encoding", h->key.len)
               == 0)
        {
            head.content_encoding = h->value;
        }
    }

    ctx->hash = ngx_spocr_fingerprint_create(&head);

    return ctx->hash ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_spocr_idem_body(ngx_spocr_idem_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)
            && ngx_spocr_fingerprint_update(ctx->hash, b->pos,
                                            (size_t) (b->last - b->pos))
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* C-33 and C-28: what a claimed request carries, and what it does not. */

ngx_int_t
ngx_spocr_idem_forward(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   value;

    if (ctx->state != NGX_SPOCR_IDEM_CLAIMED || ctx->header == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_SPOCR_IDEMKEY_ROOM + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->header->value.data = p;
    p = ngx_spocr_idemkey_canonical(p, ctx->key, ctx->key_len);
    ctx->header->value.len = (size_t) (p - ctx->header->value.data);
    ctx->header = NULL;

    /* the pointer stays, for gzip on the way out */

    if (r->headers_in.accept_encoding
        && ngx_spocr_header_remove(r->pool, &r->headers_in.headers,
                                   r->headers_in.accept_encoding)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * The answer is the whole, for this one and for those that repeat it: the
     * backend may look at a condition or a range, and nginx does not.
     */

    r->headers_in.if_modified_since = NULL;
    r->headers_in.if_unmodified_since = NULL;
    r->headers_in.if_match = NULL;
    r->headers_in.if_none_match = NULL;
    r->headers_in.range = NULL;
    r->headers_in.if_range = NULL;

    if (ngx_spocr_headers_filter(r->pool, &r->headers_in.headers,
                                 ngx_spocr_idem_attempt, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = (size_t) (ngx_sprintf(p, "%ui", ctx->attempt) - p);

    return ngx_spocr_header_add(&r->headers_in.headers,
                                &ngx_spocr_idem_attempt_name, &value)
           ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
ngx_spocr_idem_attempt(ngx_table_elt_t *h, void *data)
{
    return h->key.len == ngx_spocr_idem_attempt_name.lower.len
           && ngx_spocr_header_begins(h->lowcase_key, h->key.len,
                                      "x-idempotency-attempt", h->key.len);
}
