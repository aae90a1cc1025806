/*
 * Where a value stands on the page, and how sure that is.  Called by the
 * writer of answers, for every value of any extractor.
 * Invariant: a box is the union of boxes of real tokens or parts of them.
 */

#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "text.h"


#define BE_CONFIDENT  0.85
#define BE_LOCATED    0.3

/* Comparisons of characters for one answer; a page of a thousand words and a
 * hundred values that are not there take a tenth of it. */

#define BE_EFFORT     2e9


static int
be_refs_valid(const be_page_t *pg, const be_value_t *v)
{
    int  i;

    for (i = 0; i < v->nrefs; i++) {
        if (v->refs[i].id < 0 || v->refs[i].id >= pg->ntokens) {
            return 0;
        }
    }

    return v->nrefs > 0;
}


static be_quad_t
be_refs_quad(const be_page_t *pg, const be_ref_t *refs, int n)
{
    int       i;
    be_box_t  b = be_ref_box(pg, refs[0]);

    for (i = 1; i < n; i++) {
        b = be_box_union(b, be_ref_box(pg, refs[i]));
    }

    return be_quad_of_box(b, &pg->to_grid);
}


/* The tokens that the extractor named: what do they spell? */

static int
be_match_tokens(const be_page_t *pg, const be_value_t *v, const char *want,
    be_match_t *m)
{
    int        i, d, n, limit;
    char      *have;
    be_buf_t   b = { 0 };

    if (!be_refs_valid(pg, v)) {
        return 0;
    }

    for (i = 0; i < v->nrefs; i++) {
        be_buf_str(&b, pg->tokens[v->refs[i].id].text);
    }

    have = be_norm(b.data, b.len);
    be_buf_free(&b);

    n = (int) be_utf8_count(want);
    limit = n * 15 / 100;

    if (strcmp(have, want) == 0) {
        m->ratio = 1;
        m->source = "token_id";

    } else if (strstr(have, want) != NULL) {
        m->ratio = 1;
        m->source = "token_id_hybrid";

    } else {
        d = be_distance(have, want, limit);
        m->ratio = d <= limit ? 1 - (double) d / n : 0;
        m->source = "token_id_hybrid";
    }

    free(have);

    if (m->ratio == 0) {
        return 0;
    }

    m->found = 1;
    m->quad = be_refs_quad(pg, v->refs, v->nrefs);

    return 1;
}


static void
be_claims_page(be_claims_t *c, const be_page_t *pg)
{
    int        i;
    char      *one;
    be_buf_t   b = { 0 };

    if (c->page == pg) {
        return;
    }

    free(c->text);
    free(c->at);
    c->page = pg;
    c->at = be_alloc((size_t) (pg->ntokens + 1) * sizeof(size_t));
    be_buf_str(&b, "");

    for (i = 0; i < pg->ntokens; i++) {
        c->at[i] = b.len;
        one = be_norm(pg->tokens[i].text, strlen(pg->tokens[i].text));
        be_buf_str(&b, one);
        free(one);
    }

    c->at[i] = b.len;
    c->text = be_buf_take(&b);

    if (c->text == NULL) {
        abort();
    }
}


void
be_claims_free(be_claims_t *c)
{
    free(c->values);
    free(c->text);
    free(c->at);
    memset(c, 0, sizeof(*c));
}


/* The value as it stands on the page: as whole words, or else anywhere. */

static int
be_window_exact(const be_claims_t *c, const char *want, size_t *b0,
    size_t *b1)
{
    int          i = 0, k, found = 0;
    size_t       from, to, n = strlen(want);
    const char  *p;

    for (p = c->text; (p = strstr(p, want)) != NULL; p++) {
        from = (size_t) (p - c->text);
        to = from + n;

        while (c->at[i] < from) {
            i++;
        }

        for (k = i; k < c->page->ntokens && c->at[k] < to; k++) {
            /* to the token after it */
        }

        if (!found || (c->at[i] == from && c->at[k] == to)) {
            *b0 = from;
            *b1 = to;

            if (c->at[i] == from && c->at[k] == to) {
                return 1;
            }
        }

        found = 1;
    }

    return found;
}


/* The window of the page's symbols that is most like the value. */

static void
be_match_symbols(const be_page_t *pg, const char *want, be_claims_t *c,
    be_match_t *m)
{
    int        i, d, n, nrefs = 0;
    size_t     b0 = 0, b1 = 0;
    double     effort;
    be_ref_t  *refs;

    m->source = "low_confidence";
    m->ratio = 0;

    be_claims_page(c, pg);

    n = (int) be_utf8_count(want);
    effort = (double) n * (double) strlen(c->text);

    if (be_window_exact(c, want, &b0, &b1)) {
        m->ratio = 1;

    } else if (c->effort + effort < BE_EFFORT) {
        c->effort += effort;
        d = be_distance_in(want, c->text, &b0, &b1);

        if (d >= 0 && d < n) {
            m->ratio = 1 - (double) d / n;
        }
    }

    if (m->ratio < BE_LOCATED) {
        return;
    }

    refs = be_alloc((size_t) pg->ntokens * sizeof(be_ref_t));

    for (i = 0; i < pg->ntokens; i++) {
        if (c->at[i] < b1 && c->at[i + 1] > b0) {
            refs[nrefs].id = i;
            refs[nrefs].from = 0;
            refs[nrefs].to = (int) strlen(pg->tokens[i].text);
            nrefs++;
        }
    }

    if (nrefs) {
        m->found = 1;
        m->quad = be_refs_quad(pg, refs, nrefs);
    }

    if (m->ratio >= BE_CONFIDENT) {
        m->source = "vision_symbol_match";
    }

    free(refs);
}


/* An equal value that was read from the very same place. */

static int
be_match_shared(const be_value_t *v, be_claims_t *c)
{
    int                i;
    const be_value_t  *o;

    for (i = 0; i < c->n; i++) {
        o = c->values[i];

        if (o->nrefs == v->nrefs && strcmp(o->source, v->source) == 0
            && memcmp(o->refs, v->refs,
                      (size_t) v->nrefs * sizeof(be_ref_t)) == 0)
        {
            return 1;
        }
    }

    /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is of pointers */
    c->values = be_grow(c->values, (size_t) (c->n + 1) * sizeof(v));
    c->values[c->n++] = v;

    return 0;
}


void
be_match(const be_page_t *pg, const be_value_t *v, be_claims_t *claims,
    be_match_t *m)
{
    char  *want;

    memset(m, 0, sizeof(*m));
    m->source = "low_confidence";

    want = be_norm(v->source, strlen(v->source));

    if (want[0] == '\0') {
        free(want);
        return;
    }

    if (be_match_tokens(pg, v, want, m)) {
        if (be_match_shared(v, claims)) {
            m->source = "shared_value";
        }

    } else {
        be_match_symbols(pg, want, claims, m);
    }

    free(want);
}
