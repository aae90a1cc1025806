
/*
 * The records of a key file.
 *
 * Called through store.c.  Invariant: what is in memory is the whole file, and
 * a change writes the whole of it.
 */


#include "doc.h"
#include <strings.h>
#include <unistd.h>


typedef struct {
    ctl_store_t   store;
    ctl_doc_t     doc;
    bool          changed;
} file_t;


static ctl_store_t *file_open(const ctl_opts_t *opts, bool edit);
static json_t *doc_object(ctl_doc_t *doc, json_t **member, const char *name);

static json_t *file_key(ctl_store_t *store, const char *id);
static json_t *file_tenant(ctl_store_t *store, const char *uid);
static json_t *file_plan(ctl_store_t *store, const char *name);
static json_t *file_keys(ctl_store_t *store);
static json_t *file_tenants(ctl_store_t *store);
static json_t *file_plans(ctl_store_t *store);
static json_t *file_find(ctl_store_t *store, const char *hex);
static void file_judge(ctl_store_t *store, const json_t *key,
    ctl_judged_t *judged);
static void file_add_key(ctl_store_t *store, json_t *key, bool made);
static void file_put_key(ctl_store_t *store, json_t *key);
static void file_put_tenant(ctl_store_t *store, const char *uid,
    json_t *tenant);
static void file_put_plan(ctl_store_t *store, const char *name, json_t *plan);
static bool file_commit(ctl_store_t *store);


static const ctl_store_ops_t  file_ops = {
    file_key, file_tenant, file_plan,
    file_keys, file_tenants, file_plans,
    file_find, file_judge,
    file_add_key, file_put_key, file_put_tenant, file_put_plan,
    file_commit
};


ctl_store_t *
ctl_file_open(const ctl_opts_t *opts)
{
    return file_open(opts, false);
}


ctl_store_t *
ctl_file_edit(const ctl_opts_t *opts)
{
    return file_open(opts, true);
}


/* A file that is not there is an empty one, for a change. */

static ctl_store_t *
file_open(const ctl_opts_t *opts, bool edit)
{
    file_t        *file;
    ctl_doc_t     *doc;
    ctl_buffer_t   buf;

    file = ctl_need(calloc(1, sizeof(file_t)));
    doc = &file->doc;

    ctl_doc_resolve(doc, opts);

    if (edit) {
        ctl_doc_lock(doc, opts);
    }

    doc->exists = ctl_doc_load(doc, &buf);

    if (doc->exists) {
        doc->table = ctl_doc_check(doc, &buf, CTL_FAILED);

    } else if (edit) {
        memset(&buf, 0, sizeof(ctl_buffer_t));
        ctl_put(&buf, "{\"version\":1,\"plans\":{},\"tenants\":{},"
                "\"keys\":[]}");

    } else {
        ctl_die(CTL_FAILED, "%s: %s", doc->given, strerror(ENOENT));
    }

    ctl_doc_parse(doc, &buf);
    free(buf.data);

    file->store.ops = &file_ops;
    file->store.opts = opts;
    file->store.given = doc->given;
    file->store.exists = doc->exists;

    return &file->store;
}


/* The object "plans" or "tenants", made where it is absent. */

static json_t *
doc_object(ctl_doc_t *doc, json_t **member, const char *name)
{
    if (*member == NULL) {
        *member = ctl_need(json_object());
        json_object_set_new(doc->root, name, *member);
    }

    return *member;
}


static json_t *
file_key(ctl_store_t *store, const char *id)
{
    size_t   i;
    json_t  *key;

    json_array_foreach(((file_t *) store)->doc.keys, i, key) {
        if (strcmp(json_string_value(json_object_get(key, "id")), id) == 0) {
            return key;
        }
    }

    return NULL;
}


static json_t *
file_tenant(ctl_store_t *store, const char *uid)
{
    return json_object_get(((file_t *) store)->doc.tenants, uid);
}


static json_t *
file_plan(ctl_store_t *store, const char *name)
{
    return json_object_get(((file_t *) store)->doc.plans, name);
}


static json_t *
file_keys(ctl_store_t *store)
{
    return ((file_t *) store)->doc.keys;
}


static json_t *
file_tenants(ctl_store_t *store)
{
    return ((file_t *) store)->doc.tenants;
}


static json_t *
file_plans(ctl_store_t *store)
{
    return ((file_t *) store)->doc.plans;
}


static json_t *
file_find(ctl_store_t *store, const char *hex)
{
    size_t   i;
    json_t  *key;

    json_array_foreach(((file_t *) store)->doc.keys, i, key) {
        if (strcasecmp(ctl_field_text(key, "sha256"), hex) == 0) {
            return key;
        }
    }

    return NULL;
}


static void
file_judge(ctl_store_t *store, const json_t *key, ctl_judged_t *judged)
{
    u_char       digest[NGX_SPOCR_DIGEST_LEN];
    const char  *hex;
    ctl_doc_t   *doc;

    doc = &((file_t *) store)->doc;
    hex = ctl_field_text(key, "sha256");
    memset(judged, 0, sizeof(ctl_judged_t));

    judged->names = doc->table;

    if (ngx_spocr_digest_parse((u_char *) hex, strlen(hex), digest) == NGX_OK)
    {
        judged->key = ngx_spocr_keys_find(doc->table, digest);
    }
}


static void
file_add_key(ctl_store_t *store, json_t *key, bool made)
{
    file_t  *file;

    (void) made;

    file = (file_t *) store;
    file->changed = true;
    json_array_append_new(file->doc.keys, key);
}


static void
file_put_key(ctl_store_t *store, json_t *key)
{
    ((file_t *) store)->changed = true;
    json_decref(key);
}


static void
file_put_tenant(ctl_store_t *store, const char *uid, json_t *tenant)
{
    file_t  *file;

    file = (file_t *) store;
    file->changed = true;
    json_object_set_new(doc_object(&file->doc, &file->doc.tenants, "tenants"),
                        uid, tenant);
}


static void
file_put_plan(ctl_store_t *store, const char *name, json_t *plan)
{
    file_t  *file;

    file = (file_t *) store;
    file->changed = true;
    json_object_set_new(doc_object(&file->doc, &file->doc.plans, "plans"),
                        name, plan);
}


static bool
file_commit(ctl_store_t *store)
{
    file_t  *file;

    file = (file_t *) store;

    if (file->changed) {
        ctl_doc_save(&file->doc, CTL_USAGE);
    }

    close(file->doc.dir);

    return true;
}


void
ctl_file_write(const ctl_opts_t *opts, const char *path, json_t *root)
{
    ctl_doc_t    doc;
    ctl_opts_t   file;

    file = *opts;
    file.file = path;

    ctl_doc_resolve(&doc, &file);
    ctl_doc_lock(&doc, &file);

    doc.root = root;
    doc.exists = (access(doc.path, F_OK) == 0);

    if (doc.exists && !opts->force) {
        ctl_die(CTL_FAILED, "%s: there is a file already; --force replaces it",
                path);
    }

    ctl_doc_save(&doc, CTL_FAILED);
    close(doc.dir);
}
