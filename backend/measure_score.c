/*
 * Compares answers with the truth, for backend-measure.
 *
 * A value is right when it is the same without case, spaces and punctuation;
 * amounts are compared as numbers, dates as days; a seller's name may carry
 * more than the truth.  It is exact when every character is the same.  A row
 * of a table is right when its amount is (where the truth has no amounts: its
 * description), and exact when all of its cells are that the truth has.
 *
 * The box of a right value is right when its middle lies within the true
 * words that the value is made of and that the box covers, or when the place
 * that the truth names lies in it.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "scan.h"
#include "text.h"


/* How far beyond a true box a middle may lie, on the grid of 1000. */

#define NEAR_X  6
#define NEAR_Y  3


static char *
plain(const char *s)
{
    char        *n = be_norm(s, strlen(s));
    be_buf_t     b = { 0 };
    uint32_t     cp;
    const char  *p = n, *end = n + strlen(n);

    be_buf_str(&b, "");
    while ((cp = be_utf8_next(&p, end)) != 0) {
        if (be_is_word(cp)) {
            be_utf8_add(&b, cp);
        }
    }

    free(n);

    return be_buf_take(&b);
}


static int
same_money(const char *want, const char *have)
{
    be_hit_t  x, y;

    return be_scan_money(want, 0, (int) strlen(want), &x)
           && be_scan_money(have, 0, (int) strlen(have), &y)
           && fabs(x.number - y.number) < 0.005;
}


static int
same_text(const char *want, const char *have, int more)
{
    int    rc;
    char  *a = plain(want), *b = plain(have);

    rc = strcmp(a, b) == 0
         || (more && strlen(a) > 4 && strncmp(b, a, strlen(a)) == 0);

    free(a);
    free(b);

    return rc;
}


static int
is_money(const char *field)
{
    return strcmp(field, "total") == 0 || strcmp(field, "tax") == 0
           || strcmp(field, "net") == 0 || strcmp(field, "subtotal") == 0;
}


static int
same(const char *field, const char *want, const char *have)
{
    be_hit_t  x, y;
    int       nw = (int) strlen(want), nh = (int) strlen(have);

    if (strstr(field, "date") != NULL) {
        return be_scan_date(want, 0, nw, &x) && be_scan_date(have, 0, nh, &y)
               && x.year == y.year && x.month == y.month && x.day == y.day;
    }

    if (is_money(field)) {
        return same_money(want, have);
    }

    /* a seller's name may carry more: "Au bon moulin SARL" */

    return same_text(want, have, strcmp(field, "vendor") == 0);
}


/* What the template calls a field of the truth. */

static const char *
name_of(const doc_t *d, const char *field)
{
    int  i, receipt = strcmp(d->kind, "receipt") == 0;
    static const char  *names[][3] = {
        { "vendor", "vendor", "store_name" },
        { "date", "invoice_date", "transaction_date" },
        { "address", NULL, "store_address" },
        { "total", "total", "total" },
        { "tax", "tax", "tax" },
        { "net", "subtotal", "subtotal" },
        { "subtotal", "subtotal", "subtotal" },
        { "invoice_no", "invoice_no", "receipt_no" }
    };

    for (i = 0; i < (int) (sizeof(names) / sizeof(names[0])); i++) {
        if (strcmp(names[i][0], field) == 0) {
            return names[i][1 + receipt];
        }
    }

    return json_object_get(d->doc, "templateId") != NULL ? field : NULL;
}


static mark_t *
new_mark(sheet_t *s, const char *field)
{
    mark_t  *m;

    s->v = be_grow(s->v, (size_t) (s->n + 1) * sizeof(mark_t));
    m = &s->v[s->n++];
    memset(m, 0, sizeof(*m));
    m->box_in = -1;
    snprintf(m->field, sizeof(m->field), "%s", field);

    return m;
}


