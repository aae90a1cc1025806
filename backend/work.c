/*
 * From an image to an answer.  Called by POST /ocr/fields and by the threads
 * that do the jobs, in the front process.
 *
 * What is built in takes one job of an OCR helper.  With services of the
 * operator there are several, and requests in between: the helpers, which
 * parse everything, have no network, and those with the network parse
 * nothing.  A page goes from one job to the next as a text that is not looked
 * into here.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "fetch.h"
#include "imghead.h"
#include "schema.h"
#include "work.h"


/* What follows the LLM's answer has so much of the time. */

#define BE_TAIL_MS     2000

/* A service's answer is no larger than this. */

#define BE_MAX_ENGINE  (16u * 1024 * 1024)
#define BE_MAX_LLM     (4u * 1024 * 1024)

/* A helper has so much more than its request. */

#define BE_SLACK_MS    500


typedef struct {
    const be_http_conf_t  *conf;
    const be_task_t       *task;
    const be_span_t       *span;
    char                  *page;     /* of the first job */
    unsigned char         *chat;     /* and what to ask the LLM */
    size_t                 chat_len;
} be_work_t;


/* The end of the call's time is all that later steps have. */

static be_span_t
be_work_span(const be_work_t *w)
{
    uint64_t   now = be_now_ms(), end = w->span->end_by;
    be_span_t  s = { end, end };

    if (now < end) {
        s.start_by = now + (end - now) * 2 / 3;
    }

    return s;
}


static int
be_work_job(const be_work_t *w, json_t *meta, const void *data, size_t len,
    const be_span_t *span, be_frame_t *reply, be_fault_t *f)
{
    int         rc;
    be_frame_t  job = { 0 };

    job.text = meta ? json_dumps(meta, JSON_COMPACT) : NULL;
    json_decref(meta);

    if (job.text == NULL) {
        return be_fault(f, 500, "Internal error");
    }

    job.text_len = strlen(job.text);
    job.data = (unsigned char *) data;
    job.data_len = len;

    rc = be_pool_call(w->conf->ocr, &job, reply, span, f);
    free(job.text);

    return rc;
}


/* The next job on the same page. */

static int
be_work_again(const be_work_t *w, const char *op, const char *failure,
    const void *data, size_t len, be_frame_t *reply, be_fault_t *f)
{
    int          rc;
    char        *text;
    size_t       n;
    json_t      *meta;
    be_buf_t     b = { 0 };
    be_frame_t   job = { 0 };
    be_span_t    span = be_work_span(w);

    meta = json_pack("{s:s,s:O*,s:s*}", "op", op, "fields", w->task->fields,
                     "failure", failure);
    text = meta ? json_dumps(meta, JSON_COMPACT) : NULL;
    json_decref(meta);

    if (text == NULL) {
        return be_fault(f, 500, "Internal error");
    }

    n = strlen(text);
    be_buf_add(&b, text, n - 1);
    be_buf_str(&b, ",\"page\":");
    be_buf_str(&b, w->page);
    be_buf_str(&b, "}");
    free(text);

    job.text_len = b.len;
    job.text = be_buf_take(&b);

    if (job.text == NULL) {
        return be_fault(f, 500, "Internal error");
    }

    job.data = (unsigned char *) data;
    job.data_len = len;

    rc = be_pool_call(w->conf->ocr, &job, reply, &span, f);
    free(job.text);

    return rc;
}


/* One request to a service.  -1: why says what is the matter, but for a 503
 * where its helpers are all taken. */

