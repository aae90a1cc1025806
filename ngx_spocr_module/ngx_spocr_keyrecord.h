
/*
 * Records as Redis has them (contract, sections 4 and 5): the JSON of one key,
 * tenant or plan, and the three of them as one key with its limits.
 *
 * Layer 0: no request, no clock, no I/O.  A record is on the heap, is never
 * changed, and is freed with its last reference.
 */

#ifndef _NGX_SPOCR_KEYRECORD_H_INCLUDED_
#define _NGX_SPOCR_KEYRECORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile.h"
#include "ngx_spocr_keys.h"


/* In the order in which they are asked for: each may name the next. */
typedef enum {
    NGX_SPOCR_KEYRECORD_KEY = 0,
    NGX_SPOCR_KEYRECORD_TENANT,
    NGX_SPOCR_KEYRECORD_PLAN,
    NGX_SPOCR_KEYRECORD_KINDS
} ngx_spocr_keyrecord_e;


/* "tenant:" and 64 digits; a plan's name is no longer than these. */
#define NGX_SPOCR_KEYRECORD_NAME_MAX  71


/* Which record. */
typedef struct {
    ngx_spocr_keyrecord_e     kind;
    u_char                    digest[NGX_SPOCR_DIGEST_LEN];   /* SHA-256 of */
    ngx_str_t                 name;     /* this: uid, plan; of a key's text,
                                         * which is not kept: "" */
} ngx_spocr_keyrecord_id_t;


typedef struct {
    uint32_t                  refs;
    unsigned                  unknown:1;    /* has fields that are not known */
    size_t                    size;         /* bytes on the heap */
    ngx_spocr_keyrecord_id_t  next;         /* a key's tenant, a tenant's plan;
                                             * none where its name is "" */
    union {
        ngx_spocr_key_t       key;          /* its tenant is NULL, */
        ngx_spocr_tenant_t    tenant;       /* its plan is NULL */
        ngx_spocr_plan_t      plan;
    } of;
} ngx_spocr_keyrecord_t;


/*
 * A key with what is valid for it.  key is as those of a key file; it points
 * into the identity, which therefore may not be moved, and into the records,
 * which it keeps.
 */
typedef struct {
    ngx_spocr_key_t           key;
    ngx_spocr_tenant_t        tenant;
    ngx_spocr_plan_t          plan;
    ngx_spocr_keyrecord_t    *records[NGX_SPOCR_KEYRECORD_KINDS];
} ngx_spocr_identity_t;


/* What reading needs; 250 KB of the heap, one per worker. */
typedef struct ngx_spocr_keyreader_s  ngx_spocr_keyreader_t;


/*
 * names: only the scopes and limits that occur there can matter, others are
 * passed over.  Both are used as long as the reader.  NULL: memory is out.
 */
ngx_spocr_keyreader_t *ngx_spocr_keyreader_create(ngx_spocr_keys_t *names,
    ngx_spocr_digest_t *digest);
void ngx_spocr_keyreader_destroy(ngx_spocr_keyreader_t *reader);

/*
 * Reads a record's JSON; the caller has its first reference.  NULL where it
 * has not the shape that a record has, and the reason in *err.  Where it has
 * unknown fields, *err names the last of them.
 */
ngx_spocr_keyrecord_t *ngx_spocr_keyrecord_parse(ngx_spocr_keyreader_t *reader,
    const ngx_spocr_keyrecord_id_t *id, const ngx_str_t *text,
    ngx_spocr_keyfile_error_t *err);

/* One more reference; one less.  NULL is no record. */
ngx_spocr_keyrecord_t *ngx_spocr_keyrecord_ref(ngx_spocr_keyrecord_t *record);
void ngx_spocr_keyrecord_unref(ngx_spocr_keyrecord_t *record);

/*
 * Makes the identity's key of its records, of which tenant and plan may be
 * NULL: such a key has no plan, and no limits but its own.
 */
void ngx_spocr_identity_join(ngx_spocr_identity_t *identity);

/* Lets go of its records. */
void ngx_spocr_identity_release(ngx_spocr_identity_t *identity);


/*
 * The record's name in Redis, without the prefix: key:<64 hex>,
 * tenant:<64 hex>, plan:<name>.  dst has NGX_SPOCR_KEYRECORD_NAME_MAX bytes;
 * returns its end.
 */
u_char *ngx_spocr_keyrecord_name(const ngx_spocr_keyrecord_id_t *id,
    u_char *dst);

/* Which of the zone's versions is the record's. */
uint32_t ngx_spocr_keyrecord_hash(const ngx_spocr_keyrecord_id_t *id);

/*
 * A notice is the name of the record that was changed: NGX_OK and its hash.
 * NGX_DECLINED: anything else, which means all records.
 */
ngx_int_t ngx_spocr_keyrecord_notice(const ngx_str_t *text, uint32_t *hash);


#endif /* _NGX_SPOCR_KEYRECORD_H_INCLUDED_ */
