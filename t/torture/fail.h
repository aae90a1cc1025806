
/*
 * The page that t/torture/fail.c shares with the test: which call is to fail.
 * Spocr::Torture has the same order.
 */

#ifndef _FAIL_H_INCLUDED_
#define _FAIL_H_INCLUDED_


#include <stdint.h>


/* The kinds of calls; a mask of them is armed at a time. */
#define FAIL_OURS    0x01       /* an allocation that our module asks for */
#define FAIL_CALL    0x02       /* a call of Redis: declined */
#define FAIL_CRYPTO  0x04       /* libcrypto and random bytes, for our module */
#define FAIL_NGINX   0x08       /* what else our module calls, and may fail */
#define FAIL_HEAP    0x10       /* malloc() and its like, of all the process */
#define FAIL_SEND    0x20       /* connect(), send(), writev() ... */
#define FAIL_RECV    0x40       /* recv(): an error */
#define FAIL_FILE    0x80       /* files: open(), read(), write() */
#define FAIL_EOF     0x100      /* recv(): the end */
#define FAIL_LATER   0x200      /* with FAIL_HEAP: not before the module's first
                                 * call, so not while nginx starts */


typedef struct {
    int64_t   pid;              /* whose calls count; 0: anybody's; -1:
                                 * those of processes that were forked */
    int64_t   mask;             /* 0: none fails, none is counted */
    int64_t   at;               /* the call that fails; 0: none */
    int64_t   on;               /* 1: and all after it */
    int64_t   count;            /* calls so far */
    int64_t   fired;            /* how many of them failed */
    int64_t   live;             /* allocations less frees, of the whole life of
                                 * process pid */
    char      where[104];       /* what failed first, and who had called it */
} fail_page_t;


#endif /* _FAIL_H_INCLUDED_ */
