/*
 * The rows of a sheet as CSV.  Called by api_view.c, inside a transaction that
 * reads.
 *
 * The text goes into a file of the spool that has no name, which the front
 * sends and closes: however large a sheet is and however slow its reader, the
 * memory that is taken is that of one row.
 *
 * Invariant: each line has as many cells as the header line.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv.h"
#include "item.h"
#include "view.h"


#define BE_CSV_BYTES   (256u * 1024 * 1024)
#define BE_CSV_CHUNK   (64u * 1024)
#define BE_CSV_AT_ONCE 4         /* of the connections that read, some are for
                                  * the others */
#define BE_CSV_FILES   16        /* until they are sent */
#define BE_CSV_TENANT  2         /* of them, of one tenant */

/* A column of the file. */
typedef struct {
    const be_column_t  *column;  /* NULL: the name of the image */
    int                 own;     /* of the sheet's columns, which one; or -1 */
    const char         *child;   /* of an array, or NULL */
} be_csv_col_t;

typedef struct {
    const be_view_t  *view;
    int               fd;
    size_t            size;      /* written so far */
    be_buf_t          out;       /* not written yet */
    be_csv_col_t     *cols;
    size_t            ncols;
    be_buf_t          texts;     /* of the cells of a row, each with its NUL */
    size_t            text[BE_MAX_COLUMNS];   /* where, from 1 on; 0: none */
    json_t           *array[BE_MAX_COLUMNS];  /* of a column with children */
} be_csv_t;

static pthread_mutex_t  be_csv_lock = PTHREAD_MUTEX_INITIALIZER;
static int              be_csv_running;
static const char      *be_csv_files[BE_CSV_FILES];  /* whose; NULL: free */


/* A place for a file: NULL, and the fault, where there is none. */

static const char **
be_csv_enter(const char *uid, be_fault_t *f)
{
    int           i, own = 0;
    const char  **place = NULL;

    pthread_mutex_lock(&be_csv_lock);

    for (i = 0; i < BE_CSV_FILES; i++) {
        if (be_csv_files[i] == NULL) {
            place = &be_csv_files[i];

        } else {
            own += strcmp(be_csv_files[i], uid) == 0;
        }
    }

    if (be_csv_running == BE_CSV_AT_ONCE || own >= BE_CSV_TENANT) {
        place = NULL;
    }

    if (place != NULL) {
        *place = uid;
        be_csv_running++;
    }

    pthread_mutex_unlock(&be_csv_lock);

    if (place == NULL) {
        be_fault(f, 503, "Other sheets are being exported");
        f->details = json_pack("{s:i}", "retryAfterSec", 5);
    }

    return place;
}


/* The file is made, and its place is kept; or there is none, and it is not. */

static void
be_csv_made(const char **place, int made)
{
    pthread_mutex_lock(&be_csv_lock);

    be_csv_running--;
    *place = made ? *place : NULL;

    pthread_mutex_unlock(&be_csv_lock);
}


/* The file is closed. */

static void
be_csv_leave(void *place)
{
    pthread_mutex_lock(&be_csv_lock);
    *(const char **) place = NULL;
    pthread_mutex_unlock(&be_csv_lock);
}


static int
be_csv_open(const be_store_t *s)
{
    int   fd;
    char  path[600];

    snprintf(path, sizeof(path), "%s/spool", be_store_dir(s));
    fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0) {
        return fd;
    }

    /* a file system that has no files without a name */

    snprintf(path, sizeof(path), "%s/spool/csv-XXXXXX", be_store_dir(s));
    fd = mkostemp(path, O_CLOEXEC);

    if (fd >= 0) {
        (void) unlink(path);
    }

    return fd;
}


static int
be_csv_flush(be_csv_t *c, be_fault_t *f)
{
    size_t   at = 0;
    ssize_t  n;

    if (c->out.failed) {
        return be_fault(f, 503, "Out of memory");
    }

    if (c->size + c->out.len > BE_CSV_BYTES) {
        return be_fault(f, 413, "The CSV is larger than %u MB; ask for parts"
                        " of it with limit and offset", BE_CSV_BYTES >> 20);
    }

    if (be_spool_room(c->fd, f) != 0) {
        return -1;
    }

    while (at < c->out.len) {
        n = write(c->fd, c->out.data + at, c->out.len - at);

        if (n < 0 && errno != EINTR) {
            be_fault(f, 503, "The service's storage is not available");
            f->details = json_pack("{s:i}", "retryAfterSec", 5);
            return -1;
        }

        at += n > 0 ? (size_t) n : 0;
    }

    c->size += c->out.len;
    c->out.len = 0;

    return 0;
}


