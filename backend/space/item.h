#ifndef BE_ITEM_H
#define BE_ITEM_H

#include "tree.h"

/* Rows of an array without their field_bboxes: a new reference, or NULL. */
json_t *be_item_plain(const json_t *rows);

/* A value as a cell's text: to be freed; NULL: no memory. */
char *be_item_text(const json_t *v);

/* Writes one cell: 0, or -1. */
int be_item_cell(be_db_t *db, int64_t item, int64_t col, const json_t *v);

#endif
