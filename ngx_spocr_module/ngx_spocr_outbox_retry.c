
/*
 * What is in the zone is sent again, by each of the node's workers.
 *
 * A timer looks whether there is anything; each item that arrives makes room
 * for the next one at once, while after a failure the timer is waited for: so
 * a Redis that takes nothing is asked a few times a second.
 *
 * Invariant: an item that was taken is done, or given back, or its time as
 * ours is over, and another worker's by then.
 */


#include "ngx_spocr_outbox_entry.h"


#define NGX_SPOCR_OUTBOX_AGAIN_MAX  16     /* calls under way */
#define NGX_SPOCR_OUTBOX_SHORT      200    /* ms, and up to 100 more */
#define NGX_SPOCR_OUTBOX_LONG       1000   /* where the zone has none */


static void ngx_spocr_outbox_retry_arm(ngx_spocr_outbox_t *outbox);
static void ngx_spocr_outbox_retry_timer(ngx_event_t *ev);
static void ngx_spocr_outbox_retry(ngx_spocr_outbox_t *outbox);
static ngx_spocr_outbox_entry_t *ngx_spocr_outbox_retry_take(
    ngx_spocr_outbox_t *outbox);
static ngx_int_t ngx_spocr_outbox_retry_send(ngx_spocr_outbox_entry_t *entry);
static void ngx_spocr_outbox_retry_lose(ngx_spocr_outbox_entry_t *entry,
    const char *why);
static void ngx_spocr_outbox_retry_handler(ngx_spocr_redis_call_t *call);


void
ngx_spocr_outbox_retry_start(ngx_spocr_outbox_t *outbox)
{
    outbox->timer.handler = ngx_spocr_outbox_retry_timer;
    outbox->timer.data = &outbox->ident;
    outbox->timer.log = outbox->log;
    outbox->timer.cancelable = 1;

    ngx_spocr_outbox_retry_arm(outbox);
}


void
ngx_spocr_outbox_retry_stop(ngx_spocr_outbox_t *outbox)
{
    if (outbox->timer.timer_set) {
        ngx_del_timer(&outbox->timer);
    }
}


static void
ngx_spocr_outbox_retry_arm(ngx_spocr_outbox_t *outbox)
{
    ngx_msec_t                   ms;
    ngx_spocr_zone_outbox_use_t  use;

    ngx_spocr_zone_outbox_use(outbox->context.zone, &use);

    ms = use.items ? NGX_SPOCR_OUTBOX_SHORT + (ngx_msec_t) ngx_random() % 100
                   : NGX_SPOCR_OUTBOX_LONG;

    ngx_add_timer(&outbox->timer, ms);
}


static void
ngx_spocr_outbox_retry_timer(ngx_event_t *ev)
{
    ngx_uint_t           n;
    ngx_connection_t    *ident;
    ngx_spocr_outbox_t  *outbox;

    ident = ev->data;
    outbox = ident->data;

    n = ngx_spocr_zone_outbox_expire(outbox->context.zone);

    if (n) {
        ngx_spocr_outbox_dropped(outbox, n, "its time is over");
    }

    ngx_spocr_outbox_retry(outbox);
    ngx_spocr_outbox_retry_arm(outbox);
}


static void
ngx_spocr_outbox_retry(ngx_spocr_outbox_t *outbox)
{
    ngx_spocr_outbox_entry_t  *entry;

    /* a worker that is going leaves them to those that stay */

    while (!ngx_exiting
           && outbox->nagain < NGX_SPOCR_OUTBOX_AGAIN_MAX
           && ngx_spocr_redis_records_ready(outbox->context.redis))
    {
        entry = ngx_spocr_outbox_retry_take(outbox);

        if (entry == NULL || ngx_spocr_outbox_retry_send(entry) != NGX_OK) {
            return;
        }
    }
}


/* One that is due, in memory that was allocated without the zone's lock. */

static ngx_spocr_outbox_entry_t *
ngx_spocr_outbox_retry_take(ngx_spocr_outbox_t *outbox)
{
    ngx_spocr_zone_t          *zone;
    ngx_spocr_zone_item_t      item;
    ngx_spocr_outbox_entry_t  *entry;

    zone = outbox->context.zone;

    if (ngx_spocr_zone_outbox_take(zone, &item, NULL, 0) != NGX_BUSY) {
        return NULL;
    }

    /* one may always be sent, also where it is longer than the limit */

    if (outbox->nagain && outbox->bytes + item.len > outbox->context.limit) {
        return NULL;
    }

    entry = ngx_spocr_outbox_entry_create(outbox, item.len,
                                          NGX_SPOCR_OUTBOX_AGAIN);
    if (entry == NULL) {
        return NULL;
    }

    /* another worker may have taken it, and the next one may be longer */

    if (ngx_spocr_zone_outbox_take(zone, &item, entry->bytes, item.len)
        != NGX_OK)
    {
        ngx_spocr_outbox_entry_free(entry);
        return NULL;
    }

    outbox->bytes -= entry->item.len - item.len;
    entry->item = item;

    return entry;
}


/* NGX_OK: it is on its way, or lost; NGX_DECLINED: Redis is away. */

static ngx_int_t
ngx_spocr_outbox_retry_send(ngx_spocr_outbox_entry_t *entry)
{
    ngx_int_t  rc;

    if ((ngx_msec_int_t) (entry->item.expires - ngx_current_msec) <= 0) {
        ngx_spocr_outbox_retry_lose(entry, "its time is over");
        return NGX_OK;
    }

    rc = ngx_spocr_outbox_entry_call(entry, ngx_spocr_outbox_retry_handler);

    if (rc == NGX_AGAIN) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        ngx_spocr_outbox_retry_lose(entry, "another release has put it into "
                                    "the zone");
        return NGX_OK;
    }

    (void) ngx_spocr_zone_outbox_later(entry->outbox->context.zone,
                                       entry->item.id,
                                       NGX_SPOCR_ZONE_OUTBOX_SOON,
                                       entry->item.mark);
    ngx_spocr_outbox_entry_free(entry);

    return NGX_DECLINED;
}


static void
ngx_spocr_outbox_retry_lose(ngx_spocr_outbox_entry_t *entry, const char *why)
{
    if (ngx_spocr_zone_outbox_done(entry->outbox->context.zone,
                                   entry->item.id)
        == NGX_OK)
    {
        ngx_spocr_outbox_dropped(entry->outbox, 1, why);
    }

    ngx_spocr_outbox_entry_free(entry);
}


/* The end of a call of an item that is in the zone. */

static void
ngx_spocr_outbox_retry_handler(ngx_spocr_redis_call_t *call)
{
    ngx_spocr_outbox_entry_t *entry = call->data;

    ngx_spocr_zone_t        *zone;
    ngx_spocr_outbox_t      *outbox;
    ngx_spocr_outbox_end_e   end;

    outbox = entry->outbox;
    zone = outbox->context.zone;

    end = ngx_spocr_outbox_entry_end(entry);

    if (end != NGX_SPOCR_OUTBOX_DONE) {
        (void) ngx_spocr_zone_outbox_later(zone, entry->item.id,
                                           ngx_spocr_outbox_wait(end),
                                           entry->item.mark);

    } else if (ngx_spocr_zone_outbox_done(zone, entry->item.id) == NGX_OK) {
        ngx_spocr_outbox_count(outbox, NGX_SPOCR_OUTBOX_TOTAL_STORED);
    }

    ngx_spocr_outbox_entry_free(entry);

    if (end == NGX_SPOCR_OUTBOX_DONE) {
        ngx_spocr_outbox_retry(outbox);
    }
}
