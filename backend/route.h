#ifndef BE_ROUTE_H
#define BE_ROUTE_H

#include "api.h"

typedef enum { BE_BODY_NONE = 0, BE_BODY_JSON, BE_BODY_FORM } be_body_e;

enum {
    BE_OPEN = 1,                 /* needs no identity and no signature */
    BE_STORED = 2,               /* is there only with a store */
    BE_COUNTS = 4,               /* takes a place in the queue */
    BE_KEYED = 8,                /* knows an Idempotency-Key */
    BE_PAGE = 16                 /* a part of the page */
};

typedef struct {
    const char     *method;      /* GET stands for HEAD as well */
    const char     *path;        /* a segment "*" may be anything */
    be_handler_pt   handler;
    be_body_e       body;
    size_t          max;         /* bytes of the body */
    unsigned        flags;
} be_route_t;

/* What a request line means. */
typedef struct {
    const be_route_t  *route;    /* NULL: none */
    const char        *path;     /* the pattern, also of a wrong method */
    unsigned           flags;    /* of the path */
    char              *arg[2];   /* owned */
    char               allow[48];    /* of the path: "GET, HEAD" */
    int                broken;   /* the path cannot be decoded */
} be_match_t;

/*
 * target: as in the request line.  Each segment is decoded by itself, so an
 * escaped slash stays in its segment.  0, or -1: out of memory.
 */
int be_route(const char *method, const char *target, be_match_t *m);
void be_match_free(be_match_t *m);

#endif
