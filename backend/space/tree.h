#ifndef BE_TREE_H
#define BE_TREE_H

#include "store.h"
#include "value.h"

#define BE_PATH_DEPTH  32

typedef enum {
    BE_NODE_ROOT = 0,
    BE_NODE_FOLDER,
    BE_NODE_SHEET,
    BE_NODE_MEMO,
    BE_NODE_ITEM                 /* an image: a row of a sheet */
} be_node_e;

/* A place in a tenant's space. */
typedef struct {
    be_node_e  type;
    int64_t    id;               /* of the node; of the item for an image */
    int64_t    sheet;            /* of an image */
    char       key[32];          /* uniqueKey; "" for the root */
    char      *path;             /* canonical: names; "" for the root */
    char      *name;
} be_node_t;

/*
 * Finds what a client's path means: names joined by "/", or a uniqueKey.
 * 0, or -1 with the fault: 404 not_found, 400 validation_failed.  field is
 * the parameter's name, for details.  Free in either case.
 */
int be_path_find(be_db_t *db, const char *uid, const char *path,
    const char *field, be_node_t *out, be_fault_t *f);
void be_node_free(be_node_t *n);

/* The canonical path of a node; NULL where memory or the database fails. */
char *be_path_of(be_db_t *db, int64_t node);

/* "folder", "sheet", "memo", "img". */
const char *be_node_type(be_node_e type);

/*
 * Stores what was read from an item's image: data is the "data" of an answer.
 * Writes item.data, the sheet's columns where they are automatic, the cells.
 * 0, or -1 where the database failed.
 */
int be_item_store(be_db_t *db, int64_t item, const json_t *data);

/* Removes what an interrupted POST /remove has left: at start.  0, or -1. */
int be_trash_empty(be_store_t *s);

#endif
