/*
 * Unicode text as the matcher and the rules compare it.  Pure.
 * Invariant: what goes in may be any bytes; what comes out is UTF-8.
 */

#include <stdlib.h>
#include <string.h>

#include "text.h"


uint32_t
be_utf8_next(const char **p, const char *end)
{
    int                   i, n;
    uint32_t              cp;
    const unsigned char  *s = (const unsigned char *) *p;

    if (*p >= end) {
        return 0;
    }

    if (s[0] < 0x80) {
        *p += 1;
        return s[0] ? s[0] : 0xFFFD;
    }

    n = s[0] >= 0xF0 && s[0] < 0xF5 ? 3 : s[0] >= 0xE0 ? 2 : 1;
    cp = s[0] & (0x3Fu >> n);

    if (s[0] < 0xC2 || s[0] > 0xF4 || end - *p <= n) {
        *p += 1;
        return 0xFFFD;
    }

    for (i = 1; i <= n; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            *p += 1;
            return 0xFFFD;
        }
        cp = cp << 6 | (s[i] & 0x3Fu);
    }

    /* a long form of NUL would be the end of a text that goes on */

    if ((n == 2 && cp < 0x800) || (n == 3 && cp < 0x10000) || cp > 0x10FFFF
        || (cp >= 0xD800 && cp <= 0xDFFF))
    {
        *p += 1;
        return 0xFFFD;
    }

    *p += n + 1;

    return cp;
}


void
be_utf8_add(be_buf_t *b, uint32_t cp)
{
    size_t  n;
    char    s[4];

    if (cp < 0x80) {
        s[0] = (char) cp;
        n = 1;

    } else if (cp < 0x800) {
        s[0] = (char) (0xC0 | cp >> 6);
        s[1] = (char) (0x80 | (cp & 0x3F));
        n = 2;

    } else if (cp < 0x10000) {
        s[0] = (char) (0xE0 | cp >> 12);
        s[1] = (char) (0x80 | (cp >> 6 & 0x3F));
        s[2] = (char) (0x80 | (cp & 0x3F));
        n = 3;

    } else {
        s[0] = (char) (0xF0 | cp >> 18);
        s[1] = (char) (0x80 | (cp >> 12 & 0x3F));
        s[2] = (char) (0x80 | (cp >> 6 & 0x3F));
        s[3] = (char) (0x80 | (cp & 0x3F));
        n = 4;
    }

    be_buf_add(b, s, n);
}


int
be_is_space(uint32_t cp)
{
    return cp == ' ' || (cp >= 9 && cp <= 13) || cp == 0xA0 || cp == 0x3000
           || (cp >= 0x2000 && cp <= 0x200B) || cp == 0x202F || cp == 0xFEFF;
}


int
be_is_cjk(uint32_t cp)
{
    return (cp >= 0x3005 && cp <= 0x3007) || (cp >= 0x3040 && cp <= 0x30FF)
           || (cp >= 0x3400 && cp <= 0x9FFF) || (cp >= 0xF900 && cp <= 0xFAFF)
           || (cp >= 0xFF66 && cp <= 0xFF9F);
}


int
be_is_word(uint32_t cp)
{
    if (cp < 0x80) {
        return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z')
               || (cp >= 'A' && cp <= 'Z');
    }

    if (cp < 0xC0 || cp == 0xD7 || cp == 0xF7) {
        return cp == 0xAA || cp == 0xB5 || cp == 0xBA;
    }

    return !((cp >= 0x2000 && cp <= 0x2BFF) || (cp >= 0x3000 && cp <= 0x3004)
             || (cp >= 0x3008 && cp <= 0x3020) || cp == 0x30FB
             || (cp >= 0xE000 && cp <= 0xF8FF)
             || (cp >= 0xFE00 && cp <= 0xFF0F)
             || (cp >= 0xFF1A && cp <= 0xFF20) || cp >= 0xFFE0);
}


/* One character in, at most two out. */

