/*
 * What to look for on a page: FieldSpecs.  The front checks what a client
 * sends with it, the workers parse it again.
 * Invariant: a schema that was parsed has unique, printable, short names.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "text.h"


static int
be_name_check(const char *name, size_t len, const char *at, be_fault_t *f)
{
    uint32_t     cp;
    const char  *p = name, *end = name + len;

    if (len == 0) {
        return be_fault_field(f, at, "%s must not be empty", at);
    }

    if (be_utf8_count(name) > BE_MAX_NAME) {
        return be_fault_field(f, at, "%s is longer than %d characters", at,
                              BE_MAX_NAME);
    }

    while ((cp = be_utf8_next(&p, end)) != 0) {
        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0)) {
            return be_fault_field(f, at, "%s contains a control character",
                                  at);
        }
    }

    if (strcmp(name, "field_bboxes") == 0) {
        return be_fault_field(f, at, "The name \"field_bboxes\" is reserved");
    }

    return 0;
}


static int be_fields_parse(const json_t *a, const char *at, int depth,
    be_field_t **out, int *n, be_fault_t *f);


static int
be_field_parse(const json_t *o, const char *at, int depth, be_field_t *fd,
    be_fault_t *f)
{
    char           where[128];
    const char    *type;
    const json_t  *name, *t, *d, *c;

    if (!json_is_object(o)) {
        return be_fault_field(f, at, "%s must be an object", at);
    }

    name = json_object_get(o, "name");
    t = json_object_get(o, "type");
    d = json_object_get(o, "description");
    c = json_object_get(o, "children");

    snprintf(where, sizeof(where), "%s.name", at);

    if (!json_is_string(name)) {
        return be_fault_field(f, where, "%s must be a string", where);
    }

    if (be_name_check(json_string_value(name), json_string_length(name),
                      where, f) != 0)
    {
        return -1;
    }

    snprintf(where, sizeof(where), "%s.type", at);
    type = t == NULL ? "string" : json_string_value(t);

    if (type != NULL && strcmp(type, "string") == 0) {
        fd->type = BE_STRING;

    } else if (type != NULL && strcmp(type, "number") == 0) {
        fd->type = BE_NUMBER;

    } else if (type != NULL && strcmp(type, "array") == 0 && depth == 0) {
        fd->type = BE_ARRAY;

    } else {
        return be_fault_field(f, where, "%s must be \"string\"%s", where,
                              depth ? " or \"number\""
                                    : ", \"number\" or \"array\"");
    }

    snprintf(where, sizeof(where), "%s.description", at);

    if (d != NULL && !json_is_null(d)
        && (!json_is_string(d) || json_string_length(d) > BE_MAX_TEXT))
    {
        return be_fault_field(f, where, "%s must be a string of at most %d"
                              " bytes", where, BE_MAX_TEXT);
    }

    snprintf(where, sizeof(where), "%s.children", at);

    if (fd->type == BE_ARRAY) {
        if (be_fields_parse(c, where, depth + 1, &fd->children,
                            &fd->nchildren, f) != 0)
        {
            return -1;
        }

    } else if (c != NULL && !json_is_null(c)) {
        return be_fault_field(f, where, "%s is for the type \"array\" only",
                              where);
    }

    fd->name = strdup(json_string_value(name));
    fd->description = strdup(json_is_string(d) ? json_string_value(d) : "");

    if (fd->name == NULL || fd->description == NULL) {
        (void) be_fault(f, 500, "Internal error");
        return -1;
    }

    return 0;
}


static void
be_fields_free(be_field_t *fd, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        be_field_free(&fd[i]);
    }

    free(fd);
}


void
be_field_free(be_field_t *fd)
{
    be_fields_free(fd->children, fd->nchildren);
    free(fd->name);
    free(fd->description);
    memset(fd, 0, sizeof(*fd));
}


static int
be_fields_parse(const json_t *a, const char *at, int depth, be_field_t **out,
    int *n, be_fault_t *f)
{
    int          j, max = depth ? BE_MAX_CHILDREN : BE_MAX_FIELDS;
    char         where[96];
    size_t       i, count;
    be_field_t  *fd;

    if (!json_is_array(a)) {
        return be_fault_field(f, at, "%s must be an array", at);
    }

    count = json_array_size(a);

    if (count == 0 || count > (size_t) max) {
        return be_fault_field(f, at, "%s must have 1 to %d elements", at,
                              max);
    }

    fd = calloc(count, sizeof(be_field_t));
    if (fd == NULL) {
        return be_fault(f, 500, "Internal error");
    }

    for (i = 0; i < count; i++) {
        snprintf(where, sizeof(where), "%s[%zu]", at, i);

        if (be_field_parse(json_array_get(a, i), where, depth, &fd[i], f) != 0
            || fd[i].name == NULL)
        {
            i++;
            goto failed;
        }

        for (j = 0; j < (int) i; j++) {
            if (strcmp(fd[j].name, fd[i].name) == 0) {
                snprintf(where, sizeof(where), "%s[%zu].name", at, i);
                be_fault_field(f, where, "The name \"%.200s\" is used twice",
                               fd[i].name);
                i++;
                goto failed;
            }
        }
    }

    *out = fd;
    *n = (int) count;

    return 0;

failed:

    be_fields_free(fd, (int) count);

    return -1;
}


int
be_schema_parse(const json_t *fields, const char *at, be_schema_t *s,
    be_fault_t *f)
{
    memset(s, 0, sizeof(*s));

    return be_fields_parse(fields, at, 0, &s->fields, &s->nfields, f);
}


void
be_schema_free(be_schema_t *s)
{
    be_fields_free(s->fields, s->nfields);
    memset(s, 0, sizeof(*s));
}
