#ifndef BE_PARCEL_H
#define BE_PARCEL_H

#include "courier.h"
#include "store.h"

/* A delivery that is under way. */
typedef struct {
    int64_t   id;
    int       attempts;          /* before this one */
    char     *key;
    char     *uid;
    char     *type;
    char     *body;
    char     *request_id;        /* of the call that caused the event */
    char     *url;               /* NULL: the webhook was removed */
    char     *secret;
    char      site[300];
} be_parcel_t;

/* What came of an attempt. */
typedef struct {
    long         status;         /* of the receiver's answer, or 0 */
    const char  *error;          /* NULL: delivered */
    int          counts;         /* 0: it was not tried */
} be_outcome_t;

/* The tenant's delivery that is due first: 1, 0 where there is none, -1. */
int be_parcel_load(be_db_t *db, const char *uid, int64_t now, be_parcel_t *p);
void be_parcel_free(be_parcel_t *p);

/* Writes an attempt down, and when the next one is; -1: it could not. */
int be_parcel_store(be_store_t *s, const be_retries_t *retries,
    const be_parcel_t *p, const be_outcome_t *o);

/* Forgets what is old. */
void be_parcel_sweep(be_store_t *s, const be_retries_t *retries);

#endif
