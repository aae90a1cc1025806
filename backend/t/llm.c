/*
 * The LLM extractor and pages as JSON: what is asked, and what is made of
 * bytes that may be anything.
 */

#include <stdlib.h>

#include "buf.h"
#include "engine_http.h"
#include "llm.h"
#include "match.h"
#include "page_json.h"
#include "tap.h"


static be_page_t    page;
static be_schema_t  schema;


static void
setup(void)
{
    int           i;
    json_t       *a;
    be_fault_t    f = { 0 };

    page.to_grid = be_affine_identity();
    page.width = page.height = 1000;
    snprintf(page.language, sizeof(page.language), "eng");
    be_page_add(&page, "Total:", (be_box_t) { 10, 10, 50, 20 }, 90, 0);
    be_page_add(&page, "\xC2\xA3" "1,960.00", (be_box_t) { 60, 10, 140, 20 },
                90, 0);
    be_page_add(&page, "Acme", (be_box_t) { 10, 40, 50, 50 }, 90, 1);
    be_page_add(&page, "GmbH", (be_box_t) { 55, 40, 95, 50 }, 90, 1);

    for (i = 0; i < 9; i++) {
        be_token_symbol(&page.tokens[1], i ? i + 1 : 0, i + 2,
                        (be_box_t) { 60 + i * 8, 10, 68 + i * 8, 20 });
    }

    a = json_loads("[{\"name\":\"total\"},{\"name\":\"vendor\"},"
                   "{\"name\":\"rows\",\"type\":\"array\","
                   "\"children\":[{\"name\":\"a\"}]}]", 0, NULL);
    ok(be_schema_parse(a, "fields", &schema, &f) == 0, "the schema is valid");
    json_decref(a);
}


/* The results of a message of the model, or NULL. */

static be_result_t *
answer(const char *content)
{
    char         *body;
    json_t       *o;
    be_fault_t    f = { 0 };
    be_result_t  *r;

    o = json_pack("{s:[{s:{s:s}}]}", "choices", "message", "content", content);
    body = json_dumps(o, 0);
    json_decref(o);

    r = be_llm_answer(&page, &schema, 0, body, strlen(body), &f);
    free(body);
    be_fault_free(&f);

    return r;
}


static void
finish(be_result_t *r)
{
    int  i;

    for (i = 0; r != NULL && i < schema.nfields; i++) {
        be_result_free(&r[i], &schema.fields[i]);
    }

    free(r);
}


static void
total(const char *content, const char *text, const char *source, double x0,
    const char *what)
{
    be_match_t    m = { 0 };
    be_claims_t   claims = { 0 };
    be_result_t  *r = answer(content);

    is(r ? r[0].value.text : "", text, what);

    if (r != NULL && r[0].value.text != NULL) {
        be_match(&page, &r[0].value, &claims, &m);
        is(m.source, source, what);
        ok(m.found == (x0 >= 0) && (!m.found || m.quad.p[0].x == x0), what);
    }

    be_claims_free(&claims);
    finish(r);
}


/* An answer that cannot be used, and what the fault says of it. */

static void
whole(const char *body, const char *says)
{
    be_fault_t  f = { 0 };

    ok(be_llm_answer(&page, &schema, 0, body, strlen(body), &f) == NULL
       && strstr(f.message, says) != NULL, body);
    be_fault_free(&f);
}


static void
test_answer(void)
{
    be_result_t  *r;

    total("{\"total\":{\"value\":\"1,960.00\",\"token_ids\":[1]}}",
          "1,960.00", "token_id_hybrid", 68, "a part of a word, by symbols");
    total("{\"total\":{\"value\":1960,\"token_ids\":[0,1]}}",
          "1,960.00", "token_id_hybrid", 68, "a number as it is printed");
    total("{\"total\":{\"value\":1960.0,\"token_ids\":[7]}}",
          "1960", "low_confidence", 60, "a number without its words");
    total("{\"total\":{\"value\":\"Total:\",\"token_ids\":[0,0,0]}}",
          "Total:", "token_id", 10, "an id that is said thrice is one");
    total("{\"total\":{\"value\":\"QQQQ\",\"token_ids\":[0]}}",
          "QQQQ", "low_confidence", -1, "what is nowhere has no place");
    total("{\"total\":{\"value\":\"   \",\"token_ids\":[0]}}",
          NULL, NULL, -1, "spaces are nothing");
    total("{\"total\":{\"token_ids\":[0]}}", NULL, NULL, -1, "no value");
    total("{\"fields\":{\"total\":3}}", NULL, NULL, -1, "a level too deep");
    total("```\n{\"total\":\"Acme GmbH\"}\n```", "Acme GmbH",
          "vision_symbol_match", 10, "a fence without a language");

    r = answer("{\"rows\":{\"rows\":[{\"a\":\"Acme\"}]}}");
    ok(r != NULL && r[2].nrows == 1, "rows within an object");
    finish(r);

    total("{\"total\":{\"value\":7.5123,\"token_ids\":[7]}}",
          "7.5123", "low_confidence", -1, "a fraction, in its shortest form");
    total("{\"total\":{\"value\":0.30000000000000004}}",
          "0.30000000000000004", "low_confidence", -1, "a long one");
    total("{\"total\":{\"value\":1961,\"token_ids\":[1]}}", "1961",
          "low_confidence", 60, "a number that is another one");
    total("{\"total\":{\"value\":\"Acme\",\"token_ids\":[-1,\"2\",99]}}",
          "Acme", "vision_symbol_match", 10, "ids that are none");

    r = answer("{\"rows\":[7,{\"a\":\"Acme\"},null,[]]}");
    ok(r != NULL && r[2].nrows == 1, "rows that are objects");
    finish(r);

    r = answer("{\"rows\":{\"value\":[{\"a\":\"Acme\"},{\"a\":1}]}}");
    ok(r != NULL && r[2].nrows == 2, "rows as a value");
    finish(r);

    whole("{\"choices\":[{\"message\":{\"refusal\":\"No\"}}]}", "a refusal");
    whole("{\"choices\":[{\"finish_reason\":\"length\",\"message\":{"
          "\"content\":\"{}\"}}]}", "cut off");
    whole("{\"choices\":[{\"message\":{\"refusal\":null}}]}", "no message");
    whole("{\"choices\":[]}", "no message");
    whole("<html>", "not JSON");

    ok(answer("```") == NULL, "a fence alone");
    ok(answer("```json") == NULL, "a fence and a word");
    ok(answer("") == NULL, "an empty message");
    ok(answer("{\"total\":1,\"total\":2}") == NULL, "a name that is twice");
}


