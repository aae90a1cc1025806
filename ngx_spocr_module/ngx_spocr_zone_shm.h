
/*
 * What the zone's memory holds; private to ngx_spocr_zone*.c.
 *
 * Layer 1.
 */

#ifndef _NGX_SPOCR_ZONE_SHM_H_INCLUDED_
#define _NGX_SPOCR_ZONE_SHM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_zone.h"


#define NGX_SPOCR_ZONE_WAYS      8      /* counters of a bucket */
#define NGX_SPOCR_ZONE_ROWS      8      /* of totals: workers share them */
#define NGX_SPOCR_ZONE_VERSIONS  960    /* of records: a page of them */
#define NGX_SPOCR_ZONE_WORKERS   64     /* states: as with the rows */


typedef struct {
    uint64_t               id[2];
    ngx_spocr_window_t     window;
} ngx_spocr_counter_t;


typedef struct {
    ngx_spocr_counter_t    ways[NGX_SPOCR_ZONE_WAYS];
} ngx_spocr_bucket_t;


typedef struct {
    ngx_atomic_t           totals[NGX_SPOCR_ZONE_TOTALS_MAX];
} ngx_spocr_row_t;


typedef struct {
    time_t                 said;
    ngx_uint_t             skipped;
} ngx_spocr_topic_t;


/* What workers tell each other without the lock; each word is atomic. */

typedef struct {
    uint32_t               epoch;
    uint32_t               versions[NGX_SPOCR_ZONE_VERSIONS];
    uint8_t                states[NGX_SPOCR_ZONE_WORKERS];
} ngx_spocr_board_t;


/* An item of the outbox; its bytes follow. */

typedef struct ngx_spocr_kept_s  ngx_spocr_kept_t;

struct ngx_spocr_kept_s {
    ngx_spocr_kept_t      *next;
    ngx_spocr_kept_t      *prev;
    ngx_uint_t             wait;     /* which list it is in */
    ngx_msec_t             due;
    ngx_msec_t             expires;
    uint64_t               id;       /* of whoever holds it */
    size_t                 len;
    ngx_uint_t             mark;
};

#define ngx_spocr_kept_bytes(kept)  ((u_char *) (kept) + sizeof(*(kept)))

#define ngx_spocr_zone_passed(time)                                           \
    ((ngx_msec_int_t) ((time) - ngx_current_msec) <= 0)


typedef struct {
    ngx_spocr_kept_t      *head;
    ngx_spocr_kept_t      *tail;
} ngx_spocr_kept_list_t;


/* Under the lock; but n may be looked at without. */

typedef struct {
    ngx_spocr_kept_list_t  lists[NGX_SPOCR_ZONE_OUTBOX_WAITS];
    ngx_spocr_kept_t      *moving;
    ngx_uint_t             changing;
    uint64_t               last;     /* id that was given */
    ngx_atomic_t           n;
    size_t                 bytes;
    size_t                 size;     /* does not change */
} ngx_spocr_zone_outbox_t;


typedef struct {

    /*
     * Time as the zone's windows see it: the node's clock, which never goes
     * back.  offset is the clock's lead over the monotonic one, last the
     * latest moment that any worker counted in.  Under the lock.
     */
    int64_t                offset;
    uint64_t               last;
    uint64_t               over;     /* until when counters that stood in for
                                      * Redis are of interest */

    /* who holds the subscription, and until when; under the lock */
    ngx_pid_t              holder;
    ngx_msec_t             held;
    ngx_uint_t             subscribed;

    ngx_spocr_topic_t      topics[NGX_SPOCR_ZONE_TOPICS];     /* likewise */

    ngx_spocr_zone_outbox_t  outbox;

    /* what follows does not change after the zone was made */
    ngx_spocr_row_t       *rows;
    ngx_spocr_board_t     *board;
    ngx_spocr_bucket_t    *buckets;
    uint64_t               nbuckets;
} ngx_spocr_zone_shm_t;


struct ngx_spocr_zone_s {
    ngx_shm_zone_t        *shm_zone;
    ngx_slab_pool_t       *shpool;
    ngx_spocr_zone_shm_t  *sh;
    size_t                 outbox;   /* bytes that were asked for it */
};


/* ngx_spocr_zone_counter.c; but for _fetch(), under the lock */

/* The zone's time, ms. */
uint64_t ngx_spocr_zone_now(ngx_spocr_zone_shm_t *sh);

/* Begins to fetch where the counter of that id most likely stands; it needs
 * no lock, and cache misses are not waited for with one. */
void ngx_spocr_zone_fetch(ngx_spocr_zone_shm_t *sh, const u_char *id);

/* The counter of that id, or NULL; and the buckets where it would stand. */
ngx_spocr_counter_t *ngx_spocr_zone_find(ngx_spocr_zone_shm_t *sh,
    const u_char *id, ngx_spocr_bucket_t *buckets[2]);

/* The counter of that id, or one that is free, made its own; or NULL. */
ngx_spocr_counter_t *ngx_spocr_zone_counter(ngx_spocr_zone_shm_t *sh,
    const u_char *id, uint64_t now);


#endif /* _NGX_SPOCR_ZONE_SHM_H_INCLUDED_ */
