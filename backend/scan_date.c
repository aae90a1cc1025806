/*
 * Finds dates in a row of text: numeric, with months by name, Japanese.  Pure.
 * Invariant: a hit is a day of the calendar, at the boundary of a word.
 */

#include <strings.h>

#include "scan.h"
#include "scan_chars.h"


static const struct {
    const char  *name;
    int          month;
} be_months[] = {
    { "jan", 1 }, { "j\xC3\xA4n", 1 }, { "feb", 2 }, { "f\xC3\xA9v", 2 },
    { "fev", 2 }, { "mar", 3 }, { "m\xC3\xA4r", 3 }, { "apr", 4 },
    { "avr", 4 }, { "may", 5 }, { "mai", 5 }, { "jun", 6 }, { "juin", 6 },
    { "jul", 7 }, { "juil", 7 }, { "aug", 8 }, { "ao\xC3\xBB", 8 },
    { "aou", 8 }, { "sep", 9 }, { "oct", 10 }, { "okt", 10 }, { "nov", 11 },
    { "dec", 12 }, { "dez", 12 }, { "d\xC3\xA9" "c", 12 }, { "mrz", 3 }
};


/* A word that names a month: its length, or 0. */

static int
be_month(const char *s, int at, int to, int *month)
{
    int     n = 0;
    size_t  i, len;

    while (be_alpha(s, at + n, to)
           || (at + n < to && ((unsigned char) s[at + n] & 0xC0) == 0x80))
    {
        n++;
    }

    if (n < 3 || n > 10) {
        return 0;
    }

    for (i = 0; i < sizeof(be_months) / sizeof(be_months[0]); i++) {
        len = strlen(be_months[i].name);

        if ((size_t) n >= len
            && strncasecmp(s + at, be_months[i].name, len) == 0)
        {
            *month = be_months[i].month;
        }
    }

    /* "juin" and "juil" both begin like "jun" does not */

    return *month ? n : 0;
}


static int
be_date_ok(be_hit_t *h, int y, int m, int d)
{
    int  t;

    if (m > 12 && d <= 12) {
        t = m;
        m = d;
        d = t;
    }

    if (y < 100) {
        y += y < 70 ? 2000 : 1900;
    }

    h->year = y;
    h->month = m;
    h->day = d;

    return y >= 1970 && y <= 2079 && m >= 1 && m <= 12 && d >= 1 && d <= 31;
}


static int
be_gap(const char *s, int p, int to, const char *seps)
{
    int  n = 0;

    while (p + n < to && n < 3 && strchr(seps, s[p + n]) != NULL
           && s[p + n] != '\0')
    {
        n++;
    }

    return n;
}


/* 05/11/2017, 2017-11-05, 17-02-18, 16.09.2013, and with stray spaces */

static int
be_date_numeric(const char *s, int p, int to, be_hit_t *h)
{
    int   i, q = p, n[3], v[3], g;
    char  sep[2] = { 0, 0 };

    for (i = 0; i < 3; i++) {
        n[i] = be_digits(s, q, to);
        if (n[i] == 0 || n[i] > 4 || n[i] == 3) {
            return 0;
        }

        v[i] = be_value(s, q, n[i]);
        q += n[i];

        if (i < 2) {
            g = be_gap(s, q, to, "/-. ");
            if (g == 0 || (g == 1 && s[q] == ' ') || (g == 3)) {
                return 0;
            }

            /* the same sign both times, whatever spaces OCR has added */

            for ( /* void */ ; g > 0; g--, q++) {
                if (s[q] != ' ') {
                    if (sep[i] != 0) {
                        return 0;
                    }
                    sep[i] = s[q];
                }
            }
        }
    }

    if (sep[0] != sep[1]) {
        return 0;
    }

    if (be_alpha(s, q, to) || (q < to && s[q] == ',' && be_digit(s, q + 1, to)))
    {
        return 0;
    }

    h->from = p;
    h->to = q;

    if (n[0] == 4) {
        return n[1] <= 2 && n[2] <= 2 && be_date_ok(h, v[0], v[1], v[2]);
    }

    return n[0] <= 2 && n[1] <= 2 && (n[2] == 4 || n[2] == 2)
           && be_date_ok(h, v[2], v[1], v[0]);
}


