
/*
 * A record that Redis was asked for, and has not answered yet.
 *
 * Private to the lookup.
 */

#ifndef _NGX_SPOCR_LOOKUP_FLIGHT_H_INCLUDED_
#define _NGX_SPOCR_LOOKUP_FLIGHT_H_INCLUDED_


#include "ngx_spocr_lookup.h"


struct ngx_spocr_lookup_s {
    ngx_spocr_lookup_context_t     context;
    ngx_spocr_keycache_t          *cache;
    ngx_spocr_keyreader_t         *reader;
    ngx_rbtree_t                   tree;        /* flights, by record */
    ngx_rbtree_node_t              sentinel;
    ngx_queue_t                    flights;     /* under way */
    ngx_uint_t                     nflights;
    ngx_queue_t                    held;        /* not begun: too many are */
    ngx_uint_t                     nheld;
    ngx_log_t                     *log;
    ngx_connection_t               dummy;       /* of timers, for debug lines */
};


struct ngx_spocr_lookup_flight_s {
    ngx_rbtree_node_t              node;
    ngx_queue_t                    queue;
    ngx_queue_t                    askers;
    ngx_spocr_lookup_t            *lookup;
    ngx_spocr_redis_call_t         call;
    ngx_spocr_keyrecord_id_t       id;
    ngx_spocr_keycache_version_t   version;     /* before it was asked for */
    ngx_msec_t                     begun;
    unsigned                       open:1;      /* in the tree: may be joined */
    unsigned                       held:1;
    u_char                         name[NGX_SPOCR_NAME_LEN_MAX];
};


/* The flight that may be joined, or NULL. */
ngx_spocr_lookup_flight_t *ngx_spocr_flight_find(ngx_spocr_lookup_t *lookup,
    const ngx_spocr_keyrecord_id_t *id);

/*
 * A new one; NULL where Redis is away or memory is out.  It is held where too
 * many are under way; one that is urgent goes before the others.
 */
ngx_spocr_lookup_flight_t *ngx_spocr_flight_begin(ngx_spocr_lookup_t *lookup,
    const ngx_spocr_keyrecord_id_t *id, ngx_uint_t urgent);

/* It goes on for those who wait, but nobody joins it any more. */
void ngx_spocr_flight_shut(ngx_spocr_lookup_flight_t *flight);

/* Ends it without an answer: the worker ends with its requests. */
void ngx_spocr_flight_drop(ngx_spocr_lookup_flight_t *flight);

/* Of the tree of flights. */
void ngx_spocr_flight_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel);

/* An asker waits no more, and is not woken. */
void ngx_spocr_asker_leave(ngx_spocr_asker_t *asker);

/* What an asker waited for is over; its request may run, and end, in here. */
void ngx_spocr_asker_wake(ngx_spocr_asker_t *asker,
    ngx_spocr_lookup_state_e state);

/* The zone's versions of a record. */
void ngx_spocr_lookup_version(ngx_spocr_lookup_t *lookup,
    const ngx_spocr_keyrecord_id_t *id, ngx_spocr_keycache_version_t *version);

void ngx_spocr_lookup_count(ngx_spocr_lookup_t *lookup,
    ngx_spocr_lookup_total_e total);


#endif /* _NGX_SPOCR_LOOKUP_FLIGHT_H_INCLUDED_ */
