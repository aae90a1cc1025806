#ifndef BE_OPTIONS_H
#define BE_OPTIONS_H

#include <jansson.h>

#include "remote.h"
#include "signature.h"
#include "space/courier.h"

typedef struct {
    char          listen[128];   /* unix:PATH or HOST:PORT */
    int           socket_mode;
    int           workers;
    int           fetchers;
    int           queue;
    int           timeout;       /* of one page, seconds */
    json_t       *allowed;       /* URL hosts: ["host:port", ...] */
    be_secrets_t  secrets;       /* of the gateway */
    const char   *data;          /* the folder of what is stored, or NULL */
    int           free_scans;    /* of a tenant in a month */
    be_retries_t  retries;       /* of webhooks */
    be_remote_t   services;
    char          llm_key[512];
} be_options_t;

enum { BE_RUN = -1 };

/* BE_RUN, or the status to exit with: all was said. */
int be_options(int argc, char **argv, be_options_t *o);

/* A whole number of [min, max]: 0, or -1 and it was said that name is not. */
int be_option_number(const char *name, const char *s, int min, int max,
    int *out);

/* A listening socket on loopback or a unix path, or where there are secrets
 * on any address; -1: the reason was said.
 * bound gets the address as it is, with the real port. */
int be_listen(const be_options_t *o, char *bound, size_t size);

#endif
