/*
 * The promises of an answer, held against the page that it is of.  Called by
 * the drivers whose inputs are pages or what is said of them.
 */

#include <math.h>
#include <string.h>

#include "answer.h"
#include "fuzz.h"


typedef struct {
    const be_page_t  *page;
    be_box_t          all;       /* that holds every word, on the grid */
} be_fuzz_page_t;


void
be_fuzz_schema(const char *json, be_schema_t *s)
{
    json_t      *a = json_loads(json, 0, NULL);
    be_fault_t   f = { 0 };

    be_fuzz_holds(be_schema_parse(a, "fields", s, &f) == 0);
    json_decref(a);
}


void
be_fuzz_fault(be_fault_t *f, int wanted)
{
    char    *s;
    json_t  *o;

    be_fuzz_holds(wanted ? f->status >= 400 && f->status < 600 : !f->status);

    if (wanted) {
        s = be_fault_json(f, "id");
        o = s ? json_loads(s, 0, NULL) : NULL;
        be_fuzz_holds(o != NULL && f->code != NULL && f->message[0] != '\0');
        json_decref(o);
        free(s);
    }

    be_fault_free(f);
}


static double
be_member_of(const json_t *o, const char *name)
{
    const json_t  *v = json_object_get(o, name);

    be_fuzz_holds(json_is_number(v));

    return json_number_value(v);
}


static void
be_check_corner(const be_fuzz_page_t *p, double x, double y)
{
    be_fuzz_holds(x >= 0 && x <= 1000 && y >= 0 && y <= 1000);

    /* corners are rounded */

    be_fuzz_holds(x >= p->all.x0 - 0.51 && x <= p->all.x1 + 0.51
                  && y >= p->all.y0 - 0.51 && y <= p->all.y1 + 0.51);
}


static void
be_check_box(const be_fuzz_page_t *p, const json_t *box)
{
    size_t        i;
    double        ratio;
    const json_t  *v, *b = json_object_get(box, "bbox");

    be_fuzz_holds(p->page->ntokens > 0);
    be_check_corner(p, be_member_of(b, "xmin"), be_member_of(b, "ymin"));
    be_check_corner(p, be_member_of(b, "xmax"), be_member_of(b, "ymax"));
    be_fuzz_holds(be_member_of(b, "xmin") <= be_member_of(b, "xmax")
                  && be_member_of(b, "ymin") <= be_member_of(b, "ymax"));

    v = json_object_get(box, "vertices");
    be_fuzz_holds(json_array_size(v) == 4);

    for (i = 0; i < 4; i++) {
        b = json_array_get(v, i);
        be_check_corner(p, be_member_of(b, "x"), be_member_of(b, "y"));
    }

    ratio = be_member_of(box, "match_ratio");
    be_fuzz_holds(ratio > 0 && ratio <= 1);
    be_fuzz_holds(json_is_string(json_object_get(box, "bbox_source")));
}


static void
be_check_values(const be_fuzz_page_t *p, const json_t *o,
    const be_field_t *fd, int n)
{
    int           i;
    size_t        k, boxed = 0;
    const json_t  *v, *boxes = json_object_get(o, "field_bboxes"), *b;

    be_fuzz_holds(json_is_object(boxes));
    be_fuzz_holds(json_object_size(o) == (size_t) n + 1);

    for (i = 0; i < n; i++) {
        v = json_object_get(o, fd[i].name);
        b = json_object_get(boxes, fd[i].name);

        if (fd[i].type == BE_ARRAY) {
            be_fuzz_holds(json_is_array(v) && b == NULL);

            for (k = 0; k < json_array_size(v); k++) {
                be_check_values(p, json_array_get(v, k), fd[i].children,
                                fd[i].nchildren);
            }

            continue;
        }

        be_fuzz_holds(json_is_string(v));

        if (b != NULL) {
            be_fuzz_holds(json_string_length(v) > 0);
            be_check_box(p, b);
            boxed++;
        }
    }

    be_fuzz_holds(json_object_size(boxes) == boxed);
}


void
be_fuzz_answer(const be_page_t *pg, const be_schema_t *s,
    const be_result_t *r)
{
    int              i;
    char            *text;
    json_t          *o;
    be_box_t         b;
    be_quad_t        q;
    be_fuzz_page_t   p = { pg, { 0, 0, 0, 0 } };

    for (i = 0; i < pg->ntokens; i++) {
        q = be_quad_of_box(pg->tokens[i].box, &pg->to_grid);
        b = be_quad_hull(&q);
        p.all = i ? be_box_union(p.all, b) : b;
    }

    /* the hull of the boxes on the page, as it was turned, is no smaller */

    if (pg->ntokens) {
        b = pg->tokens[0].box;

        for (i = 1; i < pg->ntokens; i++) {
            b = be_box_union(b, pg->tokens[i].box);
        }

        q = be_quad_of_box(b, &pg->to_grid);
        p.all = be_box_union(p.all, be_quad_hull(&q));
    }

    o = be_answer(s, r, NULL);
    text = json_dumps(o, JSON_COMPACT);
    be_fuzz_holds(o != NULL && text != NULL);
    be_check_values(&p, json_object_get(o, "data"), s->fields, s->nfields);
    free(text);
    json_decref(o);
}
