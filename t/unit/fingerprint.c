
/* The fingerprint of a request; C-25. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_spocr_fingerprint.h"
#include "tap.h"


#define ROUNDS    20000
#define BODY_MAX  600
#define FORM      "multipart/form-data; boundary="


typedef struct {
    const char  *method;
    const char  *path;
    const char  *query;
    const char  *type;
    const char  *encoding;
    const char  *body;
} request_t;


static uint64_t  seed = 88172645463325252ULL;


/* xorshift64: the same numbers each time */

static unsigned
below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (unsigned) ((seed >> 20) % n);
}


static void
set(ngx_str_t *to, const char *text)
{
    to->data = (u_char *) text;
    to->len = text ? strlen(text) : 0;
}


/* The body in one piece, or cut at random where cuts is not 0. */

static int
take(const request_t *request, const u_char *body, size_t len, unsigned cuts,
    u_char *digest)
{
    int                            failed;
    size_t                         n;
    u_char                        *piece;
    ngx_spocr_fingerprint_t       *fp;
    ngx_spocr_fingerprint_head_t   head;

    set(&head.method, request->method);
    set(&head.path, request->path);
    set(&head.query, request->query);
    set(&head.content_type, request->type);
    set(&head.content_encoding, request->encoding);

    fp = ngx_spocr_fingerprint_create(&head);
    if (fp == NULL) {
        return -1;
    }

    failed = 0;

    while (len) {
        n = cuts ? 1 + below(cuts) : len;
        n = n < len ? n : len;

        /* its own memory, so that ASan sees a byte too far */
        piece = malloc(n);
        memcpy(piece, body, n);
        failed |= ngx_spocr_fingerprint_update(fp, piece, n) != NGX_OK;
        free(piece);

        body += n;
        len -= n;
    }

    failed |= ngx_spocr_fingerprint_finish(fp, digest) != NGX_OK;
    ngx_spocr_fingerprint_destroy(fp);

    return failed ? -1 : 0;
}


static int
same(const request_t *a, const request_t *b)
{
    u_char  one[32], two[32];

    if (take(a, (const u_char *) a->body, strlen(a->body), 0, one) != 0
        || take(b, (const u_char *) b->body, strlen(b->body), 0, two) != 0)
    {
        return -1;
    }

    return memcmp(one, two, 32) == 0;
}


/* --- the reference: whole buffers, and no state */

static u_char *
put_length(u_char *p, uint64_t n)
{
    int  i;

    for (i = 0; i < 8; i++) {
        p[i] = (u_char) (n >> (56 - 8 * i));
    }

    return p + 8;
}


static u_char *
put_text(u_char *p, const char *text)
{
    size_t  n;

    n = text ? strlen(text) : 0;
    p = put_length(p, n);

    if (n) {
        memcpy(p, text, n);
    }

    return p + n;
}


/* Whether "--" boundary stands at i, as a delimiter. */

static int
delimiter_at(const u_char *body, size_t len, size_t i, const char *boundary)
{
    size_t         n, left;
    const u_char  *next;

    n = strlen(boundary);

    if (i != 0 && (i < 2 || memcmp(body + i - 2, "\r\n", 2) != 0)) {
        return 0;
    }

    if (len - i < n + 2 || memcmp(body + i, "--", 2) != 0
        || memcmp(body + i + 2, boundary, n) != 0)
    {
        return 0;
    }

    next = body + i + 2 + n;
    left = len - i - 2 - n;

    return left == 0 || next[0] == ' ' || next[0] == '\t'
           || (left >= 2 && (memcmp(next, "\r\n", 2) == 0
                             || memcmp(next, "--", 2) == 0));
}


/* boundary is NULL for a body that is hashed as it is; type is lower-case. */

