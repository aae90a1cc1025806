#ifndef BE_AUTO_PAIRS_H
#define BE_AUTO_PAIRS_H

#include "rules.h"

/* A label of the page with the value that belongs to it. */
typedef struct {
    int  row;
    int  from;
    int  to;                     /* of the label */
    int  after;                  /* where its value may begin */
    int  concept;                /* BE_C_NONE where the lexicon has it not */
    int  vrow;
    int  vfrom;
    int  vto;                    /* of the value; 0: there is none */
} be_pair_t;

typedef struct {
    be_pair_t  *v;               /* in the order of the page */
    int         n;
} be_pairs_t;

/* All of them but those of the table; v is to be freed. */
void be_pairs(const be_rules_t *r, be_pairs_t *out);

#endif
