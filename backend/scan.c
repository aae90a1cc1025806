/*
 * Finds amounts, times, phones and numbers in a row of text.  Pure.
 * Invariant: a hit begins and ends at the boundary of a word.
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "scan.h"
#include "scan_chars.h"


static const char  *be_currencies[] = {
    "$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5", "\xEF\xBF\xA5", "RM", "EUR",
    "USD", "GBP", "CHF", "JPY", "MYR", "SGD", "CAD", "AUD",
    "\xE5\x86\x86", "Rs.", "Rs", "INR", "kr", NULL
};


/* The length of the currency that ends (or begins) at the byte, or 0. */

static int
be_currency(const char *s, int from, int to, int at, int before)
{
    int  i, n;

    for (i = 0; be_currencies[i] != NULL; i++) {
        n = (int) strlen(be_currencies[i]);

        if (before) {
            if (at - n >= from && strncasecmp(s + at - n, be_currencies[i],
                                              (size_t) n) == 0
                && (n == 1 || !be_alpha(s, at - n - 1, to)
                    || (unsigned char) s[at - n] >= 0x80))
            {
                return n;
            }

        } else if (at + n <= to
                   && strncasecmp(s + at, be_currencies[i], (size_t) n) == 0
                   && ((unsigned char) s[at] >= 0x80
                       || !be_alpha(s, at + n, to)))
        {
            return n;
        }
    }

    return 0;
}


/* " 234 567,89": groups behind blanks are an amount's where decimals end
 * them; else they may as well be the next column's. */

static int
be_blank_groups(const char *s, int p, int to)
{
    while (p < to && s[p] == ' ' && be_digits(s, p + 1, to) == 3) {
        p += 4;
    }

    return p < to && (s[p] == ',' || s[p] == '.')
           && be_digits(s, p + 1, to) == 2;
}


/*
 * Digits with separators: "1,234.56", "33 535,20", "1.234", "7,855", "100".
 * Returns the end, and the value and decimals by what the last separator is.
 */

static int
be_amount(const char *s, int at, int to, be_hit_t *h)
{
    int     i, n, p = at, groups = 0;
    char    last = 0;
    double  v = 0, frac = 0, scale = 1;

    n = be_digits(s, p, to);
    for (i = 0; i < n; i++) {
        v = v * 10 + (s[p + i] - '0');
    }
    p += n;
    h->decimals = 0;

    while (p < to) {
        if ((s[p] == ',' || s[p] == '.' || s[p] == '\'')
            && be_digit(s, p + 1, to))
        {
            n = be_digits(s, p + 1, to);
            i = p + 1;

        } else if (s[p] == ' ' && be_digits(s, p + 1, to) == 3
                   && (groups || p - at <= 3) && last != ',' && last != '.'
                   && be_blank_groups(s, p, to))
        {
            n = 3;
            i = p + 1;

        } else if ((s[p] == ',' || s[p] == '.') && p + 1 < to
                   && s[p + 1] == ' ' && be_digits(s, p + 2, to) == 2
                   && !be_alpha(s, p + 4, to) && last != s[p])
        {
            n = 2;               /* "13. 80": a space that OCR has added */
            i = p + 2;

        } else {
            break;
        }

        /* three digits are a group, unless a decimal point was there */

        if (n == 3 && s[p] != last && last != 0 && last != ' ') {
            break;
        }

        last = s[p];

        if (n == 3) {
            groups++;
            for ( /* void */ ; n > 0; n--, i++) {
                v = v * 10 + (s[i] - '0');
            }
            p = i;
            continue;
        }

        h->decimals = n;
        for ( /* void */ ; n > 0; n--, i++) {
            scale /= 10;
            frac += scale * (s[i] - '0');
        }
        p = i;
        break;
    }

    h->number = v + frac;

    return p;
}


int
be_scan_money(const char *s, int at, int to, be_hit_t *h)
{
    int  p, end, n, q;

    for (p = at; p < to; p++) {
        if (!be_digit(s, p, to)) {
            continue;
        }

        memset(h, 0, sizeof(*h));
        end = be_amount(s, p, to, h);
        n = be_currency(s, at, to, p, 1);

        if (n == 0 && p - 1 >= at && s[p - 1] == ' ') {
            n = be_currency(s, at, to, p - 1, 1);
        }

        q = p - 1;
        h->currency = n > 0;
        n = be_currency(s, at, to, end < to && s[end] == ' ' ? end + 1 : end,
                        0);
        h->currency |= n > 0;

        /* part of a word, a rate, a date, a time, a number with dashes */

        if ((q >= 0 && (be_alpha(s, q, to) || s[q] == '/' || s[q] == '#'
                        || s[q] == '.' || s[q] == ',' || s[q] == ':'
                        || (s[q] == '-' && q > 0 && s[q - 1] != ' '
                            && !ispunct((unsigned char) s[q - 1])))
             && !(h->currency && be_currency(s, at, to, p, 1))
             && !(s[q] == ':' || (s[q] == '.' && h->decimals == 2)))
            || (be_alpha(s, end, to) && !n)
            || (end < to && (s[end] == '%' || s[end] == '/' || s[end] == ':'
                             || s[end] == '_'))
            || (end + 1 < to && s[end] == ' ' && s[end + 1] == '%')
            || (end + 1 < to && s[end] == '-' && be_digit(s, end + 1, to))
            || (end + 1 < to && s[end] == '.' && be_digit(s, end + 1, to)))
        {
            p = end - 1;

            while (p + 1 < to && s[p + 1] != ' ') {
                p++;
            }
            continue;
        }

        h->from = p;
        h->to = end;

        /* "-5,60", "- 5,60", "-$8.20" is left without its sign */

        if (p > at && s[p - 1] == '-') {
            h->from = p - 1;
            h->number = -h->number;

        } else if (p - 2 >= at && (unsigned char) s[p - 3 < at ? p : p - 3]
                   == 0xE2 && s[p - 2] == '\x88' && s[p - 1] == '\x92')
        {
            h->from = p - 3;
            h->number = -h->number;

        } else if (end < to && s[end] == '-'
                   && (end + 1 == to || s[end + 1] == ' '))
        {
            h->to = end + 1;
            h->number = -h->number;
        }

        return 1;
    }

    return 0;
}


