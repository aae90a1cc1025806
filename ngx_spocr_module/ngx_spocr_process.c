
/*
 * What runs beside the requests: each worker's link to Redis and its cache of
 * keys.  nginx calls this at the end of the configuration, and at a worker's
 * beginning and end.
 */


#include "ngx_spocr.h"


#define NGX_SPOCR_RESOLVER_TIMEOUT  30000      /* ms */


/* of ngx_spocr_zone_may_say(): the last one; Redis has the first ones, and
 * lookups those behind them */
#define NGX_SPOCR_TOPIC_OUTBOX      (NGX_SPOCR_ZONE_TOPICS - 1)


_Static_assert((int) NGX_SPOCR_REDIS_TOPICS
               + (int) NGX_SPOCR_LOOKUP_TOPICS <= NGX_SPOCR_TOPIC_OUTBOX,
               "each topic has a place of its own");


static ngx_int_t ngx_spocr_start_outbox(ngx_cycle_t *cycle,
    ngx_spocr_main_conf_t *smcf);


/* Names are looked up again with the http block's resolver, if it has one. */

ngx_int_t
ngx_spocr_process_conf(ngx_conf_t *cf, ngx_spocr_main_conf_t *smcf)
{
    ngx_http_conf_ctx_t        *ctx;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_spocr_redis_context_t   context;

    if (smcf->auth.redis && smcf->redis == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"spocr_keys redis\" needs \"spocr_redis\" in %V:%ui",
                      &smcf->keys_file, smcf->keys_line);
        return NGX_ERROR;
    }

    if (smcf->redis == NULL) {
        return NGX_OK;
    }

    if (smcf->zone == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"spocr_redis\" needs \"spocr_zone\" in %V:%ui",
                      &smcf->redis_file, smcf->redis_line);
        return NGX_ERROR;
    }

    ctx = cf->ctx;
    clcf = ctx->loc_conf[ngx_http_core_module.ctx_index];

    ngx_memzero(&context, sizeof(ngx_spocr_redis_context_t));

    context.zone = smcf->zone;
    context.totals = ngx_spocr_status_redis_totals();
    context.observe = ngx_spocr_metrics_redis;
    context.subscribe = smcf->auth.redis;

    if (smcf->idem.used) {

        /* whatever this configuration's max_body is: one before it, or
         * another node's, may have stored the longest */

        context.records = NGX_SPOCR_IDEM_RECORD_MAX;
        context.records_queue = smcf->idem.capture_limit;

        ngx_spocr_zone_outbox_reserve(smcf->zone,
                                      ngx_spocr_zone_size(smcf->zone) / 4);
    }

    /* the core module makes an empty one where there is none */

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        context.resolver = clcf->resolver;

        /* nothing is merged into the http block's own: nginx's default */

        context.resolver_timeout
            = clcf->resolver_timeout == NGX_CONF_UNSET_MSEC
              ? NGX_SPOCR_RESOLVER_TIMEOUT : clcf->resolver_timeout;
    }

    ngx_spocr_redis_finish(smcf->redis, &context);

    return NGX_OK;
}


ngx_int_t
ngx_spocr_init_process(ngx_cycle_t *cycle)
{
    ngx_spocr_main_conf_t       *smcf;
    ngx_spocr_lookup_context_t   context;

    if (cycle->conf_ctx[ngx_http_module.index] == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_spocr_module);

    if (smcf->redis == NULL) {
        return NGX_OK;
    }

    context.zone = smcf->zone;
    context.redis = smcf->redis;
    context.totals = ngx_spocr_status_lookup_totals();
    context.topics = NGX_SPOCR_REDIS_TOPICS;

    if (ngx_spocr_redis_start(cycle, smcf->redis) != NGX_OK) {
        return NGX_ERROR;
    }

    if (smcf->idem.used
        && ngx_spocr_start_outbox(cycle, smcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_auth_start(cycle, &smcf->auth, &context);
}


static ngx_int_t
ngx_spocr_start_outbox(ngx_cycle_t *cycle, ngx_spocr_main_conf_t *smcf)
{
    ngx_spocr_outbox_context_t  context;

    context.redis = smcf->redis;
    context.zone = smcf->zone;
    context.totals = ngx_spocr_status_outbox_totals();
    context.topic = NGX_SPOCR_TOPIC_OUTBOX;
    context.limit = smcf->idem.capture_limit;

    smcf->idem.worker->outbox = ngx_spocr_outbox_start(cycle, &context);

    return smcf->idem.worker->outbox ? NGX_OK : NGX_ERROR;
}


void
ngx_spocr_exit_process(ngx_cycle_t *cycle)
{
    ngx_spocr_main_conf_t  *smcf;

    if (cycle->conf_ctx[ngx_http_module.index] == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_spocr_module);

    if (smcf->redis == NULL) {
        return;
    }

    if (smcf->idem.worker->outbox) {
        ngx_spocr_outbox_stop(smcf->idem.worker->outbox);
        smcf->idem.worker->outbox = NULL;
    }

    ngx_spocr_auth_stop(&smcf->auth);
    ngx_spocr_redis_stop(smcf->redis);
}
