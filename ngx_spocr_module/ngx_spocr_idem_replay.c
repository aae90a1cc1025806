
/*
 * The replay: a stored answer is opened and sent by the access handler, and
 * the backend is not asked (C-22, C-34).  Invariant: what is sent was sealed
 * by a gateway for this very request.
 */


#include "ngx_spocr_headers.h"
#include "ngx_spocr_idem.h"


static ngx_int_t ngx_spocr_idem_replay_headers(ngx_http_request_t *r,
    const ngx_spocr_record_t *record);
static ngx_uint_t ngx_spocr_idem_replay_is(const ngx_str_t *name,
    const char *text);


static const ngx_spocr_header_name_t  ngx_spocr_idem_replay_name = {
    ngx_string("X-Idempotent-Replay"), ngx_string("x-idempotent-replay"), 1
};

static const ngx_spocr_header_name_t  ngx_spocr_idem_original_name = {
    ngx_string("X-Idempotent-Original-Request-Id"),
    ngx_string("x-idempotent-original-request-id"), 1
};

static const ngx_spocr_header_name_t  ngx_spocr_idem_bypassed_name = {
    ngx_string("X-Idempotency-Bypassed"),
    ngx_string("x-idempotency-bypassed"), 1
};

static const ngx_str_t  ngx_spocr_idem_true = ngx_string("true");


ngx_int_t
ngx_spocr_idem_open(ngx_spocr_idem_ctx_t *ctx, const char **reason)
{
    u_char      *room;
    ngx_int_t    rc;
    ngx_pool_t  *pool;

    pool = ctx->request->pool;

    ctx->record = ngx_pcalloc(pool, sizeof(ngx_spocr_record_t));
    room = ngx_pnalloc(pool, ctx->blob.len + 1);

    if (ctx->record == NULL || room == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_spocr_record_read(ctx->record, ctx->env.main->secrets,
                               &ctx->owner, ctx->blob.data, ctx->blob.len,
                               room, reason);

    if (rc != NGX_OK) {
        ctx->record = NULL;
    }

    /* the record is in room; a long blob can go */

    (void) ngx_pfree(pool, ctx->blob.data);
    ctx->blob.len = 0;

    return rc;
}


ngx_int_t
ngx_spocr_idem_replay(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_chain_t                out;
    const ngx_spocr_record_t  *record;

    record = ctx->record;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK || ngx_spocr_idem_replay_headers(r, record) != NGX_OK) {
        rc = rc != NGX_OK ? rc : NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto done;
    }

    r->headers_out.status = record->status;
    r->headers_out.content_length_n = (off_t) record->body.len;
    r->disable_not_modified = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        goto done;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        rc = NGX_ERROR;
        goto done;
    }

    if (record->body.len) {
        b->memory = 1;
        b->pos = record->body.data;
        b->last = record->body.data + record->body.len;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    rc = ngx_http_output_filter(r, &out);

done:

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


static ngx_int_t
ngx_spocr_idem_replay_headers(ngx_http_request_t *r,
    const ngx_spocr_record_t *record)
{
    u_char                            *p;
    ngx_uint_t                         i;
    ngx_table_elt_t                   *h;
    const ngx_spocr_record_header_t   *header;

    for (i = 0; i < record->nheaders; i++) {
        header = &record->headers[i];

        if (ngx_spocr_idem_replay_is(&header->name, "content-type")) {

            /* as an upstream's is set: what follows the type stays */

            p = ngx_strlchr(header->value.data,
                            header->value.data + header->value.len, ';');

            r->headers_out.content_type = header->value;
            r->headers_out.content_type_len
                = p ? (size_t) (p - header->value.data) : header->value.len;
            r->headers_out.content_type_lowcase = NULL;
            continue;
        }

        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));

        h->hash = 1;
        h->key = header->name;
        h->value = header->value;

        /* gzip makes it a weak one, as it did with the first answer's */

        if (ngx_spocr_idem_replay_is(&header->name, "etag")) {
            r->headers_out.etag = h;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_spocr_idem_replay_is(const ngx_str_t *name, const char *text)
{
    return name->len == ngx_strlen(text)
           && ngx_strncasecmp(name->data, (u_char *) text, name->len) == 0;
}


ngx_int_t
ngx_spocr_idem_answer_headers(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx)
{
    if (ctx->status == NGX_SPOCR_IDEM_STATUS_BYPASSED) {
        return ngx_spocr_header_replace(&r->headers_out.headers,
                                        &ngx_spocr_idem_bypassed_name,
                                        &ngx_spocr_idem_true);
    }

    if (ctx->record == NULL) {
        return NGX_OK;
    }

    if (ngx_spocr_header_replace(&r->headers_out.headers,
                                 &ngx_spocr_idem_replay_name,
                                 &ngx_spocr_idem_true)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_header_replace(&r->headers_out.headers,
                                    &ngx_spocr_idem_original_name,
                                    &ctx->record->request_id);
}
