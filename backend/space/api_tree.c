/*
 * POST /create and GET /space: what a tenant's space is made of.  Called by
 * the front, on the thread of the connection.
 *
 * Invariant: the names of one folder are different, also when two calls make
 * them at the same time (the index node_name sees to it, in the transaction).
 */

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../api.h"
#include "../ident.h"
#include "../json.h"
#include "../schema.h"
#include "../text.h"
#include "replay.h"
#include "tree.h"


#define BE_MAX_NODE_NAME  128        /* characters */
#define BE_MAX_MEMO       (100u * 1024)
#define BE_MAX_LISTED     10000

/* What is to be made; the strings belong to the body. */
typedef struct {
    const char  *path;
    const char  *type;
    const char  *name;
    const char  *prompt;
    const char  *text;
    json_t      *fields;         /* of a sheet, owned; NULL: found on images */
} be_create_t;


static int
be_create_name(const char *name, be_fault_t *f)
{
    uint32_t     cp, last = 0;
    const char  *p = name, *end;

    if (name == NULL || *name == '\0') {
        return be_fault_field(f, "name", "name must be a string and not"
                              " empty");
    }

    if (be_utf8_count(name) > BE_MAX_NODE_NAME) {
        return be_fault_field(f, "name", "name is longer than %d characters",
                              BE_MAX_NODE_NAME);
    }

    for (end = name + strlen(name); (cp = be_utf8_next(&p, end)) != 0; ) {
        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0)) {
            return be_fault_field(f, "name", "name contains a control"
                                  " character");
        }

        if (cp < 0x80 && strchr("./#$[]", (int) cp) != NULL) {
            return be_fault_field(f, "name", "name contains one of . / # $ ["
                                  " ]");
        }

        if (last == 0 && be_is_space(cp)) {
            return be_fault_field(f, "name", "name begins with a space");
        }

        last = cp;
    }

    if (be_is_space(last)) {
        return be_fault_field(f, "name", "name ends with a space");
    }

    return 0;
}


/* A FieldSpec with the members that are known, as it is stored. */

static json_t *
be_field_json(const be_field_t *fd)
{
    int                       i;
    json_t                   *o, *children;
    static const char *const  types[] = { "string", "number", "array" };

    o = json_pack("{s:s,s:s}", "name", fd->name, "type", types[fd->type]);

    if (fd->description[0] != '\0') {
        json_object_set_new(o, "description", json_string(fd->description));
    }

    if (fd->type == BE_ARRAY) {
        children = json_array();

        for (i = 0; i < fd->nchildren; i++) {
            json_array_append_new(children, be_field_json(&fd->children[i]));
        }

        json_object_set_new(o, "children", children);
    }

    return o;
}


/* The columns of a sheet: its own win over those of a template. */

static int
be_create_columns(const json_t *body, int llm, be_create_t *c, be_fault_t *f)
{
    int           i, rc;
    json_t       *given, *template = NULL;
    const char   *id;
    be_schema_t   s;

    given = json_object_get(body, "columns");
    given = json_is_null(given) ? NULL : given;

    if (be_json_string(body, "templateId", BE_MAX_NAME, &id, f) != 0) {
        return -1;
    }

    if (given == NULL && id == NULL) {
        return 0;
    }

    if (given == NULL) {
        given = template = be_template(id, llm, f);
        if (template == NULL) {
            return -1;
        }
    }

    rc = be_schema_parse(given, "columns", &s, f);
    json_decref(template);

    if (rc != 0) {
        return -1;
    }

    c->fields = json_array();

    for (i = 0; i < s.nfields; i++) {
        json_array_append_new(c->fields, be_field_json(&s.fields[i]));
    }

    rc = (int) json_array_size(c->fields) == s.nfields ? 0
         : be_fault(f, 503, "Out of memory");
    be_schema_free(&s);

    return rc;
}


/* What goes with one type only is refused with the others. */

