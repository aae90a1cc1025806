
/*
 * How a claim ends: what an answer means for it, and what Redis is told of
 * that (C-27, C-28, C-30).  The filters call it when they know, and the end of
 * a request where they never will.
 *
 * Invariant: a claim is released only where surely nothing was executed, or
 * where the backend itself said, to its end, that it failed.
 */


#include "ngx_spocr_headers.h"
#include "ngx_spocr_idem.h"


#define NGX_SPOCR_IDEM_PATIENCE  500           /* ms; C-29 */


static ngx_spocr_idem_outcome_e ngx_spocr_idem_of_status(
    ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx, ngx_uint_t status);
static ngx_uint_t ngx_spocr_idem_earlier(ngx_http_request_t *r);
static ngx_uint_t ngx_spocr_idem_has_end(ngx_http_request_t *r);
static ngx_uint_t ngx_spocr_idem_encoded(ngx_http_request_t *r);
static ngx_int_t ngx_spocr_idem_put(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_outbox_item_t *item,
    void (*handler)(ngx_spocr_outbox_ticket_t *ticket));
static void ngx_spocr_idem_item(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_outbox_item_t *item, ngx_spocr_outbox_function_e function);
static ngx_int_t ngx_spocr_idem_record(ngx_spocr_idem_ctx_t *ctx,
    ngx_str_t *blob);
static void ngx_spocr_idem_record_headers(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_record_t *record);
static ngx_uint_t ngx_spocr_idem_stores(const ngx_spocr_idem_conf_t *icf,
    const ngx_str_t *name);
static void ngx_spocr_idem_add(ngx_spocr_record_t *record,
    const ngx_str_t *name, const ngx_str_t *value);


void
ngx_spocr_idem_count(const ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_idem_total_e total)
{
    ngx_spocr_zone_count(ctx->env.zone, ctx->env.totals + total, 1);
}


/*
 * The bytes that each try has sent are known when it has ended; an upstream
 * that is still there has sent what its connection says.
 */

ngx_uint_t
ngx_spocr_idem_nothing_sent(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_http_upstream_t        *u;
    ngx_http_upstream_state_t  *state;

    u = r->upstream;

    if (u && u->peer.connection && u->peer.connection->sent > 0) {
        return 0;
    }

    if (r->upstream_states == NULL) {
        return 1;
    }

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        if (state[i].bytes_sent > 0) {
            return 0;
        }
    }

    return 1;
}


ngx_spocr_idem_outcome_e
ngx_spocr_idem_outcome(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_uint_t broken)
{
    ngx_http_upstream_t  *u;

    if (r->filter_finalize) {

        /* a filter has put an answer of its own into the place of this one */

        return NGX_SPOCR_IDEM_UNKNOWN;
    }

    u = r->upstream;

    if (u == NULL) {

        /* another content handler's, or an error before it was reached */

        return r->headers_out.status >= NGX_HTTP_BAD_REQUEST
               ? NGX_SPOCR_IDEM_RELEASE
               : ngx_spocr_idem_of_status(r, ctx, r->headers_out.status);
    }

    if (ngx_spocr_idem_nothing_sent(r)) {
        return NGX_SPOCR_IDEM_RELEASE;
    }

    if (broken) {
        return NGX_SPOCR_IDEM_UNKNOWN;
    }

    if (u->cleanup) {
        return ngx_spocr_idem_of_status(r, ctx, u->headers_in.status_n);
    }

    /* nginx' own error, or a page in the place of the backend's answer */

    if (u->state == NULL || u->state->header_time == (ngx_msec_t) -1) {
        return NGX_SPOCR_IDEM_UNKNOWN;
    }

    if (u->headers_in.status_n < NGX_HTTP_BAD_REQUEST
        && r->headers_out.status >= NGX_HTTP_BAD_REQUEST)
    {
        /* executed, but what came after that has failed */

        return NGX_SPOCR_IDEM_UNKNOWN;
    }

    return ngx_spocr_idem_of_status(r, ctx, u->headers_in.status_n);
}


static ngx_spocr_idem_outcome_e
ngx_spocr_idem_of_status(ngx_http_request_t *r, ngx_spocr_idem_ctx_t *ctx,
    ngx_uint_t status)
{
    if (status < NGX_HTTP_OK
        || (status >= NGX_HTTP_INTERNAL_SERVER_ERROR
            && status != NGX_HTTP_INTERNAL_SERVER_ERROR
            && status != NGX_HTTP_BAD_GATEWAY
            && status != NGX_HTTP_SERVICE_UNAVAILABLE)
        || !ngx_spocr_idem_has_end(r))
    {
        return NGX_SPOCR_IDEM_UNKNOWN;
    }

    if (status >= NGX_HTTP_BAD_REQUEST) {
        return ngx_spocr_idem_earlier(r) ? NGX_SPOCR_IDEM_UNKNOWN
                                         : NGX_SPOCR_IDEM_RELEASE;
    }

    if (ngx_spocr_idem_encoded(r)) {
        ctx->reason = "encoded";
        return NGX_SPOCR_IDEM_TOMB;
    }

    if (r->headers_out.content_length_n > (off_t) ctx->env.conf->max_body) {
        ctx->reason = "too_large";
        return NGX_SPOCR_IDEM_TOMB;
    }

    return NGX_SPOCR_IDEM_STORE;
}


