
/*
 * The table of keys, tenants and plans.
 *
 * Built by ngx_spocr_keyfile_read(); read by the module for each request and
 * by spocrctl.
 *
 * Invariant: records never move and numbers never change.  Records are in
 * segments, so that nothing is copied while the table grows, and all indexes
 * hold numbers.  Each index hashes with bytes that are a digest already: of
 * the key, or of the id, uid or plan (its counter).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keys.h"


#define NGX_SPOCR_KEYS_COUNT_MAX   0x7fffffff
#define NGX_SPOCR_CHUNK_MIN        4096         /* bytes of memory for text */
#define NGX_SPOCR_CHUNK_MAX        65536
#define NGX_SPOCR_SHARED_SETS      64


/* Records of one size, in segments of 1 << shift. */

typedef struct {
    u_char               **segments;
    ngx_uint_t             nsegments;   /* room for so many */
    ngx_uint_t             count;
    ngx_uint_t             shift;
    size_t                 size;
} ngx_spocr_records_t;


/* Open addressing; a slot is a record's number + 1, or 0. */

typedef struct {
    uint32_t              *slots;
    uint32_t               mask;        /* number of slots - 1 */
    size_t                 offset;      /* of the digest in the record */
    size_t                 len;         /* of what has to be equal */
    ngx_spocr_records_t   *records;
} ngx_spocr_index_t;


/* On the heap; freed by ngx_spocr_keys_finish(). */

typedef struct {
    ngx_spocr_digest_t            *digest;
    ngx_spocr_index_t              digests;
    ngx_spocr_index_t              ids;
    ngx_spocr_index_t              uids;
    ngx_spocr_index_t              plans;
    const ngx_spocr_limits_set_t  *shared[NGX_SPOCR_SHARED_SETS];
} ngx_spocr_builder_t;


/*
 * What ngx_spocr_keys_find() reads: the tag spares a look at the record of
 * nearly each slot that holds another key.
 */

typedef struct {
    uint32_t               tag;
    uint32_t               number;      /* + 1; 0: empty */
} ngx_spocr_slot_t;


typedef struct {
    ngx_str_t              names[NGX_SPOCR_NAMES_MAX + 1];
    ngx_uint_t             count;
    ngx_uint_t             max;
} ngx_spocr_names_t;


struct ngx_spocr_keys_s {
    ngx_spocr_alloc_pt     alloc;
    void                  *data;

    u_char                *chunk;       /* free bytes for text and limits */
    size_t                 left;
    size_t                 chunk_size;

    ngx_spocr_records_t    keys;
    ngx_spocr_records_t    tenants;
    ngx_spocr_records_t    plans;

    ngx_spocr_names_t      scopes;
    ngx_spocr_names_t      limit_names;

    ngx_spocr_slot_t      *slots;       /* by digest, once it is finished */
    uint64_t               nslots;

    ngx_spocr_builder_t   *builder;     /* NULL: finished */
};


static ngx_int_t ngx_spocr_keys_counter(ngx_spocr_keys_t *keys, u_char kind,
    const ngx_str_t *name, u_char *counter);
static ngx_int_t ngx_spocr_keys_copy(ngx_spocr_keys_t *keys,
    const ngx_str_t *text, ngx_str_t *copy);
static void *ngx_spocr_keys_memory(ngx_spocr_keys_t *keys, size_t size,
    size_t align);
static void *ngx_spocr_record(const ngx_spocr_records_t *records,
    ngx_uint_t i);
static void *ngx_spocr_record_add(ngx_spocr_keys_t *keys,
    ngx_spocr_records_t *records);
static void *ngx_spocr_record_named(ngx_spocr_keys_t *keys,
    ngx_spocr_index_t *index, const u_char *counter, ngx_uint_t *made);
static uint32_t *ngx_spocr_index_slot(const ngx_spocr_index_t *index,
    const u_char *digest);
static ngx_int_t ngx_spocr_index_room(ngx_spocr_index_t *index);
static uint32_t ngx_spocr_be32(const u_char *p);
static ngx_int_t ngx_spocr_name_find(const ngx_spocr_names_t *names,
    const ngx_str_t *name);
static ngx_int_t ngx_spocr_name_add(ngx_spocr_keys_t *keys,
    ngx_spocr_names_t *names, const ngx_str_t *name);
