/*
 * The answer of an OCR engine over HTTP as a page.  Workers only: who answers
 * is the operator's, but what it read is not.
 * Invariant: every token of a page that was parsed lies on that page.
 *
 * An engine is sent the image file as the body of a POST, with its media type
 * as Content-Type, and answers with status 200 and
 *
 *   { "width": 1240, "height": 1754, "units": "pixels", "language": "en",
 *     "tokens": [
 *       { "text": "Total", "confidence": 0.98, "line": 12,
 *         "quad": [{"x": 80, "y": 700}, {"x": 161, "y": 702},
 *                  {"x": 160, "y": 731}, {"x": 79, "y": 729}],
 *         "symbols": [{"text": "T", "quad": [...]}, ...] }, ... ] }
 *
 * width, height  the picture that the coordinates are of.  It is the picture
 *                as it is displayed: turned as the EXIF orientation says.  It
 *                may be scaled, so their ratio, not their size, must be that
 *                of the image.
 * units          "pixels" (the default), or "relative": x and y run from 0 to
 *                1, and width and height may be left out.
 * tokens         words in reading order, at most 20,000.
 *   text         UTF-8, at most 200 bytes.
 *   quad         four corners as the text runs: top left, top right, bottom
 *                right, bottom left; so they tell the tilt.  Or instead
 *   bbox         {"xmin", "ymin", "xmax", "ymax"}.
 *   confidence   0 to 1; 1 where it is left out.
 *   line         the number of its line; where it is left out lines are found
 *                by the places of the words.
 *   symbols      its characters in order: text, and quad or bbox.  Where they
 *                do not spell the token's text, they are not used.
 * language       optional: "en", "de", "fr", "ja", ...
 *
 * Other members are ignored.  Whatever is wrong makes it a failed reading.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "engine_http.h"
#include "json.h"


#define BE_MAX_TOKENS      20000
#define BE_MAX_TOKEN_TEXT  200
#define BE_MAX_EXTENT      100000.0

/* Parts of the page's side by which a corner may lie beside it. */

#define BE_BESIDE  0.02

/* By how much the shapes of the page and of the image may differ. */

#define BE_SHAPE   0.05


/* What an engine's answer is read with. */
typedef struct {
    double       width;
    double       height;
    double       sx;             /* units to pixels */
    double       sy;
    be_quad_t   *quads;          /* of the tokens, as they are on the page */
    be_fault_t  *f;
} be_reading_t;


static int
be_wrong(be_reading_t *r, const char *where, const char *what)
{
    return be_fault(r->f, 502, "The OCR engine's answer cannot be used: %s"
                    " %s", where, what);
}


static int
be_number_of(const json_t *o, const char *name, double *out)
{
    const json_t  *v = json_object_get(o, name);

    *out = json_number_value(v);

    return json_is_number(v) && isfinite(*out) ? 0 : -1;
}


/* A corner in pixels; what lies a little beside the page is put on it. */

static int
be_corner(be_reading_t *r, const json_t *o, be_point_t *p)
{
    double  dx = r->width * BE_BESIDE, dy = r->height * BE_BESIDE;

    if (be_number_of(o, "x", &p->x) != 0 || be_number_of(o, "y", &p->y) != 0)
    {
        return -1;
    }

    p->x *= r->sx;
    p->y *= r->sy;

    if (p->x < -dx || p->x > r->width + dx || p->y < -dy
        || p->y > r->height + dy)
    {
        return -1;
    }

    p->x = fmin(fmax(p->x, 0), r->width);
    p->y = fmin(fmax(p->y, 0), r->height);

    return 0;
}


static int
be_quad_of(be_reading_t *r, const json_t *o, be_quad_t *q)
{
    int      i, rc = 0;
    double   v[4];
    json_t  *quad = json_object_get(o, "quad"), *b, *c;

    if (quad != NULL) {
        if (json_array_size(quad) != 4) {
            return -1;
        }

        for (i = 0; i < 4 && rc == 0; i++) {
            rc = be_corner(r, json_array_get(quad, (size_t) i), &q->p[i]);
        }

        return rc;
    }

    b = json_object_get(o, "bbox");

    if (be_number_of(b, "xmin", &v[0]) != 0
        || be_number_of(b, "ymin", &v[1]) != 0
        || be_number_of(b, "xmax", &v[2]) != 0
        || be_number_of(b, "ymax", &v[3]) != 0
        || v[0] > v[2] || v[1] > v[3])
    {
        return -1;
    }

    for (i = 0; i < 4 && rc == 0; i++) {
        c = json_pack("{s:f,s:f}", "x", i == 1 || i == 2 ? v[2] : v[0],
                      "y", i > 1 ? v[3] : v[1]);
        rc = be_corner(r, c, &q->p[i]);
        json_decref(c);
    }

    return rc;
}


/* Control characters would end lines where there are none. */

static char *
be_clean(const char *s)
{
    char  *p, *c = be_strdup(s);

    for (p = c; *p; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7F) {
            *p = ' ';
        }
    }

    return c;
}


