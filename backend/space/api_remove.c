/*
 * POST /remove: a folder, a sheet, a memo or an image, and what is in it.
 * Called by the front, on the thread of the connection.
 *
 * One transaction ends the jobs and takes everything away from its tenant, by
 * which it is gone for everybody.  What is left are nodes of the tenant "";
 * they are deleted in small transactions, so that a large sheet stops nobody
 * who writes; images go after their rows.  What a crash leaves is deleted at
 * the next start, or with the next thing that is removed.
 *
 * Invariant: a job whose image is gone is ended and refunded in the
 * transaction that takes it away.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../api.h"
#include "../ident.h"
#include "../json.h"
#include "courier.h"
#include "hook.h"
#include "money.h"
#include "tree.h"


#define BE_REMOVED  "The image was removed"
#define BE_AT_ONCE  500          /* rows that a transaction deletes */

/* The node ?1 and those below it; or one image. */

#define BE_BELOW                                                              \
    "WITH RECURSIVE below (id) AS (SELECT ?1 UNION ALL"                       \
    " SELECT node.id FROM below JOIN node ON node.parent = below.id) "

#define BE_IN_BELOW  " item.sheet IN (SELECT id FROM below)"
#define BE_IS_ITEM   " item.id = ?1"

#define BE_OPEN_JOBS                                                          \
    "SELECT job.id, job.path, job.item_key, job.request_id FROM job"          \
    " JOIN item ON item.id = job.item"                                        \
    " WHERE job.status IN ('pending', 'processing') AND"


/* Rows of text, all of them: an array of arrays of strings, or NULL. */

static json_t *
be_remove_read(be_db_t *db, const char *sql, int64_t id)
{
    int            i, rc;
    json_t        *all, *row;
    sqlite3_stmt  *st;

    all = json_array();
    st = be_sql(db, sql, "i", id);

    while ((rc = be_step(db, st)) == 1) {
        row = json_array();

        for (i = 0; i < sqlite3_column_count(st); i++) {
            json_array_append_new(row, json_string(be_text(st, i)));
        }

        if (json_array_append_new(all, row) != 0) {
            be_done(st);
            rc = -1;
            break;
        }
    }

    if (rc < 0) {
        json_decref(all);
        return NULL;
    }

    return all;
}


static const char *
be_remove_text(const json_t *row, size_t i)
{
    const char  *s = json_string_value(json_array_get(row, i));

    return s ? s : "";
}


/* The jobs that read what goes away: failed, refunded, and told. */

static int
be_remove_jobs(be_db_t *db, const be_in_t *in, const json_t *jobs)
{
    size_t         i;
    const char    *id, *request_id;
    const json_t  *row;

    json_array_foreach(jobs, i, row) {
        id = be_remove_text(row, 0);
        request_id = be_remove_text(row, 3);

        if (be_run(db, "UPDATE job SET status = 'failed', finished = ?2,"
                   " error = ?3 WHERE id = ?1", "sis", id, be_wall_ms(),
                   "{\"code\":\"not_found\",\"message\":\"" BE_REMOVED "\"}")
            != 0
            || be_money_refund(db, id, request_id) != 0
            || be_event(db, in->uid, "ocr.failed",
                        json_pack("{s:s,s:s,s:s,s:{s:s,s:s}}", "jobId", id,
                                  "path", be_remove_text(row, 1),
                                  "uniqueKey", be_remove_text(row, 2),
                                  "error", "code", "not_found", "message",
                                  BE_REMOVED), request_id) != 0)
        {
            return -1;
        }
    }

    return 0;
}


/* How many nodes and images there are; -1: the database failed. */

static int64_t
be_remove_count(be_db_t *db, int64_t node)
{
    int64_t        n = -1;
    sqlite3_stmt  *st;

    st = be_sql(db, BE_BELOW "SELECT (SELECT count(*) FROM below)"
                " + (SELECT count(*) FROM item WHERE" BE_IN_BELOW ")", "i",
                node);

    if (be_step(db, st) == 1) {
        n = sqlite3_column_int64(st, 0);
        be_done(st);
    }

    return n;
}


/* Takes it away: how many things that are, or -1. */

static int64_t
be_remove_take(be_db_t *db, const be_node_t *at)
{
    int64_t  n;

    if (at->type == BE_NODE_ITEM) {
        return be_run(db, "DELETE FROM item WHERE id = ?", "i", at->id) == 0
               ? 1 : -1;
    }

    n = be_remove_count(db, at->id);

    (void) be_run(db, BE_BELOW "UPDATE node SET uid = '', name = key,"
                  " parent = CASE id WHEN ?1 THEN NULL ELSE parent END"
                  " WHERE id IN (SELECT id FROM below)", "i", at->id);

    return n;
}


