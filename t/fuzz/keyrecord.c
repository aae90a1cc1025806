
/*
 * Records as Redis has them (C-11; contract, sections 4 and 5), and notices of
 * them.  Property: any text is refused, with words that tell no key's text;
 * or it is taken, jansson takes it too, a second reading of each known field
 * finds nothing wrong, and the record says what the text says, in one block of
 * the size that it tells.  What that second reading takes is not refused.
 *
 * Inputs have at most 700 bytes.
 */

#include "fuzz.h"
#include <malloc.h>
#include <strings.h>
#include <openssl/sha.h>
#include "keys_reference.h"
#include "ngx_spocr_keyrecord.h"


static ngx_spocr_keys_t       *names;
static ngx_spocr_digest_t     *digests;
static ngx_spocr_keyreader_t  *reader;


static void *
heap(void *data, size_t size)
{
    return malloc(size);
}


static void
begin(void)
{
    ngx_str_t  s;

    names = ngx_spocr_keys_create(heap, NULL);

    ngx_str_set(&s, "ocr");
    (void) ngx_spocr_keys_scope(names, &s);
    ngx_str_set(&s, "upload");
    (void) ngx_spocr_keys_scope(names, &s);
    (void) ngx_spocr_keys_limit_name(names, &s);

    digests = ngx_spocr_digest_create();
    reader = ngx_spocr_keyreader_create(names, digests);
    property(reader != NULL, "no reader");

    scopes.names[0] = "ocr";
    scopes.names[1] = "upload";
    scopes.n = 2;
    scopes.closed = 1;

    limit_names.names[0] = "upload";
    limit_names.n = 1;
    limit_names.closed = 1;

    in_record = 1;
}


static int
same(const ngx_str_t *s, const json_t *json)
{
    return json_is_string(json) && json_string_length(json) == s->len
           && memcmp(json_string_value(json), s->data, s->len) == 0;
}


/* What a record names next, and its digest. */

static void
next_is(const ngx_spocr_keyrecord_t *record, const json_t *json,
    ngx_spocr_keyrecord_e kind)
{
    u_char  digest[32];

    if (json == NULL) {
        property(record->next.name.len == 0, "a next one that is none");
        return;
    }

    SHA256((const u_char *) json_string_value(json), json_string_length(json),
           digest);
    property(record->next.kind == kind && same(&record->next.name, json)
             && memcmp(record->next.digest, digest, 32) == 0, "the next one");
}


static void
limits_are(const ngx_spocr_limits_set_t *set, const json_t *json)
{
    uint32_t               i;
    const json_t          *named;
    ngx_spocr_limits_t     main = { 0, 0 }, upload = { 0, 0 };

    if (set) {
        main = set->main;
        property(set->nnamed <= 1, "%u names", set->nnamed);
    }

    for (i = 0; set && i < set->nnamed; i++) {
        property(set->named[i].name == 1, "name %u", set->named[i].name);
        upload = set->named[i].limits;
    }

    property(main.key == limit_of(json, "default", "key")
             && main.uid == limit_of(json, "default", "uid"), "limits");

    named = json_object_get(json_object_get(json, "limits"), "upload");
    property(upload.key == (named ? limit_of(json, "upload", "key") : 0)
             && upload.uid == (named ? limit_of(json, "upload", "uid") : 0),
             "limits of uploads");
}


static int
reference(json_t *json, const ngx_spocr_keyrecord_id_t *id, ref_key_t *ref)
{
    switch (id->kind) {

    case NGX_SPOCR_KEYRECORD_KEY:
        return key_ok(json, ref);

    case NGX_SPOCR_KEYRECORD_TENANT:
        return tenant_ok(json, "u_1", &ref->flags);

    default:
        return plan_ok(json, "pro");
    }
}


