
/*
 * The idempotency step: header, body, claim, and what the claim's answer
 * means.  The access handler calls it last, until it says NGX_OK.
 *
 * Invariant: no claim is held while a body is read, and nothing is executed
 * where it is not known whether a claim was made.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include "ngx_spocr_idem.h"


#define NGX_SPOCR_IDEM_RETRY_AFTER   1         /* s, in a 503 */
#define NGX_SPOCR_IDEM_PAUSE_MIN     50        /* ms between two questions */
#define NGX_SPOCR_IDEM_PAUSE_MAX     500
#define NGX_SPOCR_IDEM_WAITERS_MAX   512       /* of a worker */


static ngx_int_t ngx_spocr_idem_begin(ngx_http_request_t *r,
    const ngx_spocr_idem_env_t *env, ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_idem_claim(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_idem_answered(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_idem_busy(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static void ngx_spocr_idem_waits_no_more(ngx_spocr_idem_ctx_t *ctx);
static void ngx_spocr_idem_again_handler(ngx_event_t *ev);
static ngx_int_t ngx_spocr_idem_tombstone(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_idem_away(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static ngx_int_t ngx_spocr_idem_unavailable(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict, const char *reason);
static ngx_int_t ngx_spocr_idem_refuse(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict, ngx_spocr_error_e error,
    ngx_spocr_idem_status_e status, ngx_int_t retry_after,
    const char *reason);

static const ngx_str_t  ngx_spocr_idem_statuses[] = {
    ngx_null_string,
    ngx_string("OFF"),
    ngx_string("NEW"),
    ngx_string("REPLAY"),
    ngx_string("IN_PROGRESS"),
    ngx_string("REUSED"),
    ngx_string("OUTCOME_UNKNOWN"),
    ngx_string("REPLAY_UNAVAILABLE"),
    ngx_string("UNAVAILABLE"),
    ngx_string("BYPASSED"),
    ngx_string("INVALID")
};

static const ngx_str_t  ngx_spocr_idem_totals[] = {
    ngx_string("stored"),
    ngx_string("not_replayable"),
    ngx_string("released"),
    ngx_string("unknown"),
    ngx_string("late"),
    ngx_string("lease_lost"),
    ngx_string("bad_record")
};


const ngx_str_t *
ngx_spocr_idem_status(ngx_spocr_idem_status_e status)
{
    return &ngx_spocr_idem_statuses[status];
}


const ngx_str_t *
ngx_spocr_idem_total(ngx_uint_t total)
{
    return &ngx_spocr_idem_totals[total];
}


ngx_int_t
ngx_spocr_idem_step(ngx_http_request_t *r, const ngx_spocr_idem_env_t *env,
    ngx_spocr_idem_ctx_t *ctx, ngx_spocr_redis_wait_t *wait,
    ngx_spocr_verdict_t *verdict)
{
    switch (ctx->state) {

    case NGX_SPOCR_IDEM_BEGIN:
        ctx->wait = wait;
        ctx->request = r;

        return ngx_spocr_idem_begin(r, env, ctx, verdict);

    case NGX_SPOCR_IDEM_READ:
    case NGX_SPOCR_IDEM_READING:

        /* the page sets CLAIM when the body has come */

        return NGX_BUSY;

    case NGX_SPOCR_IDEM_CLAIM:
        return ngx_spocr_idem_claim(ctx, verdict);

    case NGX_SPOCR_IDEM_ASKED:
    case NGX_SPOCR_IDEM_WAITING:
        return NGX_AGAIN;

    case NGX_SPOCR_IDEM_ANSWERED:
        return ngx_spocr_idem_answered(ctx, verdict);

    default:

        /* an internal redirect comes by once more */

        return NGX_OK;
    }
}


static ngx_int_t
ngx_spocr_idem_begin(ngx_http_request_t *r, const ngx_spocr_idem_env_t *env,
    ngx_spocr_idem_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    ctx->status = NGX_SPOCR_IDEM_STATUS_OFF;

    if (env->conf->enable == NGX_SPOCR_IDEM_OFF
        || env->key == NULL
        || !(r->method & (NGX_HTTP_POST|NGX_HTTP_PATCH)))
    {
        ctx->state = NGX_SPOCR_IDEM_PASSED;
        return NGX_OK;
    }

    ctx->env = *env;

    h = ngx_spocr_idem_find(r, &n);

    if (n == 0) {

        if (env->conf->enable != NGX_SPOCR_IDEM_REQUIRED) {
            ctx->state = NGX_SPOCR_IDEM_PASSED;
            return NGX_OK;
        }

        return ngx_spocr_idem_refuse(ctx, verdict,
                                     NGX_SPOCR_ERR_IDEMPOTENCY_KEY_REQUIRED,
                                     NGX_SPOCR_IDEM_STATUS_INVALID, -1, NULL);
    }

    ctx->key = ngx_pnalloc(r->pool, NGX_SPOCR_IDEMKEY_MAX);
    if (ctx->key == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (n > 1
        || ngx_spocr_idemkey_parse(h->value.data, h->value.len, ctx->key,
                                   &ctx->key_len)
           != NGX_OK)
    {
        return ngx_spocr_idem_refuse(ctx, verdict,
                                     NGX_SPOCR_ERR_INVALID_IDEMPOTENCY_KEY,
                                     NGX_SPOCR_IDEM_STATUS_INVALID, -1,
                                     n > 1 ? "two Idempotency-Key headers"
                                           : NULL);
    }

    ctx->header = h;

    if (ngx_spocr_idem_name(ctx) != NGX_OK
        || ngx_spocr_idem_hash(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = NGX_SPOCR_IDEM_READ;

    return NGX_BUSY;
}


/* The body is there, all of it (contract, section 1: step 11). */

static ngx_int_t
ngx_spocr_idem_claim(ngx_spocr_idem_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    ngx_int_t  rc;

    rc = ngx_spocr_fingerprint_finish(ctx->hash, ctx->owner.fingerprint);

    ngx_spocr_fingerprint_destroy(ctx->hash);
    ctx->hash = NULL;

    if (rc != NGX_OK
        || RAND_bytes(ctx->token, NGX_SPOCR_IDEM_TOKEN_LEN) != 1)
    {
        ERR_clear_error();
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->since = ngx_current_msec;

    if (ngx_spocr_idem_ask(ctx) != NGX_AGAIN) {
        return ngx_spocr_idem_away(ctx, verdict);
    }

    ctx->state = NGX_SPOCR_IDEM_ASKED;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_spocr_idem_answered(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict)
{
    ngx_int_t    rc;
    const char  *reason;

    if (ctx->answer != NGX_SPOCR_IDEM_ANSWER_BUSY) {
        ngx_spocr_idem_waits_no_more(ctx);
    }

    switch (ctx->answer) {

    case NGX_SPOCR_IDEM_ANSWER_NEW:
        ctx->state = NGX_SPOCR_IDEM_CLAIMED;
        ctx->status = NGX_SPOCR_IDEM_STATUS_NEW;
        ngx_spocr_idem_renew(ctx);
        return NGX_OK;

    case NGX_SPOCR_IDEM_ANSWER_BUSY:
        return ngx_spocr_idem_busy(ctx, verdict);

    case NGX_SPOCR_IDEM_ANSWER_MISMATCH:
        return ngx_spocr_idem_refuse(ctx, verdict,
                                     NGX_SPOCR_ERR_IDEMPOTENCY_KEY_REUSED,
                                     NGX_SPOCR_IDEM_STATUS_REUSED, -1, NULL);

    case NGX_SPOCR_IDEM_ANSWER_TOMB:
        return ngx_spocr_idem_tombstone(ctx, verdict);

    case NGX_SPOCR_IDEM_ANSWER_DONE:

        rc = ngx_spocr_idem_open(ctx, &reason);

        if (rc == NGX_OK) {
            ctx->state = NGX_SPOCR_IDEM_REFUSED;
            ctx->status = NGX_SPOCR_IDEM_STATUS_REPLAY;
            return NGX_DONE;
        }

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        break;

    case NGX_SPOCR_IDEM_ANSWER_FULL:

        /* it has run: also with "allow" it does not once more */

        return ngx_spocr_idem_unavailable(ctx, verdict,
                                    "too many stored answers are being read");

    case NGX_SPOCR_IDEM_ANSWER_BAD:
        reason = "a record that no gateway has written";
        break;

    default: /* NGX_SPOCR_IDEM_ANSWER_AWAY */
        return ngx_spocr_idem_away(ctx, verdict);
    }

    /* C-34: what cannot be read may have been executed */

    ngx_spocr_idem_count(ctx, NGX_SPOCR_IDEM_TOTAL_BAD);

    return ngx_spocr_idem_refuse(ctx, verdict,
                                 NGX_SPOCR_ERR_IDEMPOTENCY_OUTCOME_UNKNOWN,
                                 NGX_SPOCR_IDEM_STATUS_OUTCOME_UNKNOWN, -1,
                                 reason);
}


/*
 * The first one runs (C-26).  Whoever may wait asks again with a token of its
 * own: should the first one be released, it runs itself.
 */

static ngx_int_t
ngx_spocr_idem_busy(ngx_spocr_idem_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    ngx_int_t                 seconds;
    ngx_msec_t                waited, left;
    ngx_spocr_idem_worker_t  *worker;

    worker = ctx->env.main->worker;
    waited = ngx_current_msec - ctx->since;

    if (waited < ctx->env.conf->wait
        && !ngx_exiting
        && (ctx->waits || worker->waiting < NGX_SPOCR_IDEM_WAITERS_MAX))
    {
        if (!ctx->waits) {
            ctx->waits = 1;
            worker->waiting++;
        }

        left = ctx->env.conf->wait - waited;

        ctx->pause = ngx_min(ngx_max(ctx->pause * 3 / 2,
                                     NGX_SPOCR_IDEM_PAUSE_MIN),
                             NGX_SPOCR_IDEM_PAUSE_MAX);

        ctx->ident.fd = (ngx_socket_t) -1;
        ctx->ident.data = ctx;

        ctx->timer.handler = ngx_spocr_idem_again_handler;
        ctx->timer.data = &ctx->ident;
        ctx->timer.log = ngx_cycle->log;
        ctx->timer.cancelable = 0;

        /* jitter: those that came together do not ask together */

        ngx_add_timer(&ctx->timer,
                      ngx_min(left, ctx->pause - (ngx_msec_t) ngx_random()
                                                 % (ctx->pause / 2)));

        ctx->state = NGX_SPOCR_IDEM_WAITING;

        return NGX_AGAIN;
    }

    seconds = (ngx_int_t) (ctx->elapsed / 1000);
    seconds = ngx_min(ngx_max(seconds, 1), 10);

    return ngx_spocr_idem_refuse(ctx, verdict,
                                 NGX_SPOCR_ERR_IDEMPOTENCY_IN_PROGRESS,
                                 NGX_SPOCR_IDEM_STATUS_IN_PROGRESS, seconds,
                                 NULL);
}


static void
ngx_spocr_idem_waits_no_more(ngx_spocr_idem_ctx_t *ctx)
{
    if (ctx->waits) {
        ctx->env.main->worker->waiting--;
        ctx->waits = 0;
    }
}


static void
ngx_spocr_idem_again_handler(ngx_event_t *ev)
{
    ngx_connection_t      *ident;
    ngx_spocr_idem_ctx_t  *ctx;

    ident = ev->data;
    ctx = ident->data;

    if (ngx_spocr_idem_ask(ctx) == NGX_AGAIN) {
        ctx->state = NGX_SPOCR_IDEM_ASKED;
        return;
    }

    ctx->answer = NGX_SPOCR_IDEM_ANSWER_AWAY;
    ctx->state = NGX_SPOCR_IDEM_ANSWERED;

    ctx->wait->wake(ctx->wait->data);
}


static ngx_int_t
ngx_spocr_idem_tombstone(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict)
{
    if (ctx->blob.len == sizeof("outcome_unknown") - 1
        && ngx_memcmp(ctx->blob.data, "outcome_unknown", ctx->blob.len) == 0)
    {
        return ngx_spocr_idem_refuse(ctx, verdict,
                                   NGX_SPOCR_ERR_IDEMPOTENCY_OUTCOME_UNKNOWN,
                                   NGX_SPOCR_IDEM_STATUS_OUTCOME_UNKNOWN, -1,
                                   NULL);
    }

    return ngx_spocr_idem_refuse(ctx, verdict,
                                 NGX_SPOCR_ERR_IDEMPOTENCY_REPLAY_UNAVAILABLE,
                                 NGX_SPOCR_IDEM_STATUS_REPLAY_UNAVAILABLE, -1,
                                 NULL);
}


/* C-32 */

static ngx_int_t
ngx_spocr_idem_away(ngx_spocr_idem_ctx_t *ctx, ngx_spocr_verdict_t *verdict)
{
    /* whoever has paused knows that the first one was there */

    if (ctx->env.conf->on_error == NGX_SPOCR_IDEM_ALLOW && ctx->pause == 0) {
        ctx->state = NGX_SPOCR_IDEM_PASSED;
        ctx->status = NGX_SPOCR_IDEM_STATUS_BYPASSED;
        return NGX_OK;
    }

    return ngx_spocr_idem_unavailable(ctx, verdict,
                                      "Redis cannot say whether this request "
                                      "ran before");
}


static ngx_int_t
ngx_spocr_idem_unavailable(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict, const char *reason)
{
    return ngx_spocr_idem_refuse(ctx, verdict,
                                 NGX_SPOCR_ERR_SERVICE_UNAVAILABLE,
                                 NGX_SPOCR_IDEM_STATUS_UNAVAILABLE,
                                 NGX_SPOCR_IDEM_RETRY_AFTER, reason);
}


static ngx_int_t
ngx_spocr_idem_refuse(ngx_spocr_idem_ctx_t *ctx, ngx_spocr_verdict_t *verdict,
    ngx_spocr_error_e error, ngx_spocr_idem_status_e status,
    ngx_int_t retry_after, const char *reason)
{
    ngx_int_t  rc;

    ctx->state = NGX_SPOCR_IDEM_REFUSED;
    ctx->status = status;

    rc = ngx_spocr_refuse(verdict, error, retry_after, reason);

    if (rc == NGX_HTTP_CONFLICT) {
        verdict->original.data = ctx->first;
        verdict->original.len = ctx->first_len;
    }

    return rc;
}


void
ngx_spocr_idem_release(ngx_spocr_idem_ctx_t *ctx)
{
    if (ctx->hash) {
        ngx_spocr_fingerprint_destroy(ctx->hash);
        ctx->hash = NULL;
    }

    switch (ctx->state) {

    case NGX_SPOCR_IDEM_ASKED:

        /* Redis may have claimed it, or may yet do so */

        ngx_spocr_redis_cancel(&ctx->call);
        ngx_spocr_idem_unclaim(ctx);
        break;

    case NGX_SPOCR_IDEM_ANSWERED:

        if (ctx->answer == NGX_SPOCR_IDEM_ANSWER_NEW) {
            ngx_spocr_idem_unclaim(ctx);
        }

        break;

    case NGX_SPOCR_IDEM_CLAIMED:
    case NGX_SPOCR_IDEM_CAPTURE:

        /* no answer, or not to its end */

        (void) ngx_spocr_idem_tell(ctx,
                                   ngx_spocr_idem_nothing_sent(ctx->request)
                                   ? NGX_SPOCR_IDEM_RELEASE
                                   : NGX_SPOCR_IDEM_UNKNOWN, NULL);
        break;

    default:
        break;
    }

    if (ctx->unhold) {

        /* sent on, but not to its end */

        ngx_spocr_idem_count(ctx, NGX_SPOCR_IDEM_TOTAL_UNKNOWN);
        ctx->unhold = 0;
    }

    ngx_spocr_idem_quiet(ctx);
    ngx_spocr_outbox_forget(&ctx->ticket);
    ngx_spocr_idem_capture_free(ctx);

    ngx_spocr_idem_waits_no_more(ctx);

    if (ctx->replayed) {
        ngx_spocr_idem_give(&ctx->env.main->worker->replayed,
                            ctx->env.key->tenant, ctx->replayed);
        ctx->replayed = 0;
    }

    if (ctx->state != NGX_SPOCR_IDEM_BEGIN) {
        ctx->state = NGX_SPOCR_IDEM_SENT;
    }
}
