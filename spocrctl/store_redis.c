
/*
 * The records in Redis; where they are and what they look like is in the
 * contract, sections 4 and 5.
 *
 * Called through store.c; commit.c ends a change.
 *
 * Invariant: what is read for a change is watched before.
 */


#include "store_redis.h"


#define DIGITS  8                   /* of a digest, in messages */


static ctl_store_t *redis_open(const ctl_opts_t *opts, bool edit);
static void load(ctl_redis_t *rs);
static void load_one(void *data, const char *key, const char *value);
static json_t *take(ctl_redis_t *rs, const char *name, const char *text);
static json_t *get(ctl_redis_t *rs, const char *name);
static void watch(ctl_redis_t *rs, const char *name);
static char *tenant_name(const char *uid);
static json_t *named(ctl_redis_t *rs, const json_t *map, const char *self,
    char *name);
static int by_age(const void *one, const void *two);

static json_t *redis_key(ctl_store_t *store, const char *id);
static json_t *redis_tenant(ctl_store_t *store, const char *uid);
static json_t *redis_plan(ctl_store_t *store, const char *name);
static json_t *redis_keys(ctl_store_t *store);
static json_t *redis_tenants(ctl_store_t *store);
static json_t *redis_plans(ctl_store_t *store);
static json_t *redis_find(ctl_store_t *store, const char *hex);
static void redis_judge(ctl_store_t *store, const json_t *key,
    ctl_judged_t *judged);
static void redis_add_key(ctl_store_t *store, json_t *key, bool made);
static void redis_put_key(ctl_store_t *store, json_t *key);
static void redis_put_tenant(ctl_store_t *store, const char *uid,
    json_t *tenant);
static void redis_put_plan(ctl_store_t *store, const char *name,
    json_t *plan);


static const ctl_store_ops_t  redis_ops = {
    redis_key, redis_tenant, redis_plan,
    redis_keys, redis_tenants, redis_plans,
    redis_find, redis_judge,
    redis_add_key, redis_put_key, redis_put_tenant, redis_put_plan,
    ctl_redis_commit
};


ctl_store_t *
ctl_redis_open(const ctl_opts_t *opts)
{
    return redis_open(opts, false);
}


ctl_store_t *
ctl_redis_edit(const ctl_opts_t *opts)
{
    return redis_open(opts, true);
}


static ctl_store_t *
redis_open(const ctl_opts_t *opts, bool edit)
{
    ctl_redis_t  *rs;

    if (opts->reload) {
        ctl_die(CTL_USAGE, "--reload is for the key file: a change in Redis "
                "acts by itself");
    }

    rs = ctl_need(calloc(1, sizeof(ctl_redis_t)));

    rs->link = ctl_link_open(opts);
    rs->prefix = rs->link->place.prefix;
    rs->edit = edit;

    rs->store.ops = &redis_ops;
    rs->store.opts = opts;
    rs->store.given = rs->link->place.url;
    rs->store.exists = true;

    ctl_redis_again(&rs->store);

    return &rs->store;
}


void
ctl_redis_again(ctl_store_t *store)
{
    size_t        i;
    json_t      **maps[8];
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;

    maps[0] = &rs->keys;
    maps[1] = &rs->tenants;
    maps[2] = &rs->plans;
    maps[3] = &rs->ids;
    maps[4] = &rs->invalid;
    maps[5] = &rs->watched;
    maps[6] = &rs->puts;
    maps[7] = &rs->added;

    for (i = 0; i < 8; i++) {
        json_decref(*maps[i]);
        *maps[i] = ctl_need(json_object());
    }

    json_decref(rs->list);
    rs->list = NULL;
    rs->loaded = false;
}


static char *
tenant_name(const char *uid)
{
    char  hex[CTL_HEX_LEN];

    ctl_digest_hex(uid, strlen(uid), hex);

    return ctl_text("tenant:%s", hex);
}


/* Once for each name, and before it is read. */

static void
watch(ctl_redis_t *rs, const char *name)
{
    char  *key;

    if (!rs->edit || json_object_get(rs->watched, name)) {
        return;
    }

    key = ctl_text("%s%s", rs->prefix, name);
    freeReplyObject(ctl_ask(rs->link, "WATCH", key));
    free(key);

    json_object_set_new(rs->watched, name, json_true());
}


/* A record by its name, as Redis has it now. */

