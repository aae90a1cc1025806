#ifndef BE_HOOK_H
#define BE_HOOK_H

#include "ident.h"
#include "store.h"

/* The types that a webhook may ask for; NULL ends. */
extern const char *const be_event_types[];

/* A secret: "whsec_" and 64 hexadecimal digits.  All of that is the key. */
#define BE_HOOK_SECRET_SIZE  (6 + 64 + 1)

#define BE_HOOK_SIGNATURE_SIZE  128

/*
 * Something happened: inside the transaction that makes it so.  type is
 * upload.received, item.created, ocr.completed, ocr.failed or webhook.test.
 * Takes the reference to data.  Does nothing where the tenant has no webhook
 * for it.  0, or -1 where the database failed.
 */
int be_event(be_db_t *db, const char *uid, const char *type, json_t *data,
    const char *request_id);

/* The same, for who wants to know: 1 with the ids of the event and its
 * delivery (BE_ID_SIZE bytes each), 0 where there is no webhook for it. */
int be_event_ids(be_db_t *db, const char *uid, const char *type, json_t *data,
    const char *request_id, char *event, char *delivery);

/* X-Spaceocr-Signature: "t=<seconds>,v1=<hex HMAC-SHA256>"; out has
 * BE_HOOK_SIGNATURE_SIZE bytes. */
void be_hook_sign(const char *secret, int64_t t, const char *body,
    size_t len, char *out);

#endif
