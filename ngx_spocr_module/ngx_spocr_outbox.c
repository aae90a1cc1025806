
/*
 * The outbox of a worker: an item is sent at once, and goes into the zone
 * where that fails.  ngx_spocr_outbox_retry.c sends what is there.
 *
 * Invariant: an item is in the worker's memory and on its way, or it is in
 * the zone, or it has arrived, or its loss is counted and logged.  Who waits
 * is told once, from an event.
 */


#include "ngx_spocr_outbox_entry.h"


static ngx_int_t ngx_spocr_outbox_overflow(ngx_spocr_outbox_t *outbox,
    const ngx_spocr_outbox_item_t *item, size_t len,
    ngx_spocr_outbox_ticket_t *ticket);
static void ngx_spocr_outbox_wait_for(ngx_spocr_outbox_entry_t *entry,
    ngx_spocr_outbox_ticket_t *ticket);
static void ngx_spocr_outbox_handler(ngx_spocr_redis_call_t *call);
static ngx_int_t ngx_spocr_outbox_keep(ngx_spocr_outbox_entry_t *entry,
    ngx_spocr_zone_wait_e wait);
static void ngx_spocr_outbox_tell(ngx_spocr_outbox_ticket_t *ticket,
    ngx_spocr_outbox_result_e result);
static void ngx_spocr_outbox_event_handler(ngx_event_t *ev);


ngx_spocr_outbox_t *
ngx_spocr_outbox_start(ngx_cycle_t *cycle,
    const ngx_spocr_outbox_context_t *context)
{
    ngx_spocr_outbox_t  *outbox;

    outbox = ngx_calloc(sizeof(ngx_spocr_outbox_t), cycle->log);
    if (outbox == NULL) {
        return NULL;
    }

    outbox->context = *context;
    outbox->log = cycle->log;
    outbox->ident.fd = (ngx_socket_t) -1;
    outbox->ident.data = outbox;

    ngx_queue_init(&outbox->entries);

    ngx_spocr_outbox_retry_start(outbox);

    return outbox;
}


void
ngx_spocr_outbox_stop(ngx_spocr_outbox_t *outbox)
{
    ngx_queue_t               *q;
    ngx_spocr_outbox_entry_t  *entry;

    ngx_spocr_outbox_retry_stop(outbox);

    while (!ngx_queue_empty(&outbox->entries)) {
        q = ngx_queue_head(&outbox->entries);
        entry = ngx_queue_data(q, ngx_spocr_outbox_entry_t, queue);

        ngx_spocr_redis_cancel(&entry->call);

        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): those have left it */
        if (entry->state == NGX_SPOCR_OUTBOX_FIRST) {
            (void) ngx_spocr_outbox_keep(entry, NGX_SPOCR_ZONE_OUTBOX_NOW);

        } else if (entry->state == NGX_SPOCR_OUTBOX_AGAIN) {
            (void) ngx_spocr_zone_outbox_later(outbox->context.zone,
                                               entry->item.id,
                                               NGX_SPOCR_ZONE_OUTBOX_NOW,
                                               entry->item.mark);
        }

        ngx_spocr_outbox_entry_free(entry);
    }

    ngx_free(outbox);
}


ngx_int_t
ngx_spocr_outbox_put(ngx_spocr_outbox_t *outbox,
    const ngx_spocr_outbox_item_t *item, ngx_spocr_outbox_ticket_t *ticket)
{
    size_t                     len;
    ngx_int_t                  rc;
    ngx_spocr_outbox_entry_t  *entry;

    if (ticket) {
        ngx_spocr_outbox_forget(ticket);
    }

    len = ngx_spocr_outbox_item_size(item);

    if (len == 0) {
        ngx_spocr_outbox_dropped(outbox, 1, "it is too large");
        return NGX_ERROR;
    }

    if (outbox->bytes + len > outbox->context.limit) {
        return ngx_spocr_outbox_overflow(outbox, item, len, ticket);
    }

    entry = ngx_spocr_outbox_entry_create(outbox, len, NGX_SPOCR_OUTBOX_FIRST);
    if (entry == NULL) {
        ngx_spocr_outbox_dropped(outbox, 1, "memory is out");
        return NGX_ERROR;
    }

    ngx_spocr_outbox_item_write(item, entry->bytes);
    entry->item.expires = ngx_current_msec + item->ttl;

    rc = ngx_spocr_outbox_entry_call(entry, ngx_spocr_outbox_handler);

    if (rc != NGX_AGAIN) {
        (void) ngx_spocr_outbox_keep(entry, NGX_SPOCR_ZONE_OUTBOX_NOW);

        if (ticket == NULL) {
            ngx_spocr_outbox_entry_free(entry);
            return NGX_AGAIN;
        }

        entry->state = NGX_SPOCR_OUTBOX_TELL;
    }

    if (ticket) {
        ngx_spocr_outbox_wait_for(entry, ticket);
    }

    return NGX_AGAIN;
}


/*
 * No more may be on its way: it goes into the zone at once, and only who
 * waits is remembered here.
 */

