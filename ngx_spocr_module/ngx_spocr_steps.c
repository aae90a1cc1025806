
/*
 * The gateway's steps, in the order in which the access handler runs them.
 * Each hands what it needs to the part that decides.  Invariant: a step decides
 * nothing itself but whether it is concerned.
 */


#include "ngx_spocr.h"
#include "ngx_spocr_target.h"


static ngx_int_t ngx_spocr_target_step(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_preflight_step(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_key_step(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_count_step(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_method_step(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_once_step(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);


/* The order of the contract's section 1. */

const ngx_spocr_step_t  ngx_spocr_steps[] = {
    { "target", ngx_spocr_target_step },
    { "preflight", ngx_spocr_preflight_step },
    { "auth", ngx_spocr_key_step },
    { "limit", ngx_spocr_count_step },
    { "methods", ngx_spocr_method_step },
    { "idempotency", ngx_spocr_once_step },
    { NULL, NULL }
};


static ngx_int_t
ngx_spocr_target_step(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    u_char      *p, *end;
    ngx_str_t    host;
    const char  *reason;

    reason = ngx_spocr_target_check(r->unparsed_uri.data,
                                    r->unparsed_uri.len);

    if (reason == NULL
        && r->host_start
        && r->headers_in.host
        && r->http_version < NGX_HTTP_VERSION_20)
    {
        /* absolute-form: the host stands in the request line as well */

        end = r->request_line.data + r->request_line.len;

        for (p = r->host_start; p < end; p++) {
            if (*p == '/' || *p == '?' || *p == '#' || *p == ' ') {
                break;
            }
        }

        host.data = r->host_start;
        host.len = (size_t) (p - r->host_start);

        if (!ngx_spocr_target_same_host(&host, &r->headers_in.host->value)) {
            reason = "another host than the Host header's";
        }
    }

    if (reason) {
        return ngx_spocr_refuse(&ctx->verdict, NGX_SPOCR_ERR_BAD_REQUEST, -1,
                                reason);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_preflight_step(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    ngx_int_t  rc;

    ctx->allow = &slcf->methods.allow;

    rc = ngx_spocr_cors_preflight(r, &slcf->cors, &slcf->methods.allow,
                                  &ctx->verdict);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    ctx->preflight = 1;

    return rc;
}


static ngx_int_t
ngx_spocr_key_step(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    return ngx_spocr_auth_step(r, &slcf->auth, &smcf->auth, &ctx->auth,
                               &ctx->wait, &ctx->verdict);
}


static ngx_int_t
ngx_spocr_count_step(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    ngx_spocr_limit_store_t  store;

    store.zone = smcf->zone;
    store.redis = smcf->redis;

    return ngx_spocr_limit_step(&slcf->limit, &store, ctx->auth.key,
                                &ctx->limit, &ctx->wait, &ctx->verdict);
}


static ngx_int_t
ngx_spocr_method_step(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    ctx->allow = &slcf->methods.allow;

    return ngx_spocr_methods_step(r, &slcf->methods, &ctx->verdict);
}


static ngx_int_t
ngx_spocr_once_step(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    ngx_spocr_idem_env_t  env;

    if (ctx->idem == NULL) {

        if (slcf->idem.enable == NGX_SPOCR_IDEM_OFF) {
            ctx->unclaimed = 1;
            return NGX_OK;
        }

        /* a fallback of where it ran without a claim */

        if (ctx->unclaimed && r->request_body) {
            return NGX_OK;
        }

        ctx->idem = ngx_pcalloc(r->pool, sizeof(ngx_spocr_idem_ctx_t));
        if (ctx->idem == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    env.conf = &slcf->idem;
    env.main = &smcf->idem;
    env.redis = smcf->redis;
    env.zone = smcf->zone;
    env.totals = ngx_spocr_status_idem_totals();
    env.key = ctx->auth.status == NGX_SPOCR_AUTH_OK ? ctx->auth.key : NULL;
    env.request_id = ngx_spocr_request_id(r, ctx);

    return ngx_spocr_idem_step(r, &env, ctx->idem, &ctx->wait, &ctx->verdict);
}
