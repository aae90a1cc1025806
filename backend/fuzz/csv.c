/*
 * What leaves a sheet: CSV cells, the name of the file, and rows that are cut
 * out of JSON as text.  A reader of RFC 4180 gets back the cells that were
 * written, and a cut row is what a parser makes of the same data.
 */

#include <string.h>

#include "fuzz.h"
#include "space/csv.h"
#include "space/cut.h"
#include "space/value.h"


const char *const  be_fuzz_words[] = {
    "\"", "\"\"", ",", "\r\n", "\n", "\r", "=1+1", "+", "-5", "@", "\t", ";",
    "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xFF", "\xC3\xA4", "{", "}", "[", "]",
    ":", "\"a\":", "\"field_bboxes\":", "\"rows\":[{", "\\\"", "\\\\", "null",
    "1.5e300", "\\u0041", "\xE2\x82\xAC", NULL
};


void
be_fuzz_seeds(void)
{
    be_fuzz_seed_text("a,b\n\"quoted\"\n=HYPERLINK(1)\n-5\n-x\n\t\n\xC3\xA9");
    be_fuzz_seed_text("{\"a\":\"x\",\"b\":[{\"c\":\"1\",\"field_bboxes\":{"
                      "\"c\":{\"bbox\":{\"xmin\":1}}}},{}],\"field_bboxes\":{"
                      "\"a\":{\"match_ratio\":0.5,\"vertices\":[{\"x\":1},2]}"
                      ",\"q\\\"\":1}}");
    be_fuzz_seed_text("{\"a\":null,\"q\\\"\":[1,\"]\",[],{\"x\":\"}\"}]}");
}


/* The cell at *s, as RFC 4180 has it, and a step over what ends it. */

static void
be_csv_read(const char **s, const char *end, be_buf_t *out)
{
    const char  *p = *s;

    out->len = 0;
    be_buf_str(out, "");

    if (p < end && *p == '"') {
        for (p++; ; p++) {
            be_fuzz_holds(p < end);

            if (*p == '"') {
                if (p + 1 == end || p[1] != '"') {
                    break;
                }
                p++;
            }

            be_buf_add(out, p, 1);
        }

        p++;

    } else {
        while (p < end && *p != ',') {
            be_fuzz_holds(strchr("\"\r\n", *p) == NULL);
            be_buf_add(out, p++, 1);
        }
    }

    be_fuzz_holds(p < end && *p == ',');
    *s = p + 1;
}


/* Nothing was added but apostrophes, at the start and behind what may part
 * cells; there nothing is computed but numbers. */

static void
be_csv_same(const char *have, const char *text)
{
    char         piece[200];
    size_t       n;
    double       num;
    const char  *s, *start = text;

    for ( /* void */ ; *text != '\0'; text++, have++) {
        if (text == start || strchr(";\t\r\n", text[-1]) != NULL) {
            s = text + strspn(text, "\"");
            n = strcspn(s, ";\t\r\n");

            if (*have != *text) {
                be_fuzz_holds(*have == '\'');
                have++;

            } else if (text != start && *s != '\0'
                       && strchr("=+-@", *s) != NULL)
            {
                be_fuzz_holds(n < sizeof(piece));
                memcpy(piece, s, n);
                piece[n] = '\0';
                be_fuzz_holds(be_value_number(piece, &num));
            }
        }

        be_fuzz_holds(*have == *text);
    }

    be_fuzz_holds(*have == '\0');
}


/* A cell, and another after it. */

static void
be_try_cell(const char *text)
{
    double       num;
    be_buf_t     csv = { 0 }, cell = { 0 };
    const char  *s, *have;

    be_csv_cell(&csv, text);
    be_buf_str(&csv, ",");
    be_csv_cell(&csv, "next");
    be_buf_str(&csv, ",");

    s = csv.data;
    be_csv_read(&s, csv.data + csv.len, &cell);
    have = cell.data;

    /* an apostrophe may stand before what would be computed */

    if (have[0] == '\'' && text[0] != '\'') {
        be_fuzz_holds(!be_value_number(text, &num));

    } else if (text[0] != '\0' && strchr("=+-@\t\r\n", text[0]) != NULL) {
        be_fuzz_holds(be_value_number(text, &num));
    }

    be_csv_same(have, text);

    be_csv_read(&s, csv.data + csv.len, &cell);
    be_fuzz_holds(strcmp(cell.data, "next") == 0);
    be_fuzz_holds(s == csv.data + csv.len);

    be_buf_free(&csv);
    be_buf_free(&cell);
}


