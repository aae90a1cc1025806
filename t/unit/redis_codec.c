
/*
 * Redis' protocol with limits: what comes is a message, more is needed, or it
 * is an error that lasts.  How the bytes are cut must make no difference.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_redis_codec.h"
#include "tap.h"


#define NONCE  "$16\r\n0123456789abcdef\r\n"
#define ITEM   ":1\r\n"
#define ITEM4  ITEM ITEM ITEM ITEM
#define ITEM16 ITEM4 ITEM4 ITEM4 ITEM4


static void
codec_feed(ngx_spocr_redis_codec_t *codec, const char *text, size_t len)
{
    (void) ngx_spocr_redis_codec_feed(codec, (const u_char *) text, len);
}


/* A message as text: "[1 'abc' nil]", "'OK'", "!ERR text". */

static void
show(const ngx_spocr_redis_message_t *m, char *out, size_t size)
{
    size_t      n;
    ngx_uint_t  i;

    if (m->error.len) {
        (void) snprintf(out, size, "!%.*s", (int) m->error.len,
                        (char *) m->error.data);
        return;
    }

    n = (size_t) snprintf(out, size, "%s", m->array ? "[" : "");

    for (i = 0; i < m->nvalues && n < size; i++) {
        n += (size_t) snprintf(out + n, size - n, "%s", i ? " " : "");

        switch (m->values[i].type) {

        case NGX_SPOCR_REDIS_NIL:
            n += (size_t) snprintf(out + n, size - n, "nil");
            break;

        case NGX_SPOCR_REDIS_INTEGER:
            n += (size_t) snprintf(out + n, size - n, "%lld",
                                   (long long) m->values[i].integer);
            break;

        case NGX_SPOCR_REDIS_STRING:
            n += (size_t) snprintf(out + n, size - n, "'%.*s'",
                                   (int) m->values[i].text.len,
                                   (char *) m->values[i].text.data);
        }
    }

    if (m->array && n < size) {
        (void) snprintf(out + n, size - n, "]");
    }
}


/*
 * All messages of bytes that come in pieces, each followed by "; ", then
 * what came last: "more", or "error".
 */

static void
run(const char *text, size_t len, size_t piece, ngx_uint_t nested, char *out,
    size_t size)
{
    char                              one[8192];
    size_t                            n, used;
    ngx_int_t                         rc;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    codec = ngx_spocr_redis_codec_create();
    ngx_spocr_redis_codec_nested(codec, nested);

    used = 0;
    out[0] = '\0';
    rc = NGX_AGAIN;

    while (len && rc == NGX_AGAIN) {
        n = len < piece ? len : piece;
        codec_feed(codec, text, n);
        text += n;
        len -= n;

        while ((rc = ngx_spocr_redis_codec_next(codec, &m)) == NGX_OK) {
            show(m, one, sizeof(one));
            used += (size_t) snprintf(out + used, size - used, "%s; ", one);
        }
    }

    if (rc == NGX_ERROR
        && (ngx_spocr_redis_codec_reason(codec)[0] == '\0'
            || ngx_spocr_redis_codec_next(codec, &m) != NGX_ERROR))
    {
        (void) snprintf(out + used, size - used, "an error that goes away");

    } else {
        (void) snprintf(out + used, size - used, "%s",
                        rc == NGX_ERROR ? "error" : "more");
    }

    ngx_spocr_redis_codec_destroy(codec);
}


static void
check(const char *text, ngx_uint_t nested, const char *expected,
    const char *name)
{
    char    out[16384];
    size_t  i;

    static const size_t  pieces[] = { 100000, 1, 2, 3, 7, 16 };

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        run(text, strlen(text), pieces[i], nested, out, sizeof(out));
        is_str(out, expected, "%s, in pieces of %u", name,
               (unsigned) pieces[i]);
    }
}


