
/*
 * One entry of a key file: parsed, checked field by field, and added.
 *
 * Called by ngx_spocr_keyfile.c for each entry that it has split off.
 *
 * Invariant: an entry becomes a record as a whole or ends the reading.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include "ngx_spocr_keyfile_entry.h"
#include "ngx_spocr_keyfile_fields.h"


static ngx_int_t ngx_spocr_entry_limits(ngx_spocr_fields_t *fields,
    const ngx_spocr_limits_set_t **limits);
static ngx_int_t ngx_spocr_entry_add(ngx_spocr_fields_t *fields);


ngx_int_t
ngx_spocr_entry_key(ngx_spocr_entry_t *entry, u_char *text, size_t len)
{
    ngx_spocr_fields_t  fields;

    ngx_spocr_fields_init(&fields, entry);
    fields.in_key = 1;
    fields.flags = NGX_SPOCR_KEY_ALL_SCOPES;

    if (ngx_spocr_fields_read(&fields, ngx_spocr_key_fields, text, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    fields.key.tenant = ngx_spocr_keys_tenant(entry->keys, &fields.uid);

    if (fields.key.tenant == NULL) {
        return ngx_spocr_entry_fail(entry, "out of memory");
    }

    return ngx_spocr_entry_add(&fields);
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
    u_char *text, size_t len)
{
    ngx_spocr_fields_t   fields;
    ngx_spocr_tenant_t  *tenant;

    if (!ngx_spocr_field_name_ok(uid)) {
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

    ngx_spocr_fields_init(&fields, entry);

    if (ngx_spocr_fields_read(&fields, ngx_spocr_tenant_fields, text, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    tenant->flags = fields.flags;

    if (fields.plan.len) {
        tenant->plan = ngx_spocr_keys_plan(entry->keys, &fields.plan);

        if (tenant->plan == NULL) {
            return ngx_spocr_entry_fail(entry, "out of memory");
        }

        if (tenant->plan->line == 0) {
            tenant->plan->line = (uint32_t) entry->line;
        }
    }

    return ngx_spocr_entry_limits(&fields, &tenant->limits);
}


ngx_int_t
ngx_spocr_entry_plan(ngx_spocr_entry_t *entry, const ngx_str_t *name,
    u_char *text, size_t len)
{
    ngx_spocr_plan_t    *plan;
    ngx_spocr_fields_t   fields;

    if (!ngx_spocr_field_name_ok(name)) {
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

    ngx_spocr_fields_init(&fields, entry);

    if (ngx_spocr_fields_read(&fields, ngx_spocr_plan_fields, text, len)
        != NGX_OK)
    {
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

    *limits = ngx_spocr_keys_limits(fields->entry->keys, set);
    if (*limits == NULL) {
        return ngx_spocr_entry_fail(fields->entry, "out of memory");
    }

    return NGX_OK;
}


const char *
ngx_spocr_entry_quote(char *buf, const ngx_str_t *text)
{
    char    *p;
    u_char   ch;
    size_t   i;

    p = buf;
    *p++ = '"';

    for (i = 0; i < text->len; i++) {

        if (i == 60) {
            p = stpcpy(p, "...");
            break;
        }

        if (i >= 6 && memcmp(text->data + i - 6, "spocr_", 6) == 0) {
            p = stpcpy(p, "...");
            break;
        }

        ch = text->data[i];
        *p++ = (ch >= ' ' && ch <= '~' && ch != '"') ? (char) ch : '?';
    }

    *p++ = '"';
    *p = '\0';

    return buf;
}


ngx_int_t
ngx_spocr_entry_fail(const ngx_spocr_entry_t *entry, const char *fmt, ...)
{
    int       n;
    char     *text, quoted[NGX_SPOCR_QUOTE_MAX];
    size_t    size;
    va_list   args;

    text = (char *) entry->err->text;
    size = sizeof(entry->err->text);

    entry->err->line = entry->line;

    n = 0;

    if (entry->list && entry->member) {
        n = snprintf(text, size, "%s[%s]: ", entry->list,
                     ngx_spocr_entry_quote(quoted, entry->member));

    } else if (entry->list && entry->id.len) {
        n = snprintf(text, size, "%s[%lu] (%.*s): ", entry->list,
                     entry->number, (int) entry->id.len, entry->id.data);

    } else if (entry->list) {
        n = snprintf(text, size, "%s[%lu]: ", entry->list, entry->number);
    }

    va_start(args, fmt);
    vsnprintf(text + n, size - (size_t) n, fmt, args);
    va_end(args);

    return NGX_ERROR;
}
