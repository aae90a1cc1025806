
/*
 * The cache of records: C-8 (stale), C-10 (times to live, notices), C-11
 * (guesses take no memory).
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keycache.h"
#include "tap.h"


#define KEY     NGX_SPOCR_KEYRECORD_KEY
#define TENANT  NGX_SPOCR_KEYRECORD_TENANT
#define PLAN    NGX_SPOCR_KEYRECORD_PLAN

#define ABSENT    NGX_SPOCR_KEYCACHE_ABSENT
#define UNUSABLE  NGX_SPOCR_KEYCACHE_UNUSABLE
#define STALE     NGX_SPOCR_KEYCACHE_STALE
#define FRESH     NGX_SPOCR_KEYCACHE_FRESH

#define SIZE  65536


static ngx_spocr_keys_t              *names;
static ngx_spocr_digest_t            *digest;
static ngx_spocr_keyreader_t         *reader;
static ngx_spocr_keycache_answer_t    got;
static ngx_spocr_keycache_version_t   version = { 7, 1 };


static const ngx_spocr_keycache_conf_t  conf = {
    .size = SIZE,
    .unknown = 64,
    .ttl = 30000,
    .negative_ttl = 5000,
    .stale = 300000
};


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


static ngx_spocr_keyrecord_id_t
id_of(ngx_spocr_keyrecord_e kind, unsigned n)
{
    ngx_spocr_keyrecord_id_t  id;

    memset(&id, 0, sizeof(id));
    id.kind = kind;
    ngx_spocr_digest(digest, (u_char *) &n, sizeof(n), id.digest);
    id.name.data = (u_char *) (kind == KEY ? "" : "u");
    id.name.len = (kind != KEY);

    return id;
}


static ngx_spocr_keycache_state_e
get(ngx_spocr_keycache_t *cache, ngx_spocr_keyrecord_e kind, unsigned n,
    uint64_t now)
{
    ngx_spocr_keyrecord_id_t  id;

    id = id_of(kind, n);
    memset(&got, 0xa5, sizeof(got));

    return ngx_spocr_keycache_get(cache, &id, &version, now, &got);
}


static void
put(ngx_spocr_keycache_t *cache, ngx_spocr_keyrecord_e kind, unsigned n,
    ngx_spocr_keycache_what_e what, uint64_t now)
{
    char                          json[64];
    ngx_str_t                     text;
    ngx_spocr_keyrecord_id_t      id;
    ngx_spocr_keyfile_error_t     err;
    ngx_spocr_keycache_answer_t   answer;

    id = id_of(kind, n);
    snprintf(json, sizeof(json), kind == KEY
             ? "{\"id\":\"key_%u\",\"uid\":\"u_acme\"}" : "{}", n);
    text.data = (u_char *) json;
    text.len = strlen(json);

    answer.what = what;
    answer.record = what == NGX_SPOCR_KEYCACHE_RECORD
                    ? ngx_spocr_keyrecord_parse(reader, &id, &text, &err)
                    : NULL;

    ngx_spocr_keycache_put(cache, &id, &version, now, &answer);
    ngx_spocr_keyrecord_unref(answer.record);
}


static void
test_times(void)
{
    ngx_spocr_keycache_t  *cache;

    cache = ngx_spocr_keycache_create(&conf);

    is_int(get(cache, KEY, 1, 1000), ABSENT, "empty");

    put(cache, KEY, 1, NGX_SPOCR_KEYCACHE_RECORD, 1000);
    is_int(get(cache, KEY, 1, 1000), FRESH, "at once");
    ok(got.what == NGX_SPOCR_KEYCACHE_RECORD && got.record != NULL,
       "the record");
    is_int(got.record->refs, 1, "is the cache's");
    is_int(get(cache, TENANT, 1, 1000), ABSENT, "a tenant is another record");
    is_int(get(cache, KEY, 1, 30999), FRESH, "to the end of its time");
    is_int(get(cache, KEY, 1, 31000), STALE, "after that only for an outage");
    ok(got.record != NULL, "with the record");
    is_int(get(cache, KEY, 1, 330999), STALE, "of so many minutes");
    is_int(get(cache, KEY, 1, 331000), ABSENT, "and no longer");
    is_int(ngx_spocr_keycache_count(cache), 0, "it is gone then");
    is_int(ngx_spocr_keycache_bytes(cache), 0, "with its bytes");

    put(cache, KEY, 2, NGX_SPOCR_KEYCACHE_NONE, 1000);
    is_int(get(cache, KEY, 2, 5999), FRESH, "a key that does not exist");
    ok(got.what == NGX_SPOCR_KEYCACHE_NONE && got.record == NULL,
       "has no record");
    is_int(get(cache, KEY, 2, 6000), ABSENT, "is asked for soon again");

    put(cache, TENANT, 3, NGX_SPOCR_KEYCACHE_NONE, 1000);
    is_int(get(cache, TENANT, 3, 30999), FRESH, "a tenant without a record");
    is_int(got.what, NGX_SPOCR_KEYCACHE_NONE, "is as good as one with one");
    is_int(get(cache, TENANT, 3, 31000), STALE, "also in an outage");

    put(cache, KEY, 4, NGX_SPOCR_KEYCACHE_BAD, 1000);
    is_int(get(cache, KEY, 4, 5999), FRESH, "a record of a wrong shape");
    is_int(got.what, NGX_SPOCR_KEYCACHE_BAD, "is remembered as such");
    is_int(get(cache, KEY, 4, 6000), ABSENT, "not for long, never stale");

    ngx_spocr_keycache_destroy(cache);
    ngx_spocr_keycache_destroy(NULL);
}


static void
test_versions(void)
{
    ngx_spocr_keycache_t  *cache;

    cache = ngx_spocr_keycache_create(&conf);

    put(cache, KEY, 1, NGX_SPOCR_KEYCACHE_RECORD, 1000);
    put(cache, KEY, 2, NGX_SPOCR_KEYCACHE_NONE, 1000);
    put(cache, KEY, 3, NGX_SPOCR_KEYCACHE_BAD, 1000);

    version.epoch++;
    is_int(get(cache, KEY, 1, 1001), STALE, "a new subscription");
    is_int(get(cache, KEY, 2, 1001), UNUSABLE, "an unknown key");
    is_int(get(cache, KEY, 3, 1001), ABSENT, "a wrong record");

    version.record++;
    is_int(get(cache, KEY, 1, 1001), UNUSABLE, "a notice");
    is_int(get(cache, KEY, 1, 1001), ABSENT, "forgotten for good");
    is_int(get(cache, KEY, 2, 1001), UNUSABLE, "an unknown key");

    put(cache, KEY, 2, NGX_SPOCR_KEYCACHE_RECORD, 1001);
    is_int(get(cache, KEY, 2, 1001), FRESH, "a key was made");
    is_int(got.what, NGX_SPOCR_KEYCACHE_RECORD, "and is known");

    put(cache, KEY, 2, NGX_SPOCR_KEYCACHE_NONE, 1002);
    is_int(get(cache, KEY, 2, 1002), FRESH, "a key was removed");
    is_int(got.what, NGX_SPOCR_KEYCACHE_NONE, "and is not");
    is_int(ngx_spocr_keycache_count(cache), 0, "in one place only");

    put(cache, KEY, 2, NGX_SPOCR_KEYCACHE_BAD, 1003);
    is_int(get(cache, KEY, 2, 1003), FRESH, "a key was made badly");
    is_int(got.what, NGX_SPOCR_KEYCACHE_BAD, "the last answer counts");

    put(cache, KEY, 1, NGX_SPOCR_KEYCACHE_RECORD, 1003);
    version.record--;
    is_int(get(cache, KEY, 1, 1003), UNUSABLE, "any other version");
    version.record++;

    ngx_spocr_keycache_destroy(cache);
}


/* C-11: whoever guesses pushes out guesses, and nothing else. */

