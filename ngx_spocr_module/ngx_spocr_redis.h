
/*
 * Redis behind one door: connect, call, cancel, timers.
 *
 * Layer 1: core and event headers of nginx; no request.
 *
 * hiredis is the codec; the connection, its timers and its TLS are nginx's.
 * Each worker has one link, and where there are records another one for them,
 * so that no limit waits behind a long answer.  Calls of one pass of the event
 * loop leave in one write; each call ends exactly once, and never from inside
 * the function that began it.  hiredis' types stay behind this header.
 */

#ifndef _NGX_SPOCR_REDIS_H_INCLUDED_
#define _NGX_SPOCR_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_zone.h"


#define NGX_SPOCR_REDIS_VALUES_MAX  16      /* of a reply, but the nonce */
#define NGX_SPOCR_REDIS_KEYS_MAX    4
#define NGX_SPOCR_REDIS_PREFIX_MAX  64      /* bytes of prefix= */
#define NGX_SPOCR_REDIS_TOPICS      6       /* of ngx_spocr_zone_may_say() */
#define NGX_SPOCR_REDIS_ARGS_MAX    16
#define NGX_SPOCR_REDIS_PATIENCE    ((ngx_msec_t) 3600000)  /* a budget: as
                                             * long as the link lasts */


/* The function library's version: part of each function's name. */
#define NGX_SPOCR_REDIS_LIBRARY     "spocr_v2"


/* "spocr_redis" and this worker's link; cycle pool. */
typedef struct ngx_spocr_redis_s       ngx_spocr_redis_t;

typedef struct ngx_spocr_redis_call_s  ngx_spocr_redis_call_t;

/* What the link keeps of a call, which may outlive it. */
typedef struct ngx_spocr_redis_entry_s  ngx_spocr_redis_entry_t;


typedef enum {
    NGX_SPOCR_REDIS_NIL = 0,
    NGX_SPOCR_REDIS_INTEGER,
    NGX_SPOCR_REDIS_STRING
} ngx_spocr_redis_type_e;


typedef struct {
    ngx_spocr_redis_type_e    type;
    int64_t                   integer;
    ngx_str_t                 text;         /* of a string */
} ngx_spocr_redis_value_t;


/*
 * A function's answer: the elements after the nonce.  With an error, error is
 * its text, and there are no values.
 */
typedef struct {
    ngx_str_t                 error;
    ngx_uint_t                nvalues;
    ngx_spocr_redis_value_t   values[NGX_SPOCR_REDIS_VALUES_MAX];
} ngx_spocr_redis_reply_t;


/* How a call ended. */
typedef enum {
    NGX_SPOCR_REDIS_OK = 0,         /* answered, with the right nonce */
    NGX_SPOCR_REDIS_ERROR,          /* answered with an error that is about
                                     * this call alone (WRONGTYPE, OOM, ...) */
    NGX_SPOCR_REDIS_AWAY            /* not answered: time is up, the link was
                                     * lost, or Redis said that it is not the
                                     * one to ask (LOADING, READONLY, MOVED,
                                     * NOPERM, ...) */
} ngx_spocr_redis_result_e;


/* A call, in its owner's memory; zeroed memory is a valid beginning. */
struct ngx_spocr_redis_call_s {

    /* set by the owner: the continuation, and what it is called for */
    void                    (*handler)(ngx_spocr_redis_call_t *call);
    void                     *data;

    /* what the continuation finds; reply until it returns, and with AWAY
     * NULL */
    ngx_spocr_redis_result_e         result;
    const ngx_spocr_redis_reply_t   *reply;

    ngx_spocr_redis_entry_t  *entry;        /* the link's; NULL: it has ended */
};


/* What is called. */
typedef struct {
    const char               *function;     /* "limit": spocr_v2_limit */
    ngx_str_t                 slot;         /* the keys' hash tag; for a link
                                             * that will know a cluster */
    ngx_uint_t                nkeys;
    ngx_str_t                 keys[NGX_SPOCR_REDIS_KEYS_MAX];
    ngx_uint_t                nargs;        /* the nonce is put before them */
    ngx_str_t                 args[NGX_SPOCR_REDIS_ARGS_MAX];
    ngx_msec_t                budget;       /* ms that it may take; at most
                                             * the directive's timeout=, or of
                                             * a record half a second; among
                                             * others of records: as long as
                                             * the link lasts, but 5 seconds */
    unsigned                  lookup:1;     /* caused by who may be anyone:
                                             * such have a small part of the
                                             * queue */
    unsigned                  record:1;     /* of idempotency: over a link of
                                             * its own, and may be long */
    unsigned                  read:1;       /* it writes nothing: Redis' user
                                             * may be one who cannot */
} ngx_spocr_redis_request_t;


/*
 * What one request waits for, over all its calls (C-19: one budget).  wake is
 * set by the request's owner: it runs the request again, later, never from
 * inside a step.
 */
