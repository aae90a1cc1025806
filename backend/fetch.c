/*
 * One HTTP request to somebody else: an image's URL, a webhook, a service of
 * the operator.  be_fetch() hands it to a helper; be_fetch_main() is that
 * helper, started by the pool as this program with BE_ROLE_FETCH.
 *
 * Invariant: unless the URL is the operator's own, each hop's scheme and port
 * are checked before it is requested, and the address when its socket is
 * made: the one moment at which neither a redirect nor a name server can
 * change it any more.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "address.h"
#include "buf.h"
#include "fetch.h"
#include "helper.h"
#include "sandbox.h"
#include "url.h"


/* So much is read of an answer that nobody wants, so that the other side can
 * finish it; what is longer is cut off. */

#define BE_FETCH_SWALLOW  65536


typedef struct {
    const json_t  *allowed;      /* the operator's "host:port" */
    int            listed;       /* this hop is on that list */
    int            trusted;      /* the URL is the operator's own */
    int            refused;      /* its address was not public */
    int            too_large;
    int            hops;
    size_t         max;
    size_t         swallowed;
    be_buf_t       body;
} be_get_t;


static int
be_fetch_refuse(be_fault_t *f, const char *reason, const char *why,
    const char *message)
{
    be_fault_code(f, 400, "bad_request", "%s", message);
    f->details = json_pack("{s:s,s:s*}", "reason", reason, "why", why);

    return -1;
}


const char *
be_fetch_reason(const be_fault_t *f)
{
    return f->status == 400
           ? json_string_value(json_object_get(f->details, "reason")) : NULL;
}


/* The front's side. */

/* A line break would begin a header of its own. */

static int
be_fetch_clean(const char *s)
{
    for ( ; *s != '\0'; s++) {
        if ((unsigned char) *s < 0x20 || *s == 0x7F) {
            return 0;
        }
    }

    return 1;
}


static int
be_fetch_meta(const be_fetch_t *q, be_frame_t *job, be_fault_t *f)
{
    int      i, follows;
    json_t  *meta, *headers;

    /* what was meant for one host is not shown to another */

    follows = q->body == NULL && q->headers == NULL && !q->trusted;

    if (!be_fetch_clean(q->url)) {
        return be_fetch_refuse(f, "bad_url", NULL, "The URL is not valid");
    }

    headers = json_array();

    for (i = 0; q->headers != NULL && q->headers[i] != NULL; i++) {
        if (!be_fetch_clean(q->headers[i])
            || json_array_append_new(headers, json_string(q->headers[i])) != 0)
        {
            json_decref(headers);
            return be_fault(f, 500, "Internal error");
        }
    }

    meta = json_pack("{s:s,s:o,s:O*,s:b,s:b,s:i,s:I,s:I,s:I}", "url", q->url,
                     "headers", headers, "allowed", q->allowed,
                     "post", q->body != NULL, "trusted", q->trusted,
                     "hops", follows ? q->hops : 0,
                     "timeout", (json_int_t) q->timeout_ms,
                     "until", (json_int_t) q->until,
                     "max", (json_int_t) q->max);

    if (meta == NULL) {

        /* the one thing of it that can be no UTF-8 */

        return be_fetch_refuse(f, "bad_url", NULL, "The URL is not valid");
    }

    job->text = json_dumps(meta, JSON_COMPACT);
    json_decref(meta);

    if (job->text == NULL || q->len > BE_FETCH_MAX || q->max > BE_FETCH_MAX) {
        free(job->text);
        return be_fault(f, 500, "Internal error");
    }

    job->text_len = strlen(job->text);

    return 0;
}


