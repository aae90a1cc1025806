/*
 * Answers of an OCR engine over HTTP, and pages on their way from one job to
 * the next, and what the rules make of them.
 */

#include <math.h>
#include <string.h>

#include "analyze.h"
#include "engine_http.h"
#include "fuzz.h"
#include "json.h"
#include "page_json.h"


const char *const  be_fuzz_words[] = {
    "{", "}", "[", "]", "\"", ":", ",", "null", "0", "-1", "1e308", "1e-308",
    "99999999999", "0.5", "\"width\":", "\"height\":", "\"units\":",
    "\"relative\"", "\"pixels\"", "\"language\":", "\"ja\"", "\"tokens\":",
    "\"text\":", "\"quad\":", "\"bbox\":", "\"xmin\":", "\"ymax\":", "\"x\":",
    "\"y\":", "\"confidence\":", "\"line\":", "\"symbols\":", "\"to_grid\":",
    "Total", "19.66", "\\u0041", "\xC3\xA4", "\xEF\xAC\x81", NULL
};


void
be_fuzz_seeds(void)
{
    be_fuzz_seed_text(
        "{\"width\":100,\"height\":100,\"tokens\":[{\"text\":\"To\",\"quad\":["
        "{\"x\":1,\"y\":1},{\"x\":9,\"y\":2},{\"x\":9,\"y\":6},{\"x\":1,\"y\":"
        "5}],\"symbols\":[{\"text\":\"T\",\"bbox\":{\"xmin\":1,\"ymin\":1,"
        "\"xmax\":5,\"ymax\":5}},{\"text\":\"o\",\"bbox\":{\"xmin\":5,\"ymin\""
        ":1,\"xmax\":9,\"ymax\":5}}],\"confidence\":0.9,\"line\":3},{\"text\":"
        "\"19.66\",\"bbox\":{\"xmin\":50,\"ymin\":1,\"xmax\":70,\"ymax\":5}}]}"
        );
    be_fuzz_seed_text(
        "{\"units\":\"relative\",\"language\":\"ja\",\"tokens\":[{\"text\":"
        "\"Total\",\"bbox\":{\"xmin\":0.1,\"ymin\":0.2,\"xmax\":0.3,\"ymax\":"
        "0.25}},{\"text\":\"5.00\",\"bbox\":{\"xmin\":0.5,\"ymin\":0.2,"
        "\"xmax\":0.6,\"ymax\":0.25}}]}");
    be_fuzz_seed_text(
        "{\"width\":1000.0,\"height\":1400.0,\"confidence\":90.0,\"language\""
        ":\"eng\",\"to_grid\":[1.0,0.0,0.0,0.0,0.714,0.0],\"tokens\":[["
        "\"Total:\",90.0,0,10.0,10.0,50.0,20.0,[0,1,10.0,18.0,1,2,18.0,26.0]],"
        "[\"19.66\",80.0,0,60.0,10.0,140.0,20.0,[]]],\"warnings\":[{\"code\":"
        "\"x\"}]}");
}


static void
be_try_rules(const be_page_t *pg)
{
    json_t      *answer, *fields, *warnings = json_array();
    be_fault_t   f = { 0 };

    fields = be_template("invoice", 0, &f);
    answer = be_analyze_page(be_rules(), pg, fields, warnings, &f);
    be_fuzz_fault(&f, answer == NULL);
    json_decref(answer);
    json_decref(fields);

    answer = be_analyze_page(be_rules(), pg, NULL, warnings, &f);
    be_fuzz_fault(&f, answer == NULL);
    json_decref(answer);
    json_decref(warnings);
}


/* Words lie on the page, and a page that is packed comes out as it was. */

static void
be_check_page(const be_page_t *pg)
{
    int          i, k;
    char        *text;
    json_t      *o, *p;
    be_page_t    again;
    const be_token_t  *a, *b;

    for (i = 0; i < pg->ntokens; i++) {
        a = &pg->tokens[i];
        be_fuzz_holds(a->box.x0 >= -0.01 && a->box.x1 <= pg->width + 0.01
                      && a->box.x0 <= a->box.x1 && a->box.y0 <= a->box.y1
                      && a->box.y0 >= -0.01 && a->box.y1 <= pg->height + 0.01);
        be_fuzz_holds(a->text[0] != '\0' && a->line >= 0);

        for (k = 0; k < a->nsymbols; k++) {
            be_fuzz_holds(a->symbols[k].from >= 0 && a->symbols[k].from
                          < a->symbols[k].to && a->symbols[k].to
                          <= (int) strlen(a->text));
        }
    }

    o = be_page_pack(pg, NULL);
    text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    p = text ? json_loads(text, 0, NULL) : NULL;
    be_fuzz_holds(p != NULL && be_page_unpack(p, &again, NULL) == 0);
    be_fuzz_holds(again.ntokens == pg->ntokens);

    for (i = 0; i < pg->ntokens; i++) {
        a = &pg->tokens[i];
        b = &again.tokens[i];
        be_fuzz_holds(strcmp(a->text, b->text) == 0 && a->line == b->line
                      && a->nsymbols == b->nsymbols
                      && memcmp(&a->box, &b->box, sizeof(a->box)) == 0);
    }

    be_page_free(&again);
    json_decref(o);
    json_decref(p);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          rc;
    json_t      *o, *warnings = json_array();
    be_page_t    pg;
    be_fault_t   f = { 0 };

    rc = be_engine_parse((const char *) data, size, 200, 200, &pg, &f);
    be_fuzz_fault(&f, rc != 0);

    if (rc == 0) {
        be_check_page(&pg);
        be_try_rules(&pg);
    }

    be_page_free(&pg);

    o = be_json_answer((const char *) data, size, &f);
    be_fuzz_fault(&f, o == NULL);

    if (o != NULL) {
        if (be_page_unpack(o, &pg, warnings) == 0) {
            be_try_rules(&pg);
        }
        be_page_free(&pg);
    }

    json_decref(o);
    json_decref(warnings);

    return 0;
}