static void ngx_spocr_limits_take(const ngx_spocr_limits_set_t *set,
    ngx_int_t name, ngx_uint_t with_key, ngx_uint_t with_uid,
    ngx_spocr_limits_t *limits);


ngx_spocr_keys_t *
ngx_spocr_keys_create(ngx_spocr_alloc_pt alloc, void *data)
{
    ngx_str_t             name;
    ngx_spocr_keys_t     *keys;
    ngx_spocr_builder_t  *b;

    keys = alloc(data, sizeof(ngx_spocr_keys_t));
    if (keys == NULL) {
        return NULL;
    }

    memset(keys, 0, sizeof(ngx_spocr_keys_t));

    keys->alloc = alloc;
    keys->data = data;
    keys->chunk_size = NGX_SPOCR_CHUNK_MIN;

    keys->keys.size = sizeof(ngx_spocr_key_t);
    keys->keys.shift = 9;
    keys->tenants.size = sizeof(ngx_spocr_tenant_t);
    keys->tenants.shift = 9;
    keys->plans.size = sizeof(ngx_spocr_plan_t);
    keys->plans.shift = 4;

    keys->scopes.max = NGX_SPOCR_NAMES_MAX;
    keys->limit_names.max = NGX_SPOCR_NAMES_MAX + 1;    /* with "default" */

    b = calloc(1, sizeof(ngx_spocr_builder_t));
    if (b == NULL) {
        return NULL;
    }

    keys->builder = b;

    b->digests.records = &keys->keys;
    b->digests.offset = offsetof(ngx_spocr_key_t, digest);
    b->digests.len = NGX_SPOCR_DIGEST_LEN;

    b->ids.records = &keys->keys;
    b->ids.offset = offsetof(ngx_spocr_key_t, counter);
    b->ids.len = NGX_SPOCR_COUNTER_ID_LEN;

    b->uids.records = &keys->tenants;
    b->uids.offset = offsetof(ngx_spocr_tenant_t, counter);
    b->uids.len = NGX_SPOCR_COUNTER_ID_LEN;

    b->plans.records = &keys->plans;
    b->plans.offset = offsetof(ngx_spocr_plan_t, counter);
    b->plans.len = NGX_SPOCR_COUNTER_ID_LEN;

    name.data = (u_char *) "default";
    name.len = sizeof("default") - 1;

    b->digest = ngx_spocr_digest_create();

    if (b->digest == NULL
        || ngx_spocr_keys_limit_name(keys, &name) != 0)
    {
        ngx_spocr_keys_abandon(keys);
        return NULL;
    }

    return keys;
}


ngx_spocr_plan_t *
ngx_spocr_keys_plan(ngx_spocr_keys_t *keys, const ngx_str_t *name)
{
    u_char             counter[NGX_SPOCR_COUNTER_ID_LEN];
    ngx_uint_t         made;
    ngx_spocr_plan_t  *plan;

    if (ngx_spocr_keys_counter(keys, 'p', name, counter) != NGX_OK) {
        return NULL;
    }

    plan = ngx_spocr_record_named(keys, &keys->builder->plans, counter, &made);

    if (plan != NULL && made
        && ngx_spocr_keys_copy(keys, name, &plan->name) != NGX_OK)
    {
        return NULL;
    }

    return plan;
}


ngx_spocr_tenant_t *
ngx_spocr_keys_tenant(ngx_spocr_keys_t *keys, const ngx_str_t *uid)
{
    u_char               counter[NGX_SPOCR_COUNTER_ID_LEN];
    ngx_uint_t           made;
    ngx_spocr_tenant_t  *tenant;

    if (ngx_spocr_keys_counter(keys, 'u', uid, counter) != NGX_OK) {
        return NULL;
    }

    tenant = ngx_spocr_record_named(keys, &keys->builder->uids, counter,
                                    &made);

    if (tenant != NULL && made
        && ngx_spocr_keys_copy(keys, uid, &tenant->uid) != NGX_OK)
    {
        return NULL;
    }

    return tenant;
}


