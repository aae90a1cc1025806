
/*
 * The status pages; the status handler calls them, the access handler adds
 * observations.  Invariant: a page's size does not depend on how many keys,
 * uids or requests there are.
 */


#include "ngx_spocr_metrics.h"
#include "ngx_spocr_json.h"


/* One line of a page at its longest: name, label, number, help. */
#define NGX_SPOCR_METRICS_LINE  256
#define NGX_SPOCR_METRICS_HEAD  1024


/* Upper bounds in nanoseconds, and as the pages write them, in seconds. */

typedef struct {
    uint64_t                            ns;
    const char                         *seconds;
} ngx_spocr_metrics_bucket_t;


typedef struct {
    const char                         *name;
    const char                         *help;
    ngx_uint_t                          first;     /* of its totals */
    const ngx_spocr_metrics_bucket_t   *buckets;   /* the last is +Inf */
    ngx_uint_t                          redis;     /* not without one */
} ngx_spocr_metrics_histogram_t;


static size_t ngx_spocr_metrics_size(const ngx_spocr_metrics_t *metrics);
static u_char *ngx_spocr_metrics_json_family(u_char *p,
    const ngx_spocr_metrics_t *metrics,
    const ngx_spocr_metrics_family_t *family);
static u_char *ngx_spocr_metrics_gauge(u_char *p, const char *name,
    const char *help, uint64_t value);
static void ngx_spocr_metrics_observe(ngx_spocr_zone_t *zone,
    const ngx_spocr_metrics_histogram_t *histogram, uint64_t ns);
static u_char *ngx_spocr_metrics_json_histogram(u_char *p,
    ngx_spocr_zone_t *zone, const ngx_spocr_metrics_histogram_t *histogram);
static u_char *ngx_spocr_metrics_family(u_char *p,
    const ngx_spocr_metrics_t *metrics,
    const ngx_spocr_metrics_family_t *family);
static u_char *ngx_spocr_metrics_store(u_char *p,
    const ngx_spocr_metrics_t *metrics);
static u_char *ngx_spocr_metrics_histogram(u_char *p, ngx_spocr_zone_t *zone,
    const ngx_spocr_metrics_histogram_t *histogram);


static const ngx_spocr_metrics_bucket_t  ngx_spocr_metrics_step_buckets[] = {
    { 1000, "0.000001" },
    { 2500, "0.0000025" },
    { 5000, "0.000005" },
    { 10000, "0.00001" },
    { 25000, "0.000025" },
    { 50000, "0.00005" },
    { 100000, "0.0001" },
    { 1000000, "0.001" },
    { 10000000, "0.01" },
    { 100000000, "0.1" },
    { (uint64_t) -1, "+Inf" }
};

static const ngx_spocr_metrics_bucket_t  ngx_spocr_metrics_redis_buckets[] = {
    { 25000, "0.000025" },
    { 50000, "0.00005" },
    { 100000, "0.0001" },
    { 250000, "0.00025" },
    { 500000, "0.0005" },
    { 1000000, "0.001" },
    { 2500000, "0.0025" },
    { 5000000, "0.005" },
    { 10000000, "0.01" },
    { 25000000, "0.025" },
    { 50000000, "0.05" },
    { 100000000, "0.1" },
    { 1000000000, "1" },
    { (uint64_t) -1, "+Inf" }
};

static const ngx_spocr_metrics_histogram_t  ngx_spocr_metrics_histograms[] = {

    { "step_seconds", "Time in the gateway's own steps, of one request in "
      "sixteen",
      NGX_SPOCR_METRICS_STEP, ngx_spocr_metrics_step_buckets, 0 },

    { "redis_seconds", "Time until Redis answers, of one call in sixteen",
      NGX_SPOCR_METRICS_REDIS, ngx_spocr_metrics_redis_buckets, 1 },

    { NULL, NULL, 0, NULL, 0 }
};