static void
reference(const request_t *request, const char *type, const char *boundary,
    const u_char *body, size_t len, u_char *digest)
{
    size_t         i, from;
    u_char        *p;
    static u_char  text[16 * BODY_MAX + 1024];

    p = text;
    *p++ = 1;
    *p++ = boundary != NULL;
    p = put_text(p, request->method);
    p = put_text(p, request->path);
    p = put_text(p, request->query);
    p = put_text(p, type);
    p = put_text(p, request->encoding);

    from = 0;

    for (i = 0; boundary && i < len; i++) {
        if (delimiter_at(body, len, i, boundary)) {
            memcpy(p, body + from, i - from);
            p = put_length(p + (i - from), i - from);
            from = i + 2 + strlen(boundary);
            i = from - 1;
        }
    }

    memcpy(p, body + from, len - from);
    p += len - from;

    if (boundary) {
        p = put_length(p, len - from);
    }

    EVP_Digest(text, (size_t) (p - text), digest, NULL, EVP_sha256(), NULL);
}


/* --- random bodies */

static void
random_boundary(char *boundary)
{
    unsigned           i, n;
    static const char  few[] = "-a:";
    static const char  many[] = "0123456789abcXYZ'()+_,-./:=?";

    n = below(4) ? 1 + below(4) : 1 + below(70);

    for (i = 0; i < n; i++) {
        boundary[i] = n < 5 ? few[below(3)]
                            : many[below(sizeof(many) - 1)];
    }

    boundary[n] = '\0';
}


/* Pieces of delimiters, nearly delimiters, and what is nothing at all. */

static size_t
random_body(u_char *body, const char *boundary)
{
    size_t              len, n, most;
    char                piece[200];
    const char         *text;
    static const char  *pieces[] = {
        "\r", "\n", "\r\n", "-", "--", "\r\n--", "\r\r\n--", "a", "b", ":",
        " ", "\t", "\r\n\r\n", "\r\n-", "content"
    };

    len = 0;
    most = below(BODY_MAX - 200);

    while (len < most) {

        switch (below(6)) {

        case 0:
            snprintf(piece, sizeof(piece), "\r\n--%s", boundary);
            text = piece;
            break;

        case 1:
            snprintf(piece, sizeof(piece), "\r\n--%s\r\n", boundary);
            text = piece;
            break;

        case 2:
            snprintf(piece, sizeof(piece), "--%s--", boundary);
            text = piece;
            break;

        case 3:
            snprintf(piece, sizeof(piece), "\r\n--%s", boundary);
            piece[below((unsigned) strlen(piece)) + 1] = '\0';
            text = piece;
            break;

        default:
            text = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];
        }

        n = strlen(text);
        memcpy(body + len, text, n);
        len += n;
    }

    return len;
}


static void
test_random(void)
{
    int         i, wrong, cut, changed;
    char        boundary[80], type[160];
    size_t      len;
    u_char      body[BODY_MAX], expected[32], got[32];
    request_t   request = { "POST", "/v1/ocr", NULL, type, NULL, NULL };

    wrong = 0;
    cut = 0;
    changed = 0;

    for (i = 0; i < ROUNDS; i++) {
        random_boundary(boundary);
        len = random_body(body, boundary);
        snprintf(type, sizeof(type), "Multipart/Form-Data; Boundary=\"%s\"",
                 boundary);

        reference(&request, "multipart/form-data", boundary, body, len,
                  expected);

        wrong += take(&request, body, len, 0, got) != 0
                 || memcmp(got, expected, 32) != 0;

        cut += take(&request, body, len, 1 + below(12), got) != 0
               || memcmp(got, expected, 32) != 0;

        if (len) {
            body[below((unsigned) len)] ^= (u_char) (1 << below(8));
            changed += take(&request, body, len, 0, got) != 0
                       || memcmp(got, expected, 32) == 0;
        }
    }

    /* C-25 */
    is_int(wrong, 0, "%d random bodies: as the reference", ROUNDS);
    is_int(cut, 0, "cut anywhere");
    is_int(changed, 0, "a bit of any byte counts");
}


/* A form, with what looks like delimiters and is none. */

