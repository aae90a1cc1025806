
/*
 * Multipart bodies, for the fingerprint.
 *
 * A delimiter has its only CR at its beginning: after a mismatch nothing but
 * the byte at hand can begin another one.  CR and LF belong to a segment
 * whatever follows, so only the bytes behind them are held until it is known
 * what they are; those of earlier pieces are in mp->delimiter.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_spocr_fingerprint_multipart.h"


typedef enum {
    NGX_SPOCR_MULTIPART_MORE = 0,
    NGX_SPOCR_MULTIPART_FOUND,
    NGX_SPOCR_MULTIPART_NOT
} ngx_spocr_multipart_e;


static const u_char *ngx_spocr_multipart_value(const u_char *p,
    const u_char *last, u_char *value, size_t *len);
static ngx_uint_t ngx_spocr_multipart_is_boundary(const u_char *name,
    size_t len);
static ngx_int_t ngx_spocr_multipart_set(ngx_spocr_multipart_t *mp,
    const u_char *boundary, size_t len);
static ngx_spocr_multipart_e ngx_spocr_multipart_step(
    ngx_spocr_multipart_t *mp, u_char ch);
static ngx_int_t ngx_spocr_multipart_found(ngx_spocr_multipart_t *mp,
    const u_char *start, size_t len, ngx_uint_t owed);
static size_t ngx_spocr_multipart_held(const ngx_spocr_multipart_t *mp);
static void ngx_spocr_multipart_restart(ngx_spocr_multipart_t *mp);
static ngx_int_t ngx_spocr_multipart_data(ngx_spocr_multipart_t *mp,
    const u_char *data, size_t len);
static ngx_int_t ngx_spocr_multipart_end(ngx_spocr_multipart_t *mp);


/* what may stand in a boundary */

static const u_char  ngx_spocr_boundary_chars[256] = {
    ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['\''] = 1,
    ['('] = 1, [')'] = 1, ['+'] = 1, ['_'] = 1, [','] = 1, ['-'] = 1,
    ['.'] = 1, ['/'] = 1, [':'] = 1, ['='] = 1, ['?'] = 1, [' '] = 1
};


