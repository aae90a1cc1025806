
/*
 * The question to Redis: the limit step asks it, Redis' answer is kept in the
 * request's context and in the zone.  Invariant: a question is asked once for
 * a request, and not at all where the zone knows the answer until the
 * window's end (C-18).
 */


#include "ngx_spocr_limit.h"


/* a counter's name without the configured prefix, at its longest */
#define NGX_SPOCR_LIMIT_NAME_MAX                                              \
    (sizeof("{0123456789abcdef}:l:::k:") + 2 * NGX_SPOCR_NAME_LEN_MAX         \
     + NGX_INT64_LEN)

#define NGX_SPOCR_LIMIT_NARGS    6


/* the elements of an answer */

typedef enum {
    NGX_SPOCR_LIMIT_REPLY_REFUSED = 0,
    NGX_SPOCR_LIMIT_REPLY_KEY,
    NGX_SPOCR_LIMIT_REPLY_UID,
    NGX_SPOCR_LIMIT_REPLY_LEFT,
    NGX_SPOCR_LIMIT_REPLY_NUMBER,
    NGX_SPOCR_LIMIT_REPLY_LEN
} ngx_spocr_limit_reply_e;


/* The text of a question; on the stack until it is asked. */

typedef struct {
    ngx_spocr_redis_request_t  request;
    u_char                     names[NGX_SPOCR_LEVELS]
                                    [NGX_SPOCR_REDIS_PREFIX_MAX
                                     + NGX_SPOCR_LIMIT_NAME_MAX];
    u_char                     args[NGX_SPOCR_LIMIT_NARGS][NGX_INT64_LEN];
} ngx_spocr_limit_question_t;


static void ngx_spocr_limit_keys(ngx_spocr_limit_question_t *q,
    const ngx_str_t *prefix, const ngx_spocr_limit_spec_t *spec,
    const ngx_spocr_key_t *key);
static void ngx_spocr_limit_args(ngx_spocr_limit_question_t *q,
    const ngx_spocr_limit_ctx_t *ctx);
static void ngx_spocr_limit_digits(ngx_str_t *arg, u_char *buf, uint64_t n);
static void ngx_spocr_limit_answer_handler(ngx_spocr_redis_call_t *call);
static ngx_int_t ngx_spocr_limit_answer(ngx_spocr_limit_ctx_t *ctx,
    const ngx_spocr_redis_reply_t *reply);


ngx_int_t
ngx_spocr_limit_ask(const ngx_spocr_limit_store_t *store,
    const ngx_spocr_limit_spec_t *spec, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_redis_wait_t *wait)
{
    uint64_t                    left;
    ngx_uint_t                  i;
    ngx_msec_t                  timeout;
    ngx_spocr_limit_question_t  q;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ngx_spocr_limit_id(ctx->known[i].id, spec, key, i,
                           NGX_SPOCR_LIMIT_TOLD);
        ctx->known[i].limit = ctx->limits[i];
    }

    if (ngx_spocr_zone_known(store->zone, ctx->known, ctx->window,
                             &ctx->begun, &ctx->refused, &left)
        == NGX_BUSY)
    {
        ctx->counts[NGX_SPOCR_LEVEL_KEY]
            = ctx->known[NGX_SPOCR_LEVEL_KEY].count;
        ctx->counts[NGX_SPOCR_LEVEL_UID]
            = ctx->known[NGX_SPOCR_LEVEL_UID].count;
        ctx->retry_after = ngx_spocr_window_retry_after(left, ctx->window);

        return NGX_BUSY;
    }

    timeout = ngx_spocr_redis_timeout(store->redis);

    if (wait->used >= timeout) {
        return NGX_DECLINED;
    }

    q.request.function = "limit";
    q.request.budget = timeout - wait->used;
    q.request.lookup = 0;
    q.request.read = 0;
    q.request.record = 0;

    ngx_spocr_limit_keys(&q, ngx_spocr_redis_prefix(store->redis), spec, key);
    ngx_spocr_limit_args(&q, ctx);

    ctx->call.handler = ngx_spocr_limit_answer_handler;
    ctx->call.data = ctx;
    ctx->zone = store->zone;
    ctx->wait = wait;
    ctx->parked = ngx_current_msec;

    if (ngx_spocr_redis_call(store->redis, &ctx->call, &q.request)
        != NGX_AGAIN)
    {
        return NGX_DECLINED;
    }

    ctx->state = NGX_SPOCR_LIMIT_ASKED;

    return NGX_AGAIN;
}


/* spocr:{h}:l:<name>:<window>:k:<key id>, and ...:u; h: of the uid */