static size_t
fill(char *body, size_t size, const char *boundary)
{
    return (size_t) snprintf(body, size,
        "preamble\r\n--%s\r\n"
        "Content-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--%s  \r\n"
        "Content-Disposition: form-data; name=\"file\"; filename=\"x.pdf\"\r\n"
        "Content-Type: application/pdf\r\n\r\n%%PDF\r\r\n-\r\n--\r\n"
        "\r\n--%s--\r\nepilogue", boundary, boundary, boundary);
}


static void
test_boundary(void)
{
    int         i, wrong;
    char        body[2000], type[200], boundary[80];
    size_t      len, n, cut;
    u_char      first[32], got[32];
    request_t   request = { "POST", "/v1/ocr", "a=1", type, NULL, NULL };

    len = fill(body, sizeof(body), "first");
    strcpy(type, FORM "first");
    take(&request, (u_char *) body, len, 0, first);

    wrong = 0;

    for (i = 0; i < 1000; i++) {
        snprintf(boundary, sizeof(boundary), "----WebKit%u", below(1000000));
        len = fill(body, sizeof(body), boundary);
        snprintf(type, sizeof(type), FORM "%s", boundary);

        wrong += take(&request, (u_char *) body, len, below(3) * 10, got) != 0
                 || memcmp(got, first, 32) != 0;
    }

    /* C-25 */
    is_int(wrong, 0, "1000 other boundaries, the same fingerprint");

    wrong = 0;

    for (n = 0; n < len; n++) {
        body[n] ^= 1;
        take(&request, (u_char *) body, len, 0, got);
        wrong += memcmp(got, first, 32) == 0;
        body[n] ^= 1;

        take(&request, (u_char *) body, n, 0, got);
        wrong += memcmp(got, first, 32) == 0;
    }

    is_int(wrong, 0, "each byte counts, and so does each truncation");

    wrong = 0;

    for (cut = 1; cut < len; cut++) {
        ngx_spocr_fingerprint_t       *fp;
        ngx_spocr_fingerprint_head_t   head;

        ngx_memzero(&head, sizeof(head));
        set(&head.method, "POST");
        set(&head.path, "/v1/ocr");
        set(&head.query, "a=1");
        set(&head.content_type, type);

        fp = ngx_spocr_fingerprint_create(&head);
        ngx_spocr_fingerprint_update(fp, (u_char *) body, cut);
        ngx_spocr_fingerprint_update(fp, NULL, 0);
        ngx_spocr_fingerprint_update(fp, (u_char *) body + cut, len - cut);
        wrong += ngx_spocr_fingerprint_finish(fp, got) != NGX_OK
                 || memcmp(got, first, 32) != 0;
        ngx_spocr_fingerprint_destroy(fp);
    }

    is_int(wrong, 0, "cut in two at each byte");
}


typedef struct {
    request_t    a;
    request_t    b;
    int          same;
    const char  *name;
} pair_t;


#define RAW(type, body)   { "POST", "/p", "q=1", type, NULL, body }
#define MULTI(x, body)    { "POST", "/p", "q=1", FORM x, NULL, body }


