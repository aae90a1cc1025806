
/*
 * Rewrites the request's headers for the backend; called by the access and
 * precontent handlers, and by the header filter for the answer.  Invariant:
 * an X-Spocr-* header that a backend sees was written here.
 */


#include "ngx_spocr_forward.h"
#include "ngx_spocr_headers.h"
#include "ngx_spocr_id.h"


/* What a walk over the request's headers is to do, and what it found. */
typedef struct {
    ngx_spocr_strip_e   strip;
    ngx_table_elt_t    *request_id;
    ngx_table_elt_t    *traceparent;
    ngx_uint_t          traceparents;
    ngx_uint_t          tracestates;
} ngx_spocr_forward_walk_t;


static ngx_uint_t ngx_spocr_forward_unwanted(ngx_table_elt_t *h, void *data);
static ngx_int_t ngx_spocr_forward_trace(ngx_http_request_t *r,
    ngx_spocr_forward_walk_t *walk);
static ngx_uint_t ngx_spocr_forward_is_trace(ngx_table_elt_t *h, void *data);
static ngx_int_t ngx_spocr_forward_who(ngx_http_request_t *r,
    ngx_spocr_forward_ctx_t *ctx, const ngx_spocr_forward_t *identity);
static ngx_int_t ngx_spocr_forward_sign(ngx_http_request_t *r,
    ngx_spocr_forward_ctx_t *ctx, const ngx_spocr_forward_t *identity);
static ngx_int_t ngx_spocr_forward_put(ngx_http_request_t *r,
    ngx_table_elt_t *slot, const ngx_spocr_header_name_t *name,
    const ngx_str_t *value);


#define ngx_spocr_forward_is(h, name)                                         \
    ((h)->key.len == sizeof(name) - 1                                         \
     && ngx_spocr_header_begins((h)->lowcase_key, (h)->key.len, name,         \
                                sizeof(name) - 1))

#define ngx_spocr_forward_begins(h, name)                                     \
    ngx_spocr_header_begins((h)->lowcase_key, (h)->key.len, name,             \
                            sizeof(name) - 1)


static ngx_spocr_header_name_t  ngx_spocr_forward_request_id = {
    ngx_string("X-Request-Id"), ngx_string("x-request-id"), 0
};

static ngx_spocr_header_name_t  ngx_spocr_forward_uid = {
    ngx_string("X-Spocr-Uid"), ngx_string("x-spocr-uid"), 0
};

static ngx_spocr_header_name_t  ngx_spocr_forward_key_id = {
    ngx_string("X-Spocr-Key-Id"), ngx_string("x-spocr-key-id"), 0
};

static ngx_spocr_header_name_t  ngx_spocr_forward_plan = {
    ngx_string("X-Spocr-Plan"), ngx_string("x-spocr-plan"), 0
};


static ngx_spocr_header_name_t  ngx_spocr_forward_signature = {
    ngx_string("X-Spocr-Signature"), ngx_string("x-spocr-signature"), 0
};


void
ngx_spocr_forward_init(void)
{
    ngx_uint_t                i;
    ngx_spocr_header_name_t  *name[] = {
        &ngx_spocr_forward_request_id,
        &ngx_spocr_forward_uid,
        &ngx_spocr_forward_key_id,
        &ngx_spocr_forward_plan,
        &ngx_spocr_forward_signature
    };

    for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
        name[i]->hash = ngx_hash_key(name[i]->lower.data, name[i]->lower.len);
    }
}