static ngx_int_t
ngx_spocr_outbox_overflow(ngx_spocr_outbox_t *outbox,
    const ngx_spocr_outbox_item_t *item, size_t len,
    ngx_spocr_outbox_ticket_t *ticket)
{
    u_char                    *bytes;
    ngx_int_t                  rc;
    ngx_spocr_zone_item_t      kept;
    ngx_spocr_outbox_entry_t  *entry;

    entry = NULL;

    bytes = ngx_alloc(len, outbox->log);
    if (bytes == NULL) {
        ngx_spocr_outbox_dropped(outbox, 1, "memory is out");
        return NGX_ERROR;
    }

    if (ticket) {
        entry = ngx_spocr_outbox_entry_create(outbox, 0,
                                              NGX_SPOCR_OUTBOX_TELL);
        if (entry == NULL) {
            ngx_free(bytes);
            ngx_spocr_outbox_dropped(outbox, 1, "memory is out");
            return NGX_ERROR;
        }
    }

    ngx_spocr_outbox_item_write(item, bytes);

    kept.len = len;
    kept.expires = ngx_current_msec + item->ttl;
    kept.mark = 0;

    rc = ngx_spocr_zone_outbox_put(outbox->context.zone, &kept, bytes,
                                   NGX_SPOCR_ZONE_OUTBOX_NOW);
    ngx_free(bytes);

    if (rc != NGX_OK) {
        if (entry) {
            ngx_spocr_outbox_entry_free(entry);
        }

        ngx_spocr_outbox_dropped(outbox, 1, "too many are on their way, and "
                                 "the zone has no room for it");
        return NGX_ERROR;
    }

    ngx_spocr_outbox_count(outbox, NGX_SPOCR_OUTBOX_TOTAL_KEPT);

    if (entry) {
        ngx_spocr_outbox_wait_for(entry, ticket);
    }

    return NGX_AGAIN;
}


/* Its patience keeps a worker that is going until who waits was told. */

static void
ngx_spocr_outbox_wait_for(ngx_spocr_outbox_entry_t *entry,
    ngx_spocr_outbox_ticket_t *ticket)
{
    entry->ticket = ticket;
    ticket->entry = entry;

    entry->event.handler = ngx_spocr_outbox_event_handler;
    entry->event.data = &entry->outbox->ident;
    entry->event.log = entry->outbox->log;

    if (entry->state == NGX_SPOCR_OUTBOX_TELL) {
        ngx_post_event(&entry->event, &ngx_posted_events);
        return;
    }

    ngx_add_timer(&entry->event, ticket->patience);
}


void
ngx_spocr_outbox_forget(ngx_spocr_outbox_ticket_t *ticket)
{
    ngx_spocr_outbox_entry_t  *entry;

    entry = ticket->entry;

    if (entry == NULL) {
        return;
    }

    ticket->entry = NULL;
    entry->ticket = NULL;

    if (entry->state == NGX_SPOCR_OUTBOX_TELL) {
        ngx_spocr_outbox_entry_free(entry);

    } else if (entry->event.timer_set) {
        ngx_del_timer(&entry->event);
    }
}


/* The end of the first call. */

static void
ngx_spocr_outbox_handler(ngx_spocr_redis_call_t *call)
{
    ngx_spocr_outbox_entry_t *entry = call->data;

    ngx_spocr_outbox_t         *outbox;
    ngx_spocr_outbox_end_e      end;
    ngx_spocr_outbox_result_e   result;
    ngx_spocr_outbox_ticket_t  *ticket;

    outbox = entry->outbox;
    ticket = entry->ticket;

    end = ngx_spocr_outbox_entry_end(entry);

    if (end == NGX_SPOCR_OUTBOX_DONE) {
        result = NGX_SPOCR_OUTBOX_ACKED;
        ngx_spocr_outbox_count(outbox, NGX_SPOCR_OUTBOX_TOTAL_ACKED);

    } else {
        result = NGX_SPOCR_OUTBOX_LATE;
        (void) ngx_spocr_outbox_keep(entry, ngx_spocr_outbox_wait(end));
    }

    ngx_spocr_outbox_entry_free(entry);

    if (ticket) {
        ngx_spocr_outbox_tell(ticket, result);
    }
}


/* A copy goes into the zone; where it has no room, the item is lost. */

static ngx_int_t
ngx_spocr_outbox_keep(ngx_spocr_outbox_entry_t *entry,
    ngx_spocr_zone_wait_e wait)
{
    ngx_spocr_outbox_t  *outbox;

    outbox = entry->outbox;

    if (ngx_spocr_zone_outbox_put(outbox->context.zone, &entry->item,
                                  entry->bytes, wait)
        != NGX_OK)
    {
        ngx_spocr_outbox_dropped(outbox, 1, "the zone has no room for it");
        return NGX_DECLINED;
    }

    ngx_spocr_outbox_count(outbox, NGX_SPOCR_OUTBOX_TOTAL_KEPT);

    return NGX_OK;
}


/* Nothing of the outbox is used after the handler, which may put again. */

static void
ngx_spocr_outbox_tell(ngx_spocr_outbox_ticket_t *ticket,
    ngx_spocr_outbox_result_e result)
{
    ticket->entry = NULL;
    ticket->result = result;
    ticket->handler(ticket);
}


/* A ticket's patience is over; or it was told nothing yet of its bad luck. */

static void
ngx_spocr_outbox_event_handler(ngx_event_t *ev)
{
    ngx_spocr_outbox_entry_t   *entry;
    ngx_spocr_outbox_ticket_t  *ticket;

    entry = ngx_queue_data(ev, ngx_spocr_outbox_entry_t, event);

    ticket = entry->ticket;
    entry->ticket = NULL;

    if (entry->state == NGX_SPOCR_OUTBOX_TELL) {
        ngx_spocr_outbox_entry_free(entry);
    }

    ngx_spocr_outbox_tell(ticket, NGX_SPOCR_OUTBOX_LATE);
}
