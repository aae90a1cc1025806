#ifndef BE_ROWS_H
#define BE_ROWS_H

#include "store.h"
#include "where.h"

/* Puts the columns of a sheet into a: 0, or -1 and the fault. */
int be_rows_columns(be_db_t *db, int64_t sheet, be_ask_t *a, be_fault_t *f);

/* The rows of a sheet that a client asked for, in their order. */
typedef struct {
    int64_t  *id;                /* items, from offset on; at most limit */
    size_t    n;
    int64_t   total;             /* rows of the sheet */
    int64_t   matched;           /* rows that fulfil each where */
} be_rows_t;

/* 0, or -1 and the fault.  Free in either case. */
int be_rows_find(be_db_t *db, int64_t sheet, const be_ask_t *a, size_t offset,
    size_t limit, be_rows_t *rows, be_fault_t *f);
void be_rows_free(be_rows_t *rows);

#endif
