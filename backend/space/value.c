/*
 * Values as they are compared: numbers, and texts in which something is
 * searched.  Called by item.c, where.c, rows.c and csv.c.  Pure.
 *
 * Invariant: a value is stored as it was read, and what is made of it here is
 * for comparisons only.
 */

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "../text.h"
#include "value.h"


#define BE_MAX_DIGITS  60        /* a longer one is no number of a document */


static int
be_is_currency(uint32_t cp)
{
    return cp == '$' || cp == 0xA3 || cp == 0xA5 || cp == 0x20AC
           || cp == 0xFFE1 || cp == 0xFFE5;
}


/* A sign, digits, "." and ","; their number, or 0 where there is more. */

static int
be_number_digits(const char *s, char *out)
{
    int          n = 0;
    uint32_t     cp;
    const char  *end = s + strlen(s);

    while ((cp = be_utf8_next(&s, end)) != 0) {
        if (cp >= 0xFF01 && cp <= 0xFF5E) {
            cp -= 0xFEE0;
        }

        if (cp == 0x2212) {
            cp = '-';
        }

        if (be_is_space(cp) || be_is_currency(cp)) {
            continue;
        }

        if (n == BE_MAX_DIGITS || cp >= 0x80
            || strchr("0123456789.,+-", (int) cp) == NULL
            || ((cp == '+' || cp == '-') && n > 0))
        {
            return 0;
        }

        out[n++] = (char) cp;
    }

    out[n] = '\0';

    return n;
}


/*
 * Commas go.  One is the decimal sign: the only one after dots (1.960,00),
 * and the only one where one or two digits are left (12,50).
 */

static void
be_number_commas(char *s)
{
    char  *p, *dot = strchr(s, '.'), *comma = strchr(s, ',');
    char  *in = s, *out = s;

    p = NULL;

    if (comma != NULL && strchr(comma + 1, ',') == NULL
        && ((dot != NULL && dot < comma && strchr(comma, '.') == NULL)
            || (dot == NULL && comma[1] != '\0' && strlen(comma) <= 3)))
    {
        p = comma;
    }

    for ( /* void */ ; *in != '\0'; in++) {
        if (in == p) {
            *out++ = '.';

        } else if (*in != ',' && (*in != '.' || p == NULL)) {
            *out++ = *in;
        }
    }

    *out = '\0';
}


int
be_value_number(const char *s, double *num)
{
    char    digits[BE_MAX_DIGITS + 1];
    char   *p = digits;
    size_t  whole, part = 0;

    if (be_number_digits(s, digits) == 0) {
        return 0;
    }

    be_number_commas(digits);

    p += *p == '+' || *p == '-';
    whole = strspn(p, "0123456789");
    p += whole;

    if (*p == '.') {
        part = strspn(p + 1, "0123456789");
        p += part + 1;
    }

    if (*p != '\0' || whole + part == 0) {
        return 0;
    }

    *num = strtod(digits, NULL);

    return 1;
}


static pthread_once_t  be_fold_once = PTHREAD_ONCE_INIT;
static locale_t        be_fold_locale;


static void
be_fold_init(void)
{
    be_fold_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
}


static uint32_t
be_fold_char(uint32_t cp)
{
    if (cp >= 0xFF01 && cp <= 0xFF5E) {
        cp -= 0xFEE0;
    }

    if (cp == 0x3000) {
        return ' ';
    }

    if (cp < 0x80) {
        return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    }

    if (be_fold_locale != (locale_t) 0) {
        cp = (uint32_t) towlower_l((wint_t) cp, be_fold_locale);
    }

    return cp == 0x3C2 ? 0x3C3 : cp;     /* the sigma at the end of a word */
}


void
be_value_fold(const char *s, size_t len, be_buf_t *out)
{
    uint32_t     cp;
    const char  *end = s + len;

    out->len = 0;

    if (be_buf_reserve(out, len) != 0) {
        return;
    }

    for ( /* void */ ; s < end && (unsigned char) *s < 0x80; s++) {
        out->data[out->len++] = (char) be_fold_char((unsigned char) *s);
    }

    out->data[out->len] = '\0';

    if (s == end) {
        return;
    }

    (void) pthread_once(&be_fold_once, be_fold_init);

    while ((cp = be_utf8_next(&s, end)) != 0) {
        be_utf8_add(out, be_fold_char(cp));
    }
}