static void
be_try_name(const char *name)
{
    char    *out;
    size_t   i;

    out = malloc(420);
    if (out == NULL) {
        abort();
    }

    be_csv_disposition(name, out, 420);
    be_fuzz_holds(strncmp(out, "attachment; filename=\"", 22) == 0);
    be_fuzz_holds(strcmp(out + strlen(out) - 4, ".csv") == 0);

    for (i = 0; out[i]; i++) {
        be_fuzz_holds(out[i] >= 0x20 && out[i] < 0x7F);
    }

    free(out);
}


static json_t *
be_cut(const char *data, const be_ask_t *ask, int boxes)
{
    json_t    *o;
    be_buf_t   b = { 0 };

    be_buf_str(&b, "{");
    be_cut_row(&b, data, ask, boxes);
    be_buf_str(&b, "}");
    o = b.data ? json_loadb(b.data, b.len, 0, NULL) : NULL;
    be_buf_free(&b);

    return o;
}


static int
be_wanted(const be_ask_t *ask, const char *name)
{
    int  i;

    for (i = 0; i < ask->nselect; i++) {
        if (strcmp(ask->select[i]->name, name) == 0) {
            return 1;
        }
    }

    return !ask->selects;
}


/* A value that has lost the boxes of its rows. */

static json_t *
be_bare(json_t *v)
{
    size_t   i;
    json_t  *copy = json_deep_copy(v), *row;

    if (json_is_object(json_array_get(copy, 0))) {
        for (i = 0; i < json_array_size(copy); i++) {
            row = json_array_get(copy, i);
            if (json_is_object(row)) {
                json_object_del(row, "field_bboxes");
            }
        }
    }

    return copy;
}


/* The same by a parser. */

static void
be_check_cut(json_t *o, const char *data, const be_ask_t *ask, int boxes)
{
    json_t      *want, *to, *from, *have, *v;
    const char  *name;

    want = json_object();
    to = json_object();
    json_object_set_new(want, "values", to);

    json_object_foreach(o, name, v) {
        if (strcmp(name, "field_bboxes") != 0 && be_wanted(ask, name)) {
            json_object_set_new(to, name, boxes ? json_incref(v)
                                                : be_bare(v));
        }
    }

    if (boxes) {
        to = json_object();
        json_object_set_new(want, "field_bboxes", to);
        from = json_object_get(o, "field_bboxes");

        if (json_is_object(from)) {
            json_object_foreach(from, name, v) {
                if (strcmp(name, "field_bboxes") != 0
                    && be_wanted(ask, name))
                {
                    json_object_set(to, name, v);
                }
            }
        }
    }

    have = be_cut(data, ask, boxes);
    be_fuzz_holds(json_equal(have, want));
    json_decref(have);
    json_decref(want);
}


static void
be_try_cut(const char *text)
{
    char       *data = NULL;
    json_t     *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    static be_ask_t  all, some;

    if (some.nselect == 0) {
        (void) be_ask_column(&some, 1, "a", json_object());
        (void) be_ask_column(&some, 2, "q\"", json_object());
        some.selects = 1;
        some.select[0] = &some.columns[0];
        some.select[1] = &some.columns[1];
        some.nselect = 2;
    }

    json_decref(be_cut(text, &all, 0));
    json_decref(be_cut(text, &some, 1));

    if (json_is_object(o)) {
        data = json_dumps(o, JSON_COMPACT);
        be_check_cut(o, data, &all, 0);
        be_check_cut(o, data, &all, 1);
        be_check_cut(o, data, &some, 0);
        be_check_cut(o, data, &some, 1);
    }

    free(data);
    json_decref(o);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *text, *line;
    be_fuzz_in_t   in = { data, data + size };

    text = be_fuzz_until(&in, '\0');
    be_try_cell(text);
    be_try_name(text);
    be_try_cut(text);
    free(text);

    in.p = data;

    while (in.p < in.end) {
        line = be_fuzz_until(&in, '\n');
        be_try_cell(line);
        be_try_name(line);
        free(line);
    }

    return 0;
}
