
/*
 * The cache of records: a hash of entries in the order of their last use, and
 * a table of keys that do not exist.
 *
 * Called by the lookup of keys, for each record that a request needs.
 *
 * Invariant: what is remembered of a record stands in one of the two or in
 * neither, never in both.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keycache.h"


#define NGX_SPOCR_KEYCACHE_BUCKET    512    /* bytes of entries, about two */
#define NGX_SPOCR_KEYCACHE_OVERHEAD  32     /* the heap's own, of two blocks */
#define NGX_SPOCR_KEYCACHE_WAYS      4


typedef struct ngx_spocr_keycache_entry_s  ngx_spocr_keycache_entry_t;

struct ngx_spocr_keycache_entry_s {
    ngx_queue_t                    queue;
    ngx_spocr_keycache_entry_t    *next;        /* in the chain, and what */
    ngx_spocr_keycache_entry_t   **place;       /* points to this one */
    uint64_t                       read;        /* when */
    ngx_spocr_keycache_version_t   version;
    ngx_spocr_keycache_answer_t    answer;
    ngx_spocr_keyrecord_e          kind;
    u_char                         digest[NGX_SPOCR_DIGEST_LEN];
};


typedef struct {
    uint64_t                       until;       /* 0: a free place */
    ngx_spocr_keycache_version_t   version;
    u_char                         digest[NGX_SPOCR_DIGEST_LEN];
} ngx_spocr_keycache_unknown_t;


struct ngx_spocr_keycache_s {
    ngx_spocr_keycache_conf_t      conf;

    ngx_queue_t                    used;        /* the last one first */
    ngx_spocr_keycache_entry_t   **buckets;
    uint32_t                       mask;
    ngx_uint_t                     count;
    size_t                         bytes;

    ngx_spocr_keycache_unknown_t  *unknown;     /* sets of four */
    uint32_t                       unknown_mask;
};


static ngx_spocr_keycache_state_e ngx_spocr_keycache_worth(
    const ngx_spocr_keycache_t *cache, const ngx_spocr_keycache_entry_t *entry,
    const ngx_spocr_keycache_version_t *version, uint64_t now);
static ngx_spocr_keycache_entry_t *ngx_spocr_keycache_find(
    const ngx_spocr_keycache_t *cache, const ngx_spocr_keyrecord_id_t *id);
static void ngx_spocr_keycache_insert(ngx_spocr_keycache_t *cache,
    ngx_spocr_keycache_entry_t *entry);
static void ngx_spocr_keycache_remove(ngx_spocr_keycache_t *cache,
    ngx_spocr_keycache_entry_t *entry);
static void ngx_spocr_keycache_shrink(ngx_spocr_keycache_t *cache);
static size_t ngx_spocr_keycache_size(const ngx_spocr_keycache_entry_t *entry);
static ngx_spocr_keycache_unknown_t *ngx_spocr_keycache_unknown(
    const ngx_spocr_keycache_t *cache, const u_char *digest,
    ngx_spocr_keycache_unknown_t **free);
static uint32_t ngx_spocr_keycache_mask(size_t n);
static uint32_t ngx_spocr_keycache_hash(const u_char *digest);


ngx_spocr_keycache_t *
ngx_spocr_keycache_create(const ngx_spocr_keycache_conf_t *conf)
{
    ngx_spocr_keycache_t  *cache;

    cache = calloc(1, sizeof(ngx_spocr_keycache_t));
    if (cache == NULL) {
        return NULL;
    }

    cache->conf = *conf;
    ngx_queue_init(&cache->used);

    cache->mask = ngx_spocr_keycache_mask(conf->size
                                          / NGX_SPOCR_KEYCACHE_BUCKET);
    cache->unknown_mask = ngx_spocr_keycache_mask(conf->unknown
                                                  / NGX_SPOCR_KEYCACHE_WAYS);

    cache->buckets = calloc((size_t) cache->mask + 1,
                            sizeof(ngx_spocr_keycache_entry_t *));
    cache->unknown = calloc(((size_t) cache->unknown_mask + 1)
                            * NGX_SPOCR_KEYCACHE_WAYS,
                            sizeof(ngx_spocr_keycache_unknown_t));

    if (cache->buckets == NULL || cache->unknown == NULL) {
        ngx_spocr_keycache_destroy(cache);
        return NULL;
    }

    return cache;
}


