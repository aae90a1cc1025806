/*
 * multipart/form-data (RFC 7578), while it comes.  Called by upload.c with
 * whatever pieces the network gives.  Pure.
 *
 * The body is taken as if a line break stood before it, so every boundary is
 * CR LF "--" boundary.  CR stands nowhere else in that, so a mismatch never
 * has to look back.
 *
 * Invariant: of a body only a part's header is kept, BE_PART_HEADER bytes.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "multipart.h"
#include "query.h"


typedef enum {
    BE_MP_PREAMBLE = 0,
    BE_MP_BOUNDARY,              /* after one: padding, CR LF, or "--" */
    BE_MP_LF,
    BE_MP_DASH,
    BE_MP_HEADER,
    BE_MP_BODY,
    BE_MP_DONE
} be_mp_state_e;

struct be_multipart_s {
    be_mp_state_e             state;
    const be_part_handler_t  *handler;
    void                     *data;
    size_t                    matched;      /* of "delim" */
    size_t                    delim_len;
    char                      delim[4 + BE_MAX_BOUNDARY + 1];
    size_t                    header_len;
    char                      header[BE_PART_HEADER + 1];
};


/*
 * The value of a parameter of a header, at "; name=".  Writes it to out,
 * which has room for all of s.  1: it is there, 0: it is not, -1: the header
 * is malformed, or it is there twice.  A backslash quotes only a quote and
 * itself: browsers do not escape it, and names may be paths.
 */

static int
be_param(const char *s, const char *name, char *out)
{
    int          found = 0, mine;
    char        *o;
    size_t       len = strlen(name), n;

    while (*s != '\0') {
        s += strspn(s, " \t");

        if (*s == '\0') {
            break;
        }

        if (*s++ != ';') {
            return -1;
        }

        s += strspn(s, " \t");
        n = strcspn(s, "=; \t\"");
        mine = n == len && strncasecmp(s, name, n) == 0;
        s += n;

        if (n == 0 && *s == '\0') {
            break;               /* a semicolon at the end */
        }

        if (*s != '=' || (mine && found)) {
            return -1;
        }

        s++;
        found |= mine;
        o = out;

        if (*s != '"') {
            n = strcspn(s, "; \t\"");
            if (mine) {
                memcpy(o, s, n);
                o[n] = '\0';
            }
            s += n;
            continue;
        }

        for (s++; *s != '\0' && *s != '"'; s++) {
            if (*s == '\\' && (s[1] == '"' || s[1] == '\\')) {
                s++;
            }
            if (mine) {
                *o++ = *s;
            }
        }

        if (*s++ != '"') {
            return -1;
        }

        if (mine) {
            *o = '\0';
        }
    }

    return found;
}


be_multipart_t *
be_multipart_new(const char *type, const be_part_handler_t *handler,
    void *data, const char **why)
{
    size_t           i, len;
    char            *b;
    be_multipart_t  *m;
    static const char  chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR"
                                 "STUVWXYZ0123456789'()+_,-./:=? ";

    *why = NULL;
    m = calloc(1, sizeof(be_multipart_t));
    b = malloc(strlen(type) + 1);

    if (m == NULL || b == NULL) {
        free(m);
        free(b);
        return NULL;
    }

    i = strcspn(type, "; \t");
    len = be_param(type + i, "boundary", b) == 1 ? strlen(b) : 0;

    if (len == 0 || len > BE_MAX_BOUNDARY || strspn(b, chars) != len
        || b[len - 1] == ' ')
    {
        *why = "The Content-Type has no valid boundary";
        free(m);
        free(b);
        return NULL;
    }

    memcpy(m->delim, "\r\n--", 4);
    memcpy(m->delim + 4, b, len);
    m->delim_len = len + 4;
    m->matched = 2;
    m->handler = handler;
    m->data = data;
    free(b);

    return m;
}


/* filename*: UTF-8''... with escapes; NULL where it is something else. */

static char *
be_name_extended(const char *s)
{
    const char  *lang;

    if (strncasecmp(s, "UTF-8'", 6) != 0 || (lang = strchr(s + 6, '\''))
                                            == NULL)
    {
        return NULL;
    }

    return be_unescape(lang + 1, strlen(lang + 1), 0);
}


static int
be_disposition(be_multipart_t *m, const char *s, const char **why)
{
    int          rc = -1, named, filed, extended;
    size_t       n = strlen(s) + 1;
    char        *name = malloc(n), *file = malloc(n), *ext = malloc(n);
    char        *decoded = NULL;
    be_part_t    part = { NULL, NULL };

    if (name == NULL || file == NULL || ext == NULL) {
        *why = "Out of memory";
        goto done;
    }

    n = strcspn(s, "; \t");
    named = be_param(s + n, "name", name);
    filed = be_param(s + n, "filename", file);
    extended = be_param(s + n, "filename*", ext);

    if (n != 9 || strncasecmp(s, "form-data", 9) != 0 || named != 1
        || filed < 0 || extended < 0)
    {
        *why = "A part has no valid Content-Disposition";
        goto done;
    }

    part.name = name;
    part.filename = filed ? file : NULL;

    if (extended) {
        decoded = be_name_extended(ext);
        part.filename = decoded ? decoded : filed ? file : "";
    }

    rc = m->handler->begin(m->data, &part);

done:

    free(name);
    free(file);
    free(ext);
    free(decoded);

    return rc;
}