static int
be_work_ask(const be_work_t *w, be_fetch_t *q, uint64_t end_by,
    be_fetched_t *out, char *why, size_t size, be_fault_t *f)
{
    int        rc;
    uint64_t   now = be_now_ms(), ms;
    be_span_t  span;

    ms = (uint64_t) w->conf->services.timeout * 1000;

    if (w->conf->remote == NULL || now + 4 * BE_SLACK_MS > end_by) {
        snprintf(why, size, "no time was left");
        return be_fault(f, 502, "%s", why);
    }

    /* it may wait for a helper as long as the request still fits in */

    span.end_by = end_by;
    span.start_by = now + (end_by - now) / 4;

    if (span.start_by + ms + BE_SLACK_MS > end_by) {
        ms = end_by - span.start_by - BE_SLACK_MS;

    } else {
        span.start_by = end_by - ms - BE_SLACK_MS;
    }

    q->timeout_ms = (long) ms;
    q->trusted = 1;

    rc = be_fetch(w->conf->remote, q, out, &span, f);

    if (rc != 0) {
        snprintf(why, size, "%s", f->status == 400 && f->details
                 ? json_string_value(json_object_get(f->details, "reason"))
                 : f->status == 503 ? "busy" : "failed");
        return -1;
    }

    if (out->status != 200) {
        snprintf(why, size, "status %ld", out->status);
        free(out->body);
        out->body = NULL;
        return be_fault(f, 502, "%s", why);
    }

    return 0;
}


static const char *
be_work_type(const char *format)
{
    size_t  i;
    static const struct {
        const char  *format;
        const char  *header;
    } types[] = {
        { "JPEG", "Content-Type: image/jpeg" },
        { "PNG", "Content-Type: image/png" },
        { "GIF", "Content-Type: image/gif" },
        { "BMP", "Content-Type: image/bmp" },
        { "TIFF", "Content-Type: image/tiff" },
        { "WebP", "Content-Type: image/webp" }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].format, format) == 0) {
            return types[i].header;
        }
    }

    return "Content-Type: application/octet-stream";
}


/* What a job is told of the LLM; the model's name says that there is one. */

static void
be_work_model(const be_work_t *w, json_t *meta)
{
    const be_remote_t  *s = &w->conf->services;

    if (s->llm_url == NULL) {
        return;
    }

    json_object_set_new(meta, "model",
                        json_string(s->llm_model ? s->llm_model : "default"));

    if (w->task->prompt != NULL) {
        json_object_set_new(meta, "prompt", json_string(w->task->prompt));
    }
}


/* The page by the operator's OCR engine. */

static int
be_work_engine(const be_work_t *w, be_frame_t *reply, be_fault_t *f)
{
    int            rc;
    char           why[64] = "";
    json_t        *meta;
    be_span_t      span;
    const char    *err, *headers[2] = { NULL, NULL };
    be_fetch_t     q = { 0 };
    be_fetched_t   out = { 0 };
    be_imghead_t   h;

    err = be_imghead(w->task->image, w->task->image_len, &h);
    if (err != NULL) {
        return be_fault_code(f, 400, "invalid_image", "%s", err);
    }

    headers[0] = be_work_type(h.format);
    q.url = w->conf->services.ocr_url;
    q.headers = headers;
    q.body = w->task->image;
    q.len = w->task->image_len;
    q.max = BE_MAX_ENGINE;

    if (be_work_ask(w, &q, w->span->end_by - BE_TAIL_MS / 2, &out, why,
                    sizeof(why), f) != 0)
    {
        if (f->status == 503) {
            return -1;
        }

        be_fault_free(f);
        fprintf(stderr, "spocr-backend: the OCR engine failed: %s\n", why);
        return be_fault(f, 502, "The OCR engine failed: %s", why);
    }

    meta = json_pack("{s:s,s:I,s:I,s:O*}", "op", "engine",
                     "width", (json_int_t) (h.orientation < 5 ? h.width
                                                              : h.height),
                     "height", (json_int_t) (h.orientation < 5 ? h.height
                                                               : h.width),
                     "fields", w->task->fields);
    be_work_model(w, meta);
    span = be_work_span(w);
    rc = be_work_job(w, meta, out.body, out.len, &span, reply, f);
    free(out.body);

    return rc;
}


