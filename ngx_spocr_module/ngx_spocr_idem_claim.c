
/*
 * The questions of a claim to Redis: the claim itself, and its renewals.  The
 * step begins them; what Redis answers is copied into the request's context.
 *
 * Invariant: what Redis says is not trusted; an answer that cannot be is no
 * claim, and what is not understood is never taken for "new".
 */


#include "ngx_spocr_id.h"
#include "ngx_spocr_idem.h"


#define NGX_SPOCR_IDEM_SLOT_LEN   16           /* hex digits of the uid's */
#define NGX_SPOCR_IDEM_REASON_MAX 64


static void ngx_spocr_idem_claim_handler(ngx_spocr_redis_call_t *call);
static ngx_spocr_idem_answer_e ngx_spocr_idem_read(ngx_spocr_idem_ctx_t *ctx,
    const ngx_spocr_redis_reply_t *reply);
static ngx_spocr_idem_answer_e ngx_spocr_idem_read_busy(
    ngx_spocr_idem_ctx_t *ctx, const ngx_spocr_redis_reply_t *reply);
static ngx_spocr_idem_answer_e ngx_spocr_idem_keep(ngx_spocr_idem_ctx_t *ctx,
    const ngx_spocr_redis_value_t *blob, size_t max,
    ngx_spocr_idem_answer_e answer);
static void ngx_spocr_idem_first(ngx_spocr_idem_ctx_t *ctx,
    const ngx_spocr_redis_reply_t *reply, ngx_uint_t i);
static void ngx_spocr_idem_renew_timer(ngx_spocr_idem_ctx_t *ctx);
static void ngx_spocr_idem_renew_handler(ngx_event_t *ev);
static void ngx_spocr_idem_renewed_handler(ngx_spocr_redis_call_t *call);
static void ngx_spocr_idem_request(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_redis_request_t *request, const char *function);


#define ngx_spocr_idem_says(value, word)                                      \
    ((value)->type == NGX_SPOCR_REDIS_STRING                                  \
     && (value)->text.len == sizeof(word) - 1                                 \
     && ngx_memcmp((value)->text.data, word, sizeof(word) - 1) == 0)


/* spocr:{h}:i:<digest>, and spocr:{h}:b, which follows it in memory */

