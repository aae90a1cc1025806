/*
 * The endpoints of webhooks: /webhook, /webhook/test and .../redeliver.
 * Called by the router.
 *
 * Invariant: a secret leaves this program once, in the answer to the call
 * that made it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "courier.h"
#include "hook.h"
#include "json.h"
#include "url.h"


#define BE_HOOK_URL      2048
#define BE_HOOK_WAITING  1000    /* deliveries, where more are asked for */


/* What PUT /webhook asks for, and what there is. */

typedef struct {
    const char  *url;            /* of the body */
    json_t      *events;         /* NULL: none were named */
    int          rotate;
    int          found;
    int64_t      created;
    int64_t      updated;
    char         secret[BE_HOOK_SECRET_SIZE];    /* "": the one it had */
} be_hook_t;


static int
be_hook_none(be_fault_t *f)
{
    return be_fault(f, 404, "No webhook is registered");
}


static int
be_hook_refuse(be_fault_t *f, const char *reason, const char *message)
{
    be_fault_field(f, "url", "%s", message);
    json_object_set_new(f->details, "reason", json_string(reason));

    return -1;
}


/* What can be said of a URL at once; the rest is known when it is used. */

static int
be_hook_url(const be_http_conf_t *conf, const char *url, be_fault_t *f)
{
    int  listed;

    if (url == NULL) {
        return be_fault_field(f, "url", "url is missing");
    }

    switch (be_url_check(url, conf->allowed, &listed)) {
    case BE_URL_OK:
        break;
    case BE_URL_SCHEME:
        return be_hook_refuse(f, "forbidden_url", "url must begin with"
                              " https:// or http://");
    case BE_URL_USER:
        return be_hook_refuse(f, "forbidden_url", "url must not contain a"
                              " user name or password");
    case BE_URL_PORT:
        return be_hook_refuse(f, "forbidden_url", "Webhooks are sent to ports"
                              " 80 and 443 only");
    default:
        return be_hook_refuse(f, "bad_url", "url is not a valid URL");
    }

    if (!listed && be_url_inside(url)) {
        return be_hook_refuse(f, "forbidden_address", "The host of url is not"
                              " on the public internet");
    }

    return 0;
}


static int
be_hook_known(const char *type)
{
    int  i;

    for (i = 0; type != NULL && be_event_types[i] != NULL; i++) {
        if (strcmp(be_event_types[i], type) == 0) {
            return 1;
        }
    }

    return 0;
}


static json_t *
be_hook_all(void)
{
    int      i;
    json_t  *all = json_array();

    for (i = 0; be_event_types[i] != NULL; i++) {
        json_array_append_new(all, json_string(be_event_types[i]));
    }

    return all;
}


/* The types that are asked for, each once, in the order of be_event_types. */

static int
be_hook_events(const json_t *asked, json_t **events, be_fault_t *f)
{
    int      i, wanted;
    size_t   n;
    json_t  *e;

    *events = NULL;

    if (asked == NULL || json_is_null(asked)) {
        return 0;
    }

    wanted = json_is_array(asked) && json_array_size(asked) > 0;

    json_array_foreach(asked, n, e) {
        wanted = wanted && be_hook_known(json_string_value(e));
    }

    if (!wanted) {
        be_fault_field(f, "events", "events must be an array of the types of"
                       " events to send");
        json_object_set_new(f->details, "available", be_hook_all());
        return -1;
    }

    *events = json_array();

    for (i = 0; be_event_types[i] != NULL; i++) {
        json_array_foreach(asked, n, e) {
            if (strcmp(json_string_value(e), be_event_types[i]) == 0) {
                json_array_append(*events, e);
                break;
            }
        }
    }

    return *events ? 0 : be_fault(f, 500, "Internal error");
}


static void
be_hook_secret(char *out)
{
    int            i, at;
    unsigned char  r[32];

    be_random(r, sizeof(r));
    at = snprintf(out, BE_HOOK_SECRET_SIZE, "whsec_");

    for (i = 0; i < 32; i++, at += 2) {
        snprintf(out + at, 3, "%02x", r[i]);
    }
}