static void
test_messages(void)
{
    check("+OK\r\n", 0, "'OK'; more", "a status");
    check("+\r\n", 0, "''; more", "an empty status");
    check(":-12\r\n", 0, "-12; more", "an integer");
    check("$3\r\na\nb\r\n", 0, "'a\nb'; more", "a string");
    check("$0\r\n\r\n", 0, "''; more", "an empty string");
    check("$-1\r\n", 0, "nil; more", "nil");
    check("*-1\r\n", 0, "nil; more", "a nil array");
    check("*0\r\n", 0, "[]; more", "an empty array");
    check("-ERR no\r\n", 0, "!ERR no; more", "an error");
    check("-\r\n", 0, "!ERR; more", "an error without a text");
    check("*5\r\n" NONCE ":0\r\n:60\r\n$-1\r\n+x\r\n", 0,
          "['0123456789abcdef' 0 60 nil 'x']; more", "an answer");
    check("*1\r\n" NONCE "-ERR a\r\n*1\r\n:7\r\n+b\r\n", 0,
          "['0123456789abcdef']; !ERR a; [7]; 'b'; more",
          "several, one behind the other");
    check("*2\r\n*-1\r\n:1\r\n", 0, "[nil 1]; more", "a nil array inside");
    check(":9223372036854775807\r\n", 0, "9223372036854775807; more",
          "the largest integer");
}


static void
test_nested(void)
{
    check("*2\r\n*1\r\n:1\r\n:2\r\n", 0, "error", "an array inside");
    check("*3\r\n+a\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n:2\r\n", 1,
          "['a' nil 2]; more", "arrays inside, skipped where allowed");
    check("*1\r\n*0\r\n:1\r\n", 1, "[nil]; 1; more", "an empty one inside");
    check("*1\r\n*600\r\n", 1, "error", "a large one inside");
    check("*2\r\n*300\r\n" ITEM16, 1, "more", "one that is not too large");
    check("*1\r\n*1\r\n-ERR x\r\n", 1, "error", "an error inside");
    check("*1\r\n-ERR x\r\n", 0, "error", "an error in an answer");
    check("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
          1, "error", "arrays in arrays in arrays");
}


static void
test_errors(void)
{
    check("x", 0, "error", "no message");
    check("HTTP/1.1 200 OK\r\n", 0, "error", "an HTTP server's answer");
    check("+a\r\nx", 0, "'a'; error", "garbage behind a message");
    check(":1x\r\n", 0, "error", "an integer with a letter");
    check(":\r\n", 0, "error", "an integer without digits");
    check(":99999999999999999999\r\n", 0, "error", "an integer too large");
    check("$-2\r\n", 0, "error", "a negative length");
    check("$x\r\n", 0, "error", "a length with a letter");
    check("*-2\r\n", 0, "error", "a negative count");
    check("*33\r\n", 0, "error", "too many elements");
    check("*2147483647\r\n", 0, "error", "an array of 16 GB");
    check("*4294967297\r\n", 0, "error", "a count that wraps");
    check("*9223372036854775807\r\n", 0, "error", "the largest count");
    check("*32\r\n" ITEM16 ITEM16, 0,
          "[1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1]; "
          "more", "as many elements as are allowed");
    check(",1.5\r\n", 0, "error", "a double of RESP3");
    check("#t\r\n", 0, "error", "a boolean of RESP3");
    check("%1\r\n+a\r\n+b\r\n", 0, "error", "a map of RESP3");
    check("~1\r\n+a\r\n", 0, "error", "a set of RESP3");
    check(">1\r\n+a\r\n", 0, "error", "a push of RESP3");
}


/* What says that it is large is waited for, but never kept. */

static void
test_large(void)
{
    char                             *text, header[64];
    size_t                            n, fed;
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    static const char  *headers[] = {
        "$536870912\r\n", "$9223372036854775807\r\n", "+", "-", ":", "$", "*",
        "*2\r\n$65537\r\n"
    };

    text = malloc(NGX_SPOCR_REDIS_TEXT_MAX * 2);
    memset(text, '1', NGX_SPOCR_REDIS_TEXT_MAX * 2);

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        codec = ngx_spocr_redis_codec_create();
        codec_feed(codec, headers[i], strlen(headers[i]));
        fed = 0;

        do {
            rc = ngx_spocr_redis_codec_next(codec, &m);
            codec_feed(codec, text, 1000);
            fed += 1000;
        } while (rc == NGX_AGAIN && fed < 100 * NGX_SPOCR_REDIS_BULK_MAX);

        ok(rc == NGX_ERROR && fed < 2 * NGX_SPOCR_REDIS_BULK_MAX,
           "header %u: given up after %u bytes", (unsigned) i,
           (unsigned) fed);

        ngx_spocr_redis_codec_destroy(codec);
    }

    /* the largest string, and as many of them as one answer may have */

    codec = ngx_spocr_redis_codec_create();
    codec_feed(codec, "*8\r\n", 4);

    for (i = 0; i < 8; i++) {
        n = (size_t) snprintf(header, sizeof(header), "$%d\r\n",
                              NGX_SPOCR_REDIS_BULK_MAX);
        codec_feed(codec, header, n);
        codec_feed(codec, text, NGX_SPOCR_REDIS_BULK_MAX);
        codec_feed(codec, "\r\n", 2);

        rc = ngx_spocr_redis_codec_next(codec, &m);

        if (rc != NGX_AGAIN) {
            break;
        }
    }

    is_int(rc, NGX_ERROR, "strings of one answer have a limit together");
    is_int(i, NGX_SPOCR_REDIS_TEXT_MAX / NGX_SPOCR_REDIS_BULK_MAX,
           "which is kept");

    ngx_spocr_redis_codec_destroy(codec);
    free(text);
}