static json_t *
get(ctl_redis_t *rs, const char *name)
{
    char        *key;
    json_t      *record;
    redisReply  *reply;

    watch(rs, name);

    key = ctl_text("%s%s", rs->prefix, name);
    reply = ctl_call(rs->link, "GET", key);
    free(key);

    if (reply->type == REDIS_REPLY_ERROR && !ctl_is_error(reply, "WRONGTYPE"))
    {
        ctl_refused(rs->link, reply);
    }

    record = NULL;

    if (reply->type != REDIS_REPLY_NIL) {
        record = take(rs, name, ctl_reply_text(reply));

        if (record == NULL && rs->edit) {
            ctl_die(CTL_FAILED, "%s: the record %s%.*s is no JSON object of "
                    "its kind", rs->store.given, rs->prefix,
                    (int) strcspn(name, ":") + 1 + DIGITS, name);
        }
    }

    freeReplyObject(reply);

    return record;
}


/* The text of a record into where it belongs; NULL: it is none. */

static json_t *
take(ctl_redis_t *rs, const char *name, const char *text)
{
    char         hex[CTL_HEX_LEN];
    json_t      *record, *map;
    const char  *self;

    self = strchr(name, ':') + 1;
    record = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    map = (name[0] == 'k') ? rs->keys : (name[0] == 't') ? rs->tenants
                                                         : rs->plans;

    if (name[0] == 't' && json_is_object(record)) {
        self = ctl_field_text(record, "uid");
        ctl_digest_hex(self, strlen(self), hex);

        if (strcmp(hex, strchr(name, ':') + 1) != 0) {
            json_decref(record);
            record = NULL;
        }
    }

    if (!json_is_object(record)) {
        json_decref(record);
        json_object_set_new(rs->invalid, name, json_true());
        return NULL;
    }

    if (name[0] == 'k') {
        json_object_set_new(record, "sha256", ctl_need(json_string(self)));
    }

    json_object_set_new(map, self, record);

    return record;
}


/* All records, once in a try; a change then knows that no key was added. */

static void
load(ctl_redis_t *rs)
{
    char        *pattern;
    json_t      *value;
    const char  *name;

    if (rs->loaded) {
        return;
    }

    watch(rs, CTL_REDIS_IDS);

    /* no character of a prefix has a meaning in patterns */
    pattern = ctl_text("%s[kpt]*:*", rs->prefix);

    ctl_scan(rs->link, pattern, load_one, rs);

    free(pattern);

    rs->loaded = true;

    if (rs->edit) {
        return;
    }

    json_object_foreach(rs->invalid, name, value) {
        ctl_note(rs->store.opts, "the record %s%.*s is not valid, and has no "
                 "effect but 503", rs->prefix,
                 (int) strcspn(name, ":") + 1 + DIGITS, name);
    }
}


static void
load_one(void *data, const char *key, const char *value)
{
    u_char        digest[NGX_SPOCR_DIGEST_LEN];
    json_t       *record;
    const char   *name, *self, *id;
    ctl_redis_t  *rs;

    rs = data;
    name = key + strlen(rs->prefix);
    self = strchr(name, ':') + 1;

    if (strncmp(name, "plan:", 5) == 0
        ? !ngx_spocr_name_ok((u_char *) self, strlen(self))
        : ((strncmp(name, "key:", 4) != 0 && strncmp(name, "tenant:", 7) != 0)
           || ngx_spocr_digest_parse((u_char *) self, strlen(self), digest)
              != NGX_OK))
    {
        return;
    }

    record = take(rs, name, value);

    if (record == NULL || name[0] != 'k') {
        return;
    }

    id = json_string_value(json_object_get(record, "id"));

    if (id) {
        json_object_set_new(rs->ids, id, json_object_get(rs->ids, id)
                            ? json_null() : ctl_need(json_string(self)));
    }
}


static json_t *
redis_key(ctl_store_t *store, const char *id)
{
    char         *name;
    json_t       *entry, *key;
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;

    load(rs);

    entry = json_object_get(rs->ids, id);

    if (json_is_null(entry)) {
        ctl_die(CTL_FAILED, "%s: two keys have the id %s", store->given, id);
    }

    if (entry == NULL) {
        return NULL;
    }

    if (!rs->edit) {
        return json_object_get(rs->keys, json_string_value(entry));
    }

    /* again, now that nobody can change it without our knowing */

    name = ctl_text("key:%s", json_string_value(entry));
    key = get(rs, name);
    free(name);

    return (key && strcmp(ctl_field_text(key, "id"), id) == 0) ? key : NULL;
}


static json_t *
redis_tenant(ctl_store_t *store, const char *uid)
{
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;

    return named(rs, rs->tenants, uid, tenant_name(uid));
}


