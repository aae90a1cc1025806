#ifndef BE_API_H
#define BE_API_H

#include "buf.h"
#include "http.h"

/* What a call is answered with. */
typedef struct {
    int          status;
    const char  *code;           /* of the error, for the log; or NULL */
    char        *body;           /* JSON, to be freed */
    size_t       len;
    int          deprecated;     /* an old parameter name was used */
} be_reply_t;

/* POST /ocr/fields.  Takes the body: it is freed before the page is read. */
void be_api_fields(const be_http_conf_t *conf, be_buf_t *body,
    const char *request_id, be_reply_t *r);

/* GET /health. */
void be_api_health(be_reply_t *r);

void be_api_refuse(be_reply_t *r, be_fault_t *f, const char *request_id);

#endif
