/*
 * An answer as it is sent: its headers, and its line in the log.  Called by
 * http.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "call.h"


/* RFC 9745: since when the snake_case names are deprecated (2026-01-01) */

#define BE_DEPRECATED_SINCE  "@1767225600"

#define BE_PAGE_POLICY                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self';"                \
    " img-src 'self' blob: data:; connect-src 'self'; base-uri 'none';"       \
    " form-action 'none'; frame-ancestors 'none'"

/* what a client has sent is never to run in a browser */

#define BE_FILE_POLICY  "sandbox; default-src 'none'"


void
be_call_log(const be_call_t *call, const char *method, const be_reply_t *r)
{
    char             when[40];
    char            *line;
    json_t          *o;
    struct tm        tm;
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);

    o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:I}",
                  "time", when, "requestId", call->id, "uid", call->uid,
                  "keyId", call->key, "method", method, "path",
                  call->match.path ? call->match.path : "-", "status",
                  r->status, "code", r->code ? r->code : "", "ms",
                  (json_int_t) (be_now_ms() - call->started));
    line = o ? json_dumps(o, JSON_COMPACT) : NULL;

    if (line != NULL) {
        fprintf(stderr, "%s\n", line);
    }

    free(line);
    json_decref(o);
}


static struct MHD_Response *
be_reply_response(be_reply_t *r)
{
    struct MHD_Response  *resp;
    static char           empty[] = "";

    if (r->file) {
        resp = MHD_create_response_from_fd(r->len, r->fd);
        if (resp == NULL) {
            close(r->fd);
        }
        return resp;
    }

    resp = MHD_create_response_from_buffer(r->len, r->body ? r->body : empty,
                                           r->body ? MHD_RESPMEM_MUST_FREE
                                                   : MHD_RESPMEM_PERSISTENT);
    if (resp == NULL) {
        free(r->body);
    }

    return resp;
}


static void
be_reply_headers(const be_call_t *call, const be_reply_t *r,
    struct MHD_Response *resp)
{
    MHD_add_response_header(resp, "Content-Type",
                            r->type ? r->type : "application/json");
    MHD_add_response_header(resp, "Cache-Control",
                            r->cacheable ? "private" : "no-store");
    MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(resp, "X-Request-Id", call->id);

    if (call->allow != NULL) {
        MHD_add_response_header(resp, "Allow", call->allow);
    }

    if (r->deprecated) {
        MHD_add_response_header(resp, "Deprecation", BE_DEPRECATED_SINCE);
    }

    if (r->replayed) {
        MHD_add_response_header(resp, "X-Idempotent-Replay", "true");
    }

    if (r->disposition[0] != '\0') {
        MHD_add_response_header(resp, "Content-Disposition", r->disposition);
    }

    if (r->file) {
        MHD_add_response_header(resp, "Content-Security-Policy",
                                BE_FILE_POLICY);

    } else if (call->match.flags & BE_PAGE) {
        MHD_add_response_header(resp, "Content-Security-Policy",
                                BE_PAGE_POLICY);
        MHD_add_response_header(resp, "Referrer-Policy", "no-referrer");
    }
}


struct MHD_Response *
be_call_response(const be_call_t *call, be_reply_t *r)
{
    struct MHD_Response  *resp = be_reply_response(r);

    if (resp != NULL) {
        be_reply_headers(call, r, resp);
    }

    return resp;
}


void
be_call_poor(const be_call_t *call, be_reply_t *r)
{
    int  n;

    free(r->body);
    r->type = NULL;
    r->status = 503;
    r->code = "service_unavailable";

    n = asprintf(&r->body, "{\"error\":{\"code\":\"service_unavailable\","
                 "\"message\":\"Out of memory\",\"requestId\":\"%s\"},"
                 "\"details\":{\"retryAfterSec\":5}}", call->id);
    r->len = n > 0 ? (size_t) n : 0;

    if (n < 0) {
        r->body = NULL;
    }
}
