#ifndef BE_QUERY_H
#define BE_QUERY_H

#include <stddef.h>

#include "fault.h"

/* The arguments of a target's query, in their order, decoded. */
typedef struct {
    char  *name;
    char  *value;
} be_arg_t;

typedef struct {
    be_arg_t  *v;
    int        n;
} be_query_t;

/*
 * target: as in the request line.  "+" is a space, as forms send it.  At most
 * 200 arguments; broken escapes, NUL and what is no UTF-8 are a 400.
 * Returns 0, or -1 with the fault; free in either case.
 */
int be_query_parse(const char *target, be_query_t *q, be_fault_t *f);
void be_query_free(be_query_t *q);

/* The value of the only argument of this name, or NULL; two are a 400. */
int be_query_one(const be_query_t *q, const char *name, const char **value,
    be_fault_t *f);

/* A whole number of [min, max]; *n is left as it is where there is none. */
int be_query_number(const be_query_t *q, const char *name, long min,
    long max, long *n, be_fault_t *f);

/* 400 validation_failed where an argument is none of names (NULL ends). */
int be_query_known(const be_query_t *q, const char *const *names,
    be_fault_t *f);

/* Decodes a path's segment; NULL: broken, or no UTF-8.  To be freed. */
char *be_unescape(const char *s, size_t len, int plus);

#endif
