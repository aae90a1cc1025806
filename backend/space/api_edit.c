/*
 * POST /edit: a cell of a sheet, or a memo.  Called by the front, on the
 * thread of the connection.
 *
 * Invariant: a value that somebody has written has no box: it was not read on
 * the page.
 */

#include <stdlib.h>
#include <string.h>

#include "../api.h"
#include "../json.h"
#include "../schema.h"
#include "item.h"
#include "rows.h"


#define BE_EDIT_BYTES  10000         /* of one value */
#define BE_EDIT_ROWS   200           /* of an array */
#define BE_EDIT_MEMO   (100u * 1024)
#define BE_EDIT_DATA   (4u * 1024 * 1024)    /* of one image, all in all */

/* What is to be written; the strings belong to the body. */
typedef struct {
    const char  *path;
    const char  *text;           /* of a memo; else NULL */
    const char  *row;
    const char  *column;
    json_t      *value;
} be_edit_t;


static int
be_edit_parse(const json_t *body, be_edit_t *e, be_fault_t *f)
{
    if (be_json_string(body, "path", SIZE_MAX, &e->path, f) != 0
        || be_json_string(body, "text", BE_EDIT_MEMO, &e->text, f) != 0
        || be_json_string(body, "row", BE_MAX_NAME, &e->row, f) != 0
        || be_json_string(body, "column", BE_MAX_TEXT, &e->column, f) != 0)
    {
        return -1;
    }

    e->value = json_object_get(body, "value");

    if (e->path == NULL) {
        return be_fault_field(f, "path", "path is missing");
    }

    if (e->text != NULL) {
        return e->row == NULL && e->column == NULL && e->value == NULL ? 0
               : be_fault_field(f, "text", "text is for memos; a cell has a"
                                " value");
    }

    if (e->column == NULL) {
        return be_fault_field(f, "column", "column is missing");
    }

    if (e->value == NULL) {
        return be_fault_field(f, "value", "value is missing");
    }

    return 0;
}


/* A value as a sheet has it, which is a string: a new reference, or NULL. */

static json_t *
be_edit_scalar(const json_t *v, be_fault_t *f)
{
    char    *s;
    json_t  *o;

    if (!json_is_string(v) && !json_is_number(v) && !json_is_null(v)) {
        be_fault_field(f, "value", "value must be a string, a number or"
                       " null");
        return NULL;
    }

    if (json_string_length(v) > BE_EDIT_BYTES) {
        be_fault_field(f, "value", "value is longer than %d bytes",
                       BE_EDIT_BYTES);
        return NULL;
    }

    s = be_item_text(v);
    o = s ? json_string(s) : NULL;
    free(s);

    if (o == NULL) {
        be_fault(f, 503, "Out of memory");
    }

    return o;
}


/* A row of an array: each child that the column has, and no other. */

static json_t *
be_edit_row(const json_t *row, const json_t *children, be_fault_t *f)
{
    size_t         i, known = 0;
    json_t        *out, *names, *v;
    const char    *name;
    const json_t  *child;

    if (!json_is_object(row)) {
        be_fault_field(f, "value", "value must be an array of objects");
        return NULL;
    }

    out = json_object();
    names = json_array();

    json_array_foreach(children, i, child) {
        json_array_append(names, json_object_get(child, "name"));
        name = json_string_value(json_object_get(child, "name"));
        v = json_object_get(row, name);
        known += v != NULL;
        v = v ? be_edit_scalar(v, f) : json_string("");

        if (json_object_set_new(out, name, v) != 0) {
            goto failed;
        }
    }

    if (known != json_object_size(row)) {
        be_fault_field(f, "value", "value has a member that the column has"
                       " not");
        json_object_set(f->details, "available", names);
        goto failed;
    }

    json_object_set_new(out, "field_bboxes", json_object());
    json_decref(names);

    return out;

failed:

    json_decref(names);
    json_decref(out);

    if (f->status == 0) {
        be_fault(f, 503, "Out of memory");
    }

    return NULL;
}


static json_t *
be_edit_array(const json_t *v, const json_t *children, be_fault_t *f)
{
    size_t         i;
    json_t        *out;
    const json_t  *row;

    if (!json_is_array(v) && !json_is_null(v)) {
        be_fault_field(f, "value", "value must be an array of objects");
        return NULL;
    }

    if (json_array_size(v) > BE_EDIT_ROWS) {
        be_fault_field(f, "value", "value has more than %d rows",
                       BE_EDIT_ROWS);
        return NULL;
    }

    out = json_array();

    json_array_foreach(v, i, row) {
        if (json_array_append_new(out, be_edit_row(row, children, f)) != 0) {
            json_decref(out);
            return NULL;
        }
    }

    return out;
}


/* The data of an item, if it is not being read: a new reference, or NULL. */

