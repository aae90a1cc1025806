/*
 * Amounts: total, subtotal, tax and what is paid.  Called by rules.c.
 *
 * A label alone often misleads ("Total" over a tax summary), so candidates
 * are weighed by arithmetic as well: subtotal + tax, and cash - change.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "rules.h"


typedef struct {
    be_cand_t  *v;
    int         n;
} be_cands_t;


static int
be_equal(double a, double b)
{
    return fabs(a - b) < 0.005;
}


static void
be_cand_add(be_cands_t *c, int row, const be_hit_t *h, double score)
{
    c->v = be_grow(c->v, sizeof(be_cand_t) * (size_t) (c->n + 1));
    c->v[c->n++] = (be_cand_t) { row, *h, score };
}


/* The rightmost amount after a label, before the next label of an amount. */

static int
be_money_right(const be_rules_t *r, const be_label_t *a, be_hit_t *h,
    int *count)
{
    int                i, at, end;
    be_hit_t           next;
    const char        *s = r->l.rows[a->row].text;
    const be_label_t  *o;

    end = (int) strlen(s);

    for (i = 0; i < r->labels.n; i++) {
        o = &r->labels.v[i];

        if (o->row == a->row && o->from >= a->to && o->from < end
            && o->weight >= 6
            && be_kind_of((be_concept_e) o->concept) == BE_K_MONEY
            && (be_row_seg(&r->l.rows[o->row], o->from)
                != be_row_seg(&r->l.rows[a->row], a->from)
                || be_scan_money(s, a->to, o->from, &next)))
        {
            end = o->from;       /* "Brutto (inkl. USt.)" is all one label */
        }
    }

    *count = 0;

    for (at = a->to; be_scan_money(s, at, end, &next); at = next.to) {
        *h = next;
        (*count)++;
    }

    return *count > 0;
}


/*
 * The column of amounts under a label: the first, or where the last is the
 * sum of those above it, that.  Signs do not count: OCR loses them.
 */

static int
be_money_below(const be_rules_t *r, const be_label_t *a, int *row,
    be_hit_t *h)
{
    int              i, s, n = 0;
    double           sum = 0, y;
    be_hit_t         one = { 0 };
    be_box_t         lb = be_row_box(&r->l, a->row, a->from, a->to);
    const be_seg_t  *g;
    const be_row_t  *w;

    y = lb.y1;

    for (i = a->row + 1; i < r->l.nrows; i++) {
        w = &r->l.rows[i];

        if (w->box.y0 - y > 2.5 * r->l.height) {
            break;
        }

        for (s = 0; s < w->nsegs; s++) {
            g = &w->segs[s];

            if (g->box.x1 <= lb.x0 || g->box.x0 >= lb.x1
                || g->box.y0 < lb.y0 + r->l.height / 2)
            {
                continue;
            }

            if (!be_scan_money(w->text, g->from, g->to, &one)) {
                return n > 0;
            }

            if (n == 0 || be_equal(fabs(one.number), sum)) {
                *h = one;
                *row = i;
            }

            sum += fabs(one.number);
            n++;
            y = g->box.y1;
        }
    }

    return n > 0;
}


static double
be_money_looks(const be_rules_t *r, const be_hit_t *h)
{
    int  japanese = strcmp(r->page->language, "jpn") == 0;

    if (h->decimals == 2 || h->currency || japanese) {
        return 1.5;
    }

    return h->decimals == 0 && fabs(h->number) >= 1000 ? 0 : -5;
}


static void
be_money_cands(const be_rules_t *r, int concept, be_cands_t *c)
{
    int                i, row, count;
    double             score;
    be_hit_t           h = { 0 };
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->concept != concept) {
            continue;
        }

        row = a->row;

        if (be_money_right(r, a, &h, &count)) {
            score = a->weight + 1 - (count > 1 ? 1 : 0);

        } else if (be_money_below(r, a, &row, &h)) {
            score = a->weight - 1;

        } else {
            continue;
        }

        /* "points balance 2307" */

        if (r->cents && h.decimals == 0 && !h.currency) {
            continue;
        }

        score += be_money_looks(r, &h) + 1.5 * row / r->l.nrows;

        /* the head of a table is no sum */

        if (a->row == r->body) {
            score -= 4;
        }

        be_cand_add(c, row, &h, score);
    }
}


