
/*
 * The limit headers of answers (C-21); called by the header filter.
 * Invariant: what they say comes from the step that counted the request, so
 * that within a window on one node the remainder never rises.
 */


#include "ngx_spocr_limit.h"
#include "ngx_spocr_headers.h"


static ngx_int_t ngx_spocr_limit_ietf(ngx_http_request_t *r,
    const ngx_spocr_limit_ctx_t *ctx);
static ngx_int_t ngx_spocr_limit_legacy(ngx_http_request_t *r,
    const ngx_spocr_limit_ctx_t *ctx);


static const ngx_spocr_header_name_t  ngx_spocr_limit_ietf_policy = {
    ngx_string("RateLimit-Policy"), ngx_string("ratelimit-policy"), 1
};

static const ngx_spocr_header_name_t  ngx_spocr_limit_ietf_left = {
    ngx_string("RateLimit"), ngx_string("ratelimit"), 1
};

static const ngx_spocr_header_name_t  ngx_spocr_limit_legacy_limit = {
    ngx_string("X-RateLimit-Limit"), ngx_string("x-ratelimit-limit"), 1
};

static const ngx_spocr_header_name_t  ngx_spocr_limit_legacy_remaining = {
    ngx_string("X-RateLimit-Remaining"),
    ngx_string("x-ratelimit-remaining"), 1
};

static const ngx_spocr_header_name_t  ngx_spocr_limit_legacy_reset = {
    ngx_string("X-RateLimit-Reset"), ngx_string("x-ratelimit-reset"), 1
};


ngx_int_t
ngx_spocr_limit_header(ngx_http_request_t *r, ngx_uint_t headers,
    const ngx_spocr_limit_ctx_t *ctx)
{
    uint32_t  remaining;

    if (headers == NGX_SPOCR_LIMIT_HEADERS_OFF
        || ngx_spocr_limit_remaining(ctx, &remaining) == NGX_DECLINED)
    {
        return NGX_OK;
    }

    if (headers == NGX_SPOCR_LIMIT_HEADERS_IETF) {
        return ngx_spocr_limit_ietf(r, ctx);
    }

    return ngx_spocr_limit_legacy(r, ctx);
}


/*
 * draft-ietf-httpapi-ratelimit-headers-10: lists of RFC 9651,
 *     RateLimit-Policy: "key";q=60;w=60, "uid";q=600;w=60
 *     RateLimit: "key";r=12;t=34, "uid";r=540;t=34
 */

static ngx_int_t
ngx_spocr_limit_ietf(ngx_http_request_t *r, const ngx_spocr_limit_ctx_t *ctx)
{
    u_char             *p, *q;
    uint32_t            left;
    ngx_str_t           policy, state;
    ngx_uint_t          i;
    static const char  *names[] = { "key", "uid" };

    /* two numbers of 10 and one of 8 digits at most for each level */

    p = ngx_pnalloc(r->pool, 2 * NGX_SPOCR_LEVELS * 48);
    if (p == NULL) {
        return NGX_ERROR;
    }

    q = p + NGX_SPOCR_LEVELS * 48;
    policy.data = p;
    state.data = q;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {

        if (ctx->limits[i] == NGX_SPOCR_LIMIT_NONE) {
            continue;
        }

        left = ctx->counts[i] < ctx->limits[i]
               ? ctx->limits[i] - ctx->counts[i] : 0;

        p = ngx_sprintf(p, "%s\"%s\";q=%uD;w=%M",
                        p == policy.data ? "" : ", ", names[i],
                        ctx->limits[i], ctx->window / 1000);
        q = ngx_sprintf(q, "%s\"%s\";r=%uD;t=%i",
                        q == state.data ? "" : ", ", names[i], left,
                        ctx->retry_after);
    }

    policy.len = (size_t) (p - policy.data);
    state.len = (size_t) (q - state.data);

    if (ngx_spocr_header_replace(&r->headers_out.headers,
                                 &ngx_spocr_limit_ietf_policy, &policy)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_header_replace(&r->headers_out.headers,
                                    &ngx_spocr_limit_ietf_left, &state);
}


static ngx_int_t
ngx_spocr_limit_legacy(ngx_http_request_t *r, const ngx_spocr_limit_ctx_t *ctx)
{
    u_char      *p;
    uint32_t     remaining;
    ngx_int_t    level;
    ngx_str_t    limit, left, reset;
    ngx_list_t  *headers;

    level = ngx_spocr_limit_remaining(ctx, &remaining);

    p = ngx_pnalloc(r->pool, 2 * NGX_INT32_LEN + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    limit.data = p;
    p = ngx_sprintf(p, "%uD", ctx->limits[level]);
    limit.len = (size_t) (p - limit.data);

    left.data = p;
    p = ngx_sprintf(p, "%uD", remaining);
    left.len = (size_t) (p - left.data);

    reset.data = p;
    p = ngx_sprintf(p, "%i", ctx->retry_after);
    reset.len = (size_t) (p - reset.data);

    headers = &r->headers_out.headers;

    if (ngx_spocr_header_replace(headers, &ngx_spocr_limit_legacy_limit,
                                 &limit)
        != NGX_OK
        || ngx_spocr_header_replace(headers, &ngx_spocr_limit_legacy_remaining,
                                    &left)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_header_replace(headers, &ngx_spocr_limit_legacy_reset,
                                    &reset);
}
