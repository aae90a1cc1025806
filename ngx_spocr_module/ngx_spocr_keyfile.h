
/*
 * The key file (contract, section 4): JSON text to a table of keys.
 *
 * Layer 0: no request, no clock; the bytes come from a reader that the caller
 * gives.  The text is split entry by entry, and each entry is parsed on its
 * own: a parser that builds the whole tree keeps 245 MB for a file of 29 MB.
 */

#ifndef _NGX_SPOCR_KEYFILE_H_INCLUDED_
#define _NGX_SPOCR_KEYFILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keys.h"


#define NGX_SPOCR_KEYFILE_VERSION    1
#define NGX_SPOCR_KEYFILE_ENTRY_MAX  65536    /* bytes of one entry */


/* Up to size bytes into buf; 0 at the end of the file; -1 on an error. */
typedef ssize_t (*ngx_spocr_read_pt)(void *data, u_char *buf, size_t size);


typedef struct {
    ngx_uint_t    line;          /* 1-based line of the file; 0: none */
    u_char        text[512];     /* a sentence, terminated; no key text */
} ngx_spocr_keyfile_error_t;


/*
 * Reads a key file into a new table.  NULL on bad input, with the line, the
 * entry and the reason in *err; nothing stays allocated but what the
 * allocator's owner frees.  Unknown fields, duplicates (of a field, an id, a
 * digest, a tenant, a plan), wrong types, bad dates, bad UTF-8, limits of 0
 * and plans that are used but not defined are refused.
 */
ngx_spocr_keys_t *ngx_spocr_keyfile_read(ngx_spocr_read_pt read, void *rdata,
    ngx_spocr_alloc_pt alloc, void *adata, ngx_spocr_keyfile_error_t *err);

/*
 * "2027-01-01T00:00:00Z" (RFC 3339; a fraction and a numeric offset are
 * understood) to seconds of the epoch.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_time_parse(const u_char *text, size_t len,
    int64_t *seconds);


#endif /* _NGX_SPOCR_KEYFILE_H_INCLUDED_ */
