/*
 * Pictures made fit for reading.  Called by the OCR engine.
 * Invariant: to_grid is the exact inverse of what was done to the pixels.
 */

#include <math.h>

#include "ocr.h"


#define BE_SHORT_SIDE  1000
#define BE_LONG_SIDE   4000

/* Above the angle that scripts vary by, and sure enough to act. */

#define BE_SKEW_RANGE  20.0
#define BE_SKEW_MIN    0.3
#define BE_SKEW_CONF   2.5

/* How bright paper is made. */

#define BE_PAPER       250

#define BE_PI          3.14159265358979323846


static double
be_scale(PIX *pix)
{
    double  w = pixGetWidth(pix), h = pixGetHeight(pix), s = 1;

    if (fmin(w, h) < BE_SHORT_SIDE) {
        s = BE_SHORT_SIDE / fmin(w, h);
    }

    if (fmax(w, h) * s > BE_LONG_SIDE) {
        s = BE_LONG_SIDE / fmax(w, h);
    }

    return s;
}


/* The clockwise turn in degrees that makes the lines level; 0 if unsure. */

static double
be_skew(PIX *grey)
{
    PIX       *bin;
    l_int32    rc, reduce;
    l_float32  angle = 0, conf = 0;

    bin = pixThresholdToBinary(grey, 160);
    if (bin == NULL) {
        return 0;
    }

    reduce = pixGetWidth(grey) >= 800 && pixGetHeight(grey) >= 800 ? 4 : 2;

    rc = pixFindSkewSweepAndSearch(bin, &angle, &conf, reduce, reduce / 2,
                                   (l_float32) BE_SKEW_RANGE, 1.0f, 0.01f);
    pixDestroy(&bin);

    if (rc != 0 || (double) conf <= BE_SKEW_CONF
        || fabs((double) angle) <= BE_SKEW_MIN)
    {
        return 0;
    }

    return (double) angle;
}


static PIX *
be_replace(PIX *old, PIX *next)
{
    if (next == NULL) {
        return old;
    }

    pixDestroy(&old);

    return next;
}


/*
 * A photo with a shadow, or of grey paper: evened out it reads far better,
 * and a flat scan reads a little worse.  The brightest pixel of each tile is
 * its paper.
 */

static int
be_is_shaded(PIX *pix)
{
    PIX        *tiles;
    NUMA       *histogram = NULL;
    l_float32   dark = 255, bright = 255;

    tiles = pixScaleGrayMinMax(pix, 32, 32, L_CHOOSE_MAX);

    if (tiles != NULL) {
        histogram = pixGetGrayHistogram(tiles, 1);
        pixDestroy(&tiles);
    }

    if (histogram != NULL) {
        numaHistogramGetValFromRank(histogram, 0.1f, &dark);
        numaHistogramGetValFromRank(histogram, 0.9f, &bright);
        numaDestroy(&histogram);
    }

    return (double) bright < 190 || (double) dark < 0.8 * (double) bright;
}


PIX *
be_straighten(PIX *picture, int quarters, be_affine_t *to_grid)
{
    PIX          *pix, *turned;
    double        angle, w, h, sx, sy, s;
    be_affine_t   m;

    w = pixGetWidth(picture);
    h = pixGetHeight(picture);

    *to_grid = be_affine_scale(1000 / w, 1000 / h);

    pix = quarters ? pixRotateOrth(picture, quarters) : pixClone(picture);
    if (pix == NULL) {
        return NULL;
    }

    *to_grid = be_affine_then(be_affine_unturn(quarters, w, h), *to_grid);

    w = pixGetWidth(pix);
    h = pixGetHeight(pix);
    s = be_scale(pix);

    if (fabs(s - 1) > 0.01) {
        pix = be_replace(pix, pixScale(pix, (l_float32) s, (l_float32) s));
        sx = w / pixGetWidth(pix);
        sy = h / pixGetHeight(pix);
        *to_grid = be_affine_then(be_affine_scale(sx, sy), *to_grid);
    }

    if (be_is_shaded(pix)) {
        pix = be_replace(pix, pixBackgroundNorm(pix, NULL, NULL, 10, 15, 60,
                                                40, BE_PAPER, 2, 1));
    }

    angle = be_skew(pix) * BE_PI / 180;
    if (angle == 0) {
        return pix;
    }

    w = pixGetWidth(pix);
    h = pixGetHeight(pix);

    turned = pixRotate(pix, (l_float32) angle, L_ROTATE_AREA_MAP,
                       L_BRING_IN_WHITE, (l_int32) w, (l_int32) h);
    if (turned == NULL) {
        return pix;
    }

    /* the turn is about the middle, and the sheet may have grown */

    m = be_affine_shift(-pixGetWidth(turned) / 2.0,
                        -pixGetHeight(turned) / 2.0);
    m = be_affine_then(m, be_affine_rotate(-angle));
    m = be_affine_then(m, be_affine_shift(w / 2, h / 2));
    *to_grid = be_affine_then(m, *to_grid);

    pixDestroy(&pix);

    return turned;
}
