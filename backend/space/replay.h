#ifndef BE_REPLAY_H
#define BE_REPLAY_H

#include "store.h"

/*
 * Answers to requests with an Idempotency-Key, kept for 24 hours, so that a
 * gateway that runs a request again never has it done twice.  Inside the
 * transaction that does the work.
 *
 * digest is what the request asks for; another one under the same key is a
 * 422 idempotency_key_reused.  1: *status and *body (to be freed) are the
 * first answer; 0: there is none; -1: the fault is set.
 */
int be_replay_find(be_db_t *db, const char *uid, const char *key,
    const char *endpoint, const char *digest, int *status, char **body,
    be_fault_t *f);
int be_replay_keep(be_db_t *db, const char *uid, const char *key,
    const char *endpoint, const char *digest, int status, const char *body,
    const char *request_id);

/* Forgets what is older than 24 hours. */
int be_replay_purge(be_db_t *db);

#endif
