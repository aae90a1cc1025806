
/* Bearer tokens, new keys, digests: C-5, C-9, and the contract's section 4. */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_token.h"
#include "tap.h"


#define K16   "spocr_xxxxxxxxxxxxxxxx"


typedef struct {
    const char         *value;
    ngx_spocr_token_e   code;
    const char         *key;      /* where the code is OK */
    const char         *name;
} parse_case_t;


static const parse_case_t  cases[] = {

    { "Bearer " K16, NGX_SPOCR_TOKEN_OK, K16, "the API's own example" },
    { "bearer " K16, NGX_SPOCR_TOKEN_OK, K16, "scheme in lower case" },
    { "BEARER " K16, NGX_SPOCR_TOKEN_OK, K16, "scheme in upper case" },
    { "bEaReR " K16, NGX_SPOCR_TOKEN_OK, K16, "scheme in mixed case" },
    { "Bearer   " K16, NGX_SPOCR_TOKEN_OK, K16, "more than one space" },
    { " \t Bearer " K16 "\t \t", NGX_SPOCR_TOKEN_OK, K16, "OWS around" },
    { "Bearer spocr_a", NGX_SPOCR_TOKEN_OK, "spocr_a", "shortest key" },
    { "Bearer spocr__-9Z", NGX_SPOCR_TOKEN_OK, "spocr__-9Z", "alphabet" },

    { NULL, NGX_SPOCR_TOKEN_MISSING, NULL, "no header" },
    { "", NGX_SPOCR_TOKEN_MISSING, NULL, "empty value" },
    { " \t ", NGX_SPOCR_TOKEN_MISSING, NULL, "only spaces and tabs" },

    { "Bearer", NGX_SPOCR_TOKEN_MALFORMED, NULL, "scheme alone" },
    { "Bearer ", NGX_SPOCR_TOKEN_MALFORMED, NULL, "scheme and a space" },
    { K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "key without a scheme" },
    { "Basic " K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "Basic" },
    { "Token " K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "Token" },
    { "Bearer:" K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "colon" },
    { "Bearer" K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "no separator" },
    { "BearerX " K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "longer scheme" },
    { "Beare " K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "shorter scheme" },
    { "Bearer\t" K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "TAB separates" },
    { "Bearer \t" K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "TAB after SP" },
    { "Bearer\xa0" K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "NBSP separates" },
    { "Bearer spocr_", NGX_SPOCR_TOKEN_MALFORMED, NULL, "prefix alone" },
    { "Bearer spocr", NGX_SPOCR_TOKEN_MALFORMED, NULL, "part of prefix" },
    { "Bearer SPOCR_abc", NGX_SPOCR_TOKEN_MALFORMED, NULL, "prefix in caps" },
    { "Bearer sk_abcdefgh", NGX_SPOCR_TOKEN_MALFORMED, NULL, "other prefix" },
    { "Bearer " K16 " " K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "two tokens" },
    { "Bearer " K16 "\t" K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "two, TAB" },
    { "Bearer " K16 "," K16, NGX_SPOCR_TOKEN_MALFORMED, NULL, "comma list" },
    { "Bearer " K16 ", Bearer " K16, NGX_SPOCR_TOKEN_MALFORMED, NULL,
      "two credentials" },
    { "Bearer \"" K16 "\"", NGX_SPOCR_TOKEN_MALFORMED, NULL, "quoted" },
    { "Bearer " K16 "=", NGX_SPOCR_TOKEN_MALFORMED, NULL, "token68 padding" },
    { "Bearer spocr_a.b", NGX_SPOCR_TOKEN_MALFORMED, NULL, "dot" },
    { "Bearer spocr_a~b", NGX_SPOCR_TOKEN_MALFORMED, NULL, "tilde" },
    { "Bearer spocr_a\xc3\xa9", NGX_SPOCR_TOKEN_MALFORMED, NULL, "UTF-8" },
    { "Bearer spocr_a\x01", NGX_SPOCR_TOKEN_MALFORMED, NULL, "control" },
    { "Bearer spocr_a\x7f", NGX_SPOCR_TOKEN_MALFORMED, NULL, "DEL" }
};


static void
test_parse(void)
{
    char               text[200];
    size_t             i;
    ngx_str_t          value, key;
    ngx_spocr_token_e  code;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        value.data = (u_char *) cases[i].value;
        value.len = cases[i].value ? strlen(cases[i].value) : 0;
        key.data = NULL;
        key.len = 0;

        code = ngx_spocr_token_parse(cases[i].value ? &value : NULL, &key);

        is_int(code, cases[i].code, "parse: %s", cases[i].name);  /* C-5 */

        if (code == NGX_SPOCR_TOKEN_OK && cases[i].key) {
            snprintf(text, sizeof(text), "%.*s", (int) key.len, key.data);
            is_str(text, cases[i].key, "the key's text: %s", cases[i].name);
        }
    }
}


