
/*
 * One entry of a key file: parsed, checked field by field, and added.
 *
 * Called by ngx_spocr_keyfile.c for each entry that it has split off.
 *
 * Invariant: an entry becomes a record as a whole or ends the reading.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include <stdarg.h>
#include "ngx_spocr_keyfile_entry.h"
#include "ngx_spocr_keyfile_fields.h"


static json_t *ngx_spocr_entry_load(ngx_spocr_entry_t *entry,
    const u_char *text, size_t len);
static ngx_int_t ngx_spocr_entry_refused(ngx_spocr_entry_t *entry,
    const json_error_t *error);
static ngx_int_t ngx_spocr_entry_fields(ngx_spocr_fields_t *fields,
    const ngx_spocr_field_t *known, json_t *object);
static ngx_int_t ngx_spocr_entry_limits(ngx_spocr_fields_t *fields,
    const ngx_spocr_limits_set_t **limits);
static ngx_int_t ngx_spocr_entry_add(ngx_spocr_fields_t *fields);


ngx_int_t
ngx_spocr_entry_key(ngx_spocr_entry_t *entry, ngx_uint_t number,
    const u_char *text, size_t len)
{
    json_t              *object, *id;
    ngx_int_t            rc;
    ngx_spocr_fields_t   fields;

    object = ngx_spocr_entry_load(entry, text, len);
    if (object == NULL) {
        return NGX_ERROR;
    }

    id = json_object_get(object, "id");

    if (json_is_string(id)
        && ngx_spocr_field_name_ok(json_string_value(id),
                                   json_string_length(id)))
    {
        snprintf(entry->where, sizeof(entry->where), "keys[%lu] (%s)", number,
                 json_string_value(id));
    }

    memset(&fields, 0, offsetof(ngx_spocr_fields_t, named));
    fields.entry = entry;
    fields.in_key = 1;
    fields.flags = NGX_SPOCR_KEY_ALL_SCOPES;

    rc = ngx_spocr_entry_fields(&fields, ngx_spocr_key_fields, object);

    if (rc == NGX_OK) {
        rc = ngx_spocr_entry_add(&fields);
    }

    json_decref(object);

    return rc;
}


static ngx_int_t
ngx_spocr_entry_add(ngx_spocr_fields_t *fields)
{
    ngx_int_t               rc;
    ngx_spocr_key_t        *key;
    const ngx_spocr_key_t  *other;

    key = &fields->key;

    key->flags = fields->flags;

    if (fields->limits.main.key || fields->limits.nnamed) {
        fields->limits.named = fields->named;
        key->limits = &fields->limits;
    }

    rc = ngx_spocr_keys_add(fields->entry->keys, key, &other);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return ngx_spocr_entry_fail(fields->entry, "out of memory");
    }

    if (other->id.len == key->id.len
        && memcmp(other->id.data, key->id.data, key->id.len) == 0)
    {
        return ngx_spocr_entry_fail(fields->entry,
                                    "another key has this id, too");
    }

    return ngx_spocr_entry_fail(fields->entry, "key \"%.*s\" has the same "
                                "\"sha256\"", (int) other->id.len,
                                other->id.data);
}


ngx_int_t
ngx_spocr_entry_tenant(ngx_spocr_entry_t *entry, const ngx_str_t *uid,
    const u_char *text, size_t len)
{
    json_t              *object;
    ngx_int_t            rc;
    ngx_spocr_fields_t   fields;
    ngx_spocr_tenant_t  *tenant;

    if (!ngx_spocr_field_name_ok((char *) uid->data, uid->len)) {
        return ngx_spocr_entry_fail(entry, "a uid must be "
                                    NGX_SPOCR_NAME_RULE);
    }

    tenant = ngx_spocr_keys_tenant(entry->keys, uid);
    if (tenant == NULL) {
        return ngx_spocr_entry_fail(entry, "out of memory");
    }

    if (tenant->defined) {
        return ngx_spocr_entry_fail(entry, "stands twice");
    }

    tenant->defined = 1;

    object = ngx_spocr_entry_load(entry, text, len);
    if (object == NULL) {
        return NGX_ERROR;
    }

    memset(&fields, 0, offsetof(ngx_spocr_fields_t, named));
    fields.entry = entry;

    rc = ngx_spocr_entry_fields(&fields, ngx_spocr_tenant_fields, object);

    json_decref(object);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    tenant->plan = fields.plan;
    tenant->flags = fields.flags;

    return ngx_spocr_entry_limits(&fields, &tenant->limits);
}


ngx_int_t
ngx_spocr_entry_plan(ngx_spocr_entry_t *entry, const ngx_str_t *name,
    const u_char *text, size_t len)
{
    json_t              *object;
    ngx_int_t            rc;
    ngx_spocr_plan_t    *plan;
    ngx_spocr_fields_t   fields;

    if (!ngx_spocr_field_name_ok((char *) name->data, name->len)) {
        return ngx_spocr_entry_fail(entry, "a plan must be "
                                    NGX_SPOCR_NAME_RULE);
    }

    plan = ngx_spocr_keys_plan(entry->keys, name);
    if (plan == NULL) {
        return ngx_spocr_entry_fail(entry, "out of memory");
    }

    if (plan->defined) {
        return ngx_spocr_entry_fail(entry, "stands twice");
    }

    plan->defined = 1;

    object = ngx_spocr_entry_load(entry, text, len);
    if (object == NULL) {
        return NGX_ERROR;
    }

    memset(&fields, 0, offsetof(ngx_spocr_fields_t, named));
    fields.entry = entry;

    rc = ngx_spocr_entry_fields(&fields, ngx_spocr_plan_fields, object);

    json_decref(object);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_spocr_entry_limits(&fields, &plan->limits);
}


/* The limits that were collected, to stay; NULL when there are none. */

