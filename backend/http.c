/*
 * The HTTP front, on libmicrohttpd: routes, identity, bodies, headers and the
 * log.  One thread per connection; main.c starts and stops it.
 *
 * Invariant: a refusal is decided before the body is read, but is sent after
 * it (up to a limit), so that a proxy that is still sending sees the answer
 * and not a reset.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include <microhttpd.h>

#include "api.h"
#include "request.h"


#define BE_MAX_DRAIN    (64u * 1024 * 1024)
#define BE_CONNECTIONS  256
#define BE_MAX_ID       128

/* A connection may rest for longer than the gateway keeps it; the pauses of
 * a body are shorter, and so is the whole of it: a place is taken meanwhile. */

#define BE_IDLE_S       120
#define BE_PAUSE_S      20
#define BE_BODY_MS      60000
/* RFC 9745: since when the snake_case names are deprecated (2026-01-01) */

#define BE_DEPRECATED_SINCE  "@1767225600"


typedef enum { BE_ROUTE_NONE = 0, BE_ROUTE_HEALTH, BE_ROUTE_FIELDS } be_route_e;

struct be_http_s {
    be_http_conf_t      conf;
    struct MHD_Daemon  *daemon;
    pthread_mutex_t     lock;
    int                 running;    /* calls under way */
    int                 stopping;
};

typedef struct {
    be_http_t   *http;
    char        *target;            /* as in the request line */
    int          begun;             /* its header was read */
    be_route_e   route;
    int          counted;           /* holds a place in "running" */
    uint64_t     started;
    uint64_t     drained;
    char         id[BE_MAX_ID + 1];
    char         uid[BE_MAX_ID + 1];
    char         key[BE_MAX_ID + 1];
    const char  *allow;
    be_fault_t   fault;
    be_buf_t     body;
} be_call_t;


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


/* The value of a header that stands there once and is well-formed, or NULL. */

static const char *
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


/* The same as it is signed: "" where there is none, -1 where there are two. */

static int
be_header_signed(struct MHD_Connection *c, const char *name,
    const char **value)
{
    be_header_t  h = { name, NULL, 0 };

    MHD_get_connection_values(c, MHD_HEADER_KIND, be_header_one, &h);
    *value = h.value ? h.value : "";

    return h.n > 1 ? -1 : 0;
}


#define BE_ID_CHARS                                                           \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"


static void
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


static int
be_is_json(const char *type)
{
    size_t  n = strlen("application/json");

    return type != NULL && strncasecmp(type, "application/json", n) == 0
           && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}


/* 0, or -1 and the refusal: the gateway has not signed it. */

static int
be_call_signature(be_call_t *call, struct MHD_Connection *c,
    const char *method)
{
    const char          *value, *wrong = "wrong";
    be_signed_t          what = { .method = method, .target = call->target };
    const be_secrets_t  *secrets = call->http->conf.secrets;

    if (secrets->n == 0) {
        return 0;
    }

    if (be_header_signed(c, "X-Spocr-Signature", &value) == 0
        && be_header_signed(c, "X-Request-Id", &what.request_id) == 0
        && be_header_signed(c, "X-Spocr-Uid", &what.uid) == 0
        && be_header_signed(c, "X-Spocr-Key-Id", &what.key_id) == 0)
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


/* Everything that can be said of a request before its body. */

static int
be_call_check(be_call_t *call, struct MHD_Connection *c, const char *url,
    const char *method)
{
    int          n;
    const char  *s;
    be_fault_t  *f = &call->fault;

    if (strcmp(url, "/health") == 0) {
        call->route = BE_ROUTE_HEALTH;

        if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
            return 0;
        }
    }

    if (be_call_signature(call, c, method) != 0) {
        return -1;
    }

    if (call->route == BE_ROUTE_HEALTH) {
        call->allow = "GET, HEAD";
        return be_fault(f, 405, "Method not allowed");
    }

    if (strcmp(url, "/ocr/fields") != 0) {
        return be_fault(f, 404, "Not found");
    }

    call->route = BE_ROUTE_FIELDS;

    if (strcmp(method, "POST") != 0) {
        call->allow = "POST";
        return be_fault(f, 405, "Method not allowed");
    }

    if (call->uid[0] == '\0') {
        return be_fault(f, 403, "The request did not come through the gateway:"
                        " it has no valid X-Spocr-Uid");
    }

    if (!be_is_json(be_header(c, "Content-Type", NULL))) {
        return be_fault(f, 415, "The body must be sent as application/json");
    }

    s = be_header(c, "Content-Length", NULL);
    if (s != NULL && strtoull(s, NULL, 10) > BE_MAX_BODY) {
        return be_fault(f, 413, "The body is larger than 30 MB");
    }

    pthread_mutex_lock(&call->http->lock);
    n = call->http->running;
    if (n < call->http->conf.queue) {
        call->http->running++;
        call->counted = 1;
    }
    pthread_mutex_unlock(&call->http->lock);

    if (!call->counted) {
        be_fault(f, 503, "The service is busy");
        f->details = json_pack("{s:i}", "retryAfterSec", 5);
        return -1;
    }

    return 0;
}