/* The boxes of characters are kept aside as quads: the tilt of the page is
 * not known yet. */

static int
be_symbols_parse(be_reading_t *r, const json_t *o, be_token_t *t,
    be_quad_t **quads)
{
    int          at = 0;
    size_t       i, n;
    json_t      *a = json_object_get(o, "symbols"), *s;
    const char  *text;

    *quads = NULL;

    if (a == NULL || json_is_null(a)) {
        return 0;
    }

    if (!json_is_array(a) || json_array_size(a) > BE_MAX_TOKEN_TEXT) {
        return -1;
    }

    *quads = be_alloc((json_array_size(a) + 1) * sizeof(be_quad_t));

    for (i = 0; i < json_array_size(a); i++) {
        s = json_array_get(a, i);
        text = json_string_value(json_object_get(s, "text"));

        if (text == NULL || be_quad_of(r, s, &(*quads)[i]) != 0) {
            return -1;
        }

        n = strlen(text);

        if (n == 0 || strncmp(t->text + at, text, n) != 0) {
            t->nsymbols = 0;
            return 0;
        }

        be_token_symbol(t, at, at + (int) n, t->box);
        at += (int) n;
    }

    if (t->text[at] != '\0') {
        t->nsymbols = 0;
    }

    return 0;
}


static int
be_token_parse(be_reading_t *r, const json_t *o, be_page_t *pg,
    be_quad_t **symbols)
{
    char        *text;
    double       conf = 1, line = -1;
    be_quad_t    q;
    be_token_t  *t;
    const char  *s = json_string_value(json_object_get(o, "text"));

    if (s == NULL || strlen(s) > BE_MAX_TOKEN_TEXT) {
        return be_wrong(r, "a token", "has no text of 1 to 200 bytes");
    }

    if (be_quad_of(r, o, &q) != 0) {
        return be_wrong(r, "a token", "has no quad or bbox that lies on the"
                        " page");
    }

    if (json_object_get(o, "confidence") != NULL
        && (be_number_of(o, "confidence", &conf) != 0 || conf < 0 || conf > 1))
    {
        return be_wrong(r, "a token", "has a confidence that is not 0 to 1");
    }

    if (json_object_get(o, "line") != NULL
        && (be_number_of(o, "line", &line) != 0 || line < 0 || line > 1e6))
    {
        return be_wrong(r, "a token", "has a line that is not a number");
    }

    text = be_clean(s);

    if (text[strspn(text, " ")] != '\0') {
        r->quads = be_grow(r->quads, (size_t) (pg->ntokens + 1)
                                     * sizeof(be_quad_t));
        r->quads[pg->ntokens] = q;
        t = be_page_add(pg, text, (be_box_t) { 0, 0, 0, 0 },
                        (float) conf * 100, (int) line);
        free(text);

        return be_symbols_parse(r, o, t, symbols) == 0
               ? 0 : be_wrong(r, "a token", "has symbols that are not right");
    }

    free(text);

    return 0;
}


/* The common angle of the words, in pixels: the median about the direction
 * in which most of the text runs. */

static int
be_angle_cmp(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static double
be_tilt(const be_quad_t *q, int n)
{
    int     i, m = 0;
    double  dx, dy, sx = 0, sy = 0, way, *v;

    if (q == NULL) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        sx += q[i].p[1].x - q[i].p[0].x + q[i].p[2].x - q[i].p[3].x;
        sy += q[i].p[1].y - q[i].p[0].y + q[i].p[2].y - q[i].p[3].y;
    }

    if (sx == 0 && sy == 0) {
        return 0;
    }

    way = atan2(sy, sx);
    v = be_alloc((size_t) n * sizeof(double));

    for (i = 0; i < n; i++) {
        dx = q[i].p[1].x - q[i].p[0].x + q[i].p[2].x - q[i].p[3].x;
        dy = q[i].p[1].y - q[i].p[0].y + q[i].p[2].y - q[i].p[3].y;

        if (dx != 0 || dy != 0) {
            v[m++] = remainder(atan2(dy, dx) - way, 2 * acos(-1));
        }
    }

    qsort(v, (size_t) m, sizeof(double), be_angle_cmp);
    way += m ? v[m / 2] : 0;
    free(v);

    return way;
}


static be_box_t
be_straight(const be_affine_t *m, const be_quad_t *q)
{
    int        i;
    be_quad_t  s;

    for (i = 0; i < 4; i++) {
        s.p[i] = be_affine_apply(m, q->p[i]);
    }

    return be_quad_hull(&s);
}


/* Turns the page straight: boxes from quads, and the way back. */