static void
mark_box(mark_t *m, const json_t *box)
{
    int            i;
    const char    *source;
    const json_t  *p;

    if (box == NULL) {
        return;
    }

    m->has_box = 1;
    m->ratio = json_number_value(json_object_get(box, "match_ratio"));
    source = json_string_value(json_object_get(box, "bbox_source"));
    snprintf(m->source, sizeof(m->source), "%s", source);

    for (i = 0; i < 4; i++) {
        p = json_array_get(json_object_get(box, "vertices"), (size_t) i);
        m->quad.p[i].x = json_number_value(json_object_get(p, "x"));
        m->quad.p[i].y = json_number_value(json_object_get(p, "y"));
    }
}


static int
box_holds(const be_box_t *b, double x, double y)
{
    return x >= b->x0 - NEAR_X && x <= b->x1 + NEAR_X
           && y >= b->y0 - NEAR_Y && y <= b->y1 + NEAR_Y;
}


static void
check_box(mark_t *m, const be_page_t *truth, const json_t *place)
{
    int          i, part, found = 0;
    char        *word, *value;
    be_box_t     b, box, all = { 0 };

    if (!m->has_box || (truth->ntokens == 0 && place == NULL)) {
        return;
    }

    box = be_quad_hull(&m->quad);

    if (place != NULL) {
        m->box_in = box_holds(&box, json_number_value(json_array_get(place, 0)),
                              json_number_value(json_array_get(place, 1)));
        return;
    }

    value = plain(m->given);

    for (i = 0; i < truth->ntokens; i++) {
        b = truth->tokens[i].box;
        b.x0 *= 1000 / truth->width;
        b.x1 *= 1000 / truth->width;
        b.y0 *= 1000 / truth->height;
        b.y1 *= 1000 / truth->height;

        if (b.x0 >= box.x1 || box.x0 >= b.x1 || b.y0 >= box.y1
            || box.y0 >= b.y1)
        {
            continue;
        }

        word = plain(truth->tokens[i].text);
        part = word[0] && (strstr(value, word) || strstr(word, value));
        free(word);

        if (part) {
            all = found ? be_box_union(all, b) : b;
            found = 1;
        }
    }

    m->box_in = found && box_holds(&all, (box.x0 + box.x1) / 2,
                                   (box.y0 + box.y1) / 2);
    free(value);
}


