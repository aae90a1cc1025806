/*
 * Where a page can be cut across without cutting a line of text.  Called by
 * the OCR engine, which learns a page's language from the first band and reads
 * the others in it.  And whether a band has light letters on a dark ground.
 * Invariant: an edge lies in a run of empty rows, or at an end of the page.
 */

#include "bands.h"


/* Darker than this is print, whatever the paper. */

#define BE_INK         160

/* A row may have this many thousandths of its width in specks, or a frame. */

#define BE_SPECKS      4

/* Where cuts are sought, in hundredths of the page: the first band is enough to
 * know most languages by, and few of the others are ever read twice. */

#define BE_BAND_FIRST  16
#define BE_BAND_NEXT   20
#define BE_BAND_SEEK   8
#define BE_BAND_LAST   85

/*
 * A dark ground: in a window as high as a line of small print, more than this
 * share is darker than that.  Black letters fill less than half of it.  When in
 * doubt it is dark, which costs time only.
 */

#define BE_GROUND      176
#define BE_GROUND_ALL  0.6


/* The middle of the longest run of empty rows in [from, to), or -1. */

static int
be_gap_in(const l_float32 *ink, int from, int to, double limit, int least)
{
    int  i, n = 0, best = least - 1, at = -1;

    for (i = from; i < to; i++) {
        n = (double) ink[i] <= limit ? n + 1 : 0;

        if (n > best) {
            best = n;
            at = i - n / 2;
        }
    }

    return at;
}


int
be_bands(PIX *grey, int edges[BE_MAX_BANDS + 1])
{
    int         n = 0, at, from, w = pixGetWidth(grey), h = pixGetHeight(grey);
    PIX        *bin;
    NUMA       *rows = NULL;
    l_float32  *ink = NULL;

    edges[0] = 0;

    /* a receipt is short, and one column of text: parts would read worse */

    if (h > 17 * w / 10) {
        edges[1] = h;
        return 1;
    }

    bin = pixThresholdToBinary(grey, BE_INK);

    if (bin != NULL) {
        rows = pixCountPixelsByRow(bin, NULL);
        pixDestroy(&bin);
    }

    if (rows != NULL) {
        ink = numaGetFArray(rows, L_NOCOPY);
    }

    from = h * BE_BAND_FIRST / 100;

    while (ink != NULL && n + 2 <= BE_MAX_BANDS
           && from < h * BE_BAND_LAST / 100)
    {
        at = be_gap_in(ink, from, from + h * BE_BAND_SEEK / 100,
                       w * BE_SPECKS / 1000.0, h / 300 + 2);

        if (at < 0) {
            from += h * BE_BAND_SEEK / 100;
            continue;
        }

        edges[++n] = at;
        from = at + h * BE_BAND_NEXT / 100;
    }

    numaDestroy(&rows);
    edges[++n] = h;

    return n;
}


int
be_dark_ground(PIX *grey)
{
    PIX     *bin, *eighth = NULL, *framed = NULL, *mean = NULL;
    l_int32  w, h, x, y, wpl, most = 255;

    bin = pixThresholdToBinary(grey, BE_GROUND);

    if (bin != NULL) {
        eighth = pixScaleToGray8(bin);
        pixDestroy(&bin);
    }

    /* the shadow along an edge of a scan is no ground */

    if (eighth != NULL) {
        framed = pixAddBorderGeneral(eighth, 8, 8, 2, 2, 255);
        pixDestroy(&eighth);
    }

    /* 15 by 3 of these are 120 by 24 of the picture: a short word */

    if (framed != NULL) {
        mean = pixBlockconv(framed, 7, 1);
        pixDestroy(&framed);
    }

    if (mean == NULL) {
        return 1;
    }

    pixGetDimensions(mean, &w, &h, NULL);
    wpl = pixGetWpl(mean);

    for (y = 0; y < h; y++) {
        for (x = 0; x < w; x++) {
            most = L_MIN(most, GET_DATA_BYTE(pixGetData(mean) + y * wpl, x));
        }
    }

    pixDestroy(&mean);

    return most <= 255 * (1 - BE_GROUND_ALL);
}
