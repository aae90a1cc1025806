
/*
 * How calls end: by an answer, by their time, with the link.  The link tells
 * what comes and asks what to send; timers do the rest.
 *
 * Invariant: a handler runs once, when its entry has left the queue or has
 * forgotten the call.  So it may begin and cancel calls, and free its own
 * memory.
 */


#include "ngx_spocr_redis_calls.h"


#define NGX_SPOCR_REDIS_WAIT  5000       /* ms, of a record behind others */


static void ngx_spocr_redis_calls_ready(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_calls_message(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message);
static void ngx_spocr_redis_calls_lost(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_calls_answer(ngx_spocr_redis_calls_t *calls,
    ngx_spocr_redis_entry_t *entry, const ngx_spocr_redis_message_t *message);
static ngx_int_t ngx_spocr_redis_calls_error(ngx_spocr_redis_calls_t *calls,
    ngx_spocr_redis_entry_t *entry, const ngx_spocr_redis_message_t *message);
static void ngx_spocr_redis_calls_fail(ngx_spocr_redis_calls_t *calls);
static ngx_msec_int_t ngx_spocr_redis_calls_left(
    const ngx_spocr_redis_calls_t *calls, ngx_msec_t deadline);
static ngx_uint_t ngx_spocr_redis_calls_behind(
    const ngx_spocr_redis_entry_t *entry);
static void ngx_spocr_redis_entry_end(ngx_spocr_redis_entry_t *entry,
    ngx_spocr_redis_result_e result, const ngx_spocr_redis_reply_t *reply);


const ngx_spocr_redis_owner_t  ngx_spocr_redis_calls_owner = {
    .library = 1,
    .ready = ngx_spocr_redis_calls_ready,
    .message = ngx_spocr_redis_calls_message,
    .lost = ngx_spocr_redis_calls_lost,
    .fill = ngx_spocr_redis_calls_fill
};


/* What has waited for the first handshake is sent now. */

static void
ngx_spocr_redis_calls_ready(ngx_spocr_redis_link_t *link)
{
    ngx_spocr_redis_calls_t  *calls = link->data;

    calls->opening = 0;

    if (calls == calls->redis->calls) {
        ngx_spocr_redis_state(calls->redis, NGX_SPOCR_REDIS_STATE_READY);
    }

    if (calls->n) {
        ngx_spocr_redis_calls_arm(calls);
        ngx_spocr_redis_link_flush(link);
    }
}


/* The answer to the first call of the queue. */

static ngx_int_t
ngx_spocr_redis_calls_message(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message)
{
    ngx_spocr_redis_calls_t *calls = link->data;

    ngx_queue_t              *q;
    ngx_spocr_redis_entry_t  *entry;

    q = ngx_queue_head(&calls->queue);
    entry = ngx_queue_data(q, ngx_spocr_redis_entry_t, queue);

    if (ngx_queue_empty(&calls->queue) || !entry->sent) {
        ngx_spocr_redis_link_why(link, "it sent an answer that nobody has "
                                 "asked for");
        link->lasting = 1;
        return NGX_ERROR;
    }

    calls->late = 0;

    if (calls->patient) {
        ngx_spocr_redis_calls_heard(calls, message);
    }

    return ngx_spocr_redis_calls_answer(calls, entry, message);
}


static ngx_int_t
ngx_spocr_redis_calls_answer(ngx_spocr_redis_calls_t *calls,
    ngx_spocr_redis_entry_t *entry, const ngx_spocr_redis_message_t *message)
{
    ngx_uint_t                      i;
    ngx_spocr_redis_t              *redis;
    ngx_spocr_redis_link_t         *link;
    ngx_spocr_redis_reply_t        *reply;
    const ngx_spocr_redis_value_t  *v;

    redis = calls->redis;
    link = calls->link;
    reply = &calls->reply;

    if (message->error.len) {
        return ngx_spocr_redis_calls_error(calls, entry, message);
    }

    v = message->values;

    if (!message->array
        || message->nvalues == 0
        || message->nvalues > NGX_SPOCR_REDIS_VALUES_MAX + 1
        || v[0].type != NGX_SPOCR_REDIS_STRING
        || v[0].text.len != NGX_SPOCR_REDIS_NONCE_LEN
        || ngx_memcmp(v[0].text.data, entry->nonce, NGX_SPOCR_REDIS_NONCE_LEN)
           != 0)
    {
        ngx_spocr_redis_link_why(link, "it sent an answer to another call");
        link->lasting = 1;
        return NGX_ERROR;
    }

    reply->error.len = 0;
    reply->nvalues = message->nvalues - 1;

    for (i = 0; i < reply->nvalues; i++) {
        reply->values[i] = v[i + 1];
    }

    if (entry->clock) {
        redis->context.observe(redis->context.zone,
                               ngx_spocr_redis_clock() - entry->clock);
    }

    if (entry->call) {
        ngx_spocr_redis_count(redis, NGX_SPOCR_REDIS_TOTAL_OK);
    }

    ngx_spocr_redis_entry_end(entry, NGX_SPOCR_REDIS_OK, reply);

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_redis_calls_error(ngx_spocr_redis_calls_t *calls,
    ngx_spocr_redis_entry_t *entry, const ngx_spocr_redis_message_t *message)
{
    ngx_spocr_redis_link_t   *link;
    ngx_spocr_redis_error_e   kind;

    link = calls->link;
    kind = ngx_spocr_redis_error(&message->error);

    ngx_spocr_redis_visible(message->error.data, message->error.len);

    if (kind == NGX_SPOCR_REDIS_ERROR_USELESS) {
        ngx_spocr_redis_link_why(link, "it said: %V", &message->error);
        link->lasting = 1;
        return NGX_ERROR;
    }

    ngx_spocr_redis_say(calls->redis, NGX_LOG_ERR, NGX_SPOCR_REDIS_TOPIC_CALL,
                        "Redis %V refused a call: %V", &link->peer_name,
                        &message->error);

    if (entry->call) {
        ngx_spocr_redis_count(calls->redis, NGX_SPOCR_REDIS_TOTAL_ERROR);
    }

    if (kind == NGX_SPOCR_REDIS_ERROR_REFUSED) {
        ngx_spocr_redis_entry_end(entry, NGX_SPOCR_REDIS_AWAY, NULL);
        return NGX_OK;
    }

    calls->reply.error = message->error;
    calls->reply.nvalues = 0;

    ngx_spocr_redis_entry_end(entry, NGX_SPOCR_REDIS_ERROR, &calls->reply);

    return NGX_OK;
}


/*
 * What is waited for ends here, also what was not sent yet: there is no time
 * for another attempt.  Only while the first handshake is not decided calls
 * stay, each with a timer of its own.
 */

static void
ngx_spocr_redis_calls_lost(ngx_spocr_redis_link_t *link)
{
    ngx_spocr_redis_calls_t *calls = link->data;

    if (calls->opening && !ngx_spocr_redis_link_gave_up(link)) {
        return;
    }

    calls->opening = 0;
    calls->late = 0;

    if (calls == calls->redis->calls) {
        ngx_spocr_redis_state(calls->redis, NGX_SPOCR_REDIS_STATE_AWAY);
    }

    ngx_spocr_redis_calls_fail(calls);
}


static void
ngx_spocr_redis_calls_fail(ngx_spocr_redis_calls_t *calls)
{
    ngx_queue_t              *q;
    ngx_uint_t                late;
    ngx_spocr_redis_entry_t  *entry;

    /* handlers begin no calls meanwhile, as the link is not ready */

    while (!ngx_queue_empty(&calls->queue)) {
        q = ngx_queue_head(&calls->queue);
        entry = ngx_queue_data(q, ngx_spocr_redis_entry_t, queue);

        if (entry->call) {
            late = (ngx_msec_int_t) (entry->deadline - ngx_current_msec) <= 0;

            ngx_spocr_redis_count(calls->redis,
                                  late ? NGX_SPOCR_REDIS_TOTAL_TIMEOUT
                                       : NGX_SPOCR_REDIS_TOTAL_LOST);
        }

        ngx_spocr_redis_entry_end(entry, NGX_SPOCR_REDIS_AWAY, NULL);
    }
}


/*
 * The queue's head: armed once for many calls, and looked at when it fires.
 * It keeps a worker that is going from going only while calls are waited for.
 */

void
ngx_spocr_redis_calls_arm(ngx_spocr_redis_calls_t *calls)
{
    ngx_queue_t              *q;
    ngx_msec_int_t            left;
    ngx_spocr_redis_entry_t  *entry;

    calls->timer.cancelable = ngx_queue_empty(&calls->queue) ? 1 : 0;

    if (calls->timer.cancelable || calls->timer.timer_set) {
        return;
    }

    q = ngx_queue_head(&calls->queue);
    entry = ngx_queue_data(q, ngx_spocr_redis_entry_t, queue);

    left = ngx_spocr_redis_calls_left(calls, entry->deadline);

    ngx_add_timer(&calls->timer, (ngx_msec_t) ngx_max(left, 1));
}


/*
 * How long from now until the link's time is up, in ms.  Records are megabytes:
 * as long as bytes come or leave Redis is there, and time is what has passed
 * since the last.
 */

static ngx_msec_int_t
ngx_spocr_redis_calls_left(const ngx_spocr_redis_calls_t *calls,
    ngx_msec_t deadline)
{
    ngx_msec_int_t  left, more;

    left = (ngx_msec_int_t) (deadline - ngx_current_msec);

    if (!calls->patient
        || calls->link->state != NGX_SPOCR_REDIS_LINK_READY)
    {
        return left;
    }

    more = (ngx_msec_int_t) (calls->link->moved + calls->timeout
                             - ngx_current_msec);

    return ngx_max(left, more);
}


void
ngx_spocr_redis_calls_head(ngx_event_t *ev)
{
    ngx_queue_t              *q;
    ngx_connection_t         *ident;
    ngx_spocr_redis_calls_t  *calls;
    ngx_spocr_redis_entry_t  *entry;

    ident = ev->data;
    calls = ident->data;

    if (ngx_queue_empty(&calls->queue)
        || calls->link->state != NGX_SPOCR_REDIS_LINK_READY)
    {
        return;
    }

    q = ngx_queue_head(&calls->queue);
    entry = ngx_queue_data(q, ngx_spocr_redis_entry_t, queue);

    if (ngx_spocr_redis_calls_left(calls, entry->deadline) > 0) {
        ngx_spocr_redis_calls_arm(calls);
        return;
    }

    if (!calls->late) {

        /*
         * A worker that was held up runs its timers before it reads: the
         * answer may lie in the socket.  One more pass will show it.
         */

        calls->late = 1;
        ngx_add_timer(&calls->timer, 1);
        return;
    }

    ngx_spocr_redis_link_why(calls->link, "no answer within %Mms",
                             calls->timeout);
    calls->link->lasting = 1;
    ngx_spocr_redis_link_fail(calls->link);
}


/*
 * A call of a record that is one of several: they may be long, and it is the
 * link's own patience that ends them.  But not where the other link knows that
 * Redis is away.
 */

static ngx_uint_t
ngx_spocr_redis_calls_behind(const ngx_spocr_redis_entry_t *entry)
{
    const ngx_spocr_redis_calls_t  *calls;

    calls = entry->calls;

    return calls->patient
           && calls->n > 1
           && calls->link->state == NGX_SPOCR_REDIS_LINK_READY
           && calls->redis->calls->link->state == NGX_SPOCR_REDIS_LINK_READY
           && ngx_current_msec - entry->begun < NGX_SPOCR_REDIS_WAIT;
}


/* A budget that ends before the link's patience does. */

void
ngx_spocr_redis_calls_budget(ngx_event_t *ev)
{
    ngx_spocr_redis_call_t   *call;
    ngx_spocr_redis_entry_t  *entry;

    entry = ngx_queue_data(ev, ngx_spocr_redis_entry_t, timer);
    call = entry->call;

    if (ngx_spocr_redis_calls_behind(entry)) {
        ngx_add_timer(&entry->timer, entry->budget);
        return;
    }

    if (!entry->late) {

        /* as above: the answer may lie in the socket */

        entry->late = 1;
        ngx_add_timer(&entry->timer, 1);
        return;
    }

    ngx_spocr_redis_count(entry->calls->redis, NGX_SPOCR_REDIS_TOTAL_TIMEOUT);

    if (!entry->sent) {
        ngx_spocr_redis_entry_end(entry, NGX_SPOCR_REDIS_AWAY, NULL);
        return;
    }

    entry->call = NULL;

    call->entry = NULL;
    call->result = NGX_SPOCR_REDIS_AWAY;
    call->reply = NULL;
    call->handler(call);
}


void
ngx_spocr_redis_entry_forget(ngx_spocr_redis_entry_t *entry)
{
    if (entry->command && entry->command != entry->room) {
        ngx_free(entry->command);
    }

    entry->command = NULL;
}


void
ngx_spocr_redis_entry_drop(ngx_spocr_redis_entry_t *entry)
{
    ngx_spocr_redis_calls_t  *calls;

    calls = entry->calls;

    if (entry->timer.timer_set) {
        ngx_del_timer(&entry->timer);
    }

    ngx_spocr_redis_entry_forget(entry);

    if (entry->call) {
        entry->call->entry = NULL;
    }

    ngx_queue_remove(&entry->queue);

    calls->n--;
    calls->nsent -= entry->sent;
    calls->nlookups -= entry->lookup;
    calls->bytes -= entry->len;

    if (calls->n == 0) {
        calls->timer.cancelable = 1;
    }

    ngx_spocr_redis_entry_put(calls, entry);
}


/* The end of a call: the last that is done with its entry is the handler. */

static void
ngx_spocr_redis_entry_end(ngx_spocr_redis_entry_t *entry,
    ngx_spocr_redis_result_e result, const ngx_spocr_redis_reply_t *reply)
{
    ngx_spocr_redis_call_t  *call;

    call = entry->call;

    ngx_spocr_redis_entry_drop(entry);

    if (call == NULL) {
        return;
    }

    call->result = result;
    call->reply = reply;

    call->handler(call);
}