int
be_fetch(be_pool_t *p, const be_fetch_t *q, be_fetched_t *out,
    const be_span_t *span, be_fault_t *f)
{
    int          rc;
    json_t      *meta;
    be_frame_t   job = { 0 }, reply;
    const void  *body = q->body;

    memset(out, 0, sizeof(*out));

    if (be_fetch_meta(q, &job, f) != 0) {
        return -1;
    }

    job.data = (unsigned char *) body;
    job.data_len = body ? q->len : 0;

    rc = be_pool_call(p, &job, &reply, span, f);
    free(job.text);

    if (rc != 0) {
        return f->status == 502
               ? be_fault(f, 502, "The request to the other server failed")
               : -1;
    }

    meta = json_loadb(reply.text, reply.text_len, 0, NULL);
    out->status = (long) json_integer_value(json_object_get(meta, "status"));
    json_decref(meta);

    /* a frame's block has room for it */

    out->body = (char *) reply.data;
    out->len = reply.data_len;
    out->body[out->len] = '\0';

    reply.data = NULL;
    be_frame_free(&reply);

    return 0;
}


/* The helper's side. */

static size_t
be_fetch_write(char *p, size_t size, size_t n, void *data)
{
    be_get_t  *t = data;

    if (t->max == 0) {
        t->swallowed += size * n;
        return t->swallowed > BE_FETCH_SWALLOW ? 0 : size * n;
    }

    if (t->body.len + size * n > t->max) {
        t->too_large = 1;
        return 0;
    }

    be_buf_add(&t->body, p, size * n);

    return t->body.failed ? 0 : size * n;
}


static curl_socket_t
be_fetch_socket(void *data, curlsocktype purpose, struct curl_sockaddr *a)
{
    be_get_t  *t = data;

    if (purpose != CURLSOCKTYPE_IPCXN
        || (!t->trusted && !t->listed && !be_address_public(&a->addr)))
    {
        t->refused = 1;
        return CURL_SOCKET_BAD;
    }

    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}


static int
be_fetch_check(be_get_t *t, const char *url, be_fault_t *f)
{
    be_url_e  rc = be_url_check(url, t->allowed, &t->listed);

    if (t->trusted && (rc == BE_URL_USER || rc == BE_URL_PORT)) {
        return 0;
    }

    switch (rc) {
    case BE_URL_OK:
        return 0;
    case BE_URL_SCHEME:
        return be_fetch_refuse(f, "forbidden_url", "scheme", "The URL leads to"
                               " something else than http and https");
    case BE_URL_USER:
        return be_fetch_refuse(f, "forbidden_url", "user", "The URL must not"
                               " contain a user name or password");
    case BE_URL_PORT:
        return be_fetch_refuse(f, "forbidden_url", "port", "The URL's port is"
                               " neither 80 nor 443");
    default:
        return be_fetch_refuse(f, "bad_url", NULL, "The URL is not valid");
    }
}


static void
be_fetch_options(CURL *c, be_get_t *t, const char *url, long ms)
{
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "spocr-backend");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, be_fetch_write);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, be_fetch_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);

    if (t->max) {
        curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) t->max);
    }
}


static int
be_fetch_failed(be_get_t *t, CURLcode rc, be_fault_t *f)
{
    if (t->refused) {
        return be_fetch_refuse(f, "forbidden_address", NULL, "The host of the"
                               " URL is not on the public internet");
    }

    if (t->too_large || rc == CURLE_FILESIZE_EXCEEDED) {
        return be_fetch_refuse(f, "too_large", NULL, "The answer is too"
                               " large");
    }

    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return be_fetch_refuse(f, "timeout", NULL, "The host did not answer"
                               " in time");
    case CURLE_COULDNT_RESOLVE_HOST:
        return be_fetch_refuse(f, "unknown_host", NULL, "The host of the URL"
                               " is not known");
    case CURLE_COULDNT_CONNECT:
        return be_fetch_refuse(f, "unreachable", NULL, "The host of the URL"
                               " could not be connected to");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return be_fetch_refuse(f, "tls", NULL, "No secure connection to the"
                               " host could be made");
    default:
        return be_fetch_refuse(f, "failed", NULL, "The request failed");
    }
}


/* One request.  1: it was answered by a redirect, to *url, that is to be
 * followed. */

