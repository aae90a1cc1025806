
/*
 * Records of Redis: JSON to a record, records to a key, names of records.
 *
 * Called by the lookup of keys for what Redis answers, and by the subscriber
 * for what it hears.
 *
 * Invariant: the text is untrusted.  It becomes a record as a whole or not at
 * all, and a record is one block of memory that nobody changes.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyrecord.h"
#include "ngx_spocr_keyfile_entry.h"
#include "ngx_spocr_keyfile_fields.h"
#include "ngx_spocr_keyfile_json.h"


#define NGX_SPOCR_FNV_BASIS  0x811c9dc5
#define NGX_SPOCR_FNV_PRIME  0x01000193


struct ngx_spocr_keyreader_s {
    ngx_spocr_keys_t     *names;
    ngx_spocr_digest_t   *digest;
    ngx_spocr_parser_t    parser;
    u_char                text[NGX_SPOCR_KEYFILE_ENTRY_MAX];
};


static ngx_spocr_keyrecord_t *ngx_spocr_keyrecord_make(
    ngx_spocr_keyreader_t *reader, const ngx_spocr_keyrecord_id_t *id,
    const ngx_spocr_fields_t *fields);
static ngx_spocr_keyrecord_t *ngx_spocr_keyrecord_alloc(size_t names,
    const ngx_spocr_limits_set_t *set, const ngx_spocr_limits_set_t **limits,
    u_char **text);
static ngx_int_t ngx_spocr_keyrecord_next(ngx_spocr_keyreader_t *reader,
    ngx_spocr_keyrecord_t *record, ngx_spocr_keyrecord_e kind,
    const ngx_str_t *name, u_char *text);
static uint32_t ngx_spocr_keyrecord_hash_digest(const u_char *digest);
static uint32_t ngx_spocr_keyrecord_hash_name(const ngx_str_t *name);


static const ngx_str_t  ngx_spocr_keyrecord_prefixes[] = {
    ngx_string("key:"),
    ngx_string("tenant:"),
    ngx_string("plan:")
};


ngx_spocr_keyreader_t *
ngx_spocr_keyreader_create(ngx_spocr_keys_t *names, ngx_spocr_digest_t *digest)
{
    ngx_spocr_keyreader_t  *reader;

    reader = malloc(sizeof(ngx_spocr_keyreader_t));

    if (reader != NULL) {
        reader->names = names;
        reader->digest = digest;
    }

    return reader;
}


void
ngx_spocr_keyreader_destroy(ngx_spocr_keyreader_t *reader)
{
    free(reader);
}


ngx_spocr_keyrecord_t *
ngx_spocr_keyrecord_parse(ngx_spocr_keyreader_t *reader,
    const ngx_spocr_keyrecord_id_t *id, const ngx_str_t *text,
    ngx_spocr_keyfile_error_t *err)
{
    ngx_spocr_entry_t        entry;
    ngx_spocr_fields_t       fields;
    ngx_spocr_keyrecord_t   *record;
    const ngx_spocr_field_t *known;

    memset(err, 0, sizeof(ngx_spocr_keyfile_error_t));
    memset(&entry, 0, sizeof(ngx_spocr_entry_t));

    entry.keys = reader->names;
    entry.parser = &reader->parser;
    entry.err = err;
    entry.record = 1;

    if (text->len > NGX_SPOCR_KEYFILE_ENTRY_MAX) {
        (void) ngx_spocr_entry_fail(&entry, "more than %d bytes",
                                    NGX_SPOCR_KEYFILE_ENTRY_MAX);
        return NULL;
    }

    memcpy(reader->text, text->data, text->len);

    ngx_spocr_fields_init(&fields, &entry);
    fields.self = &id->name;

    switch (id->kind) {

    case NGX_SPOCR_KEYRECORD_KEY:
        known = ngx_spocr_key_fields;
        fields.in_key = 1;
        fields.flags = NGX_SPOCR_KEY_ALL_SCOPES;
        break;

    case NGX_SPOCR_KEYRECORD_TENANT:
        known = ngx_spocr_tenant_fields;
        break;

    default: /* NGX_SPOCR_KEYRECORD_PLAN */
        known = ngx_spocr_plan_fields;
    }

    if (ngx_spocr_fields_read(&fields, known, reader->text, text->len)
        != NGX_OK)
    {
        return NULL;
    }

    record = ngx_spocr_keyrecord_make(reader, id, &fields);

    if (record == NULL) {
        (void) ngx_spocr_entry_fail(&entry, "out of memory");
        return NULL;
    }

    record->unknown = entry.unknown;

    return record;
}


