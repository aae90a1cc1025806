/*
 * The transactions of a job: claimed, ended, begun again.  Called by jobs.c.
 *
 * Invariant: a job's state, its item's, its money and its event change in one
 * transaction; a job that is done or failed never changes again.
 */

#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "job_store.h"
#include "money.h"
#include "tree.h"


#define BE_AGAIN_MIN_MS  1000
#define BE_AGAIN_MAX_MS  5000

/* Those of one tenant, oldest first; then the next tenant's. */

#define BE_JOB_NEXT                                                           \
    "SELECT id FROM job WHERE status = 'pending' AND not_before <= ?1"

#define BE_JOB_ORDER  " ORDER BY uid, created, item LIMIT 1"


void
be_job_free(be_job_t *job)
{
    free(job->uid);
    free(job->path);
    free(job->request_id);
    free(job->fields);
    free(job->prompt);
}


/* When a job that is not yet due will be. */

static int64_t
be_job_due(be_db_t *db)
{
    int64_t        due = 0;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT min(not_before) FROM job"
                " WHERE status = 'pending'", "");

    if (be_step(db, st) == 1) {
        due = sqlite3_column_int64(st, 0);
        be_done(st);
    }

    return due;
}


/* A text that may be NULL: 0, or -1 without memory. */

static int
be_job_text(sqlite3_stmt *st, int i, char **out)
{
    if (sqlite3_column_type(st, i) == SQLITE_NULL) {
        return 0;
    }

    *out = strdup(be_text(st, i));

    return *out ? 0 : -1;
}


/* What is wanted of the image. */

static int
be_job_task(be_db_t *db, be_job_t *job)
{
    int            rc;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT node.fields, node.prompt FROM item"
                " JOIN node ON node.id = item.sheet WHERE item.id = ?", "i",
                job->item);

    if (be_step(db, st) != 1) {
        job->item = 0;
        return 0;
    }

    rc = be_job_text(st, 0, &job->fields);

    if (rc == 0) {
        rc = be_job_text(st, 1, &job->prompt);
    }

    be_done(st);

    return rc;
}


static int
be_job_take(be_db_t *db, const char *after, be_job_t *job, int64_t now)
{
    int            rc;
    sqlite3_stmt  *st;

    st = be_sql(db, "UPDATE job SET status = 'processing',"
                " attempts = attempts + 1, started = ?1 WHERE id = coalesce("
                "(" BE_JOB_NEXT " AND uid > ?2" BE_JOB_ORDER "),"
                "(" BE_JOB_NEXT BE_JOB_ORDER "))"
                " RETURNING id, item_key, uid, path, request_id, attempts,"
                " item", "is", now, after);

    rc = be_step(db, st);
    if (rc != 1) {
        return rc;
    }

    strncpy(job->id, be_text(st, 0), sizeof(job->id) - 1);
    strncpy(job->key, be_text(st, 1), sizeof(job->key) - 1);
    job->uid = strdup(be_text(st, 2));
    job->path = strdup(be_text(st, 3));
    job->request_id = strdup(be_text(st, 4));
    job->attempts = sqlite3_column_int(st, 5);
    job->item = sqlite3_column_int64(st, 6);

    while (be_step(db, st) == 1) {
        /* one row; the statement has to come to its end */
    }

    return 1;
}


int
be_job_claim(be_store_t *s, const char *after, be_job_t *job, int64_t *due,
    be_fault_t *f)
{
    int       rc;
    be_db_t  *db;

    memset(job, 0, sizeof(*job));
    *due = 0;

    db = be_store_write(s, f);
    if (db == NULL) {
        return -1;
    }

    rc = be_job_take(db, after, job, be_wall_ms());

    if (rc == 0) {
        *due = be_job_due(db);
    }

    if (rc == 1
        && (job->uid == NULL || job->path == NULL || job->request_id == NULL
            || be_job_task(db, job) != 0))
    {
        be_store_abort(db);
        return be_fault(f, 503, "Out of memory");
    }

    if (rc == 1) {
        (void) be_run(db, "UPDATE item SET status = 'processing'"
                      " WHERE id = ?", "i", job->item);
    }

    return be_store_commit(db, f) == 0 ? rc : -1;
}


