
/*
 * Bearer tokens: the value of an Authorization header to a key's text, new
 * keys, and the digest under which a key is stored.
 *
 * Called by the module for each request, by the key table for its counters'
 * names, and by spocrctl.
 *
 * Invariant: no function here looks a key up or keeps its text, so what is
 * malformed is refused (401) without work that an attacker could measure.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <sys/random.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "ngx_spocr_token.h"


#define NGX_SPOCR_SCHEME       "bearer"
#define NGX_SPOCR_PREFIX       "spocr_"
#define NGX_SPOCR_PREFIX_LEN   (sizeof(NGX_SPOCR_PREFIX) - 1)
#define NGX_SPOCR_CRC_LEN      6
#define NGX_SPOCR_BASE         62


/* A copy of a context that has begun is cheaper than to begin a context. */

struct ngx_spocr_digest_s {
    EVP_MD      *md;
    EVP_MD_CTX  *begun;
    EVP_MD_CTX  *ctx;
};


static ngx_uint_t ngx_spocr_token_scheme(const u_char *data, size_t len);
static void ngx_spocr_token_checksum(const u_char *data, size_t len,
    u_char *out);


/* what may follow the prefix */

static const u_char  ngx_spocr_token_chars[256] = {
    ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
    ['_'] = 1, ['-'] = 1
};

static const u_char  ngx_spocr_base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";


ngx_spocr_token_e
ngx_spocr_token_parse(const ngx_str_t *value, ngx_str_t *key)
{
    const u_char  *p, *last, *start;

    if (value == NULL) {
        return NGX_SPOCR_TOKEN_MISSING;
    }

    p = value->data;
    last = p + value->len;

    /* nginx strips SP on HTTP/1 only, TAB never */

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < last && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    if (p == last) {
        return NGX_SPOCR_TOKEN_MISSING;
    }

    if (!ngx_spocr_token_scheme(p, (size_t) (last - p))) {
        return NGX_SPOCR_TOKEN_MALFORMED;
    }

    p += sizeof(NGX_SPOCR_SCHEME) - 1;

    while (p < last && *p == ' ') {
        p++;
    }

    start = p;

    if ((size_t) (last - p) <= NGX_SPOCR_PREFIX_LEN
        || last - p > NGX_SPOCR_KEY_MAX
        || memcmp(p, NGX_SPOCR_PREFIX, NGX_SPOCR_PREFIX_LEN) != 0)
    {
        return NGX_SPOCR_TOKEN_MALFORMED;
    }

    for (p += NGX_SPOCR_PREFIX_LEN; p < last; p++) {
        if (!ngx_spocr_token_chars[*p]) {
            return NGX_SPOCR_TOKEN_MALFORMED;
        }
    }

    key->data = (u_char *) start;
    key->len = (size_t) (last - start);

    return NGX_SPOCR_TOKEN_OK;
}


/* "Bearer" in any case, and the SP after it. */

