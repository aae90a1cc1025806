
/*
 * The functions' calls, as steps begin and cancel them.
 *
 * Invariant: what is begun here ends in ngx_spocr_redis_queue.c, so no handler
 * runs inside of a step; and the memory of all that waits is bounded.
 */


#include "ngx_spocr_redis_calls.h"


#define NGX_SPOCR_REDIS_QUEUE_MAX   4096
#define NGX_SPOCR_REDIS_LOOKUPS_MAX 256
#define NGX_SPOCR_REDIS_BYTES_MAX   1048576    /* of commands in the queue */
#define NGX_SPOCR_REDIS_FREE_MAX    256        /* entries kept for reuse */
#define NGX_SPOCR_REDIS_NAME_MAX    64         /* of a function */

/* of records: a command has a few things beside, and the queue has room for
 * all that the outbox may have on its way, one more, and many claims */
#define NGX_SPOCR_REDIS_RECORD_TIME   500      /* ms */
#define NGX_SPOCR_REDIS_RECORD_MORE   65536
#define NGX_SPOCR_REDIS_RECORDS_BYTES 4194304


static ngx_uint_t ngx_spocr_redis_calls_ready_now(
    const ngx_spocr_redis_calls_t *calls);
static ngx_uint_t ngx_spocr_redis_calls_room(ngx_spocr_redis_calls_t *calls,
    const ngx_spocr_redis_request_t *request);
static size_t ngx_spocr_redis_calls_name(u_char *name, const char *function);
static ngx_int_t ngx_spocr_redis_calls_command(ngx_spocr_redis_entry_t *entry,
    const ngx_spocr_redis_request_t *request);
static ngx_spocr_redis_entry_t *ngx_spocr_redis_entry_get(
    ngx_spocr_redis_calls_t *calls);


ngx_int_t
ngx_spocr_redis_calls_start(ngx_cycle_t *cycle, ngx_spocr_redis_t *redis,
    ngx_spocr_redis_calls_t **which)
{
    ngx_spocr_redis_calls_t  *calls;

    calls = ngx_calloc(sizeof(ngx_spocr_redis_calls_t), cycle->log);
    if (calls == NULL) {
        return NGX_ERROR;
    }

    calls->redis = redis;
    calls->opening = 1;
    calls->timeout = redis->timeout;
    calls->max = NGX_SPOCR_REDIS_QUEUE_MAX;
    calls->bytes_max = NGX_SPOCR_REDIS_BYTES_MAX;
    calls->command_max = NGX_SPOCR_REDIS_COMMAND_MAX;

    ngx_queue_init(&calls->queue);

    calls->ident.fd = (ngx_socket_t) -1;
    calls->ident.data = calls;

    calls->timer.handler = ngx_spocr_redis_calls_head;
    calls->timer.data = &calls->ident;
    calls->timer.log = cycle->log;

    calls->link = ngx_spocr_redis_link_create(redis,
                                         &ngx_spocr_redis_calls_owner, calls);
    if (calls->link == NULL) {
        ngx_free(calls);
        return NGX_ERROR;
    }

    *which = calls;

    if (which == &redis->records) {
        calls->timeout = ngx_max(redis->timeout, NGX_SPOCR_REDIS_RECORD_TIME);
        calls->patient = 1;
        calls->command_max = redis->context.records
                             + NGX_SPOCR_REDIS_RECORD_MORE;
        calls->bytes_max = redis->context.records_queue
                           + calls->command_max
                           + NGX_SPOCR_REDIS_RECORDS_BYTES;
        calls->link->longest = calls->command_max;

    } else {
        ngx_spocr_redis_state(redis, NGX_SPOCR_REDIS_STATE_AWAY);
    }

    ngx_spocr_redis_link_start(calls->link);

    return NGX_OK;
}


/* What is still waited for ends without a handler: the worker is going. */

