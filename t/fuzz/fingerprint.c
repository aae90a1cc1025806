
/*
 * Fingerprints (C-25).  Properties, for a body of any media type:
 *
 *   - the digest is SHA-256 of what a plain function writes that has the whole
 *     body before it, however the body was cut into pieces;
 *   - the boundary of a multipart body does not count: the same parts with
 *     another one have the same digest;
 *   - each byte of the body counts, and each of the head's texts.
 *
 * Inputs have at most 300 bytes.
 */

#include "fuzz.h"
#include <ctype.h>
#include <strings.h>
#include <openssl/sha.h>
#include "ngx_spocr_fingerprint.h"


#define OTHER  "an other'boundary(of)58,bytes-that=no/body:has.by?chance+0001"


typedef ngx_spocr_fingerprint_head_t  head_t;

typedef struct {
    u_char  *data;
    size_t   len;
} text_t;


static text_t     scratch, copied;
static ngx_str_t  boundary;
static u_char     boundary_buf[71];


static void
add(text_t *text, const void *data, size_t len)
{
    if (len) {
        memcpy(text->data + text->len, data, len);
    }

    text->len += len;
}


static void
add_length(text_t *text, uint64_t n)
{
    n = __builtin_bswap64(n);
    add(text, &n, 8);
}


static void
add_text(text_t *text, ngx_str_t s, int lower)
{
    size_t  i;

    if (lower) {
        while (s.len && (s.data[0] == ' ' || s.data[0] == '\t')) {
            s.data++;
            s.len--;
        }

        while (s.len && (s.data[s.len - 1] == ' '
                         || s.data[s.len - 1] == '\t'))
        {
            s.len--;
        }
    }

    add_length(text, s.len);
    add(text, s.data, s.len);

    for (i = text->len - s.len; lower && i < text->len; i++) {
        if (text->data[i] >= 'A' && text->data[i] <= 'Z') {
            text->data[i] |= 0x20;
        }
    }
}


/* One value: unquoted into boundary_buf where it has room; NULL: malformed. */

static const char *
value_of(const char *p, const char *end, size_t *len)
{
    size_t  n;

    n = 0;

    if (p < end && *p == '"') {
        for (p++; p < end && *p != '"'; p++) {
            if (*p == '\\' && ++p == end) {
                return NULL;
            }

            boundary_buf[n < 70 ? n : 70] = (u_char) *p;
            n++;
        }

        if (p++ == end) {
            return NULL;
        }

    } else {
        for ( /* void */ ; p < end && *p != ' ' && *p != '\t' && *p != ';';
             p++)
        {
            boundary_buf[n < 70 ? n : 70] = (u_char) *p;
            n++;
        }
    }

    *len = n;

    return p;
}


/* Of a multipart type, its only boundary, if that is valid. */

static int
reference_boundary(const ngx_str_t *type)
{
    size_t       n, i, len;
    const char  *p, *end, *name, *v;
    static char  found[71];

    end = (const char *) type->data + type->len;
    p = type->len ? memchr(type->data, ';', type->len) : NULL;

    for (n = 0; n < type->len && strchr(" \t", type->data[n])
                && type->data[n]; n++) {
        /* void */
    }

    /* with no byte of the type itself cut off by blanks */

    if (p == NULL || (size_t) (p - (const char *) type->data) < n + 10
        || strncasecmp((const char *) type->data + n, "multipart/", 10) != 0)
    {
        return 0;
    }

    len = 0;

    while (p < end) {

        if (strchr("; \t", *p) && *p) {
            p++;
            continue;
        }

        name = p;

        while (p < end && *p != '=' && *p != ';') {
            p++;
        }

        if (p == end || *p == ';') {
            return 0;
        }

        v = value_of(p + 1, end, &n);

        if (v == NULL) {
            return 0;
        }

        if (p - name == 8 && strncasecmp(name, "boundary", 8) == 0) {

            if (len || n == 0 || n > 70 || boundary_buf[n - 1] == ' ') {
                return 0;
            }

            for (i = 0; i < n; i++) {
                if (!isalnum(boundary_buf[i])
                    && (boundary_buf[i] == '\0'
                        || !strchr("'()+_,-./:=? ", boundary_buf[i])))
                {
                    return 0;
                }
            }

            memcpy(found, boundary_buf, n);
            len = n;
        }

        for (p = v; p < end && (*p == ' ' || *p == '\t'); p++) {
            /* void */
        }

        if (p < end && *p != ';') {
            return 0;
        }
    }

    boundary.data = (u_char *) found;
    boundary.len = len;

    return len != 0;
}


