
/*
 * Inside of the calls: their queue.
 *
 * Layer 1, private to ngx_spocr_redis_calls.c, which fills the queue, to
 * ngx_spocr_redis_send.c, which sends what is in it, and to
 * ngx_spocr_redis_queue.c, which empties it.
 *
 * The queue is in the order of sending: first the entries that were sent,
 * whose answers come in this order, then those that were not.  An entry
 * outlives its call: when that was cancelled or is out of time, the answer
 * that is still to come finds the entry and nobody else.
 */

#ifndef _NGX_SPOCR_REDIS_CALLS_H_INCLUDED_
#define _NGX_SPOCR_REDIS_CALLS_H_INCLUDED_


#include "ngx_spocr_redis_link.h"


#define NGX_SPOCR_REDIS_NONCE_LEN   16
#define NGX_SPOCR_REDIS_ENTRY_ROOM  640


/* Heap, a worker's; the call's time is in one of the two timers. */
struct ngx_spocr_redis_entry_s {
    ngx_queue_t               queue;
    ngx_spocr_redis_entry_t  *next;        /* of those that are free */
    ngx_spocr_redis_calls_t  *calls;
    ngx_spocr_redis_call_t   *call;        /* NULL: nobody waits for it */
    u_char                   *command;     /* until it is sent; in room, or
                                            * heap */
    size_t                    len;
    u_char                    nonce[NGX_SPOCR_REDIS_NONCE_LEN];
    ngx_msec_t                deadline;    /* of the link */
    ngx_msec_t                budget;      /* of the call, ms, and */
    ngx_msec_t                begun;       /* since when */
    ngx_event_t               timer;       /* of a smaller budget */
    uint64_t                  clock;       /* ns; 0: not timed */
    unsigned                  sent:1;
    unsigned                  lookup:1;
    unsigned                  late:1;      /* its budget was over in the pass
                                            * before */

    /* what is above is zeroed for a new call */
    u_char                    room[NGX_SPOCR_REDIS_ENTRY_ROOM];
};


/* Heap, a worker's. */
struct ngx_spocr_redis_calls_s {
    ngx_spocr_redis_t        *redis;
    ngx_msec_t                timeout;     /* the link's patience */
    ngx_uint_t                max;         /* calls in the queue */
    size_t                    bytes_max;   /* of their commands */
    size_t                    command_max; /* of one */
    ngx_spocr_redis_link_t   *link;
    ngx_queue_t               queue;
    ngx_spocr_redis_entry_t  *free;
    ngx_uint_t                nfree;
    ngx_uint_t                n;           /* in the queue */
    ngx_uint_t                nsent;       /* of them */
    ngx_uint_t                nlookups;    /* likewise */
    size_t                    bytes;       /* of their commands */
    ngx_event_t               timer;       /* of the queue's head */
    ngx_connection_t          ident;       /* timers' data: no socket */
    size_t                    heard;       /* bytes of an answer, of late */
    ngx_uint_t                sample;
    unsigned                  late:1;      /* the head's time was up in the
                                            * pass before */
    unsigned                  opening:1;   /* the first handshake is not
                                            * decided: calls may wait for it */
    unsigned                  patient:1;   /* of records: time is what passes
                                            * without a byte */
    ngx_spocr_redis_reply_t   reply;
};


extern const ngx_spocr_redis_owner_t  ngx_spocr_redis_calls_owner;


/* The link has sent all that it had. */
void ngx_spocr_redis_calls_fill(ngx_spocr_redis_link_t *link);

/* An answer has come: how long they are of late, and what may leave now. */
void ngx_spocr_redis_calls_heard(ngx_spocr_redis_calls_t *calls,
    const ngx_spocr_redis_message_t *message);

/* ns, of no epoch. */
uint64_t ngx_spocr_redis_clock(void);

/* The time of the queue's head, where it is not running yet. */
void ngx_spocr_redis_calls_arm(ngx_spocr_redis_calls_t *calls);

/* Timers: of the queue's head, and of one entry. */
void ngx_spocr_redis_calls_head(ngx_event_t *ev);
void ngx_spocr_redis_calls_budget(ngx_event_t *ev);

/* An entry that is in no queue goes back to those that are free. */
void ngx_spocr_redis_entry_put(ngx_spocr_redis_calls_t *calls,
    ngx_spocr_redis_entry_t *entry);

/* The memory of a command that was sent, or will not be. */
void ngx_spocr_redis_entry_forget(ngx_spocr_redis_entry_t *entry);

/* Takes an entry out of the queue; its call has been told, or will not be. */
void ngx_spocr_redis_entry_drop(ngx_spocr_redis_entry_t *entry);


#endif /* _NGX_SPOCR_REDIS_CALLS_H_INCLUDED_ */
