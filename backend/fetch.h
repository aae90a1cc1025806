#ifndef BE_FETCH_H
#define BE_FETCH_H

#include "http.h"

/* The largest body that is sent, and the largest that is taken. */
#define BE_FETCH_MAX  (60u * 1024 * 1024)

/* One request that a fetch helper makes. */
typedef struct {
    const char         *url;
    const char *const  *headers;     /* "Name: value", ..., NULL; or NULL */
    const void         *body;        /* POST; NULL: GET */
    size_t              len;
    const json_t       *allowed;     /* hosts that need not be public */
    int                 trusted;     /* the operator's own URL: any host and
                                      * port, and no redirect */
    int                 hops;        /* redirects that a GET without headers
                                      * follows; 0, and else, a redirect is
                                      * an answer like others */
    long                timeout_ms;  /* the span has to leave room for it: a
                                      * helper that is late is killed */
    uint64_t            until;       /* and no longer than that, by the clock
                                      * of be_now_ms(); 0: as it says */
    size_t              max;         /* of the answer's body; 0: it is not
                                      * wanted, and thrown away */
} be_fetch_t;

/* Its answer, whatever the status is. */
typedef struct {
    long    status;
    char   *body;                    /* and a NUL; to be freed */
    size_t  len;
} be_fetched_t;

/*
 * 0, or -1 with the fault: status 400 with details.reason (bad_url,
 * forbidden_url, forbidden_address, unknown_host, unreachable, timeout,
 * too_large, redirects, tls, failed), or 500/502/503 where it is not the
 * other side's fault.  Any thread.
 */
int be_fetch(be_pool_t *p, const be_fetch_t *q, be_fetched_t *out,
    const be_span_t *span, be_fault_t *f);

/* The reason of a fault of be_fetch(), or NULL. */
const char *be_fetch_reason(const be_fault_t *f);

/* fetch_image.c: the bytes behind the URL of an image; its faults are those
 * of POST /ocr/fields (docs/backend.md).  *data is to be freed. */
int be_fetch_image(const be_http_conf_t *conf, const char *url,
    const be_span_t *span, unsigned char **data, size_t *len, be_fault_t *f);

#endif
