/*
 * The columns of a table, by the words of its head.  Called by rules_table.c.
 * Invariant: no two columns overlap, and each child has one at most.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "columns.h"


static void
be_columns_row(const be_rules_t *r, const be_field_t *fd, int row,
    be_columns_t *out)
{
    int           i, j;
    char         *p;
    be_box_t      box;
    be_labels_t   c;

    be_labels_columns(&r->l, row, &c);

    /* a child that the lexicon does not know is sought by its own name */

    for (i = 0; i < fd->nchildren; i++) {
        if (be_concept_of(fd->children[i].name, 1) == BE_C_NONE) {
            char  *words = be_strdup(fd->children[i].name);

            for (p = words; *p; p++) {
                *p = *p == '_' ? ' ' : *p;
            }

            be_labels_add(&r->l, &c, words, BE_C_CUSTOM + i, 9);
            free(words);
        }
    }

    for (i = 0; i < c.n && out->n < BE_MAX_COLUMNS; i++) {
        if (c.v[i].row != row) {
            continue;
        }

        box = be_row_box(&r->l, row, c.v[i].from, c.v[i].to);

        for (j = 0; j < out->n && !be_overlaps(&out->v[j].box, &box); j++) { }

        if (j < out->n) {
            if (out->v[j].row < row && c.v[i].concept == BE_C_DESCRIPTION
                && be_main_column(out->v[j].concept) == 0)
            {
                out->v[j].concept = BE_C_DESCRIPTION;
                out->deeper = 1;
            }
            continue;
        }

        out->v[out->n].concept = c.v[i].concept;
        out->v[out->n].row = row;
        out->v[out->n].box = box;
        out->n++;
    }

    be_labels_free(&c);
}


/* Of two prices and no amount, the one to the right is the amount. */

static void
be_columns_amount(be_columns_t *c)
{
    int  i, n = 0, right = -1;

    for (i = 0; i < c->n; i++) {
        if (c->v[i].concept == BE_C_AMOUNT) {
            return;
        }

        if (c->v[i].concept == BE_C_UNIT_PRICE) {
            n++;
            if (right < 0 || c->v[i].box.x0 > c->v[right].box.x0) {
                right = i;
            }
        }
    }

    if (n > 1) {
        c->v[right].concept = BE_C_AMOUNT;
    }
}


/*
 * The word over the amounts was not read: amounts that stand right of all
 * columns are a column, too.
 */

static void
be_columns_last(const be_rules_t *r, be_columns_t *c)
{
    int              i, row, n = 0;
    double           right = 0;
    be_box_t         box = { 0 };
    be_hit_t         h;
    const be_row_t  *w;
    const be_seg_t  *g;

    for (i = 0; i < c->n; i++) {
        right = fmax(right, c->v[i].box.x1);

        if (c->v[i].concept == BE_C_AMOUNT) {
            return;
        }
    }

    for (row = r->body + 1; row < r->sums; row++) {
        w = &r->l.rows[row];
        g = &w->segs[w->nsegs - 1];

        if (g->box.x0 > right
            && be_scan_money(w->text, g->from, g->to, &h) && h.decimals == 2)
        {
            box = n++ ? be_box_union(box, g->box) : g->box;
        }
    }

    if (n && c->n && c->n < BE_MAX_COLUMNS) {
        c->v[c->n++] = (be_column_t) { BE_C_AMOUNT, -1, r->body, box };
    }
}


void
be_columns(const be_rules_t *r, const be_field_t *fd, be_columns_t *out)
{
    int              i, j, c, near;
    const be_row_t  *head = &r->l.rows[r->body], *w;
    static const int  order[] = { 0, -1, 1 };

    memset(out, 0, sizeof(*out));

    /* a head may have two lines: the neighbours fill the gaps */

    for (i = 0; i < 3; i++) {
        j = r->body + order[i];

        if (j < 0 || j >= r->l.nrows) {
            continue;
        }

        w = &r->l.rows[j];
        near = fabs((w->box.y0 + w->box.y1) - (head->box.y0 + head->box.y1))
               < 3.6 * r->l.height;

        if (j == r->body || (near && j < r->sums)) {
            be_columns_row(r, fd, j, out);
        }
    }

    be_columns_amount(out);
    be_columns_last(r, out);

    for (i = 0; i < out->n; i++) {
        c = out->v[i].concept;
        out->v[i].child = c >= BE_C_CUSTOM ? c - BE_C_CUSTOM
                                           : be_child_of(fd, c);

        /* of two columns of one kind the first counts, the last for sums */

        for (j = 0; j < i; j++) {
            if (out->v[j].child == out->v[i].child && out->v[i].child >= 0) {
                if ((c == BE_C_AMOUNT) == (out->v[i].box.x0
                                           > out->v[j].box.x0))
                {
                    out->v[j].child = -1;
                } else {
                    out->v[i].child = -1;
                }
            }
        }
    }
}