static void
test_large_is_right(void)
{
    char                             *text;
    size_t                            len;
    ngx_uint_t                        i, round;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    text = malloc(NGX_SPOCR_REDIS_BULK_MAX + 64);
    codec = ngx_spocr_redis_codec_create();

    for (round = 0; round < 3; round++) {
        len = (size_t) sprintf(text, "*2\r\n$%d\r\n",
                               NGX_SPOCR_REDIS_BULK_MAX);

        for (i = 0; i < NGX_SPOCR_REDIS_BULK_MAX; i++) {
            text[len++] = (char) ('a' + (i + round) % 26);
        }

        len += (size_t) sprintf(text + len, "\r\n:%u\r\n", (unsigned) round);
        codec_feed(codec, text, len);

        ok(ngx_spocr_redis_codec_next(codec, &m) == NGX_OK
           && m->nvalues == 2
           && m->values[0].text.len == NGX_SPOCR_REDIS_BULK_MAX
           && m->values[0].text.data[0] == 'a' + round
           && m->values[0].text.data[NGX_SPOCR_REDIS_BULK_MAX - 1]
              == 'a' + (NGX_SPOCR_REDIS_BULK_MAX - 1 + round) % 26
           && m->values[1].integer == (int64_t) round,
           "the largest string, number %u", (unsigned) round);
    }

    is_int(ngx_spocr_redis_codec_next(codec, &m), NGX_AGAIN,
           "and nothing behind them");

    ngx_spocr_redis_codec_destroy(codec);
    free(text);
}


/* An answer with a string of len bytes, in pieces; the string, or nothing. */

static const ngx_str_t *
answer(ngx_spocr_redis_codec_t *codec, size_t len, size_t piece, u_char first)
{
    u_char                           *text;
    size_t                            n, fed, total;
    ngx_int_t                         rc;
    const ngx_spocr_redis_message_t  *m;

    m = NULL;
    text = malloc(len + 64);
    total = (size_t) sprintf((char *) text, "*2\r\n$%zu\r\n", len);

    for (n = 0; n < len; n++) {
        text[total++] = (u_char) (first + n % 251);
    }

    total += (size_t) sprintf((char *) text + total, "\r\n:7\r\n");

    for (fed = 0, rc = NGX_AGAIN; fed < total && rc == NGX_AGAIN; fed += n) {
        n = ngx_min(piece, total - fed);

        if (ngx_spocr_redis_codec_feed(codec, text + fed, n) != NGX_OK) {
            break;
        }

        rc = ngx_spocr_redis_codec_next(codec, &m);
    }

    free(text);

    return rc == NGX_OK && fed == total && m && m->nvalues == 2
           && m->values[1].integer == 7 ? &m->values[0].text : NULL;
}


static ngx_uint_t
is_right(const ngx_str_t *s, size_t len, u_char first)
{
    size_t  i;

    if (s == NULL || s->len != len) {
        return 0;
    }

    for (i = 0; i < len && s->data[i] == (u_char) (first + i % 251); i++) {
        /* void */
    }

    return i == len;
}


/* Codecs of one process have limits of their own. */

