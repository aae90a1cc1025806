
/*
 * Request targets (C-36).  Property: what is accepted is what a second
 * reading of the rule says; and whoever normalises an accepted path (RFC 3986:
 * unreserved characters decoded, dot segments removed; and slashes merged)
 * has the same bytes that he was sent, so that no two programs name different
 * things by it.  A host is the same in any case.
 *
 * Inputs have at most 128 bytes.
 */

#include "fuzz.h"
#include <ctype.h>
#include <strings.h>
#include "ngx_spocr_target.h"


#define UNRESERVED  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"    \
                    "0123456789-._~"


static int
in(const char *set, u_char ch)
{
    return ch && strchr(set, ch) != NULL;
}


static int
hex(u_char high, u_char low)
{
    char  text[3] = { (char) high, (char) low, '\0' };

    return isxdigit(high) && isxdigit(low) ? (int) strtol(text, NULL, 16) : -1;
}


/* One segment: 1 where it is plain. */

static int
reference_segment(const u_char *p, size_t len, int last)
{
    int     code;
    size_t  i;

    if ((len == 0 && !last) || (len == 1 && p[0] == '.')
        || (len == 2 && p[0] == '.' && p[1] == '.'))
    {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (in(UNRESERVED "!$&'()*+,=:@", p[i])) {
            continue;
        }

        if (p[i] != '%' || len - i < 3) {
            return 0;
        }

        code = hex(p[i + 1], p[i + 2]);

        if (code < 0x20 || code == 0x7f || in(UNRESERVED "/\\;", (u_char) code))
        {
            return 0;
        }

        i += 2;
    }

    return 1;
}


static int
reference(const u_char *target, size_t len)
{
    const u_char  *p, *end, *slash;

    end = memchr(target, '?', len);
    end = end ? end : target + len;

    if (memchr(target, '#', len) || end == target || *target != '/') {
        return 0;
    }

    for (p = target + 1; /* void */ ; p = slash + 1) {
        slash = memchr(p, '/', (size_t) (end - p));

        if (!reference_segment(p, (size_t) ((slash ? slash : end) - p),
                               slash == NULL))
        {
            return 0;
        }

        if (slash == NULL) {
            return 1;
        }
    }
}


/* What a program that normalises it has; returns the length. */

static size_t
normalise(u_char *out, const u_char *path, size_t len)
{
    int     code;
    u_char  ch, *q;
    size_t  i, n, begin;

    /* decode */

    for (i = 0, n = 0; i < len; i++) {
        ch = path[i];

        if (ch == '%' && len - i > 2
            && (code = hex(path[i + 1], path[i + 2])) >= 0
            && in(UNRESERVED, (u_char) code))
        {
            ch = (u_char) code;
            i += 2;
        }

        if (ch == '/' && n && out[n - 1] == '/') {
            continue;
        }

        out[n++] = ch;
    }

    /* remove dot segments; what is left of "/a/.." is "/" */

    len = n;

    for (i = 0, n = 0; i < len; /* void */ ) {
        begin = i++;

        while (i < len && out[i] != '/') {
            i++;
        }

        if (i - begin == 2 && out[begin + 1] == '.') {
            if (i == len) {
                out[n++] = '/';
            }

            continue;
        }

        if (i - begin == 3 && out[begin + 1] == '.' && out[begin + 2] == '.') {

            while (n && out[--n] != '/') {
                /* void */
            }

            if (i == len) {
                out[n++] = '/';
            }

            continue;
        }

        q = memmove(out + n, out + begin, i - begin);
        n = (size_t) (q - out) + i - begin;
    }

    return n;
}


static void
hosts(const uint8_t *data, size_t size)
{
    int        equal;
    size_t     i;
    ngx_str_t  a, b;

    a.data = (u_char *) data;
    a.len = size / 2;
    b.data = (u_char *) data + a.len;
    b.len = size - a.len;

    equal = a.len == b.len;

    for (i = 0; equal && i < a.len; i++) {
        equal = a.data[i] == b.data[i]
                || (isalpha(a.data[i]) && isalpha(b.data[i])
                    && tolower(a.data[i]) == tolower(b.data[i]));
    }

    property(ngx_spocr_target_same_host(&a, &b) == (ngx_uint_t) equal,
             "hosts");
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           expected;
    u_char       *out;
    size_t        path;
    const char   *reason;
    const u_char *end;

    reason = ngx_spocr_target_check(data, size);
    expected = reference(data, size);

    property((reason == NULL) == expected, "%s", reason ? reason : "accepted");
    property(reason == NULL || reason[0], "a reason without words");

    if (reason == NULL) {
        end = memchr(data, '?', size);
        path = end ? (size_t) (end - data) : size;
        out = malloc(path);

        property(normalise(out, data, path) == path
                 && memcmp(out, data, path) == 0, "it can be read otherwise");
        free(out);
    }

    hosts(data, size);

    return 0;
}
