/*
 * JSON that clients send: the body of POST /ocr/fields, and FieldSpecs.  What
 * is accepted keeps the promises of request.h and schema.h.
 */

#include <string.h>

#include "base64.h"
#include "fuzz.h"
#include "json.h"
#include "request.h"


const char *const  be_fuzz_words[] = {
    "{", "}", "[", "]", "\"", ":", ",", "null", "true", "false", "-1e308",
    "\"fields\":", "\"templateId\":", "\"template_id\":", "\"autoFields\":",
    "\"image\":", "\"imageType\":", "\"languageHints\":", "\"prompt\":",
    "\"name\":", "\"type\":", "\"description\":", "\"children\":",
    "\"string\"", "\"number\"", "\"array\"", "\"url\"", "\"base64\"",
    "\"invoice\"", "\"receipt\"", "\"quote\"", "\"field_bboxes\"",
    "http://a/", "data:image/png;base64,", "iVBORw0KGgoAAAANSUhEUg",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "\\u0000", "\\ud800", "\xC3\xA9",
    "====", NULL
};


void
be_fuzz_seeds(void)
{
    be_fuzz_seed_text(
        "{\"templateId\":\"invoice\",\"image\":\"iVBORw0KGgoAAAANSUhEUgAAACAA"
        "AAAgCAAAAABWESUoAAAAFElEQVR4nGP4TwAwjCoYVTBSFQAAmdP8QR1sMCoAAAAASUVO"
        "RK5CYII=\",\"languageHints\":[\"de\",\"en\"],\"prompt\":\"x\"}");
    be_fuzz_seed_text(
        "{\"fields\":[{\"name\":\"total\",\"type\":\"number\",\"description\":"
        "\"with tax\"},{\"name\":\"rows\",\"type\":\"array\",\"children\":[{"
        "\"name\":\"a\"},{\"name\":\"b\",\"type\":\"string\"}]}],\"image\":"
        "\"https://example.com/a.png\",\"imageType\":\"url\"}");
    be_fuzz_seed_text(
        "{\"auto_fields\":true,\"image_type\":\"base64\",\"image\":\"data:"
        "image/gif;base64,R0lGODdhEAAQAIAAAAAAAP///ywAAAAAEAAQAAACDoSPqcvtD6O"
        "ctNqLsz4FADs=\",\"fields\":null,\"template_id\":null}");
}


static void
be_check_fields(const be_field_t *fd, int n, int max, int depth)
{
    int  i, k;

    be_fuzz_holds(n >= 1 && n <= max && depth < 2);

    for (i = 0; i < n; i++) {
        be_fuzz_holds(fd[i].name[0] != '\0');
        be_fuzz_holds(strlen(fd[i].name) <= 4 * BE_MAX_NAME);
        be_fuzz_holds(strcmp(fd[i].name, "field_bboxes") != 0);
        be_fuzz_holds(strlen(fd[i].description) <= BE_MAX_TEXT);

        for (k = 0; k < i; k++) {
            be_fuzz_holds(strcmp(fd[i].name, fd[k].name) != 0);
        }

        if (fd[i].type == BE_ARRAY) {
            be_check_fields(fd[i].children, fd[i].nchildren, BE_MAX_CHILDREN,
                            depth + 1);

        } else {
            be_fuzz_holds(fd[i].children == NULL && fd[i].nchildren == 0);
        }
    }
}


static void
be_check_schema(const json_t *fields, be_schema_t *s)
{
    int          rc;
    be_fault_t   f = { 0 };

    rc = be_schema_parse(fields, "fields", s, &f);
    be_fuzz_fault(&f, rc != 0);

    if (rc == 0) {
        be_check_fields(s->fields, s->nfields, BE_MAX_FIELDS, 0);
        be_schema_free(s);
    }
}


/* What is decoded, written again, is what was there. */

static void
be_check_base64(const uint8_t *data, size_t size)
{
    size_t          i, n, at;
    uint32_t        v;
    unsigned char  *out;
    static const char  chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
                                 "stuvwxyz0123456789+/";

    out = be_base64_decode((const char *) data, size, &n, &at);

    if (out == NULL) {
        be_fuzz_holds(at <= size);
        return;
    }

    be_fuzz_holds((n + 2) / 3 * 4 == size);

    for (i = 0; i < size; i++) {
        at = i / 4 * 3;
        v = (uint32_t) out[at] << 16;
        v |= at + 1 < n ? (uint32_t) out[at + 1] << 8 : 0;
        v |= at + 2 < n ? out[at + 2] : 0;

        if (data[i] != '=') {
            be_fuzz_holds(data[i] == chars[v >> (18 - 6 * (i & 3)) & 63]);
        }
    }

    free(out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc, llm;
    json_t        *root;
    be_fault_t     f = { 0 };
    be_schema_t    s;
    be_request_t   r;

    for (llm = 0; llm < 2; llm++) {
        rc = be_request_parse((const char *) data, size, llm, &r, &f);
        be_fuzz_fault(&f, rc != 0);

        if (rc == 0) {
            be_fuzz_holds((r.url == NULL) != (r.image == NULL));

            if (r.fields != NULL) {
                be_check_schema(r.fields, &s);
            }
        }

        be_request_free(&r);
    }

    root = be_json_parse((const char *) data, size, &f);
    be_fuzz_fault(&f, root == NULL);

    if (root != NULL) {
        be_check_schema(json_object_get(root, "fields"), &s);
        json_decref(root);
    }

    be_check_base64(data, size);

    return 0;
}