static int
be_hook_read(const be_in_t *in, const json_t *root, be_hook_t *h,
    be_fault_t *f)
{
    json_t  *rotate = json_object_get(root, "rotateSecret");

    if (rotate != NULL && !json_is_null(rotate) && !json_is_boolean(rotate)) {
        return be_fault_field(f, "rotateSecret", "rotateSecret must be true"
                              " or false");
    }

    h->rotate = json_is_true(rotate);

    return be_json_string(root, "url", BE_HOOK_URL, &h->url, f) != 0
           || be_hook_url(in->conf, h->url, f) != 0
           || be_hook_events(json_object_get(root, "events"), &h->events, f)
              != 0
           ? -1 : 0;
}


/* The row: what was not said stays as it is, or becomes the default. */

static int
be_hook_write(be_db_t *db, const char *uid, be_hook_t *h, be_fault_t *f)
{
    int            rc;
    char          *events;
    sqlite3_stmt  *st;

    h->created = h->updated = be_wall_ms();

    st = be_sql(db, "SELECT created, events FROM webhook WHERE uid = ?1", "s",
                uid);
    rc = be_step(db, st);
    h->found = rc == 1;

    if (h->found) {
        h->created = sqlite3_column_int64(st, 0);

        if (h->events == NULL) {
            h->events = json_loads(be_text(st, 1), 0, NULL);
        }

        be_done(st);
    }

    if (h->events == NULL) {
        h->events = be_hook_all();
    }

    if (!h->found || h->rotate) {
        be_hook_secret(h->secret);
    }

    events = h->events ? json_dumps(h->events, JSON_COMPACT) : NULL;

    if (rc < 0 || events == NULL) {
        free(events);
        return be_failed(db, f) ? -1 : be_fault(f, 500, "Internal error");
    }

    be_run(db, "INSERT INTO webhook (uid, url, events, secret, created,"
           " updated) VALUES (?1, ?2, ?3, ?4, ?5, ?5)"
           " ON CONFLICT (uid) DO UPDATE SET url = ?2, events = ?3,"
           " updated = ?5, secret = CASE ?4 WHEN '' THEN secret ELSE ?4 END",
           "ssssi", uid, h->url, events, h->secret, h->updated);
    free(events);

    return 0;
}


void
be_api_hook_put(const be_in_t *in, be_reply_t *r)
{
    int          rc;
    json_t      *root, *o;
    be_db_t     *db;
    be_hook_t    h = { 0 };
    be_fault_t   f = { 0 };

    root = be_json_parse(in->body->data, in->body->len, &f);
    rc = root ? be_hook_read(in, root, &h, &f) : -1;

    if (rc == 0) {
        db = be_store_write(in->conf->store, &f);
        rc = db ? be_hook_write(db, in->uid, &h, &f) : -1;

        if (rc == 0) {
            rc = be_store_commit(db, &f);

        } else if (db != NULL) {
            be_store_abort(db);
        }
    }

    if (rc != 0) {
        be_api_refuse(r, &f, in->request_id);

    } else {
        o = json_pack("{s:s,s:O,s:I,s:I}", "url", h.url, "events", h.events,
                      "createdAt", (json_int_t) h.created,
                      "updatedAt", (json_int_t) h.updated);

        if (o != NULL && h.secret[0] != '\0') {
            json_object_set_new(o, "secret", json_string(h.secret));
        }

        be_reply_json(r, h.found ? 200 : 201, o);
    }

    json_decref(h.events);
    json_decref(root);
}