ngx_int_t
ngx_spocr_keys_add(ngx_spocr_keys_t *keys, const ngx_spocr_key_t *key,
    const ngx_spocr_key_t **other)
{
    u_char                counter[NGX_SPOCR_COUNTER_ID_LEN];
    uint32_t             *digest_slot, *id_slot;
    ngx_spocr_key_t      *new;
    ngx_spocr_builder_t  *b;

    if (ngx_spocr_keys_counter(keys, 'k', &key->id, counter) != NGX_OK) {
        return NGX_ERROR;
    }

    b = keys->builder;

    if (ngx_spocr_index_room(&b->digests) != NGX_OK
        || ngx_spocr_index_room(&b->ids) != NGX_OK)
    {
        return NGX_ERROR;
    }

    id_slot = ngx_spocr_index_slot(&b->ids, counter);
    digest_slot = ngx_spocr_index_slot(&b->digests, key->digest);

    if (*id_slot || *digest_slot) {
        *other = ngx_spocr_record(&keys->keys,
                                  (*id_slot ? *id_slot : *digest_slot) - 1);
        return NGX_DECLINED;
    }

    new = ngx_spocr_record_add(keys, &keys->keys);
    if (new == NULL) {
        return NGX_ERROR;
    }

    *new = *key;
    memcpy(new->counter, counter, NGX_SPOCR_COUNTER_ID_LEN);

    if (ngx_spocr_keys_copy(keys, &key->id, &new->id) != NGX_OK) {
        return NGX_ERROR;
    }

    if (key->limits) {
        new->limits = ngx_spocr_keys_limits(keys, key->limits);
        if (new->limits == NULL) {
            return NGX_ERROR;
        }
    }

    *id_slot = (uint32_t) keys->keys.count;
    *digest_slot = (uint32_t) keys->keys.count;

    return NGX_OK;
}


const ngx_spocr_limits_set_t *
ngx_spocr_keys_limits(ngx_spocr_keys_t *keys, const ngx_spocr_limits_set_t *set)
{
    size_t                          size;
    ngx_spocr_limits_set_t         *copy;
    const ngx_spocr_limits_set_t  **shared;

    /* most records of a file say the same few numbers */

    shared = &keys->builder->shared[(set->main.key ^ (set->main.uid >> 1))
                                    % NGX_SPOCR_SHARED_SETS];

    if (set->nnamed == 0
        && *shared != NULL
        && (*shared)->main.key == set->main.key
        && (*shared)->main.uid == set->main.uid)
    {
        return *shared;
    }

    copy = ngx_spocr_keys_memory(keys, sizeof(ngx_spocr_limits_set_t),
                                 sizeof(void *));
    if (copy == NULL) {
        return NULL;
    }

    *copy = *set;
    copy->named = NULL;

    if (set->nnamed == 0) {
        *shared = copy;
        return copy;
    }

    size = set->nnamed * sizeof(ngx_spocr_limits_named_t);

    copy->named = ngx_spocr_keys_memory(keys, size, sizeof(void *));
    if (copy->named == NULL) {
        return NULL;
    }

    memcpy(copy->named, set->named, size);

    return copy;
}


ngx_int_t
ngx_spocr_keys_scope(ngx_spocr_keys_t *keys, const ngx_str_t *name)
{
    return ngx_spocr_name_add(keys, &keys->scopes, name);
}


ngx_int_t
ngx_spocr_keys_limit_name(ngx_spocr_keys_t *keys, const ngx_str_t *name)
{
    return ngx_spocr_name_add(keys, &keys->limit_names, name);
}


ngx_int_t
ngx_spocr_keys_finish(ngx_spocr_keys_t *keys)
{
    uint64_t           pos;
    ngx_uint_t         i;
    ngx_spocr_key_t   *key;
    ngx_spocr_slot_t  *slots;

    /* three quarters full: 1.5 slots are read to find a key, 8.5 to miss */

    keys->nslots = keys->keys.count + keys->keys.count / 3 + 1;

    slots = keys->alloc(keys->data, keys->nslots * sizeof(ngx_spocr_slot_t));
    if (slots == NULL) {
        return NGX_ERROR;
    }

    memset(slots, 0, keys->nslots * sizeof(ngx_spocr_slot_t));

    for (i = 0; i < keys->keys.count; i++) {
        key = ngx_spocr_record(&keys->keys, i);

        pos = (ngx_spocr_be32(key->digest) * keys->nslots) >> 32;

        while (slots[pos].number) {
            pos = (pos + 1 < keys->nslots) ? pos + 1 : 0;
        }

        slots[pos].tag = ngx_spocr_be32(key->digest + 4);
        slots[pos].number = (uint32_t) (i + 1);
    }

    keys->slots = slots;

    ngx_spocr_keys_abandon(keys);

    return NGX_OK;
}


