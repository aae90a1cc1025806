
/*
 * The field "limits" of a plan, a tenant and a key.
 *
 * Called by ngx_spocr_keyfile_fields.c.
 *
 * Invariant: a limit that is stored is UNSET, NONE, or a number of requests
 * that a counter can hold.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile_fields.h"


static ngx_int_t ngx_spocr_field_named(ngx_spocr_fields_t *fields,
    const ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_level(ngx_spocr_fields_t *fields,
    const char *limit, const char *level, ngx_spocr_value_t *value,
    ngx_spocr_limits_t *limits);


ngx_int_t
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
    char                       where[NGX_SPOCR_NAME_LEN_MAX + 16];
    ngx_int_t                  n, rc;
    const char                *name, *level;
    ngx_spocr_keys_t          *keys;
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

    keys = fields->entry->keys;

    n = fields->entry->record
        ? ngx_spocr_keys_limit_name_find(keys, &value->name)
        : ngx_spocr_keys_limit_name(keys, &value->name);

    if (n < 0 && fields->entry->record) {
        return NGX_OK;          /* which no location uses */
    }

    if (value->type != NGX_SPOCR_OBJECT) {
        return ngx_spocr_entry_fail(fields->entry, "limits: %s must be an "
                                    "object", quoted);
    }

    if (n < 0) {
        return ngx_spocr_field_names_full(fields,
                       ngx_spocr_keys_limit_name_at(keys,
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
            snprintf(where, sizeof(where), "limits.%s: ", name);
            rc = ngx_spocr_field_unknown(fields, where, &limit->name);

        } else {
            rc = ngx_spocr_field_level(fields, path, level, limit,
                                       &named->limits);
        }

        if (rc != NGX_OK) {
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


ngx_int_t
ngx_spocr_field_names_full(ngx_spocr_fields_t *fields, const ngx_str_t *last,
    const char *what)
{
    if (last == NULL) {
        return ngx_spocr_entry_fail(fields->entry, "out of memory");
    }

    return ngx_spocr_entry_fail(fields->entry, "more than %d different %s in "
                                "the file", NGX_SPOCR_NAMES_MAX, what);
}
