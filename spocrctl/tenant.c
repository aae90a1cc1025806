
/*
 * tenant set, show, list; plan set, list.
 */


#include "ctl.h"


static json_t *keys_of(const ctl_doc_t *doc, const char *uid);
static void list_print(const ctl_opts_t *opts, const json_t *records,
    const char *title);
static bool has_limits(const ctl_opts_t *opts);


void
ctl_tenant_set(const ctl_opts_t *opts)
{
    json_t      *tenants, *tenant;
    ctl_doc_t    doc;
    const char  *uid;

    uid = opts->args[0];
    ctl_name_check("a uid", uid);

    ctl_doc_edit(&doc, opts);

    tenants = ctl_doc_object(&doc, "tenants");
    tenant = json_object_get(tenants, uid);

    if (tenant == NULL) {
        tenant = ctl_need(json_object());
        json_object_set_new(tenants, uid, tenant);
    }

    if (opts->plan && strcmp(opts->plan, "none") == 0) {
        json_object_del(tenant, "plan");

    } else if (opts->plan) {
        ctl_name_check("--plan", opts->plan);

        if (json_object_get(doc.plans, opts->plan) == NULL) {
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

    ctl_doc_save(&doc);

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:O}", "uid", uid, "tenant", tenant));

    } else {
        printf("tenant %s set\n", uid);
    }

    ctl_change_done(opts);
}


void
ctl_tenant_show(const ctl_opts_t *opts)
{
    char        *limits;
    size_t       i;
    json_t      *tenant, *plan, *keys, *key;
    ctl_doc_t    doc;
    const char  *uid;

    uid = opts->args[0];
    ctl_name_check("a uid", uid);

    ctl_doc_read(&doc, opts);

    tenant = json_object_get(doc.tenants, uid);
    keys = keys_of(&doc, uid);

    if (tenant == NULL && json_array_size(keys) == 0) {
        ctl_die(CTL_FAILED, "%s: there is no tenant %s", doc.given, uid);
    }

    plan = json_object_get(doc.plans, ctl_field_text(tenant, "plan"));

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
keys_of(const ctl_doc_t *doc, const char *uid)
{
    size_t       i;
    json_t      *key, *copy, *out;
    const char  *state;

    out = ctl_need(json_array());

    json_array_foreach(doc->keys, i, key) {

        if (strcmp(ctl_field_text(key, "uid"), uid) == 0) {
            copy = ctl_need(json_copy(key));
            state = ctl_record_state(doc, key);
            json_object_set_new(copy, "state", ctl_need(json_string(state)));
            json_array_append_new(out, copy);
        }
    }

    return out;
}


void
ctl_tenant_list(const ctl_opts_t *opts)
{
    ctl_doc_t  doc;

    ctl_doc_read(&doc, opts);
    list_print(opts, doc.tenants, "UID");
}


void
ctl_plan_set(const ctl_opts_t *opts)
{
    json_t      *plans, *plan;
    ctl_doc_t    doc;
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

    ctl_doc_edit(&doc, opts);

    plans = ctl_doc_object(&doc, "plans");
    plan = json_object_get(plans, name);

    if (plan == NULL) {
        plan = ctl_need(json_object());
        json_object_set_new(plans, name, plan);
    }

    ctl_record_limits(plan, opts, false);

    ctl_doc_save(&doc);

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:O}", "name", name, "plan", plan));

    } else {
        printf("plan %s set\n", name);
    }

    ctl_change_done(opts);
}


static bool
has_limits(const ctl_opts_t *opts)
{
    return opts->key_limit || opts->uid_limit || opts->limits.n;
}


void
ctl_plan_list(const ctl_opts_t *opts)
{
    ctl_doc_t  doc;

    ctl_doc_read(&doc, opts);
    list_print(opts, doc.plans, "PLAN");
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
