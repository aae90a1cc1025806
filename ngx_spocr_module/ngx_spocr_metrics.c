
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


static size_t ngx_spocr_metrics_size(const ngx_spocr_metrics_t *metrics);
static u_char *ngx_spocr_metrics_json_family(u_char *p,
    const ngx_spocr_metrics_t *metrics,
    const ngx_spocr_metrics_family_t *family);
static u_char *ngx_spocr_metrics_json_steps(u_char *p,
    ngx_spocr_zone_t *zone);
static u_char *ngx_spocr_metrics_gauge(u_char *p, const char *name,
    const char *help, uint64_t value);
static u_char *ngx_spocr_metrics_steps(u_char *p, ngx_spocr_zone_t *zone);


/* Upper bounds in nanoseconds, and as the pages write them, in seconds. */

static const struct {
    uint64_t     ns;
    const char  *seconds;
} ngx_spocr_metrics_buckets[] = {
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

static const ngx_str_t  ngx_spocr_metrics_outcomes[] = {
    ngx_string("allowed"),
    ngx_string("open"),
    ngx_string("refused"),
    ngx_string("preflight"),
    ngx_string("not_gated")
};


void
ngx_spocr_metrics_step(ngx_spocr_zone_t *zone, uint64_t ns)
{
    ngx_uint_t  i;

    for (i = 0; ns > ngx_spocr_metrics_buckets[i].ns; i++) { /* void */ }

    ngx_spocr_zone_count(zone, NGX_SPOCR_METRICS_STEP + i, 1);
    ngx_spocr_zone_count(zone,
                         NGX_SPOCR_METRICS_STEP + NGX_SPOCR_METRICS_BUCKETS,
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
    u_char                            *p;
    ngx_buf_t                         *b;
    ngx_str_t                         *name;
    ngx_spocr_zone_use_t               use;
    const ngx_spocr_metrics_family_t  *family;

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
        p = ngx_spocr_metrics_json_family(p, metrics, family);
    }

    p = ngx_spocr_metrics_json_steps(p, metrics->zone);
    b->last = ngx_sprintf(p, "}\n");

    return b;
}


ngx_buf_t *
ngx_spocr_metrics_prometheus(ngx_pool_t *pool,
    const ngx_spocr_metrics_t *metrics)
{
    u_char                            *p;
    ngx_buf_t                         *b;
    ngx_uint_t                         i;
    const ngx_str_t                   *label;
    ngx_spocr_zone_use_t               use;
    const ngx_spocr_metrics_family_t  *family;

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

        p = ngx_sprintf(p, "# HELP nginx_spocr_%s_total %s.\n"
                        "# TYPE nginx_spocr_%s_total counter\n",
                        family->name, family->help, family->name);

        for (i = 0; i < family->count; i++) {
            label = family->label(i);

            if (label->len == 0) {
                continue;
            }

            p = ngx_sprintf(p, "nginx_spocr_%s_total{%s=\"%V\"} %uL\n",
                            family->name, family->label_name, label,
                            ngx_spocr_zone_total(metrics->zone,
                                                 family->first + i));
        }
    }

    b->last = ngx_spocr_metrics_steps(p, metrics->zone);

    return b;
}


static size_t
ngx_spocr_metrics_size(const ngx_spocr_metrics_t *metrics)
{
    size_t                             lines;
    const ngx_spocr_metrics_family_t  *family;

    lines = NGX_SPOCR_METRICS_STEP_TOTALS + 4;

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
ngx_spocr_metrics_json_steps(u_char *p, ngx_spocr_zone_t *zone)
{
    uint64_t    n;
    ngx_uint_t  i;

    n = 0;
    p = ngx_sprintf(p, ",\"step_seconds\":{\"buckets\":{");

    for (i = 0; i < NGX_SPOCR_METRICS_BUCKETS; i++) {
        n += ngx_spocr_zone_total(zone, NGX_SPOCR_METRICS_STEP + i);

        p = ngx_sprintf(p, "%s\"%s\":%uL", i ? "," : "",
                        ngx_spocr_metrics_buckets[i].seconds, n);
    }

    i = (ngx_uint_t) ngx_spocr_zone_total(zone, NGX_SPOCR_METRICS_STEP
                                                + NGX_SPOCR_METRICS_BUCKETS);

    return ngx_sprintf(p, "},\"count\":%uL,\"sum\":%ui.%09ui}", n,
                       i / 1000000000, i % 1000000000);
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
ngx_spocr_metrics_steps(u_char *p, ngx_spocr_zone_t *zone)
{
    uint64_t    n;
    ngx_uint_t  i;

    n = 0;

    p = ngx_sprintf(p, "# HELP nginx_spocr_step_seconds Time in the gateway's "
                    "own steps, of one request in sixteen.\n"
                    "# TYPE nginx_spocr_step_seconds histogram\n");

    for (i = 0; i < NGX_SPOCR_METRICS_BUCKETS; i++) {
        n += ngx_spocr_zone_total(zone, NGX_SPOCR_METRICS_STEP + i);

        p = ngx_sprintf(p, "nginx_spocr_step_seconds_bucket{le=\"%s\"} %uL\n",
                        ngx_spocr_metrics_buckets[i].seconds, n);
    }

    i = (ngx_uint_t) ngx_spocr_zone_total(zone, NGX_SPOCR_METRICS_STEP
                                                + NGX_SPOCR_METRICS_BUCKETS);

    return ngx_sprintf(p, "nginx_spocr_step_seconds_sum %ui.%09ui\n"
                       "nginx_spocr_step_seconds_count %uL\n",
                       i / 1000000000, i % 1000000000, n);
}
