
/*
 * What the drivers of t/fuzz share: a property that must hold, an input that
 * is taken from its front, and a small source of random numbers that the
 * input seeds, so that each find can be had again.
 */

#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* The property that does not hold is told, and the input kept. */

#define property(cond, ...)                                                   \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fuzz_fail(__FILE__, __LINE__, #cond, __VA_ARGS__);                \
        }                                                                     \
    } while (0)


typedef struct {
    const u_char  *pos;
    const u_char  *last;
} fuzz_input_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);


__attribute__((format(printf, 4, 5), noreturn, noinline, cold, unused))
static void
fuzz_fail(const char *file, int line, const char *cond, const char *fmt, ...)
{
    va_list  args;

    fprintf(stderr, "%s:%d: %s: ", file, line, cond);

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fprintf(stderr, "\n");
    abort();
}


static inline size_t
fuzz_left(const fuzz_input_t *in)
{
    return (size_t) (in->last - in->pos);
}


/* 0 where there is no more. */

static inline u_char
fuzz_byte(fuzz_input_t *in)
{
    return (u_char) (in->pos < in->last ? *in->pos++ : 0);
}


static inline uint64_t
fuzz_number(fuzz_input_t *in, unsigned bytes)
{
    uint64_t  n;

    for (n = 0; bytes; bytes--) {
        n = n << 8 | fuzz_byte(in);
    }

    return n;
}


/* Up to n bytes, where they stand. */

static inline ngx_str_t
fuzz_piece(fuzz_input_t *in, size_t n)
{
    ngx_str_t  piece;

    piece.len = n < fuzz_left(in) ? n : fuzz_left(in);
    piece.data = (u_char *) in->pos;
    in->pos += piece.len;

    return piece;
}


/* A block of just that size: what is read behind it shows. */

static inline u_char *
fuzz_copy(const void *data, size_t len)
{
    u_char  *copy;

    copy = malloc(len ? len : 1);

    if (copy == NULL) {
        abort();
    }

    if (len) {
        memcpy(copy, data, len);
    }

    return copy;
}


/* xorshift64*; the state is never 0. */

static inline uint64_t
fuzz_random(uint64_t *state)
{
    uint64_t  x = *state ? *state : 0x9e3779b97f4a7c15ULL;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;

    return x * 0x2545f4914f6cdd1dULL;
}


#endif /* _FUZZ_H_INCLUDED_ */
