#ifndef BE_JOBS_H
#define BE_JOBS_H

#include "http.h"

/*
 * The threads that do the jobs: n of them.  Jobs that a killed process had
 * begun are begun again.  conf has to outlive them, and its courier is there
 * already.  NULL: the reason was said.
 */
be_jobs_t *be_jobs_start(const be_http_conf_t *conf, int n);

/* There are new jobs.  Any thread. */
void be_jobs_wake(be_jobs_t *j);

/* Waits until none of the ids is open, or until the time (be_now_ms) is
 * there, or the server is stopping. */
void be_jobs_wait(be_jobs_t *j, const char *const *ids, int n,
    uint64_t until);

/* Begins nothing new; a job that runs is finished. */
void be_jobs_quiesce(be_jobs_t *j);

/* Quiesces, waits for what runs, and frees. */
void be_jobs_stop(be_jobs_t *j);

/* Jobs that run at the moment. */
int be_jobs_running(be_jobs_t *j);

#endif
