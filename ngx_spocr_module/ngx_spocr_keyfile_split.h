
/*
 * JSON text in pieces: the next significant byte, or one whole value as text.
 *
 * Layer 0, private to ngx_spocr_keyfile.c.
 */

#ifndef _NGX_SPOCR_KEYFILE_SPLIT_H_INCLUDED_
#define _NGX_SPOCR_KEYFILE_SPLIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile.h"


#define NGX_SPOCR_SPLIT_EOF        (-1)
#define NGX_SPOCR_SPLIT_BUF        65536


typedef struct {
    ngx_spocr_read_pt    read;
    void                *data;

    u_char              *pos;           /* unread bytes in buf */
    u_char              *last;
    ngx_uint_t           line;          /* of pos, 1-based */
    unsigned             eof:1;

    const char          *error;         /* why a piece was refused, or NULL */

    u_char              *text;          /* the value */
    size_t               len;
    ngx_uint_t           text_line;     /* where it begins */

    u_char               buf[NGX_SPOCR_SPLIT_BUF];
    u_char               entry[NGX_SPOCR_KEYFILE_ENTRY_MAX];
} ngx_spocr_split_t;


/* On the heap, the caller's to free(); NULL when memory is out. */
ngx_spocr_split_t *ngx_spocr_split_create(ngx_spocr_read_pt read, void *data);

/*
 * The next byte that is no white space, not taken yet; NGX_SPOCR_SPLIT_EOF at
 * the end of the text, and where it cannot be read (error is then set).
 */
int ngx_spocr_split_peek(ngx_spocr_split_t *split);

/* Takes the byte that ngx_spocr_split_peek() showed. */
void ngx_spocr_split_take(ngx_spocr_split_t *split);

/*
 * Takes one value into text, len, text_line; its brackets match and its
 * strings are closed, the rest is for a parser to judge.  NGX_OK; NGX_ERROR
 * with the reason in error, and line where it was found.
 */
ngx_int_t ngx_spocr_split_value(ngx_spocr_split_t *split);


#endif /* _NGX_SPOCR_KEYFILE_SPLIT_H_INCLUDED_ */
