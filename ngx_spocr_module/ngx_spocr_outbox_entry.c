
/*
 * An item's memory, its call, what the answer means, and what is said of it.
 *
 * Called by the two ways that an item can go: ngx_spocr_outbox.c for the
 * first time, ngx_spocr_outbox_retry.c from the zone.
 *
 * Invariant: an entry is in the queue of its outbox as long as it exists, and
 * its bytes are part of the outbox' sum.
 */


#include "ngx_spocr_outbox_entry.h"


#define NGX_SPOCR_OUTBOX_ASKED   3         /* times that an UNCLAIM is sent */
#define NGX_SPOCR_OUTBOX_SAY     10        /* s between two lines */


static ngx_spocr_outbox_end_e ngx_spocr_outbox_completed(
    ngx_spocr_outbox_entry_t *entry, const ngx_spocr_redis_value_t *value);
static ngx_spocr_outbox_end_e ngx_spocr_outbox_released(
    ngx_spocr_outbox_entry_t *entry, ngx_spocr_outbox_function_e function,
    const ngx_spocr_redis_value_t *value);
static ngx_uint_t ngx_spocr_outbox_is(const ngx_spocr_redis_value_t *value,
    const char *text);
static void ngx_spocr_outbox_say(ngx_spocr_outbox_t *outbox, ngx_uint_t level,
    const char *what, const char *why);


ngx_spocr_outbox_entry_t *
ngx_spocr_outbox_entry_create(ngx_spocr_outbox_t *outbox, size_t len,
    ngx_spocr_outbox_state_e state)
{
    ngx_spocr_outbox_entry_t  *entry;

    entry = ngx_alloc(sizeof(ngx_spocr_outbox_entry_t) + len, outbox->log);
    if (entry == NULL) {
        return NULL;
    }

    ngx_memzero(entry, sizeof(ngx_spocr_outbox_entry_t));

    entry->outbox = outbox;
    entry->state = state;
    entry->item.len = len;
    entry->bytes = (u_char *) (entry + 1);

    ngx_queue_insert_tail(&outbox->entries, &entry->queue);

    outbox->bytes += len;
    outbox->nagain += state == NGX_SPOCR_OUTBOX_AGAIN;

    return entry;
}


void
ngx_spocr_outbox_entry_free(ngx_spocr_outbox_entry_t *entry)
{
    ngx_spocr_outbox_t  *outbox;

    outbox = entry->outbox;

    if (entry->ticket) {
        entry->ticket->entry = NULL;
    }

    if (entry->event.timer_set) {
        ngx_del_timer(&entry->event);
    }

    if (entry->event.posted) {
        ngx_delete_posted_event(&entry->event);
    }

    ngx_queue_remove(&entry->queue);

    outbox->bytes -= entry->item.len;
    outbox->nagain -= entry->state == NGX_SPOCR_OUTBOX_AGAIN;

    ngx_free(entry);
}


