/*
 * The JSON body of POST /ocr/fields, checked.  Called by the HTTP front.
 * Invariant: nothing is decoded here but base64; pictures are the workers'.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "buf.h"
#include "imghead.h"
#include "request.h"
#include "schema.h"


#define BE_MAX_DEPTH  32
#define BE_MAX_URL    4096
#define BE_MAX_HINTS  16


/* jansson recurses for each level, so the depth is counted before. */

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


/* The member by its name, or by its old one. */

static json_t *
be_member(const json_t *root, const char *name, const char *old,
    be_request_t *r)
{
    json_t  *v, *o;

    v = json_object_get(root, name);
    o = json_object_get(root, old);

    if (o != NULL) {
        r->deprecated = 1;
    }

    v = v != NULL ? v : o;

    return json_is_null(v) ? NULL : v;
}


static int
be_request_fields(const json_t *root, be_request_t *r, be_fault_t *f)
{
    json_t       *fields, *id, *automatic;
    be_schema_t   s;

    fields = json_object_get(root, "fields");
    id = be_member(root, "templateId", "template_id", r);
    automatic = be_member(root, "autoFields", "auto_fields", r);

    if (automatic != NULL && !json_is_boolean(automatic)) {
        return be_fault_field(f, "autoFields", "autoFields must be true or"
                              " false");
    }

    if (id != NULL && !json_is_string(id)) {
        return be_fault_field(f, "templateId", "templateId must be a string");
    }

    if (fields != NULL && !json_is_null(fields)) {
        r->fields = json_incref(fields);

    } else if (id != NULL) {
        r->fields = be_template(json_string_value(id), f);
        if (r->fields == NULL) {
            return -1;
        }

    } else if (json_is_true(automatic)) {
        (void) be_fault_field(f, "autoFields", "autoFields is not available"
                              " in this version; send fields, or a templateId"
                              " (invoice, receipt)");
        json_object_set_new(f->details, "available",
                            json_pack("[s,s]", "invoice", "receipt"));
        return -1;

    } else {
        return be_fault_field(f, "fields", "Send fields, or a templateId"
                              " (invoice, receipt)");
    }

    if (be_schema_parse(r->fields, "fields", &s, f) != 0) {
        return -1;
    }

    be_schema_free(&s);

    return 0;
}


int
be_image_check(const unsigned char *p, size_t len, be_fault_t *f)
{
    const char    *err;
    be_imghead_t   h;

    err = be_imghead(p, len, &h);
    if (err != NULL) {
        return be_fault_code(f, 400, "invalid_image", "%s", err);
    }

    return 0;
}


static int
be_request_base64(const char *s, size_t len, be_request_t *r, be_fault_t *f)
{
    size_t       at, skip = 0;
    const char  *comma;

    if (len >= 5 && strncasecmp(s, "data:", 5) == 0) {
        comma = memchr(s, ',', len > 200 ? 200 : len);

        if (comma == NULL || comma - s < 12
            || strncasecmp(comma - 7, ";base64", 7) != 0)
        {
            return be_fault_code(f, 400, "invalid_image", "The data: URI must"
                                 " have the form data:image/...;base64,...");
        }

        skip = (size_t) (comma + 1 - s);
    }

    if ((len - skip) / 4 > BE_MAX_IMAGE / 3 + 1) {
        return be_fault_code(f, 400, "invalid_image",
                             "The image is larger than 20 MB");
    }

    r->image = be_base64_decode(s + skip, len - skip, &r->image_len, &at);
    if (r->image == NULL) {
        return be_fault_code(f, 400, "invalid_image", "The image is not valid"
                             " base64 (at character %zu)", skip + at + 1);
    }

    return be_image_check(r->image, r->image_len, f);
}


static int
be_request_image(const json_t *root, be_request_t *r, be_fault_t *f)
{
    int           web, url;
    size_t        len;
    json_t       *image, *type;
    const char   *s;

    image = json_object_get(root, "image");
    type = be_member(root, "imageType", "image_type", r);

    if (!json_is_string(image) || json_string_length(image) == 0) {
        return be_fault_field(f, "image", "image must be a string: base64, a"
                              " data: URI, or an http(s) URL");
    }

    s = json_string_value(image);
    len = json_string_length(image);
    web = strncasecmp(s, "http://", 7) == 0 || strncasecmp(s, "https://", 8)
                                               == 0;
    url = web;

    if (type != NULL) {
        if (json_is_string(type)
            && strcmp(json_string_value(type), "url") == 0)
        {
            url = 1;

        } else if (json_is_string(type)
                   && strcmp(json_string_value(type), "base64") == 0)
        {
            url = 0;

        } else {
            return be_fault_field(f, "imageType", "imageType must be \"url\""
                                  " or \"base64\"");
        }
    }

    if (!url) {
        return be_request_base64(s, len, r, f);
    }

    if (!web) {
        return be_fault_field(f, "image", "The URL of the image must begin"
                              " with http:// or https://");
    }

    if (len > BE_MAX_URL) {
        return be_fault_field(f, "image", "The URL of the image is longer"
                              " than %d characters", BE_MAX_URL);
    }

    r->url = be_strndup(s, len);

    return 0;
}


static int
be_request_hints(const json_t *root, be_request_t *r, be_fault_t *f)
{
    size_t   i;
    json_t  *h, *p;

    p = json_object_get(root, "prompt");

    if (p != NULL && !json_is_null(p)
        && (!json_is_string(p) || json_string_length(p) > BE_MAX_TEXT))
    {
        return be_fault_field(f, "prompt", "prompt must be a string of at"
                              " most %d bytes", BE_MAX_TEXT);
    }

    h = be_member(root, "languageHints", "language_hints", r);
    if (h == NULL) {
        return 0;
    }

    if (!json_is_array(h) || json_array_size(h) > BE_MAX_HINTS) {
        return be_fault_field(f, "languageHints", "languageHints must be an"
                              " array of at most %d strings", BE_MAX_HINTS);
    }

    for (i = 0; i < json_array_size(h); i++) {
        if (!json_is_string(json_array_get(h, i))) {
            return be_fault_field(f, "languageHints", "languageHints must be"
                                  " an array of strings");
        }
    }

    r->hints = json_incref(h);

    return 0;
}


int
be_request_parse(const char *body, size_t len, be_request_t *r,
    be_fault_t *f)
{
    int            rc;
    json_t        *root;
    json_error_t   err;

    memset(r, 0, sizeof(*r));

    if (len == 0) {
        return be_fault(f, 400, "The request has no body; send JSON");
    }

    if (be_json_depth(body, len) > BE_MAX_DEPTH) {
        return be_fault(f, 400, "The JSON is nested deeper than %d levels",
                        BE_MAX_DEPTH);
    }

    root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &err);
    if (root == NULL) {
        return be_fault(f, 400, "The body is not valid JSON: %s (line %d,"
                        " column %d)", err.text, err.line, err.column);
    }

    if (!json_is_object(root)) {
        json_decref(root);
        return be_fault(f, 400, "The body must be a JSON object");
    }

    rc = be_request_fields(root, r, f);

    if (rc == 0) {
        rc = be_request_hints(root, r, f);
    }

    if (rc == 0) {
        rc = be_request_image(root, r, f);
    }

    json_decref(root);

    return rc;
}


void
be_request_free(be_request_t *r)
{
    json_decref(r->fields);
    json_decref(r->hints);
    free(r->url);
    free(r->image);
    memset(r, 0, sizeof(*r));
}
