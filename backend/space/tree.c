/*
 * Paths: what a client calls a place in its space, and what a place is called
 * in answers.  Called by whoever takes a path, inside a transaction.
 *
 * Invariant: each statement names the tenant, so a path or a key of another
 * one's is as good as none.
 */

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "ident.h"
#include "tree.h"


/* of a path: names of 128 characters, four bytes each, a slash after each */

#define BE_PATH_MAX  ((size_t) (BE_PATH_DEPTH + 1) * (128 * 4 + 1))


const char *
be_node_type(be_node_e type)
{
    switch (type) {
    case BE_NODE_SHEET:
        return "sheet";
    case BE_NODE_MEMO:
        return "memo";
    case BE_NODE_ITEM:
        return "img";
    default:
        return "folder";
    }
}


static be_node_e
be_node_type_of(const char *type)
{
    return strcmp(type, "folder") == 0 ? BE_NODE_FOLDER
           : strcmp(type, "sheet") == 0 ? BE_NODE_SHEET
           : BE_NODE_MEMO;
}


void
be_node_free(be_node_t *n)
{
    free(n->path);
    free(n->name);
    n->path = NULL;
    n->name = NULL;
}


char *
be_path_of(be_db_t *db, int64_t node)
{
    int            rc;
    be_buf_t       b = { 0 };
    sqlite3_stmt  *st;

    be_buf_str(&b, "");

    st = be_sql(db, "WITH RECURSIVE up (parent, name, n) AS ("
                " SELECT parent, name, 0 FROM node WHERE id = ?1"
                " UNION ALL"
                " SELECT node.parent, node.name, n + 1 FROM up"
                "  JOIN node ON node.id = up.parent WHERE n < 64)"
                " SELECT name FROM up ORDER BY n DESC", "i", node);

    while ((rc = be_step(db, st)) == 1) {
        if (b.len != 0) {
            be_buf_str(&b, "/");
        }

        be_buf_str(&b, be_text(st, 0));
    }

    if (rc < 0) {
        be_buf_free(&b);
        return NULL;
    }

    return be_buf_take(&b);
}


/* The first row of id, key, type, name: 1, or 0 where there is none. */

static int
be_node_take(be_db_t *db, sqlite3_stmt *st, be_node_t *out)
{
    int  rc;

    rc = be_step(db, st);
    if (rc != 1) {
        return rc;
    }

    free(out->name);

    out->id = sqlite3_column_int64(st, 0);
    strncpy(out->key, be_text(st, 1), sizeof(out->key) - 1);
    out->type = be_node_type_of(be_text(st, 2));
    out->name = strdup(be_text(st, 3));
    be_done(st);

    return out->name ? 1 : -1;
}


static int
be_node_child(be_db_t *db, const char *uid, const char *name, be_node_t *out)
{
    return be_node_take(db, be_sql(db, "SELECT id, key, type, name FROM node"
                                   " WHERE uid = ? AND ifnull(parent, 0) = ?"
                                   " AND name = ?", "sis", uid, out->id,
                                   name), out);
}


static int
be_node_keyed(be_db_t *db, const char *uid, const char *key, be_node_t *out)
{
    return be_node_take(db, be_sql(db, "SELECT id, key, type, name FROM node"
                                   " WHERE key = ? AND uid = ?", "ss", key,
                                   uid), out);
}


/* An image by its key; sheet 0: of any. */

static int
be_node_image(be_db_t *db, const char *uid, const char *key, int64_t sheet,
    be_node_t *out)
{
    int            rc;
    sqlite3_stmt  *st;

    /* the sheet's tenant: one that is being removed has none any more */

    st = be_sql(db, "SELECT item.id, item.key, sheet, item.name FROM item"
                " JOIN node ON node.id = item.sheet WHERE item.key = ?1"
                " AND node.uid = ?2 AND ?3 IN (0, sheet)", "ssi", key, uid,
                sheet);

    rc = be_step(db, st);
    if (rc != 1) {
        return rc;
    }

    free(out->name);

    out->type = BE_NODE_ITEM;
    out->id = sqlite3_column_int64(st, 0);
    strncpy(out->key, be_text(st, 1), sizeof(out->key) - 1);
    out->sheet = sqlite3_column_int64(st, 2);
    out->name = strdup(be_text(st, 3));
    be_done(st);

    return out->name ? 1 : -1;
}


