#ifndef BE_PAGE_JSON_H
#define BE_PAGE_JSON_H

#include <jansson.h>

#include "page.h"

/*
 * A page on its way from one job of a worker to the next, through the front,
 * which does not look into it; warnings travel with it.  A new reference.
 */
json_t *be_page_pack(const be_page_t *pg, json_t *warnings);

/* The page again, and its warnings are added; -1 where it is none. */
int be_page_unpack(const json_t *o, be_page_t *pg, json_t *warnings);

#endif