static int
be_create_only(const json_t *body, const char *name, const char *type,
    const char *wanted, be_fault_t *f)
{
    json_t  *v = json_object_get(body, name);

    if (v == NULL || json_is_null(v) || strcmp(type, wanted) == 0) {
        return 0;
    }

    return be_fault_field(f, name, "%s is for the type \"%s\" only", name,
                          wanted);
}


static int
be_create_parse(const json_t *body, int llm, be_create_t *c, be_fault_t *f)
{
    if (be_json_string(body, "path", SIZE_MAX, &c->path, f) != 0
        || be_json_string(body, "type", BE_MAX_NAME, &c->type, f) != 0
        || be_json_string(body, "name", BE_MAX_TEXT, &c->name, f) != 0
        || be_json_string(body, "prompt", BE_MAX_TEXT, &c->prompt, f) != 0
        || be_json_string(body, "text", BE_MAX_MEMO, &c->text, f) != 0)
    {
        return -1;
    }

    if (c->type == NULL || (strcmp(c->type, "folder") != 0
                            && strcmp(c->type, "sheet") != 0
                            && strcmp(c->type, "memo") != 0))
    {
        return be_fault_field(f, "type", "type must be \"folder\", \"sheet\""
                              " or \"memo\"");
    }

    if (be_create_name(c->name, f) != 0
        || be_create_only(body, "columns", c->type, "sheet", f) != 0
        || be_create_only(body, "templateId", c->type, "sheet", f) != 0
        || be_create_only(body, "prompt", c->type, "sheet", f) != 0
        || be_create_only(body, "text", c->type, "memo", f) != 0)
    {
        return -1;
    }

    c->path = c->path ? c->path : "";

    if (c->text == NULL && strcmp(c->type, "memo") == 0) {
        c->text = "";
    }

    return be_create_columns(body, llm, c, f);
}


/* The folder that it goes into, and whether there is room for the name. */

static int
be_create_place(be_db_t *db, const be_in_t *in, const be_create_t *c,
    be_node_t *parent, be_fault_t *f)
{
    int            depth = 1;
    const char    *s;
    sqlite3_stmt  *st;

    if (be_path_find(db, in->uid, c->path, "path", parent, f) != 0) {
        return -1;
    }

    if (parent->type != BE_NODE_ROOT && parent->type != BE_NODE_FOLDER) {
        return be_fault_field(f, "path", "path must be a folder");
    }

    for (s = parent->path; *s != '\0'; s++) {
        depth += *s == '/' || s == parent->path;
    }

    if (depth > BE_PATH_DEPTH) {
        return be_fault_field(f, "path", "path is deeper than %d levels",
                              BE_PATH_DEPTH - 1);
    }

    st = be_sql(db, "SELECT 1 FROM node WHERE uid = ? AND"
                " ifnull(parent, 0) = ? AND name = ?", "sis", in->uid,
                parent->id, c->name);

    if (be_step(db, st) == 1) {
        be_done(st);
        return be_fault(f, 400, "The name is taken in this folder");
    }

    return be_failed(db, f) ? -1 : 0;
}


static int
be_create_insert(be_db_t *db, const be_in_t *in, const be_create_t *c,
    const be_node_t *parent, const char *key)
{
    char     *text;
    size_t    i;
    json_t   *fd;
    int64_t   sheet;

    text = c->fields ? json_dumps(c->fields, JSON_COMPACT) : NULL;

    if (c->fields != NULL && text == NULL) {
        return -1;
    }

    /* of the root there is no row: its children have no parent */

    (void) be_run(db, "INSERT INTO node (key, uid, parent, type, name,"
                  " created, fields, prompt, text, request_id)"
                  " VALUES (?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?)",
                  "ssississss", key, in->uid, parent->id, c->type, c->name,
                  be_wall_ms(), text, c->prompt, c->text, in->request_id);

    sheet = be_rowid(db);
    free(text);

    json_array_foreach(c->fields, i, fd) {
        text = json_dumps(fd, JSON_COMPACT);

        if (text == NULL
            || be_run(db, "INSERT INTO col (sheet, name, spec)"
                      " VALUES (?, ?, ?)", "iss", sheet,
                      json_string_value(json_object_get(fd, "name")), text)
               != 0)
        {
            free(text);
            return -1;
        }

        free(text);
    }

    return 0;
}


