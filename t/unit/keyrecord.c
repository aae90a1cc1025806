
/*
 * Records of Redis: contract sections 4 and 5 (unknown fields, wrong shapes),
 * C-7, C-10, C-13.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyrecord.h"
#include "tap.h"


static ngx_spocr_keys_t          *names;
static ngx_spocr_digest_t        *digest;
static ngx_spocr_keyreader_t     *reader;
static ngx_spocr_keyfile_error_t  err;


static void *
heap_alloc(void *data, size_t size)
{
    static void   *blocks[64];
    static size_t  count;

    (void) data;

    if (size == 0) {
        while (count) {
            free(blocks[--count]);
        }

        return NULL;
    }

    return blocks[count++] = malloc(size);
}


static ngx_str_t
str(const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = strlen(text);

    return s;
}


static int
same(const ngx_str_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}


static ngx_spocr_keyrecord_id_t
id_of(ngx_spocr_keyrecord_e kind, const char *name)
{
    ngx_spocr_keyrecord_id_t  id;

    memset(&id, 0, sizeof(id));
    id.kind = kind;
    ngx_spocr_digest(digest, (u_char *) name, strlen(name), id.digest);

    if (kind != NGX_SPOCR_KEYRECORD_KEY) {
        id.name = str(name);
    }

    return id;
}


static ngx_spocr_keyrecord_t *
parse(ngx_spocr_keyrecord_e kind, const char *name, const char *json)
{
    char                      *exact;
    ngx_str_t                  text;
    ngx_spocr_keyrecord_t     *record;
    ngx_spocr_keyrecord_id_t   id;

    id = id_of(kind, name);

    /* on the heap without a NUL, so that a sanitizer sees each overrun */
    exact = malloc(strlen(json) ? strlen(json) : 1);
    memcpy(exact, json, strlen(json));

    text.data = (u_char *) exact;
    text.len = strlen(json);

    record = ngx_spocr_keyrecord_parse(reader, &id, &text, &err);

    free(exact);

    return record;
}


/* One that is as it should be, or no test makes sense. */

static ngx_spocr_keyrecord_t *
good(ngx_spocr_keyrecord_e kind, const char *name, const char *json)
{
    ngx_spocr_keyrecord_t  *record;

    record = parse(kind, name, json);

    if (record == NULL) {
        ok(0, "%s: %s", json, err.text);
        exit(1);
    }

    return record;
}


static void
test_key(void)
{
    ngx_spocr_key_t           *key;
    ngx_spocr_keyrecord_t     *record;
    ngx_spocr_keyrecord_id_t   id;

    record = good(NGX_SPOCR_KEYRECORD_KEY, "spocr_a",
                  "{\"id\":\"key_1\",\"uid\":\"u_acme\"}");
    is_str((char *) err.text, "", "no word about it");
    is_int(record->refs, 1, "one reference");
    ok(!record->unknown, "nothing unknown");

    id = id_of(NGX_SPOCR_KEYRECORD_KEY, "spocr_a");
    key = &record->of.key;
    ok(memcmp(key->digest, id.digest, NGX_SPOCR_DIGEST_LEN) == 0, "digest");
    ok(same(&key->id, "key_1"), "id");
    is_int(key->flags, NGX_SPOCR_KEY_ALL_SCOPES, "active, all scopes");
    is_int(key->expires, 0, "never expires");
    ok(key->limits == NULL, "no limits");

    id = id_of(NGX_SPOCR_KEYRECORD_TENANT, "u_acme");
    ok(record->next.kind == NGX_SPOCR_KEYRECORD_TENANT
       && same(&record->next.name, "u_acme")
       && memcmp(record->next.digest, id.digest, NGX_SPOCR_DIGEST_LEN) == 0,
       "names its tenant");

    ngx_spocr_keyrecord_unref(record);

    record = good(NGX_SPOCR_KEYRECORD_KEY, "spocr_a",
                  "{\"version\":1,\"id\":\"key_1\",\"uid\":\"u_acme\","
                  "\"name\":\"n\",\"scopes\":[\"read\",\"other\"],"
                  "\"limits\":{\"key\":7,\"upload\":{\"key\":8},"
                  "\"elsewhere\":{\"key\":9,\"x\":1}},"
                  "\"status\":\"revoked\","
                  "\"expiresAt\":\"2027-01-01T00:00:00Z\","
                  "\"createdAt\":\"2026-01-01T00:00:00Z\","
                  "\"rotatedFrom\":\"key_0\",\"meta\":{\"a\":[1]}}");

    key = &record->of.key;
    is_int(key->flags, NGX_SPOCR_KEY_REVOKED, "revoked, some scopes");
    is_int(key->scopes, 2, "a scope that no location asks for is no matter");
    is_int(key->expires, 1798761600, "expires");
    is_int(key->limits->main.key, 7, "its limit");
    is_int(key->limits->nnamed, 1, "a limit that no location has is none");
    is_int(key->limits->named[0].name, 1, "the other one's name");
    is_int(key->limits->named[0].limits.key, 8, "and number");
    ok(!record->unknown, "names that are not used are not unknown fields");

    ngx_spocr_keyrecord_unref(record);
}


