/*
 * A page as JSON, as one job of a worker leaves it for the next.  It goes by
 * way of the front, which does not look into it.  Workers only.
 */

#include <string.h>

#include "page_json.h"


json_t *
be_page_pack(const be_page_t *pg, json_t *warnings)
{
    int                 i, k;
    json_t             *tokens, *t, *s;
    const be_token_t   *word;
    const be_affine_t  *m = &pg->to_grid;

    tokens = json_array();

    for (i = 0; i < pg->ntokens; i++) {
        word = &pg->tokens[i];
        s = json_array();

        for (k = 0; k < word->nsymbols; k++) {
            json_array_append_new(s, json_integer(word->symbols[k].from));
            json_array_append_new(s, json_integer(word->symbols[k].to));
            json_array_append_new(s, json_real(word->symbols[k].box.x0));
            json_array_append_new(s, json_real(word->symbols[k].box.x1));
        }

        t = json_pack("[s?,f,i,f,f,f,f,o]", word->text,
                      (double) word->confidence, word->line, word->box.x0,
                      word->box.y0, word->box.x1, word->box.y1, s);

        /* bytes that are no text spell nothing */

        if (t == NULL || json_is_null(json_array_get(t, 0))) {
            json_decref(t);
            t = json_pack("[s,f,i,f,f,f,f,[]]", "?", (double) word->confidence,
                          word->line, word->box.x0, word->box.y0, word->box.x1,
                          word->box.y1);
        }

        json_array_append_new(tokens, t);
    }

    return json_pack("{s:f,s:f,s:f,s:s,s:[f,f,f,f,f,f],s:o,s:O?}",
                     "width", pg->width, "height", pg->height,
                     "confidence", pg->confidence, "language", pg->language,
                     "to_grid", m->a, m->b, m->c, m->d, m->e, m->f,
                     "tokens", tokens, "warnings", warnings);
}


static double
be_num(const json_t *a, size_t i)
{
    return json_number_value(json_array_get(a, i));
}


static int
be_whole(const json_t *a, size_t i)
{
    double  v = be_num(a, i);

    return v > -1e9 && v < 1e9 ? (int) v : 0;
}


static void
be_token_unpack(const json_t *t, be_page_t *pg)
{
    size_t       i;
    json_t      *s;
    be_box_t     b;
    be_token_t  *k;
    const char  *text = json_string_value(json_array_get(t, 0));

    b = (be_box_t) { be_num(t, 3), be_num(t, 4), be_num(t, 5), be_num(t, 6) };
    /* each word has a text: a line of words has one */

    k = be_page_add(pg, text && *text ? text : "?", b, (float) be_num(t, 1),
                    be_whole(t, 2));
    s = json_array_get(t, 7);

    for (i = 0; i + 3 < json_array_size(s); i += 4) {
        b.x0 = be_num(s, i + 2);
        b.x1 = be_num(s, i + 3);
        be_token_symbol(k, be_whole(s, i), be_whole(s, i + 1), b);
    }
}


int
be_page_unpack(const json_t *o, be_page_t *pg, json_t *warnings)
{
    size_t       i;
    json_t      *tokens, *m;
    const char  *language;

    memset(pg, 0, sizeof(*pg));

    tokens = json_object_get(o, "tokens");
    m = json_object_get(o, "to_grid");
    language = json_string_value(json_object_get(o, "language"));

    if (!json_is_array(tokens) || json_array_size(m) != 6) {
        return -1;
    }

    pg->width = json_number_value(json_object_get(o, "width"));
    pg->height = json_number_value(json_object_get(o, "height"));
    pg->confidence = json_number_value(json_object_get(o, "confidence"));
    pg->to_grid = (be_affine_t) { be_num(m, 0), be_num(m, 1), be_num(m, 2),
                                  be_num(m, 3), be_num(m, 4), be_num(m, 5) };

    if (language != NULL) {
        strncpy(pg->language, language, sizeof(pg->language) - 1);
    }

    for (i = 0; i < json_array_size(tokens); i++) {
        be_token_unpack(json_array_get(tokens, i), pg);
    }

    json_array_extend(warnings, json_object_get(o, "warnings"));

    return 0;
}
