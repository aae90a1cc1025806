#ifndef BE_SCHEMA_H
#define BE_SCHEMA_H

#include <jansson.h>

#include "fault.h"

#define BE_MAX_FIELDS    100
#define BE_MAX_CHILDREN  50
#define BE_MAX_NAME      64
#define BE_MAX_TEXT      2000

typedef enum {
    BE_STRING = 0,
    BE_NUMBER,
    BE_ARRAY
} be_type_e;

typedef struct be_field_s  be_field_t;

struct be_field_s {
    char        *name;
    char        *description;    /* "" when there is none */
    be_type_e    type;
    be_field_t  *children;       /* of an array */
    int          nchildren;
};

typedef struct {
    be_field_t  *fields;
    int          nfields;
} be_schema_t;

/*
 * Checks a FieldSpec array and copies it.  at is its name in messages.
 * Returns 0, or -1 with the fault set; nothing is left to free then.
 */
int be_schema_parse(const json_t *fields, const char *at, be_schema_t *s,
    be_fault_t *f);
void be_schema_free(be_schema_t *s);
void be_field_free(be_field_t *fd);

/*
 * templates.c: the FieldSpec array of a template: a new reference, or NULL
 * with the fault that lists what there is.  llm: whether there is one, without
 * which only some are.
 */
json_t *be_template(const char *id, int llm, be_fault_t *f);

/* Whether these FieldSpecs are those of a template that the rules have not. */
int be_template_needs_llm(const json_t *fields);

#endif
