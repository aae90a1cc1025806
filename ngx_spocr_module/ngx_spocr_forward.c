
/*
 * Rewrites the request's headers for the backend; called by the access and
 * precontent handlers, and by the header filter for the answer.  Invariant:
 * an X-Spocr-* header that a backend sees was written here.
 */


#include "ngx_spocr_forward.h"
#include "ngx_spocr_headers.h"
#include "ngx_spocr_id.h"


/* What one pass over the request's headers found. */
typedef struct {
    ngx_table_elt_t  *request_id;
    ngx_table_elt_t  *traceparent;
    ngx_table_elt_t  *tracestate;
    ngx_table_elt_t  *unwanted;      /* where the pass stopped */
    ngx_uint_t        traceparents;
} ngx_spocr_forward_pass_t;


static void ngx_spocr_forward_pass(ngx_http_request_t *r,
    ngx_spocr_strip_e strip, ngx_spocr_forward_pass_t *pass);
static ngx_table_elt_t *ngx_spocr_forward_unwanted(ngx_table_elt_t *h,
    ngx_spocr_strip_e strip, ngx_spocr_forward_pass_t *pass);
static ngx_int_t ngx_spocr_forward_trace(ngx_http_request_t *r,
    ngx_spocr_forward_pass_t *pass);
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


void
ngx_spocr_forward_init(void)
{
    ngx_uint_t                i;
    ngx_spocr_header_name_t  *name[] = {
        &ngx_spocr_forward_request_id,
        &ngx_spocr_forward_uid,
        &ngx_spocr_forward_key_id,
        &ngx_spocr_forward_plan
    };

    for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
        name[i]->hash = ngx_hash_key(name[i]->lower.data, name[i]->lower.len);
    }
}


ngx_int_t
ngx_spocr_forward_strip(ngx_http_request_t *r, ngx_spocr_forward_ctx_t *ctx,
    ngx_spocr_strip_e strip)
{
    ngx_str_t                *id;
    ngx_uint_t                first;
    ngx_spocr_forward_pass_t  pass;

    if (ctx->stripped >= strip) {
        return NGX_OK;
    }

    first = ctx->stripped == NGX_SPOCR_STRIP_NONE;

    for ( ;; ) {
        ngx_spocr_forward_pass(r, strip, &pass);

        if (pass.unwanted == NULL) {
            break;
        }

        /* a removal changes the list's parts: begin again */

        if (ngx_spocr_header_remove(r->pool, &r->headers_in.headers,
                                    pass.unwanted)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx->stripped = strip;
    ctx->request_id = pass.request_id;

    if (!first) {
        return NGX_OK;
    }

    if (pass.request_id) {
        id = &pass.request_id->value;

        if (ngx_spocr_id_client_ok(id->data, id->len)) {
            ctx->client_request_id = *id;
        }
    }

    return ngx_spocr_forward_trace(r, &pass);
}


ngx_int_t
ngx_spocr_forward_identity(ngx_http_request_t *r, ngx_spocr_forward_ctx_t *ctx,
    const ngx_spocr_forward_t *identity)
{
    ngx_table_elt_t  *slot;

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

    if (!identity->auth) {
        return NGX_OK;
    }

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


void
ngx_spocr_forward_clean_answer(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len < sizeof("X-Spocr-") - 1
            || (h[i].key.data[0] | 0x20) != 'x')
        {
            continue;
        }

        if (ngx_strncasecmp(h[i].key.data, (u_char *) "x-spocr-",
                            sizeof("x-spocr-") - 1)
            == 0
            || (h[i].key.len >= sizeof("x-idempotent-") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "x-idempotent-",
                                   sizeof("x-idempotent-") - 1)
                   == 0))
        {
            h[i].hash = 0;
        }
    }
}


static void
ngx_spocr_forward_pass(ngx_http_request_t *r, ngx_spocr_strip_e strip,
    ngx_spocr_forward_pass_t *pass)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_memzero(pass, sizeof(ngx_spocr_forward_pass_t));

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == 0
            || (h[i].lowcase_key[0] != 'x' && h[i].lowcase_key[0] != 't'))
        {
            continue;
        }

        pass->unwanted = ngx_spocr_forward_unwanted(&h[i], strip, pass);

        if (pass->unwanted) {
            return;
        }
    }
}


/* The element itself where it has to go, else NULL. */

static ngx_table_elt_t *
ngx_spocr_forward_unwanted(ngx_table_elt_t *h, ngx_spocr_strip_e strip,
    ngx_spocr_forward_pass_t *pass)
{
    if (ngx_spocr_forward_is(h, "x-request-id")) {

        if (pass->request_id) {
            return h;
        }

        pass->request_id = h;
        return NULL;
    }

    if (strip == NGX_SPOCR_STRIP_GATED
        && ngx_spocr_forward_begins(h, "x-spocr-"))
    {
        return h;
    }

    if (ngx_spocr_forward_is(h, "traceparent")) {
        pass->traceparent = h;
        pass->traceparents++;

    } else if (ngx_spocr_forward_is(h, "tracestate")) {

        /* lists may be sent in pieces; one is enough to know that it is */

        pass->tracestate = h;
    }

    return NULL;
}


/* C-4: two traceparents are as invalid as a malformed one. */

static ngx_int_t
ngx_spocr_forward_trace(ngx_http_request_t *r, ngx_spocr_forward_pass_t *pass)
{
    ngx_table_elt_t  *h;

    if (pass->traceparent == NULL && pass->tracestate == NULL) {
        return NGX_OK;
    }

    if (pass->traceparents == 1
        && ngx_spocr_id_traceparent_ok(pass->traceparent->value.data,
                                       pass->traceparent->value.len))
    {
        return NGX_OK;
    }

    while (pass->traceparent || pass->tracestate) {

        h = pass->traceparent ? pass->traceparent : pass->tracestate;

        if (ngx_spocr_header_remove(r->pool, &r->headers_in.headers, h)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_spocr_forward_pass(r, NGX_SPOCR_STRIP_COVERED, pass);
    }

    return NGX_OK;
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
