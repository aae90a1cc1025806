#ifndef BE_IMGHEAD_H
#define BE_IMGHEAD_H

#include <stddef.h>

#define BE_MAX_SIDE    20000
#define BE_MIN_SIDE    16
#define BE_MAX_PIXELS  50000000.0
#define BE_MAX_IMAGE   (20u * 1024 * 1024)

typedef struct {
    const char     *format;       /* "JPEG" ... */
    unsigned long   width;        /* as stored, before the orientation */
    unsigned long   height;
    int             orientation;  /* EXIF's 1..8; 1 when it says nothing */
    int             pages;        /* 1, or 2 for "more than one" */
    double          all;          /* pixels that a GIF's decoder makes */
} be_imghead_t;

/*
 * Reads the header of an image file, decodes nothing.  Returns NULL, or the
 * sentence that says why this is not an image that is accepted.
 */
const char *be_imghead(const unsigned char *p, size_t len, be_imghead_t *h);

/* Takes the orientation out of a TIFF file. */
void be_imghead_upright(unsigned char *p, size_t len);

#endif
