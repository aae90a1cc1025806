
/*
 * Seals and digests of records.
 *
 * Invariant: no text is given that was not written for that owner; with a
 * secret, by one who knows it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include "ngx_spocr_record_seal.h"
#include "ngx_spocr_secret_evp.h"


#define NGX_SPOCR_RECORD_PLAIN   1
#define NGX_SPOCR_RECORD_SEALED  2

#define NGX_SPOCR_DIGEST_SIZE    32
#define NGX_SPOCR_NONCE_LEN      12
#define NGX_SPOCR_TAG_LEN        16
#define NGX_SPOCR_PLAIN_BEFORE   (1 + NGX_SPOCR_DIGEST_SIZE)
#define NGX_SPOCR_SEALED_BEFORE                                               \
    (1 + NGX_SPOCR_SECRET_ID_LEN + NGX_SPOCR_NONCE_LEN)

#define NGX_SPOCR_OWNER_LEN                                                   \
    (NGX_SPOCR_IDEMKEY_ID_LEN + NGX_SPOCR_FINGERPRINT_LEN)


static ngx_int_t ngx_spocr_record_digest(const ngx_spocr_record_owner_t *owner,
    const u_char *text, size_t len, u_char digest[NGX_SPOCR_DIGEST_SIZE]);
static EVP_CIPHER_CTX *ngx_spocr_record_cipher(
    const ngx_spocr_secret_t *secret, const ngx_spocr_record_owner_t *owner,
    const u_char *nonce, int encrypt);
static ngx_int_t ngx_spocr_record_seal(const ngx_spocr_secret_t *secret,
    const ngx_spocr_record_owner_t *owner, u_char *dst, size_t len);
static ngx_int_t ngx_spocr_record_unseal(const ngx_spocr_secret_t *secret,
    const ngx_spocr_record_owner_t *owner, const u_char *data,
    ngx_str_t *text);
static void ngx_spocr_record_quiet(ngx_int_t rc);
static ngx_int_t ngx_spocr_record_check(const ngx_spocr_record_owner_t *owner,
    const u_char *data, ngx_str_t *text);


/* What libcrypto keeps of a failure would be taken for one of nginx's TLS. */

static void
ngx_spocr_record_quiet(ngx_int_t rc)
{
    if (rc != NGX_OK) {
        ERR_clear_error();
    }
}


size_t
ngx_spocr_record_before(const ngx_spocr_secrets_t *secrets)
{
    return secrets ? NGX_SPOCR_SEALED_BEFORE : NGX_SPOCR_PLAIN_BEFORE;
}


size_t
ngx_spocr_record_around(const ngx_spocr_secrets_t *secrets)
{
    return ngx_spocr_record_before(secrets)
           + (secrets ? NGX_SPOCR_TAG_LEN : 0);
}


ngx_int_t
ngx_spocr_record_close(const ngx_spocr_secrets_t *secrets,
    const ngx_spocr_record_owner_t *owner, u_char *dst, size_t len)
{
    if (secrets) {
        return ngx_spocr_record_seal(&secrets->all[0], owner, dst, len);
    }

    dst[0] = NGX_SPOCR_RECORD_PLAIN;

    return ngx_spocr_record_digest(owner, dst + NGX_SPOCR_PLAIN_BEFORE, len,
                                   dst + 1);
}


ngx_int_t
ngx_spocr_record_open(const ngx_spocr_secrets_t *secrets,
    const ngx_spocr_record_owner_t *owner, const u_char *data, size_t len,
    u_char *room, ngx_str_t *text, const char **reason)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    if (len < ngx_spocr_record_around(secrets) || len > NGX_MAX_INT32_VALUE) {
        *reason = "it has not the length of a record";
        return NGX_DECLINED;
    }

    text->data = room;
    text->len = len - ngx_spocr_record_around(secrets);

    if (secrets == NULL) {
        if (data[0] != NGX_SPOCR_RECORD_PLAIN) {
            *reason = "it is sealed, or of another version";
            return NGX_DECLINED;
        }

        *reason = "its digest is of another text or another request";
        return ngx_spocr_record_check(owner, data, text);
    }

    if (data[0] != NGX_SPOCR_RECORD_SEALED) {
        *reason = "it is not sealed, or of another version";
        return NGX_DECLINED;
    }

    for (i = 0; i < secrets->n; i++) {
        if (memcmp(secrets->all[i].id, data + 1, NGX_SPOCR_SECRET_ID_LEN)
            == 0)
        {
            rc = ngx_spocr_record_unseal(&secrets->all[i], owner, data, text);
            *reason = "its seal is of another text or another request";
            return rc;
        }
    }

    *reason = "it was sealed with a secret that is not known here";

    return NGX_DECLINED;
}


