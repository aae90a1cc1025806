
/*
 * The zone's counters, which the limit step takes from.
 *
 * A counter lives in one of two buckets of eight that its id names, and never
 * moves.  Invariant: a counter is found by its id alone, there are no links
 * to break, and each store leaves the table valid: a worker that is killed
 * while it holds the lock costs at most the one request that it counted.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_zone_shm.h"
#include "ngx_spocr_keys.h"


/* the upper half of a word of the id chooses the bucket */

#define ngx_spocr_zone_bucket(sh, word)                                       \
    (&(sh)->buckets[(((word) >> 32) * (sh)->nbuckets) >> 32])

static ngx_spocr_counter_t *ngx_spocr_zone_free(ngx_spocr_bucket_t *buckets[2],
    uint64_t now);


ngx_int_t
ngx_spocr_zone_take(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_level_t levels[NGX_SPOCR_LEVELS], uint64_t width,
    ngx_uint_t *refused, uint64_t *left)
{
    uint32_t               limits[NGX_SPOCR_LEVELS];
    uint64_t               now;
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_spocr_window_t    *windows[NGX_SPOCR_LEVELS];
    ngx_spocr_counter_t   *c;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;
    *refused = 0;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ngx_spocr_zone_fetch(sh, levels[i].id);
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    now = ngx_spocr_zone_now(sh);
    *left = ngx_spocr_window_end(now, width) - now;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {

        limits[i] = levels[i].limit;
        windows[i] = NULL;

        if (levels[i].limit == NGX_SPOCR_LIMIT_NONE) {
            continue;
        }

        c = ngx_spocr_zone_counter(sh, levels[i].id, now);

        if (c == NULL) {
            rc = NGX_DECLINED;
            goto done;
        }

        ngx_spocr_window_roll(&c->window, now, width);
        windows[i] = &c->window;
    }

    *refused = ngx_spocr_window_take(windows, limits);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        levels[i].count = windows[i] ? windows[i]->count : 0;
    }

    rc = *refused ? NGX_BUSY : NGX_OK;

done:

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/*
 * In a zone that is large enough most counters stand in their first bucket,
 * and first there.
 */

void
ngx_spocr_zone_fetch(ngx_spocr_zone_shm_t *sh, const u_char *id)
{
    uint64_t  word;

    ngx_memcpy(&word, id, sizeof(word));

    __builtin_prefetch(ngx_spocr_zone_bucket(sh, word));
}


/*
 * A clock that was set back, or another worker's that was read a moment
 * earlier, must not open a window for the second time.  A clock that was set
 * forward and back again leaves the zone ahead, but not frozen.
 */

uint64_t
ngx_spocr_zone_now(ngx_spocr_zone_shm_t *sh)
{
    int64_t      wall, mono;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    wall = (int64_t) tp->sec * 1000 + (int64_t) tp->msec;
    mono = (int64_t) ngx_current_msec;

    if (wall - mono > sh->offset) {
        sh->offset = wall - mono;
    }

    if ((uint64_t) (mono + sh->offset) > sh->last) {
        sh->last = (uint64_t) (mono + sh->offset);
    }

    return sh->last;
}


/* The counter of that id, or NULL; and the buckets where it would stand. */

ngx_spocr_counter_t *
ngx_spocr_zone_find(ngx_spocr_zone_shm_t *sh, const u_char *id,
    ngx_spocr_bucket_t *buckets[2])
{
    uint64_t              words[2];
    ngx_uint_t            i, w;
    ngx_spocr_counter_t  *c;

    ngx_memcpy(words, id, NGX_SPOCR_ZONE_ID_LEN);

    buckets[0] = ngx_spocr_zone_bucket(sh, words[0]);
    buckets[1] = ngx_spocr_zone_bucket(sh, words[1]);

    for (i = 0; i < 2; i++) {
        for (w = 0; w < NGX_SPOCR_ZONE_WAYS; w++) {
            c = &buckets[i]->ways[w];

            if (c->id[0] == words[0] && c->id[1] == words[1]) {
                return c;
            }
        }
    }

    return NULL;
}


/* The counter of that id, or one that is free, made its own. */

ngx_spocr_counter_t *
ngx_spocr_zone_counter(ngx_spocr_zone_shm_t *sh, const u_char *id,
    uint64_t now)
{
    uint64_t              words[2];
    ngx_spocr_bucket_t   *buckets[2];
    ngx_spocr_counter_t  *c;

    c = ngx_spocr_zone_find(sh, id, buckets);

    if (c) {
        return c;
    }

    c = ngx_spocr_zone_free(buckets, now);

    if (c == NULL) {
        return NULL;
    }

    ngx_memcpy(words, id, NGX_SPOCR_ZONE_ID_LEN);

    /* the id is written last: a half-written counter belongs to nobody */

    c->id[0] = 0;
    c->id[1] = 0;
    ngx_memory_barrier();

    c->window.end = 0;
    c->window.count = 0;
    ngx_memory_barrier();

    c->id[0] = words[0];
    c->id[1] = words[1];

    return c;
}


/*
 * A counter whose window has passed.  The first bucket is looked through
 * first, so it is taken while it is half empty; then the emptier of the two,
 * so that the zone is full only when it is nearly full everywhere.
 */

static ngx_spocr_counter_t *
ngx_spocr_zone_free(ngx_spocr_bucket_t *buckets[2], uint64_t now)
{
    ngx_uint_t            i, w, nfree, most;
    ngx_spocr_counter_t  *c, *first, *best;

    best = NULL;
    most = 0;

    for (i = 0; i < 2; i++) {
        first = NULL;
        nfree = 0;

        for (w = 0; w < NGX_SPOCR_ZONE_WAYS; w++) {
            c = &buckets[i]->ways[w];

            if (c->window.end <= now) {
                nfree++;

                if (first == NULL) {
                    first = c;
                }
            }
        }

        if (nfree >= NGX_SPOCR_ZONE_WAYS / 2) {
            return first;
        }

        if (nfree > most) {
            most = nfree;
            best = first;
        }
    }

    return best;
}
