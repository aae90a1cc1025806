#ifndef BE_ANSWER_H
#define BE_ANSWER_H

#include "extract.h"

/* {"status":"success","data":{...}} and warnings, if there are any. */
json_t *be_answer(const be_schema_t *s, const be_result_t *r,
    json_t *warnings);

#endif
