
/*
 * What may stand in a plan, a tenant and a key, and what each field means.
 *
 * Called by ngx_spocr_keyfile_entry.c, through the tables.
 *
 * Invariant: what is not in a table is refused, and no value is repeated in a
 * message unless it went through ngx_spocr_entry_quote().
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile_fields.h"


static ngx_int_t ngx_spocr_field_id(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_digest(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_uid(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_text(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_scopes(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_limits(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_key_status(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_tenant_status(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_expires(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_created(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_rotated(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_meta(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_plan(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);

static ngx_uint_t ngx_spocr_field_is_key(const ngx_str_t *text);
static const char *ngx_spocr_field_string(const ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_name(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value, ngx_str_t *str);
static ngx_int_t ngx_spocr_field_date(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value, int64_t *seconds);
static ngx_int_t ngx_spocr_field_named(ngx_spocr_fields_t *fields,
    const ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_level(ngx_spocr_fields_t *fields,
    const char *limit, const char *level, ngx_spocr_value_t *value,
    ngx_spocr_limits_t *limits);
static ngx_int_t ngx_spocr_field_names_full(ngx_spocr_fields_t *fields,
    const ngx_str_t *last, const char *what);


const ngx_spocr_field_t  ngx_spocr_key_fields[] = {
    { "id",           ngx_spocr_field_id,             1 },
    { "sha256",       ngx_spocr_field_digest,         1 },
    { "uid",          ngx_spocr_field_uid,            1 },
    { "name",         ngx_spocr_field_text,           0 },
    { "scopes",       ngx_spocr_field_scopes,         0 },
    { "limits",       ngx_spocr_field_limits,         0 },
    { "status",       ngx_spocr_field_key_status,     0 },
    { "expiresAt",    ngx_spocr_field_expires,        0 },
    { "createdAt",    ngx_spocr_field_created,        0 },
    { "rotatedFrom",  ngx_spocr_field_rotated,        0 },
    { "meta",         ngx_spocr_field_meta,           0 },
    { NULL, NULL, 0 }
};


const ngx_spocr_field_t  ngx_spocr_tenant_fields[] = {
    { "plan",         ngx_spocr_field_plan,           0 },
    { "limits",       ngx_spocr_field_limits,         0 },
    { "status",       ngx_spocr_field_tenant_status,  0 },
    { NULL, NULL, 0 }
};


const ngx_spocr_field_t  ngx_spocr_plan_fields[] = {
    { "limits",       ngx_spocr_field_limits,         0 },
    { NULL, NULL, 0 }
};


ngx_uint_t
ngx_spocr_field_name_ok(const ngx_str_t *text)
{
    /* ids and uids are logged; a key that was pasted there must not be */

    return ngx_spocr_name_ok(text->data, text->len)
           && !ngx_spocr_field_is_key(text);
}


static ngx_uint_t
ngx_spocr_field_is_key(const ngx_str_t *text)
{
    return text->len >= 6 && memcmp(text->data, "spocr_", 6) == 0;
}


static ngx_int_t
ngx_spocr_field_id(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    return ngx_spocr_field_name(fields, name, value, &fields->key.id);
}


