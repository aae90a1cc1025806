/*
 * Image files to grey pictures.  Runs in the workers only, where a decoder
 * that crashes on a hostile file costs one call.
 */

#include <stdlib.h>
#include <string.h>

#include "imghead.h"
#include "picture.h"


/* A JPEG with a longer side is decoded at half its size. */

#define BE_HALF_FROM  8000


void
be_warn(json_t *warnings, const char *code, const char *message)
{
    json_array_append_new(warnings, json_pack("{s:s,s:s}", "code", code,
                                              "message", message));
}


/* Leptonica turns TIFFs, and no others, and those of colour not always the
 * right way: so it is not told. */

static PIX *
be_picture_tiff(const unsigned char *p, size_t len)
{
    PIX            *pix = NULL;
    unsigned char  *copy = malloc(len);

    if (copy != NULL) {
        memcpy(copy, p, len);
        be_imghead_upright(copy, len);
        pix = pixReadMem(copy, len);
        free(copy);
    }

    return pix;
}


static PIX *
be_picture_read(const unsigned char *p, size_t len, const be_imghead_t *h,
    json_t *warnings)
{
    PIX  *pix;
    int   half, damaged = 0;

    if (h->format[0] != 'J') {
        return h->format[0] == 'T' ? be_picture_tiff(p, len)
                                   : pixReadMem(p, len);
    }

    half = h->width >= BE_HALF_FROM || h->height >= BE_HALF_FROM;

    /* a scan with a few bad bytes is still worth reading */

    pix = pixReadMemJpeg(p, len, 0, half ? 2 : 1, &damaged,
                         L_JPEG_CONTINUE_WITH_BAD_DATA);

    if (pix != NULL && damaged) {
        be_warn(warnings, "damaged_image", "The JPEG data are damaged; parts"
                " of the page may be missing");
    }

    return pix;
}


static PIX *
be_picture_orient(PIX *pix, int orientation)
{
    PIX         *turned;
    static const struct {
        int  quarters;
        int  mirror;
    } how[9] = { { 0, 0 }, { 0, 0 }, { 0, 1 }, { 2, 0 }, { 2, 1 },
                 { 1, 1 }, { 1, 0 }, { 3, 1 }, { 3, 0 } };

    if (how[orientation].quarters) {
        turned = pixRotateOrth(pix, how[orientation].quarters);
        pixDestroy(&pix);
        pix = turned;
    }

    if (pix != NULL && how[orientation].mirror) {
        pixFlipLR(pix, pix);
    }

    return pix;
}


PIX *
be_picture_decode(const unsigned char *p, size_t len, json_t *warnings,
    be_fault_t *f)
{
    PIX           *pix, *flat, *grey = NULL;
    const char    *err;
    be_imghead_t   h;

    err = be_imghead(p, len, &h);
    if (err != NULL) {
        (void) be_fault_code(f, 400, "invalid_image", "%s", err);
        return NULL;
    }

    pix = be_picture_read(p, len, &h, warnings);

    if (pix != NULL) {
        if (h.pages > 1) {
            be_warn(warnings, "multiple_pages", "The TIFF has several pages;"
                    " only the first was read");
        }

        flat = pixRemoveAlpha(pix);
        pixDestroy(&pix);

        grey = flat ? pixConvertTo8(flat, 0) : NULL;
        pixDestroy(&flat);
    }

    grey = grey ? be_picture_orient(grey, h.orientation) : NULL;

    if (grey == NULL) {
        (void) be_fault_code(f, 400, "invalid_image", "The %s image is"
                             " damaged and cannot be decoded", h.format);
    }

    return grey;
}
