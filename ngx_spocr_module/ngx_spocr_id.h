
/*
 * Request ids, and the ids that others send.
 *
 * Layer 0: no request, no clock, no I/O; time and random bytes are given.
 */

#ifndef _NGX_SPOCR_ID_H_INCLUDED_
#define _NGX_SPOCR_ID_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SPOCR_ID_LEN         36      /* "req_" and 32 digits */
#define NGX_SPOCR_ID_RANDOM_LEN  10      /* bytes, of which 74 bits are used */
#define NGX_SPOCR_ID_CLIENT_MAX  128


/*
 * Writes NGX_SPOCR_ID_LEN bytes, no terminator: "req_" and the 32 lower-case
 * hexadecimal digits of a UUIDv7 (RFC 9562, 5.7): 48 bits of ms, milliseconds
 * of the epoch, then version, variant and 74 random bits (C-2).
 */
void ngx_spocr_id_make(u_char *id, uint64_t ms, const u_char *random);

/*
 * Whether text is such an id; *ms, where ms is not NULL, gets its time.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_id_parse(const u_char *text, size_t len, uint64_t *ms);

/*
 * 1 to 128 of [A-Za-z0-9._-], without "spocr_" in any case: a client's
 * X-Request-Id worth keeping (C-3).
 */
ngx_uint_t ngx_spocr_id_client_ok(const u_char *text, size_t len);

/*
 * W3C Trace Context, Level 1, 3.2.2: 00-<32>-<16>-<2> in lower-case digits,
 * neither id all zeros; a version other than 00 may say more after a dash,
 * ff is not a version (C-4).
 */
ngx_uint_t ngx_spocr_id_traceparent_ok(const u_char *text, size_t len);


#endif /* _NGX_SPOCR_ID_H_INCLUDED_ */
