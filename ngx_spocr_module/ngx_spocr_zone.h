
/*
 * The shared zone: counters of limits, what Redis told of its own, what the
 * workers of a node tell each other, and totals for the status pages.
 *
 * Layer 1: core and event headers of nginx; no request.
 *
 * A counter takes 32 bytes, and is used for one key or one uid under one
 * limit: a megabyte holds some 32 thousand.  A counter whose window has passed
 * is free for whoever comes next; where all that a new counter could use are
 * still needed, the zone is full, and says so (C-20).  No key text and no
 * digest of one is kept here.
 */

#ifndef _NGX_SPOCR_ZONE_H_INCLUDED_
#define _NGX_SPOCR_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_window.h"


#define NGX_SPOCR_ZONE_MIN         65536
#define NGX_SPOCR_ZONE_ID_LEN      16
#define NGX_SPOCR_ZONE_TOTALS_MAX  192
#define NGX_SPOCR_ZONE_NUMBERS     0x1000000    /* of windows, then again */


typedef struct ngx_spocr_zone_s  ngx_spocr_zone_t;


/* One level of a limit: in, whose counter and how many; out, how many then. */
typedef struct {
    u_char      id[NGX_SPOCR_ZONE_ID_LEN];
    uint32_t    limit;           /* NGX_SPOCR_LIMIT_NONE: not counted */
    uint32_t    count;           /* out: taken in this window */
} ngx_spocr_zone_level_t;


/* What the zone holds, for the status pages. */
typedef struct {
    size_t      size;            /* bytes of the zone */
    uint64_t    counters;        /* that there is room for */
    uint64_t    live;            /* whose window has not passed; estimated
                                  * from a part where there are many */
} ngx_spocr_zone_use_t;


/*
 * "spocr_zone zone=name:size": declares the zone while the configuration is
 * read.  The handle is of cf->pool.  NGX_CONF_OK, a message, or
 * NGX_CONF_ERROR after one that was logged.
 */
char *ngx_spocr_zone_set(ngx_conf_t *cf, void *tag, ngx_spocr_zone_t **zone);
ngx_str_t *ngx_spocr_zone_name(ngx_spocr_zone_t *zone);
size_t ngx_spocr_zone_size(ngx_spocr_zone_t *zone);

/*
 * Takes one request from both levels or from none, in one step under the
 * zone's lock; width and *left are milliseconds, *left until the window ends.
 *
 * NGX_OK        taken
 * NGX_BUSY      refused, nothing was taken; *refused has the levels' bits
 * NGX_DECLINED  no room for a counter, nothing was taken
 */
ngx_int_t ngx_spocr_zone_take(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_level_t levels[NGX_SPOCR_LEVELS], uint64_t width,
    ngx_uint_t *refused, uint64_t *left);

/*
 * Where Redis counts, the zone remembers what it told.  One level: in, whose
 * counter; what is or was told of it.
 */
typedef struct {
    u_char      id[NGX_SPOCR_ZONE_ID_LEN];
    uint32_t    limit;           /* NGX_SPOCR_LIMIT_NONE: not counted */
    uint32_t    count;
    uint32_t    number;          /* of the window: its lower 24 bits */
} ngx_spocr_zone_known_t;

/*
 * What is known of both levels: their counts, 0 where nothing is, and the
 * window's number.  The counts are those that Redis told, or higher ones that
 * were reached while it was away.  *now is the zone's time, width the
 * window's, both in ms.
 *
 * NGX_OK        Redis has to be asked
 * NGX_BUSY      what Redis told has reached a limit, in a window that surely
 *               has not passed (C-18): *refused has the levels' bits, *left
 *               the ms that may be left of it at most
 */
ngx_int_t ngx_spocr_zone_known(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_known_t *levels, uint64_t width,
    uint64_t *now, ngx_uint_t *refused, uint64_t *left);

/*
 * Remembers what Redis told: that left ms of the window were left, when it
 * answered a call which was begun at the zone's time begun.  Where there is
 * no room nothing is remembered.
 */
void ngx_spocr_zone_learn(ngx_spocr_zone_t *zone,
    const ngx_spocr_zone_known_t *levels, uint64_t begun,
    uint64_t left);

/*
 * As ngx_spocr_zone_take(), while Redis is away (C-19): against 1/nodes of
 * the limits, at least 1, with counters of their own that begin with a node's
 * share of what is known.
 */
ngx_int_t ngx_spocr_zone_take_over(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_level_t levels[NGX_SPOCR_LEVELS], uint64_t width,
    uint32_t nodes, ngx_uint_t *refused, uint64_t *left);


/*
 * Notices.  A record in Redis has a hash; records that share one are renewed
 * together.  A worker that keeps a record keeps the version that was valid
 * before it asked for it, and asks again when that has changed.
 */
typedef struct {
    uint32_t    record;          /* of the records with that hash */
    uint32_t    epoch;           /* of all of them */
} ngx_spocr_zone_version_t;

ngx_spocr_zone_version_t ngx_spocr_zone_version(ngx_spocr_zone_t *zone,
    uint32_t hash);
void ngx_spocr_zone_notice(ngx_spocr_zone_t *zone, uint32_t hash);
void ngx_spocr_zone_notice_all(ngx_spocr_zone_t *zone);