void
be_api_hook_get(const be_in_t *in, be_reply_t *r)
{
    int            rc;
    json_t        *o = NULL;
    be_db_t       *db;
    be_fault_t     f = { 0 };
    sqlite3_stmt  *st;

    db = be_store_read(in->conf->store, &f);
    if (db == NULL) {
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    st = be_sql(db, "SELECT url, events, created, updated FROM webhook"
                " WHERE uid = ?1", "s", in->uid);
    rc = be_step(db, st);

    if (rc == 1) {
        o = json_pack("{s:s,s:o,s:I,s:I}", "url", be_text(st, 0),
                      "events", json_loads(be_text(st, 1), 0, NULL),
                      "createdAt", (json_int_t) sqlite3_column_int64(st, 2),
                      "updatedAt", (json_int_t) sqlite3_column_int64(st, 3));
        be_done(st);

    } else if (!be_failed(db, &f)) {
        be_hook_none(&f);
    }

    be_store_abort(db);

    if (f.status != 0) {
        be_api_refuse(r, &f, in->request_id);

    } else {
        be_reply_json(r, 200, o);
    }
}


void
be_api_hook_delete(const be_in_t *in, be_reply_t *r)
{
    int          gone;
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_write(in->conf->store, &f);

    if (db != NULL) {
        be_run(db, "DELETE FROM webhook WHERE uid = ?1", "s", in->uid);
        gone = be_changes(db);
        be_run(db, "UPDATE delivery SET status = 'failed', next_at = NULL,"
               " last_error = 'removed' WHERE uid = ?1"
               " AND status = 'pending'", "s", in->uid);

        if (be_store_commit(db, &f) == 0 && gone == 0) {
            be_hook_none(&f);
        }
    }

    if (f.status != 0) {
        be_api_refuse(r, &f, in->request_id);

    } else {
        be_reply_json(r, 200, json_pack("{s:b}", "ok", 1));
    }
}


/* Those that cost nothing could be asked for without end. */

static int
be_hook_full(be_db_t *db, const char *uid, be_fault_t *f)
{
    int64_t        n = 0;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE"
                " uid = ?1 AND status = 'pending' LIMIT ?2)", "si", uid,
                (int64_t) BE_HOOK_WAITING);

    if (be_step(db, st) == 1) {
        n = sqlite3_column_int64(st, 0);
        be_done(st);
    }

    if (n < BE_HOOK_WAITING) {
        return 0;
    }

    be_fault(f, 503, "%d deliveries are waiting already", BE_HOOK_WAITING);
    f->details = json_pack("{s:i}", "retryAfterSec", 60);

    return -1;
}


/* Ends a call that makes a delivery. */

static void
be_hook_queued(const be_in_t *in, be_reply_t *r, be_db_t *db, int rc,
    const char *event, const char *delivery, be_fault_t *f)
{
    if (db != NULL && rc == 0) {
        rc = be_store_commit(db, f);

    } else if (db != NULL) {
        if (f->status == 0 && !be_failed(db, f)) {
            be_fault(f, 500, "Internal error");
        }
        be_store_abort(db);
    }

    if (rc != 0) {
        be_api_refuse(r, f, in->request_id);
        return;
    }

    be_courier_wake(in->conf->courier);
    be_reply_json(r, 202, json_pack("{s:s,s:s}", "deliveryId", delivery,
                                    "eventId", event));
}


void
be_api_hook_test(const be_in_t *in, be_reply_t *r)
{
    int          rc = -1;
    char         event[BE_ID_SIZE], delivery[BE_ID_SIZE];
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_write(in->conf->store, &f);

    if (db != NULL && be_hook_full(db, in->uid, &f) == 0) {
        rc = be_event_ids(db, in->uid, "webhook.test",
                          json_pack("{s:s}", "message", "This is a test"),
                          in->request_id, event, delivery);
        rc = rc == 1 ? 0 : rc == 0 ? be_hook_none(&f) : -1;
    }

    be_hook_queued(in, r, db, rc, event, delivery, &f);
}


/* The same event again, by a delivery of its own.  Its requestId stays that
 * of the call that caused the event. */

static int
be_hook_again(be_db_t *db, const be_in_t *in, char *event, char *delivery,
    be_fault_t *f)
{
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT event FROM delivery WHERE key = ?1 AND uid = ?2",
                "ss", in->arg[0], in->uid);

    if (be_step(db, st) != 1) {
        return be_failed(db, f) ? -1 : be_fault(f, 404, "No such delivery");
    }

    snprintf(event, BE_ID_SIZE, "%s", be_text(st, 0));
    be_done(st);
    be_id(delivery, "dlv_");

    if (be_run(db, "INSERT INTO delivery (key, uid, event, type, url, body,"
               " created, status, next_at, request_id)"
               " SELECT ?1, d.uid, d.event, d.type, w.url, d.body, ?2,"
               " 'pending', ?2, d.request_id FROM delivery d JOIN webhook w"
               " ON w.uid = d.uid WHERE d.key = ?3", "sis", delivery,
               be_wall_ms(), in->arg[0]) != 0)
    {
        return -1;
    }

    return be_changes(db) == 1 ? 0 : be_hook_none(f);
}


void
be_api_redeliver(const be_in_t *in, be_reply_t *r)
{
    int          rc = -1;
    char         event[BE_ID_SIZE], delivery[BE_ID_SIZE];
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_write(in->conf->store, &f);

    if (db != NULL && be_hook_full(db, in->uid, &f) == 0) {
        rc = be_hook_again(db, in, event, delivery, &f);
    }

    be_hook_queued(in, r, db, rc, event, delivery, &f);
}