typedef char ngx_spocr_metrics_buckets_fit[
    sizeof(ngx_spocr_metrics_redis_buckets)
    == NGX_SPOCR_METRICS_BUCKETS_MAX * sizeof(ngx_spocr_metrics_bucket_t)
    ? 1 : -1];

static const ngx_str_t  ngx_spocr_metrics_outcomes[] = {
    ngx_string("allowed"),
    ngx_string("open"),
    ngx_string("refused"),
    ngx_string("preflight"),
    ngx_string("gone"),
    ngx_string("not_gated")
};


void
ngx_spocr_metrics_step(ngx_spocr_zone_t *zone, uint64_t ns)
{
    ngx_spocr_metrics_observe(zone, &ngx_spocr_metrics_histograms[0], ns);
}


void
ngx_spocr_metrics_redis(ngx_spocr_zone_t *zone, uint64_t ns)
{
    ngx_spocr_metrics_observe(zone, &ngx_spocr_metrics_histograms[1], ns);
}


static void
ngx_spocr_metrics_observe(ngx_spocr_zone_t *zone,
    const ngx_spocr_metrics_histogram_t *histogram, uint64_t ns)
{
    ngx_uint_t  i;

    for (i = 0; ns > histogram->buckets[i].ns; i++) { /* void */ }

    ngx_spocr_zone_count(zone, histogram->first + i, 1);
    ngx_spocr_zone_count(zone,
                         histogram->first + NGX_SPOCR_METRICS_BUCKETS_MAX,
                         (ngx_uint_t) ns);
}


const ngx_str_t *
ngx_spocr_metrics_outcome(ngx_uint_t outcome)
{
    return &ngx_spocr_metrics_outcomes[outcome];
}


ngx_buf_t *
ngx_spocr_metrics_json(ngx_pool_t *pool, const ngx_spocr_metrics_t *metrics)
{
    u_char                               *p;
    ngx_buf_t                            *b;
    ngx_str_t                            *name;
    ngx_spocr_zone_use_t                  use;
    const ngx_spocr_metrics_family_t     *family;
    const ngx_spocr_metrics_histogram_t  *h;

    name = ngx_spocr_zone_name(metrics->zone);

    b = ngx_create_temp_buf(pool, ngx_spocr_metrics_size(metrics)
                                  + name->len * NGX_SPOCR_JSON_EXPAND);
    if (b == NULL) {
        return NULL;
    }

    ngx_spocr_zone_use(metrics->zone, &use);

    p = ngx_sprintf(b->last, "{\"version\":\"%s\",\"keys\":%ui,"
                    "\"zone\":{\"name\":\"", NGX_SPOCR_VERSION, metrics->keys);
    p = ngx_spocr_json_escape(p, name->data, name->len);
    p = ngx_sprintf(p, "\",\"size\":%uz,\"counters\":%uL,\"live\":%uL}",
                    use.size, use.counters, use.live);

    for (family = metrics->families; family->name; family++) {
        if (metrics->redis || !family->redis) {
            p = ngx_spocr_metrics_json_family(p, metrics, family);
        }
    }

    if (metrics->redis) {
        p = ngx_sprintf(p, ",\"redis_workers\":{\"ready\":%ui,\"away\":%ui}",
                        ngx_spocr_zone_states(metrics->zone,
                                              NGX_SPOCR_REDIS_STATE_READY),
                        ngx_spocr_zone_states(metrics->zone,
                                              NGX_SPOCR_REDIS_STATE_AWAY));
    }

    if (metrics->notices) {
        p = ngx_sprintf(p, ",\"redis_subscribed\":%ui",
                        ngx_spocr_zone_hears(metrics->zone));
    }

    for (h = ngx_spocr_metrics_histograms; h->name; h++) {
        if (metrics->redis || !h->redis) {
            p = ngx_spocr_metrics_json_histogram(p, metrics->zone, h);
        }
    }

    b->last = ngx_sprintf(p, "}\n");

    return b;
}


