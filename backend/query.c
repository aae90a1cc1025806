/*
 * Targets: escapes, and the arguments of a query.  Called by the front before
 * a handler, and by handlers for their arguments.  Pure.
 *
 * Invariant: what leaves here is UTF-8 without NUL, so that it can go into
 * JSON and SQL as it is.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "text.h"


#define BE_MAX_ARGS  200


static int
be_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* be_utf8_next() gives U+FFFD and a step of one where it is broken. */

static int
be_is_text(const char *s, size_t len)
{
    uint32_t     cp;
    const char  *p = s, *end = s + len, *from;

    while (p < end) {
        from = p;
        cp = be_utf8_next(&p, end);

        if (cp == 0xFFFD && p - from == 1) {
            return 0;
        }
    }

    return 1;
}


char *
be_unescape(const char *s, size_t len, int plus)
{
    int      a, b;
    char    *out;
    size_t   i, n = 0;

    out = malloc(len + 1);
    if (out == NULL) {
        return NULL;
    }

    for (i = 0; i < len; i++) {
        if (s[i] == '+' && plus) {
            out[n++] = ' ';
            continue;
        }

        if (s[i] != '%') {
            out[n++] = s[i];
            continue;
        }

        a = len - i > 2 ? be_hex(s[i + 1]) : -1;
        b = len - i > 2 ? be_hex(s[i + 2]) : -1;

        if (a < 0 || b < 0) {
            free(out);
            errno = EILSEQ;
            return NULL;
        }

        out[n++] = (char) (a << 4 | b);
        i += 2;
    }

    out[n] = '\0';

    if (!be_is_text(out, n)) {
        free(out);
        errno = EILSEQ;
        return NULL;
    }

    return out;
}


/* One "name=value". */

static int
be_query_add(be_query_t *q, const char *s, size_t len, be_fault_t *f)
{
    be_arg_t    *a;
    const char  *eq = memchr(s, '=', len);
    size_t       n = eq ? (size_t) (eq - s) : len;

    if (q->n == BE_MAX_ARGS) {
        return be_fault(f, 400, "The query has more than %d arguments",
                        BE_MAX_ARGS);
    }

    a = &q->v[q->n++];
    a->name = be_unescape(s, n, 1);

    if (a->name != NULL) {
        a->value = be_unescape(eq ? eq + 1 : s + len, eq ? len - n - 1 : 0, 1);
    }

    if ((a->name == NULL || a->value == NULL) && errno == ENOMEM) {
        return be_fault(f, 503, "Out of memory");
    }

    if (a->name == NULL || a->value == NULL) {
        return be_fault(f, 400, "The query has a broken escape, or is not"
                        " UTF-8");
    }

    return 0;
}


int
be_query_parse(const char *target, be_query_t *q, be_fault_t *f)
{
    size_t       len;
    const char  *s = strchr(target, '?');

    memset(q, 0, sizeof(*q));

    if (s == NULL) {
        return 0;
    }

    q->v = calloc(BE_MAX_ARGS, sizeof(be_arg_t));
    if (q->v == NULL) {
        return be_fault(f, 503, "Out of memory");
    }

    for (s++; ; s += len + 1) {
        len = strcspn(s, "&");

        if (len != 0 && be_query_add(q, s, len, f) != 0) {
            return -1;
        }

        if (s[len] == '\0') {
            return 0;
        }
    }
}


void
be_query_free(be_query_t *q)
{
    int  i;

    for (i = 0; i < q->n; i++) {
        free(q->v[i].name);
        free(q->v[i].value);
    }

    free(q->v);
    memset(q, 0, sizeof(*q));
}


int
be_query_one(const be_query_t *q, const char *name, const char **value,
    be_fault_t *f)
{
    int  i;

    *value = NULL;

    for (i = 0; i < q->n; i++) {
        if (strcmp(q->v[i].name, name) != 0) {
            continue;
        }

        if (*value != NULL) {
            *value = NULL;
            return be_fault_field(f, name, "%s is given twice", name);
        }

        *value = q->v[i].value;
    }

    return 0;
}


int
be_query_number(const be_query_t *q, const char *name, long min, long max,
    long *n, be_fault_t *f)
{
    long         v;
    char        *end;
    const char  *s;

    if (be_query_one(q, name, &s, f) != 0) {
        return -1;
    }

    if (s == NULL) {
        return 0;
    }

    errno = 0;
    v = strtol(s, &end, 10);

    if (*s == '\0' || strspn(s + (*s == '-'), "0123456789")
                      != strlen(s + (*s == '-'))
        || *end != '\0' || errno != 0 || v < min || v > max)
    {
        return be_fault_field(f, name, "%s must be a whole number of %ld to"
                              " %ld", name, min, max);
    }

    *n = v;

    return 0;
}


int
be_query_known(const be_query_t *q, const char *const *names, be_fault_t *f)
{
    int                  i;
    const char          *s;
    const char *const   *name;

    for (i = 0; i < q->n; i++) {
        for (name = names; *name && strcmp(*name, q->v[i].name) != 0; name++) {
            /* the next one */
        }

        if (*name == NULL) {
            s = q->v[i].name;
            return be_fault_field(f, s, "There is no parameter \"%s\" here",
                                  strlen(s) < 200 ? s : "...");
        }
    }

    return 0;
}
