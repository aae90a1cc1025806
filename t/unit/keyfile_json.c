
/*
 * JSON as a key file has it, where "meta" and "name" may hold any of it: the
 * grammar of RFC 8259, UTF-8, and the limits.  What is refused is refused
 * with the reason; contract section 4.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile.h"
#include "tap.h"


#define D16     "1111111111111111"
#define DIGEST  D16 D16 D16 D16
#define BAD     "not valid JSON"
#define RANGE   "a number is out of range"


typedef struct {
    const char  *text;
    size_t       len;
} source_t;


static void   *blocks[4096];
static size_t  nblocks;


static void *
keep(void *data, size_t size)
{
    void  *p = malloc(size);

    if (nblocks == 4096 || p == NULL) {
        abort();
    }

    blocks[nblocks++] = p;

    return p;
}


static ssize_t
give(void *data, u_char *buf, size_t size)
{
    size_t     n;
    source_t  *source = data;

    n = source->len < size ? source->len : size;
    memcpy(buf, source->text, n);
    source->text += n;
    source->len -= n;

    return (ssize_t) n;
}


/* The message about a key with this field; "" where it is taken. */

static const char *
message(const char *name, const char *value, size_t len)
{
    int                                n;
    size_t                             room = len + 512;
    char                              *text = malloc(room);
    source_t                           source;
    static ngx_spocr_keyfile_error_t   err;

    n = snprintf(text, room, "{\"version\":1,\"keys\":[{\"id\":\"k\","
                 "\"sha256\":\"" DIGEST "\",\"uid\":\"u\",\"%s\":", name);
    memcpy(text + n, value, len);
    memcpy(text + n + len, "}]}", 4);

    source.text = text;
    source.len = (size_t) n + len + 3;
    memset(&err, 0, sizeof(err));

    if (ngx_spocr_keyfile_read(give, &source, keep, NULL, &err) != NULL) {
        err.text[0] = '\0';
    }

    while (nblocks) {
        free(blocks[--nblocks]);
    }

    free(text);

    return (const char *) err.text;
}


static void
taken(const char *value)
{
    is_str(message("meta", value, strlen(value)), "", "taken: %s", value);
}


static void
refused(const char *value, const char *why)
{
    const char  *text = message("meta", value, strlen(value));

    if (!ok(strstr(text, why) != NULL, "refused: %s", value)) {
        diag("     got: %s", text);
    }
}


static void
test_numbers(void)
{
    char  text[128];

    taken("{\"a\":0}");
    taken("{\"a\":-0}");
    taken("{\"a\":9223372036854775807}");
    taken("{\"a\":-9223372036854775808}");
    taken("{\"a\":1.5}");
    taken("{\"a\":-0.25e+2}");
    taken("{\"a\":1E-7}");
    taken("{\"a\":2e9}");
    taken("{\"a\":1e308}");

    refused("{\"a\":9223372036854775808}", RANGE);
    refused("{\"a\":-9223372036854775809}", RANGE);
    refused("{\"a\":99999999999999999999999}", RANGE);
    refused("{\"a\":1e309}", RANGE);
    refused("{\"a\":-1e999}", RANGE);

    refused("{\"a\":01}", BAD);
    refused("{\"a\":-}", BAD);
    refused("{\"a\":-x}", BAD);
    refused("{\"a\":.5}", BAD);
    refused("{\"a\":1.}", BAD);
    refused("{\"a\":1.e2}", BAD);
    refused("{\"a\":1e}", BAD);
    refused("{\"a\":1e+}", BAD);
    refused("{\"a\":1e-x}", BAD);
    refused("{\"a\":+1}", BAD);
    refused("{\"a\":0x1}", BAD);
    refused("{\"a\":1 2}", BAD);

    /* longer than any number of use, as fractions can be */
    snprintf(text, sizeof(text), "{\"a\":0.%060d}", 1);
    taken(text);
    snprintf(text, sizeof(text), "{\"a\":0.%062d}", 1);
    refused(text, "a number is too long");
}


static void
test_words(void)
{
    taken("{\"a\":true,\"b\":false,\"c\":null}");
    taken("{ \"a\" : [ ] , \"b\" : { } }");
    is_str(message("meta", "{\t\"a\"\r\n:\n[1\r,\t2]}", 17), "",
           "taken: each kind of blank");

    refused("{\"a\":tru}", BAD);
    refused("{\"a\":truex}", BAD);
    refused("{\"a\":nul}", BAD);
    refused("{\"a\":False}", BAD);
    refused("{\"a\":\f1}", BAD);
    refused("{\"a\":\v1}", BAD);
    refused("{\"a\":\xc2\xa0" "1}", BAD);
    refused("{\"a\" 1}", BAD);
    refused("{\"a\":}", BAD);
    refused("{\"a\":1,}", BAD);
    refused("{,}", BAD);
    refused("{\"a\":[1,]}", BAD);
    refused("{\"a\":[1 2]}", BAD);
    refused("{\"a\":[,1]}", BAD);
    refused("{a:1}", BAD);
    refused("{\"a\":[1}", "a bracket is closed by one of another kind");
    refused("{\"a\":'1'}", BAD);
}


