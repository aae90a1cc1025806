
/*
 * The fingerprint of a request: a digest over method, path, query, media type
 * and each byte of the body, which comes piece by piece (C-25).  It does not
 * depend on how the body was cut, nor on a multipart body's boundary.
 *
 * Layer 0: no request, no clock, no I/O.
 */

#ifndef _NGX_SPOCR_FINGERPRINT_H_INCLUDED_
#define _NGX_SPOCR_FINGERPRINT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SPOCR_FINGERPRINT_LEN  32


/* Heap; OpenSSL's context is inside. */
typedef struct ngx_spocr_fingerprint_s  ngx_spocr_fingerprint_t;


/* What is known before the body; empty strings where there is none. */
typedef struct {
    ngx_str_t    method;
    ngx_str_t    path;             /* as in the request line, no query */
    ngx_str_t    query;            /* without the question mark */
    ngx_str_t    content_type;     /* the whole value: the boundary is read
                                    * here; other parameters do not count */
    ngx_str_t    content_encoding;
} ngx_spocr_fingerprint_head_t;


/* NULL when memory is out, or OpenSSL fails. */
ngx_spocr_fingerprint_t *ngx_spocr_fingerprint_create(
    const ngx_spocr_fingerprint_head_t *head);
void ngx_spocr_fingerprint_destroy(ngx_spocr_fingerprint_t *fp);

/* A piece of the body, of any length.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_fingerprint_update(ngx_spocr_fingerprint_t *fp,
    const u_char *data, size_t len);

/* The end of the body; once.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_fingerprint_finish(ngx_spocr_fingerprint_t *fp,
    u_char digest[NGX_SPOCR_FINGERPRINT_LEN]);


#endif /* _NGX_SPOCR_FINGERPRINT_H_INCLUDED_ */
