
/*
 * The outbox: what has to reach Redis, at once or later.  A worker sends an
 * item as soon as it is put; one that Redis does not take goes into the shared
 * zone, where the node's workers keep trying, also after a reload (C-29).
 *
 * Layer 1: core and event headers of nginx; no request.
 *
 * Items are calls of the functions "complete" and "release", which may be
 * repeated: what has been done already is not done twice.
 */

#ifndef _NGX_SPOCR_OUTBOX_H_INCLUDED_
#define _NGX_SPOCR_OUTBOX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_redis.h"
#include "ngx_spocr_zone.h"


#define NGX_SPOCR_OUTBOX_KEYS_MAX  2
#define NGX_SPOCR_OUTBOX_ARGS_MAX  10


/* A worker's; heap. */
typedef struct ngx_spocr_outbox_s         ngx_spocr_outbox_t;

/* What the outbox keeps of an item, which may outlive its request. */
typedef struct ngx_spocr_outbox_entry_s   ngx_spocr_outbox_entry_t;

typedef struct ngx_spocr_outbox_ticket_s  ngx_spocr_outbox_ticket_t;


typedef enum {
    NGX_SPOCR_OUTBOX_COMPLETE = 0,
    NGX_SPOCR_OUTBOX_RELEASE,
    NGX_SPOCR_OUTBOX_UNCLAIM        /* a release whose claim may still be on
                                     * its way: "nothing to release" is not the
                                     * end, it is asked for several times */
} ngx_spocr_outbox_function_e;


/* An item; it is copied. */
typedef struct {
    ngx_spocr_outbox_function_e   function;
    ngx_str_t                     slot;         /* the keys' hash tag */
    ngx_uint_t                    nkeys;
    ngx_str_t                     keys[NGX_SPOCR_OUTBOX_KEYS_MAX];
    ngx_uint_t                    nargs;        /* but the nonce */
    ngx_str_t                     args[NGX_SPOCR_OUTBOX_ARGS_MAX];
    ngx_msec_t                    ttl;          /* how long it is of use */
} ngx_spocr_outbox_item_t;


typedef enum {
    NGX_SPOCR_OUTBOX_ACKED = 0,     /* Redis has answered it */
    NGX_SPOCR_OUTBOX_LATE           /* not yet: it is sent later, or (logged
                                     * and counted) there was no room to keep
                                     * it */
} ngx_spocr_outbox_result_e;


/* Who waits for an item, in its own memory; zeroed is a valid beginning. */
struct ngx_spocr_outbox_ticket_s {

    /* set by the owner */
    void                        (*handler)(ngx_spocr_outbox_ticket_t *ticket);
    void                         *data;
    ngx_msec_t                    patience;     /* ms */

    ngx_spocr_outbox_result_e     result;

    ngx_spocr_outbox_entry_t     *entry;        /* the outbox' own */
};


/* The totals that are counted, from the number that was given on. */
typedef enum {
    NGX_SPOCR_OUTBOX_TOTAL_ACKED = 0,    /* at the first try */
    NGX_SPOCR_OUTBOX_TOTAL_KEPT,         /* went into the zone */
    NGX_SPOCR_OUTBOX_TOTAL_STORED,       /* and from there into Redis */
    NGX_SPOCR_OUTBOX_TOTAL_DROPPED,      /* no room, or not of use any more */
    NGX_SPOCR_OUTBOX_TOTAL_FENCED,       /* Redis said that the claim is
                                          * another's by now */
    NGX_SPOCR_OUTBOX_TOTALS
} ngx_spocr_outbox_total_e;


typedef struct {
    ngx_spocr_redis_t            *redis;
    ngx_spocr_zone_t             *zone;
    ngx_uint_t                    totals;
    ngx_uint_t                    topic;        /* of zone_may_say() */
    size_t                        limit;        /* bytes of a worker's items */
} ngx_spocr_outbox_context_t;


/*
 * In a worker's init_process, after ngx_spocr_redis_start(); and in its
 * exit_process before ngx_spocr_redis_stop(): what is still under way goes
 * into the zone.  NULL when memory is out.
 */
ngx_spocr_outbox_t *ngx_spocr_outbox_start(ngx_cycle_t *cycle,
    const ngx_spocr_outbox_context_t *context);
void ngx_spocr_outbox_stop(ngx_spocr_outbox_t *outbox);

/*
 * Puts an item.  ticket may be NULL: nobody waits.  NGX_AGAIN: the ticket's
 * handler will be called, once, never from inside of this function, unless
 * the ticket is forgotten first.  NGX_ERROR: memory is out, or the worker's
 * limit is reached; the item is lost.
 */
ngx_int_t ngx_spocr_outbox_put(ngx_spocr_outbox_t *outbox,
    const ngx_spocr_outbox_item_t *item, ngx_spocr_outbox_ticket_t *ticket);

/* Its owner is going: the item stays.  Harmless after the end. */
void ngx_spocr_outbox_forget(ngx_spocr_outbox_ticket_t *ticket);


#endif /* _NGX_SPOCR_OUTBOX_H_INCLUDED_ */
