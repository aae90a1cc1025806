
/*
 * Keys, tenants and plans: the records of the contract's section 4, and which
 * limit is valid for a key.
 *
 * Layer 0: no request, no clock, no I/O.  A table is read-only once it is
 * made.  Its memory comes from the allocator that it was made with and lives
 * as long as that does: the configuration's pool in nginx, the heap in
 * spocrctl.
 */

#ifndef _NGX_SPOCR_KEYS_H_INCLUDED_
#define _NGX_SPOCR_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_token.h"


#define NGX_SPOCR_LIMIT_UNSET      0            /* look further down */
#define NGX_SPOCR_LIMIT_NONE       0xffffffff   /* null: unlimited */
#define NGX_SPOCR_LIMIT_MAX        1000000000

#define NGX_SPOCR_COUNTER_ID_LEN   16
#define NGX_SPOCR_NAMES_MAX        64           /* scopes, and limit names */
#define NGX_SPOCR_NAME_LEN_MAX     64           /* id, uid, plan, scope */

/* flags of a key and of a tenant */
#define NGX_SPOCR_KEY_REVOKED      0x01
#define NGX_SPOCR_KEY_DISABLED     0x02
#define NGX_SPOCR_KEY_ALL_SCOPES   0x04


/* requests per window; UNSET and NONE as above */
typedef struct {
    uint32_t                    key;
    uint32_t                    uid;
} ngx_spocr_limits_t;


/* the limits of one record: of the name "default", and of others */
typedef struct {
    ngx_spocr_limits_t          limits;
    uint32_t                    name;        /* index in table->limit_names */
} ngx_spocr_limits_named_t;

typedef struct {
    ngx_spocr_limits_t          main;        /* the name "default" */
    ngx_spocr_limits_named_t   *named;
    uint32_t                    nnamed;
} ngx_spocr_limits_set_t;


/*
 * A counter is the name of a key's or tenant's counters: the first bytes of
 * SHA-256("k:" id), SHA-256(uid); of a plan it is its index only.  "k:1" may
 * be a uid, too, so who keeps both kinds in one place tells them apart.
 */

typedef struct {
    u_char                          counter[NGX_SPOCR_COUNTER_ID_LEN];
    ngx_str_t                       name;
    const ngx_spocr_limits_set_t   *limits;  /* NULL: none */
    uint32_t                        line;    /* of its first mention */
    unsigned                        defined:1;   /* stands under "plans" */
} ngx_spocr_plan_t;


typedef struct {
    u_char                          counter[NGX_SPOCR_COUNTER_ID_LEN];
    ngx_str_t                       uid;
    ngx_spocr_plan_t               *plan;    /* NULL: none */
    const ngx_spocr_limits_set_t   *limits;  /* NULL: none of its own */
    u_char                          flags;
    u_char                          defined; /* stands under "tenants" */
} ngx_spocr_tenant_t;


/* 96 bytes: there may be 100,000 of them in each worker */

typedef struct {
    u_char                          digest[NGX_SPOCR_DIGEST_LEN];
    u_char                          counter[NGX_SPOCR_COUNTER_ID_LEN];
    ngx_str_t                       id;
    ngx_spocr_tenant_t             *tenant;  /* never NULL */
    const ngx_spocr_limits_set_t   *limits;  /* NULL: none of its own */
    uint64_t                        scopes;  /* bits: ngx_spocr_keys_scope() */
    int64_t                         expires:56;  /* seconds of the epoch; */
    uint64_t                        flags:8;     /* 0: never */
} ngx_spocr_key_t;


/*
 * An allocator in the manner of ngx_palloc(): aligned for any type, NULL when
 * memory is out, freed as a whole by its owner.
 */
typedef void *(*ngx_spocr_alloc_pt)(void *data, size_t size);

typedef struct ngx_spocr_keys_s  ngx_spocr_keys_t;


/* What became of a key (C-5 to C-7); the reason is for logs, never bodies. */
typedef enum {
    NGX_SPOCR_KEY_OK = 0,
    NGX_SPOCR_KEY_UNKNOWN,
    NGX_SPOCR_KEY_IS_REVOKED,
    NGX_SPOCR_KEY_IS_DISABLED,       /* the key's or its tenant's status */
    NGX_SPOCR_KEY_IS_EXPIRED
} ngx_spocr_key_e;


/*
 * Building a table: create, add, then ngx_spocr_keys_finish() once.  The
 * builders copy what they are given.  A name that is used before it is
 * defined is made as an undefined record and filled in when it comes.
 * All return NULL (or NGX_ERROR) only when memory is out or a count is
 * exceeded.
 */
ngx_spocr_keys_t *ngx_spocr_keys_create(ngx_spocr_alloc_pt alloc, void *data);
ngx_spocr_plan_t *ngx_spocr_keys_plan(ngx_spocr_keys_t *keys,
    const ngx_str_t *name);
