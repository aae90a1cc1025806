/*
 * The table of deliveries, as the courier sees it: what is to be sent, and
 * what came of it.
 */

#include <stdlib.h>
#include <string.h>

#include "ident.h"
#include "parcel.h"
#include "url.h"


#define BE_SWEEP_ROWS  500
#define BE_DAY_MS      ((int64_t) 24 * 60 * 60 * 1000)
#define BE_KEEP_MS     (30 * BE_DAY_MS)
#define BE_EXPIRE_MS   (3 * BE_DAY_MS)


void
be_parcel_free(be_parcel_t *p)
{
    free(p->key);
    free(p->uid);
    free(p->type);
    free(p->body);
    free(p->request_id);
    free(p->url);
    free(p->secret);
    memset(p, 0, sizeof(*p));
}


/*
 * The tenant's delivery that is due first.  It goes to the webhook as it is
 * now: who has corrected a wrong URL, or rotated a secret, expects that of
 * what is still waiting.
 */

int
be_parcel_load(be_db_t *db, const char *uid, int64_t now, be_parcel_t *p)
{
    int            rc;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT d.id, d.attempts, d.key, d.uid, d.type, d.body,"
                " d.request_id, w.url, w.secret"
                " FROM delivery d LEFT JOIN webhook w ON w.uid = d.uid"
                " WHERE d.status = 'pending' AND d.uid = ?1"
                " AND d.next_at <= ?2 ORDER BY d.next_at, d.id LIMIT 1",
                "si", uid, now);
    rc = be_step(db, st);

    if (rc != 1) {
        return rc;
    }

    p->id = sqlite3_column_int64(st, 0);
    p->attempts = sqlite3_column_int(st, 1);
    p->key = strdup(be_text(st, 2));
    p->uid = strdup(be_text(st, 3));
    p->type = strdup(be_text(st, 4));
    p->body = strdup(be_text(st, 5));

    p->request_id = strdup(be_text(st, 6));

    if (sqlite3_column_type(st, 7) != SQLITE_NULL) {
        p->url = strdup(be_text(st, 7));
        p->secret = strdup(be_text(st, 8));
        rc = p->url && p->secret ? 1 : -1;
    }

    be_done(st);

    if (rc < 0 || !p->key || !p->uid || !p->type || !p->body
        || !p->request_id)
    {
        be_parcel_free(p);
        return -1;
    }

    if (p->url != NULL) {
        be_url_site(p->url, p->site, sizeof(p->site));
    }

    return 1;
}


/* Writes an attempt down.  A webhook may have been removed meanwhile, which
 * ended the delivery, and is corrected only by its having arrived. */

int
be_parcel_store(be_store_t *s, const be_retries_t *retries,
    const be_parcel_t *p, const be_outcome_t *o)
{
    int          retry;
    int64_t      now = be_wall_ms();
    be_db_t     *db;
    be_fault_t   f = { 0 };
    const char  *status;

    retry = o->error != NULL && p->url != NULL && p->attempts < retries->n;
    status = o->error == NULL ? "delivered" : retry ? "pending" : "failed";

    db = be_store_write(s, &f);

    if (db != NULL) {
        be_run(db, "UPDATE delivery SET status = ?2, attempts = ?3,"
               " last_at = ?4, last_status = nullif(?5, 0), last_error = ?6,"
               " next_at = nullif(?7, 0), url = ifnull(?8, url)"
               " WHERE id = ?1 AND (status = 'pending'"
               "  OR ?2 = 'delivered')", "isiiisis", p->id, status,
               (int64_t) (p->attempts + (p->url != NULL)), now,
               (int64_t) o->status, o->error,
               retry ? now + (int64_t) retries->after[p->attempts] * 1000
                     : (int64_t) 0, p->url);

        if (be_store_commit(db, &f) == 0) {
            return 0;
        }
    }

    be_fault_free(&f);

    return -1;
}


/* Forgets what is old, and gives up what has waited for too long behind
 * others of a receiver that does not answer. */

void
be_parcel_sweep(be_store_t *s, const be_retries_t *retries)
{
    int         i, more;
    int64_t     now = be_wall_ms(), expire = BE_EXPIRE_MS;
    be_db_t    *db;
    be_fault_t  f = { 0 };

    for (i = 0; i < retries->n; i++) {
        expire += (int64_t) retries->after[i] * 1000;
    }

    do {
        db = be_store_write(s, &f);
        more = db != NULL;

        if (more) {
            be_run(db, "UPDATE delivery SET status = 'failed',"
                   " last_error = 'expired', next_at = NULL"
                   " WHERE id IN (SELECT id FROM delivery WHERE created < ?1"
                   " AND status = 'pending' LIMIT ?2)", "ii", now - expire,
                   (int64_t) BE_SWEEP_ROWS);
            more = be_changes(db);
            be_run(db, "DELETE FROM delivery WHERE id IN (SELECT id"
                   " FROM delivery WHERE created < ?1"
                   " AND status <> 'pending' LIMIT ?2)", "ii",
                   now - BE_KEEP_MS, (int64_t) BE_SWEEP_ROWS);
            more += be_changes(db);

            if (be_store_commit(db, &f) != 0) {
                more = 0;
            }
        }
    } while (more);

    be_fault_free(&f);
}
