
/*
 * The phases of a request, in the order in which nginx calls them:
 *
 *     post read   HTTP/0.9 is closed
 *     access      the gateway's steps, then the identity for the backend
 *     precontent  the same identity where "satisfy any" went past the steps
 *                 (the filters of ngx_spocr_filters.c see the answer)
 *     log         the totals
 *
 * Invariant: a request is asked and counted once, whatever it is redirected
 * to internally.
 */


#include "ngx_spocr.h"
#include "ngx_spocr_reply.h"


#define NGX_SPOCR_SAMPLE_EVERY  16


#define ngx_spocr_strip(slcf)                                                 \
    ((slcf)->enable ? NGX_SPOCR_STRIP_GATED : NGX_SPOCR_STRIP_COVERED)


static ngx_int_t ngx_spocr_post_read_handler(ngx_http_request_t *r);
static ngx_uint_t ngx_spocr_too_old(ngx_http_request_t *r,
    ngx_spocr_loc_conf_t *slcf);
static ngx_int_t ngx_spocr_access_handler(ngx_http_request_t *r);
static ngx_int_t ngx_spocr_precontent_handler(ngx_http_request_t *r);
static ngx_int_t ngx_spocr_log_handler(ngx_http_request_t *r);


static ngx_int_t ngx_spocr_run(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);
static ngx_int_t ngx_spocr_stop(ngx_http_request_t *r,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_spocr_subrequest(ngx_http_request_t *r,
    ngx_spocr_loc_conf_t *slcf);
static ngx_int_t ngx_spocr_forward(ngx_http_request_t *r,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx);
static uint64_t ngx_spocr_nanoseconds(void);


/*
 * HTTP/0.9 has no headers, so no id, and no keep-alive to lose (C-36).  It
 * has no list of headers either: nothing may look at one.
 */

static ngx_int_t
ngx_spocr_post_read_handler(ngx_http_request_t *r)
{
    ngx_spocr_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);

    return ngx_spocr_too_old(r, slcf) ? NGX_HTTP_CLOSE : NGX_DECLINED;
}


/*
 * The server's configuration may have let pass what a location's does not.
 * nginx itself uses the version for a post_action, which nobody sees; what
 * matters is whether there is a list.
 */

static ngx_uint_t
ngx_spocr_too_old(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf)
{
    if (!ngx_spocr_covers(slcf)) {
        return 0;
    }

    return r->headers_in.headers.last == NULL
           || (r->http_version < NGX_HTTP_VERSION_10 && !r->post_action);
}


