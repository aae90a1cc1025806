/*
 * A client's JSON, parsed once and with care.  Called by whoever takes a body.
 */

#include <stdint.h>
#include <string.h>

#include "json.h"


typedef struct {
    int     depth;               /* levels */
    size_t  values;              /* empty containers count twice */
} be_json_size_t;


/* How much there is, as far as it is JSON: each value but the first is the
 * first one in its container or stands behind a comma. */

static be_json_size_t
be_json_size(const char *s, size_t len)
{
    int             depth = 0, quoted = 0;
    size_t          i;
    be_json_size_t  size = { 0, 1 };

    for (i = 0; i < len; i++) {
        if (quoted) {
            if (s[i] == '\\') {
                i++;

            } else if (s[i] == '"') {
                quoted = 0;
            }

            continue;
        }

        switch (s[i]) {
        case '"':
            quoted = 1;
            break;
        case '[':
        case '{':
            depth++;
            size.depth = depth > size.depth ? depth : size.depth;
            size.values++;
            break;
        case ',':
            size.values++;
            break;
        case ']':
        case '}':
            depth--;
            break;
        default:
            break;
        }
    }

    return size;
}


static json_t *
be_json_load(const char *body, size_t len, size_t values, be_fault_t *f)
{
    json_t          *root;
    json_error_t     err;
    be_json_size_t   size;

    if (len == 0) {
        be_fault(f, 400, "The request has no body; send JSON");
        return NULL;
    }

    size = be_json_size(body, len);

    if (size.depth > BE_MAX_DEPTH) {
        be_fault(f, 400, "The JSON is nested deeper than %d levels",
                 BE_MAX_DEPTH);
        return NULL;
    }

    if (size.values > values) {
        be_fault(f, 400, "The JSON has more than %zu values", values);
        return NULL;
    }

    root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &err);
    if (root == NULL && json_error_code(&err) == json_error_out_of_memory) {
        be_fault(f, 503, "Out of memory");
        return NULL;
    }

    if (root == NULL) {
        be_fault(f, 400, "The body is not valid JSON: %s (line %d, column"
                 " %d)", err.text, err.line, err.column);
        return NULL;
    }

    if (!json_is_object(root)) {
        json_decref(root);
        be_fault(f, 400, "The body must be a JSON object");
        return NULL;
    }

    return root;
}


json_t *
be_json_parse(const char *body, size_t len, be_fault_t *f)
{
    return be_json_load(body, len, BE_MAX_VALUES, f);
}


json_t *
be_json_answer(const char *body, size_t len, be_fault_t *f)
{
    return be_json_load(body, len, SIZE_MAX, f);
}


int
be_json_string(const json_t *root, const char *name, size_t max,
    const char **out, be_fault_t *f)
{
    json_t  *v = json_object_get(root, name);

    *out = NULL;

    if (v == NULL || json_is_null(v)) {
        return 0;
    }

    if (!json_is_string(v)) {
        return be_fault_field(f, name, "%s must be a string", name);
    }

    if (json_string_length(v) > max) {
        return be_fault_field(f, name, "%s is longer than %zu bytes", name,
                              max);
    }

    *out = json_string_value(v);

    return 0;
}
