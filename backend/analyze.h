#ifndef BE_ANALYZE_H
#define BE_ANALYZE_H

#include "extract.h"
#include "ocr.h"

/*
 * One call, from the bytes of an image to the answer.  fields and hints as in
 * the request; fields NULL: autoFields.  A new reference, or NULL with the
 * fault set.
 */
json_t *be_analyze(be_engine_t *e, be_extractor_t *x,
    const unsigned char *image, size_t len, const json_t *fields,
    const json_t *hints, be_fault_t *f);

/* The same from a page that was read already. */
json_t *be_analyze_page(be_extractor_t *x, const be_page_t *pg,
    const json_t *fields, json_t *warnings, be_fault_t *f);

/* Only reads the page; it has text.  Free it in either case. */
int be_analyze_read(be_engine_t *e, const unsigned char *image, size_t len,
    const json_t *hints, json_t *warnings, be_page_t *pg, be_fault_t *f);

void be_results_free(const be_schema_t *s, be_result_t *r);

#endif
