
/*
 * The limit step; the access handler calls it once a key is known.
 * Invariant: a request takes one from each level or nothing from any, and
 * nothing at all the second time it comes by (C-15, C-17).
 */


#include "ngx_spocr_limit.h"


#define NGX_SPOCR_LIMIT_UNCOUNTED_RETRY  1     /* seconds, in the 503 */


static ngx_int_t ngx_spocr_limit_zone(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_limit_redis(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_redis_wait_t *wait,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_limit_away(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_limit_decide(const ngx_spocr_limit_conf_t *lcf,
    ngx_spocr_limit_source_e source, ngx_uint_t refused,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_limit_uncounted(const ngx_spocr_limit_conf_t *lcf,
    const char *reason, ngx_spocr_limit_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static void ngx_spocr_limit_levels(
    ngx_spocr_zone_level_t levels[NGX_SPOCR_LEVELS],
    const ngx_spocr_limit_spec_t *spec, const ngx_spocr_key_t *key,
    const ngx_spocr_limit_ctx_t *ctx, ngx_spocr_limit_use_e use);


ngx_conf_enum_t  ngx_spocr_limit_headers_names[] = {
    { ngx_string("off"), NGX_SPOCR_LIMIT_HEADERS_OFF },
    { ngx_string("ietf"), NGX_SPOCR_LIMIT_HEADERS_IETF },
    { ngx_string("legacy"), NGX_SPOCR_LIMIT_HEADERS_LEGACY },
    { ngx_null_string, 0 }
};

ngx_conf_enum_t  ngx_spocr_limit_store_names[] = {
    { ngx_string("zone"), NGX_SPOCR_LIMIT_STORE_ZONE },
    { ngx_string("redis"), NGX_SPOCR_LIMIT_STORE_REDIS },
    { ngx_null_string, 0 }
};

static const ngx_str_t  ngx_spocr_limit_statuses[] = {
    ngx_null_string,
    ngx_string("OFF"),
    ngx_string("PASSED"),
    ngx_string("REJECTED_KEY"),
    ngx_string("REJECTED_UID"),
    ngx_string("REJECTED_KEY_DRY_RUN"),
    ngx_string("REJECTED_UID_DRY_RUN"),
    ngx_string("BYPASSED"),
    ngx_string("UNAVAILABLE")
};

static const ngx_str_t  ngx_spocr_limit_sources[] = {
    ngx_null_string,
    ngx_string("zone"),
    ngx_string("redis"),
    ngx_string("deny_cache"),
    ngx_string("fallback")
};

/*
 * One key's id may be another's uid, and what Redis told is not what the zone
 * counts: the names of their counters must differ.
 */

static const uint64_t  ngx_spocr_limit_kinds[2][NGX_SPOCR_LEVELS] = {
    { 0, 0x6c62272e07bb0142 },
    { 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93 }
};


ngx_int_t
ngx_spocr_limit_step(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_redis_wait_t *wait,
    ngx_spocr_verdict_t *verdict)
{
    ngx_spocr_limits_t             limits;
    const ngx_spocr_limit_spec_t  *spec;

    spec = lcf->spec;

    if (ctx->counted || key == NULL) {
        return NGX_OK;
    }

    if (!spec->enable) {
        ctx->status = NGX_SPOCR_LIMIT_STATUS_OFF;
        return NGX_OK;
    }

    if (ctx->state != NGX_SPOCR_LIMIT_IDLE) {
        return ngx_spocr_limit_redis(lcf, store, key, ctx, wait, verdict);
    }

    ngx_spocr_key_limits(key, spec->index, &spec->limits, &limits);

    ctx->window = spec->window;
    ctx->limits[NGX_SPOCR_LEVEL_KEY] = limits.key;
    ctx->limits[NGX_SPOCR_LEVEL_UID] = limits.uid;

    if (limits.key == NGX_SPOCR_LIMIT_NONE
        && limits.uid == NGX_SPOCR_LIMIT_NONE)
    {
        ctx->counted = 1;
        ctx->status = NGX_SPOCR_LIMIT_STATUS_PASSED;
        return NGX_OK;
    }

    if (lcf->store == NGX_SPOCR_LIMIT_STORE_REDIS) {
        return ngx_spocr_limit_redis(lcf, store, key, ctx, wait, verdict);
    }

    return ngx_spocr_limit_zone(lcf, store, key, ctx, verdict);
}


void
ngx_spocr_limit_release(ngx_spocr_limit_ctx_t *ctx)
{
    if (ctx->state == NGX_SPOCR_LIMIT_ASKED) {
        ngx_spocr_redis_cancel(&ctx->call);
        ctx->state = NGX_SPOCR_LIMIT_UNANSWERED;
    }
}


ngx_int_t
ngx_spocr_limit_remaining(const ngx_spocr_limit_ctx_t *ctx,
    uint32_t *remaining)
{
    uint32_t    left;
    ngx_int_t   level;
    ngx_uint_t  i;

    level = NGX_DECLINED;

    if (!ctx->counted) {
        return level;
    }

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {

        if (ctx->limits[i] == NGX_SPOCR_LIMIT_NONE) {
            continue;
        }

        left = ctx->counts[i] < ctx->limits[i]
               ? ctx->limits[i] - ctx->counts[i] : 0;

        if (level == NGX_DECLINED || left < *remaining) {
            level = (ngx_int_t) i;
            *remaining = left;
        }
    }

    return level;
}


const ngx_str_t *
ngx_spocr_limit_status(ngx_spocr_limit_status_e status)
{
    return &ngx_spocr_limit_statuses[status];
}


const ngx_str_t *
ngx_spocr_limit_source(ngx_spocr_limit_source_e source)
{
    return &ngx_spocr_limit_sources[source];
}


static ngx_int_t
ngx_spocr_limit_zone(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    uint64_t                left;
    ngx_int_t               rc;
    ngx_uint_t              refused;
    ngx_spocr_zone_level_t  levels[NGX_SPOCR_LEVELS];

    ngx_spocr_limit_levels(levels, lcf->spec, key, ctx,
                           NGX_SPOCR_LIMIT_COUNTED);

    rc = ngx_spocr_zone_take(store->zone, levels, ctx->window, &refused,
                             &left);

    if (rc == NGX_DECLINED) {

        /*
         * C-20.  There is no other place to count locally: "local" refuses,
         * as "deny" does.
         */

        return ngx_spocr_limit_uncounted(lcf, "zone is full", ctx, verdict);
    }

    ctx->counts[NGX_SPOCR_LEVEL_KEY] = levels[NGX_SPOCR_LEVEL_KEY].count;
    ctx->counts[NGX_SPOCR_LEVEL_UID] = levels[NGX_SPOCR_LEVEL_UID].count;
    ctx->retry_after = ngx_spocr_window_retry_after(left, ctx->window);

    return ngx_spocr_limit_decide(lcf, NGX_SPOCR_LIMIT_SOURCE_ZONE, refused,
                                  ctx, verdict);
}


static ngx_int_t
ngx_spocr_limit_redis(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_redis_wait_t *wait,
    ngx_spocr_verdict_t *verdict)
{
    ngx_int_t  rc;

    switch (ctx->state) {

    case NGX_SPOCR_LIMIT_ASKED:
        return NGX_AGAIN;

    case NGX_SPOCR_LIMIT_ANSWERED:
        return ngx_spocr_limit_decide(lcf, NGX_SPOCR_LIMIT_SOURCE_REDIS,
                                      ctx->refused, ctx, verdict);

    case NGX_SPOCR_LIMIT_UNANSWERED:
        return ngx_spocr_limit_away(lcf, store, key, ctx, verdict);

    default: /* NGX_SPOCR_LIMIT_IDLE */
        break;
    }

    rc = ngx_spocr_limit_ask(store, lcf->spec, key, ctx, wait);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_BUSY) {
        return ngx_spocr_limit_decide(lcf, NGX_SPOCR_LIMIT_SOURCE_DENY_CACHE,
                                      ctx->refused, ctx, verdict);
    }

    return ngx_spocr_limit_away(lcf, store, key, ctx, verdict);
}


/* C-19: Redis does not count this request. */

static ngx_int_t
ngx_spocr_limit_away(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    uint64_t                left;
    ngx_int_t               rc;
    ngx_uint_t              refused, i;
    ngx_spocr_zone_level_t  levels[NGX_SPOCR_LEVELS];

    if (lcf->on_error != NGX_SPOCR_LIMIT_ON_ERROR_LOCAL) {
        return ngx_spocr_limit_uncounted(lcf, "Redis is away", ctx, verdict);
    }

    ngx_spocr_limit_levels(levels, lcf->spec, key, ctx,
                           NGX_SPOCR_LIMIT_TOLD);

    rc = ngx_spocr_zone_take_over(store->zone, levels, ctx->window,
                                  (uint32_t) lcf->nodes, &refused, &left);

    if (rc == NGX_DECLINED) {
        return ngx_spocr_limit_uncounted(lcf, "Redis is away and the zone is "
                                         "full", ctx, verdict);
    }

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ctx->limits[i] = levels[i].limit;
        ctx->counts[i] = levels[i].count;
    }

    ctx->retry_after = ngx_spocr_window_retry_after(left, ctx->window);

    return ngx_spocr_limit_decide(lcf, NGX_SPOCR_LIMIT_SOURCE_FALLBACK,
                                  refused, ctx, verdict);
}


/* What was counted, or was refused because of what was: 429, or go on. */

static ngx_int_t
ngx_spocr_limit_decide(const ngx_spocr_limit_conf_t *lcf,
    ngx_spocr_limit_source_e source, ngx_uint_t refused,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    ngx_uint_t  by_key;

    ctx->counted = 1;
    ctx->source = source;

    if (refused == 0) {
        ctx->status = NGX_SPOCR_LIMIT_STATUS_PASSED;
        return NGX_OK;
    }

    by_key = refused & (1 << NGX_SPOCR_LEVEL_KEY);

    if (lcf->dry_run) {
        ctx->status = by_key ? NGX_SPOCR_LIMIT_STATUS_REJECTED_KEY_DRY_RUN
                             : NGX_SPOCR_LIMIT_STATUS_REJECTED_UID_DRY_RUN;
        return NGX_OK;
    }

    ctx->status = by_key ? NGX_SPOCR_LIMIT_STATUS_REJECTED_KEY
                         : NGX_SPOCR_LIMIT_STATUS_REJECTED_UID;

    return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_RATE_LIMITED,
                            ctx->retry_after, NULL);
}


/* Nobody can count: let it pass, or refuse it. */

static ngx_int_t
ngx_spocr_limit_uncounted(const ngx_spocr_limit_conf_t *lcf,
    const char *reason, ngx_spocr_limit_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict)
{
    if (lcf->on_error == NGX_SPOCR_LIMIT_ON_ERROR_ALLOW || lcf->dry_run) {
        ctx->status = NGX_SPOCR_LIMIT_STATUS_BYPASSED;
        return NGX_OK;
    }

    ctx->status = NGX_SPOCR_LIMIT_STATUS_UNAVAILABLE;

    return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_SERVICE_UNAVAILABLE,
                            NGX_SPOCR_LIMIT_UNCOUNTED_RETRY, reason);
}


static void
ngx_spocr_limit_levels(ngx_spocr_zone_level_t levels[NGX_SPOCR_LEVELS],
    const ngx_spocr_limit_spec_t *spec, const ngx_spocr_key_t *key,
    const ngx_spocr_limit_ctx_t *ctx, ngx_spocr_limit_use_e use)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ngx_spocr_limit_id(levels[i].id, spec, key, i, use);
        levels[i].limit = ctx->limits[i];
        levels[i].count = 0;
    }
}


void
ngx_spocr_limit_id(u_char *id, const ngx_spocr_limit_spec_t *spec,
    const ngx_spocr_key_t *key, ngx_uint_t level, ngx_spocr_limit_use_e use)
{
    uint64_t  words[2], own[2];

    ngx_memcpy(words, key->tenant->counter, sizeof(words));

    if (level == NGX_SPOCR_LEVEL_KEY) {

        /* records in Redis may give one id to keys of two tenants; crossed,
         * as an id may be its uid, too */

        ngx_memcpy(own, key->counter, sizeof(own));

        words[0] ^= own[1];
        words[1] ^= own[0];
    }

    words[0] ^= spec->salt[0] ^ ngx_spocr_limit_kinds[use][level];
    words[1] ^= spec->salt[1];

    ngx_memcpy(id, words, sizeof(words));
}
