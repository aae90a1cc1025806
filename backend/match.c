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


/* The window of the page's symbols that is most like the value. */

static void
be_match_symbols(const be_page_t *pg, const char *want, be_match_t *m)
{
    int         i, d, n, nrefs = 0;
    char       *one;
    size_t      b0, b1, *at;
    be_ref_t   *refs;
    be_buf_t    b = { 0 };

    m->source = "low_confidence";
    m->ratio = 0;

    if (pg->ntokens == 0) {
        return;
    }

    at = be_alloc((size_t) (pg->ntokens + 1) * sizeof(size_t));
    refs = be_alloc((size_t) pg->ntokens * sizeof(be_ref_t));

    for (i = 0; i < pg->ntokens; i++) {
        at[i] = b.len;
        one = be_norm(pg->tokens[i].text, strlen(pg->tokens[i].text));
        be_buf_str(&b, one);
        free(one);
    }
    at[i] = b.len;

    n = (int) be_utf8_count(want);
    d = be_distance_in(want, b.data, &b0, &b1);

    if (d >= 0 && d < n) {
        m->ratio = 1 - (double) d / n;
    }

    for (i = 0; i < pg->ntokens; i++) {
        if (at[i] < b1 && at[i + 1] > b0) {
            refs[nrefs].id = i;
            refs[nrefs].from = 0;
            refs[nrefs].to = (int) strlen(pg->tokens[i].text);
            nrefs++;
        }
    }

    if (m->ratio >= BE_LOCATED && nrefs) {
        m->found = 1;
        m->quad = be_refs_quad(pg, refs, nrefs);
    }

    if (m->ratio >= BE_CONFIDENT) {
        m->source = "vision_symbol_match";
    }

    free(at);
    free(refs);
    be_buf_free(&b);
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
        be_match_symbols(pg, want, m);
    }

    free(want);
}