/* One line of JSON; the path of an unknown route is not repeated. */

static void
be_call_log(const be_call_t *call, const char *method, const be_reply_t *r)
{
    char             when[40];
    char            *line;
    json_t          *o;
    struct tm        tm;
    struct timespec  ts;
    static const char  *paths[] = { "-", "/health", "/ocr/fields" };

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);

    o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:I}",
                  "time", when, "requestId", call->id, "uid", call->uid,
                  "keyId", call->key, "method", method, "path",
                  paths[call->route], "status", r->status, "code",
                  r->code ? r->code : "", "ms",
                  (json_int_t) (be_now_ms() - call->started));
    line = o ? json_dumps(o, JSON_COMPACT) : NULL;

    if (line != NULL) {
        fprintf(stderr, "%s\n", line);
    }

    free(line);
    json_decref(o);
}


static enum MHD_Result
be_call_send(be_call_t *call, struct MHD_Connection *c, const char *method,
    be_reply_t *r)
{
    int                   stopping;
    enum MHD_Result       rc;
    struct MHD_Response  *resp;
    static char           empty[] = "";

    resp = MHD_create_response_from_buffer(r->len, r->body ? r->body : empty,
                                           r->body ? MHD_RESPMEM_MUST_FREE
                                                   : MHD_RESPMEM_PERSISTENT);
    if (resp == NULL) {
        free(r->body);
        return MHD_NO;
    }

    MHD_add_response_header(resp, "Content-Type", "application/json");
    MHD_add_response_header(resp, "Cache-Control", "no-store");
    MHD_add_response_header(resp, "X-Request-Id", call->id);

    if (call->allow != NULL) {
        MHD_add_response_header(resp, "Allow", call->allow);
    }

    if (r->deprecated) {
        MHD_add_response_header(resp, "Deprecation", BE_DEPRECATED_SINCE);
    }

    pthread_mutex_lock(&call->http->lock);
    stopping = call->http->stopping;
    pthread_mutex_unlock(&call->http->lock);

    if (stopping) {
        MHD_add_response_header(resp, "Connection", "close");
    }

    be_call_log(call, method, r);

    rc = MHD_queue_response(c, (unsigned) r->status, resp);
    MHD_destroy_response(resp);

    return rc;
}


static void
be_call_patience(struct MHD_Connection *c, unsigned seconds)
{
    (void) MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT,
                                     seconds);
}


static enum MHD_Result
be_call_answer(be_call_t *call, struct MHD_Connection *c, const char *method)
{
    be_reply_t  r = { 0 };

    /* the time of the work is not the client's idleness */

    be_call_patience(c, 0);

    if (call->fault.status == 0 && call->body.failed) {
        be_fault(&call->fault, 503, "Out of memory");
    }

    if (call->fault.status != 0) {
        be_api_refuse(&r, &call->fault, call->id);

    } else if (call->route == BE_ROUTE_HEALTH) {
        be_api_health(&r);

    } else {
        be_api_fields(&call->http->conf, &call->body, call->id, &r);
    }

    if (r.body == NULL) {
        r.status = 500;
    }

    be_call_patience(c, BE_IDLE_S);

    return be_call_send(call, c, method, &r);
}


