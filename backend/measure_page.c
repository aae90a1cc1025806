/*
 * Pages for backend-measure: true words in place of OCR, and printing.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "lexicon.h"
#include "measure.h"
#include "picture.h"


/* The words of a text in a box, which they share by their lengths. */

static void
add_words(be_page_t *pg, const char *text, const double *q, int line)
{
    int          i;
    size_t       n, all = strlen(text), at = 0;
    char        *word;
    be_box_t     b = { 1e9, 1e9, -1e9, -1e9 }, one;
    be_token_t  *t;

    for (i = 0; i < 4; i++) {
        b.x0 = fmin(b.x0, q[2 * i]);
        b.x1 = fmax(b.x1, q[2 * i]);
        b.y0 = fmin(b.y0, q[2 * i + 1]);
        b.y1 = fmax(b.y1, q[2 * i + 1]);
    }

    while (at < all) {
        n = strcspn(text + at, " ");

        if (n > 0) {
            one = b;
            one.x0 = b.x0 + (b.x1 - b.x0) * (double) at / (double) all;
            one.x1 = b.x0 + (b.x1 - b.x0) * (double) (at + n) / (double) all;
            word = be_strndup(text + at, n);
            t = be_page_add(pg, word, one, 95, line);
            be_token_symbol(t, 0, (int) n, one);
            free(word);
        }

        at += n + 1;
    }
}


/* CSV: four corners in pixels and a text; what is otherwise is no box. */

static void
add_boxes(be_page_t *pg, char *s)
{
    int      line = 0, used;
    char    *p, *end;
    double   q[8];

    for (p = strtok_r(s, "\r\n", &end); p != NULL;
         p = strtok_r(NULL, "\r\n", &end))
    {
        used = 0;            /* stays so without the comma after the eighth */

        /* NOLINTNEXTLINE(cert-err34-c): a set of our own, as printed */
        (void) sscanf(p, "%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%n", &q[0], &q[1],
                      &q[2], &q[3], &q[4], &q[5], &q[6], &q[7], &used);

        if (used > 0) {
            add_words(pg, p + used, q, line++);
        }
    }
}


/* JSON: [["word", xmin, ymin, xmax, ymax], ...] on the grid. */

static int
add_grid(be_page_t *pg, const char *s)
{
    int          rc;
    double       q[8], x = pg->width / 1000, y = pg->height / 1000;
    size_t       i;
    json_t      *words, *e;
    const char  *word;

    words = json_loads(s, 0, NULL);
    rc = json_is_array(words) ? 0 : -1;

    for (i = 0; i < json_array_size(words); i++) {
        e = json_array_get(words, i);

        word = json_string_value(json_array_get(e, 0));
        if (word == NULL) {
            rc = -1;
            break;
        }

        q[0] = q[6] = json_number_value(json_array_get(e, 1)) * x;
        q[1] = q[3] = json_number_value(json_array_get(e, 2)) * y;
        q[2] = q[4] = json_number_value(json_array_get(e, 3)) * x;
        q[5] = q[7] = json_number_value(json_array_get(e, 4)) * y;
        add_words(pg, word, q, (int) i);
    }

    json_decref(words);

    return rc;
}


int
true_page(const char *dir, const json_t *doc, const be_imghead_t *h,
    be_page_t *pg)
{
    int          rc = 0;
    char        *s;
    double       w = (double) h->width, ht = (double) h->height;
    size_t       len;
    const char  *boxes, *words;

    memset(pg, 0, sizeof(*pg));
    pg->width = w;
    pg->height = ht;
    pg->to_grid = be_affine_scale(1000 / w, 1000 / ht);
    pg->confidence = 95;

    boxes = json_string_value(json_object_get(doc, "boxes"));
    words = json_string_value(json_object_get(doc, "words"));

    if (boxes == NULL && words == NULL) {
        return 0;
    }

    s = slurp(dir, boxes ? boxes : words, &len);
    if (s == NULL) {
        return -1;
    }

    if (boxes != NULL) {
        add_boxes(pg, s);

    } else {
        rc = add_grid(pg, s);
    }

    free(s);

    return rc;
}


void
print_rows(const be_page_t *pg)
{
    int          i, j, k;
    be_row_t    *w;
    be_labels_t  labels;
    be_layout_t  l;

    be_layout(pg, &l);
    be_labels(&l, &labels);

    for (i = 0; i < l.nrows; i++) {
        w = &l.rows[i];
        printf("%3d ", i);

        for (j = 0; j < w->nsegs; j++) {
            printf("[%.*s] ", w->segs[j].to - w->segs[j].from,
                   w->text + w->segs[j].from);
        }

        for (k = 0; k < labels.n; k++) {
            if (labels.v[k].row == i) {
                printf(" {%.*s: %d/%d}", labels.v[k].to - labels.v[k].from,
                       w->text + labels.v[k].from, labels.v[k].concept,
                       labels.v[k].weight);
            }
        }

        printf("\n");
    }

    be_labels_free(&labels);
    be_layout_free(&l);
}


void
print_image(be_engine_t *e, const char *image, size_t len)
{
    PIX         *pix;
    json_t      *warnings = json_array();
    be_page_t    pg;
    be_fault_t   f = { 0 };

    pix = be_picture_decode((const unsigned char *) image, len, warnings, &f);

    if (pix != NULL && e->read(e, pix, NULL, 0, &pg, &f) == 0) {
        printf("confidence %.0f, %s\n", pg.confidence, pg.language);
        print_rows(&pg);
        be_page_free(&pg);
    }

    pixDestroy(&pix);
    json_decref(warnings);
    be_fault_free(&f);
}