void
ngx_spocr_keys_abandon(ngx_spocr_keys_t *keys)
{
    ngx_spocr_builder_t  *b;

    b = keys->builder;

    if (b == NULL) {
        return;
    }

    ngx_spocr_digest_destroy(b->digest);
    free(b->digests.slots);
    free(b->ids.slots);
    free(b->uids.slots);
    free(b->plans.slots);
    free(b);

    keys->builder = NULL;
}


const ngx_spocr_key_t *
ngx_spocr_keys_find(const ngx_spocr_keys_t *keys, const u_char *digest)
{
    uint32_t           tag;
    uint64_t           pos;
    ngx_spocr_key_t   *key;
    ngx_spocr_slot_t  *slot;

    tag = ngx_spocr_be32(digest + 4);
    pos = (ngx_spocr_be32(digest) * keys->nslots) >> 32;

    for ( ;; ) {
        slot = &keys->slots[pos];

        if (slot->number == 0) {
            return NULL;
        }

        if (slot->tag == tag) {
            key = ngx_spocr_record(&keys->keys, slot->number - 1);

            if (ngx_spocr_digest_equal(key->digest, digest)) {
                return key;
            }
        }

        pos = (pos + 1 < keys->nslots) ? pos + 1 : 0;
    }
}


const ngx_spocr_key_t *
ngx_spocr_keys_key(const ngx_spocr_keys_t *keys, ngx_uint_t i)
{
    return ngx_spocr_record(&keys->keys, i);
}


const ngx_spocr_tenant_t *
ngx_spocr_keys_tenant_at(const ngx_spocr_keys_t *keys, ngx_uint_t i)
{
    return ngx_spocr_record(&keys->tenants, i);
}


const ngx_spocr_plan_t *
ngx_spocr_keys_plan_at(const ngx_spocr_keys_t *keys, ngx_uint_t i)
{
    return ngx_spocr_record(&keys->plans, i);
}


ngx_uint_t
ngx_spocr_keys_count(const ngx_spocr_keys_t *keys)
{
    return keys->keys.count;
}


const ngx_str_t *
ngx_spocr_keys_scope_at(const ngx_spocr_keys_t *keys, ngx_uint_t i)
{
    return i < keys->scopes.count ? &keys->scopes.names[i] : NULL;
}


const ngx_str_t *
ngx_spocr_keys_limit_name_at(const ngx_spocr_keys_t *keys, ngx_uint_t i)
{
    return i < keys->limit_names.count ? &keys->limit_names.names[i] : NULL;
}


ngx_int_t
ngx_spocr_keys_scope_find(const ngx_spocr_keys_t *keys, const ngx_str_t *name)
{
    return ngx_spocr_name_find(&keys->scopes, name);
}


ngx_int_t
ngx_spocr_keys_limit_name_find(const ngx_spocr_keys_t *keys,
    const ngx_str_t *name)
{
    return ngx_spocr_name_find(&keys->limit_names, name);
}


ngx_spocr_key_e
ngx_spocr_key_check(const ngx_spocr_key_t *key, int64_t now)
{
    if (key->flags & NGX_SPOCR_KEY_REVOKED) {
        return NGX_SPOCR_KEY_IS_REVOKED;
    }

    if ((key->flags | key->tenant->flags) & NGX_SPOCR_KEY_DISABLED) {
        return NGX_SPOCR_KEY_IS_DISABLED;
    }

    if (key->expires && now >= key->expires) {
        return NGX_SPOCR_KEY_IS_EXPIRED;
    }

    return NGX_SPOCR_KEY_OK;
}


ngx_uint_t
ngx_spocr_key_has_scope(const ngx_spocr_key_t *key, ngx_int_t scope)
{
    if (key->flags & NGX_SPOCR_KEY_ALL_SCOPES) {
        return 1;
    }

    if (scope < 0 || scope >= NGX_SPOCR_NAMES_MAX) {
        return 0;
    }

    return (key->scopes >> scope) & 1;
}