static int
be_has(const be_cands_t *c, double v)
{
    int  i;

    for (i = 0; i < c->n; i++) {
        if (be_equal(c->v[i].hit.number, v)) {
            return 1;
        }
    }

    return 0;
}


static be_cand_t *
be_best(be_cands_t *c)
{
    int         i;
    be_cand_t  *best = NULL;

    for (i = 0; i < c->n; i++) {
        if (best == NULL || c->v[i].score > best->score) {
            best = &c->v[i];
        }
    }

    return best;
}


typedef struct {
    be_cands_t  total;
    be_cands_t  subtotal;
    be_cands_t  tax;
    be_cands_t  cash;
    be_cands_t  change;
} be_sums_t;


static void
be_weigh_total(const be_rules_t *r, be_sums_t *m)
{
    int         i, j, k;
    double      v, max = -1e18;
    be_cand_t  *t;

    for (i = 0; i < m->total.n; i++) {
        max = fmax(max, m->total.v[i].hit.number);
    }

    for (i = 0; i < m->total.n; i++) {
        t = &m->total.v[i];
        v = t->hit.number;

        /* what is summed up last is the largest */

        if (be_equal(v, max)) {
            t->score += 2.5;
        }

        if (be_equal(v, 0)) {
            t->score -= 6;
        }

        for (j = 0, k = 0; j < m->subtotal.n && !k; j++) {
            k = be_has(&m->tax, v - m->subtotal.v[j].hit.number)
                && !be_equal(v, m->subtotal.v[j].hit.number);
        }
        t->score += k ? 3 : 0;

        for (j = 0, k = 0; j < m->cash.n && !k; j++) {
            k = be_has(&m->change, m->cash.v[j].hit.number - v)
                || be_has(&m->change, v - m->cash.v[j].hit.number);
        }
        t->score += k ? 3 : 0;

        /* paid to the cent, as by card */

        if (m->change.n == 0 && be_has(&m->cash, v)) {
            t->score += 1.5;
        }

        for (j = 0, k = 0; j < m->total.n; j++) {
            k += j != i && be_equal(m->total.v[j].hit.number, v);
        }
        t->score += k > 2 ? 1.5 : 0.5 * k;
    }

    (void) r;
}


/* Whether the page has the amount, with its cents. */

static int
be_is_amount(const be_rules_t *r, double v)
{
    int          i, at;
    be_hit_t     h;
    const char  *s;

    for (i = 0; i < r->l.nrows; i++) {
        s = r->l.rows[i].text;

        for (at = 0; be_scan_money(s, at, (int) strlen(s), &h); at = h.to) {
            if (be_equal(h.number, v) && (h.decimals == 2 || h.currency)) {
                return 1;
            }
        }
    }

    return 0;
}


/* No tax takes more of a subtotal. */

#define BE_MOST_TAX  0.3


/*
 * A subtotal and no total: the amount below it that is more by another amount
 * of the page, which then is the tax; else the subtotal itself.
 */

static int
be_total_of_subtotal(const be_rules_t *r, const be_sums_t *m,
    be_cand_t *best)
{
    int               i, at;
    double            s, more;
    be_hit_t          h;
    const char       *t;
    const be_cand_t  *sub = NULL;

    for (i = 0; i < m->subtotal.n; i++) {
        if (sub == NULL || m->subtotal.v[i].score > sub->score) {
            sub = &m->subtotal.v[i];
        }
    }

    if (sub == NULL || (sub->hit.decimals != 2 && !sub->hit.currency)) {
        return 0;
    }

    *best = *sub;
    s = sub->hit.number;

    for (i = sub->row + 1; i < r->l.nrows; i++) {
        t = r->l.rows[i].text;

        for (at = 0; be_scan_money(t, at, (int) strlen(t), &h); at = h.to) {
            more = h.number - s;

            if (h.decimals == 2 && more > 0.005 && more < BE_MOST_TAX * s
                && !be_has(&m->change, more) && be_is_amount(r, more))
            {
                best->row = i;
                best->hit = h;
                return 1;
            }
        }
    }

    return 1;
}


