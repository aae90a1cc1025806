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


/* "2 x 3.50", "2 @", a lone small number: a quantity before byte "end". */

static int
be_plain_qty(const char *s, int from, int end, be_hit_t *h)
{
    int  p, q;

    for (p = from; p < end; p++) {
        if (!isdigit((unsigned char) s[p])
            || (p > from && s[p - 1] != ' ' && s[p - 1] != 'x'
                && s[p - 1] != 'X'))
        {
            continue;
        }

        for (q = p; q < end && isdigit((unsigned char) s[q]); q++) { }

        if (q - p <= 3 && (q == end || s[q] == ' ' || s[q] == 'x'
                           || s[q] == 'X' || s[q] == '@'))
        {
            h->from = p;
            h->to = q;
            return 1;
        }

        p = q;
    }

    return 0;
}


/* An item of a receipt without a table's head: words, then an amount. */

static void
be_plain_row(const be_rules_t *r, const be_field_t *fd, int row,
    int *pending, be_result_t *out)
{
    int                i, at, n = 0, end;
    be_hit_t           h, last, before, q;
    const char        *s = r->l.rows[row].text;
    be_value_t        *v;
    const be_label_t  *a;

    memset(&last, 0, sizeof(last));
    memset(&before, 0, sizeof(before));
    end = (int) strlen(s);

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->from < 3 && a->weight >= 6) {
            *pending = -1;
            return;
        }
    }

    if (be_scan_date(s, 0, end, &h)) {
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

    end = n > 1 ? before.from : last.from;

    if (be_letters(s, 0, end) < 3 && *pending < 0) {
        return;
    }

    v = be_result_row(out, fd);

    if (be_plain_qty(s, 0, n > 1 ? before.from : last.from, &q)) {
        be_plain_value(r, fd, v, BE_C_QTY, row, q.from, q.to);

        if (q.from < 2) {
            at = q.to;           /* "2 Coffee 7.00" */
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