/* 14 MAR 2018, 24. Januar 2014, 04-Jan-18, 1er mars 2020; March 5, 2020 */

static int
be_date_named(const char *s, int p, int to, be_hit_t *h)
{
    int  q = p, n, d = 0, m = 0, y;

    n = be_digits(s, q, to);

    if (n > 2) {
        return 0;
    }

    if (n > 0) {
        d = be_value(s, q, n);
        q += n;
        if (q + 1 < to && strchr("snrte", tolower((unsigned char) s[q]))
            && strchr("tdhr", tolower((unsigned char) s[q + 1])))
        {
            q += 2;              /* 1st, 2nd, 3rd, 4th, 1er */
        }
        q += be_gap(s, q, to, " .-/,");
    }

    n = be_month(s, q, to, &m);
    if (n == 0) {
        return 0;
    }

    q += n;
    q += be_gap(s, q, to, " .-/,'");

    if (d == 0) {
        n = be_digits(s, q, to);
        if (n == 0 || n > 2) {
            return 0;
        }
        d = be_value(s, q, n);
        q += n;
        if (q + 1 < to && be_alpha(s, q, to)) {
            q += 2;
        }
        q += be_gap(s, q, to, " .,-/");
    }

    n = be_digits(s, q, to);
    if (n != 2 && n != 4) {
        return 0;
    }

    y = be_value(s, q, n);
    h->from = p;
    h->to = q + n;

    return be_date_ok(h, y, m, d);
}


/* 2024年3月5日; of an era's year the Western one is not worked out */

static int
be_date_japanese(const char *s, int p, int to, be_hit_t *h)
{
    int         i, q = p, n, g, v[3];
    const char *after[3] = { "\xE5\xB9\xB4", "\xE6\x9C\x88", "\xE6\x97\xA5" };

    for (i = 0; i < 3; i++) {
        while (i && q < to && s[q] == ' ') {
            q++;
        }
        n = be_digits(s, q, to);
        g = n ? be_skip(s, q + n, to, after[i]) : 0;
        if (g == 0 || n > 4) {
            return 0;
        }
        v[i] = be_value(s, q, n);
        q += n + g;
    }

    h->from = p;
    h->to = q;

    if (v[0] < 100 && p >= 6 && memcmp(s + p - 6, "\xE4\xBB\xA4\xE5\x92\x8C",
                                       6) == 0)
    {
        h->from = p - 6;
        v[0] += 2018;            /* Reiwa */
    }

    return be_date_ok(h, v[0], v[1], v[2]);
}


int
be_scan_date(const char *s, int at, int to, be_hit_t *h)
{
    int  p, n;

    for (p = at; p < to; p++) {
        if (p > 0 && ((be_digit(s, p - 1, to) || be_alpha(s, p - 1, to))
                      && (unsigned char) s[p - 1] < 0x80))
        {
            continue;
        }

        memset(h, 0, sizeof(*h));

        if (be_date_japanese(s, p, to, h) || be_date_numeric(s, p, to, h)
            || be_date_named(s, p, to, h))
        {
            return 1;
        }

        /* 25032018, 20180325 */

        n = be_digits(s, p, to);

        if (n == 8 && !be_alpha(s, p + n, to)) {
            h->from = p;
            h->to = p + 8;

            if ((be_value(s, p, 2) <= 31 && be_value(s, p + 2, 2) <= 12
                 && be_value(s, p + 4, 2) == 20
                 && be_date_ok(h, be_value(s, p + 4, 4),
                               be_value(s, p + 2, 2), be_value(s, p, 2)))
                || (be_value(s, p, 2) == 20
                    && be_date_ok(h, be_value(s, p, 4),
                                  be_value(s, p + 4, 2),
                                  be_value(s, p + 6, 2))
                    && be_value(s, p + 4, 2) <= 12))
            {
                return 1;
            }
        }
    }

    return 0;
}
