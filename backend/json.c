/*
 * A client's JSON, parsed once and with care.  Called by whoever takes a body.
 */

#include <string.h>

#include "json.h"


static int
be_json_depth(const char *s, size_t len)
{
    int     depth = 0, max = 0, quoted = 0;
    size_t  i;

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
            max = depth > max ? depth : max;
            break;
        case ']':
        case '}':
            depth--;
            break;
        default:
            break;
        }
    }

    return max;
}


json_t *
be_json_parse(const char *body, size_t len, be_fault_t *f)
{
    json_t        *root;
    json_error_t   err;

    if (len == 0) {
        be_fault(f, 400, "The request has no body; send JSON");
        return NULL;
    }

    if (be_json_depth(body, len) > BE_MAX_DEPTH) {
        be_fault(f, 400, "The JSON is nested deeper than %d levels",
                 BE_MAX_DEPTH);
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
