#ifndef BE_API_JOB_H
#define BE_API_JOB_H

#include "store.h"

/* A job as GET /jobs/{id} gives it; NULL with the fault, 404 where this
 * tenant has no such job. */
json_t *be_job_find(be_db_t *db, const char *uid, const char *id,
    be_fault_t *f);

#endif
