/*
 * Labels of a page that nobody has asked for, and their values.  Called by
 * auto.c; deterministic.
 *
 * A wrong pair is worse than a missing one: a label ends in a colon, or is
 * one that the lexicon knows and has a value of its kind beside it.
 */

#include <stdlib.h>
#include <string.h>

#include "auto_pairs.h"
#include "buf.h"
#include "text.h"


#define BE_LABEL_WORDS  4
#define BE_LABEL_BYTES  48
#define BE_VALUE_BYTES  100

/* Words that were read with less confidence are no label and no value. */

#define BE_READABLE     50.0


static void
be_pair_put(be_pairs_t *all, be_pair_t p)
{
    int  i;

    for (i = 0; i < all->n; i++) {
        if (all->v[i].row == p.row && all->v[i].from < p.to
            && p.from < all->v[i].to)
        {
            return;
        }
    }

    all->v = be_grow(all->v, (size_t) (all->n + 1) * sizeof(be_pair_t));

    for (i = all->n++; i > 0 && (all->v[i - 1].row > p.row
                                 || (all->v[i - 1].row == p.row
                                     && all->v[i - 1].from > p.from)); i--)
    {
        all->v[i] = all->v[i - 1];
    }

    all->v[i] = p;
}


/* The lexicon's label that covers the last byte before a colon. */

static const be_label_t *
be_label_before(const be_rules_t *r, int row, int from, int to)
{
    int                i;
    const be_label_t  *a, *best = NULL;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->row == row && a->from >= from && a->from < to
            && a->to + 4 >= to && a->to <= to + 1
            && (best == NULL || a->from < best->from))
        {
            best = a;
        }
    }

    return best;
}


/* Whether bytes [from, to) of a row can be a label: few words, most of them
 * of letters, and well read. */

static int
be_label_good(const be_rules_t *r, int row, int from, int to)
{
    int              i, words = 1, letters, chars = 0;
    const be_row_t  *w = &r->l.rows[row];

    letters = be_letters(w->text, from, to);

    if (to - from > BE_LABEL_BYTES || letters < 2) {
        return 0;
    }

    for (i = from; i < to; i++) {
        words += w->text[i] == ' ';
        chars += ((unsigned char) w->text[i] & 0xC0) != 0x80;

        if (w->token[i] >= 0
            && (double) r->page->tokens[w->token[i]].confidence < BE_READABLE)
        {
            return 0;
        }
    }

    return words <= BE_LABEL_WORDS && letters * 2 >= chars;
}


/* "Label:"; the second one in a cell begins after the first one's value, of
 * which nobody knows where it ends: it has one word, or is of the lexicon. */

static void
be_pairs_colon(const be_rules_t *r, int row, be_pairs_t *all)
{
    int                i, n, from, to, last = -1;
    be_pair_t          p;
    const char        *s = r->l.rows[row].text;
    const be_seg_t    *g;
    const be_label_t  *a;

    for (i = 1; s[i]; i++) {
        n = s[i] == ':' ? 1 : strncmp(s + i, "\xEF\xBC\x9A", 3) == 0 ? 3 : 0;

        if (n == 0 || strncmp(s + i, "://", 3) == 0
            || (s[i - 1] >= '0' && s[i - 1] <= '9'
                && s[i + n] >= '0' && s[i + n] <= '9'))
        {
            continue;
        }

        for (to = i; to > 0 && s[to - 1] == ' '; to--) { }

        g = be_row_seg(&r->l.rows[row], to - 1);
        from = g->from;

        if (last >= from) {
            for (from = to; from > last && s[from - 1] != ' '; from--) { }
            from = from <= last ? to : from;
        }

        while (from < to && strchr("*-#.|( ", s[from])) {
            from++;
        }

        a = be_label_before(r, row, last > g->from ? last : g->from, to);
        if (a != NULL && (last >= g->from
                          || !be_label_good(r, row, from, to)))
        {
            from = a->from;
        }

        last = i + n;
        p = (be_pair_t) { row, from, to, i + n,
                          a != NULL ? a->concept : BE_C_NONE, 0, 0, 0 };

        if (be_label_good(r, row, from, to)
            && !(a != NULL && a->concept == BE_C_OTHER_NO && a->weight <= 3))
        {
            be_pair_put(all, p);
        }
    }
}