static ngx_int_t
ngx_spocr_access_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_spocr_ctx_t        *ctx;
    ngx_spocr_loc_conf_t   *slcf;
    ngx_spocr_main_conf_t  *smcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);

    if (ngx_spocr_too_old(r, slcf)) {
        return NGX_HTTP_CLOSE;
    }

    if (!slcf->enable && !slcf->request_id) {
        return NGX_DECLINED;
    }

    ctx = ngx_spocr_ctx(r, 1);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_spocr_forward_strip(r, &ctx->forward, ngx_spocr_strip(slcf))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (slcf->request_id) {
        ctx->covered = 1;
    }

    if (!slcf->enable) {
        return NGX_DECLINED;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);

    /*
     * The precontent handler forgets a refusal that "satisfy any" overruled:
     * one that is remembered stands, and this is the page that an error_page
     * names for it.  It is shown where no key is asked for; elsewhere it
     * would be a way around the key.
     */

    if (ctx->verdict.error) {
        ngx_spocr_stopped(r, smcf, slcf, ctx);

        return slcf->auth.enable ? (ngx_int_t) ctx->verdict.error->status
                                 : NGX_DECLINED;
    }

    ctx->gated = 1;

    rc = ngx_spocr_run(r, smcf, slcf, ctx);

    if (rc == NGX_AGAIN) {
        return ngx_spocr_park(r, ctx);
    }

    if (rc == NGX_BUSY) {
        return ngx_spocr_read_body(r, ctx);
    }

    if (rc != NGX_OK) {
        return ngx_spocr_stop(r, smcf, slcf, ctx, rc);
    }

    ctx->passed = 1;

    if (ngx_spocr_forward(r, slcf, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* an open location has no say in "satisfy any" */

    return slcf->auth.enable ? NGX_OK : NGX_DECLINED;
}


/* How long the steps take is measured on one request in sixteen. */

static ngx_int_t
ngx_spocr_run(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    uint64_t    start;
    ngx_int_t   rc;
    ngx_uint_t  timed;

    timed = ++smcf->worker->sample % NGX_SPOCR_SAMPLE_EVERY == 0;
    start = timed ? ngx_spocr_nanoseconds() : 0;

    rc = NGX_OK;

    while (ngx_spocr_steps[ctx->step].run) {

        rc = ngx_spocr_steps[ctx->step].run(r, smcf, slcf, ctx);

        if (rc != NGX_OK) {
            ctx->step_name = ngx_spocr_steps[ctx->step].name;
            break;
        }

        ctx->step++;
    }

    if (timed) {
        ngx_spocr_metrics_step(smcf->zone, ngx_spocr_nanoseconds() - start);
    }

    if (rc != NGX_AGAIN && rc != NGX_BUSY) {
        ctx->step = 0;
    }

    return rc;
}


/*
 * Ends what a step has ended.  A refusal is returned as a status, so that
 * satisfy, error_page, auth_delay and the request's body are nginx's matter
 * as ever; the filters put our JSON in the place of its page.
 */

static ngx_int_t
ngx_spocr_stop(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (rc == NGX_DONE) {

        if (ctx->idem && ctx->idem->record) {
            ctx->passed = 1;
            return ngx_spocr_idem_replay(r, ctx->idem);
        }

        return ngx_spocr_reply_empty(r);
    }

    if (ctx->verdict.error == NULL) {
        rc = ngx_spocr_refuse(&ctx->verdict, NGX_SPOCR_ERR_INTERNAL_ERROR, -1,
                              "a step failed");
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ALL
        || (rc != NGX_HTTP_UNAUTHORIZED && rc != NGX_HTTP_FORBIDDEN))
    {
        ngx_spocr_stopped(r, smcf, slcf, ctx);
    }

    return rc;
}


void
ngx_spocr_stopped(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    if (ctx->stopped) {
        return;
    }

    ctx->stopped = 1;
    ctx->error = ctx->verdict.error;

    ngx_spocr_log_refusal(r, smcf, slcf, ctx);
}


/*
 * Only who was let in comes by here, and no backend is reached without: where
 * another module's access handler overruled ours, and where only an id is
 * wanted, the headers get here what is theirs.
 */

static ngx_int_t
ngx_spocr_precontent_handler(ngx_http_request_t *r)
{
    ngx_spocr_ctx_t       *ctx;
    ngx_spocr_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);

    if (r != r->main) {
        return ngx_spocr_subrequest(r, slcf);
    }

    if (ngx_spocr_too_old(r, slcf)) {
        return NGX_HTTP_CLOSE;
    }

    if (!slcf->enable && !slcf->request_id) {
        return NGX_DECLINED;
    }

    ctx = ngx_spocr_ctx(r, 1);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ctx->stopped) {
        ctx->verdict.error = NULL;
    }

    if (ngx_spocr_forward_strip(r, &ctx->forward, ngx_spocr_strip(slcf))
        != NGX_OK
        || ngx_spocr_forward(r, slcf, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * nginx has no access phase for subrequests: they are their main request's
 * matter.  One that has no key, or not the scope, has no way in through them.
 */

static ngx_int_t
ngx_spocr_subrequest(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf)
{
    ngx_spocr_ctx_t  *ctx;

    if (!slcf->enable) {
        return NGX_DECLINED;
    }

    ctx = ngx_spocr_ctx(r, 0);

    if (slcf->auth.enable
        && (ctx == NULL
            || ctx->auth.status != NGX_SPOCR_AUTH_OK
            || !ngx_spocr_auth_in_scope(&slcf->auth, ctx->auth.key)))
    {
        ngx_spocr_log_subrequest(r, slcf);
        return NGX_HTTP_FORBIDDEN;
    }

    if (ctx && ctx->forward.stripped == NGX_SPOCR_STRIP_GATED) {
        return NGX_DECLINED;
    }

    return ngx_spocr_forward_strip_subrequest(r) == NGX_OK
           ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_spocr_forward(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx)
{
    ngx_spocr_forward_t     identity;
    const ngx_spocr_key_t  *key;
    ngx_spocr_main_conf_t  *smcf;

    if (ctx->idem && ngx_spocr_idem_forward(r, ctx->idem) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&identity, sizeof(ngx_spocr_forward_t));

    /* a key that was asked for goes no further, wherever the request ends */

    identity.auth = (slcf->enable && slcf->auth.enable)
                    || ctx->auth.status > NGX_SPOCR_AUTH_OFF;

    if (slcf->request_id) {
        identity.request_id = ngx_spocr_request_id(r, ctx);
    }

    if (ctx->auth.status == NGX_SPOCR_AUTH_OK) {
        key = ctx->auth.key;

        identity.uid = key->tenant->uid;
        identity.key_id = key->id;

        if (key->tenant->plan) {
            identity.plan = key->tenant->plan->name;
        }
    }

    if (slcf->enable) {
        smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);
        identity.secrets = smcf->upstream;
    }

    return ngx_spocr_forward_identity(r, &ctx->forward, &identity);
}


static ngx_int_t
ngx_spocr_log_handler(ngx_http_request_t *r)
{
    ngx_uint_t              covers;
    ngx_spocr_ctx_t        *ctx;
    ngx_spocr_loc_conf_t   *slcf;
    ngx_spocr_main_conf_t  *smcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);

    covers = ngx_spocr_covers(slcf);
    ctx = ngx_spocr_ctx(r, covers);
    smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);

    if (smcf->zone && ctx && (covers || ctx->gated)) {
        ngx_spocr_status_count(smcf, slcf, ctx);
    }

    return NGX_OK;
}


static uint64_t
ngx_spocr_nanoseconds(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


ngx_int_t
ngx_spocr_pipeline_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    static const struct {
        ngx_http_phases      phase;
        ngx_http_handler_pt  handler;
    } handlers[] = {
        { NGX_HTTP_POST_READ_PHASE, ngx_spocr_post_read_handler },
        { NGX_HTTP_ACCESS_PHASE, ngx_spocr_access_handler },
        { NGX_HTTP_PRECONTENT_PHASE, ngx_spocr_precontent_handler },
        { NGX_HTTP_LOG_PHASE, ngx_spocr_log_handler }
    };

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {

        h = ngx_array_push(&cmcf->phases[handlers[i].phase].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = handlers[i].handler;
    }

    return NGX_OK;
}