/* The first answer to this key, or what is done now: its status and body. */

static int
be_create_do(be_db_t *db, const be_in_t *in, const be_create_t *c,
    const char *digest, be_reply_t *r, be_fault_t *f)
{
    int         rc = 0;
    char        key[BE_KEY_SIZE];
    be_buf_t    path = { 0 };
    be_node_t   parent = { 0 };

    if (in->idempotency_key != NULL) {
        rc = be_replay_find(db, in->uid, in->idempotency_key, "/create",
                            digest, &r->status, &r->body, f);
        if (rc != 0) {
            r->replayed = rc == 1;
            r->len = r->body ? strlen(r->body) : 0;
            return rc == 1 ? 0 : -1;
        }
    }

    be_key_new(key);

    if (be_create_place(db, in, c, &parent, f) != 0) {
        rc = -1;

    } else if (be_create_insert(db, in, c, &parent, key) != 0) {
        rc = be_failed(db, f) ? -1 : be_fault(f, 503, "Out of memory");

    } else {
        be_buf_printf(&path, "%s%s%s", parent.path, *parent.path ? "/" : "",
                      c->name);
        be_reply_json(r, 201, json_pack("{s:s,s:s,s:s}", "path", path.data,
                                        "type", c->type, "uniqueKey", key));
    }

    if (rc == 0 && r->body == NULL) {
        rc = be_fault(f, 503, "Out of memory");
    }

    if (rc == 0 && in->idempotency_key != NULL) {
        (void) be_replay_keep(db, in->uid, in->idempotency_key, "/create",
                              digest, r->status, r->body, in->request_id);
    }

    be_buf_free(&path);
    be_node_free(&parent);

    return rc;
}


/* What is asked for, whatever the order of its members and its blanks. */

static int
be_create_digest(const json_t *body, char *hex, be_fault_t *f)
{
    char           *s;
    unsigned        i, len = 0;
    unsigned char   md[EVP_MAX_MD_SIZE];

    s = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);

    if (s == NULL
        || EVP_Digest(s, strlen(s), md, &len, EVP_sha256(), NULL) != 1)
    {
        free(s);
        return be_fault(f, 503, "Out of memory");
    }

    free(s);

    for (i = 0; i < len; i++) {
        snprintf(hex + 2 * i, 3, "%02x", md[i]);
    }

    return 0;
}


void
be_api_create(const be_in_t *in, be_reply_t *r)
{
    int           rc = -1;
    char          digest[2 * EVP_MAX_MD_SIZE + 1];
    json_t       *body;
    be_db_t      *db = NULL;
    be_fault_t    f = { 0 };
    be_create_t   c = { 0 };

    body = be_json_parse(in->body->data, in->body->len, &f);

    if (body != NULL
        && be_create_parse(body, in->conf->services.llm_url != NULL, &c, &f)
           == 0
        && be_create_digest(body, digest, &f) == 0)
    {
        db = be_store_write(in->conf->store, &f);
    }

    if (db != NULL) {
        rc = be_create_do(db, in, &c, digest, r, &f);

        if (rc != 0) {
            be_store_abort(db);

        } else {
            rc = be_store_commit(db, &f);
        }
    }

    json_decref(c.fields);
    json_decref(body);

    if (rc != 0) {
        free(r->body);
        r->replayed = 0;
        be_api_refuse(r, &f, in->request_id);
    }
}


/* Depth first, the names of a folder in the order of their bytes.  There is no
 * join outside of t: SQLite would leave out its order then. */

