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
#include "party.h"
#include "party_words.h"
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


int
be_company_words(const char *s, int from, int to)
{
    return be_words_in(s, from, to, be_companies);
}


int
be_street_words(const char *s, int from, int to)
{
    return be_words_in(s, from, to, be_streets);
}


int
be_is_country(const char *s, int from, int to)
{
    return be_in(s + from, to - from, be_countries);
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


be_mix_t
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

const be_label_t *
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


/* The segment of a row that stands over or under a box. */

const be_seg_t *
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


static int
be_is_address(const char *s, int from, int to)
{
    int  score;

    score = be_street_words(s, from, to) * 2;
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
                || a->concept == BE_C_WEB || a->concept == BE_C_TAX
                || a->weight >= 9))
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
    be_seg_t         name;
    const be_seg_t  *g;

    first = be_vendor_find(r, &name);
    if (first < 0) {
        return;
    }

    box = name.box;
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

        /* an amount at the end of the row: here the items begin */

        if (be_scan_money(s, g->to, (int) strlen(s), &h) && h.decimals == 2) {
            break;
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
    be_seg_t         name;
    const be_seg_t  *g, *u, *top;

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

            if (first < row && first != vendor
                && be_mix(r->l.rows[first].text, top->from,
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