ngx_buf_t *
ngx_spocr_metrics_prometheus(ngx_pool_t *pool,
    const ngx_spocr_metrics_t *metrics)
{
    u_char                               *p;
    ngx_buf_t                            *b;
    ngx_spocr_zone_use_t                  use;
    const ngx_spocr_metrics_family_t     *family;
    const ngx_spocr_metrics_histogram_t  *h;

    b = ngx_create_temp_buf(pool, ngx_spocr_metrics_size(metrics));
    if (b == NULL) {
        return NULL;
    }

    ngx_spocr_zone_use(metrics->zone, &use);

    p = ngx_sprintf(b->last,
                    "# HELP nginx_spocr_build_info The module's version.\n"
                    "# TYPE nginx_spocr_build_info gauge\n"
                    "nginx_spocr_build_info{version=\"%s\"} 1\n",
                    NGX_SPOCR_VERSION);

    p = ngx_spocr_metrics_gauge(p, "keys", "Keys of the key file",
                                metrics->keys);
    p = ngx_spocr_metrics_gauge(p, "zone_size_bytes", "Size of the zone",
                                use.size);
    p = ngx_spocr_metrics_gauge(p, "zone_counters",
                                "Counters that the zone has room for",
                                use.counters);
    p = ngx_spocr_metrics_gauge(p, "zone_counters_live",
                                "Counters whose window has not passed",
                                use.live);

    for (family = metrics->families; family->name; family++) {
        if (metrics->redis || !family->redis) {
            p = ngx_spocr_metrics_family(p, metrics, family);
        }
    }

    p = ngx_spocr_metrics_store(p, metrics);

    for (h = ngx_spocr_metrics_histograms; h->name; h++) {
        if (metrics->redis || !h->redis) {
            p = ngx_spocr_metrics_histogram(p, metrics->zone, h);
        }
    }

    b->last = p;

    return b;
}


static u_char *
ngx_spocr_metrics_family(u_char *p, const ngx_spocr_metrics_t *metrics,
    const ngx_spocr_metrics_family_t *family)
{
    ngx_uint_t        i;
    const ngx_str_t  *label;

    p = ngx_sprintf(p, "# HELP nginx_spocr_%s_total %s.\n"
                    "# TYPE nginx_spocr_%s_total counter\n",
                    family->name, family->help, family->name);

    if (family->label_name == NULL) {
        return ngx_sprintf(p, "nginx_spocr_%s_total %uL\n", family->name,
                           ngx_spocr_zone_total(metrics->zone,
                                                family->first));
    }

    for (i = 0; i < family->count; i++) {
        label = family->label(i);

        if (label->len) {
            p = ngx_sprintf(p, "nginx_spocr_%s_total{%s=\"%V\"} %uL\n",
                            family->name, family->label_name, label,
                            ngx_spocr_zone_total(metrics->zone,
                                                 family->first + i));
        }
    }

    return p;
}


/* How the node's links stand. */

static u_char *
ngx_spocr_metrics_store(u_char *p, const ngx_spocr_metrics_t *metrics)
{
    if (metrics->redis) {
        p = ngx_sprintf(p, "# HELP nginx_spocr_redis_workers Workers by their "
                        "link to Redis.\n"
                        "# TYPE nginx_spocr_redis_workers gauge\n"
                        "nginx_spocr_redis_workers{state=\"ready\"} %ui\n"
                        "nginx_spocr_redis_workers{state=\"away\"} %ui\n",
                        ngx_spocr_zone_states(metrics->zone,
                                              NGX_SPOCR_REDIS_STATE_READY),
                        ngx_spocr_zone_states(metrics->zone,
                                              NGX_SPOCR_REDIS_STATE_AWAY));
    }

    if (metrics->notices) {
        p = ngx_spocr_metrics_gauge(p, "redis_subscribed", "Whether notices of "
                                    "changed keys are heard",
                                    ngx_spocr_zone_hears(metrics->zone));
    }

    return p;
}