static int
be_fetch_hop(CURL *c, be_get_t *t, char **url, uint64_t deadline,
    long *status, be_fault_t *f)
{
    char      *next = NULL;
    CURLcode   rc;
    uint64_t   now = be_now_ms();

    if (be_fetch_check(t, *url, f) != 0) {
        return -1;
    }

    be_fetch_options(c, t, *url, now < deadline ? (long) (deadline - now) : 1);
    t->body.len = 0;
    t->swallowed = 0;

    rc = curl_easy_perform(c);

    if (rc == CURLE_WRITE_ERROR && t->swallowed > BE_FETCH_SWALLOW) {
        rc = CURLE_OK;
    }

    if (rc != CURLE_OK || t->refused) {
        return be_fetch_failed(t, rc, f);
    }

    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
    curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &next);

    if (t->hops > 0 && *status >= 300 && *status < 400 && next != NULL) {
        free(*url);
        *url = be_strdup(next);
        return 1;
    }

    return 0;
}


/* The headers, and the body of a POST. */

static struct curl_slist *
be_fetch_send(CURL *c, const json_t *meta, const be_frame_t *job)
{
    size_t              i;
    json_t             *h;
    struct curl_slist  *list = NULL, *more;

    json_array_foreach(json_object_get(meta, "headers"), i, h) {
        more = curl_slist_append(list, json_string_value(h));
        list = more ? more : list;
    }

    if (json_is_true(json_object_get(meta, "post"))) {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, job->data);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t) job->data_len);

        /* nobody is asked whether the body may come */

        more = curl_slist_append(list, "Expect:");
        list = more ? more : list;
    }

    curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);

    return list;
}


static json_int_t
be_fetch_int(const json_t *meta, const char *name)
{
    return json_integer_value(json_object_get(meta, name));
}


static int
be_fetch_job(CURL *c, const be_frame_t *job)
{
    int                 rc, hops;
    char               *url, text[48];
    long                status = 0;
    json_t             *meta;
    uint64_t            until, deadline = be_now_ms();
    be_get_t            t = { 0 };
    be_fault_t          f = { 0 };
    be_frame_t          reply = { 0 };
    struct curl_slist  *headers;

    meta = json_loadb(job->text, job->text_len, 0, NULL);
    url = be_strdup(json_string_value(json_object_get(meta, "url")));
    deadline += (uint64_t) be_fetch_int(meta, "timeout");
    until = (uint64_t) be_fetch_int(meta, "until");
    deadline = until && until < deadline ? until : deadline;
    t.allowed = json_object_get(meta, "allowed");
    t.trusted = json_is_true(json_object_get(meta, "trusted"));
    t.hops = (int) be_fetch_int(meta, "hops");
    t.max = (size_t) be_fetch_int(meta, "max");

    curl_easy_reset(c);
    headers = be_fetch_send(c, meta, job);

    for (rc = 1, hops = 0; rc == 1; hops++) {
        rc = hops > t.hops
             ? be_fetch_refuse(&f, "redirects", NULL, "The URL redirects too"
                               " often")
             : be_fetch_hop(c, &t, &url, deadline, &status, &f);
    }

    if (rc == 0) {
        reply.text = text;
        reply.text_len = (size_t) snprintf(text, sizeof(text),
                                           "{\"status\":%ld}", status);
        reply.data = (unsigned char *) t.body.data;
        reply.data_len = t.body.len;
        rc = be_frame_write(BE_POOL_FD, &reply, 0);

    } else {
        rc = be_helper_refuse(&f);
    }

    free(url);
    json_decref(meta);
    be_buf_free(&t.body);
    curl_slist_free_all(headers);

    return rc;
}


int
be_fetch_main(void)
{
    int          rc;
    CURL        *c;
    be_frame_t   job;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0
        || (c = curl_easy_init()) == NULL)
    {
        fprintf(stderr, "spocr-backend: libcurl cannot be set up\n");
        return 1;
    }

    be_sandbox_fetch();

    rc = be_helper_hello();

    while (rc == BE_FRAME_OK) {
        rc = be_frame_read(BE_POOL_FD, &job, 0);

        if (rc == BE_FRAME_OK) {
            rc = be_fetch_job(c, &job);
            be_frame_free(&job);
        }
    }

    curl_easy_cleanup(c);
    curl_global_cleanup();

    return 0;
}
