#ifndef BE_SCAN_CHARS_H
#define BE_SCAN_CHARS_H

/* Characters of a row, for the scanners alone. */

#include <ctype.h>
#include <string.h>

static inline int
be_digit(const char *s, int at, int to)
{
    return at < to && s[at] >= '0' && s[at] <= '9';
}


static inline int
be_alpha(const char *s, int at, int to)
{
    unsigned char  c = at >= 0 && at < to ? (unsigned char) s[at] : ' ';

    return isalpha(c) || (c >= 0xC3 && c <= 0xD4);
}


static inline int
be_digits(const char *s, int at, int to)
{
    int  n = 0;

    while (be_digit(s, at + n, to)) {
        n++;
    }

    return n;
}


static inline int
be_value(const char *s, int at, int n)
{
    int  v = 0;

    while (n-- > 0 && v < 100000) {
        v = v * 10 + (s[at++] - '0');
    }

    return v;
}


static inline int
be_skip(const char *s, int p, int to, const char *what)
{
    int  n = (int) strlen(what), q = p;

    while (q < to && s[q] == ' ') {
        q++;
    }

    return q + n <= to && memcmp(s + q, what, (size_t) n) == 0 ? q + n - p : 0;
}

#endif