/*
 * One step down.  The first segment may be a key as well: after the names, so
 * that no name can be hidden by a key.
 */

static int
be_path_step(be_db_t *db, const char *uid, const char *name, int first,
    int last, be_node_t *out)
{
    int  rc = 0;

    if (out->type == BE_NODE_ROOT || out->type == BE_NODE_FOLDER) {
        rc = be_node_child(db, uid, name, out);

    } else if (out->type == BE_NODE_SHEET && last) {
        rc = be_node_image(db, uid, name, out->id, out);
    }

    if (rc == 0 && first) {
        rc = be_node_keyed(db, uid, name, out);
    }

    if (rc == 0 && first && last) {
        rc = be_node_image(db, uid, name, 0, out);
    }

    return rc;
}


static int
be_path_canonical(be_db_t *db, be_node_t *out)
{
    be_buf_t  b = { 0 };

    if (out->type != BE_NODE_ITEM) {
        out->path = be_path_of(db, out->id);
        return out->path ? 0 : -1;
    }

    b.data = be_path_of(db, out->sheet);
    if (b.data == NULL) {
        return -1;
    }

    b.len = strlen(b.data);
    b.cap = b.len + 1;

    be_buf_str(&b, "/");
    be_buf_str(&b, out->key);
    out->path = be_buf_take(&b);

    return out->path ? 0 : -1;
}


/* Whether it can be a path at all; "" is none here. */

static int
be_path_check(const char *path, const char *field, be_fault_t *f)
{
    int          n = 1;
    const char  *s;

    for (s = path; *s != '\0'; s++) {
        n += *s == '/';

        if (*s == '/' && (s == path || s[1] == '/' || s[1] == '\0')) {
            return be_fault_field(f, field, "%s has an empty name in it",
                                  field);
        }
    }

    /* an image lies one level below the deepest sheet */

    if (n > BE_PATH_DEPTH + 1 || (size_t) (s - path) > BE_PATH_MAX) {
        return be_fault_field(f, field, "%s is deeper than %d levels, or too"
                              " long", field, BE_PATH_DEPTH);
    }

    return 0;
}


static int
be_path_walk(be_db_t *db, const char *uid, char *s, be_node_t *out,
    be_fault_t *f)
{
    int    first, rc = 1;
    char  *name;

    for (first = 1; rc == 1 && s != NULL; first = 0) {
        name = s;
        s = strchr(name, '/');

        if (s != NULL) {
            *s++ = '\0';
        }

        rc = be_path_step(db, uid, name, first, s == NULL, out);
    }

    if (rc == 1 && be_path_canonical(db, out) == 0) {
        return 0;
    }

    if (be_failed(db, f)) {
        return -1;
    }

    return rc == 0 ? be_fault(f, 404, "There is nothing at this path")
                   : be_fault(f, 503, "Out of memory");
}


int
be_path_find(be_db_t *db, const char *uid, const char *path,
    const char *field, be_node_t *out, be_fault_t *f)
{
    int    rc;
    char  *copy;

    memset(out, 0, sizeof(*out));

    path += *path == '/';

    if (be_path_check(path, field, f) != 0) {
        return -1;
    }

    copy = strdup(path);

    if (copy == NULL) {
        return be_fault(f, 503, "Out of memory");
    }

    if (*copy == '\0') {
        out->path = copy;
        out->name = strdup("");

        return out->name ? 0 : be_fault(f, 503, "Out of memory");
    }

    rc = be_path_walk(db, uid, copy, out, f);
    free(copy);

    return rc;
}