static void
be_csv_add(be_csv_t *c, const be_column_t *column, const char *child)
{
    be_csv_col_t  *col = &c->cols[c->ncols++];

    col->column = column;
    col->child = child;
    col->own = column != NULL && column->kind == BE_COL_CELL
               ? (int) (column - c->view->ask.columns) : -1;
}


/* The columns of the file: the image's name comes first, where the client has
 * not given it another place; an array is as wide as it has children. */

static int
be_csv_columns(be_csv_t *c)
{
    int                 i, n;
    size_t              j, count = 1;
    json_t             *child, *children;
    const be_ask_t     *a = &c->view->ask;
    const be_column_t  *column;

    n = a->selects ? a->nselect : a->nown;

    for (i = 0; i < n; i++) {
        column = a->selects ? a->select[i] : &a->columns[i];
        count += 1 + json_array_size(json_object_get(column->spec,
                                                     "children"));
    }

    c->cols = calloc(count, sizeof(be_csv_col_t));
    if (c->cols == NULL) {
        return -1;
    }

    for (i = 0; i < n && (!a->selects || a->select[i]->kind != BE_COL_NAME);
         i++)
    {
        /* look for it */
    }

    if (i == n) {
        be_csv_add(c, NULL, NULL);
    }

    for (i = 0; i < n; i++) {
        column = a->selects ? a->select[i] : &a->columns[i];
        children = json_object_get(column->spec, "children");

        if (children == NULL) {
            be_csv_add(c, column, NULL);
        }

        json_array_foreach(children, j, child) {
            be_csv_add(c, column,
                       json_string_value(json_object_get(child, "name")));
        }
    }

    return 0;
}


static void
be_csv_header(be_csv_t *c)
{
    size_t               i;
    be_buf_t             b = { 0 };
    const be_csv_col_t  *col;

    be_buf_str(&c->out, "\xEF\xBB\xBF");

    for (i = 0; i < c->ncols; i++) {
        col = &c->cols[i];
        b.len = 0;
        be_buf_str(&b, col->column ? col->column->name : "name");

        if (col->child != NULL) {
            be_buf_str(&b, ".");
            be_buf_str(&b, col->child);
        }

        be_buf_str(&c->out, i ? "," : "");
        be_csv_cell(&c->out, b.data ? b.data : "");
    }

    be_buf_str(&c->out, "\r\n");
    c->out.failed |= b.failed;
    be_buf_free(&b);
}


static void
be_csv_forget(be_csv_t *c)
{
    int  i;

    for (i = 0; i < BE_MAX_COLUMNS; i++) {
        json_decref(c->array[i]);
        c->array[i] = NULL;
        c->text[i] = 0;
    }

    c->texts.len = 0;
}


/* Which of the sheet's columns, which are ordered by id; -1: it was not there
 * (there are no more than BE_MAX_COLUMNS of them). */

static int
be_csv_which(const be_ask_t *a, int64_t id)
{
    int  mid, low = 0, high = a->nown - 1;

    while (low <= high) {
        mid = (low + high) / 2;

        if (a->columns[mid].id == id) {
            return mid;
        }

        if (a->columns[mid].id < id) {
            low = mid + 1;

        } else {
            high = mid - 1;
        }
    }

    return -1;
}


/* One cell of a row, and how many lines it takes; 0: no memory. */

static size_t
be_csv_put(be_csv_t *c, int i, const char *text)
{
    size_t         lines;
    json_error_t   err;
    const json_t  *spec = c->view->ask.columns[i].spec;

    if (json_object_get(spec, "children") == NULL) {
        c->text[i] = c->texts.len + 1;
        be_buf_add(&c->texts, text, strlen(text) + 1);

        return c->texts.failed ? 0 : 1;
    }

    json_decref(c->array[i]);
    c->array[i] = json_loads(text, 0, &err);

    if (c->array[i] == NULL
        && json_error_code(&err) == json_error_out_of_memory)
    {
        return 0;
    }

    lines = json_array_size(c->array[i]);

    return lines ? lines : 1;
}


/* The cells of a row, and how many lines it takes: 0 for no memory or an
 * error. */

