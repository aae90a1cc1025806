/*
 * Sorts the rows of a sheet.  Called by rows.c, inside a transaction that
 * reads.
 *
 * The keys of a column are gathered in one sweep over it; then a heap keeps as
 * many rows as are wanted.  The memory is bounded for each row: of a long text
 * the first BE_SORT_BYTES count.
 *
 * Invariant: the order is total (rows that are equal keep their order), so
 * that the pages of one state of the sheet fit together.
 */

#include <stdlib.h>
#include <string.h>

#include "sorter.h"
#include "value.h"


#define BE_SORT_BYTES  200

typedef enum { BE_KIND_NUMBER = 0, BE_KIND_TEXT, BE_KIND_NONE } be_kind_e;

typedef struct {
    double    num;
    uint32_t  at;                /* of the text in the arena */
    uint16_t  len;
    uint16_t  kind;
} be_sortkey_t;

typedef struct {
    const be_ask_t  *ask;
    be_sortkey_t    *key[BE_MAX_SORT];   /* of each row of the list */
    be_buf_t         text;               /* the arena */
} be_sorter_t;


static int
be_sortkey_cmp(const be_sorter_t *s, int i, const be_sortkey_t *a,
    const be_sortkey_t *b)
{
    int     order;
    size_t  len;

    if (a->kind != b->kind || a->kind == BE_KIND_NONE) {
        return a->kind - b->kind;
    }

    if (a->kind == BE_KIND_NUMBER) {
        order = a->num > b->num ? 1 : a->num < b->num ? -1 : 0;

    } else {
        len = a->len < b->len ? a->len : b->len;
        order = len ? memcmp(s->text.data + a->at, s->text.data + b->at, len)
                : 0;
        order = order ? order : (int) a->len - (int) b->len;
    }

    return s->ask->sort[i].desc ? -order : order;
}


/* Of two rows, by their places in the list. */

static int
be_sorter_cmp(const void *pa, const void *pb, void *data)
{
    int                 i, order;
    const uint32_t     *a = pa, *b = pb;
    const be_sorter_t  *s = data;

    for (i = 0; i < s->ask->nsort; i++) {
        order = be_sortkey_cmp(s, i, &s->key[i][*a], &s->key[i][*b]);
        if (order != 0) {
            return order;
        }
    }

    return *a < *b ? -1 : *a > *b;
}


static int
be_sorter_key(be_sorter_t *s, be_sortkey_t *k, const be_column_t *c,
    sqlite3_stmt *st)
{
    size_t       len;
    const char  *text;

    if (c->kind == BE_COL_CELL) {
        k->kind = sqlite3_column_type(st, 2) == SQLITE_NULL ? BE_KIND_TEXT
                                                             : BE_KIND_NUMBER;
        k->num = sqlite3_column_double(st, 2);

    } else {
        k->kind = be_value_number(be_text(st, 1), &k->num) ? BE_KIND_NUMBER
                                                           : BE_KIND_TEXT;
    }

    if (k->kind == BE_KIND_NUMBER) {
        return 0;
    }

    text = be_text(st, 1);
    len = (size_t) sqlite3_column_bytes(st, 1);
    len = len < BE_SORT_BYTES ? len : BE_SORT_BYTES;

    if (len == 0) {
        k->kind = BE_KIND_NONE;
    }

    if (s->text.len > UINT32_MAX - len) {
        return -1;
    }

    k->at = (uint32_t) s->text.len;
    k->len = (uint16_t) len;
    be_buf_add(&s->text, text, len);

    return s->text.failed ? -1 : 0;
}


/* The keys of one column for the rows of the list: a sweep over the column,
 * or a look at each cell where the list is short. */

static int
be_sorter_keys(be_db_t *db, int64_t sheet, const be_list_t *l, int64_t total,
    const be_column_t *c, be_sorter_t *s, be_sortkey_t *keys)
{
    int            rc = 0;
    size_t         i, n = l->n;
    int64_t        id;
    sqlite3_stmt  *st;

    for (i = 0; i < n; i++) {
        keys[i].kind = BE_KIND_NONE;
    }

    if (c->kind == BE_COL_CELL && n < (size_t) total / 16) {
        for (i = 0; i < n && rc >= 0; i++) {
            st = be_sql(db, "SELECT item, text, num FROM cell"
                        " WHERE col = ? AND item = ?", "ii", c->id, l->id[i]);
            rc = be_step(db, st);

            if (rc == 1) {
                rc = be_sorter_key(s, &keys[i], c, st);
                be_done(st);
            }
        }

        return rc;
    }

    st = c->kind != BE_COL_CELL ? be_rows_values(db, sheet, c)
         : be_sql(db, "SELECT item, text, num FROM cell WHERE col = ?"
                  " ORDER BY item", "i", c->id);

    for (i = 0; (rc = be_step(db, st)) == 1; ) {
        id = sqlite3_column_int64(st, 0);

        while (i < n && l->id[i] < id) {
            i++;
        }

        if (i == n) {
            break;
        }

        if (l->id[i] == id && be_sorter_key(s, &keys[i], c, st) != 0) {
            rc = -1;
            break;
        }
    }

    be_done(st);

    return rc < 0 ? -1 : 0;
}


static void
be_heap_sink(uint32_t *h, size_t n, size_t i, be_sorter_t *s)
{
    size_t    child;
    uint32_t  t;

    for ( ;; ) {
        child = 2 * i + 1;

        if (child >= n) {
            return;
        }

        if (child + 1 < n && be_sorter_cmp(&h[child], &h[child + 1], s) < 0) {
            child++;
        }

        if (be_sorter_cmp(&h[i], &h[child], s) >= 0) {
            return;
        }

        t = h[i];
        h[i] = h[child];
        h[child] = t;
        i = child;
    }
}


/* The first k of n rows, in their order, in h, which has room for n.  Most of
 * the others are sent away by one comparison with the last one kept. */

static void
be_sorter_first(be_sorter_t *s, uint32_t *h, size_t n, size_t k)
{
    size_t    i;
    uint32_t  row;

    for (i = 0; i < n; i++) {
        h[i] = (uint32_t) i;
    }

    if (k < n / 4) {
        for (i = k; i-- > 0; ) {
            be_heap_sink(h, k, i, s);
        }

        for (i = k; i < n && k > 0; i++) {
            row = (uint32_t) i;

            if (be_sorter_cmp(&row, &h[0], s) < 0) {
                h[0] = row;
                be_heap_sink(h, k, 0, s);
            }
        }

        n = k;
    }

    qsort_r(h, n, sizeof(uint32_t), be_sorter_cmp, s);
}


int
be_sorter_run(be_db_t *db, int64_t sheet, const be_ask_t *a,
    const be_list_t *l, int64_t total, size_t k, uint32_t *order)
{
    int          i, rc = 0;
    be_sorter_t  s = { .ask = a };

    if (l->n > UINT32_MAX) {
        return -1;
    }

    for (i = 0; rc == 0 && i < a->nsort; i++) {
        s.key[i] = calloc(l->n + 1, sizeof(be_sortkey_t));
        rc = s.key[i] == NULL ? -1
             : be_sorter_keys(db, sheet, l, total, a->sort[i].column, &s,
                              s.key[i]);
    }

    if (rc == 0) {
        be_sorter_first(&s, order, l->n, k);
    }

    for (i = 0; i < a->nsort; i++) {
        free(s.key[i]);
    }

    be_buf_free(&s.text);

    return rc;
}