ngx_int_t
ngx_spocr_outbox_entry_call(ngx_spocr_outbox_entry_t *entry,
    void (*handler)(ngx_spocr_redis_call_t *call))
{
    ngx_uint_t                  i;
    ngx_spocr_outbox_item_t     item;
    ngx_spocr_redis_request_t   request;

    if (ngx_spocr_outbox_item_read(&item, entry->bytes, entry->item.len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&request, sizeof(ngx_spocr_redis_request_t));

    request.function = item.function == NGX_SPOCR_OUTBOX_COMPLETE
                       ? "complete" : "release";
    request.slot = item.slot;
    request.nkeys = item.nkeys;
    request.nargs = item.nargs;

    for (i = 0; i < item.nkeys; i++) {
        request.keys[i] = item.keys[i];
    }

    for (i = 0; i < item.nargs; i++) {
        request.args[i] = item.args[i];
    }

    request.budget = NGX_SPOCR_REDIS_PATIENCE;
    request.record = 1;

    entry->call.handler = handler;
    entry->call.data = entry;

    return ngx_spocr_redis_call(entry->outbox->context.redis, &entry->call,
                                &request);
}


ngx_spocr_outbox_end_e
ngx_spocr_outbox_entry_end(ngx_spocr_outbox_entry_t *entry)
{
    ngx_spocr_outbox_item_t         item;
    const ngx_spocr_redis_reply_t  *reply;

    if (entry->call.result == NGX_SPOCR_REDIS_AWAY) {
        return NGX_SPOCR_OUTBOX_AWAY;
    }

    reply = entry->call.reply;

    if (entry->call.result == NGX_SPOCR_REDIS_ERROR) {

        /* any other one is about this item, and the link has logged it */

        return (reply->error.len >= 3
                && ngx_strncmp(reply->error.data, "OOM", 3) == 0)
               ? NGX_SPOCR_OUTBOX_AWAY : NGX_SPOCR_OUTBOX_REFUSED;
    }

    if (reply->nvalues != 1
        || ngx_spocr_outbox_item_read(&item, entry->bytes, entry->item.len)
           != NGX_OK)
    {
        return NGX_SPOCR_OUTBOX_REFUSED;
    }

    if (item.function == NGX_SPOCR_OUTBOX_COMPLETE) {
        return ngx_spocr_outbox_completed(entry, &reply->values[0]);
    }

    return ngx_spocr_outbox_released(entry, item.function, &reply->values[0]);
}


static ngx_spocr_outbox_end_e
ngx_spocr_outbox_completed(ngx_spocr_outbox_entry_t *entry,
    const ngx_spocr_redis_value_t *value)
{
    ngx_spocr_outbox_t  *outbox;

    outbox = entry->outbox;

    if (ngx_spocr_outbox_is(value, "LOST")) {
        ngx_spocr_outbox_count(outbox, NGX_SPOCR_OUTBOX_TOTAL_FENCED);
        ngx_spocr_outbox_say(outbox, NGX_LOG_WARN,
                             "the end of a claim was not stored in Redis",
                             "the claim is another request's by now");

        return NGX_SPOCR_OUTBOX_DONE;
    }

    if (ngx_spocr_outbox_is(value, "OK")
        || ngx_spocr_outbox_is(value, "DUP")
        || ngx_spocr_outbox_is(value, "RESTORED")
        || ngx_spocr_outbox_is(value, "BUDGET"))
    {
        return NGX_SPOCR_OUTBOX_DONE;
    }

    return NGX_SPOCR_OUTBOX_REFUSED;
}


static ngx_spocr_outbox_end_e
ngx_spocr_outbox_released(ngx_spocr_outbox_entry_t *entry,
    ngx_spocr_outbox_function_e function,
    const ngx_spocr_redis_value_t *value)
{
    if (value->type != NGX_SPOCR_REDIS_INTEGER) {
        return NGX_SPOCR_OUTBOX_REFUSED;
    }

    if (value->integer != 0 || function == NGX_SPOCR_OUTBOX_RELEASE) {
        return NGX_SPOCR_OUTBOX_DONE;
    }

    return ++entry->item.mark < NGX_SPOCR_OUTBOX_ASKED
           ? NGX_SPOCR_OUTBOX_ASK : NGX_SPOCR_OUTBOX_DONE;
}


static ngx_uint_t
ngx_spocr_outbox_is(const ngx_spocr_redis_value_t *value, const char *text)
{
    return value->type == NGX_SPOCR_REDIS_STRING
           && value->text.len == ngx_strlen(text)
           && ngx_memcmp(value->text.data, text, value->text.len) == 0;
}


ngx_spocr_zone_wait_e
ngx_spocr_outbox_wait(ngx_spocr_outbox_end_e end)
{
    switch (end) {

    case NGX_SPOCR_OUTBOX_ASK:
        return NGX_SPOCR_ZONE_OUTBOX_SECOND;

    case NGX_SPOCR_OUTBOX_REFUSED:
        return NGX_SPOCR_ZONE_OUTBOX_SELDOM;

    default:
        return NGX_SPOCR_ZONE_OUTBOX_SOON;
    }
}


void
ngx_spocr_outbox_count(ngx_spocr_outbox_t *outbox,
    ngx_spocr_outbox_total_e total)
{
    ngx_spocr_zone_count(outbox->context.zone,
                         outbox->context.totals + total, 1);
}


void
ngx_spocr_outbox_dropped(ngx_spocr_outbox_t *outbox, ngx_uint_t n,
    const char *why)
{
    ngx_spocr_zone_count(outbox->context.zone,
                         outbox->context.totals
                         + NGX_SPOCR_OUTBOX_TOTAL_DROPPED, n);

    ngx_spocr_outbox_say(outbox, NGX_LOG_ERR,
                         "what Redis had to be told of a claim is lost", why);
}


static void
ngx_spocr_outbox_say(ngx_spocr_outbox_t *outbox, ngx_uint_t level,
    const char *what, const char *why)
{
    ngx_uint_t  skipped;

    if (!ngx_spocr_zone_may_say(outbox->context.zone, outbox->context.topic,
                                NGX_SPOCR_OUTBOX_SAY, &skipped))
    {
        return;
    }

    ngx_log_error(level, outbox->log, 0, "spocr: %s: %s", what, why);

    if (skipped) {
        ngx_log_error(level, outbox->log, 0,
                      "spocr: %ui more lines of that kind were left out since "
                      "the last", skipped);
    }
}