/*
 * An error_page or an X-Accel-Redirect may have led from one backend to
 * another: what the last one says is not what became of the first.
 */

static ngx_uint_t
ngx_spocr_idem_earlier(ngx_http_request_t *r)
{
    ngx_uint_t                  i, status;
    ngx_http_upstream_state_t  *state;

    if (r->upstream == NULL || r->upstream_states == NULL) {
        return 0;
    }

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        status = state[i].status;

        if (&state[i] != r->upstream->state
            && state[i].bytes_sent > 0
            && (state[i].header_time == (ngx_msec_t) -1
                || status < NGX_HTTP_BAD_REQUEST
                || status > NGX_HTTP_SERVICE_UNAVAILABLE
                || status == NGX_HTTP_NOT_IMPLEMENTED))
        {
            return 1;
        }
    }

    return 0;
}


/* An answer that ends with the connection may have been cut anywhere. */

static ngx_uint_t
ngx_spocr_idem_has_end(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL || u->cleanup == NULL) {
        return 1;
    }

    return u->headers_in.content_length_n >= 0
           || u->headers_in.chunked
           || u->headers_in.status_n == NGX_HTTP_NO_CONTENT
           || u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED
           || (u->schema.len == sizeof("fastcgi://") - 1
               && ngx_strncmp(u->schema.data, "fastcgi://", u->schema.len)
                  == 0);
}


/* headers_out.content_encoding is not set in an nginx without gzip. */

