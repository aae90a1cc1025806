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
    void                 (*sent)(void *);    /* of the reply */
    void                  *sent_data;
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

/*
 * respond.c: what MHD is to send, or NULL without memory; the reply's body or
 * file is gone from the reply in either case.
 */
struct MHD_Response *be_call_response(const be_call_t *call, be_reply_t *r);

/* One line of JSON; the path is the route's, and "-" for what is none. */
void be_call_log(const be_call_t *call, const char *method,
    const be_reply_t *r);

/* There was no memory for an answer: what can be said without much of it. */
void be_call_poor(const be_call_t *call, be_reply_t *r);

#endif