static size_t
be_csv_cells(be_csv_t *c, int64_t item)
{
    int              i, rc;
    size_t           n, lines = 1;
    sqlite3_stmt    *st;
    const be_ask_t  *a = &c->view->ask;

    be_csv_forget(c);

    st = be_sql(c->view->db, "SELECT col, text FROM cell INDEXED BY cell_item"
                " WHERE item = ?", "i", item);

    while ((rc = be_step(c->view->db, st)) == 1) {
        i = be_csv_which(a, sqlite3_column_int64(st, 0));

        if (i < 0 || !be_ask_selects(a, &a->columns[i])) {
            continue;
        }

        n = be_csv_put(c, i, be_text(st, 1));
        lines = n > lines ? n : lines;

        if (n == 0) {
            rc = -1;
            break;
        }
    }

    be_done(st);

    return rc < 0 ? 0 : lines;
}


static void
be_csv_line(be_csv_t *c, sqlite3_stmt *st, size_t line)
{
    size_t               i;
    char                *s;
    const json_t        *v;
    const be_csv_col_t  *col;

    for (i = 0; i < c->ncols; i++) {
        col = &c->cols[i];
        be_buf_str(&c->out, i ? "," : "");

        if (col->own < 0) {
            be_csv_cell(&c->out, be_text(st, col->column
                                         ? (int) col->column->kind - 1 : 0));

        } else if (col->child == NULL) {
            be_csv_cell(&c->out, c->text[col->own] ? c->texts.data
                                 + c->text[col->own] - 1 : "");

        } else {
            v = json_object_get(json_array_get(c->array[col->own], line),
                                col->child);
            s = be_item_text(v);
            c->out.failed |= s == NULL;
            be_csv_cell(&c->out, s ? s : "");
            free(s);
        }
    }

    be_buf_str(&c->out, "\r\n");
}


static int
be_csv_rows(be_csv_t *c, const be_rows_t *rows, be_fault_t *f)
{
    int            rc;
    size_t         i, line, lines;
    sqlite3_stmt  *st;

    for (i = 0; i < rows->n; i++) {
        lines = be_csv_cells(c, rows->id[i]);

        /* in the order of be_col_e */

        st = be_sql(c->view->db, "SELECT name, key, status, created FROM item"
                    " WHERE id = ?", "i", rows->id[i]);
        rc = be_step(c->view->db, st);

        for (line = 0; rc == 1 && line < lines; line++) {
            be_csv_line(c, st, line);

            if (c->out.len >= BE_CSV_CHUNK && be_csv_flush(c, f) != 0) {
                be_done(st);
                return -1;
            }
        }

        be_done(st);

        if (rc != 1 || lines == 0) {
            return be_failed(c->view->db, f) ? -1
                   : be_fault(f, 503, "Out of memory");
        }
    }

    return be_csv_flush(c, f);
}


static int
be_csv_make(be_csv_t *c, const be_rows_t *rows, be_fault_t *f)
{
    int  rc;

    c->fd = be_csv_open(c->view->in->conf->store);

    if (c->fd < 0) {
        return be_fault(f, 503, "The service's storage is not available");
    }

    if (be_csv_columns(c) != 0) {
        rc = be_fault(f, 503, "Out of memory");

    } else {
        be_csv_header(c);
        rc = be_csv_rows(c, rows, f);
    }

    be_csv_forget(c);
    be_buf_free(&c->texts);
    be_buf_free(&c->out);
    free(c->cols);

    if (rc != 0) {
        close(c->fd);
    }

    return rc;
}


int
be_view_csv(const be_view_t *v, const be_rows_t *rows, be_reply_t *r,
    be_fault_t *f)
{
    int           rc;
    be_csv_t      c = { .view = v };
    const char  **place;

    place = be_csv_enter(v->in->uid, f);
    if (place == NULL) {
        return -1;
    }

    rc = be_csv_make(&c, rows, f);
    be_csv_made(place, rc == 0);

    if (rc != 0) {
        return -1;
    }

    r->status = 200;
    r->file = 1;
    r->fd = c.fd;
    r->len = c.size;
    r->sent = be_csv_leave;
    r->sent_data = place;
    r->type = "text/csv; charset=utf-8; header=present";
    be_csv_disposition(v->node.name, r->disposition, sizeof(r->disposition));

    return 0;
}
