/*
 * The HTTP front, on libmicrohttpd: bodies, the queue and answers; call.c
 * judges the headers, respond.c makes what is sent.  One thread per
 * connection; main.c starts and stops it.
 *
 * Invariant: a refusal is decided before the body is read, but is sent after
 * it (up to a limit), so that a proxy that is still sending sees the answer
 * and not a reset.  What is refused holds no place in the queue meanwhile.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"


#define BE_MAX_DRAIN    (64u * 1024 * 1024)
#define BE_CONNECTIONS  256

/* What the library may take for a request's header: a query of 8 KB, which is
 * what nginx lets through, may have 4,096 arguments of 64 bytes each. */

#define BE_HEADER_POOL  (512u * 1024)

/* A connection may rest for longer than the gateway keeps it; the pauses of
 * a body are shorter, and so is the whole of it: a place is taken meanwhile.
 * Files may take longer. */

#define BE_IDLE_S       120
#define BE_PAUSE_S      20
#define BE_BODY_MS      60000
#define BE_FILES_MS     180000

/* A stop waits for clients that take their answer. */

#define BE_SEND_MS      5000


struct be_http_s {
    be_http_conf_t      conf;
    struct MHD_Daemon  *daemon;
    be_queue_t         *queue;
    pthread_mutex_t     lock;
    int                 running;    /* calls under way */
    int                 sending;    /* answers, to their clients */
    uint64_t            sent;       /* when the last of them began */
    int                 stopping;
};


/* From here on a stop waits for the call: when it has a place, or its body is
 * there. */

static void
be_call_count(be_http_t *h, be_call_t *call)
{
    pthread_mutex_lock(&h->lock);
    h->running += !call->counted;
    pthread_mutex_unlock(&h->lock);

    call->counted = 1;
}


/* A place in the queue, where the path takes one: 0, or -1 and the fault. */

static int
be_call_enter(be_http_t *h, be_call_t *call)
{
    if (!(call->match.flags & BE_COUNTS)) {
        return 0;
    }

    if (be_place_take(h->queue, &call->place, call->uid) != 0) {
        be_fault(&call->fault, 503, "The service is busy");
        call->fault.details = json_pack("{s:i}", "retryAfterSec", 5);
        return -1;
    }

    be_call_count(h, call);

    return 0;
}


static enum MHD_Result
be_call_send(be_http_t *h, be_call_t *call, struct MHD_Connection *c,
    const char *method, be_reply_t *r)
{
    int                   stopping;
    enum MHD_Result       rc;
    struct MHD_Response  *resp;

    resp = be_call_response(call, r);
    if (resp == NULL) {
        return MHD_NO;
    }

    pthread_mutex_lock(&h->lock);
    stopping = h->stopping;
    h->running--;
    h->sending++;
    h->sent = be_now_ms();
    pthread_mutex_unlock(&h->lock);

    call->counted = 0;
    call->sending = 1;

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


static void
be_call_handle(be_call_t *call, const char *method, be_reply_t *r)
{
    be_in_t  in = {
        .conf = call->conf,
        .method = method,
        .request_id = call->id,
        .uid = call->uid,
        .key_id = call->key,
        .idempotency_key = call->idempotency[0] ? call->idempotency : NULL,
        .arg = { call->match.arg[0], call->match.arg[1] },
        .query = &call->query,
        .body = &call->body,
        .upload = call->upload,
        .place = &call->place
    };

    call->match.route->handler(&in, r);

    call->sent = r->sent;
    call->sent_data = r->sent_data;
}


static enum MHD_Result
be_call_answer(be_http_t *h, be_call_t *call, struct MHD_Connection *c,
    const char *method)
{
    be_reply_t  r = { 0 };

    be_call_count(h, call);

    /* the time of the work is not the client's idleness */

    be_call_patience(c, 0);

    if (call->fault.status == 0 && call->body.failed) {
        be_fault(&call->fault, 503, "Out of memory");
    }

    if (call->fault.status == 0 && call->upload != NULL) {
        (void) be_upload_end(call->upload, &call->fault);
    }

    if (call->fault.status != 0) {
        be_api_refuse(&r, &call->fault, call->id);

    } else {
        be_call_handle(call, method, &r);
    }

    if (r.status == 0 || (r.body == NULL && !r.file)) {
        be_call_poor(call, &r);
    }

    be_call_patience(c, BE_IDLE_S);

    return be_call_send(h, call, c, method, &r);
}


/* What is refused needs no memory, no disk and no place any more. */

static void
be_call_drop(be_call_t *call)
{
    be_buf_free(&call->body);
    be_upload_free(call->upload);
    call->upload = NULL;
    be_place_leave(&call->place);
}


static void
be_call_keep(be_call_t *call, const char *data, size_t len)
{
    const be_route_t  *route = call->match.route;

    if (len > route->max - call->kept) {
        be_fault(&call->fault, 413, "The body is larger than %zu MB",
                 route->max >> 20);

    } else if (route->body == BE_BODY_FORM) {
        (void) be_upload_feed(call->upload, data, len, &call->fault);

    } else {
        be_buf_add(&call->body, data, len);
    }

    call->kept += len;

    if (call->fault.status != 0) {
        be_call_drop(call);
    }
}


/* Bytes of the body: kept, or thrown away where it is refused already. */

static enum MHD_Result
be_call_body(be_call_t *call, const char *data, size_t *len)
{
    uint64_t           time = BE_BODY_MS, waste = BE_MAX_DRAIN;
    const be_route_t  *route = call->match.route;

    if (route != NULL && route->body == BE_BODY_FORM) {
        time = BE_FILES_MS;
        waste = route->max;
    }

    if (be_now_ms() - call->started > time) {
        return MHD_NO;
    }

    if (call->fault.status == 0 && route != NULL
        && route->body != BE_BODY_NONE)
    {
        be_call_keep(call, data, *len);

    } else {
        call->wasted += *len;
    }

    *len = 0;

    return call->wasted > waste ? MHD_NO : MHD_YES;
}


static void
be_call_free(be_http_t *h, be_call_t *call)
{
    if (call == NULL) {
        return;
    }

    pthread_mutex_lock(&h->lock);
    h->running -= call->counted;
    h->sending -= call->sending;
    pthread_mutex_unlock(&h->lock);

    if (call->sent != NULL) {
        call->sent(call->sent_data);
    }

    be_call_drop(call);
    be_query_free(&call->query);
    be_match_free(&call->match);
    be_fault_free(&call->fault);
    free(call->target);
    free(call);
}


/*
 * A connection has one call at a time, and keeps it: the library tells of no
 * end where it refuses a request itself after it has told of its target.
 */

static void
be_http_connection(void *data, struct MHD_Connection *c, void **socket,
    enum MHD_ConnectionNotificationCode what)
{
    be_http_t   *h = data;
    be_call_t  **kept = *socket;

    (void) c;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket = calloc(1, sizeof(be_call_t *));

    } else if (kept != NULL) {
        be_call_free(h, *kept);
        free(kept);
        *socket = NULL;
    }
}