static void
test_limit(void)
{
    size_t                    i;
    ngx_spocr_redis_codec_t  *codec, *other;

    static const size_t  limit = 3000000;
    static const size_t  sizes[] = {
        0, 1, 65536, 65537, 262144, 262145, 1048576, 2999999, 3000000
    };
    static const size_t  pieces[] = { 16384, 100000, 10000000 };

    codec = ngx_spocr_redis_codec_create();
    ngx_spocr_redis_codec_limit(codec, limit);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ok(is_right(answer(codec, sizes[i], pieces[i % 3], (u_char) i),
                    sizes[i], (u_char) i),
           "a limit of 3,000,000: a string of %u", (unsigned) sizes[i]);
    }

    ok(answer(codec, limit + 1, 16384, 0) == NULL, "one byte more");
    is_str(ngx_spocr_redis_codec_reason(codec), "a string that is too long",
           "is an error");

    ngx_spocr_redis_codec_destroy(codec);

    other = ngx_spocr_redis_codec_create();
    ok(is_right(answer(other, 65536, 16384, 1), 65536, 1),
       "without: a string of 65536");
    ok(answer(other, 65537, 16384, 1) == NULL, "and no more");
    ngx_spocr_redis_codec_destroy(other);

    other = ngx_spocr_redis_codec_create();
    ngx_spocr_redis_codec_limit(other, 100);
    ok(is_right(answer(other, 100, 16384, 1), 100, 1), "a limit of 100");
    ok(answer(other, 101, 16384, 1) == NULL, "is one, too");
    ngx_spocr_redis_codec_destroy(other);
}


/* What says that it is long is waited for no longer than the limit. */

static void
test_limit_endless(void)
{
    char                             *text;
    size_t                            fed;
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    static const char  *headers[] = { "$9999999999\r\n", "+", "*2\r\n$" };

    text = malloc(16384);
    memset(text, '1', 16384);

    for (i = 0; i < 3; i++) {
        codec = ngx_spocr_redis_codec_create();
        ngx_spocr_redis_codec_limit(codec, 1000000);
        codec_feed(codec, headers[i], strlen(headers[i]));
        fed = 0;

        while ((rc = ngx_spocr_redis_codec_next(codec, &m)) == NGX_AGAIN
               && fed < 100000000)
        {
            codec_feed(codec, text, 16384);
            fed += 16384;
        }

        ok(rc == NGX_ERROR && fed < 1100000,
           "limit, header %u: given up after %u bytes", (unsigned) i,
           (unsigned) fed);

        ngx_spocr_redis_codec_destroy(codec);
    }

    free(text);
}


/* A codec lives as long as its connection: a long answer must not stay. */

static void
test_memory(void)
{
    ngx_uint_t                        i;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    codec = ngx_spocr_redis_codec_create();
    ngx_spocr_redis_codec_limit(codec, 3000000);

    for (i = 0; i < 3; i++) {
        ok(is_right(answer(codec, 2000000, 16384, (u_char) i), 2000000,
                    (u_char) i)
           && ngx_spocr_redis_codec_held(codec) > 2000000,
           "a long answer takes memory, %u", (unsigned) i);

        is_int(ngx_spocr_redis_codec_next(codec, &m), NGX_AGAIN,
               "nothing comes behind it");
        ok(ngx_spocr_redis_codec_held(codec) < 16384,
           "and the memory is given back: %u",
           (unsigned) ngx_spocr_redis_codec_held(codec));

        ok(is_right(answer(codec, 300, 1, 9), 300, 9), "a short one is right");
    }

    ngx_spocr_redis_codec_destroy(codec);
}


/* What has come behind a long answer is not lost with its memory. */

static ngx_uint_t
next_is_right(ngx_spocr_redis_codec_t *codec, size_t cut)
{
    char                             *text;
    size_t                            len;
    ngx_uint_t                        good;
    const ngx_spocr_redis_message_t  *m;

    static const char  next[] = "*2\r\n$3\r\nabc\r\n:5\r\n";

    text = malloc(1000100);
    len = (size_t) sprintf(text, "$1000000\r\n");
    memset(text + len, 'x', 1000000);
    len += 1000000;
    len += (size_t) sprintf(text + len, "\r\n%.*s", (int) cut, next);

    codec_feed(codec, text, len);
    free(text);

    good = ngx_spocr_redis_codec_next(codec, &m) == NGX_OK
           && m->values[0].text.len == 1000000
           && m->values[0].text.data[999999] == 'x';

    if (cut < sizeof(next) - 1) {
        good = good && ngx_spocr_redis_codec_next(codec, &m) == NGX_AGAIN;
        codec_feed(codec, next + cut, sizeof(next) - 1 - cut);
    }

    return good && ngx_spocr_redis_codec_next(codec, &m) == NGX_OK
           && m->nvalues == 2
           && m->values[0].text.len == 3
           && memcmp(m->values[0].text.data, "abc", 3) == 0
           && m->values[1].integer == 5
           && ngx_spocr_redis_codec_next(codec, &m) == NGX_AGAIN;
}


