#ifndef BE_MULTIPART_H
#define BE_MULTIPART_H

#include <stddef.h>

#define BE_MAX_BOUNDARY  70      /* RFC 2046 */
#define BE_PART_HEADER   8192    /* bytes of a part's header */

/* What a part's header says; valid during the call. */
typedef struct {
    const char  *name;
    const char  *filename;       /* NULL: a field */
} be_part_t;

/* Each returns 0, or -1 to end it. */
typedef struct {
    int  (*begin)(void *data, const be_part_t *part);
    int  (*bytes)(void *data, const char *p, size_t len);
    int  (*end)(void *data);
} be_part_handler_t;

typedef struct be_multipart_s  be_multipart_t;

/* type: the Content-Type's value.  NULL and the reason, or out of memory (a
 * NULL reason). */
be_multipart_t *be_multipart_new(const char *type,
    const be_part_handler_t *handler, void *data, const char **why);

/* 0, or -1: the handler ended it (why is NULL), or it is none. */
int be_multipart_feed(be_multipart_t *m, const char *p, size_t len,
    const char **why);

/* Whether the last boundary was there. */
int be_multipart_whole(const be_multipart_t *m);
void be_multipart_free(be_multipart_t *m);

#endif