static ngx_spocr_keyrecord_t *
ngx_spocr_keyrecord_make(ngx_spocr_keyreader_t *reader,
    const ngx_spocr_keyrecord_id_t *id, const ngx_spocr_fields_t *fields)
{
    u_char                         *text;
    ngx_int_t                       rc;
    ngx_str_t                       self;
    ngx_spocr_key_t                *key;
    ngx_spocr_tenant_t             *tenant;
    ngx_spocr_keyrecord_t          *record;
    const ngx_spocr_limits_set_t   *limits;

    self = (id->kind == NGX_SPOCR_KEYRECORD_KEY) ? fields->key.id : id->name;

    record = ngx_spocr_keyrecord_alloc(self.len + fields->uid.len
                                       + fields->plan.len,
                                       &fields->limits, &limits, &text);
    if (record == NULL) {
        return NULL;
    }

    memcpy(text, self.data, self.len);
    self.data = text;
    text += self.len;

    rc = NGX_OK;

    switch (id->kind) {

    case NGX_SPOCR_KEYRECORD_KEY:
        key = &record->of.key;

        *key = fields->key;
        memcpy(key->digest, id->digest, NGX_SPOCR_DIGEST_LEN);
        key->id = self;
        key->limits = limits;
        key->flags = fields->flags;

        if (ngx_spocr_key_counter(reader->digest, &self, key->counter)
            != NGX_OK)
        {
            rc = NGX_ERROR;
            break;
        }

        rc = ngx_spocr_keyrecord_next(reader, record,
                                      NGX_SPOCR_KEYRECORD_TENANT,
                                      &fields->uid, text);
        break;

    case NGX_SPOCR_KEYRECORD_TENANT:
        tenant = &record->of.tenant;

        memcpy(tenant->counter, id->digest, NGX_SPOCR_COUNTER_ID_LEN);
        tenant->uid = self;
        tenant->limits = limits;
        tenant->flags = fields->flags;
        tenant->defined = 1;

        rc = ngx_spocr_keyrecord_next(reader, record, NGX_SPOCR_KEYRECORD_PLAN,
                                      &fields->plan, text);
        break;

    default: /* NGX_SPOCR_KEYRECORD_PLAN */
        record->of.plan.name = self;
        record->of.plan.limits = limits;
        record->of.plan.defined = 1;
    }

    if (rc != NGX_OK) {
        free(record);
        return NULL;
    }

    return record;
}


/* One block: the record, its limits, and room for names bytes of text. */

static ngx_spocr_keyrecord_t *
ngx_spocr_keyrecord_alloc(size_t names, const ngx_spocr_limits_set_t *set,
    const ngx_spocr_limits_set_t **limits, u_char **text)
{
    size_t                   size, named;
    u_char                  *p;
    ngx_uint_t               some;
    ngx_spocr_keyrecord_t   *record;
    ngx_spocr_limits_set_t  *copy;

    some = set->main.key || set->main.uid || set->nnamed;
    named = set->nnamed * sizeof(ngx_spocr_limits_named_t);

    size = sizeof(ngx_spocr_keyrecord_t)
           + (some ? sizeof(ngx_spocr_limits_set_t) + named : 0) + names;

    p = malloc(size);
    if (p == NULL) {
        return NULL;
    }

    record = (ngx_spocr_keyrecord_t *) p;
    p += sizeof(ngx_spocr_keyrecord_t);

    memset(record, 0, sizeof(ngx_spocr_keyrecord_t));
    record->refs = 1;
    record->size = size;

    *limits = NULL;

    if (some) {
        copy = (ngx_spocr_limits_set_t *) p;
        p += sizeof(ngx_spocr_limits_set_t);

        *copy = *set;
        copy->named = (ngx_spocr_limits_named_t *) p;
        memcpy(p, set->named, named);
        p += named;

        *limits = copy;
    }

    *text = p;

    return record;
}


static ngx_int_t
ngx_spocr_keyrecord_next(ngx_spocr_keyreader_t *reader,
    ngx_spocr_keyrecord_t *record, ngx_spocr_keyrecord_e kind,
    const ngx_str_t *name, u_char *text)
{
    ngx_spocr_keyrecord_id_t  *next;

    if (name->len == 0) {
        return NGX_OK;
    }

    next = &record->next;

    memcpy(text, name->data, name->len);

    next->kind = kind;
    next->name.data = text;
    next->name.len = name->len;

    return ngx_spocr_digest(reader->digest, text, name->len, next->digest);
}


