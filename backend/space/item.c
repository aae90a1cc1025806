/*
 * What was read from an image: stored as it is, and once more as cells, which
 * is what GET /view filters and sorts by.  Called by the job runner and by
 * POST /edit, inside a transaction that writes.
 *
 * Invariant: the cells of an item say the same as its data.  A value that is
 * empty has no cell.
 */

#include <stdlib.h>
#include <string.h>

#include "../schema.h"
#include "../text.h"
#include "item.h"
#include "where.h"


static const char  be_boxes[] = "field_bboxes";


json_t *
be_item_plain(const json_t *rows)
{
    size_t         i;
    json_t        *out, *o;
    const json_t  *row;

    out = json_array();

    json_array_foreach(rows, i, row) {
        o = json_is_object(row) ? json_copy((json_t *) row)
                                : json_incref((json_t *) row);
        if (json_is_object(o)) {
            json_object_del(o, be_boxes);
        }

        if (json_array_append_new(out, o) != 0) {
            json_decref(out);
            return NULL;
        }
    }

    return out;
}


char *
be_item_text(const json_t *v)
{
    char    *s;
    json_t  *plain;

    if (v == NULL || json_is_null(v)) {
        return strdup("");
    }

    if (json_is_string(v)) {
        return strdup(json_string_value(v));
    }

    if (!json_is_array(v)) {
        return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY
                          | JSON_REAL_PRECISION(15));
    }

    if (json_array_size(v) == 0) {
        return strdup("");
    }

    plain = be_item_plain(v);
    s = plain ? json_dumps(plain, JSON_COMPACT) : NULL;
    json_decref(plain);

    return s;
}


int
be_item_cell(be_db_t *db, int64_t item, int64_t col, const json_t *v)
{
    int      rc, number;
    char    *text;
    double   num = 0;

    text = be_item_text(v);
    if (text == NULL) {
        return -1;
    }

    if (*text == '\0') {
        rc = be_run(db, "DELETE FROM cell WHERE col = ? AND item = ?", "ii",
                    col, item);

    } else {
        number = !json_is_array(v) && be_value_number(text, &num);
        rc = be_run(db, "INSERT OR REPLACE INTO cell (col, item, text, num)"
                    " VALUES (?, ?, ?, ?)", number ? "iisd" : "iisn", col,
                    item, text, num);
    }

    free(text);

    return rc;
}


/* Adds what a row has and the spec has not: names of children. */

static int
be_item_children(json_t *spec, const json_t *rows)
{
    int            added = 0;
    size_t         i, j, n;
    json_t        *children;
    const char    *name;
    const json_t  *row, *v, *child;

    children = json_object_get(spec, "children");

    json_array_foreach(rows, i, row) {
        json_object_foreach((json_t *) row, name, v) {
            n = json_array_size(children);

            for (j = 0; j < n; j++) {
                child = json_array_get(children, j);
                if (strcmp(json_string_value(json_object_get(child, "name")),
                           name) == 0)
                {
                    break;
                }
            }

            if (j == n && n < BE_MAX_CHILDREN && strcmp(name, be_boxes) != 0
                && be_utf8_count(name) <= BE_MAX_NAME)
            {
                added |= json_array_append_new(children,
                                               json_pack("{s:s,s:s}", "name",
                                                         name, "type",
                                                         "string")) == 0;
            }
        }
    }

    return added;
}


/* A new column of an automatic sheet: its id, 0 where there are enough. */

static int64_t
be_item_column_new(be_db_t *db, int64_t sheet, const char *name,
    const json_t *v)
{
    int            rc, n = BE_MAX_COLUMNS;
    char          *text;
    json_t        *spec;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT count(*) FROM col WHERE sheet = ?", "i", sheet);

    if (be_step(db, st) == 1) {
        n = sqlite3_column_int(st, 0);
        be_done(st);
    }

    if (n >= BE_MAX_COLUMNS || be_utf8_count(name) > BE_MAX_NAME
        || (json_is_array(v) && json_array_size(v) == 0))
    {
        return 0;
    }

    spec = json_pack("{s:s,s:s}", "name", name, "type",
                     json_is_array(v) ? "array" : "string");

    if (json_is_array(v)) {
        json_object_set_new(spec, "children", json_array());
        (void) be_item_children(spec, v);
    }

    text = json_dumps(spec, JSON_COMPACT);
    json_decref(spec);

    rc = text == NULL ? -1
         : be_run(db, "INSERT INTO col (sheet, name, spec) VALUES (?, ?, ?)",
                  "iss", sheet, name, text);
    free(text);

    return rc == 0 ? be_rowid(db) : -1;
}


/* The rows of a later image may have children that the first had not. */

static int
be_item_widen(be_db_t *db, int64_t col, const char *text, const json_t *v)
{
    int      rc = 0;
    char    *wider;
    json_t  *spec;

    spec = json_loads(text, 0, NULL);
    if (spec == NULL) {
        return -1;
    }

    if (json_is_array(json_object_get(spec, "children"))
        && be_item_children(spec, v))
    {
        wider = json_dumps(spec, JSON_COMPACT);
        rc = wider == NULL ? -1
             : be_run(db, "UPDATE col SET spec = ? WHERE id = ?", "si", wider,
                      col);
        free(wider);
    }

    json_decref(spec);

    return rc;
}


/* The column of a name: its id, 0 where it is none, -1. */

static int64_t
be_item_column(be_db_t *db, int64_t sheet, int automatic, const char *name,
    const json_t *v)
{
    int            rc;
    char          *text;
    int64_t        col;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT id, spec FROM col WHERE sheet = ? AND name = ?",
                "is", sheet, name);

    rc = be_step(db, st);
    if (rc < 0) {
        return -1;
    }

    if (rc == 0) {
        return automatic ? be_item_column_new(db, sheet, name, v) : 0;
    }

    col = sqlite3_column_int64(st, 0);
    text = automatic && json_is_array(v) ? strdup(be_text(st, 1)) : NULL;
    be_done(st);

    if (text != NULL && be_item_widen(db, col, text, v) != 0) {
        col = -1;
    }

    free(text);

    return col;
}


int
be_item_store(be_db_t *db, int64_t item, const json_t *data)
{
    int            rc, automatic;
    char          *text;
    int64_t        sheet, col;
    const char    *name;
    const json_t  *v;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT sheet, fields IS NULL FROM item"
                " JOIN node ON node.id = item.sheet WHERE item.id = ?", "i",
                item);

    rc = be_step(db, st);
    if (rc != 1) {
        return rc;               /* it was removed meanwhile: nothing to do */
    }

    sheet = sqlite3_column_int64(st, 0);
    automatic = sqlite3_column_int(st, 1);
    be_done(st);

    text = json_dumps(data, JSON_COMPACT);
    rc = text == NULL ? -1
         : be_run(db, "UPDATE item SET data = ? WHERE id = ?", "si", text,
                  item);
    free(text);

    if (rc != 0
        || be_run(db, "DELETE FROM cell WHERE item = ?", "i", item) != 0)
    {
        return -1;
    }

    json_object_foreach((json_t *) data, name, v) {
        if (strcmp(name, be_boxes) == 0) {
            continue;
        }

        col = be_item_column(db, sheet, automatic, name, v);

        if (col < 0 || (col > 0 && be_item_cell(db, item, col, v) != 0)) {
            return -1;
        }
    }

    return 0;
}