static be_call_t **
be_http_kept(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo  *info;

    info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}


/* A request begins: later its target is known without the query only. */

static void *
be_http_target(void *data, const char *target, struct MHD_Connection *c)
{
    be_call_t  *call, **kept;
    be_http_t  *h = data;

    kept = be_http_kept(c);
    if (kept == NULL) {
        return NULL;
    }

    be_call_free(h, *kept);
    *kept = NULL;

    call = calloc(1, sizeof(be_call_t));
    if (call == NULL) {
        return NULL;
    }

    call->conf = &h->conf;
    call->target = strdup(target);

    if (call->target == NULL) {
        free(call);
        return NULL;
    }

    *kept = call;

    return call;
}


/*
 * The target is read by be_route() and be_query_parse(), from its own bytes:
 * the library, which answers a bad escape with a page of its own in 1.0.10,
 * is to leave it alone.
 */

static size_t
be_http_unescape(void *data, struct MHD_Connection *c, char *s)
{
    (void) data;
    (void) c;

    return strlen(s);
}


static enum MHD_Result
be_http_handler(void *data, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *len,
    void **state)
{
    const char  *s;
    be_call_t   *call = *state;
    be_http_t   *h = data;

    (void) url;
    (void) version;

    if (call == NULL) {
        return MHD_NO;
    }

    if (call->begun) {
        return *len ? be_call_body(call, body, len)
                    : be_call_answer(h, call, c, method);
    }

    call->begun = 1;
    call->started = be_now_ms();
    be_call_identity(call, c);
    be_call_patience(c, BE_PAUSE_S);

    if (be_call_check(call, c, method) == 0 && be_call_enter(h, call) == 0) {
        return MHD_YES;
    }

    be_call_drop(call);

    /* refused: at once where the client waits for a 100, or the rest is
     * too much to read */

    s = be_header(c, "Content-Length", NULL);

    if (be_header(c, "Expect", NULL) != NULL
        || (s != NULL && strtoull(s, NULL, 10) > BE_MAX_DRAIN))
    {
        return be_call_answer(h, call, c, method);
    }

    return MHD_YES;
}


static void
be_http_completed(void *data, struct MHD_Connection *c, void **state,
    enum MHD_RequestTerminationCode why)
{
    be_http_t   *h = data;
    be_call_t  **kept = be_http_kept(c);

    (void) why;

    if (*state != NULL && kept != NULL) {
        be_call_free(h, *kept);
        *kept = NULL;
    }

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
    h->queue = be_queue_new(conf->queue);
    pthread_mutex_init(&h->lock, NULL);

    h->daemon = h->queue == NULL ? NULL : MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION
        | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, be_http_handler, h,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket) conf->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned) BE_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) BE_HEADER_POOL,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) BE_IDLE_S,
        MHD_OPTION_URI_LOG_CALLBACK, be_http_target, h,
        MHD_OPTION_UNESCAPE_CALLBACK, be_http_unescape, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, be_http_completed, h,
        MHD_OPTION_NOTIFY_CONNECTION, be_http_connection, h,
        MHD_OPTION_END);

    if (h->daemon == NULL) {
        if (h->queue != NULL) {
            be_queue_free(h->queue);
        }

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
    n += be_now_ms() < h->sent + BE_SEND_MS ? h->sending : 0;
    pthread_mutex_unlock(&h->lock);

    return n;
}


void
be_http_stop(be_http_t *h)
{
    MHD_stop_daemon(h->daemon);
    be_queue_free(h->queue);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
