
/*
 * What may stand in a plan, a tenant and a key, and what each field means.
 *
 * Called by ngx_spocr_keyfile_entry.c and ngx_spocr_keyrecord.c.
 *
 * Invariant: what is not in a table is refused in a file, and has no effect in
 * Redis; no value is repeated in a message unless it went through
 * ngx_spocr_entry_quote().
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile_fields.h"


static ngx_spocr_value_t *ngx_spocr_fields_object(ngx_spocr_fields_t *fields,
    u_char *text, size_t len);

static ngx_int_t ngx_spocr_field_version(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_field_self(ngx_spocr_fields_t *fields,
    const char *name, ngx_spocr_value_t *value);
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


const ngx_spocr_field_t  ngx_spocr_key_fields[] = {
    { "version",      ngx_spocr_field_version,        NGX_SPOCR_IN_RECORD, 0 },
    { "id",           ngx_spocr_field_id,             NGX_SPOCR_IN_BOTH,   1 },
    { "sha256",       ngx_spocr_field_digest,         NGX_SPOCR_IN_FILE,   1 },
    { "uid",          ngx_spocr_field_uid,            NGX_SPOCR_IN_BOTH,   1 },
    { "name",         ngx_spocr_field_text,           NGX_SPOCR_IN_BOTH,   0 },
    { "scopes",       ngx_spocr_field_scopes,         NGX_SPOCR_IN_BOTH,   0 },
    { "limits",       ngx_spocr_field_limits,         NGX_SPOCR_IN_BOTH,   0 },
    { "status",       ngx_spocr_field_key_status,     NGX_SPOCR_IN_BOTH,   0 },
    { "expiresAt",    ngx_spocr_field_expires,        NGX_SPOCR_IN_BOTH,   0 },
    { "createdAt",    ngx_spocr_field_created,        NGX_SPOCR_IN_BOTH,   0 },
    { "rotatedFrom",  ngx_spocr_field_rotated,        NGX_SPOCR_IN_BOTH,   0 },
    { "meta",         ngx_spocr_field_meta,           NGX_SPOCR_IN_BOTH,   0 },
    { NULL, NULL, 0, 0 }
};


const ngx_spocr_field_t  ngx_spocr_tenant_fields[] = {
    { "version",      ngx_spocr_field_version,        NGX_SPOCR_IN_RECORD, 0 },
    { "uid",          ngx_spocr_field_self,           NGX_SPOCR_IN_RECORD, 0 },
    { "plan",         ngx_spocr_field_plan,           NGX_SPOCR_IN_BOTH,   0 },
    { "limits",       ngx_spocr_field_limits,         NGX_SPOCR_IN_BOTH,   0 },
    { "status",       ngx_spocr_field_tenant_status,  NGX_SPOCR_IN_BOTH,   0 },
    { NULL, NULL, 0, 0 }
};


const ngx_spocr_field_t  ngx_spocr_plan_fields[] = {
    { "version",      ngx_spocr_field_version,        NGX_SPOCR_IN_RECORD, 0 },
    { "name",         ngx_spocr_field_self,           NGX_SPOCR_IN_RECORD, 0 },
    { "limits",       ngx_spocr_field_limits,         NGX_SPOCR_IN_BOTH,   0 },
    { NULL, NULL, 0, 0 }
};


void
ngx_spocr_fields_init(ngx_spocr_fields_t *fields, ngx_spocr_entry_t *entry)
{
    memset(fields, 0, offsetof(ngx_spocr_fields_t, named));

    fields->entry = entry;
    fields->limits.named = fields->named;
}


ngx_int_t
ngx_spocr_fields_read(ngx_spocr_fields_t *fields,
    const ngx_spocr_field_t *known, u_char *text, size_t len)
{
    unsigned                  here;
    ngx_int_t                 rc;
    ngx_spocr_value_t        *object, *value;
    const ngx_spocr_field_t  *field;

    object = ngx_spocr_fields_object(fields, text, len);
    if (object == NULL) {
        return NGX_ERROR;
    }

    here = fields->entry->record ? NGX_SPOCR_IN_RECORD : NGX_SPOCR_IN_FILE;

    for (value = object->child; value; value = value->next) {

        for (field = known; field->name; field++) {
            if ((field->in & here)
                && strcmp(field->name, (char *) value->name.data) == 0)
            {
                break;
            }
        }

        rc = field->name ? field->set(fields, field->name, value)
                         : ngx_spocr_field_unknown(fields, "", &value->name);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (field = known; field->name; field++) {
        if (field->required
            && (field->in & here)
            && ngx_spocr_value_member(object, field->name) == NULL)
        {
            return ngx_spocr_entry_fail(fields->entry, "\"%s\" is missing",
                                        field->name);
        }
    }

    return NGX_OK;
}


static ngx_spocr_value_t *
ngx_spocr_fields_object(ngx_spocr_fields_t *fields, u_char *text, size_t len)
{
    char                 quoted[NGX_SPOCR_QUOTE_MAX];
    ngx_spocr_entry_t   *entry;
    ngx_spocr_value_t   *object, *id;
    ngx_spocr_parser_t  *parser;

    entry = fields->entry;
    parser = entry->parser;

    object = ngx_spocr_value_parse(parser, text, len, entry->line);

    if (object == NULL) {
        entry->line = parser->line;

        if (parser->twice.data) {
            ngx_spocr_entry_quote(quoted, &parser->twice);
            (void) ngx_spocr_entry_fail(entry, "field %s stands twice",
                                        quoted);
        } else {
            (void) ngx_spocr_entry_fail(entry, "%s", parser->error);
        }

        return NULL;
    }

    if (object->type != NGX_SPOCR_OBJECT) {
        (void) ngx_spocr_entry_fail(entry, "must be an object");
        return NULL;
    }

    id = fields->in_key ? ngx_spocr_value_member(object, "id") : NULL;

    if (id && id->type == NGX_SPOCR_STRING
        && ngx_spocr_field_name_ok(&id->text))
    {
        entry->id = id->text;
    }

    return object;
}


/*
 * A newer release may have written the record: what it means by the field is
 * not known here, and no reason to refuse the key.
 */

