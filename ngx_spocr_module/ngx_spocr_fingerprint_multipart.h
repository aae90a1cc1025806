
/*
 * A multipart body's digest without its boundary (C-25).
 *
 * Layer 0; private to the files of the fingerprint.
 *
 * The delimiter is "--" and the boundary, at the body's beginning or after
 * CRLF, where CRLF, "--", a space, a tab or the body's end follows.  What is
 * hashed is the bytes between delimiters, each such segment followed by its
 * length.  From the end, lengths give the segments back, so two bodies with
 * one boundary never have the same text; the CRLF before a delimiter and all
 * that follows it are bytes of segments.
 */

#ifndef _NGX_SPOCR_FINGERPRINT_MULTIPART_H_INCLUDED_
#define _NGX_SPOCR_FINGERPRINT_MULTIPART_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>


#define NGX_SPOCR_BOUNDARY_MAX  70         /* RFC 2046, 5.1.1 */


typedef struct {
    EVP_MD_CTX    *ctx;                    /* the caller's */
    uint64_t       length;                 /* of the segment so far */
    size_t         matched;                /* bytes of what is below */
    size_t         full;                   /* without the byte that follows */
    u_char         delimiter[4 + NGX_SPOCR_BOUNDARY_MAX + 1];
} ngx_spocr_multipart_t;


/*
 * Reads a media type's parameters.  NGX_DECLINED where they are malformed, or
 * hold not one valid boundary: such a body is hashed as it is.
 */
ngx_int_t ngx_spocr_multipart_init(ngx_spocr_multipart_t *mp,
    const u_char *params, size_t len);

/* NGX_OK or NGX_ERROR (OpenSSL).  len is not 0. */
ngx_int_t ngx_spocr_multipart_update(ngx_spocr_multipart_t *mp,
    const u_char *data, size_t len);
ngx_int_t ngx_spocr_multipart_finish(ngx_spocr_multipart_t *mp);


#endif /* _NGX_SPOCR_FINGERPRINT_MULTIPART_H_INCLUDED_ */