ngx_int_t
ngx_spocr_forward_strip(ngx_http_request_t *r, ngx_spocr_forward_ctx_t *ctx,
    ngx_spocr_strip_e strip)
{
    ngx_str_t                 *id;
    ngx_uint_t                 first;
    ngx_spocr_forward_walk_t   walk;

    if (ctx->stripped >= strip) {
        return NGX_OK;
    }

    first = ctx->stripped == NGX_SPOCR_STRIP_NONE;

    ngx_memzero(&walk, sizeof(ngx_spocr_forward_walk_t));
    walk.strip = strip;

    if (ngx_spocr_headers_filter(r->pool, &r->headers_in.headers,
                                 ngx_spocr_forward_unwanted, &walk)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->stripped = strip;
    ctx->request_id = walk.request_id;

    if (!first) {
        return NGX_OK;
    }

    if (walk.request_id) {
        id = &walk.request_id->value;

        if (ngx_spocr_id_client_ok(id->data, id->len)) {
            ctx->client_request_id = *id;
        }
    }

    return ngx_spocr_forward_trace(r, &walk);
}


ngx_int_t
ngx_spocr_forward_strip_subrequest(ngx_http_request_t *r)
{
    ngx_spocr_forward_walk_t  walk;

    if (ngx_spocr_headers_unshare(r->pool, &r->headers_in.headers)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&walk, sizeof(ngx_spocr_forward_walk_t));
    walk.strip = NGX_SPOCR_STRIP_GATED;

    return ngx_spocr_headers_filter(r->pool, &r->headers_in.headers,
                                    ngx_spocr_forward_unwanted, &walk);
}


ngx_int_t
ngx_spocr_forward_identity(ngx_http_request_t *r, ngx_spocr_forward_ctx_t *ctx,
    const ngx_spocr_forward_t *identity)
{
    if (identity->request_id.len && !ctx->id_done) {

        if (ngx_spocr_forward_put(r, ctx->request_id,
                                  &ngx_spocr_forward_request_id,
                                  &identity->request_id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ctx->id_done = 1;
    }

    if (identity->auth
        && ngx_spocr_forward_who(r, ctx, identity) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return identity->secrets ? ngx_spocr_forward_sign(r, ctx, identity)
                             : NGX_OK;
}


static ngx_int_t
ngx_spocr_forward_who(ngx_http_request_t *r, ngx_spocr_forward_ctx_t *ctx,
    const ngx_spocr_forward_t *identity)
{
    ngx_table_elt_t  *slot;

    slot = r->headers_in.authorization;
    r->headers_in.authorization = NULL;

    if (identity->uid.len == 0 || ctx->uid_done) {
        return slot ? ngx_spocr_header_remove(r->pool, &r->headers_in.headers,
                                              slot)
                    : NGX_OK;
    }

    ctx->uid_done = 1;

    /* the first header of the identity takes the Authorization's place */

    if (ngx_spocr_forward_put(r, slot, &ngx_spocr_forward_uid, &identity->uid)
        != NGX_OK
        || ngx_spocr_forward_put(r, NULL, &ngx_spocr_forward_key_id,
                                 &identity->key_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_forward_put(r, NULL, &ngx_spocr_forward_plan,
                                 &identity->plan);
}


/* C-42; once: what a redirect changes the backend sees changed. */

static ngx_int_t
ngx_spocr_forward_sign(ngx_http_request_t *r, ngx_spocr_forward_ctx_t *ctx,
    const ngx_spocr_forward_t *identity)
{
    u_char              *p;
    ngx_str_t            value;
    ngx_spocr_signed_t   what;

    if (ctx->signed_done) {
        return NGX_OK;
    }

    ctx->signed_done = 1;

    what.time = (int64_t) ngx_time();
    what.method = r->method_name;
    what.target = r->unparsed_uri;
    what.request_id = identity->request_id;
    what.uid = identity->uid;
    what.key_id = identity->key_id;

    p = ngx_pnalloc(r->pool, sizeof("t=,v1=") + NGX_TIME_T_LEN
                             + NGX_SPOCR_SIGNATURE_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    p = ngx_sprintf(p, "t=%T,v1=", (time_t) what.time);

    if (ngx_spocr_secret_sign(&identity->secrets->all[0], &what, p)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    value.len = (size_t) (p + NGX_SPOCR_SIGNATURE_LEN - value.data);

    return ngx_spocr_forward_put(r, NULL, &ngx_spocr_forward_signature,
                                 &value);
}


void
ngx_spocr_forward_clean_answer(ngx_http_request_t *r)
{
    ngx_table_elt_t           *h;
    ngx_spocr_headers_walk_t   walk;

    ngx_spocr_headers_begin(&walk, &r->headers_out.headers);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {
        if (h->key.len < sizeof("X-Spocr-") - 1
            || (h->key.data[0] | 0x20) != 'x')
        {
            continue;
        }

        if (ngx_strncasecmp(h->key.data, (u_char *) "x-spocr-",
                            sizeof("x-spocr-") - 1)
            == 0
            || (h->key.len >= sizeof("x-idempotent-") - 1
                && ngx_strncasecmp(h->key.data, (u_char *) "x-idempotent-",
                                   sizeof("x-idempotent-") - 1)
                   == 0)
            || (h->key.len >= sizeof("x-idempotency-") - 1
                && ngx_strncasecmp(h->key.data, (u_char *) "x-idempotency-",
                                   sizeof("x-idempotency-") - 1)
                   == 0))
        {
            h->hash = 0;
        }
    }
}


/*
 * Whether a header has to go: a second X-Request-Id, and where keys are asked
 * for all that looks like identity.
 */

static ngx_uint_t
ngx_spocr_forward_unwanted(ngx_table_elt_t *h, void *data)
{
    ngx_spocr_forward_walk_t *walk = data;

    if (h->key.len == 0
        || (h->lowcase_key[0] != 'x' && h->lowcase_key[0] != 't'))
    {
        return 0;
    }

    if (ngx_spocr_forward_is(h, "x-request-id")) {

        if (walk->request_id) {
            return 1;
        }

        walk->request_id = h;
        return 0;
    }

    if (ngx_spocr_forward_begins(h, "x-spocr-")) {
        return walk->strip == NGX_SPOCR_STRIP_GATED;
    }

    if (ngx_spocr_forward_is(h, "traceparent")) {
        walk->traceparent = h;
        walk->traceparents++;

    } else if (ngx_spocr_forward_is(h, "tracestate")) {
        walk->tracestates++;
    }

    return 0;
}


/* C-4: two traceparents are as invalid as a malformed one. */

static ngx_int_t
ngx_spocr_forward_trace(ngx_http_request_t *r, ngx_spocr_forward_walk_t *walk)
{
    if (walk->traceparents == 0 && walk->tracestates == 0) {
        return NGX_OK;
    }

    if (walk->traceparents == 1
        && ngx_spocr_id_traceparent_ok(walk->traceparent->value.data,
                                       walk->traceparent->value.len))
    {
        return NGX_OK;
    }

    return ngx_spocr_headers_filter(r->pool, &r->headers_in.headers,
                                    ngx_spocr_forward_is_trace, NULL);
}


static ngx_uint_t
ngx_spocr_forward_is_trace(ngx_table_elt_t *h, void *data)
{
    return ngx_spocr_forward_is(h, "traceparent")
           || ngx_spocr_forward_is(h, "tracestate");
}


static ngx_int_t
ngx_spocr_forward_put(ngx_http_request_t *r, ngx_table_elt_t *slot,
    const ngx_spocr_header_name_t *name, const ngx_str_t *value)
{
    if (value->len == 0) {
        return NGX_OK;
    }

    if (slot) {
        ngx_spocr_header_set(slot, name, value);
        return NGX_OK;
    }

    return ngx_spocr_header_add(&r->headers_in.headers, name, value)
           ? NGX_OK : NGX_ERROR;
}