/*
 * One of the node's workers holds the subscription: NGX_OK where it is this
 * one, for ttl more ms; NGX_DECLINED where another one holds it.
 */
ngx_int_t ngx_spocr_zone_hold(ngx_spocr_zone_t *zone, ngx_msec_t ttl);
void ngx_spocr_zone_let_go(ngx_spocr_zone_t *zone);

/* What the holder says, and for the pages: whether notices are heard. */
void ngx_spocr_zone_subscribed(ngx_spocr_zone_t *zone, ngx_uint_t yes);
ngx_uint_t ngx_spocr_zone_hears(ngx_spocr_zone_t *zone);

/*
 * Whether a line may be logged that all the node's workers would write: one
 * for each topic and that many seconds.  *skipped: how many were not since.
 */
#define NGX_SPOCR_ZONE_TOPICS  10

ngx_uint_t ngx_spocr_zone_may_say(ngx_spocr_zone_t *zone, ngx_uint_t topic,
    time_t seconds, ngx_uint_t *skipped);

/*
 * The state of each worker's link, for the pages: what a worker said last,
 * and how many of them said that.  0: it has said nothing.
 */
void ngx_spocr_zone_state(ngx_spocr_zone_t *zone, ngx_uint_t state);
ngx_uint_t ngx_spocr_zone_states(ngx_spocr_zone_t *zone, ngx_uint_t state);


/*
 * Items that wait for Redis, of bytes that only their owner knows, which all
 * the node's workers share.  They survive a reload, and the death of a worker
 * that has taken one.
 *
 * Room for them has to be asked for while the configuration is read, and is
 * given when the zone is made, at most a half of it: a zone that survives a
 * reload keeps what it has, and may have none.
 */
#define NGX_SPOCR_ZONE_OUTBOX_HOLD  3000      /* ms that a worker may have it */

typedef enum {
    NGX_SPOCR_ZONE_OUTBOX_NOW = 0,
    NGX_SPOCR_ZONE_OUTBOX_SOON,               /* 500 ms */
    NGX_SPOCR_ZONE_OUTBOX_SECOND,             /* 1 s */
    NGX_SPOCR_ZONE_OUTBOX_SELDOM,             /* 5 s */
    NGX_SPOCR_ZONE_OUTBOX_HELD,               /* the zone's own */
    NGX_SPOCR_ZONE_OUTBOX_WAITS
} ngx_spocr_zone_wait_e;

typedef struct {
    uint64_t    id;              /* of one that was taken */
    size_t      len;
    ngx_msec_t  expires;         /* on nginx's monotonic clock */
    ngx_uint_t  mark;            /* its owner's own */
} ngx_spocr_zone_item_t;

typedef struct {
    size_t      size;            /* bytes that are reserved; 0: none are */
    ngx_uint_t  items;
    size_t      bytes;           /* of them, but for what slabs round up */
} ngx_spocr_zone_outbox_use_t;

void ngx_spocr_zone_outbox_reserve(ngx_spocr_zone_t *zone, size_t size);
void ngx_spocr_zone_outbox_use(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_outbox_use_t *use);

/* Keeps a copy; item->id is not used.  NGX_DECLINED: there is no room. */
ngx_int_t ngx_spocr_zone_outbox_put(ngx_spocr_zone_t *zone,
    const ngx_spocr_zone_item_t *item, const u_char *bytes,
    ngx_spocr_zone_wait_e wait);

/*
 * Copies the one that has been due for the longest time to buf, and holds it:
 * for NGX_SPOCR_ZONE_OUTBOX_HOLD ms nobody else takes it.
 *
 * NGX_OK        item->id is for the calls below
 * NGX_BUSY      it is longer than size: item->len; it is not held
 * NGX_DECLINED  none is due
 *
 * One that has expired is given, too: item->expires tells.
 */
ngx_int_t ngx_spocr_zone_outbox_take(ngx_spocr_zone_t *zone,
    ngx_spocr_zone_item_t *item, u_char *buf, size_t size);

/* It has arrived; or it is given back, with a new mark.  NGX_DECLINED: it is
 * another worker's by now. */
ngx_int_t ngx_spocr_zone_outbox_done(ngx_spocr_zone_t *zone, uint64_t id);
ngx_int_t ngx_spocr_zone_outbox_later(ngx_spocr_zone_t *zone, uint64_t id,
    ngx_spocr_zone_wait_e wait, ngx_uint_t mark);

/* Drops those that have expired, as far as a quick look finds them; returns
 * how many. */
ngx_uint_t ngx_spocr_zone_outbox_expire(ngx_spocr_zone_t *zone);


/*
 * Adds to a total, without the lock.  Totals are numbered by their owner from
 * 0 to NGX_SPOCR_ZONE_TOTALS_MAX - 1 and survive a reload.
 */
void ngx_spocr_zone_count(ngx_spocr_zone_t *zone, ngx_uint_t total,
    ngx_uint_t n);
uint64_t ngx_spocr_zone_total(ngx_spocr_zone_t *zone, ngx_uint_t total);

void ngx_spocr_zone_use(ngx_spocr_zone_t *zone, ngx_spocr_zone_use_t *use);


#endif /* _NGX_SPOCR_ZONE_H_INCLUDED_ */
