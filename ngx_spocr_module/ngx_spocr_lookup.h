
/*
 * Keys, tenants and plans in Redis: from the worker's cache, or asked for
 * once however many requests wait (C-8, C-10).
 *
 * Between the store and the promises: it waits for Redis, but knows no
 * request; who waits is woken.
 */

#ifndef _NGX_SPOCR_LOOKUP_H_INCLUDED_
#define _NGX_SPOCR_LOOKUP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_keycache.h"
#include "ngx_spocr_keyrecord.h"
#include "ngx_spocr_redis.h"
#include "ngx_spocr_zone.h"


/* A worker's lookups; cycle pool, and a cache on the heap. */
typedef struct ngx_spocr_lookup_s         ngx_spocr_lookup_t;

/* One that Redis has not answered yet. */
typedef struct ngx_spocr_lookup_flight_s  ngx_spocr_lookup_flight_t;


/*
 * What is counted: first, for each key that was asked for, where it was found
 * (of its three records the one that was the furthest away), then events.
 */
typedef enum {
    NGX_SPOCR_LOOKUP_FRESH = 0,        /* all in the cache */
    NGX_SPOCR_LOOKUP_NEGATIVE,         /* there, too: it does not exist */
    NGX_SPOCR_LOOKUP_REDIS,
    NGX_SPOCR_LOOKUP_STALE,            /* in the cache, as Redis is silent */
    NGX_SPOCR_LOOKUP_FAILED,           /* nowhere (503) */
    NGX_SPOCR_LOOKUP_SOURCES,

    NGX_SPOCR_LOOKUP_ASKED = NGX_SPOCR_LOOKUP_SOURCES,  /* calls of Redis */
    NGX_SPOCR_LOOKUP_BAD,              /* records of a wrong shape */
    NGX_SPOCR_LOOKUP_UNKNOWN,          /* records with unknown fields */
    NGX_SPOCR_LOOKUP_TOTALS
} ngx_spocr_lookup_total_e;

/* The name of one, for the pages. */
const ngx_str_t *ngx_spocr_lookup_total(ngx_uint_t total);


/* Topics of ngx_spocr_zone_may_say(). */
#define NGX_SPOCR_LOOKUP_TOPICS  3


/* What "spocr_keys redis" says; ms. */
typedef struct {
    ngx_msec_t                    ttl;
    ngx_msec_t                    negative_ttl;
    ngx_msec_t                    stale;
} ngx_spocr_lookup_conf_t;


/* What lookups work with; zone and link outlive them. */
typedef struct {
    ngx_spocr_zone_t             *zone;
    ngx_spocr_redis_t            *redis;
    ngx_uint_t                    totals;   /* the first of LOOKUP_TOTALS */
    ngx_uint_t                    topics;   /* the first of LOOKUP_TOPICS */
} ngx_spocr_lookup_context_t;


typedef enum {
    NGX_SPOCR_LOOKUP_IDLE = 0,
    NGX_SPOCR_LOOKUP_WAITING,          /* for the flight */
    NGX_SPOCR_LOOKUP_ANSWERED,         /* answer is what it brought */
    NGX_SPOCR_LOOKUP_SILENT            /* it brought nothing in time */
} ngx_spocr_lookup_state_e;


/* A request that asks; in its pool; zeroed memory is a valid beginning. */
typedef struct {
    ngx_spocr_identity_t          identity; /* the outcome */
    const char                   *reason;   /* of NGX_ERROR, for logs */

    ngx_spocr_lookup_t           *lookup;
    ngx_spocr_redis_wait_t       *wait;
    ngx_spocr_lookup_state_e      state;
    ngx_spocr_lookup_total_e      source;
    ngx_spocr_keyrecord_id_t      id;       /* of the record that is next */
    ngx_spocr_keycache_answer_t   answer;

    ngx_spocr_lookup_flight_t    *flight;
    ngx_queue_t                   queue;    /* of those who wait for it */
    ngx_msec_t                    since;
    ngx_event_t                   timer;    /* where less time is left than
                                             * the flight may take */
} ngx_spocr_asker_t;


/*
 * In a worker's init_process and exit_process.  names and digest are used as
 * long as the lookups.  NULL when memory is out.
 */
ngx_spocr_lookup_t *ngx_spocr_lookup_start(ngx_cycle_t *cycle,
    const ngx_spocr_lookup_context_t *context,
    const ngx_spocr_lookup_conf_t *conf, ngx_spocr_keys_t *names,
    ngx_spocr_digest_t *digest);
void ngx_spocr_lookup_stop(ngx_spocr_lookup_t *lookup);

/* Begins to ask for a key; wait lives as long as the asker. */
void ngx_spocr_asker_begin(ngx_spocr_asker_t *asker,
    ngx_spocr_lookup_t *lookup, ngx_spocr_redis_wait_t *wait,
    const u_char *digest);

/*
 * Goes on asking:
 *
 * NGX_OK        the identity is complete
 * NGX_DECLINED  there is no such key
 * NGX_AGAIN     wait->wake() will be called once; then ask again.  Asking
 *               earlier changes nothing
 * NGX_ERROR     it cannot be known now, and reason says why
 */
ngx_int_t ngx_spocr_asker_find(ngx_spocr_asker_t *asker);

/* Whether it was begun and NGX_AGAIN was the last that was said. */
ngx_uint_t ngx_spocr_asker_waits(const ngx_spocr_asker_t *asker);

/* Its request is going: nobody is woken, records are let go of. */
void ngx_spocr_asker_release(ngx_spocr_asker_t *asker);


#endif /* _NGX_SPOCR_LOOKUP_H_INCLUDED_ */
