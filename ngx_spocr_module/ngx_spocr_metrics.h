
/*
 * Which totals exist, and the two pages that show them.
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_METRICS_H_INCLUDED_
#define _NGX_SPOCR_METRICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_redis.h"
#include "ngx_spocr_zone.h"


#define NGX_SPOCR_VERSION  "1.0.0"


/* What became of a request, as a whole; their sum is the requests'. */
typedef enum {
    NGX_SPOCR_OUTCOME_ALLOWED = 0,      /* with a key */
    NGX_SPOCR_OUTCOME_OPEN,             /* gated, but let in without one */
    NGX_SPOCR_OUTCOME_REFUSED,          /* by one of the gateway's steps */
    NGX_SPOCR_OUTCOME_PREFLIGHT,
    NGX_SPOCR_OUTCOME_GONE,             /* the client left before the steps
                                         * had decided */
    NGX_SPOCR_OUTCOME_NOT_GATED,        /* answered before or without them */
    NGX_SPOCR_OUTCOME_COUNT
} ngx_spocr_outcome_e;


/*
 * A family of totals: total first + i is the one whose label is label(i); an
 * empty label is not shown.  A family of one total may have no label_name.
 * help ends without a full stop.
 */
typedef struct {
    const char        *name;
    const char        *label_name;
    const char        *help;
    ngx_uint_t         first;
    ngx_uint_t         count;
    const ngx_str_t  *(*label)(ngx_uint_t i);
    ngx_uint_t         redis;               /* not shown without one */
} ngx_spocr_metrics_family_t;


/* What a page shows; the families end with one without a name. */
typedef struct {
    const ngx_spocr_metrics_family_t  *families;
    ngx_spocr_zone_t                  *zone;
    ngx_uint_t                         keys;
    ngx_uint_t                         redis;    /* whether there is one */
    ngx_uint_t                         notices;  /* and one listens to it */
} ngx_spocr_metrics_t;


/*
 * Two histograms: of our own steps' time, and of the time until Redis
 * answers.  Their totals stand at the end of the zone's, the families' below.
 */
#define NGX_SPOCR_METRICS_BUCKETS_MAX    14
#define NGX_SPOCR_METRICS_HISTOGRAM      (NGX_SPOCR_METRICS_BUCKETS_MAX + 1)
#define NGX_SPOCR_METRICS_REDIS                                               \
    (NGX_SPOCR_ZONE_TOTALS_MAX - NGX_SPOCR_METRICS_HISTOGRAM)
#define NGX_SPOCR_METRICS_STEP                                                \
    (NGX_SPOCR_METRICS_REDIS - NGX_SPOCR_METRICS_HISTOGRAM)


/* One observation of our own steps' time, of Redis' answer; nanoseconds. */
void ngx_spocr_metrics_step(ngx_spocr_zone_t *zone, uint64_t ns);
void ngx_spocr_metrics_redis(ngx_spocr_zone_t *zone, uint64_t ns);

const ngx_str_t *ngx_spocr_metrics_outcome(ngx_uint_t outcome);

/* The pages; a buffer from pool, or NULL when memory is out. */
ngx_buf_t *ngx_spocr_metrics_json(ngx_pool_t *pool,
    const ngx_spocr_metrics_t *metrics);
ngx_buf_t *ngx_spocr_metrics_prometheus(ngx_pool_t *pool,
    const ngx_spocr_metrics_t *metrics);


#endif /* _NGX_SPOCR_METRICS_H_INCLUDED_ */
