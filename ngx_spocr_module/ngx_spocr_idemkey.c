
/*
 * The Idempotency-Key; called by the idempotency step, and where the header is
 * forwarded.  Invariant: a key is 1 to 255 bytes of visible ASCII, so what
 * separates it in the name of its record cannot stand in it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "ngx_spocr_idemkey.h"
#include "ngx_spocr_secret_evp.h"


#define ngx_spocr_idemkey_visible(ch)  ((ch) > 0x20 && (ch) < 0x7f)
#define ngx_spocr_idemkey_bare(ch)                                            \
    ((ch) != '"' && (ch) != '\\' && (ch) != ',')


static const u_char *ngx_spocr_idemkey_string(const u_char *p,
    const u_char *last, u_char *key, size_t *len);


ngx_int_t
ngx_spocr_idemkey_parse(const u_char *data, size_t size, u_char *key,
    size_t *len)
{
    const u_char  *p, *last;

    p = data;
    last = data + size;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < last && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    *len = 0;

    if (p < last && *p == '"') {
        p = ngx_spocr_idemkey_string(p + 1, last, key, len);

    } else {
        for ( /* void */ ; p < last; p++) {
            if (*len == NGX_SPOCR_IDEMKEY_MAX
                || !ngx_spocr_idemkey_visible(*p)
                || !ngx_spocr_idemkey_bare(*p))
            {
                return NGX_DECLINED;
            }

            key[(*len)++] = *p;
        }
    }

    return p == last && *len ? NGX_OK : NGX_DECLINED;
}


/* From behind the opening quote; returns what is behind the closing one. */

static const u_char *
ngx_spocr_idemkey_string(const u_char *p, const u_char *last, u_char *key,
    size_t *len)
{
    u_char  ch;

    while (p < last) {
        ch = *p++;

        if (ch == '"') {
            return p;
        }

        if (ch == '\\') {
            if (p == last || (*p != '"' && *p != '\\')) {
                return NULL;
            }

            ch = *p++;
        }

        if (*len == NGX_SPOCR_IDEMKEY_MAX || !ngx_spocr_idemkey_visible(ch)) {
            return NULL;
        }

        key[(*len)++] = ch;
    }

    return NULL;
}


u_char *
ngx_spocr_idemkey_canonical(u_char *dst, const u_char *key, size_t len)
{
    size_t  i;

    for (i = 0; i < len && ngx_spocr_idemkey_bare(key[i]); i++) {
        /* void */
    }

    if (i == len) {
        return ngx_cpymem(dst, key, len);
    }

    *dst++ = '"';

    for (i = 0; i < len; i++) {
        if (key[i] == '"' || key[i] == '\\') {
            *dst++ = '\\';
        }

        *dst++ = key[i];
    }

    *dst++ = '"';

    return dst;
}


ngx_int_t
ngx_spocr_idemkey_id(const ngx_str_t *uid, const ngx_str_t *key_id,
    const u_char *key, size_t len, u_char id[NGX_SPOCR_IDEMKEY_ID_LEN])
{
    ngx_int_t            rc;
    EVP_MD_CTX          *ctx;
    static const u_char  nul[1];

    rc = NGX_ERROR;
    ctx = ngx_spocr_secret_sha256();

    if (ctx == NULL
        || EVP_DigestUpdate(ctx, uid->data, uid->len) != 1
        || EVP_DigestUpdate(ctx, nul, 1) != 1)
    {
        goto done;
    }

    if (key_id->len
        && (EVP_DigestUpdate(ctx, key_id->data, key_id->len) != 1
            || EVP_DigestUpdate(ctx, nul, 1) != 1))
    {
        goto done;
    }

    if (EVP_DigestUpdate(ctx, key, len) != 1
        || EVP_DigestFinal_ex(ctx, id, NULL) != 1)
    {
        goto done;
    }

    rc = NGX_OK;

done:

    if (rc != NGX_OK) {
        ERR_clear_error();
    }

    EVP_MD_CTX_free(ctx);

    return rc;
}
