#ifndef BE_BUF_H
#define BE_BUF_H

#include <stddef.h>

/*
 * A byte buffer that grows.  A failed allocation sets "failed" and makes every
 * later append a no-op, so that callers check once, at the end.
 */
typedef struct {
    char    *data;
    size_t   len;
    size_t   cap;
    int      failed;
} be_buf_t;

void be_buf_add(be_buf_t *b, const void *data, size_t len);
void be_buf_str(be_buf_t *b, const char *s);
void be_buf_printf(be_buf_t *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for len more bytes, or -1. */
int be_buf_reserve(be_buf_t *b, size_t len);

/* The text with its NUL, owned by the caller; NULL when memory ran out. */
char *be_buf_take(be_buf_t *b);
void be_buf_free(be_buf_t *b);

/* Allocations of the workers: they end the process when memory runs out,
 * which costs one call a 502 and nothing else. */
void *be_alloc(size_t n);
void *be_grow(void *p, size_t n);
char *be_strdup(const char *s);
char *be_strndup(const char *s, size_t n);

#endif
