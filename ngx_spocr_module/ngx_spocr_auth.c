
/*
 * The auth step.  The access handler calls it before a byte of the body is
 * read, and again where it waited for Redis.  Invariant: what is answered for
 * an unknown, revoked, expired or disabled key is the same (C-7); only the
 * context's status, for logs and metrics, tells them apart.
 */


#include "ngx_spocr_auth.h"
#include "ngx_spocr_headers.h"


static ngx_int_t ngx_spocr_auth_key(ngx_http_request_t *r,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_redis_wait_t *wait, ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_auth_begin(ngx_http_request_t *r,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_redis_wait_t *wait, const u_char *digest);
static ngx_int_t ngx_spocr_auth_ask(ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_auth_unavailable(ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict, const char *reason);
static ngx_int_t ngx_spocr_auth_check(ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_auth_challenge(ngx_http_request_t *r,
    ngx_uint_t malformed);


static const ngx_spocr_header_name_t  ngx_spocr_auth_challenge_name = {
    ngx_string("WWW-Authenticate"), ngx_string("www-authenticate"), 1
};

static const ngx_str_t  ngx_spocr_auth_challenge_missing =
    ngx_string("Bearer realm=\"space-ocr\"");

static const ngx_str_t  ngx_spocr_auth_challenge_malformed =
    ngx_string("Bearer realm=\"space-ocr\", error=\"invalid_token\"");


static const ngx_str_t  ngx_spocr_auth_statuses[] = {
    ngx_null_string,
    ngx_string("OFF"),
    ngx_string("OK"),
    ngx_string("MISSING"),
    ngx_string("MALFORMED"),
    ngx_string("UNKNOWN"),
    ngx_string("REVOKED"),
    ngx_string("EXPIRED"),
    ngx_string("DISABLED"),
    ngx_string("SCOPE"),
    ngx_string("UNAVAILABLE")
};


ngx_int_t
ngx_spocr_auth_step(ngx_http_request_t *r, const ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_redis_wait_t *wait, ngx_spocr_verdict_t *verdict)
{
    ngx_int_t  rc;

    if (!acf->enable) {

        if (ctx->status == NGX_SPOCR_AUTH_NONE) {
            ctx->status = NGX_SPOCR_AUTH_OFF;
        }

        return NGX_OK;
    }

    /* asked before, in the location that redirected here internally? */

    if (ctx->status != NGX_SPOCR_AUTH_OK
        && ctx->status != NGX_SPOCR_AUTH_SCOPE)
    {
        rc = ngx_spocr_auth_key(r, amcf, ctx, wait, verdict);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!ngx_spocr_auth_in_scope(acf, ctx->key)) {
        ctx->status = NGX_SPOCR_AUTH_SCOPE;
        return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_INSUFFICIENT_SCOPE, -1,
                                NULL);
    }

    ctx->status = NGX_SPOCR_AUTH_OK;

    return NGX_OK;
}


ngx_uint_t
ngx_spocr_auth_in_scope(const ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_key_t *key)
{
    return acf->scope.len == 0
           || ngx_spocr_key_has_scope(key, acf->scope_index);
}


const ngx_str_t *
ngx_spocr_auth_status(ngx_spocr_auth_e status)
{
    return &ngx_spocr_auth_statuses[status];
}


/* Finds the request's key; NGX_OK with status OK, or as the step returns. */

static ngx_int_t
ngx_spocr_auth_key(ngx_http_request_t *r,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_redis_wait_t *wait, ngx_spocr_verdict_t *verdict)
{
    u_char             digest[NGX_SPOCR_DIGEST_LEN];
    ngx_str_t          text;
    ngx_table_elt_t   *h;
    ngx_spocr_token_e  token;

    if (ctx->asker && ngx_spocr_asker_waits(ctx->asker)) {
        return ngx_spocr_auth_ask(ctx, verdict);
    }

    ctx->key = NULL;

    h = r->headers_in.authorization;
    token = ngx_spocr_token_parse(h ? &h->value : NULL, &text);

    if (token != NGX_SPOCR_TOKEN_OK) {
        ctx->status = token == NGX_SPOCR_TOKEN_MISSING
                      ? NGX_SPOCR_AUTH_MISSING : NGX_SPOCR_AUTH_MALFORMED;

        if (ngx_spocr_auth_challenge(r, token == NGX_SPOCR_TOKEN_MALFORMED)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_UNAUTHORIZED, -1, NULL);
    }

    if (ngx_spocr_digest(amcf->digest, text.data, text.len, digest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (amcf->redis) {

        /* a single process that was reloaded has no link */

        if (amcf->lookup == NULL) {
            return ngx_spocr_auth_unavailable(ctx, verdict, "no link to Redis");
        }

        return ngx_spocr_auth_begin(r, amcf, ctx, wait, digest) == NGX_OK
               ? ngx_spocr_auth_ask(ctx, verdict) : NGX_ERROR;
    }

    ctx->key = ngx_spocr_keys_find(amcf->keys, digest);

    return ngx_spocr_auth_check(ctx, verdict);
}


static ngx_int_t
ngx_spocr_auth_begin(ngx_http_request_t *r,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_redis_wait_t *wait, const u_char *digest)
{
    if (ctx->asker == NULL) {
        ctx->asker = ngx_pcalloc(r->main->pool, sizeof(ngx_spocr_asker_t));
        if (ctx->asker == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_spocr_asker_begin(ctx->asker, amcf->lookup, wait, digest);

    return NGX_OK;
}


/* For the first time, or again. */

static ngx_int_t
ngx_spocr_auth_ask(ngx_spocr_auth_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    switch (ngx_spocr_asker_find(ctx->asker)) {

    case NGX_OK:
        ctx->key = &ctx->asker->identity.key;
        return ngx_spocr_auth_check(ctx, verdict);

    case NGX_DECLINED:
        return ngx_spocr_auth_check(ctx, verdict);

    case NGX_AGAIN:
        return NGX_AGAIN;

    default: /* NGX_ERROR */
        return ngx_spocr_auth_unavailable(ctx, verdict, ctx->asker->reason);
    }
}


static ngx_int_t
ngx_spocr_auth_unavailable(ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict, const char *reason)
{
    ctx->status = NGX_SPOCR_AUTH_UNAVAILABLE;

    return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_SERVICE_UNAVAILABLE, 1,
                            reason);
}


static ngx_int_t
ngx_spocr_auth_check(ngx_spocr_auth_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    if (ctx->key == NULL) {
        ctx->status = NGX_SPOCR_AUTH_UNKNOWN;
        return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_FORBIDDEN, -1, NULL);
    }

    switch (ngx_spocr_key_check(ctx->key, ngx_time())) {

    case NGX_SPOCR_KEY_OK:
        ctx->status = NGX_SPOCR_AUTH_OK;
        return NGX_OK;

    case NGX_SPOCR_KEY_IS_REVOKED:
        ctx->status = NGX_SPOCR_AUTH_REVOKED;
        break;

    case NGX_SPOCR_KEY_IS_EXPIRED:
        ctx->status = NGX_SPOCR_AUTH_EXPIRED;
        break;

    default: /* NGX_SPOCR_KEY_IS_DISABLED */
        ctx->status = NGX_SPOCR_AUTH_DISABLED;
        break;
    }

    return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_FORBIDDEN, -1, NULL);
}


void
ngx_spocr_auth_release(ngx_spocr_auth_ctx_t *ctx)
{
    ctx->key = NULL;

    if (ctx->asker) {
        ngx_spocr_asker_release(ctx->asker);
    }
}


ngx_int_t
ngx_spocr_auth_start(ngx_cycle_t *cycle, ngx_spocr_auth_main_conf_t *amcf,
    const ngx_spocr_lookup_context_t *context)
{
    if (!amcf->redis || ngx_process == NGX_PROCESS_HELPER) {
        return NGX_OK;
    }

    amcf->lookup = ngx_spocr_lookup_start(cycle, context, &amcf->conf,
                                          amcf->keys, amcf->digest);

    return amcf->lookup ? NGX_OK : NGX_ERROR;
}


void
ngx_spocr_auth_stop(ngx_spocr_auth_main_conf_t *amcf)
{
    if (amcf->lookup) {
        ngx_spocr_lookup_stop(amcf->lookup);
        amcf->lookup = NULL;
    }
}


/* C-6: RFC 9110, 15.5.2 wants it on a 401; RFC 6750, 3.1 says in what words. */

static ngx_int_t
ngx_spocr_auth_challenge(ngx_http_request_t *r, ngx_uint_t malformed)
{
    ngx_table_elt_t  *h;

    h = ngx_spocr_header_add(&r->headers_out.headers,
                             &ngx_spocr_auth_challenge_name,
                             malformed ? &ngx_spocr_auth_challenge_malformed
                                       : &ngx_spocr_auth_challenge_missing);
    if (h == NULL) {
        return NGX_ERROR;
    }

    /* nginx takes it back where "satisfy any" lets the request in */

    r->headers_out.www_authenticate = h;

    return NGX_OK;
}
