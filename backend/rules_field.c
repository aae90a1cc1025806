/*
 * Values that stand next to their labels: numbers, dates, times, phones and
 * whatever a client's own fields name.  Called by rules.c.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "rules.h"
#include "text.h"


/* How far below its label a value may stand, in heights of a word. */

#define BE_BELOW  3.4


int
be_scan_kind(be_kind_e kind, const char *s, int at, int to, be_hit_t *h)
{
    switch (kind) {
    case BE_K_MONEY:
        return be_scan_money(s, at, to, h);
    case BE_K_DATE:
        return be_scan_date(s, at, to, h);
    case BE_K_TIME:
        return be_scan_time(s, at, to, h);
    case BE_K_PHONE:
        return be_scan_phone(s, at, to, h);
    case BE_K_EMAIL:
        return be_scan_email(s, at, to, h);
    case BE_K_ID:
        return be_scan_id(s, at, to, h);
    default:
        break;
    }

    while (at < to && strchr(" :;.|#-", s[at])) {
        at++;
    }

    memset(h, 0, sizeof(*h));
    h->from = at;
    h->to = to;

    return at < to;
}


const be_label_t *
be_owner(const be_rules_t *r, int row, int from, int to)
{
    int                i, end = -1;
    be_box_t           box, lb;
    const be_label_t  *best = NULL, *a;
    double             dy, near = BE_BELOW * r->l.height;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->to <= from && a->to > end
            && from - a->to < 30)
        {
            end = a->to;
            best = a;
        }
    }

    if (best != NULL) {
        return best;
    }

    box = be_row_box(&r->l, row, from, to);

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row >= row || a->row < row - 3) {
            continue;
        }

        lb = be_row_box(&r->l, a->row, a->from, a->to);
        dy = box.y0 - lb.y1;

        if (dy >= -r->l.height && dy < near
            && lb.x0 < box.x1 && box.x0 < lb.x1)
        {
            near = dy;
            best = a;
        }
    }

    return best;
}


/* Where the value of a label on its own row must end. */

static int
be_right_limit(const be_rules_t *r, const be_label_t *a, be_kind_e kind)
{
    int                i, end = (int) strlen(r->l.rows[a->row].text);
    const be_label_t  *o;

    for (i = 0; i < r->labels.n; i++) {
        o = &r->labels.v[i];

        if (o->row == a->row && o->from >= a->to && o->from < end
            && o->weight >= 5 && o->concept != a->concept
            && (kind != BE_K_MONEY
                || be_kind_of((be_concept_e) o->concept) == BE_K_MONEY))
        {
            end = o->from;
        }
    }

    return end;
}


static int
be_right_of(const be_rules_t *r, const be_label_t *a, be_kind_e kind,
    be_hit_t *h)
{
    int               end = be_right_limit(r, a, kind);
    const be_row_t   *w = &r->l.rows[a->row];
    const be_seg_t   *seg;

    if (!be_scan_kind(kind, w->text, a->to, end, h)) {
        return 0;
    }

    if (kind == BE_K_TEXT) {
        seg = be_row_seg(w, h->from);
        h->to = seg->to < end ? seg->to : end;
    }

    /* a number is the first or second word after its label */

    if (kind == BE_K_ID && h->from - a->to > 16) {
        return 0;
    }

    return h->from < h->to;
}


static int
be_below(const be_rules_t *r, const be_label_t *a, be_kind_e kind, int *row,
    be_hit_t *h)
{
    int              i, s;
    be_box_t         lb = be_row_box(&r->l, a->row, a->from, a->to);
    const be_seg_t  *g;
    const be_row_t  *w;

    for (i = a->row + 1; i < r->l.nrows; i++) {
        w = &r->l.rows[i];

        if (w->box.y0 - lb.y1 > BE_BELOW * r->l.height) {
            break;
        }

        for (s = 0; s < w->nsegs; s++) {
            g = &w->segs[s];

            if (g->box.x1 <= lb.x0 || g->box.x0 >= lb.x1
                || g->box.y0 < lb.y0 + r->l.height / 2)
            {
                continue;
            }

            if (be_scan_kind(kind, w->text, g->from, g->to, h)) {
                *row = i;
                return 1;
            }

            return 0;
        }
    }

    return 0;
}


