#ifndef BE_DRAWN_H
#define BE_DRAWN_H

/*
 * Pages of perfect words, and what the rules find on them.  A page is drawn
 * as text: each character takes 10 x 20 pixels.
 */

#include <stdlib.h>

#include "buf.h"
#include "extract.h"
#include "tap.h"


static be_page_t     page;
static be_schema_t   schema;
static be_result_t  *result;
static int           slip;


static void
draw(const char *const *lines)
{
    int          i;
    size_t       at, n;
    char         word[128];
    be_token_t  *t;

    memset(&page, 0, sizeof(page));
    page.to_grid = be_affine_identity();
    page.width = slip ? 500 : 800;
    page.height = 1000;
    snprintf(page.language, sizeof(page.language), "eng");

    for (i = 0; lines[i] != NULL; i++) {
        for (at = 0; lines[i][at]; at += n) {
            n = strcspn(lines[i] + at, " ");

            if (n == 0) {
                n = 1;
                continue;
            }

            snprintf(word, sizeof(word), "%.*s", (int) n, lines[i] + at);
            t = be_page_add(&page, word, (be_box_t) {
                                (double) at * 10, i * 30,
                                (double) (at + n) * 10, i * 30 + 20 },
                            95, i);
            be_token_symbol(t, 0, (int) n, t->box);
        }
    }
}


static void
extract(const char *fields, const char *const *lines)
{
    json_t      *a;
    be_fault_t   f = { 0 };

    draw(lines);
    a = fields[0] == '[' ? json_loads(fields, 0, NULL)
                         : be_template(fields, 0, &f);
    ok(be_schema_parse(a, "fields", &schema, &f) == 0, "the schema is valid");
    json_decref(a);

    result = be_alloc((size_t) schema.nfields * sizeof(be_result_t));
    be_rules()->extract(be_rules(), &page, &schema, result, &f);
}


static void
finish(void)
{
    int  i;

    for (i = 0; i < schema.nfields; i++) {
        be_result_free(&result[i], &schema.fields[i]);
    }

    free(result);
    be_schema_free(&schema);
    be_page_free(&page);
}


static inline void
field(const char *name, const char *want)
{
    int  i;

    for (i = 0; i < schema.nfields; i++) {
        if (strcmp(schema.fields[i].name, name) == 0) {
            is(result[i].value.text ? result[i].value.text : "", want, name);
        }
    }
}


static inline void
cell(const char *array, int row, int column, const char *want)
{
    int   i;
    char  what[64];

    snprintf(what, sizeof(what), "%s[%d][%d]", array, row, column);

    for (i = 0; i < schema.nfields; i++) {
        if (strcmp(schema.fields[i].name, array) == 0) {
            is(row < result[i].nrows ? result[i].rows[row][column].text
                                     : NULL, want, what);
        }
    }
}


static inline int
rows(const char *array)
{
    int  i;

    for (i = 0; i < schema.nfields; i++) {
        if (strcmp(schema.fields[i].name, array) == 0) {
            return result[i].nrows;
        }
    }

    return -1;
}

#endif
