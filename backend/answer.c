/*
 * The answer of POST /ocr/fields: values, and where each was read.
 * Invariant: every field that was asked for is in the answer; a value that
 * was not found is "" and has no box.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "match.h"


static json_t *
be_answer_box(const be_match_t *m)
{
    int        i;
    double     x[4], y[4];
    json_t    *v;
    be_quad_t  q = m->quad;
    be_box_t   b;

    v = json_array();

    for (i = 0; i < 4; i++) {
        x[i] = q.p[i].x = round(q.p[i].x);
        y[i] = q.p[i].y = round(q.p[i].y);
        json_array_append_new(v, json_pack("{s:i,s:i}", "x", (int) x[i],
                                           "y", (int) y[i]));
    }

    b = be_quad_hull(&q);

    return json_pack("{s:{s:i,s:i,s:i,s:i},s:o,s:o,s:s}",
                     "bbox", "xmin", (int) b.x0, "ymin", (int) b.y0,
                     "xmax", (int) b.x1, "ymax", (int) b.y1,
                     "vertices", v,
                     "match_ratio", json_real(round(m->ratio * 1000) / 1000),
                     "bbox_source", m->source);
}


static void
be_answer_value(json_t *o, json_t *boxes, const be_field_t *fd,
    const be_page_t *pg, const be_value_t *v, be_claims_t *claims)
{
    be_match_t  m;

    /* bytes that are no text are no value */

    if (v->text == NULL || pg == NULL
        || json_object_set_new(o, fd->name, json_string(v->text)) != 0)
    {
        json_object_set_new(o, fd->name, json_string(""));
        return;
    }

    be_match(pg, v, claims, &m);

    if (m.found) {
        json_object_set_new(boxes, fd->name, be_answer_box(&m));
    }
}


static json_t *
be_answer_rows(const be_field_t *fd, const be_result_t *r,
    be_claims_t *claims)
{
    int      i, c;
    json_t  *rows, *row, *boxes;

    rows = json_array();

    for (i = 0; i < r->nrows; i++) {
        row = json_object();
        boxes = json_object();

        for (c = 0; c < fd->nchildren; c++) {
            be_answer_value(row, boxes, &fd->children[c], r->page,
                            &r->rows[i][c], claims);
        }

        json_object_set_new(row, "field_bboxes", boxes);
        json_array_append_new(rows, row);
    }

    return rows;
}


json_t *
be_answer(const be_schema_t *s, const be_result_t *r, json_t *warnings)
{
    int          i;
    json_t      *root, *data, *boxes;
    be_claims_t  claims = { 0 };

    data = json_object();
    boxes = json_object();

    for (i = 0; i < s->nfields; i++) {
        if (s->fields[i].type == BE_ARRAY) {
            json_object_set_new(data, s->fields[i].name,
                                be_answer_rows(&s->fields[i], &r[i],
                                               &claims));

        } else {
            be_answer_value(data, boxes, &s->fields[i], r[i].page,
                            &r[i].value, &claims);
        }
    }

    be_claims_free(&claims);

    json_object_set_new(data, "field_bboxes", boxes);
    root = json_pack("{s:s,s:o}", "status", "success", "data", data);

    if (json_array_size(warnings)) {
        json_object_set(root, "warnings", warnings);
    }

    return root;
}
