
/*
 * Key files (C-9, C-10; contract, section 4).  Property: any bytes are
 * refused, with words and a line of the file that tell no key's text; or they
 * are taken, jansson takes them too, a second reading of each field finds
 * nothing wrong, and the table answers each look-up with what the file says:
 * id, uid, state, scopes, and the limits under each name.  What that second
 * reading takes is not refused.  How the file is read makes no difference.
 *
 * Inputs have at most 1500 bytes.
 */

#include "fuzz.h"
#include <malloc.h>
#include <strings.h>
#include "keys_reference.h"


typedef struct {
    const u_char  *data;
    size_t         len;
    size_t         step;
} source_t;


static void    *blocks[4096];
static size_t   nblocks;


static void *
table_alloc(void *data, size_t size)
{
    property(nblocks < 4096, "too many blocks");

    return blocks[nblocks++] = malloc(size);
}


static void
table_free(void)
{
    while (nblocks) {
        free(blocks[--nblocks]);
    }
}


static ssize_t
table_read(void *data, u_char *buf, size_t size)
{
    size_t     n;
    source_t  *source = data;

    n = source->len < source->step ? source->len : source->step;
    n = n < size ? n : size;

    memcpy(buf, source->data, n);
    source->data += n;
    source->len -= n;

    return (ssize_t) n;
}


static int
same(const ngx_str_t *s, const json_t *json)
{
    return json_is_string(json) && json_string_length(json) == s->len
           && memcmp(json_string_value(json), s->data, s->len) == 0;
}


static int
objects_ok(json_t *file)
{
    json_t      *value, *plans, *plan;
    ngx_uint_t   flags;
    const char  *name;

    plans = json_object_get(file, "plans");

    if (plans != NULL) {
        if (!json_is_object(plans)) {
            return 0;
        }

        json_object_foreach(plans, name, value) {
            if (!name_ok(name) || !plan_ok(value, "")) {
                return 0;
            }
        }
    }

    if (json_object_get(file, "tenants") == NULL) {
        return 1;
    }

    if (!json_is_object(json_object_get(file, "tenants"))) {
        return 0;
    }

    json_object_foreach(json_object_get(file, "tenants"), name, value) {
        if (!name_ok(name) || !tenant_ok(value, "", &flags)) {
            return 0;
        }

        plan = json_object_get(value, "plan");

        if (plan && !json_object_get(plans, json_string_value(plan))) {
            return 0;
        }
    }

    return 1;
}


static int
file_ok(json_t *file)
{
    size_t       i, j, n;
    json_t      *keys, *a, *b, *value;
    ref_key_t    ref, other;
    const char  *name;

    memset(&scopes, 0, sizeof(scopes));
    scopes.max = NGX_SPOCR_NAMES_MAX;
    limit_names = scopes;

    if (!json_is_object(file) || !objects_ok(file)) {
        return 0;
    }

    json_object_foreach(file, name, value) {
        if (strcmp(name, "version") != 0 && strcmp(name, "plans") != 0
            && strcmp(name, "tenants") != 0 && strcmp(name, "keys") != 0)
        {
            return 0;
        }
    }

    keys = json_object_get(file, "keys");

    if (!version_ok(json_object_get(file, "version")) || !json_is_array(keys)) {
        return 0;
    }

    n = json_array_size(keys);

    for (i = 0; i < n; i++) {
        a = json_array_get(keys, i);

        if (!key_ok(a, &ref)) {
            return 0;
        }

        for (j = 0; j < i; j++) {
            b = json_array_get(keys, j);

            if (json_equal(json_object_get(a, "id"), json_object_get(b, "id"))
                || (digest_ok(json_object_get(b, "sha256"), other.digest)
                    && memcmp(ref.digest, other.digest, 32) == 0))
            {
                return 0;
            }
        }
    }

    return 1;
}


/* The first of key, tenant, plan that says a number. */

static void
limits_are(const ngx_spocr_keys_t *table, const ngx_spocr_key_t *key,
    const json_t *file, const json_t *json, const char *name)
{
    ngx_int_t            n;
    ngx_str_t            s;
    uint32_t             by_key, by_uid;
    const json_t        *tenant, *plan;
    ngx_spocr_limits_t   limits, none = { 0, 0 };

    tenant = json_object_get(json_object_get(file, "tenants"),
                             json_string_value(json_object_get(json, "uid")));
    plan = json_object_get(tenant, "plan");
    plan = plan ? json_object_get(json_object_get(file, "plans"),
                                  json_string_value(plan)) : NULL;

    by_key = limit_of(json, name, "key");
    by_key = by_key ? by_key : limit_of(tenant, name, "key");
    by_key = by_key ? by_key : limit_of(plan, name, "key");
    by_uid = limit_of(tenant, name, "uid");
    by_uid = by_uid ? by_uid : limit_of(plan, name, "uid");

    s.data = (u_char *) name;
    s.len = strlen(name);
    n = ngx_spocr_keys_limit_name_find(table, &s);

    property(n != NGX_DECLINED, "limits' name %s", name);
    property((n == 0) == (strcmp(name, "default") == 0), "index of %s", name);

    ngx_spocr_key_limits(key, n, &none, &limits);
    property(limits.key == by_key && limits.uid == by_uid,
             "limits %s: %u and %u, not %u and %u", name, limits.key,
             limits.uid, by_key, by_uid);
}


