
/* The table of keys: contract section 4, C-7, C-13. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <malloc.h>
#include <time.h>
#include "ngx_spocr_keys.h"
#include "tap.h"


/* An allocator that counts, frees as a whole, and can be made to fail. */

typedef struct {
    void    **blocks;
    size_t    count;
    size_t    room;
    size_t    bytes;
    long      fail_after;     /* -1: never */
} heap_t;


static void *
heap_alloc(void *data, size_t size)
{
    heap_t  *heap = data;

    if (heap->fail_after == 0) {
        return NULL;
    }

    if (heap->fail_after > 0) {
        heap->fail_after--;
    }

    if (heap->count == heap->room) {
        heap->room = 2 * heap->room + 64;
        heap->blocks = realloc(heap->blocks, heap->room * sizeof(void *));
    }

    heap->bytes += size;
    heap->blocks[heap->count] = malloc(size);

    /* nothing may rely on fresh memory being zero */
    memset(heap->blocks[heap->count], 0xa5, size);

    return heap->blocks[heap->count++];
}


static void
heap_free(heap_t *heap)
{
    while (heap->count) {
        free(heap->blocks[--heap->count]);
    }

    free(heap->blocks);
    memset(heap, 0, sizeof(heap_t));
    heap->fail_after = -1;
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


static ngx_spocr_key_t
make_key(const char *id, unsigned n, ngx_spocr_tenant_t *tenant)
{
    unsigned         i;
    uint64_t         x;
    ngx_spocr_key_t  key;

    memset(&key, 0, sizeof(key));
    key.id = str(id);
    key.tenant = tenant;
    key.flags = NGX_SPOCR_KEY_ALL_SCOPES;

    /* splitmix64: as good as a digest here, and repeatable */
    x = n;

    for (i = 0; i < NGX_SPOCR_DIGEST_LEN; i++) {
        uint64_t  z = (x += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        key.digest[i] = (u_char) (z >> 56);
    }

    return key;
}


static void
test_names(void)
{
    char         text[80];
    size_t       i;
    static const char  *const good[] = {
        "a", "u_acme", "key_1", "A.b-c:d@e_f", "0", "a@b.example"
    };
    static const char  *const bad[] = {
        "", "_a", ".a", "-a", ":a", "@a", "a b", "a/b", "a\n", "\xc3\xa4",
        "a\xc3\xa4", "a\"", "a\\", "a{", "a+b", "a,b", "a*"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(ngx_spocr_name_ok((u_char *) good[i], strlen(good[i])),
           "name: %s", good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(!ngx_spocr_name_ok((u_char *) bad[i], strlen(bad[i])),
           "no name: %d", (int) i);
    }

    memset(text, 'a', sizeof(text));
    ok(ngx_spocr_name_ok((u_char *) text, 64), "64 characters");
    ok(!ngx_spocr_name_ok((u_char *) text, 65), "65 characters");
    ok(!ngx_spocr_name_ok((u_char *) "a\0b", 3), "a NUL");
}


static void
test_build(void)
{
    heap_t                  heap = { .fail_after = -1 };
    ngx_str_t               name;
    ngx_spocr_key_t         key;
    ngx_spocr_keys_t       *keys;
    ngx_spocr_plan_t       *plan;
    ngx_spocr_tenant_t     *acme, *beta;
    const ngx_spocr_key_t  *found, *other;

    keys = ngx_spocr_keys_create(heap_alloc, &heap);
    ok(keys != NULL, "create");

    name = str("u_acme");
    acme = ngx_spocr_keys_tenant(keys, &name);
    ok(ngx_spocr_keys_tenant(keys, &name) == acme, "one record for a uid");
    ok(same(&acme->uid, "u_acme"), "its uid");
    ok(!acme->defined && acme->plan == NULL && acme->limits == NULL
       && acme->flags == 0, "a tenant that is only used is empty");
    ok(acme->uid.data != name.data, "the uid is a copy");

    name = str("u_beta");
    beta = ngx_spocr_keys_tenant(keys, &name);
    ok(beta != acme, "another uid");

    name = str("pro");
    plan = ngx_spocr_keys_plan(keys, &name);
    ok(plan != NULL && ngx_spocr_keys_plan(keys, &name) == plan, "a plan");

    key = make_key("key_1", 1, acme);
    is_int(ngx_spocr_keys_add(keys, &key, &other), NGX_OK, "add key_1");
    key = make_key("key_2", 2, beta);
    is_int(ngx_spocr_keys_add(keys, &key, &other), NGX_OK, "add key_2");

    other = NULL;
    key = make_key("key_1", 3, acme);
    is_int(ngx_spocr_keys_add(keys, &key, &other), NGX_DECLINED,
           "an id twice");
    ok(other && same(&other->id, "key_1"), "says which");

    other = NULL;
    key = make_key("key_3", 2, acme);
    is_int(ngx_spocr_keys_add(keys, &key, &other), NGX_DECLINED,
           "a digest twice");
    ok(other && same(&other->id, "key_2"), "says which");

    /* an id, a uid and a plan of one name share nothing */
    name = str("key_1");
    ok(memcmp(ngx_spocr_keys_tenant(keys, &name)->counter,
              ngx_spocr_keys_key(keys, 0)->counter,
              NGX_SPOCR_COUNTER_ID_LEN) != 0, "counters of key and uid");

    /* the names of a uid's counters in Redis are made of the same digest */
    ok(memcmp(acme->counter, "\xfb\x54\x70\xac\xf0\xaa\x43\x6d"
                             "\xaa\xa6\xcd\xa3\x7b\x59\x5f\x53",
              NGX_SPOCR_COUNTER_ID_LEN) == 0, "a uid's is its SHA-256");

    is_int(ngx_spocr_keys_finish(keys), NGX_OK, "finish");

    is_int(ngx_spocr_keys_count(keys), 2, "two keys");
    ok(same(&ngx_spocr_keys_key(keys, 0)->id, "key_1"), "in order: first");
    ok(same(&ngx_spocr_keys_key(keys, 1)->id, "key_2"), "in order: second");
    ok(ngx_spocr_keys_key(keys, 2) == NULL, "no third key");
    ok(ngx_spocr_keys_tenant_at(keys, 0) == acme, "first tenant");
    ok(ngx_spocr_keys_tenant_at(keys, 3) == NULL, "no fourth tenant");
    ok(ngx_spocr_keys_plan_at(keys, 0) == plan, "first plan");
    ok(ngx_spocr_keys_plan_at(keys, 1) == NULL, "no second plan");

    key = make_key("x", 2, NULL);
    found = ngx_spocr_keys_find(keys, key.digest);
    ok(found && same(&found->id, "key_2"), "find");
    ok(found && found->tenant == beta, "and its tenant");

    key.digest[31] ^= 1;
    ok(ngx_spocr_keys_find(keys, key.digest) == NULL,
       "the last bit of a digest matters");

    ngx_spocr_keys_abandon(keys);
    ok(1, "abandon after finish is harmless");

    name = str("late");
    ok(ngx_spocr_keys_tenant(keys, &name) == NULL
       && ngx_spocr_keys_add(keys, &key, &other) == NGX_ERROR,
       "a finished table takes nothing more");

    heap_free(&heap);
}


static void
test_empty(void)
{
    heap_t             heap = { .fail_after = -1 };
    u_char             digest[NGX_SPOCR_DIGEST_LEN];
    ngx_spocr_keys_t  *keys;

    keys = ngx_spocr_keys_create(heap_alloc, &heap);
    is_int(ngx_spocr_keys_finish(keys), NGX_OK, "an empty table");
    memset(digest, 0xff, sizeof(digest));
    ok(ngx_spocr_keys_find(keys, digest) == NULL, "finds nothing");
    is_int(ngx_spocr_keys_count(keys), 0, "counts nothing");
    ok(heap.bytes < 16384, "and takes %zu bytes", heap.bytes);
    heap_free(&heap);
}


/* C-7: why a key does not work; the client never hears it. */

static void
test_check(void)
{
    ngx_spocr_key_t     key;
    ngx_spocr_tenant_t  tenant;

    memset(&tenant, 0, sizeof(tenant));
    key = make_key("k", 1, &tenant);

    is_int(ngx_spocr_key_check(&key, 1000), NGX_SPOCR_KEY_OK, "ok");

    key.expires = 1001;
    is_int(ngx_spocr_key_check(&key, 1000), NGX_SPOCR_KEY_OK, "a second left");
    key.expires = 1000;
    is_int(ngx_spocr_key_check(&key, 1000), NGX_SPOCR_KEY_IS_EXPIRED,
           "expired at that second");
    key.expires = 253402300799;
    is_int(ngx_spocr_key_check(&key, 253402300798), NGX_SPOCR_KEY_OK,
           "the year 9999");

    key.expires = 0;
    tenant.flags = NGX_SPOCR_KEY_DISABLED;
    is_int(ngx_spocr_key_check(&key, 1000), NGX_SPOCR_KEY_IS_DISABLED,
           "the tenant is disabled");
    tenant.flags = 0;
    key.flags = NGX_SPOCR_KEY_DISABLED;
    is_int(ngx_spocr_key_check(&key, 1000), NGX_SPOCR_KEY_IS_DISABLED,
           "the key is disabled");
    key.flags = NGX_SPOCR_KEY_DISABLED | NGX_SPOCR_KEY_REVOKED;
    is_int(ngx_spocr_key_check(&key, 1000), NGX_SPOCR_KEY_IS_REVOKED,
           "revoked wins");
}


static void
test_scopes(void)
{
    int                i, bad;
    char               text[16];
    heap_t             heap = { .fail_after = -1 };
    ngx_str_t          name;
    ngx_spocr_key_t    key;
    ngx_spocr_keys_t  *keys;

    keys = ngx_spocr_keys_create(heap_alloc, &heap);
    bad = 0;

    for (i = 0; i < NGX_SPOCR_NAMES_MAX; i++) {
        snprintf(text, sizeof(text), "scope%d", i);
        name = str(text);
        bad += ngx_spocr_keys_scope(keys, &name) != i;
        snprintf(text, sizeof(text), "limit%d", i);
        name = str(text);
        bad += ngx_spocr_keys_limit_name(keys, &name) != i + 1;
    }

    is_int(bad, 0, "64 scopes and 64 limits' names");

    name = str("one more");
    is_int(ngx_spocr_keys_scope(keys, &name), NGX_ERROR, "no 65th scope");
    is_int(ngx_spocr_keys_limit_name(keys, &name), NGX_ERROR, "no 65th name");
    is_int(ngx_spocr_keys_scope_find(keys, &name), NGX_DECLINED, "not found");
    name = str("scope63");
    is_int(ngx_spocr_keys_scope_find(keys, &name), 63, "found");
    is_int(ngx_spocr_keys_scope(keys, &name), 63, "there already");
    name = str("default");
    is_int(ngx_spocr_keys_limit_name_find(keys, &name), 0, "default is 0");
    ok(same(ngx_spocr_keys_limit_name_at(keys, 64), "limit63"), "name of 64");
    ok(ngx_spocr_keys_limit_name_at(keys, 65) == NULL, "no name of 65");
    ok(same(ngx_spocr_keys_scope_at(keys, 0), "scope0"), "name of scope 0");
    ok(ngx_spocr_keys_scope_at(keys, 64) == NULL, "no name of scope 64");

    key = make_key("k", 1, NULL);
    ok(ngx_spocr_key_has_scope(&key, 5), "all scopes: a listed one");
    ok(ngx_spocr_key_has_scope(&key, NGX_DECLINED), "all: an unlisted one");

    key.flags = 0;
    ok(!ngx_spocr_key_has_scope(&key, 0), "no scopes: none");
    key.scopes = (uint64_t) 1 << 63 | 1;
    ok(ngx_spocr_key_has_scope(&key, 0), "scope 0");
    ok(!ngx_spocr_key_has_scope(&key, 1), "not scope 1");
    ok(ngx_spocr_key_has_scope(&key, 63), "scope 63");
    ok(!ngx_spocr_key_has_scope(&key, 64), "there is no scope 64");
    ok(!ngx_spocr_key_has_scope(&key, NGX_DECLINED), "not an unlisted one");

    ngx_spocr_keys_abandon(keys);
    heap_free(&heap);
}


/* C-13, section 4: key record, tenant, plan, directive. */

static void
test_limits(void)
{
    ngx_spocr_key_t           key;
    ngx_spocr_plan_t          plan;
    ngx_spocr_limits_t        directive = { 60, 600 }, limits;
    ngx_spocr_tenant_t        tenant;
    ngx_spocr_limits_set_t    key_set, tenant_set, plan_set;
    ngx_spocr_limits_named_t  key_named, plan_named;

    memset(&plan, 0, sizeof(plan));
    memset(&tenant, 0, sizeof(tenant));
    memset(&key_set, 0, sizeof(key_set));
    memset(&tenant_set, 0, sizeof(tenant_set));
    memset(&plan_set, 0, sizeof(plan_set));
    key = make_key("k", 1, &tenant);

    ngx_spocr_key_limits(&key, 0, &directive, &limits);
    is_int(limits.key, 60, "directive: key");
    is_int(limits.uid, 600, "directive: uid");

    tenant.plan = &plan;
    plan.limits = &plan_set;
    plan_set.main.key = 120;
    plan_set.main.uid = 1200;
    ngx_spocr_key_limits(&key, 0, &directive, &limits);
    is_int(limits.key, 120, "plan: key");
    is_int(limits.uid, 1200, "plan: uid");

    tenant.limits = &tenant_set;
    tenant_set.main.uid = 2400;
    ngx_spocr_key_limits(&key, 0, &directive, &limits);
    is_int(limits.key, 120, "the tenant says nothing of the key");
    is_int(limits.uid, 2400, "tenant: uid");

    key.limits = &key_set;
    key_set.main.key = NGX_SPOCR_LIMIT_NONE;
    key_set.main.uid = 999999;
    ngx_spocr_key_limits(&key, 0, &directive, &limits);
    is_int(limits.key, NGX_SPOCR_LIMIT_NONE, "key: unlimited is a value");
    is_int(limits.uid, 2400, "the uid's limit never comes from a key");

    /* a name of its own takes nothing from "default" */
    ngx_spocr_key_limits(&key, 3, &directive, &limits);
    is_int(limits.key, 60, "named: directive: key");
    is_int(limits.uid, 600, "named: directive: uid");

    plan_named.name = 3;
    plan_named.limits.key = 10;
    plan_named.limits.uid = 100;
    plan_set.named = &plan_named;
    plan_set.nnamed = 1;
    key_named.name = 3;
    key_named.limits.key = 5;
    key_named.limits.uid = NGX_SPOCR_LIMIT_UNSET;
    key_set.named = &key_named;
    key_set.nnamed = 1;
    ngx_spocr_key_limits(&key, 3, &directive, &limits);
    is_int(limits.key, 5, "named: key record");
    is_int(limits.uid, 100, "named: plan");

    ngx_spocr_key_limits(&key, 2, &directive, &limits);
    is_int(limits.key, 60, "another name: directive");

    ngx_spocr_key_limits(&key, NGX_DECLINED, &directive, &limits);
    is_int(limits.key, 60, "a name that no record mentions: directive");
    is_int(limits.uid, 600, "also for the uid");
}


static void
test_shared_limits(void)
{
    heap_t                         heap = { .fail_after = -1 };
    ngx_spocr_keys_t              *keys;
    ngx_spocr_limits_set_t         set;
    ngx_spocr_limits_named_t       named[2] = { { { 1, 2 }, 1 },
                                                { { 3, 4 }, 2 } };
    const ngx_spocr_limits_set_t  *a, *b;

    keys = ngx_spocr_keys_create(heap_alloc, &heap);
    memset(&set, 0, sizeof(set));
    set.main.key = 60;

    a = ngx_spocr_keys_limits(keys, &set);
    ok(a != &set && a->main.key == 60, "limits are copied");
    ok(ngx_spocr_keys_limits(keys, &set) == a, "equal ones are one");

    set.named = named;
    set.nnamed = 2;
    b = ngx_spocr_keys_limits(keys, &set);
    ok(b != a && b->nnamed == 2 && b->named != named
       && b->named[1].limits.uid == 4, "with names: copied whole");

    set.nnamed = 0;
    ok(ngx_spocr_keys_limits(keys, &set)->named == NULL,
       "no pointer to the caller's memory is kept");

    ngx_spocr_keys_abandon(keys);
    heap_free(&heap);
}


/* 100,000 keys of as many uids: 20 MB, all found, strangers refused. */

static void
test_many(void)
{
    int                     i, bad;
    char                    id[32], uid[32];
    heap_t                  heap = { .fail_after = -1 };
    ngx_str_t               name;
    ngx_uint_t              n;
    ngx_spocr_key_t         key;
    struct mallinfo2        before, after;
    ngx_spocr_keys_t       *keys;
    ngx_spocr_tenant_t     *tenant;
    const ngx_spocr_key_t  *found, *other;

    before = mallinfo2();
    keys = ngx_spocr_keys_create(heap_alloc, &heap);
    bad = 0;

    for (i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "key_%012d", i);
        snprintf(uid, sizeof(uid), "u_%08d", i);
        name = str(uid);
        tenant = ngx_spocr_keys_tenant(keys, &name);
        key = make_key(id, (unsigned) i, tenant);
        bad += ngx_spocr_keys_add(keys, &key, &other) != NGX_OK;
    }

    is_int(bad, 0, "100000 keys added");
    is_int(ngx_spocr_keys_finish(keys), NGX_OK, "finished");

    for (i = 0; i < 100000; i++) {
        key = make_key("", (unsigned) i, NULL);
        n = (ngx_uint_t) i;
        found = ngx_spocr_keys_find(keys, key.digest);
        bad += found == NULL || found != ngx_spocr_keys_key(keys, n)
               || found->tenant != ngx_spocr_keys_tenant_at(keys, n);
    }

    is_int(bad, 0, "all found, each with its tenant");

    for (i = 100000; i < 200000; i++) {
        key = make_key("", (unsigned) i, NULL);
        bad += ngx_spocr_keys_find(keys, key.digest) != NULL;
    }

    is_int(bad, 0, "100000 strangers not found");

    ok(heap.bytes < 20000000, "%zu bytes, under 20 MB", heap.bytes);

    after = mallinfo2();
    ok(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd
       < heap.bytes + 200000, "the builder keeps nothing");

    heap_free(&heap);
}


/* Memory that runs out at each possible place: an error, never a crash. */

static void
test_no_memory(void)
{
    int                     i, n, failed;
    char                    id[32];
    heap_t                  heap = { .fail_after = -1 };
    ngx_str_t               name;
    ngx_int_t               rc;
    ngx_spocr_key_t         key;
    ngx_spocr_keys_t       *keys;
    ngx_spocr_tenant_t     *tenant;
    ngx_spocr_limits_set_t  set;
    const ngx_spocr_key_t  *other;

    failed = 0;
    memset(&set, 0, sizeof(set));

    for (n = 0; n < 600; n++) {
        heap.fail_after = n;
        keys = ngx_spocr_keys_create(heap_alloc, &heap);
        rc = keys ? NGX_OK : NGX_ERROR;

        for (i = 0; rc == NGX_OK && i < 3000; i++) {
            snprintf(id, sizeof(id), "k%d", i);
            name = str(id);
            set.main.key = (uint32_t) i + 1;
            tenant = ngx_spocr_keys_tenant(keys, &name);

            if (tenant == NULL || ngx_spocr_keys_plan(keys, &name) == NULL) {
                rc = NGX_ERROR;
                break;
            }

            key = make_key(id, (unsigned) i, tenant);
            key.limits = &set;
            rc = ngx_spocr_keys_add(keys, &key, &other);
        }

        if (rc == NGX_OK) {
            rc = ngx_spocr_keys_finish(keys);
        }

        failed += rc == NGX_ERROR;

        if (keys) {
            ngx_spocr_keys_abandon(keys);
        }

        heap_free(&heap);

        if (rc == NGX_OK) {
            break;
        }
    }

    is_int(failed, n, "each of %d failing allocations is an error", n);
    ok(n > 20 && n < 600, "and the table is made when none fails");
}


/* What a request pays.  Only shown: a busy machine proves nothing. */

static void
show_speed(void)
{
    int                     i, hits;
    char                    id[32];
    heap_t                  heap = { .fail_after = -1 };
    ngx_str_t               name;
    ngx_spocr_key_t         key, *wanted;
    struct timespec         t0, t1;
    ngx_spocr_keys_t       *keys;
    ngx_spocr_tenant_t     *tenant;
    const ngx_spocr_key_t  *other;

    keys = ngx_spocr_keys_create(heap_alloc, &heap);
    name = str("u");
    tenant = ngx_spocr_keys_tenant(keys, &name);
    wanted = malloc(20000 * sizeof(ngx_spocr_key_t));

    for (i = 0; i < 20000; i++) {
        snprintf(id, sizeof(id), "k%d", i);
        wanted[i] = key = make_key(id, (unsigned) i, tenant);

        if (i < 10000) {
            ngx_spocr_keys_add(keys, &key, &other);
        }
    }

    ngx_spocr_keys_finish(keys);

    hits = 0;
    clock_gettime(CLOCK_MONOTONIC, &t0);

    for (i = 0; i < 1000000; i++) {
        key = wanted[(i % 20000) * 7919 % 20000];
        hits += ngx_spocr_keys_find(keys, key.digest) != NULL;
    }

    clock_gettime(CLOCK_MONOTONIC, &t1);
    diag("%d of 1000000 look-ups found, %.0f ns each", hits,
         ((double) (t1.tv_sec - t0.tv_sec) * 1e9
          + (double) (t1.tv_nsec - t0.tv_nsec)) / 1e6);

    free(wanted);
    heap_free(&heap);
}


int
main(void)
{
    test_names();
    test_build();
    test_empty();
    test_check();
    test_scopes();
    test_limits();
    test_shared_limits();
    test_many();
    test_no_memory();
    show_speed();

    return done_testing();
}
