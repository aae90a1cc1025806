
/*
 * The model of the outbox, for t/fuzz/zone.c: an unordered table of items.
 * What is due, what is held, and what is left after a worker has died.
 */

#ifndef _FUZZ_ZONE_OUTBOX_H_INCLUDED_
#define _FUZZ_ZONE_OUTBOX_H_INCLUDED_


#define ITEMS     48
#define ITEM_MAX  400


typedef struct {
    int         used;
    u_char      tag;            /* each of its bytes */
    size_t      len;
    uint64_t    order;          /* of the change that put it where it is */
    ngx_msec_t  due;
    ngx_msec_t  expires;
    ngx_uint_t  mark;
    ngx_uint_t  wait;
    uint64_t    id;
} item_t;


static item_t      items[ITEMS];
static item_t     *touched;             /* what a dead worker was at */
static int         touched_goes;        /* it may be gone */
static int         expiring;
static uint64_t    item_order;
static u_char      item_tag;

static const ngx_msec_t  item_waits[] = { 0, 500, 1000, 5000, 3000 };


static int
passed(ngx_msec_t time)
{
    return time <= ngx_current_msec;
}


static void
item_place(item_t *item, ngx_uint_t wait)
{
    item->wait = wait;
    item->due = ngx_current_msec + item_waits[wait];
    item->order = ++item_order;
}


static item_t *
item_free(void)
{
    item_t  *item;

    for (item = items; item < items + ITEMS; item++) {
        if (!item->used) {
            return item;
        }
    }

    return NULL;
}


static void
outbox_put(fuzz_input_t *in)
{
    int                     room;
    u_char                  bytes[ITEM_MAX];
    item_t                 *item;
    ngx_int_t               rc;
    ngx_spocr_zone_item_t   kept;

    item = item_free();

    if (item == NULL) {
        return;
    }

    item->tag = ++item_tag;
    item->len = (size_t) fuzz_byte(in) * 2;
    item->expires = ngx_current_msec + fuzz_byte(in) * 64u;
    item->mark = item->tag;
    item->id = 0;
    item_place(item, fuzz_byte(in) % NGX_SPOCR_ZONE_OUTBOX_HELD);

    memset(bytes, item->tag, sizeof(bytes));
    kept.len = item->len = ngx_min(item->len, ITEM_MAX);
    kept.expires = item->expires;
    kept.mark = item->mark;
    kept.id = 77;

    room = item->len && item->len <= handle.sh->outbox.size
           && slab_room(sizeof(ngx_spocr_kept_t) + item->len);

    touched = item;
    touched_goes = 1;
    item->used = 1;

    rc = ngx_spocr_zone_outbox_put(&handle, &kept, bytes,
                                   (ngx_spocr_zone_wait_e) item->wait);

    property((rc == NGX_OK) == room, "put: %d, room %d", (int) rc, room);
    item->used = room;
}


static void
outbox_take(fuzz_input_t *in)
{
    u_char                 *buf;
    item_t                 *item, *first;
    size_t                  size, i;
    ngx_int_t               rc;
    ngx_spocr_zone_item_t   got;

    size = (size_t) fuzz_byte(in) * 4;
    first = NULL;

    for (item = items; item < items + ITEMS; item++) {
        if (item->used && passed(item->due)
            && (first == NULL || item->due < first->due
                || (item->due == first->due
                    && (item->wait < first->wait
                        || (item->wait == first->wait
                            && item->order < first->order)))))
        {
            first = item;
        }
    }

    touched = first;
    touched_goes = 0;
    buf = malloc(size + 1);

    /* what the dead had in their own memory goes with them */

    if (kills) {
        free(buf);
        buf = NULL;
        size = 0;
    }

    rc = ngx_spocr_zone_outbox_take(&handle, &got, buf, size);

    if (first == NULL) {
        property(rc == NGX_DECLINED, "%d: none is due", (int) rc);
        free(buf);
        return;
    }

    property(got.len == first->len && got.expires == first->expires
             && got.mark == first->mark, "another item");

    if (buf == NULL || size < first->len) {
        property(rc == NGX_BUSY, "%d: longer than the room", (int) rc);
        free(buf);
        return;
    }

    property(rc == NGX_OK && got.id, "%d: taken", (int) rc);

    for (i = 0; i < got.len; i++) {
        property(buf[i] == first->tag, "byte %zu", i);
    }

    for (item = items; item < items + ITEMS; item++) {
        property(!item->used || item->id != got.id, "an id of two items");
    }

    first->id = got.id;
    item_place(first, NGX_SPOCR_ZONE_OUTBOX_HELD);
    free(buf);
}


/* Taken by a worker that may die meanwhile: its buffer is of this process. */