static int
be_is_header(const char *line, const char *name, const char **value)
{
    size_t  n = strlen(name);

    if (strncasecmp(line, name, n) != 0 || line[n] != ':') {
        return 0;
    }

    line += n + 1;
    *value = line + strspn(line, " \t");

    return 1;
}


/* The header is there: lines that end by CR LF, the last one is empty. */

static int
be_part_header(be_multipart_t *m, const char **why)
{
    char        *s = m->header, *next;
    const char  *value, *disposition = NULL;

    m->header[m->header_len] = '\0';

    if (strlen(s) != m->header_len) {
        *why = "A part's header contains a NUL";
        return -1;
    }

    for ( ; strcmp(s, "\r\n") != 0; s = next) {
        next = strstr(s, "\r\n");
        *next = '\0';
        next += 2;

        if (*s == ' ' || *s == '\t') {
            *why = "A line of a part's header is folded";
            return -1;
        }

        if (be_is_header(s, "Content-Disposition", &value)) {
            if (disposition != NULL) {
                *why = "A part has two Content-Dispositions";
                return -1;
            }
            disposition = value;

        } else if (be_is_header(s, "Content-Type", &value)
                   && strncasecmp(value, "multipart/", 10) == 0)
        {
            *why = "A part is multipart itself; send each file as a part";
            return -1;

        } else if (be_is_header(s, "Content-Transfer-Encoding", &value)
                   && strcasecmp(value, "binary") != 0
                   && strcasecmp(value, "8bit") != 0
                   && strcasecmp(value, "7bit") != 0)
        {
            *why = "A part is encoded; files are sent as they are";
            return -1;
        }
    }

    if (disposition == NULL) {
        *why = "A part has no valid Content-Disposition";
        return -1;
    }

    return be_disposition(m, disposition, why);
}


static int
be_header_ends(const be_multipart_t *m)
{
    const char  *end = m->header + m->header_len;

    return (m->header_len == 2 && memcmp(end - 2, "\r\n", 2) == 0)
           || (m->header_len >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0);
}


static int
be_mp_emit(be_multipart_t *m, const char *p, size_t len)
{
    if (m->state == BE_MP_PREAMBLE || len == 0) {
        return 0;
    }

    return m->handler->bytes(m->data, p, len);
}


/* Data up to a boundary or the end of this piece; what was used of it, or
 * -1. */

static long
be_mp_data(be_multipart_t *m, const char *p, size_t len)
{
    size_t       n, at = 0;
    const char  *cr;

    while (at < len) {
        if (m->matched == 0) {
            cr = memchr(p + at, '\r', len - at);
            n = cr ? (size_t) (cr - p) - at : len - at;

            if (be_mp_emit(m, p + at, n) != 0) {
                return -1;
            }

            at += n;
            if (at == len) {
                break;
            }
        }

        if (p[at] != m->delim[m->matched]) {
            n = m->matched;
            m->matched = 0;

            if (be_mp_emit(m, m->delim, n) != 0) {
                return -1;
            }

            continue;
        }

        at++;

        if (++m->matched == m->delim_len) {
            m->matched = 0;

            if (m->state == BE_MP_BODY && m->handler->end(m->data) != 0) {
                return -1;
            }

            m->state = BE_MP_BOUNDARY;
            break;
        }
    }

    return (long) at;
}


/* A byte that is no data. */

static int
be_mp_byte(be_multipart_t *m, char c, const char **why)
{
    switch (m->state) {

    case BE_MP_BOUNDARY:
        if (c == '\r') {
            m->state = BE_MP_LF;

        } else if (c == '-') {
            m->state = BE_MP_DASH;

        } else if (c != ' ' && c != '\t') {
            break;
        }

        return 0;

    case BE_MP_DASH:
        if (c != '-') {
            break;
        }

        m->state = BE_MP_DONE;
        return 0;

    case BE_MP_LF:
        if (c != '\n') {
            break;
        }

        m->state = BE_MP_HEADER;
        m->header_len = 0;
        return 0;

    default:
        if (m->header_len == BE_PART_HEADER) {
            *why = "A part's header is larger than 8 KB";
            return -1;
        }

        m->header[m->header_len++] = c;

        if (c != '\n' || !be_header_ends(m)) {
            return 0;
        }

        m->state = BE_MP_BODY;
        return be_part_header(m, why);
    }

    *why = "The multipart body is malformed at a boundary";

    return -1;
}


int
be_multipart_feed(be_multipart_t *m, const char *p, size_t len,
    const char **why)
{
    long         n;
    const char  *end = p + len;

    *why = NULL;

    while (p < end && m->state != BE_MP_DONE) {
        if (m->state == BE_MP_PREAMBLE || m->state == BE_MP_BODY) {
            n = be_mp_data(m, p, (size_t) (end - p));
            if (n < 0) {
                return -1;
            }
            p += n;

        } else if (be_mp_byte(m, *p++, why) != 0) {
            return -1;
        }
    }

    return 0;
}


int
be_multipart_whole(const be_multipart_t *m)
{
    return m->state == BE_MP_DONE;
}


void
be_multipart_free(be_multipart_t *m)
{
    free(m);
}
