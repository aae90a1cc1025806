
/*
 * The shared zone: its making, its totals and what it says of itself.  The
 * log handler counts in it, the status pages read it; counters are the matter
 * of ngx_spocr_zone_counter.c, what workers tell each other of
 * ngx_spocr_zone_board.c, items that wait for Redis of
 * ngx_spocr_zone_outbox.c.  Every lock of the project is in these files.
 *
 *     slab page       ngx_spocr_zone_shm_t: clock, subscription, layout
 *     slab pages      totals: one row of NGX_SPOCR_ZONE_TOTALS_MAX per worker
 *     slab page       ngx_spocr_board_t: versions of records, states
 *     slab pages      counters: ngx_spocr_counter_t[8] * nbuckets
 *     the rest        items of the outbox, where room for it was asked for
 *
 * Invariant: what is there survives a reload, unless name or size changes.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_zone_shm.h"


#define NGX_SPOCR_ZONE_SAMPLE  8192    /* buckets that a status page reads */


static ngx_spocr_zone_t *ngx_spocr_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, void *tag);
static ngx_int_t ngx_spocr_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_spocr_zone_make(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_shm_t *sh);
static void *ngx_spocr_zone_pages(ngx_slab_pool_t *shpool, size_t size);


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


size_t
ngx_spocr_zone_size(ngx_spocr_zone_t *zone)
{
    return zone->shm_zone->shm.size;
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
    ngx_slab_pool_t       *shpool;
    ngx_spocr_zone_t      *zone, *old;
    ngx_spocr_zone_shm_t  *sh;

    zone = shm_zone->data;
    old = data;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    zone->shpool = shpool;

    if (old) {
        zone->sh = old->sh;

        /* there may be fewer workers now; those that run say it again */
        ngx_memzero(zone->sh->board->states, NGX_SPOCR_ZONE_WORKERS);

        if (zone->outbox && zone->sh->outbox.size == 0) {
            ngx_log_error(NGX_LOG_WARN, shm_zone->shm.log, 0,
                          "zone \"%V\" was made without room for the ends of "
                          "claims that Redis does not take: they are lost "
                          "until nginx is restarted, or the zone has another "
                          "size", &shm_zone->shm.name);
        }

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

    if (ngx_spocr_zone_make(zone, sh) != NGX_OK) {
        return NGX_ERROR;
    }

    shpool->data = sh;
    zone->sh = sh;

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_zone_make(ngx_spocr_zone_t *zone, ngx_spocr_zone_shm_t *sh)
{
    size_t            size, outbox;
    ngx_slab_pool_t  *shpool;

    shpool = zone->shpool;

    sh->rows = ngx_spocr_zone_pages(shpool,
                                 NGX_SPOCR_ZONE_ROWS * sizeof(ngx_spocr_row_t));
    if (sh->rows == NULL) {
        return NGX_ERROR;
    }

    sh->board = ngx_spocr_zone_pages(shpool, sizeof(ngx_spocr_board_t));
    if (sh->board == NULL) {
        return NGX_ERROR;
    }

    outbox = ngx_min(zone->outbox / ngx_pagesize, shpool->pfree / 2);
    size = (shpool->pfree - outbox) * ngx_pagesize;

    sh->buckets = ngx_spocr_zone_pages(shpool, size);
    if (sh->buckets == NULL) {
        return NGX_ERROR;
    }

    sh->nbuckets = size / sizeof(ngx_spocr_bucket_t);
    sh->outbox.size = outbox * ngx_pagesize;

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
