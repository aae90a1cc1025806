/*
 * The OCR helper: one page at a time, in a process that can be lost.  Started
 * by the pool as this program with BE_ROLE_OCR.  Also what helpers share.
 */

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "helper.h"
#include "op.h"
#include "pool.h"
#include "sandbox.h"


/* A little more than the front waits, should the front be gone. */

#define BE_JOB_CPU  90


/*
 * OpenMP reads OMP_THREAD_LIMIT before main() runs, and its idle threads cost
 * ten times the work of reading a page: so the program starts itself anew.
 */

void
be_single_threaded(char **argv)
{
    const char  *s = getenv("OMP_THREAD_LIMIT");

    if (s != NULL && strcmp(s, "1") == 0) {
        return;
    }

    if (setenv("OMP_THREAD_LIMIT", "1", 1) == 0) {
        execv("/proc/self/exe", argv);
    }
}


int
be_helper_hello(void)
{
    be_frame_t  hello = { 0 };

    return be_frame_write(BE_POOL_FD, &hello, 0);
}


int
be_helper_refuse(be_fault_t *f)
{
    int         rc;
    json_t     *o;
    be_frame_t  reply = { 0 };

    o = json_pack("{s:s,s:s,s:O?}", "code", f->code, "message", f->message,
                  "details", f->details);

    reply.status = (uint32_t) f->status;
    reply.text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    reply.text_len = reply.text ? strlen(reply.text) : 0;

    rc = be_frame_write(BE_POOL_FD, &reply, 0);

    json_decref(o);
    be_frame_free(&reply);
    be_fault_free(f);

    return rc;
}


static int
be_ocr_job(be_engine_t *e, const be_frame_t *job)
{
    int         rc;
    be_fault_t  f = { 0 };
    be_frame_t  reply = { 0 };

    if (be_op(e, job, &reply, &f) != 0) {
        be_frame_free(&reply);
        return be_helper_refuse(&f);
    }

    rc = be_frame_write(BE_POOL_FD, &reply, 0);
    be_frame_free(&reply);

    return rc;
}


int
be_ocr_main(void)
{
    int           fd, rc;
    be_frame_t    job;
    be_engine_t  *e;

    e = be_tesseract_open();
    if (e == NULL) {
        fprintf(stderr, "spocr-backend: the Tesseract model \"eng\" cannot be"
                " loaded; is tesseract-ocr-eng installed?\n");
        return 1;
    }

    /* the engine's chatter about hostile images does not fill the log */

    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        dup2(fd, STDERR_FILENO);
        close(fd);
    }

    be_sandbox_ocr();

    rc = be_helper_hello();

    while (rc == BE_FRAME_OK) {
        rc = be_frame_read(BE_POOL_FD, &job, 0);

        if (rc == BE_FRAME_OK) {
            be_sandbox_cpu(BE_JOB_CPU);
            rc = be_ocr_job(e, &job);
            be_frame_free(&job);
            malloc_trim(0);
        }
    }

    e->close(e);

    return 0;
}
