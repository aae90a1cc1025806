#ifndef BE_HELPER_H
#define BE_HELPER_H

#include "fault.h"

#define BE_ROLE_OCR    "--ocr-helper"
#define BE_ROLE_FETCH  "--fetch-helper"

/* The helpers' main functions: serve jobs on BE_POOL_FD until it closes. */
int be_ocr_main(void);
int be_fetch_main(void);

/* Answers a job with the fault, and frees it. */
int be_helper_refuse(be_fault_t *f);

/* Starts the program anew with OpenMP held to one thread; once. */
void be_single_threaded(char **argv);

/* Says that jobs may come. */
int be_helper_hello(void);

#endif