static const pair_t  pairs[] = {

    { RAW("text/plain", "x"), RAW("text/plain", "x"), 1, "the same" },
    { RAW("text/plain", "x"), RAW(" TEXT/Plain ; charset=utf-8", "x"), 1,
      "a parameter, blanks and case of the media type" },
    { RAW("text/plain", "x"), RAW("text/html", "x"), 0, "media type" },
    { RAW("text/plain", "x"), RAW(NULL, "x"), 0, "no media type" },
    { RAW("text/plain", "x"), RAW("text/plain", "y"), 0, "body" },
    { RAW("text/plain", "x"), RAW("text/plain", ""), 0, "no body" },
    { RAW("text/plain", "x"), { "PATCH", "/p", "q=1", "text/plain", NULL,
      "x" }, 0, "method" },
    { RAW("text/plain", "x"), { "POST", "/P", "q=1", "text/plain", NULL,
      "x" }, 0, "path" },
    { RAW("text/plain", "x"), { "POST", "/p", "q=2", "text/plain", NULL,
      "x" }, 0, "query" },
    { RAW("text/plain", "x"), { "POST", "/p", NULL, "text/plain", NULL,
      "x" }, 0, "no query" },
    { RAW("text/plain", "x"), { "POST", "/pq=1", NULL, "text/plain", NULL,
      "x" }, 0, "the path's end" },
    { { "POST", "/p", "q=1", "text/plain", "", "x" },
      { "POST", "/p", "q=1", "text/plain", "gzip", "x" }, 0, "encoding" },
    { { "POST", "/p", "q=1", "text/plain", "gzip", "x" },
      { "POST", "/p", "q=1", "text/plain", " GZip\t", "x" }, 1,
      "case of the encoding" },
    { { "POST", "/p", "q=1", "text/plain", "", "gzipx" },
      { "POST", "/p", "q=1", "text/plain", "gzip", "x" }, 0,
      "the encoding's end" },

    { MULTI("b", "--b\r\n1\r\n--b--"), MULTI("cc", "--cc\r\n1\r\n--cc--"), 1,
      "another boundary" },
    { MULTI("b", "--b\r\n1\r\n--b--"), MULTI("\"c c\"",
      "--c c\r\n1\r\n--c c--"), 1, "a quoted one" },
    { MULTI("b", "--b\r\n1\r\n--b--"),
      RAW("MULTIPART/form-data ; x=\"; boundary=b\"; BOUNDARY=\"\\c\" ; y=2",
      "--c\r\n1\r\n--c--"), 1, "other parameters around" },
    { MULTI("b", "--b\r\n1\r\n--b--"),
      RAW("multipart/mixed; boundary=b", "--b\r\n1\r\n--b--"), 0,
      "another subtype" },
    { MULTI("b", "--b"), MULTI("ccc", "--ccc"), 1, "ends in a boundary" },
    { MULTI("b", "--b "), MULTI("c", "--c "), 1, "a space follows" },
    { MULTI("b", "--b\t"), MULTI("c", "--c\t"), 1, "a tab follows" },
    { MULTI("b", "--b "), MULTI("b", "--b\t"), 0, "space or tab counts" },
    { MULTI("b", "--b\r\n--b\r\n"), MULTI("c", "--c\r\n--c\r\n"), 1,
      "one after the other" },
    { MULTI("b", "\r\n--b--"), MULTI("c", "\r\n--c--"), 1, "after CRLF" },
    { MULTI("b", "\r\r\n--b--"), MULTI("c", "\r\r\n--c--"), 1,
      "after CR CR LF" },
    { MULTI("b", "\r\n--b\r\r\n--b--"), MULTI("c", "\r\n--b\r\r\n--c--"), 1,
      "CR CR LF is no end of a line" },

    { MULTI("b", "--b\r\n1"), MULTI("b", "\r\n--b\r\n1"), 0,
      "CRLF before the first delimiter" },
    { MULTI("b", "--b\r\n1\r\n--b--"), MULTI("b", "--b\r\n1\r\n--b-"), 0,
      "half of the last two dashes" },
    { MULTI("b", "--b\r\n1\r\n--b--"), MULTI("b", "--b\r\n1\r\n--b"), 0,
      "without the last two dashes" },
    { MULTI("b", "--b\r\n1\r\n--b--"), MULTI("b", "--b\r\n1\r\n--b--\r\n"),
      0, "an epilogue" },
    { MULTI("b", "--b\r\n1\r\n--b--"), MULTI("b", "x\r\n--b\r\n1\r\n--b--"),
      0, "a preamble" },
    { MULTI("b", "--b\r\n1\r\n--b\r\n2\r\n--b--"),
      MULTI("b", "--b\r\n2\r\n--b\r\n1\r\n--b--"), 0, "parts in other order" },
    { MULTI("b", "--b\r\nname=a\r\n--b--"),
      MULTI("b", "--b\r\nname=b\r\n--b--"), 0, "a part's name" },
    { MULTI("b", "--b\r\n1\r\n--b--"),
      MULTI("b", "--b\r\n1\r\n--b\r\n\r\n--b--"), 0, "a part more" },
    { MULTI("b", "--b\r\n1\r\n--b--"), MULTI("b", "--b\r\n1\r\n--c--"), 0,
      "a delimiter of another boundary" },
    { MULTI("b", "1\r\n--c\r\n2"), MULTI("c", "1\r\n--c\r\n2"), 0,
      "the same bytes, another boundary" },
    { MULTI("b", "1\n--b\n2"), MULTI("c", "1\n--c\n2"), 0, "LF alone" },
    { MULTI("b", "1 --b\r\n2"), MULTI("c", "1 --c\r\n2"), 0,
      "not at a line's beginning" },
    { MULTI("b", "--bx\r\n2"), MULTI("c", "--cx\r\n2"), 0,
      "a longer line" },
    { MULTI("b", "--b-x\r\n2"), MULTI("c", "--c-x\r\n2"), 0,
      "one dash, and more" },
    { MULTI("b", ""), RAW("multipart/form-data", ""), 0,
      "no body, with a boundary and without" },

    { RAW("multipart/form-data", "--b\r\n1"),
      RAW("multipart/form-data", "--c\r\n1"), 0, "no boundary" },
    { RAW("multipart/form-data; boundary=", "--b\r\n1"),
      RAW("multipart/form-data; x=1", "--b\r\n1"), 1, "an empty one" },
    { RAW("multipart/form-data; boundary=b; boundary=b", "--b\r\n1"),
      RAW("multipart/form-data", "--b\r\n1"), 1, "two of them" },
    { RAW("multipart/form-data; boundary=b c", "--b\r\n1"),
      RAW("multipart/form-data", "--b\r\n1"), 1, "a blank, not quoted" },
    { RAW("multipart/form-data; boundary=\"b", "--b\r\n1"),
      RAW("multipart/form-data", "--b\r\n1"), 1, "no closing quote" },
    { RAW("multipart/form-data; boundary=\"b\\", "--b\r\n1"),
      RAW("multipart/form-data", "--b\r\n1"), 1, "half an escape" },
    { RAW("multipart/form-data; boundary=\"b \"", "--b \r\n1"),
      RAW("multipart/form-data", "--b \r\n1"), 1, "a blank at its end" },
    { RAW("multipart/form-data; boundary=\"b\"c", "--b\r\n1"),
      RAW("multipart/form-data", "--b\r\n1"), 1, "more behind the quote" },
    { RAW("multipart/form-data; boundary=b*", "--b*\r\n1"),
      RAW("multipart/form-data", "--b*\r\n1"), 1, "not a boundary's byte" },
    { RAW("multipart/form-data; xboundary=b", "--b\r\n1"),
      RAW("multipart/form-data", "--b\r\n1"), 1, "another parameter" },
    { RAW("multipart/form-data; boundary", "--b\r\n1"),
      RAW("multipart/form-data", "--b\r\n1"), 1, "no value" },
    { RAW("text/plain; boundary=b", "--b\r\n1"), RAW("text/plain",
      "--b\r\n1"), 1, "not multipart" }
};


