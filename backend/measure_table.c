/*
 * The sums of a run of backend-measure: scores by set and field; boxes, time
 * and memory by set.  The same tables as text and as HTML.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"


typedef struct {
    const char  *group;
    const char  *field;
    int          truth;
    int          given;
    int          right;
    int          exact;
} score_t;

typedef struct {
    score_t  *v;
    int       n;
} scores_t;


/* The score of a field; all are of one group. */

static score_t *
score_of(scores_t *s, const char *group, const char *field)
{
    int  i;

    for (i = 0; i < s->n; i++) {
        if (strcmp(s->v[i].field, field) == 0) {
            return &s->v[i];
        }
    }

    s->v = be_grow(s->v, (size_t) (s->n + 1) * sizeof(score_t));
    s->v[s->n] = (score_t) { group, field, 0, 0, 0, 0 };

    return &s->v[s->n++];
}


/* How many different groups there are before the sheet, if its own is new. */

static int
is_new_group(const run_t *r, int i)
{
    int  j;

    for (j = 0; j < i; j++) {
        if (strcmp(r->v[j].doc->group, r->v[i].doc->group) == 0) {
            return 0;
        }
    }

    return 1;
}


static void
add_up(const run_t *r, const char *group, scores_t *out)
{
    int            i, j;
    score_t       *s;
    const mark_t  *m;

    for (i = 0; i < r->n; i++) {
        if (strcmp(r->v[i].doc->group, group) != 0) {
            continue;
        }

        for (j = 0; j < r->v[i].n; j++) {
            m = &r->v[i].v[j];

            if (m->verdict == V_NONE) {
                continue;
            }

            s = score_of(out, group, m->field);
            s->truth += m->truth != NULL;
            s->given += m->given != NULL && m->given[0] != '\0';
            s->right += m->verdict == V_RIGHT;
            s->exact += m->verdict == V_RIGHT && m->exact;
        }
    }
}


static double
part(double n, double of)
{
    return of > 0 ? n / of : 0;
}


/* A line of cells, the first "names" of them left-aligned. */

static void
put_line(be_buf_t *b, int html, const char *const *cell, int n, int names,
    int head)
{
    int          i;
    const char  *tag = head ? "th" : "td";

    if (html) {
        be_buf_str(b, "<tr>");
        for (i = 0; i < n; i++) {
            be_buf_printf(b, "<%s%s>", tag, i < names ? "" : " class=n");
            put_text(b, cell[i]);
            be_buf_printf(b, "</%s>", tag);
        }
        be_buf_str(b, "</tr>\n");
        return;
    }

    for (i = 0; i < n; i++) {
        be_buf_printf(b, i < names ? "%-14s" : " %8s", cell[i]);
    }

    be_buf_str(b, "\n");
}


static void
put_score(be_buf_t *b, int html, const score_t *s)
{
    char         t[8][32];
    const char  *cell[9];
    int          i;

    snprintf(t[0], sizeof(t[0]), "%d", s->truth);
    snprintf(t[1], sizeof(t[1]), "%d", s->given);
    snprintf(t[2], sizeof(t[2]), "%d", s->right);
    snprintf(t[3], sizeof(t[3]), "%.3f", part(s->right, s->given));
    snprintf(t[4], sizeof(t[4]), "%.3f", part(s->right, s->truth));
    snprintf(t[5], sizeof(t[5]), "%.3f", part(2.0 * s->right,
                                              s->truth + s->given));
    snprintf(t[6], sizeof(t[6]), "%.3f", part(2.0 * s->exact,
                                              s->truth + s->given));
    cell[0] = s->group;
    cell[1] = s->field;

    for (i = 0; i < 7; i++) {
        cell[i + 2] = t[i];
    }

    put_line(b, html, cell, 9, 2, 0);
}


static void
put_group(be_buf_t *b, int html, const run_t *r, const char *group)
{
    int       i;
    score_t   sum = { group, "micro", 0, 0, 0, 0 };
    scores_t  s = { 0 };

    add_up(r, group, &s);

    /* rows of tables count by themselves */

    for (i = 0; i < s.n; i++) {
        put_score(b, html, &s.v[i]);

        if (strcmp(s.v[i].field, "line_items") != 0) {
            sum.truth += s.v[i].truth;
            sum.given += s.v[i].given;
            sum.right += s.v[i].right;
            sum.exact += s.v[i].exact;
        }
    }

    if (s.n) {
        put_score(b, html, &sum);
        be_buf_str(b, "\n");
    }

    free(s.v);
}