typedef struct {
    void                    (*wake)(void *data);
    void                     *data;
    ngx_msec_t                used;         /* ms that were waited so far */
} ngx_spocr_redis_wait_t;


/* What a worker says of its link with ngx_spocr_zone_state(). */
typedef enum {
    NGX_SPOCR_REDIS_STATE_READY = 1,
    NGX_SPOCR_REDIS_STATE_AWAY
} ngx_spocr_redis_state_e;


/* The totals that the link counts, from the number that it was given on. */
typedef enum {
    NGX_SPOCR_REDIS_TOTAL_OK = 0,           /* calls by how they ended */
    NGX_SPOCR_REDIS_TOTAL_ERROR,
    NGX_SPOCR_REDIS_TOTAL_TIMEOUT,
    NGX_SPOCR_REDIS_TOTAL_LOST,             /* the link was, meanwhile */
    NGX_SPOCR_REDIS_TOTAL_CANCELLED,        /* its request was gone */
    NGX_SPOCR_REDIS_TOTAL_REFUSED,          /* not begun: away, or queue full */
    NGX_SPOCR_REDIS_CALL_TOTALS,

    NGX_SPOCR_REDIS_TOTAL_CONNECTED = NGX_SPOCR_REDIS_CALL_TOTALS,
    NGX_SPOCR_REDIS_TOTAL_FAILED,           /* attempts to connect */
    NGX_SPOCR_REDIS_TOTAL_CLOSED,           /* links that were ready */
    NGX_SPOCR_REDIS_TOTAL_WRITES,           /* system calls that sent calls */
    NGX_SPOCR_REDIS_TOTAL_NOTICES,          /* heard by the subscriber */
    NGX_SPOCR_REDIS_TOTAL_SUBSCRIBED,       /* new subscriptions */
    NGX_SPOCR_REDIS_TOTALS
} ngx_spocr_redis_total_e;


/*
 * "spocr_redis URL [parameter...]": parses, reads the password file, resolves
 * the name, prepares TLS.  NGX_CONF_OK, or NGX_CONF_ERROR with a line in the
 * log that says why.
 */
char *ngx_spocr_redis_set(ngx_conf_t *cf, ngx_spocr_redis_t **redis);

/*
 * After the whole configuration is read: where it counts (without a zone,
 * nowhere), who is told how long an answer took, and with which resolver (or
 * NULL) names are looked up again.
 */
typedef struct {
    ngx_spocr_zone_t         *zone;
    ngx_uint_t                totals;       /* NGX_SPOCR_REDIS_TOTALS of them */
    void                    (*observe)(ngx_spocr_zone_t *zone, uint64_t ns);
    ngx_resolver_t           *resolver;
    ngx_msec_t                resolver_timeout;
    ngx_uint_t                subscribe;    /* keys are in Redis */
    size_t                    records;      /* bytes of the longest record;
                                             * 0: no link for them; */
    size_t                    records_queue;  /* and of those that may be on
                                             * their way at a time */
} ngx_spocr_redis_context_t;

void ngx_spocr_redis_finish(ngx_spocr_redis_t *redis,
    const ngx_spocr_redis_context_t *context);

/* prefix=, "spocr:" where it is not said; and timeout=, in ms. */
const ngx_str_t *ngx_spocr_redis_prefix(const ngx_spocr_redis_t *redis);
ngx_msec_t ngx_spocr_redis_timeout(const ngx_spocr_redis_t *redis);

/*
 * In a worker's init_process and exit_process.  Starting begins to connect
 * and returns at once; it never fails for what Redis does.  NGX_OK or
 * NGX_ERROR (memory).
 */
ngx_int_t ngx_spocr_redis_start(ngx_cycle_t *cycle, ngx_spocr_redis_t *redis);
void ngx_spocr_redis_stop(ngx_spocr_redis_t *redis);

/*
 * Whether a call can be sent now (C-19); one before the first handshake can.
 * The second is about calls of records.
 */
ngx_uint_t ngx_spocr_redis_ready(const ngx_spocr_redis_t *redis);
ngx_uint_t ngx_spocr_redis_records_ready(const ngx_spocr_redis_t *redis);

/*
 * Begins a call.  NGX_AGAIN: the handler will be called, once, unless the
 * call is cancelled.  NGX_DECLINED: it will not: the link is away, the queue
 * is full, the command is too long, the budget is 0, or memory is out.
 */
ngx_int_t ngx_spocr_redis_call(ngx_spocr_redis_t *redis,
    ngx_spocr_redis_call_t *call, const ngx_spocr_redis_request_t *request);

/* Its owner is going: the reply, if one comes, is dropped.  Harmless after
 * the end, and on one that was never begun. */
void ngx_spocr_redis_cancel(ngx_spocr_redis_call_t *call);


#endif /* _NGX_SPOCR_REDIS_H_INCLUDED_ */
