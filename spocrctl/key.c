
/*
 * key create, list, show, revoke, rotate.
 *
 * Invariant: a key's text is printed once, after the file that knows its
 * digest is on the disk, and is nowhere else.
 */


#include "ctl.h"
#include <openssl/crypto.h>


static void key_print_new(const ctl_opts_t *opts, const json_t *record,
    char *key, json_t *more);
static json_t *key_json(const ctl_doc_t *doc, json_t *key);


void
ctl_key_create(const ctl_opts_t *opts)
{
    char        buf[CTL_TIME_LEN], key[NGX_SPOCR_KEY_NEW_LEN + 1];
    char       *id;
    json_t     *record;
    ctl_doc_t   doc;

    if (opts->uid == NULL) {
        ctl_die(CTL_USAGE, "--uid is missing: the tenant that the key belongs "
                "to");
    }

    ctl_name_check("--uid", opts->uid);

    if (opts->id) {
        ctl_name_check("--id", opts->id);
    }

    ctl_doc_edit(&doc, opts);

    id = opts->id ? ctl_text("%s", opts->id) : ctl_id_make();

    if (ctl_doc_key(&doc, id)) {
        ctl_die(CTL_USAGE, "there is a key %s already", id);
    }

    record = ctl_need(json_object());

    json_object_set_new(record, "id", ctl_need(json_string(id)));
    ctl_record_new_key(record, key);
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

    json_array_append_new(doc.keys, record);

    ctl_doc_save(&doc);

    key_print_new(opts, record, key, NULL);
    ctl_note(opts, "key %s of %s; its text is not shown again", id, opts->uid);

    ctl_change_done(opts);

    free(id);
}


/* The text alone, so that KEY=$(spocrctl key create ...) works. */

static void
key_print_new(const ctl_opts_t *opts, const json_t *record, char *key,
    json_t *more)
{
    json_t  *out;

    if (opts->json) {
        out = ctl_need(json_object());
        json_object_set_new(out, "key", ctl_need(json_string(key)));
        json_object_update(out, (json_t *) record);

        if (more) {
            json_object_update(out, more);
        }

        ctl_say_json(out);

    } else {
        printf("%s\n", key);
    }

    OPENSSL_cleanse(key, NGX_SPOCR_KEY_NEW_LEN);
    json_decref(more);
}


/* A record as it stands in the file, and its state. */

static json_t *
key_json(const ctl_doc_t *doc, json_t *key)
{
    json_t  *out;

    out = ctl_need(json_copy(key));
    json_object_set_new(out, "state",
                        ctl_need(json_string(ctl_record_state(doc, key))));

    return out;
}


void
ctl_key_list(const ctl_opts_t *opts)
{
    char        *limits;
    size_t       i;
    json_t      *key, *out;
    ctl_doc_t    doc;
    const char  *state;

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

    ctl_doc_read(&doc, opts);

    out = ctl_need(json_array());

    if (!opts->json) {
        printf("%-20s %-20s %-8s %-20s %-24s %s\n", "ID", "UID", "STATE",
               "EXPIRES", "LIMITS", "NAME");
    }

    json_array_foreach(doc.keys, i, key) {
        state = ctl_record_state(&doc, key);

        if ((opts->uid && strcmp(ctl_field_text(key, "uid"), opts->uid) != 0)
            || (opts->status && strcmp(state, opts->status) != 0))
        {
            continue;
        }

        if (opts->json) {
            json_array_append_new(out, key_json(&doc, key));
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
    char        *shown;
    json_t      *key, *out, *value;
    ctl_doc_t    doc;
    const char  *name;

    ctl_doc_read(&doc, opts);

    key = ctl_key_need(&doc, opts->args[0]);
    out = key_json(&doc, key);

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
    int          i, changed;
    json_t      *key, *ids;
    ctl_doc_t    doc;
    const char  *status;

    ctl_doc_edit(&doc, opts);

    ids = ctl_need(json_array());
    changed = 0;

    for (i = 0; i < opts->nargs; i++) {
        key = ctl_key_need(&doc, opts->args[i]);
        status = json_string_value(json_object_get(key, "status"));

        if (status == NULL || strcmp(status, "revoked") != 0) {
            json_object_set_new(key, "status",
                                ctl_need(json_string("revoked")));
            changed++;
        }

        json_array_append_new(ids, ctl_need(json_string(opts->args[i])));
    }

    if (changed) {
        ctl_doc_save(&doc);
    }

    if (opts->json) {
        ctl_say_json(json_pack("{s:o}", "revoked", ids));

    } else {
        for (i = 0; i < opts->nargs; i++) {
            printf("%s revoked\n", opts->args[i]);
        }

        json_decref(ids);
    }

    if (changed) {
        ctl_change_done(opts);

    } else {
        ctl_note(opts, "nothing to change");
    }
}


/*
 * The new key has the old one's uid, scopes and limits, its name and meta, and
 * the moment at which it expires anyway; the old one ends with the grace.
 */

void
ctl_key_rotate(const ctl_opts_t *opts)
{
    char         buf[CTL_TIME_LEN], key[NGX_SPOCR_KEY_NEW_LEN + 1];
    char        *id;
    json_t      *old, *record;
    int64_t      grace, end, expires;
    ctl_doc_t    doc;
    const char  *state, *date;

    if (!ctl_duration_parse(opts->grace ? opts->grace : "24h", &grace)) {
        ctl_die(CTL_USAGE, "--grace must be a duration such as 90s, 15m, 24h "
                "or 30d; 0s ends the old key at once");
    }

    if (opts->id) {
        ctl_name_check("--id", opts->id);
    }

    ctl_doc_edit(&doc, opts);

    if (!doc.exists) {
        ctl_die(CTL_FAILED, "%s: %s", doc.given, strerror(ENOENT));
    }

    old = ctl_key_need(&doc, opts->args[0]);
    state = ctl_record_state(&doc, old);

    if (strcmp(state, "revoked") == 0 || strcmp(state, "expired") == 0) {
        ctl_die(CTL_FAILED, "key %s is %s: make a new one with key create",
                opts->args[0], state);
    }

    id = opts->id ? ctl_text("%s", opts->id) : ctl_id_make();

    if (ctl_doc_key(&doc, id)) {
        ctl_die(CTL_USAGE, "there is a key %s already", id);
    }

    record = ctl_need(json_deep_copy(old));

    json_object_set_new(record, "id", ctl_need(json_string(id)));
    ctl_record_new_key(record, key);
    json_object_set_new(record, "rotatedFrom",
                        ctl_need(json_string(opts->args[0])));
    ctl_time_text(ctl_now(), buf);
    json_object_set_new(record, "createdAt", ctl_need(json_string(buf)));

    if (opts->name) {
        ctl_record_name(record, opts->name);
    }

    if (opts->expires) {
        ctl_record_expires(record, ctl_when_parse("expires", opts->expires));
    }

    end = ctl_now() + grace;
    date = json_string_value(json_object_get(old, "expiresAt"));

    if (date == NULL
        || (ngx_spocr_time_parse((const u_char *) date, strlen(date),
                                 &expires) == NGX_OK && expires > end))
    {
        ctl_record_expires(old, end);
    }

    json_array_append_new(doc.keys, record);

    ctl_doc_save(&doc);

    date = json_string_value(json_object_get(old, "expiresAt"));

    key_print_new(opts, record, key,
                  ctl_need(json_pack("{s:s}", "oldExpiresAt", date)));
    ctl_note(opts, "key %s in place of %s, which works until %s; its text is "
             "not shown again", id, opts->args[0], date);

    ctl_change_done(opts);

    free(id);
}
