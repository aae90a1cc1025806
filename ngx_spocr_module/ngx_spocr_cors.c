
/*
 * CORS: the preflight step of the access handler, and the header filter's
 * part.  Invariant: the value of spocr_cors_origin alone decides; an empty
 * one allows nothing, and the client's Origin is never echoed.
 */


#include "ngx_spocr_cors.h"
#include "ngx_spocr_headers.h"


static void ngx_spocr_cors_hide(ngx_list_t *list);
static ngx_int_t ngx_spocr_cors_add_vary(ngx_list_t *list);
static ngx_table_elt_t *ngx_spocr_cors_find(ngx_http_request_t *r,
    const char *name, size_t len);
static ngx_uint_t ngx_spocr_cors_names_ok(const ngx_str_t *value);


#define ngx_spocr_cors_name(var, name, lower)                                 \
    static const ngx_spocr_header_name_t  ngx_spocr_cors_##var = {            \
        ngx_string(name), ngx_string(lower), 1                                \
    }

ngx_spocr_cors_name(allow_origin,
    "Access-Control-Allow-Origin", "access-control-allow-origin");
ngx_spocr_cors_name(allow_methods,
    "Access-Control-Allow-Methods", "access-control-allow-methods");
ngx_spocr_cors_name(allow_headers,
    "Access-Control-Allow-Headers", "access-control-allow-headers");
ngx_spocr_cors_name(max_age,
    "Access-Control-Max-Age", "access-control-max-age");
ngx_spocr_cors_name(expose,
    "Access-Control-Expose-Headers", "access-control-expose-headers");
ngx_spocr_cors_name(vary, "Vary", "vary");


static const ngx_str_t  ngx_spocr_cors_exposed = ngx_string(
    "X-Request-Id, X-Idempotent-Replay, RateLimit, RateLimit-Policy, "
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset");

static const ngx_str_t  ngx_spocr_cors_usual_headers = ngx_string(
    "Authorization, Content-Type, Idempotency-Key");

static const ngx_str_t  ngx_spocr_cors_age = ngx_string("600");
static const ngx_str_t  ngx_spocr_cors_origin = ngx_string("Origin");


ngx_int_t
ngx_spocr_cors_preflight(ngx_http_request_t *r,
    const ngx_spocr_cors_conf_t *ccf, ngx_str_t *methods,
    ngx_spocr_verdict_t *verdict)
{
    ngx_str_t         origin;
    ngx_list_t       *headers;
    ngx_table_elt_t  *wanted;
    const ngx_str_t  *names;

    if (r->method != NGX_HTTP_OPTIONS
        || ngx_spocr_cors_find(r, "origin", sizeof("origin") - 1) == NULL
        || ngx_spocr_cors_find(r, "access-control-request-method",
                           sizeof("access-control-request-method") - 1)
           == NULL)
    {
        return NGX_DECLINED;
    }

    ngx_str_null(&origin);

    if (ccf->origin
        && ngx_http_complex_value(r, ccf->origin, &origin) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (origin.len == 0) {
        return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_METHOD_NOT_ALLOWED, -1,
                                "preflight of an origin that is not allowed");
    }

    names = &ngx_spocr_cors_usual_headers;
    wanted = ngx_spocr_cors_find(r, "access-control-request-headers",
                            sizeof("access-control-request-headers") - 1);

    if (wanted && ngx_spocr_cors_names_ok(&wanted->value)) {
        names = &wanted->value;
    }

    headers = &r->headers_out.headers;

    if (ngx_spocr_header_add(headers, &ngx_spocr_cors_allow_methods, methods)
        == NULL
        || ngx_spocr_header_add(headers, &ngx_spocr_cors_allow_headers, names)
           == NULL
        || ngx_spocr_header_add(headers, &ngx_spocr_cors_max_age,
                                &ngx_spocr_cors_age)
           == NULL)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return NGX_DONE;
}


ngx_int_t
ngx_spocr_cors_header(ngx_http_request_t *r, const ngx_spocr_cors_conf_t *ccf)
{
    ngx_str_t    origin;
    ngx_list_t  *headers;

    if (ccf->origin == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, ccf->origin, &origin) != NGX_OK) {
        return NGX_ERROR;
    }

    headers = &r->headers_out.headers;

    if (r->upstream) {
        ngx_spocr_cors_hide(headers);
    }

    /* what a cache keeps for one origin must not be shown to another */

    if ((ccf->origin->lengths || origin.len == 0)
        && ngx_spocr_cors_add_vary(headers) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (origin.len == 0) {
        return NGX_OK;
    }

    if (ngx_spocr_header_replace(headers, &ngx_spocr_cors_allow_origin,
                                 &origin)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_header_replace(headers, &ngx_spocr_cors_expose,
                                    &ngx_spocr_cors_exposed);
}


/* What the backend thinks of origins is not asked where the gateway decides. */

static void
ngx_spocr_cors_hide(ngx_list_t *list)
{
    ngx_table_elt_t           *h;
    ngx_spocr_headers_walk_t   walk;

    ngx_spocr_headers_begin(&walk, list);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {
        if (h->key.len > sizeof("Access-Control-") - 1
            && ngx_strncasecmp(h->key.data, (u_char *) "access-control-",
                               sizeof("access-control-") - 1)
               == 0)
        {
            h->hash = 0;
        }
    }
}


/*
 * Vary is a list, to which backends add as well.  Ours is known by its value's
 * place: the filter may see the same header again (a range that is refused).
 */

static ngx_int_t
ngx_spocr_cors_add_vary(ngx_list_t *list)
{
    ngx_table_elt_t           *h;
    ngx_spocr_headers_walk_t   walk;

    ngx_spocr_headers_begin(&walk, list);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {
        if (h->hash && h->value.data == ngx_spocr_cors_origin.data) {
            return NGX_OK;
        }
    }

    return ngx_spocr_header_add(list, &ngx_spocr_cors_vary,
                                &ngx_spocr_cors_origin)
           ? NGX_OK : NGX_ERROR;
}


static ngx_table_elt_t *
ngx_spocr_cors_find(ngx_http_request_t *r, const char *name, size_t len)
{
    ngx_table_elt_t           *h;
    ngx_spocr_headers_walk_t   walk;

    ngx_spocr_headers_begin(&walk, &r->headers_in.headers);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {
        if (h->key.len == len
            && ngx_memcmp(h->lowcase_key, name, len) == 0)
        {
            return h;
        }
    }

    return NULL;
}


/* A list of header names is all that may be sent back to a client. */

static ngx_uint_t
ngx_spocr_cors_names_ok(const ngx_str_t *value)
{
    u_char  ch;
    size_t  i;

    if (value->len == 0 || value->len > 512) {
        return 0;
    }

    for (i = 0; i < value->len; i++) {
        ch = value->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || ch == '-' || ch == '_' || ch == ',' || ch == ' ')
        {
            continue;
        }

        return 0;
    }

    return 1;
}