static json_t *
be_edit_data(be_db_t *db, const be_edit_t *e, const be_node_t *at,
    int64_t *item, be_fault_t *f)
{
    int            image = at->type == BE_NODE_ITEM;
    json_t        *data = NULL;
    const char    *status;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT id, status, data FROM item"
                " WHERE key = ? AND sheet = ?", "si", image ? at->key : e->row,
                image ? at->sheet : at->id);

    if (be_step(db, st) != 1) {
        if (!be_failed(db, f)) {
            be_fault(f, 404, "There is no such row in this sheet");
        }
        return NULL;
    }

    *item = sqlite3_column_int64(st, 0);
    status = be_text(st, 1);

    if (strcmp(status, "done") != 0 && strcmp(status, "failed") != 0) {
        be_fault(f, 400, "The image is still being read");

    } else {
        data = *be_text(st, 2) ? json_loads(be_text(st, 2), 0, NULL)
               : json_pack("{s:{}}", "field_bboxes");
        if (data == NULL) {
            be_fault(f, 503, "Out of memory");
        }
    }

    be_done(st);

    return data;
}


static int
be_edit_write(be_db_t *db, int64_t item, const be_column_t *c, json_t *data,
    json_t *value, be_fault_t *f)
{
    int    rc;
    char  *text;

    json_object_set(data, c->name, value);
    json_object_del(json_object_get(data, "field_bboxes"), c->name);

    text = json_dumps(data, JSON_COMPACT);
    if (text == NULL) {
        return be_fault(f, 503, "Out of memory");
    }

    if (strlen(text) > BE_EDIT_DATA) {
        free(text);
        return be_fault_field(f, "value", "The row would be larger than %u"
                              " MB", BE_EDIT_DATA >> 20);
    }

    rc = be_run(db, "UPDATE item SET data = ? WHERE id = ?", "si", text,
                item);
    free(text);

    if (rc == 0) {
        rc = be_item_cell(db, item, c->id, value);
    }

    if (rc == 0 || be_failed(db, f)) {
        return rc;
    }

    return be_fault(f, 503, "Out of memory");
}


/* What was written, by the column's name: a new reference, or NULL. */

static json_t *
be_edit_cell(be_db_t *db, const be_edit_t *e, const be_node_t *at,
    const be_ask_t *columns, be_fault_t *f)
{
    int64_t             item;
    json_t             *data, *value, *children;
    const be_column_t  *c;

    c = be_ask_own(columns, e->column);
    if (c == NULL) {
        be_ask_unknown(columns, "column", f);
        return NULL;
    }

    data = be_edit_data(db, e, at, &item, f);
    if (data == NULL) {
        return NULL;
    }

    children = json_object_get(c->spec, "children");
    value = children ? be_edit_array(e->value, children, f)
                     : be_edit_scalar(e->value, f);

    if (value == NULL || be_edit_write(db, item, c, data, value, f) != 0) {
        json_decref(value);
        json_decref(data);
        return NULL;
    }

    json_decref(data);

    return json_pack("{s:o}", c->name, value);
}


static json_t *
be_edit_memo(be_db_t *db, const be_edit_t *e, const be_node_t *at)
{
    (void) be_run(db, "UPDATE node SET text = ? WHERE id = ?", "si", e->text,
                  at->id);

    return json_pack("{s:s}", "text", e->text);
}


static json_t *
be_edit(be_db_t *db, const char *uid, const be_edit_t *e, be_fault_t *f)
{
    json_t     *patched = NULL;
    be_ask_t    columns = { .nown = 0 };
    be_node_t   at;

    if (be_path_find(db, uid, e->path, "path", &at, f) != 0) {
        goto done;
    }

    if (e->text != NULL) {
        if (at.type == BE_NODE_MEMO) {
            patched = be_edit_memo(db, e, &at);

        } else {
            be_fault_field(f, "path", "path must be a memo");
        }

        goto done;
    }

    if (at.type != BE_NODE_SHEET && at.type != BE_NODE_ITEM) {
        be_fault_field(f, "path", "path must be a sheet");

    } else if ((at.type == BE_NODE_SHEET) != (e->row != NULL)) {
        be_fault_field(f, "row", e->row ? "path is an image; row is for"
                       " sheets" : "row is missing");

    } else if (be_rows_columns(db, at.type == BE_NODE_SHEET ? at.id
                               : at.sheet, &columns, f) == 0)
    {
        patched = be_edit_cell(db, e, &at, &columns, f);
    }

done:

    be_ask_free(&columns);
    be_node_free(&at);

    if (patched == NULL && f->status == 0) {
        be_fault(f, 503, "Out of memory");
    }

    return patched;
}


void
be_api_edit(const be_in_t *in, be_reply_t *r)
{
    int          rc = -1;
    json_t      *body, *patched;
    be_db_t     *db = NULL;
    be_edit_t    e = { 0 };
    be_fault_t   f = { 0 };

    body = be_json_parse(in->body->data, in->body->len, &f);

    if (body != NULL && be_edit_parse(body, &e, &f) == 0) {
        db = be_store_write(in->conf->store, &f);
    }

    if (db != NULL) {
        patched = be_edit(db, in->uid, &e, &f);

        if (patched == NULL) {
            be_store_abort(db);

        } else {
            rc = be_store_commit(db, &f);
        }

        if (rc == 0) {
            be_reply_json(r, 200, json_pack("{s:b,s:o}", "ok", 1, "patched",
                                            patched));
        } else {
            json_decref(patched);
        }
    }

    json_decref(body);

    if (rc != 0) {
        be_api_refuse(r, &f, in->request_id);
    }
}
