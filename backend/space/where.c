/*
 * The arguments of GET /view that choose rows and columns: where, sort and
 * select, as a client writes them.  Called by api_view.c; rows.c runs them.
 * Pure.
 *
 * Invariant: what comes out names columns by address and has its operand
 * apart, so no byte of a client's ever becomes a part of SQL.
 */

#include <stdlib.h>
#include <string.h>

#include "value.h"
#include "where.h"


/* the longer ones first */

static const struct {
    const char  *sign;
    be_op_e      op;
} be_ops[] = {
    { "!=", BE_OP_NE },
    { ">=", BE_OP_GE },
    { "<=", BE_OP_LE },
    { "=", BE_OP_EQ },
    { ">", BE_OP_GT },
    { "<", BE_OP_LT },
    { "~", BE_OP_HAS }
};

static const struct {
    const char  *name;
    be_col_e     kind;
} be_common[] = {
    { "name", BE_COL_NAME },
    { "rowKey", BE_COL_KEY },
    { "ocrStatus", BE_COL_STATUS },
    { "createdAt", BE_COL_CREATED }
};

#define BE_NELEMS(a)  ((int) (sizeof(a) / sizeof((a)[0])))


int
be_ask_column(be_ask_t *a, int64_t id, const char *name, json_t *spec)
{
    json_t       *quoted;
    be_column_t  *c = &a->columns[a->nown];

    if (a->nown == BE_MAX_COLUMNS || spec == NULL) {
        json_decref(spec);
        return spec ? 0 : -1;
    }

    c->id = id;
    c->spec = spec;
    c->name = strdup(name);
    quoted = json_string(name);
    c->quoted = quoted ? json_dumps(quoted, JSON_ENCODE_ANY) : NULL;
    json_decref(quoted);

    a->nown++;
    a->ncolumns = a->nown;

    return c->name && c->quoted ? 0 : -1;
}


void
be_ask_free(be_ask_t *a)
{
    int  i;

    for (i = 0; i < a->nown; i++) {
        free(a->columns[i].name);
        free(a->columns[i].quoted);
        json_decref(a->columns[i].spec);
    }

    a->nown = 0;
}


const be_column_t *
be_ask_own(const be_ask_t *a, const char *name)
{
    int  i;

    for (i = 0; i < a->nown; i++) {
        if (strcmp(a->columns[i].name, name) == 0) {
            return &a->columns[i];
        }
    }

    return NULL;
}


/* A sheet's own column hides what all sheets have under that name. */

static void
be_ask_common(be_ask_t *a)
{
    int           i;
    be_column_t  *c;

    for (i = 0; i < BE_NELEMS(be_common); i++) {
        if (be_ask_own(a, be_common[i].name) == NULL) {
            c = &a->columns[a->ncolumns++];
            c->kind = be_common[i].kind;
            c->name = (char *) be_common[i].name;
        }
    }
}


int
be_ask_selects(const be_ask_t *a, const be_column_t *c)
{
    int  i;

    for (i = 0; i < a->nselect; i++) {
        if (a->select[i] == c) {
            return 1;
        }
    }

    return !a->selects;
}


int
be_ask_unknown(const be_ask_t *a, const char *field, be_fault_t *f)
{
    int      i;
    json_t  *names;

    be_fault_field(f, field, "%s names no column of this sheet", field);

    names = json_array();

    for (i = 0; i < a->ncolumns; i++) {
        json_array_append_new(names, json_string(a->columns[i].name));
    }

    json_object_set_new(f->details, "available", names);

    return -1;
}


static const char *
be_skip_blanks(const char *s)
{
    return s + strspn(s, " ");
}


/* The operator at s: an index into be_ops, or -1. */

static int
be_op_at(const char *s)
{
    int  i;

    for (i = 0; i < BE_NELEMS(be_ops); i++) {
        if (strncmp(s, be_ops[i].sign, strlen(be_ops[i].sign)) == 0) {
            return i;
        }
    }

    return -1;
}


/*
 * "column op value": the longest name that an operator comes after, as names
 * may have operators in them.  A blank on either side of it does not count.
 */

