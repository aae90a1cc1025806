
/*
 * key create, list, show, revoke, rotate.
 *
 * Invariant: a key's text is printed once, after its digest is kept, and is
 * nowhere else.
 */


#include "ctl.h"
#include <openssl/crypto.h>


/* What a change has to know, and what is told after it. */

typedef struct {
    const ctl_opts_t   *opts;
    const char         *id;             /* of the new key */
    json_t             *record;         /* of the new key */
    const char         *until;          /* the old key works */
    int                 changed;
    char                key[NGX_SPOCR_KEY_NEW_LEN + 1];
} change_t;


static void key_create(ctl_store_t *store, void *data);
static void key_revoke(ctl_store_t *store, void *data);
static void key_rotate(ctl_store_t *store, void *data);
static void rotate_record(ctl_store_t *store, change_t *c, json_t *old);
static void key_print_new(change_t *c, json_t *more);
static json_t *key_json(ctl_store_t *store, json_t *key);


void
ctl_key_create(const ctl_opts_t *opts)
{
    change_t  c;

    if (opts->uid == NULL) {
        ctl_die(CTL_USAGE, "--uid is missing: the tenant that the key belongs "
                "to");
    }

    ctl_name_check("--uid", opts->uid);

    if (opts->id) {
        ctl_name_check("--id", opts->id);
    }

    memset(&c, 0, sizeof(change_t));
    c.opts = opts;
    c.id = opts->id ? opts->id : ctl_id_make();

    ctl_store_change(opts, key_create, &c);

    key_print_new(&c, NULL);
    ctl_note(opts, "key %s of %s; its text is not shown again", c.id,
             opts->uid);

    ctl_change_done(opts);
}


static void
key_create(ctl_store_t *store, void *data)
{
    char               buf[CTL_TIME_LEN];
    json_t            *record;
    change_t          *c;
    const ctl_opts_t  *opts;

    c = data;
    opts = c->opts;

    if (opts->id && store->ops->key(store, c->id)) {
        ctl_die(CTL_USAGE, "there is a key %s already", c->id);
    }

    record = ctl_need(json_object());

    json_object_set_new(record, "id", ctl_need(json_string(c->id)));
    ctl_record_new_key(record, c->key);
    json_object_set_new(record, "uid", ctl_need(json_string(opts->uid)));

    if (opts->name) {
        ctl_record_name(record, opts->name);
    }

    if (opts->scopes) {
        ctl_record_scopes(record, opts->scopes);
    }

    ctl_record_limits(record, opts, true);

    if (opts->expires) {
        ctl_record_expires(record, ctl_when_parse("expires", opts->expires));
    }

    ctl_time_text(ctl_now(), buf);
    json_object_set_new(record, "createdAt", ctl_need(json_string(buf)));

    if (opts->meta) {
        ctl_record_meta(record, opts->meta);
    }

    c->record = json_incref(record);
    store->ops->add_key(store, record, opts->id == NULL);
}


/* The text alone, so that KEY=$(spocrctl key create ...) works. */

static void
key_print_new(change_t *c, json_t *more)
{
    json_t  *out;

    if (c->opts->json) {
        out = ctl_need(json_object());
        json_object_set_new(out, "key", ctl_need(json_string(c->key)));
        json_object_update(out, c->record);

        if (more) {
            json_object_update(out, more);
        }

        ctl_say_json(out);

    } else {
        printf("%s\n", c->key);
    }

    OPENSSL_cleanse(c->key, NGX_SPOCR_KEY_NEW_LEN);
    json_decref(more);
}


/* A record as it is kept, and its state. */

static json_t *
key_json(ctl_store_t *store, json_t *key)
{
    json_t  *out;

    out = ctl_need(json_copy(key));
    json_object_set_new(out, "state",
                        ctl_need(json_string(ctl_key_state(store, key))));

    return out;
}


void
ctl_key_list(const ctl_opts_t *opts)
{
    char         *limits;
    size_t        i;
    json_t       *keys, *key, *out;
    const char   *state;
    ctl_store_t  *store;

    if (opts->uid) {
        ctl_name_check("--uid", opts->uid);
    }

    if (opts->status
        && strcmp(opts->status, "active") != 0
        && strcmp(opts->status, "disabled") != 0
        && strcmp(opts->status, "revoked") != 0
        && strcmp(opts->status, "expired") != 0)
    {
        ctl_die(CTL_USAGE, "--status must be active, disabled, revoked or "
                "expired");
    }

    store = ctl_store_open(opts);
    keys = store->ops->keys(store);

    out = ctl_need(json_array());

    if (!opts->json) {
        printf("%-20s %-20s %-8s %-20s %-24s %s\n", "ID", "UID", "STATE",
               "EXPIRES", "LIMITS", "NAME");
    }

    json_array_foreach(keys, i, key) {

        if (opts->uid && strcmp(ctl_field_text(key, "uid"), opts->uid) != 0) {
            continue;
        }

        state = ctl_key_state(store, key);

        if (opts->status && strcmp(state, opts->status) != 0) {
            continue;
        }

        if (opts->json) {
            json_array_append_new(out, key_json(store, key));
            continue;
        }

        limits = ctl_limits_text(key);
        printf("%-20s %-20s %-8s %-20s %-24s %s\n", ctl_field_text(key, "id"),
               ctl_field_text(key, "uid"), state,
               ctl_field_text(key, "expiresAt"), limits,
               ctl_field_text(key, "name"));
        free(limits);
    }

    if (opts->json) {
        ctl_say_json(out);

    } else {
        json_decref(out);
    }
}


