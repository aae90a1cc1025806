#ifndef BE_ANALYZE_H
#define BE_ANALYZE_H

#include "extract.h"
#include "ocr.h"

/*
 * One call, from the bytes of an image to the answer.  fields and hints as in
 * the request.  A new reference, or NULL with the fault set.
 */
json_t *be_analyze(be_engine_t *e, be_extractor_t *x,
    const unsigned char *image, size_t len, const json_t *fields,
    const json_t *hints, be_fault_t *f);

#endif