static ngx_uint_t
ngx_spocr_token_scheme(const u_char *data, size_t len)
{
    size_t        i;
    const size_t  scheme = sizeof(NGX_SPOCR_SCHEME) - 1;

    if (len <= scheme || data[scheme] != ' ') {
        return 0;
    }

    for (i = 0; i < scheme; i++) {
        if ((data[i] | 0x20) != (u_char) NGX_SPOCR_SCHEME[i]) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_spocr_token_checksum_ok(const u_char *key, size_t len)
{
    u_char  sum[NGX_SPOCR_CRC_LEN];

    if (len != NGX_SPOCR_KEY_NEW_LEN) {
        return 0;
    }

    ngx_spocr_token_checksum(key, len - NGX_SPOCR_CRC_LEN, sum);

    return memcmp(key + len - NGX_SPOCR_CRC_LEN, sum, NGX_SPOCR_CRC_LEN) == 0;
}


ngx_int_t
ngx_spocr_token_make(u_char *buf)
{
    u_char   random[64], *p, *last;
    ssize_t  i, n;

    memcpy(buf, NGX_SPOCR_PREFIX, NGX_SPOCR_PREFIX_LEN);

    p = buf + NGX_SPOCR_PREFIX_LEN;
    last = buf + NGX_SPOCR_KEY_NEW_LEN - NGX_SPOCR_CRC_LEN;

    while (p < last) {

        n = getrandom(random, sizeof(random), 0);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return NGX_ERROR;
        }

        for (i = 0; i < n && p < last; i++) {

            /* 248 = 4 * 62: what is above would favour some characters */

            if (random[i] < 248) {
                *p++ = ngx_spocr_base62[random[i] % NGX_SPOCR_BASE];
            }
        }
    }

    OPENSSL_cleanse(random, sizeof(random));

    ngx_spocr_token_checksum(buf, (size_t) (last - buf), last);

    return NGX_OK;
}


/*
 * CRC-32 (IEEE 802.3), in base62, most significant digit first.  Bit by bit:
 * it runs once per key that an operator makes or explains.
 */

static void
ngx_spocr_token_checksum(const u_char *data, size_t len, u_char *out)
{
    size_t      i;
    uint32_t    crc;
    ngx_uint_t  bit;

    crc = 0xffffffff;

    for (i = 0; i < len; i++) {
        crc ^= data[i];

        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320 : 0);
        }
    }

    crc = ~crc;

    for (i = NGX_SPOCR_CRC_LEN; i > 0; i--) {
        out[i - 1] = ngx_spocr_base62[crc % NGX_SPOCR_BASE];
        crc /= NGX_SPOCR_BASE;
    }
}


ngx_spocr_digest_t *
ngx_spocr_digest_create(void)
{
    ngx_spocr_digest_t  *digest;

    digest = malloc(sizeof(ngx_spocr_digest_t));
    if (digest == NULL) {
        return NULL;
    }

    digest->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->begun = EVP_MD_CTX_new();
    digest->ctx = EVP_MD_CTX_new();

    if (digest->md == NULL || digest->begun == NULL || digest->ctx == NULL
        || EVP_DigestInit_ex2(digest->begun, digest->md, NULL) != 1)
    {
        ERR_clear_error();
        ngx_spocr_digest_destroy(digest);
        return NULL;
    }

    return digest;
}


void
ngx_spocr_digest_destroy(ngx_spocr_digest_t *digest)
{
    if (digest == NULL) {
        return;
    }

    EVP_MD_CTX_free(digest->ctx);
    EVP_MD_CTX_free(digest->begun);
    EVP_MD_free(digest->md);
    free(digest);
}


ngx_int_t
ngx_spocr_digest(ngx_spocr_digest_t *digest, const u_char *data, size_t len,
    u_char *out)
{
    if (EVP_MD_CTX_copy_ex(digest->ctx, digest->begun) != 1
        || EVP_DigestUpdate(digest->ctx, data, len) != 1
        || EVP_DigestFinal_ex(digest->ctx, out, NULL) != 1)
    {
        /* or nginx finds it in its next TLS connection, and says so */

        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_spocr_digest_equal(const u_char *a, const u_char *b)
{
    return CRYPTO_memcmp(a, b, NGX_SPOCR_DIGEST_LEN) == 0;
}


ngx_int_t
ngx_spocr_digest_parse(const u_char *hex, size_t len, u_char *out)
{
    u_char  ch, value;
    size_t  i;

    if (len != 2 * NGX_SPOCR_DIGEST_LEN) {
        return NGX_ERROR;
    }

    for (i = 0; i < len; i++) {
        ch = hex[i];

        if (ch >= '0' && ch <= '9') {
            value = (u_char) (ch - '0');

        } else if ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'f') {
            value = (u_char) ((ch | 0x20) - 'a' + 10);

        } else {
            return NGX_ERROR;
        }

        out[i / 2] = (i & 1) ? (u_char) (out[i / 2] | value)
                             : (u_char) (value << 4);
    }

    return NGX_OK;
}


void
ngx_spocr_digest_text(const u_char *digest, u_char *hex)
{
    size_t               i;
    static const u_char  digits[] = "0123456789abcdef";

    for (i = 0; i < NGX_SPOCR_DIGEST_LEN; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
}
