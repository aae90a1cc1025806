/*
 * GET /view: a folder, a sheet, a memo or an image.  Called by the front, on
 * the thread of the connection.
 *
 * Invariant: an answer is of one state of the database: the numbers of rows,
 * the columns and the rows agree.
 */

#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "view.h"


#define BE_VIEW_ROWS   100       /* where no limit is given */
#define BE_VIEW_MAX    500
#define BE_CSV_MAX     100000
#define BE_VIEW_ITEMS  10000     /* of a folder */

/* Data of the rows of a page, in bytes: a page of larger rows is shorter than
 * its limit. */
#define BE_VIEW_BYTES  (8u * 1024 * 1024)


static int
be_view_memory(be_fault_t *f)
{
    return be_fault(f, 503, "Out of memory");
}


static int
be_view_args(be_view_t *v, be_fault_t *f)
{
    int                i;
    const char        *format;
    const be_query_t  *q = v->in->query;

    static const char *const  known[] = {
        "path", "boxes", "where", "sort", "select", "limit", "offset",
        "format", NULL
    };

    if (be_query_known(q, known, f) != 0
        || be_query_one(q, "path", &v->path, f) != 0
        || be_query_one(q, "format", &format, f) != 0)
    {
        return -1;
    }

    v->path = v->path ? v->path : "";
    v->csv = format != NULL && strcmp(format, "csv") == 0;

    if (format != NULL && !v->csv && strcmp(format, "json") != 0) {
        return be_fault_field(f, "format", "format must be \"json\" or"
                              " \"csv\"");
    }

    v->boxes = 1;
    v->limit = v->csv ? BE_CSV_MAX : BE_VIEW_ROWS;

    for (i = 0; i < q->n; i++) {
        if (strcmp(q->v[i].name, "path") != 0
            && strcmp(q->v[i].name, "boxes") != 0)
        {
            v->special = q->v[i].name;
        }
    }

    return be_query_number(q, "boxes", 0, 1, &v->boxes, f) != 0
           || be_query_number(q, "limit", 1, v->csv ? BE_CSV_MAX
                              : BE_VIEW_MAX, &v->limit, f) != 0
           || be_query_number(q, "offset", 0, 1000000000, &v->offset, f) != 0
           ? -1 : 0;
}


/* Puts o into an array, if there is one: 1, or -1. */

static int
be_view_append(json_t *array, json_t *o)
{
    return json_array_append_new(array, o) == 0 ? 1 : -1;
}


static json_t *
be_view_folder(be_view_t *v, be_fault_t *f)
{
    int            rc = 1;
    json_t        *root, *items;
    be_buf_t       path = { 0 };
    sqlite3_stmt  *st;

    items = json_array();
    root = json_pack("{s:s,s:s,s:s,s:o}", "type", "folder", "path",
                     v->node.path, "uniqueKey", v->node.key, "items", items);

    st = be_sql(v->db, "SELECT name, type, key, created FROM node"
                " WHERE uid = ? AND ifnull(parent, 0) = ? ORDER BY name"
                " LIMIT ?", "sii", v->in->uid, v->node.id,
                (int64_t) BE_VIEW_ITEMS + 1);

    while (rc == 1 && root != NULL && (rc = be_step(v->db, st)) == 1) {
        if (json_array_size(items) == BE_VIEW_ITEMS) {
            json_object_set_new(root, "truncated", json_true());
            break;
        }

        path.len = 0;
        be_buf_printf(&path, "%s%s%s", v->node.path,
                      v->node.path[0] ? "/" : "", be_text(st, 0));

        rc = path.failed ? -1
             : be_view_append(items,
                              json_pack("{s:s,s:s,s:s,s:s,s:I}", "name",
                                        be_text(st, 0), "type",
                                        be_text(st, 1), "path", path.data,
                                        "uniqueKey", be_text(st, 2),
                                        "createdAt", (json_int_t)
                                        sqlite3_column_int64(st, 3)));
    }

    be_done(st);
    be_buf_free(&path);

    if (be_failed(v->db, f) || (rc < 0 && be_view_memory(f))) {
        json_decref(root);
        return NULL;
    }

    return root;
}


static json_t *
be_view_memo(be_view_t *v)
{
    json_t        *root = NULL;
    sqlite3_stmt  *st;

    st = be_sql(v->db, "SELECT text FROM node WHERE id = ?", "i", v->node.id);

    if (be_step(v->db, st) == 1) {
        root = json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", "memo", "path",
                         v->node.path, "uniqueKey", v->node.key, "name",
                         v->node.name, "text", be_text(st, 0));
        be_done(st);
    }

    return root;
}


/* Ends an answer: an object, and members that are text already.  Takes both.
 * 0, or -1: no memory. */

static int
be_view_send(be_reply_t *r, json_t *head, be_buf_t *members)
{
    char      *text;
    be_buf_t   body = { 0 };

    text = head ? json_dumps(head, JSON_COMPACT) : NULL;
    json_decref(head);

    if (text != NULL && !members->failed) {
        be_buf_add(&body, text, strlen(text) - 1);
        be_buf_str(&body, ",");
        be_buf_add(&body, members->data, members->len);
        be_buf_str(&body, "}");
        r->status = 200;
        r->len = body.len;
        r->body = be_buf_take(&body);
    }

    free(text);
    be_buf_free(members);

    return r->body ? 0 : -1;
}


