#ifndef BE_CUT_H
#define BE_CUT_H

#include "../buf.h"
#include "where.h"

/*
 * Appends the values and boxes of an item's data, or of none (""):
 * "values":{...} and, where boxes is set, ,"field_bboxes":{...}.  Without
 * boxes the rows of arrays lose theirs, too.  Only what ask selects.
 */
void be_cut_row(be_buf_t *out, const char *data, const be_ask_t *ask,
    int boxes);

#endif
