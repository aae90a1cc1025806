/*
 * backend-measure: how well the backend reads a directory of documents whose
 * truth is known.  Not installed; "make backend-measure" builds it.
 *
 *   backend-measure DIR [--perfect] [--show] [--rows] [NAME...]
 *
 * DIR/index.jsonl has a line per image: {"file","kind","fields":{...}} and
 * "line_items", "boxes" (CSV of quads in pixels) or "words" (JSON of boxes on
 * the grid 0..1000).  --perfect injects those words in place of OCR, so that
 * rules and reading can be told apart.  --show prints what is wrong, twice the
 * whole answers; --rows the rows of text and the labels found in them.  NAMEs
 * choose files by substring.
 *
 * Values are compared without case, spaces and punctuation; amounts as
 * numbers, dates as days.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "analyze.h"
#include "answer.h"
#include "buf.h"
#include "helper.h"
#include "measure.h"
#include "scan.h"
#include "text.h"


#define MAX_ROWS   64
#define MAX_PAGES  10000

typedef struct {
    char  group[32];
    char  field[32];
    int   truth;
    int   given;
    int   right;
} score_t;

static score_t   scores[MAX_ROWS];
static int       nscores;
static double    times[MAX_PAGES];
static int       npages, boxes_in, boxes_all, shown, rows;


static score_t *
score_of(const char *group, const char *field)
{
    int  i;

    for (i = 0; i < nscores; i++) {
        if (strcmp(scores[i].group, group) == 0
            && strcmp(scores[i].field, field) == 0)
        {
            return &scores[i];
        }
    }

    if (nscores == MAX_ROWS) {
        abort();
    }

    snprintf(scores[nscores].group, sizeof(scores[0].group), "%s", group);
    snprintf(scores[nscores].field, sizeof(scores[0].field), "%s", field);

    return &scores[nscores++];
}


static char *
plain(const char *s)
{
    char        *n = be_norm(s, strlen(s));
    be_buf_t     b = { 0 };
    uint32_t     cp;
    const char  *p = n, *end = n + strlen(n);

    be_buf_str(&b, "");
    while ((cp = be_utf8_next(&p, end)) != 0) {
        if (be_is_word(cp)) {
            be_utf8_add(&b, cp);
        }
    }

    free(n);

    return be_buf_take(&b);
}


static int
same(const char *field, const char *want, const char *have)
{
    int       rc;
    char     *a, *b;
    be_hit_t  x, y;
    int       nw = (int) strlen(want), nh = (int) strlen(have);

    if (strcmp(field, "date") == 0) {
        return be_scan_date(want, 0, nw, &x) && be_scan_date(have, 0, nh, &y)
               && x.year == y.year && x.month == y.month && x.day == y.day;
    }

    if (strcmp(field, "total") == 0 || strcmp(field, "tax") == 0
        || strcmp(field, "net") == 0 || strcmp(field, "subtotal") == 0)
    {
        return be_scan_money(want, 0, nw, &x) && be_scan_money(have, 0, nh, &y)
               && fabs(x.number - y.number) < 0.005;
    }

    a = plain(want);
    b = plain(have);
    rc = strcmp(a, b) == 0;

    /* a seller's name may carry more: "Au bon moulin SARL" */

    if (!rc && strcmp(field, "vendor") == 0 && strlen(a) > 4) {
        rc = strncmp(b, a, strlen(a)) == 0;
    }

    free(a);
    free(b);

    return rc;
}


static const char *
name_of(const char *kind, const char *field)
{
    int  i, receipt = strcmp(kind, "receipt") == 0;
    static const char  *names[][3] = {
        { "vendor", "vendor", "store_name" },
        { "date", "invoice_date", "transaction_date" },
        { "address", NULL, "store_address" },
        { "total", "total", "total" },
        { "tax", "tax", "tax" },
        { "net", "subtotal", "subtotal" },
        { "subtotal", "subtotal", "subtotal" },
        { "invoice_no", "invoice_no", "receipt_no" }
    };

    for (i = 0; i < (int) (sizeof(names) / sizeof(names[0])); i++) {
        if (strcmp(names[i][0], field) == 0) {
            return names[i][1 + receipt];
        }
    }

    return NULL;
}


/* Processor time: what others do on the machine does not count. */

static double
cpu_ms(void)
{
    struct rusage  u;

    getrusage(RUSAGE_SELF, &u);

    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3
           + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}