ngx_int_t
ngx_spocr_idem_name(ngx_spocr_idem_ctx_t *ctx)
{
    u_char                 *p;
    ngx_str_t               none;
    const ngx_str_t        *prefix;
    const ngx_spocr_key_t  *key;

    ngx_str_null(&none);

    key = ctx->env.key;
    prefix = ngx_spocr_redis_prefix(ctx->env.redis);

    if (ngx_spocr_idemkey_id(&key->tenant->uid,
                             ctx->env.conf->scope == NGX_SPOCR_IDEM_SCOPE_KEY
                             ? &key->id : &none,
                             ctx->key, ctx->key_len, ctx->owner.id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(ctx->request->pool,
                    prefix->len + NGX_SPOCR_IDEM_SLOT_LEN + sizeof("{}:i:") - 1
                    + 2 * NGX_SPOCR_IDEMKEY_ID_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->name = p;

    p = ngx_cpymem(p, prefix->data, prefix->len);
    *p++ = '{';

    ctx->slot.data = p;
    p = ngx_hex_dump(p, (u_char *) key->tenant->counter,
                     NGX_SPOCR_IDEM_SLOT_LEN / 2);
    ctx->slot.len = NGX_SPOCR_IDEM_SLOT_LEN;

    p = ngx_cpymem(p, "}:i:", 4);
    p = ngx_hex_dump(p, ctx->owner.id, NGX_SPOCR_IDEMKEY_ID_LEN);

    ctx->name_len = (size_t) (p - ctx->name);

    return NGX_OK;
}


ngx_int_t
ngx_spocr_idem_ask(ngx_spocr_idem_ctx_t *ctx)
{
    u_char                      lease[NGX_INT_T_LEN], ttl[NGX_INT_T_LEN];
    ngx_spocr_redis_request_t   request;

    ngx_spocr_idem_request(ctx, &request, "claim");

    request.args[1].data = ctx->owner.fingerprint;
    request.args[1].len = NGX_SPOCR_FINGERPRINT_LEN;
    request.args[2].data = lease;
    request.args[2].len = (size_t) (ngx_sprintf(lease, "%M",
                                                ctx->env.conf->lease)
                                    - lease);
    request.args[3].data = ttl;
    request.args[3].len = (size_t) (ngx_sprintf(ttl, "%M", ctx->env.conf->ttl)
                                    - ttl);

    if (ctx->env.conf->on_unknown == NGX_SPOCR_IDEM_RETRY) {
        ngx_str_set(&request.args[4], "retry");

    } else {
        ngx_str_set(&request.args[4], "deny");
    }

    request.args[5] = ctx->env.request_id;
    request.nargs = 6;

    ctx->call.handler = ngx_spocr_idem_claim_handler;
    ctx->call.data = ctx;
    ctx->asked = ngx_current_msec;

    return ngx_spocr_redis_call(ctx->env.redis, &ctx->call, &request);
}


static void
ngx_spocr_idem_request(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_redis_request_t *request, const char *function)
{
    request->function = function;
    request->slot = ctx->slot;
    request->nkeys = 1;
    request->keys[0].data = ctx->name;
    request->keys[0].len = ctx->name_len;
    request->args[0].data = ctx->token;
    request->args[0].len = NGX_SPOCR_IDEM_TOKEN_LEN;
    request->budget = ngx_spocr_redis_timeout(ctx->env.redis);
    request->lookup = 0;
    request->read = 0;
    request->record = 1;
}


static void
ngx_spocr_idem_claim_handler(ngx_spocr_redis_call_t *call)
{
    ngx_spocr_idem_ctx_t *ctx = call->data;

    ctx->wait->used += ngx_current_msec - ctx->asked;

    switch (call->result) {

    case NGX_SPOCR_REDIS_OK:
        ctx->answer = ngx_spocr_idem_read(ctx, call->reply);
        break;

    case NGX_SPOCR_REDIS_ERROR:

        /* no room (-OOM): nothing was written; or what stands there is no
         * record of ours */

        ctx->answer = call->reply->error.len > 3
                      && ngx_strncmp(call->reply->error.data, "OOM", 3) == 0
                      ? NGX_SPOCR_IDEM_ANSWER_AWAY : NGX_SPOCR_IDEM_ANSWER_BAD;
        break;

    default: /* NGX_SPOCR_REDIS_AWAY */

        /* it may have been claimed all the same */

        ctx->answer = NGX_SPOCR_IDEM_ANSWER_AWAY;
        ngx_spocr_idem_unclaim(ctx);
    }

    ctx->state = NGX_SPOCR_IDEM_ANSWERED;

    ctx->wait->wake(ctx->wait->data);
}


static ngx_spocr_idem_answer_e
ngx_spocr_idem_read(ngx_spocr_idem_ctx_t *ctx,
    const ngx_spocr_redis_reply_t *reply)
{
    const ngx_spocr_redis_value_t  *v;

    v = reply->values;

    if (reply->nvalues == 0) {
        return NGX_SPOCR_IDEM_ANSWER_BAD;
    }

    if (ngx_spocr_idem_says(&v[0], "NEW")
        && reply->nvalues >= 2
        && v[1].type == NGX_SPOCR_REDIS_INTEGER
        && v[1].integer > 0)
    {
        ctx->attempt = (ngx_uint_t) v[1].integer;
        return NGX_SPOCR_IDEM_ANSWER_NEW;
    }

    if (ngx_spocr_idem_says(&v[0], "BUSY")) {
        return ngx_spocr_idem_read_busy(ctx, reply);
    }

    if (ngx_spocr_idem_says(&v[0], "DONE") && reply->nvalues >= 2) {
        ngx_spocr_idem_first(ctx, reply, 2);
        return ngx_spocr_idem_keep(ctx, &v[1], NGX_SPOCR_IDEM_RECORD_MAX,
                                   NGX_SPOCR_IDEM_ANSWER_DONE);
    }

    if (ngx_spocr_idem_says(&v[0], "TOMB") && reply->nvalues >= 2) {
        ngx_spocr_idem_first(ctx, reply, 2);
        return ngx_spocr_idem_keep(ctx, &v[1], NGX_SPOCR_IDEM_REASON_MAX,
                                   NGX_SPOCR_IDEM_ANSWER_TOMB);
    }

    return ngx_spocr_idem_says(&v[0], "MISMATCH")
           ? NGX_SPOCR_IDEM_ANSWER_MISMATCH : NGX_SPOCR_IDEM_ANSWER_BAD;
}


static ngx_spocr_idem_answer_e
ngx_spocr_idem_read_busy(ngx_spocr_idem_ctx_t *ctx,
    const ngx_spocr_redis_reply_t *reply)
{
    const ngx_spocr_redis_value_t  *v;

    v = reply->values;

    if (reply->nvalues < 3
        || v[1].type != NGX_SPOCR_REDIS_INTEGER
        || v[2].type != NGX_SPOCR_REDIS_INTEGER)
    {
        return NGX_SPOCR_IDEM_ANSWER_BAD;
    }

    ctx->elapsed = (ngx_msec_t) ngx_min(ngx_max(v[2].integer, 0), 86400000);

    ngx_spocr_idem_first(ctx, reply, 3);

    return NGX_SPOCR_IDEM_ANSWER_BUSY;
}


static ngx_spocr_idem_answer_e
ngx_spocr_idem_keep(ngx_spocr_idem_ctx_t *ctx,
    const ngx_spocr_redis_value_t *blob, size_t max,
    ngx_spocr_idem_answer_e answer)
{
    if (blob->type != NGX_SPOCR_REDIS_STRING || blob->text.len > max) {
        return NGX_SPOCR_IDEM_ANSWER_BAD;
    }

    if (answer == NGX_SPOCR_IDEM_ANSWER_DONE) {

        if (ngx_spocr_idem_take(&ctx->env.main->worker->replayed,
                                ctx->env.main->capture_limit,
                                ctx->env.key->tenant, blob->text.len)
            != NGX_OK)
        {
            return NGX_SPOCR_IDEM_ANSWER_FULL;
        }

        ctx->replayed = blob->text.len;
    }

    ctx->blob.data = ngx_pnalloc(ctx->request->pool, blob->text.len + 1);

    if (ctx->blob.data == NULL) {

        /* it was executed: never to be let by as if nobody knew */

        return NGX_SPOCR_IDEM_ANSWER_BAD;
    }

    ngx_memcpy(ctx->blob.data, blob->text.data, blob->text.len);
    ctx->blob.len = blob->text.len;

    return answer;
}


/* The id of the request that came first, for a body: only if it is one. */

static void
ngx_spocr_idem_first(ngx_spocr_idem_ctx_t *ctx,
    const ngx_spocr_redis_reply_t *reply, ngx_uint_t i)
{
    const ngx_str_t  *id;

    ctx->first_len = 0;

    if (i >= reply->nvalues
        || reply->values[i].type != NGX_SPOCR_REDIS_STRING)
    {
        return;
    }

    id = &reply->values[i].text;

    if (ngx_spocr_id_parse(id->data, id->len, NULL) == NGX_OK) {
        ngx_memcpy(ctx->first, id->data, id->len);
        ctx->first_len = id->len;
    }
}


void
ngx_spocr_idem_renew(ngx_spocr_idem_ctx_t *ctx)
{
    ctx->ident.fd = (ngx_socket_t) -1;
    ctx->ident.data = ctx;

    ctx->timer.handler = ngx_spocr_idem_renew_handler;
    ctx->timer.data = &ctx->ident;
    ctx->timer.log = ngx_cycle->log;

    /* the request itself keeps a worker from going */

    ctx->timer.cancelable = 1;

    ngx_spocr_idem_renew_timer(ctx);
}


static void
ngx_spocr_idem_renew_timer(ngx_spocr_idem_ctx_t *ctx)
{
    ngx_add_timer(&ctx->timer, ngx_max(ctx->env.conf->lease / 3, 1));
}


static void
ngx_spocr_idem_renew_handler(ngx_event_t *ev)
{
    u_char                      lease[NGX_INT_T_LEN];
    ngx_connection_t           *ident;
    ngx_spocr_idem_ctx_t       *ctx;
    ngx_spocr_redis_request_t   request;

    ident = ev->data;
    ctx = ident->data;

    ngx_spocr_idem_request(ctx, &request, "renew");

    request.args[1].data = lease;
    request.args[1].len = (size_t) (ngx_sprintf(lease, "%M",
                                                ctx->env.conf->lease)
                                    - lease);
    request.nargs = 2;

    ctx->call.handler = ngx_spocr_idem_renewed_handler;
    ctx->call.data = ctx;

    if (ngx_spocr_redis_call(ctx->env.redis, &ctx->call, &request)
        != NGX_AGAIN)
    {
        /* the next one may come through: there are two more in a lease */

        ngx_spocr_idem_renew_timer(ctx);
    }
}


static void
ngx_spocr_idem_renewed_handler(ngx_spocr_redis_call_t *call)
{
    ngx_spocr_idem_ctx_t *ctx = call->data;

    const ngx_spocr_redis_reply_t  *reply;

    reply = call->reply;

    if (call->result == NGX_SPOCR_REDIS_OK
        && reply->nvalues
        && reply->values[0].type == NGX_SPOCR_REDIS_INTEGER
        && reply->values[0].integer == 0)
    {
        /* the claim is another's, or gone: the end will tell */

        ngx_spocr_idem_count(ctx, NGX_SPOCR_IDEM_TOTAL_FENCED);
        return;
    }

    ngx_spocr_idem_renew_timer(ctx);
}


void
ngx_spocr_idem_quiet(ngx_spocr_idem_ctx_t *ctx)
{
    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_spocr_redis_cancel(&ctx->call);
}
