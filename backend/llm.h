#ifndef BE_LLM_H
#define BE_LLM_H

#include "extract.h"

/*
 * The extractor "llm", any OpenAI-compatible chat completion: what it is
 * asked, and what its answer is worth.  Pure: the front does the asking.
 */

/* The body of the request; s NULL: fields of the model's own choice.  The
 * caller frees; NULL when memory ran out. */
char *be_llm_request(const be_page_t *pg, const be_schema_t *s,
    const char *prompt, const char *model);

/*
 * The results of the body that came back, one for each field.  automatic: s
 * is empty, and gets the fields as well.  NULL with the fault (502) where it
 * cannot be used at all.
 */
be_result_t *be_llm_answer(const be_page_t *pg, be_schema_t *s, int automatic,
    const char *body, size_t len, be_fault_t *f);

#endif
