#ifndef BE_ENGINE_HTTP_H
#define BE_ENGINE_HTTP_H

#include "fault.h"
#include "page.h"

/*
 * The answer of an OCR engine over HTTP, checked; its format is described in
 * engine_http.c.  width and height are those of the image as it is displayed.
 * -1 with the fault (502), which names what is wrong.
 */
int be_engine_parse(const char *body, size_t len, double width, double height,
    be_page_t *pg, be_fault_t *f);

#endif