static int
be_where_parse(be_ask_t *a, const char *s, be_fault_t *f)
{
    int                 i, op, best = -1;
    size_t              len, longest = 0;
    be_where_t         *w;
    const be_column_t  *c, *found = NULL;

    for (i = 0; i < a->ncolumns; i++) {
        c = &a->columns[i];
        len = strlen(c->name);

        if (strncmp(s, c->name, len) != 0
            || (found != NULL && len < longest))
        {
            continue;
        }

        op = be_op_at(be_skip_blanks(s + len));

        if (op >= 0) {
            found = c;
            longest = len;
            best = op;
        }
    }

    if (found == NULL) {
        return be_ask_unknown(a, "where", f);
    }

    if (a->nwhere == BE_MAX_WHERE) {
        return be_fault_field(f, "where", "where is given more than %d times",
                              BE_MAX_WHERE);
    }

    w = &a->where[a->nwhere++];
    w->column = found;
    w->op = be_ops[best].op;
    w->text = be_skip_blanks(be_skip_blanks(s + longest)
                             + strlen(be_ops[best].sign));
    w->numeric = be_value_number(w->text, &w->num);

    return 0;
}


static const be_column_t *
be_ask_named(const be_ask_t *a, const char *name, size_t len)
{
    int  i;

    for (i = 0; i < a->ncolumns; i++) {
        if (strlen(a->columns[i].name) == len
            && memcmp(a->columns[i].name, name, len) == 0)
        {
            return &a->columns[i];
        }
    }

    return NULL;
}


/* "total", "-total", "total:asc", "total:desc"; a column that is called just
 * so comes first. */

static int
be_sort_parse(be_ask_t *a, const char *s, be_fault_t *f)
{
    int                 desc = 0;
    size_t              len = strlen(s);
    const be_column_t  *c;

    c = be_ask_named(a, s, len);

    if (c == NULL && s[0] == '-') {
        c = be_ask_named(a, s + 1, len - 1);
        desc = 1;
    }

    if (c == NULL && len > 5 && strcmp(s + len - 5, ":desc") == 0) {
        c = be_ask_named(a, s, len - 5);
        desc = 1;
    }

    if (c == NULL && len > 4 && strcmp(s + len - 4, ":asc") == 0) {
        c = be_ask_named(a, s, len - 4);
        desc = 0;
    }

    if (c == NULL) {
        return be_ask_unknown(a, "sort", f);
    }

    if (a->nsort == BE_MAX_SORT) {
        return be_fault_field(f, "sort", "sort is given more than %d times",
                              BE_MAX_SORT);
    }

    a->sort[a->nsort].column = c;
    a->sort[a->nsort++].desc = desc;

    return 0;
}


/* "a,b": at each place the longest name, as names may have commas. */

static int
be_select_parse(be_ask_t *a, const char *s, be_fault_t *f)
{
    int                 i;
    size_t              len;
    const be_column_t  *c, *found;

    a->selects = 1;

    for ( ;; ) {
        s = be_skip_blanks(s);

        for (i = 0, found = NULL; i < a->ncolumns; i++) {
            c = &a->columns[i];
            len = strlen(c->name);

            if (strncmp(s, c->name, len) == 0
                && strchr(",", *be_skip_blanks(s + len)) != NULL
                && (found == NULL || len > strlen(found->name)))
            {
                found = c;
            }
        }

        if (found == NULL) {
            return be_ask_unknown(a, "select", f);
        }

        if (!be_ask_selects(a, found)) {
            a->select[a->nselect++] = found;
        }

        s = be_skip_blanks(s + strlen(found->name));

        if (*s == '\0') {
            return 0;
        }

        s++;
    }
}


int
be_ask_parse(be_ask_t *a, const be_query_t *q, be_fault_t *f)
{
    int              i, rc = 0;
    const be_arg_t  *arg;

    be_ask_common(a);

    for (i = 0; rc == 0 && i < q->n; i++) {
        arg = &q->v[i];

        if (strcmp(arg->name, "where") == 0) {
            rc = be_where_parse(a, arg->value, f);

        } else if (strcmp(arg->name, "sort") == 0) {
            rc = be_sort_parse(a, arg->value, f);

        } else if (strcmp(arg->name, "select") == 0) {
            rc = be_select_parse(a, arg->value, f);
        }
    }

    return rc;
}