/* Words of a label are not its value. */

static int
be_is_label(const be_rules_t *r, int row, const be_hit_t *h)
{
    int                i;
    const be_label_t  *o;

    for (i = 0; i < r->labels.n; i++) {
        o = &r->labels.v[i];

        if (o->row == row && o->from <= h->from && o->to >= h->to) {
            return 1;
        }
    }

    return 0;
}


void
be_rule_labelled(be_rules_t *r, int concept, be_kind_e kind, be_value_t *v)
{
    int                i, row;
    be_hit_t           h;
    be_cand_t          best = { 0 };
    const be_label_t  *a;
    double             score;

    best.score = -1;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->concept != concept) {
            continue;
        }

        row = a->row;
        score = a->weight + 1 - (double) a->row / (r->l.nrows + 1);

        if (be_right_of(r, a, kind, &h) && !be_is_label(r, row, &h)) {
            score += 1;

        } else if (a->weight >= 5 && be_below(r, a, kind, &row, &h)
                   && !be_is_label(r, row, &h))
        {
            score -= 0.5;

        } else {
            continue;
        }

        if (kind == BE_K_ID && h.to - h.from < 3) {
            score -= 2;
        }

        if (score > best.score) {
            best.score = score;
            best.row = row;
            best.hit = h;
        }
    }

    if (best.score > 0) {
        be_take(r, v, best.row, best.hit.from, best.hit.to);
    }
}


static int
be_same_date_kind(int concept)
{
    return be_kind_of((be_concept_e) concept) == BE_K_DATE;
}


void
be_rule_date(be_rules_t *r, be_concept_e c, be_value_t *v)
{
    int                i, at;
    be_hit_t           h, t;
    be_cand_t          best = { 0 };
    double             score;
    const char        *s;
    const be_label_t  *a;

    best.score = -100;

    for (i = 0; i < r->l.nrows; i++) {
        s = r->l.rows[i].text;

        for (at = 0; be_scan_date(s, at, (int) strlen(s), &h); at = h.to) {
            a = be_owner(r, i, h.from, h.to);
            score = 2 - 2.0 * i / r->l.nrows;

            if (a != NULL && a->concept == (int) c) {
                score += a->weight;

            } else if (c != BE_C_DATE
                       || (a != NULL && be_same_date_kind(a->concept)))
            {
                continue;
            }

            if (h.to - h.from == 8 && strspn(s + h.from, "0123456789") >= 8) {
                score -= 3;
            }

            if (be_scan_time(s, h.to, (int) strlen(s), &t)) {
                score += 2;
            }

            if (a != NULL && (a->concept == BE_C_OTHER_NO
                              || a->concept == BE_C_CUSTOMER_NO
                              || a->concept == BE_C_VAT_ID))
            {
                score -= 3;
            }

            if (score > best.score) {
                best.score = score;
                best.row = i;
                best.hit = h;
            }
        }
    }

    if (best.score > -100) {
        be_take(r, v, best.row, best.hit.from, best.hit.to);
    }
}