static const char *
text_of(const char *field, const json_t *v, char *number, size_t size)
{
    if (json_is_integer(v) && !is_money(field)) {
        snprintf(number, size, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        return number;
    }

    if (json_is_number(v)) {
        snprintf(number, size, "%.2f", json_number_value(v));
        return number;
    }

    return json_string_value(v);
}


/* A value beside its truth; where that is "", there should be none. */

static void
score_field(sheet_t *s, const char *field, const char *want, const char *have,
    const json_t *box, const be_page_t *truth)
{
    mark_t  *m;

    if (want[0] == '\0' && have[0] == '\0') {
        return;
    }

    m = new_mark(s, field);
    m->truth = want[0] ? be_strdup(want) : NULL;
    m->given = be_strdup(have);
    m->exact = strcmp(want, have) == 0;
    m->verdict = !want[0] ? V_EXTRA : !have[0] ? V_MISSED
                 : same(field, want, have) ? V_RIGHT : V_WRONG;
    mark_box(m, box);

    if (m->verdict == V_RIGHT) {
        check_box(m, truth, json_object_get(s->doc->places, field));
    }
}


static void
score_fields(sheet_t *s, json_t *data, const be_page_t *truth)
{
    char         number[64];
    json_t      *v, *boxes = json_object_get(data, "field_bboxes");
    mark_t      *m;
    const char  *k, *name, *have, *want;

    json_object_foreach(s->doc->fields, k, v) {
        name = name_of(s->doc, k);
        want = text_of(k, v, number, sizeof(number));

        if (name == NULL || want == NULL) {
            continue;
        }

        have = json_string_value(json_object_get(data, name));
        score_field(s, k, want, have ? have : "", json_object_get(boxes, name),
                    truth);
        json_object_del(data, name);
    }

    /* what was read beyond the truth is shown, and counts for nothing */

    json_object_foreach(data, k, v) {
        if (json_is_string(v) && json_string_length(v)) {
            m = new_mark(s, k);
            m->given = be_strdup(json_string_value(v));
            mark_box(m, json_object_get(boxes, k));
        }
    }
}


static const char  *cells[] = { "description", "qty", "unit_price", "amount" };
static const char  *true_cells[] = { "desc", "qty", "price", "total" };


static const char *
true_cell(const json_t *row, int i)
{
    return json_is_array(row)
           ? json_string_value(json_array_get(row, (size_t) i))
           : json_string_value(json_object_get(row, true_cells[i]));
}


/* An answer has all cells of a row; what was not found is "". */

static int
same_row(const json_t *want, const json_t *have, int *exact)
{
    int          i;
    const char  *a, *b;

    *exact = 1;

    for (i = 0; i < 4; i++) {
        a = true_cell(want, i);
        b = json_string_value(json_object_get(have, cells[i]));
        *exact &= a == NULL || strcmp(a, b) == 0;
    }

    a = true_cell(want, 3);
    b = json_string_value(json_object_get(have, "amount"));

    if (a != NULL) {
        return same_money(a, b);
    }

    a = true_cell(want, 0);
    b = json_string_value(json_object_get(have, "description"));

    return a != NULL && same_text(a, b, 0);
}


static char *
row_text(const json_t *row, int is_truth)
{
    int          i;
    be_buf_t     b = { 0 };
    const char  *s;

    be_buf_str(&b, "");

    for (i = 0; i < 4; i++) {
        s = is_truth ? true_cell(row, i)
                     : json_string_value(json_object_get(row, cells[i]));
        be_buf_printf(&b, "%s%s", i ? " | " : "", s ? s : "");
    }

    return be_buf_take(&b);
}


static void
score_items(sheet_t *s, const json_t *have, const be_page_t *truth)
{
    int          ok, exact;
    size_t       i, j;
    char        *whole;
    json_t      *w, *h;
    mark_t      *m;
    const char  *used = "used";

    for (i = 0; i < json_array_size(s->doc->items); i++) {
        w = json_array_get(s->doc->items, i);
        m = new_mark(s, "line_items");
        m->row = 1;
        m->truth = row_text(w, 1);
        m->verdict = V_MISSED;

        for (j = 0; j < json_array_size(have); j++) {
            h = json_array_get(have, j);
            ok = json_object_get(h, used) == NULL && same_row(w, h, &exact);

            if (ok) {
                json_object_set_new(h, used, json_true());
                m->verdict = V_RIGHT;
                m->exact = exact;
                mark_box(m, json_object_get(json_object_get(h, "field_bboxes"),
                                            "amount"));
                whole = row_text(h, 0);
                m->given = be_strdup(json_string_value(
                               json_object_get(h, "amount")));
                check_box(m, truth, NULL);
                free(m->given);
                m->given = whole;
                break;
            }
        }
    }

    for (j = 0; j < json_array_size(have); j++) {
        h = json_array_get(have, j);

        if (json_object_get(h, used) == NULL) {
            m = new_mark(s, "line_items");
            m->row = 1;
            m->given = row_text(h, 0);
            m->verdict = json_array_size(s->doc->items) ? V_EXTRA : V_NONE;
            mark_box(m, json_object_get(json_object_get(h, "field_bboxes"),
                                        "amount"));
        }
    }
}


void
score_page(sheet_t *s, const json_t *answer, const be_page_t *truth)
{
    json_t  *data = json_deep_copy(json_object_get(answer, "data"));

    score_fields(s, data, truth);
    score_items(s, json_object_get(data, "line_items"), truth);
    json_decref(data);
}


void
free_sheet(sheet_t *s)
{
    int  i;

    for (i = 0; i < s->n; i++) {
        free(s->v[i].truth);
        free(s->v[i].given);
    }

    free(s->v);
    free(s->error);
}
