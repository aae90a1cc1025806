#ifndef BE_SORTER_H
#define BE_SORTER_H

#include "rows.h"

/* Items, ascending. */
typedef struct {
    int64_t  *id;
    size_t    n;
    size_t    cap;
} be_list_t;

/* The first k rows of the list in the order that is asked for: their places
 * in the list, in order, which has room for all.  total: rows of the sheet.
 * 0, or -1: no memory, or the database failed. */
int be_sorter_run(be_db_t *db, int64_t sheet, const be_ask_t *a,
    const be_list_t *l, int64_t total, size_t k, uint32_t *order);

/* rows.c: the items of a sheet and their texts in one column: id, text. */
sqlite3_stmt *be_rows_values(be_db_t *db, int64_t sheet,
    const be_column_t *c);

#endif