static void
test_memory_behind(void)
{
    size_t                    cut;
    ngx_spocr_redis_codec_t  *codec;

    codec = ngx_spocr_redis_codec_create();
    ngx_spocr_redis_codec_limit(codec, 3000000);

    for (cut = 0; cut <= 17; cut++) {
        ok(next_is_right(codec, cut),
           "%u bytes of the next answer behind a long one", (unsigned) cut);
    }

    ngx_spocr_redis_codec_destroy(codec);
}


static void
test_long_error(void)
{
    char                              text[4096];
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    memset(text, 'x', sizeof(text));
    text[0] = '-';
    text[sizeof(text) - 2] = '\r';
    text[sizeof(text) - 1] = '\n';

    codec = ngx_spocr_redis_codec_create();
    codec_feed(codec, text, sizeof(text));

    ok(ngx_spocr_redis_codec_next(codec, &m) == NGX_OK
       && m->error.len == NGX_SPOCR_REDIS_ERROR_MAX,
       "of a long error only the beginning is kept");

    ngx_spocr_redis_codec_destroy(codec);
}


/* What is longer than a string may be, and would not be kept anyway. */

static void
test_long_unkept(void)
{
    char                              text[4096];
    size_t                            i, step, fed, n;
    ngx_int_t                         rc;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    static const char  *begins[] = { "-", "*1\r\n*1\r\n+" };

    for (i = 0; i < 2; i++) {
        memset(text, 'x', sizeof(text));
        memcpy(text, begins[i], strlen(begins[i]));
        text[sizeof(text) - 2] = '\r';
        text[sizeof(text) - 1] = '\n';

        for (step = 1; step <= sizeof(text); step *= 4) {
            codec = ngx_spocr_redis_codec_create();
            ngx_spocr_redis_codec_nested(codec, 1);
            ngx_spocr_redis_codec_limit(codec, 1000);
            rc = NGX_AGAIN;

            for (fed = 0; fed < sizeof(text) && rc == NGX_AGAIN; fed += n) {
                n = ngx_min(step, sizeof(text) - fed);
                codec_feed(codec, text + fed, n);
                rc = ngx_spocr_redis_codec_next(codec, &m);
            }

            is_int(rc, NGX_ERROR, "%s that is too long, in pieces of %u",
                   i ? "a nested string" : "an error", (unsigned) step);
            ngx_spocr_redis_codec_destroy(codec);
        }
    }
}


/* Mutants of what Redis sends: any result is right that leaves us alive. */

static void
test_mutants(void)
{
    char                              text[512];
    size_t                            len, n, fed;
    unsigned                          seed, i, k;
    ngx_int_t                         rc;
    unsigned                          messages, errors;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    static const char  good[] =
        "*6\r\n" NONCE ":0\r\n:12\r\n:340\r\n:31999\r\n:29867\r\n"
        "*3\r\n" NONCE "$-1\r\n$5\r\nhello\r\n-WRONGTYPE Operation\r\n"
        "*3\r\n$7\r\nmessage\r\n$12\r\nspocr:notice\r\n$3\r\nall\r\n";

    seed = 1;
    messages = 0;
    errors = 0;
    len = sizeof(good) - 1;

    for (i = 0; i < 200000; i++) {
        memcpy(text, good, len);

        for (k = 0; k < 1 + i % 3; k++) {
            seed = seed * 1103515245 + 12345;
            n = (seed >> 8) % len;
            seed = seed * 1103515245 + 12345;
            text[n] = (i & 1) ? "*$+-:\r\n0129"[(seed >> 8) % 11]
                              : (char) (seed >> 8);
        }

        codec = ngx_spocr_redis_codec_create();
        ngx_spocr_redis_codec_nested(codec, i & 4);

        for (fed = 0, rc = NGX_AGAIN; fed < len && rc == NGX_AGAIN; fed += n) {
            n = 1 + (seed >> 4) % 64;
            n = n < len - fed ? n : len - fed;
            codec_feed(codec, text + fed, n);

            while ((rc = ngx_spocr_redis_codec_next(codec, &m)) == NGX_OK) {
                messages++;

                for (k = 0; k < m->nvalues; k++) {
                    if (m->values[k].type == NGX_SPOCR_REDIS_STRING
                        && m->values[k].text.len)
                    {
                        seed += m->values[k].text.data[0]
                            + m->values[k].text.data[m->values[k].text.len - 1];
                    }
                }
            }
        }

        errors += rc == NGX_ERROR;
        ngx_spocr_redis_codec_destroy(codec);
    }

    ok(messages > 100000 && errors > 100000,
       "200000 mutants: %u messages, %u errors", messages, errors);
}


