#ifndef BE_DB_H
#define BE_DB_H

#include "store.h"

/*
 * A connection.  Known to store.c, which opens and lends them, and sql.c,
 * which runs statements on them; to nobody else.
 */

#define BE_STATEMENTS  64        /* that are kept prepared */

struct be_db_s {
    be_store_t    *store;
    sqlite3       *sq;
    int            writes;
    int            taken;
    int            error;        /* of SQLite, since the transaction began */
    int            n;
    sqlite3_stmt  *st[BE_STATEMENTS];
    unsigned       used[BE_STATEMENTS];
    unsigned       tick;
};

#endif