static int
by_value(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


/* Boxes, time and memory of a set, or of all where group is NULL; it has a
 * page. */

static void
put_cost(be_buf_t *b, int html, const run_t *r, const char *group)
{
    int             i, j, n = 0, in = 0, boxes = 0;
    long            peak = 0;
    char            t[7][32];
    double         *cpu, *wall;
    const char     *cell[8];
    const sheet_t  *s;

    cpu = be_alloc(2 * (size_t) r->n * sizeof(double));
    wall = cpu + r->n;

    for (i = 0; i < r->n; i++) {
        s = &r->v[i];

        if (group != NULL && strcmp(s->doc->group, group) != 0) {
            continue;
        }

        cpu[n] = s->cpu;
        wall[n++] = s->wall;
        peak = s->peak > peak ? s->peak : peak;

        for (j = 0; j < s->n; j++) {
            boxes += s->v[j].box_in >= 0;
            in += s->v[j].box_in == 1;
        }
    }

    qsort(cpu, (size_t) n, sizeof(double), by_value);
    qsort(wall, (size_t) n, sizeof(double), by_value);

    snprintf(t[0], sizeof(t[0]), "%d", n);
    snprintf(t[1], sizeof(t[1]), "%d/%d", in, boxes);
    snprintf(t[2], sizeof(t[2]), "%.3f", part(in, boxes));
    snprintf(t[3], sizeof(t[3]), "%.3f", cpu[n / 2] / 1e3);
    snprintf(t[4], sizeof(t[4]), "%.3f", cpu[n * 95 / 100] / 1e3);
    snprintf(t[5], sizeof(t[5]), "%.3f", wall[n / 2] / 1e3);
    snprintf(t[6], sizeof(t[6]), "%ld", peak / 1024);

    cell[0] = group ? group : "all";
    for (i = 0; i < 7; i++) {
        cell[i + 1] = t[i];
    }

    put_line(b, html, cell, 8, 1, 0);
    free(cpu);
}


void
put_tables(be_buf_t *b, const run_t *r, int html)
{
    int  i;
    static const char *const  scores[] = { "set", "field", "truth", "given",
                                           "right", "P", "R", "F1",
                                           "exact F1" };
    static const char *const  costs[] = { "set", "pages", "boxes", "in",
                                          "cpu p50", "cpu p95", "wall p50",
                                          "peak MB" };

    if (html) {
        be_buf_str(b, "<h2>");
        put_text(b, r->title);
        be_buf_str(b, "</h2>\n<div class=wide><table>\n");

    } else {
        be_buf_printf(b, "-- %s\n\n", r->title);
    }

    put_line(b, html, scores, 9, 2, 1);

    for (i = 0; i < r->n; i++) {
        if (is_new_group(r, i)) {
            put_group(b, html, r, r->v[i].doc->group);
        }
    }

    be_buf_str(b, html ? "</table></div>\n<div class=wide><table>\n" : "");
    put_line(b, html, costs, 8, 1, 1);

    for (i = 0; i < r->n; i++) {
        if (is_new_group(r, i)) {
            put_cost(b, html, r, r->v[i].doc->group);
        }
    }

    put_cost(b, html, r, NULL);
    be_buf_str(b, html ? "</table></div>\n" : "\n");
}


void
put_wrong(const sheet_t *s)
{
    int            i;
    const mark_t  *m;

    printf("%-44s %6.0f ms %4ld MB%s%s\n", s->doc->file, s->cpu,
           s->peak / 1024, s->error ? "  " : "", s->error ? s->error : "");

    for (i = 0; i < s->n; i++) {
        m = &s->v[i];

        if (m->verdict > V_RIGHT) {
            printf("    %-12s want \"%s\"\n%-16s have \"%s\"\n", m->field,
                   m->truth ? m->truth : "", "", m->given ? m->given : "");
        }

        if (m->box_in == 0) {
            printf("    %-12s \"%s\": its box is elsewhere\n", m->field,
                   m->given);
        }
    }
}
