
/*
 * Records in segments, and open addressing over them.
 *
 * Layer 0, private to ngx_spocr_keys.c.
 */

#ifndef _NGX_SPOCR_KEYS_INDEX_H_INCLUDED_
#define _NGX_SPOCR_KEYS_INDEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keys.h"


/* Records of one size, in segments of 1 << shift; memory is alloc's. */

typedef struct {
    u_char               **segments;
    ngx_uint_t             nsegments;   /* room for so many */
    ngx_uint_t             count;
    ngx_uint_t             shift;
    size_t                 size;
    ngx_spocr_alloc_pt     alloc;
    void                  *data;
} ngx_spocr_records_t;


/*
 * A slot is a record's number + 1, or 0.  Slots are on the heap, the owner's
 * to free().
 */

typedef struct {
    uint32_t              *slots;
    uint32_t               mask;        /* number of slots - 1 */
    size_t                 offset;      /* of the digest in the record */
    size_t                 len;         /* of what has to be equal */
    ngx_spocr_records_t   *records;
} ngx_spocr_index_t;


void ngx_spocr_records_init(ngx_spocr_records_t *records,
    ngx_spocr_alloc_pt alloc, void *data, size_t size, ngx_uint_t shift);

/* The i-th record; NULL past the end. */
void *ngx_spocr_record(const ngx_spocr_records_t *records, ngx_uint_t i);

/* A new record, all zero; NULL when memory is out. */
void *ngx_spocr_record_add(ngx_spocr_records_t *records);

/* Makes room for one more record; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_index_room(ngx_spocr_index_t *index);

/* The slot that holds the digest's record, or the empty one for it. */
uint32_t *ngx_spocr_index_slot(const ngx_spocr_index_t *index,
    const u_char *digest);

/*
 * The record of a digest; where there is none, a new one that has only it,
 * and *made is 1.  NULL when memory is out.
 */
void *ngx_spocr_index_record(ngx_spocr_index_t *index, const u_char *digest,
    ngx_uint_t *made);


/* i is less than the count. */

static ngx_inline void *
ngx_spocr_record_at(const ngx_spocr_records_t *records, ngx_uint_t i)
{
    ngx_uint_t  in_segment;

    in_segment = i & (((ngx_uint_t) 1 << records->shift) - 1);

    return records->segments[i >> records->shift] + in_segment * records->size;
}


/* The first bytes of a digest, as good a hash as there is. */

static ngx_inline uint32_t
ngx_spocr_be32(const u_char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | (uint32_t) p[3];
}


#endif /* _NGX_SPOCR_KEYS_INDEX_H_INCLUDED_ */