int
be_scan_time(const char *s, int at, int to, be_hit_t *h)
{
    int  p, n, q, g;

    for (p = at; p < to; p++) {
        if (!be_digit(s, p, to)) {
            continue;
        }

        n = be_digits(s, p, to);
        q = p + n;

        if (n <= 2 && be_value(s, p, n) < 24
            && (p == 0 || (!be_alpha(s, p - 1, to) && s[p - 1] != ':'
                           && s[p - 1] != '.' && s[p - 1] != '/')))
        {
            g = q < to && (s[q] == ':' || ((s[q] == 'h' || s[q] == 'H')
                                           && be_digits(s, q + 1, to) == 2));
            g = g ? 1 : be_skip(s, q, to, "\xE6\x99\x82");

            if (g && be_digits(s, q + g, to) == 2
                && be_value(s, q + g, 2) < 60)
            {
                memset(h, 0, sizeof(*h));
                h->from = p;
                q += g + 2;

                if (q < to && s[q] == ':' && be_digits(s, q + 1, to) == 2) {
                    q += 3;
                }

                g = q < to && s[q] == ' ';
                if (q + g + 1 < to && strchr("aApP", s[q + g])
                    && strchr("mM", s[q + g + 1])
                    && !be_alpha(s, q + g + 2, to))
                {
                    q += g + 2;
                }

                q += be_skip(s, q, to, "\xE5\x88\x86");
                h->to = q;

                return 1;
            }
        }

        p += n - 1;
    }

    return 0;
}


int
be_scan_phone(const char *s, int at, int to, be_hit_t *h)
{
    int  p, q, n, end;

    for (p = at; p < to; p++) {
        if (!be_digit(s, p, to) && s[p] != '+' && s[p] != '(') {
            continue;
        }

        for (q = end = p, n = 0; q < to; q++) {
            if (be_digit(s, q, to)) {
                n++;
                end = q + 1;

            } else if (strchr("+-() ./", s[q]) == NULL) {
                break;
            }
        }

        if (n >= 7 && n <= 15 && !be_alpha(s, end, to)
            && (p == 0 || !be_alpha(s, p - 1, to)))
        {
            memset(h, 0, sizeof(*h));
            h->from = p;
            h->to = end;
            return 1;
        }

        p = end > p ? end - 1 : p;
    }

    return 0;
}


int
be_scan_email(const char *s, int at, int to, be_hit_t *h)
{
    int  p, a, b;

    for (p = at; p < to; p++) {
        if (s[p] != '@') {
            continue;
        }

        for (a = p; a > at && (isalnum((unsigned char) s[a - 1])
                               || strchr("._%+-", s[a - 1])); a--) { }
        for (b = p + 1; b < to && (isalnum((unsigned char) s[b])
                                   || strchr(".-", s[b])); b++) { }

        if (a < p && b > p + 3 && memchr(s + p, '.', (size_t) (b - p))) {
            memset(h, 0, sizeof(*h));
            h->from = a;
            h->to = b;
            return 1;
        }
    }

    return 0;
}


int
be_scan_id(const char *s, int at, int to, be_hit_t *h)
{
    int       p, q, digits, end;
    be_hit_t  other;

    for (p = at; p < to; p = q + 1) {
        for (q = p, digits = 0; q < to && s[q] != ' '; q++) {
            digits += be_digit(s, q, to);
        }

        /* without what punctuation hangs on it */

        for (end = q; end > p && strchr(".,:;)|", s[end - 1]); end--) { }
        while (p < end && strchr(":#(.|=*", s[p]) && s[p] != '#') {
            p++;
        }

        if (digits == 0 || end - p < 2 || s[end - 1] == '%') {
            continue;
        }

        if (be_scan_date(s, p, end, &other) && other.from == p
            && other.to == end && digits != 8)
        {
            continue;
        }

        if (be_scan_money(s, p, end, &other) && other.decimals == 2
            && other.to - other.from >= end - p - 1)
        {
            continue;
        }

        memset(h, 0, sizeof(*h));
        h->from = p;
        h->to = end;

        return 1;
    }

    return 0;
}
