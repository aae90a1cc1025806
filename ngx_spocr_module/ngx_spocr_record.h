
/*
 * A stored answer <-> bytes: versioned, sealed or at least checked; bytes that
 * were not written here, or for another request, are refused (C-34).
 *
 * Layer 0: no request, no clock, no I/O.
 *
 *     sealed     2, id of the secret[4], nonce[12], AES-256-GCM, tag[16]
 *     plain      1, SHA-256[32], text
 *     text       version, status, request id, headers, body; lengths are
 *                big-endian, so that nodes of any kind read it
 */

#ifndef _NGX_SPOCR_RECORD_H_INCLUDED_
#define _NGX_SPOCR_RECORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_fingerprint.h"
#include "ngx_spocr_idemkey.h"
#include "ngx_spocr_secret.h"


#define NGX_SPOCR_RECORD_HEADERS_MAX  32
#define NGX_SPOCR_RECORD_HEAD_MAX     16384    /* bytes of all headers */


typedef struct {
    ngx_str_t                    name;
    ngx_str_t                    value;
} ngx_spocr_record_header_t;


typedef struct {
    ngx_uint_t                   status;       /* 200 to 399 */
    ngx_str_t                    request_id;   /* "req_" and 32 hex digits */
    ngx_uint_t                   nheaders;
    ngx_spocr_record_header_t    headers[NGX_SPOCR_RECORD_HEADERS_MAX];
    ngx_str_t                    body;
} ngx_spocr_record_t;


/* What a record belongs to; a record of another one cannot be read. */
typedef struct {
    u_char                       id[NGX_SPOCR_IDEMKEY_ID_LEN];
    u_char                       fingerprint[NGX_SPOCR_FINGERPRINT_LEN];
} ngx_spocr_record_owner_t;


/* The bytes that a record will have; 0 where it has too many headers, or too
 * long ones.  secrets may be NULL: not sealed. */
size_t ngx_spocr_record_size(const ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets);

/* Writes them, as many as ngx_spocr_record_size() said.  NGX_OK or NGX_ERROR
 * (OpenSSL). */
ngx_int_t ngx_spocr_record_write(const ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets, const ngx_spocr_record_owner_t *owner,
    u_char *dst);

/*
 * Reads len bytes.  The record's strings are in room, which has len bytes and
 * is the caller's.  NGX_OK; NGX_DECLINED where the bytes are no record of that
 * owner: *reason says why, for the log; NGX_ERROR (OpenSSL).  Where there are
 * secrets, a record that was not sealed is refused.  Header names are tokens,
 * values have no control characters.
 */
ngx_int_t ngx_spocr_record_read(ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets, const ngx_spocr_record_owner_t *owner,
    const u_char *data, size_t len, u_char *room, const char **reason);


#endif /* _NGX_SPOCR_RECORD_H_INCLUDED_ */
