#ifndef BE_COLUMNS_H
#define BE_COLUMNS_H

#include "rules.h"

#define BE_MAX_COLUMNS  24


typedef struct {
    int       concept;
    int       child;             /* index, or -1: a column nobody asked for */
    int       row;               /* of its label */
    be_box_t  box;
} be_column_t;

typedef struct {
    be_column_t  v[BE_MAX_COLUMNS];
    int          n;
    int          deeper;         /* descriptions stand one row below */
} be_columns_t;

/* rules_column.c: the columns of the table, by the words over them. */
void be_columns(const be_rules_t *r, const be_field_t *fd, be_columns_t *out);

/* Of rules_table.c. */
int be_main_column(int concept);
int be_overlaps(const be_box_t *a, const be_box_t *b);

#endif
