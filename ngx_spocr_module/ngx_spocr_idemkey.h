
/*
 * The Idempotency-Key: its grammar, and the name of its record (C-23, C-24).
 *
 * Layer 0: no request, no clock, no I/O.
 */

#ifndef _NGX_SPOCR_IDEMKEY_H_INCLUDED_
#define _NGX_SPOCR_IDEMKEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SPOCR_IDEMKEY_MAX     255      /* characters of a key */
#define NGX_SPOCR_IDEMKEY_ROOM    512      /* of its canonical form */
#define NGX_SPOCR_IDEMKEY_ID_LEN  32       /* SHA-256 */


/*
 * Reads a header's value, bare (visible ASCII but for double quote, backslash
 * and comma) or as a string of RFC 8941 (visible ASCII); spaces and tabs
 * around it are no part of it.  key has room for NGX_SPOCR_IDEMKEY_MAX bytes,
 * *len is what was written.  NGX_OK, or NGX_DECLINED where it is neither.
 */
ngx_int_t ngx_spocr_idemkey_parse(const u_char *data, size_t size,
    u_char *key, size_t *len);

/*
 * Writes a key as it is forwarded: bare where that is allowed, else as a
 * string.  dst has room for NGX_SPOCR_IDEMKEY_ROOM bytes; returns the end.
 */
u_char *ngx_spocr_idemkey_canonical(u_char *dst, const u_char *key,
    size_t len);

/*
 * The name of a key's record: SHA-256(uid NUL [key id NUL] key).  An empty
 * key_id is the scope of the uid.  NGX_OK or NGX_ERROR (OpenSSL).
 */
ngx_int_t ngx_spocr_idemkey_id(const ngx_str_t *uid, const ngx_str_t *key_id,
    const u_char *key, size_t len, u_char id[NGX_SPOCR_IDEMKEY_ID_LEN]);


#endif /* _NGX_SPOCR_IDEMKEY_H_INCLUDED_ */