static void
test_pairs(void)
{
    size_t  i;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        /* C-25 */
        is_int(same(&pairs[i].a, &pairs[i].b), pairs[i].same, "%s: %s",
               pairs[i].same ? "same" : "other", pairs[i].name);
    }
}


/* What is hashed, written out as if it were a body. */

static void
test_lookalikes(void)
{
    u_char     one[32], two[32];
    size_t     len;
    request_t  b = MULTI("b", ""), raw = RAW("multipart/form-data", "");

    static const u_char  framed[] = "\r\n\0\0\0\0\0\0\0\2--\r\n";
    static const u_char  body[] = "\r\n--b--\r\n";

    take(&b, body, sizeof(body) - 1, 0, one);
    take(&b, framed, sizeof(framed) - 1, 0, two);
    ok(memcmp(one, two, 32) != 0, "a length in the body is no delimiter");

    take(&raw, framed, sizeof(framed) - 1, 0, two);
    ok(memcmp(one, two, 32) != 0, "nor is it in a body without a boundary");

    len = sizeof(framed) - 1;
    take(&b, framed, len, 0, one);
    take(&b, framed, len, 1, two);
    ok(memcmp(one, two, 32) == 0, "NULs are bytes");
}


static void
test_boundary_length(void)
{
    char        type[200], body[200];
    u_char      one[32], two[32];
    request_t   request = { "POST", "/p", NULL, type, NULL, NULL };
    const char *b70 = "0123456789012345678901234567890123456789"
                      "012345678901234567890123456789";

    snprintf(type, sizeof(type), FORM "%s", b70);
    snprintf(body, sizeof(body), "--%s\r\n1\r\n--%s--", b70, b70);
    take(&request, (u_char *) body, strlen(body), 1, one);
    strcpy(type, FORM "b");
    take(&request, (const u_char *) "--b\r\n1\r\n--b--", 13, 0, two);
    ok(memcmp(one, two, 32) == 0, "a boundary of 70 characters");

    snprintf(type, sizeof(type), FORM "%sx", b70);
    snprintf(body, sizeof(body), "--%sx\r\n1\r\n--%sx--", b70, b70);
    take(&request, (u_char *) body, strlen(body), 1, one);
    strcpy(type, "multipart/form-data");
    take(&request, (u_char *) body, strlen(body), 0, two);
    ok(memcmp(one, two, 32) == 0, "71 characters are none");
}