static json_t *
run_perfect(const be_page_t *pg, const json_t *fields)
{
    int            i;
    json_t        *answer;
    be_fault_t     f = { 0 };
    be_schema_t    s;
    be_result_t   *r;

    be_schema_parse(fields, "fields", &s, &f);
    r = be_alloc((size_t) s.nfields * sizeof(be_result_t));
    be_rules()->extract(be_rules(), pg, &s, r, &f);
    answer = be_answer(&s, r, NULL);

    for (i = 0; i < s.nfields; i++) {
        be_result_free(&r[i], &s.fields[i]);
    }

    free(r);
    be_schema_free(&s);

    return answer;
}


/* Whether the middle of the box lies in the box of a true word. */

static void
check_box(const json_t *box, const be_page_t *truth)
{
    int            i;
    double         x, y;
    be_box_t       b;
    const json_t  *o = json_object_get(box, "bbox");

    if (o == NULL) {
        return;
    }

    x = (json_number_value(json_object_get(o, "xmin"))
         + json_number_value(json_object_get(o, "xmax"))) / 2;
    y = (json_number_value(json_object_get(o, "ymin"))
         + json_number_value(json_object_get(o, "ymax"))) / 2;
    boxes_all++;

    for (i = 0; i < truth->ntokens; i++) {
        b = truth->tokens[i].box;
        b.x0 *= 1000 / truth->width;
        b.x1 *= 1000 / truth->width;
        b.y0 *= 1000 / truth->height;
        b.y1 *= 1000 / truth->height;

        if (x >= b.x0 - 6 && x <= b.x1 + 6 && y >= b.y0 - 3 && y <= b.y1 + 3) {
            boxes_in++;
            return;
        }
    }
}


static void
score_items(const char *group, const json_t *want, const json_t *have)
{
    size_t       i, j;
    int          ok;
    json_t      *w, *h;
    be_hit_t     x, y;
    score_t     *sc = score_of(group, "line_items");
    const char  *a, *b, *used = "used";

    sc->truth += (int) json_array_size(want);
    sc->given += (int) json_array_size(have);

    for (i = 0; i < json_array_size(want); i++) {
        w = json_array_get(want, i);
        a = json_string_value(json_object_get(w, "total"));

        for (j = 0; j < json_array_size(have); j++) {
            h = json_array_get(have, j);
            b = json_string_value(json_object_get(h, "amount"));

            ok = a && b && json_object_get(h, used) == NULL
                 && be_scan_money(a, 0, (int) strlen(a), &x)
                 && be_scan_money(b, 0, (int) strlen(b), &y)
                 && fabs(x.number - y.number) < 0.005;

            if (ok) {
                sc->right++;
                json_object_set_new(h, used, json_true());
                break;
            }
        }
    }
}


static void
score_page(const json_t *doc, const json_t *answer, const be_page_t *truth)
{
    int          right;
    char         group[32], number[64];
    json_t      *v, *data;
    score_t     *sc;
    const char  *k, *file, *kind, *name, *have, *want;

    file = json_string_value(json_object_get(doc, "file"));
    kind = json_string_value(json_object_get(doc, "kind"));
    snprintf(group, sizeof(group), "%.*s", (int) strcspn(file, "/"), file);
    data = json_object_get(answer, "data");

    json_object_foreach(json_object_get(doc, "fields"), k, v) {
        name = name_of(kind, k);
        want = json_string_value(v);

        if (json_is_number(v)) {
            snprintf(number, sizeof(number), "%.2f", json_number_value(v));
            want = number;
        }

        if (name == NULL || want == NULL) {
            continue;
        }

        have = json_string_value(json_object_get(data, name));
        have = have ? have : "";
        right = same(k, want, have);

        sc = score_of(group, k);
        sc->truth++;
        sc->given += have[0] != '\0';
        sc->right += right;

        if (right && truth->ntokens) {
            check_box(json_object_get(json_object_get(data, "field_bboxes"),
                                      name), truth);
        }

        if (shown && !right) {
            printf("%-28s %-10s want \"%s\"\n%-40shave \"%s\"\n", file, k,
                   want, "", have);
        }
    }

    v = json_object_get(doc, "line_items");
    if (json_array_size(v)) {
        score_items(group, v, json_object_get(data, "line_items"));
    }
}


