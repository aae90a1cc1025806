/*
 * Names and addresses: who sells and who buys.  Called by rules.c.
 * Sellers stand at the top, in large letters, or with the form of a company
 * in their name; buyers under a label, or in the window of an envelope.
 */

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "party_words.h"
#include "rules.h"
#include "text.h"


static int
be_in(const char *word, int n, const char **list)
{
    int  i;

    for (i = 0; list[i] != NULL; i++) {
        if ((int) strlen(list[i]) == n
            && strncasecmp(word, list[i], (size_t) n) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* How many words of a text are on a list. */

static int
be_words_in(const char *s, int from, int to, const char **list)
{
    int  p, q, n = 0;

    for (p = from; p < to; p = q + 1) {
        for (q = p; q < to && !strchr(" ,;:()", s[q]); q++) { }

        n += be_in(s + p, q - p, list);

        if (q > p && s[q - 1] == '.') {
            n += be_in(s + p, q - p - 1, list);
        }
    }

    return n;
}


static int
be_digit_run(const char *s, int from, int to, int want)
{
    int  p, n = 0;

    for (p = from; p <= to; p++) {
        if (p < to && isdigit((unsigned char) s[p])) {
            n++;
            continue;
        }
        if (n == want && (p == to || !isalpha((unsigned char) s[p]))) {
            return 1;
        }
        n = 0;
    }

    return 0;
}


static be_mix_t
be_mix(const char *s, int from, int to)
{
    be_mix_t     m = { 0, 0 };
    uint32_t     cp;
    const char  *p = s + from;

    while ((cp = be_utf8_next(&p, s + to)) != 0) {
        if (cp >= '0' && cp <= '9') {
            m.digits++;
        } else {
            m.letters += be_is_word(cp);
        }
    }

    return m;
}


/* Labels of anything but parties, in a segment. */

static const be_label_t *
be_label_in(const be_rules_t *r, int row, int from, int to, int weight)
{
    int                i;
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->from >= from && a->to <= to
            && a->weight >= weight
            && (a->concept != BE_C_VENDOR || a->to - a->from == to - from))
        {
            return a;
        }
    }

    return NULL;
}


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

    if (m.letters < 3 || m.digits > m.letters) {
        return -10;
    }

    h = be_box_height(g->box) / r->l.height;
    score = 5 - 0.5 * row;
    score += fmin(be_words_in(s, g->from, end, be_companies) * 3, 5);
    score += fmin(fmax(h - 1, 0) * 1.5, 3);
    score -= m.digits * 0.4;
    score -= m.letters > 45 ? 2 : 0;
    score -= m.letters < 5 ? 2 : 0;

    a = be_label_in(r, row, g->from, g->to, 3);
    if (a != NULL) {
        score -= (a->to - a->from) * 2 >= end - g->from ? 6 : 1.5;
    }

    if (be_words_in(s, g->from, end, be_streets) > 1
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


/* The row and segment of the seller's name; -1 when there is none. */

static int
be_vendor_find(const be_rules_t *r, const be_seg_t **seg)
{
    int              row, s, best_row = -1, top;
    double           score, best = 0;
    const be_row_t  *w;

    top = r->receipt ? r->l.nrows / 3 : r->l.nrows / 2;
    top = top < 6 ? 6 : top > 25 ? 25 : top;

    for (row = 0; row < r->l.nrows && row < top; row++) {
        w = &r->l.rows[row];

        for (s = 0; s < w->nsegs; s++) {
            score = be_name_score(r, row, &w->segs[s]);
            score += (be_seg_confidence(r, row, &w->segs[s]) - 70) / 20;

            score += be_party_context(r, row, &w->segs[s]);

            if (score > best) {
                best = score;
                best_row = row;
                *seg = &w->segs[s];
            }
        }
    }

    return best_row;
}


/* The segment of a row that stands over or under a box. */

static const be_seg_t *
be_seg_under(const be_row_t *w, const be_box_t *box)
{
    int  s;

    for (s = 0; s < w->nsegs; s++) {
        if (w->segs[s].box.x0 < box->x1 && box->x0 < w->segs[s].box.x1) {
            return &w->segs[s];
        }
    }

    return NULL;
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

    return be_words_in(s, from, to, be_companies) > 0
           && be_words_in(s, from, to, be_companies) + other >= words;
}


void
be_rule_vendor(be_rules_t *r, be_value_t *v)
{
    int              row, from, end;
    const be_row_t  *next;
    const be_seg_t  *g, *above, *below;

    row = be_vendor_find(r, &g);
    if (row < 0) {
        return;
    }

    from = g->from;
    end = be_name_end(r->l.rows[row].text, from, g->to);

    /* "SIN THYE &" and on the next line "COMPANY" */

    if (row > 0 && be_only_form(r->l.rows[row].text, from, end)) {
        above = be_seg_under(&r->l.rows[row - 1], &g->box);

        if (above != NULL && g->box.y0 - above->box.y1 < r->l.height) {
            be_take(r, v, row - 1, above->from, above->to);
        }
    }

    be_take(r, v, row, from, end);

    /* "GARDENIA BAKERIES" and on the next line "(KL) SDN BHD" */

    if (row + 1 < r->l.nrows && end == g->to) {
        next = &r->l.rows[row + 1];
        below = be_seg_under(next, &g->box);

        if (below != NULL && below->box.y0 - g->box.y1 < r->l.height) {
            end = be_name_end(next->text, below->from, below->to);

            if (be_only_form(next->text, below->from, end)) {
                be_take(r, v, row + 1, below->from, end);
            }
        }
    }
}


static int
be_is_address(const char *s, int from, int to)
{
    int  score;

    score = be_words_in(s, from, to, be_streets) * 2;
    score += be_digit_run(s, from, to, 5) * 3;
    score += memchr(s + from, ',', (size_t) (to - from)) != NULL;
    score += be_mix(s, from, to).digits > 0
             && be_mix(s, from, to).letters > 4;

    if (strstr(s + from, "stra\xC3\x9F" "e") || strstr(s + from, "strasse")
        || strstr(s + from, "str.") || strstr(s + from, "\xE7\x9C\x8C")
        || strstr(s + from, "\xE5\xB8\x82") || strstr(s + from, "\xE5\x8C\xBA")
        || strstr(s + from, "\xE3\x80\x92"))
    {
        score += 3;
    }

    return score;
}


/* Where an address ends within a segment: at "TEL", "GST ID" and such. */

static int
be_address_end(const be_rules_t *r, int row, int from, int to)
{
    int                i;
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->from >= from && a->from < to
            && (a->concept == BE_C_PHONE || a->concept == BE_C_FAX
                || a->concept == BE_C_VAT_ID || a->concept == BE_C_EMAIL
                || a->concept == BE_C_WEB || a->weight >= 9))
        {
            to = a->from;
        }
    }

    return to;
}


