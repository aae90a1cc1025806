/*
 * What the endpoints do, apart from HTTP: bytes of a body in, a reply out.
 * Called by http.c, on the thread of the connection.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "request.h"


void
be_api_refuse(be_reply_t *r, be_fault_t *f, const char *request_id)
{
    r->status = f->status;
    r->code = f->code;
    r->body = be_fault_json(f, request_id);
    r->len = r->body ? strlen(r->body) : 0;

    be_fault_free(f);
}


/* Replaces the URL of a request by the bytes behind it. */

static int
be_api_fetch(const be_http_conf_t *conf, be_request_t *q,
    const be_span_t *span, be_fault_t *f)
{
    int         rc;
    json_t     *meta;
    be_frame_t  job = { 0 }, reply;

    meta = json_pack("{s:s,s:O}", "url", q->url, "allowed", conf->allowed);
    job.text = json_dumps(meta, JSON_COMPACT);
    job.text_len = job.text ? strlen(job.text) : 0;
    json_decref(meta);

    rc = be_pool_call(conf->fetch, &job, &reply, span, f);
    free(job.text);

    if (rc != 0) {
        if (f->status == 502) {
            be_fault(f, 502, "The image could not be fetched");
        }
        return -1;
    }

    q->image = reply.data;
    q->image_len = reply.data_len;
    reply.data = NULL;
    be_frame_free(&reply);

    return be_image_check(q->image, q->image_len, f);
}


static int
be_api_read(const be_http_conf_t *conf, be_request_t *q, be_frame_t *reply,
    const be_span_t *span, be_fault_t *f)
{
    int         rc;
    json_t     *meta;
    be_frame_t  job = { 0 };

    meta = json_pack("{s:O,s:O*}", "fields", q->fields, "languageHints",
                     q->hints);
    job.text = json_dumps(meta, JSON_COMPACT);
    json_decref(meta);

    if (job.text == NULL) {
        return be_fault(f, 500, "Internal error");
    }

    job.text_len = strlen(job.text);
    job.data = q->image;
    job.data_len = q->image_len;

    rc = be_pool_call(conf->ocr, &job, reply, span, f);
    free(job.text);

    return rc;
}


/*
 * The gateway waits so long and no longer, so queues and work share one
 * budget.  Each queue leaves a third for what comes after it: a worker that
 * is found at the last moment would only be killed with the page half read.
 */

void
be_api_fields(const be_http_conf_t *conf, be_buf_t *body,
    const char *request_id, be_reply_t *r)
{
    int           rc;
    be_fault_t    f = { 0 };
    be_frame_t    reply = { 0 };
    be_request_t  q;
    uint64_t      now = be_now_ms(), third = (uint64_t) conf->timeout * 333;
    be_span_t     fetch = { now + third, now + 2 * third };
    be_span_t     read = { now + 2 * third, now + 3 * third };

    rc = be_request_parse(body->data, body->len, &q, &f);
    be_buf_free(body);
    r->deprecated = q.deprecated;

    if (rc == 0 && q.url != NULL) {
        rc = be_api_fetch(conf, &q, &fetch, &f);
    }

    if (rc == 0) {
        rc = be_api_read(conf, &q, &reply, &read, &f);
    }

    be_request_free(&q);

    if (rc != 0) {
        be_api_refuse(r, &f, request_id);
        return;
    }

    r->status = 200;
    r->body = reply.text;
    r->len = reply.text_len;
    reply.text = NULL;
    be_frame_free(&reply);
}


void
be_api_health(be_reply_t *r)
{
    char        when[32];
    time_t      now = time(NULL);
    json_t     *o;
    struct tm   tm;

    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);

    o = json_pack("{s:s,s:s,s:s}", "status", "ok", "version", BE_VERSION,
                  "time", when);
    r->status = 200;
    r->body = json_dumps(o, JSON_COMPACT);
    r->len = r->body ? strlen(r->body) : 0;
    json_decref(o);
}
