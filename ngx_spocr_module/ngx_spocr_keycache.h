
/*
 * What a worker remembers of the records in Redis, in bounded memory (C-8,
 * C-10, C-11).
 *
 * Layer 0: no request, no I/O; the time is given, in milliseconds of a clock
 * that does not go back.
 *
 * Records that exist, and tenants and plans that are known not to, are kept
 * up to so many bytes; the longest unused goes first.  Keys that do not exist
 * are kept in a table of their own, of fixed size: whoever guesses keys fills
 * that one, and takes no memory.
 */

#ifndef _NGX_SPOCR_KEYCACHE_H_INCLUDED_
#define _NGX_SPOCR_KEYCACHE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyrecord.h"


typedef struct ngx_spocr_keycache_s  ngx_spocr_keycache_t;


typedef struct {
    size_t                    size;         /* bytes of entries and records */
    ngx_uint_t                unknown;      /* keys that do not exist */
    uint64_t                  ttl;          /* ms that an answer is fresh */
    uint64_t                  negative_ttl; /* that one is of a key that does
                                             * not exist or cannot be read */
    uint64_t                  stale;        /* ms after that */
} ngx_spocr_keycache_conf_t;


/* What Redis was found to have. */
typedef enum {
    NGX_SPOCR_KEYCACHE_RECORD = 0,
    NGX_SPOCR_KEYCACHE_NONE,                /* no such record */
    NGX_SPOCR_KEYCACHE_BAD                  /* one of a wrong shape */
} ngx_spocr_keycache_what_e;


typedef struct {
    ngx_spocr_keycache_what_e    what;
    ngx_spocr_keyrecord_t       *record;    /* the owner's reference */
} ngx_spocr_keycache_answer_t;


/* The zone's versions, as they were before Redis was asked. */
typedef struct {
    uint32_t                  record;
    uint32_t                  epoch;
} ngx_spocr_keycache_version_t;


/* What an answer is worth. */
typedef enum {
    NGX_SPOCR_KEYCACHE_ABSENT = 0,          /* there is none */
    NGX_SPOCR_KEYCACHE_UNUSABLE,            /* the record was changed since */
    NGX_SPOCR_KEYCACHE_STALE,               /* its time is up, but it may be
                                             * used while Redis is silent */
    NGX_SPOCR_KEYCACHE_FRESH
} ngx_spocr_keycache_state_e;


/* On the heap; NULL when memory is out. */
ngx_spocr_keycache_t *ngx_spocr_keycache_create(
    const ngx_spocr_keycache_conf_t *conf);
void ngx_spocr_keycache_destroy(ngx_spocr_keycache_t *cache);

/*
 * What is remembered of a record, if version is the zone's now.  *answer is
 * set where it is STALE or FRESH; its record is the cache's, and lasts until
 * the next call.
 */
ngx_spocr_keycache_state_e ngx_spocr_keycache_get(ngx_spocr_keycache_t *cache,
    const ngx_spocr_keyrecord_id_t *id,
    const ngx_spocr_keycache_version_t *version, uint64_t now,
    ngx_spocr_keycache_answer_t *answer);

/*
 * Remembers what Redis answered, in the place of what was remembered; the
 * cache takes its own reference.  Without memory nothing is remembered.
 */
void ngx_spocr_keycache_put(ngx_spocr_keycache_t *cache,
    const ngx_spocr_keyrecord_id_t *id,
    const ngx_spocr_keycache_version_t *version, uint64_t now,
    const ngx_spocr_keycache_answer_t *answer);

/* How many entries there are, but for unknown keys, and their bytes. */
ngx_uint_t ngx_spocr_keycache_count(const ngx_spocr_keycache_t *cache);
size_t ngx_spocr_keycache_bytes(const ngx_spocr_keycache_t *cache);


#endif /* _NGX_SPOCR_KEYCACHE_H_INCLUDED_ */