/* A newer release may have written what this one does not know. */

static void
test_unknown(void)
{
    ngx_spocr_keyrecord_t  *record;

    record = good(NGX_SPOCR_KEYRECORD_KEY, "k",
                  "{\"id\":\"key_1\",\"regions\":[\"eu\"],"
                  "\"uid\":\"u_acme\"}");
    ok(record->unknown, "an unknown field is flagged");
    is_str((char *) err.text, "unknown field \"regions\"", "and named");
    ngx_spocr_keyrecord_unref(record);

    record = good(NGX_SPOCR_KEYRECORD_KEY, "k",
                  "{\"id\":\"key_1\",\"spocr_abcdef\":1,\"uid\":\"u\"}");
    is_str((char *) err.text, "unknown field \"spocr_...\"", "but no key is");
    ngx_spocr_keyrecord_unref(record);

    record = good(NGX_SPOCR_KEYRECORD_PLAN, "pro",
                  "{\"limits\":{\"upload\":{\"burst\":3,\"key\":2}}}");
    ok(record->unknown, "also in a limit");
    is_str((char *) err.text, "limits.upload: unknown field \"burst\"",
           "with its place");
    is_int(record->of.plan.limits->named[0].limits.key, 2, "the rest is read");
    ngx_spocr_keyrecord_unref(record);

    record = good(NGX_SPOCR_KEYRECORD_KEY, "k",
                  "{\"id\":\"key_1\",\"sha256\":\"x\",\"uid\":\"u\"}");
    ok(record->unknown, "the digest is the record's name, no field");
    ngx_spocr_keyrecord_unref(record);
}


static void
test_identity(void)
{
    ngx_spocr_limits_t       limits;
    ngx_spocr_identity_t     identity;
    ngx_spocr_keyrecord_t   *key, *tenant, *plan;
    static const ngx_spocr_limits_t  directive = { 60, 600 };

    memset(&identity, 0xa5, sizeof(identity));

    key = good(NGX_SPOCR_KEYRECORD_KEY, "k",
               "{\"id\":\"key_1\",\"uid\":\"u_acme\",\"scopes\":[\"ocr\"]}");
    tenant = good(NGX_SPOCR_KEYRECORD_TENANT, "u_acme",
                  "{\"uid\":\"u_acme\",\"plan\":\"pro\","
                  "\"limits\":{\"uid\":50}}");
    plan = good(NGX_SPOCR_KEYRECORD_PLAN, "pro",
                "{\"name\":\"pro\",\"limits\":{\"key\":5,\"uid\":500,"
                "\"upload\":{\"key\":2}}}");
    ok(same(&tenant->next.name, "pro"), "a tenant names its plan");
    ok(plan->next.name.len == 0, "a plan names nothing");

    identity.records[0] = ngx_spocr_keyrecord_ref(key);
    identity.records[1] = NULL;
    identity.records[2] = NULL;
    ngx_spocr_identity_join(&identity);

    ok(same(&identity.key.tenant->uid, "u_acme"), "a key alone has a uid");
    ok(identity.key.tenant->plan == NULL, "but no plan");
    ok(memcmp(identity.key.tenant->counter, tenant->of.tenant.counter,
              NGX_SPOCR_COUNTER_ID_LEN) == 0, "the uid's counter is the same");
    is_int(ngx_spocr_key_check(&identity.key, 1), NGX_SPOCR_KEY_OK, "valid");
    ok(ngx_spocr_key_has_scope(&identity.key, 0), "in its scope");
    ok(!ngx_spocr_key_has_scope(&identity.key, 1), "not in another");

    ngx_spocr_key_limits(&identity.key, 0, &directive, &limits);
    ok(limits.key == 60 && limits.uid == 600, "the directive's limits");

    identity.records[1] = ngx_spocr_keyrecord_ref(tenant);
    ngx_spocr_identity_join(&identity);
    ngx_spocr_key_limits(&identity.key, 0, &directive, &limits);
    ok(limits.key == 60 && limits.uid == 50, "the tenant's");
    ok(identity.key.tenant->plan == NULL, "a plan that is absent is none");

    identity.records[2] = ngx_spocr_keyrecord_ref(plan);
    ngx_spocr_identity_join(&identity);
    ngx_spocr_key_limits(&identity.key, 0, &directive, &limits);
    ok(limits.key == 5 && limits.uid == 50, "the plan's, and the tenant's");
    ngx_spocr_key_limits(&identity.key, 1, &directive, &limits);
    ok(limits.key == 2 && limits.uid == 600, "a named one");
    ok(same(&identity.key.tenant->plan->name, "pro"), "the plan's name");

    ngx_spocr_keyrecord_unref(key);
    ngx_spocr_keyrecord_unref(tenant);
    ngx_spocr_keyrecord_unref(plan);
    ok(same(&identity.key.id, "key_1"), "the identity keeps its records");

    ngx_spocr_identity_release(&identity);
    ok(identity.records[0] == NULL, "and lets go of them once");
    ngx_spocr_identity_release(&identity);
    ngx_spocr_keyrecord_unref(NULL);
}


