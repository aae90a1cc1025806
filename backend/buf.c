/*
 * Growing byte buffers, and allocation that cannot fail.  Used everywhere.
 * Invariant: data, where it is not NULL, is followed by a NUL.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"


int
be_buf_reserve(be_buf_t *b, size_t len)
{
    char    *p;
    size_t   cap;

    if (b->failed || len > SIZE_MAX / 4 - b->len) {
        b->failed = 1;
        return -1;
    }

    if (b->data != NULL && b->len + len < b->cap) {
        return 0;
    }

    cap = b->cap ? b->cap : 64;
    while (cap <= b->len + len) {
        cap *= 2;
    }

    p = realloc(b->data, cap);
    if (p == NULL) {
        b->failed = 1;
        return -1;
    }

    b->data = p;
    b->cap = cap;
    b->data[b->len] = '\0';

    return 0;
}


void
be_buf_add(be_buf_t *b, const void *data, size_t len)
{
    if (be_buf_reserve(b, len) != 0) {
        return;
    }

    if (len != 0) {
        memcpy(b->data + b->len, data, len);
    }

    b->len += len;
    b->data[b->len] = '\0';
}


void
be_buf_str(be_buf_t *b, const char *s)
{
    be_buf_add(b, s, strlen(s));
}


void
be_buf_printf(be_buf_t *b, const char *fmt, ...)
{
    int      n;
    va_list  ap;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);

    if (n < 0 || be_buf_reserve(b, (size_t) n) != 0) {
        b->failed = 1;
        return;
    }

    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t) n + 1, fmt, ap);
    va_end(ap);

    b->len += (size_t) n;
}


char *
be_buf_take(be_buf_t *b)
{
    char  *p;

    if (be_buf_reserve(b, 0) != 0) {
        be_buf_free(b);
        return NULL;
    }

    p = b->data;
    memset(b, 0, sizeof(*b));

    return p;
}


void
be_buf_free(be_buf_t *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}


void *
be_alloc(size_t n)
{
    void  *p;

    p = calloc(1, n ? n : 1);
    if (p == NULL) {
        abort();
    }

    return p;
}


void *
be_grow(void *old, size_t n)
{
    void  *p;

    p = realloc(old, n ? n : 1);
    if (p == NULL) {
        abort();
    }

    return p;
}


char *
be_strndup(const char *s, size_t n)
{
    char  *p;

    p = be_alloc(n + 1);
    memcpy(p, s, n);

    return p;
}


char *
be_strdup(const char *s)
{
    return be_strndup(s, strlen(s));
}
