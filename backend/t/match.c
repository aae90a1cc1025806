/*
 * Geometry and matching: boxes lie on tokens, and ratios are honest.
 */

#include <math.h>
#include <stdlib.h>

#include "answer.h"
#include "buf.h"
#include "match.h"
#include "tap.h"


static int
near(double a, double b)
{
    return fabs(a - b) < 0.01;
}


static void
value(be_value_t *v, const char *text, const int *ids, int n)
{
    int  i;

    memset(v, 0, sizeof(*v));
    v->text = be_strdup(text);
    v->source = be_strdup(text);

    for (i = 0; i < n; i++) {
        be_value_ref(v, ids[i], 0, 100);
    }
}


static void
test_geometry(void)
{
    be_quad_t    q;
    be_box_t     b = { 10, 10, 30, 20 }, hull;
    be_point_t   p = { 3, 4 }, r;
    be_affine_t  m;

    m = be_affine_then(be_affine_shift(5, 6), be_affine_scale(2, 10));
    r = be_affine_apply(&m, p);
    ok(near(r.x, 16) && near(r.y, 100), "first shift, then scale");

    m = be_affine_rotate(acos(0));
    r = be_affine_apply(&m, p);
    ok(near(r.x, -4) && near(r.y, 3), "clockwise on a screen");

    /* the left top corner of a page turned clockwise was its left bottom */

    m = be_affine_unturn(1, 100, 200);
    p.x = p.y = 0;
    r = be_affine_apply(&m, p);
    ok(near(r.x, 0) && near(r.y, 200), "a quarter turn is undone");

    m = be_affine_unturn(2, 100, 200);
    r = be_affine_apply(&m, p);
    ok(near(r.x, 100) && near(r.y, 200), "a half turn is undone");

    m = be_affine_unturn(3, 100, 200);
    r = be_affine_apply(&m, p);
    ok(near(r.x, 100) && near(r.y, 0), "three quarters are undone");

    m = be_affine_scale(100, 1);
    q = be_quad_of_box(b, &m);
    hull = be_quad_hull(&q);
    ok(near(hull.x0, 1000) && near(hull.x1, 1000) && near(hull.y0, 10),
       "nothing leaves the grid");
}


static void
test_match(void)
{
    int           i;
    be_page_t     pg = { 0 };
    be_match_t    m;
    be_value_t    v[8];
    be_claims_t   claims = { 0 };
    static const int  first[] = { 0, 1 }, third[] = { 2 }, none[] = { 99 };

    pg.to_grid = be_affine_identity();
    be_page_add(&pg, "Acme", (be_box_t) { 10, 10, 50, 20 }, 90, 0);
    be_page_add(&pg, "GmbH", (be_box_t) { 55, 10, 95, 20 }, 90, 0);
    be_page_add(&pg, "$2,045", (be_box_t) { 10, 40, 60, 50 }, 90, 1);
    for (i = 0; i < 6; i++) {
        be_token_symbol(&pg.tokens[2], i, i + 1,
                        (be_box_t) { 10 + i * 8, 40, 18 + i * 8, 50 });
    }

    value(&v[0], "ACME GmbH", first, 2);
    be_match(&pg, &v[0], &claims, &m);
    ok(m.found && near(m.ratio, 1), "tokens that spell the value");
    is(m.source, "token_id", "are token_id");
    ok(near(m.quad.p[0].x, 10) && near(m.quad.p[2].x, 95)
       && near(m.quad.p[2].y, 20), "in the union of their boxes");

    value(&v[1], "2,045", third, 1);
    v[1].refs[0].from = 1;
    v[1].refs[0].to = 6;
    be_match(&pg, &v[1], &claims, &m);
    is(m.source, "token_id_hybrid", "a part of a token");
    ok(near(m.ratio, 1) && near(m.quad.p[0].x, 18) && near(m.quad.p[1].x, 58),
       "has the box of its symbols");

    value(&v[2], "ACME GmbH", first, 2);
    be_match(&pg, &v[2], &claims, &m);
    is(m.source, "shared_value", "the same tokens for an equal value");

    value(&v[3], "Acme Gmb", NULL, 0);
    be_match(&pg, &v[3], &claims, &m);
    is(m.source, "vision_symbol_match", "no ids: found by its symbols");
    ok(m.found && near(m.ratio, 1), "with its box");

    value(&v[4], "Zebra 777", third, 1);
    be_match(&pg, &v[4], &claims, &m);
    is(m.source, "low_confidence", "tokens that spell something else");
    ok(m.ratio < 0.85, "are no match");

    value(&v[5], "wxyz wxyz", none, 1);
    be_match(&pg, &v[5], &claims, &m);
    ok(!m.found && m.ratio < 0.3, "invented ids and text have no box");

    value(&v[6], "Acme GmbX", first, 2);
    be_match(&pg, &v[6], &claims, &m);
    is(m.source, "token_id_hybrid", "one character off");
    ok(near(m.ratio, 0.875), "costs its share");

    for (i = 0; i < 7; i++) {
        be_value_free(&v[i]);
    }

    be_claims_free(&claims);
    be_page_free(&pg);
}


/* A field is in the answer whatever bytes an engine gave. */

static void
test_answer(void)
{
    json_t       *o, *data;
    be_page_t     pg = { 0 };
    be_field_t    fd = { 0 };
    be_result_t   r = { 0 };
    be_schema_t   s = { &fd, 1 };

    pg.to_grid = be_affine_identity();
    be_page_add(&pg, "\xC3(", (be_box_t) { 10, 10, 50, 20 }, 90, 0);
    fd.name = be_strdup("total");
    r.page = &pg;
    value(&r.value, "\xC3(", NULL, 0);

    o = be_answer(&s, &r, NULL);
    data = json_object_get(o, "data");
    is(json_string_value(json_object_get(data, "total")), "",
       "bytes that are no text are no value");
    ok(json_object_size(json_object_get(data, "field_bboxes")) == 0,
       "and have no box");

    json_decref(o);
    be_value_free(&r.value);
    be_page_free(&pg);
    free(fd.name);
}


int
main(void)
{
    test_geometry();
    test_match();
    test_answer();

    return done();
}
