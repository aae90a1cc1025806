/*
 * Takes the data of an item, which is JSON text, apart without parsing it: a
 * page of rows is mostly boxes, which are only to be copied.  Called by
 * api_view.c.  Pure.
 *
 * Invariant: the text was written by json_dumps(), compact, so it is valid
 * and has no blanks between its tokens.  What is not so ends early, inside its
 * bounds.
 */

#include <string.h>

#include "cut.h"


#define BE_BOXES      "\"field_bboxes\""
#define BE_BOXES_LEN  (sizeof(BE_BOXES) - 1)

typedef struct {
    const char  *name;           /* with its quotes */
    size_t       name_len;
    const char  *value;
    size_t       len;
} be_member_t;


static const char *
be_cut_string(const char *s)
{
    for (s++; *s != '"'; s++) {
        s += *s == '\\';

        if (*s == '\0') {
            return NULL;
        }
    }

    return s + 1;
}


/* Where the value at s ends, or NULL. */

static const char *
be_cut_skip(const char *s)
{
    int  depth = 0;

    for ( ;; ) {
        switch (*s) {
        case '\0':
            return NULL;
        case '"':
            s = be_cut_string(s);
            if (s == NULL) {
                return NULL;
            }
            break;
        case '{':
        case '[':
            depth++;
            s++;
            break;
        case '}':
        case ']':
            depth--;
            s++;
            break;
        case ',':
        case ':':
            s++;
            break;
        default:
            s += strcspn(s, ",:{}[]\"");
            break;
        }

        if (depth <= 0) {
            return s;
        }
    }
}


/* The next member: s is at the "{" or after the member before.  Where it
 * ends, or NULL where there is none. */

static const char *
be_cut_member(const char *s, be_member_t *m)
{
    if ((*s != '{' && *s != ',') || s[1] != '"') {
        return NULL;
    }

    m->name = s + 1;
    s = be_cut_string(m->name);

    if (s == NULL || *s != ':') {
        return NULL;
    }

    m->name_len = (size_t) (s - m->name);
    m->value = s + 1;
    s = be_cut_skip(m->value);
    m->len = s ? (size_t) (s - m->value) : 0;

    return s;
}


static int
be_cut_wants(const be_ask_t *ask, const be_member_t *m)
{
    int                 i;
    const be_column_t  *c;

    if (m->name_len == BE_BOXES_LEN
        && memcmp(m->name, BE_BOXES, BE_BOXES_LEN) == 0)
    {
        return 0;
    }

    if (ask == NULL || !ask->selects) {
        return 1;
    }

    for (i = 0; i < ask->nselect; i++) {
        c = ask->select[i];

        if (c->quoted != NULL && strlen(c->quoted) == m->name_len
            && memcmp(c->quoted, m->name, m->name_len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The object at s with the members that are wanted and without boxes. */

static void
be_cut_object(be_buf_t *out, const char *s, const be_ask_t *ask, int boxes)
{
    int           first = 1, inner;
    const char   *row, *end;
    be_member_t   m;

    be_buf_str(out, "{");

    while ((s = be_cut_member(s, &m)) != NULL) {
        if (!be_cut_wants(ask, &m)) {
            continue;
        }

        be_buf_str(out, first ? "" : ",");
        be_buf_add(out, m.name, m.name_len + 1);
        first = 0;

        if (m.value[0] != '[' || m.value[1] != '{' || boxes) {
            be_buf_add(out, m.value, m.len);
            continue;
        }

        /* an array: row by row */

        for (row = m.value, inner = 0; *row == '[' || *row == ','; row = end) {
            end = be_cut_skip(row + 1);

            if (end == NULL) {
                break;
            }

            be_buf_str(out, inner++ ? "," : "[");

            if (row[1] == '{') {
                be_cut_object(out, row + 1, NULL, 1);

            } else {
                be_buf_add(out, row + 1, (size_t) (end - row - 1));
            }
        }

        be_buf_str(out, "]");
    }

    be_buf_str(out, "}");
}


void
be_cut_row(be_buf_t *out, const char *data, const be_ask_t *ask, int boxes)
{
    const char   *s, *found = "{}";
    be_member_t   m;

    be_buf_str(out, "\"values\":");
    be_cut_object(out, data, ask, boxes);

    if (!boxes) {
        return;
    }

    for (s = data; (s = be_cut_member(s, &m)) != NULL; ) {
        if (m.name_len == BE_BOXES_LEN
            && memcmp(m.name, BE_BOXES, BE_BOXES_LEN) == 0)
        {
            found = m.value;
        }
    }

    be_buf_str(out, ",\"field_bboxes\":");
    be_cut_object(out, found, ask, 1);
}
