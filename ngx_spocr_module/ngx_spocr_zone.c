
/*
 * The shared zone.  The limit step takes from it, the log handler counts in
 * it, the status pages read it; every lock of the project is in this file.
 *
 *     slab page       ngx_spocr_zone_shm_t: clock, layout
 *     slab pages      totals: one row of NGX_SPOCR_ZONE_TOTALS_MAX per worker
 *     the rest        counters: ngx_spocr_counter_t[8] * nbuckets
 *
 * A counter lives in one of two buckets of eight that its id names, and never
 * moves.  Invariant: a counter is found by its id alone, there are no links
 * to break, and each store leaves the table valid: a worker that is killed
 * while it holds the lock costs at most the one request that it counted.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_zone.h"
#include "ngx_spocr_keys.h"


#define NGX_SPOCR_ZONE_WAYS    8       /* counters of a bucket */
#define NGX_SPOCR_ZONE_ROWS    16      /* of totals: workers share them */
#define NGX_SPOCR_ZONE_SAMPLE  8192    /* buckets that a status page reads */


/* the upper half of a word of the id chooses the bucket */

#define ngx_spocr_zone_bucket(sh, word)                                       \
    (&(sh)->buckets[(((word) >> 32) * (sh)->nbuckets) >> 32])

#define ngx_spocr_zone_prefetch(p)  __builtin_prefetch(p)


typedef struct {
    uint64_t               id[2];
    ngx_spocr_window_t     window;     /* of 16 bytes with its padding */
} ngx_spocr_counter_t;


typedef struct {
    ngx_spocr_counter_t    ways[NGX_SPOCR_ZONE_WAYS];
} ngx_spocr_bucket_t;


typedef struct {
    ngx_atomic_t           totals[NGX_SPOCR_ZONE_TOTALS_MAX];
} ngx_spocr_row_t;


typedef struct {

    /*
     * Time as the zone's windows see it: the node's clock, which never goes
     * back.  offset is the clock's lead over the monotonic one, last the
     * latest moment that any worker counted in.  Under the lock.
     */
    int64_t                offset;
    uint64_t               last;

    /* what follows does not change after the zone was made */
    ngx_spocr_row_t       *rows;
    ngx_spocr_bucket_t    *buckets;
    uint64_t               nbuckets;
} ngx_spocr_zone_shm_t;


struct ngx_spocr_zone_s {
    ngx_shm_zone_t        *shm_zone;
    ngx_slab_pool_t       *shpool;
    ngx_spocr_zone_shm_t  *sh;
};


static ngx_spocr_zone_t *ngx_spocr_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, void *tag);
static ngx_int_t ngx_spocr_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static void *ngx_spocr_zone_pages(ngx_slab_pool_t *shpool, size_t size);
static uint64_t ngx_spocr_zone_now(ngx_spocr_zone_shm_t *sh);
static ngx_spocr_counter_t *ngx_spocr_zone_counter(ngx_spocr_zone_shm_t *sh,
    const u_char *id, uint64_t now);
static ngx_spocr_counter_t *ngx_spocr_zone_free(ngx_spocr_bucket_t *buckets[2],
    uint64_t now);


char *
ngx_spocr_zone_set(ngx_conf_t *cf, void *tag, ngx_spocr_zone_t **zone)
{
    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, s;

    if (*zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    name.data = value[1].data + sizeof("zone=") - 1;
    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0
        || p == NULL || p == name.data)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\": \"zone=name:size\" is "
                           "expected", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.len = (size_t) (p - name.data);
    s.data = p + 1;
    s.len = (size_t) (value[1].data + value[1].len - s.data);

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone size \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < NGX_SPOCR_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small: at least %dk are needed",
                           &name, NGX_SPOCR_ZONE_MIN / 1024);
        return NGX_CONF_ERROR;
    }

    *zone = ngx_spocr_zone_add(cf, &name, (size_t) size, tag);

    return *zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_spocr_zone_t *
ngx_spocr_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    ngx_spocr_zone_t  *zone;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    zone->shm_zone = ngx_shared_memory_add(cf, name, size, tag);
    if (zone->shm_zone == NULL) {
        return NULL;
    }

    if (zone->shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is already in use", name);
        return NULL;
    }

    zone->shm_zone->init = ngx_spocr_zone_init;
    zone->shm_zone->data = zone;

    return zone;
}


ngx_str_t *
ngx_spocr_zone_name(ngx_spocr_zone_t *zone)
{
    return &zone->shm_zone->shm.name;
}