static void
outbox_take_and_die(void)
{
    item_t                 *item;
    static u_char           buf[ITEM_MAX];
    ngx_spocr_zone_item_t   got;

    touched = NULL;

    if (ngx_spocr_zone_outbox_take(&handle, &got, buf, sizeof(buf)) == NGX_OK)
    {
        for (item = items; item < items + ITEMS; item++) {
            if (item->used && item->tag == buf[0]) {
                item->id = got.id;
                item_place(item, NGX_SPOCR_ZONE_OUTBOX_HELD);
            }
        }
    }
}


static void
outbox_end(fuzz_input_t *in)
{
    u_char       n;
    item_t      *item, *found;
    uint64_t     id;
    ngx_int_t    rc;
    ngx_uint_t   later, wait;

    n = fuzz_byte(in);
    later = n & 1;
    wait = (n >> 1) % NGX_SPOCR_ZONE_OUTBOX_HELD;

    /* one that is held, or one that is not any more */

    id = fuzz_byte(in) % (handle.sh->outbox.last + 1) + 1;
    found = NULL;

    for (item = items; item < items + ITEMS; item++) {
        if (item->used && item->wait == NGX_SPOCR_ZONE_OUTBOX_HELD
            && item->id == id)
        {
            found = item;
        }
    }

    touched = found;
    touched_goes = !later;

    rc = later ? ngx_spocr_zone_outbox_later(&handle, id,
                                             (ngx_spocr_zone_wait_e) wait, n)
               : ngx_spocr_zone_outbox_done(&handle, id);

    property((rc == NGX_OK) == (found != NULL), "%d: id %lu", (int) rc, id);

    if (found && later) {
        found->id = 0;
        found->mark = n;
        item_place(found, wait);

    } else if (found) {
        found->used = 0;
    }
}


static void
outbox_expire(void)
{
    item_t      *item;
    ngx_uint_t   n, expected;

    expiring = 1;
    touched = NULL;
    n = ngx_spocr_zone_outbox_expire(&handle);
    expiring = 0;

    expected = 0;

    for (item = items; item < items + ITEMS; item++) {
        if (item->used && item->wait != NGX_SPOCR_ZONE_OUTBOX_HELD
            && passed(item->expires))
        {
            item->used = 0;
            expected++;
        }
    }

    property(n == expected, "%lu are gone, not %lu", n, expected);
}


/*
 * Whether lists and model have the same items; or, where a worker has died,
 * all but the one that it was at, which may be anywhere, but only once.
 */

static void
outbox_check(int died)
{
    int                    goes;
    size_t                 bytes;
    item_t                *item;
    unsigned               seen[ITEMS];
    ngx_uint_t             wait, n;
    ngx_spocr_kept_t      *kept, *prev;
    ngx_spocr_zone_use_t   use;

    memset(seen, 0, sizeof(seen));
    n = 0;
    bytes = 0;

    for (wait = 0; wait < NGX_SPOCR_ZONE_OUTBOX_WAITS; wait++) {
        prev = NULL;

        for (kept = handle.sh->outbox.lists[wait].head; kept;
             prev = kept, kept = kept->next)
        {
            property(kept->prev == prev && kept->wait == wait, "links");
            property(prev == NULL || prev->due <= kept->due, "order");

            for (item = items; item < items + ITEMS; item++) {
                if (item->used && item->tag == ngx_spocr_kept_bytes(kept)[0]) {
                    break;
                }
            }

            property(item < items + ITEMS && seen[item - items]++ == 0,
                     "an item of nobody, or twice");
            property(item->len == kept->len && item->expires == kept->expires,
                     "an item is another");

            if (died) {
                item->wait = wait;
                item->due = kept->due;
                item->id = kept->id;
                item->mark = kept->mark;
                item->order = ++item_order;

            } else {
                property(item->wait == wait && item->due == kept->due
                         && item->mark == kept->mark, "another place");
            }

            n++;
            bytes += kept->len;
        }

        property(handle.sh->outbox.lists[wait].tail == prev, "tail");
    }

    for (item = items; item < items + ITEMS; item++) {
        goes = died && ((item == touched && touched_goes)
                        || (expiring && passed(item->expires)));

        property(!item->used || seen[item - items] || goes, "an item is lost");
        item->used = seen[item - items];
    }

    property(handle.sh->outbox.n == n && handle.sh->outbox.bytes == bytes,
             "%lu items, not %lu", handle.sh->outbox.n, n);

    ngx_spocr_zone_use(&handle, &use);
    property(use.live <= use.counters, "more counters than there are");
    expiring = 0;
}


#endif /* _FUZZ_ZONE_OUTBOX_H_INCLUDED_ */
