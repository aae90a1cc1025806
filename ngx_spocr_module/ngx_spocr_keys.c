
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
#include "ngx_spocr_keys_index.h"


#define NGX_SPOCR_CHUNK_MIN        4096         /* bytes of memory for text */
#define NGX_SPOCR_CHUNK_MAX        65536
#define NGX_SPOCR_SHARED_SETS      64


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


static ngx_int_t ngx_spocr_keys_copy(ngx_spocr_keys_t *keys,
    const ngx_str_t *text, ngx_str_t *copy);
static void *ngx_spocr_keys_memory(ngx_spocr_keys_t *keys, size_t size,
    size_t align);
static ngx_int_t ngx_spocr_name_find(const ngx_spocr_names_t *names,
    const ngx_str_t *name);
static ngx_int_t ngx_spocr_name_add(ngx_spocr_keys_t *keys,
    ngx_spocr_names_t *names, const ngx_str_t *name);


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

    ngx_spocr_records_init(&keys->keys, alloc, data,
                           sizeof(ngx_spocr_key_t), 9);
    ngx_spocr_records_init(&keys->tenants, alloc, data,
                           sizeof(ngx_spocr_tenant_t), 9);
    ngx_spocr_records_init(&keys->plans, alloc, data,
                           sizeof(ngx_spocr_plan_t), 4);

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

    if (keys->builder == NULL
        || ngx_spocr_plan_counter(keys->builder->digest, name, counter)
           != NGX_OK)
    {
        return NULL;
    }

    plan = ngx_spocr_index_record(&keys->builder->plans, counter, &made);

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

    if (keys->builder == NULL
        || ngx_spocr_uid_counter(keys->builder->digest, uid, counter)
           != NGX_OK)
    {
        return NULL;
    }

    tenant = ngx_spocr_index_record(&keys->builder->uids, counter, &made);

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

    if (keys->builder == NULL
        || ngx_spocr_key_counter(keys->builder->digest, &key->id, counter)
           != NGX_OK)
    {
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
        *other = ngx_spocr_record_at(&keys->keys,
                                     (*id_slot ? *id_slot : *digest_slot) - 1);
        return NGX_DECLINED;
    }

    new = ngx_spocr_record_add(&keys->keys);
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
    uint64_t                pos;
    ngx_uint_t              i;
    ngx_spocr_slot_t       *slots;
    const ngx_spocr_key_t  *key;

    /* three quarters full: 1.5 slots are read to find a key, 8.5 to miss */

    keys->nslots = keys->keys.count + keys->keys.count / 3 + 1;

    slots = keys->alloc(keys->data, keys->nslots * sizeof(ngx_spocr_slot_t));
    if (slots == NULL) {
        return NGX_ERROR;
    }

    memset(slots, 0, keys->nslots * sizeof(ngx_spocr_slot_t));

    for (i = 0; i < keys->keys.count; i++) {
        key = ngx_spocr_record_at(&keys->keys, i);

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
            key = ngx_spocr_record_at(&keys->keys, slot->number - 1);

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
