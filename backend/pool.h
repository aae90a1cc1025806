#ifndef BE_POOL_H
#define BE_POOL_H

#include "fault.h"
#include "frame.h"

/* Helper processes of one kind, each doing one job at a time. */
typedef struct be_pool_s  be_pool_t;

/* By the clock of be_now_ms(): when a job must have found its helper, and
 * when it must be done.  The first leaves time for the second. */
typedef struct {
    uint64_t  start_by;
    uint64_t  end_by;
} be_span_t;

/* role is the argument that makes this program the helper. */
be_pool_t *be_pool_create(const char *role, int n);

/* Main thread: starts what is missing; reaps what died.  Returns the ms after
 * which it wants to be called again, or -1. */
int be_pool_tend(be_pool_t *p);

/* Main thread: waits until every helper has said that it is ready. */
int be_pool_ready(be_pool_t *p, int timeout_ms);

/* Any thread: breaks off the jobs that are under way, which fail, and begins
 * no more. */
void be_pool_cut(be_pool_t *p);

/* Main thread: no more jobs; ends all helpers. */
void be_pool_destroy(be_pool_t *p);

/* Any thread: a readable descriptor when be_pool_tend() has work. */
int be_pool_event(const be_pool_t *p);

/*
 * Any thread: one job; waits for a free helper, and for another one where that
 * died before it had the job.  Returns 0 and the reply, or -1 with the fault:
 * what the helper answered, 502 when it died or was not done in time, which
 * costs it the life, 503 when none came free in time.
 */
int be_pool_call(be_pool_t *p, const be_frame_t *job, be_frame_t *reply,
    const be_span_t *span, be_fault_t *f);

/* A helper's side: the socket that it was born with. */
#define BE_POOL_FD  3

#endif
