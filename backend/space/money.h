#ifndef BE_MONEY_H
#define BE_MONEY_H

#include "store.h"

/* What one page costs, and what that is in yen. */
#define BE_SCAN_PRICE  10

/* The most that is granted at a time, or is a tenant's flat fee. */
#define BE_MAX_SCANS  1000000000

/*
 * All inside the caller's transaction, which writes.  ref is what is paid
 * for: a job's or a call's id.
 *
 * Holds one scan for each ref, or nothing at all: 402 insufficient_balance
 * with {requested, processable}.  free_scans: of a tenant in a month.
 */
int be_money_hold(be_db_t *db, const char *uid, int n,
    const char *const *refs, int free_scans, const char *request_id,
    be_fault_t *f);

/* Keeps, or gives back, what is held for ref; either, once: the second call
 * for the same ref changes nothing.  0, or -1 where the database failed. */
int be_money_capture(be_db_t *db, const char *ref, const char *request_id);
int be_money_refund(be_db_t *db, const char *ref, const char *request_id);

/* Adds scans to a tenant's balance, once for each ref: 0, 1 where this ref
 * was granted before, -1. */
int be_money_grant(be_db_t *db, const char *uid, int64_t scans,
    const char *ref);

/* A tenant's balance; 0 where it has none. */
int64_t be_money_balance(be_db_t *db, const char *uid);

/* At start: gives back what is held for synchronous calls, whose answers
 * nobody got.  The number of them, or -1. */
int be_money_recover(be_store_t *s);

/* The same for calls that were begun before then (ms): the storage had failed
 * when they ended. */
int be_money_sweep(be_db_t *db, int64_t before);

/* Checks that the ledger adds up: 0, 1 where it does not, 2 where it cannot
 * be told.  uid NULL: of all tenants.  Prints what it finds. */
int be_money_check(be_store_t *s, const char *uid, int json);

/* The operators' commands "grant", "flatfee" and "ledger": argv[0] is the
 * command.  The status to exit with. */
int be_money_command(int argc, char **argv);

#endif
