/*
 * Which rows of a sheet a client asked for: filters and sorts.  Called by
 * api_view.c, inside a transaction that reads.
 *
 * A column's cells lie side by side, in the order of the rows.  So each filter
 * is one sweep over one column, which gives a sorted list of items, and lists
 * are joined by merging; joining tables row by row costs several times as
 * much.  Sorting is a sweep, too, and then a heap of as many rows as are
 * wanted.
 *
 * Values are compared as numbers where both are numbers, and byte by byte
 * otherwise.  What is empty (or absent, which is the same) is neither less nor
 * greater than anything, and comes last in either direction; numbers come
 * before texts in either direction; rows that are equal keep their order.
 *
 * Invariant: the text of each statement is one of the constants below.
 */

#include <stdlib.h>
#include <string.h>

#include "sorter.h"
#include "value.h"


#define BE_NO_LIST  ((size_t) -1)    /* all rows of the sheet */


int
be_rows_columns(be_db_t *db, int64_t sheet, be_ask_t *a, be_fault_t *f)
{
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT id, name, spec FROM col WHERE sheet = ?"
                " ORDER BY id", "i", sheet);

    while (be_step(db, st) == 1) {
        if (be_ask_column(a, sqlite3_column_int64(st, 0), be_text(st, 1),
                          json_loads(be_text(st, 2), 0, NULL)) != 0)
        {
            be_done(st);
            return be_fault(f, 503, "Out of memory");
        }
    }

    return be_failed(db, f) ? -1 : 0;
}


static int
be_list_add(be_list_t *l, int64_t id)
{
    size_t    cap;
    int64_t  *p;

    if (l->n == l->cap) {
        cap = l->cap ? 2 * l->cap : 1024;
        p = realloc(l->id, cap * sizeof(int64_t));
        if (p == NULL) {
            return -1;
        }

        l->id = p;
        l->cap = cap;
    }

    l->id[l->n++] = id;

    return 0;
}


static int
be_list_fill(be_db_t *db, sqlite3_stmt *st, be_list_t *l)
{
    int  rc;

    while ((rc = be_step(db, st)) == 1) {
        if (be_list_add(l, sqlite3_column_int64(st, 0)) != 0) {
            be_done(st);
            return -1;
        }
    }

    return rc;
}


static int
be_list_all(be_db_t *db, int64_t sheet, be_list_t *l)
{
    l->n = 0;

    return be_list_fill(db, be_sql(db, "SELECT id FROM item INDEXED BY"
                                   " item_sheet WHERE sheet = ? ORDER BY id",
                                   "i", sheet), l);
}


/* Keeps of l what is in other as well, or what is not. */

static void
be_list_join(be_list_t *l, const be_list_t *other, int without)
{
    int     in;
    size_t  i, j, n = 0;

    for (i = 0, j = 0; i < l->n; i++) {
        while (j < other->n && other->id[j] < l->id[i]) {
            j++;
        }

        in = j < other->n && other->id[j] == l->id[i];

        if (in != without) {
            l->id[n++] = l->id[i];
        }
    }

    l->n = n;
}


#define BE_CELLS       "SELECT item FROM cell WHERE col = ?1 AND "
#define BE_NUMBERS(op) BE_CELLS "CASE WHEN num IS NULL THEN text " op " ?2"   \
                       " ELSE num " op " ?3 END ORDER BY item"
#define BE_TEXTS(op)   BE_CELLS "text " op " ?2 ORDER BY item"

/* By operator: the operand is a number, or none.  "Not" is what remains when
 * the equal ones are taken away, so that empty ones remain. */

static const struct {
    const char  *numbers;
    const char  *texts;
} be_filters[] = {
    { BE_NUMBERS("="), BE_TEXTS("=") },
    { BE_NUMBERS("="), BE_TEXTS("=") },
    { BE_NUMBERS(">"), BE_TEXTS(">") },
    { BE_NUMBERS(">="), BE_TEXTS(">=") },
    { BE_NUMBERS("<"), BE_TEXTS("<") },
    { BE_NUMBERS("<="), BE_TEXTS("<=") }
};