ngx_spocr_tenant_t *ngx_spocr_keys_tenant(ngx_spocr_keys_t *keys,
    const ngx_str_t *uid);

/*
 * A copy of a record's limits that lives as long as the table; equal ones
 * may be one.  For ngx_spocr_plan_t, ngx_spocr_tenant_t.
 */
const ngx_spocr_limits_set_t *ngx_spocr_keys_limits(ngx_spocr_keys_t *keys,
    const ngx_spocr_limits_set_t *set);

/*
 * Adds a key; its id and limits are copied, its counter is made.  NGX_OK;
 * NGX_DECLINED when its id or its digest is there already (*other is then
 * the one that has it); NGX_ERROR when memory is out.
 */
ngx_int_t ngx_spocr_keys_add(ngx_spocr_keys_t *keys,
    const ngx_spocr_key_t *key, const ngx_spocr_key_t **other);

/* The index of a scope or of a limit's name, made where it is new;
 * NGX_ERROR when there are NGX_SPOCR_NAMES_MAX already. */
ngx_int_t ngx_spocr_keys_scope(ngx_spocr_keys_t *keys, const ngx_str_t *name);
ngx_int_t ngx_spocr_keys_limit_name(ngx_spocr_keys_t *keys,
    const ngx_str_t *name);

/* The counter of a key's id, of a uid, of a plan: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_key_counter(ngx_spocr_digest_t *digest,
    const ngx_str_t *id, u_char *counter);
ngx_int_t ngx_spocr_uid_counter(ngx_spocr_digest_t *digest,
    const ngx_str_t *uid, u_char *counter);
ngx_int_t ngx_spocr_plan_counter(ngx_spocr_digest_t *digest,
    const ngx_str_t *name, u_char *counter);

/*
 * Makes the index that ngx_spocr_keys_find() reads, and frees what only the
 * building needed.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_keys_finish(ngx_spocr_keys_t *keys);

/*
 * Releases heap memory that the builder still holds (after a failure);
 * harmless after ngx_spocr_keys_finish().
 */
void ngx_spocr_keys_abandon(ngx_spocr_keys_t *keys);


/* The key of that digest, compared in constant time; NULL: not known. */
const ngx_spocr_key_t *ngx_spocr_keys_find(const ngx_spocr_keys_t *keys,
    const u_char *digest);

/* The i-th key, tenant, plan in the order they came; NULL past the end. */
const ngx_spocr_key_t *ngx_spocr_keys_key(const ngx_spocr_keys_t *keys,
    ngx_uint_t i);
const ngx_spocr_tenant_t *ngx_spocr_keys_tenant_at(
    const ngx_spocr_keys_t *keys, ngx_uint_t i);
const ngx_spocr_plan_t *ngx_spocr_keys_plan_at(const ngx_spocr_keys_t *keys,
    ngx_uint_t i);
ngx_uint_t ngx_spocr_keys_count(const ngx_spocr_keys_t *keys);

/* The name of the i-th scope or limit's name; NULL past the end. */
const ngx_str_t *ngx_spocr_keys_scope_at(const ngx_spocr_keys_t *keys,
    ngx_uint_t i);
const ngx_str_t *ngx_spocr_keys_limit_name_at(const ngx_spocr_keys_t *keys,
    ngx_uint_t i);

/* As ngx_spocr_keys_scope() and _limit_name(), but NGX_DECLINED where the
 * name does not occur in the table. */
ngx_int_t ngx_spocr_keys_scope_find(const ngx_spocr_keys_t *keys,
    const ngx_str_t *name);
ngx_int_t ngx_spocr_keys_limit_name_find(const ngx_spocr_keys_t *keys,
    const ngx_str_t *name);

/* now: seconds of the epoch. */
ngx_spocr_key_e ngx_spocr_key_check(const ngx_spocr_key_t *key, int64_t now);

/* scope: an index, or NGX_DECLINED for a name that no key lists. */
ngx_uint_t ngx_spocr_key_has_scope(const ngx_spocr_key_t *key,
    ngx_int_t scope);

/*
 * The limits of a key under a limit's name (an index; NGX_DECLINED for a name
 * that no record mentions; 0 is "default"): the first found in key, tenant,
 * plan, and what the directive said; the uid's never comes from the key.
 * With a directive of two NGX_SPOCR_LIMIT_UNSET, the result tells which were
 * found in no record.
 */
void ngx_spocr_key_limits(const ngx_spocr_key_t *key, ngx_int_t name,
    const ngx_spocr_limits_t *directive, ngx_spocr_limits_t *limits);

/* [A-Za-z0-9][A-Za-z0-9._:@-]{0,63}: an id, uid, plan, scope, limit name. */
ngx_uint_t ngx_spocr_name_ok(const u_char *data, size_t len);


#endif /* _NGX_SPOCR_KEYS_H_INCLUDED_ */
