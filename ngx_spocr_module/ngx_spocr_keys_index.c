
/*
 * Records that never move, and indexes of them by a digest that they hold.
 *
 * Called by ngx_spocr_keys.c.
 *
 * Invariant: an index is never more than half full, so that a search ends.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keys_index.h"


#define NGX_SPOCR_RECORDS_MAX   0x7fffffff
#define NGX_SPOCR_INDEX_MIN     128


void
ngx_spocr_records_init(ngx_spocr_records_t *records, ngx_spocr_alloc_pt alloc,
    void *data, size_t size, ngx_uint_t shift)
{
    memset(records, 0, sizeof(ngx_spocr_records_t));

    records->alloc = alloc;
    records->data = data;
    records->size = size;
    records->shift = shift;
}


void *
ngx_spocr_record(const ngx_spocr_records_t *records, ngx_uint_t i)
{
    return (i < records->count) ? ngx_spocr_record_at(records, i) : NULL;
}


void *
ngx_spocr_record_add(ngx_spocr_records_t *records)
{
    void        *record;
    u_char     **segments;
    ngx_uint_t   n, in_segment;

    if (records->count == NGX_SPOCR_RECORDS_MAX) {
        return NULL;
    }

    in_segment = (ngx_uint_t) 1 << records->shift;
    n = records->count >> records->shift;

    if (n == records->nsegments) {

        /* the old directory stays behind: 8 bytes for each segment */

        segments = records->alloc(records->data,
                                  (2 * n + 4) * sizeof(u_char *));
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
        records->segments[n] = records->alloc(records->data,
                                              in_segment * records->size);
        if (records->segments[n] == NULL) {
            return NULL;
        }
    }

    records->count++;

    record = ngx_spocr_record_at(records, records->count - 1);
    memset(record, 0, records->size);

    return record;
}


void *
ngx_spocr_index_record(ngx_spocr_index_t *index, const u_char *digest,
    ngx_uint_t *made)
{
    u_char    *record;
    uint32_t  *slot;

    *made = 0;

    if (ngx_spocr_index_room(index) != NGX_OK) {
        return NULL;
    }

    slot = ngx_spocr_index_slot(index, digest);

    if (*slot) {
        return ngx_spocr_record_at(index->records, *slot - 1);
    }

    record = ngx_spocr_record_add(index->records);
    if (record == NULL) {
        return NULL;
    }

    memcpy(record + index->offset, digest, index->len);

    *slot = (uint32_t) index->records->count;
    *made = 1;

    return record;
}


uint32_t *
ngx_spocr_index_slot(const ngx_spocr_index_t *index, const u_char *digest)
{
    u_char    *record;
    uint32_t   i;

    for (i = ngx_spocr_be32(digest); /* void */ ; i++) {
        i &= index->mask;

        if (index->slots[i] == 0) {
            return &index->slots[i];
        }

        record = ngx_spocr_record_at(index->records, index->slots[i] - 1);

        if (memcmp(record + index->offset, digest, index->len) == 0) {
            return &index->slots[i];
        }
    }
}


ngx_int_t
ngx_spocr_index_room(ngx_spocr_index_t *index)
{
    u_char      *record;
    uint32_t    *slots, *old, mask;
    ngx_uint_t   i;

    if (index->slots && index->records->count < index->mask / 2) {
        return NGX_OK;
    }

    mask = index->slots ? 2 * index->mask + 1 : NGX_SPOCR_INDEX_MIN - 1;

    slots = calloc((size_t) mask + 1, sizeof(uint32_t));
    if (slots == NULL) {
        return NGX_ERROR;
    }

    old = index->slots;

    index->slots = slots;
    index->mask = mask;

    free(old);

    for (i = 0; i < index->records->count; i++) {
        record = ngx_spocr_record_at(index->records, i);
        *ngx_spocr_index_slot(index, record + index->offset)
            = (uint32_t) (i + 1);
    }

    return NGX_OK;
}
