
/*
 * The door to Redis: what other parts call but for the calls themselves, and
 * what the files behind the door share: counting, logging, nonces.
 *
 * Invariant: without a worker's start there is no link, and nothing is ready.
 */


#include "ngx_spocr_redis_link.h"


#define NGX_SPOCR_REDIS_SAY         10         /* s between two lines */


void
ngx_spocr_redis_finish(ngx_spocr_redis_t *redis,
    const ngx_spocr_redis_context_t *context)
{
    redis->context = *context;
}


const ngx_str_t *
ngx_spocr_redis_prefix(const ngx_spocr_redis_t *redis)
{
    return &redis->prefix;
}


ngx_msec_t
ngx_spocr_redis_timeout(const ngx_spocr_redis_t *redis)
{
    return redis->timeout;
}


ngx_int_t
ngx_spocr_redis_start(ngx_cycle_t *cycle, ngx_spocr_redis_t *redis)
{
    /* not in the processes that look after caches; not where none is gated */

    if ((ngx_process != NGX_PROCESS_WORKER
         && ngx_process != NGX_PROCESS_SINGLE)
        || redis->context.zone == NULL)
    {
        return NGX_OK;
    }

    redis->nonces = ((uint64_t) ngx_random() << 40)
                    ^ ((uint64_t) ngx_random() << 20)
                    ^ (uint64_t) ngx_random();

    if (ngx_spocr_redis_calls_start(cycle, redis, &redis->calls) != NGX_OK) {
        return NGX_ERROR;
    }

    if (redis->context.records
        && ngx_spocr_redis_calls_start(cycle, redis, &redis->records)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_redis_notice_start(cycle, redis);
}


void
ngx_spocr_redis_stop(ngx_spocr_redis_t *redis)
{
    ngx_spocr_redis_notice_stop(redis);
    ngx_spocr_redis_calls_stop(&redis->records);
    ngx_spocr_redis_calls_stop(&redis->calls);
    ngx_spocr_redis_resolve_cancel(redis);
}


void
ngx_spocr_redis_count(ngx_spocr_redis_t *redis, ngx_spocr_redis_total_e total)
{
    if (redis->context.zone) {
        ngx_spocr_zone_count(redis->context.zone,
                             redis->context.totals + total, 1);
    }
}


void
ngx_spocr_redis_state(ngx_spocr_redis_t *redis, ngx_uint_t state)
{
    /* a worker that is going has given its place to a new one */

    if (redis->context.zone && !ngx_exiting) {
        ngx_spocr_zone_state(redis->context.zone, state);
    }
}


void
ngx_spocr_redis_say(ngx_spocr_redis_t *redis, ngx_uint_t level,
    ngx_spocr_redis_topic_e topic, const char *fmt, ...)
{
    u_char      buf[NGX_SPOCR_REDIS_WHY_MAX + 128], *p;
    va_list     args;
    ngx_uint_t  skipped;

    skipped = 0;

    if (redis->context.zone
        && !ngx_spocr_zone_may_say(redis->context.zone,
                                   topic,
                                   NGX_SPOCR_REDIS_SAY, &skipped))
    {
        return;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    if (skipped) {
        p = ngx_slprintf(p, buf + sizeof(buf), " (%ui more like this since "
                         "the last line)", skipped);
    }

    ngx_log_error(level, ngx_cycle->log, 0, "spocr: %*s", (size_t) (p - buf),
                  buf);
}


void
ngx_spocr_redis_visible(u_char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] >= 0x7f) {
            text[i] = '?';
        }
    }
}


void
ngx_spocr_redis_nonce(ngx_spocr_redis_t *redis, u_char nonce[16])
{
    ngx_uint_t  i;
    uint64_t    n;

    static const u_char  hex[] = "0123456789abcdef";

    n = ++redis->nonces;

    for (i = 16; i > 0; i--) {
        nonce[i - 1] = hex[n & 0xf];
        n >>= 4;
    }
}