static void
be_reading_turn(be_reading_t *r, be_page_t *pg, be_quad_t **symbols)
{
    int          i, k;
    double       angle = be_tilt(r->quads, pg->ntokens);
    be_box_t     all;
    be_affine_t  there, back;
    be_token_t  *t;
    be_quad_t    page = { { { 0, 0 }, { r->width, 0 },
                            { r->width, r->height }, { 0, r->height } } };

    there = be_affine_rotate(-angle);
    all = be_straight(&there, &page);
    there = be_affine_then(there, be_affine_shift(-all.x0, -all.y0));
    back = be_affine_then(be_affine_shift(all.x0, all.y0),
                          be_affine_rotate(angle));

    pg->width = be_box_width(all);
    pg->height = be_box_height(all);
    pg->to_grid = be_affine_then(back, be_affine_scale(1000 / r->width,
                                                       1000 / r->height));

    for (i = 0; i < pg->ntokens; i++) {
        t = &pg->tokens[i];
        t->box = be_straight(&there, &r->quads[i]);

        for (k = 0; k < t->nsymbols; k++) {
            t->symbols[k].box = be_straight(&there, &symbols[i][k]);
        }
    }
}


/* Words that follow each other to the right at one height are a line. */

static void
be_lines_find(be_page_t *pg)
{
    int                i, line = 0;
    double             h;
    be_token_t        *t;
    const be_token_t  *p;

    for (i = 0; i < pg->ntokens; i++) {
        t = &pg->tokens[i];

        if (t->line >= 0) {
            line = t->line > line ? t->line : line;
        }
    }

    for (i = 0; i < pg->ntokens; i++) {
        t = &pg->tokens[i];

        if (t->line >= 0) {
            continue;
        }

        p = i ? &pg->tokens[i - 1] : NULL;
        h = p ? fmin(be_box_height(p->box), be_box_height(t->box)) : 0;

        t->line = p != NULL && t->box.x0 > p->box.x1 - h / 2
                  && fabs(t->box.y0 + t->box.y1 - p->box.y0 - p->box.y1) < h
                  ? p->line : ++line;
    }
}


static int
be_reading_size(be_reading_t *r, const json_t *o, double width,
    double height)
{
    double       shape;
    json_t      *units = json_object_get(o, "units");
    const char  *s = json_string_value(units);

    if (units != NULL && (s == NULL || (strcmp(s, "pixels") != 0
                                        && strcmp(s, "relative") != 0)))
    {
        return be_wrong(r, "units", "is neither \"pixels\" nor \"relative\"");
    }

    if (s != NULL && strcmp(s, "relative") == 0) {
        r->width = r->sx = width;
        r->height = r->sy = height;
        return 0;
    }

    r->sx = r->sy = 1;

    if (be_number_of(o, "width", &r->width) != 0
        || be_number_of(o, "height", &r->height) != 0
        || r->width < 1 || r->height < 1
        || r->width > BE_MAX_EXTENT || r->height > BE_MAX_EXTENT)
    {
        return be_wrong(r, "width and height", "are not a page's size");
    }

    shape = r->width / r->height * height / width;

    if (shape < 1 - BE_SHAPE || shape > 1 + BE_SHAPE) {
        return be_wrong(r, "width and height", "have not the shape of the"
                        " image as it is displayed");
    }

    return 0;
}


static int
be_reading_tokens(be_reading_t *r, const json_t *a, be_page_t *pg)
{
    int         rc = 0, had;
    size_t      i, n = json_array_size(a);
    be_quad_t  *q, **symbols;

    if (!json_is_array(a) || n > BE_MAX_TOKENS) {
        return be_wrong(r, "tokens", "is not an array of at most 20000");
    }

    symbols = be_alloc((n + 1) * sizeof(be_quad_t *));

    for (i = 0; i < n && rc == 0; i++) {
        q = NULL;
        had = pg->ntokens;
        rc = be_token_parse(r, json_array_get(a, i), pg, &q);

        if (pg->ntokens > had) {
            symbols[had] = q;
        }
    }

    if (rc == 0) {
        be_reading_turn(r, pg, symbols);
        be_lines_find(pg);
        pg->confidence = be_page_confidence(pg);
    }

    for (i = 0; i < (size_t) pg->ntokens; i++) {
        free(symbols[i]);
    }

    free(symbols);

    return rc;
}


int
be_engine_parse(const char *body, size_t len, double width, double height,
    be_page_t *pg, be_fault_t *f)
{
    int           rc;
    json_t       *o;
    be_fault_t    bad = { 0 };
    const char   *s;
    be_reading_t  r = { .f = f };

    memset(pg, 0, sizeof(*pg));

    o = be_json_answer(body, len, &bad);
    be_fault_free(&bad);

    if (o == NULL) {
        return be_wrong(&r, "it", "is not a JSON object");
    }

    s = json_string_value(json_object_get(o, "language"));
    if (s != NULL) {
        snprintf(pg->language, sizeof(pg->language), "%s",
                 strncmp(s, "ja", 2) == 0 ? "jpn" : s);
    }

    rc = be_reading_size(&r, o, width, height);

    if (rc == 0) {
        rc = be_reading_tokens(&r, json_object_get(o, "tokens"), pg);
    }

    free(r.quads);
    json_decref(o);

    return rc;
}