void
ngx_spocr_redis_calls_stop(ngx_spocr_redis_calls_t **which)
{
    ngx_queue_t              *q;
    ngx_spocr_redis_calls_t  *calls;
    ngx_spocr_redis_entry_t  *entry;

    calls = *which;

    if (calls == NULL) {
        return;
    }

    ngx_spocr_redis_link_destroy(calls->link);

    while (!ngx_queue_empty(&calls->queue)) {
        q = ngx_queue_head(&calls->queue);
        entry = ngx_queue_data(q, ngx_spocr_redis_entry_t, queue);
        ngx_spocr_redis_entry_drop(entry);
    }

    while (calls->free) {
        entry = calls->free;
        calls->free = entry->next;
        ngx_free(entry);
    }

    if (calls->timer.timer_set) {
        ngx_del_timer(&calls->timer);
    }

    ngx_free(calls);
    *which = NULL;
}


ngx_uint_t
ngx_spocr_redis_ready(const ngx_spocr_redis_t *redis)
{
    return ngx_spocr_redis_calls_ready_now(redis->calls);
}


ngx_uint_t
ngx_spocr_redis_records_ready(const ngx_spocr_redis_t *redis)
{
    return ngx_spocr_redis_calls_ready_now(redis->records);
}


static ngx_uint_t
ngx_spocr_redis_calls_ready_now(const ngx_spocr_redis_calls_t *calls)
{
    return calls
           && (calls->opening
               || calls->link->state == NGX_SPOCR_REDIS_LINK_READY);
}


ngx_int_t
ngx_spocr_redis_call(ngx_spocr_redis_t *redis, ngx_spocr_redis_call_t *call,
    const ngx_spocr_redis_request_t *request)
{
    ngx_msec_t                budget;
    ngx_spocr_redis_calls_t  *calls;
    ngx_spocr_redis_entry_t  *entry;

    calls = request->record ? redis->records : redis->calls;

    if (!ngx_spocr_redis_calls_ready_now(calls)) {
        goto refused;
    }

    budget = ngx_min(request->budget, calls->timeout);

    if (budget == 0 || !ngx_spocr_redis_calls_room(calls, request)) {
        goto refused;
    }

    entry = ngx_spocr_redis_entry_get(calls);
    if (entry == NULL) {
        goto refused;
    }

    ngx_spocr_redis_nonce(redis, entry->nonce);

    if (ngx_spocr_redis_calls_command(entry, request) != NGX_OK) {
        ngx_spocr_redis_entry_put(calls, entry);
        goto refused;
    }

    entry->call = call;
    entry->lookup = request->lookup;
    entry->deadline = ngx_current_msec + calls->timeout;
    entry->budget = budget;
    entry->begun = ngx_current_msec;

    call->entry = entry;
    call->reply = NULL;

    ngx_queue_insert_tail(&calls->queue, &entry->queue);

    calls->n++;
    calls->nlookups += entry->lookup;
    calls->bytes += entry->len;

    if (budget < calls->timeout || calls->opening) {

        /* the time that it waits for the first handshake is its own */

        ngx_add_timer(&entry->timer, budget);
    }

    if (!calls->opening) {
        ngx_spocr_redis_calls_arm(calls);
        ngx_spocr_redis_link_flush(calls->link);
    }

    return NGX_AGAIN;

refused:

    ngx_spocr_redis_count(redis, NGX_SPOCR_REDIS_TOTAL_REFUSED);

    return NGX_DECLINED;
}


void
ngx_spocr_redis_cancel(ngx_spocr_redis_call_t *call)
{
    ngx_spocr_redis_entry_t  *entry;

    entry = call->entry;

    if (entry == NULL) {
        return;
    }

    ngx_spocr_redis_count(entry->calls->redis,
                          NGX_SPOCR_REDIS_TOTAL_CANCELLED);

    call->entry = NULL;
    entry->call = NULL;

    if (entry->timer.timer_set) {
        ngx_del_timer(&entry->timer);
    }

    if (!entry->sent) {
        ngx_spocr_redis_entry_drop(entry);
    }
}


/*
 * Lookups need no key: guesses must not fill the queue, nor keep Redis busy
 * for longer than others wait for it.
 */

static ngx_uint_t
ngx_spocr_redis_calls_room(ngx_spocr_redis_calls_t *calls,
    const ngx_spocr_redis_request_t *request)
{
    if (calls->n >= calls->max || calls->bytes >= calls->bytes_max) {
        return 0;
    }

    return !request->lookup
           || (calls->nlookups < NGX_SPOCR_REDIS_LOOKUPS_MAX
               && calls->bytes < NGX_SPOCR_REDIS_BYTES_MAX / 2);
}