static void
test_disabled(void)
{
    ngx_spocr_identity_t  identity;

    memset(&identity, 0, sizeof(identity));
    identity.records[0] = good(NGX_SPOCR_KEYRECORD_KEY, "k",
                               "{\"id\":\"key_1\",\"uid\":\"u\"}");
    identity.records[1] = good(NGX_SPOCR_KEYRECORD_TENANT, "u",
                               "{\"status\":\"disabled\"}");
    ngx_spocr_identity_join(&identity);
    is_int(ngx_spocr_key_check(&identity.key, 1), NGX_SPOCR_KEY_IS_DISABLED,
           "a tenant's status counts for its keys");
    ngx_spocr_identity_release(&identity);
}


static const struct {
    ngx_spocr_keyrecord_e   kind;
    const char             *json;
    const char             *error;
} wrong[] = {

    { NGX_SPOCR_KEYRECORD_KEY, "", "not valid JSON" },
    { NGX_SPOCR_KEYRECORD_KEY, "{", "not valid JSON" },
    { NGX_SPOCR_KEYRECORD_KEY, "[]", "must be an object" },
    { NGX_SPOCR_KEYRECORD_KEY, "null", "must be an object" },
    { NGX_SPOCR_KEYRECORD_KEY, "\"spocr_x\"", "must be an object" },
    { NGX_SPOCR_KEYRECORD_KEY, "{\"id\":\"k\",\"uid\":\"u\"} {}",
      "not valid JSON" },
    { NGX_SPOCR_KEYRECORD_KEY, "{\"id\":\"k\"}", "\"uid\" is missing" },
    { NGX_SPOCR_KEYRECORD_KEY, "{\"uid\":\"u\"}", "\"id\" is missing" },
    { NGX_SPOCR_KEYRECORD_KEY, "{\"id\":\"k\",\"id\":\"k\",\"uid\":\"u\"}",
      "field \"id\" stands twice" },
    { NGX_SPOCR_KEYRECORD_KEY, "{\"id\":1,\"uid\":\"u\"}",
      "\"id\" must be 1 to 64 of A-Z a-z 0-9 . _ : @ - with a letter or digit "
      "first, and not a key's text" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"version\":2}", "\"version\" must be 1" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"version\":\"1\"}",
      "\"version\" must be 1" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"scopes\":\"ocr\"}",
      "\"scopes\" must be an array of strings" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"limits\":{\"uid\":5}}",
      "limits.uid: the limit of a uid belongs to its tenant or plan" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"limits\":{\"key\":0}}",
      "limits.key: 0 is no limit; use \"status\":\"disabled\" to refuse all "
      "requests" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"limits\":{\"upload\":5}}",
      "limits: \"upload\" must be an object" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"status\":\"on\"}",
      "\"status\" must be \"active\", \"disabled\" or \"revoked\"" },
    { NGX_SPOCR_KEYRECORD_KEY,
      "{\"id\":\"k\",\"uid\":\"u\",\"expiresAt\":\"soon\"}",
      "\"expiresAt\" must be a date and time such as "
      "\"2027-01-01T00:00:00Z\"" },
    { NGX_SPOCR_KEYRECORD_KEY, "{\"id\":\"k\",\"uid\":\"u\x01\"}",
      "a control character in a string" },
    { NGX_SPOCR_KEYRECORD_KEY, "{\"id\":\"k\",\"uid\":\"\xff\"}", "bad UTF-8" },

    { NGX_SPOCR_KEYRECORD_TENANT, "{\"uid\":\"u_b\"}",
      "\"uid\" must be the one that the record is stored under" },
    { NGX_SPOCR_KEYRECORD_TENANT, "{\"uid\":5}",
      "\"uid\" must be the one that the record is stored under" },
    { NGX_SPOCR_KEYRECORD_TENANT, "{\"plan\":{\"limits\":{}}}",
      "\"plan\" must be 1 to 64 of A-Z a-z 0-9 . _ : @ - with a letter or "
      "digit first, and not a key's text" },
    { NGX_SPOCR_KEYRECORD_TENANT, "{\"status\":\"revoked\"}",
      "\"status\" must be \"active\" or \"disabled\"" },

    { NGX_SPOCR_KEYRECORD_PLAN, "{\"name\":\"u_a2\"}",
      "\"name\" must be the one that the record is stored under" },
    { NGX_SPOCR_KEYRECORD_PLAN, "{\"limits\":[]}",
      "\"limits\" must be an object" },
    { NGX_SPOCR_KEYRECORD_PLAN, "{\"limits\":{\"key\":1e3}}",
      "limits.key must be an integer from 1 to 1000000000, or null for "
      "unlimited" }
};