/* Whether a delimiter stands there. */

static int
delimiter_at(const text_t *body, size_t i)
{
    size_t  end = i + 2 + boundary.len;

    if (end > body->len
        || (i && (i < 2 || memcmp(body->data + i - 2, "\r\n", 2) != 0))
        || memcmp(body->data + i, "--", 2) != 0
        || memcmp(body->data + i + 2, boundary.data, boundary.len) != 0)
    {
        return 0;
    }

    return end == body->len || body->data[end] == ' '
           || body->data[end] == '\t'
           || (body->len - end >= 2
               && (memcmp(body->data + end, "\r\n", 2) == 0
                   || memcmp(body->data + end, "--", 2) == 0));
}


/* Segments and their lengths; or, for other, the body with its boundary. */

static void
add_parts(text_t *text, const text_t *body, const char *other)
{
    size_t  i, begin;

    begin = 0;

    for (i = 0; i < body->len; i++) {

        if (!delimiter_at(body, i)) {
            continue;
        }

        add(text, body->data + begin, i - begin);

        if (other) {
            add(text, "--", 2);
            add(text, other, strlen(other));

        } else {
            add_length(text, i - begin);
        }

        begin = i + 2 + boundary.len;
        i = begin - 1;
    }

    add(text, body->data + begin, body->len - begin);

    if (other == NULL) {
        add_length(text, body->len - begin);
    }
}


static void
reference(const head_t *head, const text_t *body, int multipart, u_char *hash)
{
    ngx_str_t      type;
    const u_char  *semicolon;

    scratch.len = 0;
    add(&scratch, multipart ? "\1\1" : "\1", 2);
    add_text(&scratch, head->method, 0);
    add_text(&scratch, head->path, 0);
    add_text(&scratch, head->query, 0);

    type = head->content_type;
    semicolon = type.len ? memchr(type.data, ';', type.len) : NULL;

    if (semicolon) {
        type.len = (size_t) (semicolon - type.data);
    }

    add_text(&scratch, type, 1);
    add_text(&scratch, head->content_encoding, 1);

    if (multipart) {
        add_parts(&scratch, body, NULL);

    } else {
        add(&scratch, body->data, body->len);
    }

    SHA256(scratch.data, scratch.len, hash);
}


/* In pieces of at most step bytes, each a block of its own. */

static void
digest(const head_t *head, const text_t *body, uint64_t seed, size_t step,
    u_char *hash)
{
    u_char                   *piece;
    size_t                    i, n;
    ngx_spocr_fingerprint_t  *fp;

    fp = ngx_spocr_fingerprint_create(head);
    property(fp != NULL, "no fingerprint");

    for (i = 0; i < body->len; i += n) {
        n = step <= 1 ? step : fuzz_random(&seed) % (step + 1);
        n = n < body->len - i ? n : body->len - i;

        /* an empty piece is none */

        piece = fuzz_copy(body->data + i, n);
        property(ngx_spocr_fingerprint_update(fp, piece, n) == NGX_OK, "%zu",
                 n);
        free(piece);
    }

    property(ngx_spocr_fingerprint_finish(fp, hash) == NGX_OK, "finish");
    property(ngx_spocr_fingerprint_finish(fp, hash) == NGX_ERROR, "twice");
    ngx_spocr_fingerprint_destroy(fp);
}