static void
test_escapes(void)
{
    taken("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}");
    taken("{\"a\":\"\\u0041\\u00E9\\u20ac\\uFFFD\"}");
    taken("{\"a\":\"\\ud83d\\uDE00\"}");
    taken("{\"a\":\"\\ud800\\udc00\\uDBFF\\uDFFF\"}");

    refused("{\"a\":\"\\x41\"}", BAD);
    refused("{\"a\":\"\\U0041\"}", BAD);
    refused("{\"a\":\"\\u004\"}", BAD);
    refused("{\"a\":\"\\u00g1\"}", BAD);
    refused("{\"a\":\"\\u/041\"}", BAD);
    refused("{\"a\":\"\\u:041\"}", BAD);
    refused("{\"a\":\"\\u`041\"}", BAD);
    refused("{\"a\":\"\\ud83d\"}", BAD);
    refused("{\"a\":\"\\ud83dx\"}", BAD);
    refused("{\"a\":\"\\ud83d\\n\"}", BAD);
    refused("{\"a\":\"\\ud83d\\u0041\"}", BAD);
    refused("{\"a\":\"\\ud83d\\ud83d\"}", BAD);
    refused("{\"a\":\"\\ud83d\\ue000\"}", BAD);
    refused("{\"a\":\"\\ud83d\\u00\"}", BAD);
    refused("{\"a\":\"\\ude00\"}", BAD);
    refused("{\"a\":\"\\u0000\"}", "a NUL character in a string");
}


static void
test_utf8(void)
{
    size_t  i;
    char    text[64];

    static const char  *const good[] = {
        "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf0\x9f\x98\x80",
        "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf"
    };

    static const char  *const bad[] = {
        "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0",
        "\xe0\x9f\xbf", "\xe1\x80", "\xe1\x80\x7f", "\xe1\x80\xc0",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
        "\xf0\x90\x80\x7f", "\xf0\x90\x7f\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xfe", "\xff"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "{\"a\":\"%s\"}", good[i]);
        taken(text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "{\"a\":\"%s\"}", bad[i]);
        ok(message("meta", text, strlen(text))[0] != '\0',
           "not UTF-8, number %zu", i);
    }
}


/* A name has 128 characters at most, in whatever form they are written. */

static void
test_name(const char *character, const char *what)
{
    int     i;
    char   *text;
    size_t  len = strlen(character);

    text = malloc(129 * len + 3);
    text[0] = '"';

    for (i = 0; i < 129; i++) {
        memcpy(text + 1 + i * len, character, len);
    }

    text[1 + 128 * len] = '"';
    is_str(message("name", text, 128 * len + 2), "", "128 times %s", what);

    text[1 + 128 * len] = character[0];
    text[1 + 129 * len] = '"';
    is_str(message("name", text, 129 * len + 2),
           "keys[0] (k): \"name\" has more than 128 characters",
           "129 times %s", what);

    free(text);
}


static void
test_limits(void)
{
    int     i, n;
    char   *text;

    text = malloc(65536);

    for (i = 0; i < 64; i++) {
        text[i] = '[';
        text[64 + i] = ']';
    }

    text[128] = '\0';
    ok(message("meta", text, 128)[0] != '\0', "deeper than is read");

    n = sprintf(text, "{\"a\":[0");

    for (i = 0; i < 2100; i++) {
        n += sprintf(text + n, ",0");
    }

    n += sprintf(text + n, "]}");
    ok(strstr(message("meta", text, (size_t) n),
              "an entry of more than 2048 values") != NULL,
       "more values than are read");

    free(text);
}


int
main(void)
{
    static const char  *const controls[] = {
        "\"a\\u0001b\"", ("\"a\x7f" "b\""), "\"\xc2\x80\"", "\"\xc2\x9f\""
    };

    test_numbers();
    test_words();
    test_escapes();
    test_utf8();
    test_name("a", "a");
    test_name("\xc3\xa4", "a character of two bytes");
    test_name("\xe2\x82\xac", "one of three");
    test_name("\xf0\x9f\x98\x80", "one of four");
    test_name("\\u20ac", "an escaped one");
    test_name("\\ud83d\\ude00", "an escaped pair");
    test_name("\xc2\xa0", "one that is next to the controls");

    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        is_str(message("name", controls[i], strlen(controls[i])),
               "keys[0] (k): \"name\" has a control character",
               "control character %zu in a name", i);
    }

    test_limits();

    return done_testing();
}
