/*
 * The error envelope, the same as the gateway's.  Used by whoever refuses.
 * Invariant: a code is a literal of this program, so it outlives the fault.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"


const char *
be_fault_default(int status)
{
    switch (status) {
    case 403:
        return "forbidden";
    case 404:
        return "not_found";
    case 405:
        return "method_not_allowed";
    case 413:
        return "payload_too_large";
    case 415:
        return "unsupported_media_type";
    case 500:
        return "internal_error";
    case 502:
        return "ocr_engine_error";
    case 503:
        return "service_unavailable";
    default:
        return status < 500 ? "bad_request" : "internal_error";
    }
}


static int be_fault_set(be_fault_t *f, int status, const char *code,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));


static int
be_fault_set(be_fault_t *f, int status, const char *code, const char *fmt,
    va_list ap)
{
    f->status = status;
    f->code = code;
    vsnprintf(f->message, sizeof(f->message), fmt, ap);

    return -1;
}


int
be_fault(be_fault_t *f, int status, const char *fmt, ...)
{
    va_list  ap;

    va_start(ap, fmt);
    be_fault_set(f, status, be_fault_default(status), fmt, ap);
    va_end(ap);

    return -1;
}


int
be_fault_code(be_fault_t *f, int status, const char *code, const char *fmt,
    ...)
{
    va_list  ap;

    va_start(ap, fmt);
    be_fault_set(f, status, code, fmt, ap);
    va_end(ap);

    return -1;
}


int
be_fault_field(be_fault_t *f, const char *field, const char *fmt, ...)
{
    va_list  ap;

    va_start(ap, fmt);
    be_fault_set(f, 400, "validation_failed", fmt, ap);
    va_end(ap);

    json_decref(f->details);
    f->details = json_pack("{s:s}", "field", field);

    return -1;
}


void
be_fault_free(be_fault_t *f)
{
    json_decref(f->details);
    memset(f, 0, sizeof(*f));
}


char *
be_fault_json(const be_fault_t *f, const char *request_id)
{
    char    *s;
    json_t  *root;

    /* a message may quote the client: cut in the middle of a character it
     * is no UTF-8 any more, and is then replaced */

    root = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", f->code,
                     "message", f->message, "requestId", request_id);
    if (root == NULL) {
        root = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", f->code,
                         "message", "The request is not valid",
                         "requestId", request_id);
    }

    if (root != NULL && f->details != NULL) {
        json_object_set(root, "details", f->details);
    }

    s = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);

    return s;
}
