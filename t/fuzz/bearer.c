
/*
 * Authorization's value (C-5).  Property: what is accepted, what is missing
 * and what is malformed is what a second reading of the rule says; the key is
 * the same bytes, and its digest is SHA-256 of these.  The checksum of new
 * keys is zlib's CRC-32.
 *
 * Inputs have at most 200 bytes.
 */

#include "fuzz.h"
#include <strings.h>
#include <openssl/sha.h>
#include <zlib.h>
#include "ngx_spocr_token.h"


#define ALNUM  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


/* From the end: the key, blanks, the scheme. */

static ngx_spocr_token_e
reference(const char *text, size_t len, const char **key, size_t *key_len)
{
    size_t  begin, end, n;

    for (begin = 0; begin < len && strchr(" \t", text[begin])
                    && text[begin]; begin++) {
        /* void */
    }

    for (end = len; end > begin && text[end - 1]
                    && strchr(" \t", text[end - 1]); end--) {
        /* void */
    }

    if (begin == end) {
        return NGX_SPOCR_TOKEN_MISSING;
    }

    for (n = end; n > begin && text[n - 1]
                  && strchr(ALNUM "_-", text[n - 1]); n--) {
        /* void */
    }

    *key = text + n;
    *key_len = end - n;

    if (*key_len < 7 || *key_len > 128 || strncmp(*key, "spocr_", 6) != 0) {
        return NGX_SPOCR_TOKEN_MALFORMED;
    }

    end = n;

    while (n > begin && text[n - 1] == ' ') {
        n--;
    }

    return n < end && n - begin == 6
           && strncasecmp(text + begin, "bearer", 6) == 0
           ? NGX_SPOCR_TOKEN_OK : NGX_SPOCR_TOKEN_MALFORMED;
}


static ngx_uint_t
reference_checksum(const ngx_str_t *key)
{
    int            i;
    char           digits[6];
    unsigned long  crc;

    crc = crc32(0, key->data, (unsigned) key->len - 6);

    for (i = 5; i >= 0; i--) {
        digits[i] = ALNUM[crc % 62];
        crc /= 62;
    }

    return memcmp(digits, key->data + key->len - 6, 6) == 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                       hash[32], out[32], hex[64], back[32];
    size_t                       key_len;
    ngx_str_t                    value, key;
    const char                  *expected_key;
    ngx_spocr_token_e            code, expected;
    static ngx_spocr_digest_t   *digest;

    if (digest == NULL) {
        digest = ngx_spocr_digest_create();
        property(ngx_spocr_token_parse(NULL, &key) == NGX_SPOCR_TOKEN_MISSING,
                 "no header");
    }

    value.data = (u_char *) data;
    value.len = size;
    key.data = NULL;
    key.len = 0;

    code = ngx_spocr_token_parse(&value, &key);
    expected = reference((const char *) data, size, &expected_key, &key_len);

    property(code == expected, "%d is not %d", code, expected);

    if (code != NGX_SPOCR_TOKEN_OK) {
        property(key.data == NULL, "a key of what is refused");
        return 0;
    }

    property(key.data == (u_char *) expected_key && key.len == key_len,
             "another piece of the value");

    property(ngx_spocr_digest(digest, key.data, key.len, out) == NGX_OK,
             "digest");
    SHA256((const u_char *) expected_key, key_len, hash);
    property(memcmp(hash, out, 32) == 0, "another digest");
    property(ngx_spocr_digest_equal(hash, out), "digests differ");

    ngx_spocr_digest_text(out, hex);
    property(ngx_spocr_digest_parse(hex, 64, back) == NGX_OK
             && memcmp(back, out, 32) == 0, "digits and back");

    property(ngx_spocr_token_checksum_ok(key.data, key.len)
             == (key.len == 42 && reference_checksum(&key)), "checksum");

    return 0;
}