ngx_int_t
ngx_spocr_multipart_init(ngx_spocr_multipart_t *mp, const u_char *params,
    size_t len)
{
    size_t         n;
    u_char         value[NGX_SPOCR_BOUNDARY_MAX + 1];
    const u_char  *p, *last, *name, *equals;

    mp->full = 0;

    p = params;
    last = params + len;

    for ( ;; ) {

        while (p < last && (*p == ';' || *p == ' ' || *p == '\t')) {
            p++;
        }

        if (p == last) {
            break;
        }

        name = p;

        while (p < last && *p != '=' && *p != ';') {
            p++;
        }

        if (p == last || *p == ';') {
            return NGX_DECLINED;
        }

        equals = p;

        p = ngx_spocr_multipart_value(p + 1, last, value, &n);
        if (p == NULL) {
            return NGX_DECLINED;
        }

        if (!ngx_spocr_multipart_is_boundary(name, (size_t) (equals - name))) {
            continue;
        }

        /* of two, who knows which one the backend takes */

        if (mp->full || ngx_spocr_multipart_set(mp, value, n) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return mp->full ? NGX_OK : NGX_DECLINED;
}


/*
 * A token or a quoted string, up to the semicolon or the end.  value has the
 * first 71 bytes, *len is no more.
 */

static const u_char *
ngx_spocr_multipart_value(const u_char *p, const u_char *last, u_char *value,
    size_t *len)
{
    u_char      ch;
    ngx_uint_t  quoted;

    *len = 0;
    quoted = 0;

    if (p < last && *p == '"') {
        quoted = 1;
        p++;
    }

    for ( /* void */ ; p < last; p++) {
        ch = *p;

        if (quoted) {
            if (ch == '"') {
                break;
            }

            if (ch == '\\') {
                if (++p == last) {
                    return NULL;
                }

                ch = *p;
            }

        } else if (ch == ';' || ch == ' ' || ch == '\t') {
            break;
        }

        if (*len <= NGX_SPOCR_BOUNDARY_MAX) {
            value[(*len)++] = ch;
        }
    }

    if (quoted && p++ == last) {
        return NULL;
    }

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p == last || *p == ';' ? p : NULL;
}


static ngx_uint_t
ngx_spocr_multipart_is_boundary(const u_char *name, size_t len)
{
    size_t             i;
    static const char  boundary[] = "boundary";

    if (len != sizeof(boundary) - 1) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (ngx_tolower(name[i]) != boundary[i]) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_spocr_multipart_set(ngx_spocr_multipart_t *mp, const u_char *boundary,
    size_t len)
{
    size_t   i;
    u_char  *p;

    if (len == 0 || len > NGX_SPOCR_BOUNDARY_MAX || boundary[len - 1] == ' ') {
        return NGX_DECLINED;
    }

    for (i = 0; i < len; i++) {
        if (!ngx_spocr_boundary_chars[boundary[i]]) {
            return NGX_DECLINED;
        }
    }

    p = ngx_cpymem(mp->delimiter, CRLF "--", 4);
    ngx_memcpy(p, boundary, len);

    mp->full = 4 + len;
    mp->length = 0;

    /* as if CRLF were before the body */
    mp->matched = 2;

    return NGX_OK;
}


ngx_int_t
ngx_spocr_multipart_update(ngx_spocr_multipart_t *mp, const u_char *data,
    size_t len)
{
    size_t         before, held, kept;
    const u_char  *p, *start, *last;

    before = ngx_spocr_multipart_held(mp);     /* of earlier pieces */
    start = data;
    last = data + len;

    for (p = data; p < last; /* void */ ) {

        if (mp->matched == 0) {
            p = memchr(p, CR, (size_t) (last - p));
            if (p == NULL) {
                break;
            }

            p++;
            mp->matched = 1;
            continue;
        }

        switch (ngx_spocr_multipart_step(mp, *p)) {

        case NGX_SPOCR_MULTIPART_MORE:
            p++;
            continue;

        case NGX_SPOCR_MULTIPART_FOUND:
            held = ngx_spocr_multipart_held(mp) - before;
            kept = mp->matched - mp->full;

            if (ngx_spocr_multipart_found(mp, start,
                                          (size_t) (p - start) - held,
                                          kept && p == data)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            start = p > data ? p - kept : p;
            break;

        default: /* NGX_SPOCR_MULTIPART_NOT */
            if (ngx_spocr_multipart_data(mp, mp->delimiter + 2, before)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        before = 0;
        ngx_spocr_multipart_restart(mp);
    }

    held = ngx_spocr_multipart_held(mp) - before;

    return ngx_spocr_multipart_data(mp, start, (size_t) (last - start) - held);
}


ngx_int_t
ngx_spocr_multipart_finish(ngx_spocr_multipart_t *mp)
{
    if (mp->matched == mp->full) {
        if (ngx_spocr_multipart_end(mp) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (ngx_spocr_multipart_data(mp, mp->delimiter + 2,
                                        ngx_spocr_multipart_held(mp))
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_multipart_end(mp);
}


/* The byte after a delimiter is kept behind it: "-" or CR need another one. */

static ngx_spocr_multipart_e
ngx_spocr_multipart_step(ngx_spocr_multipart_t *mp, u_char ch)
{
    u_char  first;

    if (mp->matched < mp->full) {
        if (ch != mp->delimiter[mp->matched]) {
            return NGX_SPOCR_MULTIPART_NOT;
        }

        mp->matched++;
        return NGX_SPOCR_MULTIPART_MORE;
    }

    if (mp->matched == mp->full) {
        if (ch == CR || ch == '-') {
            mp->delimiter[mp->matched++] = ch;
            return NGX_SPOCR_MULTIPART_MORE;
        }

        return ch == ' ' || ch == '\t' ? NGX_SPOCR_MULTIPART_FOUND
                                       : NGX_SPOCR_MULTIPART_NOT;
    }

    first = mp->delimiter[mp->full];

    return (first == CR && ch == LF) || (first == '-' && ch == '-')
           ? NGX_SPOCR_MULTIPART_FOUND : NGX_SPOCR_MULTIPART_NOT;
}


/*
 * Ends the segment whose last len bytes are at start.  owed: the byte that is
 * kept behind the delimiter is of an earlier piece, and begins the next one.
 */

static ngx_int_t
ngx_spocr_multipart_found(ngx_spocr_multipart_t *mp, const u_char *start,
    size_t len, ngx_uint_t owed)
{
    if (ngx_spocr_multipart_data(mp, start, len) != NGX_OK
        || ngx_spocr_multipart_end(mp) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_spocr_multipart_data(mp, mp->delimiter + mp->full,
                                    owed ? 1 : 0);
}


static size_t
ngx_spocr_multipart_held(const ngx_spocr_multipart_t *mp)
{
    return mp->matched > 2 ? mp->matched - 2 : 0;
}


/* The CR after a boundary may begin the next delimiter. */

static void
ngx_spocr_multipart_restart(ngx_spocr_multipart_t *mp)
{
    mp->matched = mp->matched > mp->full && mp->delimiter[mp->full] == CR;
}


static ngx_int_t
ngx_spocr_multipart_data(ngx_spocr_multipart_t *mp, const u_char *data,
    size_t len)
{
    if (len == 0) {
        return NGX_OK;
    }

    mp->length += len;

    return EVP_DigestUpdate(mp->ctx, data, len) == 1 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_spocr_multipart_end(ngx_spocr_multipart_t *mp)
{
    u_char      length[8];
    ngx_uint_t  i;

    for (i = 8; i > 0; i--) {
        length[i - 1] = (u_char) (mp->length & 0xff);
        mp->length >>= 8;
    }

    return EVP_DigestUpdate(mp->ctx, length, 8) == 1 ? NGX_OK : NGX_ERROR;
}
