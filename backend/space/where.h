#ifndef BE_WHERE_H
#define BE_WHERE_H

#include <stdint.h>

#include "../fault.h"
#include "../query.h"

#define BE_MAX_COLUMNS  200
#define BE_MAX_WHERE    20
#define BE_MAX_SORT     5

/* What every sheet has; BE_COL_CELL is a column of its own. */
typedef enum {
    BE_COL_CELL = 0,
    BE_COL_NAME,
    BE_COL_KEY,
    BE_COL_STATUS,
    BE_COL_CREATED
} be_col_e;

typedef struct {
    be_col_e  kind;
    int64_t   id;                /* of a BE_COL_CELL */
    char     *name;              /* owned where it is a BE_COL_CELL */
    char     *quoted;            /* the name as JSON has it, owned; or NULL */
    json_t   *spec;              /* its FieldSpec, owned; or NULL */
} be_column_t;

typedef enum {
    BE_OP_EQ = 0,
    BE_OP_NE,
    BE_OP_GT,
    BE_OP_GE,
    BE_OP_LT,
    BE_OP_LE,
    BE_OP_HAS
} be_op_e;

typedef struct {
    const be_column_t  *column;
    be_op_e             op;
    const char         *text;    /* the operand, in the query */
    int                 numeric;
    double              num;
} be_where_t;

typedef struct {
    const be_column_t  *column;
    int                 desc;
} be_sort_t;

/* What a client wants to see of a sheet. */
typedef struct {
    be_column_t         columns[BE_MAX_COLUMNS + 4];
    int                 ncolumns;
    int                 nown;    /* of these the first are the sheet's */
    be_where_t          where[BE_MAX_WHERE];
    int                 nwhere;
    be_sort_t           sort[BE_MAX_SORT];
    int                 nsort;
    const be_column_t  *select[BE_MAX_COLUMNS + 4];
    int                 nselect;
    int                 selects; /* it says which: else all of them */
} be_ask_t;

/* A column of the sheet, in its place; takes spec.  -1: no memory. */
int be_ask_column(be_ask_t *a, int64_t id, const char *name, json_t *spec);

/* The other columns, and then the arguments where, sort and select: 0, or -1
 * and the fault (400).  The query outlives a. */
int be_ask_parse(be_ask_t *a, const be_query_t *q, be_fault_t *f);

/* Whether a column is wanted. */
int be_ask_selects(const be_ask_t *a, const be_column_t *c);

/* A column of the sheet itself by its name, or NULL. */
const be_column_t *be_ask_own(const be_ask_t *a, const char *name);

/* Sets details.available; returns -1. */
int be_ask_unknown(const be_ask_t *a, const char *field, be_fault_t *f);
void be_ask_free(be_ask_t *a);

#endif