static void
same(const head_t *head, const text_t *body, uint64_t seed, size_t step,
    const u_char *hash, const char *what)
{
    u_char  other[NGX_SPOCR_FINGERPRINT_LEN];

    digest(head, body, seed, step, other);
    property(memcmp(hash, other, sizeof(other)) == 0, "%s: step %zu", what,
             step);
}


static void
changed(const head_t *head, text_t *body, uint64_t seed, const u_char *hash)
{
    size_t  at;
    u_char  other[NGX_SPOCR_FINGERPRINT_LEN];
    head_t  moved;

    if (body->len && seed & 4) {
        at = fuzz_random(&seed) % body->len;
        body->data[at] ^= (u_char) (1 + fuzz_random(&seed) % 255);
        digest(head, body, seed, body->len, other);
        property(memcmp(hash, other, sizeof(other)) != 0, "byte %zu", at);

    } else if (body->len && seed & 8) {
        body->len--;
        digest(head, body, seed, body->len, other);
        property(memcmp(hash, other, sizeof(other)) != 0, "the last byte");

    } else if (head->path.len) {

        /* a byte that moves from one text into the next */

        moved = *head;
        moved.path.len--;
        moved.query.data--;
        moved.query.len++;
        digest(&moved, body, seed, body->len, other);
        property(memcmp(hash, other, sizeof(other)) != 0, "path and query");
    }
}


static void
other_boundary(const head_t *head, const text_t *body, uint64_t seed,
    const u_char *hash)
{
    u_char  type[512];
    size_t  n;
    head_t  changed;

    if (memmem(body->data, body->len, OTHER, strlen(OTHER)) != NULL) {
        return;
    }

    copied.len = 0;
    add_parts(&copied, body, OTHER);

    changed = *head;
    n = (size_t) ((u_char *) memchr(head->content_type.data, ';',
                                    head->content_type.len)
                  - head->content_type.data);
    memcpy(type, head->content_type.data, n);
    n += (size_t) sprintf((char *) type + n, ";charset=x; BOUNDARY=\"%s\"",
                          OTHER);
    changed.content_type.data = type;
    changed.content_type.len = n;

    same(&changed, &copied, seed, copied.len, hash, "another boundary");
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           multipart;
    u_char        hash[NGX_SPOCR_FINGERPRINT_LEN];
    text_t        body;
    head_t        head;
    u_char        flags;
    uint64_t      seed;
    fuzz_input_t  in = { data, data + size };

    if (scratch.data == NULL) {
        scratch.data = malloc(1 << 20);
        copied.data = malloc(1 << 20);
    }

    if (size > 8192) {
        return -1;
    }

    flags = fuzz_byte(&in);
    seed = fuzz_number(&in, 2);

    ngx_str_set(&head.method, "POST");
    head.path = fuzz_piece(&in, flags & 7);
    head.query = fuzz_piece(&in, (flags >> 3) & 3);
    head.content_encoding = fuzz_piece(&in, (flags >> 5) & 3);

    if (flags & 0x80) {
        ngx_str_set(&head.content_type, "multipart/Form-data; boundary=b1");

    } else {
        head.content_type = fuzz_piece(&in, fuzz_byte(&in));
    }

    body.len = fuzz_left(&in);
    body.data = fuzz_copy(in.pos, body.len);

    multipart = reference_boundary(&head.content_type);
    reference(&head, &body, multipart, hash);

    same(&head, &body, seed, body.len, hash, "some pieces");

    /* one more of them, for the sake of more inputs */

    switch (seed % 4) {

    case 0:
        same(&head, &body, seed, 1 + seed % 7, hash, "short pieces");
        break;

    case 1:
        if (multipart) {
            other_boundary(&head, &body, seed, hash);
        }

        break;

    default:
        changed(&head, &body, seed, hash);
    }

    free(body.data);

    return 0;
}
