#ifndef BE_JOB_STORE_H
#define BE_JOB_STORE_H

#include "ident.h"
#include "store.h"

/* Begun so often and never finished, a job is given up. */
#define BE_JOB_ATTEMPTS  3

/* A job that was claimed. */
typedef struct {
    char      id[BE_ID_SIZE];
    char      key[BE_KEY_SIZE];  /* of the image */
    char     *uid;
    char     *path;
    char     *request_id;
    char     *fields;            /* FieldSpecs; NULL: autoFields */
    char     *prompt;            /* or NULL */
    int       attempts;          /* this one included */
    int64_t   item;              /* 0: it was removed */
} be_job_t;

/* What became of an attempt. */
typedef enum {
    BE_JOB_DONE = 0,
    BE_JOB_FAILED,
    BE_JOB_AGAIN,                /* nothing was tried: later, and it does not
                                  * count */
    BE_JOB_RETRY                 /* later, and it counts */
} be_job_e;

/*
 * Claims the oldest job that is due, of the tenant that comes after "after"
 * in the round of those who have one.  1, or 0 where none is due: *due is when
 * (wall clock, ms) the next one is, or 0; -1 with the fault.  Free in any
 * case.
 */
int be_job_claim(be_store_t *s, const char *after, be_job_t *job,
    int64_t *due, be_fault_t *f);
void be_job_free(be_job_t *job);

/*
 * Writes down what became of it, money and events included.  answer: of
 * be_work(), where it is done; why: else.  1, or 0 where it was ended
 * meanwhile, with its image; -1 with the fault: nothing is written.
 */
int be_job_end(be_store_t *s, const be_job_t *job, be_job_e what,
    const json_t *answer, const be_fault_t *why, be_fault_t *f);

/* At start: what a process that is no more had begun is begun again. */
int be_job_recover(be_store_t *s);

/* Whether one of the ids is pending or processing; -1: it cannot be told. */
int be_job_open(be_store_t *s, const char *const *ids, int n);

#endif
