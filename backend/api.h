#ifndef BE_API_H
#define BE_API_H

#include "buf.h"
#include "http.h"
#include "query.h"
#include "queue.h"
#include "space/upload.h"

/* A request, when its body is there.  All of it belongs to the caller. */
typedef struct {
    const be_http_conf_t  *conf;
    const char            *method;
    const char            *request_id;
    const char            *uid;      /* until the answer is sent */
    const char            *key_id;
    const char            *idempotency_key;  /* or NULL */
    const char            *arg[2];   /* variable segments of the path */
    const be_query_t      *query;
    be_buf_t              *body;     /* JSON; a handler may free it early */
    be_upload_t           *upload;   /* of a multipart request, else NULL */
    be_place_t            *place;    /* in the queue */
} be_in_t;

/* What a call is answered with.  Zeroed before a handler is called. */
typedef struct {
    int          status;
    const char  *code;           /* of the error, for the log; or NULL */
    char        *body;           /* to be freed; NULL where there is a file */
    size_t       len;
    int          fd;             /* of a file, where "file" is set: sent and
                                  * closed, len bytes */
    int          file;
    const char  *type;           /* media type; NULL: application/json */
    char         disposition[420];   /* Content-Disposition, or "" */
    int          deprecated;     /* an old parameter name was used */
    int          replayed;       /* X-Idempotent-Replay: true */
    int          cacheable;      /* Cache-Control: private, not no-store */
    void       (*sent)(void *);  /* or NULL: when the answer was sent, or never
                                  * will be */
    void        *sent_data;
} be_reply_t;

typedef void (*be_handler_pt)(const be_in_t *in, be_reply_t *r);

/* Takes the reference; a NULL o is a 500. */
void be_reply_json(be_reply_t *r, int status, json_t *o);

/* Answers with the fault, and frees it. */
void be_api_refuse(be_reply_t *r, be_fault_t *f, const char *request_id);

/* api.c */
void be_api_fields(const be_in_t *in, be_reply_t *r);   /* POST /ocr/fields */
void be_api_health(const be_in_t *in, be_reply_t *r);   /* GET /health */
void be_api_openapi(const be_in_t *in, be_reply_t *r);  /* GET /openapi.json */

/* api_page.c */
void be_api_page(const be_in_t *in, be_reply_t *r);     /* GET / */
void be_api_script(const be_in_t *in, be_reply_t *r);   /* /assets/page.js */
void be_api_style(const be_in_t *in, be_reply_t *r);    /* /assets/page.css */

/* space/api_upload.c */
void be_api_upload(const be_in_t *in, be_reply_t *r);   /* POST /upload */
void be_api_job(const be_in_t *in, be_reply_t *r);      /* GET /jobs/{id} */
void be_api_image(const be_in_t *in, be_reply_t *r);    /* GET /images/{key} */

/* space/money.c */
void be_api_amount(const be_in_t *in, be_reply_t *r);   /* GET /amount */

/* space/api_tree.c */
void be_api_create(const be_in_t *in, be_reply_t *r);   /* POST /create */
void be_api_space(const be_in_t *in, be_reply_t *r);    /* GET /space */
void be_api_edit(const be_in_t *in, be_reply_t *r);     /* POST /edit */
void be_api_remove(const be_in_t *in, be_reply_t *r);   /* POST /remove */

/* space/api_view.c */
void be_api_view(const be_in_t *in, be_reply_t *r);     /* GET /view */

/* space/api_hook.c */
void be_api_hook_get(const be_in_t *in, be_reply_t *r);     /* /webhook */
void be_api_hook_put(const be_in_t *in, be_reply_t *r);
void be_api_hook_delete(const be_in_t *in, be_reply_t *r);
void be_api_hook_test(const be_in_t *in, be_reply_t *r);    /* …/test */
void be_api_deliveries(const be_in_t *in, be_reply_t *r);   /* list */
void be_api_delivery(const be_in_t *in, be_reply_t *r);     /* one, arg[0] */
void be_api_redeliver(const be_in_t *in, be_reply_t *r);    /* arg[0] */

#endif
