/*
 * A page of tokens: what engines produce and extractors read.
 * Invariant: a box that is handed out lies inside its token's box.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "page.h"
#include "text.h"


be_token_t *
be_page_add(be_page_t *pg, const char *text, be_box_t box, float confidence,
    int line)
{
    be_token_t  *t;

    if ((pg->ntokens & (pg->ntokens - 1)) == 0) {
        pg->tokens = be_grow(pg->tokens, sizeof(be_token_t)
                             * (size_t) (pg->ntokens ? 2 * pg->ntokens : 1));
    }

    t = &pg->tokens[pg->ntokens++];
    memset(t, 0, sizeof(*t));

    t->text = be_strdup(text);
    t->box = box;
    t->confidence = confidence;
    t->line = line;

    return t;
}


void
be_token_symbol(be_token_t *t, int from, int to, be_box_t box)
{
    be_symbol_t  *s;

    t->symbols = be_grow(t->symbols, sizeof(be_symbol_t)
                         * (size_t) (t->nsymbols + 1));

    s = &t->symbols[t->nsymbols++];
    s->from = from;
    s->to = to;
    s->box = box;
}


void
be_page_free(be_page_t *pg)
{
    int  i;

    for (i = 0; i < pg->ntokens; i++) {
        free(pg->tokens[i].text);
        free(pg->tokens[i].symbols);
    }

    free(pg->tokens);
    memset(pg, 0, sizeof(*pg));
}


double
be_page_confidence(const be_page_t *pg)
{
    int     i;
    double  n, sum = 0, all = 0;

    for (i = 0; i < pg->ntokens; i++) {
        n = (double) be_utf8_count(pg->tokens[i].text);
        sum += n * (double) pg->tokens[i].confidence;
        all += n;
    }

    return all > 0 ? sum / all : 0;
}


be_box_t
be_ref_box(const be_page_t *pg, be_ref_t r)
{
    int                i, found = 0;
    be_box_t           b;
    const be_token_t  *t = &pg->tokens[r.id];

    b = t->box;

    if (r.from <= 0 && r.to >= (int) strlen(t->text)) {
        return b;
    }

    for (i = 0; i < t->nsymbols; i++) {
        if (t->symbols[i].to <= r.from || t->symbols[i].from >= r.to) {
            continue;
        }
        b = found ? be_box_union(b, t->symbols[i].box) : t->symbols[i].box;
        found = 1;
    }

    /* symbol boxes of the engine may stick out of the word's by a pixel */

    b.x0 = fmin(fmax(b.x0, t->box.x0), t->box.x1);
    b.x1 = fmax(fmin(b.x1, t->box.x1), b.x0);
    b.y0 = t->box.y0;
    b.y1 = t->box.y1;

    return b.x1 > b.x0 ? b : t->box;
}
