/*
 * Multipart bodies in pieces of every size, and malformed ones.
 */

#include <stdlib.h>

#include "buf.h"
#include "space/multipart.h"
#include "tap.h"


/* What a body is, as text: "[name|filename]bytes;" */

static int
part_begin(void *data, const be_part_t *part)
{
    be_buf_printf(data, "[%s|%s]", part->name,
                  part->filename ? part->filename : "-");

    return strcmp(part->name, "stop") == 0 ? -1 : 0;
}


static int
part_bytes(void *data, const char *p, size_t len)
{
    be_buf_add(data, p, len);

    return 0;
}


static int
part_end(void *data)
{
    be_buf_str(data, ";");

    return 0;
}


static const be_part_handler_t  handler = { part_begin, part_bytes, part_end };


/* The body in pieces of a, b, b, b ... bytes; NULL: refused.  "..." is put
 * after what is not whole. */

static char *
parse(const char *type, const char *body, size_t a, size_t b)
{
    int              rc = 0;
    size_t           at, n, len = strlen(body);
    be_buf_t         out = { 0 };
    const char      *why;
    be_multipart_t  *m;

    m = be_multipart_new(type, &handler, &out, &why);
    if (m == NULL) {
        return NULL;
    }

    be_buf_add(&out, "", 0);

    for (at = 0, n = a; rc == 0 && at < len; at += n, n = b) {
        n = n < len - at ? n : len - at;
        rc = be_multipart_feed(m, body + at, n, &why);
    }

    if (rc == 0 && !be_multipart_whole(m)) {
        be_buf_str(&out, "...");
    }

    be_multipart_free(m);

    if (rc != 0) {
        be_buf_free(&out);
        return NULL;
    }

    return be_buf_take(&out);
}


#define TYPE  "multipart/form-data; boundary=XX"
#define CD    "Content-Disposition: form-data; "


static void
test_pieces(void)
{
    int          good = 1;
    char        *s;
    size_t       i, j;
    static const char  body[] =
        "preamble\r\n--X\r\n"
        "--XX  \r\n" CD "name=\"path\"\r\n\r\nA\r\n"
        "--XX\r\nContent-Type: image/png\r\n"
        CD "name=\"files\"; filename=\"a.png\"\r\n\r\n"
        "\r\r\n\r\n-\r\n--\r\n--X\r\n\r\n--XY\r\n--X\r"
        "\r\n--XX\r\n" CD "name=e\r\n\r\n\r\n--XX--\r\nepilogue\r\n--XX\r\n";
    static const char  want[] =
        "[path|-]A;[files|a.png]\r\r\n\r\n-\r\n--\r\n--X\r\n\r\n--XY\r\n--X\r"
        ";[e|-];";

    s = parse(TYPE, body, sizeof(body), 1);
    is(s, want, "pieces: in one");
    free(s);

    for (i = 1; i < sizeof(body); i++) {
        for (j = 1; j < 4; j++) {
            s = parse(TYPE, body, i, j == 3 ? sizeof(body) : j);
            good = good && s && strcmp(s, want) == 0;
            free(s);
        }
    }

    ok(good, "pieces: split at every byte");
}


/* Encodings that leave a part as it is are none. */

static void
test_encodings(void)
{
    size_t  i;
    char   *s, body[256];
    static const char *const  plain[] = { "binary", "8bit", "7bit", "8BIT" };

    for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        snprintf(body, sizeof(body), "--XX\r\n" CD "name=a\r\n"
                 "Content-Transfer-Encoding: %s\r\n\r\nv\r\n--XX--", plain[i]);
        s = parse(TYPE, body, sizeof(body), 1);
        is(s, "[a|-]v;", plain[i]);
        free(s);
    }
}


static void
test_truncated(void)
{
    int          good = 1;
    char        *s, *part;
    size_t       i, n;
    static const char  body[] =
        "--XX\r\n" CD "name=\"a\"\r\n\r\nA\r\n--XX--";

    for (i = 0; i + 1 < sizeof(body) - 1; i++) {
        part = strndup(body, i);
        s = parse(TYPE, part, 1, 1);
        n = s ? strlen(s) : 0;
        good = good && n >= 3 && strcmp(s + n - 3, "...") == 0;
        free(part);
        free(s);
    }

    ok(good, "truncated: at every byte, it is seen");

    s = parse(TYPE, body, 1, 1);
    is(s, "[a|-]A;", "truncated: the whole one is whole");
    free(s);

    s = parse(TYPE, "--YY\r\n" CD "name=\"a\"\r\n\r\nA\r\n--YY--\r\n", 9, 9);
    is(s, "...", "truncated: another boundary");
    free(s);
}


