#ifndef BE_VIEW_H
#define BE_VIEW_H

#include "../api.h"
#include "rows.h"
#include "tree.h"

/* One call of GET /view. */
typedef struct {
    const be_in_t  *in;
    be_db_t        *db;
    const char     *path;        /* as the client calls it */
    be_node_t       node;
    long            limit;
    long            offset;
    long            boxes;
    int             csv;
    const char     *special;     /* an argument that is for sheets, or NULL */
    be_ask_t        ask;
} be_view_t;

/* view_csv.c: the rows as CSV, in a file without a name.  0, or -1 and the
 * fault. */
int be_view_csv(const be_view_t *v, const be_rows_t *rows, be_reply_t *r,
    be_fault_t *f);

#endif
