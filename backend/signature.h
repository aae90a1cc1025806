#ifndef BE_SIGNATURE_H
#define BE_SIGNATURE_H

#include <stdint.h>

#define BE_SECRET_LEN   32
#define BE_SECRETS_MAX  8

typedef struct {
    int            n;            /* 0: nothing has to be signed */
    unsigned char  all[BE_SECRETS_MAX][BE_SECRET_LEN];
} be_secrets_t;

/* What the gateway signs; "" where the request has no such header. */
typedef struct {
    const char  *method;
    const char  *target;         /* as in the request line, with the query */
    const char  *request_id;
    const char  *uid;
    const char  *key_id;
} be_signed_t;

/* A secret a line, as 64 hexadecimal digits; -1: the reason was said. */
int be_secrets_read(be_secrets_t *s, const char *path);

/* Whether value, of X-Spocr-Signature, is one of that request, by any of the
 * secrets, and not old.  NULL: it is; else why not, in a word. */
const char *be_signature_wrong(const be_secrets_t *s, const be_signed_t *what,
    const char *value, int64_t now);

#endif
