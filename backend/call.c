/*
 * A request's header: who calls, what is called, and what is wrong with it.
 * Called by http.c before the body is read.
 *
 * Invariant: an open path apart, nothing is said of a request that the
 * gateway has not signed but that it has not.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "call.h"


#define BE_ID_CHARS                                                           \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"


typedef struct {
    const char  *name;
    const char  *value;
    int          n;
} be_header_t;


static enum MHD_Result
be_header_one(void *data, enum MHD_ValueKind kind, const char *key,
    const char *value)
{
    be_header_t  *h = data;

    (void) kind;

    if (strcasecmp(key, h->name) == 0) {
        h->value = value;
        h->n++;
    }

    return MHD_YES;
}


const char *
be_header(struct MHD_Connection *c, const char *name, const char *chars)
{
    size_t       len;
    be_header_t  h = { name, NULL, 0 };

    MHD_get_connection_values(c, MHD_HEADER_KIND, be_header_one, &h);

    if (h.n != 1 || h.value == NULL) {
        return NULL;
    }

    len = strlen(h.value);

    if (chars != NULL
        && (len == 0 || len > BE_MAX_ID || strspn(h.value, chars) != len))
    {
        return NULL;
    }

    return h.value;
}


/* The value of a header that may be missing: "" where there is none, -1 where
 * there are two. */

static int
be_header_single(struct MHD_Connection *c, const char *name,
    const char **value)
{
    be_header_t  h = { name, NULL, 0 };

    MHD_get_connection_values(c, MHD_HEADER_KIND, be_header_one, &h);
    *value = h.value ? h.value : "";

    return h.n > 1 ? -1 : 0;
}


void
be_call_identity(be_call_t *call, struct MHD_Connection *c)
{
    size_t          i;
    const char     *s;
    unsigned char   r[16] = { 0 };

    s = be_header(c, "X-Request-Id", BE_ID_CHARS);

    if (s != NULL) {
        snprintf(call->id, sizeof(call->id), "%s", s);

    } else {
        if (getrandom(r, sizeof(r), 0) != (ssize_t) sizeof(r)) {
            memcpy(r, &call->started, sizeof(call->started));
        }

        memcpy(call->id, "req_", 4);
        for (i = 0; i < sizeof(r); i++) {
            snprintf(call->id + 4 + 2 * i, 3, "%02x", r[i]);
        }
    }

    s = be_header(c, "X-Spocr-Uid", BE_ID_CHARS ":@");
    snprintf(call->uid, sizeof(call->uid), "%s", s ? s : "");

    s = be_header(c, "X-Spocr-Key-Id", BE_ID_CHARS ":@");
    snprintf(call->key, sizeof(call->key), "%s", s ? s : "");
}


/* 0, or -1 and the refusal: the gateway has not signed it. */

static int
be_call_signature(be_call_t *call, struct MHD_Connection *c,
    const char *method)
{
    const char          *value, *wrong = "wrong";
    be_signed_t          what = { .method = method, .target = call->target };
    const be_secrets_t  *secrets = call->conf->secrets;

    if (secrets->n == 0) {
        return 0;
    }

    if (be_header_single(c, "X-Spocr-Signature", &value) == 0
        && be_header_single(c, "X-Request-Id", &what.request_id) == 0
        && be_header_single(c, "X-Spocr-Uid", &what.uid) == 0
        && be_header_single(c, "X-Spocr-Key-Id", &what.key_id) == 0)
    {
        wrong = be_signature_wrong(secrets, &what, value, time(NULL));
    }

    if (wrong == NULL) {
        return 0;
    }

    /* whoever it says it is, it may be anybody: not for the log */

    call->uid[0] = '\0';
    call->key[0] = '\0';

    be_fault(&call->fault, 403, "The request was not signed by the gateway");
    call->fault.details = json_pack("{s:s}", "reason", wrong);

    return -1;
}


/* Whether there is such a thing as is called. */

static int
be_call_route(be_call_t *call)
{
    be_fault_t  *f = &call->fault;
    be_match_t  *m = &call->match;

    if (m->broken) {
        return be_fault(f, 400, "The path has a broken escape, or is not"
                        " UTF-8");
    }

    if (m->path == NULL) {
        return be_fault(f, 404, "Not found");
    }

    if ((m->flags & BE_STORED) && call->conf->store == NULL) {
        return be_fault(f, 404, "This backend stores nothing: it was started"
                        " without --data");
    }

    if (m->route == NULL) {
        call->allow = m->allow;
        return be_fault(f, 405, "Method not allowed");
    }

    return 0;
}


static int
be_is_media(const char *type, const char *name)
{
    size_t  n = strlen(name);

    return type != NULL && strncasecmp(type, name, n) == 0
           && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}


/* What the header says of the body. */

static int
be_call_media(be_call_t *call, struct MHD_Connection *c)
{
    const char        *type, *s;
    be_fault_t        *f = &call->fault;
    const be_route_t  *route = call->match.route;

    type = be_header(c, "Content-Type", NULL);

    if (route->body == BE_BODY_JSON && !be_is_media(type, "application/json")) {
        return be_fault(f, 415, "The body must be sent as application/json");
    }

    if (route->body == BE_BODY_FORM
        && !be_is_media(type, "multipart/form-data"))
    {
        return be_fault(f, 415, "The body must be sent as"
                        " multipart/form-data");
    }

    s = be_header(c, "Content-Length", NULL);

    if (route->body != BE_BODY_NONE && s != NULL
        && strtoull(s, NULL, 10) > route->max)
    {
        return be_fault(f, 413, "The body is larger than %zu MB",
                        route->max >> 20);
    }

    if (route->body == BE_BODY_FORM) {
        call->upload = be_upload_new(call->conf->store, type, f);
        return call->upload ? 0 : -1;
    }

    return 0;
}


/* An Idempotency-Key is taken as the gateway takes it: 1 to 255 visible
 * characters. */

static int
be_call_key(be_call_t *call, struct MHD_Connection *c)
{
    size_t       i, len;
    const char  *s;

    if (be_header_single(c, "Idempotency-Key", &s) != 0) {
        return be_fault(&call->fault, 400, "There are two Idempotency-Key"
                        " headers");
    }

    len = strlen(s);

    for (i = 0; i < len && s[i] > 0x20 && s[i] < 0x7F; i++) {
        /* visible */
    }

    if (i < len || len > BE_MAX_KEY) {
        return be_fault(&call->fault, 400, "The Idempotency-Key must have 1 to"
                        " %d visible ASCII characters", BE_MAX_KEY);
    }

    memcpy(call->idempotency, s, len + 1);

    return 0;
}


int
be_call_check(be_call_t *call, struct MHD_Connection *c, const char *method)
{
    be_match_t  *m = &call->match;

    if (be_route(method, call->target, m) != 0) {
        return be_fault(&call->fault, 503, "Out of memory");
    }

    if (m->route == NULL || !(m->route->flags & BE_OPEN)) {
        if (be_call_signature(call, c, method) != 0) {
            return -1;
        }
    }

    if (be_call_route(call) != 0) {
        return -1;
    }

    if (m->flags & BE_OPEN) {
        return 0;
    }

    if (call->uid[0] == '\0') {
        return be_fault(&call->fault, 403, "The request did not come through"
                        " the gateway: it has no valid X-Spocr-Uid");
    }

    if ((m->flags & BE_KEYED) && be_call_key(call, c) != 0) {
        return -1;
    }

    if (be_query_parse(call->target, &call->query, &call->fault) != 0) {
        return -1;
    }

    return be_call_media(call, c);
}