static ngx_int_t
ngx_spocr_entry_limits(ngx_spocr_fields_t *fields,
    const ngx_spocr_limits_set_t **limits)
{
    ngx_spocr_limits_set_t  *set;

    set = &fields->limits;

    if (set->main.key == 0 && set->main.uid == 0 && set->nnamed == 0) {
        *limits = NULL;
        return NGX_OK;
    }

    set->named = fields->named;

    *limits = ngx_spocr_keys_limits(fields->entry->keys, set);
    if (*limits == NULL) {
        return ngx_spocr_entry_fail(fields->entry, "out of memory");
    }

    return NGX_OK;
}


static json_t *
ngx_spocr_entry_load(ngx_spocr_entry_t *entry, const u_char *text, size_t len)
{
    json_t        *object;
    json_error_t   error;

    object = json_loadb((const char *) text, len,
                        JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, &error);

    if (object == NULL) {
        (void) ngx_spocr_entry_refused(entry, &error);
        return NULL;
    }

    if (!json_is_object(object)) {
        (void) ngx_spocr_entry_fail(entry, "must be an object");
        json_decref(object);
        return NULL;
    }

    return object;
}


/*
 * The parser's own message repeats text of the file, which may be anything;
 * only the name of a field that stands twice is taken from it.
 */

static ngx_int_t
ngx_spocr_entry_refused(ngx_spocr_entry_t *entry, const json_error_t *error)
{
    char         quoted[NGX_SPOCR_QUOTE_MAX];
    const char  *p, *last;

    if (error->line > 1) {
        entry->line += (ngx_uint_t) error->line - 1;
    }

    switch (json_error_code(error)) {

    case json_error_duplicate_key:
        p = strstr(error->text, " near '\"");
        last = p ? strrchr(p, '"') : NULL;

        if (last == NULL || last <= p + 8) {
            return ngx_spocr_entry_fail(entry, "a field stands twice");
        }

        p += 8;

        return ngx_spocr_entry_fail(entry, "field %s stands twice",
                                    ngx_spocr_entry_quote(quoted, p,
                                                      (size_t) (last - p)));

    case json_error_invalid_utf8:
        return ngx_spocr_entry_fail(entry, "bad UTF-8");

    case json_error_null_character:
    case json_error_null_byte_in_key:
        return ngx_spocr_entry_fail(entry, "a NUL character in a string");

    case json_error_numeric_overflow:
        return ngx_spocr_entry_fail(entry, "a number is out of range");

    case json_error_out_of_memory:
        return ngx_spocr_entry_fail(entry, "out of memory");

    default:
        return ngx_spocr_entry_fail(entry, "not valid JSON");
    }
}


static ngx_int_t
ngx_spocr_entry_fields(ngx_spocr_fields_t *fields,
    const ngx_spocr_field_t *known, json_t *object)
{
    char                      quoted[NGX_SPOCR_QUOTE_MAX];
    json_t                   *value;
    const char               *name;
    const ngx_spocr_field_t  *field;

    json_object_foreach(object, name, value) {

        for (field = known; field->name; field++) {
            if (strcmp(field->name, name) == 0) {
                break;
            }
        }

        if (field->name == NULL) {
            ngx_spocr_entry_quote(quoted, name, strlen(name));
            return ngx_spocr_entry_fail(fields->entry, "unknown field %s",
                                        quoted);
        }

        if (field->set(fields, name, value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (field = known; field->name; field++) {
        if (field->required && json_object_get(object, field->name) == NULL) {
            return ngx_spocr_entry_fail(fields->entry, "\"%s\" is missing",
                                        field->name);
        }
    }

    return NGX_OK;
}


const char *
ngx_spocr_entry_quote(char *buf, const char *text, size_t len)
{
    char   *p;
    size_t  i;

    p = buf;
    *p++ = '"';

    for (i = 0; i < len; i++) {

        if (i == 60) {
            p = stpcpy(p, "...");
            break;
        }

        if (i >= 6 && memcmp(text + i - 6, "spocr_", 6) == 0) {
            p = stpcpy(p, "...");
            break;
        }

        *p++ = (text[i] >= ' ' && text[i] <= '~' && text[i] != '"')
               ? text[i] : '?';
    }

    *p++ = '"';
    *p = '\0';

    return buf;
}


ngx_int_t
ngx_spocr_entry_fail(const ngx_spocr_entry_t *entry, const char *fmt, ...)
{
    int       n;
    char     *text;
    size_t    size;
    va_list   args;

    text = (char *) entry->err->text;
    size = sizeof(entry->err->text);

    entry->err->line = entry->line;

    n = snprintf(text, size, "%s%s", entry->where,
                 entry->where[0] ? ": " : "");

    va_start(args, fmt);
    vsnprintf(text + n, size - (size_t) n, fmt, args);
    va_end(args);

    return NGX_ERROR;
}
