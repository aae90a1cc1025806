/*
 * Finds dates in a row of text: numeric, with months by name, Japanese.  Pure.
 * Invariant: a hit is a day of the calendar, at the boundary of a word.
 */

#include <ctype.h>
#include <string.h>

#include "scan.h"
#include "scan_chars.h"


static const struct {
    const char  *name;
    int          month;
} be_months[] = {
    { "january", 1 }, { "januar", 1 }, { "januari", 1 }, { "janvier", 1 },
    { "janeiro", 1 }, { "j\xC3\xA4nner", 1 }, { "february", 2 },
    { "februar", 2 }, { "f\xC3\xA9vrier", 2 }, { "fevrier", 2 },
    { "fevereiro", 2 }, { "march", 3 }, { "m\xC3\xA4rz", 3 }, { "mrz", 3 },
    { "mars", 3 }, { "marzo", 3 }, { "mar\xC3\xA7o", 3 }, { "maret", 3 },
    { "april", 4 }, { "avril", 4 }, { "may", 5 }, { "mai", 5 }, { "mayo", 5 },
    { "maio", 5 }, { "june", 6 }, { "juni", 6 }, { "juin", 6 },
    { "junio", 6 }, { "junho", 6 }, { "july", 7 }, { "juli", 7 },
    { "juillet", 7 }, { "julio", 7 }, { "julho", 7 }, { "august", 8 },
    { "augustus", 8 }, { "ao\xC3\xBBt", 8 }, { "aout", 8 },
    { "september", 9 }, { "septembre", 9 }, { "setembro", 9 },
    { "october", 10 }, { "oktober", 10 }, { "octobre", 10 },
    { "november", 11 }, { "novembre", 11 }, { "december", 12 },
    { "dezember", 12 }, { "d\xC3\xA9" "cembre", 12 }, { "decembre", 12 }
};


/* b is a small letter's byte; capitals of Latin-1 are 0x20 below in UTF-8. */

static int
be_same_letter(char a, char b)
{
    int  x = (unsigned char) a, y = (unsigned char) b;

    return tolower(x) == y || (x >= 0x80 && x <= 0x9E && x + 0x20 == y);
}


/* Whether a word of n bytes is a month's name, or its beginning; in a long
 * word a letter may be another, and in a longer one two ("rn" for "m"). */

static int
be_month_is(const char *s, int n, const char *name)
{
    int  i = 0, j = 0, len = (int) strlen(name), wrong = n < 8 ? 1 : 2;

    while (i < n && i < len && be_same_letter(s[i], name[i])) {
        i++;
    }

    if (i == n) {
        return 1;
    }

    if (i < 3 || n < 6) {
        return 0;
    }

    while (j < n - i && j < len - i
           && be_same_letter(s[n - 1 - j], name[len - 1 - j]))
    {
        j++;
    }

    return n - i - j <= wrong && len - i - j <= wrong;
}


/* A word that names a month: its length, or 0. */

static int
be_month(const char *s, int at, int to, int *month)
{
    int     n = 0;
    size_t  i;

    while (be_alpha(s, at + n, to)
           || (at + n < to && ((unsigned char) s[at + n] & 0xC0) == 0x80))
    {
        n++;
    }

    if (n < 3 || n > 10) {
        return 0;
    }

    for (i = 0; i < sizeof(be_months) / sizeof(be_months[0]); i++) {
        if (be_month_is(s + at, n, be_months[i].name)) {
            *month = be_months[i].month;
            return n;
        }
    }

    return 0;
}


/* From 1970 to 2079 each fourth year is a leap year. */

static int
be_days(int y, int m)
{
    if (m == 2) {
        return y % 4 == 0 ? 29 : 28;
    }

    return m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31;
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

    return y >= 1970 && y <= 2079 && m >= 1 && m <= 12
           && d >= 1 && d <= be_days(y, m);
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
