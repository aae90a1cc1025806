
/*
 * What idempotency and secrets take from OpenSSL, fetched once per process: to
 * fetch costs as much as a short digest itself.
 *
 * Layer 0; private to the files of idemkey, fingerprint, secret and record.
 * One thread.
 */

#ifndef _NGX_SPOCR_SECRET_EVP_H_INCLUDED_
#define _NGX_SPOCR_SECRET_EVP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_spocr_secret.h"


#define NGX_SPOCR_HMAC_LEN  32


/* A SHA-256 that has begun; EVP_MD_CTX_free() is the caller's.  Or NULL. */
EVP_MD_CTX *ngx_spocr_secret_sha256(void);

/* AES-256-GCM, or NULL. */
const EVP_CIPHER *ngx_spocr_secret_aes(void);

/* HMAC-SHA256 of n texts with a LF between them.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_secret_hmac(const u_char secret[NGX_SPOCR_SECRET_LEN],
    const ngx_str_t *texts, ngx_uint_t n, u_char out[NGX_SPOCR_HMAC_LEN]);


#endif /* _NGX_SPOCR_SECRET_EVP_H_INCLUDED_ */