static void
key_is(const ngx_spocr_keys_t *table, const json_t *file, json_t *json)
{
    u_char                  digest[32];
    unsigned                i;
    ngx_int_t               n;
    ngx_str_t               s;
    ref_key_t               ref;
    ngx_uint_t              flags;
    const json_t           *tenant;
    const ngx_spocr_key_t  *key;

    property(key_ok(json, &ref), "a key");
    key = ngx_spocr_keys_find(table, ref.digest);

    property(key != NULL && same(&key->id, json_object_get(json, "id"))
             && same(&key->tenant->uid, json_object_get(json, "uid")),
             "not that key");

    property(key->flags == ref.flags && key->expires == ref.expires,
             "flags %x, expires %ld", key->flags, (long) key->expires);

    flags = 0;
    tenant = json_object_get(json_object_get(file, "tenants"),
                             json_string_value(json_object_get(json, "uid")));

    if (json_object_get(tenant, "status")) {
        (void) status_ok(json_object_get(tenant, "status"), 0, &flags);
    }

    property(key->tenant->flags == flags
             && key->tenant->defined == (tenant != NULL), "tenant");

    for (i = 0; i < scopes.n; i++) {
        s.data = (u_char *) scopes.names[i];
        s.len = strlen(scopes.names[i]);
        n = ngx_spocr_keys_scope_find(table, &s);

        property(n != NGX_DECLINED
                 && ngx_spocr_key_has_scope(key, n)
                    == ((ref.flags & NGX_SPOCR_KEY_ALL_SCOPES)
                        || (ref.scopes >> i & 1)), "scope %s", s.data);
    }

    limits_are(table, key, file, json, "default");

    for (i = 0; i < limit_names.n; i++) {
        limits_are(table, key, file, json, limit_names.names[i]);
    }

    /* a digest that is not in the file */

    memcpy(digest, ref.digest, 32);
    digest[31] ^= 0x5a;
    key = ngx_spocr_keys_find(table, digest);
    property(key == NULL || memcmp(key->digest, digest, 32) == 0,
             "a key that is none");
}


static void
table_is(const ngx_spocr_keys_t *table, json_t *file)
{
    size_t   i;
    json_t  *keys;

    keys = json_object_get(file, "keys");

    property(ngx_spocr_keys_count(table) == json_array_size(keys),
             "%lu keys", ngx_spocr_keys_count(table));

    for (i = 0; i < json_array_size(keys); i++) {
        key_is(table, file, json_array_get(keys, i));
    }
}


static ngx_spocr_keys_t *
load(const u_char *data, size_t size, size_t step,
    ngx_spocr_keyfile_error_t *err)
{
    source_t  source = { data, size, step };

    return ngx_spocr_keyfile_read(table_read, &source, table_alloc, NULL, err);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t                     *file;
    ngx_uint_t                  lines;
    const u_char               *p;
    ngx_spocr_keys_t           *table;
    ngx_spocr_keyfile_error_t   err, again;

    static int  once;

    if (!once++) {

        /* large blocks are had and given back without the kernel */

        mallopt(M_MMAP_THRESHOLD, 64 << 20);
        mallopt(M_TRIM_THRESHOLD, 256 << 20);
    }

    if (size == 0) {
        return 0;
    }

    table = load(data + 1, size - 1, 65536, &err);
    file = json_loadb((const char *) data + 1, size - 1,
                      JSON_REJECT_DUPLICATES, NULL);

    /* jansson passes over a NUL behind a number */

    if (memchr(data + 1, '\0', size - 1)) {
        json_decref(file);
        file = NULL;
    }

    if (table) {
        property(file != NULL && file_ok(file), "a file that is wrong");
        table_is(table, file);

    } else {
        for (lines = 1, p = data + 1; p < data + size; p++) {
            lines += *p == '\n';
        }

        property(err.line <= lines, "line %lu of %lu", err.line, lines);
        property(told(&err) || file == NULL || !file_ok(file),
                 "refused: %s", err.text);
    }

    table_free();

    if (data[0] % 8 == 0) {
        property((load(data + 1, size - 1, 1 + data[0] / 8, &again) != NULL)
                 == (table != NULL), "in pieces: %s", again.text);
        property(table || (again.line == err.line
                           && strcmp((char *) again.text, (char *) err.text)
                              == 0), "in pieces: %s", again.text);
        table_free();
    }

    json_decref(file);

    return 0;
}