void
ctl_key_show(const ctl_opts_t *opts)
{
    char         *shown;
    json_t       *key, *out, *value;
    const char   *name;
    ctl_store_t  *store;

    store = ctl_store_open(opts);

    key = ctl_key_need(store, opts->args[0]);
    out = key_json(store, key);

    if (opts->json) {
        ctl_say_json(out);
        return;
    }

    json_object_foreach(out, name, value) {
        shown = json_is_string(value) ? ctl_text("%s", json_string_value(value))
                : strcmp(name, "limits") == 0 ? ctl_limits_text(out)
                : ctl_need(json_dumps(value, JSON_ENCODE_ANY));

        printf("%-12s %s\n", name, shown);
        free(shown);
    }

    json_decref(out);
}


void
ctl_key_revoke(const ctl_opts_t *opts)
{
    int        i;
    json_t    *ids;
    change_t   c;

    memset(&c, 0, sizeof(change_t));
    c.opts = opts;

    ctl_store_change(opts, key_revoke, &c);

    ids = ctl_need(json_array());

    for (i = 0; i < opts->nargs; i++) {
        json_array_append_new(ids, ctl_need(json_string(opts->args[i])));

        if (!opts->json) {
            printf("%s revoked\n", opts->args[i]);
        }
    }

    if (opts->json) {
        ctl_say_json(json_pack("{s:O}", "revoked", ids));
    }

    json_decref(ids);

    if (c.changed) {
        ctl_change_done(opts);

    } else {
        ctl_note(opts, "nothing to change");
    }
}


static void
key_revoke(ctl_store_t *store, void *data)
{
    int        i;
    json_t    *key;
    change_t  *c;

    c = data;
    c->changed = 0;

    for (i = 0; i < c->opts->nargs; i++) {
        key = ctl_key_need(store, c->opts->args[i]);

        if (strcmp(ctl_field_text(key, "status"), "revoked") != 0) {
            json_object_set_new(key, "status",
                                ctl_need(json_string("revoked")));
            store->ops->put_key(store, json_incref(key));
            c->changed++;
        }
    }
}


void
ctl_key_rotate(const ctl_opts_t *opts)
{
    change_t  c;

    if (opts->id) {
        ctl_name_check("--id", opts->id);
    }

    memset(&c, 0, sizeof(change_t));
    c.opts = opts;
    c.id = opts->id ? opts->id : ctl_id_make();

    ctl_store_change(opts, key_rotate, &c);

    key_print_new(&c, ctl_need(json_pack("{s:s}", "oldExpiresAt", c.until)));
    ctl_note(opts, "key %s in place of %s, which works until %s; its text is "
             "not shown again", c.id, opts->args[0], c.until);

    ctl_change_done(opts);
}


static void
key_rotate(ctl_store_t *store, void *data)
{
    json_t      *old;
    int64_t      grace, end, expires;
    change_t    *c;
    const char  *state, *date, *id;

    c = data;
    id = c->opts->args[0];

    if (!ctl_duration_parse(c->opts->grace ? c->opts->grace : "24h", &grace)) {
        ctl_die(CTL_USAGE, "--grace must be a duration such as 90s, 15m, 24h "
                "or 30d; 0s ends the old key at once");
    }

    if (!store->exists) {
        ctl_die(CTL_FAILED, "%s: %s", store->given, strerror(ENOENT));
    }

    old = ctl_key_need(store, id);
    state = ctl_key_state(store, old);

    if (strcmp(state, "active") != 0 && strcmp(state, "disabled") != 0) {
        ctl_die(CTL_FAILED, "key %s is %s: make a new one with key create",
                id, state);
    }

    rotate_record(store, c, old);

    end = ctl_now() + grace;
    date = json_string_value(json_object_get(old, "expiresAt"));

    if (date == NULL
        || (ngx_spocr_time_parse((const u_char *) date, strlen(date),
                                 &expires) == NGX_OK && expires > end))
    {
        ctl_record_expires(old, end);
        store->ops->put_key(store, json_incref(old));
    }

    c->until = ctl_text("%s", ctl_field_text(old, "expiresAt"));
}


/*
 * The new key has the old one's uid, scopes and limits, its name and meta, and
 * the moment at which it expires anyway; the old one ends with the grace.
 */

static void
rotate_record(ctl_store_t *store, change_t *c, json_t *old)
{
    char     buf[CTL_TIME_LEN];
    json_t  *record;

    if (c->opts->id && store->ops->key(store, c->id)) {
        ctl_die(CTL_USAGE, "there is a key %s already", c->id);
    }

    record = ctl_need(json_deep_copy(old));

    json_object_set_new(record, "id", ctl_need(json_string(c->id)));
    ctl_record_new_key(record, c->key);
    json_object_set_new(record, "rotatedFrom",
                        ctl_need(json_string(c->opts->args[0])));
    ctl_time_text(ctl_now(), buf);
    json_object_set_new(record, "createdAt", ctl_need(json_string(buf)));

    if (c->opts->name) {
        ctl_record_name(record, c->opts->name);
    }

    if (c->opts->expires) {
        ctl_record_expires(record, ctl_when_parse("expires",
                                                  c->opts->expires));
    }

    c->record = json_incref(record);
    store->ops->add_key(store, record, c->opts->id == NULL);
}
