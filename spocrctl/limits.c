
/*
 * limits: what a uid and its keys have taken in the windows of this moment.
 *
 * Reads the counters that the gateway's functions write (contract, section 5);
 * PREFIX{h}:l:<limit>:<width>:u and ...:k:<id>, "WINDOW:COUNT".
 *
 * The records may be in a key file: counters are in Redis for both.
 *
 * Invariant: nothing is written, and a counter of another window is 0.
 */


#include "link.h"


#define SLOT_LEN       16           /* digits of the uid's digest in a key */
#define WIDTH_DEFAULT  60000        /* ms; of spocr_limit */


typedef struct {
    const ctl_opts_t    *opts;
    ctl_store_t         *store;
    const char          *uid;
    size_t               skip;      /* length of "PREFIX{h}:l:" */
    json_int_t           now;       /* Redis' time, ms */
    json_t              *limits;    /* "NAME:WIDTH": {"u": n, "k:ID": n} */
    json_t              *keys;      /* of the uid */
    ngx_spocr_limits_t   directive;
} limits_t;


static void counter_seen(void *data, const char *key, const char *value);
static size_t counter_split(const char *rest, json_int_t *width);
static json_t *keys_of(ctl_store_t *store, const char *uid);
static json_t *limit_json(limits_t *l, const char *name, json_t *counts);
static void limit_put(limits_t *l, json_t *row, const char *limit,
    const json_t *key, bool uid);
static void print(const char *uid, const json_t *limits);


void
ctl_limits(const ctl_opts_t *opts)
{
    char         hex[CTL_HEX_LEN], *pattern;
    json_t      *out, *counts;
    limits_t     l;
    ctl_link_t  *link;
    const char  *name;

    memset(&l, 0, sizeof(limits_t));

    l.opts = opts;
    l.uid = opts->args[0];
    ctl_name_check("a uid", l.uid);
    l.directive.key = ctl_directive_limit("key-limit", opts->key_limit, 60);
    l.directive.uid = ctl_directive_limit("uid-limit", opts->uid_limit, 600);

    l.store = opts->file ? ctl_file_open(opts) : ctl_redis_open(opts);
    l.keys = keys_of(l.store, l.uid);
    l.limits = ctl_need(json_object());

    link = ctl_link_open(opts);
    ctl_digest_hex(l.uid, strlen(l.uid), hex);
    pattern = ctl_text("%s{%.*s}:l:*", link->place.prefix, SLOT_LEN, hex);

    l.skip = strlen(pattern) - 1;
    l.now = ctl_redis_now(link);

    ctl_scan(link, pattern, counter_seen, &l);
    free(pattern);

    if (json_object_size(l.limits) == 0) {
        pattern = ctl_text("default:%d", WIDTH_DEFAULT);
        json_object_set_new(l.limits, pattern, ctl_need(json_object()));
        free(pattern);
    }

    out = ctl_need(json_array());

    json_object_foreach(l.limits, name, counts) {
        json_array_append_new(out, limit_json(&l, name, counts));
    }

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:I, s:O}", "uid", l.uid, "time", l.now,
                               "limits", out));

    } else {
        print(l.uid, out);
    }
}


static void
counter_seen(void *data, const char *key, const char *value)
{
    char         *name, *end;
    size_t        len;
    json_t       *counts;
    limits_t     *l;
    json_int_t    width, window, count;
    const char   *rest;

    l = data;
    rest = key + l->skip;
    len = counter_split(rest, &width);

    if (len == 0 || value == NULL) {
        return;
    }

    window = strtoll(value, &end, 10);
    count = (*end == ':') ? strtoll(end + 1, &end, 10) : 0;

    if (*end != '\0' || window != l->now / width) {
        count = 0;
    }

    name = ctl_text("%.*s", (int) len, rest);
    counts = json_object_get(l->limits, name);

    if (counts == NULL) {
        counts = ctl_need(json_object());
        json_object_set_new(l->limits, name, counts);
    }

    json_object_set_new(counts, rest + len + 1, json_integer(count));
    free(name);
}


/* The length of "NAME:WIDTH", behind which ":u" or ":k:ID" follows; or 0.
 * Names may have colons, too. */

static size_t
counter_split(const char *rest, json_int_t *width)
{
    char        *end;
    const char  *p;

    for (p = rest; (p = strchr(p, ':')) != NULL; /* void */) {
        p++;
        *width = strtoll(p, &end, 10);

        if (*p >= '1' && *p <= '9' && *width < 1000000000000
            && (strcmp(end, ":u") == 0 || strncmp(end, ":k:", 3) == 0))
        {
            return (size_t) (end - rest);
        }
    }

    return 0;
}


