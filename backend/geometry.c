/*
 * Points, boxes and affine maps between the image as it was sent and the
 * straightened page that is read.  Pure.  Used by ocr, match and the rules.
 */

#include <math.h>

#include "geometry.h"


be_affine_t
be_affine_identity(void)
{
    return be_affine_scale(1, 1);
}


be_affine_t
be_affine_scale(double sx, double sy)
{
    be_affine_t  m = { sx, 0, 0, 0, sy, 0 };

    return m;
}


be_affine_t
be_affine_shift(double dx, double dy)
{
    be_affine_t  m = { 1, 0, dx, 0, 1, dy };

    return m;
}


be_affine_t
be_affine_rotate(double angle)
{
    double       c = cos(angle), s = sin(angle);
    be_affine_t  m = { c, -s, 0, s, c, 0 };

    return m;
}


be_affine_t
be_affine_then(be_affine_t p, be_affine_t n)
{
    be_affine_t  m;

    m.a = n.a * p.a + n.b * p.d;
    m.b = n.a * p.b + n.b * p.e;
    m.c = n.a * p.c + n.b * p.f + n.c;
    m.d = n.d * p.a + n.e * p.d;
    m.e = n.d * p.b + n.e * p.e;
    m.f = n.d * p.c + n.e * p.f + n.f;

    return m;
}


be_point_t
be_affine_apply(const be_affine_t *m, be_point_t p)
{
    be_point_t  r;

    r.x = m->a * p.x + m->b * p.y + m->c;
    r.y = m->d * p.x + m->e * p.y + m->f;

    return r;
}


be_affine_t
be_affine_unturn(int quarters, double w, double h)
{
    be_affine_t  m1 = { 0, 1, 0, -1, 0, h };
    be_affine_t  m2 = { -1, 0, w, 0, -1, h };
    be_affine_t  m3 = { 0, -1, w, 1, 0, 0 };

    switch (quarters & 3) {
    case 1:
        return m1;
    case 2:
        return m2;
    case 3:
        return m3;
    default:
        return be_affine_identity();
    }
}


be_box_t
be_box_union(be_box_t a, be_box_t b)
{
    be_box_t  r;

    r.x0 = fmin(a.x0, b.x0);
    r.y0 = fmin(a.y0, b.y0);
    r.x1 = fmax(a.x1, b.x1);
    r.y1 = fmax(a.y1, b.y1);

    return r;
}


double
be_box_height(be_box_t b)
{
    return b.y1 - b.y0;
}


double
be_box_width(be_box_t b)
{
    return b.x1 - b.x0;
}


static double
be_clamp(double v)
{
    return v < 0 ? 0 : v > 1000 ? 1000 : v;
}


be_quad_t
be_quad_of_box(be_box_t b, const be_affine_t *m)
{
    int         i;
    be_quad_t   q;
    be_point_t  c[4] = {
        { b.x0, b.y0 }, { b.x1, b.y0 }, { b.x1, b.y1 }, { b.x0, b.y1 }
    };

    for (i = 0; i < 4; i++) {
        q.p[i] = be_affine_apply(m, c[i]);
        q.p[i].x = be_clamp(q.p[i].x);
        q.p[i].y = be_clamp(q.p[i].y);
    }

    return q;
}


be_box_t
be_quad_hull(const be_quad_t *q)
{
    int       i;
    be_box_t  b = { q->p[0].x, q->p[0].y, q->p[0].x, q->p[0].y };

    for (i = 1; i < 4; i++) {
        b.x0 = fmin(b.x0, q->p[i].x);
        b.y0 = fmin(b.y0, q->p[i].y);
        b.x1 = fmax(b.x1, q->p[i].x);
        b.y1 = fmax(b.y1, q->p[i].y);
    }

    return b;
}