static void
test_names(void)
{
    size_t  i;
    char    body[600], want[300], *s;
    static const char  *const cases[][3] = {
        { "name=a", "a|-", "a token" },
        { "NAME=\"a\"", "a|-", "letters of another case" },
        { "name=\"a\";", "a|-", "a semicolon at the end" },
        { "filename=\"b\" ; name=\"a\"", "a|b", "in another order" },
        { "name=\"a\"; filename=\"x\\\"y\\\\z.png\"", "a|x\"y\\z.png",
          "escaped quotes" },
        { "name=\"a\"; filename=\"C:\\dir\\x.png\"", "a|C:\\dir\\x.png",
          "a backslash that escapes nothing" },
        { "name=\"a\"; filename=\"x; name=b.png\"", "a|x; name=b.png",
          "a semicolon in quotes" },
        { "name=\"a\"; filename=\"\xE8\xAB\x8B.png\"",
          "a|\xE8\xAB\x8B.png", "UTF-8" },
        { "name=\"a\"; filename*=UTF-8''%E8%AB%8B%20x.png",
          "a|\xE8\xAB\x8B x.png", "filename*" },
        { "name=\"a\"; filename=\"f\"; filename*=utf-8'ja'%E8%AB%8B",
          "a|\xE8\xAB\x8B", "filename* is preferred" },
        { "name=\"a\"; filename=\"f\"; filename*=latin1''%E8", "a|f",
          "filename* of another charset" },
        { "name=\"a\"; filename=\"\"", "a|", "an empty file name" },
        { "name=\"\"", "|-", "an empty name" },
        { "filename=\"b\"", NULL, "no name" },
        { "name=\"a\"; name=\"b\"", NULL, "two names" },
        { "name=\"a\"; filename=\"b\"; filename=\"c\"", NULL,
          "two file names" },
        { "name=\"a", NULL, "no closing quote" },
        { "name=\"a\"x", NULL, "text after the quote" },
        { "name", NULL, "no value" },
        { NULL, NULL, NULL }
    };

    for (i = 0; cases[i][0]; i++) {
        snprintf(body, sizeof(body), "--XX\r\n" CD "%s\r\n\r\nv\r\n--XX--",
                 cases[i][0]);
        snprintf(want, sizeof(want), "[%s]v;", cases[i][1] ? cases[i][1] : "");
        s = parse(TYPE, body, sizeof(body), 1);
        is(s, cases[i][1] ? want : NULL, cases[i][2]);
        free(s);
    }
}


static void
test_types(void)
{
    size_t  i;
    char   *s, type[200];
    static const char  *const types[][2] = {
        { "multipart/form-data; boundary=\"X X\"", "quoted" },
        { "multipart/form-data ;charset=utf-8; Boundary=\"X X\"",
          "after a charset" },
        { NULL, NULL }
    };
    static const char  *const bad[] = {
        "multipart/form-data", "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"X ", "multipart/form-data; boundary=a"
        "; boundary=b", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\r\"", "multipart/form-data;"
        " boundary=a{b", NULL
    };

    for (i = 0; types[i][0]; i++) {
        s = parse(types[i][0], "--X X\r\n" CD "name=a\r\n\r\nv\r\n--X X--",
                  3, 3);
        is(s, "[a|-]v;", types[i][1]);
        free(s);
    }

    for (i = 0; bad[i]; i++) {
        s = parse(bad[i], "", 1, 1);
        snprintf(type, sizeof(type), "boundary: refused, case %zu", i);
        is(s, NULL, type);
        free(s);
    }

    snprintf(type, sizeof(type), "multipart/form-data; boundary=%071d", 1);
    s = parse(type, "", 1, 1);
    is(s, NULL, "boundary: refused, 71 characters");
    free(s);

    snprintf(type, sizeof(type), "multipart/form-data; boundary=%070d", 1);
    s = parse(type, "", 1, 1);
    is(s, "...", "boundary: 70 characters");
    free(s);
}


static void
test_malformed(void)
{
    size_t  i;
    char   *s, *big;
    static const char  *const bad[][2] = {
        { "--XX\r\n\r\nv\r\n--XX--", "no header" },
        { "--XX\r\nX: y\r\n\r\nv\r\n--XX--", "no Content-Disposition" },
        { "--XX\r\n" CD "name=a\r\n" CD "name=b\r\n\r\nv\r\n--XX--",
          "two Content-Dispositions" },
        { "--XX\r\n" CD "\r\n name=a\r\n\r\nv\r\n--XX--", "a folded line" },
        { "--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nv\r\n--XX--",
          "an attachment" },
        { "--XX\r\n" CD "name=a\r\nContent-Type: multipart/mixed; boundary=Y"
          "\r\n\r\n--Y--\r\n--XX--", "multipart/mixed" },
        { "--XX\r\n" CD "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
          "dg==\r\n--XX--", "base64" },
        { "--XXY\r\n" CD "name=a\r\n\r\nv\r\n--XX--", "a longer boundary" },
        { "--XX\n" CD "name=a\r\n\r\nv\r\n--XX--", "LF alone" },
        { "--XX-\r\n", "one dash" },
        { "--XX\r\n" CD "name=stop\r\n\r\nv\r\n--XX--", "the handler ends" },
        { NULL, NULL }
    };

    for (i = 0; bad[i][0]; i++) {
        s = parse(TYPE, bad[i][0], 1000, 1);
        is(s, NULL, bad[i][1]);
        free(s);
    }

    big = malloc(3 * BE_PART_HEADER);
    snprintf(big, 3 * BE_PART_HEADER, "--XX\r\n" CD "name=a\r\nX: %0*d\r\n\r\n"
             "v\r\n--XX--", BE_PART_HEADER, 1);
    s = parse(TYPE, big, 100, 100);
    is(s, NULL, "a header of more than 8 KB");
    free(s);
    free(big);
}


int
main(void)
{
    test_encodings();
    test_pieces();
    test_truncated();
    test_names();
    test_types();
    test_malformed();

    return done();
}