static json_t *
keys_of(ctl_store_t *store, const char *uid)
{
    size_t   i;
    json_t  *key, *out;

    out = ctl_need(json_array());

    json_array_foreach(store->ops->keys(store), i, key) {
        if (strcmp(ctl_field_text(key, "uid"), uid) == 0) {
            json_array_append(out, key);
        }
    }

    return out;
}


/* A limit, its window, and who has taken how much of it. */

static json_t *
limit_json(limits_t *l, const char *name, json_t *counts)
{
    char         *limit, *counter;
    size_t        i;
    json_t       *keys, *key, *count, *row, *uid;
    json_int_t    width;
    const char   *who;

    limit = ctl_text("%s", name);
    width = strtoll(strrchr(limit, ':') + 1, NULL, 10);
    *strrchr(limit, ':') = '\0';

    keys = ctl_need(json_array());

    json_array_foreach(l->keys, i, key) {
        counter = ctl_text("k:%s", ctl_field_text(key, "id"));
        count = json_object_get(counts, counter);

        row = ctl_need(json_pack("{s:s, s:I}", "id", ctl_field_text(key, "id"),
                                 "count", json_integer_value(count)));
        limit_put(l, row, limit, key, false);
        json_array_append_new(keys, row);

        json_object_del(counts, counter);
        free(counter);
    }

    /* of keys whose records are gone */

    json_object_foreach(counts, who, count) {
        if (who[0] == 'k' && json_integer_value(count)) {
            json_array_append_new(keys, ctl_need(
                json_pack("{s:s, s:O}", "id", who + 2, "count", count)));
        }
    }

    count = json_object_get(counts, "u");
    uid = ctl_need(json_pack("{s:I}", "count", json_integer_value(count)));

    /* any of its keys knows the limits of the uid */
    key = json_array_size(l->keys) ? json_incref(json_array_get(l->keys, 0))
          : ctl_need(json_pack("{s:s, s:s}", "id", "none", "uid", l->uid));
    limit_put(l, uid, limit, key, true);
    json_decref(key);

    row = json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "name", limit,
                    "windowMs", width, "window", l->now / width,
                    "leftMs", width - l->now % width, "uid", uid,
                    "keys", keys);
    free(limit);

    return ctl_need(row);
}


/* "limit" into a row: absent where only the directive can say it, null where
 * there is none. */

static void
limit_put(limits_t *l, json_t *row, const char *limit, const json_t *key,
    bool uid)
{
    uint32_t              n;
    ngx_int_t             index;
    ngx_str_t             name;
    ctl_judged_t          judged;
    ngx_spocr_limits_t    none = { 0, 0 }, limits;

    l->store->ops->judge(l->store, key, &judged);

    if (judged.key == NULL) {
        free(judged.why);
        return;
    }

    name.data = (u_char *) limit;
    name.len = strlen(limit);
    index = ngx_spocr_keys_limit_name_find(judged.names, &name);

    ngx_spocr_key_limits(judged.key, index,
                         index == 0 ? &l->directive : &none, &limits);

    n = uid ? limits.uid : limits.key;

    if (n != NGX_SPOCR_LIMIT_UNSET) {
        json_object_set_new(row, "limit", n == NGX_SPOCR_LIMIT_NONE
                                          ? json_null() : json_integer(n));
    }
}


static void
print(const char *uid, const json_t *limits)
{
    char         *max;
    size_t        i, k;
    json_t       *limit, *keys, *row, *n;
    json_int_t    width, left;

    printf("%-16s %-24s %8s %10s %9s %9s\n", "LIMIT", "UID OR KEY", "COUNT",
           "OF", "WINDOW", "LEFT");

    json_array_foreach(limits, i, limit) {
        width = json_integer_value(json_object_get(limit, "windowMs"));
        left = json_integer_value(json_object_get(limit, "leftMs"));
        keys = json_object_get(limit, "keys");

        for (k = 0; k <= json_array_size(keys); k++) {
            row = k ? json_array_get(keys, k - 1)
                    : json_object_get(limit, "uid");
            n = json_object_get(row, "limit");

            max = json_is_null(n) ? ctl_text("unlimited")
                  : n ? ctl_text("%" JSON_INTEGER_FORMAT,
                                 json_integer_value(n))
                      : ctl_text("-");

            printf("%-16s %-24s %8" JSON_INTEGER_FORMAT " %10s %7.1f s "
                   "%7.1f s\n", ctl_field_text(limit, "name"),
                   k ? ctl_field_text(row, "id") : uid,
                   json_integer_value(json_object_get(row, "count")), max,
                   (double) width / 1000, (double) left / 1000);
            free(max);
        }
    }
}
