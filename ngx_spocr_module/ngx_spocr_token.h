
/*
 * Bearer tokens: "Authorization: Bearer spocr_..." to the key's text, and the
 * key's text to the digest under which it is stored.
 *
 * Layer 0: no request, no clock, no I/O.  Only types and macros of nginx are
 * used, so that spocrctl and the unit tests link it without nginx.
 */

#ifndef _NGX_SPOCR_TOKEN_H_INCLUDED_
#define _NGX_SPOCR_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SPOCR_DIGEST_LEN   32
#define NGX_SPOCR_KEY_MAX      128     /* bytes of a key, prefix included */
#define NGX_SPOCR_KEY_NEW_LEN  42      /* "spocr_" + 30 random + 6 CRC-32 */


typedef enum {
    NGX_SPOCR_TOKEN_OK = 0,
    NGX_SPOCR_TOKEN_MISSING,
    NGX_SPOCR_TOKEN_MALFORMED
} ngx_spocr_token_e;


typedef struct ngx_spocr_digest_s  ngx_spocr_digest_t;


/*
 * Reads the value of an Authorization header (C-5).  value is NULL or empty
 * where there is none.  On NGX_SPOCR_TOKEN_OK key points into value's bytes.
 */
ngx_spocr_token_e ngx_spocr_token_parse(const ngx_str_t *value,
    ngx_str_t *key);

/*
 * Whether the last six characters of a key are the base62 CRC-32 of what is
 * before them, as in the keys that ngx_spocr_token_make() makes.  Keys need
 * no checksum; operators' tools use this to say "mistyped".
 */
ngx_uint_t ngx_spocr_token_checksum_ok(const u_char *key, size_t len);

/*
 * Writes a new key of NGX_SPOCR_KEY_NEW_LEN characters, no terminator:
 * "spocr_", 30 base62 characters (178 random bits), and 6 base62 characters
 * of the CRC-32 of all before them (contract, section 4).  NGX_OK, or
 * NGX_ERROR when the operating system gives no random bytes.
 */
ngx_int_t ngx_spocr_token_make(u_char *buf);

/*
 * A reusable SHA-256: fetching the method and making the context for each
 * digest would cost four times the digest itself.  One per process and
 * thread.  NULL when OpenSSL fails.  The caller destroys it.
 */
ngx_spocr_digest_t *ngx_spocr_digest_create(void);
void ngx_spocr_digest_destroy(ngx_spocr_digest_t *digest);

/* SHA-256 of the bytes into out[32].  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_digest(ngx_spocr_digest_t *digest, const u_char *data,
    size_t len, u_char *out);

/* Constant-time comparison: 1 when the two digests are equal. */
ngx_uint_t ngx_spocr_digest_equal(const u_char *a, const u_char *b);

/* 64 hexadecimal digits to 32 bytes and back; NGX_ERROR on other text. */
ngx_int_t ngx_spocr_digest_parse(const u_char *hex, size_t len, u_char *out);
void ngx_spocr_digest_text(const u_char *digest, u_char *hex);


#endif /* _NGX_SPOCR_TOKEN_H_INCLUDED_ */