static void
test_wrong(void)
{
    size_t                  i;
    char                   *deep;
    ngx_spocr_keyrecord_t  *record;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        record = parse(wrong[i].kind, "u_a", wrong[i].json);
        ok(record == NULL, "refused: %.50s", wrong[i].error);
        is_str((char *) err.text, wrong[i].error, "and why");
        ngx_spocr_keyrecord_unref(record);
    }

    /* as deep as 64 KB can be */
    deep = malloc(65538);
    memset(deep, '[', 65536);
    memcpy(deep, "{\"meta\":", 8);
    deep[65536] = '\0';
    ok(parse(NGX_SPOCR_KEYRECORD_KEY, "k", deep) == NULL, "no stack is deep");
    is_str((char *) err.text, "brackets are nested too deep", "enough");

    memset(deep, ' ', 65537);
    memcpy(deep, "{}", 2);
    deep[65536] = '\0';
    record = good(NGX_SPOCR_KEYRECORD_PLAN, "p", deep);
    ngx_spocr_keyrecord_unref(record);
    deep[65536] = ' ';
    deep[65537] = '\0';
    ok(parse(NGX_SPOCR_KEYRECORD_PLAN, "p", deep) == NULL,
       "65536 bytes and no more");
    is_str((char *) err.text, "more than 65536 bytes", "is what it says");
    free(deep);
}


/*
 * Mutants of good records: whatever they are, they are refused with a reason,
 * or become a record that holds what it promises.
 */

static void
test_mutants(void)
{
    char                    text[512];
    size_t                  len, at;
    unsigned                i, n, seed, good, bad, broken;
    ngx_spocr_keyrecord_e   kind;
    ngx_spocr_keyrecord_t  *record;
    static const char      *from[] = {
        "{\"version\":1,\"id\":\"key_1\",\"uid\":\"u_acme\",\"name\":\"x\","
        "\"scopes\":[\"ocr\",\"read\"],\"limits\":{\"key\":60,\"upload\":"
        "{\"key\":null}},\"status\":\"active\",\"meta\":{\"a\":[1,{}]},"
        "\"expiresAt\":\"2027-01-01T00:00:00Z\"}",
        "{\"uid\":\"u_acme\",\"plan\":\"pro\",\"limits\":{\"uid\":5},"
        "\"status\":\"disabled\"}",
        "{\"name\":\"u_acme\",\"limits\":{\"key\":5,\"uid\":null,\"upload\":"
        "{\"key\":1,\"uid\":2}}}"
    };
    static const char       bytes[] = "{}[]\":,\\u0019eE.-tfn \xc3\xa9\x01";

    seed = 20261122;
    good = bad = broken = 0;

    for (i = 0; i < 150000; i++) {
        kind = (ngx_spocr_keyrecord_e) (i % 3);
        len = strlen(from[kind]);
        memcpy(text, from[kind], len + 1);

        for (n = 1 + i % 4; n; n--) {
            seed = seed * 1103515245 + 12345;
            at = (seed >> 8) % len;

            switch ((seed >> 4) & 3) {
            case 0:                                 /* cut off */
                len = at + 1;
                break;
            case 1:                                 /* leave out */
                memmove(text + at, text + at + 1, len - at);
                len -= (len > 1);
                break;
            default:                                /* put in its place */
                text[at] = bytes[(seed >> 20) % (sizeof(bytes) - 1)];
            }

            text[len] = '\0';
        }

        record = parse(kind, "u_acme", text);

        if (record == NULL) {
            bad++;
            broken += (err.text[0] == '\0');
            continue;
        }

        good++;

        broken += (kind == NGX_SPOCR_KEYRECORD_KEY
                   && (!ngx_spocr_name_ok(record->of.key.id.data,
                                          record->of.key.id.len)
                       || !ngx_spocr_name_ok(record->next.name.data,
                                             record->next.name.len)));
        broken += (record->unknown != (err.text[0] != '\0'));

        ngx_spocr_keyrecord_unref(record);
    }

    ok(good > 1000 && bad > 1000, "%u mutants were good, %u were not", good,
       bad);
    is_int(broken, 0, "each was one or the other");
}


