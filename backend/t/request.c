/*
 * The body of POST /ocr/fields: what is taken, and which member is named where
 * it is refused.
 */

#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "request.h"
#include "schema.h"
#include "tap.h"


#define FIELDS  "\"fields\":[{\"name\":\"a\"}]"
#define IMAGE   "\"image\":\"http://a.example/x.png\""


/* A 16 by 16 GIF's head. */

#define GIF     "R0lGODlhEAAQAAAAACwAAAAAEAAQAAAA"


/* The member at fault, "-" where none is named, "" for a request that is
 * good; the caller looks into *r, and frees it. */

static const char *
parse(const char *body, be_request_t *r, char *message)
{
    be_fault_t   f = { 0 };
    static char  field[128];
    const char  *s;

    message[0] = field[0] = '\0';

    if (be_request_parse(body, strlen(body), 0, r, &f) != 0) {
        s = json_string_value(json_object_get(f.details, "field"));
        snprintf(field, sizeof(field), "%s", s ? s : "-");
        snprintf(message, sizeof(f.message), "%s", f.message);
        ok(f.status == 400 || f.status == 422, "a client's fault");
    }

    be_fault_free(&f);

    return field;
}


static void
test_refused(void)
{
    size_t        i;
    char          message[320];
    be_request_t  r;

    static const struct {
        const char  *body;
        const char  *field;
        const char  *says;
    } bad[] = {
        { "[]", "-", "must be a JSON object" },
        { "7", "-", "" },
        { "{" IMAGE "}", "fields", "Send fields" },
        { "{\"fields\":null,\"autoFields\":false," IMAGE "}", "fields",
          "Send fields" },
        { "{\"autoFields\":1," IMAGE "}", "autoFields", "true or false" },
        { "{\"autoFields\":\"true\"," IMAGE "}", "autoFields", "" },
        { "{\"templateId\":7," IMAGE "}", "templateId", "a string" },
        { "{\"template_id\":[]," IMAGE "}", "templateId", "a string" },
        { "{" FIELDS ",\"prompt\":7," IMAGE "}", "prompt", "a string" },
        { "{" FIELDS ",\"languageHints\":\"de\"," IMAGE "}",
          "languageHints", "an array" },
        { "{" FIELDS ",\"languageHints\":[\"de\",1]," IMAGE "}",
          "languageHints", "strings" },
        { "{" FIELDS ",\"languageHints\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
          "1]," IMAGE "}", "languageHints", "at most 16" },
        { "{" FIELDS "}", "image", "must be a string" },
        { "{" FIELDS ",\"image\":7}", "image", "must be a string" },
        { "{" FIELDS ",\"image\":\"\"}", "image", "must be a string" },
        { "{" FIELDS ",\"imageType\":7," IMAGE "}", "imageType", "" },
        { "{" FIELDS ",\"imageType\":\"file\"," IMAGE "}", "imageType", "" },
        { "{" FIELDS ",\"imageType\":\"url\",\"image\":\"ftp://x\"}",
          "image", "begin with http" },
        { "{" FIELDS ",\"image\":\"data:\"}", "-", "data: URI" },
        { "{" FIELDS ",\"image\":\"data:,abc\"}", "-", "data: URI" },
        { "{" FIELDS ",\"image\":\"data:image/gif,abcdefgh\"}", "-",
          "data: URI" },
        { "{" FIELDS ",\"image\":\"R0l*ODlh\"}", "-", "character 4" },
        { "{" FIELDS ",\"image\":\"data:x/y;base64,R0l*\"}", "-",
          "character 20" },
        { "{" FIELDS ",\"image\":\"R0lGODlh\"}", "-", "not a JPEG" },
        { "{" FIELDS ",\"imageType\":\"base64\"," IMAGE "}", "-",
          "base64" },
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is(parse(bad[i].body, &r, message), bad[i].field, bad[i].body);
        ok(strstr(message, bad[i].says) != NULL, "  and says why");
        be_request_free(&r);
    }
}


static void
test_taken(void)
{
    char          message[320];
    be_request_t  r;

    is(parse("{" FIELDS ",\"image\":\"" GIF "\"}", &r, message), "",
       "base64 alone");
    ok(r.image_len == 24 && memcmp(r.image, "GIF89a", 6) == 0 && !r.url
       && !r.deprecated && r.hints == NULL && r.prompt == NULL, "is decoded");
    be_request_free(&r);

    is(parse("{" FIELDS ",\"image\":\"DATA:image/gif;BASE64," GIF "\","
             "\"image_type\":\"base64\"}", &r, message), "", "a data: URI");
    ok(r.image_len == 24 && r.deprecated, "is decoded; an old name");
    be_request_free(&r);

    is(parse("{\"autoFields\":true,\"templateId\":null,\"imageType\":\"url\","
             "\"languageHints\":[\"de\",\"en\"],\"prompt\":\"Look\","
             "\"image\":\"HTTPS://a.example/x\"}", &r, message), "",
       "a URL, fields found by itself");
    ok(r.fields == NULL && json_array_size(r.hints) == 2, "with hints");
    is(r.prompt, "Look", "a prompt");
    is(r.url, "HTTPS://a.example/x", "the URL");
    be_request_free(&r);

    is(parse("{" FIELDS ",\"template_id\":\"no such\",\"prompt\":null,"
             IMAGE "}", &r, message), "", "fields win over a template");
    ok(json_array_size(r.fields) == 1 && r.deprecated, "which is not sought");
    be_request_free(&r);
}


/* An image and a URL that are longer than any. */