static int
be_fold(uint32_t cp, uint32_t out[2])
{
    if (cp >= 0xFF01 && cp <= 0xFF5E) {
        cp -= 0xFEE0;
    }

    if (cp >= 'A' && cp <= 'Z') {
        cp += 32;

    } else if (cp == 0xDF || cp == 0x1E9E) {
        out[0] = out[1] = 's';
        return 2;

    } else if (cp == 0xFB01 || cp == 0xFB02) {
        out[0] = 'f';
        out[1] = cp == 0xFB01 ? 'i' : 'l';
        return 2;

    } else if (cp >= 0xC0 && cp <= 0xDE && cp != 0xD7) {
        cp += 32;

    } else if ((cp >= 0x100 && cp <= 0x137) || (cp >= 0x14A && cp <= 0x177)) {
        cp |= 1;

    } else if ((cp >= 0x391 && cp <= 0x3A9) || (cp >= 0x410 && cp <= 0x42F)) {
        cp += 32;

    } else if (cp == 0xB2 || cp == 0xB3) {
        cp = cp - 0xB2 + '2';

    } else if (cp == 0xB9) {
        cp = '1';

    } else if (cp == 0x2018 || cp == 0x2019 || cp == 0x201B || cp == 0xB4
               || cp == '`')
    {
        cp = '\'';

    } else if (cp == 0x201C || cp == 0x201D || cp == 0x201E) {
        cp = '"';

    } else if (cp >= 0x2010 && cp <= 0x2015) {
        cp = '-';

    } else if (cp == 0x2212) {
        cp = '-';

    } else if (cp == 0xFFE5) {
        cp = 0xA5;
    }

    out[0] = cp;

    return 1;
}


char *
be_norm(const char *s, size_t len)
{
    int          i, n;
    be_buf_t     b = { 0 };
    uint32_t     cp, out[2];
    const char  *end = s + len;

    be_buf_str(&b, "");

    while ((cp = be_utf8_next(&s, end)) != 0) {
        if (be_is_space(cp)) {
            continue;
        }

        n = be_fold(cp, out);
        for (i = 0; i < n; i++) {
            be_utf8_add(&b, out[i]);
        }
    }

    s = be_buf_take(&b);
    if (s == NULL) {
        abort();
    }

    return (char *) s;
}


/* Latin-1 letters from U+00E0 without their accents; '*' is dropped. */

static const char be_plain[] = "aaaaaaaceeeeiiiidnooooo*ouuuuyty";


static uint32_t
be_key_char(uint32_t cp)
{
    if (cp >= 0xE0 && cp <= 0xFF) {
        cp = (unsigned char) be_plain[cp - 0xE0];
    }

    if (cp == 0x152 || cp == 0x153) {
        return 'o';
    }

    switch (cp) {
    case '0':
        return 'o';
    case '1':
    case 'i':
        return 'l';
    case '5':
        return 's';
    case '8':
        return 'b';
    case '#':
    case '%':
        return cp;
    default:
        return be_is_word(cp) ? cp : 0;
    }
}


char *
be_key(const char *s, size_t len, int **map)
{
    int          i, n, *m = NULL;
    size_t       at, from, mcap = 0;
    be_buf_t     b = { 0 };
    uint32_t     cp, out[2];
    const char  *p = s, *end = s + len;

    be_buf_str(&b, "");

    for ( ;; ) {
        from = (size_t) (p - s);
        cp = be_utf8_next(&p, end);

        n = cp ? be_fold(cp, out) : 1;

        for (i = 0; i < n; i++) {
            at = b.len;

            if (cp) {
                out[i] = be_key_char(out[i]);
                if (out[i] == 0) {
                    continue;
                }
                be_utf8_add(&b, out[i]);
            }

            if (map == NULL) {
                continue;
            }

            if (b.len + 1 >= mcap) {
                mcap = 2 * (b.len + 8);
                m = be_grow(m, mcap * sizeof(int));
            }

            for ( /* void */ ; at < b.len; at++) {
                m[at] = (int) from;
            }
            m[b.len] = (int) from;
        }

        if (cp == 0) {
            break;
        }
    }

    if (map != NULL) {
        *map = m;
    }

    s = be_buf_take(&b);
    if (s == NULL) {
        abort();
    }

    return (char *) s;
}


