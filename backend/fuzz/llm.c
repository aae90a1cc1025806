/*
 * Answers of an LLM, to a page that is there: the first byte chooses between
 * given fields and those of its own, the rest is the body, or, where that is
 * no chat completion, its message.
 */

#include <string.h>

#include "analyze.h"
#include "auto.h"
#include "fuzz.h"
#include "llm.h"
#include "text.h"


const char *const  be_fuzz_words[] = {
    "{", "}", "[", "]", "\"", ":", ",", "null", "1", "1960", "1e300", "-1",
    "\"choices\":", "\"message\":", "\"content\":", "\"refusal\":",
    "\"finish_reason\":", "\"length\"", "\"value\":", "\"token_ids\":",
    "\"rows\":", "\"fields\":", "\"name\":", "\"total\":", "\"vendor\":",
    "[0,1,2]", "[3]", "99999999999", "```json\\n", "```", "\\u00a3",
    "1,960.00", "Acme GmbH", "2026-01-05", "05.01.2026", "\\ufb01", NULL
};

static be_page_t    be_page;
static be_schema_t  be_schema;


static void
be_setup(void)
{
    int  i;
    static const char *const  words[] = {
        "Acme", "GmbH", "Invoice", "No.", "4711", "Date:", "05.01.2026",
        "Total:", "\xC2\xA3" "1,960.00", "ofi\xEF\xAC\x81""ce",
        "\xE5\x90\x88\xE8\xA8\x88", "(12,50)", "- -", "\xC3\x9F"
    };

    be_page.to_grid = be_affine_identity();
    be_page.width = be_page.height = 1000;

    for (i = 0; i < 14; i++) {
        be_page_add(&be_page, words[i], (be_box_t) { 10 + i * 60, 10 + i * 20,
                    60 + i * 60, 25 + i * 20 }, 90, i / 3);
    }

    be_fuzz_schema("[{\"name\":\"total\",\"type\":\"number\"},{\"name\":"
                   "\"vendor\"},{\"name\":\"date\",\"description\":\"ISO\"},"
                   "{\"name\":\"rows\",\"type\":\"array\",\"children\":[{"
                   "\"name\":\"a\"},{\"name\":\"b\"}]}]", &be_schema);
}


void
be_fuzz_seeds(void)
{
    be_fuzz_seed_text(
        "0{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":"
        "\"{\\\"total\\\":{\\\"value\\\":1960,\\\"token_ids\\\":[8]}}\"}}]}");
    be_fuzz_seed_text(
        "0{\"total\":{\"value\":\"1,960.00\",\"token_ids\":[7,8]},\"vendor\":"
        "{\"value\":\"Acme GmbH\",\"token_ids\":[0,1]},\"date\":{\"value\":"
        "\"2026-01-05\",\"token_ids\":[6]},\"rows\":[{\"a\":\"4711\",\"b\":"
        "{\"value\":12.5,\"token_ids\":[11]}},{\"a\":null}]}");
    be_fuzz_seed_text(
        "1{\"fields\":[{\"name\":\"Bestell-Nr.\",\"value\":\"4711\","
        "\"token_ids\":[4]},{\"name\":\"vendor\",\"value\":\"office\","
        "\"token_ids\":[9]}]}");
}


static void
be_run(int automatic, const char *body, size_t len)
{
    be_fault_t    f = { 0 };
    be_schema_t   own = { 0 }, *s = automatic ? &own : &be_schema;
    be_result_t  *r;

    r = be_llm_answer(&be_page, s, automatic, body, len, &f);
    be_fuzz_fault(&f, r == NULL);

    if (r != NULL) {
        be_fuzz_holds(!automatic || s->nfields <= BE_AUTO_MAX);
        be_fuzz_answer(&be_page, s, r);
        be_results_free(s, r);
    }

    be_schema_free(&own);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          automatic;
    char        *body = NULL;
    size_t       i;
    json_t      *o;

    if (be_page.ntokens == 0) {
        be_setup();
    }

    automatic = size && data[0] & 1;
    data += size != 0;
    size -= size != 0;

    be_run(automatic, (const char *) data, size);

    for (i = 0; i < size && data[i] != 0; i++) {
        /* text */
    }

    o = json_pack("{s:[{s:{s:s#}}]}", "choices", "message", "content", data,
                  (int) i);

    if (o != NULL) {
        body = json_dumps(o, JSON_COMPACT);
        be_run(automatic, body, strlen(body));
    }

    free(body);
    json_decref(o);

    return 0;
}
