/*
 * Line items of a receipt that has no head over its columns: words, then an
 * amount.  Called by rules_table.c, where it finds no table.
 */

#include <ctype.h>
#include <string.h>

#include "rules.h"


static void
be_plain_value(const be_rules_t *r, const be_field_t *fd, be_value_t *v,
    int concept, int row, int from, int to)
{
    int  child = be_child_of(fd, concept);

    if (child >= 0 && to > from) {
        be_take(r, &v[child], row, from, to);
    }
}


/* What a number is multiplied by: "2 x", "2 @", "2x". */

static int
be_plain_times(const char *s, int at, int end)
{
    while (at < end && s[at] == ' ') {
        at++;
    }

    return at < end && strchr("xX@*", s[at]) != NULL
           && (at + 1 >= end || !isalpha((unsigned char) s[at + 1]));
}


/*
 * "2 x 3.50", "2 @", or a lone small number at either end: a quantity before
 * byte "end".  Numbers within a name are part of it.
 */

static int
be_plain_qty(const char *s, int from, int end, be_hit_t *h)
{
    int  p, q, lone, ends;

    for (p = from; p < end; p++) {
        if (!isdigit((unsigned char) s[p])
            || (p > from && s[p - 1] != ' ' && s[p - 1] != 'x'
                && s[p - 1] != 'X'))
        {
            continue;
        }

        for (q = p; q < end && isdigit((unsigned char) s[q]); q++) { }

        lone = q == end || s[q] == ' ';
        ends = p == from || s + q + strspn(s + q, " ") >= s + end
               || (p > from && (s[p - 1] == 'x' || s[p - 1] == 'X'));

        if (q - p <= 3 && ((lone && ends) || be_plain_times(s, q, end))) {
            h->from = p;
            h->to = q;
            return 1;
        }

        p = q;
    }

    return 0;
}


/* Whether bytes of the row are a sum's name: no item is called so. */

static int
be_plain_sum(const be_rules_t *r, int row)
{
    int                i;
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->weight >= 6
            && (a->from < 3
                || (a->weight >= 7 && a->concept == BE_C_TAX)
                || (a->weight >= 8 && (a->concept == BE_C_TOTAL
                                       || a->concept == BE_C_SUBTOTAL))))
        {
            return 1;
        }
    }

    return 0;
}


/* "08.30 - 12.30 Uhr" are hours, "(35,13)" is said by the way. */

static int
be_plain_aside(const char *s, const be_hit_t *before, const be_hit_t *last)
{
    int  p;

    for (p = last->from; p > 0 && s[p - 1] != ')'; p--) {
        if (s[p - 1] == '(') {
            return 1;
        }
    }

    p = before->to;

    while (p && p < last->from && strchr(" -", s[p]) != NULL) {
        p++;
    }

    return p && p == last->from && memchr(s + before->to, '-',
                                  (size_t) (last->from - before->to)) != NULL
           && before->number < 24 && last->number < 24;
}


/* An item of a receipt without a table's head: words, then an amount. */

static void
be_plain_row(const be_rules_t *r, const be_field_t *fd, int row,
    int *pending, be_result_t *out)
{
    int          at, n = 0, end;
    be_hit_t     h, last, before, q;
    const char  *s = r->l.rows[row].text;
    be_value_t  *v;

    memset(&last, 0, sizeof(last));
    memset(&before, 0, sizeof(before));
    end = (int) strlen(s);

    if (be_plain_sum(r, row) || be_scan_date(s, 0, end, &h)) {
        *pending = -1;
        return;
    }

    for (at = 0; be_scan_money(s, at, end, &h); at = h.to) {
        if (h.decimals == 2 || h.currency) {
            before = last;
            last = h;
            n++;
        }
    }

    if (n == 0 || be_letters(s, last.to, end) > 3) {
        *pending = be_letters(s, 0, end) > 2 ? row : -1;
        return;
    }

    if (be_plain_aside(s, &before, &last)) {
        *pending = -1;
        return;
    }

    end = n > 1 ? before.from : last.from;

    if (be_letters(s, 0, end) < 3 && *pending < 0) {
        return;
    }

    v = be_result_row(out, fd);

    if (be_plain_qty(s, 0, n > 1 ? before.from : last.from, &q)) {
        be_plain_value(r, fd, v, BE_C_QTY, row, q.from, q.to);

        if (q.from < 2) {
            at = q.to;           /* "2 Coffee 7.00", "2 x Coffee" */

            if (be_plain_times(s, at, end)) {
                at += (int) strspn(s + at, " ") + 1;
            }
        } else {
            at = 0;
            end = be_letters(s, 0, q.from) >= 3 ? q.from : end;
        }

    } else {
        at = 0;
    }

    if (be_letters(s, at, end) >= 3) {
        be_plain_value(r, fd, v, BE_C_DESCRIPTION, row, at, end);

    } else if (*pending >= 0) {
        be_plain_value(r, fd, v, BE_C_DESCRIPTION, *pending, 0,
                       (int) strlen(r->l.rows[*pending].text));
    }

    if (n > 1) {
        be_plain_value(r, fd, v, BE_C_UNIT_PRICE, row, before.from,
                       before.to);
    }

    be_plain_value(r, fd, v, BE_C_AMOUNT, row, last.from, last.to);
    *pending = -1;
}


void
be_rule_plain(be_rules_t *r, const be_field_t *fd, be_result_t *out)
{
    int  row, pending = -1;

    if (r->sums == r->l.nrows) {
        return;
    }

    for (row = 2; row < r->sums && out->nrows < BE_MAX_ROWS; row++) {
        be_plain_row(r, fd, row, &pending, out);
    }
}