void
ngx_spocr_keycache_destroy(ngx_spocr_keycache_t *cache)
{
    if (cache == NULL) {
        return;
    }

    cache->conf.size = 0;
    ngx_spocr_keycache_shrink(cache);

    free(cache->buckets);
    free(cache->unknown);
    free(cache);
}


ngx_spocr_keycache_state_e
ngx_spocr_keycache_get(ngx_spocr_keycache_t *cache,
    const ngx_spocr_keyrecord_id_t *id,
    const ngx_spocr_keycache_version_t *version, uint64_t now,
    ngx_spocr_keycache_answer_t *answer)
{
    ngx_spocr_keycache_state_e      state;
    ngx_spocr_keycache_entry_t     *entry;
    ngx_spocr_keycache_unknown_t   *unknown, *free;

    entry = ngx_spocr_keycache_find(cache, id);

    if (entry != NULL) {
        state = ngx_spocr_keycache_worth(cache, entry, version, now);

        if (state < NGX_SPOCR_KEYCACHE_STALE) {
            ngx_spocr_keycache_remove(cache, entry);
            return state;
        }

        ngx_queue_remove(&entry->queue);
        ngx_queue_insert_head(&cache->used, &entry->queue);

        *answer = entry->answer;

        return state;
    }

    if (id->kind != NGX_SPOCR_KEYRECORD_KEY) {
        return NGX_SPOCR_KEYCACHE_ABSENT;
    }

    unknown = ngx_spocr_keycache_unknown(cache, id->digest, &free);

    if (unknown == NULL || now >= unknown->until) {
        return NGX_SPOCR_KEYCACHE_ABSENT;
    }

    /* a store that is away is no reason to say that a key does not exist */

    if (unknown->version.record != version->record
        || unknown->version.epoch != version->epoch)
    {
        return NGX_SPOCR_KEYCACHE_UNUSABLE;
    }

    answer->what = NGX_SPOCR_KEYCACHE_NONE;
    answer->record = NULL;

    return NGX_SPOCR_KEYCACHE_FRESH;
}


static ngx_spocr_keycache_state_e
ngx_spocr_keycache_worth(const ngx_spocr_keycache_t *cache,
    const ngx_spocr_keycache_entry_t *entry,
    const ngx_spocr_keycache_version_t *version, uint64_t now)
{
    uint64_t  age;

    if (entry->version.record != version->record) {
        return NGX_SPOCR_KEYCACHE_UNUSABLE;
    }

    age = now - entry->read;

    if (entry->answer.what == NGX_SPOCR_KEYCACHE_BAD) {
        return age < cache->conf.negative_ttl
               && entry->version.epoch == version->epoch
               ? NGX_SPOCR_KEYCACHE_FRESH : NGX_SPOCR_KEYCACHE_ABSENT;
    }

    if (age < cache->conf.ttl && entry->version.epoch == version->epoch) {
        return NGX_SPOCR_KEYCACHE_FRESH;
    }

    return age < cache->conf.ttl + cache->conf.stale
           ? NGX_SPOCR_KEYCACHE_STALE : NGX_SPOCR_KEYCACHE_ABSENT;
}


void
ngx_spocr_keycache_put(ngx_spocr_keycache_t *cache,
    const ngx_spocr_keyrecord_id_t *id,
    const ngx_spocr_keycache_version_t *version, uint64_t now,
    const ngx_spocr_keycache_answer_t *answer)
{
    ngx_spocr_keycache_entry_t     *entry;
    ngx_spocr_keycache_unknown_t   *unknown, *free;

    entry = ngx_spocr_keycache_find(cache, id);

    if (entry != NULL) {
        ngx_spocr_keycache_remove(cache, entry);
    }

    if (id->kind == NGX_SPOCR_KEYRECORD_KEY) {
        unknown = ngx_spocr_keycache_unknown(cache, id->digest, &free);

        if (unknown != NULL) {
            unknown->until = 0;
            free = unknown;
        }

        if (answer->what == NGX_SPOCR_KEYCACHE_NONE) {
            free->until = now + cache->conf.negative_ttl;
            free->version = *version;
            memcpy(free->digest, id->digest, NGX_SPOCR_DIGEST_LEN);
            return;
        }
    }

    entry = calloc(1, sizeof(ngx_spocr_keycache_entry_t));
    if (entry == NULL) {
        return;
    }

    entry->read = now;
    entry->version = *version;
    entry->answer.what = answer->what;
    entry->answer.record = ngx_spocr_keyrecord_ref(answer->record);
    entry->kind = id->kind;
    memcpy(entry->digest, id->digest, NGX_SPOCR_DIGEST_LEN);

    ngx_spocr_keycache_insert(cache, entry);
    ngx_spocr_keycache_shrink(cache);
}


