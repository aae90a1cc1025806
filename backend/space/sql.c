/*
 * Statements: prepared once, kept by their text, bound and stepped.  Called by
 * everything in space/, inside a transaction of store.c.
 *
 * Invariant: the first error of a transaction stays in db->error, and nothing
 * runs after it; so callers check at the end, when they commit.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "db.h"


/* The statement of a text: kept, or prepared in the place of the one that was
 * not used for longest. */

static sqlite3_stmt *
be_db_prepare(be_db_t *db, const char *sql)
{
    int  i, oldest = 0, rc;

    for (i = 0; i < db->n; i++) {
        if (strcmp(sqlite3_sql(db->st[i]), sql) == 0) {
            db->used[i] = ++db->tick;
            sqlite3_reset(db->st[i]);
            sqlite3_clear_bindings(db->st[i]);
            return db->st[i];
        }

        if (!sqlite3_stmt_busy(db->st[i])
            && (sqlite3_stmt_busy(db->st[oldest])
                || db->used[i] < db->used[oldest]))
        {
            oldest = i;
        }
    }

    if (db->n == BE_STATEMENTS) {
        sqlite3_finalize(db->st[oldest]);
        db->n--;
        db->st[oldest] = db->st[db->n];
        db->used[oldest] = db->used[db->n];
    }

    rc = sqlite3_prepare_v3(db->sq, sql, -1, SQLITE_PREPARE_PERSISTENT,
                            &db->st[db->n], NULL);

    if (rc != SQLITE_OK) {
        fprintf(stderr, "spocr-backend: %s: %s\n", sqlite3_errmsg(db->sq),
                sql);
        db->error = rc;
        return NULL;
    }

    db->used[db->n] = ++db->tick;

    return db->st[db->n++];
}


static sqlite3_stmt *
be_bind(be_db_t *db, const char *sql, const char *types, va_list ap)
{
    int            i, rc = SQLITE_OK;
    const void    *p;
    sqlite3_stmt  *st;

    st = be_db_prepare(db, sql);

    for (i = 1; st != NULL && types[i - 1] != '\0' && rc == SQLITE_OK; i++) {
        switch (types[i - 1]) {
        case 's':
            rc = sqlite3_bind_text(st, i, va_arg(ap, const char *), -1,
                                   SQLITE_TRANSIENT);
            break;
        case 'i':
            rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
            break;
        case 'd':
            rc = sqlite3_bind_double(st, i, va_arg(ap, double));
            break;
        case 'b':
            p = va_arg(ap, const void *);
            rc = sqlite3_bind_blob64(st, i, p, va_arg(ap, size_t),
                                     SQLITE_TRANSIENT);
            break;
        default:
            rc = sqlite3_bind_null(st, i);
            break;
        }
    }

    if (rc != SQLITE_OK) {
        db->error = rc;
    }

    return st;
}


sqlite3_stmt *
be_sql(be_db_t *db, const char *sql, const char *types, ...)
{
    va_list        ap;
    sqlite3_stmt  *st;

    va_start(ap, types);
    st = be_bind(db, sql, types, ap);
    va_end(ap);

    return st;
}


int
be_step(be_db_t *db, sqlite3_stmt *st)
{
    int  rc;

    if (st == NULL || db->error) {
        return -1;
    }

    rc = sqlite3_step(st);

    if (rc == SQLITE_ROW) {
        return 1;
    }

    sqlite3_reset(st);

    if (rc != SQLITE_DONE) {
        db->error = rc;
        return -1;
    }

    return 0;
}


void
be_done(sqlite3_stmt *st)
{
    if (st != NULL) {
        sqlite3_reset(st);
    }
}


int
be_run(be_db_t *db, const char *sql, const char *types, ...)
{
    va_list        ap;
    sqlite3_stmt  *st;

    va_start(ap, types);
    st = be_bind(db, sql, types, ap);
    va_end(ap);

    return be_step(db, st) < 0 ? -1 : 0;
}


const char *
be_text(sqlite3_stmt *st, int i)
{
    const unsigned char  *s = sqlite3_column_text(st, i);

    return s ? (const char *) s : "";
}


int
be_changes(be_db_t *db)
{
    return sqlite3_changes(db->sq);
}


int64_t
be_rowid(be_db_t *db)
{
    return sqlite3_last_insert_rowid(db->sq);
}
