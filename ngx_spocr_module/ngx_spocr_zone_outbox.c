
/*
 * Items that wait for Redis, kept in the zone: the outbox of each worker puts
 * them here and takes them out again.  They are allocated from the slab pool,
 * in what the counters have left of it.
 *
 *     lists     one for each wait: who comes last has to wait the longest, so
 *               that the head is due first, and nothing is searched for
 *     held      the list of those that a worker has taken; when it dies, their
 *               time comes, and another one takes them
 *
 * Invariant: a list is what one finds going forward, and each change is one
 * write there.  Who is killed with the lock leaves the rest to be made good
 * by whoever has it next: an item is in a list, or it is "moving".
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_zone_shm.h"


#define NGX_SPOCR_ZONE_OUTBOX_LOOK  64    /* items of a list, under one lock */


static void ngx_spocr_zone_outbox_lock(ngx_spocr_zone_t *zone);
static void ngx_spocr_zone_outbox_unlock(ngx_spocr_zone_t *zone);
static void ngx_spocr_zone_outbox_repair(ngx_spocr_zone_outbox_t *outbox);
static ngx_spocr_kept_t *ngx_spocr_zone_outbox_due(
    ngx_spocr_zone_outbox_t *outbox);
static ngx_spocr_kept_t *ngx_spocr_zone_outbox_held(
    ngx_spocr_zone_outbox_t *outbox, uint64_t id);
static void ngx_spocr_zone_outbox_move(ngx_spocr_zone_outbox_t *outbox,
    ngx_spocr_kept_t *kept, ngx_uint_t wait);
static void ngx_spocr_zone_outbox_free(ngx_spocr_zone_t *zone,
    ngx_spocr_kept_t *kept);
static void ngx_spocr_zone_outbox_append(ngx_spocr_zone_outbox_t *outbox,
    ngx_spocr_kept_t *kept, ngx_uint_t wait);
static void ngx_spocr_zone_outbox_unlink(ngx_spocr_zone_outbox_t *outbox,
    ngx_spocr_kept_t *kept);


/* ms, in the order of ngx_spocr_zone_wait_e */
static const ngx_msec_t  ngx_spocr_zone_outbox_waits[] = {
    0, 500, 1000, 5000, NGX_SPOCR_ZONE_OUTBOX_HOLD
};


void
ngx_spocr_zone_outbox_reserve(ngx_spocr_zone_t *zone, size_t size)
{
    zone->outbox = size;
}


void
ngx_spocr_zone_outbox_use(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_outbox_use_t *use)
{
    use->size = zone->sh->outbox.size;
    use->items = zone->sh->outbox.n;
    use->bytes = zone->sh->outbox.bytes;
}


