
/*
 * The request's context; handlers, filters and variables ask for it here.
 * Invariant: a main request has one, from the first that asks to the end of
 * its pool, whatever nginx clears at a redirect.
 */


#include "ngx_spocr.h"


static void ngx_spocr_ctx_cleanup(void *data);


ngx_spocr_ctx_t *
ngx_spocr_ctx(ngx_http_request_t *r, ngx_uint_t create)
{
    ngx_spocr_ctx_t     *ctx;
    ngx_pool_cleanup_t  *cln;

    r = r->main;
    ctx = ngx_http_get_module_ctx(r, ngx_spocr_module);

    if (ctx) {
        return ctx;
    }

    if (r->internal || r->filter_finalize) {

        /* the contexts were cleared, the pool was not (realip's way) */

        for (cln = r->pool->cleanup; cln; cln = cln->next) {
            if (cln->handler == ngx_spocr_ctx_cleanup) {
                ctx = cln->data;
                ngx_http_set_ctx(r, ctx, ngx_spocr_module);
                return ctx;
            }
        }
    }

    if (!create) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_spocr_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_spocr_ctx_cleanup;
    ctx = cln->data;

    ngx_memzero(ctx, sizeof(ngx_spocr_ctx_t));

    ctx->wait.wake = ngx_spocr_wake;
    ctx->wait.data = r;

    ngx_http_set_ctx(r, ctx, ngx_spocr_module);

    return ctx;
}


ngx_str_t
ngx_spocr_request_id(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx)
{
    ngx_spocr_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);

    return ngx_spocr_reqid_get(&smcf->worker->ids, &ctx->reqid);
}


/* Marks the context among the pool's cleanups, and ends what it waits for. */

static void
ngx_spocr_ctx_cleanup(void *data)
{
    ngx_spocr_ctx_t *ctx = data;

    if (ctx->idem) {
        ngx_spocr_idem_release(ctx->idem);
    }

    ngx_spocr_limit_release(&ctx->limit);
    ngx_spocr_auth_release(&ctx->auth);
}