static void
test_request(void)
{
    char        *s;
    json_t      *o;
    const char  *user;

    s = be_llm_request(&page, &schema, "line one\nline two", "m");
    o = json_loads(s, 0, NULL);
    user = json_string_value(json_object_get(json_array_get(
               json_object_get(o, "messages"), 1), "content"));
    ok(user && strstr(user, "\n0:Total: 1:\xC2\xA3" "1,960.00\n2:Acme 3:GmbH"
                            "\nPAGE-") != NULL, "lines of id:text");
    ok(user && strstr(user, "line one line two\n"), "the prompt is one line");
    json_decref(o);
    free(s);

    s = be_llm_request(&page, NULL, NULL, "m");
    ok(s && strstr(s, "4 to 8 fields") != NULL, "a choice of its own");
    free(s);
}


/* Every beginning of an answer, and every byte of it changed. */

static void
test_bytes(void)
{
    char          *copy;
    size_t         i, n;
    be_page_t      pg;
    be_fault_t     f = { 0 };
    be_result_t   *r;
    static const char  llm[] =
        "{\"choices\":[{\"message\":{\"content\":\"{\\\"total\\\":{\\\"value"
        "\\\":\\\"Acme\\\",\\\"token_ids\\\":[2]},\\\"rows\\\":[{\\\"a\\\":1}"
        "]}\"}}]}";
    static const char  ocr[] =
        "{\"width\":100,\"height\":100,\"tokens\":[{\"text\":\"ab\",\"quad\":"
        "[{\"x\":1,\"y\":1},{\"x\":9,\"y\":1},{\"x\":9,\"y\":5},{\"x\":1,"
        "\"y\":5}],\"symbols\":[{\"text\":\"a\",\"bbox\":{\"xmin\":1,\"ymin\""
        ":1,\"xmax\":5,\"ymax\":5}},{\"text\":\"b\",\"bbox\":{\"xmin\":5,"
        "\"ymin\":1,\"xmax\":9,\"ymax\":5}}]}]}";
    static const char  with[] = "\"{}[]:,0-z\xFF\\ ";
    size_t             k, lengths[2] = { sizeof(llm) - 1, sizeof(ocr) - 1 };
    int                which;

    for (which = 0; which < 2; which++) {
        n = lengths[which];

        for (i = 0; i < 2 * n * (sizeof(with) - 1); i++) {
            copy = be_strndup(which ? ocr : llm, n);
            k = i % n;
            copy[k] = with[i / n % (sizeof(with) - 1)];

            /* the second half: cut as well */

            k = i < n * (sizeof(with) - 1) ? n : (k * 7 + i) % (n + 1);

            if (which) {
                (void) be_engine_parse(copy, k, 100, 100, &pg, &f);
                be_page_free(&pg);

            } else {
                r = be_llm_answer(&page, &schema, 0, copy, k, &f);
                finish(r);
            }

            be_fault_free(&f);
            free(copy);
        }
    }

    ok(1, "no bytes do harm");
}


static void
test_pack(void)
{
    json_t     *o, *w, *more;
    be_page_t   pg;

    w = json_pack("[{s:s}]", "code", "x");
    more = json_array();
    o = be_page_pack(&page, w);

    ok(be_page_unpack(o, &pg, more) == 0, "a page goes and comes");
    ok(pg.ntokens == 4 && pg.tokens[1].nsymbols == 9
       && pg.tokens[1].symbols[3].from == 4
       && pg.tokens[1].symbols[3].box.x0 == 84, "with its symbols");
    is(pg.ntokens ? pg.tokens[3].text : NULL, "GmbH", "and words");
    ok(json_array_size(more) == 1, "and warnings");
    be_page_free(&pg);
    json_decref(o);

    o = json_loads("{\"tokens\":[[\"\",90,99999999999.0,1,1,2,2,[-1e300,1,1,2"
                   "]],[1]],\"to_grid\":[1,0,0,0,1,0]}", 0, NULL);
    ok(be_page_unpack(o, &pg, more) == 0 && pg.ntokens == 2, "odd words");
    is(pg.ntokens ? pg.tokens[0].text : NULL, "?", "have a text");
    ok(pg.ntokens && pg.tokens[0].line == 0 && pg.tokens[0].nsymbols == 1
       && pg.tokens[0].symbols[0].from == 0, "and numbers that fit");
    be_page_free(&pg);
    json_decref(o);

    o = json_object();
    ok(be_page_unpack(o, &pg, more) != 0, "what is no page is none");
    be_page_free(&pg);

    json_decref(o);
    json_decref(w);
    json_decref(more);
}


int
main(void)
{
    setup();
    test_answer();
    test_request();
    test_bytes();
    test_pack();

    be_schema_free(&schema);
    be_page_free(&page);

    return done();
}