/* Bytes of the body: kept, or thrown away where it is refused already. */

static enum MHD_Result
be_call_body(be_call_t *call, const char *data, size_t *len)
{
    call->drained += *len;

    if (call->drained > BE_MAX_DRAIN
        || be_now_ms() - call->started > BE_BODY_MS)
    {
        return MHD_NO;
    }

    if (call->fault.status == 0 && call->route == BE_ROUTE_FIELDS) {
        if (call->body.len + *len > BE_MAX_BODY) {
            be_buf_free(&call->body);
            be_fault(&call->fault, 413, "The body is larger than 30 MB");

        } else {
            be_buf_add(&call->body, data, *len);
        }
    }

    *len = 0;

    return MHD_YES;
}


/* A request begins: later its target is known without the query only. */

static void *
be_http_target(void *data, const char *target, struct MHD_Connection *c)
{
    be_call_t  *call;

    (void) c;

    call = calloc(1, sizeof(be_call_t));
    if (call == NULL) {
        return NULL;
    }

    call->http = data;
    call->target = strdup(target);

    if (call->target == NULL) {
        free(call);
        return NULL;
    }

    return call;
}


static enum MHD_Result
be_http_handler(void *data, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *len,
    void **state)
{
    const char  *s;
    be_call_t   *call = *state;

    (void) data;
    (void) version;

    if (call == NULL) {
        return MHD_NO;
    }

    if (call->begun) {
        return *len ? be_call_body(call, body, len)
                    : be_call_answer(call, c, method);
    }

    call->begun = 1;
    call->started = be_now_ms();
    be_call_identity(call, c);
    be_call_patience(c, BE_PAUSE_S);

    if (be_call_check(call, c, url, method) == 0) {
        return MHD_YES;
    }

    /* refused: at once where the client waits for a 100, or the rest is
     * too much to read */

    s = be_header(c, "Content-Length", NULL);

    if (be_header(c, "Expect", NULL) != NULL
        || (s != NULL && strtoull(s, NULL, 10) > BE_MAX_DRAIN))
    {
        return be_call_answer(call, c, method);
    }

    return MHD_YES;
}


static void
be_http_completed(void *data, struct MHD_Connection *c, void **state,
    enum MHD_RequestTerminationCode why)
{
    be_http_t  *h = data;
    be_call_t  *call = *state;

    (void) c;
    (void) why;

    if (call == NULL) {
        return;
    }

    if (call->counted) {
        pthread_mutex_lock(&h->lock);
        h->running--;
        pthread_mutex_unlock(&h->lock);
    }

    be_fault_free(&call->fault);
    be_buf_free(&call->body);
    free(call->target);
    free(call);
    *state = NULL;
}


be_http_t *
be_http_start(const be_http_conf_t *conf)
{
    be_http_t  *h;

    h = calloc(1, sizeof(be_http_t));
    if (h == NULL) {
        return NULL;
    }

    h->conf = *conf;
    pthread_mutex_init(&h->lock, NULL);

    h->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION
        | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, be_http_handler, h,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket) conf->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned) BE_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) BE_IDLE_S,
        MHD_OPTION_URI_LOG_CALLBACK, be_http_target, h,
        MHD_OPTION_NOTIFY_COMPLETED, be_http_completed, h,
        MHD_OPTION_END);

    if (h->daemon == NULL) {
        pthread_mutex_destroy(&h->lock);
        free(h);
        return NULL;
    }

    return h;
}


void
be_http_quiesce(be_http_t *h)
{
    pthread_mutex_lock(&h->lock);
    h->stopping = 1;
    pthread_mutex_unlock(&h->lock);

    (void) MHD_quiesce_daemon(h->daemon);
}


int
be_http_running(be_http_t *h)
{
    int  n;

    pthread_mutex_lock(&h->lock);
    n = h->running;
    pthread_mutex_unlock(&h->lock);

    return n;
}


void
be_http_stop(be_http_t *h)
{
    MHD_stop_daemon(h->daemon);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