static sqlite3_stmt *
be_filter_cells(be_db_t *db, const be_where_t *w)
{
    if (w->text[0] == '\0' && (w->op == BE_OP_EQ || w->op == BE_OP_NE)) {
        return be_sql(db, "SELECT item FROM cell WHERE col = ? ORDER BY item",
                      "i", w->column->id);
    }

    if (w->numeric) {
        return be_sql(db, be_filters[w->op].numbers, "isd", w->column->id,
                      w->text, w->num);
    }

    return be_sql(db, be_filters[w->op].texts, "is", w->column->id, w->text);
}


/* What is searched, or is no cell, is looked at here: id, text. */

sqlite3_stmt *
be_rows_values(be_db_t *db, int64_t sheet, const be_column_t *c)
{
    switch (c->kind) {
    case BE_COL_NAME:
        return be_sql(db, "SELECT id, name FROM item INDEXED BY item_list"
                      " WHERE sheet = ? ORDER BY id", "i", sheet);
    case BE_COL_KEY:
        return be_sql(db, "SELECT id, key FROM item INDEXED BY item_list"
                      " WHERE sheet = ? ORDER BY id", "i", sheet);
    case BE_COL_STATUS:
        return be_sql(db, "SELECT id, status FROM item INDEXED BY item_list"
                      " WHERE sheet = ? ORDER BY id", "i", sheet);
    case BE_COL_CREATED:
        return be_sql(db, "SELECT id, created FROM item INDEXED BY item_list"
                      " WHERE sheet = ? ORDER BY id", "i", sheet);
    default:
        return be_sql(db, "SELECT item, text FROM cell WHERE col = ?"
                      " ORDER BY item", "i", c->id);
    }
}


/* The same as the statements above, for one value. */

static int
be_filter_fits(const be_where_t *w, const char *text)
{
    int     order;
    double  num;

    if (*text == '\0') {
        return (w->op == BE_OP_EQ || w->op == BE_OP_NE) && *w->text == '\0';
    }

    if (w->numeric && be_value_number(text, &num)) {
        order = num > w->num ? 1 : num < w->num ? -1 : 0;

    } else {
        order = strcmp(text, w->text);
    }

    switch (w->op) {
    case BE_OP_GT:
        return order > 0;
    case BE_OP_GE:
        return order >= 0;
    case BE_OP_LT:
        return order < 0;
    case BE_OP_LE:
        return order <= 0;
    default:
        return order == 0;
    }
}


static int
be_filter_sweep(be_db_t *db, int64_t sheet, const be_where_t *w,
    be_list_t *l)
{
    int            rc, fits;
    be_buf_t       hay = { 0 }, needle = { 0 };
    sqlite3_stmt  *st;

    be_value_fold(w->text, strlen(w->text), &needle);
    st = be_rows_values(db, sheet, w->column);

    while ((rc = be_step(db, st)) == 1) {
        if (w->op == BE_OP_HAS) {
            be_value_fold(be_text(st, 1), (size_t) sqlite3_column_bytes(st, 1),
                          &hay);

            if (hay.failed || needle.failed) {
                rc = -1;
                break;
            }

            fits = memmem(hay.data, hay.len, needle.data, needle.len) != NULL;

        } else {
            fits = be_filter_fits(w, be_text(st, 1));
        }

        if (fits && be_list_add(l, sqlite3_column_int64(st, 0)) != 0) {
            rc = -1;
            break;
        }
    }

    be_done(st);
    be_buf_free(&hay);
    be_buf_free(&needle);

    return rc;
}


/* One where: narrows the list. */

