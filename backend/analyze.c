/*
 * An image and a schema in, an answer out: decode, read, extract, and read
 * once more where that may help.  Called by the OCR worker and the scorer.
 */

#include <stdlib.h>
#include <string.h>

#include "analyze.h"
#include "answer.h"
#include "buf.h"
#include "picture.h"


/* Below this a page is read a second time even if nothing is missing. */

#define BE_UNSURE  60.0


static void
be_results_free(const be_schema_t *s, be_result_t *r)
{
    int  i;

    for (i = 0; i < s->nfields; i++) {
        be_result_free(&r[i], &s->fields[i]);
    }

    free(r);
}


/* How many cells of an array were filled. */

static int
be_cells(const be_field_t *fd, const be_result_t *r)
{
    int  i, c, n = 0;

    for (i = 0; i < r->nrows; i++) {
        for (c = 0; c < fd->nchildren; c++) {
            n += r->rows[i][c].text != NULL;
        }
    }

    return n;
}


/* What the first reading did not find is taken from the second. */

static void
be_results_merge(const be_schema_t *s, be_result_t *r, be_result_t *more)
{
    int                i, better;
    be_result_t        t;
    const be_field_t  *fd;
    const be_value_t  *a, *b;

    for (i = 0; i < s->nfields; i++) {
        fd = &s->fields[i];
        a = &r[i].value;
        b = &more[i].value;

        better = fd->type == BE_ARRAY
                 ? be_cells(fd, &more[i]) > be_cells(fd, &r[i])
                 : b->text != NULL && (a->text == NULL
                                       || (a->unsure && !b->unsure));

        if (better) {
            t = r[i];
            r[i] = more[i];
            more[i] = t;
        }
    }
}


static int
be_read_again(be_engine_t *e, be_extractor_t *x, PIX *pix,
    const be_schema_t *s, const json_t *hints, be_page_t *pg,
    be_result_t *r, be_fault_t *f)
{
    int           rc;
    be_result_t  *more;

    if (e->read(e, pix, hints, 1, pg, f) != 0) {
        return -1;
    }

    more = be_alloc((size_t) s->nfields * sizeof(be_result_t));
    rc = x->extract(x, pg, s, more, f);

    if (rc == 0) {
        be_results_merge(s, r, more);
    }

    be_results_free(s, more);

    return rc;
}


static json_t *
be_analyze_picture(be_engine_t *e, be_extractor_t *x, PIX *pix,
    const be_schema_t *s, const json_t *hints, json_t *warnings,
    be_fault_t *f)
{
    int           rc;
    json_t       *answer = NULL;
    be_page_t     first = { 0 }, second = { 0 };
    be_result_t  *r;

    r = be_alloc((size_t) s->nfields * sizeof(be_result_t));

    rc = e->read(e, pix, hints, 0, &first, f);

    if (rc == 0) {
        rc = x->extract(x, &first, s, r, f);
    }

    if (rc == 0 && (first.confidence < BE_UNSURE || x->wanting(x, s, r))) {
        rc = be_read_again(e, x, pix, s, hints, &second, r, f);
    }

    if (rc == 0 && first.ntokens == 0 && second.ntokens == 0) {
        rc = be_fault(f, 502, "No text was found in the image");
    }

    if (rc == 0) {
        answer = be_answer(s, r, warnings);
    }

    be_results_free(s, r);
    be_page_free(&first);
    be_page_free(&second);

    return answer;
}


json_t *
be_analyze(be_engine_t *e, be_extractor_t *x, const unsigned char *image,
    size_t len, const json_t *fields, const json_t *hints, be_fault_t *f)
{
    PIX          *pix;
    json_t       *warnings, *answer = NULL;
    be_schema_t   s;

    if (be_schema_parse(fields, "fields", &s, f) != 0) {
        return NULL;
    }

    warnings = json_array();
    pix = be_picture_decode(image, len, warnings, f);

    if (pix != NULL) {
        answer = be_analyze_picture(e, x, pix, &s, hints, warnings, f);
        pixDestroy(&pix);
    }

    json_decref(warnings);
    be_schema_free(&s);

    return answer;
}
