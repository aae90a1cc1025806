/*
 * Events: each becomes a row of "delivery" for the tenant's webhook, in the
 * transaction that makes it true, so that there is never one without the
 * other.  Called by whoever changes the space; courier.c delivers.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "hook.h"


const char *const  be_event_types[] = {
    "upload.received", "item.created", "ocr.completed", "ocr.failed", NULL
};


/* Whether the tenant has a webhook for this type.  -1: the database failed, or
 * there is no memory. */

static int
be_event_wanted(be_db_t *db, const char *uid, const char *type, char **url)
{
    int            rc;
    size_t         i;
    json_t        *events, *e;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT url, events FROM webhook WHERE uid = ?1", "s",
                uid);
    rc = be_step(db, st);

    if (rc != 1) {
        return rc;
    }

    rc = strcmp(type, "webhook.test") == 0;
    events = json_loads(be_text(st, 1), 0, NULL);

    if (events == NULL) {
        be_done(st);
        return -1;
    }

    json_array_foreach(events, i, e) {
        if (strcmp(json_string_value(e), type) == 0) {
            rc = 1;
        }
    }

    *url = rc ? strdup(be_text(st, 0)) : NULL;

    json_decref(events);
    be_done(st);

    return rc && *url == NULL ? -1 : rc;
}


int
be_event_ids(be_db_t *db, const char *uid, const char *type, json_t *data,
    const char *request_id, char *event, char *delivery)
{
    int      rc;
    char    *url = NULL, *body;
    json_t  *o;
    int64_t  now = be_wall_ms();

    rc = be_event_wanted(db, uid, type, &url);

    if (rc != 1) {
        json_decref(data);
        free(url);
        return rc;
    }

    be_id(event, "evt_");
    be_id(delivery, "dlv_");

    o = json_pack("{s:s,s:s,s:s,s:I,s:s,s:o}", "id", event, "type", type,
                  "apiVersion", "1", "createdAt", (json_int_t) now,
                  "requestId", request_id, "data", data);
    body = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);

    if (body == NULL
        || be_run(db, "INSERT INTO delivery (key, uid, event, type, url, body,"
                  " created, status, next_at, request_id)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?7, ?8)",
                  "ssssssis", delivery, uid, event, type, url, body, now,
                  request_id) != 0)
    {
        rc = -1;
    }

    free(body);
    free(url);

    return rc;
}


int
be_event(be_db_t *db, const char *uid, const char *type, json_t *data,
    const char *request_id)
{
    char  event[BE_ID_SIZE], delivery[BE_ID_SIZE];

    return be_event_ids(db, uid, type, data, request_id, event, delivery) < 0
           ? -1 : 0;
}


void
be_hook_sign(const char *secret, int64_t t, const char *body, size_t len,
    char *out)
{
    int             at;
    char            head[32];
    size_t          n = 0;
    unsigned        i;
    EVP_MD_CTX     *c;
    EVP_PKEY       *key;
    unsigned char   mac[EVP_MAX_MD_SIZE];

    snprintf(head, sizeof(head), "%lld.", (long long) t);

    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL,
                                       (const unsigned char *) secret,
                                       strlen(secret));
    c = EVP_MD_CTX_new();

    if (key != NULL && c != NULL
        && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1
        && EVP_DigestSignUpdate(c, head, strlen(head)) == 1
        && EVP_DigestSignUpdate(c, body, len) == 1)
    {
        n = sizeof(mac);
        if (EVP_DigestSignFinal(c, mac, &n) != 1) {
            n = 0;
        }
    }

    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);

    /* without memory there is none, and the receiver refuses it */

    at = snprintf(out, BE_HOOK_SIGNATURE_SIZE, "t=%lld,v1=", (long long) t);

    for (i = 0; i < n && i < 32; i++, at += 2) {
        snprintf(out + at, 3, "%02x", mac[i]);
    }
}
