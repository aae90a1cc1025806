#ifndef BE_OCR_H
#define BE_OCR_H

#include <leptonica/allheaders.h>

#include "fault.h"
#include "page.h"

/*
 * The interface of an OCR engine: a grey picture in, a page of tokens out.
 * "again" asks for a second reading of the picture that was read last, with
 * another segmentation; the first page stays valid.
 */
typedef struct be_engine_s  be_engine_t;

struct be_engine_s {
    int   (*read)(be_engine_t *e, PIX *picture, const json_t *hints,
              int again, be_page_t *pg, be_fault_t *f);
    void  (*close)(be_engine_t *e);
};

/* The engine of this version; NULL when no model can be loaded. */
be_engine_t *be_tesseract_open(void);
const char *be_tesseract_version(void);

/*
 * Makes a picture fit for reading: turned clockwise by quarters, enlarged or
 * reduced, light evened out, straightened.  *to_grid maps its pixels to the
 * grid 0..1000 of the picture that came in.
 */
PIX *be_straighten(PIX *picture, int quarters, be_affine_t *to_grid);

#endif