static size_t
room_of(const ngx_str_t *words, ngx_uint_t n)
{
    return ngx_spocr_redis_codec_room(words, n, NGX_SPOCR_REDIS_COMMAND_MAX);
}


static void
test_commands(void)
{
    size_t      room;
    u_char     *end;
    ngx_str_t   words[NGX_SPOCR_REDIS_WORDS_MAX + 1];
    ngx_uint_t  i;

    static u_char  text[NGX_SPOCR_REDIS_COMMAND_MAX];
    static u_char  out[NGX_SPOCR_REDIS_COMMAND_MAX + 1];

    ngx_str_set(&words[0], "FCALL");
    ngx_str_set(&words[1], "a\r\nb");
    ngx_str_set(&words[2], "");

    end = ngx_spocr_redis_codec_write(out, words, 3);
    *end = '\0';
    is_str((char *) out, "*3\r\n$5\r\nFCALL\r\n$4\r\na\r\nb\r\n$0\r\n\r\n",
           "a command: words are never looked into");

    memset(text, 'x', sizeof(text));
    words[1].data = text;

    for (i = 0; i <= sizeof(text); i += 61) {
        words[1].len = i;
        room = room_of(words, 3);

        if (room == 0
            || (size_t) (ngx_spocr_redis_codec_write(out, words, 3) - out)
               > room)
        {
            break;
        }
    }

    ok(room == 0 && i > sizeof(text) - 200 && i < sizeof(text),
       "there is room for all that is not too long: %u bytes of a word",
       (unsigned) i);

    words[1].len = (size_t) -1;
    is_int(room_of(words, 3), 0, "a length that wraps");

    for (i = 0; i <= NGX_SPOCR_REDIS_WORDS_MAX; i++) {
        ngx_str_set(&words[i], "w");
    }

    is_int(room_of(words, NGX_SPOCR_REDIS_WORDS_MAX + 1), 0,
           "too many words");

    end = ngx_spocr_redis_codec_write(out, words, NGX_SPOCR_REDIS_WORDS_MAX);
    ok(end - out == 5 + NGX_SPOCR_REDIS_WORDS_MAX * 7
       && room_of(words, NGX_SPOCR_REDIS_WORDS_MAX)
          >= (size_t) (end - out),
       "as many as are allowed");
}


static void
test_long_commands(void)
{
    size_t      room, i;
    u_char     *text, *out, *end;
    ngx_str_t   words[3];

    static const size_t  max = 17000000;
    static const size_t  sizes[] = { 0, 9, 10, 65536, 999999, 9999999,
                                     10000000, 16999900 };

    text = malloc(max + 1);
    out = malloc(max + 1);
    memset(text, 'x', max + 1);

    ngx_str_set(&words[0], "FCALL");
    words[1].data = text;
    ngx_str_set(&words[2], "end");

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        words[1].len = sizes[i];
        room = ngx_spocr_redis_codec_room(words, 3, max);
        end = ngx_spocr_redis_codec_write(out, words, 3);

        ok(room && (size_t) (end - out) <= room
           && memcmp(end - 11, "\r\n$3\r\nend\r\n", 11) == 0,
           "a command with %u bytes: room %u", (unsigned) sizes[i],
           (unsigned) room);
    }

    words[1].len = max;
    is_int(ngx_spocr_redis_codec_room(words, 3, max), 0, "too long in all");
    words[1].len = max + 1;
    is_int(ngx_spocr_redis_codec_room(words, 3, max), 0, "too long a word");

    words[1].len = NGX_SPOCR_REDIS_LENGTH_MAX + 1;
    is_int(ngx_spocr_redis_codec_room(words, 3, (size_t) -1), 0,
           "a length of nine digits, whatever the limit");
    words[1].len = (size_t) -1;
    is_int(ngx_spocr_redis_codec_room(words, 3, (size_t) -1), 0,
           "a length that wraps");

    free(out);
    free(text);
}


int
main(void)
{
    test_messages();
    test_nested();
    test_errors();
    test_large();
    test_large_is_right();
    test_limit();
    test_limit_endless();
    test_memory();
    test_memory_behind();
    test_long_error();
    test_long_unkept();
    test_mutants();
    test_commands();
    test_long_commands();

    return done_testing();
}
