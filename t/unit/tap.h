
/*
 * TAP for the unit tests: one program per file of layer 0, run by prove.
 *
 * Each check prints its line at once, so that a crash shows where it came.
 * done_testing() is the value of main(): 0 when all passed, else 1.
 */

#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* macros, so that any integer type may be given without a cast */
#define ok(cond, ...)               tap_ok((cond) ? 1 : 0, __VA_ARGS__)
#define is_int(got, expected, ...)                                            \
    tap_is_int((long long) (got), (long long) (expected), __VA_ARGS__)


static unsigned  tap_count;
static unsigned  tap_failed;
static unsigned  tap_planned;


/* Only where the number is worth fixing; done_testing() plans by itself. */

static inline void
plan(unsigned n)
{
    tap_planned = n;
    printf("1..%u\n", n);
    fflush(stdout);
}


__attribute__((format(printf, 2, 0)))
static inline int
tap_report(int pass, const char *fmt, va_list args)
{
    tap_count++;

    printf("%sok %u - ", pass ? "" : "not ", tap_count);
    vprintf(fmt, args);
    printf("\n");
    fflush(stdout);

    if (!pass) {
        tap_failed++;
    }

    return pass;
}


/* A line of explanation; prove -v shows it. */

__attribute__((format(printf, 1, 2)))
static inline void
diag(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    printf("# ");
    vprintf(fmt, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}


__attribute__((format(printf, 2, 3)))
static inline int
tap_ok(int pass, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    pass = tap_report(pass, fmt, args);
    va_end(args);

    return pass;
}


__attribute__((format(printf, 3, 4)))
static inline int
tap_is_int(long long got, long long expected, const char *fmt, ...)
{
    int      pass;
    va_list  args;

    va_start(args, fmt);
    pass = tap_report(got == expected, fmt, args);
    va_end(args);

    if (!pass) {
        diag("     got: %lld", got);
        diag("expected: %lld", expected);
    }

    return pass;
}


/* Terminated strings; two NULLs are equal. */

__attribute__((format(printf, 3, 4)))
static inline int
is_str(const char *got, const char *expected, const char *fmt, ...)
{
    int      pass;
    va_list  args;

    pass = (got == expected)
           || (got != NULL && expected != NULL && strcmp(got, expected) == 0);

    va_start(args, fmt);
    pass = tap_report(pass, fmt, args);
    va_end(args);

    if (!pass) {
        diag("     got: %s", got ? got : "(NULL)");
        diag("expected: %s", expected ? expected : "(NULL)");
    }

    return pass;
}


static inline int
done_testing(void)
{
    if (tap_planned == 0) {
        printf("1..%u\n", tap_count);

    } else if (tap_planned != tap_count) {
        diag("planned %u tests, ran %u", tap_planned, tap_count);
        return 1;
    }

    if (tap_failed) {
        diag("%u of %u failed", tap_failed, tap_count);
    }

    return tap_failed ? 1 : 0;
}


#endif /* _TAP_H_INCLUDED_ */