static void
test_guesses(void)
{
    size_t                 bytes;
    unsigned               i, known, guessed;
    ngx_spocr_keycache_t  *cache;

    cache = ngx_spocr_keycache_create(&conf);

    for (i = 0; i < 100; i++) {
        put(cache, KEY, i, NGX_SPOCR_KEYCACHE_RECORD, 1000);
    }

    bytes = ngx_spocr_keycache_bytes(cache);

    for (i = 1000; i < 200000; i++) {
        put(cache, KEY, i, NGX_SPOCR_KEYCACHE_NONE, 1000 + i / 100);
    }

    for (i = 0, known = 0; i < 100; i++) {
        known += get(cache, KEY, i, 3000) == FRESH
                 && got.what == NGX_SPOCR_KEYCACHE_RECORD;
    }

    for (i = 1000, guessed = 0; i < 200000; i++) {
        guessed += get(cache, KEY, i, 3000) == FRESH
                   && got.what == NGX_SPOCR_KEYCACHE_NONE;
    }

    is_int(known, 100, "each real key is there after 199,000 guesses");
    is_int(ngx_spocr_keycache_bytes(cache), bytes, "no byte more");
    is_int(guessed, 64, "the last guesses are, too");
    is_int(get(cache, KEY, 199999, 3000), FRESH, "the very last");

    ngx_spocr_keycache_destroy(cache);
}