static const char  be_space_sql[] =
    "WITH RECURSIVE t (id, depth, name, path, up, type, key, created) AS ("
    " SELECT id, 1, name, ?3 || name, ?4, type, key, created FROM node"
    "  WHERE uid = ?1 AND ifnull(parent, 0) = ?2"
    " UNION ALL"
    " SELECT n.id, t.depth + 1, n.name, t.path || '/' || n.name, t.path,"
    "  n.type, n.key, n.created"
    "  FROM t JOIN node n ON n.parent = t.id"
    "  WHERE t.depth < ?5"
    " ORDER BY 2 DESC, 3)"
    "SELECT path, name, type, key, up, created, CASE type WHEN 'sheet' THEN"
    " (SELECT count(*) FROM item WHERE sheet = t.id) END FROM t LIMIT ?6";


static json_t *
be_space_item(sqlite3_stmt *st)
{
    json_t  *o;

    o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "path", be_text(st, 0),
                  "name", be_text(st, 1), "type", be_text(st, 2),
                  "uniqueKey", be_text(st, 3), "parent", be_text(st, 4),
                  "createdAt", (json_int_t) sqlite3_column_int64(st, 5));

    if (o != NULL && sqlite3_column_type(st, 6) != SQLITE_NULL) {
        json_object_set_new(o, "rows",
                            json_integer(sqlite3_column_int64(st, 6)));
    }

    return o;
}


static int
be_space_list(be_db_t *db, const be_in_t *in, const be_node_t *at, long depth,
    json_t *root, be_fault_t *f)
{
    int            rc = 1;
    json_t        *items;
    be_buf_t       prefix = { 0 };
    sqlite3_stmt  *st;

    items = json_array();
    json_object_set_new(root, "items", items);

    be_buf_printf(&prefix, "%s%s", at->path, *at->path ? "/" : "");

    if (items == NULL || prefix.failed) {
        be_buf_free(&prefix);
        return be_fault(f, 503, "Out of memory");
    }

    st = be_sql(db, be_space_sql, "sissii", in->uid, at->id, prefix.data,
                at->path, (int64_t) depth, (int64_t) BE_MAX_LISTED + 1);

    while (rc == 1 && (rc = be_step(db, st)) == 1) {
        if (json_array_size(items) == BE_MAX_LISTED) {
            json_object_set_new(root, "truncated", json_true());
            break;
        }

        rc = json_array_append_new(items, be_space_item(st)) == 0 ? 1 : -1;
    }

    be_done(st);
    be_buf_free(&prefix);

    if (be_failed(db, f)) {
        return -1;
    }

    return rc < 0 ? be_fault(f, 503, "Out of memory") : 0;
}


/* The arguments; path is the root where it is absent. */

static int
be_space_args(const be_in_t *in, const char **path, long *depth,
    be_fault_t *f)
{
    static const char *const  known[] = { "path", "depth", NULL };

    if (be_query_known(in->query, known, f) != 0
        || be_query_one(in->query, "path", path, f) != 0
        || be_query_number(in->query, "depth", 1, 10, depth, f) != 0)
    {
        return -1;
    }

    *path = *path ? *path : "";

    return 0;
}


void
be_api_space(const be_in_t *in, be_reply_t *r)
{
    int          rc = -1;
    long         depth = 1;
    json_t      *root = NULL;
    be_db_t     *db = NULL;
    be_node_t    at = { 0 };
    be_fault_t   f = { 0 };
    const char  *path;

    if (be_space_args(in, &path, &depth, &f) == 0) {
        db = be_store_read(in->conf->store, &f);
    }

    if (db != NULL) {
        rc = be_path_find(db, in->uid, path, "path", &at, &f);

        if (rc == 0 && at.type != BE_NODE_ROOT && at.type != BE_NODE_FOLDER) {
            rc = be_fault_field(&f, "path", "path must be a folder");
        }

        if (rc == 0) {
            root = json_pack("{s:s,s:I}", "path", at.path, "depth",
                             (json_int_t) depth);
            rc = be_space_list(db, in, &at, depth, root, &f);
        }

        be_store_abort(db);
    }

    be_node_free(&at);

    if (rc != 0) {
        json_decref(root);
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    be_reply_json(r, 200, root);
}
