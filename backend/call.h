#ifndef BE_CALL_H
#define BE_CALL_H

#include <microhttpd.h>

#include "route.h"

#define BE_MAX_ID   128
#define BE_MAX_KEY  512     /* 255 characters, each escaped */

/* One request, from its header to its answer. */
typedef struct {
    const be_http_conf_t  *conf;
    char                  *target;   /* as in the request line */
    int                    begun;    /* its header was read */
    int                    counted;  /* a stop waits for it */
    int                    sending;  /* it has its answer */
    be_place_t             place;    /* in the queue */
    uint64_t               started;
    uint64_t               kept;     /* bytes of the body */
    uint64_t               wasted;
    char                   id[BE_MAX_ID + 1];
    char                   uid[BE_MAX_ID + 1];
    char                   key[BE_MAX_ID + 1];
    char                   idempotency[BE_MAX_KEY + 1];
    be_match_t             match;
    be_query_t             query;
    const char            *allow;
    be_fault_t             fault;
    be_buf_t               body;
    be_upload_t           *upload;
} be_call_t;

/* The value of a header that stands there once and consists of chars (NULL:
 * whatever it is), or NULL. */
const char *be_header(struct MHD_Connection *c, const char *name,
    const char *chars);

/* Who calls, and the id of the call. */
void be_call_identity(be_call_t *call, struct MHD_Connection *c);

/* Everything that can be said of a request before its body, but for the
 * queue: 0, or -1 and the fault. */
int be_call_check(be_call_t *call, struct MHD_Connection *c,
    const char *method);

#endif