void
ngx_spocr_key_limits(const ngx_spocr_key_t *key, ngx_int_t name,
    const ngx_spocr_limits_t *directive, ngx_spocr_limits_t *limits)
{
    ngx_spocr_tenant_t  *tenant;

    tenant = key->tenant;

    limits->key = NGX_SPOCR_LIMIT_UNSET;
    limits->uid = NGX_SPOCR_LIMIT_UNSET;

    /* keys of one uid could lift its limit otherwise: the key's own only */

    ngx_spocr_limits_take(key->limits, name, 1, 0, limits);
    ngx_spocr_limits_take(tenant->limits, name, 1, 1, limits);

    if (tenant->plan) {
        ngx_spocr_limits_take(tenant->plan->limits, name, 1, 1, limits);
    }

    if (limits->key == NGX_SPOCR_LIMIT_UNSET) {
        limits->key = directive->key;
    }

    if (limits->uid == NGX_SPOCR_LIMIT_UNSET) {
        limits->uid = directive->uid;
    }
}


/* Fills what is still unset with what a record says under that name. */

static void
ngx_spocr_limits_take(const ngx_spocr_limits_set_t *set, ngx_int_t name,
    ngx_uint_t with_key, ngx_uint_t with_uid, ngx_spocr_limits_t *limits)
{
    uint32_t                   i;
    const ngx_spocr_limits_t  *found;

    if (set == NULL || name < 0) {
        return;
    }

    found = (name == 0) ? &set->main : NULL;

    for (i = 0; name > 0 && i < set->nnamed; i++) {
        if (set->named[i].name == (uint32_t) name) {
            found = &set->named[i].limits;
            break;
        }
    }

    if (found == NULL) {
        return;
    }

    if (with_key && limits->key == NGX_SPOCR_LIMIT_UNSET) {
        limits->key = found->key;
    }

    if (with_uid && limits->uid == NGX_SPOCR_LIMIT_UNSET) {
        limits->uid = found->uid;
    }
}


