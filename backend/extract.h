#ifndef BE_EXTRACT_H
#define BE_EXTRACT_H

#include "fault.h"
#include "page.h"
#include "schema.h"

/*
 * A value and the tokens that it was read from.  text is what the client
 * gets; source is what stands on the page, the same but where a description
 * asked for a normal form.  Both NULL when nothing was found.
 */
typedef struct {
    char      *text;
    char      *source;
    be_ref_t  *refs;
    int        nrefs;
    int        unsure;           /* a guess: a second reading may know better */
} be_value_t;

/* The result for one field: a value, or rows of one value per child. */
typedef struct {
    const be_page_t  *page;      /* that the refs point into */
    be_value_t        value;
    be_value_t      **rows;
    int               nrows;
} be_result_t;

/*
 * The interface of an extractor: page and schema in, one result per field
 * out.  It may lie about neither boxes nor tokens: match.c checks its refs.
 */
typedef struct be_extractor_s  be_extractor_t;

struct be_extractor_s {
    int   (*extract)(be_extractor_t *x, const be_page_t *pg,
              const be_schema_t *s, be_result_t *out, be_fault_t *f);

    /* whether a second reading of the page could help: something that such
     * a page has was not found */
    int   (*wanting)(be_extractor_t *x, const be_schema_t *s,
              const be_result_t *out);
};

be_extractor_t *be_rules(void);

void be_value_ref(be_value_t *v, int id, int from, int to);
void be_value_free(be_value_t *v);
void be_result_free(be_result_t *r, const be_field_t *fd);

#endif
