/*
 * Line items: the rows of a table under its header.  Called by rules.c.
 * Invariant: a word of a row goes to one column at most.
 */

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "columns.h"
#include "rules.h"
#include "text.h"


int
be_main_column(int c)
{
    return c == BE_C_DESCRIPTION || c == BE_C_QTY || c == BE_C_UNIT_PRICE
           || c == BE_C_AMOUNT;
}


/* How much of a table's head a row is: its number of main columns. */

static int
be_head_score(const be_rules_t *r, int row)
{
    int          i, score = 0, covered = 0, seen[BE_C_CUSTOM] = { 0 };
    be_hit_t     h;
    be_labels_t  c;
    const char  *s = r->l.rows[row].text;

    be_labels_columns(&r->l, row, &c);

    for (i = 0; i < c.n; i++) {
        covered += c.v[i].to - c.v[i].from;

        if (be_main_column(c.v[i].concept) && !seen[c.v[i].concept]) {
            seen[c.v[i].concept] = 1;
            score++;
        }
    }

    be_labels_free(&c);

    if (be_scan_money(s, 0, (int) strlen(s), &h) || r->l.rows[row].nsegs < 2
        || covered * 2 < (int) strlen(s))
    {
        return 0;
    }

    return score;
}


static int
be_is_sum(const be_rules_t *r, int row)
{
    int                i;
    be_hit_t           h;
    const be_label_t  *a;
    const char        *s = r->l.rows[row].text;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->weight >= 7
            && (a->concept == BE_C_TOTAL || a->concept == BE_C_SUBTOTAL)
            && (be_scan_money(s, a->to, (int) strlen(s), &h)
                || a->from == 0))
        {
            return 1;
        }
    }

    return 0;
}


/* Whether amounts of this page are written with two decimals. */

static int
be_has_cents(const be_rules_t *r)
{
    int          i, at, n = 0, end;
    be_hit_t     h;
    const char  *s;

    for (i = 0; i < r->l.nrows; i++) {
        s = r->l.rows[i].text;
        end = (int) strlen(s);

        for (at = 0; be_scan_money(s, at, end, &h); at = h.to) {
            n += h.decimals == 2;
        }
    }

    return n >= 4;
}


void
be_rule_regions(be_rules_t *r)
{
    int  row, score, best = 1;

    r->body = -1;
    r->sums = r->l.nrows;
    r->cents = be_has_cents(r);

    for (row = 0; row < r->l.nrows; row++) {
        score = be_head_score(r, row);

        if (score > best) {
            best = score;
            r->body = row;
        }
    }

    for (row = r->body >= 0 ? r->body + 1 : 4; row < r->l.nrows; row++) {
        if (be_is_sum(r, row)) {
            r->sums = row;
            break;
        }
    }
}


int
be_overlaps(const be_box_t *a, const be_box_t *b)
{
    return a->x0 < b->x1 && b->x0 < a->x1;
}


int
be_child_of(const be_field_t *fd, int concept)
{
    int  i;

    for (i = 0; i < fd->nchildren; i++) {
        if ((int) be_concept_of(fd->children[i].name, 1) == concept) {
            return i;
        }
    }

    return -1;
}


/* The column that a word stands under: the nearest, its middle deciding. */

static int
be_column_of(const be_columns_t *c, const be_box_t *b)
{
    int     i, best = -1;
    double  d, min = 1e9;

    for (i = 0; i < c->n; i++) {
        d = fmax(fmax(c->v[i].box.x0 - b->x1, b->x0 - c->v[i].box.x1), 0);

        if (d == 0) {
            d = -fmin(c->v[i].box.x1, b->x1) + fmax(c->v[i].box.x0, b->x0);
        }

        if (d < min) {
            min = d;
            best = i;
        }
    }

    return best;
}


/* Cuts a row at its columns: from[] and to[] are the bytes of each. */

static void
be_row_cells(const be_rules_t *r, const be_columns_t *c, int row, int *from,
    int *to)
{
    int              i, s, p, q, col, over;
    be_box_t         box;
    const be_row_t  *w = &r->l.rows[row];
    const be_seg_t  *g;

    for (i = 0; i < c->n; i++) {
        from[i] = to[i] = -1;
    }

    for (s = 0; s < w->nsegs; s++) {
        g = &w->segs[s];

        for (i = 0, over = 0; i < c->n; i++) {
            over += be_overlaps(&c->v[i].box, &g->box);
        }

        for (p = g->from; p < g->to; p = q + 1) {
            if (over > 1) {
                for (q = p; q < g->to && w->text[q] != ' '; q++) { }
                box = be_row_box(&r->l, row, p, q);

            } else {
                q = g->to;
                box = g->box;
            }

            col = be_column_of(c, &box);

            if (col >= 0) {
                if (from[col] < 0) {
                    from[col] = p;
                }
                to[col] = q;
            }
        }
    }
}


be_value_t *
be_result_row(be_result_t *out, const be_field_t *fd)
{
    out->rows = be_grow(out->rows, sizeof(be_value_t *)
                        * (size_t) (out->nrows + 1));
    out->rows[out->nrows] = be_alloc(sizeof(be_value_t)
                                     * (size_t) fd->nchildren);

    return out->rows[out->nrows++];
}


/* A number of a cell, without its unit or currency. */

