/*
 * Answers that are given again.  Called by POST /create and POST /upload,
 * inside the transaction that does the work.
 *
 * Invariant: an answer is kept if and only if its work is, for they are
 * committed together; a row that is older than 24 hours is as good as none.
 */

#include <stdlib.h>
#include <string.h>

#include "ident.h"
#include "replay.h"


#define BE_REPLAY_MS  (24 * 3600 * (int64_t) 1000)


int
be_replay_find(be_db_t *db, const char *uid, const char *key,
    const char *endpoint, const char *digest, int *status, char **body,
    be_fault_t *f)
{
    int            rc;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT endpoint = ?3 AND digest = ?4, status, body"
                " FROM replay WHERE uid = ?1 AND key = ?2 AND created > ?5",
                "ssssi", uid, key, endpoint, digest,
                be_wall_ms() - BE_REPLAY_MS);
    rc = be_step(db, st);

    if (rc != 1) {
        return be_failed(db, f) ? -1 : 0;
    }

    if (!sqlite3_column_int(st, 0)) {
        rc = be_fault_code(f, 422, "idempotency_key_reused", "This"
                           " Idempotency-Key was used for another request");

    } else if ((*body = strdup(be_text(st, 2))) == NULL) {
        rc = be_fault(f, 503, "Out of memory");

    } else {
        *status = sqlite3_column_int(st, 1);
    }

    be_done(st);

    return rc;
}


/* The row that this one takes the place of is an old one: be_replay_find()
 * found none in the same transaction. */

int
be_replay_keep(be_db_t *db, const char *uid, const char *key,
    const char *endpoint, const char *digest, int status, const char *body,
    const char *request_id)
{
    return be_run(db, "INSERT OR REPLACE INTO replay (uid, key, endpoint,"
                  " digest, status, body, created, request_id)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "ssssisis", uid, key,
                  endpoint, digest, (int64_t) status, body, be_wall_ms(),
                  request_id);
}


int
be_replay_purge(be_db_t *db)
{
    return be_run(db, "DELETE FROM replay WHERE created <= ?", "i",
                  be_wall_ms() - BE_REPLAY_MS);
}