static int
be_job_again(be_db_t *db, const be_job_t *job, int counts)
{
    unsigned  r;
    int64_t   wait;

    be_random(&r, sizeof(r));
    wait = BE_AGAIN_MIN_MS + r % (BE_AGAIN_MAX_MS - BE_AGAIN_MIN_MS);

    (void) be_run(db, "UPDATE job SET status = 'pending', started = NULL,"
                  " attempts = attempts - ?2, not_before = ?3 WHERE id = ?1",
                  "sii", job->id, (int64_t) !counts, be_wall_ms() + wait);

    return be_run(db, "UPDATE item SET status = 'pending' WHERE id = ?", "i",
                  job->item);
}


static int
be_job_done(be_db_t *db, const be_job_t *job, const json_t *answer)
{
    int      rc;
    char    *result, *said;
    json_t  *data = json_object_get(answer, "data");
    json_t  *warnings = json_object_get(answer, "warnings");

    result = json_dumps(data, JSON_COMPACT);
    said = warnings ? json_dumps(warnings, JSON_COMPACT) : NULL;

    if (result == NULL || (warnings != NULL && said == NULL)
        || be_item_store(db, job->item, data) != 0)
    {
        free(result);
        free(said);
        return -1;
    }

    (void) be_run(db, "UPDATE item SET status = 'done', error = NULL"
                  " WHERE id = ?", "i", job->item);
    (void) be_run(db, "UPDATE job SET status = 'done', result = ?2,"
                  " warnings = ?3, finished = ?4 WHERE id = ?1", "sssi",
                  job->id, result, said, be_wall_ms());
    free(result);
    free(said);

    (void) be_money_capture(db, job->id, job->request_id);

    rc = be_event(db, job->uid, "ocr.completed",
                  json_pack("{s:s,s:s,s:s,s:O,s:O*}", "jobId", job->id,
                            "path", job->path, "uniqueKey", job->key,
                            "result", data, "warnings", warnings),
                  job->request_id);

    return rc;
}


static int
be_job_failed(be_db_t *db, const be_job_t *job, const be_fault_t *why)
{
    int      rc;
    char    *error;
    json_t  *o;

    /* a message that was cut within a character is no UTF-8 */

    o = json_pack("{s:s,s:s}", "code", why->code, "message", why->message);
    if (o == NULL) {
        o = json_pack("{s:s,s:s}", "code", why->code, "message",
                      "The image could not be read");
    }

    error = o ? json_dumps(o, JSON_COMPACT) : NULL;

    if (error == NULL) {
        json_decref(o);
        return -1;
    }

    (void) be_run(db, "UPDATE job SET status = 'failed', error = ?2,"
                  " finished = ?3 WHERE id = ?1", "ssi", job->id, error,
                  be_wall_ms());
    (void) be_run(db, "UPDATE item SET status = 'failed', error = ?2"
                  " WHERE id = ?1", "is", job->item, error);
    free(error);

    (void) be_money_refund(db, job->id, job->request_id);

    rc = be_event(db, job->uid, "ocr.failed",
                  json_pack("{s:s,s:s,s:s,s:o}", "jobId", job->id, "path",
                            job->path, "uniqueKey", job->key, "error", o),
                  job->request_id);

    return rc;
}


/* Whether it is still ours: 1, 0, or -1. */

static int
be_job_ours(be_db_t *db, const be_job_t *job)
{
    int            rc;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT 1 FROM job WHERE id = ?"
                " AND status = 'processing'", "s", job->id);
    rc = be_step(db, st);

    if (rc == 1) {
        be_done(st);
    }

    return rc;
}


/* Whether its item, and so its sheet, is still there: 1, 0, or -1. */

static int
be_job_placed(be_db_t *db, const be_job_t *job)
{
    int            rc;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT 1 FROM item WHERE id = ?", "i", job->item);
    rc = be_step(db, st);

    if (rc == 1) {
        be_done(st);
    }

    return rc;
}


