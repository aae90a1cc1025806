#ifndef BE_MATCH_H
#define BE_MATCH_H

#include "extract.h"

typedef struct {
    double       ratio;          /* 0..1: how much of the value was located */
    const char  *source;         /* bbox_source */
    int          found;          /* there is a box */
    be_quad_t    quad;           /* on the grid 0..1000 */
} be_match_t;

/* Which tokens were claimed by which value, over one answer. */
typedef struct {
    const be_value_t  **values;
    int                 n;
} be_claims_t;

void be_match(const be_page_t *pg, const be_value_t *v, be_claims_t *claims,
    be_match_t *m);

#endif