ngx_spocr_keyrecord_t *
ngx_spocr_keyrecord_ref(ngx_spocr_keyrecord_t *record)
{
    if (record != NULL) {
        record->refs++;
    }

    return record;
}


void
ngx_spocr_keyrecord_unref(ngx_spocr_keyrecord_t *record)
{
    if (record != NULL && --record->refs == 0) {
        free(record);
    }
}


void
ngx_spocr_identity_join(ngx_spocr_identity_t *identity)
{
    ngx_spocr_keyrecord_t  *key, *tenant, *plan;

    key = identity->records[NGX_SPOCR_KEYRECORD_KEY];
    tenant = identity->records[NGX_SPOCR_KEYRECORD_TENANT];
    plan = identity->records[NGX_SPOCR_KEYRECORD_PLAN];

    identity->key = key->of.key;
    identity->key.tenant = &identity->tenant;

    if (tenant != NULL) {
        identity->tenant = tenant->of.tenant;

    } else {
        memset(&identity->tenant, 0, sizeof(ngx_spocr_tenant_t));
        memcpy(identity->tenant.counter, key->next.digest,
               NGX_SPOCR_COUNTER_ID_LEN);
        identity->tenant.uid = key->next.name;
    }

    if (plan != NULL) {
        identity->plan = plan->of.plan;
        identity->tenant.plan = &identity->plan;
    }
}


void
ngx_spocr_identity_release(ngx_spocr_identity_t *identity)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_SPOCR_KEYRECORD_KINDS; i++) {
        ngx_spocr_keyrecord_unref(identity->records[i]);
        identity->records[i] = NULL;
    }
}


u_char *
ngx_spocr_keyrecord_name(const ngx_spocr_keyrecord_id_t *id, u_char *dst)
{
    const ngx_str_t  *prefix;

    prefix = &ngx_spocr_keyrecord_prefixes[id->kind];

    memcpy(dst, prefix->data, prefix->len);
    dst += prefix->len;

    if (id->kind == NGX_SPOCR_KEYRECORD_PLAN) {
        memcpy(dst, id->name.data, id->name.len);
        return dst + id->name.len;
    }

    ngx_spocr_digest_text(id->digest, dst);

    return dst + 2 * NGX_SPOCR_DIGEST_LEN;
}


uint32_t
ngx_spocr_keyrecord_hash(const ngx_spocr_keyrecord_id_t *id)
{
    return id->kind == NGX_SPOCR_KEYRECORD_PLAN
           ? ngx_spocr_keyrecord_hash_name(&id->name)
           : ngx_spocr_keyrecord_hash_digest(id->digest);
}


ngx_int_t
ngx_spocr_keyrecord_notice(const ngx_str_t *text, uint32_t *hash)
{
    u_char            digest[NGX_SPOCR_DIGEST_LEN];
    ngx_str_t         name;
    ngx_uint_t        kind;
    const ngx_str_t  *prefix;

    for (kind = 0; kind < NGX_SPOCR_KEYRECORD_KINDS; kind++) {
        prefix = &ngx_spocr_keyrecord_prefixes[kind];

        if (text->len >= prefix->len
            && memcmp(text->data, prefix->data, prefix->len) == 0)
        {
            break;
        }
    }

    if (kind == NGX_SPOCR_KEYRECORD_KINDS) {
        return NGX_DECLINED;
    }

    name.data = text->data + prefix->len;
    name.len = text->len - prefix->len;

    if (kind == NGX_SPOCR_KEYRECORD_PLAN) {
        if (!ngx_spocr_name_ok(name.data, name.len)) {
            return NGX_DECLINED;
        }

        *hash = ngx_spocr_keyrecord_hash_name(&name);
        return NGX_OK;
    }

    if (ngx_spocr_digest_parse(name.data, name.len, digest) != NGX_OK) {
        return NGX_DECLINED;
    }

    *hash = ngx_spocr_keyrecord_hash_digest(digest);

    return NGX_OK;
}


static uint32_t
ngx_spocr_keyrecord_hash_digest(const u_char *digest)
{
    return (uint32_t) digest[0] << 24 | (uint32_t) digest[1] << 16
           | (uint32_t) digest[2] << 8 | (uint32_t) digest[3];
}


/* FNV-1a */

static uint32_t
ngx_spocr_keyrecord_hash_name(const ngx_str_t *name)
{
    size_t    i;
    uint32_t  hash;

    hash = NGX_SPOCR_FNV_BASIS;

    for (i = 0; i < name->len; i++) {
        hash = (hash ^ name->data[i]) * NGX_SPOCR_FNV_PRIME;
    }

    return hash;
}
