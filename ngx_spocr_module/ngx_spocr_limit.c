
/*
 * The limit step; the access handler calls it once a key is known.
 * Invariant: a request takes one from each level or nothing from any, and
 * nothing at all the second time it comes by (C-15, C-17).
 */


#include "ngx_spocr_limit.h"


#define NGX_SPOCR_LIMIT_FULL_RETRY  1     /* seconds, in the 503 */


static ngx_int_t ngx_spocr_limit_refused(const ngx_spocr_limit_conf_t *lcf,
    ngx_uint_t refused, ngx_spocr_limit_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_limit_full(const ngx_spocr_limit_conf_t *lcf,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict);
static void ngx_spocr_limit_level(ngx_spocr_zone_level_t *level,
    const u_char *counter, const uint64_t *salt, uint32_t limit);


ngx_conf_enum_t  ngx_spocr_limit_headers_names[] = {
    { ngx_string("off"), NGX_SPOCR_LIMIT_HEADERS_OFF },
    { ngx_string("ietf"), NGX_SPOCR_LIMIT_HEADERS_IETF },
    { ngx_string("legacy"), NGX_SPOCR_LIMIT_HEADERS_LEGACY },
    { ngx_null_string, 0 }
};

ngx_conf_enum_t  ngx_spocr_limit_on_error_names[] = {
    { ngx_string("local"), NGX_SPOCR_LIMIT_ON_ERROR_LOCAL },
    { ngx_string("deny"), NGX_SPOCR_LIMIT_ON_ERROR_DENY },
    { ngx_string("allow"), NGX_SPOCR_LIMIT_ON_ERROR_ALLOW },
    { ngx_null_string, 0 }
};

ngx_conf_enum_t  ngx_spocr_limit_store_names[] = {
    { ngx_string("zone"), NGX_SPOCR_LIMIT_STORE_ZONE },
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
    ngx_string("zone")
};


ngx_int_t
ngx_spocr_limit_step(const ngx_spocr_limit_conf_t *lcf,
    ngx_spocr_zone_t *zone, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    uint64_t                 left;
    ngx_int_t                rc;
    ngx_uint_t               refused;
    ngx_spocr_limits_t       limits;
    ngx_spocr_limit_spec_t  *spec;
    ngx_spocr_zone_level_t   levels[NGX_SPOCR_LEVELS];

    spec = lcf->spec;

    if (ctx->counted || key == NULL) {
        return NGX_OK;
    }

    if (!spec->enable) {
        ctx->status = NGX_SPOCR_LIMIT_STATUS_OFF;
        return NGX_OK;
    }

    ngx_spocr_key_limits(key, spec->index, &spec->limits, &limits);

    ngx_spocr_limit_level(&levels[NGX_SPOCR_LEVEL_KEY], key->counter,
                          spec->salt, limits.key);
    ngx_spocr_limit_level(&levels[NGX_SPOCR_LEVEL_UID], key->tenant->counter,
                          spec->salt, limits.uid);

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

    rc = ngx_spocr_zone_take(zone, levels, spec->window, &refused, &left);

    if (rc == NGX_DECLINED) {
        return ngx_spocr_limit_full(lcf, ctx, verdict);
    }

    ctx->counted = 1;
    ctx->source = NGX_SPOCR_LIMIT_SOURCE_ZONE;
    ctx->counts[NGX_SPOCR_LEVEL_KEY] = levels[NGX_SPOCR_LEVEL_KEY].count;
    ctx->counts[NGX_SPOCR_LEVEL_UID] = levels[NGX_SPOCR_LEVEL_UID].count;
    ctx->retry_after = ngx_spocr_window_retry_after(left, spec->window);

    if (rc == NGX_BUSY) {
        return ngx_spocr_limit_refused(lcf, refused, ctx, verdict);
    }

    ctx->status = NGX_SPOCR_LIMIT_STATUS_PASSED;

    return NGX_OK;
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
ngx_spocr_limit_refused(const ngx_spocr_limit_conf_t *lcf, ngx_uint_t refused,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    ngx_uint_t  by_key;

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


/*
 * The zone has no room (C-20).  With the counters in the zone there is no
 * other place to count locally: "local" refuses, as "deny" does.
 */

static ngx_int_t
ngx_spocr_limit_full(const ngx_spocr_limit_conf_t *lcf,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    if (lcf->on_error == NGX_SPOCR_LIMIT_ON_ERROR_ALLOW || lcf->dry_run) {
        ctx->status = NGX_SPOCR_LIMIT_STATUS_BYPASSED;
        return NGX_OK;
    }

    ctx->status = NGX_SPOCR_LIMIT_STATUS_UNAVAILABLE;

    return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_SERVICE_UNAVAILABLE,
                            NGX_SPOCR_LIMIT_FULL_RETRY, "zone is full");
}


/* A counter's id: whose it is, and of which limit and window. */

static void
ngx_spocr_limit_level(ngx_spocr_zone_level_t *level, const u_char *counter,
    const uint64_t *salt, uint32_t limit)
{
    uint64_t  words[2];

    ngx_memcpy(words, counter, sizeof(words));

    words[0] ^= salt[0];
    words[1] ^= salt[1];

    ngx_memcpy(level->id, words, sizeof(words));

    level->limit = limit;
    level->count = 0;
}