static ngx_int_t
ngx_spocr_field_digest(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    if (value->type != NGX_SPOCR_STRING) {
        return ngx_spocr_entry_fail(fields->entry,
                                    "\"%s\" must be a string", name);
    }

    if (ngx_spocr_field_is_key(&value->text)) {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" holds a key's "
                                    "text; put its SHA-256 there, and revoke "
                                    "the key if others could read it", name);
    }

    if (ngx_spocr_digest_parse(value->text.data, value->text.len,
                               fields->key.digest)
        != NGX_OK)
    {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be 64 "
                                    "hexadecimal digits", name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_uid(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    ngx_str_t  uid;

    if (ngx_spocr_field_name(fields, name, value, &uid) != NGX_OK) {
        return NGX_ERROR;
    }

    fields->key.tenant = ngx_spocr_keys_tenant(fields->entry->keys, &uid);

    if (fields->key.tenant == NULL) {
        return ngx_spocr_entry_fail(fields->entry, "out of memory");
    }

    return NGX_OK;
}


/* Shown to operators only: any UTF-8 without control characters. */

static ngx_int_t
ngx_spocr_field_text(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    size_t         n;
    const u_char  *p;

    if (value->type != NGX_SPOCR_STRING) {
        return ngx_spocr_entry_fail(fields->entry,
                                    "\"%s\" must be a string", name);
    }

    n = 0;

    for (p = value->text.data; *p; p++) {

        if (*p < 0x20 || *p == 0x7f
            || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
        {
            return ngx_spocr_entry_fail(fields->entry, "\"%s\" has a control "
                                        "character", name);
        }

        n += (*p & 0xc0) != 0x80;
    }

    if (n > NGX_SPOCR_KEY_NAME_MAX) {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" has more than %d "
                                    "characters", name,
                                    NGX_SPOCR_KEY_NAME_MAX);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_scopes(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    uint64_t            bit;
    ngx_int_t           n;
    ngx_str_t           str;
    ngx_spocr_value_t  *scope;

    if (value->type != NGX_SPOCR_ARRAY) {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be an array "
                                    "of strings", name);
    }

    fields->flags &= (u_char) ~NGX_SPOCR_KEY_ALL_SCOPES;
    ngx_str_null(&str);

    for (scope = value->child; scope; scope = scope->next) {

        if (ngx_spocr_field_name(fields, "a scope", scope, &str) != NGX_OK) {
            return NGX_ERROR;
        }

        n = ngx_spocr_keys_scope(fields->entry->keys, &str);

        if (n < 0) {
            return ngx_spocr_field_names_full(fields,
                           ngx_spocr_keys_scope_at(fields->entry->keys,
                                                   NGX_SPOCR_NAMES_MAX - 1),
                           "scopes");
        }

        bit = (uint64_t) 1 << n;

        if (fields->key.scopes & bit) {
            return ngx_spocr_entry_fail(fields->entry, "scope \"%s\" stands "
                                        "twice", str.data);
        }

        fields->key.scopes |= bit;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_limits(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    ngx_int_t           rc;
    const char         *level;
    ngx_spocr_value_t  *limit;

    if (value->type != NGX_SPOCR_OBJECT) {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be an object",
                                    name);
    }

    for (limit = value->child; limit; limit = limit->next) {
        level = (const char *) limit->name.data;

        if (strcmp(level, "key") == 0 || strcmp(level, "uid") == 0) {
            rc = ngx_spocr_field_level(fields, "", level, limit,
                                       &fields->limits.main);
        } else {
            rc = ngx_spocr_field_named(fields, limit);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* "limits":{"upload":{"key":10,"uid":100}} */

static ngx_int_t
ngx_spocr_field_named(ngx_spocr_fields_t *fields,
    const ngx_spocr_value_t *value)
{
    char                       quoted[NGX_SPOCR_QUOTE_MAX];
    char                       path[NGX_SPOCR_NAME_LEN_MAX + 2];
    ngx_int_t                  n;
    const char                *name, *level;
    ngx_spocr_value_t         *limit;
    ngx_spocr_limits_named_t  *named;

    name = (const char *) value->name.data;
    ngx_spocr_entry_quote(quoted, &value->name);

    if (strcmp(name, "default") == 0) {
        return ngx_spocr_entry_fail(fields->entry, "limits: \"default\" is "
                                    "reserved; its numbers stand directly "
                                    "under \"limits\"");
    }

    if (!ngx_spocr_field_name_ok(&value->name)) {
        return ngx_spocr_entry_fail(fields->entry, "limits: %s is neither "
                                    "\"key\" nor \"uid\" nor a limit's name",
                                    quoted);
    }

    if (value->type != NGX_SPOCR_OBJECT) {
        return ngx_spocr_entry_fail(fields->entry, "limits: %s must be an "
                                    "object", quoted);
    }

    n = ngx_spocr_keys_limit_name(fields->entry->keys, &value->name);

    if (n < 0) {
        return ngx_spocr_field_names_full(fields,
                       ngx_spocr_keys_limit_name_at(fields->entry->keys,
                                                    NGX_SPOCR_NAMES_MAX),
                       "names of limits");
    }

    /* names are different in one object, and so at most NAMES_MAX */

    named = &fields->named[fields->limits.nnamed++];

    named->name = (uint32_t) n;
    named->limits.key = NGX_SPOCR_LIMIT_UNSET;
    named->limits.uid = NGX_SPOCR_LIMIT_UNSET;

    snprintf(path, sizeof(path), "%s.", name);

    for (limit = value->child; limit; limit = limit->next) {
        level = (const char *) limit->name.data;

        if (strcmp(level, "key") != 0 && strcmp(level, "uid") != 0) {
            ngx_spocr_entry_quote(quoted, &limit->name);
            return ngx_spocr_entry_fail(fields->entry, "limits.%s: unknown "
                                        "field %s", name, quoted);
        }

        if (ngx_spocr_field_level(fields, path, level, limit, &named->limits)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_level(ngx_spocr_fields_t *fields, const char *limit,
    const char *level, ngx_spocr_value_t *value, ngx_spocr_limits_t *limits)
{
    int64_t       n;
    uint32_t      number;
    ngx_uint_t    integer;

    if (level[0] == 'u' && fields->in_key) {
        return ngx_spocr_entry_fail(fields->entry, "limits.%suid: the limit "
                                    "of a uid belongs to its tenant or plan",
                                    limit);
    }

    if (value->type == NGX_SPOCR_NULL) {
        number = NGX_SPOCR_LIMIT_NONE;

    } else {
        n = value->integer;
        integer = (value->type == NGX_SPOCR_INTEGER);

        if (integer && n == 0) {
            return ngx_spocr_entry_fail(fields->entry, "limits.%s%s: 0 is no "
                                        "limit; use \"status\":\"disabled\" "
                                        "to refuse all requests", limit,
                                        level);
        }

        if (!integer || n < 0 || n > NGX_SPOCR_LIMIT_MAX) {
            return ngx_spocr_entry_fail(fields->entry, "limits.%s%s must be "
                                        "an integer from 1 to %d, or null "
                                        "for unlimited", limit, level,
                                        NGX_SPOCR_LIMIT_MAX);
        }

        number = (uint32_t) n;
    }

    if (level[0] == 'k') {
        limits->key = number;

    } else {
        limits->uid = number;
    }

    return NGX_OK;
}


/* "" for what is no string. */

static const char *
ngx_spocr_field_string(const ngx_spocr_value_t *value)
{
    return value->type == NGX_SPOCR_STRING ? (const char *) value->text.data
                                           : "";
}


static ngx_int_t
ngx_spocr_field_key_status(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    const char  *text;

    text = ngx_spocr_field_string(value);

    if (strcmp(text, "active") == 0) {
        return NGX_OK;
    }

    if (strcmp(text, "disabled") == 0) {
        fields->flags |= NGX_SPOCR_KEY_DISABLED;
        return NGX_OK;
    }

    if (strcmp(text, "revoked") == 0) {
        fields->flags |= NGX_SPOCR_KEY_REVOKED;
        return NGX_OK;
    }

    return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be \"active\", "
                                "\"disabled\" or \"revoked\"", name);
}


static ngx_int_t
ngx_spocr_field_tenant_status(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    const char  *text;

    text = ngx_spocr_field_string(value);

    if (strcmp(text, "active") == 0) {
        return NGX_OK;
    }

    if (strcmp(text, "disabled") == 0) {
        fields->flags |= NGX_SPOCR_KEY_DISABLED;
        return NGX_OK;
    }

    return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be \"active\" or "
                                "\"disabled\"", name);
}


static ngx_int_t
ngx_spocr_field_expires(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    int64_t  seconds;

    seconds = 0;

    if (ngx_spocr_field_date(fields, name, value, &seconds) != NGX_OK) {
        return NGX_ERROR;
    }

    /* 0 would be "never"; the year 9999 takes 38 of the 56 bits */

    fields->key.expires = (seconds > 0) ? seconds & 0x3fffffffff : 1;

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_created(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    int64_t  seconds;

    return ngx_spocr_field_date(fields, name, value, &seconds);
}


static ngx_int_t
ngx_spocr_field_date(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value, int64_t *seconds)
{
    if (value->type != NGX_SPOCR_STRING
        || ngx_spocr_time_parse(value->text.data, value->text.len, seconds)
           != NGX_OK)
    {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be a date and "
                                    "time such as \"2027-01-01T00:00:00Z\"",
                                    name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_rotated(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    ngx_str_t  id;

    return ngx_spocr_field_name(fields, name, value, &id);
}


/* The operators' own: kept, never read. */

static ngx_int_t
ngx_spocr_field_meta(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    if (value->type != NGX_SPOCR_OBJECT) {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be an object",
                                    name);
    }

    if (value->size > NGX_SPOCR_META_MAX) {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" has more than %d "
                                    "bytes", name, NGX_SPOCR_META_MAX);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_plan(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    ngx_str_t  str;

    if (ngx_spocr_field_name(fields, name, value, &str) != NGX_OK) {
        return NGX_ERROR;
    }

    fields->plan = ngx_spocr_keys_plan(fields->entry->keys, &str);

    if (fields->plan == NULL) {
        return ngx_spocr_entry_fail(fields->entry, "out of memory");
    }

    if (fields->plan->line == 0) {
        fields->plan->line = (uint32_t) fields->entry->line;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_field_name(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value, ngx_str_t *str)
{
    const char  *quote;

    if (value->type != NGX_SPOCR_STRING
        || !ngx_spocr_field_name_ok(&value->text))
    {
        quote = (strchr(name, ' ') != NULL) ? "" : "\"";

        return ngx_spocr_entry_fail(fields->entry, "%s%s%s must be "
                                    NGX_SPOCR_NAME_RULE, quote, name, quote);
    }

    *str = value->text;

    return NGX_OK;
}


/* A name that could not be added: too many of them, or no memory. */

static ngx_int_t
ngx_spocr_field_names_full(ngx_spocr_fields_t *fields, const ngx_str_t *last,
    const char *what)
{
    if (last == NULL) {
        return ngx_spocr_entry_fail(fields->entry, "out of memory");
    }

    return ngx_spocr_entry_fail(fields->entry, "more than %d different %s in "
                                "the file", NGX_SPOCR_NAMES_MAX, what);
}
