#ifndef BE_HTTP_H
#define BE_HTTP_H

#include "pool.h"
#include "remote.h"
#include "signature.h"
#include "space/store.h"

#define BE_VERSION  "1.0.0"

typedef struct be_jobs_s  be_jobs_t;
typedef struct be_courier_s  be_courier_t;

/* What handlers may use; it does not change while the server runs. */
typedef struct {
    int                  listen_fd;
    int                  queue;      /* calls under way or waiting, at most */
    int                  timeout;    /* seconds, from the body to the answer */
    be_pool_t           *ocr;
    be_pool_t           *fetch;      /* image URLs */
    be_pool_t           *deliver;    /* webhooks; NULL without a store */
    be_pool_t           *remote;     /* the operator's own services, or NULL */
    json_t              *allowed;    /* URL hosts, ["host:port", ...] */
    const be_secrets_t  *secrets;    /* who has one is the gateway */
    be_remote_t          services;   /* which services these are */
    be_store_t          *store;      /* NULL: nothing is stored or charged */
    int                  free_scans; /* of a tenant in a month */
    be_jobs_t           *jobs;       /* space/jobs.h; NULL without a store */
    be_courier_t        *courier;    /* space/courier.h; NULL likewise */
} be_http_conf_t;

typedef struct be_http_s  be_http_t;

/* Serves on a socket that listens already.  NULL when it cannot. */
be_http_t *be_http_start(const be_http_conf_t *conf);

/* No new connections; running calls go on. */
void be_http_quiesce(be_http_t *h);

/* Calls that are under way. */
int be_http_running(be_http_t *h);

/* Closes all connections and frees everything. */
void be_http_stop(be_http_t *h);

#endif
