
/*
 * The status and health pages, and what the log handler counts for them.
 * Invariant: each request of a covered location adds one to exactly one
 * outcome.
 */


#include "ngx_spocr.h"
#include "ngx_spocr_reply.h"


/* Where each family's totals begin in the zone. */

typedef enum {
    NGX_SPOCR_TOTAL_OUTCOME = 0,
    NGX_SPOCR_TOTAL_AUTH = NGX_SPOCR_TOTAL_OUTCOME + NGX_SPOCR_OUTCOME_COUNT,
    NGX_SPOCR_TOTAL_LIMIT = NGX_SPOCR_TOTAL_AUTH + NGX_SPOCR_AUTH_COUNT,
    NGX_SPOCR_TOTAL_SOURCE = NGX_SPOCR_TOTAL_LIMIT
                             + NGX_SPOCR_LIMIT_STATUS_COUNT,
    NGX_SPOCR_TOTAL_ERROR = NGX_SPOCR_TOTAL_SOURCE
                            + NGX_SPOCR_LIMIT_SOURCE_COUNT,
    NGX_SPOCR_TOTAL_SLOW = NGX_SPOCR_TOTAL_ERROR + NGX_SPOCR_ERR_COUNT,
    NGX_SPOCR_TOTAL_REDIS = NGX_SPOCR_TOTAL_SLOW + 1,
    NGX_SPOCR_TOTAL_LOOKUP = NGX_SPOCR_TOTAL_REDIS + NGX_SPOCR_REDIS_TOTALS,
    NGX_SPOCR_TOTAL_IDEM = NGX_SPOCR_TOTAL_LOOKUP + NGX_SPOCR_LOOKUP_TOTALS,
    NGX_SPOCR_TOTAL_CLAIM = NGX_SPOCR_TOTAL_IDEM
                            + NGX_SPOCR_IDEM_STATUS_COUNT,
    NGX_SPOCR_TOTAL_OUTBOX = NGX_SPOCR_TOTAL_CLAIM + NGX_SPOCR_IDEM_TOTALS,
    NGX_SPOCR_TOTAL_END = NGX_SPOCR_TOTAL_OUTBOX + NGX_SPOCR_OUTBOX_TOTALS
} ngx_spocr_total_e;


/* the histograms' totals stand at the end of the zone's */

typedef char ngx_spocr_totals_fit[
    (ngx_uint_t) NGX_SPOCR_TOTAL_END <= NGX_SPOCR_METRICS_STEP ? 1 : -1];


static ngx_int_t ngx_spocr_status_page(ngx_http_request_t *r,
    ngx_buf_t *(*page)(ngx_pool_t *pool, const ngx_spocr_metrics_t *metrics),
    const ngx_str_t *type);
