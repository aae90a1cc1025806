
/* Idempotency-Key: its grammar and the name of its record; C-23, C-24. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_spocr_idemkey.h"
#include "tap.h"


typedef struct {
    const char  *value;
    const char  *key;          /* NULL: refused */
    const char  *canonical;
    const char  *name;
} parse_case_t;


static const parse_case_t  cases[] = {

    { "abc", "abc", "abc", "bare" },
    { "\"abc\"", "abc", "abc", "a string is the same key" },
    { " \t abc\t ", "abc", "abc", "OWS around" },
    { " \t \"abc\" \t", "abc", "abc", "OWS around a string" },
    { "8e03978e-40d5-43dd-bc93-6894a57f9324",
      "8e03978e-40d5-43dd-bc93-6894a57f9324",
      "8e03978e-40d5-43dd-bc93-6894a57f9324", "a UUID" },
    { "a", "a", "a", "one character" },
    { "!#$%&'()*+-./:;<=>?@[]^_`{|}~", "!#$%&'()*+-./:;<=>?@[]^_`{|}~",
      "!#$%&'()*+-./:;<=>?@[]^_`{|}~", "all that is no letter, bare" },
    { "\"a,b\"", "a,b", "\"a,b\"", "a comma needs a string" },
    { "\"a\\\"b\"", "a\"b", "\"a\\\"b\"", "an escaped quote" },
    { "\"a\\\\b\"", "a\\b", "\"a\\\\b\"", "an escaped backslash" },
    { "\"\\\"\"", "\"", "\"\\\"\"", "a quote alone" },
    { "\"\\\\\"", "\\", "\"\\\\\"", "a backslash alone" },

    { "", NULL, NULL, "empty" },
    { " \t ", NULL, NULL, "OWS alone" },
    { "\"\"", NULL, NULL, "an empty string" },
    { "\"", NULL, NULL, "a quote" },
    { "\"abc", NULL, NULL, "no closing quote" },
    { "abc\"", NULL, NULL, "no opening quote" },
    { "a\"b", NULL, NULL, "a quote inside" },
    { "a\\b", NULL, NULL, "a bare backslash" },
    { "a,b", NULL, NULL, "a bare comma" },
    { "a, b", NULL, NULL, "two header lines joined" },
    { "a b", NULL, NULL, "a space inside" },
    { "a\tb", NULL, NULL, "a tab inside" },
    { "\"a b\"", NULL, NULL, "a space in a string" },
    { "\"a\tb\"", NULL, NULL, "a tab in a string" },
    { "\"abc\"x", NULL, NULL, "more behind the string" },
    { "\"abc\";p=1", NULL, NULL, "a parameter" },
    { "\"abc\" \"abc\"", NULL, NULL, "two strings" },
    { "\"abc\", \"abc\"", NULL, NULL, "a list" },
    { "\"a\\nb\"", NULL, NULL, "another escape" },
    { "\"abc\\\"", NULL, NULL, "the closing quote is escaped" },
    { "\"abc\\", NULL, NULL, "ends in a backslash" },
    { "a\x7f", NULL, NULL, "DEL" },
    { "a\x01", NULL, NULL, "a control" },
    { "caf\xc3\xa9", NULL, NULL, "UTF-8" },
    { "\"caf\xc3\xa9\"", NULL, NULL, "UTF-8 in a string" }
};


static void
test_parse(void)
{
    char       text[NGX_SPOCR_IDEMKEY_ROOM + 1];
    size_t     i, len;
    u_char     key[NGX_SPOCR_IDEMKEY_MAX + 1], *end;
    ngx_int_t  rc;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        rc = ngx_spocr_idemkey_parse((const u_char *) cases[i].value,
                                     strlen(cases[i].value), key, &len);

        /* C-23 */
        is_int(rc, cases[i].key ? NGX_OK : NGX_DECLINED, "parse: %s",
               cases[i].name);

        if (rc != NGX_OK || cases[i].key == NULL) {
            continue;
        }

        end = ngx_spocr_idemkey_canonical((u_char *) text, key, len);
        *end = '\0';
        is_str(text, cases[i].canonical, "forwarded: %s", cases[i].name);

        key[len] = '\0';
        is_str((char *) key, cases[i].key, "the key: %s", cases[i].name);
    }
}


/* One byte, bare and as a string. */

