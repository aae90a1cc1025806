/*
 * The fetch helper: gets the image of a URL, and nothing that is not on the
 * public internet.  Started by the pool as this program with BE_ROLE_FETCH.
 *
 * Invariant: each hop's scheme and port are checked before it is requested,
 * and the address when its socket is made: the one moment at which neither a
 * redirect nor a name server can change it any more.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "address.h"
#include "buf.h"
#include "frame.h"
#include "helper.h"
#include "imghead.h"
#include "pool.h"
#include "sandbox.h"


#define BE_FETCH_HOPS  3
#define BE_FETCH_MS    10000


typedef struct {
    const json_t  *allowed;      /* the operator's "host:port" */
    int            trusted;      /* this hop is on that list */
    int            refused;      /* its address was not public */
    int            too_large;
    be_buf_t       body;
} be_fetch_t;


static size_t
be_fetch_write(char *p, size_t size, size_t n, void *data)
{
    be_fetch_t  *t = data;

    if (t->body.len + size * n > BE_MAX_IMAGE) {
        t->too_large = 1;
        return 0;
    }

    be_buf_add(&t->body, p, size * n);

    return t->body.failed ? 0 : size * n;
}


static curl_socket_t
be_fetch_socket(void *data, curlsocktype purpose, struct curl_sockaddr *a)
{
    be_fetch_t  *t = data;

    if (purpose != CURLSOCKTYPE_IPCXN
        || (!t->trusted && !be_address_public(&a->addr)))
    {
        t->refused = 1;
        return CURL_SOCKET_BAD;
    }

    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}


static int
be_fetch_refuse(be_fault_t *f, const char *reason, const char *message)
{
    be_fault_code(f, 400, "invalid_image", "%s", message);
    f->details = json_pack("{s:s,s:s}", "field", "image", "reason", reason);

    return -1;
}


static int
be_fetch_trusted(const be_fetch_t *t, const char *host, const char *port)
{
    char         at[300];
    size_t       i;
    const char  *s;

    snprintf(at, sizeof(at), "%s:%s", host, port);

    for (i = 0; i < json_array_size(t->allowed); i++) {
        s = json_string_value(json_array_get(t->allowed, i));
        if (s != NULL && strcasecmp(s, at) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
be_fetch_check(be_fetch_t *t, const char *url, be_fault_t *f)
{
    int    ok;
    char  *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    CURLU *u;

    u = curl_url();

    ok = u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
         && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;

    if (ok && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        ok = 0;
        be_fetch_refuse(f, "forbidden_url", "The URL of the image leads to"
                        " something else than http and https");

    } else if (!ok
               || curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK
               || curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)
                  != CURLUE_OK)
    {
        ok = 0;
        be_fetch_refuse(f, "bad_url", "The URL of the image is not valid");

    } else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        ok = 0;
        be_fetch_refuse(f, "forbidden_url", "The URL of the image must not"
                        " contain a user name or password");

    } else {
        t->trusted = be_fetch_trusted(t, host, port);

        if (!t->trusted && strcmp(port, "80") != 0 && strcmp(port, "443") != 0)
        {
            ok = 0;
            be_fetch_refuse(f, "forbidden_url", "Images are fetched from"
                            " ports 80 and 443 only");
        }
    }

    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(u);

    return ok ? 0 : -1;
}


static void
be_fetch_options(CURL *c, be_fetch_t *t, const char *url, long ms)
{
    curl_easy_reset(c);

    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE, (long) BE_MAX_IMAGE);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "spocr-backend");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, be_fetch_write);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, be_fetch_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);
}


/* One request.  1: it was answered by a redirect, to *url. */

static int
be_fetch_hop(CURL *c, be_fetch_t *t, char **url, uint64_t deadline,
    be_fault_t *f)
{
    long       status = 0, ms;
    char      *next = NULL, message[96];
    CURLcode   rc;
    uint64_t   now = be_now_ms();

    if (be_fetch_check(t, *url, f) != 0) {
        return -1;
    }

    ms = now < deadline ? (long) (deadline - now) : 1;
    be_fetch_options(c, t, *url, ms);
    t->body.len = 0;

    rc = curl_easy_perform(c);

    if (t->refused) {
        return be_fetch_refuse(f, "forbidden_address", "The host of the image"
                               " is not on the public internet");
    }

    if (t->too_large || rc == CURLE_FILESIZE_EXCEEDED) {
        return be_fetch_refuse(f, "too_large",
                               "The image is larger than 20 MB");
    }

    switch (rc) {
    case CURLE_OK:
        break;
    case CURLE_OPERATION_TIMEDOUT:
        return be_fetch_refuse(f, "timeout", "The image was not delivered"
                               " within 10 seconds");
    case CURLE_COULDNT_RESOLVE_HOST:
        return be_fetch_refuse(f, "unknown_host", "The host of the image's"
                               " URL is not known");
    case CURLE_COULDNT_CONNECT:
        return be_fetch_refuse(f, "unreachable", "The host of the image could"
                               " not be connected to");
    default:
        return be_fetch_refuse(f, "failed", "The image could not be fetched"
                               " from its URL");
    }

    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &next);

    if (status >= 300 && status < 400 && next != NULL) {
        free(*url);
        *url = be_strdup(next);
        return 1;
    }

    if (status != 200) {
        snprintf(message, sizeof(message), "The host of the image answered"
                 " with status %ld", status);
        return be_fetch_refuse(f, "status", message);
    }

    return 0;
}


static int
be_fetch_job(CURL *c, const be_frame_t *job)
{
    int          rc, hops;
    char        *url;
    json_t      *meta;
    uint64_t     deadline = be_now_ms() + BE_FETCH_MS;
    be_fault_t   f = { 0 };
    be_fetch_t   t = { 0 };
    be_frame_t   reply = { 0 };

    meta = json_loadb(job->text, job->text_len, 0, NULL);
    url = be_strdup(json_string_value(json_object_get(meta, "url")));
    t.allowed = json_object_get(meta, "allowed");

    for (rc = 1, hops = 0; rc == 1; hops++) {
        rc = hops > BE_FETCH_HOPS
             ? be_fetch_refuse(&f, "redirects", "The URL of the image"
                               " redirects more than 3 times")
             : be_fetch_hop(c, &t, &url, deadline, &f);
    }

    if (rc == 0) {
        reply.data = (unsigned char *) t.body.data;
        reply.data_len = t.body.len;
        rc = be_frame_write(BE_POOL_FD, &reply, 0);

    } else {
        rc = be_helper_refuse(&f);
    }

    free(url);
    json_decref(meta);
    be_buf_free(&t.body);

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