int
be_job_end(be_store_t *s, const be_job_t *job, be_job_e what,
    const json_t *answer, const be_fault_t *why, be_fault_t *f)
{
    int         rc, ours;
    be_db_t    *db;
    be_fault_t  gone = { 0 };

    db = be_store_write(s, f);
    if (db == NULL) {
        return -1;
    }

    ours = be_job_ours(db, job);
    rc = ours;

    if (ours == 1 && be_job_placed(db, job) == 0) {
        be_fault(&gone, 404, "The image was removed before it was read");
        rc = be_job_failed(db, job, &gone);
        ours = 0;

    } else if (ours == 1) {
        rc = what == BE_JOB_DONE ? be_job_done(db, job, answer)
             : what == BE_JOB_FAILED ? be_job_failed(db, job, why)
             : be_job_again(db, job, what == BE_JOB_RETRY);
    }

    if (rc < 0 && !be_failed(db, f)) {
        be_store_abort(db);
        return be_fault(f, 503, "Out of memory");
    }

    return be_store_commit(db, f) == 0 ? ours : -1;
}


/* Those that were begun once more than they may: a page that ends whatever
 * reads it must not do so for ever. */

static int
be_job_recover_one(be_db_t *db)
{
    int            rc;
    be_job_t       job = { 0 };
    be_fault_t     why = { 0 };
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT id, item_key, uid, path, request_id, item"
                " FROM job WHERE status = 'processing' AND attempts >= ?"
                " LIMIT 1", "i", (int64_t) BE_JOB_ATTEMPTS);

    rc = be_step(db, st);
    if (rc != 1) {
        return rc;
    }

    strncpy(job.id, be_text(st, 0), sizeof(job.id) - 1);
    strncpy(job.key, be_text(st, 1), sizeof(job.key) - 1);
    job.uid = strdup(be_text(st, 2));
    job.path = strdup(be_text(st, 3));
    job.request_id = strdup(be_text(st, 4));
    job.item = sqlite3_column_int64(st, 5);
    be_done(st);

    be_fault(&why, 502, "The service was interrupted %d times while it read"
             " this image", BE_JOB_ATTEMPTS);

    if (job.uid == NULL || job.path == NULL || job.request_id == NULL
        || be_job_failed(db, &job, &why) != 0)
    {
        rc = -1;
    }

    be_job_free(&job);

    return rc;
}


int
be_job_recover(be_store_t *s)
{
    int         rc;
    be_db_t    *db;
    be_fault_t  f = { 0 };

    db = be_store_write(s, &f);
    if (db == NULL) {
        be_fault_free(&f);
        return -1;
    }

    do {
        rc = be_job_recover_one(db);
    } while (rc == 1);

    (void) be_run(db, "UPDATE item SET status = 'pending' WHERE id IN"
                  " (SELECT item FROM job WHERE status = 'processing')", "");
    (void) be_run(db, "UPDATE job SET status = 'pending', started = NULL,"
                  " not_before = 0 WHERE status = 'processing'", "");

    if (rc < 0) {
        (void) be_failed(db, &f);
        be_store_abort(db);

    } else {
        rc = be_store_commit(db, &f);
    }

    be_fault_free(&f);

    return rc;
}


int
be_job_open(be_store_t *s, const char *const *ids, int n)
{
    int            i, rc = 0;
    be_db_t       *db;
    be_fault_t     f = { 0 };
    sqlite3_stmt  *st;

    db = be_store_read(s, &f);
    if (db == NULL) {
        be_fault_free(&f);
        return -1;
    }

    for (i = 0; i < n && rc == 0; i++) {
        st = be_sql(db, "SELECT 1 FROM job WHERE id = ?"
                    " AND status IN ('pending', 'processing')", "s", ids[i]);
        rc = be_step(db, st);

        if (rc == 1) {
            be_done(st);
        }
    }

    be_store_abort(db);

    return rc;
}
