#ifndef BE_WORK_H
#define BE_WORK_H

#include "http.h"

/* A page to be read, and what is wanted of it. */
typedef struct {
    const json_t         *fields;    /* FieldSpecs; NULL: autoFields */
    const json_t         *hints;     /* languageHints, or NULL */
    const char           *prompt;    /* or NULL */
    const unsigned char  *image;
    size_t                image_len;
} be_task_t;

/*
 * From an image to an answer, by the engine and the extractor that the
 * operator chose.  0: *answer is {"status":"success","data":{...}} and belongs
 * to the caller.  -1 with the fault: 400, 502 (refund), or 503 (nothing was
 * tried: may be repeated).  Any thread; takes until span->end_by.
 */
int be_work(const be_http_conf_t *conf, const be_task_t *t,
    const be_span_t *span, char **answer, size_t *len, be_fault_t *f);

#endif
