/*
 * The answer of an OCR engine over HTTP: what is a page of it, and what makes
 * it a failed reading.
 */

#include <math.h>

#include "engine_http.h"
#include "tap.h"


#define QUAD    "\"quad\":[{\"x\":10,\"y\":10},{\"x\":50,\"y\":10},"          \
                "{\"x\":50,\"y\":30},{\"x\":10,\"y\":30}]"
#define BBOX(a, b, c, d)                                                      \
    "\"bbox\":{\"xmin\":" a ",\"ymin\":" b ",\"xmax\":" c ",\"ymax\":" d "}"
#define TOKEN   "\"text\":\"Total\"," QUAD
#define ONE(t)  "{\"width\":100,\"height\":100,\"tokens\":[{" t "}]}"
#define SYM(t)  "{\"text\":\"" t "\"," QUAD "}"


static int
parse(const char *body, be_page_t *pg, be_fault_t *f)
{
    memset(f, 0, sizeof(*f));

    return be_engine_parse(body, strlen(body), 100, 100, pg, f);
}


static void
test_refused(void)
{
    size_t      i;
    be_page_t   pg;
    be_fault_t  f;

    static const struct {
        const char  *body;
        const char  *says;
    } bad[] = {
        { "[]", "not a JSON object" },
        { "{", "not a JSON object" },
        { "{\"width\":100,\"height\":100}", "tokens is not an array" },
        { "{\"units\":\"inch\",\"tokens\":[]}", "units" },
        { "{\"units\":7,\"tokens\":[]}", "units" },
        { "{\"tokens\":[]}", "width and height" },
        { "{\"width\":\"100\",\"height\":100,\"tokens\":[]}", "a page's size" },
        { "{\"width\":0,\"height\":100,\"tokens\":[]}", "a page's size" },
        { "{\"width\":100,\"height\":0,\"tokens\":[]}", "a page's size" },
        { "{\"width\":100001,\"height\":9,\"tokens\":[]}", "a page's size" },
        { "{\"width\":9,\"height\":100001,\"tokens\":[]}", "a page's size" },
        { "{\"width\":100,\"height\":50,\"tokens\":[]}", "the shape" },
        { "{\"width\":50,\"height\":100,\"tokens\":[]}", "the shape" },
        { ONE(QUAD), "has no text" },
        { ONE("\"text\":\"a\""), "has no quad or bbox" },
        { ONE("\"text\":\"a\",\"quad\":[]"), "has no quad or bbox" },
        { ONE("\"text\":\"a\",\"quad\":[1,2,3,4]"), "has no quad or bbox" },
        { ONE("\"text\":\"a\"," BBOX("-9", "1", "9", "9")), "on the page" },
        { ONE("\"text\":\"a\"," BBOX("1", "-9", "9", "9")), "on the page" },
        { ONE("\"text\":\"a\"," BBOX("1", "1", "109", "9")), "on the page" },
        { ONE("\"text\":\"a\"," BBOX("1", "1", "9", "109")), "on the page" },
        { ONE("\"text\":\"a\"," BBOX("9", "1", "1", "9")), "on the page" },
        { ONE("\"text\":\"a\"," BBOX("1", "9", "9", "1")), "on the page" },
        { ONE("\"text\":\"a\"," BBOX("\"1\"", "1", "9", "9")), "on the page" },
        { ONE(TOKEN ",\"confidence\":\"1\""), "a confidence" },
        { ONE(TOKEN ",\"confidence\":-0.1"), "a confidence" },
        { ONE(TOKEN ",\"confidence\":1.1"), "a confidence" },
        { ONE(TOKEN ",\"line\":\"1\""), "a line" },
        { ONE(TOKEN ",\"line\":-1"), "a line" },
        { ONE(TOKEN ",\"line\":1e7"), "a line" },
        { ONE(TOKEN ",\"symbols\":7"), "symbols" },
        { ONE(TOKEN ",\"symbols\":[7]"), "symbols" },
        { ONE(TOKEN ",\"symbols\":[{\"text\":\"T\"}]"), "symbols" },
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(parse(bad[i].body, &pg, &f) != 0 && f.status == 502, bad[i].body);
        ok(strstr(f.message, bad[i].says) != NULL, "  and says why");
        be_fault_free(&f);
        be_page_free(&pg);
    }
}