ngx_int_t
ngx_spocr_zone_outbox_put(ngx_spocr_zone_t *zone,
    const ngx_spocr_zone_item_t *item, const u_char *bytes,
    ngx_spocr_zone_wait_e wait)
{
    ngx_spocr_kept_t         *kept;
    ngx_spocr_zone_outbox_t  *outbox;

    outbox = &zone->sh->outbox;

    if (item->len == 0 || item->len > outbox->size) {
        return NGX_DECLINED;
    }

    ngx_spocr_zone_outbox_lock(zone);

    kept = ngx_slab_alloc_locked(zone->shpool,
                                 sizeof(ngx_spocr_kept_t) + item->len);
    if (kept) {
        kept->id = 0;
        kept->len = item->len;
        kept->mark = item->mark;
        kept->expires = item->expires;
        ngx_memcpy(ngx_spocr_kept_bytes(kept), bytes, item->len);

        outbox->changing = 1;
        ngx_memory_barrier();

        ngx_spocr_zone_outbox_append(outbox, kept, wait);
        outbox->n++;
        outbox->bytes += kept->len;
    }

    ngx_spocr_zone_outbox_unlock(zone);

    return kept ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_spocr_zone_outbox_take(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_item_t *item, u_char *buf, size_t size)
{
    ngx_int_t                 rc;
    ngx_spocr_kept_t         *kept;
    ngx_spocr_zone_outbox_t  *outbox;

    outbox = &zone->sh->outbox;

    /* what another worker puts at this moment is found the next time */

    if (outbox->n == 0) {
        return NGX_DECLINED;
    }

    ngx_spocr_zone_outbox_lock(zone);

    kept = ngx_spocr_zone_outbox_due(outbox);

    if (kept == NULL) {
        rc = NGX_DECLINED;
        goto done;
    }

    item->len = kept->len;
    item->expires = kept->expires;
    item->mark = kept->mark;
    item->id = 0;

    if (buf == NULL || kept->len > size) {
        rc = NGX_BUSY;
        goto done;
    }

    ngx_memcpy(buf, ngx_spocr_kept_bytes(kept), kept->len);

    item->id = ++outbox->last;

    kept->id = item->id;
    ngx_spocr_zone_outbox_move(outbox, kept, NGX_SPOCR_ZONE_OUTBOX_HELD);

    rc = NGX_OK;

done:

    ngx_spocr_zone_outbox_unlock(zone);

    return rc;
}


ngx_int_t
ngx_spocr_zone_outbox_done(ngx_spocr_zone_t *zone, uint64_t id)
{
    ngx_spocr_kept_t  *kept;

    ngx_spocr_zone_outbox_lock(zone);

    kept = ngx_spocr_zone_outbox_held(&zone->sh->outbox, id);

    if (kept) {
        ngx_spocr_zone_outbox_free(zone, kept);
    }

    ngx_spocr_zone_outbox_unlock(zone);

    return kept ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_spocr_zone_outbox_later(ngx_spocr_zone_t *zone, uint64_t id,
    ngx_spocr_zone_wait_e wait, ngx_uint_t mark)
{
    ngx_spocr_kept_t  *kept;

    ngx_spocr_zone_outbox_lock(zone);

    kept = ngx_spocr_zone_outbox_held(&zone->sh->outbox, id);

    if (kept) {
        kept->id = 0;
        kept->mark = mark;
        ngx_spocr_zone_outbox_move(&zone->sh->outbox, kept, wait);
    }

    ngx_spocr_zone_outbox_unlock(zone);

    return kept ? NGX_OK : NGX_DECLINED;
}


ngx_uint_t
ngx_spocr_zone_outbox_expire(ngx_spocr_zone_t *zone)
{
    ngx_uint_t                wait, i, n;
    ngx_spocr_kept_t         *kept, *next;
    ngx_spocr_zone_outbox_t  *outbox;

    outbox = &zone->sh->outbox;
    n = 0;

    if (outbox->n == 0) {
        return 0;
    }

    ngx_spocr_zone_outbox_lock(zone);

    /* but for those that are held: they may be about to arrive */

    for (wait = 0; wait < NGX_SPOCR_ZONE_OUTBOX_HELD; wait++) {
        kept = outbox->lists[wait].head;

        for (i = 0; kept && i < NGX_SPOCR_ZONE_OUTBOX_LOOK; i++) {
            next = kept->next;

            if (ngx_spocr_zone_passed(kept->expires)) {
                ngx_spocr_zone_outbox_free(zone, kept);
                n++;
            }

            kept = next;
        }
    }

    ngx_spocr_zone_outbox_unlock(zone);

    return n;
}


static void
ngx_spocr_zone_outbox_lock(ngx_spocr_zone_t *zone)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

    if (zone->sh->outbox.changing) {
        ngx_spocr_zone_outbox_repair(&zone->sh->outbox);
    }
}


static void
ngx_spocr_zone_outbox_unlock(ngx_spocr_zone_t *zone)
{
    ngx_memory_barrier();
    zone->sh->outbox.changing = 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* Somebody was killed in the middle of a change. */

static void
ngx_spocr_zone_outbox_repair(ngx_spocr_zone_outbox_t *outbox)
{
    size_t             bytes;
    ngx_uint_t         wait, n, found;
    ngx_spocr_kept_t  *kept, *prev;

    n = 0;
    bytes = 0;
    found = 0;

    for (wait = 0; wait < NGX_SPOCR_ZONE_OUTBOX_WAITS; wait++) {
        prev = NULL;

        for (kept = outbox->lists[wait].head; kept; kept = kept->next) {
            kept->prev = prev;
            kept->wait = wait;
            prev = kept;

            n++;
            bytes += kept->len;
            found |= kept == outbox->moving;
        }

        outbox->lists[wait].tail = prev;
    }

    if (outbox->moving && !found) {
        kept = outbox->moving;
        kept->id = 0;
        ngx_spocr_zone_outbox_append(outbox, kept, NGX_SPOCR_ZONE_OUTBOX_NOW);

        n++;
        bytes += kept->len;
    }

    outbox->n = n;
    outbox->bytes = bytes;
    outbox->moving = NULL;
}


/* The one that has been due for the longest time, or NULL. */

static ngx_spocr_kept_t *
ngx_spocr_zone_outbox_due(ngx_spocr_zone_outbox_t *outbox)
{
    ngx_uint_t         wait;
    ngx_spocr_kept_t  *kept, *first;

    first = NULL;

    for (wait = 0; wait < NGX_SPOCR_ZONE_OUTBOX_WAITS; wait++) {
        kept = outbox->lists[wait].head;

        if (kept
            && ngx_spocr_zone_passed(kept->due)
            && (first == NULL
                || (ngx_msec_int_t) (kept->due - first->due) < 0))
        {
            first = kept;
        }
    }

    return first;
}


/* Few are held; the one of that id may be another worker's by now. */

static ngx_spocr_kept_t *
ngx_spocr_zone_outbox_held(ngx_spocr_zone_outbox_t *outbox, uint64_t id)
{
    ngx_spocr_kept_t  *kept;

    kept = outbox->lists[NGX_SPOCR_ZONE_OUTBOX_HELD].head;

    while (kept && kept->id != id) {
        kept = kept->next;
    }

    return kept;
}


static void
ngx_spocr_zone_outbox_move(ngx_spocr_zone_outbox_t *outbox,
    ngx_spocr_kept_t *kept, ngx_uint_t wait)
{
    outbox->changing = 1;
    ngx_memory_barrier();

    outbox->moving = kept;
    ngx_memory_barrier();

    ngx_spocr_zone_outbox_unlink(outbox, kept);
    ngx_spocr_zone_outbox_append(outbox, kept, wait);
    ngx_memory_barrier();

    outbox->moving = NULL;
}


static void
ngx_spocr_zone_outbox_free(ngx_spocr_zone_t *zone, ngx_spocr_kept_t *kept)
{
    ngx_spocr_zone_outbox_t  *outbox;

    outbox = &zone->sh->outbox;

    outbox->changing = 1;
    ngx_memory_barrier();

    ngx_spocr_zone_outbox_unlink(outbox, kept);
    outbox->n--;
    outbox->bytes -= kept->len;
    ngx_memory_barrier();

    ngx_slab_free_locked(zone->shpool, kept);
}


static void
ngx_spocr_zone_outbox_append(ngx_spocr_zone_outbox_t *outbox,
    ngx_spocr_kept_t *kept, ngx_uint_t wait)
{
    ngx_spocr_kept_list_t  *list;

    list = &outbox->lists[wait];

    kept->due = ngx_current_msec + ngx_spocr_zone_outbox_waits[wait];
    kept->wait = wait;
    kept->prev = list->tail;
    kept->next = NULL;
    ngx_memory_barrier();

    if (list->tail) {
        list->tail->next = kept;

    } else {
        list->head = kept;
    }

    list->tail = kept;
}


static void
ngx_spocr_zone_outbox_unlink(ngx_spocr_zone_outbox_t *outbox,
    ngx_spocr_kept_t *kept)
{
    ngx_spocr_kept_list_t  *list;

    list = &outbox->lists[kept->wait];

    if (kept->prev) {
        kept->prev->next = kept->next;

    } else {
        list->head = kept->next;
    }

    if (kept->next) {
        kept->next->prev = kept->prev;

    } else {
        list->tail = kept->prev;
    }

    ngx_memory_barrier();
}