static int
be_work_llm_ask(const be_work_t *w, be_fetched_t *out, char *why,
    size_t size, be_fault_t *f)
{
    int           rc = -1;
    char         *url = NULL, *key = NULL;
    size_t        n;
    const char   *headers[3] = { "Content-Type: application/json", NULL,
                                 NULL };
    be_buf_t      b = { 0 }, k = { 0 };
    be_fetch_t    q = { 0 };
    const char   *base = w->conf->services.llm_url;

    /* with the version at its end or without, as both are usual */

    n = strlen(base);
    while (n && base[n - 1] == '/') {
        n--;
    }

    if (n > 3 && strncmp(base + n - 3, "/v1", 3) == 0) {
        n -= 3;
    }

    be_buf_add(&b, base, n);
    be_buf_str(&b, "/v1/chat/completions");
    url = be_buf_take(&b);

    if (w->conf->services.llm_key != NULL) {
        be_buf_str(&k, "Authorization: Bearer ");
        be_buf_str(&k, w->conf->services.llm_key);
        key = be_buf_take(&k);
        headers[1] = key;
    }

    if (url == NULL || (key == NULL && w->conf->services.llm_key != NULL)) {
        snprintf(why, size, "memory");
        be_fault(f, 500, "Internal error");

    } else {
        q.url = url;
        q.headers = headers;
        q.body = w->chat;
        q.len = w->chat_len;
        q.max = BE_MAX_LLM;
        rc = be_work_ask(w, &q, w->span->end_by - BE_TAIL_MS, out, why, size,
                         f);
    }

    if (key != NULL) {
        explicit_bzero(key, strlen(key));
    }

    free(key);
    free(url);

    return rc;
}


/* The rules in its place, where they can do it and the operator lets them. */

static int
be_work_instead(const be_work_t *w, const char *why, be_frame_t *reply,
    be_fault_t *f)
{
    char  failure[200];

    fprintf(stderr, "spocr-backend: the LLM extractor failed: %s\n", why);
    be_fault_free(f);

    if (w->conf->services.llm_strict
        || (w->task->fields && be_template_needs_llm(w->task->fields)))
    {
        return be_fault(f, 502, "The LLM extractor failed: %s", why);
    }

    snprintf(failure, sizeof(failure), "The LLM extractor failed (%.120s); the"
             " fields were read by rules", why);

    return be_work_again(w, "rules", failure, NULL, 0, reply, f);
}


static int
be_work_llm(const be_work_t *w, be_frame_t *reply, be_fault_t *f)
{
    int           rc;
    char          why[160] = "";
    be_fetched_t  out = { 0 };

    rc = be_work_llm_ask(w, &out, why, sizeof(why), f);

    if (rc == 0) {
        rc = be_work_again(w, "bind", NULL, out.body, out.len, reply, f);
        free(out.body);

        if (rc == 0 || f->status == 503) {
            return rc;
        }

        snprintf(why, sizeof(why), "%.150s", f->message);
    }

    return be_work_instead(w, why, reply, f);
}


/* The whole by what is built in, or its first half. */

static int
be_work_read(const be_work_t *w, const char *op, be_frame_t *reply,
    be_fault_t *f)
{
    json_t  *meta;

    meta = json_pack("{s:s,s:O*,s:O*}", "op", op, "fields", w->task->fields,
                     "languageHints", w->task->hints);
    be_work_model(w, meta);

    return be_work_job(w, meta, w->task->image, w->task->image_len, w->span,
                       reply, f);
}


int
be_work(const be_http_conf_t *conf, const be_task_t *t, const be_span_t *span,
    char **answer, size_t *len, be_fault_t *f)
{
    int                 rc;
    be_work_t           w = { conf, t, span, NULL, NULL, 0 };
    be_frame_t          reply = { 0 };
    const be_remote_t  *s = &conf->services;

    rc = s->ocr_url != NULL
         ? be_work_engine(&w, &reply, f)
         : be_work_read(&w, s->llm_url ? "read" : "analyze", &reply, f);

    if (rc == 0 && s->llm_url != NULL) {
        w.page = reply.text;
        w.chat = reply.data;
        w.chat_len = reply.data_len;
        memset(&reply, 0, sizeof(reply));

        rc = be_work_llm(&w, &reply, f);

        free(w.page);
        free(w.chat);
    }

    if (rc != 0) {
        return -1;
    }

    *answer = reply.text;
    *len = reply.text_len;
    reply.text = NULL;
    be_frame_free(&reply);

    return 0;
}