static ngx_uint_t
ngx_spocr_idem_encoded(ngx_http_request_t *r)
{
    ngx_table_elt_t           *h;
    ngx_spocr_headers_walk_t   walk;
    static ngx_str_t           name = ngx_string("Content-Encoding");

    ngx_spocr_headers_begin(&walk, &r->headers_out.headers);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {

        if (h->hash
            && h->value.len
            && h->key.len == name.len
            && ngx_strncasecmp(h->key.data, name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_spocr_idem_tell(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_idem_outcome_e outcome,
    void (*handler)(ngx_spocr_outbox_ticket_t *ticket))
{
    u_char                    ttl[NGX_INT_T_LEN], budget[NGX_INT_T_LEN];
    u_char                    name[NGX_SPOCR_REDIS_PREFIX_MAX + 32], *p;
    ngx_int_t                 rc;
    ngx_str_t                 blob;
    ngx_spocr_outbox_item_t   item;

    ngx_spocr_idem_quiet(ctx);
    ctx->outcome = outcome;

    switch (outcome) {

    case NGX_SPOCR_IDEM_UNKNOWN:
        ngx_spocr_idem_count(ctx, NGX_SPOCR_IDEM_TOTAL_UNKNOWN);
        return NGX_OK;

    case NGX_SPOCR_IDEM_RELEASE:
        ngx_spocr_idem_count(ctx, NGX_SPOCR_IDEM_TOTAL_RELEASED);
        ngx_spocr_idem_item(ctx, &item, NGX_SPOCR_OUTBOX_RELEASE);
        return ngx_spocr_idem_put(ctx, &item, handler);

    default:
        break;
    }

    ngx_str_null(&blob);

    if (outcome == NGX_SPOCR_IDEM_STORE
        && ngx_spocr_idem_record(ctx, &blob) != NGX_OK)
    {
        outcome = NGX_SPOCR_IDEM_TOMB;
        ctx->outcome = outcome;
        ctx->reason = "too_large";
    }

    ngx_spocr_idem_count(ctx, outcome == NGX_SPOCR_IDEM_STORE
                              ? NGX_SPOCR_IDEM_TOTAL_STORED
                              : NGX_SPOCR_IDEM_TOTAL_TOMB);

    ngx_spocr_idem_item(ctx, &item, NGX_SPOCR_OUTBOX_COMPLETE);

    /* the counter of the budget: the record's name up to the hash tag */

    p = ngx_cpymem(name, ctx->name,
                   (size_t) (ctx->slot.data + ctx->slot.len - ctx->name));
    p = ngx_cpymem(p, "}:b", 3);

    item.nkeys = 2;
    item.keys[1].data = name;
    item.keys[1].len = (size_t) (p - name);

    item.args[1].data = ctx->owner.fingerprint;
    item.args[1].len = NGX_SPOCR_FINGERPRINT_LEN;
    item.args[2].data = ttl;
    item.args[2].len = (size_t) (ngx_sprintf(ttl, "%M", ctx->env.conf->ttl)
                                 - ttl);
    ngx_str_null(&item.args[4]);

    if (outcome == NGX_SPOCR_IDEM_STORE) {
        ngx_str_set(&item.args[3], "D");

    } else {
        ngx_str_set(&item.args[3], "T");
        item.args[4].data = (u_char *) ctx->reason;
        item.args[4].len = ngx_strlen(ctx->reason);
    }

    item.args[5] = blob;
    item.args[6] = ctx->env.request_id;
    item.args[7].data = budget;
    item.args[7].len = (size_t) (ngx_sprintf(budget, "%uz",
                                             ctx->env.conf->budget)
                                 - budget);
    item.nargs = 8;

    rc = ngx_spocr_idem_put(ctx, &item, handler);

    if (blob.data) {
        ngx_free(blob.data);
    }

    return rc;
}


void
ngx_spocr_idem_unclaim(ngx_spocr_idem_ctx_t *ctx)
{
    ngx_spocr_outbox_item_t  item;

    ngx_spocr_idem_item(ctx, &item, NGX_SPOCR_OUTBOX_UNCLAIM);

    (void) ngx_spocr_idem_put(ctx, &item, NULL);
}


static void
ngx_spocr_idem_item(ngx_spocr_idem_ctx_t *ctx, ngx_spocr_outbox_item_t *item,
    ngx_spocr_outbox_function_e function)
{
    ngx_memzero(item, sizeof(ngx_spocr_outbox_item_t));

    item->function = function;
    item->slot = ctx->slot;
    item->nkeys = 1;
    item->keys[0].data = ctx->name;
    item->keys[0].len = ctx->name_len;
    item->nargs = 1;
    item->args[0].data = ctx->token;
    item->args[0].len = NGX_SPOCR_IDEM_TOKEN_LEN;
    item->ttl = ctx->env.conf->ttl;
}


static ngx_int_t
ngx_spocr_idem_put(ngx_spocr_idem_ctx_t *ctx, ngx_spocr_outbox_item_t *item,
    void (*handler)(ngx_spocr_outbox_ticket_t *ticket))
{
    ngx_spocr_outbox_t  *outbox;

    outbox = ctx->env.main->worker->outbox;

    if (outbox == NULL) {
        return NGX_OK;
    }

    if (handler == NULL) {
        (void) ngx_spocr_outbox_put(outbox, item, NULL);
        return NGX_OK;
    }

    ctx->ticket.handler = handler;
    ctx->ticket.data = ctx;
    ctx->ticket.patience = NGX_SPOCR_IDEM_PATIENCE;

    return ngx_spocr_outbox_put(outbox, item, &ctx->ticket) == NGX_AGAIN
           ? NGX_AGAIN : NGX_OK;
}


/* The answer as it is stored; heap.  NGX_DECLINED where it cannot be. */

static ngx_int_t
ngx_spocr_idem_record(ngx_spocr_idem_ctx_t *ctx, ngx_str_t *blob)
{
    ngx_spocr_record_t               record;
    const ngx_spocr_secrets_t       *secrets;

    ngx_memzero(&record, sizeof(ngx_spocr_record_t));

    secrets = ctx->env.main->secrets;

    record.status = ctx->request->headers_out.status;
    record.request_id = ctx->env.request_id;
    record.body.data = ctx->body.pos;
    record.body.len = (size_t) (ctx->body.last - ctx->body.pos);

    ngx_spocr_idem_record_headers(ctx, &record);

    blob->len = ngx_spocr_record_size(&record, secrets);

    if (blob->len == 0) {
        return NGX_DECLINED;
    }

    blob->data = ngx_alloc(blob->len, ngx_cycle->log);

    if (blob->data == NULL) {
        blob->len = 0;
        return NGX_DECLINED;
    }

    if (ngx_spocr_record_write(&record, secrets, &ctx->owner, blob->data)
        != NGX_OK)
    {
        ngx_free(blob->data);
        ngx_str_null(blob);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* nginx keeps the type apart from the list (C-33: an allow-list). */

static void
ngx_spocr_idem_record_headers(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_record_t *record)
{
    ngx_str_t                  name;
    ngx_table_elt_t           *h;
    ngx_http_request_t        *r;
    ngx_spocr_headers_walk_t   walk;

    r = ctx->request;

    ngx_str_set(&name, "Content-Type");

    if (r->headers_out.content_type.len
        && ngx_spocr_idem_stores(ctx->env.conf, &name))
    {
        ngx_spocr_idem_add(record, &name, &r->headers_out.content_type);
    }

    ngx_spocr_headers_begin(&walk, &r->headers_out.headers);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {

        if (h->hash && ngx_spocr_idem_stores(ctx->env.conf, &h->key)) {
            ngx_spocr_idem_add(record, &h->key, &h->value);
        }
    }
}


static ngx_uint_t
ngx_spocr_idem_stores(const ngx_spocr_idem_conf_t *icf, const ngx_str_t *name)
{
    ngx_str_t   *names;
    ngx_uint_t   i;

    names = icf->headers->elts;

    for (i = 0; i < icf->headers->nelts; i++) {

        if (names[i].len == name->len
            && ngx_strncasecmp(names[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* One too many makes nheaders too large, which is what refuses it. */

static void
ngx_spocr_idem_add(ngx_spocr_record_t *record, const ngx_str_t *name,
    const ngx_str_t *value)
{
    if (record->nheaders < NGX_SPOCR_RECORD_HEADERS_MAX) {
        record->headers[record->nheaders].name = *name;
        record->headers[record->nheaders].value = *value;
    }

    record->nheaders++;
}