void
be_rule_time(be_rules_t *r, be_value_t *v)
{
    int                i, n;
    be_hit_t           h, d;
    be_cand_t          best = { 0 };
    double             score;
    const char        *s;
    const be_label_t  *a;

    best.score = -1;

    for (i = 0; i < r->l.nrows; i++) {
        s = r->l.rows[i].text;
        n = (int) strlen(s);

        if (!be_scan_time(s, 0, n, &h)) {
            continue;
        }

        a = be_owner(r, i, h.from, h.to);
        score = 1 - (double) i / r->l.nrows;
        score += a != NULL && a->concept == BE_C_TIME ? 4 : 0;
        score += be_scan_date(s, 0, n, &d) ? 3 : 0;
        score += a != NULL && a->concept == BE_C_DATE ? 2 : 0;

        if (score > best.score) {
            best.score = score;
            best.row = i;
            best.hit = h;
        }
    }

    if (best.score > 0) {
        be_take(r, v, best.row, best.hit.from, best.hit.to);
    }
}


void
be_rule_phone(be_rules_t *r, be_value_t *v)
{
    int          i, n;
    be_hit_t     h, d;
    const char  *s;

    be_rule_labelled(r, BE_C_PHONE, BE_K_PHONE, v);

    for (i = 0; v->text == NULL && i < r->l.nrows / 2; i++) {
        s = r->l.rows[i].text;
        n = (int) strlen(s);

        /* without a label only what begins as a number abroad, or is cut by
         * dashes as phone numbers are */

        if (be_scan_phone(s, 0, n, &h) && !be_scan_date(s, 0, n, &d)
            && (s[h.from] == '+' || s[h.from] == '('
                || (s[h.from] == '0' && memchr(s + h.from, '-',
                                               (size_t) (h.to - h.from)))))
        {
            be_take(r, v, i, h.from, h.to);
        }
    }
}


void
be_rule_email(be_rules_t *r, be_value_t *v)
{
    int       i;
    be_hit_t  h;

    for (i = 0; v->text == NULL && i < r->l.nrows; i++) {
        if (be_scan_email(r->l.rows[i].text, 0,
                          (int) strlen(r->l.rows[i].text), &h))
        {
            be_take(r, v, i, h.from, h.to);
        }
    }
}


static const char  *be_payments[] = {
    "credit card", "debit card", "mastercard", "master card", "visa", "amex",
    "american express", "maestro", "girocard", "ec-karte", "kreditkarte",
    "carte bancaire", "carte bleue", "paypal", "apple pay", "google pay",
    "alipay", "wechat pay", "unionpay", "bank transfer", "wire transfer",
    "\xC3\x9C" "berweisung", "lastschrift", "sepa", "virement",
    "pr\xC3\xA9l\xC3\xA8vement", "esp\xC3\xA8" "ces", "cheque",
    "barzahlung", "cash", "debit", "card", "bar",
    "\xE7\x8F\xBE\xE9\x87\x91",
    "\xE3\x82\xAF\xE3\x83\xAC\xE3\x82\xB8\xE3\x83\x83\xE3\x83\x88"
    "\xE3\x82\xAB\xE3\x83\xBC\xE3\x83\x89",
    "\xE3\x82\xAF\xE3\x83\xAC\xE3\x82\xB8\xE3\x83\x83\xE3\x83\x88", NULL
};


void
be_rule_payment(be_rules_t *r, be_value_t *v)
{
    int          i, j, row, from, concept = BE_C_CUSTOM + BE_MAX_FIELDS;
    be_labels_t  hits;
    be_hit_t     h;
    const char  *s;

    be_rule_labelled(r, BE_C_PAYMENT, BE_K_TEXT, v);

    /* else a means of payment with an amount on its row, below the items */

    for (i = 0; v->text == NULL && be_payments[i] != NULL; i++) {
        memset(&hits, 0, sizeof(hits));
        be_labels_add(&r->l, &hits, be_payments[i], concept, 9);

        for (j = 0; v->text == NULL && j < hits.n; j++) {
            row = hits.v[j].row;
            from = hits.v[j].to;
            s = r->l.rows[row].text;

            if (row >= r->l.nrows / 4
                && be_scan_money(s, from, (int) strlen(s), &h))
            {
                be_take(r, v, row, hits.v[j].from, hits.v[j].to);
            }
        }

        be_labels_free(&hits);
    }
}