static ngx_int_t ngx_spocr_status_method(ngx_http_request_t *r);
static const ngx_str_t *ngx_spocr_status_auth(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_limit(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_source(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_error(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_call(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_link(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_record(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_idem(ngx_uint_t i);
static const ngx_str_t *ngx_spocr_status_outbox(ngx_uint_t i);


static const ngx_spocr_metrics_family_t  ngx_spocr_status_families[] = {

    { "requests", "outcome", "Requests by what became of them",
      NGX_SPOCR_TOTAL_OUTCOME, NGX_SPOCR_OUTCOME_COUNT,
      ngx_spocr_metrics_outcome, 0 },

    { "auth", "status", "Gated requests by what was found of their key",
      NGX_SPOCR_TOTAL_AUTH, NGX_SPOCR_AUTH_COUNT,
      ngx_spocr_status_auth, 0 },

    { "limit", "status", "Requests with a key by the limit's decision",
      NGX_SPOCR_TOTAL_LIMIT, NGX_SPOCR_LIMIT_STATUS_COUNT,
      ngx_spocr_status_limit, 0 },

    { "limit_source", "source", "Limit decisions by where they were made",
      NGX_SPOCR_TOTAL_SOURCE, NGX_SPOCR_LIMIT_SOURCE_COUNT,
      ngx_spocr_status_source, 0 },

    { "errors", "code", "Errors of the gateway and of nginx by code",
      NGX_SPOCR_TOTAL_ERROR, NGX_SPOCR_ERR_COUNT,
      ngx_spocr_status_error, 0 },

    { "slow_bodies", NULL, "Requests that were cut, as their body was too slow",
      NGX_SPOCR_TOTAL_SLOW, 1, NULL, 0 },

    { "redis_calls", "result", "Calls of Redis by how they ended",
      NGX_SPOCR_TOTAL_REDIS, NGX_SPOCR_REDIS_CALL_TOTALS,
      ngx_spocr_status_call, 1 },

    { "redis_links", "event", "Links to Redis that came, failed and went",
      NGX_SPOCR_TOTAL_REDIS + NGX_SPOCR_REDIS_TOTAL_CONNECTED, 3,
      ngx_spocr_status_link, 1 },

    { "redis_writes", NULL, "System calls that sent calls to Redis",
      NGX_SPOCR_TOTAL_REDIS + NGX_SPOCR_REDIS_TOTAL_WRITES, 1, NULL, 1 },

    { "redis_notices", NULL, "Notices of changed keys that were heard",
      NGX_SPOCR_TOTAL_REDIS + NGX_SPOCR_REDIS_TOTAL_NOTICES, 1, NULL, 1 },

    { "redis_subscriptions", NULL, "Subscriptions to notices that were begun",
      NGX_SPOCR_TOTAL_REDIS + NGX_SPOCR_REDIS_TOTAL_SUBSCRIBED, 1, NULL, 1 },

    { "key_lookups", "result", "Keys by what the cache or Redis said of them",
      NGX_SPOCR_TOTAL_LOOKUP, NGX_SPOCR_LOOKUP_SOURCES,
      ngx_spocr_lookup_total, 1 },

    { "key_records", "result", "Records that were read from Redis",
      NGX_SPOCR_TOTAL_LOOKUP + NGX_SPOCR_LOOKUP_SOURCES,
      NGX_SPOCR_LOOKUP_TOTALS - NGX_SPOCR_LOOKUP_SOURCES,
      ngx_spocr_status_record, 1 },

    { "idempotency", "status", "Requests by what became of their "
      "Idempotency-Key",
      NGX_SPOCR_TOTAL_IDEM, NGX_SPOCR_IDEM_STATUS_COUNT,
      ngx_spocr_status_idem, 1 },

    { "idempotency_claims", "end", "Claimed requests by what became of the "
      "claim",
      NGX_SPOCR_TOTAL_CLAIM, NGX_SPOCR_IDEM_TOTALS,
      ngx_spocr_idem_total, 1 },

    { "idempotency_outbox", "result", "Ends of claims by how Redis was told",
      NGX_SPOCR_TOTAL_OUTBOX, NGX_SPOCR_OUTBOX_TOTALS,
      ngx_spocr_status_outbox, 1 },

    { NULL, NULL, NULL, 0, 0, NULL, 0 }
};


static const ngx_str_t  ngx_spocr_status_json_type =
    ngx_string("application/json");

/* https://prometheus.io/docs/instrumenting/exposition_formats/ */

static const ngx_str_t  ngx_spocr_status_prometheus_type =
    ngx_string("text/plain; version=0.0.4");


void
ngx_spocr_status_count(ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx)
{
    ngx_spocr_zone_t     *zone;
    ngx_spocr_outcome_e   outcome;

    zone = smcf->zone;

    if (!ctx->gated) {
        outcome = NGX_SPOCR_OUTCOME_NOT_GATED;

    } else if (ctx->preflight) {
        outcome = NGX_SPOCR_OUTCOME_PREFLIGHT;

    } else if (ctx->stopped) {
        outcome = NGX_SPOCR_OUTCOME_REFUSED;

    } else if (ctx->parked
               || (ctx->idem && ctx->idem->state == NGX_SPOCR_IDEM_READING))
    {
        outcome = NGX_SPOCR_OUTCOME_GONE;

    } else if (ctx->passed && ctx->auth.status == NGX_SPOCR_AUTH_OK) {
        outcome = NGX_SPOCR_OUTCOME_ALLOWED;

    } else {

        /* no key is asked for, or "satisfy any" let in who had none */

        outcome = NGX_SPOCR_OUTCOME_OPEN;
    }

    ngx_spocr_zone_count(zone, NGX_SPOCR_TOTAL_OUTCOME + outcome, 1);

    if (ctx->auth.status != NGX_SPOCR_AUTH_NONE) {
        ngx_spocr_zone_count(zone, NGX_SPOCR_TOTAL_AUTH + ctx->auth.status, 1);
    }

    if (ctx->limit.status != NGX_SPOCR_LIMIT_STATUS_NONE) {
        ngx_spocr_zone_count(zone, NGX_SPOCR_TOTAL_LIMIT + ctx->limit.status,
                             1);
    }

    if (ctx->limit.source != NGX_SPOCR_LIMIT_SOURCE_NONE) {
        ngx_spocr_zone_count(zone, NGX_SPOCR_TOTAL_SOURCE + ctx->limit.source,
                             1);
    }

    if (ctx->idem && ctx->idem->status != NGX_SPOCR_IDEM_STATUS_NONE) {
        ngx_spocr_zone_count(zone, NGX_SPOCR_TOTAL_IDEM + ctx->idem->status,
                             1);
    }

    if (ctx->error) {
        ngx_spocr_zone_count(zone, NGX_SPOCR_TOTAL_ERROR + ctx->error->index,
                             1);
    }
}


ngx_int_t
ngx_spocr_status_json_handler(ngx_http_request_t *r)
{
    return ngx_spocr_status_page(r, ngx_spocr_metrics_json,
                                 &ngx_spocr_status_json_type);
}


ngx_int_t
ngx_spocr_status_prometheus_handler(ngx_http_request_t *r)
{
    return ngx_spocr_status_page(r, ngx_spocr_metrics_prometheus,
                                 &ngx_spocr_status_prometheus_type);
}


ngx_int_t
ngx_spocr_health_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_uint_t              away;
    const ngx_str_t        *text;
    ngx_spocr_loc_conf_t   *slcf;
    ngx_spocr_main_conf_t  *smcf;

    static const ngx_str_t  ok = ngx_string("{\"status\":\"ok\"}\n");
    static const ngx_str_t  unavailable =
        ngx_string("{\"status\":\"unavailable\",\"redis\":\"away\"}\n");

    rc = ngx_spocr_status_method(r);
    if (rc != NGX_OK) {
        return rc;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);
    smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);

    away = slcf->ready
           && ((smcf->redis_needed && !ngx_spocr_redis_ready(smcf->redis))
               || (smcf->records_needed
                   && !ngx_spocr_redis_records_ready(smcf->redis)));

    text = away ? &unavailable : &ok;

    b = ngx_create_temp_buf(r->pool, text->len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, text->data, text->len);

    return ngx_spocr_reply_page(r, away ? NGX_HTTP_SERVICE_UNAVAILABLE
                                        : NGX_HTTP_OK,
                                &ngx_spocr_status_json_type, b);
}


static ngx_int_t
ngx_spocr_status_page(ngx_http_request_t *r,
    ngx_buf_t *(*page)(ngx_pool_t *pool, const ngx_spocr_metrics_t *metrics),
    const ngx_str_t *type)
{
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_spocr_metrics_t     metrics;
    ngx_spocr_main_conf_t  *smcf;

    rc = ngx_spocr_status_method(r);
    if (rc != NGX_OK) {
        return rc;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_spocr_module);

    metrics.families = ngx_spocr_status_families;
    metrics.zone = smcf->zone;
    metrics.redis = smcf->redis != NULL;
    metrics.notices = smcf->redis && smcf->auth.redis;
    metrics.keys = smcf->auth.keys ? ngx_spocr_keys_count(smcf->auth.keys) : 0;

    b = page(r->pool, &metrics);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_spocr_reply_page(r, NGX_HTTP_OK, type, b);
}


static ngx_int_t
ngx_spocr_status_method(ngx_http_request_t *r)
{
    static const ngx_str_t  allow = ngx_string("GET, HEAD");

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return NGX_OK;
    }

    return ngx_spocr_methods_header(r, &allow) == NGX_OK
           ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static const ngx_str_t *
ngx_spocr_status_auth(ngx_uint_t i)
{
    return ngx_spocr_auth_status((ngx_spocr_auth_e) i);
}


static const ngx_str_t *
ngx_spocr_status_limit(ngx_uint_t i)
{
    return ngx_spocr_limit_status((ngx_spocr_limit_status_e) i);
}


static const ngx_str_t *
ngx_spocr_status_source(ngx_uint_t i)
{
    return ngx_spocr_limit_source((ngx_spocr_limit_source_e) i);
}


static const ngx_str_t *
ngx_spocr_status_error(ngx_uint_t i)
{
    return &ngx_spocr_error((ngx_spocr_error_e) i)->code;
}


static const ngx_str_t *
ngx_spocr_status_call(ngx_uint_t i)
{
    static const ngx_str_t  results[NGX_SPOCR_REDIS_CALL_TOTALS] = {
        ngx_string("ok"),
        ngx_string("error"),
        ngx_string("timeout"),
        ngx_string("lost"),
        ngx_string("cancelled"),
        ngx_string("refused")
    };

    return &results[i];
}


static const ngx_str_t *
ngx_spocr_status_link(ngx_uint_t i)
{
    static const ngx_str_t  events[] = {
        ngx_string("connected"),
        ngx_string("failed"),
        ngx_string("closed")
    };

    return &events[i];
}


static const ngx_str_t *
ngx_spocr_status_record(ngx_uint_t i)
{
    return ngx_spocr_lookup_total(NGX_SPOCR_LOOKUP_SOURCES + i);
}


static const ngx_str_t *
ngx_spocr_status_idem(ngx_uint_t i)
{
    return ngx_spocr_idem_status((ngx_spocr_idem_status_e) i);
}


static const ngx_str_t *
ngx_spocr_status_outbox(ngx_uint_t i)
{
    static const ngx_str_t  results[NGX_SPOCR_OUTBOX_TOTALS] = {
        ngx_string("acknowledged"),
        ngx_string("kept"),
        ngx_string("stored_later"),
        ngx_string("dropped"),
        ngx_string("fenced")
    };

    return &results[i];
}


void
ngx_spocr_status_slow(ngx_spocr_main_conf_t *smcf)
{
    if (smcf->zone) {
        ngx_spocr_zone_count(smcf->zone, NGX_SPOCR_TOTAL_SLOW, 1);
    }
}


ngx_uint_t
ngx_spocr_status_redis_totals(void)
{
    return NGX_SPOCR_TOTAL_REDIS;
}


ngx_uint_t
ngx_spocr_status_lookup_totals(void)
{
    return NGX_SPOCR_TOTAL_LOOKUP;
}


ngx_uint_t
ngx_spocr_status_idem_totals(void)
{
    return NGX_SPOCR_TOTAL_CLAIM;
}


ngx_uint_t
ngx_spocr_status_outbox_totals(void)
{
    return NGX_SPOCR_TOTAL_OUTBOX;
}
