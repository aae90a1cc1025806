
/*
 * Idempotency-Key's value (C-23, C-24).  Property: what is accepted, and the
 * key, is what a second reading of the rule says; its bare and its quoted
 * form have the same id, which is SHA-256 of uid, NUL and key; and its
 * canonical form is read as the same key.
 *
 * Inputs have at most 600 bytes.
 */

#include "fuzz.h"
#include <openssl/sha.h>
#include "ngx_spocr_idemkey.h"


/* 1 and the key; 0: neither bare nor a string. */

static int
reference(const u_char *text, size_t len, u_char *key, size_t *n)
{
    size_t      i;
    int         quoted;

    *n = 0;

    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t')) {
        len--;
    }

    while (len && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }

    quoted = len >= 2 && text[0] == '"' && text[len - 1] == '"';

    for (i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return 0;
        }
    }

    if (quoted) {
        text++;
        len -= 2;
    }

    for (i = 0; i < len; i++) {

        if (quoted && text[i] == '\\') {

            /* the last one would escape the closing quote */

            if (++i == len || (text[i] != '\\' && text[i] != '"')) {
                return 0;
            }

        } else if (text[i] == '"' || text[i] == '\\'
                   || (text[i] == ',' && !quoted))
        {
            return 0;
        }

        if (*n == 255) {
            return 0;
        }

        key[(*n)++] = text[i];
    }

    return *n > 0;
}


static void
same(const u_char *text, size_t len, const u_char *key, size_t key_len,
    const char *what)
{
    u_char  again[NGX_SPOCR_IDEMKEY_MAX], *copy;
    size_t  n;

    copy = fuzz_copy(text, len);
    property(ngx_spocr_idemkey_parse(copy, len, again, &n) == NGX_OK,
             "%s is refused", what);
    property(n == key_len && memcmp(again, key, n) == 0,
             "%s is another key", what);
    free(copy);
}


static void
ids(const u_char *key, size_t len, const u_char *data, size_t size)
{
    u_char     id[32], other[32], hash[32], text[600], *p;
    ngx_str_t  uid, key_id, none = ngx_null_string;

    /* names cannot hold a NUL: a part of the key is as good */

    uid.data = (u_char *) key;
    uid.len = (len + 1) / 2;
    key_id.data = (u_char *) "key_1";
    key_id.len = 5;

    property(ngx_spocr_idemkey_id(&uid, &none, key, len, id) == NGX_OK, "id");

    p = ngx_cpymem(text, uid.data, uid.len);
    *p++ = '\0';
    memcpy(p, key, len);
    SHA256(text, uid.len + 1 + len, hash);
    property(memcmp(id, hash, 32) == 0, "not SHA-256 of uid, NUL, key");

    property(ngx_spocr_idemkey_id(&uid, &key_id, key, len, other) == NGX_OK,
             "id of a key's scope");

    p = ngx_cpymem(p, "key_1", 6);
    memcpy(p, key, len);
    SHA256(text, (size_t) (p - text) + len, hash);
    property(memcmp(other, hash, 32) == 0, "scope of the key");
    property(memcmp(id, other, 32) != 0, "scopes are one");
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int        expected, bare;
    u_char    *key, *p;
    u_char     ref[NGX_SPOCR_IDEMKEY_MAX], text[NGX_SPOCR_IDEMKEY_ROOM];
    u_char     quoted[NGX_SPOCR_IDEMKEY_ROOM];
    size_t     len, ref_len, i, n;
    ngx_int_t  rc;

    key = malloc(NGX_SPOCR_IDEMKEY_MAX);
    rc = ngx_spocr_idemkey_parse(data, size, key, &len);
    expected = reference(data, size, ref, &ref_len);

    property((rc == NGX_OK) == expected, "%d is not %d", (int) rc, expected);
    property(rc == NGX_OK || rc == NGX_DECLINED, "%d", (int) rc);

    if (rc == NGX_OK) {
        property(len == ref_len && memcmp(key, ref, len) == 0, "another key");

        p = ngx_spocr_idemkey_canonical(text, key, len);
        n = (size_t) (p - text);
        property(n <= sizeof(text), "no room for it");
        same(text, n, key, len, "the canonical form");

        bare = 1;
        p = quoted;
        *p++ = '"';

        for (i = 0; i < len; i++) {
            bare &= key[i] != ',';

            if (key[i] == '"' || key[i] == '\\') {
                *p++ = '\\';
                bare = 0;
            }

            *p++ = key[i];
        }

        *p++ = '"';
        same(quoted, (size_t) (p - quoted), key, len, "the quoted form");

        if (bare) {
            property(n == len && memcmp(text, key, n) == 0,
                     "quoted without need");

        } else {
            property(n == (size_t) (p - quoted)
                     && memcmp(text, quoted, n) == 0, "not the string");
        }

        ids(key, len, data, size);
    }

    free(key);

    return 0;
}