ngx_uint_t
ngx_spocr_name_ok(const u_char *data, size_t len)
{
    u_char  ch;
    size_t  i;

    if (len == 0 || len > NGX_SPOCR_NAME_LEN_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        ch = data[i];

        if ((ch >= 'a' && ch <= 'z')
            || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9'))
        {
            continue;
        }

        if (i == 0 || ch == '\0' || strchr("._:@-", ch) == NULL) {
            return 0;
        }
    }

    return 1;
}


/* The kind keeps a key, a uid and a plan of one name apart. */

static ngx_int_t
ngx_spocr_keys_counter(ngx_spocr_keys_t *keys, u_char kind,
    const ngx_str_t *name, u_char *counter)
{
    u_char  text[2 + NGX_SPOCR_NAME_LEN_MAX], out[NGX_SPOCR_DIGEST_LEN];

    if (keys->builder == NULL || name->len > NGX_SPOCR_NAME_LEN_MAX) {
        return NGX_ERROR;
    }

    text[0] = kind;
    text[1] = ':';
    memcpy(text + 2, name->data, name->len);

    if (ngx_spocr_digest(keys->builder->digest, text, 2 + name->len, out)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    memcpy(counter, out, NGX_SPOCR_COUNTER_ID_LEN);

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_keys_copy(ngx_spocr_keys_t *keys, const ngx_str_t *text,
    ngx_str_t *copy)
{
    copy->data = ngx_spocr_keys_memory(keys, text->len, 1);
    if (copy->data == NULL) {
        return NGX_ERROR;
    }

    memcpy(copy->data, text->data, text->len);
    copy->len = text->len;

    return NGX_OK;
}


/* Small pieces, out of chunks that grow with the table. */

static void *
ngx_spocr_keys_memory(ngx_spocr_keys_t *keys, size_t size, size_t align)
{
    size_t   pad;
    u_char  *p;

    pad = (size_t) (-(uintptr_t) keys->chunk & (align - 1));

    if (keys->left < pad + size) {

        keys->chunk = keys->alloc(keys->data, keys->chunk_size);
        if (keys->chunk == NULL) {
            keys->left = 0;
            return NULL;
        }

        keys->left = keys->chunk_size;
        pad = 0;

        if (keys->chunk_size < NGX_SPOCR_CHUNK_MAX) {
            keys->chunk_size *= 2;
        }
    }

    p = keys->chunk + pad;

    keys->chunk = p + size;
    keys->left -= pad + size;

    return p;
}


static void *
ngx_spocr_record(const ngx_spocr_records_t *records, ngx_uint_t i)
{
    ngx_uint_t  in_segment;

    if (i >= records->count) {
        return NULL;
    }

    in_segment = i & (((ngx_uint_t) 1 << records->shift) - 1);

    return records->segments[i >> records->shift] + in_segment * records->size;
}


/* A new record, all zero. */

static void *
ngx_spocr_record_add(ngx_spocr_keys_t *keys, ngx_spocr_records_t *records)
{
    void        *record;
    u_char     **segments;
    ngx_uint_t   n, in_segment;

    if (records->count == NGX_SPOCR_KEYS_COUNT_MAX) {
        return NULL;
    }

    in_segment = (ngx_uint_t) 1 << records->shift;
    n = records->count >> records->shift;

    if (n == records->nsegments) {

        /* the old directory stays behind: 8 bytes for each segment */

        segments = keys->alloc(keys->data, (2 * n + 4) * sizeof(u_char *));
        if (segments == NULL) {
            return NULL;
        }

        if (n) {
            memcpy(segments, records->segments, n * sizeof(u_char *));
        }

        records->segments = segments;
        records->nsegments = 2 * n + 4;
    }

    if ((records->count & (in_segment - 1)) == 0) {
        records->segments[n] = keys->alloc(keys->data,
                                           in_segment * records->size);
        if (records->segments[n] == NULL) {
            return NULL;
        }
    }

    records->count++;

    record = ngx_spocr_record(records, records->count - 1);
    memset(record, 0, records->size);

    return record;
}


/*
 * The record of a counter; where there is none, a new one that has only it.
 */

static void *
ngx_spocr_record_named(ngx_spocr_keys_t *keys, ngx_spocr_index_t *index,
    const u_char *counter, ngx_uint_t *made)
{
    u_char    *record;
    uint32_t  *slot;

    *made = 0;

    if (ngx_spocr_index_room(index) != NGX_OK) {
        return NULL;
    }

    slot = ngx_spocr_index_slot(index, counter);

    if (*slot) {
        return ngx_spocr_record(index->records, *slot - 1);
    }

    record = ngx_spocr_record_add(keys, index->records);
    if (record == NULL) {
        return NULL;
    }

    memcpy(record + index->offset, counter, index->len);

    *slot = (uint32_t) index->records->count;
    *made = 1;

    return record;
}


/* The slot that holds the digest's record, or the empty one for it. */

static uint32_t *
ngx_spocr_index_slot(const ngx_spocr_index_t *index, const u_char *digest)
{
    u_char    *record;
    uint32_t   i;

    for (i = ngx_spocr_be32(digest); /* void */ ; i++) {
        i &= index->mask;

        if (index->slots[i] == 0) {
            return &index->slots[i];
        }

        record = ngx_spocr_record(index->records, index->slots[i] - 1);

        if (memcmp(record + index->offset, digest, index->len) == 0) {
            return &index->slots[i];
        }
    }
}


/* Room for one more, never more than half full. */

static ngx_int_t
ngx_spocr_index_room(ngx_spocr_index_t *index)
{
    u_char      *record;
    uint32_t    *slots, *old, mask;
    ngx_uint_t   i;

    if (index->slots && index->records->count < index->mask / 2) {
        return NGX_OK;
    }

    mask = index->slots ? 2 * index->mask + 1 : 127;

    slots = calloc((size_t) mask + 1, sizeof(uint32_t));
    if (slots == NULL) {
        return NGX_ERROR;
    }

    old = index->slots;

    index->slots = slots;
    index->mask = mask;

    free(old);

    for (i = 0; i < index->records->count; i++) {
        record = ngx_spocr_record(index->records, i);
        *ngx_spocr_index_slot(index, record + index->offset)
            = (uint32_t) (i + 1);
    }

    return NGX_OK;
}


static uint32_t
ngx_spocr_be32(const u_char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | (uint32_t) p[3];
}


static ngx_int_t
ngx_spocr_name_find(const ngx_spocr_names_t *names, const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < names->count; i++) {
        if (names->names[i].len == name->len
            && memcmp(names->names[i].data, name->data, name->len) == 0)
        {
            return (ngx_int_t) i;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_spocr_name_add(ngx_spocr_keys_t *keys, ngx_spocr_names_t *names,
    const ngx_str_t *name)
{
    ngx_int_t  i;

    i = ngx_spocr_name_find(names, name);
    if (i != NGX_DECLINED) {
        return i;
    }

    if (names->count == names->max
        || ngx_spocr_keys_copy(keys, name, &names->names[names->count])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (ngx_int_t) names->count++;
}