static void
test_long(void)
{
    char         *s, message[320];
    size_t        i, n = 28 * 1024 * 1024 + 100;
    be_request_t  r;

    for (i = 0; i < 3; i++) {
        s = be_alloc(n + 100);
        n = (size_t) sprintf(s, i == 0 ? "{" FIELDS ",\"image\":\""
                             : i == 1 ? "{" FIELDS ",\"image\":\"https://"
                             : "{" FIELDS "," IMAGE ",\"prompt\":\"");
        memset(s + n, 'A', i == 0 ? 28u * 1024 * 1024 : 20000);
        strcpy(s + n + (i == 0 ? 28u * 1024 * 1024 : 20000), "\"}");

        is(parse(s, &r, message), i == 0 ? "-" : i == 1 ? "image" : "prompt",
           i == 0 ? "an image" : i == 1 ? "a URL" : "a prompt");
        ok(strstr(message, i == 0 ? "20 MB" : "longer than") != NULL,
           "is too long");
        be_request_free(&r);
        free(s);
        n = 30000;
    }
}


static void
test_fields(void)
{
    size_t       i;
    json_t      *a;
    be_fault_t   f;
    be_schema_t  s;

    static const struct {
        const char  *fields;
        const char  *at;             /* NULL: it is good */
    } all[] = {
        { "7", "f" }, { "[]", "f" }, { "[7]", "f[0]" }, { "[{}]", "f[0].name" },
        { "[{\"name\":7}]", "f[0].name" }, { "[{\"name\":\"\"}]", "f[0].name" },
        { "[{\"name\":\"a\\u0001\"}]", "f[0].name" },
        { "[{\"name\":\"a\\u007f\"}]", "f[0].name" },
        { "[{\"name\":\"a\\u0085\"}]", "f[0].name" },
        { "[{\"name\":\"a\\u00a0\"}]", NULL },
        { "[{\"name\":\"field_bboxes\"}]", "f[0].name" },
        { "[{\"name\":\"a\"},{\"name\":\"a\"}]", "f[1].name" },
        { "[{\"name\":\"a\",\"type\":7}]", "f[0].type" },
        { "[{\"name\":\"a\",\"type\":null}]", "f[0].type" },
        { "[{\"name\":\"a\",\"type\":\"date\"}]", "f[0].type" },
        { "[{\"name\":\"a\",\"description\":null}]", NULL },
        { "[{\"name\":\"a\",\"description\":7}]", "f[0].description" },
        { "[{\"name\":\"a\",\"children\":null}]", NULL },
        { "[{\"name\":\"a\",\"children\":[{\"name\":\"b\"}]}]",
          "f[0].children" },
        { "[{\"name\":\"a\",\"type\":\"array\"}]", "f[0].children" },
        { "[{\"name\":\"a\",\"type\":\"array\",\"children\":[]}]",
          "f[0].children" },
        { "[{\"name\":\"a\",\"type\":\"array\",\"children\":[{\"name\":\"b\","
          "\"type\":\"array\"}]}]", "f[0].children[0].type" },
        { "[{\"name\":\"a\",\"type\":\"array\",\"children\":[{\"name\":\"b\","
          "\"type\":\"number\"}]}]", NULL },
    };

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        memset(&f, 0, sizeof(f));
        a = json_loads(all[i].fields, JSON_DECODE_ANY, NULL);

        if (be_schema_parse(a, "f", &s, &f) == 0) {
            ok(all[i].at == NULL, all[i].fields);
            be_schema_free(&s);

        } else {
            is(json_string_value(json_object_get(f.details, "field")),
               all[i].at, all[i].fields);
        }

        be_fault_free(&f);
        json_decref(a);
    }

    memset(&f, 0, sizeof(f));
    a = json_pack("[{s:s,s:o}]", "name", "a", "description",
                  json_sprintf("%*s", 20000, ""));
    ok(be_schema_parse(a, "f", &s, &f) != 0, "a description of 20 kB");
    is(json_string_value(json_object_get(f.details, "field")),
       "f[0].description", "is too long");
    be_fault_free(&f);
    json_decref(a);
}


/* What is small as text and large in memory; and the largest of fields, which
 * is not too much. */

static void
test_many(void)
{
    int           i, j;
    char          message[320];
    be_buf_t      b = { 0 };
    be_request_t  r;

    be_buf_str(&b, "{" IMAGE ",\"fields\":[");

    for (i = 0; i < BE_MAX_FIELDS; i++) {
        be_buf_printf(&b, "%s{\"name\":\"%d\",\"type\":\"array\","
                      "\"description\":\"[{\\\"\",\"children\":[",
                      i ? "," : "", i);

        for (j = 0; j < BE_MAX_CHILDREN; j++) {
            be_buf_printf(&b, "%s{\"name\":\"%d\",\"type\":\"number\","
                          "\"description\":\"{,,,,\",\"children\":null}",
                          j ? "," : "", j);
        }

        be_buf_str(&b, "]}");
    }

    be_buf_str(&b, "]}");
    is(parse(b.data, &r, message), "", "the largest of fields");
    is(message, "", "is not too much");
    be_request_free(&r);

    b.len = 0;
    be_buf_str(&b, "{\"image\":[{}");
    for (i = 0; i < BE_MAX_VALUES / 2; i++) {
        be_buf_str(&b, ",{}");
    }
    be_buf_str(&b, "]}");

    is(parse(b.data, &r, message), "-", "an array of empty objects");
    ok(strstr(message, "more than 30000 values") != NULL, "is too much");
    be_request_free(&r);
    be_buf_free(&b);
}


static void
test_codes(void)
{
    is(be_fault_default(500), "internal_error", "500");
    is(be_fault_default(507), "internal_error", "a status of no code's own");
    is(be_fault_default(418), "bad_request", "and a client's");
}


int
main(void)
{
    test_codes();
    test_refused();
    test_taken();
    test_long();
    test_fields();
    test_many();

    return done();
}
