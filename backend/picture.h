#ifndef BE_PICTURE_H
#define BE_PICTURE_H

#include <leptonica/allheaders.h>

#include "fault.h"

/*
 * Decodes an image file into 8-bit grey, on white, turned as its EXIF
 * orientation says.  Warnings go to the array as {code, message}.
 * NULL with the fault set when it does not decode.
 */
PIX *be_picture_decode(const unsigned char *p, size_t len, json_t *warnings,
    be_fault_t *f);

void be_warn(json_t *warnings, const char *code, const char *message);

#endif