static json_t *
redis_plan(ctl_store_t *store, const char *name)
{
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;

    return named(rs, rs->plans, name, ctl_text("plan:%s", name));
}


/* One of those that were read, or from Redis; frees name. */

static json_t *
named(ctl_redis_t *rs, const json_t *map, const char *self, char *name)
{
    json_t  *record;

    record = (rs->loaded && !rs->edit) ? json_object_get(map, self)
                                       : get(rs, name);
    free(name);

    return record;
}


static json_t *
redis_find(ctl_store_t *store, const char *hex)
{
    char         *name;
    json_t       *key;
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;

    name = ctl_text("key:%s", hex);
    key = get(rs, name);

    /* there is something, which the gateway answers with 503 */

    if (key == NULL && json_object_get(rs->invalid, name)) {
        key = ctl_need(json_pack("{s:s}", "sha256", hex));
        json_object_set_new(rs->keys, hex, key);
    }

    free(name);

    return key;
}


static void
redis_judge(ctl_store_t *store, const json_t *key, ctl_judged_t *judged)
{
    char         *name;
    json_t       *tenant, *plan;
    const char   *uid;
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;
    uid = json_string_value(json_object_get(key, "uid"));
    tenant = uid ? redis_tenant(store, uid) : NULL;
    plan = NULL;

    if (tenant && json_object_get(tenant, "plan")) {
        plan = redis_plan(store, ctl_field_text(tenant, "plan"));
    }

    name = tenant_name(uid ? uid : "");

    if (tenant == NULL && json_object_get(rs->invalid, name)) {
        memset(judged, 0, sizeof(ctl_judged_t));
        judged->why = ctl_text("tenant: no JSON object of its kind");

    } else {
        ctl_judge(judged, store->opts, key, tenant, plan);
    }

    free(name);
}


/* In the order in which they were made, as in a file. */

static json_t *
redis_keys(ctl_store_t *store)
{
    size_t        i, n;
    json_t       *key, **all;
    const char   *hex;
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;
    load(rs);

    if (rs->list) {
        return rs->list;
    }

    n = 0;
    all = ctl_need(malloc((json_object_size(rs->keys) + 1)
                          * sizeof(json_t *)));

    json_object_foreach(rs->keys, hex, key) {
        all[n++] = key;
    }

    qsort(all, n, sizeof(json_t *), by_age);

    rs->list = ctl_need(json_array());

    for (i = 0; i < n; i++) {
        json_array_append(rs->list, all[i]);
    }

    free(all);

    return rs->list;
}


static int
by_age(const void *one, const void *two)
{
    int            order;
    const json_t  *a, *b;

    a = *(json_t *const *) one;
    b = *(json_t *const *) two;

    order = strcmp(ctl_field_text(a, "createdAt"),
                   ctl_field_text(b, "createdAt"));

    return order ? order : strcmp(ctl_field_text(a, "id"),
                                  ctl_field_text(b, "id"));
}


static json_t *
redis_tenants(ctl_store_t *store)
{
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;
    load(rs);

    return rs->tenants = ctl_sorted(rs->tenants);
}


static json_t *
redis_plans(ctl_store_t *store)
{
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;
    load(rs);

    return rs->plans = ctl_sorted(rs->plans);
}


static void
redis_add_key(ctl_store_t *store, json_t *key, bool made)
{
    char         *name;
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;
    name = ctl_text("key:%s", ctl_field_text(key, "sha256"));

    if (json_object_get(rs->puts, name)) {
        ctl_die(CTL_USAGE, "key %s has the same text as another one (nothing "
                "was changed)", ctl_field_text(key, "id"));
    }

    json_object_set_new(rs->added, name, json_boolean(made));
    json_object_set_new(rs->puts, name, key);
    free(name);
}


static void
redis_put_key(ctl_store_t *store, json_t *key)
{
    char  *name;

    name = ctl_text("key:%s", ctl_field_text(key, "sha256"));
    json_object_set_new(((ctl_redis_t *) store)->puts, name, key);
    free(name);
}


static void
redis_put_tenant(ctl_store_t *store, const char *uid, json_t *tenant)
{
    char  *name;

    name = tenant_name(uid);
    json_object_set_new(tenant, "uid", ctl_need(json_string(uid)));
    json_object_set_new(((ctl_redis_t *) store)->puts, name, tenant);
    free(name);
}


static void
redis_put_plan(ctl_store_t *store, const char *plan_name, json_t *plan)
{
    char  *name;

    name = ctl_text("plan:%s", plan_name);
    json_object_set_new(((ctl_redis_t *) store)->puts, name, plan);
    free(name);
}
