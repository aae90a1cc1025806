#ifndef BE_JSON_H
#define BE_JSON_H

#include <jansson.h>

#include "fault.h"

#define BE_MAX_DEPTH   32
#define BE_MAX_VALUES  30000     /* the largest of fields have 26,000 */

/*
 * A client's JSON: an object, at most BE_MAX_DEPTH levels deep, of at most
 * BE_MAX_VALUES values, no name twice.  Depth and values are counted before:
 * jansson recurses for each level, and makes 80 times as much of "{},".  A new
 * reference, or NULL with the fault set (400 bad_request).
 */
json_t *be_json_parse(const char *body, size_t len, be_fault_t *f);

/* The answer of a service of the operator's own: as many values as its bytes
 * may have. */
json_t *be_json_answer(const char *body, size_t len, be_fault_t *f);

/*
 * The string of a member: *out is NULL where it is absent or null.  Returns
 * -1 with the fault (400 validation_failed) where it is something else, or is
 * longer than max bytes, or holds a NUL.
 */
int be_json_string(const json_t *root, const char *name, size_t max,
    const char **out, be_fault_t *f);

#endif
