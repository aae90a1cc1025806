
/*
 * The fingerprint of a request; fed by the idempotency step while the body is
 * read.
 *
 * Invariant: what is hashed can be read back in one way only: a version, how
 * the body is hashed, five texts that each have their length before them, and
 * the body.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "ngx_spocr_fingerprint.h"
#include "ngx_spocr_fingerprint_multipart.h"
#include "ngx_spocr_secret_evp.h"


#define NGX_SPOCR_FINGERPRINT_VERSION  1


struct ngx_spocr_fingerprint_s {
    EVP_MD_CTX             *ctx;
    ngx_spocr_multipart_t   parts;
    unsigned                multipart:1;
    unsigned                failed:1;
};


static ngx_int_t ngx_spocr_fingerprint_head(ngx_spocr_fingerprint_t *fp,
    const ngx_spocr_fingerprint_head_t *head);
static ngx_uint_t ngx_spocr_fingerprint_is_multipart(const ngx_str_t *type);
static void ngx_spocr_fingerprint_trim(ngx_str_t *text);
static ngx_int_t ngx_spocr_fingerprint_text(EVP_MD_CTX *ctx,
    const ngx_str_t *text, ngx_uint_t lower);


ngx_spocr_fingerprint_t *
ngx_spocr_fingerprint_create(const ngx_spocr_fingerprint_head_t *head)
{
    ngx_spocr_fingerprint_t  *fp;

    fp = calloc(1, sizeof(ngx_spocr_fingerprint_t));
    if (fp == NULL) {
        return NULL;
    }

    fp->ctx = ngx_spocr_secret_sha256();
    fp->parts.ctx = fp->ctx;

    if (fp->ctx == NULL || ngx_spocr_fingerprint_head(fp, head) != NGX_OK) {
        ERR_clear_error();
        ngx_spocr_fingerprint_destroy(fp);
        return NULL;
    }

    return fp;
}


void
ngx_spocr_fingerprint_destroy(ngx_spocr_fingerprint_t *fp)
{
    if (fp == NULL) {
        return;
    }

    EVP_MD_CTX_free(fp->ctx);
    free(fp);
}


static ngx_int_t
ngx_spocr_fingerprint_head(ngx_spocr_fingerprint_t *fp,
    const ngx_spocr_fingerprint_head_t *head)
{
    u_char         begin[2];
    size_t         params;
    ngx_str_t      type, encoding;
    const u_char  *semicolon;

    type = head->content_type;
    encoding = head->content_encoding;
    params = 0;

    semicolon = type.len ? memchr(type.data, ';', type.len) : NULL;

    if (semicolon) {
        params = type.len - (size_t) (semicolon - type.data);
        type.len -= params;
    }

    ngx_spocr_fingerprint_trim(&type);
    ngx_spocr_fingerprint_trim(&encoding);

    if (params && ngx_spocr_fingerprint_is_multipart(&type)
        && ngx_spocr_multipart_init(&fp->parts, semicolon, params) == NGX_OK)
    {
        fp->multipart = 1;
    }

    begin[0] = NGX_SPOCR_FINGERPRINT_VERSION;
    begin[1] = fp->multipart;

    if (EVP_DigestUpdate(fp->ctx, begin, 2) != 1
        || ngx_spocr_fingerprint_text(fp->ctx, &head->method, 0) != NGX_OK
        || ngx_spocr_fingerprint_text(fp->ctx, &head->path, 0) != NGX_OK
        || ngx_spocr_fingerprint_text(fp->ctx, &head->query, 0) != NGX_OK
        || ngx_spocr_fingerprint_text(fp->ctx, &type, 1) != NGX_OK
        || ngx_spocr_fingerprint_text(fp->ctx, &encoding, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_spocr_fingerprint_is_multipart(const ngx_str_t *type)
{
    size_t             i;
    static const char  multipart[] = "multipart/";

    if (type->len < sizeof(multipart) - 1) {
        return 0;
    }

    for (i = 0; i < sizeof(multipart) - 1; i++) {
        if (ngx_tolower(type->data[i]) != multipart[i]) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_spocr_fingerprint_trim(ngx_str_t *text)
{
    u_char  *p, *last;

    if (text->len == 0) {
        return;
    }

    p = text->data;
    last = p + text->len;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < last && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    text->data = p;
    text->len = (size_t) (last - p);
}


static ngx_int_t
ngx_spocr_fingerprint_text(EVP_MD_CTX *ctx, const ngx_str_t *text,
    ngx_uint_t lower)
{
    u_char  length[8], piece[64];
    size_t  i, n, left;

    left = text->len;

    for (i = 8; i > 0; i--) {
        length[i - 1] = (u_char) (left & 0xff);
        left >>= 8;
    }

    if (EVP_DigestUpdate(ctx, length, 8) != 1) {
        return NGX_ERROR;
    }

    if (!lower) {
        return text->len == 0
               || EVP_DigestUpdate(ctx, text->data, text->len) == 1
               ? NGX_OK : NGX_ERROR;
    }

    for (left = text->len; left; left -= n) {
        n = left < sizeof(piece) ? left : sizeof(piece);

        for (i = 0; i < n; i++) {
            piece[i] = ngx_tolower(text->data[text->len - left + i]);
        }

        if (EVP_DigestUpdate(ctx, piece, n) != 1) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_spocr_fingerprint_update(ngx_spocr_fingerprint_t *fp, const u_char *data,
    size_t len)
{
    ngx_int_t  rc;

    if (fp->failed) {
        return NGX_ERROR;
    }

    if (len == 0) {
        return NGX_OK;
    }

    if (fp->multipart) {
        rc = ngx_spocr_multipart_update(&fp->parts, data, len);

    } else {
        rc = EVP_DigestUpdate(fp->ctx, data, len) == 1 ? NGX_OK : NGX_ERROR;
    }

    /* a digest that lacks a piece must not be had */

    if (rc != NGX_OK) {
        ERR_clear_error();
        fp->failed = 1;
    }

    return rc;
}


ngx_int_t
ngx_spocr_fingerprint_finish(ngx_spocr_fingerprint_t *fp,
    u_char digest[NGX_SPOCR_FINGERPRINT_LEN])
{
    if (fp->failed) {
        return NGX_ERROR;
    }

    fp->failed = 1;

    if ((fp->multipart && ngx_spocr_multipart_finish(&fp->parts) != NGX_OK)
        || EVP_DigestFinal_ex(fp->ctx, digest, NULL) != 1)
    {
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}