/* "spocr_v2_limit": its length, or 0 where it is too long. */

static size_t
ngx_spocr_redis_calls_name(u_char *name, const char *function)
{
    size_t  len;

    len = ngx_strlen(function);

    if (len > NGX_SPOCR_REDIS_NAME_MAX - sizeof(NGX_SPOCR_REDIS_LIBRARY "_")) {
        return 0;
    }

    name = ngx_cpymem(name, NGX_SPOCR_REDIS_LIBRARY "_",
                      sizeof(NGX_SPOCR_REDIS_LIBRARY "_") - 1);
    ngx_memcpy(name, function, len);

    return sizeof(NGX_SPOCR_REDIS_LIBRARY "_") - 1 + len;
}


/* The command's bytes, in the entry's own memory where they fit. */

static ngx_int_t
ngx_spocr_redis_calls_command(ngx_spocr_redis_entry_t *entry,
    const ngx_spocr_redis_request_t *request)
{
    size_t      room;
    u_char      name[NGX_SPOCR_REDIS_NAME_MAX], nkeys;
    ngx_str_t   words[NGX_SPOCR_REDIS_KEYS_MAX + NGX_SPOCR_REDIS_ARGS_MAX + 4];
    ngx_uint_t  i, n;

    words[1].data = name;
    words[1].len = ngx_spocr_redis_calls_name(name, request->function);

    if (request->nkeys > NGX_SPOCR_REDIS_KEYS_MAX
        || request->nargs > NGX_SPOCR_REDIS_ARGS_MAX
        || words[1].len == 0)
    {
        return NGX_ERROR;
    }

    nkeys = (u_char) ('0' + request->nkeys);

    if (request->read) {
        ngx_str_set(&words[0], "FCALL_RO");

    } else {
        ngx_str_set(&words[0], "FCALL");
    }

    words[2].data = &nkeys;
    words[2].len = 1;
    n = 3;

    for (i = 0; i < request->nkeys; i++) {
        words[n++] = request->keys[i];
    }

    words[n].data = entry->nonce;
    words[n++].len = NGX_SPOCR_REDIS_NONCE_LEN;

    for (i = 0; i < request->nargs; i++) {
        words[n++] = request->args[i];
    }

    room = ngx_spocr_redis_codec_room(words, n, entry->calls->command_max);

    if (room == 0 || room > entry->calls->bytes_max - entry->calls->bytes) {
        return NGX_ERROR;
    }

    entry->command = entry->room;

    if (room > sizeof(entry->room)) {
        entry->command = ngx_alloc(room, ngx_cycle->log);

        if (entry->command == NULL) {
            return NGX_ERROR;
        }
    }

    entry->len = (size_t) (ngx_spocr_redis_codec_write(entry->command, words,
                                                       n)
                           - entry->command);

    return NGX_OK;
}


static ngx_spocr_redis_entry_t *
ngx_spocr_redis_entry_get(ngx_spocr_redis_calls_t *calls)
{
    ngx_spocr_redis_entry_t  *entry;

    entry = calls->free;

    if (entry) {
        calls->free = entry->next;
        calls->nfree--;

    } else {
        entry = ngx_alloc(sizeof(ngx_spocr_redis_entry_t), ngx_cycle->log);
        if (entry == NULL) {
            return NULL;
        }
    }

    ngx_memzero(entry, offsetof(ngx_spocr_redis_entry_t, room));

    entry->calls = calls;
    entry->timer.handler = ngx_spocr_redis_calls_budget;
    entry->timer.data = &calls->ident;
    entry->timer.log = ngx_cycle->log;

    return entry;
}


void
ngx_spocr_redis_entry_put(ngx_spocr_redis_calls_t *calls,
    ngx_spocr_redis_entry_t *entry)
{
    if (calls->nfree >= NGX_SPOCR_REDIS_FREE_MAX) {
        ngx_free(entry);
        return;
    }

    entry->next = calls->free;

    calls->free = entry;
    calls->nfree++;
}