static void
ngx_spocr_limit_keys(ngx_spocr_limit_question_t *q, const ngx_str_t *prefix,
    const ngx_spocr_limit_spec_t *spec, const ngx_spocr_key_t *key)
{
    u_char      *p, *start;
    size_t       common;
    ngx_uint_t   i;

    start = q->names[NGX_SPOCR_LEVEL_KEY];

    p = ngx_cpymem(start, prefix->data, prefix->len);
    *p++ = '{';

    q->request.slot.data = p;
    p = ngx_hex_dump(p, key->tenant->counter, 8);
    q->request.slot.len = (size_t) (p - q->request.slot.data);

    *p++ = '}';
    p = ngx_cpymem(p, spec->part.data, spec->part.len);

    common = (size_t) (p - start);
    ngx_memcpy(q->names[NGX_SPOCR_LEVEL_UID], start, common);

    q->request.nkeys = NGX_SPOCR_LEVELS;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        start = q->names[i];
        p = start + common;

        if (i == NGX_SPOCR_LEVEL_KEY) {
            *p++ = 'k';
            *p++ = ':';
            p = ngx_cpymem(p, key->id.data, key->id.len);

        } else {
            *p++ = 'u';
        }

        q->request.keys[i].data = start;
        q->request.keys[i].len = (size_t) (p - start);
    }
}


static void
ngx_spocr_limit_args(ngx_spocr_limit_question_t *q,
    const ngx_spocr_limit_ctx_t *ctx)
{
    uint32_t                       number;
    uint64_t                       values[NGX_SPOCR_LIMIT_NARGS];
    ngx_uint_t                     i;
    const ngx_spocr_zone_known_t  *key;

    /* what is known of a window that was before the other level's is old */

    key = &ctx->known[NGX_SPOCR_LEVEL_KEY];
    number = key->count ? key->number
                        : ctx->known[NGX_SPOCR_LEVEL_UID].number;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        values[i] = ctx->limits[i] == NGX_SPOCR_LIMIT_NONE ? 0
                                                           : ctx->limits[i];
        values[4 + i] = ctx->known[i].number == number ? ctx->known[i].count
                                                       : 0;
    }

    values[2] = ctx->window;
    values[3] = number;

    q->request.nargs = NGX_SPOCR_LIMIT_NARGS;

    for (i = 0; i < NGX_SPOCR_LIMIT_NARGS; i++) {
        ngx_spocr_limit_digits(&q->request.args[i], q->args[i], values[i]);
    }
}


/* Digits from the last one on: a sixth of what ngx_sprintf() takes. */

static void
ngx_spocr_limit_digits(ngx_str_t *arg, u_char *buf, uint64_t n)
{
    u_char  *p, *end;

    end = buf + NGX_INT64_LEN;
    p = end;

    do {
        *--p = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    arg->data = p;
    arg->len = (size_t) (end - p);
}


static void
ngx_spocr_limit_answer_handler(ngx_spocr_redis_call_t *call)
{
    ngx_spocr_limit_ctx_t *ctx = call->data;

    ctx->wait->used += ngx_current_msec - ctx->parked;

    ctx->state = call->result == NGX_SPOCR_REDIS_OK
                 && ngx_spocr_limit_answer(ctx, call->reply) == NGX_OK
                 ? NGX_SPOCR_LIMIT_ANSWERED : NGX_SPOCR_LIMIT_UNANSWERED;

    ctx->wait->wake(ctx->wait->data);
}


/* Values from Redis are untrusted: one that cannot be is no answer. */

static ngx_int_t
ngx_spocr_limit_answer(ngx_spocr_limit_ctx_t *ctx,
    const ngx_spocr_redis_reply_t *reply)
{
    int64_t                          left;
    ngx_uint_t                       i;
    const ngx_spocr_redis_value_t   *value;

    if (reply->nvalues != NGX_SPOCR_LIMIT_REPLY_LEN) {
        return NGX_ERROR;
    }

    value = reply->values;

    for (i = 0; i < NGX_SPOCR_LIMIT_REPLY_LEN; i++) {
        if (value[i].type != NGX_SPOCR_REDIS_INTEGER || value[i].integer < 0) {
            return NGX_ERROR;
        }
    }

    left = value[NGX_SPOCR_LIMIT_REPLY_LEFT].integer;

    if (value[NGX_SPOCR_LIMIT_REPLY_REFUSED].integer > 3
        || left == 0
        || (uint64_t) left > ctx->window)
    {
        return NGX_ERROR;
    }

    ctx->refused = (ngx_uint_t) value[NGX_SPOCR_LIMIT_REPLY_REFUSED].integer;
    ctx->retry_after = ngx_spocr_window_retry_after((uint64_t) left,
                                                    ctx->window);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ctx->counts[i] = (uint32_t)
                         ngx_min(value[NGX_SPOCR_LIMIT_REPLY_KEY + i].integer,
                                 (int64_t) NGX_SPOCR_LIMIT_MAX);
        ctx->known[i].count = ctx->counts[i];
        ctx->known[i].number = (uint32_t)
                       (value[NGX_SPOCR_LIMIT_REPLY_NUMBER].integer
                        % NGX_SPOCR_ZONE_NUMBERS);
    }

    ngx_spocr_zone_learn(ctx->zone, ctx->known, ctx->begun, (uint64_t) left);

    return NGX_OK;
}
