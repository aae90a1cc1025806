/*
 * Whether the ledger adds up: "spocr-backend ledger".  Reads one state of the
 * database, and may run beside a server.
 *
 * Each check is a statement that gives a line for whatever is wrong; ?1 is the
 * tenant, or NULL for all.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "money.h"


#define BE_OF_UID(t)  "(?1 IS NULL OR " t "uid = ?1)"


static const char *const  be_checks[] = {

    /* sums */

    "SELECT printf('%s: %s %s: the purse has %d, the ledger adds up to %d',"
    " uid, bucket, cycle, sum(p), sum(l)) FROM"
    " (SELECT uid, bucket, cycle, sum AS p, 0 AS l FROM purse"
    "  UNION ALL SELECT uid, bucket, cycle, 0, delta FROM ledger)"
    " WHERE " BE_OF_UID("") " GROUP BY uid, bucket, cycle"
    " HAVING sum(p) <> sum(l)",

    "SELECT printf('%s: the balance is %d', uid, sum) FROM purse"
    " WHERE bucket = 'balance' AND sum < 0 AND " BE_OF_UID(""),

    /* rows by themselves */

    "SELECT printf('%s: %s of %s: %d scans', uid, kind, ref, delta)"
    " FROM ledger WHERE " BE_OF_UID("") " AND CASE kind"
    " WHEN 'hold' THEN delta <> -1 WHEN 'capture' THEN delta <> 0"
    " WHEN 'refund' THEN delta <> 1 ELSE delta < 1 END",

    "SELECT printf('%s: %s of %s: in %s %s', uid, kind, ref, bucket, cycle)"
    " FROM ledger WHERE " BE_OF_UID("")
    " AND ((bucket = 'balance') <> (cycle = '')"
    "  OR (kind = 'grant' AND bucket <> 'balance'))",

    /* holds and their ends */

    "SELECT printf('%s: %s has %d ends', uid, ref, count(*)) FROM ledger"
    " WHERE kind IN ('capture', 'refund') AND " BE_OF_UID("")
    " GROUP BY ref HAVING count(*) > 1",

    "SELECT printf('%s: %s of %s, which is not held', e.uid, e.kind, e.ref)"
    " FROM ledger AS e WHERE e.kind IN ('capture', 'refund')"
    " AND " BE_OF_UID("e.") " AND NOT EXISTS (SELECT 1 FROM ledger AS h"
    "  WHERE h.ref = e.ref AND h.kind = 'hold')",

    "SELECT printf('%s: %s of %s: in %s %s, held in %s %s of %s', e.uid,"
    " e.kind, e.ref, e.bucket, e.cycle, h.bucket, h.cycle, h.uid)"
    " FROM ledger AS e JOIN ledger AS h ON h.ref = e.ref AND h.kind = 'hold'"
    " WHERE e.kind IN ('capture', 'refund') AND " BE_OF_UID("e.")
    " AND (e.uid, e.bucket, e.cycle) <> (h.uid, h.bucket, h.cycle)",

    /* and what they are for */

    "SELECT printf('%s: %s is %s, its hold is %s', job.uid, job.id, status,"
    " CASE WHEN h.id IS NULL THEN 'missing' WHEN c.id IS NOT NULL THEN"
    "  'captured' WHEN r.id IS NOT NULL THEN 'refunded' ELSE 'open' END)"
    " FROM job"
    " LEFT JOIN ledger AS h ON h.ref = job.id AND h.kind = 'hold'"
    "  AND h.uid = job.uid"
    " LEFT JOIN ledger AS c ON c.ref = job.id AND c.kind = 'capture'"
    " LEFT JOIN ledger AS r ON r.ref = job.id AND r.kind = 'refund'"
    " WHERE " BE_OF_UID("job.") " AND NOT (h.id IS NOT NULL AND CASE status"
    "  WHEN 'done' THEN c.id IS NOT NULL WHEN 'failed' THEN r.id IS NOT NULL"
    "  ELSE coalesce(c.id, r.id) IS NULL END)",

    "SELECT printf('%s: %s is held for nothing that is open', uid, ref)"
    " FROM ledger AS h WHERE kind = 'hold' AND " BE_OF_UID("")
    " AND NOT EXISTS (SELECT 1 FROM ledger AS e WHERE e.ref = h.ref"
    "  AND e.kind IN ('capture', 'refund'))"
    " AND NOT EXISTS (SELECT 1 FROM call WHERE call.ref = h.ref)"
    " AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = h.ref)",

    "SELECT printf('%s: the call %s holds nothing', uid, ref) FROM call"
    " WHERE " BE_OF_UID("") " AND (SELECT group_concat(kind) FROM ledger"
    " WHERE ledger.ref = call.ref) IS NOT 'hold'"
};


