/*
 * A page of tokens as rows of text: the form in which the rules read it.
 * Engines cut a page into lines as they see columns; here what stands at one
 * height is one row again.
 * Invariant: each byte of a row's text knows the byte of the token it is from.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "layout.h"
#include "text.h"


/* A gap wider than this many heights separates two cells. */

#define BE_SEG_GAP  1.3


/* Tokens of one engine line, which stay together. */
typedef struct {
    int      *ids;
    int       n;
    double    y;                 /* middle */
    double    h;
    double    x0;
    double    x1;
    int       row;
} be_group_t;


static int
be_double_cmp(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static double
be_median_height(const be_page_t *pg)
{
    int      i;
    double  *h, m;

    if (pg->ntokens == 0) {
        return 1;
    }

    h = be_alloc((size_t) pg->ntokens * sizeof(double));
    for (i = 0; i < pg->ntokens; i++) {
        h[i] = be_box_height(pg->tokens[i].box);
    }

    qsort(h, (size_t) pg->ntokens, sizeof(double), be_double_cmp);
    m = h[pg->ntokens / 2];
    free(h);

    return m > 1 ? m : 1;
}


/* Smears and rules that the engine took for words. */

static int
be_is_noise(const be_token_t *t, double height)
{
    int          words = 0;
    double       h = be_box_height(t->box);
    uint32_t     cp;
    const char  *p = t->text, *end = p + strlen(p);

    while ((cp = be_utf8_next(&p, end)) != 0) {
        words += be_is_word(cp);
    }

    return h > 8 * height || (words == 0 && (double) t->confidence < 50)
           || (h > 3.5 * height && strlen(t->text) < 3)
           || (words < 2 && (double) t->confidence < 15);
}


static void
be_group_finish(const be_page_t *pg, be_group_t *g)
{
    int              i;
    double          *h;
    const be_box_t  *b;

    h = be_alloc((size_t) g->n * sizeof(double));
    g->y = 0;
    g->x0 = 1e9;
    g->x1 = -1e9;

    for (i = 0; i < g->n; i++) {
        b = &pg->tokens[g->ids[i]].box;
        h[i] = be_box_height(*b);
        g->y += (b->y0 + b->y1) / 2;
        g->x0 = fmin(g->x0, b->x0);
        g->x1 = fmax(g->x1, b->x1);
    }

    g->y /= g->n;
    qsort(h, (size_t) g->n, sizeof(double), be_double_cmp);
    g->h = h[g->n / 2];
    free(h);
}


static int
be_group_cmp(const void *a, const void *b)
{
    const be_group_t  *x = a, *y = b;

    return x->y < y->y ? -1 : x->y > y->y;
}


static be_group_t *
be_groups(const be_page_t *pg, double height, int *n)
{
    int                i, last = -1;
    be_group_t        *g;
    const be_token_t  *t;

    g = be_alloc((size_t) (pg->ntokens + 1) * sizeof(be_group_t));
    *n = 0;

    for (i = 0; i < pg->ntokens; i++) {
        t = &pg->tokens[i];

        if (be_is_noise(t, height)) {
            continue;
        }

        if (*n == 0 || t->line != last) {
            (*n)++;
            last = t->line;
        }

        g[*n - 1].ids = be_grow(g[*n - 1].ids, sizeof(int)
                                * (size_t) (g[*n - 1].n + 1));
        g[*n - 1].ids[g[*n - 1].n++] = i;
    }

    for (i = 0; i < *n; i++) {
        be_group_finish(pg, &g[i]);
    }

    qsort(g, (size_t) *n, sizeof(be_group_t), be_group_cmp);

    return g;
}


/* Whether group b can stand in the row of the groups that carry its number. */

static int
be_group_fits(const be_group_t *g, int b, int row, int first)
{
    int     i, level = 0;
    double  h;

    for (i = first; i < b; i++) {
        if (g[i].row != row) {
            continue;
        }

        if (g[i].x0 < g[b].x1 - g[b].h / 2 && g[b].x0 < g[i].x1 - g[b].h / 2) {
            return 0;
        }

        h = fmin(g[i].h, g[b].h);
        if (fabs(g[i].y - g[b].y) < 0.55 * h) {
            level = 1;
        }
    }

    return level;
}


static int
be_rows_number(be_group_t *g, int n)
{
    int  i, r, rows = 0, first;

    for (i = 0; i < n; i++) {
        g[i].row = -1;

        first = i > 24 ? i - 24 : 0;

        for (r = rows - 1; r >= 0 && r >= rows - 8; r--) {
            if (be_group_fits(g, i, r, first)) {
                g[i].row = r;
                break;
            }
        }

        if (g[i].row < 0) {
            g[i].row = rows++;
        }
    }

    return rows;
}


static void
be_sort_left(const be_page_t *pg, int *ids, int n)
{
    int  i, j, id;

    for (i = 1; i < n; i++) {
        id = ids[i];

        for (j = i; j > 0 && pg->tokens[ids[j - 1]].box.x0
                             > pg->tokens[id].box.x0; j--)
        {
            ids[j] = ids[j - 1];
        }

        ids[j] = id;
    }
}


static int
be_ends_cjk(const char *s, int last)
{
    uint32_t     cp = 0, c;
    const char  *p = s, *end = s + strlen(s);

    while ((c = be_utf8_next(&p, end)) != 0) {
        cp = c;
        if (!last) {
            break;
        }
    }

    return be_is_cjk(cp);
}


static void
be_row_byte(be_row_t *r, int *n, char c, int token, int offset)
{
    if ((*n & 255) == 0) {
        r->text = be_grow(r->text, (size_t) *n + 257);
        r->token = be_grow(r->token, ((size_t) *n + 257) * sizeof(int));
        r->offset = be_grow(r->offset, ((size_t) *n + 257) * sizeof(int));
    }

    r->text[*n] = c;
    r->token[*n] = token;
    r->offset[*n] = offset;
    (*n)++;
    r->text[*n] = '\0';
}


static void
be_row_fill(const be_layout_t *l, be_row_t *r, int *ids, int n)
{
    int                i, j, len = 0, joint;
    double             gap;
    be_seg_t          *seg;
    const be_token_t  *t, *prev = NULL;

    be_sort_left(l->page, ids, n);

    r->segs = be_alloc((size_t) n * sizeof(be_seg_t));
    r->box = l->page->tokens[ids[0]].box;

    for (i = 0; i < n; i++) {
        t = &l->page->tokens[ids[i]];
        gap = prev ? t->box.x0 - prev->box.x1 : 0;

        if (prev == NULL || gap > BE_SEG_GAP * fmax(l->height,
            fmin(be_box_height(t->box), be_box_height(prev->box))))
        {
            joint = prev != NULL;
            seg = &r->segs[r->nsegs++];
            seg->from = len + joint;
            seg->box = t->box;

        } else {
            joint = !(be_ends_cjk(prev->text, 1) && be_ends_cjk(t->text, 0));
        }

        if (joint) {
            be_row_byte(r, &len, ' ', -1, 0);
        }

        for (j = 0; t->text[j]; j++) {
            be_row_byte(r, &len, t->text[j], ids[i], j);
        }

        r->segs[r->nsegs - 1].to = len;
        r->segs[r->nsegs - 1].box = be_box_union(r->segs[r->nsegs - 1].box,
                                                 t->box);
        r->box = be_box_union(r->box, t->box);
        prev = t;
    }

    r->key = be_key(r->text, (size_t) len, &r->keymap);
}


static int
be_row_cmp(const void *a, const void *b)
{
    double  x = ((const be_row_t *) a)->box.y0 + ((const be_row_t *) a)->box.y1;
    double  y = ((const be_row_t *) b)->box.y0 + ((const be_row_t *) b)->box.y1;

    return x < y ? -1 : x > y;
}


void
be_layout(const be_page_t *pg, be_layout_t *l)
{
    int          i, j, r, n, count, *ids;
    be_group_t  *g;

    memset(l, 0, sizeof(*l));
    l->page = pg;
    l->height = be_median_height(pg);

    g = be_groups(pg, l->height, &n);
    l->nrows = be_rows_number(g, n);
    l->rows = be_alloc((size_t) (l->nrows + 1) * sizeof(be_row_t));
    ids = be_alloc((size_t) (pg->ntokens + 1) * sizeof(int));

    for (r = 0; r < l->nrows; r++) {
        for (i = 0, count = 0; i < n; i++) {
            if (g[i].row == r) {
                for (j = 0; j < g[i].n; j++) {
                    ids[count++] = g[i].ids[j];
                }
            }
        }

        be_row_fill(l, &l->rows[r], ids, count);
    }

    qsort(l->rows, (size_t) l->nrows, sizeof(be_row_t), be_row_cmp);

    for (i = 0; i < n; i++) {
        free(g[i].ids);
    }

    free(ids);
    free(g);
}


void
be_layout_free(be_layout_t *l)
{
    int  i;

    for (i = 0; i < l->nrows; i++) {
        free(l->rows[i].text);
        free(l->rows[i].token);
        free(l->rows[i].offset);
        free(l->rows[i].key);
        free(l->rows[i].keymap);
        free(l->rows[i].segs);
    }

    free(l->rows);
    memset(l, 0, sizeof(*l));
}


be_box_t
be_row_box(const be_layout_t *l, int row, int from, int to)
{
    int              i, found = 0;
    be_ref_t         ref;
    be_box_t         b, one;
    const be_row_t  *r = &l->rows[row];

    b = r->box;

    for (i = from; i < to; i++) {
        if (r->token[i] < 0 || (i > from && r->token[i] == r->token[i - 1])) {
            continue;
        }

        ref.id = r->token[i];
        ref.from = r->offset[i];
        ref.to = ref.from + (to - i);
        one = be_ref_box(l->page, ref);
        b = found ? be_box_union(b, one) : one;
        found = 1;
    }

    return b;
}


const be_seg_t *
be_row_seg(const be_row_t *r, int at)
{
    int  i;

    for (i = r->nsegs - 1; i > 0; i--) {
        if (at >= r->segs[i].from) {
            break;
        }
    }

    return &r->segs[i];
}
