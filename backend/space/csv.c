/*
 * CSV: one cell, and the name of the file.  Called by view_csv.c.  Pure.
 *
 * Invariant: a value that somebody printed on an invoice does nothing in the
 * spreadsheet of who opens the file.
 */

#include <stdio.h>
#include <string.h>

#include "../text.h"
#include "csv.h"
#include "value.h"


/* What parts cells for some reader: of a file with semicolons or tabs, for
 * whom the quotes of a cell that is not the first one are letters like any
 * other. */

#define BE_CSV_PARTS   ";\t\r\n"

#define BE_CSV_NUMBER  200       /* bytes; what is longer is none */


/* What begins a formula: the wide forms are taken for the narrow ones by
 * spreadsheets of East Asia. */

static int
be_csv_begins(const char *s, const char *signs)
{
    uint32_t     cp;
    const char  *p = s;

    cp = be_utf8_next(&p, s + strlen(s));

    if (cp >= 0xFF01 && cp <= 0xFF5E) {
        cp -= 0xFEE0;
    }

    return cp != 0 && cp < 0x80 && strchr(signs, (int) cp) != NULL;
}


/* A cell that would be computed. */

static int
be_csv_formula(const char *s)
{
    double  num;

    return be_csv_begins(s, "=+-@\t\r\n") && !be_value_number(s, &num);
}


/* The same, behind what parts cells. */

static int
be_csv_another(const char *s)
{
    char    piece[BE_CSV_NUMBER];
    double  num;
    size_t  len;

    s += strspn(s, "\"");

    if (!be_csv_begins(s, "=+-@")) {
        return 0;
    }

    len = strcspn(s, BE_CSV_PARTS);

    if (len >= sizeof(piece)) {
        return 1;
    }

    memcpy(piece, s, len);
    piece[len] = '\0';

    return !be_value_number(piece, &num);
}


void
be_csv_cell(be_buf_t *b, const char *s)
{
    int     quoted;
    size_t  len;

    quoted = strpbrk(s, "\"," BE_CSV_PARTS) != NULL;

    if (quoted) {
        be_buf_str(b, "\"");
    }

    if (be_csv_formula(s)) {
        be_buf_str(b, "'");
    }

    for ( ;; ) {
        len = strcspn(s, "\"" BE_CSV_PARTS);
        be_buf_add(b, s, len);
        s += len;

        if (*s == '\0') {
            break;
        }

        be_buf_add(b, s, 1);

        if (*s++ == '"') {
            be_buf_str(b, "\"");

        } else if (be_csv_another(s)) {
            be_buf_str(b, "'");
        }
    }

    if (quoted) {
        be_buf_str(b, "\"");
    }
}


static int
be_csv_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_';
}


/* RFC 6266: a name in ASCII for old clients, and the true one; whole
 * characters of it, as many as there is room for. */

void
be_csv_disposition(const char *name, char *out, size_t size)
{
    size_t       n, i, room;
    const char  *p, *from, *end = name + strlen(name);

    n = (size_t) snprintf(out, size, "attachment; filename=\"");
    room = n + 60;

    for (p = name; p < end && n < room; ) {
        from = p;
        (void) be_utf8_next(&p, end);
        out[n++] = be_csv_plain(*from) || *from == ' ' ? *from : '_';
    }

    n += (size_t) snprintf(out + n, size - n, ".csv\"; filename*=UTF-8''");

    for (p = name; p < end; ) {
        from = p;
        (void) be_utf8_next(&p, end);

        if (n + 3 * (size_t) (p - from) + sizeof(".csv") > size) {
            break;
        }

        for (i = 0; from + i < p; i++) {
            n += (size_t) snprintf(out + n, size - n, be_csv_plain(from[i])
                                   ? "%c" : "%%%02X",
                                   (unsigned char) from[i]);
        }
    }

    snprintf(out + n, size - n, ".csv");
}
