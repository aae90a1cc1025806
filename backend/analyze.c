/*
 * An image and a schema in, an answer out: decode, read, extract, and read
 * once more where that may help.  Called by the OCR worker and the scorer.
 * Without a schema it is made from what the page seems to be.
 */

#include <stdlib.h>
#include <string.h>

#include "analyze.h"
#include "answer.h"
#include "auto.h"
#include "buf.h"
#include "picture.h"


/* Below this a page is read a second time even if nothing is missing. */

#define BE_UNSURE  60.0


void
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


/* The fields that were asked for, or those of the template that fits. */

static int
be_analyze_schema(const json_t *fields, const be_page_t *pg, be_schema_t *s,
    be_fault_t *f)
{
    int          rc;
    json_t      *made;
    const char  *id;

    memset(s, 0, sizeof(*s));

    if (fields != NULL) {
        return be_schema_parse(fields, "fields", s, f);
    }

    id = be_auto_template(pg);
    if (id == NULL) {
        return 0;
    }

    made = be_template(id, 0, f);
    rc = made ? be_schema_parse(made, "fields", s, f) : -1;
    json_decref(made);

    return rc;
}


/* What was found as an answer. */

static json_t *
be_analyze_answer(const be_page_t *pg, int automatic, be_schema_t *s,
    be_result_t **r, json_t *warnings, be_fault_t *f)
{
    if (automatic) {
        be_auto_fields(pg, s, r);

        if (s->nfields == 0) {
            (void) be_fault(f, 502, "No fields were found");
            return NULL;
        }
    }

    return be_answer(s, *r, warnings);
}


static json_t *
be_analyze_picture(be_engine_t *e, be_extractor_t *x, PIX *pix,
    const json_t *fields, const json_t *hints, json_t *warnings,
    be_fault_t *f)
{
    int           rc;
    json_t       *answer = NULL;
    be_page_t     first = { 0 }, second = { 0 };
    be_schema_t   s = { 0 };
    be_result_t  *r = NULL;

    rc = e->read(e, pix, hints, 0, &first, f);

    if (rc == 0) {
        rc = be_analyze_schema(fields, &first, &s, f);
    }

    r = be_alloc((size_t) s.nfields * sizeof(be_result_t));

    if (rc == 0) {
        rc = x->extract(x, &first, &s, r, f);
    }

    if (rc == 0 && (first.confidence < BE_UNSURE || x->wanting(x, &s, r))) {
        rc = be_read_again(e, x, pix, &s, hints, &second, r, f);
    }

    if (rc == 0 && first.ntokens == 0 && second.ntokens == 0) {
        rc = be_fault(f, 502, "No text was found in the image");
    }

    if (rc == 0) {
        answer = be_analyze_answer(&first, fields == NULL, &s, &r, warnings,
                                   f);
    }

    be_results_free(&s, r);
    be_schema_free(&s);
    be_page_free(&first);
    be_page_free(&second);

    return answer;
}


json_t *
be_analyze(be_engine_t *e, be_extractor_t *x, const unsigned char *image,
    size_t len, const json_t *fields, const json_t *hints, be_fault_t *f)
{
    PIX     *pix;
    json_t  *warnings, *answer = NULL;

    warnings = json_array();
    pix = be_picture_decode(image, len, warnings, f);

    if (pix != NULL) {
        answer = be_analyze_picture(e, x, pix, fields, hints, warnings, f);
        pixDestroy(&pix);
    }

    json_decref(warnings);

    return answer;
}


json_t *
be_analyze_page(be_extractor_t *x, const be_page_t *pg, const json_t *fields,
    json_t *warnings, be_fault_t *f)
{
    json_t       *answer = NULL;
    be_schema_t   s;
    be_result_t  *r;

    if (be_analyze_schema(fields, pg, &s, f) != 0) {
        return NULL;
    }

    r = be_alloc((size_t) s.nfields * sizeof(be_result_t));

    if (x->extract(x, pg, &s, r, f) == 0) {
        answer = be_analyze_answer(pg, fields == NULL, &s, &r, warnings, f);
    }

    be_results_free(&s, r);
    be_schema_free(&s);

    return answer;
}


int
be_analyze_read(be_engine_t *e, const unsigned char *image, size_t len,
    const json_t *hints, json_t *warnings, be_page_t *pg, be_fault_t *f)
{
    int        rc;
    PIX       *pix;
    be_page_t  again = { 0 }, swap;

    memset(pg, 0, sizeof(*pg));

    pix = be_picture_decode(image, len, warnings, f);
    if (pix == NULL) {
        return -1;
    }

    rc = e->read(e, pix, hints, 0, pg, f);

    if (rc == 0 && pg->confidence < BE_UNSURE) {
        rc = e->read(e, pix, hints, 1, &again, f);

        if (rc == 0 && again.confidence > pg->confidence) {
            swap = *pg;
            *pg = again;
            again = swap;
        }
    }

    if (rc == 0 && pg->ntokens == 0) {
        rc = be_fault(f, 502, "No text was found in the image");
    }

    be_page_free(&again);
    pixDestroy(&pix);

    return rc;
}
