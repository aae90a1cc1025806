
/*
 * tenant set, show, list; plan set, list.
 */


#include "ctl.h"


typedef struct {
    const ctl_opts_t   *opts;
    json_t             *record;         /* as it was put */
} change_t;


static void tenant_set(ctl_store_t *store, void *data);
static void plan_set(ctl_store_t *store, void *data);
static json_t *keys_of(ctl_store_t *store, const char *uid);
static void list_print(const ctl_opts_t *opts, const json_t *records,
    const char *title);
static bool has_limits(const ctl_opts_t *opts);


void
ctl_tenant_set(const ctl_opts_t *opts)
{
    change_t  c;

    ctl_name_check("a uid", opts->args[0]);

    memset(&c, 0, sizeof(change_t));
    c.opts = opts;

    ctl_store_change(opts, tenant_set, &c);

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:O}", "uid", opts->args[0], "tenant",
                               c.record));

    } else {
        printf("tenant %s set\n", opts->args[0]);
    }

    ctl_change_done(opts);
}


static void
tenant_set(ctl_store_t *store, void *data)
{
    json_t            *tenant;
    change_t          *c;
    const char        *uid;
    const ctl_opts_t  *opts;

    c = data;
    opts = c->opts;
    uid = opts->args[0];

    tenant = store->ops->tenant(store, uid);
    tenant = tenant ? json_incref(tenant) : ctl_need(json_object());

    if (opts->plan && strcmp(opts->plan, "none") == 0) {
        json_object_del(tenant, "plan");

    } else if (opts->plan) {
        ctl_name_check("--plan", opts->plan);

        if (store->ops->plan(store, opts->plan) == NULL) {
            ctl_die(CTL_FAILED, "there is no plan %s; spocrctl plan set %s "
                    "makes one", opts->plan, opts->plan);
        }

        json_object_set_new(tenant, "plan", ctl_need(json_string(opts->plan)));
    }

    ctl_record_limits(tenant, opts, false);

    if (opts->status && strcmp(opts->status, "active") != 0
        && strcmp(opts->status, "disabled") != 0)
    {
        ctl_die(CTL_USAGE, "--status must be active or disabled");
    }

    if (opts->status) {
        json_object_set_new(tenant, "status",
                            ctl_need(json_string(opts->status)));
    }

    c->record = json_incref(tenant);
    store->ops->put_tenant(store, uid, tenant);
}


void
ctl_tenant_show(const ctl_opts_t *opts)
{
    char         *limits;
    size_t        i;
    json_t       *tenant, *plan, *keys, *key;
    const char   *uid;
    ctl_store_t  *store;

    uid = opts->args[0];
    ctl_name_check("a uid", uid);

    store = ctl_store_open(opts);

    keys = keys_of(store, uid);
    tenant = store->ops->tenant(store, uid);

    if (tenant == NULL && json_array_size(keys) == 0) {
        ctl_die(CTL_FAILED, "%s: there is no tenant %s", store->given, uid);
    }

    plan = store->ops->plan(store, ctl_field_text(tenant, "plan"));

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:O?, s:O?, s:o}", "uid", uid,
                               "tenant", tenant, "plan", plan,
                               "keys", keys));
        return;
    }

    limits = ctl_limits_text(tenant);
    printf("%-12s %s\n%-12s %s\n%-12s %s\n", "uid", uid, "status",
           tenant && json_object_get(tenant, "status")
           ? ctl_field_text(tenant, "status") : "active", "limits", limits);
    free(limits);

    limits = ctl_limits_text(plan);
    printf("%-12s %s\n", "plan", ctl_field_text(tenant, "plan"));

    if (plan) {
        printf("%-12s %s\n", "plan limits", limits);
    }

    free(limits);

    printf("%-12s %zu\n", "keys", json_array_size(keys));

    json_array_foreach(keys, i, key) {
        printf("  %-20s %-8s %s\n", ctl_field_text(key, "id"),
               ctl_field_text(key, "state"), ctl_field_text(key, "name"));
    }

    json_decref(keys);
}


/* Copies of the records of a uid's keys, with their states. */

static json_t *
keys_of(ctl_store_t *store, const char *uid)
{
    size_t       i;
    json_t      *key, *copy, *out;
    const char  *state;

    out = ctl_need(json_array());

    json_array_foreach(store->ops->keys(store), i, key) {

        if (strcmp(ctl_field_text(key, "uid"), uid) == 0) {
            copy = ctl_need(json_copy(key));
            state = ctl_key_state(store, key);
            json_object_set_new(copy, "state", ctl_need(json_string(state)));
            json_array_append_new(out, copy);
        }
    }

    return out;
}


void
ctl_tenant_list(const ctl_opts_t *opts)
{
    ctl_store_t  *store;

    store = ctl_store_open(opts);
    list_print(opts, store->ops->tenants(store), "UID");
}


void
ctl_plan_set(const ctl_opts_t *opts)
{
    change_t     c;
    const char  *name;

    name = opts->args[0];
    ctl_name_check("a plan", name);

    if (strcmp(name, "none") == 0) {
        ctl_die(CTL_USAGE, "a plan cannot be called none: tenant set --plan "
                "none means no plan");
    }

    if (!has_limits(opts)) {
        ctl_die(CTL_USAGE, "a limit is missing: --key-limit, --uid-limit or "
                "--limit");
    }

    memset(&c, 0, sizeof(change_t));
    c.opts = opts;

    ctl_store_change(opts, plan_set, &c);

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:O}", "name", name, "plan", c.record));

    } else {
        printf("plan %s set\n", name);
    }

    ctl_change_done(opts);
}


static void
plan_set(ctl_store_t *store, void *data)
{
    json_t      *plan;
    change_t    *c;
    const char  *name;

    c = data;
    name = c->opts->args[0];

    plan = store->ops->plan(store, name);
    plan = plan ? json_incref(plan) : ctl_need(json_object());

    ctl_record_limits(plan, c->opts, false);

    c->record = json_incref(plan);
    store->ops->put_plan(store, name, plan);
}


static bool
has_limits(const ctl_opts_t *opts)
{
    return opts->key_limit || opts->uid_limit || opts->limits.n;
}


void
ctl_plan_list(const ctl_opts_t *opts)
{
    ctl_store_t  *store;

    store = ctl_store_open(opts);
    list_print(opts, store->ops->plans(store), "PLAN");
}


static void
list_print(const ctl_opts_t *opts, const json_t *records, const char *title)
{
    bool         tenants;
    char        *limits;
    json_t      *record;
    const char  *name;

    if (opts->json) {
        ctl_say_json(records ? json_incref((json_t *) records)
                             : ctl_need(json_object()));
        return;
    }

    tenants = (title[0] == 'U');

    if (tenants) {
        printf("%-24s %-8s %-16s %s\n", title, "STATUS", "PLAN", "LIMITS");

    } else {
        printf("%-24s %s\n", title, "LIMITS");
    }

    json_object_foreach((json_t *) records, name, record) {
        limits = ctl_limits_text(record);

        if (tenants) {
            printf("%-24s %-8s %-16s %s\n", name,
                   json_object_get(record, "status")
                   ? ctl_field_text(record, "status") : "active",
                   ctl_field_text(record, "plan"), limits);

        } else {
            printf("%-24s %s\n", name, limits);
        }

        free(limits);
    }
}
