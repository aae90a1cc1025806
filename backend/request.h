#ifndef BE_REQUEST_H
#define BE_REQUEST_H

#include <jansson.h>

#include "fault.h"

#define BE_MAX_BODY  (30u * 1024 * 1024)

/* A checked POST /ocr/fields. */
typedef struct {
    json_t         *fields;      /* FieldSpec array; NULL: autoFields */
    json_t         *hints;       /* languageHints: array of strings, or NULL */
    char           *prompt;      /* or NULL */
    char           *url;         /* of the image, or NULL */
    unsigned char  *image;       /* or its bytes */
    size_t          image_len;
    int             deprecated;  /* a snake_case alias was used */
} be_request_t;

/*
 * Returns 0, or -1 with the fault set.  Free in either case.  llm: whether
 * there is one, without which some templates are refused.
 */
int be_request_parse(const char *body, size_t len, int llm, be_request_t *r,
    be_fault_t *f);
void be_request_free(be_request_t *r);

/* The checks of an image's header that can refuse it with a 400. */
int be_image_check(const unsigned char *p, size_t len, be_fault_t *f);

#endif
