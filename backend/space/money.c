/*
 * Money, in scans: what tenants have, what is held, kept and given back.
 * Called by whoever charges for a page, inside its transaction.
 *
 * Invariant: purse.sum is the sum of the ledger's deltas of its tenant, bucket
 * and cycle, and nothing in the ledger is ever changed.  A hold has one end
 * at most, a capture or a refund, in its own bucket and cycle.
 */

#include <string.h>
#include <time.h>

#include "api.h"
#include "ident.h"
#include "money.h"


/* In the order in which they are used up. */

enum { BE_FREE = 0, BE_FLATFEE, BE_BALANCE, BE_BUCKETS };

static const char *const  be_bucket_names[] = { "free", "flatfee", "balance" };

/* A calendar month, UTC. */
typedef struct {
    char      name[16];          /* 2026-11 */
    int64_t   start;             /* ms */
    int64_t   end;               /* of the next one */
} be_cycle_t;

/* What a tenant has; "used" of the balance is what it is below zero. */
typedef struct {
    be_cycle_t  cycle;
    int64_t     limit[BE_BUCKETS];
    int64_t     used[BE_BUCKETS];
    int64_t     left[BE_BUCKETS];
} be_means_t;


static void
be_cycle_of(int64_t now, be_cycle_t *c)
{
    time_t     t = (time_t) (now / 1000);
    struct tm  tm;

    gmtime_r(&t, &tm);
    strftime(c->name, sizeof(c->name), "%Y-%m", &tm);

    tm.tm_mday = 1;
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    c->start = (int64_t) timegm(&tm) * 1000;

    tm.tm_mon++;
    c->end = (int64_t) timegm(&tm) * 1000;
}


/* Whose cycle is "" never ends. */

static const char *
be_bucket_cycle(const be_means_t *m, int bucket)
{
    return bucket == BE_BALANCE ? "" : m->cycle.name;
}


/* The one number that a statement gives, or 0. */

static int64_t
be_money_number(be_db_t *db, sqlite3_stmt *st)
{
    int64_t  n = 0;

    if (be_step(db, st) == 1) {
        n = sqlite3_column_int64(st, 0);
        be_done(st);
    }

    return n;
}


static int64_t
be_purse_sum(be_db_t *db, const char *uid, const char *bucket,
    const char *cycle)
{
    return be_money_number(db, be_sql(db, "SELECT sum FROM purse"
                                      " WHERE uid = ? AND bucket = ?"
                                      " AND cycle = ?", "sss", uid, bucket,
                                      cycle));
}


static int
be_purse_add(be_db_t *db, const char *uid, const char *bucket,
    const char *cycle, int64_t delta)
{
    return be_run(db, "INSERT INTO purse (uid, bucket, cycle, sum)"
                  " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                  " SET sum = sum + excluded.sum", "sssi", uid, bucket, cycle,
                  delta);
}


/* Errors are seen by be_failed(), later. */

static void
be_means_read(be_db_t *db, const char *uid, int free_scans, be_means_t *m)
{
    int  i;

    be_cycle_of(be_wall_ms(), &m->cycle);

    m->limit[BE_FREE] = free_scans;
    m->limit[BE_FLATFEE] = be_money_number(db, be_sql(db, "SELECT flatfee"
                                           " FROM tenant WHERE uid = ?", "s",
                                           uid));
    m->limit[BE_BALANCE] = 0;

    for (i = 0; i < BE_BUCKETS; i++) {
        m->used[i] = -be_purse_sum(db, uid, be_bucket_names[i],
                                   be_bucket_cycle(m, i));
        m->left[i] = m->limit[i] - m->used[i];

        /* a limit may have been lowered */

        m->left[i] = m->left[i] < 0 ? 0 : m->left[i];
    }
}


static int
be_ledger_add(be_db_t *db, const char *uid, const char *kind,
    const char *bucket, const char *cycle, int64_t delta, const char *ref,
    const char *request_id)
{
    return be_run(db, "INSERT INTO ledger (at, uid, kind, bucket, cycle,"
                  " delta, ref, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                  "issssiss", be_wall_ms(), uid, kind, bucket, cycle, delta,
                  ref, request_id);
}


int
be_money_hold(be_db_t *db, const char *uid, int n, const char *const *refs,
    int free_scans, const char *request_id, be_fault_t *f)
{
    int          i, bucket, take;
    int64_t      all;
    be_means_t   m;
    const char  *name, *cycle;

    be_means_read(db, uid, free_scans, &m);
    if (be_failed(db, f)) {
        return -1;
    }

    all = m.left[BE_FREE] + m.left[BE_FLATFEE] + m.left[BE_BALANCE];

    if (all < n) {
        be_fault_code(f, 402, "insufficient_balance", "This takes %d scan%s,"
                      " and %lld are left", n, n == 1 ? "" : "s",
                      (long long) all);
        f->details = json_pack("{s:i,s:I}", "requested", n, "processable",
                               (json_int_t) all);
        return -1;
    }

    for (bucket = 0, i = 0; i < n && bucket < BE_BUCKETS; bucket++) {
        take = m.left[bucket] < n - i ? (int) m.left[bucket] : n - i;
        if (take == 0) {
            continue;
        }

        name = be_bucket_names[bucket];
        cycle = be_bucket_cycle(&m, bucket);
        (void) be_purse_add(db, uid, name, cycle, -take);

        for ( ; take > 0; take--, i++) {
            (void) be_ledger_add(db, uid, "hold", name, cycle, -1, refs[i],
                                 request_id);
        }
    }

    return be_failed(db, f) ? -1 : 0;
}