ngx_uint_t
ngx_spocr_keycache_count(const ngx_spocr_keycache_t *cache)
{
    return cache->count;
}


size_t
ngx_spocr_keycache_bytes(const ngx_spocr_keycache_t *cache)
{
    return cache->bytes;
}


static ngx_spocr_keycache_entry_t *
ngx_spocr_keycache_find(const ngx_spocr_keycache_t *cache,
    const ngx_spocr_keyrecord_id_t *id)
{
    uint32_t                     i;
    ngx_spocr_keycache_entry_t  *entry;

    i = ngx_spocr_keycache_hash(id->digest) & cache->mask;

    for (entry = cache->buckets[i]; entry; entry = entry->next) {
        if (entry->kind == id->kind
            && ngx_spocr_digest_equal(entry->digest, id->digest))
        {
            return entry;
        }
    }

    return NULL;
}


static void
ngx_spocr_keycache_insert(ngx_spocr_keycache_t *cache,
    ngx_spocr_keycache_entry_t *entry)
{
    ngx_spocr_keycache_entry_t  **place;

    place = &cache->buckets[ngx_spocr_keycache_hash(entry->digest)
                            & cache->mask];
    entry->place = place;
    entry->next = *place;

    if (entry->next) {
        entry->next->place = &entry->next;
    }

    *place = entry;

    ngx_queue_insert_head(&cache->used, &entry->queue);

    cache->count++;
    cache->bytes += ngx_spocr_keycache_size(entry);
}


static void
ngx_spocr_keycache_remove(ngx_spocr_keycache_t *cache,
    ngx_spocr_keycache_entry_t *entry)
{
    *entry->place = entry->next;

    if (entry->next) {
        entry->next->place = entry->place;
    }

    ngx_queue_remove(&entry->queue);

    cache->count--;
    cache->bytes -= ngx_spocr_keycache_size(entry);

    ngx_spocr_keyrecord_unref(entry->answer.record);
    free(entry);
}


static void
ngx_spocr_keycache_shrink(ngx_spocr_keycache_t *cache)
{
    ngx_queue_t  *q, *prev;

    for (q = ngx_queue_last(&cache->used);
         q != ngx_queue_sentinel(&cache->used)
         && cache->bytes > cache->conf.size;
         q = prev)
    {
        prev = ngx_queue_prev(q);
        ngx_spocr_keycache_remove(cache,
                     ngx_queue_data(q, ngx_spocr_keycache_entry_t, queue));
    }
}


static size_t
ngx_spocr_keycache_size(const ngx_spocr_keycache_entry_t *entry)
{
    return sizeof(ngx_spocr_keycache_entry_t) + NGX_SPOCR_KEYCACHE_OVERHEAD
           + (entry->answer.record ? entry->answer.record->size : 0);
}


/*
 * The place of a key that does not exist, or NULL; *free is then the one that
 * it may have: an empty one of its set, or the one that ends first.
 */

static ngx_spocr_keycache_unknown_t *
ngx_spocr_keycache_unknown(const ngx_spocr_keycache_t *cache,
    const u_char *digest, ngx_spocr_keycache_unknown_t **free)
{
    size_t                         i;
    ngx_uint_t                     n;
    ngx_spocr_keycache_unknown_t  *way;

    i = ngx_spocr_keycache_hash(digest) & cache->unknown_mask;
    way = &cache->unknown[i * NGX_SPOCR_KEYCACHE_WAYS];

    *free = way;

    for (n = 0; n < NGX_SPOCR_KEYCACHE_WAYS; n++, way++) {
        if (way->until && ngx_spocr_digest_equal(way->digest, digest)) {
            return way;
        }

        if (way->until < (*free)->until) {
            *free = way;
        }
    }

    return NULL;
}


/* One less than a power of two that is at least n. */

static uint32_t
ngx_spocr_keycache_mask(size_t n)
{
    uint32_t  mask;

    for (mask = 0; mask + (size_t) 1 < n; mask = 2 * mask + 1) {
        /* void */
    }

    return mask;
}


/* A digest is as good a hash as there is; not the zone's part of it. */

static uint32_t
ngx_spocr_keycache_hash(const u_char *digest)
{
    uint32_t  hash;

    memcpy(&hash, digest + 4, sizeof(hash));

    return hash;
}
