/*
 * Who sells: the name at the top, in large letters, or with the form of a
 * company in it, or of the domain that the page names.  Called by rules.c and
 * rules_party.c.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "party.h"
#include "text.h"


/* Large letters this many heights apart are still one name. */

#define BE_SPACED  3.0


/* A name ends at a dash, a dot or a bar between it and an address. */

static int
be_name_end(const char *s, int from, int to)
{
    int          p;
    const char  *close;

    for (p = from + 3; p < to; p++) {
        if ((strncmp(s + p, " - ", 3) == 0 && p + 3 < to)
            || strncmp(s + p, " | ", 3) == 0
            || strncmp(s + p, " \xC2\xB7 ", 4) == 0
            || strncmp(s + p, " \xE2\x80\xA2 ", 5) == 0
            || strncmp(s + p, " \xE2\x80\x93 ", 5) == 0)
        {
            return p;
        }

        /* "Lieferant GmbH, Lieferantenstraße 20", "ABC SDN BHD (12345-X)" */

        if (s[p] == ',' && p + 1 < to && be_mix(s, p, to).digits
            && be_mix(s, from, p).digits == 0)
        {
            return p;
        }

        if (s[p] == '(') {
            close = memchr(s + p, ')', (size_t) (to - p));

            if (be_mix(s, p, close ? (int) (close - s) : to).digits >= 4) {
                return p;
            }
        }
    }

    return to;
}


/* Whether the name is that of a web or mail domain of the page. */

static int
be_is_domain(const be_rules_t *r, const char *s, int from, int to)
{
    int          i, n, found = 0;
    char        *name, *key;
    const char  *t, *at, *end;

    name = be_key(s + from, (size_t) (to - from), NULL);

    for (i = 0; i < r->page->ntokens && !found; i++) {
        t = r->page->tokens[i].text;
        at = strstr(t, "www.");
        at = at ? at + 4 : strchr(t, '@') ? strchr(t, '@') + 1 : NULL;

        if (at == NULL) {
            continue;
        }

        end = at + strcspn(at, "./");
        n = (int) (end - at);
        key = be_key(at, (size_t) n, NULL);

        /* "gmail" is nobody's name, nor is what is short */

        if (n >= 5 && strlen(name) >= 5
            && (strstr(name, key) || strstr(key, name)))
        {
            found = 1;
        }

        free(key);
    }

    free(name);

    return found;
}


/*
 * The forms of companies in a name.  Short ones end it: "KG. BARU" is a
 * village, and no limited partnership.
 */

static int
be_forms_in(const char *s, int from, int to)
{
    int  n;

    for (n = 0; from + n < to && strchr(" .,", s[from + n]) == NULL; n++) { }

    return be_company_words(s, n <= 3 ? from + n : from, to);
}


static double
be_name_score(const be_rules_t *r, int row, const be_seg_t *g)
{
    double             score, h;
    be_hit_t           hit;
    be_mix_t           m;
    const char        *s = r->l.rows[row].text;
    const be_label_t  *a;
    int                end = be_name_end(s, g->from, g->to);

    m = be_mix(s, g->from, end);

    if (m.letters < 3 || m.digits > m.letters
        || be_is_country(s, g->from, g->to))
    {
        return -10;
    }

    h = be_box_height(g->box) / r->l.height;
    score = 5 - 0.5 * row;
    score += fmin(be_forms_in(s, g->from, end) * 3, 5);
    score += fmin(fmax(h - 1, 0) * 1.5, 3);
    score -= m.digits * 0.4;
    score -= m.letters > 45 ? 2 : 0;
    score -= m.letters < 5 ? 2 : 0;

    a = be_label_in(r, row, g->from, g->to, 3);
    if (a != NULL) {
        score -= (a->to - a->from) * 2 >= end - g->from ? 6 : 1.5;
    }

    if (be_street_words(s, g->from, end) > 1
        || be_scan_date(s, g->from, end, &hit)
        || be_scan_email(s, g->from, end, &hit)
        || strstr(s + g->from, "www.") != NULL)
    {
        score -= 4;
    }

    if (be_scan_money(s, g->from, end, &hit) && hit.decimals == 2) {
        score -= 5;
    }

    if (be_is_domain(r, s, g->from, end)) {
        score += 4;
    }

    return score;
}


/* The confidence with which a segment was read. */

static double
be_seg_confidence(const be_rules_t *r, int row, const be_seg_t *g)
{
    int              i, n = 0, last = -1;
    double           sum = 0;
    const be_row_t  *w = &r->l.rows[row];

    for (i = g->from; i < g->to; i++) {
        if (w->token[i] >= 0 && w->token[i] != last) {
            last = w->token[i];
            sum += (double) r->page->tokens[last].confidence;
            n++;
        }
    }

    return n ? sum / n : 0;
}


/* What the labels beside and above a name say of whose it is. */

