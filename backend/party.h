#ifndef BE_PARTY_H
#define BE_PARTY_H

#include "rules.h"

/* Shared by rules_vendor.c and rules_party.c. */

/* What a text is made of. */
typedef struct {
    int  letters;
    int  digits;
} be_mix_t;

be_mix_t be_mix(const char *s, int from, int to);

/* How many words of bytes [from, to) name a company's form, a place. */
int be_company_words(const char *s, int from, int to);
int be_street_words(const char *s, int from, int to);
int be_is_country(const char *s, int from, int to);

/* A label of anything but parties, of at least a weight, in a segment. */
const be_label_t *be_label_in(const be_rules_t *r, int row, int from, int to,
    int weight);

/* The segment of a row that stands over or under a box. */
const be_seg_t *be_seg_under(const be_row_t *w, const be_box_t *box);

/* The row and segment of the seller's name; -1 when there is none. */
int be_vendor_find(const be_rules_t *r, be_seg_t *seg);

#endif