static size_t
ngx_spocr_metrics_size(const ngx_spocr_metrics_t *metrics)
{
    size_t                             lines;
    const ngx_spocr_metrics_family_t  *family;

    lines = 2 * (NGX_SPOCR_METRICS_BUCKETS_MAX + 4) + 6;

    for (family = metrics->families; family->name; family++) {
        lines += family->count + 2;
    }

    return NGX_SPOCR_METRICS_HEAD + lines * NGX_SPOCR_METRICS_LINE;
}


static u_char *
ngx_spocr_metrics_json_family(u_char *p, const ngx_spocr_metrics_t *metrics,
    const ngx_spocr_metrics_family_t *family)
{
    ngx_uint_t        i, n;
    const ngx_str_t  *label;

    if (family->label_name == NULL) {
        return ngx_sprintf(p, ",\"%s\":%uL", family->name,
                           ngx_spocr_zone_total(metrics->zone,
                                                family->first));
    }

    p = ngx_sprintf(p, ",\"%s\":{", family->name);

    for (i = 0, n = 0; i < family->count; i++) {
        label = family->label(i);

        if (label->len == 0) {
            continue;
        }

        p = ngx_sprintf(p, "%s\"%V\":%uL", n++ ? "," : "", label,
                        ngx_spocr_zone_total(metrics->zone,
                                             family->first + i));
    }

    *p++ = '}';

    return p;
}


static u_char *
ngx_spocr_metrics_json_histogram(u_char *p, ngx_spocr_zone_t *zone,
    const ngx_spocr_metrics_histogram_t *histogram)
{
    uint64_t                           n;
    ngx_uint_t                         i, sum;
    const ngx_spocr_metrics_bucket_t  *bucket;

    n = 0;
    i = 0;
    p = ngx_sprintf(p, ",\"%s\":{\"buckets\":{", histogram->name);

    do {
        bucket = &histogram->buckets[i];
        n += ngx_spocr_zone_total(zone, histogram->first + i);

        p = ngx_sprintf(p, "%s\"%s\":%uL", i++ ? "," : "", bucket->seconds,
                        n);
    } while (bucket->ns != (uint64_t) -1);

    sum = (ngx_uint_t) ngx_spocr_zone_total(zone, histogram->first
                                             + NGX_SPOCR_METRICS_BUCKETS_MAX);

    return ngx_sprintf(p, "},\"count\":%uL,\"sum\":%ui.%09ui}", n,
                       sum / 1000000000, sum % 1000000000);
}


static u_char *
ngx_spocr_metrics_gauge(u_char *p, const char *name, const char *help,
    uint64_t value)
{
    return ngx_sprintf(p, "# HELP nginx_spocr_%s %s.\n"
                       "# TYPE nginx_spocr_%s gauge\n"
                       "nginx_spocr_%s %uL\n", name, help, name, name, value);
}


static u_char *
ngx_spocr_metrics_histogram(u_char *p, ngx_spocr_zone_t *zone,
    const ngx_spocr_metrics_histogram_t *histogram)
{
    uint64_t                           n;
    ngx_uint_t                         i, sum;
    const ngx_spocr_metrics_bucket_t  *bucket;

    n = 0;
    i = 0;

    p = ngx_sprintf(p, "# HELP nginx_spocr_%s %s.\n"
                    "# TYPE nginx_spocr_%s histogram\n",
                    histogram->name, histogram->help, histogram->name);

    do {
        bucket = &histogram->buckets[i];
        n += ngx_spocr_zone_total(zone, histogram->first + i++);

        p = ngx_sprintf(p, "nginx_spocr_%s_bucket{le=\"%s\"} %uL\n",
                        histogram->name, bucket->seconds, n);
    } while (bucket->ns != (uint64_t) -1);

    sum = (ngx_uint_t) ngx_spocr_zone_total(zone, histogram->first
                                             + NGX_SPOCR_METRICS_BUCKETS_MAX);

    return ngx_sprintf(p, "nginx_spocr_%s_sum %ui.%09ui\n"
                       "nginx_spocr_%s_count %uL\n",
                       histogram->name, sum / 1000000000, sum % 1000000000,
                       histogram->name, n);
}