static double
be_party_context(const be_rules_t *r, int row, const be_seg_t *g)
{
    int                i;
    double             score = 0;
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->to <= g->from && g->from - a->to < 30
            && a->weight >= 5)
        {
            score += a->concept == BE_C_VENDOR ? 4 : -4;
        }

        if (a->row >= row || row - a->row > 4
            || fabs(be_row_box(&r->l, a->row, a->from, a->to).x0 - g->box.x0)
               > 3 * r->l.height)
        {
            continue;
        }

        if (a->concept == BE_C_VENDOR) {
            score += 4;

        } else if ((a->concept == BE_C_RECIPIENT && a->weight >= 5)
                   || (a->concept == BE_C_OTHER_NO && a->weight == 1))
        {
            score -= 4;
        }
    }

    return score;
}


/*
 * Large letters are set apart: "TAN  FOOK  &  COMPANY" at the head of a
 * receipt is one name.  The segment with those that follow it so.
 */

static be_seg_t
be_spaced_seg(const be_rules_t *r, int row, int *s)
{
    double           gap, h;
    be_seg_t         g;
    const be_seg_t  *next;
    const be_row_t  *w = &r->l.rows[row];

    g = w->segs[*s];

    while (r->receipt && *s + 1 < w->nsegs) {
        next = &w->segs[*s + 1];
        gap = next->box.x0 - g.box.x1;
        h = fmin(be_box_height(g.box), be_box_height(next->box));

        if (gap > BE_SPACED * h || be_mix(w->text, g.from, next->to).digits
            || be_label_in(r, row, g.from, next->to, 3) != NULL)
        {
            break;
        }

        g.to = next->to;
        g.box = be_box_union(g.box, next->box);
        (*s)++;
    }

    return g;
}


int
be_vendor_find(const be_rules_t *r, be_seg_t *seg)
{
    int              row, s, best_row = -1, top;
    double           score, best = 0;
    be_seg_t         g;
    const be_row_t  *w;

    top = r->receipt ? r->l.nrows / 3 : r->l.nrows / 2;
    top = top < 6 ? 6 : top > 25 ? 25 : top;

    for (row = 0; row < r->l.nrows && row < top; row++) {
        w = &r->l.rows[row];

        for (s = 0; s < w->nsegs; s++) {
            g = be_spaced_seg(r, row, &s);
            score = be_name_score(r, row, &g);
            score += (be_seg_confidence(r, row, &g) - 70) / 20;
            score += be_party_context(r, row, &g);

            if (score > best) {
                best = score;
                best_row = row;
                *seg = g;
            }
        }
    }

    return best_row;
}


/* Whether a text is nothing but the form of a company: "(KL) SDN BHD". */

static int
be_only_form(const char *s, int from, int to)
{
    int  p, words = 0, other = 0;

    if (to - from > 24 || be_mix(s, from, to).digits) {
        return 0;
    }

    for (p = from; p < to; p++) {
        if (p == from || s[p - 1] == ' ') {
            words++;
            other += s[p] == '(' || s[p] == '&';
        }
    }

    return be_company_words(s, from, to) > 0
           && be_company_words(s, from, to) + other >= words;
}


/* Behind "Sold by:", where that is in the segment. */

static int
be_name_from(const be_rules_t *r, int row, const be_seg_t *g)
{
    int                i;
    const char        *s = r->l.rows[row].text;
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->from == g->from && a->to < g->to
            && a->concept == BE_C_VENDOR
            && s[a->to + (int) strspn(s + a->to, " ")] == ':')
        {
            return a->to;
        }
    }

    return g->from;
}


void
be_rule_vendor(be_rules_t *r, be_value_t *v)
{
    int              row, from, end;
    be_seg_t         g;
    const be_row_t  *next;
    const be_seg_t  *above, *below;

    row = be_vendor_find(r, &g);
    if (row < 0) {
        return;
    }

    from = be_name_from(r, row, &g);
    end = be_name_end(r->l.rows[row].text, from, g.to);

    /* "SIN THYE &" and on the next line "COMPANY" */

    if (row > 0 && be_only_form(r->l.rows[row].text, from, end)) {
        above = be_seg_under(&r->l.rows[row - 1], &g.box);

        if (above != NULL && g.box.y0 - above->box.y1 < r->l.height) {
            be_take(r, v, row - 1, above->from, above->to);
        }
    }

    be_take(r, v, row, from, end);

    /* "GARDENIA BAKERIES" and on the next line "(KL) SDN BHD" */

    if (row + 1 < r->l.nrows && end == g.to) {
        next = &r->l.rows[row + 1];
        below = be_seg_under(next, &g.box);

        if (below != NULL && below->box.y0 - g.box.y1 < r->l.height) {
            end = be_name_end(next->text, below->from, below->to);

            if (be_only_form(next->text, below->from, end)) {
                be_take(r, v, row + 1, below->from, end);
            }
        }
    }
}
