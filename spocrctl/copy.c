
/*
 * redis import, redis export: all records of a key file to Redis, and back.
 *
 * Invariant: the whole of it is copied, or nothing.  What is there already
 * and looks otherwise is replaced only when that was asked for.
 */


#include "link.h"
#include "ngx_spocr_keyfile_fields.h"


typedef struct {
    const ctl_opts_t   *opts;
    ctl_store_t        *file;
    size_t              plans;          /* that were put */
    size_t              tenants;
    size_t              keys;
    size_t              same;           /* that were there already */
} copy_t;


static void copy_all(ctl_store_t *store, void *data);
static void copy_keys(ctl_store_t *store, copy_t *c);
static void copy_named(ctl_store_t *store, copy_t *c, bool tenants);
static bool is_same(copy_t *c, const json_t *old, const json_t *new,
    const char *kind, const char *name);
static json_t *file_record(const json_t *record,
    const ngx_spocr_field_t *known, size_t *dropped);
static json_t *file_named(const json_t *records,
    const ngx_spocr_field_t *known, size_t *dropped);


void
ctl_redis_import(const ctl_opts_t *opts)
{
    copy_t       c;
    ctl_opts_t  *file;

    file = ctl_need(malloc(sizeof(ctl_opts_t)));
    *file = *opts;
    file->file = opts->args[0];
    file->redis = NULL;

    memset(&c, 0, sizeof(copy_t));
    c.opts = opts;
    c.file = ctl_store_open(file);

    ctl_store_change(opts, copy_all, &c);

    if (opts->json) {
        ctl_say_json(json_pack("{s:I, s:I, s:I, s:I}",
                               "plans", (json_int_t) c.plans,
                               "tenants", (json_int_t) c.tenants,
                               "keys", (json_int_t) c.keys,
                               "unchanged", (json_int_t) c.same));

    } else {
        printf("imported: plans %zu, tenants %zu, keys %zu; there already: "
               "%zu\n", c.plans, c.tenants, c.keys, c.same);
    }
}


static void
copy_all(ctl_store_t *store, void *data)
{
    copy_t  *c;

    c = data;
    c->plans = c->tenants = c->keys = c->same = 0;

    copy_keys(store, c);
    copy_named(store, c, false);
    copy_named(store, c, true);
}


static void
copy_keys(ctl_store_t *store, copy_t *c)
{
    size_t   i;
    json_t  *key, *old, *there;

    there = ctl_need(json_object());

    json_array_foreach(store->ops->keys(store), i, key) {
        json_object_set(there, ctl_field_text(key, "sha256"), key);
    }

    json_array_foreach(c->file->ops->keys(c->file), i, key) {
        old = json_object_get(there, ctl_field_text(key, "sha256"));

        if (old == NULL) {
            store->ops->add_key(store, json_incref(key), false);
            c->keys++;

        } else if (!is_same(c, old, key, "key", ctl_field_text(key, "id"))) {
            /* read again: what is replaced is watched */
            (void) store->ops->find(store, ctl_field_text(key, "sha256"));
            store->ops->put_key(store, json_incref(key));
            c->keys++;
        }
    }

    json_decref(there);
}


static void
copy_named(ctl_store_t *store, copy_t *c, bool tenants)
{
    json_t      *records, *record, *old, *copy;
    const char  *name;

    records = tenants ? c->file->ops->tenants(c->file)
                      : c->file->ops->plans(c->file);

    json_object_foreach(records, name, record) {
        copy = ctl_need(json_deep_copy(record));

        if (tenants) {
            json_object_set_new(copy, "uid", ctl_need(json_string(name)));
        }

        old = tenants ? store->ops->tenant(store, name)
                      : store->ops->plan(store, name);

        if (old && is_same(c, old, copy, tenants ? "tenant" : "plan", name)) {
            json_decref(copy);

        } else if (tenants) {
            store->ops->put_tenant(store, name, copy);
            c->tenants++;

        } else {
            store->ops->put_plan(store, name, copy);
            c->plans++;
        }
    }
}


static bool
is_same(copy_t *c, const json_t *old, const json_t *new, const char *kind,
    const char *name)
{
    if (json_equal(old, new)) {
        c->same++;
        return true;
    }

    if (!c->opts->force) {
        ctl_die(CTL_FAILED, "%s %s is in Redis already and looks otherwise "
                "there; --force replaces it (nothing was changed)", kind,
                name);
    }

    return false;
}


void
ctl_redis_export(const ctl_opts_t *opts)
{
    size_t        i, dropped;
    json_t       *root, *keys, *tenants, *plans, *key;
    ctl_store_t  *store;

    store = ctl_store_open(opts);
    dropped = 0;

    keys = ctl_need(json_array());

    json_array_foreach(store->ops->keys(store), i, key) {
        json_array_append_new(keys, file_record(key, ngx_spocr_key_fields,
                                                &dropped));
    }

    tenants = file_named(store->ops->tenants(store), ngx_spocr_tenant_fields,
                         &dropped);
    plans = file_named(store->ops->plans(store), ngx_spocr_plan_fields,
                       &dropped);

    root = ctl_need(json_pack("{s:i, s:O, s:O, s:O}", "version", 1,
                              "plans", plans, "tenants", tenants,
                              "keys", keys));

    ctl_file_write(opts, opts->args[0], root);

    if (dropped) {
        ctl_note(opts, "%zu fields were left out: a key file cannot have them",
                 dropped);
    }

    if (opts->json) {
        ctl_say_json(json_pack("{s:I, s:I, s:I, s:I}",
                               "plans", (json_int_t) json_object_size(plans),
                               "tenants",
                               (json_int_t) json_object_size(tenants),
                               "keys", (json_int_t) json_array_size(keys),
                               "dropped", (json_int_t) dropped));

    } else {
        printf("exported: plans %zu, tenants %zu, keys %zu\n",
               json_object_size(plans), json_object_size(tenants),
               json_array_size(keys));
    }
}


static json_t *
file_named(const json_t *records, const ngx_spocr_field_t *known,
    size_t *dropped)
{
    json_t      *out, *record;
    const char  *name;

    out = ctl_need(json_object());

    json_object_foreach((json_t *) records, name, record) {
        json_object_set_new(out, name, file_record(record, known, dropped));
    }

    return out;
}


/* The fields that a file may have; others are counted, unless they only say
 * in Redis what a file has elsewhere. */

static json_t *
file_record(const json_t *record, const ngx_spocr_field_t *known,
    size_t *dropped)
{
    json_t                   *out, *value;
    const char               *name;
    const ngx_spocr_field_t  *field;

    out = ctl_need(json_object());

    json_object_foreach((json_t *) record, name, value) {

        for (field = known; field->name; field++) {
            if (strcmp(field->name, name) == 0) {
                break;
            }
        }

        if (field->name == NULL) {
            (*dropped)++;

        } else if (field->in & NGX_SPOCR_IN_FILE) {
            json_object_set(out, name, value);
        }
    }

    return out;
}
