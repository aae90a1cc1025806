
/*
 * The shared zone: counters of limits and totals for the status pages.
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
#define NGX_SPOCR_ZONE_TOTALS_MAX  128


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
 * Adds to a total, without the lock.  Totals are numbered by their owner from
 * 0 to NGX_SPOCR_ZONE_TOTALS_MAX - 1 and survive a reload.
 */
void ngx_spocr_zone_count(ngx_spocr_zone_t *zone, ngx_uint_t total,
    ngx_uint_t n);
uint64_t ngx_spocr_zone_total(ngx_spocr_zone_t *zone, ngx_uint_t total);

void ngx_spocr_zone_use(ngx_spocr_zone_t *zone, ngx_spocr_zone_use_t *use);


#endif /* _NGX_SPOCR_ZONE_H_INCLUDED_ */
