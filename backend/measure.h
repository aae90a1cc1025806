#ifndef BE_MEASURE_H
#define BE_MEASURE_H

/* Of backend-measure alone. */

#include "imghead.h"
#include "ocr.h"

/* A file of the directory, to be freed; ends the program if it is not there. */
char *slurp(const char *dir, const char *file, size_t *len);

/* The true words of a document as a page; 0 if it has none. */
int true_page(const char *dir, const json_t *doc, const be_imghead_t *h,
    be_page_t *pg);

/* The rows of a page, or of an image as it is read, and their labels. */
void print_rows(const be_page_t *pg);
void print_image(be_engine_t *e, const char *image, size_t len);

#endif