void
be_rule_address(be_rules_t *r, be_value_t *v)
{
    int              row, first, end, lines = 0, score;
    double           y;
    be_hit_t         h;
    be_box_t         box;
    const char      *s;
    const be_seg_t  *g, *name;

    first = be_vendor_find(r, &name);
    if (first < 0) {
        return;
    }

    box = name->box;
    y = box.y1;

    for (row = first + 1; row < r->l.nrows && row < first + 6; row++) {
        g = be_seg_under(&r->l.rows[row], &box);
        if (g == NULL) {
            continue;
        }

        if (lines && g->box.y0 - y > 1.6 * r->l.height) {
            break;
        }

        s = r->l.rows[row].text;
        end = be_address_end(r, row, g->from, g->to);
        score = end > g->from ? be_is_address(s, g->from, end) : 0;

        if (be_scan_date(s, g->from, g->to, &h)) {
            score = 0;
        }

        if (lines == 0) {
            if (score < 3 || be_mix(s, g->from, end).letters < 4) {
                continue;
            }

        } else if (end == g->from || be_mix(s, g->from, end).letters < 3
                   || (score < 1 && be_label_in(r, row, g->from, end, 3))
                   || be_scan_date(s, g->from, g->to, &h))
        {
            break;
        }

        be_take(r, v, row, g->from, end);
        box = be_box_union(box, g->box);
        y = g->box.y1;
        lines++;

        /* nothing of an address follows its end in the middle of a line */

        if (end != g->to || lines == 5) {
            break;
        }
    }
}


/* Without a label: the first line of a block that ends in a postal code,
 * and that is not the seller's. */

static void
be_recipient_guess(be_rules_t *r, be_value_t *v)
{
    int              row, s, up, first, vendor;
    const be_row_t  *w;
    const be_seg_t  *g, *u, *top, *name = NULL;

    vendor = be_vendor_find(r, &name);

    for (row = 2; row < r->l.nrows / 2; row++) {
        w = &r->l.rows[row];

        for (s = 0; s < w->nsegs; s++) {
            g = &w->segs[s];

            if (!be_digit_run(w->text, g->from,
                              g->from + 6 < g->to ? g->from + 6 : g->to, 5))
            {
                continue;
            }

            for (up = row - 1, first = row, top = g; up >= 0 && up >= row - 5;
                 up--)
            {
                u = be_seg_under(&r->l.rows[up], &top->box);

                if (u == NULL) {
                    continue;
                }

                if (top->box.y0 - u->box.y1 > 1.3 * r->l.height
                    || fabs(u->box.x0 - g->box.x0) > 2 * r->l.height)
                {
                    break;
                }

                first = up;
                top = u;
            }

            if (first < row && !(first == vendor && top == name)
                && first != vendor && be_mix(r->l.rows[first].text, top->from,
                                             top->to).letters > 3
                && !be_label_in(r, first, top->from, top->to, 5))
            {
                be_take(r, v, first, top->from, top->to);
                return;
            }
        }
    }
}


void
be_rule_recipient(be_rules_t *r, be_value_t *v)
{
    be_rule_labelled(r, BE_C_RECIPIENT, BE_K_TEXT, v);

    if (v->text == NULL) {
        be_recipient_guess(r, v);
    }
}