static ngx_int_t
ngx_spocr_record_check(const ngx_spocr_record_owner_t *owner,
    const u_char *data, ngx_str_t *text)
{
    u_char  digest[NGX_SPOCR_DIGEST_SIZE];

    ngx_memcpy(text->data, data + NGX_SPOCR_PLAIN_BEFORE, text->len);

    if (ngx_spocr_record_digest(owner, text->data, text->len, digest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return CRYPTO_memcmp(digest, data + 1, NGX_SPOCR_DIGEST_SIZE) == 0
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_spocr_record_digest(const ngx_spocr_record_owner_t *owner,
    const u_char *text, size_t len, u_char digest[NGX_SPOCR_DIGEST_SIZE])
{
    ngx_int_t    rc;
    EVP_MD_CTX  *ctx;

    ctx = ngx_spocr_secret_sha256();

    rc = (ctx != NULL
          && EVP_DigestUpdate(ctx, owner->id, NGX_SPOCR_IDEMKEY_ID_LEN) == 1
          && EVP_DigestUpdate(ctx, owner->fingerprint,
                              NGX_SPOCR_FINGERPRINT_LEN) == 1
          && EVP_DigestUpdate(ctx, text, len) == 1
          && EVP_DigestFinal_ex(ctx, digest, NULL) == 1)
         ? NGX_OK : NGX_ERROR;

    EVP_MD_CTX_free(ctx);
    ngx_spocr_record_quiet(rc);

    return rc;
}


/* AES-256-GCM that has begun and has read what the seal is bound to. */

static EVP_CIPHER_CTX *
ngx_spocr_record_cipher(const ngx_spocr_secret_t *secret,
    const ngx_spocr_record_owner_t *owner, const u_char *nonce, int encrypt)
{
    int                n;
    u_char             bound[1 + NGX_SPOCR_OWNER_LEN];
    u_char            *p;
    ngx_int_t          rc;
    EVP_CIPHER_CTX    *ctx;
    const EVP_CIPHER  *cipher;

    bound[0] = NGX_SPOCR_RECORD_SEALED;
    p = ngx_cpymem(bound + 1, owner->id, NGX_SPOCR_IDEMKEY_ID_LEN);
    ngx_memcpy(p, owner->fingerprint, NGX_SPOCR_FINGERPRINT_LEN);

    cipher = ngx_spocr_secret_aes();
    ctx = EVP_CIPHER_CTX_new();

    rc = (cipher != NULL && ctx != NULL
          && EVP_CipherInit_ex2(ctx, cipher, secret->record, nonce, encrypt,
                                NULL) == 1
          && EVP_CipherUpdate(ctx, NULL, &n, bound, sizeof(bound)) == 1)
         ? NGX_OK : NGX_ERROR;

    ngx_spocr_record_quiet(rc);

    if (rc != NGX_OK) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


/* The text is encrypted where it stands. */

static ngx_int_t
ngx_spocr_record_seal(const ngx_spocr_secret_t *secret,
    const ngx_spocr_record_owner_t *owner, u_char *dst, size_t len)
{
    int              n;
    u_char          *text, *nonce;
    ngx_int_t        rc;
    EVP_CIPHER_CTX  *ctx;

    dst[0] = NGX_SPOCR_RECORD_SEALED;
    nonce = ngx_cpymem(dst + 1, secret->id, NGX_SPOCR_SECRET_ID_LEN);
    text = nonce + NGX_SPOCR_NONCE_LEN;

    if (RAND_bytes(nonce, NGX_SPOCR_NONCE_LEN) != 1) {
        ngx_spocr_record_quiet(NGX_ERROR);
        return NGX_ERROR;
    }

    ctx = ngx_spocr_record_cipher(secret, owner, nonce, 1);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = (EVP_CipherUpdate(ctx, text, &n, text, (int) len) == 1
          && EVP_CipherFinal_ex(ctx, text + n, &n) == 1
          && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
                                 NGX_SPOCR_TAG_LEN, text + len) == 1)
         ? NGX_OK : NGX_ERROR;

    EVP_CIPHER_CTX_free(ctx);
    ngx_spocr_record_quiet(rc);

    return rc;
}


static ngx_int_t
ngx_spocr_record_unseal(const ngx_spocr_secret_t *secret,
    const ngx_spocr_record_owner_t *owner, const u_char *data, ngx_str_t *text)
{
    int              n;
    u_char           tag[NGX_SPOCR_TAG_LEN];
    ngx_int_t        rc;
    const u_char    *from;
    EVP_CIPHER_CTX  *ctx;

    ctx = ngx_spocr_record_cipher(secret, owner,
                                  data + 1 + NGX_SPOCR_SECRET_ID_LEN, 0);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    from = data + NGX_SPOCR_SEALED_BEFORE;

    ngx_memcpy(tag, from + text->len, NGX_SPOCR_TAG_LEN);

    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, NGX_SPOCR_TAG_LEN,
                            tag) != 1
        || EVP_CipherUpdate(ctx, text->data, &n, from, (int) text->len) != 1)
    {
        rc = NGX_ERROR;

    } else {
        rc = EVP_CipherFinal_ex(ctx, text->data + n, &n) == 1 ? NGX_OK
                                                              : NGX_DECLINED;
    }

    EVP_CIPHER_CTX_free(ctx);
    ngx_spocr_record_quiet(rc);

    return rc;
}
