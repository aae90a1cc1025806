/*
 * The JSON body of POST /ocr/fields, checked.  Called by the HTTP front.
 * Invariant: nothing is decoded here but base64; pictures are the workers'.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "imghead.h"
#include "json.h"
#include "request.h"
#include "schema.h"


#define BE_MAX_URL    4096
#define BE_MAX_HINTS  16


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


/* fields win over a templateId, and both over autoFields. */

static int
be_request_fields(const json_t *root, int llm, be_request_t *r, be_fault_t *f)
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
        r->fields = be_template(json_string_value(id), llm, f);
        if (r->fields == NULL) {
            return -1;
        }

    } else if (json_is_true(automatic)) {
        return 0;

    } else {
        return be_fault_field(f, "fields", "Send fields, a templateId, or"
                              " autoFields: true");
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
    if (r->image == NULL && at == SIZE_MAX) {
        return be_fault(f, 503, "Out of memory");
    }

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

    r->url = strdup(s);

    return r->url ? 0 : be_fault(f, 500, "Internal error");
}


static int
be_request_hints(const json_t *root, be_request_t *r, be_fault_t *f)
{
    size_t       i;
    json_t      *h;
    const char  *prompt;

    if (be_json_string(root, "prompt", BE_MAX_TEXT, &prompt, f) != 0) {
        return -1;
    }

    if (prompt != NULL && (r->prompt = strdup(prompt)) == NULL) {
        return be_fault(f, 500, "Internal error");
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
be_request_parse(const char *body, size_t len, int llm, be_request_t *r,
    be_fault_t *f)
{
    int      rc;
    json_t  *root;

    memset(r, 0, sizeof(*r));

    root = be_json_parse(body, len, f);
    if (root == NULL) {
        return -1;
    }

    rc = be_request_fields(root, llm, r, f);

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
    free(r->prompt);
    free(r->url);
    free(r->image);
    memset(r, 0, sizeof(*r));
}