static void
test_raw(void)
{
    u_char                        *big, expected[32], got[32];
    size_t                         i;
    const size_t                   size = 3 * 1024 * 1024;
    EVP_MD_CTX                    *ctx;
    ngx_spocr_fingerprint_t       *fp;
    ngx_spocr_fingerprint_head_t   head;
    request_t   request = { "POST", "/v1/ocr", "a=b", "Application/JSON",
                            "br", NULL };

    reference(&request, "application/json", NULL, (const u_char *) "{}", 2,
              expected);
    take(&request, (const u_char *) "{}", 2, 1, got);
    ok(memcmp(got, expected, 32) == 0, "the text that is hashed");

    big = malloc(size);

    for (i = 0; i < size; i++) {
        big[i] = (u_char) below(256);
    }

    take(&request, big, size, 0, expected);
    take(&request, big, size, 70000, got);
    ok(memcmp(got, expected, 32) == 0, "3 MB, cut anywhere");

    big[size / 2] ^= 1;
    take(&request, big, size, 0, got);
    ok(memcmp(got, expected, 32) != 0, "one bit of them");

    /* empty strings without memory, and no second end */
    ngx_memzero(&head, sizeof(head));
    fp = ngx_spocr_fingerprint_create(&head);
    is_int(ngx_spocr_fingerprint_finish(fp, got), NGX_OK, "nothing at all");

    ctx = EVP_MD_CTX_new();
    memset(big, 0, 42);
    big[0] = 1;
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    EVP_DigestUpdate(ctx, big, 42);
    EVP_DigestFinal_ex(ctx, expected, NULL);
    EVP_MD_CTX_free(ctx);
    ok(memcmp(got, expected, 32) == 0, "is a version and five lengths");

    is_int(ngx_spocr_fingerprint_update(fp, big, 1), NGX_ERROR,
           "a piece after the end");
    is_int(ngx_spocr_fingerprint_finish(fp, got), NGX_ERROR, "a second end");

    ngx_spocr_fingerprint_destroy(fp);
    ngx_spocr_fingerprint_destroy(NULL);
    free(big);
}


int
main(void)
{
    test_pairs();
    test_lookalikes();
    test_boundary();
    test_boundary_length();
    test_raw();
    test_random();

    return done_testing();
}