static void
test_names(void)
{
    u_char                     name[NGX_SPOCR_KEYRECORD_NAME_MAX];
    uint32_t                   hash;
    ngx_str_t                  text;
    ngx_uint_t                 i;
    ngx_spocr_keyrecord_id_t   id;
    static const struct {
        ngx_spocr_keyrecord_e   kind;
        const char             *of;
        const char             *name;
        uint32_t                hash;
    } records[] = {
        { NGX_SPOCR_KEYRECORD_KEY, "u_acme",
          "key:fb5470acf0aa436daaa6cda37b595f53"
          "3a3faa47d438332b368934fb4d7b48b8", 0xfb5470ac },
        { NGX_SPOCR_KEYRECORD_TENANT, "u_acme",
          "tenant:fb5470acf0aa436daaa6cda37b595f53"
          "3a3faa47d438332b368934fb4d7b48b8", 0xfb5470ac },
        { NGX_SPOCR_KEYRECORD_PLAN, "foobar", "plan:foobar", 0xbf9cf968 }
    };
    static const char  *others[] = {
        "", "all", "key", "key:", "key:12", "plan:", "plan:a b", "tenants:x",
        "key:gb5470acf0aa436daaa6cda37b595f533a3faa47d438332b368934fb4d7b48b8",
        "key:fb5470acf0aa436daaa6cda37b595f533a3faa47d438332b368934fb4d7b48b8 ",
        "Key:fb5470acf0aa436daaa6cda37b595f533a3faa47d438332b368934fb4d7b48b8"
    };

    for (i = 0; i < 3; i++) {
        id = id_of(records[i].kind, records[i].of);

        text.data = name;
        text.len = (size_t) (ngx_spocr_keyrecord_name(&id, name) - name);
        ok(same(&text, records[i].name), "%s", records[i].name);

        is_int(ngx_spocr_keyrecord_hash(&id), records[i].hash, "its hash");
        hash = 0;
        is_int(ngx_spocr_keyrecord_notice(&text, &hash), NGX_OK, "a notice");
        is_int(hash, records[i].hash, "of the same record");
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        text = str(others[i]);
        is_int(ngx_spocr_keyrecord_notice(&text, &hash), NGX_DECLINED,
               "\"%s\" may be any record", others[i]);
    }
}


int
main(void)
{
    ngx_str_t  name;

    digest = ngx_spocr_digest_create();
    names = ngx_spocr_keys_create(heap_alloc, NULL);

    /* what the configuration mentions */
    name = str("ocr");
    ngx_spocr_keys_scope(names, &name);
    name = str("read");
    ngx_spocr_keys_scope(names, &name);
    name = str("upload");
    ngx_spocr_keys_limit_name(names, &name);
    ngx_spocr_keys_finish(names);

    reader = ngx_spocr_keyreader_create(names, digest);

    test_key();
    test_unknown();
    test_identity();
    test_disabled();
    test_wrong();
    test_mutants();
    test_names();

    ngx_spocr_keyreader_destroy(reader);
    ngx_spocr_digest_destroy(digest);
    heap_alloc(NULL, 0);

    return done_testing();
}