/* Where no label was read: the largest amount of the lower part. */

static int
be_total_guess(const be_rules_t *r, const be_sums_t *m, be_cand_t *best)
{
    int          i, at, found = 0;
    be_hit_t     h;
    const char  *s;

    if (be_total_of_subtotal(r, m, best)) {
        return 1;
    }

    for (i = r->l.nrows / 3; i < r->l.nrows; i++) {
        s = r->l.rows[i].text;

        for (at = 0; be_scan_money(s, at, (int) strlen(s), &h); at = h.to) {
            if (h.decimals != 2 && !h.currency) {
                continue;
            }

            if (be_has(&m->cash, h.number) && m->change.n) {
                continue;
            }

            if (!found || h.number > best->hit.number) {
                best->row = i;
                best->hit = h;
                found = 1;
            }
        }
    }

    return found;
}


static void
be_sums(const be_rules_t *r, be_sums_t *m)
{
    memset(m, 0, sizeof(*m));

    be_money_cands(r, BE_C_TOTAL, &m->total);
    be_money_cands(r, BE_C_SUBTOTAL, &m->subtotal);
    be_money_cands(r, BE_C_TAX, &m->tax);
    be_money_cands(r, BE_C_CASH, &m->cash);
    be_money_cands(r, BE_C_CHANGE, &m->change);
    be_weigh_total(r, m);
}


static void
be_sums_free(be_sums_t *m)
{
    free(m->total.v);
    free(m->subtotal.v);
    free(m->tax.v);
    free(m->cash.v);
    free(m->change.v);
}


/* The tax that makes a subtotal the total, and the other way round. */

static void
be_weigh_part(be_cands_t *part, const be_cands_t *other, double total)
{
    int         i;
    be_cand_t  *c;

    for (i = 0; i < part->n; i++) {
        c = &part->v[i];

        if (be_has(other, total - c->hit.number)) {
            c->score += 4;
        }

        if (fabs(c->hit.number) > fabs(total) + 0.005) {
            c->score -= 4;
        }
    }
}


void
be_rule_money(be_rules_t *r, int concept, be_value_t *v)
{
    be_cand_t   guess, *best = NULL, *total;
    be_sums_t   m;
    be_cands_t  other = { 0 };

    be_sums(r, &m);
    total = be_best(&m.total);

    if (total == NULL && be_total_guess(r, &m, &guess)) {
        total = &guess;
    }

    switch (concept) {
    case BE_C_TOTAL:
        best = total;
        break;

    case BE_C_SUBTOTAL:
        if (total != NULL) {
            be_weigh_part(&m.subtotal, &m.tax, total->hit.number);
        }
        best = be_best(&m.subtotal);
        break;

    case BE_C_TAX:
        if (total != NULL) {
            be_weigh_part(&m.tax, &m.subtotal, total->hit.number);

            /* the total itself, read beside "incl. tax", is no tax */

            for (int i = 0; i < m.tax.n; i++) {
                if (be_equal(m.tax.v[i].hit.number, total->hit.number)) {
                    m.tax.v[i].score -= 8;
                }
            }
        }
        best = be_best(&m.tax);
        if (best != NULL && best->score < 2) {
            best = NULL;
        }
        break;

    default:
        be_money_cands(r, concept, &other);
        best = be_best(&other);
        break;
    }

    if (best != NULL) {
        be_take(r, v, best->row, best->hit.from, best->hit.to);
        v->unsure = best == &guess;
    }

    free(other.v);
    be_sums_free(&m);
}
