#ifndef BE_GEOMETRY_H
#define BE_GEOMETRY_H

typedef struct {
    double  x;
    double  y;
} be_point_t;

/* Pixels of the straightened page; x1 and y1 are exclusive. */
typedef struct {
    double  x0;
    double  y0;
    double  x1;
    double  y1;
} be_box_t;

/* Top left, top right, bottom right, bottom left, as the text runs. */
typedef struct {
    be_point_t  p[4];
} be_quad_t;

/* x' = a x + b y + c, y' = d x + e y + f */
typedef struct {
    double  a, b, c;
    double  d, e, f;
} be_affine_t;

be_affine_t be_affine_identity(void);
be_affine_t be_affine_scale(double sx, double sy);
be_affine_t be_affine_shift(double dx, double dy);

/* Clockwise as seen on a screen, about the origin; radians. */
be_affine_t be_affine_rotate(double angle);

/* The transformation that applies "first", then "next". */
be_affine_t be_affine_then(be_affine_t first, be_affine_t next);
be_point_t be_affine_apply(const be_affine_t *m, be_point_t p);

/* Back to the page of w x h that was turned clockwise by quarters. */
be_affine_t be_affine_unturn(int quarters, double w, double h);

be_box_t be_box_union(be_box_t a, be_box_t b);
double be_box_height(be_box_t b);
double be_box_width(be_box_t b);

/* Corners of a box, mapped and clamped to the grid 0..1000. */
be_quad_t be_quad_of_box(be_box_t b, const be_affine_t *m);
be_box_t be_quad_hull(const be_quad_t *q);

#endif
