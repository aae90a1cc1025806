#ifndef BE_OPTIONS_H
#define BE_OPTIONS_H

#include <jansson.h>

#include "signature.h"

typedef struct {
    char          listen[128];   /* unix:PATH or HOST:PORT */
    int           socket_mode;
    int           workers;
    int           fetchers;
    int           queue;
    int           timeout;       /* of one page, seconds */
    json_t       *allowed;       /* URL hosts: ["host:port", ...] */
    be_secrets_t  secrets;       /* of the gateway */
} be_options_t;

enum { BE_RUN = -1 };

/* BE_RUN, or the status to exit with: all was said. */
int be_options(int argc, char **argv, be_options_t *o);

/* A listening socket on loopback or a unix path, or where there are secrets
 * on any address; -1: the reason was said.
 * bound gets the address as it is, with the real port. */
int be_listen(const be_options_t *o, char *bound, size_t size);

#endif