static int
be_filter(be_db_t *db, int64_t sheet, const be_where_t *w, be_list_t *l)
{
    int        rc, without, cell = w->column->kind == BE_COL_CELL;
    be_list_t  found = { 0 };

    if (w->op == BE_OP_HAS && w->text[0] == '\0') {
        return 0;                /* everything has it */
    }

    rc = cell && w->op != BE_OP_HAS
         ? be_list_fill(db, be_filter_cells(db, w), &found)
         : be_filter_sweep(db, sheet, w, &found);

    /* a cell is what is not empty */

    without = w->op == BE_OP_NE;

    if (cell && w->text[0] == '\0') {
        without = w->op == BE_OP_EQ;
    }

    if (rc == 0 && l->n == BE_NO_LIST && !without) {
        free(l->id);
        *l = found;
        return 0;
    }

    if (rc == 0 && l->n == BE_NO_LIST) {
        rc = be_list_all(db, sheet, l);
    }

    if (rc == 0) {
        be_list_join(l, &found, without);
    }

    free(found.id);

    return rc;
}


/* Sorts, and takes the part that is wanted. */

static int
be_rows_sort(be_db_t *db, int64_t sheet, const be_ask_t *a,
    const be_list_t *l, size_t offset, size_t limit, be_rows_t *rows)
{
    int        rc;
    size_t     i, k;
    uint32_t  *order;

    if (l->n == BE_NO_LIST) {
        return -1;               /* it was filled before */
    }

    k = offset < l->n ? l->n - offset : 0;
    k = k < limit ? k : limit;

    rows->id = calloc(k + 1, sizeof(int64_t));
    order = calloc(l->n + 1, sizeof(uint32_t));

    rc = rows->id == NULL || order == NULL ? -1
         : be_sorter_run(db, sheet, a, l, rows->total, k ? offset + k : 0,
                         order);

    if (rc == 0) {
        for (i = 0; i < k; i++) {
            rows->id[i] = l->id[order[offset + i]];
        }

        rows->n = k;
    }

    free(order);

    return rc;
}


/* In the order in which they came. */

static int
be_rows_slice(be_db_t *db, int64_t sheet, be_list_t *l, size_t offset,
    size_t limit, be_rows_t *rows)
{
    int        rc = 0;
    be_list_t  page = { 0 };

    if (l->n == BE_NO_LIST) {
        rc = be_list_fill(db, be_sql(db, "SELECT id FROM item INDEXED BY"
                                     " item_sheet WHERE sheet = ? ORDER BY id"
                                     " LIMIT ? OFFSET ?", "iii", sheet,
                                     (int64_t) limit, (int64_t) offset),
                          &page);
        rows->id = page.id;
        rows->n = page.n;

        return rc;
    }

    offset = offset < l->n ? offset : l->n;
    rows->n = l->n - offset < limit ? l->n - offset : limit;
    rows->id = l->id;
    l->id = NULL;

    if (rows->n != 0) {
        memmove(rows->id, rows->id + offset, rows->n * sizeof(int64_t));
    }

    return 0;
}


void
be_rows_free(be_rows_t *rows)
{
    free(rows->id);
    rows->id = NULL;
    rows->n = 0;
}


int
be_rows_find(be_db_t *db, int64_t sheet, const be_ask_t *a, size_t offset,
    size_t limit, be_rows_t *rows, be_fault_t *f)
{
    int            i, rc;
    be_list_t      l = { .n = BE_NO_LIST };
    sqlite3_stmt  *st;

    memset(rows, 0, sizeof(*rows));

    st = be_sql(db, "SELECT count(*) FROM item INDEXED BY item_sheet"
                " WHERE sheet = ?", "i", sheet);

    if (be_step(db, st) == 1) {
        rows->total = sqlite3_column_int64(st, 0);
        be_done(st);
    }

    rc = 0;

    for (i = 0; rc == 0 && i < a->nwhere; i++) {
        rc = be_filter(db, sheet, &a->where[i], &l);
    }

    if (rc == 0 && a->nsort != 0 && l.n == BE_NO_LIST) {
        rc = be_list_all(db, sheet, &l);
    }

    rows->matched = l.n == BE_NO_LIST ? rows->total : (int64_t) l.n;

    if (rc == 0) {
        rc = a->nsort != 0
             ? be_rows_sort(db, sheet, a, &l, offset, limit, rows)
             : be_rows_slice(db, sheet, &l, offset, limit, rows);
    }

    free(l.id);

    if (be_failed(db, f)) {
        return -1;
    }

    return rc == 0 ? 0 : be_fault(f, 503, "Out of memory");
}
