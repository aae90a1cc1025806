#ifndef BE_MATCH_H
#define BE_MATCH_H

#include "extract.h"

typedef struct {
    double       ratio;          /* 0..1: how much of the value was located */
    const char  *source;         /* bbox_source */
    int          found;          /* there is a box */
    be_quad_t    quad;           /* on the grid 0..1000 */
} be_match_t;

/* What is kept over the values of one answer: which tokens were claimed by
 * which value, the text of the page, and the work that was done to search it.
 * Zeroed before the first, freed after the last. */
typedef struct {
    const be_value_t  **values;
    int                 n;
    const be_page_t    *page;
    char               *text;    /* n() of its tokens, one after the other */
    size_t             *at;      /* where each begins, and the end */
    double              effort;
} be_claims_t;

void be_match(const be_page_t *pg, const be_value_t *v, be_claims_t *claims,
    be_match_t *m);
void be_claims_free(be_claims_t *c);

#endif