static int
by_value(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static void
report(void)
{
    int            i, j, t, g, r;
    struct rusage  u;

    printf("%-14s %-12s %6s %6s %6s %6s %6s %6s\n", "group", "field", "truth",
           "given", "right", "P", "R", "F1");

    for (i = 0; i < nscores; i++) {
        printf("%-14s %-12s %6d %6d %6d %6.3f %6.3f %6.3f\n", scores[i].group,
               scores[i].field, scores[i].truth, scores[i].given,
               scores[i].right,
               scores[i].given ? (double) scores[i].right / scores[i].given : 0,
               scores[i].truth ? (double) scores[i].right / scores[i].truth : 0,
               scores[i].truth + scores[i].given
               ? 2.0 * scores[i].right / (scores[i].truth + scores[i].given)
               : 0);

        if (i + 1 == nscores
            || strcmp(scores[i].group, scores[i + 1].group) != 0)
        {
            t = g = r = 0;
            for (j = 0; j <= i; j++) {
                if (strcmp(scores[j].group, scores[i].group) == 0
                    && strcmp(scores[j].field, "line_items") != 0)
                {
                    t += scores[j].truth;
                    g += scores[j].given;
                    r += scores[j].right;
                }
            }
            printf("%-14s %-12s %6d %6d %6d %6s %6s %6.3f\n\n",
                   scores[i].group, "micro", t, g, r, "", "",
                   t + g ? 2.0 * r / (t + g) : 0);
        }
    }

    qsort(times, (size_t) npages, sizeof(double), by_value);
    getrusage(RUSAGE_SELF, &u);

    printf("%d pages; CPU ms a page: p50 %.0f p95 %.0f; memory %ld MB;"
           " boxes of right values on true words: %d of %d\n", npages,
           npages ? times[npages / 2] : 0,
           npages ? times[npages * 95 / 100] : 0, u.ru_maxrss / 1024,
           boxes_in, boxes_all);
}


static int
chosen(const char *file, int argc, char **argv)
{
    int  i, names = 0;

    for (i = 2; i < argc; i++) {
        if (argv[i][0] != '-') {
            names++;
            if (strstr(file, argv[i]) != NULL) {
                return 1;
            }
        }
    }

    return names == 0;
}


static void
measure(const char *dir, const json_t *doc, be_engine_t *e, int perfect)
{
    char          *image, *text;
    size_t         len;
    json_t        *fields, *answer = NULL;
    double         from;
    be_page_t      truth = { 0 };
    be_fault_t     f = { 0 };
    be_imghead_t   h;
    const char    *kind = json_string_value(json_object_get(doc, "kind"));

    image = slurp(dir, json_string_value(json_object_get(doc, "file")), &len);
    fields = be_template(kind, &f);

    if (fields == NULL || be_imghead((unsigned char *) image, len, &h)) {
        free(image);
        json_decref(fields);
        be_fault_free(&f);
        return;
    }

    (void) true_page(dir, doc, &h, &truth);

    if (rows && perfect) {
        print_rows(&truth);

    } else if (rows) {
        print_image(e, image, len);
    }

    from = cpu_ms();

    if (!perfect) {
        answer = be_analyze(e, be_rules(), (unsigned char *) image, len,
                            fields, NULL, &f);
    } else if (truth.ntokens) {
        answer = run_perfect(&truth, fields);
    }

    if (answer != NULL || !perfect) {
        times[npages++ % MAX_PAGES] = cpu_ms() - from;

        if (shown) {
            printf("%-40s %5.0f ms\n", json_string_value(json_object_get(doc,
                   "file")), times[npages - 1]);
        }

        score_page(doc, answer, &truth);
    }

    if (shown > 1 && answer != NULL) {
        text = json_dumps(answer, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
        puts(text);
        free(text);
    }

    be_fault_free(&f);
    be_page_free(&truth);
    json_decref(answer);
    json_decref(fields);
    free(image);
}


int
main(int argc, char **argv)
{
    int           i, perfect = 0;
    char         *s, *p, *save;
    size_t        len;
    json_t       *doc;
    be_engine_t  *e;

    if (argc < 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: backend-measure DIR [--perfect] [--show]"
                " [--rows] [NAME...]\n");
        return 2;
    }

    for (i = 2; i < argc; i++) {
        perfect |= strcmp(argv[i], "--perfect") == 0;
        shown += strcmp(argv[i], "--show") == 0;
        rows |= strcmp(argv[i], "--rows") == 0;
    }

    be_single_threaded(argv);

    e = be_tesseract_open();
    if (e == NULL) {
        fprintf(stderr, "backend-measure: no Tesseract model\n");
        return 1;
    }

    s = slurp(argv[1], "index.jsonl", &len);

    for (p = strtok_r(s, "\n", &save); p != NULL;
         p = strtok_r(NULL, "\n", &save))
    {
        doc = json_loads(p, 0, NULL);

        if (doc != NULL
            && chosen(json_string_value(json_object_get(doc, "file")), argc,
                      argv))
        {
            measure(argv[1], doc, e, perfect);
        }

        json_decref(doc);
    }

    report();
    free(s);
    e->close(e);

    return 0;
}