/* key: of an image, which is deleted at once; else "". */

static int64_t
be_remove(be_db_t *db, const be_in_t *in, const char *path, char *key,
    be_fault_t *f)
{
    int         image;
    json_t     *jobs = NULL;
    int64_t     n = -1;
    be_node_t   at;

    if (be_path_find(db, in->uid, path, "path", &at, f) != 0) {
        goto done;
    }

    if (at.type == BE_NODE_ROOT) {
        be_fault_field(f, "path", "The root folder cannot be removed");
        goto done;
    }

    image = at.type == BE_NODE_ITEM;
    snprintf(key, sizeof(at.key), "%s", image ? at.key : "");

    jobs = be_remove_read(db, image ? BE_OPEN_JOBS BE_IS_ITEM
                          : BE_BELOW BE_OPEN_JOBS BE_IN_BELOW, at.id);

    if (jobs != NULL && be_remove_jobs(db, in, jobs) == 0) {
        n = be_remove_take(db, &at);
    }

    if (be_failed(db, f)) {
        n = -1;

    } else if (n < 0) {
        be_fault(f, 503, "Out of memory");
    }

done:

    json_decref(jobs);
    be_node_free(&at);

    return n;
}


/* Some rows of what was taken away, or at last the nodes: 1, and 0 when all is
 * gone; keys: of the images. */

static int
be_trash_some(be_db_t *db, json_t **keys)
{
    size_t   i;
    json_t  *key;

    *keys = be_remove_read(db, "SELECT item.key FROM node CROSS JOIN item"
                           " ON item.sheet = node.id WHERE node.uid = ''"
                           " LIMIT ?", BE_AT_ONCE);

    if (*keys == NULL) {
        return -1;
    }

    if (json_array_size(*keys) == 0) {
        (void) be_run(db, "DELETE FROM node WHERE uid = ''", "");
        return 0;
    }

    json_array_foreach(*keys, i, key) {
        (void) be_run(db, "DELETE FROM item WHERE key = ?", "s",
                      be_remove_text(key, 0));
    }

    return 1;
}


int
be_trash_empty(be_store_t *s)
{
    int          rc;
    size_t       i;
    json_t      *keys;
    be_db_t     *db;
    be_fault_t   f = { 0 };

    do {
        keys = NULL;
        db = be_store_write(s, &f);
        rc = db ? be_trash_some(db, &keys) : -1;

        if (rc < 0 && db != NULL) {
            be_store_abort(db);

        } else if (db != NULL && be_store_commit(db, &f) != 0) {
            rc = -1;
        }

        for (i = 0; rc >= 0 && i < json_array_size(keys); i++) {
            (void) be_images_unlink(s, be_remove_text(json_array_get(keys, i),
                                                      0));
        }

        json_decref(keys);

    } while (rc == 1);

    be_fault_free(&f);

    return rc;
}


static int
be_remove_path(const json_t *body, const char **path, be_fault_t *f)
{
    if (be_json_string(body, "path", SIZE_MAX, path, f) != 0) {
        return -1;
    }

    return *path ? 0 : be_fault_field(f, "path", "path is missing");
}


void
be_api_remove(const be_in_t *in, be_reply_t *r)
{
    int          rc = -1;
    char         key[sizeof(((be_node_t *) 0)->key)] = "";
    json_t      *body;
    int64_t      n = -1;
    be_db_t     *db = NULL;
    be_fault_t   f = { 0 };
    const char  *path;

    body = be_json_parse(in->body->data, in->body->len, &f);

    if (body != NULL && be_remove_path(body, &path, &f) == 0) {
        db = be_store_write(in->conf->store, &f);
    }

    if (db != NULL) {
        n = be_remove(db, in, path, key, &f);

        if (n < 0) {
            be_store_abort(db);

        } else {
            rc = be_store_commit(db, &f);
        }
    }

    json_decref(body);

    if (rc != 0) {
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    be_courier_wake(in->conf->courier);

    /* it is gone, whatever becomes of this */

    if (key[0] != '\0') {
        (void) be_images_unlink(in->conf->store, key);

    } else {
        (void) be_trash_empty(in->conf->store);
    }

    be_reply_json(r, 200, json_pack("{s:b,s:I}", "ok", 1, "removed",
                                    (json_int_t) n));
}
