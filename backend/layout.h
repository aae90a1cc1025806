#ifndef BE_LAYOUT_H
#define BE_LAYOUT_H

#include "page.h"

/* A run of words of one row with no wide gap inside: a cell. */
typedef struct {
    int       from;              /* bytes of the row's text */
    int       to;
    be_box_t  box;
} be_seg_t;

/* What stands at one height of the page, from left to right. */
typedef struct {
    char      *text;             /* words joined by single spaces */
    int       *token;            /* for each byte its token, -1 for a joint */
    int       *offset;           /* and the byte of that token's text */
    char      *key;              /* be_key() of the text, and its map */
    int       *keymap;
    be_seg_t  *segs;
    int        nsegs;
    be_box_t   box;
} be_row_t;

typedef struct {
    const be_page_t  *page;
    be_row_t         *rows;
    int               nrows;
    double            height;    /* of a usual word */
} be_layout_t;

void be_layout(const be_page_t *pg, be_layout_t *l);
void be_layout_free(be_layout_t *l);

/* The box of bytes [from, to) of a row. */
be_box_t be_row_box(const be_layout_t *l, int row, int from, int to);

/* The segment that the byte is in. */
const be_seg_t *be_row_seg(const be_row_t *r, int at);

#endif