static void
be_pairs_lexicon(const be_rules_t *r, be_pairs_t *all)
{
    int                i;
    be_pair_t          p;
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];

        if (a->weight < 7 || a->concept == BE_C_TAX_RATE
            || be_kind_of((be_concept_e) a->concept) == BE_K_TEXT
            || (r->body >= 0 && a->row >= r->body && a->row < r->sums)
            || !be_label_good(r, a->row, a->from, a->to))
        {
            continue;
        }

        p = (be_pair_t) { a->row, a->from, a->to, a->to, a->concept, 0, 0,
                          0 };
        be_pair_put(all, p);
    }
}


/* Whether bytes of a row can be a value; trims them. */

static int
be_value_good(const be_rules_t *r, int row, int *from, int *to)
{
    int              i, n = 0, words = 0;
    double           sum = 0;
    const be_row_t  *w = &r->l.rows[row];

    while (*from < *to && strchr(" :;|,", w->text[*from])) {
        (*from)++;
    }

    while (*to > *from && strchr(" :;|,", w->text[*to - 1])) {
        (*to)--;
    }

    for (i = *from; i < *to; i++) {
        words += (unsigned char) w->text[i] >= 0x80
                 || be_is_word((unsigned char) w->text[i]);

        if (w->token[i] >= 0) {
            sum += (double) r->page->tokens[w->token[i]].confidence;
            n++;
        }
    }

    return words > 0 && *to - *from <= BE_VALUE_BYTES && n > 0
           && sum / n >= BE_READABLE;
}


/* The value of a pair within bytes of a row. */

static int
be_pair_value(const be_rules_t *r, be_pair_t *p, int row, int from, int to)
{
    int        kind = (int) be_kind_of((be_concept_e) p->concept);
    be_hit_t   h;

    if (from >= to) {
        return 0;
    }

    /* whatever it is the number of, a colon says that it is given */

    if (p->concept == BE_C_OTHER_NO && p->after > p->to) {
        kind = BE_K_TEXT;
    }

    if (kind != BE_K_TEXT) {
        if (!be_scan_kind((be_kind_e) kind, r->l.rows[row].text, from, to, &h)
            || h.from - from > 16)
        {
            return 0;
        }

        from = h.from;
        to = h.to;
    }

    if (!be_value_good(r, row, &from, &to)) {
        return 0;
    }

    p->vrow = row;
    p->vfrom = from;
    p->vto = to;

    return 1;
}


static int
be_pairs_label_in(const be_pairs_t *all, int row, int from, int to)
{
    int  i;

    for (i = 0; i < all->n; i++) {
        if (all->v[i].row == row && all->v[i].from < to
            && from < all->v[i].to)
        {
            return 1;
        }
    }

    return 0;
}


static void
be_pair_below(const be_rules_t *r, const be_pairs_t *all, be_pair_t *p)
{
    int              i, s;
    be_box_t         b = be_row_box(&r->l, p->row, p->from, p->to);
    const be_seg_t  *g;
    const be_row_t  *w;

    for (i = p->row + 1; i < r->l.nrows; i++) {
        w = &r->l.rows[i];

        if (w->box.y0 - b.y1 > 1.5 * r->l.height) {
            return;
        }

        for (s = 0; s < w->nsegs; s++) {
            g = &w->segs[s];

            if (g->box.x1 <= b.x0 || g->box.x0 >= b.x1
                || g->box.y0 < b.y0 + r->l.height / 2)
            {
                continue;
            }

            if (!be_pairs_label_in(all, i, g->from, g->to)) {
                (void) be_pair_value(r, p, i, g->from, g->to);
            }

            return;
        }
    }
}


static void
be_pair_find(const be_rules_t *r, const be_pairs_t *all, int at)
{
    int              i, from, to;
    be_pair_t       *p = &all->v[at];
    const be_row_t  *w = &r->l.rows[p->row];

    to = (int) strlen(w->text);

    for (i = 0; i < all->n; i++) {
        if (all->v[i].row == p->row && all->v[i].from >= p->after
            && all->v[i].from < to)
        {
            to = all->v[i].from;
        }
    }

    from = p->after;

    while (from < to && w->text[from] == ' ') {
        from++;
    }

    if (from < to) {
        i = be_row_seg(w, from)->to;
        to = i < to ? i : to;
        (void) be_pair_value(r, p, p->row, from, to);

    } else {
        be_pair_below(r, all, p);
    }
}


void
be_pairs(const be_rules_t *r, be_pairs_t *out)
{
    int  i;

    memset(out, 0, sizeof(*out));

    for (i = 0; i < r->l.nrows; i++) {
        if (r->body < 0 || i < r->body || i >= r->sums) {
            be_pairs_colon(r, i, out);
        }
    }

    be_pairs_lexicon(r, out);

    for (i = 0; i < out->n; i++) {
        be_pair_find(r, out, i);
    }
}
