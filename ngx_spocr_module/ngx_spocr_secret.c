
/*
 * Secrets and signatures; called while nginx reads its configuration, for each
 * request that is signed, and by spocrctl.
 *
 * Invariant: no two secrets of a file have the same id, so that an id says
 * which one a record was sealed with.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include "ngx_spocr_secret.h"
#include "ngx_spocr_secret_evp.h"
#include "ngx_spocr_token.h"


static const char *ngx_spocr_secret_add(ngx_spocr_secrets_t *secrets,
    const u_char *text, size_t len);


const char *
ngx_spocr_secrets_parse(ngx_spocr_secrets_t *secrets, const u_char *text,
    size_t len, ngx_uint_t *line)
{
    size_t         n;
    const char    *wrong;
    const u_char  *p, *last, *lf;

    secrets->n = 0;
    *line = 0;
    wrong = NULL;

    last = text + len;

    for (p = text; p < last; p = lf + 1) {
        (*line)++;

        lf = memchr(p, LF, (size_t) (last - p));
        if (lf == NULL) {
            lf = last;
        }

        n = (size_t) (lf - p);

        if (n && lf < last && lf[-1] == CR) {
            n--;
        }

        if (n && *p != '#') {
            wrong = ngx_spocr_secret_add(secrets, p, n);
            if (wrong) {
                break;
            }
        }

        if (lf == last) {
            break;
        }
    }

    if (wrong == NULL) {
        *line = 0;

        if (secrets->n == 0) {
            wrong = "it has no secret";
        }
    }

    if (wrong) {
        OPENSSL_cleanse(secrets, sizeof(ngx_spocr_secrets_t));
    }

    return wrong;
}


static const char *
ngx_spocr_secret_add(ngx_spocr_secrets_t *secrets, const u_char *text,
    size_t len)
{
    u_char               mac[NGX_SPOCR_HMAC_LEN];
    ngx_uint_t           i;
    ngx_spocr_secret_t  *secret;
    static ngx_str_t     label = ngx_string("spocr secret id");
    static ngx_str_t     sealing = ngx_string("spocr record 1");

    if (secrets->n == NGX_SPOCR_SECRETS_MAX) {
        return "there are more than 8 secrets";
    }

    secret = &secrets->all[secrets->n];

    if (ngx_spocr_digest_parse(text, len, secret->secret) != NGX_OK) {
        return "a secret is 64 hexadecimal digits";
    }

    if (ngx_spocr_secret_hmac(secret->secret, &label, 1, mac) != NGX_OK
        || ngx_spocr_secret_hmac(secret->secret, &sealing, 1, secret->record)
           != NGX_OK)
    {
        return "OpenSSL has no HMAC-SHA256";
    }

    ngx_memcpy(secret->id, mac, NGX_SPOCR_SECRET_ID_LEN);

    for (i = 0; i < secrets->n; i++) {
        if (memcmp(secrets->all[i].id, secret->id, NGX_SPOCR_SECRET_ID_LEN)
            == 0)
        {
            return "the same secret stands there twice";
        }
    }

    secrets->n++;

    return NULL;
}


ngx_int_t
ngx_spocr_secret_sign(const ngx_spocr_secret_t *secret,
    const ngx_spocr_signed_t *what, u_char hex[NGX_SPOCR_SIGNATURE_LEN])
{
    int        n;
    char       time[NGX_INT64_LEN + 1];
    u_char     mac[NGX_SPOCR_HMAC_LEN];
    ngx_str_t  texts[6];

    n = snprintf(time, sizeof(time), "%" PRId64, what->time);

    if (n < 0 || (size_t) n >= sizeof(time)) {
        return NGX_ERROR;
    }

    texts[0].data = (u_char *) time;
    texts[0].len = (size_t) n;
    texts[1] = what->method;
    texts[2] = what->target;
    texts[3] = what->request_id;
    texts[4] = what->uid;
    texts[5] = what->key_id;

    if (ngx_spocr_secret_hmac(secret->secret, texts, 6, mac) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_spocr_digest_text(mac, hex);

    return NGX_OK;
}