static int
be_cell_number(const char *s, int from, int to, be_hit_t *h)
{
    int  p = from;

    if (from < 0) {
        return 0;
    }

    if (be_scan_money(s, from, to, h)) {
        return 1;
    }

    while (p < to && !isdigit((unsigned char) s[p])) {
        p++;
    }

    if (p == to) {
        return 0;
    }

    memset(h, 0, sizeof(*h));
    h->from = p;
    while (p < to && (isdigit((unsigned char) s[p])
                      || ((s[p] == '.' || s[p] == ',') && p + 1 < to
                          && isdigit((unsigned char) s[p + 1]))))
    {
        p++;
    }
    h->to = p;

    return 1;
}


int
be_letters(const char *s, int from, int to)
{
    int          n = 0;
    uint32_t     cp;
    const char  *p = s + from;

    while (from >= 0 && (cp = be_utf8_next(&p, s + to)) != 0) {
        n += be_is_word(cp) && !(cp >= '0' && cp <= '9');
    }

    return n;
}


static void
be_table_cell(const be_rules_t *r, const be_column_t *col,
    const be_field_t *fd, int row, int from, int to, be_value_t *v)
{
    be_hit_t  h;
    int       number = fd->type == BE_NUMBER || col->concept == BE_C_QTY
                       || col->concept == BE_C_UNIT_PRICE
                       || col->concept == BE_C_AMOUNT;

    if (from < 0) {
        return;
    }

    if (!number) {
        be_take(r, v, row, from, to);

    } else if (be_cell_number(r->l.rows[row].text, from, to, &h)) {
        be_take(r, v, row, h.from, h.to);
    }
}


/* Whether a row has an amount and nothing else under the table's head. */

static int
be_row_is_bare(const be_rules_t *r, const be_columns_t *c, int row,
    const int *from, const int *to)
{
    int          i, other = 0, main = 0;
    be_hit_t     h;
    const char  *s = r->l.rows[row].text;

    for (i = 0; i < c->n; i++) {
        if (c->v[i].concept == BE_C_AMOUNT
            || !be_main_column(c->v[i].concept))
        {
            continue;
        }

        main++;
        other += c->v[i].concept == BE_C_DESCRIPTION
                 ? be_letters(s, from[i], to[i]) > 2
                 : be_cell_number(s, from[i], to[i], &h);
    }

    return main > 1 && other == 0 && !c->deeper;
}


/* One row of the table: 1 if it was an item. */

static int
be_table_row(const be_rules_t *r, const be_columns_t *c,
    const be_field_t *fd, int row, int *pending, be_result_t *out)
{
    int          i, amount = 0, price = 0, has_amount = 0, text = -1, below;
    int          from[BE_MAX_COLUMNS], to[BE_MAX_COLUMNS];
    int          f2[BE_MAX_COLUMNS], t2[BE_MAX_COLUMNS];
    be_hit_t     h;
    be_value_t  *v;
    const char  *s = r->l.rows[row].text;

    be_row_cells(r, c, row, from, to);

    for (i = 0; i < c->n; i++) {
        has_amount |= c->v[i].concept == BE_C_AMOUNT;

        if (c->v[i].concept == BE_C_DESCRIPTION) {
            text = i;
        }

        if (from[i] >= 0 && be_scan_money(s, from[i], to[i], &h)) {
            amount |= c->v[i].concept == BE_C_AMOUNT;
            price |= c->v[i].concept == BE_C_UNIT_PRICE
                     || c->v[i].concept == BE_C_QTY;
        }
    }

    if (!(has_amount ? amount : price)) {
        if (text >= 0 && be_letters(s, from[text], to[text]) > 2) {
            *pending = row;
        }
        return 0;
    }

    if (be_row_is_bare(r, c, row, from, to) && *pending < 0) {
        return 0;
    }

    v = be_result_row(out, fd);

    for (i = 0; i < c->n; i++) {
        if (c->v[i].child < 0) {
            continue;
        }

        if (i == text) {
            below = c->deeper && row + 1 < r->sums;

            if (below) {
                be_row_cells(r, c, row + 1, f2, t2);
                below = f2[i] >= 0
                        && be_letters(r->l.rows[row + 1].text, f2[i], t2[i])
                           > 2;
            }

            if (below) {
                be_take(r, &v[c->v[i].child], row + 1, f2[i], t2[i]);
                continue;
            }

            /* the name stands above its numbers, as on many receipts */

            if (be_letters(s, from[i], to[i]) < 3 && *pending >= 0) {
                be_row_cells(r, c, *pending, f2, t2);
                be_take(r, &v[c->v[i].child], *pending, f2[i], t2[i]);
                continue;
            }
        }

        be_table_cell(r, &c->v[i], &fd->children[c->v[i].child], row, from[i],
                      to[i], &v[c->v[i].child]);
    }

    *pending = -1;

    return 1;
}


void
be_rule_table(be_rules_t *r, const be_field_t *fd, be_result_t *out)
{
    int           row, pending = -1, misses = 0;
    be_columns_t  c;

    if (r->body >= 0) {
        be_columns(r, fd, &c);

        for (row = r->body + 1; row < r->sums && out->nrows < BE_MAX_ROWS
             && misses < 14; row++)
        {
            misses = be_table_row(r, &c, fd, row, &pending, out) ? 0
                                                                 : misses + 1;
        }

        if (out->nrows) {
            return;
        }
    }

    be_rule_plain(r, fd, out);
}