ngx_int_t
ngx_spocr_field_unknown(ngx_spocr_fields_t *fields, const char *where,
    const ngx_str_t *name)
{
    char  quoted[NGX_SPOCR_QUOTE_MAX];

    ngx_spocr_entry_quote(quoted, name);

    (void) ngx_spocr_entry_fail(fields->entry, "%sunknown field %s", where,
                                quoted);

    if (fields->entry->record) {
        fields->entry->unknown = 1;
        return NGX_OK;
    }

    return NGX_ERROR;
}


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
ngx_spocr_field_version(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    if (value->type != NGX_SPOCR_INTEGER
        || value->integer != NGX_SPOCR_KEYFILE_VERSION)
    {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be %d", name,
                                    NGX_SPOCR_KEYFILE_VERSION);
    }

    return NGX_OK;
}


/* The record's own name: one that was stored under another's is wrong. */

static ngx_int_t
ngx_spocr_field_self(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value)
{
    if (value->type != NGX_SPOCR_STRING
        || value->text.len != fields->self->len
        || memcmp(value->text.data, fields->self->data, value->text.len) != 0)
    {
        return ngx_spocr_entry_fail(fields->entry, "\"%s\" must be the one "
                                    "that the record is stored under", name);
    }

    return NGX_OK;
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
    return ngx_spocr_field_name(fields, name, value, &fields->uid);
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

        if (fields->entry->record) {
            n = ngx_spocr_keys_scope_find(fields->entry->keys, &str);

            if (n < 0) {
                continue;       /* which no location asks for */
            }

        } else {
            n = ngx_spocr_keys_scope(fields->entry->keys, &str);
        }

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
    return ngx_spocr_field_name(fields, name, value, &fields->plan);
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
