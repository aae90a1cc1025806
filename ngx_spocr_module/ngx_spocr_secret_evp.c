
/*
 * SHA-256, HMAC and AES-256-GCM of OpenSSL.
 *
 * Invariant: what was fetched is kept until the process ends; a worker has its
 * master's, if that fetched it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include "ngx_spocr_secret_evp.h"


static EVP_MAC_CTX *ngx_spocr_secret_mac(void);


EVP_MD_CTX *
ngx_spocr_secret_sha256(void)
{
    EVP_MD_CTX     *ctx;
    static EVP_MD  *md;

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (md == NULL) {
            ERR_clear_error();
            return NULL;
        }
    }

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
        ERR_clear_error();
        EVP_MD_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


const EVP_CIPHER *
ngx_spocr_secret_aes(void)
{
    static EVP_CIPHER  *cipher;

    if (cipher == NULL) {
        cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    }

    return cipher;
}


static EVP_MAC_CTX *
ngx_spocr_secret_mac(void)
{
    char                 sha256[] = "SHA256";
    EVP_MAC             *mac;
    OSSL_PARAM           params[2];
    static EVP_MAC_CTX  *ctx;

    if (ctx) {
        return ctx;
    }

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL) {
        return NULL;
    }

    ctx = EVP_MAC_CTX_new(mac);

    /* the context has its own reference */
    EVP_MAC_free(mac);

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256,
                                                 0);
    params[1] = OSSL_PARAM_construct_end();

    if (ctx && EVP_MAC_CTX_set_params(ctx, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }

    return ctx;
}


ngx_int_t
ngx_spocr_secret_hmac(const u_char secret[NGX_SPOCR_SECRET_LEN],
    const ngx_str_t *texts, ngx_uint_t n, u_char out[NGX_SPOCR_HMAC_LEN])
{
    size_t        len;
    ngx_uint_t    i;
    EVP_MAC_CTX  *ctx;

    ctx = ngx_spocr_secret_mac();

    if (ctx == NULL
        || EVP_MAC_init(ctx, secret, NGX_SPOCR_SECRET_LEN, NULL) != 1)
    {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        if ((i && EVP_MAC_update(ctx, (const u_char *) "\n", 1) != 1)
            || EVP_MAC_update(ctx, texts[i].data, texts[i].len) != 1)
        {
            goto failed;
        }
    }

    if (EVP_MAC_final(ctx, out, &len, NGX_SPOCR_HMAC_LEN) == 1) {
        return NGX_OK;
    }

failed:

    ERR_clear_error();

    return NGX_ERROR;
}
