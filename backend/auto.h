#ifndef BE_AUTO_H
#define BE_AUTO_H

#include "extract.h"

/* As many fields are given without being asked for. */
#define BE_AUTO_MAX  8

/* The template that a page looks like: "invoice", "receipt", or NULL. */
const char *be_auto_template(const be_page_t *pg);

/*
 * From the fields of that template and their results (or of none: s is empty
 * and *r NULL) to those that were found, followed by values that stand with
 * their labels on the page: s and *r are replaced.
 */
void be_auto_fields(const be_page_t *pg, be_schema_t *s, be_result_t **r);

/*
 * "Bestell-Nr." -> "bestell_nr": lower case ASCII letters, digits and single
 * underscores, at most BE_MAX_NAME.  The caller frees; "" where nothing is
 * left of it.
 */
char *be_auto_name(const char *label, size_t len);

#endif