static void
test_symbols(void)
{
    size_t      i;
    be_page_t   pg;
    be_fault_t  f;

    static const struct {
        const char  *symbols;
        int          n;
    } all[] = {
        { "null", 0 }, { "[]", 0 },
        { "[" SYM("T") "," SYM("ot") "," SYM("al") "]", 3 },
        { "[" SYM("T") "," SYM("o") "]", 0 },
        { "[" SYM("T") "," SYM("x") "]", 0 },
        { "[" SYM("") "]", 0 },
    };

    char  body[1024];

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(body, sizeof(body), ONE(TOKEN ",\"symbols\":%s"),
                 all[i].symbols);
        ok(parse(body, &pg, &f) == 0 && pg.ntokens == 1
           && pg.tokens[0].nsymbols == all[i].n, all[i].symbols);
        be_fault_free(&f);
        be_page_free(&pg);
    }
}


static void
test_page(void)
{
    be_page_t   pg;
    be_fault_t  f;

    ok(parse("{\"units\":\"relative\",\"language\":\"ja-JP\",\"tokens\":[{"
             "\"text\":\"a\\tb\\u007f\"," BBOX("-0.01", "0.1", "1.01", "0.2")
             ",\"confidence\":0.5},{\"text\":\" \\n\","
             BBOX("0", "0", "1", "1") "}]}", &pg, &f) == 0, "relative units");
    is(pg.language, "jpn", "its language");
    ok(pg.ntokens == 1, "a word of blanks is none");
    is(pg.tokens[0].text, "a b ", "control characters are blanks");
    ok(fabs(pg.tokens[0].box.x0) < 1e-6
       && fabs(pg.tokens[0].box.x1 - 100) < 1e-6,
       "what is beside the page is put on it");
    ok(fabs(pg.confidence - 50) < 1e-3, "its confidence");
    be_page_free(&pg);

    /* a word without a width does not tell a tilt */

    ok(parse("{\"units\":\"pixels\",\"width\":200,\"height\":200,\"tokens\":["
             "{\"text\":\"a\"," BBOX("10", "10", "10", "30") "}]}", &pg, &f)
       == 0 && pg.ntokens == 1 && fabs(pg.width - 200) < 1e-6,
       "one word without a width");
    be_page_free(&pg);

    ok(parse("{\"width\":100,\"height\":100,\"tokens\":["
             "{\"text\":\"a\"," BBOX("10", "10", "10", "30") ",\"line\":4},"
             "{\"text\":\"b\"," BBOX("12", "10", "30", "30") "},"
             "{\"text\":\"c\"," BBOX("32", "12", "40", "31") "},"
             "{\"text\":\"d\"," BBOX("10", "50", "20", "70") "}]}", &pg, &f)
       == 0 && pg.ntokens == 4, "words beside each other");
    ok(pg.tokens[0].line == 4 && pg.tokens[1].line == 4
       && pg.tokens[2].line == 4 && pg.tokens[3].line == 5, "are a line");
    be_page_free(&pg);

    /* upside down, and by a quarter: the words run as they are read */

    ok(parse("{\"width\":100,\"height\":100,\"tokens\":[{\"text\":\"a\","
             "\"quad\":[{\"x\":50,\"y\":30},{\"x\":10,\"y\":30},"
             "{\"x\":10,\"y\":10},{\"x\":50,\"y\":10}]}]}", &pg, &f) == 0
       && fabs(pg.tokens[0].box.x0 - 50) < 1e-6
       && fabs(pg.tokens[0].box.y0 - 70) < 1e-6, "a page upside down");
    be_page_free(&pg);
}


int
main(void)
{
    test_refused();
    test_symbols();
    test_page();

    return done();
}