static void
test_budget(void)
{
    size_t                 most;
    unsigned               i, kept;
    ngx_spocr_keycache_t  *cache;

    cache = ngx_spocr_keycache_create(&conf);
    most = 0;

    put(cache, KEY, 0, NGX_SPOCR_KEYCACHE_RECORD, 1000);

    for (i = 1; i < 3000; i++) {
        put(cache, i % 2 ? KEY : TENANT, i, NGX_SPOCR_KEYCACHE_RECORD, 1000);
        most = ngx_spocr_keycache_bytes(cache) > most
               ? ngx_spocr_keycache_bytes(cache) : most;

        (void) get(cache, KEY, 0, 1000);
    }

    ok(most <= SIZE, "never more than %d bytes: %zu", SIZE, most);
    ok(most > SIZE * 9 / 10, "nor much less");
    is_int(get(cache, KEY, 0, 1000), FRESH, "what is used stays");
    is_int(get(cache, KEY, 2999, 1000), FRESH, "what is new, too");
    is_int(get(cache, KEY, 1, 1000), ABSENT, "what is old goes");

    for (i = 0, kept = 0; i < 3000; i++) {
        kept += get(cache, i == 0 || i % 2 ? KEY : TENANT, i, 1000) == FRESH;
    }

    is_int(kept, ngx_spocr_keycache_count(cache), "all that is, is found");

    ngx_spocr_keycache_destroy(cache);
}


/* A request may still work with a record that the cache has forgotten. */

static void
test_references(void)
{
    ngx_spocr_keycache_t   *cache;
    ngx_spocr_keyrecord_t  *record;

    cache = ngx_spocr_keycache_create(&conf);

    put(cache, KEY, 1, NGX_SPOCR_KEYCACHE_RECORD, 1000);
    (void) get(cache, KEY, 1, 1000);
    record = ngx_spocr_keyrecord_ref(got.record);

    put(cache, KEY, 1, NGX_SPOCR_KEYCACHE_NONE, 1000);
    is_int(record->refs, 1, "one reference is left");
    ok(record->of.key.id.len == 5, "the record is whole");

    ngx_spocr_keyrecord_unref(record);
    ngx_spocr_keycache_destroy(cache);
}


/* Against a model that remembers everything: nothing wrong is ever said. */

static void
test_random(void)
{
    unsigned               i, n, seed, wrong, found;
    uint64_t               now;
    ngx_spocr_keycache_t  *cache;
    static struct {
        uint64_t   read;
        int        what;
    } model[1024];

    cache = ngx_spocr_keycache_create(&conf);
    seed = 1;
    wrong = found = 0;
    now = 1000;

    for (i = 0; i < 300000; i++) {
        seed = seed * 1103515245 + 12345;
        n = (seed >> 8) % 1024;
        now += (seed >> 4) & 1;

        if ((seed >> 20) % 3 == 0) {
            model[n].what = (int) (seed >> 24) % 3;
            model[n].read = now;
            put(cache, KEY, n, (ngx_spocr_keycache_what_e) model[n].what, now);
            continue;
        }

        switch (get(cache, KEY, n, now)) {

        case FRESH:
            found++;
            wrong += (model[n].read == 0 || (int) got.what != model[n].what
                      || now - model[n].read
                         >= (got.what == NGX_SPOCR_KEYCACHE_RECORD
                             ? conf.ttl : conf.negative_ttl)
                      || (got.record != NULL) != (got.what == 0));
            break;

        case STALE:
            wrong += (model[n].read == 0 || model[n].what != 0
                      || now - model[n].read < conf.ttl);
            break;

        default:
            break;
        }
    }

    is_int(wrong, 0, "nothing that was not put there");
    ok(found > 10000, "and %u times something", found);
    ok(ngx_spocr_keycache_bytes(cache) <= SIZE, "in its bytes");

    ngx_spocr_keycache_destroy(cache);
}


int
main(void)
{
    digest = ngx_spocr_digest_create();
    names = ngx_spocr_keys_create(heap_alloc, NULL);
    ngx_spocr_keys_finish(names);
    reader = ngx_spocr_keyreader_create(names, digest);

    test_times();
    test_versions();
    test_guesses();
    test_budget();
    test_references();
    test_random();

    ngx_spocr_keyreader_destroy(reader);
    ngx_spocr_digest_destroy(digest);
    heap_alloc(NULL, 0);

    return done_testing();
}