static void
test_parse_bytes(void)
{
    char               text[256];
    int                ch, taken, ok_chars;
    ngx_str_t          value, key;
    const char        *good = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                              "tuvwxyz0123456789_-";

    taken = 0;
    ok_chars = 0;

    for (ch = 0; ch < 256; ch++) {
        snprintf(text, sizeof(text), "Bearer spocr_a_b");
        text[14] = (char) ch;
        value.data = (u_char *) text;
        value.len = 16;

        if (ngx_spocr_token_parse(&value, &key) == NGX_SPOCR_TOKEN_OK) {
            taken++;
            ok_chars += (ch != 0 && strchr(good, ch) != NULL);
        }
    }

    is_int(taken, 64, "64 of 256 bytes may stand in a key");
    is_int(ok_chars, 64, "and these are [A-Za-z0-9_-]");

    memset(text, 'a', sizeof(text));
    snprintf(text, 14, "Bearer spocr_");
    text[13] = 'a';
    value.data = (u_char *) text;

    value.len = 7 + 128;
    is_int(ngx_spocr_token_parse(&value, &key), NGX_SPOCR_TOKEN_OK,
           "128 characters");
    is_int(key.len, 128, "all of them");

    value.len = 7 + 129;
    is_int(ngx_spocr_token_parse(&value, &key), NGX_SPOCR_TOKEN_MALFORMED,
           "129 characters");

    /* the value's end is its length: what is behind it is not read */
    value.len = 3;
    is_int(ngx_spocr_token_parse(&value, &key), NGX_SPOCR_TOKEN_MALFORMED,
           "cut inside of the scheme");
}


static void
test_make(void)
{
    char       text[64], other[64];
    int        i, bad, counts[128];
    ngx_str_t  value, key;

    memset(counts, 0, sizeof(counts));
    bad = 0;

    for (i = 0; i < 20000; i++) {
        int  j;

        memcpy(text, "Bearer ", 7);

        if (ngx_spocr_token_make((u_char *) text + 7) != NGX_OK) {
            bad++;
            continue;
        }

        value.data = (u_char *) text;
        value.len = 7 + NGX_SPOCR_KEY_NEW_LEN;

        if (ngx_spocr_token_parse(&value, &key) != NGX_SPOCR_TOKEN_OK
            || !ngx_spocr_token_checksum_ok(key.data, key.len))
        {
            bad++;
        }

        for (j = 13; j < 43; j++) {
            counts[text[j] & 127]++;
        }
    }

    is_int(bad, 0, "20000 new keys parse and have a right checksum");

    /* 600000 characters over 62: 9677 each, deviation 98 */
    bad = 0;

    for (i = 0; i < 128; i++) {
        if (counts[i] != 0 && (counts[i] < 9087 || counts[i] > 10267)) {
            bad++;
        }
    }

    is_int(bad, 0, "no character of base62 is favoured (6 sigma)");

    ngx_spocr_token_make((u_char *) text);
    ngx_spocr_token_make((u_char *) other);
    ok(memcmp(text, other, NGX_SPOCR_KEY_NEW_LEN) != 0, "two keys differ");
}


static void
test_checksum(void)
{
    int     i, found;
    u_char  text[NGX_SPOCR_KEY_NEW_LEN + 1];

    /* CRC-32 of the first 36 characters is 0xea91fef2 */
    memcpy(text, "spocr_0123456789ABCDEFGHIJKLMNOPQRST4IKgok", 43);

    ok(ngx_spocr_token_checksum_ok(text, 42), "a known checksum");

    found = 0;

    for (i = 6; i < 42; i++) {
        text[i] ^= 1;
        found += !ngx_spocr_token_checksum_ok(text, 42);
        text[i] ^= 1;
    }

    is_int(found, 36, "each mistyped character shows");
    ok(!ngx_spocr_token_checksum_ok(text, 41), "shorter: no checksum");
    ok(!ngx_spocr_token_checksum_ok(text, 43), "longer: no checksum");
}


static void
test_digest(void)
{
    char                 hex[65];
    u_char               out[32], back[32];
    ngx_spocr_digest_t  *digest;
    const char          *abc = "ba7816bf8f01cfea414140de5dae2223"
                               "b00361a396177a9cb410ff61f20015ad";

    digest = ngx_spocr_digest_create();
    ok(digest != NULL, "digest made");

    is_int(ngx_spocr_digest(digest, (u_char *) "abc", 3, out), NGX_OK,
           "digest of abc");
    ngx_spocr_digest_text(out, (u_char *) hex);
    hex[64] = '\0';
    is_str(hex, abc, "SHA-256 of abc");

    is_int(ngx_spocr_digest(digest, (u_char *) "", 0, out), NGX_OK,
           "digest of nothing, same context");
    ngx_spocr_digest_text(out, (u_char *) hex);
    is_str(hex, "e3b0c44298fc1c149afbf4c8996fb924"
           "27ae41e4649b934ca495991b7852b855", "SHA-256 of nothing");

    ngx_spocr_digest(digest, (u_char *) "abc", 3, out);
    is_int(ngx_spocr_digest_parse((u_char *) abc, 64, back), NGX_OK, "parse");
    ok(ngx_spocr_digest_equal(out, back), "equal");
    back[31] ^= 1;
    ok(!ngx_spocr_digest_equal(out, back), "last bit differs");
    back[31] ^= 1;
    back[0] ^= 0x80;
    ok(!ngx_spocr_digest_equal(out, back), "first bit differs");

    is_int(ngx_spocr_digest_parse((u_char *)
           "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
           64, back), NGX_OK, "upper-case digits");
    ok(ngx_spocr_digest_equal(out, back), "are the same digest");

    is_int(ngx_spocr_digest_parse((u_char *) abc, 63, back), NGX_ERROR,
           "63 digits");
    is_int(ngx_spocr_digest_parse((u_char *) abc, 0, back), NGX_ERROR,
           "no digits");
    memcpy(hex, abc, 65);
    hex[40] = 'g';
    is_int(ngx_spocr_digest_parse((u_char *) hex, 64, back), NGX_ERROR,
           "not a digit");

    ngx_spocr_digest_destroy(digest);
    ngx_spocr_digest_destroy(NULL);
}


int
main(void)
{
    test_parse();
    test_parse_bytes();
    test_make();
    test_checksum();
    test_digest();

    return done_testing();
}
