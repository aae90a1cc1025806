
/*
 * What the workers of a node tell each other through the zone: that a record
 * in Redis has changed, who listens for that, and what was logged already.
 * The subscriber writes versions, lookups read them.  Invariant: nothing here
 * is waited for; a worker that dies is forgotten when its time is up.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_zone_shm.h"


#define ngx_spocr_zone_slot(board, hash)                                      \
    (&(board)->versions[((uint64_t) (hash) * NGX_SPOCR_ZONE_VERSIONS) >> 32])

#define ngx_spocr_zone_add_one(p)                                             \
    ((void) __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST))


ngx_spocr_zone_version_t
ngx_spocr_zone_version(ngx_spocr_zone_t *zone, uint32_t hash)
{
    ngx_spocr_board_t         *board;
    ngx_spocr_zone_version_t   version;

    board = zone->sh->board;

    version.record = __atomic_load_n(ngx_spocr_zone_slot(board, hash),
                                     __ATOMIC_SEQ_CST);
    version.epoch = __atomic_load_n(&board->epoch, __ATOMIC_SEQ_CST);

    return version;
}


void
ngx_spocr_zone_notice(ngx_spocr_zone_t *zone, uint32_t hash)
{
    ngx_spocr_zone_add_one(ngx_spocr_zone_slot(zone->sh->board, hash));
}


void
ngx_spocr_zone_notice_all(ngx_spocr_zone_t *zone)
{
    ngx_spocr_zone_add_one(&zone->sh->board->epoch);
}


ngx_int_t
ngx_spocr_zone_hold(ngx_spocr_zone_t *zone, ngx_msec_t ttl)
{
    ngx_int_t              rc;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&zone->shpool->mutex);

    /* the monotonic clock is one for all processes */

    if (sh->holder == ngx_pid
        || (ngx_msec_int_t) (sh->held - ngx_current_msec) <= 0)
    {
        if (sh->holder != ngx_pid) {
            sh->holder = ngx_pid;
            sh->subscribed = 0;
        }

        sh->held = ngx_current_msec + ttl;
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


void
ngx_spocr_zone_let_go(ngx_spocr_zone_t *zone)
{
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (sh->holder == ngx_pid) {
        sh->holder = 0;
        sh->held = ngx_current_msec;
        sh->subscribed = 0;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


void
ngx_spocr_zone_subscribed(ngx_spocr_zone_t *zone, ngx_uint_t yes)
{
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (sh->holder == ngx_pid) {
        sh->subscribed = yes;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


ngx_uint_t
ngx_spocr_zone_hears(ngx_spocr_zone_t *zone)
{
    ngx_uint_t             hears;
    ngx_spocr_zone_shm_t  *sh;

    sh = zone->sh;

    ngx_shmtx_lock(&zone->shpool->mutex);

    hears = sh->subscribed
            && (ngx_msec_int_t) (sh->held - ngx_current_msec) > 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return hears;
}


ngx_uint_t
ngx_spocr_zone_may_say(ngx_spocr_zone_t *zone, ngx_uint_t topic,
    time_t seconds, ngx_uint_t *skipped)
{
    time_t              now;
    ngx_uint_t          may;
    ngx_spocr_topic_t  *t;

    t = &zone->sh->topics[topic];
    now = ngx_time();

    ngx_shmtx_lock(&zone->shpool->mutex);

    /* a clock that was set back does not silence it for longer */

    may = t->said == 0 || now - t->said >= seconds || now < t->said;

    if (may) {
        *skipped = t->skipped;

        t->said = now;
        t->skipped = 0;

    } else {
        *skipped = 0;
        t->skipped++;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return may;
}


void
ngx_spocr_zone_state(ngx_spocr_zone_t *zone, ngx_uint_t state)
{
    __atomic_store_n(&zone->sh->board->states[ngx_worker
                                              % NGX_SPOCR_ZONE_WORKERS],
                     (uint8_t) state, __ATOMIC_RELAXED);
}


ngx_uint_t
ngx_spocr_zone_states(ngx_spocr_zone_t *zone, ngx_uint_t state)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_SPOCR_ZONE_WORKERS; i++) {
        n += __atomic_load_n(&zone->sh->board->states[i], __ATOMIC_RELAXED)
             == state;
    }

    return n;
}
