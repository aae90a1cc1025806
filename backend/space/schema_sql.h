#ifndef BE_SCHEMA_SQL_H
#define BE_SCHEMA_SQL_H

/*
 * The tables; store.c alone includes this.  Times are milliseconds since
 * 1970.  request_id is the X-Request-Id of the call that caused a row.
 */

#define BE_SCHEMA_VERSION  1

static const char  be_schema_sql[] =

    /* Money: see money.c.  delta is in scans.  ref is what is paid for. */

    "CREATE TABLE tenant ("
    " uid TEXT PRIMARY KEY,"
    " flatfee INTEGER NOT NULL DEFAULT 0"        /* scans a month; 0: off */
    ") WITHOUT ROWID, STRICT;"

    "CREATE TABLE ledger ("
    " id INTEGER PRIMARY KEY,"
    " at INTEGER NOT NULL,"
    " uid TEXT NOT NULL,"
    " kind TEXT NOT NULL"
    "  CHECK (kind IN ('grant', 'hold', 'capture', 'refund')),"
    " bucket TEXT NOT NULL"
    "  CHECK (bucket IN ('free', 'flatfee', 'balance')),"
    " cycle TEXT NOT NULL,"                      /* '2026-11', or '' */
    " delta INTEGER NOT NULL,"
    " ref TEXT NOT NULL,"
    " request_id TEXT NOT NULL,"
    " UNIQUE (ref, kind)"
    ") STRICT;"
    "CREATE INDEX ledger_uid ON ledger (uid, id);"
    "CREATE UNIQUE INDEX ledger_end ON ledger (ref)"     /* one a hold */
    " WHERE kind IN ('capture', 'refund');"

    "CREATE TABLE purse ("                       /* sums of the ledger */
    " uid TEXT NOT NULL,"
    " bucket TEXT NOT NULL,"
    " cycle TEXT NOT NULL,"
    " sum INTEGER NOT NULL,"
    " PRIMARY KEY (uid, bucket, cycle)"
    ") WITHOUT ROWID, STRICT;"

    "CREATE TABLE call ("                        /* open synchronous calls */
    " ref TEXT PRIMARY KEY,"
    " uid TEXT NOT NULL,"
    " request_id TEXT NOT NULL,"
    " created INTEGER NOT NULL"
    ") WITHOUT ROWID, STRICT;"

    /* The space: folders, sheets and memos; a sheet's columns, its images
     * (items) and their values (cells). */

    "CREATE TABLE node ("
    " id INTEGER PRIMARY KEY,"
    " key TEXT NOT NULL UNIQUE,"                 /* uniqueKey */
    " uid TEXT NOT NULL,"
    " parent INTEGER REFERENCES node (id) ON DELETE CASCADE,"
    " type TEXT NOT NULL CHECK (type IN ('folder', 'sheet', 'memo')),"
    " name TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " fields TEXT,"                              /* FieldSpecs; NULL: auto */
    " prompt TEXT,"
    " text TEXT,"                                /* of a memo */
    " request_id TEXT NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX node_name ON node (uid, ifnull(parent, 0), name);"
    "CREATE INDEX node_parent ON node (parent);"

    "CREATE TABLE item ("
    " id INTEGER PRIMARY KEY,"
    " key TEXT NOT NULL UNIQUE,"                 /* rowKey, image's name */
    " uid TEXT NOT NULL,"
    " sheet INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"                       /* originalName */
    " media TEXT NOT NULL,"                      /* image/png */
    " size INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " status TEXT NOT NULL"
    "  CHECK (status IN ('pending', 'processing', 'done', 'failed')),"
    " data TEXT,"                                /* values and field_bboxes */
    " error TEXT,"                               /* {code, message} */
    " request_id TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX item_sheet ON item (sheet, id);"

    /* what rows.c filters and sorts by, without the data in between */

    "CREATE INDEX item_list ON item (sheet, id, status, created, key, name);"

    "CREATE TABLE col ("
    " id INTEGER PRIMARY KEY,"
    " sheet INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " spec TEXT NOT NULL,"                       /* FieldSpec */
    " UNIQUE (sheet, name)"
    ") STRICT;"

    /* text is the value, of an array its JSON; num the number that it is,
     * without separators, or NULL.  A column is read in one sweep.  What is
     * empty has no cell. */

    "CREATE TABLE cell ("
    " col INTEGER NOT NULL REFERENCES col (id) ON DELETE CASCADE,"
    " item INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,"
    " text TEXT NOT NULL,"
    " num REAL,"
    " PRIMARY KEY (col, item)"
    ") WITHOUT ROWID, STRICT;"
    "CREATE INDEX cell_item ON cell (item);"

    /* Work. */

    "CREATE TABLE job ("
    " id TEXT PRIMARY KEY,"
    " uid TEXT NOT NULL,"
    " item INTEGER REFERENCES item (id) ON DELETE SET NULL,"
    " item_key TEXT NOT NULL,"
    " sheet_key TEXT NOT NULL,"
    " path TEXT NOT NULL,"                       /* of the sheet, then */
    " name TEXT NOT NULL,"
    " status TEXT NOT NULL"
    "  CHECK (status IN ('pending', 'processing', 'done', 'failed')),"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " not_before INTEGER NOT NULL DEFAULT 0,"
    " created INTEGER NOT NULL,"
    " started INTEGER,"
    " finished INTEGER,"
    " result TEXT,"
    " warnings TEXT,"
    " error TEXT,"
    " request_id TEXT NOT NULL"
    ") WITHOUT ROWID, STRICT;"
    "CREATE INDEX job_open ON job (status, created)"
    " WHERE status IN ('pending', 'processing');"
    "CREATE INDEX job_due ON job (uid, created, item)"   /* job_store.c */
    " WHERE status = 'pending';"
    "CREATE INDEX job_item ON job (item);"

    /* Answers to requests with an Idempotency-Key, for 24 hours. */

    "CREATE TABLE replay ("
    " uid TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " endpoint TEXT NOT NULL,"
    " digest TEXT NOT NULL,"                     /* of what was asked */
    " status INTEGER NOT NULL,"
    " body TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " request_id TEXT NOT NULL,"
    " PRIMARY KEY (uid, key)"
    ") WITHOUT ROWID, STRICT;"
    "CREATE INDEX replay_created ON replay (created);"

    /* Webhooks: one a uid, and what was or is to be delivered. */

    "CREATE TABLE webhook ("
    " uid TEXT PRIMARY KEY,"
    " url TEXT NOT NULL,"
    " events TEXT NOT NULL,"                     /* JSON array of types */
    " secret TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " updated INTEGER NOT NULL"
    ") WITHOUT ROWID, STRICT;"

    "CREATE TABLE delivery ("
    " id INTEGER PRIMARY KEY,"
    " key TEXT NOT NULL UNIQUE,"                 /* dlv_... */
    " uid TEXT NOT NULL,"
    " event TEXT NOT NULL,"                      /* evt_... */
    " type TEXT NOT NULL,"
    " url TEXT NOT NULL,"
    " body TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " status TEXT NOT NULL"
    "  CHECK (status IN ('pending', 'delivered', 'failed')),"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " next_at INTEGER,"
    " last_at INTEGER,"
    " last_status INTEGER,"
    " last_error TEXT,"
    " request_id TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX delivery_due ON delivery (uid, next_at)"   /* courier.c */
    " WHERE status = 'pending';"
    "CREATE INDEX delivery_uid ON delivery (uid, id);"
    "CREATE INDEX delivery_created ON delivery (created);"
;

#endif