static const char  be_sums[] =
    "SELECT uid, bucket, cycle,"
    " sum(iif(kind = 'grant', delta, 0)), sum(kind = 'hold'),"
    " sum(kind = 'capture'), sum(kind = 'refund'), sum(delta)"
    " FROM ledger WHERE " BE_OF_UID("")
    " GROUP BY uid, bucket, cycle ORDER BY uid, bucket, cycle";


static json_t *
be_check_sums(be_db_t *db, const char *uid)
{
    int            i;
    json_t        *rows = json_array(), *row;
    sqlite3_stmt  *st;
    static const char *const  names[] = {
        "uid", "bucket", "cycle", "granted", "held", "captured", "refunded",
        "sum"
    };

    st = be_sql(db, be_sums, "s", uid);

    while (be_step(db, st) == 1) {
        row = json_object();

        for (i = 0; i < 8; i++) {
            json_object_set_new(row, names[i], i < 3
                ? json_string(be_text(st, i))
                : json_integer(sqlite3_column_int64(st, i)));
        }

        json_array_append_new(rows, row);
    }

    return rows;
}


static json_t *
be_check_wrong(be_db_t *db, const char *uid)
{
    size_t         i;
    json_t        *wrong = json_array();
    sqlite3_stmt  *st;

    for (i = 0; i < sizeof(be_checks) / sizeof(be_checks[0]); i++) {
        st = be_sql(db, be_checks[i], "s", uid);

        while (be_step(db, st) == 1) {
            json_array_append_new(wrong, json_string(be_text(st, 0)));
        }
    }

    return wrong;
}


static void
be_check_print(const json_t *rows, const json_t *wrong)
{
    int         width = 3;
    size_t      i, len;
    json_t     *row, *line;
    long long   n[5];
    const char *uid, *bucket, *cycle;

    json_array_foreach(rows, i, row) {
        len = json_string_length(json_object_get(row, "uid"));
        width = (int) len > width ? (int) len : width;
    }

    if (json_array_size(rows) != 0) {
        printf("%-*s  bucket   cycle       granted        held    captured"
               "    refunded         sum\n", width, "uid");
    }

    json_array_foreach(rows, i, row) {
        if (json_unpack(row, "{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "uid", &uid,
                        "bucket", &bucket, "cycle", &cycle, "granted", &n[0],
                        "held", &n[1], "captured", &n[2], "refunded", &n[3],
                        "sum", &n[4])
            == 0)
        {
            printf("%-*s  %-7s  %-7s  %10lld  %10lld  %10lld  %10lld"
                   "  %10lld\n", width, uid, bucket, *cycle ? cycle : "-",
                   n[0], n[1], n[2], n[3], n[4]);
        }
    }

    json_array_foreach(wrong, i, line) {
        printf("WRONG: %s\n", json_string_value(line));
    }

    printf("%s\n", json_array_size(wrong) ? "It does not add up."
                                          : "It adds up.");
}


int
be_money_check(be_store_t *s, const char *uid, int json)
{
    int          rc;
    char        *text;
    json_t      *rows, *wrong, *o;
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_read(s, &f);
    if (db == NULL) {
        be_fault_free(&f);
        return 2;
    }

    rows = be_check_sums(db, uid);
    wrong = be_check_wrong(db, uid);
    rc = be_failed(db, &f) ? 2 : json_array_size(wrong) ? 1 : 0;
    be_store_abort(db);

    if (rc == 2) {
        fprintf(stderr, "spocr-backend: the ledger cannot be read\n");

    } else if (json) {
        o = json_pack("{s:b,s:O,s:O}", "ok", rc == 0, "sums", rows, "wrong",
                      wrong);
        text = json_dumps(o, JSON_INDENT(2));
        printf("%s\n", text ? text : "");
        free(text);
        json_decref(o);

    } else {
        be_check_print(rows, wrong);
    }

    json_decref(rows);
    json_decref(wrong);
    be_fault_free(&f);

    return rc;
}