size_t
be_utf8_count(const char *s)
{
    size_t       n = 0;
    const char  *end = s + strlen(s);

    while (be_utf8_next(&s, end)) {
        n++;
    }

    return n;
}


static uint32_t *
be_decode(const char *s, size_t *n)
{
    uint32_t    *v, cp;
    const char  *end = s + strlen(s);

    v = be_alloc((strlen(s) + 1) * sizeof(uint32_t));
    *n = 0;

    while ((cp = be_utf8_next(&s, end)) != 0) {
        v[(*n)++] = cp;
    }

    return v;
}


int
be_distance(const char *as, const char *bs, int limit)
{
    int        diag, t, best, *row;
    size_t     i, j, na, nb;
    uint32_t  *a, *b;

    a = be_decode(as, &na);
    b = be_decode(bs, &nb);

    if ((na > nb ? na - nb : nb - na) > (size_t) limit) {
        free(a);
        free(b);
        return limit + 1;
    }

    row = be_alloc((nb + 1) * sizeof(int));
    for (j = 0; j <= nb; j++) {
        row[j] = (int) j;
    }

    for (i = 1; i <= na; i++) {
        diag = row[0];
        best = row[0] = (int) i;

        for (j = 1; j <= nb; j++) {
            t = row[j];
            row[j] = diag + (a[i - 1] != b[j - 1]);
            row[j] = t + 1 < row[j] ? t + 1 : row[j];
            row[j] = row[j - 1] + 1 < row[j] ? row[j - 1] + 1 : row[j];
            best = row[j] < best ? row[j] : best;
            diag = t;
        }

        if (best > limit) {
            row[nb] = limit + 1;
            break;
        }
    }

    t = row[nb] > limit ? limit + 1 : row[nb];

    free(row);
    free(a);
    free(b);

    return t;
}


int
be_distance_in(const char *needle, const char *hay, size_t *b0, size_t *b1)
{
    int          cost, best, *d;
    size_t       i, j, nn, nh, from, to, *start, diag_s, up_s;
    int          diag, up;
    uint32_t    *n, *h;
    const char  *p;

    n = be_decode(needle, &nn);
    h = be_decode(hay, &nh);

    if (nn == 0) {
        free(n);
        free(h);
        return -1;
    }

    /* columns run over the needle; start[] carries where each match began */

    d = be_alloc((nn + 1) * sizeof(int));
    start = be_alloc((nn + 1) * sizeof(size_t));

    for (i = 0; i <= nn; i++) {
        d[i] = (int) i;
    }

    best = (int) nn;
    from = to = 0;

    for (j = 1; j <= nh; j++) {
        diag = 0;
        diag_s = j - 1;
        d[0] = 0;
        start[0] = j;

        for (i = 1; i <= nn; i++) {
            up = d[i];
            up_s = start[i];
            cost = diag + (n[i - 1] != h[j - 1]);

            if (up + 1 < cost && up + 1 <= d[i - 1] + 1) {
                d[i] = up + 1;

            } else if (d[i - 1] + 1 < cost) {
                d[i] = d[i - 1] + 1;
                start[i] = start[i - 1];

            } else {
                d[i] = cost;
                start[i] = diag_s;
            }

            diag = up;
            diag_s = up_s;
        }

        if (d[nn] < best) {
            best = d[nn];
            from = start[nn];
            to = j;
        }
    }

    /* characters to bytes */

    for (p = hay, j = 0; j < from; j++) {
        (void) be_utf8_next(&p, hay + strlen(hay));
    }
    *b0 = (size_t) (p - hay);

    for ( /* void */ ; j < to; j++) {
        (void) be_utf8_next(&p, hay + strlen(hay));
    }
    *b1 = (size_t) (p - hay);

    free(d);
    free(start);
    free(n);
    free(h);

    return best;
}
