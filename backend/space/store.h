#ifndef BE_STORE_H
#define BE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "fault.h"

/* The database of one data folder. */
typedef struct be_store_s  be_store_t;

/* A connection that is inside a transaction. */
typedef struct be_db_s  be_db_t;

/*
 * Opens or makes the folder and its database.  serving: takes the folder's
 * lock, so that one server has it; the operators' commands run beside one.
 * NULL: the reason was said on stderr.
 */
be_store_t *be_store_open(const char *dir, int serving);
void be_store_close(be_store_t *s);
const char *be_store_dir(const be_store_t *s);

/*
 * A transaction.  One that reads sees one state of everything and disturbs
 * nobody; there is one that writes at a time, the next one waits.  NULL with
 * the fault set (503 or 500) when there is none to be had.  Each is ended by
 * be_store_commit() or be_store_abort() on the same thread, soon: nothing
 * slow (no file, no network, no OCR) is done inside one that writes.
 */
be_db_t *be_store_read(be_store_t *s, be_fault_t *f);
be_db_t *be_store_write(be_store_t *s, be_fault_t *f);

/* 0: it is on the disk.  -1: nothing of it is, and the fault is set. */
int be_store_commit(be_db_t *db, be_fault_t *f);
void be_store_abort(be_db_t *db);

/*
 * A statement with its parameters bound: types has a letter for each: s text
 * or NULL (const char *), i integer (int64_t: cast!), d double, b bytes
 * (const void *, size_t), n nothing (NULL).  Statements are kept by their
 * text, so it must be a literal or come from few; only one run of a text is
 * open at a time.  After an error it may be NULL, and every step says -1.
 */
sqlite3_stmt *be_sql(be_db_t *db, const char *sql, const char *types, ...);

/* 1: a row, 0: the end, -1: an error, which the transaction remembers.  After
 * 0 and -1 the statement is reset. */
int be_step(be_db_t *db, sqlite3_stmt *st);

/* Ends a statement whose rows were not all read. */
void be_done(sqlite3_stmt *st);

/* Runs a statement that gives no rows: 0, or -1. */
int be_run(be_db_t *db, const char *sql, const char *types, ...);

/* A column's text ("" for NULL), valid until the next step. */
const char *be_text(sqlite3_stmt *st, int i);

/* Rows that the last be_run() changed; the rowid of its insert. */
int be_changes(be_db_t *db);
int64_t be_rowid(be_db_t *db);

/* Whether anything failed since the transaction began; sets the fault (500,
 * or 503 where the disk is full or the database is busy). */
int be_failed(be_db_t *db, be_fault_t *f);

#endif