static void
record_is(const ngx_spocr_keyrecord_t *record,
    const ngx_spocr_keyrecord_id_t *id, const json_t *json,
    const ref_key_t *ref)
{
    u_char                  counter[NGX_SPOCR_COUNTER_ID_LEN];
    const ngx_spocr_key_t  *key;

    property(record->refs == 1
             && record->size <= malloc_usable_size((void *) record), "size");

    switch (id->kind) {

    case NGX_SPOCR_KEYRECORD_KEY:
        key = &record->of.key;
        property(same(&key->id, json_object_get(json, "id"))
                 && memcmp(key->digest, id->digest, 32) == 0, "id");
        property(key->flags == ref->flags && key->expires == ref->expires
                 && key->scopes == ref->scopes, "flags %x", key->flags);
        property(ngx_spocr_key_counter(digests, &key->id, counter) == NGX_OK
                 && memcmp(key->counter, counter, sizeof(counter)) == 0,
                 "counter");
        limits_are(key->limits, json);
        next_is(record, json_object_get(json, "uid"),
                NGX_SPOCR_KEYRECORD_TENANT);
        break;

    case NGX_SPOCR_KEYRECORD_TENANT:
        property(record->of.tenant.flags == ref->flags
                 && record->of.tenant.uid.len == 3
                 && memcmp(record->of.tenant.uid.data, "u_1", 3) == 0,
                 "tenant");
        limits_are(record->of.tenant.limits, json);
        next_is(record, json_object_get(json, "plan"),
                NGX_SPOCR_KEYRECORD_PLAN);
        break;

    default:
        property(record->of.plan.name.len == 3, "plan");
        limits_are(record->of.plan.limits, json);
        next_is(record, NULL, NGX_SPOCR_KEYRECORD_PLAN);
    }
}


/* A notice: the record's own name is understood, and tells its hash. */

static void
notice(const u_char *data, size_t size, const ngx_spocr_keyrecord_id_t *id)
{
    u_char       name[NGX_SPOCR_KEYRECORD_NAME_MAX];
    char         copy[80];
    uint32_t     hash;
    ngx_int_t    rc;
    ngx_str_t    text;
    int          expected;
    u_char       digest[32];
    json_t      *hex;

    text.data = name;
    text.len = (size_t) (ngx_spocr_keyrecord_name(id, name) - name);
    property(ngx_spocr_keyrecord_notice(&text, &hash) == NGX_OK
             && hash == ngx_spocr_keyrecord_hash(id), "its own name");

    text.data = (u_char *) data;
    text.len = size;
    rc = ngx_spocr_keyrecord_notice(&text, &hash);
    expected = 0;

    if (size < sizeof(copy) && (size == 0 || !memchr(data, '\0', size))) {
        memcpy(copy, data, size);
        copy[size] = '\0';

        if (strncmp(copy, "plan:", 5) == 0) {
            expected = name_ok(copy + 5)
                       || (strncmp(copy + 5, "spocr_", 6) == 0
                           && size <= 5 + 64
                           && strspn(copy + 5, "0123456789.:@_-"
                                     "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
                              == size - 5);

        } else if (strncmp(copy, "key:", 4) == 0
                   || strncmp(copy, "tenant:", 7) == 0)
        {
            hex = json_string(strchr(copy, ':') + 1);
            expected = hex && digest_ok(hex, digest);
            json_decref(hex);
        }
    }

    property((rc == NGX_OK) == expected, "notice: %d", (int) rc);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                         ok;
    json_t                     *json;
    ngx_str_t                   text;
    ref_key_t                   ref;
    ngx_spocr_keyrecord_t      *record;
    ngx_spocr_keyrecord_id_t    id;
    ngx_spocr_keyfile_error_t   err;

    if (size == 0) {
        return 0;
    }

    if (reader == NULL) {
        begin();
    }

    memset(&id, 0, sizeof(id));
    memset(&ref, 0, sizeof(ref));
    memset(id.digest, 0x11, sizeof(id.digest));
    id.kind = data[0] % NGX_SPOCR_KEYRECORD_KINDS;

    if (id.kind == NGX_SPOCR_KEYRECORD_TENANT) {
        ngx_str_set(&id.name, "u_1");

    } else if (id.kind == NGX_SPOCR_KEYRECORD_PLAN) {
        ngx_str_set(&id.name, "pro");
    }

    text.data = (u_char *) data + 1;
    text.len = size - 1;

    if (data[0] & 0x80) {
        notice(text.data, text.len, &id);
        return 0;
    }

    record = ngx_spocr_keyrecord_parse(reader, &id, &text, &err);

    /* jansson passes over a NUL behind a number */

    json = memchr(text.data, '\0', text.len)
           ? NULL : json_loadb((const char *) text.data, text.len,
                               JSON_REJECT_DUPLICATES, NULL);
    ok = json != NULL && reference(json, &id, &ref);

    if (record) {
        property(ok, "a record that is wrong");
        property(record->unknown == (err.text[0] != '\0'), "unknown fields");
        record_is(record, &id, json, &ref);

        if (record->unknown) {
            (void) told(&err);
        }

        property(ngx_spocr_keyrecord_ref(record) == record
                 && record->refs == 2, "references");
        ngx_spocr_keyrecord_unref(record);
        ngx_spocr_keyrecord_unref(record);

    } else {
        property(told(&err) || !ok, "refused: %s", err.text);
    }

    json_decref(json);

    return 0;
}
