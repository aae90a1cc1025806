/*
 * GET /webhooks/deliveries and /webhooks/deliveries/{id}: what was sent to a
 * tenant's webhook, and what came of it.  Called by the router.
 */

#include <stdlib.h>
#include <string.h>

#include "api.h"


#define BE_PAGE  20

#define BE_COLUMNS  "key, event, type, url, status, attempts, last_status,"   \
                    " last_error, created, next_at, request_id, id"


static json_t *
be_delivery_int(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL
           ? json_null() : json_integer(sqlite3_column_int64(st, i));
}


static json_t *
be_delivery_json(sqlite3_stmt *st)
{
    const char  *error = be_text(st, 7);

    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:s?,s:o,s:o,s:s}",
                     "id", be_text(st, 0), "eventId", be_text(st, 1),
                     "type", be_text(st, 2), "url", be_text(st, 3),
                     "status", be_text(st, 4),
                     "attempts", be_delivery_int(st, 5),
                     "lastStatus", be_delivery_int(st, 6),
                     "lastError", *error ? error : NULL,
                     "createdAt", be_delivery_int(st, 8),
                     "nextAttemptAt", be_delivery_int(st, 9),
                     "requestId", be_text(st, 10));
}


static int
be_deliveries_query(const be_in_t *in, long *limit, const char **status,
    const char **before, be_fault_t *f)
{
    static const char *const  names[] = { "limit", "status", "before", NULL };

    if (be_query_known(in->query, names, f) != 0
        || be_query_number(in->query, "limit", 1, 100, limit, f) != 0
        || be_query_one(in->query, "status", status, f) != 0
        || be_query_one(in->query, "before", before, f) != 0)
    {
        return -1;
    }

    if (*status != NULL && strcmp(*status, "pending") != 0
        && strcmp(*status, "delivered") != 0 && strcmp(*status, "failed") != 0)
    {
        return be_fault_field(f, "status", "status must be pending, delivered"
                              " or failed");
    }

    return 0;
}


/* Where a page begins: before the delivery that was the last one's end. */

static int
be_deliveries_start(be_db_t *db, const be_in_t *in, const char *before,
    int64_t *id, be_fault_t *f)
{
    sqlite3_stmt  *st;

    *id = INT64_MAX;

    if (before == NULL) {
        return 0;
    }

    st = be_sql(db, "SELECT id FROM delivery WHERE key = ?1 AND uid = ?2",
                "ss", before, in->uid);

    if (be_step(db, st) != 1) {
        return be_failed(db, f) ? -1
               : be_fault_field(f, "before", "before is not the id of a"
                                " delivery");
    }

    *id = sqlite3_column_int64(st, 0);
    be_done(st);

    return 0;
}


static json_t *
be_deliveries_page(be_db_t *db, const be_in_t *in, int64_t start,
    const char *status, long limit)
{
    int            more = 0;
    json_t        *list = json_array(), *next;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT " BE_COLUMNS " FROM delivery WHERE uid = ?1"
                " AND id < ?2 AND (?3 IS NULL OR status = ?3)"
                " ORDER BY id DESC LIMIT ?4", "sisi", in->uid, start, status,
                (int64_t) limit + 1);

    while (!more && be_step(db, st) == 1) {
        if (json_array_size(list) == (size_t) limit) {
            more = 1;

        } else {
            json_array_append_new(list, be_delivery_json(st));
        }
    }

    be_done(st);

    next = more ? json_object_get(json_array_get(list, (size_t) limit - 1),
                                  "id") : NULL;

    return json_pack("{s:o,s:O?}", "deliveries", list, "nextBefore", next);
}


void
be_api_deliveries(const be_in_t *in, be_reply_t *r)
{
    long         limit = BE_PAGE;
    json_t      *o = NULL;
    int64_t      start;
    be_db_t     *db;
    be_fault_t   f = { 0 };
    const char  *status = NULL, *before = NULL;

    if (be_deliveries_query(in, &limit, &status, &before, &f) == 0
        && (db = be_store_read(in->conf->store, &f)) != NULL)
    {
        if (be_deliveries_start(db, in, before, &start, &f) == 0) {
            o = be_deliveries_page(db, in, start, status, limit);
            (void) be_failed(db, &f);
        }

        be_store_abort(db);
    }

    if (f.status != 0) {
        json_decref(o);
        be_api_refuse(r, &f, in->request_id);

    } else {
        be_reply_json(r, 200, o);
    }
}


void
be_api_delivery(const be_in_t *in, be_reply_t *r)
{
    json_t        *o = NULL;
    be_db_t       *db;
    be_fault_t     f = { 0 };
    sqlite3_stmt  *st;

    db = be_store_read(in->conf->store, &f);

    if (db != NULL) {
        st = be_sql(db, "SELECT " BE_COLUMNS ", body FROM delivery"
                    " WHERE key = ?1 AND uid = ?2", "ss", in->arg[0], in->uid);

        if (be_step(db, st) == 1) {
            o = be_delivery_json(st);
            json_object_set_new(o, "payload",
                                json_loads(be_text(st, 12), 0, NULL));
            be_done(st);

        } else if (!be_failed(db, &f)) {
            be_fault(&f, 404, "No such delivery");
        }

        be_store_abort(db);
    }

    if (f.status != 0) {
        be_api_refuse(r, &f, in->request_id);

    } else {
        be_reply_json(r, 200, o);
    }
}