/* Ends a hold that has no end yet.  1: this was the end. */

static int
be_money_end(be_db_t *db, const char *ref, const char *kind, int64_t delta,
    const char *request_id)
{
    if (be_run(db, "INSERT INTO ledger (at, uid, kind, bucket, cycle, delta,"
               " ref, request_id)"
               " SELECT ?2, uid, ?3, bucket, cycle, ?4, ref, ?5 FROM ledger"
               " WHERE ref = ?1 AND kind = 'hold' AND NOT EXISTS"
               " (SELECT 1 FROM ledger WHERE ref = ?1"
               "  AND kind IN ('capture', 'refund'))", "sisis", ref,
               be_wall_ms(), kind, delta, request_id)
        != 0)
    {
        return -1;
    }

    return be_changes(db);
}


int
be_money_capture(be_db_t *db, const char *ref, const char *request_id)
{
    return be_money_end(db, ref, "capture", 0, request_id) < 0 ? -1 : 0;
}


int
be_money_refund(be_db_t *db, const char *ref, const char *request_id)
{
    int  rc;

    rc = be_money_end(db, ref, "refund", 1, request_id);
    if (rc < 1) {
        return rc;
    }

    return be_run(db, "UPDATE purse SET sum = sum + 1"
                  " WHERE (uid, bucket, cycle) ="
                  " (SELECT uid, bucket, cycle FROM ledger"
                  "  WHERE ref = ? AND kind = 'hold')", "s", ref);
}


int
be_money_grant(be_db_t *db, const char *uid, int64_t scans, const char *ref)
{
    if (be_money_number(db, be_sql(db, "SELECT count(*) FROM ledger"
                                   " WHERE ref = ? AND kind = 'grant'", "s",
                                   ref)))
    {
        return 1;
    }

    return be_ledger_add(db, uid, "grant", "balance", "", scans, ref, "") == 0
           && be_purse_add(db, uid, "balance", "", scans) == 0 ? 0 : -1;
}


int64_t
be_money_balance(be_db_t *db, const char *uid)
{
    return be_purse_sum(db, uid, "balance", "");
}


int
be_money_sweep(be_db_t *db, int64_t before)
{
    int            n = 0;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT ref, request_id FROM call WHERE created < ?", "i",
                before);

    while (be_step(db, st) == 1) {
        (void) be_money_refund(db, be_text(st, 0), be_text(st, 1));
        n++;
    }

    return be_run(db, "DELETE FROM call WHERE created < ?", "i", before) == 0
           ? n : -1;
}


int
be_money_recover(be_store_t *s)
{
    int          n;
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_write(s, &f);
    if (db == NULL) {
        be_fault_free(&f);
        return -1;
    }

    n = be_money_sweep(db, INT64_MAX);

    if (be_store_commit(db, &f) != 0) {
        n = -1;
    }

    be_fault_free(&f);

    return n;
}


static json_t *
be_means_json(const be_means_t *m)
{
    json_t      *next;
    const int    on = m->limit[BE_FLATFEE] > 0;

    next = on ? json_integer((json_int_t) m->cycle.end) : json_null();

    return json_pack("{s:{s:I,s:I,s:I,s:I,s:I},s:{s:b,s:I,s:I,s:I,s:o},"
                     "s:I,s:s,s:i,s:i}",
                     "free",
                     "used", (json_int_t) m->used[BE_FREE],
                     "limit", (json_int_t) m->limit[BE_FREE],
                     "remaining", (json_int_t) m->left[BE_FREE],
                     "cycleStart", (json_int_t) m->cycle.start,
                     "cycleEnd", (json_int_t) m->cycle.end,
                     "flatfee",
                     "enabled", on,
                     "used", (json_int_t) m->used[BE_FLATFEE],
                     "limit", (json_int_t) m->limit[BE_FLATFEE],
                     "remaining", (json_int_t) m->left[BE_FLATFEE],
                     "nextBillingAt", next,
                     "balance", (json_int_t) m->left[BE_BALANCE],
                     "currency", "scans",
                     "perCallCost", 1,
                     "priceYen", BE_SCAN_PRICE);
}


void
be_api_amount(const be_in_t *in, be_reply_t *r)
{
    int          failed;
    be_db_t     *db;
    be_fault_t   f = { 0 };
    be_means_t   m;

    db = be_store_read(in->conf->store, &f);
    failed = db == NULL;

    if (db != NULL) {
        be_means_read(db, in->uid, in->conf->free_scans, &m);
        failed = be_failed(db, &f);
        be_store_abort(db);
    }

    if (failed) {
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    be_reply_json(r, 200, be_means_json(&m));
}