static void
test_bytes(void)
{
    int     ch, bare, quoted;
    size_t  len;
    u_char  text[5], key[NGX_SPOCR_IDEMKEY_MAX];

    bare = 0;
    quoted = 0;

    for (ch = 0; ch < 256; ch++) {
        text[0] = '"';
        text[1] = 'a';
        text[2] = (u_char) ch;
        text[3] = 'b';
        text[4] = '"';

        if (ngx_spocr_idemkey_parse(text + 1, 3, key, &len) == NGX_OK) {
            bare += len == 3 && memcmp(key, text + 1, 3) == 0;
        }

        if (ngx_spocr_idemkey_parse(text, 5, key, &len) == NGX_OK) {
            quoted += len == 3 && memcmp(key, text + 1, 3) == 0;
        }
    }

    /* C-23 */
    is_int(bare, 94 - 3, "91 bytes may stand in a bare key");
    is_int(quoted, 94 - 2, "92 bytes need no escape in a string");
}


/* The key's room is exactly as long as it has to be: ASan sees more. */

static void
test_lengths(void)
{
    size_t   len;
    u_char   text[600], *key, *room, *end;

    key = malloc(NGX_SPOCR_IDEMKEY_MAX);
    room = malloc(NGX_SPOCR_IDEMKEY_ROOM);

    memset(text, 'k', sizeof(text));

    is_int(ngx_spocr_idemkey_parse(text, 255, key, &len), NGX_OK,
           "255 characters");
    is_int(len, 255, "all of them");
    is_int(ngx_spocr_idemkey_parse(text, 256, key, &len), NGX_DECLINED,
           "256 characters");

    text[0] = '"';
    text[256] = '"';
    is_int(ngx_spocr_idemkey_parse(text, 257, key, &len), NGX_OK,
           "255 characters in a string");
    text[256] = 'k';
    text[257] = '"';
    is_int(ngx_spocr_idemkey_parse(text, 258, key, &len), NGX_DECLINED,
           "256 characters in a string");

    /* C-23: what counts is the key, not how it was written */
    memset(text, '\\', sizeof(text));
    text[0] = '"';
    text[511] = '"';
    is_int(ngx_spocr_idemkey_parse(text, 512, key, &len), NGX_OK,
           "255 escaped characters");
    is_int(len, 255, "are 255");

    end = ngx_spocr_idemkey_canonical(room, key, len);
    is_int(end - room, NGX_SPOCR_IDEMKEY_ROOM, "and fill the room");
    ok(memcmp(room, text, 512) == 0, "as they came");

    text[511] = '\\';
    text[513] = '"';
    is_int(ngx_spocr_idemkey_parse(text, 514, key, &len), NGX_DECLINED,
           "256 escaped characters");

    /* no byte behind the value's end is read */
    memcpy(room, "\"abc\"", 5);
    is_int(ngx_spocr_idemkey_parse(room, 4, key, &len), NGX_DECLINED,
           "cut before the closing quote");
    is_int(ngx_spocr_idemkey_parse(room, 0, key, &len), NGX_DECLINED,
           "no bytes");

    free(key);
    free(room);
}


static void
id_of(const char *uid, const char *key_id, const char *key, u_char *id)
{
    ngx_str_t  u, k;

    u.data = (u_char *) uid;
    u.len = strlen(uid);
    k.data = (u_char *) key_id;
    k.len = key_id ? strlen(key_id) : 0;

    if (ngx_spocr_idemkey_id(&u, &k, (const u_char *) key, strlen(key), id)
        != NGX_OK)
    {
        memset(id, 0, 32);
    }
}


static void
test_id(void)
{
    u_char  id[32], other[32], expected[32];

    id_of("u_1", NULL, "abc", id);
    EVP_Digest("u_1\0abc", 7, expected, NULL, EVP_sha256(), NULL);
    ok(memcmp(id, expected, 32) == 0, "uid NUL key");

    id_of("u_1", "k_1", "abc", id);
    EVP_Digest("u_1\0k_1\0abc", 11, expected, NULL, EVP_sha256(), NULL);
    ok(memcmp(id, expected, 32) == 0, "uid NUL key id NUL key");

    /* C-24 */
    id_of("u_2", "k_1", "abc", other);
    ok(memcmp(id, other, 32) != 0, "another uid, another record");
    id_of("u_1", "k_2", "abc", other);
    ok(memcmp(id, other, 32) != 0, "another key id, another record");
    id_of("u_1", "", "abc", other);
    ok(memcmp(id, other, 32) != 0, "no key id, another record");
    id_of("u_1", "k_1", "abd", other);
    ok(memcmp(id, other, 32) != 0, "another key, another record");

    id_of("ab", NULL, "c", id);
    id_of("a", NULL, "bc", other);
    ok(memcmp(id, other, 32) != 0, "the uid's end counts");
    id_of("u_1", "ab", "c", id);
    id_of("u_1", "a", "bc", other);
    ok(memcmp(id, other, 32) != 0, "the key id's end counts");
}


int
main(void)
{
    test_parse();
    test_bytes();
    test_lengths();
    test_id();

    return done_testing();
}
