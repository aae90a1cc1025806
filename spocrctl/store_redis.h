
/*
 * The records in Redis, as store_redis.c reads and commit.c changes them.
 */

#ifndef SPOCRCTL_STORE_REDIS_H
#define SPOCRCTL_STORE_REDIS_H


#include "link.h"


#define CTL_REDIS_IDS  "ids"        /* is written when a key is added */


/* Names are those of Redis' keys without the prefix: "key:<digest>". */

typedef struct {
    ctl_store_t    store;
    ctl_link_t    *link;
    const char    *prefix;
    bool           edit;
    bool           loaded;          /* all records were read */

    json_t        *keys;            /* by digest */
    json_t        *tenants;         /* by uid */
    json_t        *plans;           /* by name */
    json_t        *ids;             /* of keys: the digest; null: two of them */
    json_t        *invalid;         /* names of what is no JSON object */
    json_t        *list;            /* keys, as they are listed */

    json_t        *watched;         /* names */
    json_t        *puts;            /* name: record */
    json_t        *added;           /* name of a new key: was its id made? */
} ctl_redis_t;


/* See ctl_store_ops_t. */
bool ctl_redis_commit(ctl_store_t *store);


#endif /* SPOCRCTL_STORE_REDIS_H */
