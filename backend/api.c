/*
 * What answers are made of, and the endpoints that need no store.  Called by
 * http.c, on the thread of the connection.
 *
 * Invariant of POST /ocr/fields: what it has charged is kept by the time its
 * 200 is sent, and given back by the time anything else is; a process that
 * ends in between leaves a row of "call", which the next start gives back.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "fetch.h"
#include "ident.h"
#include "request.h"
#include "space/money.h"
#include "work.h"


void
be_reply_json(be_reply_t *r, int status, json_t *o)
{
    r->status = status;
    r->body = o ? json_dumps(o, JSON_COMPACT) : NULL;
    r->len = r->body ? strlen(r->body) : 0;

    if (r->body == NULL) {
        r->status = 500;
    }

    json_decref(o);
}


void
be_api_refuse(be_reply_t *r, be_fault_t *f, const char *request_id)
{
    r->status = f->status;
    r->code = f->code;
    r->body = be_fault_json(f, request_id);
    r->len = r->body ? strlen(r->body) : 0;

    be_fault_free(f);
}


/* Holds the price of a synchronous call, whose id is made here. */

static int
be_charge(const be_in_t *in, char *ref, be_fault_t *f)
{
    be_db_t     *db;
    const char  *refs[1];

    if (in->conf->store == NULL) {
        return 0;
    }

    be_id(ref, "call_");
    refs[0] = ref;

    db = be_store_write(in->conf->store, f);
    if (db == NULL) {
        return -1;
    }

    if (be_money_hold(db, in->uid, 1, refs, in->conf->free_scans,
                      in->request_id, f) != 0)
    {
        be_store_abort(db);
        return -1;
    }

    (void) be_run(db, "INSERT INTO call (ref, uid, request_id, created)"
                  " VALUES (?, ?, ?, ?)", "sssi", ref, in->uid,
                  in->request_id, be_wall_ms());

    return be_store_commit(db, f);
}


/* Keeps the price, or gives it back. */

static int
be_settle(const be_in_t *in, const char *ref, int keep, be_fault_t *f)
{
    be_db_t  *db;

    db = be_store_write(in->conf->store, f);
    if (db == NULL) {
        return -1;
    }

    if (keep) {
        (void) be_money_capture(db, ref, in->request_id);

    } else {
        (void) be_money_refund(db, ref, in->request_id);
    }

    (void) be_run(db, "DELETE FROM call WHERE ref = ?", "s", ref);

    return be_store_commit(db, f);
}


/*
 * The gateway waits so long and no longer, so queues and work share one
 * budget.  Each queue leaves a third for what comes after it: a worker that
 * is found at the last moment would only be killed with the page half read.
 */

static int
be_fields_work(const be_http_conf_t *conf, be_request_t *q, be_reply_t *r,
    be_fault_t *f)
{
    uint64_t   now = be_now_ms(), third = (uint64_t) conf->timeout * 333;
    be_span_t  fetch = { now + third, now + 2 * third };
    be_span_t  read = { now + 2 * third, now + 3 * third };
    be_task_t  task = { .fields = q->fields, .hints = q->hints,
                        .prompt = q->prompt };

    if (q->url != NULL
        && (be_fetch_image(conf, q->url, &fetch, &q->image, &q->image_len, f)
            != 0
            || be_image_check(q->image, q->image_len, f) != 0))
    {
        return -1;
    }

    task.image = q->image;
    task.image_len = q->image_len;

    return be_work(conf, &task, &read, &r->body, &r->len, f);
}


void
be_api_fields(const be_in_t *in, be_reply_t *r)
{
    int           rc, held;
    char          ref[BE_ID_SIZE] = "";
    be_fault_t    f = { 0 }, worse = { 0 };
    be_request_t  q;

    rc = be_request_parse(in->body->data, in->body->len,
                          in->conf->services.llm_url != NULL, &q, &f);
    be_buf_free(in->body);
    r->deprecated = q.deprecated;

    if (rc == 0) {
        rc = be_charge(in, ref, &f);
    }

    held = rc == 0 && ref[0] != '\0';

    if (rc == 0) {
        rc = be_fields_work(in->conf, &q, r, &f);
    }

    be_request_free(&q);

    if (held && rc == 0) {
        rc = be_settle(in, ref, 1, &f);
    }

    if (rc == 0) {
        r->status = 200;
        return;
    }

    /* what cannot be given back now is given back at the next start */

    if (held && be_settle(in, ref, 0, &worse) != 0) {
        be_fault_free(&worse);
    }

    free(r->body);
    be_api_refuse(r, &f, in->request_id);
}


void
be_api_health(const be_in_t *in, be_reply_t *r)
{
    char       when[32];
    time_t     now = time(NULL);
    struct tm  tm;

    (void) in;

    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);

    be_reply_json(r, 200, json_pack("{s:s,s:s,s:s}", "status", "ok",
                                    "version", BE_VERSION, "time", when));
}