ngx_int_t
ngx_spocr_zone_take(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_level_t levels[NGX_SPOCR_LEVELS], uint64_t width,
    ngx_uint_t *refused, uint64_t *left)
{
    uint32_t               limits[NGX_SPOCR_LEVELS];
    uint64_t               now, word[2];
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_spocr_window_t    *windows[NGX_SPOCR_LEVELS];
    ngx_spocr_counter_t   *c;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;
    *refused = 0;

    /*
     * The counters' cache misses overlap, and are not waited for locked.  In
     * a zone that is large enough most stand first in their bucket.
     */

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        ngx_memcpy(word, levels[i].id, NGX_SPOCR_ZONE_ID_LEN);
        ngx_spocr_zone_prefetch(ngx_spocr_zone_bucket(sh, word[0]));
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


void
ngx_spocr_zone_count(ngx_spocr_zone_t *zone, ngx_uint_t total, ngx_uint_t n)
{
    ngx_spocr_row_t  *row;

    row = &zone->sh->rows[ngx_worker % NGX_SPOCR_ZONE_ROWS];

    (void) ngx_atomic_fetch_add(&row->totals[total], n);
}


uint64_t
ngx_spocr_zone_total(ngx_spocr_zone_t *zone, ngx_uint_t total)
{
    uint64_t    sum;
    ngx_uint_t  i;

    sum = 0;

    for (i = 0; i < NGX_SPOCR_ZONE_ROWS; i++) {
        sum += zone->sh->rows[i].totals[total];
    }

    return sum;
}


/* Reads without the lock: a count that is one off is good enough here. */

void
ngx_spocr_zone_use(ngx_spocr_zone_t *zone, ngx_spocr_zone_use_t *use)
{
    uint64_t               now, first, i, n, live;
    ngx_uint_t             w;
    ngx_spocr_bucket_t    *bucket;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;
    now = sh->last;
    live = 0;

    n = ngx_min(sh->nbuckets, NGX_SPOCR_ZONE_SAMPLE);
    first = (n < sh->nbuckets) ? (uint64_t) ngx_random() % sh->nbuckets : 0;

    for (i = 0; i < n; i++) {
        bucket = &sh->buckets[(first + i) % sh->nbuckets];

        for (w = 0; w < NGX_SPOCR_ZONE_WAYS; w++) {
            live += bucket->ways[w].window.end > now;
        }
    }

    use->size = zone->shm_zone->shm.size;
    use->counters = sh->nbuckets * NGX_SPOCR_ZONE_WAYS;
    use->live = n ? live * sh->nbuckets / n : 0;
}


static ngx_int_t
ngx_spocr_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    size_t                 size;
    ngx_slab_pool_t       *shpool;
    ngx_spocr_zone_t      *zone, *old;
    ngx_spocr_zone_shm_t  *sh;

    zone = shm_zone->data;
    old = data;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    zone->shpool = shpool;

    if (old) {
        zone->sh = old->sh;
        return NGX_OK;
    }

    if (shm_zone->shm.exists) {
        zone->sh = shpool->data;
        return NGX_OK;
    }

    shpool->log_nomem = 0;

    sh = ngx_spocr_zone_pages(shpool, sizeof(ngx_spocr_zone_shm_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->rows = ngx_spocr_zone_pages(shpool,
                                 NGX_SPOCR_ZONE_ROWS * sizeof(ngx_spocr_row_t));
    if (sh->rows == NULL) {
        return NGX_ERROR;
    }

    size = shpool->pfree * ngx_pagesize;

    sh->buckets = ngx_spocr_zone_pages(shpool, size);
    if (sh->buckets == NULL) {
        return NGX_ERROR;
    }

    sh->nbuckets = size / sizeof(ngx_spocr_bucket_t);

    shpool->data = sh;
    zone->sh = sh;

    return NGX_OK;
}


/* Whole pages: aligned, so that a bucket stands on cache lines of its own. */

static void *
ngx_spocr_zone_pages(ngx_slab_pool_t *shpool, size_t size)
{
    void  *p;

    size = ngx_align(size, ngx_pagesize);

    p = ngx_slab_alloc(shpool, size);

    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


/*
 * A clock that was set back, or another worker's that was read a moment
 * earlier, must not open a window for the second time.  A clock that was set
 * forward and back again leaves the zone ahead, but not frozen.
 */

static uint64_t
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


/* The counter of that id, or one that is free, made its own. */

static ngx_spocr_counter_t *
ngx_spocr_zone_counter(ngx_spocr_zone_shm_t *sh, const u_char *id,
    uint64_t now)
{
    uint64_t              words[2];
    ngx_uint_t            i, w;
    ngx_spocr_bucket_t   *buckets[2];
    ngx_spocr_counter_t  *c;

    ngx_memcpy(words, id, NGX_SPOCR_ZONE_ID_LEN);

    for (i = 0; i < 2; i++) {
        buckets[i] = ngx_spocr_zone_bucket(sh, words[i]);

        for (w = 0; w < NGX_SPOCR_ZONE_WAYS; w++) {
            c = &buckets[i]->ways[w];

            if (c->id[0] == words[0] && c->id[1] == words[1]) {
                return c;
            }
        }
    }

    c = ngx_spocr_zone_free(buckets, now);

    if (c == NULL) {
        return NULL;
    }

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