static void
be_view_image(be_view_t *v, be_reply_t *r)
{
    json_t        *root, *error;
    be_buf_t       members = { 0 };
    sqlite3_stmt  *st;

    st = be_sql(v->db, "SELECT status, data, error FROM item WHERE id = ?",
                "i", v->node.id);

    if (be_step(v->db, st) != 1) {
        return;
    }

    root = json_pack("{s:s,s:s,s:s,s:s,s:s+,s:s}", "type", "img", "path",
                     v->node.path, "rowKey", v->node.key, "name",
                     v->node.name, "imageUrl", "/images/", v->node.key,
                     "ocrStatus", be_text(st, 0));
    error = json_loads(be_text(st, 2), 0, NULL);

    if (root != NULL && error != NULL) {
        json_object_set(root, "error", error);
    }

    json_decref(error);

    be_cut_row(&members, be_text(st, 1), &v->ask, (int) v->boxes);
    be_done(st);
    (void) be_view_send(r, root, &members);
}


static json_t *
be_view_columns(const be_ask_t *a)
{
    int      i;
    json_t  *columns;

    columns = json_array();

    for (i = 0; i < (a->selects ? a->nselect : a->nown); i++) {
        const be_column_t  *c = a->selects ? a->select[i] : &a->columns[i];

        if (c->spec != NULL) {
            json_array_append(columns, c->spec);
        }
    }

    return columns;
}


/* The rows, as text; how many of them, or -1. */

static int64_t
be_view_rows(be_view_t *v, const be_rows_t *rows, be_buf_t *out)
{
    char          *text;
    size_t         i;
    json_t        *row;
    sqlite3_stmt  *st;

    be_buf_str(out, "\"rows\":[");

    for (i = 0; i < rows->n && out->len < BE_VIEW_BYTES; i++) {
        st = be_sql(v->db, "SELECT key, name, status, request_id, created,"
                    " data FROM item WHERE id = ?", "i", rows->id[i]);

        if (be_step(v->db, st) != 1) {
            return -1;
        }

        row = json_pack("{s:s,s:s,s:s+,s:s,s:s,s:I}", "rowKey",
                        be_text(st, 0), "name", be_text(st, 1), "imageUrl",
                        "/images/", be_text(st, 0), "ocrStatus",
                        be_text(st, 2), "requestId", be_text(st, 3),
                        "createdAt",
                        (json_int_t) sqlite3_column_int64(st, 4));
        text = row ? json_dumps(row, JSON_COMPACT) : NULL;
        json_decref(row);

        if (text == NULL) {
            be_done(st);
            return -1;
        }

        be_buf_str(out, i ? "," : "");
        be_buf_add(out, text, strlen(text) - 1);
        be_buf_str(out, ",");
        be_cut_row(out, be_text(st, 5), &v->ask, (int) v->boxes);
        be_buf_str(out, "}");

        free(text);
        be_done(st);
    }

    be_buf_str(out, "]");

    return out->failed ? -1 : (int64_t) i;
}


static void
be_view_page(be_view_t *v, const be_rows_t *rows, be_reply_t *r)
{
    json_t    *root;
    int64_t    n, next;
    be_buf_t   text = { 0 };

    n = be_view_rows(v, rows, &text);

    if (n < 0) {
        be_buf_free(&text);
        return;
    }

    next = v->offset + n;

    root = json_pack("{s:s,s:s,s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:o}", "type",
                     "sheet", "path", v->node.path, "uniqueKey", v->node.key,
                     "name", v->node.name, "columns",
                     be_view_columns(&v->ask), "total",
                     (json_int_t) rows->total, "matched",
                     (json_int_t) rows->matched, "offset",
                     (json_int_t) v->offset, "limit", (json_int_t) v->limit,
                     "nextOffset", next < rows->matched ? json_integer(next)
                                                        : json_null());
    (void) be_view_send(r, root, &text);
}


static void
be_view_sheet(be_view_t *v, be_reply_t *r, be_fault_t *f)
{
    be_rows_t  rows = { 0 };

    if (be_rows_columns(v->db, v->node.id, &v->ask, f) == 0
        && be_ask_parse(&v->ask, v->in->query, f) == 0
        && be_rows_find(v->db, v->node.id, &v->ask, (size_t) v->offset,
                        (size_t) v->limit, &rows, f) == 0)
    {
        if (v->csv) {
            (void) be_view_csv(v, &rows, r, f);

        } else {
            be_view_page(v, &rows, r);
        }
    }

    be_rows_free(&rows);
}


/* The answer is in r, or the fault is set. */

static void
be_view(be_view_t *v, be_reply_t *r, be_fault_t *f)
{
    if (be_path_find(v->db, v->in->uid, v->path, "path", &v->node, f) != 0) {
        return;
    }

    if (v->special != NULL && v->node.type != BE_NODE_SHEET) {
        be_fault_field(f, v->special, "%s is for sheets only", v->special);
        return;
    }

    switch (v->node.type) {
    case BE_NODE_SHEET:
        be_view_sheet(v, r, f);
        break;
    case BE_NODE_MEMO:
        be_reply_json(r, 200, be_view_memo(v));
        break;
    case BE_NODE_ITEM:
        be_view_image(v, r);
        break;
    default:
        be_reply_json(r, 200, be_view_folder(v, f));
        break;
    }

    if (f->status == 0 && r->body == NULL && !r->file
        && !be_failed(v->db, f))
    {
        be_view_memory(f);
    }
}


void
be_api_view(const be_in_t *in, be_reply_t *r)
{
    be_view_t   v = { .in = in };
    be_fault_t  f = { 0 };

    if (be_view_args(&v, &f) == 0) {
        v.db = be_store_read(in->conf->store, &f);
    }

    if (v.db != NULL) {
        be_view(&v, r, &f);
        be_store_abort(v.db);
    }

    be_ask_free(&v.ask);
    be_node_free(&v.node);

    if (f.status != 0) {
        be_api_refuse(r, &f, in->request_id);
    }
}
